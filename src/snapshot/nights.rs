//! Snapshots in memory, night after night, for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::builder::Cut;
use super::samples::row;
use super::{Builder, ChangesFile, Row, Segment, SegmentEntry, SegmentOutput, SegmentRow};

pub(super) const SMALL: Cut = Cut {
    rows_between_marks: 8,
    most_rows: 12,
    most_bytes: 4000,
    rows_of_file: 3,
};
pub(super) const UNBOUNDED: Cut = Cut {
    rows_between_marks: 8,
    most_rows: u64::MAX,
    most_bytes: usize::MAX,
    rows_of_file: 3,
};
/// Segments of some thirty rows, so that a few of them can change.
pub(super) const MIDDLE: Cut = Cut {
    rows_between_marks: 32,
    most_rows: 64,
    most_bytes: usize::MAX,
    rows_of_file: 10,
};

/// A snapshot in memory.
#[derive(Default)]
pub(super) struct Snapshot {
    pub segments: Vec<Arc<Segment>>,
    pub files: Vec<Arc<ChangesFile>>,
}

/// How many objects a night has stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    pub segments: usize,
    pub files: usize,
}

impl Snapshot {
    /// The segments of these rows, with what is true of the last snapshot kept. Also tells how many segments had
    /// to be written.
    pub fn after(&self, rows: &BTreeMap<u64, Row>, builder: Builder) -> (Self, usize) {
        let (snapshot, stored) = self.night(rows, builder);
        (snapshot, stored.segments)
    }

    fn night(&self, rows: &BTreeMap<u64, Row>, mut builder: Builder) -> (Self, Stored) {
        let last: BTreeMap<String, SegmentRow> = self
            .stored()
            .map(|row| (row.key().to_owned(), row))
            .collect();
        let mut finished = Vec::new();
        for row in rows.values() {
            let stored = last.get(row.key.as_str());
            finished.extend(match stored {
                Some(stored) if stored.row() == row.as_ref() => builder.keep(stored).unwrap(),
                Some(_) | None => builder.push(row.as_ref()).unwrap(),
            });
        }
        finished.extend(builder.finish().unwrap());
        self.of_outputs(finished)
    }

    /// The snapshot that these outputs make of the last one.
    pub fn of_outputs(&self, outputs: Vec<SegmentOutput>) -> (Self, Stored) {
        let mut bytes: BTreeMap<String, bytes::Bytes> = BTreeMap::new();
        let mut files = self.files.clone();
        let (mut entries, mut stored): (Vec<SegmentEntry>, _) = (Vec::new(), Stored::default());
        for output in outputs {
            entries.extend(output.entries().iter().cloned());
            if let SegmentOutput::Changed(segments, body) = &output {
                let file = segments[0].changes.last().unwrap().file;
                files.push(ChangesFile::open(body.clone(), file).unwrap());
            }
            match &output {
                SegmentOutput::Reused(_) => {}
                SegmentOutput::Written(..) => stored.segments += 1,
                SegmentOutput::Changed(..) => stored.files += 1,
            }
            bytes.extend(output.into_stored());
        }
        for known in &self.segments {
            bytes.insert(known.entry().key(), known.bytes());
        }
        entries.sort_by(|one, other| one.first_key.cmp(&other.first_key));
        let segments = entries.into_iter().map(|entry| {
            let body = bytes[&entry.key()].clone();
            Segment::open_changed(body, entry, &files).unwrap()
        });
        let segments = segments.collect();
        (Self { segments, files }, stored)
    }

    pub fn of(rows: &BTreeMap<u64, Row>, cut: Cut) -> Self {
        Self::default().after(rows, Builder::with(cut)).0
    }

    pub fn stored(&self) -> impl Iterator<Item = SegmentRow> {
        let rows = self.segments.iter().flat_map(Segment::rows);
        rows.map(Result::unwrap)
    }

    pub fn entries(&self) -> Vec<&SegmentEntry> {
        self.segments
            .iter()
            .map(|segment| segment.entry())
            .collect()
    }

    pub fn rows(&self) -> Vec<Row> {
        self.stored().map(|row| row.row().to_row()).collect()
    }
}

/// What became of a row since the last snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edit {
    /// A version of it, of which 0 is the one that it had in the beginning.
    Put(u64),
    Remove,
}

fn edits() -> impl Strategy<Value = BTreeMap<u64, Edit>> {
    let edit = prop_oneof![Just(Edit::Put(1)), Just(Edit::Remove)];
    proptest::collection::btree_map(0..250_u64, edit, 0..12)
}

pub(super) fn edited(rows: &BTreeMap<u64, Row>, edits: &BTreeMap<u64, Edit>) -> BTreeMap<u64, Row> {
    let mut rows = rows.clone();
    for (number, edit) in edits {
        match edit {
            Edit::Put(version) => {
                let row = row(*number);
                let size = row.size + version * 1_234_567_890;
                rows.insert(*number, Row { size, ..row });
            }
            Edit::Remove => {
                rows.remove(number);
            }
        }
    }
    rows
}

pub(super) fn history() -> impl Strategy<Value = (BTreeMap<u64, Row>, BTreeMap<u64, Row>, usize)> {
    let numbers = proptest::collection::btree_set(0..250_u64, 0..200);
    (numbers, edits()).prop_map(|(numbers, edits)| {
        let rows = numbers.into_iter().map(|number| (number, row(number)));
        let before: BTreeMap<u64, Row> = rows.collect();
        let after = edited(&before, &edits);
        (before, after, edits.len())
    })
}

/// Nights of edits of many rows.
pub(super) fn nights() -> impl Strategy<Value = (BTreeMap<u64, Row>, Vec<BTreeMap<u64, Edit>>)> {
    let numbers = proptest::collection::btree_set(0..250_u64, 0..200);
    let edit = prop_oneof![3 => (0..3_u64).prop_map(Edit::Put), 1 => Just(Edit::Remove)];
    let night = proptest::collection::btree_map(0..250_u64, edit, 0..9);
    let nights = proptest::collection::vec(night, 1..24);
    (numbers, nights).prop_map(|(numbers, nights)| {
        let rows = numbers.into_iter().map(|number| (number, row(number)));
        (rows.collect(), nights)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever came and went, and whatever shows again: a snapshot says what a plain map says, in all that its
    /// index tells of it, too.
    #[test]
    fn night_after_night_a_snapshot_is_read_as_a_map((rows, nights) in nights(), keeps in any::<bool>()) {
        let mut rows = rows;
        let mut snapshot = Snapshot::of(&rows, MIDDLE);
        for (night, edits) in nights.iter().enumerate() {
            rows = edited(&rows, edits);
            // Now and then an earlier version of the program, or a small table, writes all anew.
            let has_changes = keeps || night % 7 != 6;
            snapshot = snapshot.after(&rows, Builder::with(MIDDLE).changing(has_changes)).0;

            prop_assert_eq!(snapshot.rows(), rows.values().cloned().collect::<Vec<_>>());
            for segment in &snapshot.segments {
                let (entry, read) = (segment.entry(), segment.rows().map(Result::unwrap));
                let read: Vec<SegmentRow> = read.collect();
                prop_assert_eq!(entry.rows, read.len() as u64);
                prop_assert_eq!(entry.object_bytes, read.iter().map(|row| row.row().size).sum::<u64>());
                prop_assert!(entry.changes.len() <= 8);
                prop_assert!(has_changes || entry.changes.is_empty());
                prop_assert!(read.iter().map(SegmentRow::number).eq(0..entry.rows));
                let ends = [read.first(), read.last()].map(|row| row.unwrap().key().to_owned());
                prop_assert_eq!(ends, [entry.first_key.to_string(), entry.last_key.to_string()]);
                for row in &read {
                    prop_assert!(segment.has_key(|key| key == row.key()).unwrap());
                }
            }
        }
    }
}

/// The rows of a segment that no mark ends, and its snapshot.
pub(super) fn one_segment(count: u64) -> (BTreeMap<u64, Row>, Snapshot, Cut) {
    let cut = Cut {
        rows_between_marks: 1 << 60,
        most_rows: 1 << 20,
        ..MIDDLE
    };
    let rows: BTreeMap<u64, Row> = (0..count).map(|number| (number, row(number))).collect();
    let snapshot = Snapshot::of(&rows, cut);
    (rows, snapshot, cut)
}

pub(super) fn changing(cut: Cut) -> Builder {
    Builder::with(cut).changing(true)
}

/// The changes of the only segment, and how many rows each has.
pub(super) fn change_rows(snapshot: &Snapshot) -> Vec<u64> {
    let entries = snapshot.entries();
    assert_eq!(entries.len(), 1);
    let changes = entries[0].changes.iter();
    changes.map(|changes| changes.rows).collect()
}

#[test]
fn the_ninth_change_takes_the_place_of_eight() {
    let (mut rows, mut snapshot, cut) = one_segment(400);
    let stored = snapshot.entries()[0].sha256;
    let mut told = Vec::new();
    for night in 0..10_u64 {
        for key in [night, 200] {
            rows.get_mut(&key).unwrap().size = 1_000_000_000 + night;
        }
        snapshot = snapshot.after(&rows, changing(cut)).0;
        told.push(change_rows(&snapshot));
        assert_eq!(snapshot.entries()[0].sha256, stored);
    }

    assert_eq!(told[0], [2]);
    assert_eq!(told[7], [2; 8]);
    assert_eq!(told[8], [10], "nine keys, and one that all of them have");
    assert_eq!(told[9], [10, 2]);
    assert_eq!(snapshot.rows(), rows.into_values().collect::<Vec<_>>());
}

#[test]
fn more_than_a_quarter_is_written_anew() {
    for (changed, expected) in [(100, vec![100]), (101, vec![])] {
        let (mut rows, snapshot, cut) = one_segment(400);
        for row in rows.values_mut().take(changed) {
            row.size += 1_000_000_000;
        }

        let (next, written) = snapshot.after(&rows, changing(cut));

        assert_eq!(change_rows(&next), expected);
        assert_eq!(written, usize::from(expected.is_empty()));
    }
}

#[test]
fn a_quarter_is_counted_with_the_changes_before() {
    let (mut rows, mut snapshot, cut) = one_segment(400);
    let mut told = Vec::new();
    for night in 0..3 {
        for row in rows.values_mut().skip(night * 40).take(40) {
            row.size += 1_000_000_000;
        }
        snapshot = snapshot.after(&rows, changing(cut)).0;
        told.push(change_rows(&snapshot));
    }

    assert_eq!(told, [vec![40], vec![40, 40], vec![]]);
}

#[test]
fn changes_of_many_bytes_are_written_anew() {
    let (mut rows, snapshot, cut) = one_segment(8_000);
    for row in rows.values_mut().take(1_500) {
        row.checksum = Some("c".repeat(1_000));
    }

    let (next, _) = snapshot.after(&rows, changing(cut));

    assert_eq!(change_rows(&next), [0; 0]);
    assert_eq!(next.rows(), rows.into_values().collect::<Vec<_>>());
}

#[test]
fn a_night_without_changes_keeps_the_changes_before() {
    let (mut rows, snapshot, cut) = one_segment(400);
    rows.remove(&0);
    rows.remove(&399);
    let (changed, _) = snapshot.night(&rows, changing(cut));

    let (quiet, stored) = changed.night(&rows, changing(cut));

    assert_eq!(stored, Stored::default());
    assert_eq!(quiet.entries(), changed.entries());
    assert_eq!(change_rows(&quiet), [2]);
}

#[test]
fn one_that_writes_no_changes_writes_those_before_into_their_segment() {
    let (mut rows, snapshot, cut) = one_segment(400);
    rows.remove(&7);
    let (changed, _) = snapshot.night(&rows, changing(cut));

    let (whole, stored) = changed.night(&rows, Builder::with(cut));

    assert_eq!(
        stored,
        Stored {
            segments: 1,
            files: 0
        }
    );
    assert_eq!(change_rows(&whole), [0; 0]);
    let fresh = Snapshot::of(&rows, cut);
    assert_eq!(
        whole.entries(),
        fresh.entries(),
        "as if it had been written in one night"
    );
}

#[test]
fn files_of_changes_are_few() {
    let rows: BTreeMap<u64, Row> = (0..3_000).map(|number| (number, row(number))).collect();
    let snapshot = Snapshot::of(&rows, MIDDLE);
    let mut changed = rows.clone();
    for (_, row) in changed.iter_mut().step_by(30) {
        row.size += 1_000_000_000;
    }

    let (next, stored) = snapshot.night(&changed, changing(MIDDLE));

    let with_changes = next
        .entries()
        .iter()
        .filter(|entry| !entry.changes.is_empty())
        .count();
    assert!(with_changes > 40, "{with_changes}");
    assert!(stored.files <= 10, "{stored:?} for ten rows a file");
    let named: BTreeSet<String> = next
        .entries()
        .iter()
        .flat_map(|entry| entry.changes.iter().map(|changes| changes.file.key()))
        .collect();
    assert_eq!(named.len(), stored.files);
    assert_eq!(next.rows(), changed.into_values().collect::<Vec<_>>());
}
