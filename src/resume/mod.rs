//! The rest of a run that the deadline stopped, for the next one to go on with.

mod distributed;
mod frontier;
mod state;
mod state_error;
mod tally;

use std::collections::BTreeMap;

pub use distributed::{DistributedRun, PieceState, PieceWork};
pub use frontier::Frontier;
pub use state::{RunEnd, RunState, Successor};
pub use tally::PieceTally;

use crate::list::Shards;
use crate::model::{
    CursorRanges, DestinationCounts, Key, KeyCounts, KeyRange, Marking, RANGES_FORMAT, Range,
    RecordLink, SampleShare, VerifyRequestEcho,
};
use crate::outcome::Outcome;
use crate::plan::{Check, DestinationPlan, Intent, RunDescription, Stage, Task};

/// What a cursor's ranges may take as JSON, in bytes: a result has 200 KiB in all, most of them for
/// failures.
const MOST_BYTES: usize = 24 * 1024;

/// How far one destination of a run has come, shard by shard.
#[derive(Clone, Debug)]
pub struct Progress {
    shards: Shards,
    frontiers: BTreeMap<usize, Frontier>,
    broken: bool,
    marked: u64,
}

/// A range of keys that is left, and what was counted of those between it and the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RemainingRange {
    keys: KeyRange,
    counted: KeyCounts,
}

/// The same of any destination, in a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    range: Range,
    counted: KeyCounts,
}

impl Progress {
    /// A destination that has not begun.
    pub fn of(shards: Shards) -> Self {
        Self {
            shards,
            frontiers: BTreeMap::new(),
            broken: false,
            marked: 0,
        }
    }

    /// A key of a shard came to this, or the shard has no more; and what was counted of it so far.
    pub fn pass(&mut self, shard: usize, key: Option<Key>, outcome: &Outcome, counted: KeyCounts) {
        self.broken |= matches!(outcome, Outcome::ListingFailed(_));
        self.marked += u64::from(matches!(outcome, Outcome::Marked));
        let frontier = self.frontiers.entry(shard).or_default();
        frontier.pass(key, outcome, counted);
    }

    /// Whether a listing broke off, so that nobody knows what is gone.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// What was counted of all that is not left.
    pub fn counted(&self) -> KeyCounts {
        self.frontiers.values().map(Frontier::counted).sum()
    }

    /// The rest of each shard, in the order of the keys, and what was counted of it.
    fn shards(&self) -> Vec<(Option<KeyRange>, KeyCounts)> {
        let mut shards: Vec<(usize, KeyRange)> =
            self.shards.ranges().into_iter().enumerate().collect();
        shards.sort_by(|(_, one), (_, other)| one.start.key().cmp(&other.start.key()));
        let of = |(shard, keys): (usize, KeyRange)| match self.frontiers.get(&shard) {
            Some(frontier) => {
                let until = keys.until;
                let start = frontier.left(&keys.start);
                let left = start.map(|start| KeyRange { start, until });
                (left, frontier.counted())
            }
            None => (Some(keys), KeyCounts::default()),
        };
        shards.into_iter().map(of).collect()
    }

    /// The ranges of keys that are left, in their order, and what was counted behind the last one.
    fn left(&self) -> (Vec<RemainingRange>, KeyCounts) {
        let mut counted = KeyCounts::default();
        let mut left = Vec::new();
        for (keys, here) in self.shards() {
            counted += here;
            if let Some(keys) = keys {
                left.push(RemainingRange { keys, counted });
                counted = KeyCounts::default();
            }
        }
        (left, counted)
    }
}

/// The rest of a run, for each of its destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remainder {
    /// In the order of the plan's destinations.
    pub destinations: Vec<DestinationRemainder>,
}

/// The keys that one destination has left. A finished destination has no ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationRemainder {
    left: Vec<RemainingRange>,
    /// What was counted before the run and behind the last range.
    beside: KeyCounts,
    /// What the run was doing.
    pub stage: Stage,
    /// While objects are copied, what was counted of all that is not left; none if nobody knows, or needs
    /// to.
    pub counted: Option<KeyCounts>,
    /// While deletions are marked, how many still may be.
    pub agreed: Option<u64>,
    /// What was recorded.
    pub record: Option<RecordLink>,
}

impl Remainder {
    /// A plan has nothing left where it could write.
    pub fn nothing(task: &Task, destinations: usize) -> Self {
        let done = DestinationRemainder {
            stage: task.stage(),
            agreed: (task.stage() == Stage::Mark).then_some(0),
            ..DestinationRemainder::default()
        };
        Self {
            destinations: vec![done; destinations],
        }
    }
}

impl Default for DestinationRemainder {
    fn default() -> Self {
        Self {
            left: Vec::new(),
            beside: KeyCounts::default(),
            stage: Stage::Copy,
            counted: None,
            agreed: None,
            record: None,
        }
    }
}

impl DestinationRemainder {
    /// The keys that are left.
    pub fn ranges(&self) -> Vec<KeyRange> {
        self.left.iter().map(|left| left.keys.clone()).collect()
    }

    /// Whether there is nothing that a later run has to do or to know.
    pub fn is_done(&self) -> bool {
        self.left.is_empty() && self.counted.is_none() && self.agreed.is_none()
    }
}

/// The rest of a plan whose destinations have come so far; none if all are done.
pub fn remainder<'a>(
    task: &Task,
    destinations: &[DestinationPlan],
    progress: impl Iterator<Item = &'a Progress>,
) -> Option<Remainder> {
    let progress: Vec<&Progress> = progress.collect();
    let marking = task.marking();
    let marking = marking.filter(|marking| marking.postponed.is_none());
    let is_broken = progress.iter().any(|progress| progress.is_broken());
    let counts = marking.is_some() && task.stage() == Stage::Copy && !is_broken;
    let marks = marking.is_some() && task.stage() == Stage::Mark;
    let destinations = destinations
        .iter()
        .zip(&progress)
        .map(|(planned, progress)| {
            let (left, behind) = progress.left();
            DestinationRemainder {
                left,
                beside: planned.counted + behind,
                stage: task.stage(),
                counted: counts.then(|| planned.counted + progress.counted()),
                agreed: marks.then(|| planned.agreed.saturating_sub(progress.marked)),
                record: None,
            }
        });
    let destinations: Vec<DestinationRemainder> = destinations.collect();
    let is_left = destinations.iter().any(|planned| !planned.left.is_empty());
    is_left.then_some(Remainder { destinations })
}

/// The cursor of a run that writes nothing: it holds itself what is left.
pub fn ranges_cursor(
    run: RunDescription<'_>,
    destinations: &[DestinationPlan],
    rest: &Remainder,
) -> CursorRanges {
    let rows = destinations
        .iter()
        .zip(&rest.destinations)
        .flat_map(|(planned, rest)| {
            let destination = &planned.destination.location.bucket;
            rest.left.iter().map(|left| Row {
                range: Range {
                    destination: destination.clone(),
                    keys: left.keys.clone(),
                },
                counted: left.counted,
            })
        });
    let rows = fitting(rows.collect());
    let knows = rest
        .destinations
        .iter()
        .all(|planned| planned.counted.is_some());
    let counted = destinations
        .iter()
        .zip(&rest.destinations)
        .map(|(planned, rest)| {
            let destination = planned.destination.location.bucket.clone();
            let own = rows
                .iter()
                .filter(|row| row.range.destination == destination);
            let between: KeyCounts = own.map(|row| row.counted).sum();
            DestinationCounts {
                destination,
                census: rest.beside + between,
            }
        });
    CursorRanges {
        format: RANGES_FORMAT,
        prefix: run.source.prefix.as_str().to_owned(),
        mode: run.mode.name(),
        dry_run: run.task.intent() != Intent::Copy,
        plan: run.task.intent() == Intent::Plan,
        verify: run.task.check().map(words),
        marking: knows.then(|| Marking {
            counted: counted.collect(),
        }),
        ranges: rows.into_iter().map(|row| row.range).collect(),
    }
}

/// A verification in the words of its request.
fn words(check: Check) -> VerifyRequestEcho {
    let sample = check.deep.filter(|share| !share.is_whole());
    VerifyRequestEcho {
        deep: check.deep.is_some(),
        sample: sample.map(|share| format!("1/{}", share.of())),
        part: sample.map(SampleShare::part),
        repair: check.repair,
    }
}

/// Ranges side by side become one until all of them fit: what lies between them is looked at again,
/// which costs requests and harms nothing, and counted again.
fn fitting(mut rows: Vec<Row>) -> Vec<Row> {
    let bytes = |rows: &[Row]| {
        let ranges: Vec<&Range> = rows.iter().map(|row| &row.range).collect();
        serde_json::to_string(&ranges).map_or(0, |json| json.len())
    };
    while bytes(&rows) > MOST_BYTES {
        let neighbours = rows
            .windows(2)
            .position(|pair| pair[0].range.destination == pair[1].range.destination);
        let Some(first) = neighbours else {
            break;
        };
        let second = rows.remove(first + 1);
        rows[first].range.keys.until = second.range.keys.until;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::model::{BucketName, ETag, Start, Timestamp};
    use crate::plan::{self, Run};
    use crate::request::BackupRequest;

    fn counted(gone: u64) -> KeyCounts {
        KeyCounts {
            gone,
            ..KeyCounts::default()
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
        let shards = [
            (Start::Beginning, Some(&b)),
            (Start::After(b.clone()), Some(&d)),
            (Start::After(d.clone()), None),
        ];
        let ranges = shards.map(|(start, until)| KeyRange {
            start,
            until: until.cloned(),
        });
        let mut progress = Progress::of(Shards::new(ranges.to_vec()));

        let unchanged = Outcome::Unchanged { listed: 1 };
        progress.pass(0, Some(Key::new("a")), &unchanged, counted(1));
        progress.pass(0, None, &Outcome::End, counted(1));
        progress.pass(2, Some(Key::new("e")), &unchanged, counted(2));

        let (left, behind) = progress.left();
        let expected = [
            (range("any", "b", Some("d")), counted(1)),
            (range("any", "e", None), counted(2)),
        ];
        let expected = expected.map(|(range, counted)| RemainingRange {
            keys: range.keys,
            counted,
        });
        assert_eq!(left, expected);
        assert_eq!(behind, KeyCounts::default());
        assert_eq!(progress.counted(), counted(3));
    }

    #[test]
    fn what_is_behind_a_key_that_was_given_up_is_counted_again() {
        let mut progress = Progress::of(Shards::new(vec![KeyRange::all()]));

        progress.pass(
            0,
            Some(Key::new("a")),
            &Outcome::SourceDeleted(ETag::new("e")),
            counted(1),
        );
        progress.pass(
            0,
            Some(Key::new("c")),
            &Outcome::SourceDeleted(ETag::new("e")),
            counted(2),
        );
        progress.pass(0, Some(Key::new("b")), &Outcome::Interrupted, counted(1));
        progress.pass(0, None, &Outcome::End, counted(2));

        let (left, behind) = progress.left();
        assert_eq!(left[0].keys.start, Start::At(Key::new("b")));
        assert_eq!(
            (left[0].counted, behind),
            (counted(1), KeyCounts::default())
        );
    }

    /// The ranges of one destination say nothing of another.
    #[test]
    fn the_cursor_of_a_plan_tells_of_each_destination_what_was_counted_there() {
        let vars = [
            ("SOURCE_BUCKET", "primary"),
            ("DESTINATION_BUCKET", "one,two"),
            ("BACKUP_DELETIONS", "mark"),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::from_vars(vars).unwrap();
        let asked = BackupRequest {
            intent: Intent::Plan,
            ..BackupRequest::default()
        };
        let run = Run::begin(Timestamp::from_millis(0), 0);
        let plan = plan::make(&asked, &config, run, None).unwrap();
        let left = |beside, between: [u64; 2]| DestinationRemainder {
            left: between
                .map(|gone| RemainingRange {
                    keys: KeyRange::all(),
                    counted: counted(gone),
                })
                .into(),
            beside: counted(beside),
            counted: Some(counted(0)),
            ..DestinationRemainder::default()
        };
        let rest = Remainder {
            destinations: vec![left(1, [10, 100]), left(2, [20, 200])],
        };

        let cursor = ranges_cursor(plan.description(), &plan.destinations, &rest);

        let told = cursor.marking.unwrap().counted.into_iter();
        let told: Vec<(String, u64)> = told
            .map(|of| (of.destination.to_string(), of.census.gone))
            .collect();
        assert_eq!(told, [("one".to_owned(), 111), ("two".to_owned(), 222)]);
    }

    #[test]
    fn a_cursor_stays_small_whatever_the_keys() {
        let key = |n: usize| format!("{n:02}{}", "\u{1}".repeat(1000));
        let rows = (0..20).map(|n| range("one", &key(2 * n), Some(&key(2 * n + 1))));
        let ranges: Vec<Range> = rows.chain([range("two", "a", None)]).collect();
        let left = ranges.iter().cloned().map(|range| Row {
            range,
            counted: counted(1),
        });

        let fitting = fitting(left.collect());

        let counted: KeyCounts = fitting.iter().map(|left| left.counted).sum();
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
