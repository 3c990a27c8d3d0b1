//! The segment in the making: a stored one, what differs from it, or one that is written anew.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::changes::{Changes, RowChange};
use super::changes_file::MOST_CHANGED_BYTES;
use super::damage::{EncodeError, RowsDamage};
use super::entry::{MOST_CHANGES, SegmentEntry};
use super::row::{Row, RowRef};
use super::writer::Writer;
use super::{Segment, SegmentRow, SnapshotError};
use crate::model::Key;

/// Rows of another segment that can be changes wherever they are.
const FEW_ROWS: u64 = 256;

/// The segment in the making.
#[derive(Default)]
pub(super) enum Draft {
    /// No row yet.
    #[default]
    Empty,
    /// What differs from a stored segment: nothing needs to be encoded, or only that.
    Beside(Box<Beside>),
    /// A segment that is written anew.
    Written(Box<Writer>),
}

/// A stored segment beside what has come.
#[derive(Default)]
pub(super) struct Beside {
    /// The segment; none as long as none of its rows has come.
    stored: Option<Arc<Segment>>,
    /// How many of its rows are behind us.
    passed: u64,
    /// Those of them that have not come.
    gaps: Vec<Range<u64>>,
    /// How many rows are in gaps.
    passed_over: u64,
    /// Rows that have come, and are not its own.
    set: Changes,
    /// Those of them that came late, and are not among them yet.
    late: Vec<Row>,
}

/// What has come of the segment in the making.
#[derive(Default)]
pub(super) struct Found {
    /// The key of its first row.
    pub first: Option<Key>,
    /// The key of its last row, where it is known: of a segment that has ended.
    pub last: Option<Key>,
    pub rows: u64,
    pub object_bytes: u64,
}

impl Found {
    pub fn add(&mut self, row: RowRef<'_>) {
        self.first.get_or_insert_with(|| Key::new(row.key));
        self.rows += 1;
        self.object_bytes = self.object_bytes.saturating_add(row.size);
    }

    /// Adds a row that comes behind later ones.
    pub fn add_late(&mut self, row: RowRef<'_>) {
        self.add(row);
        let key = || Some(Key::new(row.key));
        if self
            .first
            .as_ref()
            .is_some_and(|first| row.key < first.as_str())
        {
            self.first = key();
        }
        if self
            .last
            .as_ref()
            .is_some_and(|last| row.key > last.as_str())
        {
            self.last = key();
        }
    }
}

/// What a draft has become.
pub(super) enum DraftEnd {
    Empty,
    Reused(SegmentEntry),
    Written(SegmentEntry, Bytes),
    /// The segment without these changes: where they are is not known yet.
    Changed(SegmentEntry, Box<Changes>),
}

impl Draft {
    /// Adds a row of a stored segment. Beside another segment it is a new row, of which so many are kept, if any.
    pub fn keep(
        &mut self,
        stored: &SegmentRow,
        row: RowRef<'_>,
        most: Option<u64>,
    ) -> Result<(), SnapshotError> {
        if let Self::Empty = self
            && (stored.number() == 0 || most.is_some())
        {
            *self = Self::Beside(Box::default());
        }
        let is_kept = match self {
            Self::Beside(beside) => beside.keep(stored, most.is_some()),
            Self::Empty | Self::Written(_) => false,
        };
        if is_kept {
            return Ok(());
        }
        let is_beside = match self {
            Self::Beside(beside) => beside.has_room(),
            Self::Empty | Self::Written(_) => false,
        };
        self.push(row, most.filter(|_| is_beside))
    }

    /// Adds a row that is in no stored segment: so many of them are kept beside one, if any.
    pub fn push(&mut self, row: RowRef<'_>, most: Option<u64>) -> Result<(), SnapshotError> {
        let Some(most) = most else {
            return self.writer()?.push(row);
        };
        if let Self::Empty = self {
            *self = Self::Beside(Box::default());
        }
        match self {
            Self::Beside(beside) if beside.can_set(most) => {
                beside.set.push(RowChange::Set, row);
                Ok(())
            }
            Self::Empty | Self::Beside(_) | Self::Written(_) => self.writer()?.push(row),
        }
    }

    /// Makes it one that takes rows in any order, if nothing is encoded yet.
    pub fn begin_beside(&mut self) -> bool {
        if let Self::Empty = self {
            *self = Self::Beside(Box::default());
        }
        matches!(self, Self::Beside(_))
    }

    /// Adds rows whose neighbours have gone ahead.
    pub fn take_late(&mut self, rows: Vec<Row>) {
        if let Self::Beside(beside) = self {
            beside.late.extend(rows);
        }
    }

    /// Whether a row can be added without encoding all before it: a kept one, or a new one.
    pub fn has_room(&self, kept: Option<&SegmentRow>, most: u64) -> bool {
        let Self::Beside(beside) = self else {
            return false;
        };
        let is_own = kept.is_some_and(|kept| beside.is_of(kept.segment()));
        let has_room = kept.is_none() || beside.has_room();
        is_own || (has_room && beside.can_set(most))
    }

    /// Goes through the rows that have come, where nothing is encoded yet.
    pub fn each_row(
        self,
        take: impl FnMut(RowRef<'_>) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        match self {
            Self::Beside(mut beside) => {
                beside.settle();
                beside.each_row(take)
            }
            Self::Empty | Self::Written(_) => Ok(()),
        }
    }

    /// What can be written behind. Kept rows are read once more for it: no row was kept in memory.
    fn writer(&mut self) -> Result<&mut Writer, SnapshotError> {
        if !matches!(self, Self::Written(_)) {
            let writer = match mem::replace(self, Self::Empty) {
                Self::Written(writer) => writer,
                Self::Empty => Box::new(Writer::new()?),
                Self::Beside(mut beside) => {
                    beside.settle();
                    Box::new(beside.written()?)
                }
            };
            *self = Self::Written(writer);
        }
        match self {
            Self::Written(writer) => Ok(writer),
            Self::Empty | Self::Beside(_) => Err(SnapshotError::Unwritable {
                problem: EncodeError::NoWriter,
            }),
        }
    }

    /// Ends the segment of which that is known.
    pub fn end(self, found: Found, has_changes: bool) -> Result<DraftEnd, SnapshotError> {
        let last = found.last.clone().unwrap_or_else(|| Key::new(""));
        let writer = match self {
            Self::Empty => return Ok(DraftEnd::Empty),
            Self::Written(writer) => *writer,
            Self::Beside(_) if found.rows == 0 => return Ok(DraftEnd::Empty),
            Self::Beside(mut beside) => {
                beside.settle();
                match beside.difference(found, &last, has_changes) {
                    Some(end) => return Ok(end),
                    None => beside.written()?,
                }
            }
        };
        let (bytes, entry) = writer.finish(last)?;
        Ok(DraftEnd::Written(entry, bytes))
    }
}

impl Beside {
    /// Takes note of a stored row that has come, unless it is of another segment, or rows before it have not come
    /// and need to.
    fn keep(&mut self, row: &SegmentRow, has_changes: bool) -> bool {
        let (segment, number) = (row.segment(), row.number());
        match &self.stored {
            Some(stored) if !Arc::ptr_eq(stored, segment) => return false,
            Some(_) => {}
            None => self.stored = Some(Arc::clone(segment)),
        }
        if self.passed < number {
            if !has_changes {
                return false;
            }
            self.passed_over += number - self.passed;
            self.gaps.push(self.passed..number);
        }
        self.passed = number + 1;
        true
    }

    /// Whether a row of another segment can be one of a few changes: where a segment was cut, all that follow are of
    /// another one.
    fn has_room(&self) -> bool {
        self.set.len() as u64 * 4 <= self.passed - self.passed_over + FEW_ROWS
    }

    /// Whether it is compared with that segment.
    fn is_of(&self, segment: &Arc<Segment>) -> bool {
        let stored = self.stored.as_ref();
        stored.is_none_or(|stored| Arc::ptr_eq(stored, segment))
    }

    /// Whether it can have one more row that is not its own.
    fn can_set(&self, most: u64) -> bool {
        (self.set.len() as u64) < most && self.set.weight() < MOST_CHANGED_BYTES
    }

    /// Puts rows that came late to their places.
    fn settle(&mut self) {
        if self.late.is_empty() {
            return;
        }
        self.late
            .sort_unstable_by(|one, other| one.key.cmp(&other.key));
        let mut late = Changes::default();
        for row in self.late.drain(..) {
            late.push(RowChange::Set, row.as_ref());
        }
        self.set = self.set.followed_by(&late);
    }

    /// All that has come.
    fn written(&self) -> Result<Writer, SnapshotError> {
        let mut writer = Writer::new()?;
        self.each_row(|row| writer.push(row))?;
        Ok(writer)
    }

    fn each_row(
        &self,
        mut take: impl FnMut(RowRef<'_>) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        let mut set = self.set.iter().map(|(_, row)| row).peekable();
        let mut gaps = self.gaps.iter().peekable();
        let mut stored = self.stored.iter().flat_map(Segment::rows);
        for number in 0..self.passed {
            let row = match stored.next() {
                Some(row) => row?,
                None => return Err(self.lost_rows()),
            };
            while gaps.next_if(|gap| gap.end <= number).is_some() {}
            if gaps.peek().is_some_and(|gap| gap.contains(&number)) {
                continue;
            }
            while let Some(before) = set.next_if(|set| set.key < row.key()) {
                take(before)?;
            }
            take(row.row())?;
        }
        for row in set {
            take(row)?;
        }
        Ok(())
    }

    fn lost_rows(&self) -> SnapshotError {
        match &self.stored {
            Some(stored) => stored.damaged(RowsDamage::LostRows),
            None => SnapshotError::Unwritable {
                problem: EncodeError::NoSegment,
            },
        }
    }

    /// The stored segment as it is, or with one more change; none if it has to be written anew.
    fn difference(&self, found: Found, last: &Key, has_changes: bool) -> Option<DraftEnd> {
        let stored = self.stored.as_ref()?;
        let entry = stored.entry();
        let is_whole = self.passed == entry.rows && self.gaps.is_empty();
        if !has_changes && (!is_whole || self.set.len() > 0 || !entry.changes.is_empty()) {
            return None;
        }
        if is_whole && self.set.len() == 0 {
            return Some(DraftEnd::Reused(entry.clone()));
        }
        // Rows that tell no dates are to learn them.
        if !stored.table().shape().tells_dates() {
            return None;
        }
        let rest = entry.rows.saturating_sub(self.passed);
        let fewest = (self.set.len() as u64).max(self.passed_over + rest);
        if fewest > found.rows / 4 {
            return None;
        }
        // What cannot be read to its end is written anew, as far as it was read.
        let changes = self.changes(stored).ok()?;
        let first_key = found.first?;
        let all = stored.changes().followed_by(&changes);
        if all.len() as u64 > found.rows / 4 || all.weight() > MOST_CHANGED_BYTES {
            return None;
        }
        let entry = SegmentEntry {
            first_key,
            last_key: last.clone(),
            rows: found.rows,
            object_bytes: found.object_bytes,
            ..entry.clone()
        };
        if entry.changes.len() < MOST_CHANGES {
            return Some(DraftEnd::Changed(entry, Box::new(changes)));
        }
        let entry = SegmentEntry {
            changes: Vec::new(),
            ..entry
        };
        Some(DraftEnd::Changed(entry, Box::new(all)))
    }

    /// What has come beside the stored rows, and what has not come of them.
    fn changes(&self, stored: &Arc<Segment>) -> Result<Changes, SnapshotError> {
        let mut gone = Changes::default();
        let rest = self.passed..stored.entry().rows;
        let gaps = self.gaps.iter().cloned().chain([rest]);
        let mut gaps = gaps.filter(|gap| !gap.is_empty()).peekable();
        let mut numbered = (0_u64..).zip(stored.rows());
        while gaps.peek().is_some() {
            let Some((number, row)) = numbered.next() else {
                return Err(self.lost_rows());
            };
            let row = row?;
            if gaps.peek().is_some_and(|gap| gap.contains(&number)) {
                gone.push_gone(row.key());
            }
            while gaps.next_if(|gap| gap.end <= number + 1).is_some() {}
        }
        // What has another row now is not gone.
        Ok(gone.followed_by(&self.set))
    }
}
