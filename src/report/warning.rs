//! What somebody should look at although it is no error: a stable word for scripts, a sentence for people.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use crate::model::{BucketName, Key, shortened};

/// Warnings that a report keeps, at most: each code counts once for each bucket.
const MOST_WARNINGS: usize = 10;
/// Characters of a message, at most: the result stays small whatever the keys.
const MOST_CHARS: usize = 500;

/// A warning of a result. It changes neither the status nor the exit code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The word that scripts know it by.
    pub code: WarningCode,
    /// The bucket that it is about; none if it is about the run.
    pub bucket: Option<BucketName>,
    /// Objects that it is about, as far as it is about objects.
    pub objects: u64,
    /// What was seen, and what to look at.
    pub message: String,
}

/// The words of warnings. They are added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// The source has no object below the prefix.
    NothingFound,
    /// The filter admits none of the objects of the source.
    NothingAdmitted,
    /// The server does not obey conditions on what a copy replaces.
    NoTargetConditions,
    /// The server does not obey conditions on the lease, so that it may not keep other runs out.
    LeaseBestEffort,
    /// Deletions are to be marked, and there are backups without an object that are not this job's own.
    Foreign,
    /// The register of jobs of a backup bucket cannot be used.
    Register,
    /// Many more objects have changed than in the runs before.
    UnusualChange,
    /// Events were refused: they are of another bucket, or of the program's own objects.
    RefusedEvents,
    /// EventBridge spelled a key as forms do.
    SpelledKey,
    /// The message to the topic could not be sent.
    Notification,
    /// The heartbeat could not be sent.
    Heartbeat,
}

impl WarningCode {
    /// Whether the message of a result says it too: without it, the counters mean something else.
    pub fn is_told_in_message(self) -> bool {
        match self {
            Self::NothingFound | Self::NothingAdmitted | Self::Foreign | Self::UnusualChange => {
                true
            }
            Self::NoTargetConditions
            | Self::LeaseBestEffort
            | Self::Register
            | Self::RefusedEvents
            | Self::SpelledKey
            | Self::Notification
            | Self::Heartbeat => false,
        }
    }
}

impl Warning {
    /// The register of jobs of a backup bucket cannot be used, for this reason.
    pub fn register(bucket: &BucketName, problem: &str) -> Self {
        Self {
            code: WarningCode::Register,
            bucket: Some(bucket.clone()),
            objects: 0,
            message: problem.to_owned(),
        }
    }

    /// Something about the run that nobody could be told of, or that was found out after it: about no bucket.
    pub fn of_run(code: WarningCode, message: String) -> Self {
        Self {
            code,
            bucket: None,
            objects: 0,
            message,
        }
    }

    /// Warns of so many backups that have no object and no row in a snapshot of this job. These keys are the first.
    pub fn foreign(
        bucket: &BucketName,
        objects: u64,
        first: &BTreeSet<Key>,
        has_snapshot: bool,
    ) -> Self {
        let noun = if objects == 1 { "object" } else { "objects" };
        let why = if has_snapshot {
            "in no snapshot of this job"
        } else {
            "there is no snapshot of this job to go by"
        };
        let mut message = format!("{objects} foreign {noun} in bucket {bucket} left alone ({why})");
        let names: Vec<&str> = first.iter().map(Key::as_str).collect();
        if !names.is_empty() {
            let _ = write!(message, ": {}", names.join(", "));
        }
        if objects > names.len() as u64 && !names.is_empty() {
            message.push_str(", ...");
        }
        Self {
            code: WarningCode::Foreign,
            bucket: Some(bucket.clone()),
            objects,
            message,
        }
    }
}

/// The warnings of a report, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Warnings(Vec<Warning>);

impl Warnings {
    pub fn of(warnings: Vec<Warning>) -> Self {
        Self(warnings)
    }

    pub fn into_vec(self) -> Vec<Warning> {
        self.0
    }

    pub fn add(&mut self, mut warning: Warning) {
        let same = |known: &Warning| known.code == warning.code && known.bucket == warning.bucket;
        if self.0.len() == MOST_WARNINGS || self.0.iter().any(same) {
            return;
        }
        warning.message = shortened(&warning.message, MOST_CHARS).into_owned();
        self.0.push(warning);
    }

    pub fn as_slice(&self) -> &[Warning] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(bucket: usize, message: &str) -> Warning {
        Warning {
            code: WarningCode::NothingFound,
            bucket: BucketName::new(&format!("bucket-{bucket}")).ok(),
            objects: 0,
            message: message.to_owned(),
        }
    }

    #[test]
    fn a_warning_counts_once_for_each_bucket_and_stays_short() {
        let mut warnings = Warnings::default();

        for bucket in [0, 1, 0] {
            warnings.add(warning(bucket, &"é".repeat(600)));
        }

        let lengths: Vec<usize> = warnings
            .as_slice()
            .iter()
            .map(|warning| warning.message.chars().count())
            .collect();
        assert_eq!(lengths, [503, 503]);
    }

    #[test]
    fn only_so_many_are_kept() {
        let mut warnings = Warnings::default();

        for bucket in 0..100 {
            warnings.add(warning(bucket, "m"));
        }

        assert_eq!(warnings.as_slice().len(), MOST_WARNINGS);
    }
}
