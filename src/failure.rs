//! What went wrong with one object or bucket, for people. It is a part of results, of logs and of messages.

use crate::model::Key;
use crate::s3::S3Error;

/// What went wrong with one object, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The object's key; none for a listing.
    pub key: Option<Key>,
    /// The call that failed, by S3's name.
    pub operation: &'static str,
    /// S3's error code.
    pub code: Option<String>,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub advice: String,
    /// The id by which AWS support finds the request.
    pub request_id: Option<String>,
}

impl From<S3Error> for Failure {
    fn from(error: S3Error) -> Self {
        Self {
            operation: error.operation.name(),
            message: error.to_string(),
            advice: error.advice(),
            key: error.key,
            code: error.reply.code,
            request_id: error.reply.request_id,
        }
    }
}
