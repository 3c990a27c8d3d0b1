//! A snapshot in, pieces of work out: a few segments each, and the keys that may be in them. Pure.

use std::collections::VecDeque;
use std::mem;
use std::ops::RangeInclusive;

use super::site::Wishes;
use crate::model::{Key, KeyRange, Start};
use crate::s3::ROWS_OF_PAGE;
use crate::snapshot::{Index, SegmentEntry};

/// Segments of a range of which each key may make a row of the plan.
const SEGMENTS_OF_RANGE: RangeInclusive<usize> = 2..=3;
/// Rows of the snapshot in a range of which few keys do, at most and at least: the last page of each is listed for what
/// is left.
const ROWS_OF_LONG_RANGE: u64 = 24_000;
const ROWS_OF_LAST_RANGES: u64 = 14_000;
/// The rest is shared among so many ranges at least while they are longer than the last ones, so that those that are
/// planned side by side end together.
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
        let number = self.segments_of_next(has_few_rows);
        let segments: Vec<_> = self.segments.drain(..number).collect();
        let rows = segments.iter().map(|entry| entry.rows).sum();
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

    /// How many segments the next range has. Of those numbers that make it long enough, it is the one whose rows fill
    /// their pages best: where the target is as the point was, its last page is nearly full.
    fn segments_of_next(&self, has_few_rows: bool) -> usize {
        let share = self.rows / RANGES_OF_REST;
        let most = share.clamp(ROWS_OF_LAST_RANGES, ROWS_OF_LONG_RANGE);
        let mut rows = 0;
        let mut best: Option<RangeLength> = None;
        for (number, entry) in (1..).zip(&self.segments) {
            rows += entry.rows;
            let (is_short, is_long) = if has_few_rows {
                (rows < most / 2, rows > most)
            } else {
                let (least, most) = SEGMENTS_OF_RANGE.into_inner();
                (number < least, number > most)
            };
            if is_long && best.is_some() {
                break;
            }
            let length = RangeLength { number, rows };
            if !is_short && best.is_none_or(|best| length.wastes_less_than(best)) {
                best = Some(length);
            }
        }
        best.map_or(self.segments.len(), |best| best.number)
    }
}

/// Segments that could be a range.
#[derive(Clone, Copy, Debug)]
struct RangeLength {
    number: usize,
    rows: u64,
}

impl RangeLength {
    /// Whether less of its pages is listed in vain, for the rows that it has.
    fn wastes_less_than(self, other: Self) -> bool {
        self.waste().saturating_mul(other.rows) < other.waste().saturating_mul(self.rows)
    }

    fn waste(self) -> u64 {
        self.rows.next_multiple_of(ROWS_OF_PAGE.into()) - self.rows
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Digest;

    /// Segments of so many rows each, whose keys are the numbers of their rows.
    fn ranges_of(rows: impl IntoIterator<Item = u64>) -> Ranges {
        let mut end = 0;
        let key = |number: u64| Key::new(format!("{number:09}"));
        let segments = rows.into_iter().map(|rows| {
            let start = end;
            end += rows;
            SegmentEntry {
                first_key: key(start),
                last_key: key(end - 1),
                rows,
                object_bytes: rows,
                bytes: rows,
                sha256: Digest::of(&start.to_be_bytes()),
                changes: Vec::new(),
            }
        });
        let segments: VecDeque<_> = segments.collect();
        Ranges {
            rows: end,
            segments,
            start: Start::Beginning,
            is_over: false,
        }
    }

    fn rows_of(range: &RangeWork) -> u64 {
        range.segments.iter().map(|entry| entry.rows).sum()
    }

    /// The rows of all ranges, of which so many are cut before it is known that few of their keys make a row.
    fn cut(mut ranges: Ranges, unknown: usize) -> Vec<u64> {
        let mut number = 0;
        let next = std::iter::from_fn(|| {
            number += 1;
            ranges.next(number > unknown)
        });
        next.map(|range| rows_of(&range)).collect()
    }

    #[test]
    fn the_pages_of_a_million_equal_keys_are_nearly_full() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut left = 1_000_000;
            let segments = std::iter::from_fn(|| {
                let rows = random.u64(1_000..6_500).min(left);
                left -= rows;
                (rows > 0).then_some(rows)
            });
            let segments: Vec<u64> = segments.collect();
            // As many as are begun before the first is planned, and twice as many.
            let unknown = if seed % 2 == 0 { 8 } else { 16 };

            let rows = cut(ranges_of(segments), unknown);

            let pages: u64 = rows
                .iter()
                .map(|rows| rows.div_ceil(ROWS_OF_PAGE.into()))
                .sum();
            assert_eq!(rows.iter().sum::<u64>(), 1_000_000);
            assert!(pages <= 1_035, "{pages} pages for seed {seed}: {rows:?}");
            let last = &rows[rows.len() - 16..];
            let most = ROWS_OF_LAST_RANGES + 6_500;
            assert!(last.iter().all(|rows| *rows <= most), "{last:?}");
        }
    }

    #[test]
    fn a_range_of_many_rows_is_two_or_three_segments() {
        let segments = |range: RangeWork| range.segments.len();
        let next = |rows: [u64; 4]| ranges_of(rows).next(false).map(segments);

        assert_eq!(next([4_000, 3_990, 100, 3_000]), Some(2));
        assert_eq!(next([4_000, 3_500, 480, 3_000]), Some(3));
        assert_eq!(ranges_of([7]).next(false).map(segments), Some(1));
        assert_eq!(ranges_of([7]).next(true).map(segments), Some(1));
        assert_eq!(ranges_of([]).next(true).map(segments), Some(0));
    }
}
