//! Snapshots: what a complete run writes down, what the next one makes of it, and what becomes of a run
//! whose last snapshot is lost or damaged.

use std::time::{Duration, UNIX_EPOCH};

use s3_backup::snapshot::{Index, LATEST, Latest, Segment, verify_chain};
use s3_sim::{Content, Effect, Encryption, Fault, Put, Sim, Verb};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, World, count, counts};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k1";

/// The state of the only job in the backup bucket, by keys below its prefix.
struct Stored {
    job: String,
    objects: Vec<(String, Vec<u8>)>,
}

impl Stored {
    fn of(world: &World) -> Self {
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

    fn get(&self, part: &str) -> &[u8] {
        let found = self.objects.iter().find(|(key, _)| key == part);
        &found.unwrap_or_else(|| panic!("no {part}")).1
    }

    fn key(&self, part: &str) -> String {
        format!(".s3-backup/{}/{part}", self.job)
    }

    fn index(&self) -> Index {
        let link = Latest::parse(self.get(LATEST), &self.job).unwrap().index;
        link.follow(self.get(&link.key), &self.job).unwrap()
    }

    /// The keys and `ETag`s of the last snapshot, source's and backup's.
    fn rows(&self) -> Vec<(String, String, String)> {
        let segments = self.index().segments;
        let rows = segments.into_iter().flat_map(|entry| {
            let bytes = self.get(&entry.key()).to_vec();
            Segment::open(bytes.into(), entry).unwrap().rows()
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
fn assert_recorded(world: &World) {
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

fn snapshot(result: &Value) -> &Value {
    &result["destinations"][0]["snapshot"]
}

fn problem(result: &Value) -> &str {
    snapshot(result)["problem"].as_str().unwrap_or_default()
}

/// Objects whose copies cannot have their `ETag`: only a snapshot proves that they are backed up.
fn world_of(objects: usize) -> World {
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
    let sim = Sim::builder()
        .page_size_max(5)
        .latency(s3_sim::Class::List, Duration::from_millis(10))
        .start();
    let world = World::around(sim);
    for n in 0..1_000 {
        world.put(&format!("{n:04}"), "1");
    }
    let mut payload = json!({});
    let mut invocations = 0;
    let mut last = Value::Null;
    while invocations < 100 {
        invocations += 1;
        last = stopped_after(&world, &payload, Duration::from_millis(800)).await;
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

/// The last snapshot is spoilt: the run says what is wrong, copies what it cannot prove, loses nothing,
/// and the one after it is quiet again.
async fn assert_survived(world: &World, said: &str) {
    let run = world.backup().await;
    let next = world.backup().await;

    let found = world.keys(PRIMARY).len() as u64;
    assert!(
        problem(&run).contains(said),
        "{said:?} is not in {:?}",
        problem(&run)
    );
    assert_eq!(run["status"], "complete");
    assert_eq!(
        counts(&run),
        [found, found, 0, 0, 0, 0],
        "KMS: only a snapshot proves it"
    );
    assert_eq!(counts(&next), [found, 0, found, 0, 0, 0]);
    assert_eq!(snapshot(&next)["problem"], Value::Null);
    world.assert_backed_up();
    assert_recorded(world);
}

async fn spoilt(part: impl Fn(&Stored) -> String, spoil: impl Fn(&mut Vec<u8>)) -> World {
    let world = world_of(4);
    world.backup().await;
    let stored = Stored::of(&world);
    let part = part(&stored);
    let mut bytes = stored.get(&part).to_vec();
    spoil(&mut bytes);
    world.sim.put(BACKUP, &stored.key(&part), bytes);
    world
}

fn segment(stored: &Stored) -> String {
    stored.index().segments[0].key()
}

#[tokio::test]
async fn one_flipped_byte_of_a_segment_is_found_and_named() {
    let world = spoilt(segment, |bytes| bytes[40] ^= 1).await;

    assert_survived(&world, ".parquet is damaged: its ").await;
}

#[tokio::test]
async fn a_cut_index_is_found_and_named() {
    let world = spoilt(|stored| stored.index().key(), |bytes| bytes.truncate(100)).await;

    assert_survived(
        &world,
        ".json is damaged: its 100 bytes are not those that were written",
    )
    .await;
}

#[tokio::test]
async fn a_damaged_pointer_is_found_and_named() {
    let world = spoilt(|_| LATEST.to_owned(), |bytes| bytes.truncate(10)).await;

    assert_survived(&world, "snapshots/latest.json is damaged: ").await;
}

#[tokio::test]
async fn what_records_nothing_names_a_damaged_snapshot_too() {
    let world = spoilt(segment, |bytes| bytes[40] ^= 1).await;
    let before = Stored::of(&world);

    for asked in [
        json!({"operation": "plan"}),
        json!({"operation": "verify"}),
        json!({"dry_run": true}),
        json!({"prefix": "0"}),
    ] {
        let run = world.run(asked.clone()).await;

        let told = problem(&run);
        assert!(
            told.contains(".parquet is damaged: its "),
            "{asked}: {told:?}"
        );
        assert_eq!(snapshot(&run)["key"], Value::Null, "{asked}");
    }
    assert_eq!(Stored::of(&world).get(LATEST), before.get(LATEST));
}

#[tokio::test]
async fn a_missing_segment_is_named() {
    let world = world_of(4);
    world.backup().await;
    let stored = Stored::of(&world);
    world.sim.delete(BACKUP, &stored.key(&segment(&stored)));

    assert_survived(
        &world,
        ".parquet is missing; the two listings are compared alone",
    )
    .await;
}

#[tokio::test]
async fn a_newer_format_is_named() {
    let spoil = |bytes: &mut Vec<u8>| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replace("\"format\":1", "\"format\":2").into_bytes();
    };
    let world = spoilt(|_| LATEST.to_owned(), spoil).await;

    assert_survived(&world, "has format 2; this version reads up to 1").await;
}

#[tokio::test]
async fn a_snapshot_of_another_job_is_named() {
    let spoil = |bytes: &mut Vec<u8>| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replacen("primary-", "foreign-", 1).into_bytes();
    };
    let world = spoilt(|_| LATEST.to_owned(), spoil).await;

    assert_survived(&world, "is of job \"foreign-").await;
}

#[tokio::test]
async fn a_snapshot_that_may_not_be_read_is_named_and_replaced() {
    let world = world_of(2);
    world.backup().await;
    let key = Stored::of(&world).key(LATEST);
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let never = Fault::on(Verb::GetObject).key(&key).always();
    world.sim.fault(never, denied);

    let result = world.backup().await;
    world.sim.clear_faults();
    let written = Stored::of(&world).index();
    let next = world.backup().await;

    assert_eq!(counts(&result), [2, 2, 0, 0, 0, 0]);
    assert!(
        problem(&result).contains("latest.json could not be read: "),
        "{result}"
    );
    assert_eq!(written.run_id, result["run_id"], "it was replaced unread");
    assert_eq!(counts(&next), [2, 0, 2, 0, 0, 0]);
    assert_eq!(snapshot(&next)["problem"], Value::Null);
}

#[tokio::test]
async fn a_pointer_of_hundreds_of_megabytes_is_damage_and_replaced() {
    let world = world_of(2);
    world.backup().await;
    let key = Stored::of(&world).key(LATEST);
    // A pattern that takes no memory in the simulator.
    let huge = Content::generated(1, 300 << 20);
    world.sim.put(BACKUP, &key, huge);
    let sent = sent_of(&world, &key);

    let result = world.backup().await;
    let read = sent_of(&world, &key) - sent;
    let next = world.backup().await;

    let said = "latest.json is damaged: it has 314572800 bytes, more than 1048576";
    assert!(problem(&result).contains(said), "{result}");
    assert!(read <= 1, "it was read {read} times");
    assert_eq!(snapshot(&next)["problem"], Value::Null);
    assert_recorded(&world);
}

fn sent_of(world: &World, key: &str) -> usize {
    let reads = world.sim.ledger().of(Verb::GetObject);
    reads.iter().filter(|read| read.key == key).count()
}

#[tokio::test]
async fn a_segment_of_another_size_is_damage() {
    let world = spoilt(segment, |bytes| bytes.resize(bytes.len() + 1000, 0)).await;

    assert_survived(&world, ".parquet is damaged: it has ").await;
}

#[tokio::test]
async fn two_runs_cannot_both_become_the_last() {
    let world = world_of(2);
    world.backup().await;
    let key = Stored::of(&world).key(LATEST);
    let other = String::from_utf8(Stored::of(&world).get(LATEST).to_vec()).unwrap() + " ";
    let by_the_other = (key.clone(), other.clone());
    world.put("new", "1");
    // Between what the run has read at its start and what it writes at its end.
    world.sim.fault(
        Fault::on(Verb::PutObject).key(&key).first(1),
        Effect::before(move |sim| {
            let (key, body) = by_the_other.clone();
            sim.put(BACKUP, &key, body);
        }),
    );

    let result = world.backup().await;

    assert_eq!(result["status"], "complete");
    assert!(
        problem(&result).contains("no snapshot was written: "),
        "{result}"
    );
    let stored = Stored::of(&world);
    assert_eq!(stored.get(LATEST), other.as_bytes());
}

#[tokio::test]
async fn two_first_runs_cannot_both_become_the_last() {
    let world = world_of(2);
    let job = s3_backup::model::Job::new(
        &s3_backup::model::Location::parse(PRIMARY).unwrap(),
        &s3_backup::model::Placement::default(),
    );
    let key = job.key(LATEST).as_str().to_owned();
    let named = key.clone();
    world.sim.fault(
        Fault::on(Verb::PutObject).key(&key).first(1),
        Effect::before(move |sim| drop(sim.put(BACKUP, &named, "the other's"))),
    );

    let result = world.backup().await;

    assert!(
        problem(&result).contains("no snapshot was written: "),
        "{result}"
    );
    assert_eq!(Stored::of(&world).get(LATEST), b"the other's");
}

#[tokio::test]
async fn a_run_whose_listing_broke_off_writes_no_snapshot() {
    for bucket in [PRIMARY, BACKUP] {
        let world = World::around(Sim::builder().page_size_max(3).start());
        for n in 0..20 {
            world.put(&n.to_string(), "1");
        }
        let first = world.backup().await;
        world.put("new", "1");
        let listed = |sim: &Sim| sim.ledger().of(Verb::ListObjectsV2).len();
        let before = listed(&world.sim);
        let broken = Effect::status(403, "AccessDenied", "Access Denied");
        let second_page = Fault::on(Verb::ListObjectsV2).bucket(bucket).nth(3);
        world.sim.fault(second_page, broken);

        let result = world.backup().await;

        assert!(listed(&world.sim) > before);
        assert_eq!(result["status"], "incomplete", "{bucket}: {result}");
        assert_eq!(snapshot(&result)["key"], Value::Null, "{bucket}");
        let stored = Stored::of(&world);
        assert_eq!(stored.index().run_id, first["run_id"], "{bucket}");
    }
}

#[tokio::test]
async fn a_backup_that_changed_and_could_not_be_copied_is_not_recorded_and_looked_at_again() {
    let world = world_of(3);
    world.backup().await;
    world.sim.put(BACKUP, "0001", "2");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let copy = Fault::on(Verb::CopyObject).key("0001").always();
    world.sim.fault(copy, denied);

    let failed = world.backup().await;
    world.sim.clear_faults();
    let recorded = Stored::of(&world).rows();
    let last = world.backup().await;

    assert_eq!(counts(&failed), [3, 0, 2, 0, 0, 1]);
    let keys: Vec<&str> = recorded.iter().map(|(key, _, _)| key.as_str()).collect();
    assert_eq!(keys, ["0000", "0002"], "of 0001 nothing is known");
    assert_eq!(counts(&last), [3, 1, 2, 0, 0, 0]);
    assert_recorded(&world);
}

/// Runs of which the last ones are undone by who writes `latest.json`.
async fn set_back() -> World {
    let world = world_of(2);
    world.backup().await;
    let first = Stored::of(&world).get(LATEST).to_vec();
    for n in 0..3 {
        world.put("changing", &n.to_string());
        world.backup().await;
    }
    let key = Stored::of(&world).key(LATEST);
    world.sim.put(BACKUP, &key, first);
    world
}

#[tokio::test]
async fn a_history_that_was_set_back_is_named() {
    let world = set_back().await;

    let plan = world.run(json!({"operation": "plan"})).await;
    let result = world.backup().await;
    let next = world.backup().await;

    for told in [problem(&plan), problem(&result)] {
        let said = "is later than what snapshots/latest.json names; ";
        assert!(told.contains(said), "{told:?}");
        assert!(told.contains("was stopped before its snapshot became the last one"));
    }
    assert_eq!(result["status"], "complete");
    assert_eq!(snapshot(&next)["problem"], Value::Null);
    assert_recorded(&world);
}

#[tokio::test]
async fn a_history_whose_last_name_was_deleted_is_named() {
    let world = set_back().await;
    let key = Stored::of(&world).key(LATEST);
    world.sim.delete(BACKUP, &key);

    let result = world.backup().await;

    let told = problem(&result);
    assert!(told.contains("is later than what "), "{told:?}");
    assert_recorded(&world);
}

#[tokio::test]
async fn the_look_for_a_later_index_is_one_request_that_no_result_counts() {
    let world = world_of(2);
    world.backup().await;
    world.sim.ledger().clear();

    let result = world.backup().await;

    let listed = world.sim.ledger().of(Verb::ListObjectsV2).len() as u64;
    assert_eq!(count(&result["requests"], "list") + 1, listed);
}

#[tokio::test]
async fn each_result_tells_the_digest_of_its_snapshot() {
    let world = world_of(2);

    let first = world.backup().await;
    let second = world.backup().await;

    let index = Stored::of(&world).index();
    assert_eq!(
        index.previous.unwrap().sha256.to_string(),
        snapshot(&first)["sha256"]
    );
    let stored = Stored::of(&world);
    let latest = Latest::parse(stored.get(LATEST), &stored.job).unwrap();
    assert_eq!(latest.index.sha256.to_string(), snapshot(&second)["sha256"]);
}

/// A snapshot that the first version wrote: three objects in parts, whose copies have other `ETag`s, so that
/// nothing but a snapshot proves them.
fn world_of_format_1() -> World {
    let world = World::new();
    let at = UNIX_EPOCH + Duration::from_secs(1_767_323_045);
    for (seed, key) in (1..).zip(["a.bin", "b.bin", "c.bin"]) {
        let content = Content::generated(seed, 6 << 20);
        let parts = [5 << 20, 1 << 20];
        let object = Put::new(content.clone()).parts(&parts).modified(at);
        world.put_object(key, object);
        world.sim.put(BACKUP, key, content);
    }
    let files: [(&str, &[u8]); 3] = [
        (
            "latest.json",
            include_bytes!("../golden/snapshot-format-1/latest.json"),
        ),
        (
            "2026-11-27T05-03-54Z-3739.json",
            include_bytes!("../golden/snapshot-format-1/2026-11-27T05-03-54Z-3739.json"),
        ),
        (
            "segments/b97a36714ed51390877e01c7efc5c810d7dfa591cb03191a39e01bb4e0f99001.parquet",
            include_bytes!(
                "../golden/snapshot-format-1/segments/b97a36714ed51390877e01c7efc5c810d7dfa591cb03191a39e01bb4e0f99001.parquet"
            ),
        ),
    ];
    for (name, bytes) in files {
        let key = format!(".s3-backup/primary-8b78bc9b0da96ff7/snapshots/{name}");
        world.sim.put(BACKUP, &key, bytes.to_vec());
    }
    world
}

#[tokio::test]
async fn a_snapshot_of_format_1_is_read_and_not_written_anew_at_once() {
    let world = world_of_format_1();

    let first = world.backup().await;
    let index = Stored::of(&world).index();
    world.put("b.bin", "new");
    let second = world.backup().await;
    world.backup().await;
    let quiet = world.backup().await;

    assert_eq!(counts(&first), [3, 0, 3, 0, 0, 0]);
    assert_eq!(snapshot(&first)["problem"], Value::Null);
    assert_eq!(snapshot(&first)["segments_written"], 0);
    assert_eq!((index.format, index.segments.len()), (3, 1));
    assert_eq!(counts(&second), [3, 1, 2, 0, 0, 0]);
    assert_eq!(snapshot(&second)["segments_written"], 1);
    assert_eq!(snapshot(&quiet)["segments_written"], 0);
    assert_recorded(&world);
}

#[tokio::test]
async fn a_newer_format_of_the_index_is_named() {
    let world = world_of(4);
    world.backup().await;
    let stored = Stored::of(&world);
    let index = stored.index();
    let newer = Index { format: 4, ..index };
    let (bytes, link) = newer.encode().unwrap();
    world.sim.put(BACKUP, &stored.key(&link.key), bytes);
    let latest = Latest::new(stored.job.clone(), link);
    let latest = latest.encode().unwrap();
    world.sim.put(BACKUP, &stored.key(LATEST), latest);

    assert_survived(&world, "has format 4; this version reads up to 3").await;
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
