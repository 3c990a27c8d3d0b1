//! A snapshot in, pieces of work out: a few segments each, and the keys that may be in them. Pure.

use std::collections::VecDeque;
use std::mem;

use super::site::Wishes;
use crate::model::{Key, KeyRange, Start};
use crate::snapshot::{Index, SegmentEntry};

/// Segments of a range of which each key may make a row of the plan.
const SEGMENTS_OF_RANGE: usize = 2;
/// Rows of the snapshot in a range of which few keys do: half a page of a listing is read in vain for each.
const ROWS_OF_LONG_RANGE: u64 = 24_000;
/// The rest is shared among so many ranges at least, so that those that are planned side by side end together.
const RANGES_OF_REST: u64 = 24;

/// A piece of work: some segments, and the keys that may be in them.
#[derive(Clone, Debug)]
pub struct RangeWork {
    pub segments: Vec<SegmentEntry>,
    pub keys: KeyRange,
    /// The keys that are asked for; none for all of the range.
    pub named: Option<Vec<Key>>,
}

/// A snapshot of which ranges are cut off, one after the other.
#[derive(Debug)]
pub struct Ranges {
    segments: VecDeque<SegmentEntry>,
    /// Rows of these segments.
    rows: u64,
    start: Start,
    is_over: bool,
}

impl Ranges {
    /// The ranges of a plan that goes on behind a key.
    pub fn new(index: &Index, wishes: &Wishes, after: Option<&Key>) -> Self {
        let mut segments: VecDeque<_> = index.segments_below(&wishes.prefix).to_vec().into();
        let mut start = Start::Beginning;
        if let Some(after) = after {
            segments.retain(|entry| entry.last_key > *after);
            start = Start::After(after.clone());
        }
        Self {
            rows: segments.iter().map(|entry| entry.rows).sum(),
            segments,
            start,
            is_over: false,
        }
    }

    /// Where the next range begins.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// The next range, which is longer if few of its keys are expected to make a row of the plan. The last one has no
    /// end: what the target has behind the last segment is in it, or all of it where the point has nothing.
    pub fn next(&mut self, has_few_rows: bool) -> Option<RangeWork> {
        if self.is_over {
            return None;
        }
        let most = has_few_rows.then(|| ROWS_OF_LONG_RANGE.min(self.rows / RANGES_OF_REST));
        let (mut segments, mut rows) = (Vec::new(), 0);
        while let Some(entry) = self.segments.front() {
            let fits = rows + entry.rows <= most.unwrap_or_default();
            if segments.len() >= SEGMENTS_OF_RANGE && !fits {
                break;
            }
            rows += entry.rows;
            segments.extend(self.segments.pop_front());
        }
        self.rows = self.rows.saturating_sub(rows);
        self.is_over = self.segments.is_empty();
        let end = segments.last().map(|entry| entry.last_key.clone());
        let until = end.filter(|_| !self.is_over);
        let next = until.clone().map_or(Start::Beginning, Start::After);
        Some(RangeWork {
            segments,
            keys: KeyRange {
                start: mem::replace(&mut self.start, next),
                until,
            },
            named: None,
        })
    }
}

/// The work for named keys, in order: those of a segment together.
pub fn ranges_of_keys(index: &Index, keys: &[Key], after: Option<&Key>) -> Vec<RangeWork> {
    let mut ranges: Vec<RangeWork> = Vec::new();
    let mut last_segment = None;
    for key in keys {
        if after.is_some_and(|after| key <= after) {
            continue;
        }
        let segment = index.segment_of(key);
        match ranges.last_mut() {
            Some(range) if segment.is_none() || segment == last_segment => {
                range.named.get_or_insert_default().push(key.clone());
                range.keys.until = Some(key.clone());
            }
            _ => {
                ranges.push(RangeWork {
                    segments: segment.into_iter().cloned().collect(),
                    keys: KeyRange {
                        start: Start::At(key.clone()),
                        until: Some(key.clone()),
                    },
                    named: Some(vec![key.clone()]),
                });
                last_segment = segment;
            }
        }
    }
    ranges
}
