//! The value of a flag that is not allowed.

/// The value of a flag that is not allowed. The parser of the arguments names both before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("allowed: {0}")]
pub struct NotAllowed(pub &'static str);
