//! A model judges the product: random histories of puts, overwrites, deletes, runs with faults and
//! killed runs, then the laws. A counter-example that was found stays as a named test.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use s3_backup::event;
use s3_backup::model::Deadline;
use s3_sim::{Content, Effect, Fault, Put, Sim, Verb};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, World, assert_adds_up, count, counts};

/// Keys that are near to each other in order and odd in form.
const KEYS: [&str; 10] = [
    "a", "a ", "a+", "a/", "a/b", "a//b", "b%2F", "é", "\u{1}", "😀",
];
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

const BODIES: usize = 6;
const MIB: u64 = 1024 * 1024;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Put { key: usize, body: usize, color: u8 },
    Delete { key: usize },
    LoseBackup { key: usize },
    SpoilState { which: usize, how: Spoil },
    Wait { seconds: u64 },
    Run { trouble: Option<Trouble> },
    Kill { after: Duration },
    Stop { time: Duration, go_on: bool },
}

/// What becomes of an object of the program's own.
#[derive(Clone, Copy, Debug)]
enum Spoil {
    Delete,
    Cut,
    Flip,
}

/// What goes wrong in a run.
#[derive(Clone, Debug)]
struct Trouble {
    verb: Verb,
    effect: usize,
    percent: u8,
    seed: u64,
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..KEYS.len();
    let put = (key.clone(), 0..BODIES, 0..2_u8).prop_map(|(key, body, color)| Step::Put {
        key,
        body,
        color,
    });
    prop_oneof![
        8 => put,
        2 => key.clone().prop_map(|key| Step::Delete { key }),
        1 => key.prop_map(|key| Step::LoseBackup { key }),
        1 => (any::<usize>(), spoil()).prop_map(|(which, how)| Step::SpoilState { which, how }),
        2 => (0..3_u64).prop_map(|seconds| Step::Wait { seconds }),
        4 => proptest::option::of(trouble()).prop_map(|trouble| Step::Run { trouble }),
        1 => (0..30_u64).prop_map(|ms| Step::Kill { after: Duration::from_millis(ms) }),
        2 => (0..40_u64, any::<bool>()).prop_map(|(ms, go_on)| Step::Stop { time: Duration::from_millis(ms), go_on }),
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
    (verbs, 0..effects().len(), 5..60_u8, any::<u64>()).prop_map(|(verb, effect, percent, seed)| {
        Trouble {
            verb,
            effect,
            percent,
            seed,
        }
    })
}

/// All effects but those that wait: a thousand histories have to be quick.
fn effects() -> Vec<Effect> {
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

/// What runs do about what is gone from the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deletions {
    Keep,
    /// Without limits: nothing but an empty source holds a run.
    Mark,
    /// With a limit of one object, and each held run is confirmed.
    MarkIfConfirmed,
}

/// A world, and what the model remembers of it.
struct History {
    world: World,
    deletions: Deletions,
    versions: BTreeSet<(String, String)>,
}

/// How copies are made, and whether their `ETag`s can be those of their sources.
#[derive(Clone, Copy, Debug)]
enum Copies {
    /// Large ones in parts, as their sources: all `ETag`s are kept.
    InParts,
    /// All in one call: of what came in parts the `ETag` is lost.
    Flattened,
    /// Under a KMS key: no `ETag` is kept, and only snapshots prove anything.
    UnderKms,
}

fn copies() -> impl Strategy<Value = Copies> {
    proptest::sample::select(vec![Copies::InParts, Copies::Flattened, Copies::UnderKms])
}

impl History {
    fn begin(copies: Copies, deletions: Deletions) -> Self {
        let world = World::around(Sim::builder().page_size_max(4).start());
        let world = match copies {
            Copies::InParts => world.with("BACKUP_MULTIPART_THRESHOLD", "5 MiB"),
            Copies::Flattened => world,
            Copies::UnderKms => world.with(
                "BACKUP_KMS_KEY_ID",
                "arn:aws:kms:us-east-1:111122223333:key/k1",
            ),
        };
        let limited = |world: World, most: &str, percent: &str| {
            world
                .with("BACKUP_DELETIONS", "mark")
                .with("BACKUP_MAX_DELETIONS", most)
                .with("BACKUP_MAX_DELETIONS_PERCENT", percent)
        };
        let world = match deletions {
            Deletions::Keep => world,
            Deletions::Mark => limited(world, "1000", "100"),
            Deletions::MarkIfConfirmed => limited(world, "1", "0"),
        };
        let versions = BTreeSet::new();
        Self {
            world,
            deletions,
            versions,
        }
    }

    async fn follow(&mut self, step: Step) {
        let sim = &self.world.sim;
        match step {
            Step::Put { key, body, color } => {
                let put = self::body(body)
                    .content_type("a/b")
                    .meta("color", &color.to_string());
                self.world.put_object(KEYS[key], put);
            }
            Step::Delete { key } => {
                sim.delete(PRIMARY, KEYS[key]);
            }
            Step::LoseBackup { key } => {
                sim.delete(BACKUP, KEYS[key]);
            }
            Step::SpoilState { which, how } => self.spoil(which, how),
            Step::Wait { seconds } => sim.clock().advance(Duration::from_secs(seconds)),
            Step::Run { trouble } => self.run(trouble).await,
            Step::Kill { after } => {
                let _ = tokio::time::timeout(after, self.world.invoke(json!({}))).await;
                self.world.let_leases_end();
            }
            Step::Stop { time, go_on } => self.stop(time, go_on).await,
        }
        self.assert_no_version_disappeared();
    }

    fn spoil(&self, which: usize, how: Spoil) {
        let sim = &self.world.sim;
        let mut state = sim.keys(BACKUP);
        state.retain(|key| key.starts_with(".s3-backup/") && key.contains("/snapshots/"));
        let Some(key) = state.get(which.checked_rem(state.len()).unwrap_or_default()) else {
            return;
        };
        let view = sim.current(BACKUP, key).unwrap();
        let mut bytes = view.content.as_bytes().unwrap().to_vec();
        let middle = bytes.len() / 2;
        match how {
            Spoil::Delete => return sim.delete(BACKUP, key),
            Spoil::Cut => bytes.truncate(middle),
            Spoil::Flip => bytes[middle] ^= 1,
        }
        sim.put(BACKUP, key, bytes);
    }

    async fn run(&self, trouble: Option<Trouble>) {
        if let Some(Trouble {
            verb,
            effect,
            percent,
            seed,
        }) = trouble
        {
            let fault = Fault::on(verb).probability(f64::from(percent) / 100.0, seed);
            self.world.sim.fault(fault, effects()[effect].clone());
        }
        // A run that was refused is no law broken; the last run has to succeed.
        if let Ok(result) = self.world.invoke(json!({})).await {
            assert_adds_up(&result);
            self.assert_complete_if_it_says_so(&result);
            if result["deletions"]["confirm"].is_string() {
                self.confirm(&result).await;
            }
            let good = count(&result, "objects_copied") + count(&result, "objects_unchanged");
            assert!(good <= self.world.equal(), "{result}");
        }
        self.world.sim.clear_faults();
        // The answer that was lost may have been that the lease was given back.
        self.world.let_leases_end();
    }

    /// Says that what held a run is right, while what goes wrong still does.
    async fn confirm(&self, held: &Value) {
        let confirm = json!({"confirm": held["deletions"]["confirm"]});
        if let Ok(result) = self.world.invoke(confirm).await {
            assert_adds_up(&result);
            self.assert_complete_if_it_says_so(&result);
        }
    }

    /// Everything is in the backup and in sight, and nothing else is if what is gone is marked.
    fn assert_complete_if_it_says_so(&self, result: &Value) {
        if result["status"] != "complete" {
            return;
        }
        self.world.assert_backed_up();
        // A run that goes on by an old cursor marks nothing, and says nothing of deletions.
        if !result["deletions"].is_null() {
            assert_eq!(
                self.world.keys(BACKUP),
                self.world.keys(PRIMARY),
                "{result}"
            );
        }
    }

    /// A run that has so little time, and perhaps another one that goes on where it has stopped.
    async fn stop(&self, time: Duration, go_on: bool) {
        let mut payload = json!({});
        for _ in 0..=u8::from(go_on) {
            self.world.sim.clock().advance(Duration::from_secs(2));
            let deadline = Deadline::within(Instant::now(), time);
            let request = event::parse(&payload).unwrap();
            let handler = self.world.handler();
            let answer = handler.answer(&request, Some(deadline), |_| {}).await;
            // The last request of a run that was killed may have been carried out after its end.
            let Ok(summary) = answer else {
                return self.world.let_leases_end();
            };
            let result = summary.to_json().unwrap();
            let result: Value = serde_json::from_str(&result).unwrap();
            assert_adds_up(&result);
            if result["cursor"].is_null() {
                self.world.assert_backed_up();
                self.assert_complete_if_it_says_so(&result);
                return;
            }
            payload = json!({"operation": "continue", "cursor": result["cursor"]});
        }
    }

    fn assert_no_version_disappeared(&mut self) {
        let now = self.world.backup_versions();
        let lost: Vec<_> = self.versions.difference(&now).collect();
        assert!(lost.is_empty(), "versions are gone: {lost:?}");
        self.versions = now;
    }

    async fn assert_converges(&mut self) {
        self.world.let_leases_end();
        let mut last = self.world.backup().await;
        let emptied = self.world.keys(PRIMARY).is_empty();
        if last["status"] == "held" && emptied {
            assert!(last["deletions"]["confirm"].is_null(), "{last}");
            return self.assert_no_version_disappeared();
        }
        if last["status"] == "held" {
            assert_eq!(self.deletions, Deletions::MarkIfConfirmed, "{last}");
            let confirm = json!({"confirm": last["run_id"]});
            last = self.world.run(confirm).await;
        }
        assert_eq!(last["status"], "complete", "{last}");
        self.world.assert_backed_up();
        if self.deletions != Deletions::Keep {
            assert_eq!(self.world.keys(BACKUP), self.world.keys(PRIMARY), "{last}");
        }
        let again = self.world.backup().await;
        let found = self.world.keys(PRIMARY).len() as u64;
        assert_eq!(counts(&again), [found, 0, found, 0, 0, 0]);
        self.assert_no_version_disappeared();
    }
}

fn replay(copies: Copies, deletions: Deletions, steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut history = History::begin(copies, deletions);
        for step in steps {
            history.follow(step).await;
        }
        history.assert_converges().await;
    });
}

#[test]
fn a_run_that_has_no_time_at_all_still_has_a_result() {
    let stop = Step::Stop {
        time: Duration::ZERO,
        go_on: true,
    };
    let put = Step::Put {
        key: 0,
        body: 1,
        color: 0,
    };

    for deletions in [Deletions::Keep, Deletions::Mark] {
        replay(Copies::InParts, deletions, vec![put.clone(), stop.clone()]);
    }
}

/// Enough for every day; `HISTORIES=5000` looks further.
fn histories() -> u32 {
    let asked = std::env::var("HISTORIES").ok();
    asked.and_then(|number| number.parse().ok()).unwrap_or(150)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: histories(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_ends_with_everything_in_the_backup(
        copies in copies(),
        steps in proptest::collection::vec(step(), 1..25),
    ) {
        replay(copies, Deletions::Keep, steps);
    }

    #[test]
    fn every_history_ends_with_everything_in_sight_and_nothing_else(
        copies in copies(),
        steps in proptest::collection::vec(step(), 1..25),
        confirmed: bool,
    ) {
        let deletions = if confirmed { Deletions::MarkIfConfirmed } else { Deletions::Mark };
        replay(copies, deletions, steps);
    }
}
