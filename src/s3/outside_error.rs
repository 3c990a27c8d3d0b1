//! Why another service than S3 was not asked, or has not answered.

use std::error::Error;
use std::time::Duration;

use crate::model::SharedError;

/// Why another service than S3 was not asked, or has not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutsideError {
    /// Nobody gives credentials.
    #[error("there are no credentials")]
    NoCredentials,
    /// Whoever gives credentials has given none.
    #[error("there are no credentials: {0}")]
    Credentials(#[source] SharedError),
    /// The credentials did not come in time.
    #[error("no credentials within {:.1} s", .0.as_secs_f64())]
    CredentialsTooSlow(Duration),
    /// The request has no signature.
    #[error("the request cannot be signed: {0}")]
    Unsigned(#[source] SharedError),
    /// The reply did not come in time.
    #[error("no reply within {:.1} s", .0.as_secs_f64())]
    TooSlow(Duration),
    /// There is no connection, or it broke.
    #[error("{}", innermost(.0))]
    NoReply(#[source] SharedError),
}

impl OutsideError {
    pub(super) fn unsigned(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Unsigned(SharedError::new(error))
    }
}

/// The SDK's own words say only that it was an error of the connection.
fn innermost(error: &SharedError) -> String {
    match error.source() {
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}
