//! What was backed up of one shard, put back into the order of its keys, and cut into segments.
//!
//! Copies end out of order. What comes too early waits, but not for long: behind a copy that takes its
//! time a segment is ended and the next one begun, and the late one becomes a segment of its own, which
//! the next run joins with its neighbours. So memory is bounded, however large an object is.

use std::collections::{BTreeMap, BTreeSet};

use crate::copy::{KeyResult, Outcome};
use crate::model::Key;
use crate::snapshot::{Builder, NextRow, SegmentEntry, SegmentOutput, SnapshotError};

/// How many rows wait for an earlier one: as many as a row group has.
const MOST_WAITING: usize = 2_048;

/// The record of one shard.
#[derive(Default)]
pub struct ShardRecorder {
    builder: Builder,
    /// The place whose turn it is.
    next: u64,
    /// What came before its turn.
    waiting: BTreeMap<u64, Option<NextRow>>,
    /// Places that were passed over.
    late: BTreeSet<u64>,
    /// The place of its end: behind it nothing comes.
    end: Option<u64>,
    /// The first place that was given up, and its key: nothing from there on is recorded.
    given_up: Option<(u64, Key)>,
    /// Segments that are finished.
    entries: Vec<SegmentEntry>,
}

impl ShardRecorder {
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
        if self.late.remove(&done.sequence) {
            finished.extend(late_segment(row)?);
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
        if self.end.is_some_and(|end| end < self.next) {
            finished.extend(std::mem::take(&mut self.builder).finish()?);
        }
        Ok(self.keep(finished))
    }

    /// Ends the record, and hands out the last segments to be stored.
    ///
    /// # Errors
    /// When a segment cannot be made.
    pub fn finish(&mut self) -> Result<Vec<SegmentOutput>, SnapshotError> {
        self.waiting.clear();
        let finished = std::mem::take(&mut self.builder).finish()?;
        Ok(self.keep(finished.into_iter().collect()))
    }

    /// All segments of what was settled without a gap.
    pub fn entries(&self) -> impl Iterator<Item = &SegmentEntry> {
        let end = self.given_up.as_ref().map(|(_, key)| key);
        let before = move |entry: &&SegmentEntry| end.is_none_or(|end| entry.first_key < *end);
        self.entries.iter().filter(before)
    }

    fn write(
        &mut self,
        row: Option<NextRow>,
        finished: &mut Vec<SegmentOutput>,
    ) -> Result<(), SnapshotError> {
        self.next += 1;
        finished.extend(match row {
            Some(NextRow::Reuse(row)) => self.builder.keep(&row)?,
            Some(NextRow::New(row)) => self.builder.push(row.as_ref().as_ref())?,
            None => None,
        });
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

    /// Ends the segment before what is not there yet, and goes on behind it.
    fn pass_over(&mut self, finished: &mut Vec<SegmentOutput>) -> Result<(), SnapshotError> {
        let Some(first) = self.waiting.keys().next().copied() else {
            return Ok(());
        };
        finished.extend(std::mem::take(&mut self.builder).finish()?);
        self.late.extend(self.next..first);
        self.next = first;
        self.catch_up(finished)
    }

    fn keep(&mut self, finished: Vec<SegmentOutput>) -> Vec<SegmentOutput> {
        let entries = finished.iter().map(|segment| segment.entry().clone());
        self.entries.extend(entries);
        finished
    }
}

/// A row whose neighbours have gone ahead.
fn late_segment(row: Option<NextRow>) -> Result<Option<SegmentOutput>, SnapshotError> {
    let mut builder = Builder::default();
    let ended = match row {
        Some(NextRow::Reuse(row)) => builder.keep(&row)?,
        Some(NextRow::New(row)) => builder.push(row.as_ref().as_ref())?,
        None => return Ok(None),
    };
    match ended {
        Some(finished) => Ok(Some(finished)),
        None => builder.finish(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::CopyResult;
    use crate::model::KeyCounts;
    use crate::snapshot::samples;

    /// What became of the key of that place; of the one behind them all, that there is no more.
    fn done(sequence: u64, outcome: Outcome) -> KeyResult {
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

    fn rows(finished: &[SegmentOutput]) -> Vec<u64> {
        finished
            .iter()
            .map(|segment| segment.entry().rows)
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
        assert_eq!(shard.entries().count(), 1);
    }

    #[test]
    fn a_piece_that_does_not_come_to_its_end_is_recorded_as_far_as_it_came() {
        let mut shard = ShardRecorder::default();

        shard.note(&mut done(0, Outcome::BackupOnly)).unwrap();
        shard.note(&mut done(2, Outcome::BackupOnly)).unwrap();

        let finished = shard.finish().unwrap();
        assert_eq!(rows(&finished), [1]);
    }
}
