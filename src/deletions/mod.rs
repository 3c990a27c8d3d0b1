//! Objects that are gone from the source: whether they may be marked as deleted in the backup, and the markers.
//!
//! Nothing is marked while anything is still being compared. A run first copies what is new or
//! changed, and only counts what is gone; when all listings have come to a clean end, the brake is
//! asked; only then are markers placed, each after one more look at the source. A marker hides a
//! backup and destroys nothing: all versions below it stay.

mod brake;
mod error;
mod hold;
mod marker;
mod record;

pub use brake::{exceeds, percent};
pub use marker::{Marker, Orphan};
#[cfg(any(test, fuzzing))]
pub use record::fuzz;

use brake::BrakeDecision;
pub use hold::HeldRun;

use error::ConfirmError;
use hold::{Confirmation, StateFile};

use crate::failure::Failure;
use crate::model::{BucketName, Job, KeyCounts};
use crate::plan::{Marking, Plan};
use crate::s3::{Bucket, Cause, S3Error};

/// What a run is held for, and where that is remembered.
#[derive(Clone, Copy)]
struct HeldKind {
    file: &'static str,
    what: &'static str,
}

const DELETIONS: HeldKind = HeldKind {
    file: "held.json",
    what: "deletions",
};
const CHANGES: HeldKind = HeldKind {
    file: "held-changes.json",
    what: "changes",
};

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Objects that are gone may be marked, or those that have changed be copied.
    Proceed,
    /// The run is held.
    Hold(Hold),
}

/// A run that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Why.
    pub why: String,
    /// Whether it can be confirmed.
    pub can_be_confirmed: bool,
    /// Why that could not be remembered, with the number of the destination.
    pub failures: Vec<(usize, Failure)>,
}

/// Decides on what was counted for each destination of a plan. A dry run or a plan is told the same, and
/// nothing is written.
pub async fn decide(
    plan: &Plan,
    marking: &Marking,
    destinations: &[Bucket],
    counted: &[KeyCounts],
) -> Decision {
    let named: Vec<(BucketName, KeyCounts)> = destinations
        .iter()
        .zip(counted)
        .map(|(bucket, census)| (bucket.name().clone(), *census))
        .collect();
    let places = places(plan, destinations, DELETIONS);
    let why = match (brake::judge(&named, marking.limits), &marking.confirm) {
        (BrakeDecision::Never(why), _) => {
            return Decision::Hold(Hold {
                why,
                can_be_confirmed: false,
                failures: Vec::new(),
            });
        }
        (BrakeDecision::Free, None) => return Decision::Proceed,
        (BrakeDecision::Confirm(why), None) => why,
        (BrakeDecision::Free | BrakeDecision::Confirm(_), Some(run_id)) => {
            match confirm(plan, &places, counted, run_id).await {
                Ok(()) => return Decision::Proceed,
                Err(why) => format!("run {run_id} is not confirmed: {why}"),
            }
        }
    };
    held(plan, &places, counted, why).await
}

/// Decides on what has changed since the last backup, before a run copies it; `why` says what is wrong with it. The
/// changed keys of each destination stand in the place of those that are gone.
pub async fn decide_on_changes(
    plan: &Plan,
    destinations: &[Bucket],
    changed: &[KeyCounts],
    why: Option<String>,
) -> Decision {
    let places = places(plan, destinations, CHANGES);
    let why = match (why, &plan.confirm) {
        (None, _) => return Decision::Proceed,
        (Some(why), None) => why,
        (Some(why), Some(run_id)) => match confirm(plan, &places, changed, run_id).await {
            Ok(()) => return Decision::Proceed,
            Err(problem) => format!("run {run_id} is not confirmed: {problem}; {why}"),
        },
    };
    held(plan, &places, changed, why).await
}

async fn held(plan: &Plan, places: &[StateFile], counted: &[KeyCounts], why: String) -> Decision {
    let (can_be_confirmed, failures) = if plan.task.writes() {
        remember(plan, places, counted).await
    } else {
        (false, Vec::new())
    };
    Decision::Hold(Hold {
        why,
        can_be_confirmed,
        failures,
    })
}

/// The run of a job that was held last in a backup bucket, and is not confirmed yet; none if there is none.
///
/// # Errors
/// Why S3 refused.
pub async fn held_run(bucket: &Bucket, job: &Job) -> Result<Option<HeldRun>, S3Error> {
    let reading = bucket.read_state(&job.key(DELETIONS.file)).await?;
    Ok(reading.state.and_then(|state| HeldRun::read(&state.body)))
}

fn places(plan: &Plan, destinations: &[Bucket], held: HeldKind) -> Vec<StateFile> {
    let destinations = plan.destinations.iter().zip(destinations);
    destinations
        .map(|(planned, bucket)| StateFile {
            bucket: bucket.clone(),
            key: planned.job.key(held.file),
            what: held.what,
        })
        .collect()
}

/// A confirmation has to be good in every destination before it is used up in the first one.
async fn confirm(
    plan: &Plan,
    places: &[StateFile],
    counted: &[KeyCounts],
    run_id: &str,
) -> Result<(), ConfirmError> {
    let mut good: Vec<(&StateFile, Confirmation)> = Vec::new();
    for (place, census) in places.iter().zip(counted) {
        let confirmation = place.confirmation(run_id, &plan.source.prefix, census);
        good.push((place, confirmation.await?));
    }
    if !plan.task.writes() {
        return Ok(());
    }
    for (place, confirmation) in good {
        place.use_up(&confirmation, &plan.run.id).await?;
    }
    Ok(())
}

/// Remembers in each destination that the run was held, for it to be confirmed. Whether it is, in all of
/// them, and what went wrong; that the run has to stop is no error.
async fn remember(
    plan: &Plan,
    places: &[StateFile],
    counted: &[KeyCounts],
) -> (bool, Vec<(usize, Failure)>) {
    let mut remembered = true;
    let mut failures = Vec::new();
    for (number, (place, census)) in places.iter().zip(counted).enumerate() {
        let Err(error) = place.hold(&plan.run.id, &plan.source.prefix, census).await else {
            continue;
        };
        remembered = false;
        if error.cause != Cause::OutOfTime {
            failures.push((number, Failure::from(error)));
        }
    }
    (remembered, failures)
}
