//! Why the body of a small object cannot be used.

use crate::model::SharedError;

/// Why the body of a small object cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the reply has no ETag or no date")]
    Incomplete,
    #[error("the reply does not say how large the object is")]
    NoSize,
    #[error("the body did not come in time")]
    TooSlow,
    #[error(transparent)]
    Broken(SharedError),
    #[error("{came} of {size} bytes came")]
    OtherSize { came: usize, size: u64 },
}
