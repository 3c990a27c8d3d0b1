//! Old state ages out: what no run within the history names is tagged, and a rule of the lifecycle, which is played
//! here, expires it.

mod doubt;
mod restores;
mod year;

use std::collections::BTreeMap;
use std::process::Output;
use std::time::Duration;

use s3_sim::{ObjectView, Verb, Versioning};
use serde_json::{Value, json};

use crate::cli::{run, text};
use crate::world::{BACKUP, PRIMARY, STATE, World, count};

const DAY: Duration = Duration::from_hours(24);
/// For so long the rule keeps what is tagged.
const RULE_DAYS: u32 = 30;
const TARGET: &str = "target";

const RULE: &str = "<Rule><ID>old-state-expires</ID><Status>Enabled</Status><Filter><And>\
     <Prefix>.s3-backup/</Prefix><Tag><Key>s3-backup:unnamed</Key><Value>true</Value></Tag></And></Filter>\
     <Expiration><Days>30</Days></Expiration>\
     <NoncurrentVersionExpiration><NoncurrentDays>30</NoncurrentDays></NoncurrentVersionExpiration></Rule>";

/// Nights over a backup bucket with the rule, and what the source was in each.
struct Nights {
    world: World,
    runs: Vec<(String, Source)>,
}

type Source = BTreeMap<String, Vec<u8>>;

impl Nights {
    /// A history of so many days, over as many objects.
    fn new(history_days: u32, objects: usize) -> Self {
        let world = World::new()
            .with_bucket(TARGET)
            .with("BACKUP_HISTORY_DAYS", &history_days.to_string());
        world.sim.set_versioning(PRIMARY, Versioning::Enabled);
        for number in 0..objects {
            world.put(&format!("{number:04}"), "first");
        }
        let nights = Self {
            world,
            runs: Vec::new(),
        };
        nights.set_rules(RULE);
        nights
    }

    fn set_rules(&self, rules: &str) {
        self.world.sim.change_options(BACKUP, |options| {
            options.lifecycle = Some(rules.to_owned());
        });
    }

    /// A day goes by, an object changes, and a night follows.
    async fn night(&mut self) -> Value {
        self.world.sim.clock().advance(DAY);
        let number = self.runs.len();
        let keys = self.world.keys(PRIMARY);
        self.world.put(
            &keys[number * 7 % keys.len()],
            &format!("of night {number}"),
        );
        let result = self.world.backup().await;
        self.note(&result);
        result
    }

    fn note(&mut self, result: &Value) {
        let run = result["run_id"].as_str().unwrap().to_owned();
        self.runs.push((run, contents(&self.world, PRIMARY)));
    }

    /// So many nights, after each of which the lifecycle is carried out.
    async fn nights(&mut self, count: usize) {
        for _ in 0..count {
            let result = self.night().await;
            assert_eq!(result["status"], "complete", "{result}");
            self.expire();
        }
    }

    /// Carries out the rule, as S3 does: by the age of current versions, and by the time since others were replaced.
    fn expire(&self) {
        let now = self.world.sim.clock().now();
        let is_old = |since| {
            now.duration_since(since)
                .is_ok_and(|age| age >= DAY * RULE_DAYS)
        };
        for (key, chain) in self.chains() {
            for (place, version) in chain.iter().enumerate() {
                let expires = is_tagged(version);
                match place.checked_sub(1).map(|before| &chain[before]) {
                    None if expires && is_old(version.last_modified) => {
                        self.world.sim.delete(BACKUP, &key);
                    }
                    Some(newer) if expires && is_old(newer.last_modified) => {
                        self.world
                            .sim
                            .delete_version(BACKUP, &key, &version.version_id);
                    }
                    _ => {}
                }
            }
            if let [alone] = chain.as_slice()
                && alone.is_delete_marker
            {
                self.world
                    .sim
                    .delete_version(BACKUP, &key, &alone.version_id);
            }
        }
    }

    /// All versions of the program's own objects by their keys, the newest first.
    fn chains(&self) -> BTreeMap<String, Vec<ObjectView>> {
        let mut chains: BTreeMap<String, Vec<ObjectView>> = BTreeMap::new();
        for version in self.world.sim.all_versions(BACKUP) {
            if version.key.starts_with(STATE) {
                chains.entry(version.key.clone()).or_default().push(version);
            }
        }
        chains
    }

    /// The keys of what is tagged, without the place of the job.
    fn tagged(&self) -> Vec<String> {
        let current = self.world.sim.objects(BACKUP).into_iter();
        let tagged = current.filter(is_tagged);
        tagged.map(|object| part(&object.key).to_owned()).collect()
    }

    /// The indexes that are there.
    fn indexes(&self) -> Vec<String> {
        let mut keys = self.world.sim.keys(BACKUP);
        keys.retain(|key| is_index(part(key)));
        keys
    }

    /// The runs whose indexes are there and not tagged, the oldest first.
    fn kept(&self) -> Vec<&(String, Source)> {
        let tagged = self.tagged();
        let there = self.indexes();
        let is_kept = |(run, _): &&(String, Source)| {
            let key = format!("snapshots/{run}.json");
            !tagged.contains(&key) && there.iter().any(|there| part(there) == key)
        };
        self.runs.iter().filter(is_kept).collect()
    }

    /// A run comes back exactly as it was.
    async fn assert_restores(&self, (run, source): &(String, Source)) {
        for key in self.world.keys(TARGET) {
            self.world.sim.delete(TARGET, &key);
        }
        let request = json!({"operation": "restore", "all": true, "run": run, "to": format!("s3://{TARGET}/")});
        let result = self.world.run(request).await;
        assert_eq!(result["status"], "complete", "{run}: {result}");
        assert_eq!(contents(&self.world, TARGET), *source, "{run}");
    }
}

fn contents(world: &World, bucket: &str) -> Source {
    let objects = world.sim.objects(bucket).into_iter();
    objects
        .map(|object| {
            (
                object.key.clone(),
                object.content.as_bytes().unwrap().to_vec(),
            )
        })
        .collect()
}

fn is_tagged(version: &ObjectView) -> bool {
    version.tags.get("s3-backup:unnamed").map(String::as_str) == Some("true")
}

/// The key below the place of the job; the key itself of what is of no job.
fn part(key: &str) -> &str {
    let own = key.strip_prefix(STATE);
    own.and_then(|key| key.split_once('/'))
        .map_or(key, |(_, part)| part)
}

fn is_index(part: &str) -> bool {
    let run = part.strip_prefix("snapshots/2");
    run.is_some_and(|run| run.strip_suffix(".json").is_some())
}

/// What the command line lists of the runs, all of them.
fn all_runs(nights: &Nights) -> Output {
    let of = ["--source", PRIMARY, "--destination", BACKUP];
    run(&nights.world, &[&["runs", "--all"][..], &of[..]].concat())
}

fn aged(result: &Value) -> &Value {
    &result["destinations"][0]["aged"]
}

#[tokio::test]
async fn what_no_run_names_any_more_expires_and_each_kept_run_restores_exactly() {
    let mut nights = Nights::new(3, 12);

    nights.nights(50).await;

    // Three days, thirty of grace, and up to a week between two passes.
    let kept = nights.kept();
    assert!((33..=41).contains(&kept.len()), "{}", kept.len());
    let indexes = nights.indexes().len();
    assert!(indexes <= 41, "{indexes}");
    let segments = nights.world.sim.keys(BACKUP).into_iter();
    let segments = segments.filter(|key| key.contains("/segments/")).count();
    assert!(segments <= 41, "{segments}");
    for run in [kept[0], kept[1], kept[kept.len() / 2], kept[kept.len() - 1]] {
        nights.assert_restores(run).await;
    }
}

#[tokio::test]
async fn what_is_older_than_the_history_alone_stays_for_thirty_days_more() {
    let mut nights = Nights::new(3, 4);

    nights.nights(33).await;

    assert_eq!(nights.tagged(), Vec::<String>::new());
    assert_eq!(nights.indexes().len(), 33);
    assert_eq!(nights.world.sim.ledger().count(Verb::PutObjectTagging), 0);
    assert!(
        !nights
            .world
            .sim
            .keys(BACKUP)
            .iter()
            .any(|key| key.ends_with("/aged.json"))
    );
}

#[tokio::test]
async fn an_old_segment_that_the_last_run_names_is_never_tagged() {
    let mut nights = Nights::new(1, 3);
    nights.nights(1).await;
    let first: Vec<String> = nights.world.sim.keys(BACKUP);
    let first = first.iter().find(|key| key.contains("/segments/")).unwrap();
    for _ in 0..60 {
        nights.world.sim.clock().advance(DAY);
        let result = nights.world.backup().await;
        nights.note(&result);
        nights.expire();
    }

    assert!(nights.indexes().len() < 42, "{:?}", nights.indexes());
    assert!(nights.world.sim.current(BACKUP, first).is_some());
    let result = nights.world.backup().await;
    assert_eq!(count(&result, "objects_copied"), 0, "{result}");
    nights.assert_restores(nights.kept()[0]).await;
}

#[tokio::test]
async fn an_old_segment_that_the_oldest_kept_run_names_is_never_tagged() {
    let mut nights = Nights::new(1, 3);
    for _ in 0..40 {
        nights.world.sim.clock().advance(DAY);
        let result = nights.world.backup().await;
        nights.note(&result);
        nights.expire();
    }

    nights.nights(15).await;

    let kept = nights.kept();
    assert!(kept.len() < 45, "{}", kept.len());
    nights.assert_restores(kept[0]).await;
}

#[tokio::test]
async fn the_next_run_after_an_expiry_compares_by_its_snapshot_and_copies_nothing() {
    let mut nights = Nights::new(1, 5);
    nights.nights(50).await;

    let result = nights.world.backup().await;

    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(count(&result, "objects_copied"), 0, "{result}");
    assert_eq!(
        result["destinations"][0]["snapshot"]["problem"],
        Value::Null
    );
    assert_eq!(result.get("bucket_warnings"), None, "{result}");
}

#[tokio::test]
async fn a_pass_is_made_once_a_week() {
    let mut nights = Nights::new(1, 3);
    nights.nights(45).await;
    nights.world.sim.ledger().clear();
    let mut passes = 0;

    for _ in 0..14 {
        let result = nights.night().await;
        nights.expire();
        passes += u32::from(!aged(&result).is_null());
    }

    assert_eq!(passes, 2);
}

#[tokio::test]
async fn a_history_of_all_days_keeps_all_and_asks_for_nothing() {
    let mut nights = Nights::new(0, 3);

    nights.nights(40).await;

    assert_eq!(nights.indexes().len(), 40);
    let rules = nights
        .world
        .sim
        .ledger()
        .count(Verb::GetBucketLifecycleConfiguration);
    assert_eq!(rules, 40, "the look of each run at its bucket");
    assert_eq!(nights.world.sim.ledger().count(Verb::PutObjectTagging), 0);
}

/// All is in one segment until an object is left out, and again once it is not.
#[tokio::test]
async fn a_segment_that_comes_back_is_written_again_without_the_tag() {
    let mut nights = Nights::new(1, 4);
    nights.world.backup().await;
    let keys = nights.world.sim.keys(BACKUP);
    let segment = keys.iter().find(|key| key.contains("/segments/"));
    let segment = segment.unwrap();
    nights.world = nights.world.with("BACKUP_EXCLUDE", "0003");
    for _ in 0..40 {
        nights.world.sim.clock().advance(DAY);
        nights.world.backup().await;
    }
    let before = nights.world.sim.current(BACKUP, segment).unwrap();
    assert!(is_tagged(&before), "{:?}", before.tags);

    nights.world = nights.world.with("BACKUP_EXCLUDE", "");
    let result = nights.world.backup().await;

    assert_eq!(count(&result, "objects_copied"), 0, "{result}");
    let after = nights.world.sim.current(BACKUP, segment).unwrap();
    assert_eq!(after.content, before.content);
    assert!(!is_tagged(&after), "{:?}", after.tags);
    nights.world.sim.clock().advance(DAY * 31);
    nights.expire();
    nights
        .assert_restores(&(
            result["run_id"].as_str().unwrap().to_owned(),
            contents(&nights.world, PRIMARY),
        ))
        .await;
}

#[tokio::test]
async fn runs_that_have_aged_out_are_the_planned_end_of_the_history() {
    let mut nights = Nights::new(1, 3);
    nights.nights(50).await;
    let kept = nights.kept();
    let first = kept[0].0.clone();

    let listed = all_runs(&nights);
    let told = run(
        &nights.world,
        &[
            "runs",
            "--all",
            "--json",
            "--source",
            PRIMARY,
            "--destination",
            BACKUP,
        ],
    );
    let gone = run(
        &nights.world,
        &[
            "diff",
            &nights.runs[0].0,
            "latest",
            "--source",
            PRIMARY,
            "--destination",
            BACKUP,
        ],
    );
    let early = json!({"operation": "restore", "all": true, "at": "2001-01-01"});
    let early = nights.world.invoke(early).await.unwrap_err().to_string();

    let stdout = text(&listed.stdout);
    assert_eq!(listed.status.code(), Some(0), "{listed:?}");
    assert!(
        stdout.contains("\nolder runs have aged out, those of before 20"),
        "{stdout}"
    );
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let row = &told["destinations"][0];
    assert_eq!(row["problem"], Value::Null);
    assert!(row["aged_out_before"].is_string(), "{row}");
    let runs = row["runs"].as_array().unwrap();
    assert_eq!(runs.last().unwrap()["run_id"], json!(first));
    let stderr = text(&gone.stderr);
    assert!(
        stderr.contains("no snapshot of run") && stderr.contains(&first),
        "{stderr}"
    );
    assert!(
        early.contains(&format!("the first run with a snapshot, {first}")),
        "{early}"
    );
    assert!(early.contains("older runs have aged out"), "{early}");
}

#[tokio::test]
async fn an_index_that_is_missing_within_the_history_is_no_planned_end() {
    let mut nights = Nights::new(1, 3);
    nights.nights(50).await;
    let missing = nights.kept()[5].0.clone();
    let key = nights
        .indexes()
        .into_iter()
        .find(|key| key.contains(&missing))
        .unwrap();
    nights.world.sim.delete(BACKUP, &key);

    let listed = all_runs(&nights);

    assert_eq!(listed.status.code(), Some(3), "{listed:?}");
    let stdout = text(&listed.stdout);
    assert!(
        stdout.contains(&format!("snapshots/{missing}.json is missing")),
        "{stdout}"
    );
    assert!(!stdout.contains("aged out"), "{stdout}");
    let early = json!({"operation": "restore", "all": true, "at": "2001-01-01"});
    let early = nights.world.invoke(early).await.unwrap_err().to_string();
    assert!(early.contains(" is missing"), "{early}");
}

#[tokio::test]
async fn a_pass_that_the_deadline_stops_goes_on_in_the_next_night() {
    let mut nights = Nights::new(40, 40);
    nights.nights(60).await;
    // All of it is old at once.
    nights.world.sim.clock().advance(DAY * 100);

    let stopped = nights
        .world
        .stopped_at(Verb::PutObjectTagging, 2, &json!({}))
        .await;
    let tagged = nights.tagged().len();
    let next = nights.night().await;

    assert_eq!(stopped["status"], "complete", "{stopped}");
    assert_eq!(aged(&stopped)["is_done"], false, "{stopped}");
    assert!((1..=20).contains(&tagged), "{tagged}");
    assert_eq!(aged(&next)["is_done"], true, "{next}");
    assert!(count(aged(&next), "tagged") > 60, "{next}");
}

#[tokio::test]
async fn a_run_without_time_left_begins_no_pass() {
    let mut nights = Nights::new(1, 3);
    nights.nights(3).await;
    nights.world.sim.clock().advance(DAY * 100);
    // An index, and the name of the last one, are written last.
    let mut writes = 0;
    for bound in 1..20 {
        let result = nights
            .world
            .stopped_at(Verb::PutObject, bound, &json!({}))
            .await;
        let snapshot = &result["destinations"][0]["snapshot"]["key"];
        if snapshot.is_string() && aged(&result).is_null() {
            writes = bound;
            break;
        }
        assert_eq!(nights.tagged(), Vec::<String>::new(), "{result}");
    }

    assert!(writes > 1);
    assert_eq!(nights.tagged(), Vec::<String>::new());
    let next = nights.world.backup().await;
    assert_eq!(aged(&next)["is_done"], true, "{next}");
}
