//! Snapshots: what a complete run writes down, what the next one makes of it, and what becomes of a run
//! whose last snapshot is lost or damaged.

pub mod damage;
mod formats;
mod races;
mod rollback;

use std::time::{Duration, UNIX_EPOCH};

use s3_backup::snapshot::{Index, LATEST, Latest, Segment, verify_chain};
use s3_sim::{Content, Effect, Encryption, Fault, Put, Sim, Verb};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, World, count, counts, open_segment};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k1";

/// The state of the only job in the backup bucket, by keys below its prefix.
pub struct Stored {
    pub job: String,
    pub objects: Vec<(String, Vec<u8>)>,
}

impl Stored {
    pub fn of(world: &World) -> Self {
        let mut job = String::new();
        let mut objects = Vec::new();
        for key in world.sim.keys(BACKUP) {
            let Some((name, part)) = key
                .strip_prefix(".s3-backup/")
                .and_then(|key| key.split_once('/'))
            else {
                continue;
            };
            name.clone_into(&mut job);
            let view = world.sim.current(BACKUP, &key).unwrap();
            objects.push((part.to_owned(), view.content.as_bytes().unwrap().to_vec()));
        }
        Self { job, objects }
    }

    pub fn get(&self, part: &str) -> &[u8] {
        let found = self.objects.iter().find(|(key, _)| key == part);
        &found.unwrap_or_else(|| panic!("no {part}")).1
    }

    pub fn key(&self, part: &str) -> String {
        format!(".s3-backup/{}/{part}", self.job)
    }

    pub fn index(&self) -> Index {
        let link = Latest::parse(self.get(LATEST), &self.job).unwrap().index;
        link.follow(self.get(&link.key), &self.job).unwrap()
    }

    /// The keys and `ETag`s of the last snapshot, source's and backup's.
    fn rows(&self) -> Vec<(String, String, String)> {
        let segments = self.index().segments;
        let rows = segments.into_iter().flat_map(|entry| {
            let read = |part: &str| Some(self.get(part).to_vec());
            open_segment(read, entry).unwrap().rows()
        });
        let texts = rows.map(|row| {
            let row = row.unwrap().row().to_row();
            let etags = [row.source_etag, row.backup_etag].map(|etag| etag.as_str().to_owned());
            let [source, backup] = etags;
            (row.key.as_str().to_owned(), source, backup)
        });
        texts.collect()
    }
}

/// Every object of the source is in the last snapshot with the `ETag`s that both sides have, and nothing
/// else is.
pub fn assert_recorded(world: &World) {
    let expected: Vec<_> = world
        .keys(PRIMARY)
        .into_iter()
        .map(|key| {
            let source = world.sim.current(PRIMARY, &key).unwrap().etag;
            let backup = world.backup_of(&key).etag;
            (key, source, backup)
        })
        .collect();
    assert_eq!(Stored::of(world).rows(), expected);
}

pub fn snapshot(result: &Value) -> &Value {
    &result["destinations"][0]["snapshot"]
}

fn problem(result: &Value) -> &str {
    snapshot(result)["problem"].as_str().unwrap_or_default()
}

/// Objects whose copies cannot have their `ETag`: only a snapshot proves that they are backed up.
pub fn world_of(objects: usize) -> World {
    let world = World::new();
    for n in 0..objects {
        let encryption = Encryption::Kms {
            key: KEY.to_owned(),
        };
        world.put_object(&format!("{n:04}"), Put::new("1").encryption(encryption));
    }
    world
}

#[tokio::test]
async fn a_complete_run_writes_what_is_in_the_backup() {
    let world = world_of(30);

    let result = world.backup().await;

    assert_recorded(&world);
    let stored = Stored::of(&world);
    let index = stored.index();
    assert_eq!(snapshot(&result)["key"], stored.key(&index.key()));
    assert_eq!(snapshot(&result)["problem"], Value::Null);
    assert_eq!(count(snapshot(&result), "objects"), 30);
    assert_eq!(index.run_id, result["run_id"]);
    assert_eq!((index.totals.objects, index.totals.bytes), (30, 30));
    assert_eq!((index.totals.copied, index.totals.errors), (30, 0));
    let row = Segment::open(
        stored.get(&index.segments[0].key()).to_vec().into(),
        index.segments[0].clone(),
    );
    let first = row.unwrap().rows().next().unwrap().unwrap().row().to_row();
    assert_eq!(
        first.backup_version_id.unwrap().as_str(),
        world.backup_of("0000").version_id
    );
    assert!(first.checksum.unwrap().starts_with("crc64nvme:"));
}

#[tokio::test]
async fn a_run_without_changes_writes_no_segment_anew() {
    let world = world_of(30);
    world.backup().await;

    let second = world.backup().await;

    assert_eq!(counts(&second), [30, 0, 30, 0, 0, 0]);
    assert_eq!(snapshot(&second)["segments_written"], 0);
    assert_recorded(&world);
}

#[tokio::test]
async fn snapshots_form_a_chain() {
    let world = world_of(3);
    for n in 0..3 {
        world.put("changing", &n.to_string());
        world.backup().await;
    }

    let stored = Stored::of(&world);

    let mut chain = Vec::new();
    let mut link = Some(
        Latest::parse(stored.get(LATEST), &stored.job)
            .unwrap()
            .index,
    );
    while let Some(named) = link {
        let bytes = stored.get(&named.key);
        link = named.follow(bytes, &stored.job).unwrap().previous;
        chain.insert(0, (named.key, bytes));
    }
    assert_eq!(chain.len(), 3);
    let chain = chain.iter().map(|(key, bytes)| (key.as_str(), *bytes));
    assert_eq!(verify_chain(&stored.job, chain), Ok(()));
}

#[tokio::test]
async fn what_is_gone_from_the_source_is_gone_from_the_snapshot() {
    let world = world_of(5);
    world.backup().await;
    world.sim.delete(PRIMARY, "0002");

    world.backup().await;

    assert_eq!(world.keys(BACKUP).len(), 5);
    assert_eq!(Stored::of(&world).rows().len(), 4);
}

#[tokio::test]
async fn an_object_that_could_not_be_copied_stays_recorded_as_it_was() {
    let world = world_of(3);
    world.backup().await;
    let before = Stored::of(&world).rows();
    world.put("0001", "2");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).key("0001").always(), denied);

    let failed = world.backup().await;
    let recorded = Stored::of(&world);
    world.sim.clear_faults();
    let last = world.backup().await;

    assert_eq!(counts(&failed), [3, 0, 2, 0, 0, 1]);
    assert_eq!(recorded.rows(), before);
    assert_eq!(recorded.index().totals.errors, 1);
    assert_eq!(counts(&last), [3, 1, 2, 0, 0, 0]);
    assert_recorded(&world);
}

#[tokio::test]
async fn a_run_of_a_part_reads_the_snapshot_and_writes_none() {
    let world = world_of(3);
    let whole = world.backup().await;

    let part = world.invoke(json!({"prefix": "000"})).await.unwrap();
    let dry = world.invoke(json!({"dry_run": true})).await.unwrap();

    assert_eq!(counts(&part), [3, 0, 3, 0, 0, 0]);
    assert_eq!(counts(&dry), [3, 0, 3, 0, 0, 0]);
    assert_eq!(
        (snapshot(&part), snapshot(&dry)),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(Stored::of(&world).index().run_id, whole["run_id"]);
}

#[tokio::test]
async fn a_run_of_several_invocations_writes_one_snapshot() {
    // The copies alone take longer than an invocation, a quarter of which is for the record.
    let sim = Sim::builder()
        .page_size_max(5)
        .latency(s3_sim::Class::List, Duration::from_millis(10))
        .latency(s3_sim::Class::Copy, Duration::from_millis(30))
        .start();
    let world = World::around(sim).with("BACKUP_MAX_CONCURRENCY", "8");
    for n in 0..1_000 {
        world.put(&format!("{n:04}"), "1");
    }
    let mut payload = json!({});
    let mut invocations = 0;
    let mut last = Value::Null;
    while invocations < 100 {
        invocations += 1;
        last = stopped_after(&world, &payload, Duration::from_secs(2)).await;
        if last["cursor"].is_null() {
            break;
        }
        assert_eq!(snapshot(&last)["key"], Value::Null);
        payload = json!({"operation": "continue", "cursor": last["cursor"]});
    }
    let again = world.backup().await;

    assert!(invocations > 1);
    assert_eq!(snapshot(&last)["problem"], Value::Null, "{last}");
    assert_eq!(count(snapshot(&last), "objects"), 1_000);
    assert_eq!(counts(&again), [1_000, 0, 1_000, 0, 0, 0]);
    assert_recorded(&world);
}

#[tokio::test]
async fn a_cursor_without_its_record_ends_without_a_snapshot_and_says_so() {
    let world = world_of(3);
    let cursor = json!({"format": 2, "ranges": [{"destination": BACKUP, "after": "0000"}]});

    let result = world
        .invoke(json!({"operation": "continue", "cursor": cursor}))
        .await
        .unwrap();

    assert_eq!(counts(&result), [2, 2, 0, 0, 0, 0]);
    assert_eq!(snapshot(&result)["key"], Value::Null);
    assert!(
        problem(&result).contains("the cursor does not name the record"),
        "{result}"
    );
}

async fn stopped_after(world: &World, payload: &Value, time: Duration) -> Value {
    world.sim.clock().advance(Duration::from_secs(2));
    let deadline = s3_backup::model::Deadline::within(std::time::Instant::now(), time);
    let request = s3_backup::request::parse(payload).unwrap();
    let handler = world.handler();
    let summary = handler.answer(&request, Some(deadline), |_| {}).await;
    serde_json::from_str(&summary.unwrap().to_json().unwrap()).unwrap()
}

#[tokio::test]
async fn a_crash_before_the_index_is_named_leaves_the_last_snapshot_valid() {
    for part in ["segments/", "snapshots/2", "latest.json"] {
        let world = world_of(3);
        let first = world.backup().await;
        world.put("new", "1");
        let before = world.sim.ledger().of(Verb::PutObject).len();
        let denied = Effect::status(403, "AccessDenied", "Access Denied");
        let lease = 1;
        let nth = match part {
            "segments/" => lease + 1,
            "snapshots/2" => lease + 2,
            _ => lease + 3,
        };
        let fault = Fault::on(Verb::PutObject).nth(nth);
        world.sim.fault(fault, denied);

        let crashed = world.backup().await;
        world.sim.clear_faults();
        let index = Stored::of(&world).index();
        let last = world.backup().await;

        let refused =
            &world.sim.ledger().of(Verb::PutObject)[before + usize::try_from(nth).unwrap() - 1];
        assert!(refused.key.contains(part), "{} was refused", refused.key);
        assert_eq!(crashed["status"], "complete", "{part}");
        assert!(
            problem(&crashed).contains("no snapshot was written: "),
            "{part}: {crashed}"
        );
        assert_eq!(index.run_id, first["run_id"], "{part}");
        assert_eq!(counts(&last), [4, 0, 4, 0, 0, 0], "{part}");
        assert_recorded(&world);
    }
}

#[tokio::test]
async fn a_copy_that_takes_long_does_not_hold_the_others_back() {
    let world = World::new();
    for n in 0..5_000 {
        world.put(&format!("{n:05}"), "1");
    }
    world.backup().await;
    world.put("00000", "2");
    let slow = Effect::Slow(Duration::from_secs(3));
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).key("00000").first(1), slow);

    let result = world.backup().await;
    let again = world.backup().await;

    assert_eq!(counts(&result), [5_000, 1, 4_999, 0, 0, 0]);
    assert!(
        count(snapshot(&result), "segments") > 2,
        "a segment of its own: {result}"
    );
    assert_eq!(counts(&again), [5_000, 0, 5_000, 0, 0, 0]);
    assert_recorded(&world);
}
