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
pub use hold::{HeldRun, StateFile};

use error::ConfirmError;
use hold::Confirmation;

use crate::failure::Failure;
use crate::model::{BucketName, Job, KeyCounts, Prefix};
use crate::plan::{Marking, RunDescription};
use crate::s3::{Bucket, Cause, S3Error};

/// What a run is held for, and where that is remembered.
#[derive(Clone, Copy, Debug)]
pub struct HeldKind {
    file: &'static str,
    what: &'static str,
}

impl HeldKind {
    /// The file of a job in the destination of that number.
    pub fn file(self, number: usize, bucket: &Bucket, job: &Job) -> StateFile {
        StateFile {
            number,
            bucket: bucket.clone(),
            key: job.key(self.file),
            what: self.what,
        }
    }
}

/// Deletions are held.
pub const DELETIONS: HeldKind = HeldKind {
    file: "held.json",
    what: "deletions",
};
/// Changes are held, before a run copies them.
pub const CHANGES: HeldKind = HeldKind {
    file: "held-changes.json",
    what: "changes",
};

/// The files of a run in its destinations that say that it is held.
#[derive(Debug)]
pub struct HeldFiles<'a> {
    files: Vec<StateFile>,
    run_id: &'a str,
    prefix: &'a Prefix,
    /// Whether the run writes anything.
    writes: bool,
}

impl<'a> HeldFiles<'a> {
    /// These files of a run.
    pub fn of(run: RunDescription<'a>, files: Vec<StateFile>) -> Self {
        Self {
            files,
            run_id: &run.run.id,
            prefix: &run.source.prefix,
            writes: run.task.writes(),
        }
    }
}

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
pub async fn decide(held: &HeldFiles<'_>, marking: &Marking, counted: &[KeyCounts]) -> Decision {
    let files = held.files.iter().zip(counted);
    let named: Vec<(BucketName, KeyCounts)> = files
        .map(|(file, census)| (file.bucket.name().clone(), *census))
        .collect();
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
            match held.confirm(counted, run_id).await {
                Ok(()) => return Decision::Proceed,
                Err(why) => format!("run {run_id} is not confirmed: {why}"),
            }
        }
    };
    held.hold(counted, why).await
}

/// Decides on what has changed since the last backup, before a run copies it; `why` says what is wrong with it. The
/// changed keys of each destination stand in the place of those that are gone.
pub async fn decide_on_changes(
    held: &HeldFiles<'_>,
    confirm: Option<&str>,
    changed: &[KeyCounts],
    why: Option<String>,
) -> Decision {
    let why = match (why, confirm) {
        (None, _) => return Decision::Proceed,
        (Some(why), None) => why,
        (Some(why), Some(run_id)) => match held.confirm(changed, run_id).await {
            Ok(()) => return Decision::Proceed,
            Err(problem) => format!("run {run_id} is not confirmed: {problem}; {why}"),
        },
    };
    held.hold(changed, why).await
}

/// The run of a job that was held last in a backup bucket, and is not confirmed yet; none if there is none.
///
/// # Errors
/// Why S3 refused.
pub async fn held_run(bucket: &Bucket, job: &Job) -> Result<Option<HeldRun>, S3Error> {
    let reading = bucket.read_state(&job.key(DELETIONS.file)).await?;
    Ok(reading.state.and_then(|state| HeldRun::read(&state.body)))
}

impl HeldFiles<'_> {
    async fn hold(&self, counted: &[KeyCounts], why: String) -> Decision {
        let (can_be_confirmed, failures) = if self.writes {
            self.remember(counted).await
        } else {
            (false, Vec::new())
        };
        Decision::Hold(Hold {
            why,
            can_be_confirmed,
            failures,
        })
    }

    /// A confirmation has to be good in every destination before it is used up in the first one.
    async fn confirm(&self, counted: &[KeyCounts], run_id: &str) -> Result<(), ConfirmError> {
        let mut good: Vec<(&StateFile, Confirmation)> = Vec::new();
        for (file, census) in self.files.iter().zip(counted) {
            let confirmation = file.confirmation(run_id, self.prefix, census);
            good.push((file, confirmation.await?));
        }
        if !self.writes {
            return Ok(());
        }
        for (file, confirmation) in good {
            file.use_up(&confirmation, self.run_id).await?;
        }
        Ok(())
    }

    /// Remembers in each destination that the run was held, for it to be confirmed. Whether it is, in all of
    /// them, and what went wrong; that the run has to stop is no error.
    async fn remember(&self, counted: &[KeyCounts]) -> (bool, Vec<(usize, Failure)>) {
        let mut remembered = true;
        let mut failures = Vec::new();
        for (file, census) in self.files.iter().zip(counted) {
            let Err(error) = file.hold(self.run_id, self.prefix, census).await else {
                continue;
            };
            remembered = false;
            if error.cause != Cause::OutOfTime {
                failures.push((file.number, Failure::from(error)));
            }
        }
        (remembered, failures)
    }
}
