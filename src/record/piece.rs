//! What was backed up of one piece, put back into the order of its keys, and cut into segments.
//!
//! Copies end out of order. What comes too early waits, but not for long: behind a copy that takes its
//! time a segment is ended and the next one begun, and the late one becomes a segment of its own, which
//! the next run joins with its neighbours. So memory is bounded, however large an object is.

use std::collections::{BTreeMap, BTreeSet};

use crate::copy::{Done, Outcome};
use crate::model::Key;
use crate::snapshot::{Builder, Finished, Recorded, SegmentEntry, SnapshotError};

/// How many rows wait for an earlier one: as many as a row group has.
const MOST_WAITING: usize = 2_048;

/// The record of one piece.
#[derive(Default)]
pub struct Piece {
    builder: Builder,
    /// The place whose turn it is.
    next: u64,
    /// What came before its turn.
    waiting: BTreeMap<u64, Option<Recorded>>,
    /// Places that were passed over.
    late: BTreeSet<u64>,
    /// The place of its end: behind it nothing comes.
    end: Option<u64>,
    /// The first place that was given up, and its key: nothing from there on is recorded.
    given_up: Option<(u64, Key)>,
    /// Segments that are finished.
    entries: Vec<SegmentEntry>,
}

impl Piece {
    /// Takes note of what became of a key, and hands out the segments to be stored.
    ///
    /// # Errors
    /// When a segment cannot be made.
    pub fn note(&mut self, done: &mut Done) -> Result<Vec<Finished>, SnapshotError> {
        let row = done.settled.row.take();
        if let (Outcome::GivenUp, Some(key)) = (&done.settled.outcome, &done.key) {
            let first = self
                .given_up
                .as_ref()
                .is_none_or(|(place, _)| done.place < *place);
            if first {
                self.given_up = Some((done.place, key.clone()));
            }
        }
        if let Outcome::End = done.settled.outcome {
            self.end = Some(done.place);
        }
        let mut finished = Vec::new();
        if self.late.remove(&done.place) {
            finished.extend(late_segment(row)?);
        } else if done.place == self.next {
            self.write(row, &mut finished)?;
        } else {
            self.waiting.insert(done.place, row);
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
    pub fn finish(&mut self) -> Result<Vec<Finished>, SnapshotError> {
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
        row: Option<Recorded>,
        finished: &mut Vec<Finished>,
    ) -> Result<(), SnapshotError> {
        self.next += 1;
        finished.extend(match row {
            Some(Recorded::Kept(row)) => self.builder.keep(&row)?,
            Some(Recorded::New(row)) => self.builder.push(row.as_ref().as_ref())?,
            None => None,
        });
        Ok(())
    }

    /// Writes what has waited and need not any more.
    fn catch_up(&mut self, finished: &mut Vec<Finished>) -> Result<(), SnapshotError> {
        let end = self.given_up.as_ref().map(|(place, _)| *place);
        while end.is_none_or(|end| self.next < end)
            && let Some(row) = self.waiting.remove(&self.next)
        {
            self.write(row, finished)?;
        }
        Ok(())
    }

    /// Ends the segment before what is not there yet, and goes on behind it.
    fn pass_over(&mut self, finished: &mut Vec<Finished>) -> Result<(), SnapshotError> {
        let Some(first) = self.waiting.keys().next().copied() else {
            return Ok(());
        };
        finished.extend(std::mem::take(&mut self.builder).finish()?);
        self.late.extend(self.next..first);
        self.next = first;
        self.catch_up(finished)
    }

    fn keep(&mut self, finished: Vec<Finished>) -> Vec<Finished> {
        let entries = finished.iter().map(|segment| segment.entry().clone());
        self.entries.extend(entries);
        finished
    }
}

/// A row whose neighbours have gone ahead.
fn late_segment(row: Option<Recorded>) -> Result<Option<Finished>, SnapshotError> {
    let mut builder = Builder::default();
    let ended = match row {
        Some(Recorded::Kept(row)) => builder.keep(&row)?,
        Some(Recorded::New(row)) => builder.push(row.as_ref().as_ref())?,
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
    use crate::copy::Settled;
    use crate::model::Census;
    use crate::snapshot::samples;

    /// What became of the key of that place; of the one behind them all, that there is no more.
    fn done(place: u64, outcome: Outcome) -> Done {
        let row = matches!(outcome, Outcome::Kept).then(|| samples::row(place));
        Done {
            piece: 0,
            place,
            key: row.as_ref().map(|row| row.key.clone()),
            settled: Settled {
                outcome,
                row: row.map(|row| Recorded::New(Box::new(row))),
            },
            forecast: None,
            counted: Census::default(),
        }
    }

    fn rows(finished: &[Finished]) -> Vec<u64> {
        finished
            .iter()
            .map(|segment| segment.entry().rows)
            .collect()
    }

    #[test]
    fn the_last_segment_is_handed_out_when_all_before_the_end_is_there() {
        let mut piece = Piece::default();

        let first = piece.note(&mut done(0, Outcome::Kept)).unwrap();
        let early = piece.note(&mut done(3, Outcome::End)).unwrap();
        let third = piece.note(&mut done(2, Outcome::Kept)).unwrap();
        let second = piece.note(&mut done(1, Outcome::Kept)).unwrap();

        assert_eq!(
            (rows(&first), rows(&early), rows(&third)),
            (vec![], vec![], vec![])
        );
        assert_eq!(rows(&second), [3]);
        assert_eq!(piece.finish(), Ok(Vec::new()));
        assert_eq!(piece.entries().count(), 1);
    }

    #[test]
    fn a_piece_that_does_not_come_to_its_end_is_recorded_as_far_as_it_came() {
        let mut piece = Piece::default();

        piece.note(&mut done(0, Outcome::Kept)).unwrap();
        piece.note(&mut done(2, Outcome::Kept)).unwrap();

        let finished = piece.finish().unwrap();
        assert_eq!(rows(&finished), [1]);
    }
}
