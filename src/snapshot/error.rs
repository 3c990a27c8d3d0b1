//! What can be wrong with a snapshot. None of it stops a run.

use std::error::Error;

use super::damage::{ChainDamage, Damage, EncodeError};
use crate::model::SharedError;

/// A snapshot, or a part of one, that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// An object of it is not there.
    #[error("cannot use the snapshot: {object} is missing")]
    Missing {
        /// Its key below the job's prefix.
        object: String,
    },
    /// An object of it could not be read.
    #[error("cannot use the snapshot: {object} could not be read: {problem}")]
    Unreadable {
        /// Its key below the job's prefix.
        object: String,
        /// Why.
        #[source]
        problem: SharedError,
    },
    /// An object of it is not what was written.
    #[error("cannot use the snapshot: {object} is damaged: {problem}")]
    Damaged {
        /// Its key below the job's prefix.
        object: String,
        /// The problem.
        #[source]
        problem: Damage,
    },
    /// It is of another source or destination.
    #[error("cannot use the snapshot: {object} is of job \"{job}\"")]
    Foreign {
        /// Its key below the job's prefix.
        object: String,
        /// The job that it names.
        job: String,
    },
    /// A later version of the program wrote it.
    #[error(
        "cannot use the snapshot: {object} has format {found}; this version reads up to {known}"
    )]
    NewerFormat {
        /// Its key below the job's prefix.
        object: String,
        /// Its format.
        found: u64,
        /// The last one that this version reads.
        known: u64,
    },
    /// Two indexes do not follow each other.
    #[error("the history of snapshots is broken: {object} {problem}")]
    Unlinked {
        /// The later one.
        object: String,
        /// Why it does not follow the one before it.
        #[source]
        problem: ChainDamage,
    },
    /// An index lies behind the one that is named the last.
    #[error(
        "cannot be sure of the last snapshot: {object} is later than what {} names",
        super::LATEST
    )]
    Later {
        /// The index.
        object: String,
    },
    /// A row came that is not behind the one before it.
    #[error("cannot write the snapshot: key \"{key}\" does not follow \"{last}\"")]
    Disordered {
        /// The key of the row.
        key: String,
        /// The key of the row before it.
        last: String,
    },
    /// It could not be encoded.
    #[error("cannot write the snapshot: {problem}")]
    Unwritable {
        /// Why.
        #[source]
        problem: EncodeError,
    },
}

impl SnapshotError {
    /// An object of a snapshot that is not there.
    pub fn missing(object: &str) -> Self {
        let object = object.to_owned();
        Self::Missing { object }
    }

    /// An object of a snapshot that is not what was written.
    pub fn damaged(object: &str, problem: impl Into<Damage>) -> Self {
        Self::Damaged {
            object: object.to_owned(),
            problem: problem.into(),
        }
    }

    /// An object of a snapshot that could not be read, and the error that says why.
    pub fn unreadable(object: &str, problem: impl Error + Send + Sync + 'static) -> Self {
        Self::Unreadable {
            object: object.to_owned(),
            problem: SharedError::new(problem),
        }
    }

    /// A snapshot, or a part of one, that a library could not write.
    pub(super) fn unwritten(problem: impl Error + Send + Sync + 'static) -> Self {
        let problem = EncodeError::Unwritten(SharedError::new(problem));
        Self::Unwritable { problem }
    }

    pub(super) fn newer(object: &str, found: u64, known: u64) -> Self {
        let object = object.to_owned();
        Self::NewerFormat {
            object,
            found,
            known,
        }
    }

    /// What becomes of the run, and what to do, as a sentence to follow the error.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => {
                "the two listings are compared alone, and a backup copies what they cannot prove; \
                 grant s3:GetObject on .s3-backup/* of the backup bucket, if that is what is missing"
            }
            Self::Missing { .. } | Self::Damaged { .. } => {
                "the two listings are compared alone, and a backup copies what they cannot prove and \
                 writes a new snapshot; look for who else writes or expires objects below .s3-backup/"
            }
            Self::Foreign { .. } => {
                "the two listings are compared alone, and a backup copies what they cannot prove; \
                 give each source its own BACKUP_DESTINATION_PREFIX"
            }
            Self::NewerFormat { .. } => {
                "the two listings are compared alone, and a backup copies what they cannot prove; \
                 update the program"
            }
            Self::Unlinked { .. } => {
                "the backup itself is not touched by it; verify it, and look for who else writes \
                 or expires objects below .s3-backup/"
            }
            Self::Later { .. } => {
                "the run goes by what it names; either that later run was stopped before its snapshot \
                 became the last one, and nothing is lost, or somebody has set snapshots/latest.json back: \
                 look at its earlier versions, and at the sha256 of snapshots in the results of past runs"
            }
            Self::Disordered { .. } | Self::Unwritable { .. } => {
                "the backup itself is whole and the previous snapshot stays valid; run again, and \
                 if it stays, report it with the log"
            }
        }
    }

    /// What to do for whoever reads the history and nothing else, as a sentence to follow the error.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => {
                "grant s3:GetObject on .s3-backup/* of the backup bucket, if that is what is missing; \
                 otherwise try again"
            }
            Self::Missing { .. } | Self::Damaged { .. } | Self::Unlinked { .. } => {
                "the backup itself is not touched by it; look for an earlier version of the object, \
                 which a versioned bucket has, and for who else writes or expires objects below \
                 .s3-backup/"
            }
            Self::Foreign { .. } => "give each source its own BACKUP_DESTINATION_PREFIX",
            Self::NewerFormat { .. } => "update the program",
            Self::Later { .. } => {
                "either that later run was stopped before its snapshot became the last one, and the next \
                 complete run settles it, or somebody has set snapshots/latest.json back: look at its \
                 earlier versions, and at the sha256 of snapshots in the results of past runs"
            }
            Self::Disordered { .. } | Self::Unwritable { .. } => "report it with the log",
        }
    }
}
