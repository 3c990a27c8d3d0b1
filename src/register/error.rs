//! Why the register of a backup bucket cannot be used.

use crate::model::{BucketName, Job, SharedError, StoredError};
use crate::s3::S3Error;

/// Why the register of a backup bucket cannot be used, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the register of jobs, {} of bucket {bucket}, {reason}; {}",
    Job::register_key(),
    reason.advice()
)]
pub struct RegisterError {
    /// The backup bucket.
    pub bucket: BucketName,
    /// Why.
    #[source]
    pub reason: RegisterReason,
}

/// Why a register cannot be used, in words that follow its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterReason {
    /// S3 took too long to send it.
    #[error("was not read in time")]
    ReadTooSlow,
    /// S3 did not send it.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] S3Error),
    /// Somebody has put something else there.
    #[error("is damaged: it has {bytes} bytes")]
    TooLarge {
        /// Its bytes.
        bytes: u64,
    },
    /// It is damaged, or of another version.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// One more job would make it too large.
    #[error("has no room for another job")]
    NoRoom,
    /// It could not be made.
    #[error("cannot be written: {0}")]
    Unmade(#[source] SharedError),
    /// S3 took too long to take it.
    #[error("was not written in time")]
    WriteTooSlow,
    /// S3 did not take it.
    #[error("cannot be written: {0}")]
    Unwritable(#[source] S3Error),
}

impl RegisterReason {
    fn advice(&self) -> String {
        match self {
            Self::ReadTooSlow => "the next run reads it again".to_owned(),
            Self::Unreadable(error) | Self::Unwritable(error) => error.advice(),
            Self::TooLarge { .. } | Self::Stored(_) => {
                "restore an earlier version of it, or delete it: each job registers again in its next run".to_owned()
            }
            Self::NoRoom => "remove the entries of jobs that are retired".to_owned(),
            Self::Unmade(_) | Self::WriteTooSlow => "the next run registers the job".to_owned(),
        }
    }
}
