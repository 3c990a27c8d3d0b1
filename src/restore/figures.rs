//! What a plan says before anything is done: objects and bytes by what happens to them. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::choose::Why;
use super::rows::{Place, PlanRow};
use crate::config::{CopyRules, Prices};
use crate::model::{StorageClass, Tier, hours};

/// Keys that a plan names.
const MOST_KEYS: usize = 100;
/// Bytes of one part of a copy in parts, about.
const PART: u64 = 256 << 20;
/// Bytes of a GB, as S3 bills it.
const GB: f64 = 1_073_741_824.0;

/// Objects, and the sum of their sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }

    fn plus(&mut self, other: Self) {
        self.objects += other.objects;
        self.bytes += other.bytes;
    }
}

/// What a plan says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Objects that are written, by reason.
    pub by_why: BTreeMap<Why, Amount>,
    /// Objects that are equal, or are left alone because they exist.
    pub unchanged: Amount,
    /// Keys of the target that the point does not have, whatever is done about them.
    pub extra: Amount,
    /// Objects of the target that were seen.
    pub target_objects: u64,
    /// Objects that are copied, by their class in the backup.
    pub classes: BTreeMap<String, Amount>,
    /// Objects that are written, by their class in the target.
    pub to_classes: BTreeMap<String, Amount>,
    /// Requests to copy, those of parts included.
    pub copies: u64,
    /// Objects of which something is wrong.
    pub problems: u64,
    /// Keys that an undo leaves alone, because they changed after the restore.
    pub left_alone: u64,
    /// The first of these keys.
    pub left_alone_keys: Vec<String>,
    /// Versions that an undo needs and that are gone.
    pub versions_gone: u64,
    /// The first keys, each with why.
    pub keys: Vec<(String, String)>,
}

/// What a plan costs and how long it takes, beside the copying.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlay {
    /// Hours until the last archived version can be read.
    pub hours: u32,
    /// Dollars, for requests, retrieval and thawed copies; none if a price is unknown.
    pub usd: Option<f64>,
    /// Dollars for the copies that the next backup makes of what was restored.
    pub next_backup_usd: f64,
}

impl Figures {
    /// Counts a row of the plan.
    pub fn add(&mut self, row: &PlanRow, rules: &CopyRules) {
        if row.problem.is_some() {
            self.problems += 1;
            return;
        }
        let bytes = match (&row.copy, &row.now) {
            (Some(origin), _) => origin.seen.size,
            (None, Some(now)) => now.size,
            (None, None) => 0,
        };
        self.by_why.entry(row.why).or_default().add(bytes);
        if let Some(origin) = &row.copy {
            if origin.place == Place::Backup {
                let class = self.classes.entry(origin.class.clone()).or_default();
                class.add(bytes);
            }
            let class = self.to_classes.entry(origin.to_class.clone()).or_default();
            class.add(bytes);
            self.copies += if rules.cut(bytes) {
                bytes.div_ceil(PART) + 2
            } else {
                1
            };
        }
        if self.keys.len() < MOST_KEYS {
            let key = row.key.as_str().to_owned();
            self.keys.push((key, row.why.name().to_owned()));
        }
    }

    /// Counts an object that is left as it is.
    pub fn leave(&mut self, bytes: u64) {
        self.unchanged.add(bytes);
    }

    /// Counts a key that an undo leaves alone.
    pub fn leave_alone(&mut self, key: &str) {
        self.left_alone += 1;
        if self.left_alone_keys.len() < MOST_KEYS {
            self.left_alone_keys.push(key.to_owned());
        }
    }

    /// Counts a key that the point does not have.
    pub fn add_extra(&mut self, bytes: u64) {
        self.extra.add(bytes);
    }

    /// Adds those of the keys that follow.
    pub fn append(&mut self, other: Self) {
        for (why, amount) in other.by_why {
            self.by_why.entry(why).or_default().plus(amount);
        }
        for (class, amount) in other.classes {
            self.classes.entry(class).or_default().plus(amount);
        }
        for (class, amount) in other.to_classes {
            self.to_classes.entry(class).or_default().plus(amount);
        }
        self.unchanged.plus(other.unchanged);
        self.extra.plus(other.extra);
        self.target_objects += other.target_objects;
        self.copies += other.copies;
        self.problems += other.problems;
        self.left_alone += other.left_alone;
        self.versions_gone += other.versions_gone;
        let room = MOST_KEYS - self.left_alone_keys.len().min(MOST_KEYS);
        let left_alone = other.left_alone_keys.into_iter().take(room);
        self.left_alone_keys.extend(left_alone);
        let room = MOST_KEYS - self.keys.len().min(MOST_KEYS);
        self.keys.extend(other.keys.into_iter().take(room));
    }

    /// Objects that are written for this reason.
    pub fn of(&self, why: Why) -> Amount {
        self.by_why.get(&why).copied().unwrap_or_default()
    }

    /// All that is copied.
    pub fn copied(&self) -> Amount {
        let mut copied = Amount::default();
        self.to_classes
            .values()
            .for_each(|amount| copied.plus(*amount));
        copied
    }

    /// Delete markers.
    pub fn marked(&self) -> u64 {
        self.of(Why::Extra).objects + self.of(Why::Created).objects
    }

    /// What the plan costs.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn outlay(&self, prices: &Prices, tier: Tier, days: u32, in_place: bool) -> Outlay {
        let standard = prices.standard;
        let written: u64 = self.to_classes.values().map(|amount| amount.objects).sum();
        let more = self.copies.saturating_sub(written) as f64;
        let mut usd = Some(more * standard.copies_per_1000 / 1_000.0);
        for (class, amount) in &self.to_classes {
            let price = prices.of(&StorageClass::new(Some(class)));
            let price = price.map(|price| amount.objects as f64 * price.copies_per_1000 / 1_000.0);
            usd = usd.zip(price).map(|(sum, price)| sum + price);
        }
        let mut longest = 0;
        for (class, amount) in &self.classes {
            let class = StorageClass::new(Some(class));
            let gigabytes = amount.bytes as f64 / GB;
            let thawed = if class.is_archive() {
                longest = longest.max(hours(&class, tier).unwrap_or_default());
                gigabytes * standard.gb_month * f64::from(days) / 30.0
            } else {
                0.0
            };
            let price = prices.retrieval(&class, tier).map(|price| {
                amount.objects as f64 * price.usd_per_1000_requests / 1_000.0
                    + gigabytes * price.usd_per_gb
                    + thawed
            });
            usd = usd.zip(price).map(|(sum, price)| sum + price);
        }
        let again = if in_place { self.copies as f64 } else { 0.0 };
        Outlay {
            hours: longest,
            usd: usd.map(rounded),
            next_backup_usd: rounded(again * standard.copies_per_1000 / 1_000.0),
        }
    }
}

/// Dollars to the tenth of a millionth.
fn rounded(dollars: f64) -> f64 {
    (dollars * 1e7).round() / 1e7
}
