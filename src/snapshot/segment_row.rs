//! The rows of a segment, one after the other. A row is a place in its row group: nothing is copied.

use std::fmt;
use std::sync::Arc;

use super::columns::Columns;
use super::row::RowRef;
use super::{Segment, SnapshotError};

/// A row of a stored segment. As long as it lives, so do its row group and the segment's bytes.
#[derive(Clone)]
pub struct SegmentRow {
    group: Arc<Group>,
    at: usize,
}

impl SegmentRow {
    /// The row, to be read.
    pub fn row(&self) -> RowRef<'_> {
        self.group.columns.row(self.at)
    }

    /// Its key.
    pub fn key(&self) -> &str {
        self.group.columns.key.get(self.at).unwrap_or_default()
    }

    /// Whether it should tell when the backup was written, and does not. Rows of format 1 cannot: they are
    /// left as they are until their segment is written anew for another reason.
    pub fn lacks_date(&self) -> bool {
        self.row().backup_modified.is_none() && self.segment().tells_dates()
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

/// A row group that has been read.
struct Group {
    segment: Arc<Segment>,
    /// The number of its first row in the segment.
    first: u64,
    columns: Columns,
}

impl Group {
    /// Reads the row group of that number, which follows the one before it.
    fn read(number: usize, before: &Self) -> Result<Self, SnapshotError> {
        let segment = &before.segment;
        let columns = segment.columns(number)?;
        let keys = || (0..columns.len()).filter_map(|at| columns.key.get(at));
        let mut last = before.last_key();
        if last.is_none() && keys().next() != Some(segment.entry().first_key.as_str()) {
            return Err(segment.damaged("it begins with another key than its index says"));
        }
        for key in keys() {
            if last.is_some_and(|last| key <= last) {
                return Err(segment.damaged(format!("key \"{key}\" is out of order")));
            }
            last = Some(key);
        }
        Ok(Self {
            segment: Arc::clone(segment),
            first: before.end(),
            columns,
        })
    }

    /// The number of the row behind it.
    fn end(&self) -> u64 {
        self.first + self.columns.len() as u64
    }

    fn last_key(&self) -> Option<&str> {
        self.columns.key.get(self.columns.len().checked_sub(1)?)
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
        let before_the_first = Group {
            segment,
            first: 0,
            columns: Columns::default(),
        };
        Self {
            group: Arc::new(before_the_first),
            next_group: 0,
            at: 0,
            failed: false,
        }
    }

    fn read(&mut self) -> Result<Option<SegmentRow>, SnapshotError> {
        if self.at == self.group.columns.len() {
            if self.next_group == self.group.segment.groups() {
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
        let last = self.group.last_key() == Some(entry.last_key.as_str());
        if last && self.group.end() == entry.rows {
            return Ok(None);
        }
        let problem = "it ends elsewhere than its index says";
        Err(self.group.segment.damaged(problem))
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
