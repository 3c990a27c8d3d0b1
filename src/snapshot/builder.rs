//! Rows in the order of their keys in, segments out; those of the last snapshot again where nothing
//! changed, and with one more change where little did.
//!
//! Where a segment ends is told by the keys alone: behind a key whose hash is small. A key that comes or
//! goes moves no other end, and it does not matter where a run cut its ranges, but at their edges. So
//! the segments of two snapshots differ only around what differs.

use std::collections::VecDeque;
use std::mem;

use bytes::Bytes;
use twox_hash::XxHash64;

use super::changes::Changes;
use super::draft::DraftEnd;
use super::entry::{SegmentChanges, SegmentEntry};
use super::open_segment::OpenSegment;
use super::row::RowRef;
use super::writer::Writer;
use super::{SegmentRow, SnapshotError};
use crate::model::Key;

/// The rows between two marks, on average: some 250 KB, of which a run holds one for each range of keys
/// that it lists side by side. With fewer an index would be long; with more a change would write much
/// that did not change.
const ROWS_BETWEEN_MARKS: u64 = 1 << 12;
/// The most rows of a segment. Where there is no mark for longer, as in one of seven, ends are counted
/// from the last one, and move with each key that comes or goes, up to the next mark.
const MOST_ROWS: u64 = 2 * ROWS_BETWEEN_MARKS;
/// A segment of long keys ends sooner, here, so that memory is bounded whatever the keys.
const MOST_BYTES: usize = 2 << 20;
/// A file of changes ends with the segment that brings it to so many rows.
const ROWS_OF_FILE: u64 = 1 << 10;
/// The same in bytes, as they are in memory.
const BYTES_OF_FILE: usize = 1 << 20;

/// So many segments that have ended wait for late rows, each with its stored bytes.
const MOST_WAITING: usize = 4;

/// A snapshot with fewer objects has no changes, so that earlier versions of the program can read it, too.
pub const FEWEST_ROWS_WITH_CHANGES: u64 = 1 << 16;

/// Segments of the snapshot that is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SegmentOutput {
    /// A segment of the last snapshot, as it is. Nothing was encoded, and nothing is to be stored.
    Reused(SegmentEntry),
    /// A new one: to be stored under the entry's key, before the index that names it.
    Written(SegmentEntry, Bytes),
    /// Segments of the last snapshot with one more change, and the file that has these changes: to be stored under
    /// the key that they name, before the index.
    Changed(Vec<SegmentEntry>, Bytes),
}

impl SegmentOutput {
    /// What the index says of them.
    pub fn entries(&self) -> &[SegmentEntry] {
        match self {
            Self::Reused(entry) | Self::Written(entry, _) => std::slice::from_ref(entry),
            Self::Changed(entries, _) => entries,
        }
    }

    /// The bytes to store, and their key below the job's prefix; none where nothing is to be stored.
    pub fn into_stored(self) -> Option<(String, Bytes)> {
        match self {
            Self::Reused(_) => None,
            Self::Written(entry, bytes) => Some((entry.key(), bytes)),
            Self::Changed(entries, bytes) => {
                let changes = entries.first()?.changes.last()?;
                Some((changes.file.key(), bytes))
            }
        }
    }
}

/// Makes segments of rows. It holds at most one segment, encoded or of the last snapshot with what differs from
/// it, some that wait for late rows, one row group, and the file of changes in the making.
pub struct Builder {
    cut: Cut,
    has_changes: bool,
    open: OpenSegment,
    /// Segments that have ended but for rows that come late, the oldest first.
    waiting: VecDeque<OpenSegment>,
    /// The last key; empty before the first one, as no key is.
    last: String,
    file: Option<File>,
}

/// Where segments end.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    pub rows_between_marks: u64,
    pub most_rows: u64,
    pub most_bytes: usize,
    /// Where a file of changes ends.
    pub rows_of_file: u64,
}

/// A file of changes in the making.
struct File {
    writer: Writer,
    weight: usize,
    /// Its segments, with the numbers of their rows.
    segments: Vec<(SegmentEntry, u64, u64)>,
}

impl Default for Builder {
    /// One that writes each segment anew in which something changed.
    fn default() -> Self {
        Self::with(Cut::USUAL)
    }
}

impl Builder {
    /// One that goes on from a snapshot with so many objects, and writes changes if those are not fewer than that.
    pub fn beside(objects: u64, fewest: u64) -> Self {
        Self {
            has_changes: objects >= fewest.max(1),
            ..Self::default()
        }
    }

    #[cfg(test)]
    pub(super) fn changing(self, has_changes: bool) -> Self {
        Self {
            has_changes,
            ..self
        }
    }

    pub(super) fn with(cut: Cut) -> Self {
        Self {
            cut,
            has_changes: false,
            open: OpenSegment::default(),
            waiting: VecDeque::new(),
            last: String::new(),
            file: None,
        }
    }

    /// Adds a row of the last snapshot that is still true, in all of its columns. As long as all rows of
    /// a segment are, nothing is encoded. Rows of a segment that are passed over are gone.
    ///
    /// # Errors
    /// When its key is not behind the last one, or the last snapshot cannot be read again.
    pub fn keep(&mut self, stored: &SegmentRow) -> Result<Vec<SegmentOutput>, SnapshotError> {
        let row = stored.row();
        self.follow(row.key)?;
        let mut finished = self.make_room(Some(stored))?;
        self.open.draft.keep(stored, row, self.most_set())?;
        finished.extend(self.end_behind(row)?);
        Ok(finished)
    }

    /// Adds a row that is new, or differs from the one of the last snapshot.
    ///
    /// # Errors
    /// When its key is not behind the last one, or the last snapshot cannot be read again.
    pub fn push(&mut self, row: RowRef<'_>) -> Result<Vec<SegmentOutput>, SnapshotError> {
        self.follow(row.key)?;
        let mut finished = self.make_room(None)?;
        self.open.draft.push(row, self.most_set())?;
        finished.extend(self.end_behind(row)?);
        Ok(finished)
    }

    /// Goes on behind rows that come late. Their segment waits for them; if it cannot, it ends here.
    ///
    /// # Errors
    /// When a segment cannot be encoded.
    pub fn leave_gap(&mut self, gap: u64) -> Result<Vec<SegmentOutput>, SnapshotError> {
        if self.has_changes && self.open.leave_gap(gap, &self.last) {
            return Ok(Vec::new());
        }
        let open = self.take_open();
        self.end(open)
    }

    /// Adds a row that belongs to a gap. Not if no segment waits for it: then it is one of its own.
    pub fn fill_gap(&mut self, gap: u64, row: RowRef<'_>) -> bool {
        let mut open = self.waiting.iter_mut().chain([&mut self.open]);
        open.any(|segment| segment.fill_gap(gap, row))
    }

    /// Ends a gap: all of its rows have come. Segments that have waited for nothing else end.
    ///
    /// # Errors
    /// When one cannot be encoded.
    pub fn end_gap(&mut self, gap: u64) -> Result<Vec<SegmentOutput>, SnapshotError> {
        self.open.end_gap(gap);
        let mut finished = Vec::new();
        for mut segment in mem::take(&mut self.waiting) {
            segment.end_gap(gap);
            if segment.waits() {
                self.waiting.push_back(segment);
            } else {
                finished.extend(self.end(segment)?);
            }
        }
        Ok(finished)
    }

    /// Ends the last segments, at the end of a range of keys, and the file of changes. Those that still wait for late
    /// rows are cut where they belong.
    ///
    /// # Errors
    /// When they cannot be encoded.
    pub fn finish(mut self) -> Result<Vec<SegmentOutput>, SnapshotError> {
        let mut finished = Vec::new();
        let open = self.take_open();
        for segment in mem::take(&mut self.waiting).into_iter().chain([open]) {
            finished.extend(self.end(segment)?);
        }
        finished.extend(self.file.map(File::end).transpose()?);
        Ok(finished)
    }

    /// So many new rows of a segment can be changes: with more it is written anew.
    fn most_set(&self) -> Option<u64> {
        self.has_changes.then_some(self.cut.most_rows / 4)
    }

    fn follow(&mut self, key: &str) -> Result<(), SnapshotError> {
        if key <= self.last.as_str() {
            return Err(SnapshotError::Disordered {
                key: key.to_owned(),
                last: mem::take(&mut self.last),
            });
        }
        self.last.clear();
        self.last.push_str(key);
        Ok(())
    }

    /// Ends the segment if it ends behind this row.
    fn end_behind(&mut self, row: RowRef<'_>) -> Result<Vec<SegmentOutput>, SnapshotError> {
        let open = &mut self.open;
        open.found.add(row);
        open.weight += row.weight();
        let full = open.found.rows >= self.cut.most_rows || open.weight >= self.cut.most_bytes;
        if !full && !self.cut.is_mark(row.key) {
            return Ok(Vec::new());
        }
        let ended = self.take_open();
        if !ended.waits() {
            return self.end(ended);
        }
        self.waiting.push_back(ended);
        if self.waiting.len() <= MOST_WAITING {
            return Ok(Vec::new());
        }
        match self.waiting.pop_front() {
            Some(oldest) => self.end(oldest),
            None => Ok(Vec::new()),
        }
    }

    /// The segment in the making, which ends with the last key, or with a row behind it that came late.
    fn take_open(&mut self) -> OpenSegment {
        let mut open = mem::take(&mut self.open);
        open.found.last = Some(Key::new(open.behind_late(&self.last)));
        open
    }

    /// Ends the segment that waits for late rows if this row needs one that is encoded.
    fn make_room(
        &mut self,
        kept: Option<&SegmentRow>,
    ) -> Result<Vec<SegmentOutput>, SnapshotError> {
        let most = self.most_set().unwrap_or_default();
        if !self.open.waits() || self.open.has_room(kept, most) {
            return Ok(Vec::new());
        }
        let open = mem::take(&mut self.open);
        self.end(open)
    }

    /// What comes of a segment that has ended. Changes go into a file, which is handed out at its end.
    fn end(&mut self, segment: OpenSegment) -> Result<Vec<SegmentOutput>, SnapshotError> {
        let mut finished = Vec::new();
        for end in segment.end(self.has_changes)? {
            match end {
                DraftEnd::Empty => {}
                DraftEnd::Reused(entry) => finished.push(SegmentOutput::Reused(entry)),
                DraftEnd::Written(entry, bytes) => {
                    finished.push(SegmentOutput::Written(entry, bytes));
                }
                DraftEnd::Changed(entry, changes) => {
                    finished.extend(self.add_to_file(entry, &changes)?);
                }
            }
        }
        Ok(finished)
    }

    fn add_to_file(
        &mut self,
        entry: SegmentEntry,
        changes: &Changes,
    ) -> Result<Option<SegmentOutput>, SnapshotError> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => File::new()?,
        };
        file.add(entry, changes)?;
        if file.writer.rows() >= self.cut.rows_of_file || file.weight >= BYTES_OF_FILE {
            return file.end().map(Some);
        }
        self.file = Some(file);
        Ok(None)
    }
}

impl Cut {
    const USUAL: Self = Self {
        rows_between_marks: ROWS_BETWEEN_MARKS,
        most_rows: MOST_ROWS,
        most_bytes: MOST_BYTES,
        rows_of_file: ROWS_OF_FILE,
    };

    /// Whether a segment ends behind this key. XXH64 with seed 0, for good: with another hash every
    /// segment would be written anew.
    fn is_mark(self, key: &str) -> bool {
        XxHash64::oneshot(0, key.as_bytes()).is_multiple_of(self.rows_between_marks)
    }
}

impl File {
    fn new() -> Result<Self, SnapshotError> {
        Ok(Self {
            writer: Writer::of_changes()?,
            weight: 0,
            segments: Vec::new(),
        })
    }

    fn add(&mut self, entry: SegmentEntry, changes: &Changes) -> Result<(), SnapshotError> {
        let from = self.writer.rows();
        for (change, row) in changes.iter() {
            self.writer.push_change(change, row)?;
        }
        self.weight += changes.weight();
        self.segments.push((entry, from, self.writer.rows() - from));
        Ok(())
    }

    fn end(self) -> Result<SegmentOutput, SnapshotError> {
        let (bytes, file) = self.writer.finish_changes()?;
        let segments = self.segments.into_iter().map(|(mut entry, from, rows)| {
            entry.changes.push(SegmentChanges { file, from, rows });
            entry
        });
        Ok(SegmentOutput::Changed(segments.collect(), bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::super::Row;
    use super::super::nights::{SMALL, Snapshot, UNBOUNDED, history};
    use super::super::samples::{row, rows};
    use super::*;

    proptest! {
        #[test]
        fn a_snapshot_is_read_as_it_was_written((_, rows, _) in history()) {
            let snapshot = Snapshot::of(&rows, SMALL);

            let read: Vec<Row> = snapshot.stored().map(|row| row.row().to_row()).collect();

            prop_assert_eq!(read, rows.into_values().collect::<Vec<_>>());
            for entry in snapshot.entries() {
                prop_assert!(entry.rows <= SMALL.most_rows);
            }
        }

        #[test]
        fn what_is_kept_changes_no_byte((before, after, _) in history()) {
            let fresh = Snapshot::of(&after, SMALL);

            let (kept, _) = Snapshot::of(&before, SMALL).after(&after, Builder::with(SMALL));

            prop_assert_eq!(kept.entries(), fresh.entries());
        }

        #[test]
        fn a_night_without_changes_writes_nothing((rows, _, _) in history()) {
            let first = Snapshot::of(&rows, SMALL);

            let (second, written) = first.after(&rows, Builder::with(SMALL));

            prop_assert_eq!(written, 0);
            prop_assert_eq!(second.entries(), first.entries());
        }

        #[test]
        fn an_edit_writes_two_segments_at_most((before, after, edits) in history()) {
            let first = Snapshot::of(&before, UNBOUNDED);

            let (_, written) = first.after(&after, Builder::with(UNBOUNDED));

            prop_assert!(written <= 2 * edits, "{written} for {edits}");
        }

        #[test]
        fn where_a_range_is_cut_matters_only_there((rows, _, _) in history(), cut in 0..250_u64) {
            let whole = Snapshot::of(&rows, UNBOUNDED);
            let mut left = rows;
            let right = left.split_off(&cut);

            let ranges = [Snapshot::of(&left, UNBOUNDED), Snapshot::of(&right, UNBOUNDED)];

            let known: BTreeSet<String> = whole.entries().iter().map(|entry| entry.key()).collect();
            let pieces = ranges.iter().flat_map(Snapshot::entries);
            let new = pieces.filter(|entry| !known.contains(&entry.key())).count();
            prop_assert!(new <= 2, "{new}");
        }
    }

    #[test]
    fn a_key_that_does_not_follow_is_refused() {
        for number in [2, 1] {
            let mut builder = Builder::default();
            builder.push(row(2).as_ref()).unwrap();

            let error = builder.push(row(number).as_ref()).unwrap_err();

            assert!(matches!(error, SnapshotError::Disordered { .. }), "{error}");
        }
    }

    #[test]
    fn rows_that_are_kept_without_their_beginning_are_written() {
        let rows: BTreeMap<u64, Row> = (0..5).zip(rows(5)).collect();
        let snapshot = Snapshot::of(&rows, UNBOUNDED);
        let mut builder = Builder::with(UNBOUNDED);

        for stored in snapshot.stored().skip(1) {
            assert_eq!(builder.keep(&stored), Ok(Vec::new()));
        }

        let finished = builder.finish().unwrap();
        assert!(
            matches!(finished[..], [SegmentOutput::Written(..)]),
            "{finished:?}"
        );
        assert_eq!(finished[0].entries()[0].rows, 4);
    }

    #[test]
    fn a_segment_of_long_keys_ends_sooner() {
        let long = |number: u64| Row {
            key: Key::new(format!("{number:01000}")),
            ..row(number)
        };
        let mut builder = Builder::with(Cut {
            rows_between_marks: 1 << 60,
            ..SMALL
        });

        let ends =
            (0..12).filter(|number| !builder.push(long(*number).as_ref()).unwrap().is_empty());

        assert_eq!(ends.collect::<Vec<_>>(), [3, 7, 11]);
    }

    /// Pins the hash and the share: other marks would make every segment be written anew.
    #[test]
    fn marks_stay_where_they_are() {
        let cut = Builder::default().cut;
        let marks = (0..60_000_u64).filter(|number| cut.is_mark(&format!("key-{number}")));

        assert_eq!(
            marks.collect::<Vec<_>>(),
            [
                2300, 3974, 4937, 9555, 9858, 21_465, 28_501, 36_467, 37_101, 37_908, 39_267,
                40_080, 41_166, 54_190, 55_240, 58_678
            ]
        );
    }
}
