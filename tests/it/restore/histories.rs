//! A model judges restores: random histories of changes, runs, restores and undos, some of them killed and gone on
//! with; then the laws. What was restored equals the model of that run; nothing but the target changes; no
//! version disappears; and after an undo everything is as before the restore but what somebody has written since.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use s3_sim::{Fault, Put, Verb};
use serde_json::{Value, json};

use super::kills::{all_begun, kill};
use super::{State, asking, assert_adds_up, id, restore, state, versions, world};
use crate::world::{BACKUP, PRIMARY, STATE, World};

/// Fewer than a brake lets be marked.
const KEYS: [&str; 8] = ["a", "a b", "dir/x", "dir/y", "dir//z", "%2F", "é", ".."];
const PREFIX: &str = "dir/";
const ELSEWHERE: &str = "elsewhere";

/// A bucket's current version of each key.
type Tops = BTreeMap<String, String>;

#[derive(Clone, Debug)]
enum Step {
    Put {
        key: usize,
        body: u8,
        color: u8,
    },
    Delete {
        key: usize,
    },
    Run,
    Restore(Asked),
    /// One of the restores and undos before.
    Undo {
        which: usize,
        killed_at: Option<u64>,
    },
}

#[derive(Clone, Debug)]
struct Asked {
    run: usize,
    what: What,
    marks_extra: bool,
    only_missing: bool,
    is_elsewhere: bool,
    /// The write of the restore's state at which it is killed and gone on with.
    killed_at: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
enum What {
    All,
    Prefix,
    Key(usize),
}

impl What {
    fn has(self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Prefix => key.starts_with(PREFIX),
            Self::Key(number) => key == KEYS[number],
        }
    }
}

/// A restore or an undo that was carried out.
struct Done {
    id: Value,
    target: &'static str,
    before: State,
    tops: Tops,
    is_undone: bool,
}

struct History {
    world: World,
    /// What the source had at each run, and its id.
    runs: Vec<(String, State)>,
    done: Vec<Done>,
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..KEYS.len();
    let killed_at = proptest::option::weighted(0.2, 1_u64..9);
    let what = prop_oneof![
        3 => Just(What::All),
        1 => Just(What::Prefix),
        1 => key.clone().prop_map(What::Key),
    ];
    let asked = (
        any::<prop::sample::Index>(),
        what,
        any::<(bool, bool)>(),
        proptest::bool::weighted(0.3),
        killed_at.clone(),
    );
    let asked = asked.prop_map(
        |(run, what, (marks_extra, only_missing), is_elsewhere, killed_at)| Asked {
            run: run.index(1_000),
            // No named key is extra.
            marks_extra: marks_extra && !matches!(what, What::Key(_)),
            what,
            only_missing,
            is_elsewhere,
            killed_at,
        },
    );
    prop_oneof![
        4 => (key.clone(), 0..3_u8, 0..2_u8)
            .prop_map(|(key, body, color)| Step::Put { key, body, color }),
        2 => key.prop_map(|key| Step::Delete { key }),
        2 => Just(Step::Run),
        3 => asked.prop_map(Step::Restore),
        2 => (any::<prop::sample::Index>(), killed_at)
            .prop_map(|(which, killed_at)| Step::Undo { which: which.index(1_000), killed_at }),
    ]
}

impl History {
    async fn begin() -> Self {
        let world = world().with_bucket(ELSEWHERE);
        for (number, key) in KEYS.iter().enumerate().take(5) {
            world.put(key, &format!("at first {number}"));
        }
        let mut history = Self {
            world,
            runs: Vec::new(),
            done: Vec::new(),
        };
        history.run().await;
        history
    }

    async fn follow(&mut self, step: Step) {
        // Dates have whole seconds.
        self.world.sim.clock().advance(Duration::from_secs(2));
        match step {
            Step::Put { key, body, color } => {
                let put = Put::new(format!("body {body}")).tag("color", &color.to_string());
                self.world.put_object(KEYS[key], put);
            }
            Step::Delete { key } => self.world.sim.delete(PRIMARY, KEYS[key]),
            Step::Run => self.run().await,
            Step::Restore(asked) => self.restore(&asked).await,
            Step::Undo { which, killed_at } => self.undo(which, killed_at).await,
        }
    }

    async fn run(&mut self) {
        let result = self.world.backup().await;
        // A source that has lost everything is not believed.
        if result["status"] == "complete" {
            let run = result["run_id"].as_str().unwrap().to_owned();
            self.runs.push((run, state(&self.world, PRIMARY)));
        }
    }

    async fn restore(&mut self, asked: &Asked) {
        let (run, then) = self.runs[asked.run % self.runs.len()].clone();
        let target = if asked.is_elsewhere {
            ELSEWHERE
        } else {
            PRIMARY
        };
        let mut payload = json!({"run": run});
        match asked.what {
            What::All => payload["all"] = json!(true),
            What::Prefix => payload["prefix"] = json!(PREFIX),
            What::Key(number) if then.contains_key(KEYS[number]) => {
                payload["keys"] = json!([KEYS[number]]);
            }
            What::Key(_) => return,
        }
        if asked.marks_extra {
            payload["extra"] = json!("mark");
        }
        if asked.only_missing {
            payload["only"] = json!("missing");
        }
        if asked.is_elsewhere {
            payload["to"] = json!(format!("s3://{ELSEWHERE}"));
        }
        let before = state(&self.world, target);
        let result = self.carry_out(payload, asked.killed_at, target).await;

        let mut expected = before.clone();
        expected.retain(|key, _| {
            !(asked.marks_extra && asked.what.has(key) && !then.contains_key(key))
        });
        for (key, facts) in then {
            let is_kept = asked.only_missing && before.contains_key(&key);
            if asked.what.has(&key) && !is_kept {
                expected.insert(key, facts);
            }
        }
        assert_eq!(state(&self.world, target), expected, "{asked:?}: {result}");
        self.note(&result, target, before);
    }

    async fn undo(&mut self, which: usize, killed_at: Option<u64>) {
        let Some(number) = which.checked_rem(self.done.len()) else {
            return;
        };
        let undone = &self.done[number];
        let undo = json!({"undo": undone.id});
        if undone.is_undone {
            let refused = self
                .world
                .invoke(asking(undo))
                .await
                .unwrap_err()
                .to_string();
            assert!(refused.contains("is undone already: by "), "{refused}");
            return;
        }
        let (target, then) = (undone.target, undone.before.clone());
        let (now, tops) = (state(&self.world, target), self.tops(target));
        let touched = |key: &str| undone.tops.get(key) != tops.get(key);
        let mut expected = State::new();
        for key in KEYS {
            let facts = if touched(key) {
                now.get(key)
            } else {
                then.get(key)
            };
            expected.extend(facts.map(|facts| (key.to_owned(), facts.clone())));
        }
        let result = self.carry_out(undo, killed_at, target).await;

        assert_eq!(state(&self.world, target), expected, "{result}");
        self.done[number].is_undone = true;
        self.note(&result, target, now);
    }

    /// Asks for a restore or an undo, and goes on with it if it is killed.
    async fn carry_out(&self, payload: Value, killed_at: Option<u64>, target: &str) -> Value {
        let world = &self.world;
        let others = self.others(target);
        let live = versions(world, target);
        let begun = all_begun(world);
        let mut result = None;
        if let Some(nth) = killed_at {
            let puts = Fault::on(Verb::PutObject).bucket(BACKUP).nth(nth);
            let _ = kill(world, payload.clone(), puts).await;
            let new = all_begun(world);
            if let Some(id) = new.iter().find(|id| !begun.contains(id)) {
                result = Some(restore(world, json!({"continue": id})).await);
            }
        }
        let result = match result {
            Some(result) => result,
            None => restore(world, payload).await,
        };
        assert_adds_up(&result);
        assert_eq!(result["status"], "complete", "{result}");
        assert!(
            versions(world, target).is_superset(&live),
            "versions are gone"
        );
        assert_eq!(self.others(target), others, "more than the target changed");
        result
    }

    fn note(&mut self, result: &Value, target: &'static str, before: State) {
        self.done.push(Done {
            id: id(result),
            target,
            before,
            tops: self.tops(target),
            is_undone: false,
        });
    }

    /// All versions of the buckets that are not the target, but for the program's own objects.
    fn others(&self, target: &str) -> BTreeSet<(String, String)> {
        let buckets = [PRIMARY, BACKUP, ELSEWHERE].into_iter();
        let others = buckets.filter(|bucket| *bucket != target);
        let all = others.flat_map(|bucket| versions(&self.world, bucket));
        all.filter(|(key, _)| !key.starts_with(STATE)).collect()
    }

    fn tops(&self, bucket: &str) -> Tops {
        let all = self.world.sim.all_versions(bucket).into_iter();
        let tops = all.filter(|version| version.is_latest);
        tops.map(|version| (version.key, version.version_id))
            .collect()
    }
}

/// Enough for every day; `make histories HISTORIES=20000` looks further.
fn histories() -> u32 {
    let asked = std::env::var("HISTORIES").ok();
    asked.and_then(|number| number.parse().ok()).unwrap_or(30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: histories(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_restore_gives_its_run_and_every_undo_takes_it_back(
        steps in proptest::collection::vec(step(), 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut history = History::begin().await;
            for step in steps {
                history.follow(step).await;
            }
        });
    }
}
