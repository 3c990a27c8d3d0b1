//! Rows that come late, and ranges of keys that end in the middle of segments.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::nights::{MIDDLE, Snapshot, Stored, change_rows, changing, edited, nights, one_segment};
use super::samples::row;
use super::{Builder, Row, SegmentOutput, SegmentRow};

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Ranges of keys end in the middle of segments, and rows come late or behind the end.
    #[test]
    fn pieces_of_a_night_are_read_as_a_map(
        (rows, nights) in nights(),
        cuts in proptest::collection::btree_set(0..250_u64, 0..5),
        late in proptest::collection::btree_map(0..250_u64, 1..150_u64, 0..30),
        has_changes in prop_oneof![9 => Just(true), 1 => Just(false)],
    ) {
        let mut rows = rows;
        let mut snapshot = Snapshot::of(&rows, MIDDLE);
        for edits in &nights {
            rows = edited(&rows, edits);
            let last: BTreeMap<String, SegmentRow> =
                snapshot.stored().map(|row| (row.key().to_owned(), row)).collect();
            let mut outputs = Vec::new();
            let mut begin = 0;
            for cut in cuts.iter().copied().chain([250]) {
                let piece = Piece { rows: &rows, last: &last, late: &late, has_changes };
                outputs.extend(piece.outputs(begin, cut));
                begin = cut;
            }
            snapshot = snapshot.of_outputs(outputs).0;

            prop_assert_eq!(snapshot.rows(), rows.values().cloned().collect::<Vec<_>>());
            let entries = snapshot.entries();
            prop_assert!(entries.windows(2).all(|pair| pair[0].last_key < pair[1].first_key));
        }
    }
}

/// A range of keys in a night.
struct Piece<'a> {
    rows: &'a BTreeMap<u64, Row>,
    last: &'a BTreeMap<String, SegmentRow>,
    /// After how many others a row comes that comes late.
    late: &'a BTreeMap<u64, u64>,
    has_changes: bool,
}

impl Piece<'_> {
    fn builder(&self) -> Builder {
        Builder::with(MIDDLE).changing(self.has_changes)
    }

    fn add(&self, builder: &mut Builder, row: &Row) -> Vec<SegmentOutput> {
        let stored = self.last.get(row.key.as_str());
        match stored.filter(|stored| stored.row() == row.as_ref()) {
            Some(stored) => builder.keep(stored).unwrap(),
            None => builder.push(row.as_ref()).unwrap(),
        }
    }

    fn add_alone(&self, number: u64) -> Vec<SegmentOutput> {
        let mut alone = self.builder();
        let row = self.rows.get(&number);
        let mut outputs = row.map_or_else(Vec::new, |row| self.add(&mut alone, row));
        outputs.extend(alone.finish().unwrap());
        outputs
    }

    /// What the range becomes. Late rows that follow each other leave one gap.
    fn outputs(&self, begin: u64, end: u64) -> Vec<SegmentOutput> {
        let (mut builder, mut outputs) = (self.builder(), Vec::new());
        let mut missing: Vec<(u64, u64, u64)> = Vec::new();
        let mut gap = None;
        for number in begin..end {
            if let Some(delay) = self.late.get(&number) {
                if gap.is_none() {
                    outputs.extend(builder.leave_gap(number).unwrap());
                }
                let of = *gap.get_or_insert(number);
                missing.push((number + delay, number, of));
                continue;
            }
            gap = None;
            if let Some(row) = self.rows.get(&number) {
                outputs.extend(self.add(&mut builder, row));
            }
            while let Some(at) = missing.iter().position(|(due, ..)| *due <= number) {
                let (_, late, of) = missing.remove(at);
                let row = self.rows.get(&late);
                if row.is_some_and(|row| !builder.fill_gap(of, row.as_ref())) {
                    outputs.extend(self.add_alone(late));
                }
                if missing.iter().all(|(.., other)| *other != of) {
                    outputs.extend(builder.end_gap(of).unwrap());
                }
            }
        }
        outputs.extend(builder.finish().unwrap());
        outputs.extend(
            missing
                .into_iter()
                .flat_map(|(_, late, _)| self.add_alone(late)),
        );
        outputs
    }
}

/// A late row is one more change: no segment is written anew for it.
#[test]
fn a_segment_waits_for_its_late_rows() {
    let (mut rows, snapshot, cut) = one_segment(400);
    for number in [100, 101, 200] {
        rows.get_mut(&number).unwrap().size += 1_000_000_000;
    }
    let last: Vec<SegmentRow> = snapshot.stored().collect();
    let mut builder = changing(cut);
    let mut outputs = Vec::new();
    for (number, stored) in (0_u64..).zip(&last) {
        match number {
            100 | 200 => outputs.extend(builder.leave_gap(number).unwrap()),
            101 => {}
            _ => outputs.extend(builder.keep(stored).unwrap()),
        }
    }
    for (gap, number) in [(200, 200), (100, 101), (100, 100)] {
        assert!(builder.fill_gap(gap, rows[&number].as_ref()));
    }
    for gap in [100, 200] {
        outputs.extend(builder.end_gap(gap).unwrap());
    }
    outputs.extend(builder.finish().unwrap());

    let (next, stored) = snapshot.of_outputs(outputs);

    assert_eq!(
        stored,
        Stored {
            segments: 0,
            files: 1
        }
    );
    assert_eq!(change_rows(&next), [3]);
    assert_eq!(next.rows(), rows.into_values().collect::<Vec<_>>());
}

/// Nothing has come behind the gap that the row has left.
#[test]
fn a_segment_can_end_with_a_late_row() {
    let rows: BTreeMap<u64, Row> = [1, 2].map(|number| (number, row(number))).into();
    let mut builder = changing(MIDDLE);
    let mut outputs = builder.push(rows[&1].as_ref()).unwrap();
    outputs.extend(builder.leave_gap(2).unwrap());
    assert!(builder.fill_gap(2, rows[&2].as_ref()));
    outputs.extend(builder.end_gap(2).unwrap());
    outputs.extend(builder.finish().unwrap());

    let (next, _) = Snapshot::default().of_outputs(outputs);

    assert_eq!(next.rows(), rows.into_values().collect::<Vec<_>>());
}

/// Rows that do not come in time are segments of their own, between the two parts of the one that has waited.
#[test]
fn few_segments_wait_for_late_rows() {
    let rows: BTreeMap<u64, Row> = (0..1_000).map(|number| (number, row(number))).collect();
    let snapshot = Snapshot::of(&rows, MIDDLE);
    let last: Vec<SegmentRow> = snapshot.stored().collect();
    let mut builder = changing(MIDDLE);
    let mut outputs = Vec::new();
    for (number, stored) in (0_u64..).zip(&last) {
        if number % 100 == 50 {
            outputs.extend(builder.leave_gap(number).unwrap());
        } else {
            outputs.extend(builder.keep(stored).unwrap());
        }
    }

    let waits: Vec<u64> = (0..10).map(|gap| gap * 100 + 50).collect();
    let filled = waits
        .iter()
        .filter(|gap| builder.fill_gap(**gap, row(**gap).as_ref()));

    assert!((4..=5).contains(&filled.count()));
}
