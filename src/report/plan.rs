//! Forecasts in, the part of a result out that only a plan has: what would be copied and why, what that
//! takes, and what the backup would cost then.

use std::collections::BTreeMap;

use serde::Serialize;

use super::price::{Rates, rounded};
use super::request_counts::RequestCounts;
use super::storage::{ClassRow, Storage};
use crate::config::Prices;
use crate::forecast::{Forecast, PlannedCopy};
use crate::model::{BucketName, Key, usd};
use crate::s3::Requests;

/// Objects that a plan names, at most: the first by their keys.
const MOST_OBJECTS: usize = 100;

/// What depends on more than a listing tells, or on where the buckets are.
const NOT_COUNTED: [&str; 5] = [
    "noncurrent versions in the backup, which a listing does not show",
    "data transfer between regions",
    "retrieval from the source's storage class",
    "requests to KMS",
    "requests that have to be repeated",
];

/// What a run would do, as far as it is known.
#[derive(Clone, Debug)]
pub struct PlanTotals {
    prices: Prices,
    copies: Amount,
    reasons: BTreeMap<&'static str, Amount>,
    /// By key and the number of the destination.
    first: BTreeMap<(Key, usize), ObjectRow>,
    requests: Requests,
    storage: Storage,
}

/// Objects and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// How many.
    pub objects: u64,
    /// How large they are together.
    pub bytes: u64,
}

/// The plan as people and scripts get it.
#[derive(Clone, Debug, Serialize)]
pub struct PlanPart {
    objects_to_copy: u64,
    bytes_to_copy: u64,
    reasons: BTreeMap<&'static str, Amount>,
    objects: Vec<ObjectRow>,
    objects_omitted: u64,
    requests: RequestCounts,
    cost_usd: f64,
    storage: Vec<ClassRow>,
    storage_usd_per_month: f64,
    not_counted: [&'static str; NOT_COUNTED.len()],
    prices_as_of: String,
    region: String,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ObjectRow {
    key: String,
    bytes: u64,
    reason: &'static str,
    destination: String,
}

impl PlanPart {
    /// Leaves a quarter of the objects out; false if none is named.
    pub(super) fn is_cut(&mut self) -> bool {
        let last = self.objects.len().div_ceil(4);
        self.objects.truncate(self.objects.len() - last);
        self.objects_omitted += last as u64;
        last > 0
    }
}

impl ObjectRow {
    pub(super) fn of(destination: &BucketName, foreseen: &PlannedCopy) -> Self {
        Self {
            key: foreseen.key.as_str().to_owned(),
            bytes: foreseen.bytes,
            reason: foreseen.reason.name(),
            destination: destination.to_string(),
        }
    }
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }
}

impl PlanTotals {
    /// Nothing is known yet.
    pub fn new(prices: &Prices) -> Self {
        Self {
            prices: prices.clone(),
            copies: Amount::default(),
            reasons: BTreeMap::new(),
            first: BTreeMap::new(),
            requests: Requests::default(),
            storage: Storage::default(),
        }
    }

    /// Adds what would become of one key at the destination of that number.
    pub fn add(&mut self, number: usize, destination: &BucketName, forecast: Forecast) {
        self.requests.copy += forecast.requests.copy;
        self.requests.head += forecast.requests.head;
        if let Some((class, bytes)) = forecast.stored {
            self.storage.add(class, bytes);
        }
        if let Some(foreseen) = forecast.copy {
            self.copies.add(foreseen.bytes);
            let reason = self.reasons.entry(foreseen.reason.name()).or_default();
            reason.add(foreseen.bytes);
            self.name(number, destination, foreseen);
        }
    }

    /// Keys come in any order, for pieces are listed side by side: the first ones are kept.
    fn name(&mut self, number: usize, destination: &BucketName, foreseen: PlannedCopy) {
        let row = ObjectRow::of(destination, &foreseen);
        self.first.insert((foreseen.key, number), row);
        if self.first.len() > MOST_OBJECTS {
            self.first.pop_last();
        }
    }

    /// The plan of a run that would list as often as it was listed for the plan. Objects are named as long
    /// as they fit into so many bytes of JSON.
    pub fn part(&self, lists: u64, rates: Rates, most_bytes: usize) -> PlanPart {
        let requests = Requests {
            list: lists,
            ..self.requests
        };
        let mut left = most_bytes;
        let fitting = self.first.values().take_while(|row| {
            let size = serde_json::to_string(row).map_or(usize::MAX, |json| json.len());
            let fits = size <= left;
            left = left.saturating_sub(size);
            fits
        });
        let objects: Vec<ObjectRow> = fitting.cloned().collect();
        let storage = self.storage.rows(&self.prices);
        let month: f64 = storage.iter().filter_map(ClassRow::usd_per_month).sum();
        PlanPart {
            objects_to_copy: self.copies.objects,
            bytes_to_copy: self.copies.bytes,
            reasons: self.reasons.clone(),
            objects_omitted: self.copies.objects - objects.len() as u64,
            objects,
            requests: requests.into(),
            cost_usd: rates.cost(requests),
            storage,
            storage_usd_per_month: rounded(month),
            not_counted: NOT_COUNTED,
            prices_as_of: self.prices.as_of.clone(),
            region: self.prices.region.clone(),
        }
    }
}

impl PlanPart {
    /// All that would be copied.
    pub fn copies(&self) -> Amount {
        Amount {
            objects: self.objects_to_copy,
            bytes: self.bytes_to_copy,
        }
    }

    /// The same by reasons.
    pub fn reasons(&self) -> impl Iterator<Item = (&'static str, Amount)> {
        self.reasons
            .iter()
            .map(|(reason, amount)| (*reason, *amount))
    }

    /// The objects that are named: key and reason.
    pub fn objects(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.objects
            .iter()
            .map(|row| (row.key.as_str(), row.reason))
    }

    /// What the backup would hold, by classes.
    pub fn storage(&self) -> &[ClassRow] {
        &self.storage
    }

    /// The run, the storage and the prices in words.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let run = format!("{}, {}", self.requests.text(), usd(self.cost_usd));
        let storage = format!("{} a month", usd(self.storage_usd_per_month));
        let prices = format!("{} of {}", self.region, self.prices_as_of);
        let facts = [
            ("would send", run),
            ("would store", storage),
            ("prices", prices),
        ];
        let labels = std::iter::once("not counted").chain(std::iter::repeat(""));
        let not_counted = labels.zip(self.not_counted.map(str::to_owned));
        facts.into_iter().chain(not_counted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{planned, report_of};
    use super::super::{MOST_LIST_BYTES, Report, Summary};
    use super::*;
    use crate::diff::Reason;
    use crate::model::{StorageClass, Timestamp};
    use crate::outcome::Outcome;
    use crate::request::Intent;

    const SENT: Requests = Requests {
        list: 2,
        copy: 0,
        head: 0,
        thaw: 0,
    };

    fn plan() -> Report {
        report_of("backup,second", Intent::Plan)
    }

    fn finish(report: &Report) -> Summary {
        report.finish(Timestamp::from_millis(1_795_226_401_753), SENT, None)
    }

    fn stored(class: &str, bytes: u64) -> Forecast {
        Forecast {
            copy: None,
            requests: Requests::default(),
            stored: Some((StorageClass::new(Some(class)), bytes)),
        }
    }

    #[test]
    fn the_plan_is_the_one_in_the_golden_file() {
        let due = |listed| Outcome::WouldCopy { listed };
        let report = plan()
            .foreseeing(0, planned("b", 5, Reason::New))
            .with(0, due(5))
            .foreseeing(1, planned("a", 1 << 30, Reason::EtagDiffers))
            .with(1, due(1 << 30))
            .foreseeing(0, planned("a", 7, Reason::New))
            .with(0, due(7))
            .foreseeing(1, stored("DEEP_ARCHIVE", 1 << 30))
            .with(1, Outcome::Unchanged { listed: 1 << 30 })
            .foreseeing(1, stored("STANDARD_IA", 1))
            .with(1, Outcome::BackupOnly);

        let json = serde_json::to_string_pretty(&finish(&report)).unwrap();

        assert_eq!(
            json,
            include_str!("../../tests/golden/plan.json").trim_end()
        );
    }

    #[test]
    fn the_first_hundred_objects_are_named_in_whatever_order_they_come() {
        let keys = (0..250).rev().map(|n| format!("{n:03}"));

        let report = keys.fold(plan(), |report, key| {
            report.foreseeing(0, planned(&key, 1, Reason::New))
        });

        let summary = finish(&report);
        let part = summary.plan().unwrap();
        let named: Vec<&str> = part.objects().map(|(key, _)| key).collect();
        assert_eq!(named.len(), 100);
        assert_eq!((named[0], named[99]), ("000", "099"));
        assert_eq!(part.objects_omitted, 150);
        assert_eq!(part.copies().objects, 250);
    }

    #[test]
    fn failures_come_before_objects_and_all_of_it_below_200_kib() {
        let worst = |n: u32| format!("{n:04}{}", "\u{1}".repeat(1020));
        let failing = |n| Outcome::Failed {
            listed: 0,
            failure: super::super::tests::failure(Some(&worst(n))),
        };

        for failures in [0, 5, 200] {
            let report = (0..failures).fold(plan(), |report, n| report.with(0, failing(n)));
            let report = (0..200).fold(report, |report, n| {
                report.foreseeing(0, planned(&worst(n), 1, Reason::New))
            });

            let summary = finish(&report);

            let part = summary.plan().unwrap();
            let named = part.objects.len() as u64;
            assert_eq!(named + part.objects_omitted, 200);
            assert_eq!(named > 0, failures < 200, "{failures} failures");
            assert!(summary.to_json().unwrap().len() < MOST_LIST_BYTES + 10 * 1024);
        }
    }
}
