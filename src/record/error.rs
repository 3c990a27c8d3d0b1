//! Why there is no snapshot of a run.

use crate::model::{Key, SharedError};
use crate::s3::S3Error;
use crate::snapshot::{IndexDamage, SnapshotError};

/// Why there is no snapshot of a run. The backup itself is not touched by it, and the next run writes one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// S3 did not take an object of it, or did not send what the run has recorded so far: grant the role what it
    /// needs below `.s3-backup/`, if that is what is missing.
    #[error(transparent)]
    S3(#[from] S3Error),
    /// A segment or the index could not be made: report it with the log.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The record could not be made: report it with the log.
    #[error("{0}")]
    Unwritten(#[source] SharedError),
    /// The record or the index is larger than what is read: there are more objects than a snapshot can have.
    #[error("{object} would have {bytes} bytes, more than {most}")]
    TooLarge {
        /// Its key below the job's prefix.
        object: String,
        /// How many bytes it would have.
        bytes: usize,
        /// How many are read.
        most: u64,
    },
    /// Nobody knows all keys: the error of the listing says what to do.
    #[error("a listing broke off")]
    ListingBroken,
    /// An earlier version of the program has left the cursor, or somebody has changed it.
    #[error("the cursor does not name the record of the run so far")]
    Unnamed,
    /// The record of the run so far is gone: look for who else expires objects below `.s3-backup/`.
    #[error("{object} is missing")]
    Missing {
        /// Its key below the job's prefix.
        object: String,
    },
    /// The record of the run so far is damaged: look for who else writes objects below `.s3-backup/`.
    #[error("{object}: {error}")]
    NotJson {
        /// Its key below the job's prefix.
        object: String,
        /// Why.
        #[source]
        error: SharedError,
    },
    /// The record of the run so far cannot be gone on with.
    #[error("{object} {problem}")]
    Unusable {
        /// Its key below the job's prefix.
        object: String,
        /// Why.
        #[source]
        problem: PartError,
    },
    /// Keys are in two records: a cursor was used twice.
    #[error("keys from {key} on were recorded twice")]
    RecordedTwice {
        /// The first of them.
        key: Key,
    },
    /// Another run was faster.
    #[error("run {run_id} has written a snapshot since")]
    Overtaken {
        /// The other run.
        run_id: String,
    },
    /// The same of a distributed run.
    #[error("another run has written a snapshot since the run began")]
    OvertakenPiece,
}

impl RecordError {
    /// JSON that could not be made.
    pub(super) fn unwritten(error: serde_json::Error) -> Self {
        Self::Unwritten(SharedError::new(error))
    }
}

/// Why the record of a run cannot be gone on with, in words that follow its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// Somebody has changed it, or the cursor is of another run.
    #[error("is not what was written")]
    OtherBytes,
    /// Another version of the program wrote it.
    #[error("has format {format}")]
    OtherFormat {
        /// Its format.
        format: u64,
    },
    /// Its segments contradict themselves.
    #[error(transparent)]
    Segments(#[from] IndexDamage),
    /// It is of another source or destination.
    #[error("is of job {job}")]
    Foreign {
        /// The job that it names.
        job: String,
    },
    /// The cursor was used twice, or somebody has changed it.
    #[error("has left other keys than this run was asked for")]
    OtherKeys,
}
