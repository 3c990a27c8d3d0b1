//! What is left of a run that the deadline stopped, as a cursor for the next one.

mod frontier;

use std::collections::BTreeMap;

pub use frontier::Frontier;

use crate::copy::Outcome;
use crate::list::Territory;
use crate::model::{CURSOR_FORMAT, Cursor, Key, KeyRange, Range};
use crate::plan::{Intent, Plan};

/// What a cursor's ranges may take as JSON, in bytes: a result has 200 KiB in all, most of them for
/// failures.
const MOST_BYTES: usize = 24 * 1024;

/// How far one leg of a run has come, piece by piece.
#[derive(Clone, Debug)]
pub struct Progress {
    territory: Territory,
    frontiers: BTreeMap<usize, Frontier>,
}

impl Progress {
    /// A leg that has not begun.
    pub fn of(territory: Territory) -> Self {
        Self {
            territory,
            frontiers: BTreeMap::new(),
        }
    }

    /// A key of a piece came to this, or the piece has no more.
    pub fn pass(&mut self, piece: usize, key: Option<Key>, outcome: &Outcome) {
        self.frontiers.entry(piece).or_default().pass(key, outcome);
    }

    /// The ranges of keys that are left, in their order.
    pub fn left(&self) -> Vec<KeyRange> {
        let pieces = self.territory.ranges().into_iter().enumerate();
        let mut left: Vec<KeyRange> = pieces
            .filter_map(|(piece, keys)| {
                let start = match self.frontiers.get(&piece) {
                    Some(frontier) => frontier.left(&keys.start)?,
                    None => keys.start,
                };
                let until = keys.until;
                Some(KeyRange { start, until })
            })
            .collect();
        left.sort_by(|one, other| one.start.key().cmp(&other.start.key()));
        left
    }
}

/// The cursor that continues a plan whose legs have come so far; none if all are done.
pub fn cursor<'a>(plan: &Plan, progress: impl Iterator<Item = &'a Progress>) -> Option<Cursor> {
    let legs = plan.legs.iter().zip(progress);
    let ranges: Vec<Range> = legs
        .flat_map(|(leg, progress)| {
            let destination = &leg.destination.location.bucket;
            progress.left().into_iter().map(|keys| Range {
                destination: destination.clone(),
                keys,
            })
        })
        .collect();
    (!ranges.is_empty()).then(|| Cursor {
        format: CURSOR_FORMAT,
        prefix: plan.source.prefix.as_str().to_owned(),
        mode: plan.scope.mode.name(),
        dry_run: plan.intent != Intent::Copy,
        plan: plan.intent == Intent::Plan,
        ranges: fitting(ranges),
        records: Vec::new(),
    })
}

/// Ranges side by side become one until all of them fit: what lies between them is looked at again,
/// which costs requests and harms nothing.
fn fitting(mut ranges: Vec<Range>) -> Vec<Range> {
    while serde_json::to_string(&ranges).map_or(0, |json| json.len()) > MOST_BYTES {
        let neighbours = ranges
            .windows(2)
            .position(|pair| pair[0].destination == pair[1].destination);
        let Some(first) = neighbours else {
            break;
        };
        let second = ranges.remove(first + 1);
        ranges[first].keys.until = second.keys.until;
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BucketName, Start};

    fn range(destination: &str, after: &str, until: Option<&str>) -> Range {
        Range {
            destination: BucketName::new(destination).unwrap(),
            keys: KeyRange {
                start: Start::After(Key::new(after)),
                until: until.map(Key::new),
            },
        }
    }

    #[test]
    fn each_piece_leaves_what_it_has_not_done() {
        let (b, d) = (Key::new("b"), Key::new("d"));
        let pieces = [
            (Start::Beginning, Some(&b)),
            (Start::After(b.clone()), Some(&d)),
            (Start::After(d.clone()), None),
        ];
        let ranges = pieces.map(|(start, until)| KeyRange {
            start,
            until: until.cloned(),
        });
        let mut progress = Progress::of(Territory::new(ranges.to_vec()));

        progress.pass(0, Some(Key::new("a")), &Outcome::Unchanged { listed: 1 });
        progress.pass(0, None, &Outcome::End);
        progress.pass(2, Some(Key::new("e")), &Outcome::Unchanged { listed: 1 });

        let left = [range("any", "b", Some("d")), range("any", "e", None)];
        assert_eq!(progress.left(), left.map(|range| range.keys));
    }

    #[test]
    fn a_cursor_stays_small_whatever_the_keys() {
        let key = |n: usize| format!("{n:02}{}", "\u{1}".repeat(1000));
        let rows = (0..20).map(|n| range("one", &key(2 * n), Some(&key(2 * n + 1))));
        let ranges: Vec<Range> = rows.chain([range("two", "a", None)]).collect();

        let fitting = fitting(ranges.clone());

        assert!(serde_json::to_string(&fitting).unwrap().len() <= MOST_BYTES);
        for range in ranges {
            let kept = fitting.iter().any(|kept| {
                kept.destination == range.destination
                    && kept.keys.start.key() <= range.keys.start.key()
                    && kept
                        .keys
                        .until
                        .as_ref()
                        .is_none_or(|until| Some(until) >= range.keys.until.as_ref())
            });
            assert!(kept, "{range:?} is not in {fitting:?}");
        }
    }
}
