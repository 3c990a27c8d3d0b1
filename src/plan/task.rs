//! The work of a run on each key: a task is one of four, and a new one makes the compiler ask what follows from it.

use crate::config::MaxDeletions;
use crate::model::SampleShare;
use crate::request::Intent;

/// What a run does with each key.
#[derive(Clone, Debug)]
pub enum Task {
    /// It copies what is new or changed, and then marks what is gone, if deletions are marked.
    Backup(Option<Marking>),
    /// It tells what a backup would do.
    Preview {
        /// With reasons, storage and prices: a plan. Otherwise a dry run.
        in_detail: bool,
        /// How that backup would mark deletions.
        marking: Option<Marking>,
    },
    /// It compares each backup with its object.
    Verify(Check),
    /// It marks what an earlier invocation of the run has counted.
    MarkDeletions(Marking),
}

impl Task {
    /// Whether it writes to the destinations, and so takes their leases.
    pub fn writes(&self) -> bool {
        match self {
            Self::Backup(_) | Self::MarkDeletions(_) => true,
            Self::Verify(check) => check.repair,
            Self::Preview { .. } => false,
        }
    }

    /// Whether it writes snapshots, if it looks at all that is configured. The snapshot of a run that only
    /// marks was written before the run was stopped. A verification compares and does not decide as a run
    /// does: what it repairs, the next run records.
    pub(super) fn is_recorded(&self) -> bool {
        match self {
            Self::Backup(_) => true,
            Self::Preview { .. } | Self::Verify(_) | Self::MarkDeletions(_) => false,
        }
    }

    /// The treatment of objects that have no current backup.
    pub fn intent(&self) -> Intent {
        match self {
            Self::Backup(_) | Self::MarkDeletions(_) => Intent::Copy,
            Self::Verify(check) if check.repair => Intent::Copy,
            Self::Preview {
                in_detail: true, ..
            } => Intent::Plan,
            Self::Verify(_)
            | Self::Preview {
                in_detail: false, ..
            } => Intent::DryRun,
        }
    }

    /// What a verification looks at.
    pub fn check(&self) -> Option<Check> {
        match self {
            Self::Verify(check) => Some(*check),
            Self::Backup(_) | Self::Preview { .. } | Self::MarkDeletions(_) => None,
        }
    }

    /// How deletions are marked, or would be; none to keep what is gone.
    pub fn marking(&self) -> Option<&Marking> {
        match self {
            Self::Backup(marking) | Self::Preview { marking, .. } => marking.as_ref(),
            Self::MarkDeletions(marking) => Some(marking),
            Self::Verify(_) => None,
        }
    }

    /// The same, to be changed.
    pub fn marking_mut(&mut self) -> Option<&mut Marking> {
        match self {
            Self::Backup(marking) | Self::Preview { marking, .. } => marking.as_mut(),
            Self::MarkDeletions(marking) => Some(marking),
            Self::Verify(_) => None,
        }
    }

    /// Where it begins.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Backup(_) | Self::Preview { .. } | Self::Verify(_) => Stage::Copy,
            Self::MarkDeletions(_) => Stage::Mark,
        }
    }

    /// The same without deletions, which stay as they are.
    #[must_use]
    pub(super) fn without_marking(self) -> Self {
        match self {
            Self::Backup(_) => Self::Backup(None),
            Self::Preview { in_detail, .. } => Self::Preview {
                in_detail,
                marking: None,
            },
            Self::Verify(_) | Self::MarkDeletions(_) => self,
        }
    }

    /// The second half of the same run, where it has one.
    #[must_use]
    pub fn into_marking(self) -> Self {
        match self {
            Self::Backup(Some(marking)) => Self::MarkDeletions(marking),
            Self::Backup(None)
            | Self::Preview { .. }
            | Self::Verify(_)
            | Self::MarkDeletions(_) => self,
        }
    }
}

/// How deletions are marked.
#[derive(Clone, Debug)]
pub struct Marking {
    /// How many need no confirmation.
    pub limits: MaxDeletions,
    /// The run that was held and is confirmed.
    pub confirm: Option<String>,
    /// Why nothing may be marked although it was asked for.
    pub postponed: Option<String>,
}

/// The two parts of a run that marks deletions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// New and changed objects are copied, and those that are gone are counted.
    Copy,
    /// Backups of objects that are gone are marked.
    Mark,
}

/// What a verification looks at, and what it does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which objects are looked at one by one; none if only listings are compared.
    pub deep: Option<SampleShare>,
    /// Whether what is missing or different is copied.
    pub repair: bool,
}
