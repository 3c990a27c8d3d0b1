//! The price table: JSON in, [`Prices`] out, or the field that is wrong.
//!
//! One file of the repository, `prices.json`, is compiled in. Prices change and differ between regions,
//! so a user's own table of the same form may take its place.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::price_error::PriceError;
use crate::model::{SharedError, StorageClass, Tier};

/// The table that counts where none is set.
pub(super) const DEFAULT: &str = include_str!("prices.json");

/// What S3 charges, in US dollars.
#[derive(Clone, Debug, PartialEq)]
pub struct Prices {
    /// The day that they were true on.
    pub as_of: String,
    /// The region that they are of.
    pub region: String,
    /// A thousand pages of listings.
    pub lists_per_1000: f64,
    /// A thousand looks at objects or their tags.
    pub heads_per_1000: f64,
    /// `STANDARD`, which everything else is compared to.
    pub standard: ClassPrices,
    classes: BTreeMap<String, ClassPrices>,
    retrieval: BTreeMap<String, ClassRetrieval>,
}

/// What S3 charges for a storage class, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassPrices {
    /// A GB (2^30 bytes), for a month.
    pub gb_month: f64,
    /// A thousand copies into it.
    pub copies_per_1000: f64,
}

/// What S3 charges for reading what is in a class, in US dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Retrieval {
    /// A thousand requests for archived objects; zero for a class that is no archive.
    pub usd_per_1000_requests: f64,
    /// A GB (2^30 bytes).
    pub usd_per_gb: f64,
}

/// What S3 charges for reading what is in a class.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ClassRetrieval {
    /// It can be read at once.
    Direct(Retrieval),
    /// It has to be asked for, in one of these tiers.
    ByTier([Option<Retrieval>; Tier::ALL.len()]),
}

impl Prices {
    /// The prices of a class; none for one that the table does not have.
    pub fn of(&self, class: &StorageClass) -> Option<ClassPrices> {
        self.classes.get(class.as_str()).copied()
    }

    /// What it costs to read from a class; for an archive by the tier in which it is asked for. None where the
    /// table has no such price, or the class does not offer the tier. Reading what is in `STANDARD` or
    /// `INTELLIGENT_TIERING` costs nothing, and the table leaves it out.
    pub fn retrieval(&self, class: &StorageClass, tier: Tier) -> Option<Retrieval> {
        match self.retrieval.get(class.as_str()) {
            Some(ClassRetrieval::Direct(retrieval)) => Some(*retrieval),
            Some(ClassRetrieval::ByTier(tiers)) => {
                let at = Tier::ALL.iter().position(|own| *own == tier)?;
                tiers[at]
            }
            None => (!class.is_archive()).then(Retrieval::default),
        }
    }

    /// Reads a table. It has to price every class that copies can be written to, and may have more.
    pub(super) fn parse(text: &str) -> Result<Self, PriceError> {
        let table: Value = serde_json::from_str(text)
            .map_err(|error| PriceError::NotJson(SharedError::new(error)))?;
        let table = Section::new("", &table)?;
        table.only(&[
            "note",
            "as_of",
            "region",
            "currency",
            "requests",
            "classes",
            "retrieval",
        ])?;
        table.text("currency", "\"USD\"", |text| text == "USD")?;
        let requests = Section::new("requests", table.field("requests")?)?;
        requests.only(&["list_per_1000", "head_per_1000"])?;
        let rows = Section::new("classes", table.field("classes")?)?;
        for class in StorageClass::OF_COPIES {
            rows.field(class)?;
        }
        let classes = rows.fields.iter().map(|(name, row)| {
            let row = ClassPrices::parse(&Section::new(&rows.path(name), row)?)?;
            Ok((name.clone(), row))
        });
        let classes: BTreeMap<String, ClassPrices> = classes.collect::<Result<_, PriceError>>()?;
        let standard = Section::new("classes.STANDARD", rows.field("STANDARD")?)?;
        Ok(Self {
            as_of: table.text("as_of", "a day like \"2026-07-01\"", is_day)?,
            region: table.text("region", "a region's name", |text| !text.is_empty())?,
            lists_per_1000: requests.price("list_per_1000")?,
            heads_per_1000: requests.price("head_per_1000")?,
            standard: ClassPrices::parse(&standard)?,
            classes,
            retrieval: retrieval(&table)?,
        })
    }
}

impl ClassPrices {
    fn parse(row: &Section) -> Result<Self, PriceError> {
        row.only(&["gb_month", "copies_per_1000"])?;
        Ok(Self {
            gb_month: row.price("gb_month")?,
            copies_per_1000: row.price("copies_per_1000")?,
        })
    }
}

/// Tables from before restores have no such part.
fn retrieval(table: &Section) -> Result<BTreeMap<String, ClassRetrieval>, PriceError> {
    const NAME: &str = "retrieval";
    let Some(rows) = table.fields.get(NAME) else {
        return Ok(BTreeMap::new());
    };
    let rows = Section::new(NAME, rows)?;
    let classes = rows.fields.iter().map(|(class, row)| {
        let row = Section::new(&rows.path(class), row)?;
        Ok((class.clone(), ClassRetrieval::parse(&row)?))
    });
    classes.collect()
}

impl ClassRetrieval {
    fn parse(row: &Section) -> Result<Self, PriceError> {
        if row.fields.contains_key("gb") {
            row.only(&["gb"])?;
            return Ok(Self::Direct(Retrieval {
                usd_per_1000_requests: 0.0,
                usd_per_gb: row.price("gb")?,
            }));
        }
        row.only(&Tier::ALL.map(Tier::name))?;
        let mut tiers = [None; Tier::ALL.len()];
        for (tier, price) in Tier::ALL.into_iter().zip(&mut tiers) {
            let Some(value) = row.fields.get(tier.name()) else {
                continue;
            };
            let value = Section::new(&row.path(tier.name()), value)?;
            value.only(&["gb", "per_1000"])?;
            *price = Some(Retrieval {
                usd_per_1000_requests: value.price("per_1000")?,
                usd_per_gb: value.price("gb")?,
            });
        }
        Ok(Self::ByTier(tiers))
    }
}

/// An object of the table, and the way to it.
struct Section<'a> {
    path: String,
    fields: &'a Map<String, Value>,
}

impl<'a> Section<'a> {
    fn new(path: &str, value: &'a Value) -> Result<Self, PriceError> {
        match value.as_object() {
            Some(fields) => Ok(Self {
                path: path.to_owned(),
                fields,
            }),
            None if path.is_empty() => Err(PriceError::NotAnObject),
            None => Err(PriceError::BadValue {
                path: path.to_owned(),
                value: value.to_string(),
                allowed: "an object".to_owned(),
            }),
        }
    }

    /// A name with all that leads to it: `classes.GLACIER.gb_month`.
    fn path(&self, name: &str) -> String {
        if self.path.is_empty() {
            return name.to_owned();
        }
        format!("{}.{name}", self.path)
    }

    /// A typo must not mean that a price is left out.
    fn only(&self, known: &[&str]) -> Result<(), PriceError> {
        let unknown = |name: &&String| !known.contains(&name.as_str());
        match self.fields.keys().find(unknown) {
            None => Ok(()),
            Some(name) => Err(PriceError::UnknownField {
                path: self.path(name),
                known: known.join(", "),
            }),
        }
    }

    fn field(&self, name: &str) -> Result<&'a Value, PriceError> {
        let missing = || PriceError::NoField {
            path: self.path(name),
        };
        self.fields.get(name).ok_or_else(missing)
    }

    fn text(
        &self,
        name: &str,
        allowed: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Result<String, PriceError> {
        let value = self.field(name)?;
        let text = value.as_str().filter(|text| fits(text));
        text.map(str::to_owned)
            .ok_or_else(|| self.refuse(name, value, allowed))
    }

    fn price(&self, name: &str) -> Result<f64, PriceError> {
        let value = self.field(name)?;
        let price = value.as_f64().filter(|price| *price >= 0.0);
        price.ok_or_else(|| self.refuse(name, value, "a number that is not negative"))
    }

    fn refuse(&self, name: &str, value: &Value, allowed: &str) -> PriceError {
        PriceError::BadValue {
            path: self.path(name),
            value: value.to_string(),
            allowed: allowed.to_owned(),
        }
    }
}

/// Whether a text has the form of a date. That it is one in the calendar, only people care.
fn is_day(text: &str) -> bool {
    let form = "0000-00-00";
    let digits = text
        .bytes()
        .map(|b| if b.is_ascii_digit() { b'0' } else { b });
    digits.eq(form.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table with one field changed, or taken away.
    fn changed(path: &str, value: Option<Value>) -> String {
        let mut table: Value = serde_json::from_str(DEFAULT).unwrap();
        let (section, name) = path.rsplit_once('/').unwrap();
        let fields = table.pointer_mut(section).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => fields.insert(name.to_owned(), value),
            None => fields.remove(name),
        };
        table.to_string()
    }

    #[test]
    fn the_table_that_is_compiled_in_prices_every_class_of_copies() {
        let prices = Prices::parse(DEFAULT).unwrap();

        for class in StorageClass::OF_COPIES {
            assert!(
                prices.of(&StorageClass::new(Some(class))).is_some(),
                "{class}"
            );
        }
        assert_eq!(prices.of(&StorageClass::new(Some("SNOW"))), None);
        assert!((prices.standard.gb_month - 0.023).abs() < 1e-12);
        assert_eq!(prices.as_of, "2026-07-01");
    }

    #[test]
    fn the_table_fits_into_the_environment_of_a_function() {
        let table: Value = serde_json::from_str(DEFAULT).unwrap();

        // Lambda allows 4 KiB for all variables.
        assert!(table.to_string().len() < 1536);
    }

    #[test]
    fn what_is_wrong_with_a_table_is_told_by_its_field() {
        let cases = [
            (
                "cheap".to_owned(),
                "is not JSON: expected value at line 1 column 1",
            ),
            ("[]".to_owned(), "is not a JSON object like prices.json"),
            (
                changed("/as_of", None),
                "has no field \"as_of\"; prices.json has all",
            ),
            (
                changed("/as_of", Some("July".into())),
                "has field \"as_of\" = \"July\"; allowed: a day like \"2026-07-01\"",
            ),
            (
                changed("/currency", Some("EUR".into())),
                "has field \"currency\" = \"EUR\"; allowed: \"USD\"",
            ),
            (
                changed("/requests", Some(7.into())),
                "has field \"requests\" = 7; allowed: an object",
            ),
            (
                changed("/requests/put", Some(1.into())),
                "has an unknown field \"requests.put\"; known: list_per_1000, head_per_1000",
            ),
            (
                changed("/classes/GLACIER", None),
                "has no field \"classes.GLACIER\"; prices.json has all",
            ),
            (
                changed("/classes/GLACIER/gb_month", Some((-1).into())),
                "has field \"classes.GLACIER.gb_month\" = -1; allowed: a number that is not negative",
            ),
            (
                changed("/retrieval/GLACIER/fast", Some(1.into())),
                "has an unknown field \"retrieval.GLACIER.fast\"; known: expedited, standard, bulk",
            ),
            (
                changed("/retrieval/GLACIER/bulk", Some(1.into())),
                "has field \"retrieval.GLACIER.bulk\" = 1; allowed: an object",
            ),
        ];

        for (table, problem) in cases {
            assert_eq!(Prices::parse(&table).unwrap_err().to_string(), problem);
        }
    }

    #[test]
    fn reading_has_a_price_by_class_and_tier() {
        let prices = Prices::parse(DEFAULT).unwrap();
        let of = |class, tier| prices.retrieval(&StorageClass::new(Some(class)), tier);
        let price = |usd_per_gb, usd_per_1000_requests| {
            Some(Retrieval {
                usd_per_1000_requests,
                usd_per_gb,
            })
        };

        assert_eq!(of("GLACIER", Tier::Expedited), price(0.03, 10.0));
        assert_eq!(of("GLACIER", Tier::Bulk), price(0.0, 0.025));
        assert_eq!(of("DEEP_ARCHIVE", Tier::Standard), price(0.02, 0.1));
        assert_eq!(of("DEEP_ARCHIVE", Tier::Expedited), None);
        for tier in Tier::ALL {
            assert_eq!(of("STANDARD", tier), price(0.0, 0.0));
            assert_eq!(of("GLACIER_IR", tier), price(0.03, 0.0));
        }
    }

    #[test]
    fn a_table_from_before_restores_prices_no_archive() {
        let prices = Prices::parse(&changed("/retrieval", None)).unwrap();
        let of = |class| prices.retrieval(&StorageClass::new(Some(class)), Tier::Bulk);

        assert_eq!(of("GLACIER"), None);
        assert_eq!(of("STANDARD"), Some(Retrieval::default()));
    }

    #[test]
    fn a_table_may_have_more_classes() {
        let row = serde_json::json!({"gb_month": 0.024, "copies_per_1000": 0});
        let table = changed("/classes/REDUCED_REDUNDANCY", Some(row));

        let prices = Prices::parse(&table).unwrap();

        let class = StorageClass::new(Some("REDUCED_REDUNDANCY"));
        assert!((prices.of(&class).unwrap().gb_month - 0.024).abs() < 1e-12);
    }
}
