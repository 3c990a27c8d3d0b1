//! What a restore leaves in the backup bucket, so that any later call can go on with it.
//!
//! Below `.s3-backup/{job}/restores/{id}/` lie the request, which never changes; the plan in parts, each
//! proven by its digest; the progress, which is written over under a condition; and what became of the rows
//! of each part. A plan of few rows has all of it in one object.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::drill::DrillRecord;
use super::figures::Figures;
use super::rows::DoneRow;
use super::tally::Tally;
use crate::model::{ETag, Key, Timestamp};
use crate::snapshot::Digest;

/// The format of a restore whose parts are objects of their own.
pub const IN_PARTS: u64 = 1;
/// The format of a restore that lies whole in one object.
pub const IN_ONE: u64 = 2;
/// The last format that this version reads.
pub const RESTORE_FORMAT: u64 = IN_ONE;

/// What was asked for, and of which state of the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// [`IN_PARTS`] or [`IN_ONE`].
    pub format: u64,
    /// The restore.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// The restore that it undoes.
    pub undoes: Option<String>,
    /// The function, or the process on a machine, that began it.
    pub asked_by: String,
    /// When it was begun.
    pub started_at: Timestamp,
    /// The payload.
    pub request: Map<String, Value>,
    /// The state of the backup; none for an undo or for one version.
    pub point: Option<PointRecord>,
    /// Where to.
    pub target: TargetRecord,
    /// What was drawn, if it is a drill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<DrillRecord>,
}

/// What a restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It brings objects back from the backup.
    Restore,
    /// It brings back what stood before another one.
    Undo,
}

/// The snapshot that is restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointRecord {
    /// Its run.
    pub run_id: String,
    /// When that ended.
    pub ended_at: Timestamp,
}

/// Where a restore writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// The bucket.
    pub bucket: String,
    /// What stands before each key.
    pub prefix: String,
    /// What each key of the source loses for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub strip_prefix: String,
    /// Whether it is the source, and keys stay what they are.
    pub in_place: bool,
}

/// How far a restore has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// As that of the request.
    pub format: u64,
    /// The next step.
    pub stage: Stage,
    /// The last key of the point, or the number of the part of the restore that is undone, that the plan goes
    /// up to.
    pub planned_to: Option<Key>,
    /// What the plan says.
    pub figures: Figures,
    /// What became of what was seen while it was planned.
    pub planned: Tally,
    /// The parts of the plan.
    pub parts: Vec<Part>,
    /// When the last archived version that is waited for can be read.
    pub ready_at: Option<Timestamp>,
    /// The restore that undoes this one.
    pub undone_by: Option<String>,
    /// When the plan was ready, by S3's clock.
    pub planned_at: Option<Timestamp>,
    /// When this was written.
    pub updated_at: Timestamp,
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The rest of the plan.
    Planning,
    /// Nothing before it is confirmed.
    Held,
    /// The rest of the plan is carried out.
    Running,
    /// Archived versions are waited for.
    Waiting,
    /// Nothing: all of it is done.
    Complete,
    /// What failed can be tried again.
    Incomplete,
    /// Nothing: it was cancelled.
    Cancelled,
}

impl Stage {
    /// Its name, as `restores` and messages show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Held => "held",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether a schedule goes on with it. What failed is left to people: it would fail again.
    pub fn is_open(self) -> bool {
        match self {
            Self::Planning | Self::Running | Self::Waiting => true,
            Self::Held | Self::Complete | Self::Incomplete | Self::Cancelled => false,
        }
    }
}

/// A part of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its rows.
    pub rows: usize,
    /// The digest of its bytes.
    pub sha256: Digest,
    /// Rows that are not settled.
    pub left: usize,
    /// What became of its rows.
    pub tally: Tally,
}

impl Progress {
    /// The progress of a restore that begins.
    pub fn begin(now: Timestamp) -> Self {
        Self {
            format: IN_PARTS,
            stage: Stage::Planning,
            planned_to: None,
            figures: Figures::default(),
            planned: Tally::default(),
            parts: Vec::new(),
            ready_at: None,
            undone_by: None,
            planned_at: None,
            updated_at: now,
        }
    }

    /// What became of everything so far.
    pub fn tally(&self) -> Tally {
        let parts = self.parts.iter().map(|part| part.tally);
        parts.fold(self.planned, Tally::plus)
    }

    /// Rows that are not settled.
    pub fn left(&self) -> usize {
        self.parts.iter().map(|part| part.left).sum()
    }
}

/// Progress as it was read or written last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What it says.
    pub progress: Progress,
    /// What has to be there for it to be written over; empty if nothing was written yet.
    pub(super) etag: ETag,
    /// When S3 answered.
    pub at: Timestamp,
    /// What lies beside it in the same object; none if all of it are objects of their own.
    pub(super) beside: Option<Box<Beside>>,
}

/// What lies beside the progress of a restore that is whole in one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// What was asked for.
    pub request: RequestRecord,
    /// The rows of the plan, word for word.
    pub plan: Value,
    /// What became of them, in the order of the plan.
    pub done: Vec<DoneRow>,
}

impl Held {
    /// The progress of a restore that has written nothing yet.
    pub fn unwritten(progress: Progress, at: Timestamp) -> Self {
        Self {
            progress,
            etag: ETag::new(""),
            at,
            beside: None,
        }
    }

    /// Whether it lies in the backup bucket.
    pub fn is_written(&self) -> bool {
        !self.etag.as_str().is_empty()
    }

    /// Whether all of the restore is in one object.
    pub fn is_in_one(&self) -> bool {
        self.beside.is_some()
    }

    /// Takes note of what became of rows, where that lies in the same object.
    pub fn note(&mut self, rows: Vec<DoneRow>) {
        if let Some(beside) = &mut self.beside {
            beside.note(rows);
        }
    }
}

impl Beside {
    /// Takes note of what became of rows. What was known of them before is replaced.
    fn note(&mut self, rows: Vec<DoneRow>) {
        for done in rows {
            let at = self.done.partition_point(|known| known.row < done.row);
            match self.done.get_mut(at) {
                Some(known) if known.row == done.row => *known = done,
                _ => self.done.insert(at, done),
            }
        }
    }
}
