//! The counters and failures of results, of what a restore counts and meets. Pure.

use super::rows::{PlanRow, Problem};
use super::state::Progress;
use super::state_error::StateError;
use super::tally::Tally;
use crate::failure::Failure;
use crate::model::{BucketName, Location};
use crate::report::{Drilled, Restored, Totals};
use crate::run::StartError;
use crate::s3::Operation;

/// The result where no restore has anything left.
pub fn nothing(source: &Location, backup: &BucketName) -> Restored {
    Restored {
        kind: "restore",
        from: backup.to_string(),
        target: format!("s3://{}", source.bucket),
        ..Restored::default()
    }
}

/// The counters of a result.
pub fn totals(tally: Tally) -> Totals {
    Totals {
        found: tally.found,
        copied: tally.copied,
        unchanged: tally.unchanged,
        skipped: tally.skipped,
        vanished: tally.vanished,
        waiting: tally.waiting,
        errors: tally.errors,
        marked: tally.marked,
        bytes_found: tally.bytes_found,
        bytes_copied: tally.bytes_copied,
        ..Totals::default()
    }
}

/// The counters of a plan that is not carried out: what it would copy is due, and counts as skipped.
pub fn totals_of_plan(progress: &Progress) -> Totals {
    let due = progress.figures.copied();
    let problems = progress.figures.problems;
    let planned = totals(progress.planned);
    Totals {
        found: planned.found + due.objects + problems,
        bytes_found: planned.bytes_found + due.bytes,
        skipped: planned.skipped + due.objects,
        due: due.objects,
        bytes_due: due.bytes,
        errors: problems,
        ..planned
    }
}

/// The failure of a key that cannot be copied since it was planned.
pub fn failure_of(row: &PlanRow, problem: &Problem) -> Failure {
    Failure {
        key: Some(row.key.clone()),
        operation: Operation::CopyObject.name(),
        code: Some(problem.code.clone()),
        message: problem.message.clone(),
        advice: problem.advice.clone(),
        request_id: None,
    }
}

/// The same after a drill: what came back and is not what it was is no success.
pub fn with_drill(totals: &Totals, drilled: Option<&Drilled>) -> Totals {
    let wrong = drilled.map_or(0, Drilled::wrong_copies);
    let wrong = wrong.min(totals.copied);
    Totals {
        copied: totals.copied - wrong,
        errors: totals.errors + wrong,
        ..*totals
    }
}

/// The failure of a drill whose objects could not be compared or hidden.
pub fn failure_of_drill(error: &StartError) -> Failure {
    Failure {
        key: None,
        operation: Operation::HeadObject.name(),
        code: Some("DrillUnfinished".to_owned()),
        message: error.to_string(),
        advice: "continue the drill by its id, as a restore: what was done is found again"
            .to_owned(),
        request_id: None,
    }
}

/// The failure of state that could not be written.
pub fn failure_of_state(error: &StateError) -> Failure {
    Failure {
        key: None,
        operation: Operation::PutObject.name(),
        code: Some("RestoreState".to_owned()),
        message: error.to_string(),
        advice: "continue the restore by its id: what was done is found again".to_owned(),
        request_id: None,
    }
}
