//! Why an event of S3 cannot be read.

use crate::model::{Key, SharedError};

/// Wrappings within wrappings that are opened: EventBridge in SNS in SQS are three.
pub(super) const MOST_WRAPPINGS: u32 = 4;

/// Why an event of S3, or a message that should hold one, cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Something is not there.
    #[error("{holder} has no {name}")]
    Missing {
        /// What should have it.
        holder: &'static str,
        /// The field that is missing.
        name: &'static str,
    },
    /// A message that is no JSON.
    #[error("{shown} is no JSON: {error}")]
    NotJson {
        /// Its beginning, quoted.
        shown: String,
        /// Why.
        #[source]
        error: SharedError,
    },
    /// A message that is JSON of another form.
    #[error("{shown} is no event")]
    NotAnEvent {
        /// Its beginning, quoted.
        shown: String,
    },
    /// A message in too many others.
    #[error("it has more than {MOST_WRAPPINGS} wrappings")]
    TooManyWrappings,
    /// The message of SNS is no text.
    #[error("its Message is no text")]
    MessageIsNoText,
    /// It is of something else.
    #[error("it is no event of S3: it has no Records")]
    NotOfS3,
    /// It is something else, for the function that answers events alone.
    #[error("it is none of S3, and this function answers nothing else")]
    NothingElse,
    /// It is of nothing.
    #[error("its Records are empty")]
    NoRecords,
    /// A key that is no text.
    #[error("the key {shown} is not UTF-8 once it is decoded")]
    NotUtf8 {
        /// Its beginning, quoted.
        shown: String,
        /// Why.
        #[source]
        error: std::str::Utf8Error,
    },
    /// A key that S3 has no room for.
    #[error("the key {shown} has {bytes} bytes; S3 allows {most}", most = Key::MOST_BYTES)]
    KeyTooLong {
        /// Its beginning, quoted.
        shown: String,
        /// Its bytes.
        bytes: usize,
    },
}
