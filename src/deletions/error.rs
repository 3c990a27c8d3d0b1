//! Why a held run is not confirmed.

use crate::model::{BucketName, Key, SharedError};
use crate::s3::S3Error;

/// Why a held run is not confirmed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfirmError {
    /// S3 did not send what was held.
    #[error("what was held cannot be read from bucket {bucket}: {error}; {}", error.advice())]
    Unreadable {
        /// The backup bucket.
        bucket: BucketName,
        /// Why.
        #[source]
        error: S3Error,
    },
    /// Nothing was held.
    #[error("no run of this job was held in bucket {bucket}")]
    NoneHeld {
        /// The backup bucket.
        bucket: BucketName,
    },
    /// What was held cannot be used.
    #[error("{key} of bucket {bucket} {error}")]
    Stored {
        /// Where it is.
        key: Key,
        /// The backup bucket.
        bucket: BucketName,
        /// Why.
        #[source]
        error: HeldRecordError,
    },
    /// Something else was held.
    #[error("{objection} (bucket {bucket})")]
    Other {
        /// In what it differs.
        objection: String,
        /// The backup bucket.
        bucket: BucketName,
    },
    /// S3 did not take that it was used.
    #[error("the confirmation cannot be used up in bucket {bucket}: {error}; {}", error.advice())]
    NotUsedUp {
        /// The backup bucket.
        bucket: BucketName,
        /// Why.
        #[source]
        error: S3Error,
    },
}

/// Why the record of a held run confirms nothing, in words that follow its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeldRecordError {
    /// It is not what was written.
    #[error("is damaged or of a later version")]
    Damaged(#[source] SharedError),
    /// A later version of the program wrote it.
    #[error("is damaged or of a later version")]
    Later,
    /// An earlier version of the program wrote it.
    #[error("is of an earlier version, which did not say which keys were held")]
    Earlier,
}
