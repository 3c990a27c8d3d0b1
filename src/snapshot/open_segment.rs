//! A segment that has not ended, or that waits for rows that come late.
//!
//! A copy that takes its time leaves a gap between the rows before it and those behind it. A segment that is
//! compared with a stored one needs no order: rows that fill the gap are changes as all others. Once one is
//! encoded, it cannot take them.

use super::draft::{Draft, DraftEnd, Found};
use super::row::{Row, RowRef};
use super::writer::Writer;
use super::{SegmentRow, SnapshotError};
use crate::model::Key;

/// The segment, what is known of it, and where rows are missing.
#[derive(Default)]
pub(super) struct OpenSegment {
    pub draft: Draft,
    pub found: Found,
    /// The bytes that its rows take in memory, about.
    pub weight: usize,
    /// In the order of the keys.
    gaps: Vec<Gap>,
    /// The last key of those rows that came late; empty if none has.
    last_late: String,
}

/// Where rows are missing.
struct Gap {
    number: u64,
    /// The key of the row before it.
    behind: String,
    /// Those of its rows that have come.
    rows: Vec<Row>,
}

impl OpenSegment {
    /// Whether rows of it are missing.
    pub fn waits(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Takes note of a gap behind a key; rows can follow. Not if it cannot take the missing rows.
    pub fn leave_gap(&mut self, number: u64, behind: &str) -> bool {
        let can_wait = self.draft.begin_beside();
        if can_wait {
            self.gaps.push(Gap {
                number,
                behind: self.behind_late(behind).to_owned(),
                rows: Vec::new(),
            });
        }
        can_wait
    }

    /// The last key so far: that one, unless a row behind it came late.
    pub fn behind_late<'a>(&'a self, last: &'a str) -> &'a str {
        last.max(self.last_late.as_str())
    }

    /// Adds a row to a gap, if it is here.
    pub fn fill_gap(&mut self, number: u64, row: RowRef<'_>) -> bool {
        let gap = self.gaps.iter_mut().find(|gap| gap.number == number);
        if let Some(gap) = gap {
            gap.rows.push(row.to_row());
            return true;
        }
        false
    }

    /// Ends a gap, if it is here: nothing is missing there any more.
    pub fn end_gap(&mut self, number: u64) {
        let Some(at) = self.gaps.iter().position(|gap| gap.number == number) else {
            return;
        };
        let gap = self.gaps.remove(at);
        for row in &gap.rows {
            self.found.add_late(row.as_ref());
            if self.last_late.as_str() < row.key.as_str() {
                row.key.as_str().clone_into(&mut self.last_late);
            }
            // Nothing but gaps may lie between it and the next one.
            for next in self.gaps.iter_mut().skip(at) {
                if next.behind.as_str() < row.key.as_str() {
                    row.key.as_str().clone_into(&mut next.behind);
                }
            }
        }
        self.draft.take_late(gap.rows);
    }

    /// Whether a row can be added without encoding all before it: a kept one, or a new one.
    pub fn has_room(&self, kept: Option<&SegmentRow>, most: u64) -> bool {
        self.draft.has_room(kept, most)
    }

    /// What it has become. Where rows are still missing it is cut, and those that have come there are segments of
    /// their own.
    pub fn end(self, has_changes: bool) -> Result<Vec<DraftEnd>, SnapshotError> {
        if self.gaps.is_empty() {
            let end = self.draft.end(self.found, has_changes)?;
            return Ok(vec![end]);
        }
        let mut parts = Parts::default();
        let mut gaps = self.gaps.iter().peekable();
        self.draft.each_row(|row| {
            while gaps.next_if(|gap| row.key > gap.behind.as_str()).is_some() {
                parts.cut()?;
            }
            parts.push(row)
        })?;
        for row in self.gaps.iter().flat_map(|gap| &gap.rows) {
            parts.cut()?;
            parts.push(row.as_ref())?;
        }
        parts.cut()?;
        Ok(parts.ends)
    }
}

/// Segments that are written one after the other.
#[derive(Default)]
struct Parts {
    writer: Option<Writer>,
    last: String,
    ends: Vec<DraftEnd>,
}

impl Parts {
    fn push(&mut self, row: RowRef<'_>) -> Result<(), SnapshotError> {
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => Writer::new()?,
        };
        writer.push(row)?;
        self.writer = Some(writer);
        self.last.clear();
        self.last.push_str(row.key);
        Ok(())
    }

    fn cut(&mut self) -> Result<(), SnapshotError> {
        if let Some(writer) = self.writer.take() {
            let (bytes, entry) = writer.finish(Key::new(self.last.as_str()))?;
            self.ends.push(DraftEnd::Written(entry, bytes));
        }
        Ok(())
    }
}
