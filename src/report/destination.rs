//! What a report has of one destination.

use serde::Serialize;

use super::{ChangesNote, Totals};
use crate::model::{BucketName, Timestamp};

/// What became of the objects at one destination.
#[derive(Clone, Debug)]
pub(super) struct DestinationReport {
    pub bucket: BucketName,
    pub totals: Totals,
    /// None until its snapshot is closed.
    pub snapshot: Option<SnapshotNote>,
    /// None if no old state was looked for.
    pub aged: Option<AgedNote>,
}

impl DestinationReport {
    /// Nothing has been counted.
    pub fn begin(bucket: BucketName) -> Self {
        Self {
            bucket,
            totals: Totals::default(),
            snapshot: None,
            aged: None,
        }
    }
}

/// What became of the snapshot of one destination.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SnapshotNote {
    /// The key of its index in the backup bucket; none if the run wrote none.
    pub key: Option<String>,
    /// The SHA-256 of that index: a log of results proves the history, whoever can write to the bucket.
    pub sha256: Option<String>,
    /// Objects in it.
    pub objects: u64,
    /// Segments that it consists of.
    pub segments: u64,
    /// Segments that were written: the others are those of snapshots before.
    pub segments_written: u64,
    /// Segments of which only what changed was written.
    pub segments_changed: u64,
    /// How much had changed since the last one; none if nothing was known before, or if the run wrote none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangesNote>,
    /// What was wrong with the last snapshot, or kept this one from being written, and what follows.
    pub problem: Option<String>,
}

/// What became of old state at one destination.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AgedNote {
    /// What was written before, and is named by no run that is kept, expires; none if that is not known.
    pub before: Option<Timestamp>,
    /// Objects that were tagged since the pass over the state began.
    pub tagged: u64,
    /// Whether the pass has come to its end; otherwise the next run goes on with it.
    pub is_done: bool,
    /// What has stopped it.
    pub problem: Option<String>,
}
