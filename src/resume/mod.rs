//! What is left of a run that the deadline stopped, as a cursor for the next one.

mod frontier;

use std::collections::BTreeMap;

pub use frontier::Frontier;

use crate::copy::Outcome;
use crate::list::Territory;
use crate::model::{
    Agreed, CURSOR_FORMAT, Census, Counted, Cursor, Key, KeyRange, Marking, Range, Share,
    VerifyWords,
};
use crate::plan::{self, Check, Intent, Leg, Plan, Stage};

/// What a cursor's ranges may take as JSON, in bytes: a result has 200 KiB in all, most of them for
/// failures.
const MOST_BYTES: usize = 24 * 1024;

/// How far one leg of a run has come, piece by piece.
#[derive(Clone, Debug)]
pub struct Progress {
    territory: Territory,
    frontiers: BTreeMap<usize, Frontier>,
    broken: bool,
    marked: u64,
}

/// A range of keys that is left, and what was counted of those between it and the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Left {
    range: Range,
    counted: Census,
}

impl Progress {
    /// A leg that has not begun.
    pub fn of(territory: Territory) -> Self {
        Self {
            territory,
            frontiers: BTreeMap::new(),
            broken: false,
            marked: 0,
        }
    }

    /// A key of a piece came to this, or the piece has no more; and what was counted of it so far.
    pub fn pass(&mut self, piece: usize, key: Option<Key>, outcome: &Outcome, counted: Census) {
        self.broken |= matches!(outcome, Outcome::Broken(_));
        self.marked += u64::from(matches!(outcome, Outcome::Marked));
        let frontier = self.frontiers.entry(piece).or_default();
        frontier.pass(key, outcome, counted);
    }

    /// Whether a listing broke off, so that nobody knows what is gone.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// What was counted of all that is not left.
    pub fn counted(&self) -> Census {
        self.frontiers.values().map(Frontier::counted).sum()
    }

    /// What is left of each piece, in the order of the keys, and what was counted of it.
    fn pieces(&self) -> Vec<(Option<KeyRange>, Census)> {
        let mut pieces: Vec<(usize, KeyRange)> =
            self.territory.ranges().into_iter().enumerate().collect();
        pieces.sort_by(|(_, one), (_, other)| one.start.key().cmp(&other.start.key()));
        let of = |(piece, keys): (usize, KeyRange)| match self.frontiers.get(&piece) {
            Some(frontier) => {
                let until = keys.until;
                let start = frontier.left(&keys.start);
                let left = start.map(|start| KeyRange { start, until });
                (left, frontier.counted())
            }
            None => (Some(keys), Census::default()),
        };
        pieces.into_iter().map(of).collect()
    }

    /// The ranges of keys that are left, in their order, and what was counted behind the last one.
    fn left(&self, leg: &Leg) -> (Vec<Left>, Census) {
        let destination = &leg.destination.location.bucket;
        let mut counted = Census::default();
        let mut left = Vec::new();
        for (keys, here) in self.pieces() {
            counted += here;
            if let Some(keys) = keys {
                let range = Range {
                    destination: destination.clone(),
                    keys,
                };
                left.push(Left { range, counted });
                counted = Census::default();
            }
        }
        (left, counted)
    }
}

/// The cursor that continues a plan whose legs have come so far; none if all are done.
pub fn cursor<'a>(plan: &Plan, progress: impl Iterator<Item = &'a Progress>) -> Option<Cursor> {
    let progress: Vec<&Progress> = progress.collect();
    let legs = plan.legs.iter().zip(&progress);
    let (left, behind): (Vec<_>, Vec<_>) = legs.map(|(leg, progress)| progress.left(leg)).unzip();
    let left = fitting(left.into_iter().flatten().collect());
    (!left.is_empty()).then(|| Cursor {
        format: CURSOR_FORMAT,
        prefix: plan.source.prefix.as_str().to_owned(),
        mode: plan.scope.mode.name(),
        dry_run: plan.intent != Intent::Copy,
        plan: plan.intent == Intent::Plan,
        verify: plan.check.map(words),
        marking: plan
            .marking
            .as_ref()
            .and_then(|marking| so_far(marking, &plan.legs, &progress, &left, &behind)),
        ranges: left.into_iter().map(|left| left.range).collect(),
        records: Vec::new(),
    })
}

/// How far deletions have come; none if a listing broke off while they were counted.
fn so_far(
    marking: &plan::Marking,
    legs: &[Leg],
    progress: &[&Progress],
    left: &[Left],
    behind: &[Census],
) -> Option<Marking> {
    let name = |leg: &Leg| leg.destination.location.bucket.clone();
    let (mut counted, mut agreed) = (Vec::new(), Vec::new());
    match marking.stage {
        Stage::Copy if progress.iter().any(|progress| progress.is_broken()) => return None,
        Stage::Copy => counted.extend(legs.iter().zip(behind).map(|(leg, behind)| {
            let destination = name(leg);
            let own = left
                .iter()
                .filter(|left| left.range.destination == destination);
            let between: Census = own.map(|left| left.counted).sum();
            Counted {
                destination,
                census: leg.counted + between + *behind,
            }
        })),
        Stage::Mark => agreed.extend(legs.iter().zip(progress).map(|(leg, progress)| Agreed {
            destination: name(leg),
            most: leg.agreed.saturating_sub(progress.marked),
        })),
    }
    Some(Marking {
        // Who has been let through need not ask again.
        confirm: match marking.stage {
            Stage::Copy => marking.confirm.clone(),
            Stage::Mark => None,
        },
        counted,
        agreed,
    })
}

/// A verification in the words of its request.
fn words(check: Check) -> VerifyWords {
    let sample = check.deep.filter(|share| !share.is_whole());
    VerifyWords {
        deep: check.deep.is_some(),
        sample: sample.map(|share| format!("1/{}", share.of())),
        part: sample.map(Share::part),
        repair: check.repair,
    }
}

/// Ranges side by side become one until all of them fit: what lies between them is looked at again,
/// which costs requests and harms nothing, and counted again.
fn fitting(mut left: Vec<Left>) -> Vec<Left> {
    let bytes = |left: &[Left]| {
        let ranges: Vec<&Range> = left.iter().map(|left| &left.range).collect();
        serde_json::to_string(&ranges).map_or(0, |json| json.len())
    };
    while bytes(&left) > MOST_BYTES {
        let neighbours = left
            .windows(2)
            .position(|pair| pair[0].range.destination == pair[1].range.destination);
        let Some(first) = neighbours else {
            break;
        };
        let second = left.remove(first + 1);
        left[first].range.keys.until = second.range.keys.until;
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::event::BackupRequest;
    use crate::model::{BucketName, Start, Timestamp};
    use crate::plan::Run;

    fn leg(destination: &str) -> Leg {
        let vars = [
            ("SOURCE_BUCKET", "primary"),
            ("DESTINATION_BUCKET", destination),
        ];
        let config = Config::from_vars(vars.map(|(n, v)| (n.to_owned(), v.to_owned()))).unwrap();
        let run = Run::begin(Timestamp::from_millis(0), 0);
        let plan = plan::make(&BackupRequest::default(), &config, run, None);
        plan.unwrap().legs.remove(0)
    }

    fn counted(gone: u64) -> Census {
        Census {
            gone,
            ..Census::default()
        }
    }

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

        let unchanged = Outcome::Unchanged { listed: 1 };
        progress.pass(0, Some(Key::new("a")), &unchanged, counted(1));
        progress.pass(0, None, &Outcome::End, counted(1));
        progress.pass(2, Some(Key::new("e")), &unchanged, counted(2));

        let (left, behind) = progress.left(&leg("any"));
        let expected = [
            (range("any", "b", Some("d")), counted(1)),
            (range("any", "e", None), counted(2)),
        ];
        assert_eq!(
            left,
            expected.map(|(range, counted)| Left { range, counted })
        );
        assert_eq!(behind, Census::default());
        assert_eq!(progress.counted(), counted(3));
    }

    #[test]
    fn what_is_behind_a_key_that_was_given_up_is_counted_again() {
        let mut progress = Progress::of(Territory::new(vec![KeyRange::all()]));

        progress.pass(0, Some(Key::new("a")), &Outcome::Gone, counted(1));
        progress.pass(0, Some(Key::new("c")), &Outcome::Gone, counted(2));
        progress.pass(0, Some(Key::new("b")), &Outcome::GivenUp, counted(1));
        progress.pass(0, None, &Outcome::End, counted(2));

        let (left, behind) = progress.left(&leg("any"));
        assert_eq!(left[0].range.keys.start, Start::At(Key::new("b")));
        assert_eq!((left[0].counted, behind), (counted(1), Census::default()));
    }

    #[test]
    fn a_cursor_stays_small_whatever_the_keys() {
        let key = |n: usize| format!("{n:02}{}", "\u{1}".repeat(1000));
        let rows = (0..20).map(|n| range("one", &key(2 * n), Some(&key(2 * n + 1))));
        let ranges: Vec<Range> = rows.chain([range("two", "a", None)]).collect();
        let left = ranges.iter().cloned().map(|range| Left {
            range,
            counted: counted(1),
        });

        let fitting = fitting(left.collect());

        let counted: Census = fitting.iter().map(|left| left.counted).sum();
        assert_eq!(counted.gone, fitting.len() as u64, "what is counted again");
        let fitting: Vec<Range> = fitting.into_iter().map(|left| left.range).collect();
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
