//! Why no state of a job ages out.

use crate::open_restores::OpenRestoresError;
use crate::s3::S3Error;
use crate::snapshot::SnapshotError;

/// The most names that are kept in mind, of eight bytes each: the state of four billion objects. More are there only
/// if something is wrong.
pub(super) const MOST_NAMES: usize = 1_000_000;

/// Why no state of a job ages out, or no more of it.
#[derive(Debug, thiserror::Error)]
pub enum AgeingError {
    /// S3 refused.
    #[error("{error}; {}", error.advice())]
    S3 {
        /// Why.
        #[source]
        error: S3Error,
    },
    /// An index, or the note of the last pass, cannot be used.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Nothing says which runs are kept.
    #[error("there is no last snapshot")]
    NoSnapshot,
    /// Nobody knows when an index was written.
    #[error("{key} is not listed")]
    Unlisted {
        /// The index.
        key: String,
    },
    /// More names than there is memory for.
    #[error("the indexes that are kept name more than {MOST_NAMES} objects")]
    TooManyNames,
    /// The list of open restores cannot be used.
    #[error(transparent)]
    OpenRestores(#[from] OpenRestoresError),
    /// The lifecycle rules of the bucket cannot be read.
    #[error("{0}")]
    Lifecycle(String),
}

impl From<S3Error> for AgeingError {
    fn from(error: S3Error) -> Self {
        Self::S3 { error }
    }
}
