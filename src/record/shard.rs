//! What was backed up of one shard, put back into the order of its keys, and cut into segments.
//!
//! Copies end out of order. What comes too early waits, but not for long: behind a copy that takes its
//! time the record goes on. A segment that is compared with one of the last snapshot waits for its late rows, as
//! long as few do. Any other is ended before the gap and the next one begun, and the late row becomes a segment of
//! its own, which the next run joins with its neighbours. So memory is bounded, however large an object is.

use std::collections::BTreeMap;

use crate::model::Key;
use crate::outcome::{KeyResult, Outcome};
use crate::snapshot::{Builder, NextRow, SegmentEntry, SegmentOutput, SnapshotError};

/// Which list of an index a segment is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Objects and their backups.
    Objects,
    /// Backups whose objects are not backed up any more.
    Orphans,
}

/// What the segments of a record go on from.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuilderInput {
    /// Objects of the last snapshot.
    pub objects: u64,
    /// A snapshot with fewer has no changes.
    pub fewest_with_changes: u64,
}

impl BuilderInput {
    fn builder(self) -> Builder {
        Builder::beside(self.objects, self.fewest_with_changes)
    }
}

/// The rows of one list that are being made into segments.
#[derive(Default)]
struct Rows {
    input: BuilderInput,
    builder: Builder,
    /// Segments that are finished.
    entries: Vec<SegmentEntry>,
}

impl Rows {
    fn new(input: BuilderInput) -> Self {
        Self {
            input,
            builder: input.builder(),
            entries: Vec::new(),
        }
    }

    fn add(&mut self, row: &NextRow) -> Result<Vec<SegmentOutput>, SnapshotError> {
        let finished = match row {
            NextRow::Reuse(row) | NextRow::Orphan(row) => self.builder.keep(row)?,
            NextRow::New(row) => self.builder.push(row.as_ref().as_ref())?,
        };
        self.note(&finished);
        Ok(finished)
    }

    /// Adds a row whose neighbours have gone ahead: to the segment that waits for it, or as one of its own.
    fn add_late(&mut self, gap: u64, row: &NextRow) -> Result<Vec<SegmentOutput>, SnapshotError> {
        let late = match row {
            NextRow::Reuse(row) | NextRow::Orphan(row) => row.row(),
            NextRow::New(row) => row.as_ref().as_ref(),
        };
        if self.builder.fill_gap(gap, late) {
            return Ok(Vec::new());
        }
        let mut alone = Self::new(self.input);
        let mut finished = alone.add(row)?;
        finished.extend(alone.builder.finish()?);
        self.note(&finished);
        Ok(finished)
    }

    /// Goes on behind rows that are not there yet.
    fn leave_gap(&mut self, gap: u64) -> Result<Vec<SegmentOutput>, SnapshotError> {
        let finished = self.builder.leave_gap(gap)?;
        self.note(&finished);
        Ok(finished)
    }

    /// Ends a gap whose rows have all come.
    fn end_gap(&mut self, gap: u64) -> Result<Vec<SegmentOutput>, SnapshotError> {
        let finished = self.builder.end_gap(gap)?;
        self.note(&finished);
        Ok(finished)
    }

    /// Ends the segment in the making, and the file of changes.
    fn end(&mut self) -> Result<Vec<SegmentOutput>, SnapshotError> {
        let builder = std::mem::replace(&mut self.builder, self.input.builder());
        let finished = builder.finish()?;
        self.note(&finished);
        Ok(finished)
    }

    fn note(&mut self, finished: &[SegmentOutput]) {
        let entries = finished.iter().flat_map(SegmentOutput::entries);
        self.entries.extend(entries.cloned());
    }
}

/// How many rows wait for an earlier one: as many as a row group has.
const MOST_WAITING: usize = 2_048;

/// The record of one shard.
#[derive(Default)]
pub struct ShardRecorder {
    objects: Rows,
    orphans: Rows,
    /// The place whose turn it is.
    next: u64,
    /// What came before its turn.
    waiting: BTreeMap<u64, Option<NextRow>>,
    /// Places that were passed over, each with its gap: that ends before the place of the same number.
    late: BTreeMap<u64, u64>,
    /// The place of its end: behind it nothing comes.
    end: Option<u64>,
    /// The first place that was given up, and its key: nothing from there on is recorded.
    given_up: Option<(u64, Key)>,
}

impl ShardRecorder {
    /// The record of a shard without a key.
    pub fn new(input: BuilderInput) -> Self {
        Self {
            objects: Rows::new(input),
            orphans: Rows::new(input),
            ..Self::default()
        }
    }

    /// Takes note of what became of a key, and hands out the segments to be stored.
    ///
    /// # Errors
    /// When a segment cannot be made.
    pub fn note(&mut self, done: &mut KeyResult) -> Result<Vec<SegmentOutput>, SnapshotError> {
        let row = done.result.row.take();
        if let (Outcome::Interrupted, Some(key)) = (&done.result.outcome, &done.key) {
            let first = self
                .given_up
                .as_ref()
                .is_none_or(|(sequence, _)| done.sequence < *sequence);
            if first {
                self.given_up = Some((done.sequence, key.clone()));
            }
        }
        if let Outcome::End = done.result.outcome {
            self.end = Some(done.sequence);
        }
        let mut finished = Vec::new();
        if let Some(gap) = self.late.get(&done.sequence).copied() {
            // What was not looked at stays missing, and the record ends before it.
            if !matches!(done.result.outcome, Outcome::Interrupted) {
                self.fill_gap(gap, done.sequence, row, &mut finished)?;
            }
        } else if done.sequence == self.next {
            self.write(row, &mut finished)?;
        } else {
            self.waiting.insert(done.sequence, row);
        }
        self.catch_up(&mut finished)?;
        if self.waiting.len() > MOST_WAITING {
            self.pass_over(&mut finished)?;
        }
        // Others go on for long, and what is not stored yet is held in memory.
        if self.end.is_some_and(|end| end < self.next) && self.late.is_empty() {
            finished.extend(self.end_segments()?);
        }
        Ok(finished)
    }

    /// Ends the record, and hands out the last segments to be stored.
    ///
    /// # Errors
    /// When a segment cannot be made.
    pub fn finish(&mut self) -> Result<Vec<SegmentOutput>, SnapshotError> {
        self.waiting.clear();
        self.end_segments()
    }

    /// All segments of a list, of what was settled without a gap.
    pub fn entries(&self, list: List) -> impl Iterator<Item = &SegmentEntry> {
        let rows = match list {
            List::Objects => &self.objects,
            List::Orphans => &self.orphans,
        };
        let end = self.given_up.as_ref().map(|(_, key)| key);
        let before = move |entry: &&SegmentEntry| end.is_none_or(|end| entry.first_key < *end);
        rows.entries.iter().filter(before)
    }

    /// The list that a row belongs to.
    fn rows(&mut self, row: &NextRow) -> &mut Rows {
        match row {
            NextRow::Reuse(_) | NextRow::New(_) => &mut self.objects,
            NextRow::Orphan(_) => &mut self.orphans,
        }
    }

    fn end_segments(&mut self) -> Result<Vec<SegmentOutput>, SnapshotError> {
        let mut ended = self.objects.end()?;
        ended.extend(self.orphans.end()?);
        Ok(ended)
    }

    fn write(
        &mut self,
        row: Option<NextRow>,
        finished: &mut Vec<SegmentOutput>,
    ) -> Result<(), SnapshotError> {
        self.next += 1;
        if let Some(row) = row {
            finished.extend(self.rows(&row).add(&row)?);
        }
        Ok(())
    }

    /// Writes what has waited and need not any more.
    fn catch_up(&mut self, finished: &mut Vec<SegmentOutput>) -> Result<(), SnapshotError> {
        let end = self.given_up.as_ref().map(|(sequence, _)| *sequence);
        while end.is_none_or(|end| self.next < end)
            && let Some(row) = self.waiting.remove(&self.next)
        {
            self.write(row, finished)?;
        }
        Ok(())
    }

    /// Goes on behind what is not there yet.
    fn pass_over(&mut self, finished: &mut Vec<SegmentOutput>) -> Result<(), SnapshotError> {
        let Some(first) = self.waiting.keys().next().copied() else {
            return Ok(());
        };
        for rows in [&mut self.objects, &mut self.orphans] {
            finished.extend(rows.leave_gap(first)?);
        }
        self.late
            .extend((self.next..first).map(|place| (place, first)));
        self.next = first;
        self.catch_up(finished)
    }

    /// Takes note of a place that was passed over.
    fn fill_gap(
        &mut self,
        gap: u64,
        place: u64,
        row: Option<NextRow>,
        finished: &mut Vec<SegmentOutput>,
    ) -> Result<(), SnapshotError> {
        self.late.remove(&place);
        if let Some(row) = row {
            finished.extend(self.rows(&row).add_late(gap, &row)?);
        }
        // The places of a gap follow each other, up to its number.
        let is_ended = self
            .late
            .range(..gap)
            .next_back()
            .is_none_or(|(_, of)| *of != gap);
        if is_ended {
            for rows in [&mut self.objects, &mut self.orphans] {
                finished.extend(rows.end_gap(gap)?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::KeyCounts;
    use crate::outcome::CopyResult;
    use crate::snapshot::samples;

    /// What became of the key of that place; of the one behind them all, that there is no more.
    pub fn done(sequence: u64, outcome: Outcome) -> KeyResult {
        let row = matches!(outcome, Outcome::BackupOnly).then(|| samples::row(sequence));
        KeyResult {
            shard: 0,
            sequence,
            key: row.as_ref().map(|row| row.key.clone()),
            result: CopyResult {
                outcome,
                row: row.map(|row| NextRow::New(Box::new(row))),
            },
            forecast: None,
            counted: KeyCounts::default(),
        }
    }

    pub fn rows(finished: &[SegmentOutput]) -> Vec<u64> {
        finished
            .iter()
            .flat_map(SegmentOutput::entries)
            .map(|entry| entry.rows)
            .collect()
    }

    #[test]
    fn the_last_segment_is_handed_out_when_all_before_the_end_is_there() {
        let mut shard = ShardRecorder::default();

        let first = shard.note(&mut done(0, Outcome::BackupOnly)).unwrap();
        let early = shard.note(&mut done(3, Outcome::End)).unwrap();
        let third = shard.note(&mut done(2, Outcome::BackupOnly)).unwrap();
        let second = shard.note(&mut done(1, Outcome::BackupOnly)).unwrap();

        assert_eq!(
            (rows(&first), rows(&early), rows(&third)),
            (vec![], vec![], vec![])
        );
        assert_eq!(rows(&second), [3]);
        assert_eq!(shard.finish(), Ok(Vec::new()));
        assert_eq!(shard.entries(List::Objects).count(), 1);
    }

    /// An orphan at that place.
    fn orphan(sequence: u64) -> KeyResult {
        let row = samples::segment(&[samples::row(sequence)]).rows().next();
        let row = row.unwrap().unwrap();
        let mut orphan = done(sequence, Outcome::Foreign);
        orphan.result.row = Some(NextRow::Orphan(row));
        orphan
    }

    #[test]
    fn orphans_are_segments_of_a_list_of_their_own() {
        let mut shard = ShardRecorder::default();

        shard.note(&mut done(0, Outcome::BackupOnly)).unwrap();
        shard.note(&mut orphan(1)).unwrap();
        shard.note(&mut done(2, Outcome::BackupOnly)).unwrap();
        let ended = shard.note(&mut done(3, Outcome::End)).unwrap();

        assert_eq!(rows(&ended), [2, 1]);
        let first_keys = |list| -> Vec<&str> {
            let entries = shard.entries(list);
            entries.map(|entry| entry.first_key.as_str()).collect()
        };
        assert_eq!(first_keys(List::Objects), [samples::row(0).key.as_str()]);
        assert_eq!(first_keys(List::Orphans), [samples::row(1).key.as_str()]);
    }

    #[test]
    fn an_orphan_that_comes_late_is_a_segment_between_the_others() {
        let mut shard = ShardRecorder::default();
        shard.note(&mut orphan(0)).unwrap();
        for sequence in 2..=2 + MOST_WAITING as u64 {
            shard.note(&mut orphan(sequence)).unwrap();
        }

        shard.note(&mut orphan(1)).unwrap();
        shard.finish().unwrap();

        let mut entries: Vec<&SegmentEntry> = shard.entries(List::Orphans).collect();
        entries.sort_by(|one, other| one.first_key.cmp(&other.first_key));
        assert_eq!(entries[1].rows, 1);
        let follows = |pair: &[&SegmentEntry]| pair[0].last_key < pair[1].first_key;
        assert!(entries.windows(2).all(follows));
    }

    #[test]
    fn a_piece_that_does_not_come_to_its_end_is_recorded_as_far_as_it_came() {
        let mut shard = ShardRecorder::default();

        shard.note(&mut done(0, Outcome::BackupOnly)).unwrap();
        shard.note(&mut done(2, Outcome::BackupOnly)).unwrap();

        let finished = shard.finish().unwrap();
        assert_eq!(rows(&finished), [1]);
    }

    #[test]
    fn a_record_ends_before_the_first_key_that_was_given_up() {
        let given_up = |sequence| KeyResult {
            key: Some(samples::row(sequence).key),
            ..done(sequence, Outcome::Interrupted)
        };
        for order in [[2, 4], [4, 2]] {
            let mut shard = ShardRecorder::default();
            for sequence in order {
                shard.note(&mut given_up(sequence)).unwrap();
            }
            for sequence in [0, 1, 3, 5] {
                let mut done = done(sequence, Outcome::BackupOnly);
                shard.note(&mut done).unwrap();
            }

            shard.finish().unwrap();

            let entries = shard.entries(List::Objects);
            assert_eq!(entries.map(|entry| entry.rows).sum::<u64>(), 2, "{order:?}");
        }
    }
}
