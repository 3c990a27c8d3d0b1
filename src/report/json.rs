//! The JSON that people and scripts read. Fields are added, never renamed; a golden file holds it.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::verified::{self, VerifiedBlock, VerifiedCounts};
use super::{
    Continued, Deletions, MOST_LIST_BYTES, PlanPart, Report, SnapshotNote, Totals, Warning,
};
use crate::copy::Failure;
use crate::model::{BucketName, Cursor, Timestamp};
use crate::plan::Intent;
use crate::s3::Requests;

/// The result of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    #[serde(rename = "statusCode")]
    status_code: u16,
    status: Status,
    message: String,
    #[serde(flatten)]
    counts: Counts,
    #[serde(flatten)]
    due: Option<Due>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<PlanPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletions: Option<Deletions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    already_continued: Option<Continued>,
    failures: Vec<FailureRow>,
    failures_omitted: u64,
    warnings: Vec<Warning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<VerifiedBlock>,
    requests: RequestCounts,
    estimated_cost_usd: f64,
    source: String,
    destinations: Vec<DestinationRow>,
    run_id: String,
    started_at: Timestamp,
    timestamp: Timestamp,
    duration_seconds: f64,
    cursor: Option<Cursor>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything that should be in the backup is.
    Complete,
    /// Something is not, or nobody knows. It wins over [`Held`](Self::Held).
    Incomplete,
    /// Everything is, but deletions wait for somebody to look at them.
    Held,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Counts {
    objects_found: u64,
    objects_copied: u64,
    objects_unchanged: u64,
    objects_skipped: u64,
    objects_vanished: u64,
    objects_marked_deleted: u64,
    errors: u64,
    bytes_found: u64,
    bytes_copied: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Due {
    dry_run: bool,
    objects_to_copy: u64,
    bytes_to_copy: u64,
}

#[derive(Clone, Debug, Serialize)]
struct FailureRow {
    key: Option<String>,
    destination: String,
    operation: &'static str,
    code: Option<String>,
    message: String,
    advice: String,
    request_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct RequestCounts {
    pub list: u64,
    pub copy: u64,
    pub head: u64,
}

#[derive(Clone, Debug, Serialize)]
struct DestinationRow {
    bucket: String,
    #[serde(flatten)]
    counts: Counts,
    snapshot: Option<SnapshotNote>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<VerifiedCounts>,
}

impl Status {
    /// Its name, as the result has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Held => "held",
        }
    }
}

impl Report {
    /// How a run ends that leaves that to a later one.
    pub fn status(&self, cursor: Option<&Cursor>) -> Status {
        let totals = self.totals();
        match (totals.errors + totals.verified.wrong(), cursor) {
            (0, None) if self.held().is_some() => Status::Held,
            (0, None) => Status::Complete,
            _ => Status::Incomplete,
        }
    }

    /// The one sentence that says it all.
    pub fn sentence(&self, cursor: Option<&Cursor>) -> String {
        if let Some(continued) = &self.continued {
            return continued.sentence();
        }
        let totals = self.totals();
        let mut message = match self.check {
            Some(check) => verified::message(check, &totals, cursor.is_none()),
            None => self.message(self.status(cursor), &totals),
        };
        for warning in self.warnings.as_slice() {
            if warning.code.is_told_in_message() {
                let _ = write!(message, "; {}", warning.message);
            }
        }
        for clause in self
            .deletions
            .iter()
            .flat_map(|some| some.clauses(self.intent))
        {
            let _ = write!(message, "; {clause}");
        }
        for bucket in &self.unusable {
            let _ = write!(message, "; bucket {bucket} could not be used");
        }
        if cursor.is_some() {
            message.push_str(if self.lease_lost {
                "; stopped because its lease was lost, the cursor continues it"
            } else if self.lacks_destinations() {
                "; the cursor continues what is left"
            } else {
                "; stopped by the deadline, the cursor continues it"
            });
        }
        message
    }

    /// The result of a run that ended at that time, sent those requests and left that to a later one.
    pub fn finish(&self, ended: Timestamp, requests: Requests, cursor: Option<Cursor>) -> Summary {
        let totals = self.totals();
        let status = self.status(cursor.as_ref());
        let message = self.sentence(cursor.as_ref());
        Summary {
            status_code: match status {
                Status::Complete => 200,
                Status::Incomplete | Status::Held => 500,
            },
            status,
            message,
            counts: totals.into(),
            due: (self.intent == Intent::DryRun && self.check.is_none()).then_some(Due {
                dry_run: true,
                objects_to_copy: totals.due,
                bytes_to_copy: totals.bytes_due,
            }),
            plan: self.outlook.as_ref().map(|outlook| {
                let left = MOST_LIST_BYTES - self.failures.bytes;
                outlook.part(requests.list, self.rates, left)
            }),
            deletions: self.deletions.clone(),
            already_continued: self.continued.as_deref().cloned(),
            failures: self.failures.kept.iter().map(FailureRow::new).collect(),
            failures_omitted: self.failures.omitted,
            warnings: self.warnings.as_slice().to_vec(),
            verified: self
                .check
                .map(|check| VerifiedBlock::new(check, totals.verified, &self.findings)),
            requests: requests.into(),
            estimated_cost_usd: self.rates.cost(requests),
            source: self.source.to_string(),
            destinations: self
                .destinations
                .iter()
                .zip(&self.snapshots)
                .map(|(row, snapshot)| DestinationRow {
                    verified: self.check.map(|_| row.1.verified.into()),
                    ..DestinationRow::new(row, snapshot.as_ref())
                })
                .collect(),
            run_id: self.run.id.clone(),
            started_at: self.run.started,
            timestamp: ended,
            duration_seconds: seconds(ended.since(self.run.started)),
            cursor,
        }
    }

    /// One sentence that says it all: "Backed up 5 objects: 3 copied, 2 unchanged".
    fn message(&self, status: Status, totals: &Totals) -> String {
        let lead = match (self.intent, status) {
            (Intent::DryRun, _) => "Dry run over",
            (Intent::Plan, _) => "Plan for",
            (Intent::Copy, Status::Complete) => "Backed up",
            (Intent::Copy, Status::Incomplete) => "Backup incomplete:",
            (Intent::Copy, Status::Held) => "Backup held:",
        };
        let noun = if totals.found == 1 {
            "object"
        } else {
            "objects"
        };
        let separator = match (self.intent, status) {
            (Intent::Copy, Status::Incomplete | Status::Held) => ",",
            (Intent::DryRun | Intent::Plan, _) | (Intent::Copy, Status::Complete) => ":",
        };
        let parts = match self.intent {
            Intent::Copy => vec![format!("{} copied", totals.copied)],
            Intent::DryRun | Intent::Plan => vec![format!("{} to copy", totals.due)],
        };
        let others = [
            (totals.unchanged, "unchanged"),
            (totals.skipped - totals.due, "skipped"),
            (totals.vanished, "vanished"),
            (totals.marked, "marked deleted"),
            (
                totals.errors,
                if totals.errors == 1 {
                    "error"
                } else {
                    "errors"
                },
            ),
        ];
        let others = others.into_iter().filter(|(count, _)| *count > 0);
        let others = others.map(|(count, what)| format!("{count} {what}"));
        let parts: Vec<String> = parts.into_iter().chain(others).collect();
        format!(
            "{lead} {} {noun}{separator} {}",
            totals.found,
            parts.join(", ")
        )
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

    /// What is left to a later run.
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
        serde_json::to_string(self)
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

    /// Failures that were counted and not kept.
    pub fn failures_omitted(&self) -> u64 {
        self.failures_omitted
    }

    /// The lines of a summary for people: what, and how much.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let RequestCounts { list, copy, head } = self.requests;
        let destinations: Vec<&str> = self
            .destinations
            .iter()
            .map(|d| d.bucket.as_str())
            .collect();
        let amount = |objects: u64, bytes: u64| format!("{objects} objects, {bytes} bytes");
        let counts = &self.counts;
        let mut facts = vec![
            ("source", self.source.clone()),
            ("destination", destinations.join(", ")),
            ("found", amount(counts.objects_found, counts.bytes_found)),
        ];
        if self.due.is_none() && self.plan.is_none() {
            let copied = amount(counts.objects_copied, counts.bytes_copied);
            facts.push(("copied", copied));
        }
        facts.extend([
            (
                "requests",
                format!(
                    "{list} list, {copy} copy, {head} head, about ${}",
                    self.estimated_cost_usd
                ),
            ),
            ("duration", format!("{:.1} s", self.duration_seconds)),
            ("run", self.run_id.clone()),
        ]);
        let verified = self.verified.as_ref().map(VerifiedBlock::fact);
        facts.extend(verified.map(|verified| ("verified", verified)));
        facts
    }
}

impl From<Requests> for RequestCounts {
    fn from(requests: Requests) -> Self {
        let Requests { list, copy, head } = requests;
        Self { list, copy, head }
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
    fn new((bucket, totals): &(BucketName, Totals), snapshot: Option<&SnapshotNote>) -> Self {
        Self {
            bucket: bucket.to_string(),
            counts: (*totals).into(),
            snapshot: snapshot.cloned(),
            verified: None,
        }
    }
}

impl FailureRow {
    fn new((destination, failure): &(BucketName, Failure)) -> Self {
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
    use crate::copy::Outcome;

    const ENDED: i64 = 1_795_226_401_753;

    fn finished(report: &Report) -> Summary {
        let requests = Requests {
            list: 2,
            copy: 3,
            head: 0,
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
}
