//! A snapshot in, pieces of work out: a few segments each, and the keys that may be in them. Pure.

use super::site::Wishes;
use crate::model::{Key, KeyRange, Start};
use crate::snapshot::{Index, SegmentEntry};

/// Segments of a range: two pages of a listing are read in vain for each range, of some ten.
const SEGMENTS_OF_RANGE: usize = 2;

/// A piece of work: some segments, and the keys that may be in them.
#[derive(Clone, Debug)]
pub struct RangeWork {
    pub segments: Vec<SegmentEntry>,
    pub keys: KeyRange,
    /// The keys that are asked for; none for all of the range.
    pub named: Option<Vec<Key>>,
}

/// The ranges of a plan that goes on behind a key.
pub fn ranges(index: &Index, wishes: &Wishes, after: Option<&Key>) -> Vec<RangeWork> {
    let mut segments = index.segments_below(&wishes.prefix).to_vec();
    let mut start = Start::Beginning;
    if let Some(after) = after {
        segments.retain(|entry| entry.last_key > *after);
        start = Start::After(after.clone());
    }
    let mut ranges: Vec<RangeWork> = Vec::new();
    for group in segments.chunks(SEGMENTS_OF_RANGE) {
        let until = group.last().map(|entry| entry.last_key.clone());
        ranges.push(RangeWork {
            segments: group.to_vec(),
            keys: KeyRange {
                start: start.clone(),
                until: until.clone(),
            },
            named: None,
        });
        start = until.map_or(Start::Beginning, Start::After);
    }
    // What the target has behind the last segment, or where the point has nothing at all.
    match ranges.last_mut() {
        Some(last) => last.keys.until = None,
        None => ranges.push(RangeWork {
            segments: Vec::new(),
            keys: KeyRange { start, until: None },
            named: None,
        }),
    }
    ranges
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
