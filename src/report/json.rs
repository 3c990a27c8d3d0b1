//! The JSON that people and scripts read. Fields are added, never renamed; a golden file holds it.

use std::time::Duration;

use serde::Serialize;

use super::destination::DestinationReport;
use super::ending::Status;
use super::figures::{FailureWords, Figures};
use super::request_counts::RequestCounts;
use super::restored::{Restored, RestoredCounts};
use super::verified::{VerifiedBlock, VerifiedCounts};
use super::{
    AgedNote, BucketWarning, ContinuedRun, Deletions, EventCounts, HeldChanges, MOST_LIST_BYTES,
    OverBudget, PartNote, PlanPart, Report, Sides, SnapshotNote, Totals, Warning,
};
use crate::failure::Failure;
use crate::model::{BucketName, Cursor, Timestamp, bytes, objects, printable_json, usd};
use crate::plan::Intent;
use crate::s3::Requests;

/// The result of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    #[serde(rename = "statusCode")]
    status_code: u16,
    status: Status,
    pub(super) message: String,
    #[serde(flatten)]
    pub(super) counts: Counts,
    #[serde(skip)]
    objects_to_copy: u64,
    #[serde(flatten)]
    restored_counts: Option<RestoredCounts>,
    #[serde(flatten)]
    pub(super) due: Option<WouldCopyJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plan: Option<PlanPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deletions: Option<Deletions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unusual: Option<HeldChanges>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<OverBudget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) restore: Option<Restored>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<EventCounts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missed_by_events: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) already_continued: Option<ContinuedRun>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distributed: Option<Box<PartNote>>,
    pub(super) failures: Vec<FailureRow>,
    pub(super) failures_omitted: u64,
    pub(super) warnings: Vec<Warning>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bucket_warnings: Vec<BucketWarning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verified: Option<VerifiedBlock>,
    requests: RequestCounts,
    pub(super) estimated_cost_usd: f64,
    pub(super) source: String,
    #[serde(skip)]
    sides: Sides,
    pub(super) destinations: Vec<DestinationRow>,
    pub(super) run_id: String,
    started_at: Timestamp,
    pub(super) timestamp: Timestamp,
    pub(super) duration_seconds: f64,
    cursor: Option<Cursor>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Counts {
    pub(super) objects_found: u64,
    pub(super) objects_copied: u64,
    pub(super) objects_unchanged: u64,
    objects_skipped: u64,
    pub(super) objects_vanished: u64,
    pub(super) objects_marked_deleted: u64,
    pub(super) errors: u64,
    pub(super) bytes_found: u64,
    pub(super) bytes_copied: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct WouldCopyJson {
    dry_run: bool,
    objects_to_copy: u64,
    bytes_to_copy: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct FailureRow {
    key: Option<String>,
    destination: String,
    operation: &'static str,
    code: Option<String>,
    message: String,
    advice: String,
    request_id: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct DestinationRow {
    bucket: String,
    #[serde(flatten)]
    counts: Counts,
    pub(super) snapshot: Option<SnapshotNote>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aged: Option<AgedNote>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<VerifiedCounts>,
}

impl Report {
    /// The result of a run that ended at that time, sent those requests and left that to a later one.
    pub fn finish(&self, ended: Timestamp, requests: Requests, cursor: Option<Cursor>) -> Summary {
        let requests = requests.and(self.sent_elsewhere);
        let totals = self.totals();
        let status = self.status(cursor.as_ref());
        let message = self.sentence(cursor.as_ref());
        let summary = Summary {
            status_code: match status {
                Status::Complete => 200,
                Status::Incomplete | Status::Held | Status::Waiting => 500,
            },
            status,
            message,
            counts: totals.into(),
            objects_to_copy: totals.due,
            restored_counts: self.restored.as_ref().map(|_| RestoredCounts::of(&totals)),
            restore: self.restored.as_deref().cloned(),
            due: (self.intent == Intent::DryRun && self.check.is_none()).then_some(WouldCopyJson {
                dry_run: true,
                objects_to_copy: totals.due,
                bytes_to_copy: totals.bytes_due,
            }),
            plan: self.outlook.as_ref().map(|outlook| {
                let left = MOST_LIST_BYTES - self.failures.bytes;
                outlook.part(requests.list, self.rates, left)
            }),
            deletions: self.deletions.clone(),
            events: self.events,
            unusual: self.held_changes.clone(),
            budget: self.over_budget,
            missed_by_events: (self.follows_events && self.events.is_none())
                .then_some(totals.copied),
            already_continued: self.continued.as_deref().cloned(),
            distributed: self.part.clone(),
            failures: self.failures.kept.iter().map(FailureRow::new).collect(),
            failures_omitted: self.failures.omitted,
            warnings: self.warnings.as_slice().to_vec(),
            bucket_warnings: self.bucket_warnings.clone(),
            verified: self
                .check
                .map(|check| VerifiedBlock::new(check, totals.verified, &self.findings)),
            requests: requests.into(),
            estimated_cost_usd: self.rates.cost(requests),
            source: self.source.to_string(),
            sides: self.sides.clone(),
            destinations: self.destinations.iter().map(|own| self.row(own)).collect(),
            run_id: self.run.id.clone(),
            started_at: self.run.started,
            timestamp: ended,
            duration_seconds: seconds(ended.since(self.run.started)),
            cursor,
        };
        summary.fitting()
    }

    fn row(&self, own: &DestinationReport) -> DestinationRow {
        DestinationRow {
            bucket: own.bucket.to_string(),
            counts: own.totals.into(),
            snapshot: own.snapshot.clone(),
            aged: own.aged.clone(),
            verified: self.check.map(|_| own.totals.verified.into()),
        }
    }
}

/// In milliseconds, for 1.753 is 1.7530000000000001 in the arithmetic of durations.
#[expect(clippy::cast_precision_loss, reason = "no run lasts 285,000 years")]
fn seconds(duration: Duration) -> f64 {
    duration.as_millis() as f64 / 1000.0
}

impl Summary {
    /// What it tells of deletions; none if they are kept.
    pub fn deletions(&self) -> Option<&Deletions> {
        self.deletions.as_ref()
    }

    /// Objects that a dry run or a plan would copy, or that a held restore will.
    pub fn objects_to_copy(&self) -> u64 {
        self.objects_to_copy
    }

    /// What a restore tells; none of a backup.
    pub fn restored(&self) -> Option<&Restored> {
        self.restore.as_ref()
    }

    /// Whether it is of a distributed run that was closed without all of its pieces.
    pub fn lacks_pieces(&self) -> bool {
        let part = self.distributed.as_deref();
        part.is_some_and(PartNote::lacks_pieces)
    }

    /// The counts of events; none of a run.
    pub fn events(&self) -> Option<&EventCounts> {
        self.events.as_ref()
    }

    /// Objects that a run has copied although events copy: those that they have missed.
    pub fn missed_by_events(&self) -> Option<u64> {
        self.missed_by_events
    }

    /// The rest, which is left to a later run.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// How the run ended.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The one sentence that says it all.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The result as people and scripts get it.
    ///
    /// # Errors
    /// Never, as far as anybody knows: all of it can be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        // JSON escapes what would end the line, and not what would turn it around or steer a terminal.
        let json = serde_json::to_string(self)?;
        Ok(printable_json(&json).into_owned())
    }

    /// What a verification has found.
    pub fn verified(&self) -> Option<&VerifiedBlock> {
        self.verified.as_ref()
    }

    /// What a run would do, if this is a plan.
    pub fn plan(&self) -> Option<&PlanPart> {
        self.plan.as_ref()
    }

    /// What went wrong, in words: the message, and what to do.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &str)> {
        self.failures
            .iter()
            .map(|failure| (failure.message.as_str(), failure.advice.as_str()))
    }

    /// What somebody should look at although it is no error.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Mistakes in the settings of the backup buckets.
    pub fn bucket_warnings(&self) -> &[BucketWarning] {
        &self.bucket_warnings
    }

    /// Failures that were counted and not kept.
    pub fn failures_omitted(&self) -> u64 {
        self.failures_omitted
    }

    /// The lines of a summary for people: what, and how much.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let amount = |number: u64, size: u64| format!("{}, {}", objects(number), bytes(size));
        let counts = &self.counts;
        let mut facts = vec![
            ("source", self.sides.source.clone()),
            ("destination", self.sides.destinations.join(", ")),
            ("found", amount(counts.objects_found, counts.bytes_found)),
        ];
        // A verification copies nothing unless it repairs.
        let may_copy = self.verified.is_none() || counts.objects_copied > 0;
        if self.due.is_none() && self.plan.is_none() && may_copy {
            let copied = amount(counts.objects_copied, counts.bytes_copied);
            facts.push(("copied", copied));
        }
        facts.extend([
            (
                "requests",
                format!("{}, {}", self.requests.text(), usd(self.estimated_cost_usd)),
            ),
            ("duration", format!("{:.1} s", self.duration_seconds)),
            ("run", self.run_id.clone()),
        ]);
        let verified = self.verified.as_ref().map(VerifiedBlock::fact);
        facts.extend(verified.map(|verified| ("verified", verified)));
        facts
    }
}

impl From<Totals> for Counts {
    fn from(totals: Totals) -> Self {
        Self {
            objects_found: totals.found,
            objects_copied: totals.copied,
            objects_unchanged: totals.unchanged,
            objects_skipped: totals.skipped,
            objects_vanished: totals.vanished,
            objects_marked_deleted: totals.marked,
            errors: totals.errors,
            bytes_found: totals.bytes_found,
            bytes_copied: totals.bytes_copied,
        }
    }
}

impl DestinationRow {
    pub(super) fn figures(&self) -> (&str, Figures) {
        (&self.bucket, self.counts.into())
    }
}

impl FailureRow {
    pub(super) fn words(&self) -> FailureWords<'_> {
        FailureWords {
            key: self.key.as_deref(),
            operation: self.operation,
            code: self.code.as_deref(),
            message: &self.message,
            advice: &self.advice,
        }
    }

    pub(super) fn new((destination, failure): &(BucketName, Failure)) -> Self {
        let failure = failure.clone();
        Self {
            key: failure.key.map(|key| key.as_str().to_owned()),
            destination: destination.to_string(),
            operation: failure.operation,
            code: failure.code,
            message: failure.message,
            advice: failure.advice,
            request_id: failure.request_id,
        }
    }
}

/// The bytes that a failure takes in the result.
pub(super) fn size(destination: &BucketName, failure: &Failure) -> usize {
    let row = FailureRow::new(&(destination.clone(), failure.clone()));
    serde_json::to_string(&row).map_or(usize::MAX / 2, |json| json.len())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{every_outcome, failure, report};
    use super::*;
    use crate::outcome::Outcome;

    const ENDED: i64 = 1_795_226_401_753;

    fn finished(report: &Report) -> Summary {
        let requests = Requests {
            list: 2,
            copy: 3,
            head: 0,
            thaw: 0,
        };
        report.finish(Timestamp::from_millis(ENDED), requests, None)
    }

    #[test]
    fn the_result_is_the_one_in_the_golden_file() {
        let report = every_outcome()
            .into_iter()
            .fold(report("backup,second"), |report, outcome| {
                report.with(0, outcome)
            })
            .with_deletions(Deletions {
                due: 2,
                percent: Some(12.5),
                keys: vec!["gone".to_owned()],
                foreign: Some(1),
                ..Deletions::default()
            });

        let json = serde_json::to_string_pretty(&finished(&report)).unwrap();

        assert_eq!(
            json,
            include_str!("../../tests/golden/result.json").trim_end()
        );
    }

    #[test]
    fn the_message_says_it_all() {
        let copied = Outcome::Copied {
            listed: 1,
            copied: 1,
        };
        let unchanged = Outcome::Unchanged { listed: 1 };
        let failed = Outcome::Failed {
            listed: 1,
            failure: failure(Some("k")),
        };
        let cases = [
            (vec![], "Backed up 0 objects: 0 copied"),
            (vec![copied.clone()], "Backed up 1 object: 1 copied"),
            (
                vec![copied.clone(), unchanged],
                "Backed up 2 objects: 1 copied, 1 unchanged",
            ),
            (
                vec![copied, failed],
                "Backup incomplete: 2 objects, 1 copied, 1 error",
            ),
        ];

        for (outcomes, message) in cases {
            let report = outcomes
                .into_iter()
                .fold(report("backup"), |report, outcome| report.with(0, outcome));

            assert_eq!(finished(&report).message, message);
        }
    }

    #[test]
    fn the_result_stays_below_200_kib_whatever_the_keys() {
        let worst = "\u{1}".repeat(1024);
        let failing = || Failure {
            message: worst.clone(),
            ..failure(Some(&worst))
        };
        let failures = (0..200).map(|_| Outcome::Failed {
            listed: 0,
            failure: failing(),
        });

        let report = failures.fold(report("backup"), |report, outcome| report.with(0, outcome));

        let summary = finished(&report);
        assert!(summary.to_json().unwrap().len() < 200 * 1024);
        assert_eq!(
            summary.failures.len() as u64 + summary.failures_omitted,
            200
        );
    }

    #[test]
    fn the_result_of_ten_destinations_and_a_cursor_of_the_worst_keys_stays_small_too() {
        let worst = "\u{1}".repeat(1024);
        let names: Vec<String> = (0..10).map(|n| format!("backup-{n}")).collect();
        let failing = || Outcome::Failed {
            listed: 0,
            failure: failure(Some(&worst)),
        };
        let report = (0..100).fold(report(&names.join(",")), |report, _| {
            report.with(0, failing())
        });
        let key = |end: &str| crate::model::Key::new(format!("{worst}{end}"));
        let ranges = names.iter().map(|name| crate::model::Range {
            destination: BucketName::new(name).unwrap(),
            keys: crate::model::KeyRange {
                start: crate::model::Start::After(key("a")),
                until: Some(key("b")),
            },
        });
        let cursor = Cursor::Ranges(crate::model::CursorRanges {
            format: crate::model::RANGES_FORMAT,
            prefix: worst.clone(),
            mode: "incremental",
            dry_run: true,
            plan: true,
            verify: None,
            marking: None,
            ranges: ranges.collect(),
        });
        let requests = Requests {
            list: 2,
            copy: 3,
            head: 0,
            thaw: 0,
        };

        let summary = report.finish(Timestamp::from_millis(ENDED), requests, Some(cursor));

        assert!(summary.to_json().unwrap().len() < 200 * 1024);
        assert_eq!(
            summary.failures.len() as u64 + summary.failures_omitted,
            100
        );
        assert!(!summary.failures.is_empty());
    }
}
