//! The rows of a segment, one after the other. A row is a place in its row group: nothing is copied.

use std::fmt;
use std::sync::Arc;

use super::changes::RowChange;
use super::columns::Columns;
use super::damage::RowsDamage;
use super::row::RowRef;
use super::{Segment, SnapshotError};
use crate::model::Key;

/// A row of a stored segment. As long as it lives, so do its row group and the segment's bytes.
#[derive(Clone)]
pub struct SegmentRow {
    group: Arc<Group>,
    at: usize,
}

impl SegmentRow {
    /// The row, to be read.
    pub fn row(&self) -> RowRef<'_> {
        match self.group.place(self.at) {
            Place::Stored(at) => self.group.columns.row(at),
            Place::Changed(at) => self.segment().changes().row(at),
        }
    }

    /// Its key.
    pub fn key(&self) -> &str {
        self.group.key(self.at)
    }

    /// Whether it can tell when the backup was written. Rows of format 1 cannot: they are left as they are until their
    /// segment is written anew for another reason.
    pub fn can_be_dated(&self) -> bool {
        match self.group.place(self.at) {
            Place::Stored(_) => self.segment().table().shape().tells_dates(),
            Place::Changed(_) => true,
        }
    }

    /// The segment that it is in.
    pub(super) fn segment(&self) -> &Arc<Segment> {
        &self.group.segment
    }

    /// How many rows of the segment are before it.
    pub(super) fn number(&self) -> u64 {
        self.group.first + self.at as u64
    }
}

/// Two rows are equal if they say the same, wherever they are stored.
impl PartialEq for SegmentRow {
    fn eq(&self, other: &Self) -> bool {
        self.row() == other.row()
    }
}

impl Eq for SegmentRow {}

impl fmt::Debug for SegmentRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.row().fmt(f)
    }
}

/// Where a row is.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// In the row group, by its number there.
    Stored(usize),
    /// Among the changes of the segment.
    Changed(usize),
}

/// A row group that has been read, with the changes between its rows.
struct Group {
    segment: Arc<Segment>,
    /// The number of its first row in the segment.
    first: u64,
    columns: Columns,
    /// Where each row is; none if all rows are as they are stored.
    places: Option<Vec<Place>>,
    /// Changes of the segment that are not behind it.
    changes_passed: usize,
    /// The key of the last row of this group and of those before it; empty if there is none.
    last: String,
    /// The same of stored rows.
    last_stored: String,
}

impl Group {
    fn before_the_first(segment: Arc<Segment>) -> Self {
        Self {
            segment,
            first: 0,
            columns: Columns::default(),
            places: None,
            changes_passed: 0,
            last: String::new(),
            last_stored: String::new(),
        }
    }

    /// Reads the row group of that number, which follows the one before it.
    fn read(number: usize, before: &Self) -> Result<Self, SnapshotError> {
        let segment = &before.segment;
        let columns = segment.table().columns(number)?;
        let mut last = before.last_stored.as_str();
        for at in 0..columns.len() {
            let key = columns.key.get(at).unwrap_or_default();
            if key <= last {
                return Err(segment.damaged(RowsDamage::Disordered { key: Key::new(key) }));
            }
            last = key;
        }
        let mut group = Self {
            segment: Arc::clone(segment),
            first: before.end(),
            last_stored: last.to_owned(),
            columns,
            places: None,
            changes_passed: before.changes_passed,
            last: String::new(),
        };
        group.lay_changes(number + 1 == segment.table().groups());
        let first_key = segment.entry().first_key.as_str();
        if before.last.is_empty() && group.len() > 0 && group.key(0) != first_key {
            return Err(segment.damaged(RowsDamage::OtherBeginning));
        }
        group.last = match group.len().checked_sub(1) {
            Some(last) => group.key(last).to_owned(),
            None => before.last.clone(),
        };
        Ok(group)
    }

    /// Lays the changes of its keys between its stored rows; behind the last group, all that are left.
    fn lay_changes(&mut self, is_last: bool) {
        let changes = self.segment.changes();
        let is_here = |number: &usize| {
            let key = changes.key(*number);
            key.is_some_and(|key| is_last || key <= self.last_stored.as_str())
        };
        let end = (self.changes_passed..changes.len()).take_while(is_here);
        let end = end.last().map_or(self.changes_passed, |last| last + 1);
        if end == self.changes_passed {
            return;
        }
        let mut places = Vec::with_capacity(self.columns.len() + end - self.changes_passed);
        let mut stored = 0;
        for number in self.changes_passed..end {
            let Some((change, row)) = changes.get(number) else {
                break;
            };
            while let Some(key) = self.columns.key.get(stored).filter(|key| *key <= row.key) {
                if key < row.key {
                    places.push(Place::Stored(stored));
                }
                stored += 1;
            }
            if change == RowChange::Set {
                places.push(Place::Changed(number));
            }
        }
        places.extend((stored..self.columns.len()).map(Place::Stored));
        self.places = Some(places);
        self.changes_passed = end;
    }

    fn place(&self, at: usize) -> Place {
        let places = self.places.as_ref();
        places.map_or(Place::Stored(at), |places| {
            places.get(at).copied().unwrap_or(Place::Stored(usize::MAX))
        })
    }

    fn key(&self, at: usize) -> &str {
        let key = match self.place(at) {
            Place::Stored(at) => self.columns.key.get(at),
            Place::Changed(at) => self.segment.changes().key(at),
        };
        key.unwrap_or_default()
    }

    /// How many rows it has.
    fn len(&self) -> usize {
        let places = self.places.as_ref();
        places.map_or(self.columns.len(), Vec::len)
    }

    /// The number of the row behind it.
    fn end(&self) -> u64 {
        self.first + self.len() as u64
    }
}

/// The rows of a segment in the order of their keys. The first error is the last item.
pub struct Rows {
    group: Arc<Group>,
    next_group: usize,
    at: usize,
    failed: bool,
}

impl Rows {
    pub(super) fn of(segment: Arc<Segment>) -> Self {
        Self {
            group: Arc::new(Group::before_the_first(segment)),
            next_group: 0,
            at: 0,
            failed: false,
        }
    }

    fn read(&mut self) -> Result<Option<SegmentRow>, SnapshotError> {
        // All rows of a group can be gone.
        while self.at == self.group.len() {
            if self.next_group == self.group.segment.table().groups() {
                return self.end();
            }
            self.group = Arc::new(Group::read(self.next_group, &self.group)?);
            self.next_group += 1;
            self.at = 0;
        }
        let row = SegmentRow {
            group: Arc::clone(&self.group),
            at: self.at,
        };
        self.at += 1;
        Ok(Some(row))
    }

    /// The end of the segment, if it is where the index says.
    fn end(&self) -> Result<Option<SegmentRow>, SnapshotError> {
        let entry = self.group.segment.entry();
        if self.group.last == entry.last_key.as_str() && self.group.end() == entry.rows {
            return Ok(None);
        }
        Err(self.group.segment.damaged(RowsDamage::OtherEnd))
    }
}

impl Iterator for Rows {
    type Item = Result<SegmentRow, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let row = self.read().transpose();
        self.failed = matches!(row, Some(Err(_)));
        row
    }
}
