//! Copies that end late, behind thousands of rows that a segment of the last snapshot has waited with.

use super::shard::tests::{done, rows};
use super::shard::{BuilderInput, List, ShardRecorder};
use crate::outcome::{KeyResult, Outcome};
use crate::snapshot::{NextRow, Row, SegmentEntry, SegmentOutput, SegmentRow, samples};

/// A shard that goes on from a snapshot of these rows, and those of them that come.
fn shard_beside(count: u64) -> (ShardRecorder, Vec<SegmentRow>) {
    let known: Vec<Row> = (0..count).map(samples::row).collect();
    let rows = samples::segment(&known)
        .rows()
        .map(Result::unwrap)
        .collect();
    let input = BuilderInput {
        objects: count,
        fewest_with_changes: 1,
    };
    (ShardRecorder::new(input), rows)
}

fn kept(row: &SegmentRow, sequence: u64) -> KeyResult {
    let mut kept = done(sequence, Outcome::BackupOnly);
    kept.result.row = Some(NextRow::Reuse(row.clone()));
    kept
}

/// A copy that ends when thousands of rows behind it have come changes its segment, and cuts it nowhere.
#[test]
fn a_late_copy_is_a_change_of_its_segment() {
    const COUNT: u64 = 2_500;
    let (mut shard, stored) = shard_beside(COUNT);
    let mut finished = Vec::new();
    for (row, sequence) in stored.iter().zip(0..) {
        if sequence != 7 {
            finished.extend(shard.note(&mut kept(row, sequence)).unwrap());
        }
    }
    finished.extend(shard.note(&mut done(COUNT, Outcome::End)).unwrap());
    assert!(finished.is_empty(), "the segment waits");

    finished.extend(shard.note(&mut late(7)).unwrap());

    let changed = &finished[..];
    assert!(
        matches!(changed, [SegmentOutput::Changed(..)]),
        "{changed:?}"
    );
    let entry = &changed[0].entries()[0];
    assert_eq!((entry.rows, entry.changes[0].rows), (COUNT, 1));
}

/// A copy of that place that ends late, and differs from what is stored.
fn late(sequence: u64) -> KeyResult {
    let mut late = done(sequence, Outcome::BackupOnly);
    late.result.row = Some(NextRow::New(Box::new(Row {
        size: 4_321,
        ..samples::row(sequence)
    })));
    late
}

/// A gap ends with the last of its rows, whatever is missing before it.
#[test]
fn late_copies_that_follow_each_other_are_changes_of_their_segment() {
    const COUNT: u64 = 4_300;
    const LATE: [u64; 4] = [2_101, 2_100, 8, 7];
    let (mut shard, stored) = shard_beside(COUNT);
    for (row, sequence) in stored.iter().zip(0..) {
        if !LATE.contains(&sequence) {
            shard.note(&mut kept(row, sequence)).unwrap();
        }
    }
    shard.note(&mut done(COUNT, Outcome::End)).unwrap();
    assert_eq!(shard.entries(List::Objects).count(), 0, "the segment waits");

    for sequence in LATE {
        shard.note(&mut late(sequence)).unwrap();
    }

    let entries: Vec<&SegmentEntry> = shard.entries(List::Objects).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!((entries[0].rows, entries[0].changes[0].rows), (COUNT, 4));
}

/// Others have ended behind the segment that has waited for it.
#[test]
fn a_segment_that_a_late_copy_ends_is_recorded() {
    const COUNT: u64 = 10_000;
    let (mut shard, stored) = shard_beside(COUNT);
    for (row, sequence) in stored.iter().zip(0..) {
        if sequence != 7 {
            shard.note(&mut kept(row, sequence)).unwrap();
        }
    }

    let ended = shard.note(&mut late(7)).unwrap();
    shard.finish().unwrap();

    assert!(!rows(&ended).is_empty(), "nothing has waited for it");
    let recorded = shard.entries(List::Objects).map(|entry| entry.rows);
    assert_eq!(recorded.sum::<u64>(), COUNT);
}

/// Its key is where the record ends: what has waited behind it is not recorded.
#[test]
fn a_late_copy_that_was_interrupted_ends_the_record_before_it() {
    let (mut shard, stored) = shard_beside(2_500);
    for (row, sequence) in stored.iter().zip(0..) {
        if sequence != 7 {
            shard.note(&mut kept(row, sequence)).unwrap();
        }
    }
    let mut late = done(7, Outcome::Interrupted);
    late.key = Some(samples::row(7).key);
    shard.note(&mut late).unwrap();
    shard.finish().unwrap();

    let entries: Vec<&SegmentEntry> = shard.entries(List::Objects).collect();
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (entries[0].rows, &entries[0].last_key),
        (7, &samples::row(6).key)
    );
}
