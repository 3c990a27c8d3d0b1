//! Segments in JSON: a file of changes is listed once, and each segment names its rows of it by its number.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::damage::IndexDamage;
use super::entry::{ChangesEntry, SegmentChanges};
use super::{Digest, Index, Link, Past, SegmentEntry, Totals};
use crate::model::{Key, Timestamp};

/// An index in JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredIndex {
    format: u64,
    job: String,
    source: String,
    destination: String,
    run_id: String,
    started_at: Timestamp,
    ended_at: Timestamp,
    totals: Totals,
    segments: Vec<StoredSegment>,
    #[serde(default)]
    orphans: Vec<StoredSegment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes_files: Vec<StoredFile>,
    previous: Option<Link>,
    #[serde(default, skip_serializing_if = "Past::is_empty")]
    past: Past,
}

/// A segment in JSON: its own key stands first, for people and scripts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredSegment {
    key: String,
    first_key: Key,
    last_key: Key,
    rows: u64,
    object_bytes: u64,
    bytes: u64,
    sha256: Digest,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<StoredChanges>,
}

/// The changes of a segment in JSON.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct StoredChanges {
    /// The number of the file in the list, counted from 0.
    file: usize,
    from: u64,
    rows: u64,
}

/// A file of changes in JSON: its own key stands first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredFile {
    key: String,
    bytes: u64,
    sha256: Digest,
}

/// Files of changes, as they are named one after the other.
#[derive(Debug, Default)]
pub struct StoredFiles {
    numbers: HashMap<Digest, usize>,
    files: Vec<StoredFile>,
}

impl StoredFiles {
    /// Segments, which name these files by their numbers; those that no segment before has named are added.
    pub fn store(&mut self, segments: Vec<SegmentEntry>) -> Vec<StoredSegment> {
        let stored = segments.into_iter().map(|segment| self.stored(segment));
        stored.collect()
    }

    fn stored(&mut self, segment: SegmentEntry) -> StoredSegment {
        let key = segment.key();
        let changes = segment.changes.into_iter().map(|changes| StoredChanges {
            file: self.number(changes.file),
            from: changes.from,
            rows: changes.rows,
        });
        StoredSegment {
            key,
            first_key: segment.first_key,
            last_key: segment.last_key,
            rows: segment.rows,
            object_bytes: segment.object_bytes,
            bytes: segment.bytes,
            sha256: segment.sha256,
            changes: changes.collect(),
        }
    }

    fn number(&mut self, file: ChangesEntry) -> usize {
        *self.numbers.entry(file.sha256).or_insert_with(|| {
            self.files.push(StoredFile {
                key: file.key(),
                bytes: file.bytes,
                sha256: file.sha256,
            });
            self.files.len() - 1
        })
    }

    /// The list of files.
    pub fn into_list(self) -> Vec<StoredFile> {
        self.files
    }
}

/// The segments that were stored beside a list of files.
///
/// # Errors
/// What contradicts itself.
pub fn restored<const LISTS: usize>(
    lists: [Vec<StoredSegment>; LISTS],
    files: &[StoredFile],
) -> Result<[Vec<SegmentEntry>; LISTS], IndexDamage> {
    let files = files.iter().map(entry_of);
    let files: Vec<ChangesEntry> = files.collect::<Result<_, _>>()?;
    let mut restored = [const { Vec::new() }; LISTS];
    for (list, stored) in restored.iter_mut().zip(lists) {
        let segments = stored.into_iter().map(|stored| segment(stored, &files));
        *list = segments.collect::<Result<_, _>>()?;
    }
    Ok(restored)
}

fn segment(stored: StoredSegment, files: &[ChangesEntry]) -> Result<SegmentEntry, IndexDamage> {
    let changes = stored.changes.into_iter().map(|changes| {
        let file = files.get(changes.file);
        let file = file.ok_or(IndexDamage::UnlistedFile)?;
        Ok(SegmentChanges {
            file: *file,
            from: changes.from,
            rows: changes.rows,
        })
    });
    let entry = SegmentEntry {
        first_key: stored.first_key,
        last_key: stored.last_key,
        rows: stored.rows,
        object_bytes: stored.object_bytes,
        bytes: stored.bytes,
        sha256: stored.sha256,
        changes: changes.collect::<Result<_, IndexDamage>>()?,
    };
    if stored.key != entry.key() {
        return Err(IndexDamage::MisnamedSegment { key: stored.key });
    }
    Ok(entry)
}

fn entry_of(stored: &StoredFile) -> Result<ChangesEntry, IndexDamage> {
    let file = ChangesEntry {
        bytes: stored.bytes,
        sha256: stored.sha256,
    };
    if stored.key != file.key() {
        let key = stored.key.clone();
        return Err(IndexDamage::MisnamedFile { key });
    }
    Ok(file)
}

impl From<Index> for StoredIndex {
    fn from(index: Index) -> Self {
        let mut files = StoredFiles::default();
        Self {
            format: index.format,
            job: index.job,
            source: index.source,
            destination: index.destination,
            run_id: index.run_id,
            started_at: index.started_at,
            ended_at: index.ended_at,
            totals: index.totals,
            segments: files.store(index.segments),
            orphans: files.store(index.orphans),
            changes_files: files.into_list(),
            previous: index.previous,
            past: index.past,
        }
    }
}

impl TryFrom<StoredIndex> for Index {
    type Error = IndexDamage;

    fn try_from(stored: StoredIndex) -> Result<Self, Self::Error> {
        let lists = [stored.segments, stored.orphans];
        let [segments, orphans] = restored(lists, &stored.changes_files)?;
        Ok(Self {
            format: stored.format,
            job: stored.job,
            source: stored.source,
            destination: stored.destination,
            run_id: stored.run_id,
            started_at: stored.started_at,
            ended_at: stored.ended_at,
            totals: stored.totals,
            segments,
            orphans,
            previous: stored.previous,
            past: stored.past,
        })
    }
}
