//! The part of a result that only a restore has.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::drilled::Drilled;
use super::ending::{counted, errors};
use super::{Rates, Report, Sides, Status, Totals};
use crate::config::{CopyRules, Prices};
use crate::failure::Failure;
use crate::model::{BucketName, Timestamp, count};
use crate::plan::{Intent, Run};

/// What a restore tells beside its counters.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Restored {
    /// Its name, by which it is continued, confirmed, undone and cancelled; none of a dry run.
    pub id: Option<String>,
    /// `restore`, `undo` or `drill`.
    pub kind: &'static str,
    /// The restore that it undoes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// The state of the backup that is restored; none of an undo.
    pub point: Option<PointWords>,
    /// The backup bucket that is read.
    pub from: String,
    /// Whether others are configured.
    #[serde(skip)]
    pub is_one_of_several: bool,
    /// Which backup buckets have the run, where there are several; nothing of a restore that goes on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<RunPlace>,
    /// Where to: `s3://bucket/prefix`.
    pub target: String,
    /// What was done for the last time: `planning`, `held`, `running`, `waiting`, `complete`, `incomplete` or
    /// `cancelled`; none of a dry run.
    pub stage: Option<&'static str>,
    /// Archived versions that were asked for.
    pub waiting: u64,
    /// When the last of them can be read.
    pub ready_at: Option<Timestamp>,
    /// Objects that were replaced.
    pub replaced: u64,
    /// Objects where nothing was.
    pub created: u64,
    /// Delete markers.
    pub marked: u64,
    /// Objects whose target was not what was planned for.
    pub changed_meanwhile: u64,
    /// Keys of the target that the point does not have.
    pub extra: u64,
    /// The first keys that an undo left alone, because they changed after the restore.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_alone: Vec<String>,
    /// Why it is held; none if it is not.
    pub held: Option<String>,
    /// What to confirm then.
    pub confirm: Option<String>,
    /// What the plan says; none of a restore that goes on with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<RestorePlanWords>,
    /// What a drill has found, at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drill: Option<Drilled>,
}

/// Whether a backup bucket has the run that is restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunPlace {
    /// The bucket.
    pub bucket: String,
    /// Whether it has it; none if it cannot be looked at.
    pub has_run: Option<bool>,
    /// Why it cannot be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The state of the backup that is restored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PointWords {
    /// The run; none of a version.
    pub run: Option<String>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What was asked for.
    pub asked: String,
    /// How long before the time that was asked for the run ended, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier_by_seconds: Option<u64>,
    /// What cannot be known of the point, where only the versions of the backup tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cannot_know: Option<&'static str>,
}

impl Restored {
    /// Which backup buckets have the run, in words; none where that was not looked at.
    pub fn places_clause(&self) -> Option<String> {
        let named = |has_run: Option<bool>| {
            let places = self.places.iter().filter(|place| place.has_run == has_run);
            let names: Vec<&str> = places.map(|place| place.bucket.as_str()).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        let mut text = named(Some(true))?;
        if let Some(without) = named(Some(false)) {
            let _ = write!(text, "; not in {without}");
        }
        if let Some(unknown) = named(None) {
            let _ = write!(text, "; {unknown} cannot be looked at");
        }
        Some(text)
    }
}

impl PointWords {
    /// As of when, in words: `as of run ID, which ended at TIME`; none where neither a run nor the versions say it.
    pub fn clause(&self) -> Option<String> {
        let run = self.run.as_ref().zip(self.ended_at);
        let by_run = run.map(|(run, ended)| format!("as of run {run}, which ended at {ended}"));
        let by_versions = self.cannot_know.map(|cannot_know| {
            let asked = &self.asked;
            format!("as of the versions at {asked}; {cannot_know}")
        });
        by_run.or(by_versions)
    }
}

/// Objects that are written or left alone for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmountRow {
    /// The reason, or the class.
    pub name: String,
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What the plan of a restore says.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RestorePlanWords {
    /// By what happens to them: `new`, `replaces_older`, `replaces_newer`, `extra`, `back`, `created`, `unchanged`.
    pub happens: Vec<AmountRow>,
    /// By the class that they are in, in the backup.
    pub classes: Vec<AmountRow>,
    /// Hours until the last archived version can be read.
    pub hours: u32,
    /// Dollars for requests, retrieval and thawed copies; none if the table lacks a price.
    pub cost_usd: Option<f64>,
    /// Dollars for the copies that the next backup makes of what was restored.
    pub next_backup_cost_usd: f64,
    /// The first keys, and what happens to them.
    pub keys: Vec<KeyRow>,
    /// The command that does it.
    pub command: String,
}

/// A key of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRow {
    /// The key in the target.
    pub key: String,
    /// What happens to it.
    pub happens: String,
}

/// The counters that only the result of a restore has.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct RestoredCounts {
    objects_restored: u64,
    objects_waiting: u64,
}

impl RestoredCounts {
    pub(super) fn of(totals: &Totals) -> Self {
        Self {
            objects_restored: totals.copied,
            objects_waiting: totals.waiting,
        }
    }
}

impl Report {
    /// The empty report of a restore from one bucket into another.
    pub fn of_restore(
        run: &Run,
        source: &BucketName,
        target: &BucketName,
        prices: &Prices,
        dry_run: bool,
    ) -> Self {
        let intent = if dry_run {
            Intent::DryRun
        } else {
            Intent::Copy
        };
        let sides = Sides {
            source: source.to_string(),
            destinations: vec![target.to_string()],
        };
        let rates = Rates::of(prices, &CopyRules::default());
        Self::empty((run, intent), (source, sides), vec![target.clone()], rates)
    }

    /// Sets the counters of the destination of that number: a restore that goes on counts what was done
    /// before.
    pub fn set_totals(&mut self, destination: usize, totals: Totals) {
        self.destinations[destination].totals = totals;
    }

    /// Adds what went wrong at the destination of that number, without counting it.
    pub fn add_failure(&mut self, destination: usize, failure: Failure) {
        let bucket = &self.destinations[destination].bucket;
        self.failures.add(bucket, failure);
    }

    /// The report with what a restore tells.
    #[must_use]
    pub fn restored(self, restored: Restored) -> Self {
        let restored = Some(Box::new(restored));
        Self { restored, ..self }
    }

    /// One sentence that says it all of a restore.
    pub(super) fn sentence_of_restore(&self, restored: &Restored, status: Status) -> String {
        let totals = self.totals();
        if restored.kind == "drill" {
            return Self::sentence_of_drill(restored, &totals, status);
        }
        let undo = restored.kind == "undo";
        let lead = match (restored.id.is_some(), status, undo) {
            (false, Status::Complete, false) => "Dry run of a restore of",
            (false, Status::Complete, true) => "Dry run of an undo of",
            (_, Status::Complete, false) => "Restored",
            (_, Status::Complete, true) => "Undone:",
            (_, Status::Incomplete, false) => "Restore incomplete:",
            (_, Status::Incomplete, true) => "Undo incomplete:",
            (_, Status::Held, false) => "Restore held:",
            (_, Status::Held, true) => "Undo held:",
            (_, Status::Waiting, false) => "Restore waits for archives:",
            (_, Status::Waiting, true) => "Undo waits for archives:",
        };
        let separator = match status {
            Status::Complete if !undo => ":",
            _ => ",",
        };
        let first = match totals.due {
            0 => format!("{} restored", count(totals.copied)),
            due => format!("{} to restore", count(due)),
        };
        let others = [
            (totals.unchanged, "unchanged"),
            (totals.skipped.saturating_sub(totals.due), "skipped"),
            (totals.vanished, "vanished"),
            (totals.waiting, "waiting"),
            (restored.marked, "marked deleted"),
            (restored.changed_meanwhile, "changed meanwhile"),
            (totals.errors, errors(totals.errors)),
        ];
        let mut text = counted(lead, totals.found, separator, first, &others);
        text.push_str("; ");
        if restored.is_one_of_several {
            let _ = write!(text, "from {} ", restored.from);
        }
        let _ = write!(text, "into {}", restored.target);
        let point = restored.point.as_ref();
        if let Some(clause) = point.and_then(PointWords::clause) {
            let _ = write!(text, " {clause}");
        }
        if let Some(held) = &restored.held {
            let _ = write!(text, "; {held}");
        }
        if let (Some(ready), Status::Waiting | Status::Incomplete) = (restored.ready_at, status) {
            let _ = write!(text, "; the last archived version can be read by {ready}");
        }
        text
    }
}
