//! What a month of storage costs, by class, with what S3 bills beyond an object's own bytes.
//!
//! Classes for infrequent access bill at least 128 KiB for each object. Archives keep 32 KiB beside each
//! object for its index, and 8 KiB in `STANDARD` for its name.

use std::collections::BTreeMap;

use serde::Serialize;

use super::price::rounded;
use crate::config::Prices;
use crate::model::StorageClass;

const KIB: u64 = 1024;
/// The bytes of what S3 calls a GB.
const GB: u64 = 1 << 30;
/// The least that an object is billed for, in some classes.
const LEAST_BILLED: u64 = 128 * KIB;
/// What an archive adds to each object, at its own price.
const ARCHIVE_INDEX: u64 = 32 * KIB;
/// And at that of `STANDARD`.
const ARCHIVE_NAME: u64 = 8 * KIB;

/// The bytes that are stored, by class.
#[derive(Clone, Debug, Default)]
pub struct Storage(BTreeMap<StorageClass, ClassTotals>);

#[derive(Clone, Copy, Debug, Default)]
struct ClassTotals {
    objects: u64,
    bytes: u64,
    billed: u64,
    /// The share that is billed at the price of `STANDARD` whatever the class.
    billed_as_standard: u64,
}

/// The bytes that are stored in a class, and their price.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassRow {
    class: String,
    objects: u64,
    bytes: u64,
    billed_bytes: u64,
    usd_per_month: Option<f64>,
}

impl Storage {
    /// Adds an object.
    pub fn add(&mut self, class: StorageClass, bytes: u64) {
        let (least, index, name) = extra(&class);
        let stored = self.0.entry(class).or_default();
        stored.objects += 1;
        stored.bytes += bytes;
        stored.billed += bytes.max(least) + index + name;
        stored.billed_as_standard += name;
    }

    /// A row for each class; without a price if the table has none for it.
    pub fn rows(&self, prices: &Prices) -> Vec<ClassRow> {
        let row = |(class, stored): (&StorageClass, &ClassTotals)| ClassRow {
            class: class.to_string(),
            objects: stored.objects,
            bytes: stored.bytes,
            billed_bytes: stored.billed,
            usd_per_month: prices.of(class).map(|class| {
                let own = gb(stored.billed - stored.billed_as_standard) * class.gb_month;
                let as_standard = gb(stored.billed_as_standard) * prices.standard.gb_month;
                rounded(own + as_standard)
            }),
        };
        self.0.iter().map(row).collect()
    }
}

impl ClassRow {
    /// The class, its objects and their bytes.
    pub fn stored(&self) -> (&str, u64, u64) {
        (&self.class, self.objects, self.bytes)
    }

    /// What a month costs; none if the table does not tell.
    pub fn usd_per_month(&self) -> Option<f64> {
        self.usd_per_month
    }
}

/// The bytes that are billed of an object in a class: at least so much, and so much more at its own price and at
/// that of `STANDARD`.
fn extra(class: &StorageClass) -> (u64, u64, u64) {
    match class.as_str() {
        "STANDARD_IA" | "ONEZONE_IA" | "GLACIER_IR" => (LEAST_BILLED, 0, 0),
        _ if class.is_archive() => (0, ARCHIVE_INDEX, ARCHIVE_NAME),
        _ => (0, 0, 0),
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn gb(bytes: u64) -> f64 {
    bytes as f64 / GB as f64
}

#[cfg(test)]
mod tests {
    use super::super::tests::prices;
    use super::*;

    #[test]
    fn a_month_costs_what_each_class_bills() {
        // By hand, from the table: bytes / 2^30 x dollars per GB-month.
        let cases = [
            ("STANDARD", GB, GB, Some(0.023)),
            ("STANDARD", 1, 1, Some(0.0)),
            ("STANDARD_IA", GB, GB, Some(0.0125)),
            ("STANDARD_IA", 0, 128 * KIB, Some(0.000_001_5)),
            ("GLACIER_IR", 200 * KIB, 200 * KIB, Some(0.000_000_8)),
            // 0.0036 + 32 KiB at 0.0036 + 8 KiB at 0.023 per GB.
            ("GLACIER", GB, GB + 40 * KIB, Some(0.003_600_3)),
            ("INTELLIGENT_TIERING", 1, 1, Some(0.0)),
            ("SNOW", GB, GB, None),
        ];

        for (class, bytes, billed, usd) in cases {
            let mut storage = Storage::default();

            storage.add(StorageClass::new(Some(class)), bytes);

            let expected = ClassRow {
                class: class.to_owned(),
                objects: 1,
                bytes,
                billed_bytes: billed,
                usd_per_month: usd,
            };
            assert_eq!(storage.rows(&prices()), [expected]);
        }
    }

    #[test]
    fn a_million_small_objects_in_an_archive_cost_their_overhead() {
        let mut storage = Storage::default();
        let class = StorageClass::new(Some("DEEP_ARCHIVE"));

        for _ in 0..1_000_000 {
            storage.add(class.clone(), 1);
        }

        // 30.5 GB of indexes at 0.00099 and 7.6 GB of names at 0.023.
        let usd = storage.rows(&prices())[0].usd_per_month().unwrap();
        assert!((usd - (0.030_212 + 0.175_476)).abs() < 1e-5, "{usd}");
    }
}
