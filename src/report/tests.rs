//! Reports that add up, and those that other tests start from.

use super::*;
use crate::config::{Config, Prices};
use crate::diff::{Reason, SkipReason};
use crate::forecast::PlannedCopy;
use crate::model::{ETag, Key, StorageClass, Timestamp};
use crate::plan;
use crate::request::BackupRequest;
use crate::s3::Requests;

pub fn report(destinations: &str) -> Report {
    report_of(destinations, Intent::Copy)
}

pub fn report_of(destinations: &str, intent: Intent) -> Report {
    let vars = [
        ("SOURCE_BUCKET", "primary"),
        ("DESTINATION_BUCKET", destinations),
    ];
    let config = Config::from_vars(vars.map(|(n, v)| (n.to_owned(), v.to_owned()))).unwrap();
    let run = Run::begin(Timestamp::from_millis(1_795_226_400_000), 0x7f3a);
    let request = BackupRequest {
        intent,
        ..BackupRequest::default()
    };
    let plan = plan::make(&request, &config, run, None).unwrap();
    let (prices, copies) = (&plan.prices, &plan.scope.copies);
    Report::begin(plan.description(), &plan.destinations, prices, copies)
}

pub fn planned(key: &str, bytes: u64, reason: Reason) -> Forecast {
    Forecast {
        copy: Some(PlannedCopy {
            key: Key::new(key),
            bytes,
            reason,
        }),
        requests: Requests {
            list: 0,
            copy: 1,
            head: 0,
            thaw: 0,
        },
        stored: Some((StorageClass::new(None), bytes)),
    }
}

pub fn prices() -> Prices {
    let vars = [
        ("SOURCE_BUCKET", "primary"),
        ("DESTINATION_BUCKET", "backup"),
    ];
    let vars = vars.map(|(n, v)| (n.to_owned(), v.to_owned()));
    Config::from_vars(vars).unwrap().prices
}

pub fn failure(key: Option<&str>) -> Failure {
    Failure {
        key: key.map(Key::new),
        operation: "CopyObject",
        code: Some("AccessDenied".to_owned()),
        message: "cannot copy".to_owned(),
        advice: "grant".to_owned(),
        request_id: None,
    }
}

pub fn every_outcome() -> [Outcome; 13] {
    [
        Outcome::Copied {
            listed: 1,
            copied: 2,
        },
        Outcome::WouldCopy { listed: 4 },
        Outcome::Unchanged { listed: 8 },
        Outcome::Skipped {
            listed: 16,
            reason: SkipReason::Excluded,
        },
        Outcome::Vanished { listed: 32 },
        Outcome::Failed {
            listed: 64,
            failure: failure(Some("k")),
        },
        Outcome::ListingFailed(failure(None)),
        Outcome::BackupOnly,
        Outcome::SourceDeleted(ETag::new("e")),
        Outcome::Foreign,
        Outcome::Marked,
        Outcome::Interrupted,
        Outcome::End,
    ]
}

#[test]
fn what_was_found_is_what_became_of_it() {
    let report = every_outcome()
        .into_iter()
        .fold(report("backup"), |report, outcome| report.with(0, outcome));

    let totals = report.totals();

    let expected = Totals {
        found: 7,
        copied: 1,
        unchanged: 1,
        skipped: 2,
        excluded: 1,
        vanished: 1,
        waiting: 0,
        errors: 2,
        marked: 1,
        bytes_found: 125,
        bytes_copied: 2,
        due: 1,
        bytes_due: 4,
        verified: VerifyCounts::default(),
    };
    assert_eq!(totals, expected);
    assert_eq!(
        totals.found,
        totals.copied + totals.unchanged + totals.skipped + totals.vanished + totals.errors
    );
}

#[test]
fn every_destination_counts_for_itself_and_all_in_total() {
    let report = report("one,two")
        .with(
            0,
            Outcome::Copied {
                listed: 1,
                copied: 1,
            },
        )
        .with(1, Outcome::Unchanged { listed: 1 });

    assert_eq!(report.destinations[0].totals.copied, 1);
    assert_eq!(report.destinations[1].totals.copied, 0);
    assert_eq!(report.totals().found, 2);
}

#[test]
fn a_hundred_failures_are_kept_and_the_rest_counted() {
    let failing = (0..250).map(|n| Outcome::Failed {
        listed: 0,
        failure: failure(Some(&n.to_string())),
    });

    let report = failing.fold(report("backup"), |report, outcome| report.with(0, outcome));

    assert_eq!(report.failures.kept.len(), 100);
    assert_eq!(report.failures.omitted, 150);
    assert_eq!(report.totals().errors, 250);
}
