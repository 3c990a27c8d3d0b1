//! Rows in the order of their keys in, segments out; those of the last snapshot again where nothing
//! changed.
//!
//! Where a segment ends is told by the keys alone: behind a key whose hash is small. A key that comes or
//! goes moves no other end, and it does not matter where a run cut its ranges, but at their edges. So
//! the segments of two snapshots differ only around what differs.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use twox_hash::XxHash64;

use super::index::SegmentEntry;
use super::row::RowRef;
use super::writer::Writer;
use super::{Segment, SegmentRow, SnapshotError};
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

/// A segment of the snapshot that is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SegmentOutput {
    /// A segment of the last snapshot, as it is. Nothing was encoded, and nothing is to be stored.
    Reused(SegmentEntry),
    /// A new one: to be stored under the entry's key, before the index that names it.
    Written(SegmentEntry, Bytes),
}

impl SegmentOutput {
    /// What the index says of it.
    pub fn entry(&self) -> &SegmentEntry {
        match self {
            Self::Reused(entry) | Self::Written(entry, _) => entry,
        }
    }
}

/// Makes segments of rows. It holds at most one segment, encoded or of the last snapshot, and one row
/// group.
pub struct Builder {
    cut: Cut,
    draft: Draft,
    /// The last key; empty before the first one, as no key is.
    last: String,
    rows: u64,
    bytes: usize,
}

/// Where segments end.
#[derive(Clone, Copy)]
struct Cut {
    rows_between_marks: u64,
    most_rows: u64,
    most_bytes: usize,
}

/// The segment in the making.
enum Draft {
    /// No row yet.
    Empty,
    /// So far the first rows of a stored segment, and no others: nothing needs to be encoded.
    Kept(Arc<Segment>, u64),
    /// Rows that no stored segment begins with.
    Written(Box<Writer>),
}

impl Default for Builder {
    fn default() -> Self {
        Self::with(Cut {
            rows_between_marks: ROWS_BETWEEN_MARKS,
            most_rows: MOST_ROWS,
            most_bytes: MOST_BYTES,
        })
    }
}

impl Builder {
    fn with(cut: Cut) -> Self {
        Self {
            cut,
            draft: Draft::Empty,
            last: String::new(),
            rows: 0,
            bytes: 0,
        }
    }

    /// Adds a row of the last snapshot that is still true, in all of its columns. As long as all rows of
    /// a segment are, nothing is encoded.
    ///
    /// # Errors
    /// When its key is not behind the last one, or the last snapshot cannot be read again.
    pub fn keep(&mut self, stored: &SegmentRow) -> Result<Option<SegmentOutput>, SnapshotError> {
        let row = stored.row();
        self.follow(row.key)?;
        let (segment, number) = (stored.segment(), stored.number());
        match &mut self.draft {
            Draft::Empty if number == 0 => self.draft = Draft::Kept(Arc::clone(segment), 1),
            Draft::Kept(kept, rows) if Arc::ptr_eq(kept, segment) && *rows == number => *rows += 1,
            Draft::Empty | Draft::Kept(..) | Draft::Written(_) => self.write(row)?,
        }
        self.end_behind(row)
    }

    /// Adds a row that is new, or differs from the one of the last snapshot.
    ///
    /// # Errors
    /// When its key is not behind the last one, or the last snapshot cannot be read again.
    pub fn push(&mut self, row: RowRef<'_>) -> Result<Option<SegmentOutput>, SnapshotError> {
        self.follow(row.key)?;
        self.write(row)?;
        self.end_behind(row)
    }

    /// Ends the last segment, at the end of a range of keys; none if there are no rows left.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn finish(mut self) -> Result<Option<SegmentOutput>, SnapshotError> {
        self.end()
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

    fn write(&mut self, row: RowRef<'_>) -> Result<(), SnapshotError> {
        let draft = mem::replace(&mut self.draft, Draft::Empty);
        let mut writer = draft.into_writer()?;
        writer.push(row)?;
        self.draft = Draft::Written(writer);
        Ok(())
    }

    /// Ends the segment if it ends behind this row.
    fn end_behind(&mut self, row: RowRef<'_>) -> Result<Option<SegmentOutput>, SnapshotError> {
        self.rows += 1;
        self.bytes += row.weight();
        let full = self.rows >= self.cut.most_rows || self.bytes >= self.cut.most_bytes;
        if full || self.cut.is_mark(row.key) {
            self.end()
        } else {
            Ok(None)
        }
    }

    fn end(&mut self) -> Result<Option<SegmentOutput>, SnapshotError> {
        (self.rows, self.bytes) = (0, 0);
        let draft = mem::replace(&mut self.draft, Draft::Empty);
        match draft {
            Draft::Empty => Ok(None),
            Draft::Kept(segment, rows) if rows == segment.entry().rows => {
                Ok(Some(SegmentOutput::Reused(segment.entry().clone())))
            }
            Draft::Kept(..) | Draft::Written(_) => {
                let last = Key::new(self.last.as_str());
                let (bytes, entry) = draft.into_writer()?.finish(last)?;
                Ok(Some(SegmentOutput::Written(entry, bytes)))
            }
        }
    }
}

impl Cut {
    /// Whether a segment ends behind this key. XXH64 with seed 0, for good: with another hash every
    /// segment would be written anew.
    fn is_mark(self, key: &str) -> bool {
        XxHash64::oneshot(0, key.as_bytes()).is_multiple_of(self.rows_between_marks)
    }
}

impl Draft {
    /// What can be written behind. Kept rows are read once more for it: no row was kept in memory.
    fn into_writer(self) -> Result<Box<Writer>, SnapshotError> {
        let (segment, rows) = match self {
            Self::Written(writer) => return Ok(writer),
            Self::Empty => return Writer::new().map(Box::new),
            Self::Kept(segment, rows) => (segment, rows),
        };
        let mut writer = Writer::new()?;
        let mut kept = segment.rows();
        for _ in 0..rows {
            match kept.next() {
                Some(row) => writer.push(row?.row())?,
                None => return Err(segment.damaged("it has lost rows")),
            }
        }
        Ok(Box::new(writer))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::super::Row;
    use super::super::samples::{row, rows};
    use super::*;

    const SMALL: Cut = Cut {
        rows_between_marks: 8,
        most_rows: 12,
        most_bytes: 4000,
    };
    const UNBOUNDED: Cut = Cut {
        rows_between_marks: 8,
        most_rows: u64::MAX,
        most_bytes: usize::MAX,
    };

    /// A snapshot in memory.
    #[derive(Default)]
    struct Snapshot {
        segments: Vec<Arc<Segment>>,
    }

    impl Snapshot {
        /// The segments of these rows, with what is true of the last snapshot kept. Also tells how many segments had
        /// to be written.
        fn after(&self, rows: &BTreeMap<u64, Row>, cut: Cut) -> (Self, usize) {
            let last: BTreeMap<String, SegmentRow> = self
                .stored()
                .map(|row| (row.key().to_owned(), row))
                .collect();
            let mut builder = Builder::with(cut);
            let mut finished = Vec::new();
            for row in rows.values() {
                let stored = last.get(row.key.as_str());
                finished.extend(match stored {
                    Some(stored) if stored.row() == row.as_ref() => builder.keep(stored).unwrap(),
                    Some(_) | None => builder.push(row.as_ref()).unwrap(),
                });
            }
            finished.extend(builder.finish().unwrap());
            let mut written = 0;
            let segments = finished.into_iter().map(|finished| match finished {
                SegmentOutput::Written(entry, bytes) => {
                    written += 1;
                    Segment::open(bytes, entry).unwrap()
                }
                SegmentOutput::Reused(entry) => {
                    let mut known = self.segments.iter();
                    known
                        .find(|segment| *segment.entry() == entry)
                        .cloned()
                        .unwrap()
                }
            });
            let segments = segments.collect();
            (Self { segments }, written)
        }

        fn of(rows: &BTreeMap<u64, Row>, cut: Cut) -> Self {
            Self::default().after(rows, cut).0
        }

        fn stored(&self) -> impl Iterator<Item = SegmentRow> {
            let rows = self.segments.iter().flat_map(Segment::rows);
            rows.map(Result::unwrap)
        }

        fn entries(&self) -> Vec<&SegmentEntry> {
            self.segments
                .iter()
                .map(|segment| segment.entry())
                .collect()
        }
    }

    /// What became of a row since the last snapshot.
    #[derive(Clone, Copy, Debug)]
    enum Edit {
        Put,
        Remove,
    }

    fn edits() -> impl Strategy<Value = BTreeMap<u64, Edit>> {
        let edit = prop_oneof![Just(Edit::Put), Just(Edit::Remove)];
        proptest::collection::btree_map(0..250_u64, edit, 0..12)
    }

    fn edited(rows: &BTreeMap<u64, Row>, edits: &BTreeMap<u64, Edit>) -> BTreeMap<u64, Row> {
        let mut rows = rows.clone();
        for (number, edit) in edits {
            match edit {
                Edit::Put => {
                    let size = 1_234_567_890;
                    let row = row(*number);
                    rows.insert(*number, Row { size, ..row });
                }
                Edit::Remove => {
                    rows.remove(number);
                }
            }
        }
        rows
    }

    fn history() -> impl Strategy<Value = (BTreeMap<u64, Row>, BTreeMap<u64, Row>, usize)> {
        let numbers = proptest::collection::btree_set(0..250_u64, 0..200);
        (numbers, edits()).prop_map(|(numbers, edits)| {
            let rows = numbers.into_iter().map(|number| (number, row(number)));
            let before: BTreeMap<u64, Row> = rows.collect();
            let after = edited(&before, &edits);
            (before, after, edits.len())
        })
    }

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

            let (kept, _) = Snapshot::of(&before, SMALL).after(&after, SMALL);

            prop_assert_eq!(kept.entries(), fresh.entries());
        }

        #[test]
        fn a_night_without_changes_writes_nothing((rows, _, _) in history()) {
            let first = Snapshot::of(&rows, SMALL);

            let (second, written) = first.after(&rows, SMALL);

            prop_assert_eq!(written, 0);
            prop_assert_eq!(second.entries(), first.entries());
        }

        #[test]
        fn an_edit_writes_two_segments_at_most((before, after, edits) in history()) {
            let (_, written) = Snapshot::of(&before, UNBOUNDED).after(&after, UNBOUNDED);

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
            assert_eq!(builder.keep(&stored), Ok(None));
        }

        let finished = builder.finish().unwrap().unwrap();
        assert!(
            matches!(finished, SegmentOutput::Written(..)),
            "{finished:?}"
        );
        assert_eq!(finished.entry().rows, 4);
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

        let ends = (0..12).filter(|number| builder.push(long(*number).as_ref()).unwrap().is_some());

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

    /// The time that this thread has had on a processor: others on the machine do not count.
    fn cpu_nanos() -> u64 {
        let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        times.split(' ').next().unwrap().parse().unwrap()
    }

    /// Figures: `cargo test --release --lib -- --ignored --nocapture a_million_rows`.
    #[test]
    #[ignore = "takes a while, and means something only in release mode on Linux"]
    fn a_million_rows() {
        const COUNT: u64 = 1_000_000;
        let mut builder = Builder::default();
        let mut written: Vec<SegmentOutput> = (0..COUNT)
            .filter_map(|number| builder.push(row(number).as_ref()).unwrap())
            .collect();
        written.extend(builder.finish().unwrap());
        let bytes: u64 = written.iter().map(|done| done.entry().bytes).sum();
        println!("{} segments, {} bytes a row", written.len(), bytes / COUNT);
        let mut segments: Vec<Arc<Segment>> = Vec::new();
        let mut measure = |what: &str, work: &mut dyn FnMut(&mut Vec<Arc<Segment>>)| {
            let began = cpu_nanos();
            work(&mut segments);
            println!("{what}: {} ns a row", (cpu_nanos() - began) / COUNT);
        };

        measure("prove and open", &mut |segments| {
            for finished in written.drain(..) {
                if let SegmentOutput::Written(entry, bytes) = finished {
                    segments.push(Segment::open(bytes, entry).unwrap());
                }
            }
        });
        measure("read", &mut |segments| {
            let rows = segments.iter().flat_map(Segment::rows);
            assert_eq!(rows.map(Result::unwrap).count() as u64, COUNT);
        });
        measure("read and compare", &mut |segments| {
            let mut rows = segments.iter().flat_map(Segment::rows).map(Result::unwrap);
            assert!(rows.all(|row| row.row() == row.clone().row()));
        });
        measure("read and keep", &mut |segments| {
            let mut builder = Builder::default();
            for row in segments.iter().flat_map(Segment::rows) {
                let finished = builder.keep(&row.unwrap()).unwrap();
                assert!(!matches!(finished, Some(SegmentOutput::Written(..))));
            }
        });
        measure("read and write", &mut |segments| {
            let mut builder = Builder::default();
            for row in segments.iter().flat_map(Segment::rows) {
                builder.push(row.unwrap().row()).unwrap();
            }
        });
    }
}
