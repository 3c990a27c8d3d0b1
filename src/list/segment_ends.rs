//! The ends of the segments of the last snapshot: how many rows are left behind a key, and where to cut them. Pure.

use crate::model::Key;

/// A segment may have so many times its rows, and so many pages more, before it counts as grown.
const GROWN: u64 = 2;
const PAGES_MORE: u64 = 2;

/// The last keys of segments, which ascend, each with the rows up to it.
#[derive(Clone, Debug, Default)]
pub struct SegmentEnds(Vec<SegmentEnd>);

#[derive(Clone, Debug)]
struct SegmentEnd {
    key: Key,
    /// Rows of this segment and of all before it.
    rows: u64,
}

/// What the last snapshot says of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRows {
    /// So many rows are left.
    pub rows: u64,
    /// The end of a segment that is nearest to their middle; none if no segment ends within them.
    pub middle: Option<Key>,
}

impl SegmentEnds {
    /// The ends of segments with these last keys and so many rows each.
    pub fn new(segments: impl Iterator<Item = (Key, u64)>) -> Self {
        let mut all = 0;
        let ends = segments.map(|(key, rows)| {
            all += rows;
            SegmentEnd { key, rows: all }
        });
        Self(ends.collect())
    }

    /// Whether there is no snapshot.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of the segment that begins behind a key or has it within; none behind the last one.
    pub fn number_behind(&self, key: &Key) -> Option<usize> {
        let number = self.first_behind(key);
        (number < self.0.len()).then_some(number)
    }

    /// The rows behind a key, up to another one. Half of the segment that the key is in counts as listed.
    pub fn rows(&self, after: &Key, until: Option<&Key>) -> RecordedRows {
        let from = self.first_behind(after);
        let to = until.map_or(self.0.len(), |until| self.first_behind(until));
        let first = self.rows_before(from) + self.rows_of(from) / 2;
        // Nobody knows how much of the segment a range has that ends within it: all of it counts.
        let last = self.rows_before(to.max(from + 1).min(self.0.len()));
        let ends = self.0.get(from..to).unwrap_or_default().iter();
        let ends = ends.filter(|end| until.is_none_or(|until| end.key < *until));
        let middle = ends.min_by_key(|end| end.rows.abs_diff(first.midpoint(last)));
        RecordedRows {
            rows: last.saturating_sub(first),
            middle: middle.map(|end| end.key.clone()),
        }
    }

    /// Whether so many pages of that many rows are more than a segment can have had.
    pub fn has_grown(&self, number: usize, pages: u64, rows_of_page: u64) -> bool {
        pages.saturating_sub(PAGES_MORE) * rows_of_page > GROWN * self.rows_of(number)
    }

    /// The end that is nearest to a guess, between these keys.
    pub fn near(&self, guess: &Key, after: &Key, before: Option<&Key>) -> Option<&Key> {
        let number = self.first_behind(guess);
        let lower = self.0[..number].last().filter(|end| end.key > *after);
        let upper = self.0.get(number);
        let upper = upper.filter(|end| before.is_none_or(|before| end.key < *before));
        lower.or(upper).map(|end| &end.key)
    }

    /// The number of the segment that begins behind a key or has it within.
    fn first_behind(&self, key: &Key) -> usize {
        self.0.partition_point(|end| end.key <= *key)
    }

    fn rows_before(&self, number: usize) -> u64 {
        let before = number.checked_sub(1).and_then(|before| self.0.get(before));
        before.map_or(0, |end| end.rows)
    }

    fn rows_of(&self, number: usize) -> u64 {
        let rows = self.0.get(number).map_or(0, |end| end.rows);
        rows.saturating_sub(self.rows_before(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> Key {
        Key::new(format!("{number:03}"))
    }

    /// Segments of 4,000, 1,000, 1,000 and 2,000 rows.
    fn ends() -> SegmentEnds {
        let segments = [(40, 4_000), (50, 1_000), (60, 1_000), (80, 2_000)];
        SegmentEnds::new(segments.map(|(last, rows)| (key(last), rows)).into_iter())
    }

    #[test]
    fn rows_are_those_of_the_segments_behind_a_key_and_half_of_its_own() {
        for (after, until, rows, middle) in [
            (0, None, 6_000, Some(50)),
            (0, Some(40), 2_000, None),
            (40, None, 3_500, Some(60)),
            (45, Some(60), 1_500, Some(50)),
            (55, Some(59), 500, None),
            (80, None, 0, None),
        ] {
            let recorded = ends().rows(&key(after), until.map(key).as_ref());

            let middle = middle.map(key);
            assert_eq!(recorded, RecordedRows { rows, middle }, "{after} {until:?}");
        }
    }

    #[test]
    fn a_guess_becomes_the_end_before_it_or_else_the_one_behind_it() {
        for (guess, after, before, expected) in [
            (55, 30, None, Some(50)),
            (55, 52, None, Some(60)),
            (55, 52, Some(60), None),
            (90, 85, None, None),
        ] {
            let before = before.map(key);
            let near = ends()
                .near(&key(guess), &key(after), before.as_ref())
                .cloned();

            assert_eq!(
                near,
                expected.map(key),
                "{guess} between {after} and {before:?}"
            );
        }
    }

    #[test]
    fn a_segment_has_grown_with_twice_its_pages_and_two_more() {
        for (number, pages, expected) in
            [(0, 10, false), (0, 11, true), (1, 4, false), (1, 5, true)]
        {
            assert_eq!(
                ends().has_grown(number, pages, 1_000),
                expected,
                "{number} {pages}"
            );
        }
    }
}
