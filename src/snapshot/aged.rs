//! A pass over the state of a job leaves here how far back its runs go, and how far it has come.

use serde::{Deserialize, Serialize};

use super::index::{from_json, to_json};
use super::{Link, SnapshotError};
use crate::model::Timestamp;

/// The format of [`Aged`].
const AGED_FORMAT: u64 = 1;

/// The key of [`Aged`], below the job's prefix.
pub const AGED: &str = "aged.json";

/// What has aged out of the state of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aged {
    /// Its format.
    pub format: u64,
    /// As in the index.
    pub job: String,
    /// When the last pass began, by S3's clock.
    pub begun_at: Timestamp,
    /// What was written before and is named by no run that is kept may be gone.
    pub before: Timestamp,
    /// The index of the oldest run that is kept, by its key below the job's prefix: the runs before it may be gone.
    pub oldest: String,
    /// How far the pass has come: a key below the job's prefix. None if it is done.
    pub after: Option<String>,
    /// Objects that the pass has tagged so far.
    pub tagged: u64,
}

impl Aged {
    /// A pass that begins at that time.
    pub fn begin(job: &str, begun_at: Timestamp, before: Timestamp, oldest: String) -> Self {
        Self {
            format: AGED_FORMAT,
            job: job.to_owned(),
            begun_at,
            before,
            oldest,
            after: Some(String::new()),
            tagged: 0,
        }
    }

    /// Whether the run of that index is one of those that may be gone: ids of runs are in the order of time.
    pub fn explains(&self, missing: &Link) -> bool {
        missing.key < self.oldest
    }

    /// The bytes to store.
    ///
    /// # Errors
    /// Never, as far as anybody knows: all of it can be written as JSON.
    pub fn encode(&self) -> Result<Vec<u8>, SnapshotError> {
        to_json(self)
    }

    /// Reads what is stored.
    ///
    /// # Errors
    /// When it is damaged, of another job, or a later version of the program wrote it.
    pub fn parse(bytes: &[u8], job: &str) -> Result<Self, SnapshotError> {
        let aged: Self = from_json(AGED, bytes, AGED_FORMAT)?;
        if aged.job == job {
            Ok(aged)
        } else {
            Err(SnapshotError::Foreign {
                object: AGED.to_owned(),
                job: aged.job,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Digest;
    use super::*;

    fn aged() -> Aged {
        let time = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let oldest = "snapshots/2026-11-21T02-00-00Z-7f3a.json".to_owned();
        Aged::begin("job", time(400), time(100), oldest)
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let bytes = aged().encode().unwrap();

        assert_eq!(Aged::parse(&bytes, "job"), Ok(aged()));
    }

    #[test]
    fn what_is_stored_is_the_golden_file() {
        let golden = include_str!("../../tests/golden/aged-1.json");

        let read = Aged::parse(golden.as_bytes(), "job").unwrap();

        assert_eq!(
            read.after.as_deref(),
            Some("snapshots/segments/00ff.parquet")
        );
        assert_eq!(read.encode().unwrap(), golden.trim_end().as_bytes());
    }

    #[test]
    fn what_is_of_another_job_or_a_later_format_or_damaged_is_refused() {
        let later = Aged {
            format: 2,
            ..aged()
        };

        let foreign = Aged::parse(&aged().encode().unwrap(), "other").unwrap_err();
        let newer = Aged::parse(&later.encode().unwrap(), "job").unwrap_err();
        let damaged = Aged::parse(b"{", "job").unwrap_err();

        assert!(matches!(foreign, SnapshotError::Foreign { .. }));
        assert_eq!(newer, SnapshotError::newer(AGED, 2, 1));
        assert!(matches!(damaged, SnapshotError::Damaged { .. }));
    }

    #[test]
    fn only_runs_before_the_oldest_that_is_kept_may_be_gone() {
        let link = |key: &str| Link {
            key: key.to_owned(),
            sha256: Digest::of(b""),
        };

        assert!(aged().explains(&link("snapshots/2026-11-20T02-00-00Z-7f3a.json")));
        assert!(!aged().explains(&link("snapshots/2026-11-21T02-00-00Z-7f3a.json")));
        assert!(!aged().explains(&link("snapshots/2026-11-22T02-00-00Z-7f3a.json")));
    }
}
