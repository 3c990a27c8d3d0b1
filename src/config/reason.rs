//! Why a setting cannot be used.

use std::borrow::Cow;

use super::price_error::PriceError;
use super::shared::Unclean;
use super::variable::{
    DESTINATION_BUCKET, KMS_KEY_ID, MEMORY, SNS_TOPIC_ARN, SOURCE_BUCKET, Variable,
};
use crate::model::{GlobError, InvalidName, Key};

/// Why a setting cannot be used, in words that follow its name and value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigReason {
    /// Nothing can be done without it.
    #[error("is not set: {0}")]
    NotSet(&'static str),
    /// It has the name of a setting of ours and is none.
    #[error(transparent)]
    Unknown(#[from] UnknownVariable),
    /// Its value is no clean text.
    #[error(transparent)]
    Unclean(#[from] Unclean),
    /// Its value is none of those that are allowed.
    #[error("is not allowed; allowed: {0}")]
    NotAllowed(Cow<'static, str>),
    /// No bucket has such a name.
    #[error(transparent)]
    BucketName(#[from] InvalidName),
    /// Another variable says the same.
    #[error("is given twice: {} has one too", SOURCE_BUCKET.name)]
    GivenTwice,
    /// A bucket is named twice in a list of buckets.
    #[error("is named twice")]
    NamedTwice,
    /// No key can begin with it.
    #[error(transparent)]
    Prefix(#[from] PrefixTooLong),
    /// No key of the backup can begin with it.
    #[error("and the source prefix together: {0}")]
    BackupPrefix(#[source] PrefixTooLong),
    /// A placeholder that nothing is put in place of.
    #[error("has an unknown placeholder; allowed: {{source_bucket}}")]
    UnknownPlaceholder,
    /// One of its globs cannot be used, or there are too many.
    #[error(transparent)]
    Globs(#[from] GlobError),
    /// The price table cannot be used.
    #[error(transparent)]
    Prices(#[from] PriceError),
    /// More copies at once than the memory of the function has room for.
    #[error("does not fit into {} = {memory}; allowed: 1 to {most}", MEMORY.name)]
    NoRoom {
        /// The memory, in MiB.
        memory: usize,
        /// Copies at once that it has room for.
        most: usize,
    },
    /// It is no account id.
    #[error("is not an account id: 12 digits")]
    NotAnAccount,
    /// A list names a bucket that is no backup bucket.
    #[error(
        "names bucket {bucket}, which is not in {}; allowed: {known}",
        DESTINATION_BUCKET.name
    )]
    UnknownBucket {
        /// The bucket.
        bucket: String,
        /// The backup buckets.
        known: String,
    },
    /// A list names a bucket twice.
    #[error("names bucket {bucket} twice")]
    BucketTwice {
        /// The bucket.
        bucket: String,
    },
    /// What a list has for one bucket cannot be used.
    #[error("{reason} (bucket {bucket})")]
    OfBucket {
        /// The bucket.
        bucket: String,
        /// Why.
        #[source]
        reason: Box<ConfigReason>,
    },
    /// A list of accounts leaves a bucket out.
    #[error("names no account for bucket {bucket}; add {bucket}=ACCOUNT")]
    NoAccount {
        /// The bucket.
        bucket: String,
    },
    /// A KMS key for an encryption that has none.
    #[error(
        "is AES256 for bucket {bucket}, and {} names a key for it; take one of them away",
        KMS_KEY_ID.name
    )]
    KeyWithoutKms {
        /// The bucket.
        bucket: String,
    },
    /// It is no topic.
    #[error("is not the ARN of a topic: arn:aws:sns:REGION:ACCOUNT:NAME")]
    NotATopic,
    /// It is a topic that sends no mail.
    #[error("is a FIFO topic; allowed: a standard topic")]
    FifoTopic,
    /// Messages are asked for, and there is no topic.
    #[error("needs a topic: set {}, or unset this", SNS_TOPIC_ARN.name)]
    NeedsTopic,
    /// It is no address of a monitor.
    #[error(transparent)]
    Heartbeat(#[from] HeartbeatReason),
}

impl ConfigReason {
    pub(super) fn not_allowed(allowed: impl Into<Cow<'static, str>>) -> Self {
        Self::NotAllowed(allowed.into())
    }
}

/// The mistake in a variable that looks like one of ours and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownVariable {
    /// Another tool's name for the backup bucket.
    #[error("is unknown: unset it, and name the bucket in {}", DESTINATION_BUCKET.name)]
    Bucket,
    /// A misspelt one.
    #[error("is unknown; did you mean {}?", near.name)]
    Near {
        /// The one that is probably meant.
        near: &'static Variable,
    },
    /// One that is like no other.
    #[error("is unknown; known: {known}")]
    Other {
        /// All that are known.
        known: String,
    },
}

/// More bytes than the longest key has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "has {bytes} bytes of keys; allowed: at most {}, as long as S3's keys are",
    Key::MOST_BYTES
)]
pub struct PrefixTooLong {
    /// Its bytes.
    pub bytes: usize,
}

/// Why an address is none of a monitor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeartbeatReason {
    /// It is not encrypted, or no address.
    #[error("does not begin with https://")]
    NotHttps,
    /// It is too long.
    #[error("is longer than {most} bytes, which no monitor needs")]
    TooLong {
        /// The most bytes.
        most: usize,
    },
    /// A character in it is not allowed.
    #[error(
        "has a character that is not allowed in it: a blank, \\, # or @, or one that is not ASCII"
    )]
    Character,
    /// The host or the port is wrong.
    #[error("has no host, or a port that is no number")]
    NoHost,
    /// The host is one of a private network, or this machine.
    #[error("names {host:?}, which is not on the internet; allowed: a public host name or address")]
    Private {
        /// The host.
        host: String,
    },
}
