//! The runs of a job, as scripts read them.

use serde::Serialize;

use crate::model::Timestamp;
use crate::snapshot::{Index, SnapshotError};

/// What `runs` lists.
#[derive(Debug, Serialize)]
pub struct Runs {
    /// The source, with its prefix.
    pub source: String,
    /// One for each.
    pub destinations: Vec<DestinationRuns>,
}

/// The runs of one destination.
#[derive(Debug, Serialize)]
pub struct DestinationRuns {
    /// Its bucket, with its prefix.
    pub bucket: String,
    /// The name of the job in the state below `.s3-backup/`.
    pub job: String,
    /// The last one first.
    pub runs: Vec<RunRow>,
    /// Whether there are earlier ones that were not asked for.
    pub more: bool,
    /// Older ones have aged out: what was written before that time may be gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aged_out_before: Option<Timestamp>,
    /// Why earlier or later ones are missing.
    pub problem: Option<HistoryProblem>,
    /// Whether the problem is where the runs end.
    #[serde(skip)]
    pub is_broken: bool,
}

/// A run, by its snapshot.
#[derive(Debug, Serialize)]
pub struct RunRow {
    /// Its run id.
    #[serde(rename = "run_id")]
    pub id: String,
    /// How it ended.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When its snapshot was written.
    pub ended_at: Timestamp,
    /// Objects in its snapshot.
    pub objects: u64,
    /// Their size.
    pub bytes: u64,
    /// Objects that it copied.
    pub copied: u64,
    /// Objects that it could not back up.
    pub errors: u64,
    /// Files of its snapshot.
    pub segments: usize,
}

/// Why the runs end where they do, and what to do about it.
#[derive(Debug, Serialize)]
pub struct HistoryProblem {
    /// The error.
    pub message: String,
    /// What to do about it.
    pub advice: &'static str,
}

/// How a run ended, as far as its snapshot tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Everything that should have been in the backup was.
    Complete,
    /// Some objects could not be backed up.
    Incomplete,
    /// It was the last run that was held, and nobody has confirmed it.
    Held,
}

impl RunStatus {
    /// The status of the run of a snapshot.
    pub fn of(index: &Index, held: Option<&str>) -> Self {
        let is_held = held == Some(&*index.run_id);
        match index.totals.errors {
            0 if is_held => Self::Held,
            0 => Self::Complete,
            _ => Self::Incomplete,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Held => "held",
        }
    }
}

impl RunRow {
    /// The row of a run; `held` is the id of the one that waits for a confirmation.
    pub fn of(index: &Index, held: Option<&str>) -> Self {
        Self {
            status: RunStatus::of(index, held),
            id: index.run_id.clone(),
            started_at: index.started_at,
            ended_at: index.ended_at,
            objects: index.totals.objects,
            bytes: index.totals.bytes,
            copied: index.totals.copied,
            errors: index.totals.errors,
            segments: index.segments.len(),
        }
    }
}

impl From<SnapshotError> for HistoryProblem {
    fn from(error: SnapshotError) -> Self {
        Self {
            message: error.to_string(),
            advice: error.remedy(),
        }
    }
}
