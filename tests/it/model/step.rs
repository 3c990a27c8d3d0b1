//! What may happen in a history, and how likely each of it is.

use std::ops::Range;
use std::time::Duration;

use proptest::prelude::*;
use s3_sim::{Backdoor, Content, Effect, Put, Verb};

use super::shared::Share;

/// Keys that are near to each other in order and odd in form. More than the brake lets go unasked.
pub const KEYS: [&str; 13] = [
    "a", "a ", "a+", "a/", "a/b", "a//b", "a/c", "b%2F", "b/1", "b/2", "é", "\u{1}", "😀",
];
/// What runs are narrowed to; the last one leaves nothing.
pub const PREFIXES: [&str; 5] = ["a", "a/", "b", "é", "nothing"];

/// Keys of somebody else in the backup bucket, between the others.
pub const FOREIGN: [&str; 3] = ["a!", "b/1 of another", "zzz"];

const MIB: u64 = 1024 * 1024;
const BODIES: usize = 6;
/// Those of them that are copied in one call.
const SMALL: usize = 4;

/// Bodies of few sizes, so that overwrites often keep the size or even the content; two are copied in
/// parts.
fn body(number: usize) -> Put {
    let large = |seed| Put::new(Content::generated(seed, 8 * MIB)).parts(&[5 * MIB, 3 * MIB]);
    match number {
        0 => Put::new(""),
        1 => Put::new("1"),
        2 => Put::new("2"),
        3 => Put::new("33"),
        4 => large(1),
        _ => large(2),
    }
}

/// The same body with headers, metadata and tags.
pub fn colored(put: Put, color: u8) -> Put {
    let color = color.to_string();
    put.content_type("a/b")
        .meta("color", &color)
        .tag("color", &color)
}

/// What happens next. Jobs are counted round: the second one of a history with one job is the first.
#[derive(Clone, Debug)]
pub enum Step {
    /// Somebody changes the source of a job.
    Change {
        job: usize,
        change: Change,
    },
    /// All keys are written.
    Fill {
        job: usize,
        body: usize,
    },
    /// Somebody changes the tags of an object in place.
    Retag {
        job: usize,
        key: usize,
        color: u8,
    },
    /// Somebody deletes a backup.
    LoseBackup {
        job: usize,
        key: usize,
    },
    /// Somebody else writes an object below the place of a job's backups.
    PutForeign {
        job: usize,
        key: usize,
    },
    /// Somebody damages the program's own state.
    SpoilState {
        which: usize,
        how: Spoil,
    },
    Wait {
        seconds: u64,
    },
    Run {
        job: usize,
        asked: Asked,
        trouble: Option<Trouble>,
    },
    /// A run in the midst of which somebody changes the source.
    Beside {
        job: usize,
        moment: Moment,
        change: Change,
    },
    /// A run in the midst of which the backup bucket stops keeping versions. They are kept again after it.
    Unversion {
        job: usize,
        moment: Moment,
    },
    /// A run whose machine is suspended after so many outcomes, until its lease is over, the source has
    /// changed and another run has worked.
    Suspend {
        job: usize,
        outcomes: usize,
        changes: Vec<Change>,
        other: bool,
    },
    /// A deep verification that repairs what differs.
    Repair {
        job: usize,
        prefix: Option<usize>,
    },
    Kill {
        job: usize,
        after: Duration,
    },
    /// A run that has so little time, and perhaps another one that goes on where it has stopped.
    Stop {
        job: usize,
        time: Duration,
        go_on: bool,
    },
    /// A run that many functions share.
    Share {
        job: usize,
        share: Share,
    },
    /// One of the cursors that there ever were comes again.
    Replay {
        which: usize,
        edit: Edit,
    },
}

/// A change of a source that keeps versions.
#[derive(Clone, Debug)]
pub enum Change {
    /// The upload of a large body was begun so many seconds ago, and is dated so.
    Put {
        key: usize,
        body: usize,
        color: u8,
        begun: u64,
    },
    /// The same body with other metadata.
    Rewrite {
        key: usize,
        color: u8,
    },
    Delete {
        key: usize,
    },
    /// The newest version or marker is taken away for good: what was below it shows again.
    Expose {
        key: usize,
    },
    /// All but one are deleted.
    Clear {
        but: usize,
    },
}

/// What a run is asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub prefix: Option<usize>,
    pub full: bool,
    /// Within the second of what was done before.
    pub at_once: bool,
}

/// The nth call of a verb within a run, before or after its work.
#[derive(Clone, Debug)]
pub struct Moment {
    pub verb: Verb,
    pub nth: u64,
    pub after: bool,
}

/// The change of a cursor before it is used.
#[derive(Clone, Copy, Debug)]
pub enum Edit {
    Nothing,
    /// It is sent to the other job.
    OtherJob,
    /// One of its bytes is another one.
    Byte {
        at: usize,
        with: u8,
    },
}

/// What becomes of an object of the program's own.
#[derive(Clone, Copy, Debug)]
pub enum Spoil {
    Delete,
    Cut,
    Flip,
}

/// What goes wrong in a run.
#[derive(Clone, Debug)]
pub struct Trouble {
    pub verb: Verb,
    pub effect: usize,
    pub percent: u8,
    pub seed: u64,
}

impl Change {
    /// The keys that it is about.
    pub fn keys(&self) -> Vec<&'static str> {
        match self {
            Self::Put { key, .. }
            | Self::Rewrite { key, .. }
            | Self::Delete { key }
            | Self::Expose { key } => vec![KEYS[*key]],
            Self::Clear { but } => KEYS.into_iter().filter(|key| *key != KEYS[*but]).collect(),
        }
    }

    /// Makes it.
    pub fn make(&self, sim: &Backdoor, bucket: &str) {
        match self {
            Self::Put {
                key,
                body,
                color,
                begun,
            } => {
                let put = colored(self::body(*body), *color);
                let begun = Duration::from_secs(if *body < SMALL { 0 } else { *begun });
                let put = put.modified(sim.clock().now() - begun);
                sim.put_object(bucket, KEYS[*key], put);
            }
            Self::Rewrite { key, color } => {
                if let Some(view) = sim.current(bucket, KEYS[*key]) {
                    let put = colored(Put::new(view.content), *color);
                    let put = match view.parts {
                        Some(parts) => put.parts(&parts),
                        None => put,
                    };
                    sim.put_object(bucket, KEYS[*key], put);
                }
            }
            Self::Delete { key } => sim.delete(bucket, KEYS[*key]),
            Self::Expose { key } => {
                if let Some(newest) = sim.versions(bucket, KEYS[*key]).first() {
                    sim.delete_version(bucket, KEYS[*key], &newest.version_id);
                }
            }
            Self::Clear { .. } => {
                for key in self.keys() {
                    if sim.current(bucket, key).is_some() {
                        sim.delete(bucket, key);
                    }
                }
            }
        }
    }
}

pub fn step() -> impl Strategy<Value = Step> {
    let job = 0..2_usize;
    let milliseconds = |range: Range<u64>| range.prop_map(Duration::from_millis);
    let prefix = || proptest::option::of(0..PREFIXES.len());
    prop_oneof![
        10 => (job.clone(), change()).prop_map(|(job, change)| Step::Change { job, change }),
        2 => (job.clone(), 0..SMALL).prop_map(|(job, body)| Step::Fill { job, body }),
        1 => (job.clone(), 0..KEYS.len(), 0..2_u8)
            .prop_map(|(job, key, color)| Step::Retag { job, key, color }),
        1 => (job.clone(), 0..KEYS.len()).prop_map(|(job, key)| Step::LoseBackup { job, key }),
        1 => (job.clone(), 0..FOREIGN.len()).prop_map(|(job, key)| Step::PutForeign { job, key }),
        1 => (any::<usize>(), spoil()).prop_map(|(which, how)| Step::SpoilState { which, how }),
        2 => (0..3_u64).prop_map(|seconds| Step::Wait { seconds }),
        5 => (job.clone(), asked(), proptest::option::weighted(0.4, trouble()))
            .prop_map(|(job, asked, trouble)| Step::Run { job, asked, trouble }),
        2 => (job.clone(), moment(), change())
            .prop_map(|(job, moment, change)| Step::Beside { job, moment, change }),
        1 => (job.clone(), moment()).prop_map(|(job, moment)| Step::Unversion { job, moment }),
        1 => (job.clone(), 1..5_usize, proptest::collection::vec(change(), 0..4), any::<bool>())
            .prop_map(|(job, outcomes, changes, other)| Step::Suspend { job, outcomes, changes, other }),
        1 => (job.clone(), prefix()).prop_map(|(job, prefix)| Step::Repair { job, prefix }),
        1 => (job.clone(), milliseconds(0..30)).prop_map(|(job, after)| Step::Kill { job, after }),
        2 => (job.clone(), share()).prop_map(|(job, share)| Step::Share { job, share }),
        3 => (job, milliseconds(0..40), any::<bool>())
            .prop_map(|(job, time, go_on)| Step::Stop { job, time, go_on }),
        2 => (any::<usize>(), edit()).prop_map(|(which, edit)| Step::Replay { which, edit }),
    ]
}

fn share() -> impl Strategy<Value = Share> {
    let killed = proptest::option::weighted(0.3, (0..20_u64).prop_map(Duration::from_millis));
    let changes = proptest::collection::vec(change(), 0..3);
    let choices = (proptest::bool::weighted(0.3), any::<bool>());
    let ends = proptest::collection::vec(0..KEYS.len(), 0..5);
    (ends, killed, changes, choices).prop_map(|(ends, killed, changes, choices)| Share {
        ends,
        killed,
        changes,
        is_missing: choices.0,
        goes_on: choices.1,
    })
}

fn change() -> impl Strategy<Value = Change> {
    let key = 0..KEYS.len();
    prop_oneof![
        6 => (key.clone(), 0..BODIES, 0..2_u8, 0..6_u64)
            .prop_map(|(key, body, color, begun)| Change::Put { key, body, color, begun }),
        3 => (key.clone(), 0..2_u8).prop_map(|(key, color)| Change::Rewrite { key, color }),
        3 => key.clone().prop_map(|key| Change::Delete { key }),
        3 => key.clone().prop_map(|key| Change::Expose { key }),
        1 => key.prop_map(|but| Change::Clear { but }),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    let prefix = proptest::option::weighted(0.3, 0..PREFIXES.len());
    let full = proptest::bool::weighted(0.1);
    (prefix, full, any::<bool>()).prop_map(|(prefix, full, at_once)| Asked {
        prefix,
        full,
        at_once,
    })
}

fn moment() -> impl Strategy<Value = Moment> {
    let verbs = proptest::sample::select(vec![
        Verb::ListObjectsV2,
        Verb::CopyObject,
        Verb::CopyObject,
        Verb::CopyObject,
        Verb::HeadObject,
        Verb::CreateMultipartUpload,
        Verb::UploadPartCopy,
        Verb::CompleteMultipartUpload,
        Verb::PutObject,
        Verb::DeleteObject,
        Verb::DeleteObject,
    ]);
    (verbs, 1..5_u64, any::<bool>()).prop_map(|(verb, nth, after)| Moment { verb, nth, after })
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => Just(Edit::Nothing),
        1 => Just(Edit::OtherJob),
        2 => (any::<usize>(), 0x20..0x7f_u8).prop_map(|(at, with)| Edit::Byte { at, with }),
    ]
}

fn spoil() -> impl Strategy<Value = Spoil> {
    proptest::sample::select(vec![Spoil::Delete, Spoil::Cut, Spoil::Flip])
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let verbs = proptest::sample::select(vec![
        Verb::ListObjectsV2,
        Verb::CopyObject,
        Verb::HeadObject,
        Verb::GetObjectTagging,
        Verb::CreateMultipartUpload,
        Verb::UploadPartCopy,
        Verb::CompleteMultipartUpload,
        Verb::AbortMultipartUpload,
        Verb::GetObject,
        Verb::PutObject,
        Verb::DeleteObject,
    ]);
    (verbs, 0..effects().len(), 5..35_u8, any::<u64>()).prop_map(|(verb, effect, percent, seed)| {
        Trouble {
            verb,
            effect,
            percent,
            seed,
        }
    })
}

/// All effects but those that wait: a thousand histories have to be quick.
pub fn effects() -> Vec<Effect> {
    let waits = |effect: &Effect| {
        matches!(
            effect,
            Effect::Stall | Effect::StallAfterHeaders | Effect::Slow(_)
        )
    };
    Effect::all()
        .into_iter()
        .filter(|effect| !waits(effect))
        .collect()
}
