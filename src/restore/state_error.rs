//! Why the state of a restore cannot be read or written.

use super::state::RESTORE_FORMAT;
use crate::s3::{Cause, S3Error};

/// Why the state of a restore cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// There is none.
    #[error("there is no restore {id}; `s3-backup restores` lists them")]
    Unknown {
        /// The restore.
        id: String,
    },
    /// It is not what was written.
    #[error("the state of restore {id} is damaged: {object} {problem}; start a new restore")]
    Damaged {
        /// The restore.
        id: String,
        /// What of it.
        object: String,
        /// The problem.
        problem: String,
    },
    /// A later version of the program wrote it.
    #[error(
        "the state of restore {id} has format {found}; this version reads up to {RESTORE_FORMAT}: \
         go on with the version that began it"
    )]
    NewerFormat {
        /// The restore.
        id: String,
        /// Its format.
        found: u64,
    },
    /// A later version of the program wrote the list of what has something left.
    #[error("restore {id} cannot be noted: {problem}")]
    NewerOpen {
        /// The restore.
        id: String,
        /// The problem.
        problem: String,
    },
    /// S3 refused.
    #[error("the state of restore {id}: {error}; {}", error.advice())]
    S3 {
        /// The restore.
        id: String,
        /// Why.
        error: Box<S3Error>,
    },
}

impl StateError {
    /// Why S3 refused, if it did.
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Self::S3 { error, .. } => Some(error.cause),
            Self::Unknown { .. }
            | Self::Damaged { .. }
            | Self::NewerFormat { .. }
            | Self::NewerOpen { .. } => None,
        }
    }
}
