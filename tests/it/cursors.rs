//! A cursor refers to state in the backup bucket, which binds it to one run and is used once. One that
//! comes again, is edited, or is of something else does nothing.

use std::time::Duration;

use s3_backup::model::{Job, Location, Placement};
use s3_sim::{Class, Effect, Fault, Sim, Verb};
use serde_json::{Value, json};

use crate::resume::{to_the_end, total, within};
use crate::world::{BACKUP, PRIMARY, World, assert_adds_up, count, counts};

fn state_key(part: &str) -> String {
    let job = Job::new(&Location::parse(PRIMARY).unwrap(), &Placement::default());
    job.key(part).as_str().to_owned()
}

fn key(n: usize) -> String {
    format!("{n:04}")
}

fn markers(world: &World) -> u64 {
    world.sim.ledger().count(Verb::DeleteObject)
}

fn marked(result: &Value) -> u64 {
    count(result, "objects_marked_deleted")
}

fn going_on(result: &Value) -> Value {
    assert!(result["cursor"].is_object(), "no cursor: {result}");
    json!({"operation": "continue", "cursor": result["cursor"]})
}

/// A world that marks what is gone, with so many objects that are backed up, of which so many are gone.
async fn with_gone(objects: usize, gone: usize) -> World {
    with_gone_in(World::new(), objects, gone).await
}

async fn with_gone_in(world: World, objects: usize, gone: usize) -> World {
    let world = world
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_MAX_DELETIONS", "1000")
        .with("BACKUP_MAX_DELETIONS_PERCENT", "100");
    for n in 0..objects {
        world.put(&key(n), "1");
    }
    world.backup().await;
    for n in 0..gone {
        world.sim.delete(PRIMARY, &key(n));
    }
    world.sim.ledger().clear();
    world
}

/// A run that is stopped before it places its first marker.
async fn stopped_before_marking(world: &World) -> Value {
    let looks = Fault::on(Verb::HeadObject).bucket(PRIMARY);
    world.sim.fault(looks, Effect::Stall);
    let stopped = within(world, Duration::from_secs(2), &json!({})).await;
    world.sim.clear_faults();
    assert_eq!((marked(&stopped), count(&stopped, "errors")), (0, 0));
    assert_eq!(stopped["cursor"]["stage"], "mark", "{stopped}");
    stopped
}

/// A world in which copies are slow: 8 at once take 20 ms.
fn slow(objects: usize) -> World {
    let sim = Sim::builder()
        .latency(Class::Copy, Duration::from_millis(20))
        .page_size_max(50)
        .start();
    let world = World::around(sim).with("BACKUP_MAX_CONCURRENCY", "8");
    for n in 0..objects {
        world.put(&key(n), "1");
    }
    world
}

#[tokio::test]
async fn a_cursor_names_the_run_and_the_digest_of_its_state_and_little_else() {
    let world = slow(600);

    let stopped = within(&world, Duration::from_secs(1), &json!({"mode": "full"})).await;

    let cursor = &stopped["cursor"];
    let state = state_key(&format!(
        "runs/{}/state.json",
        stopped["run_id"].as_str().unwrap()
    ));
    let sha256 = cursor["states"][0]["sha256"].clone();
    let expected = json!({"format": 3, "run_id": stopped["run_id"], "source": PRIMARY, "prefix": "",
        "mode": "full", "deletions": "keep", "stage": "copy",
        "states": [{"destination": BACKUP, "run_id": stopped["run_id"], "key": state, "sha256": sha256}]});
    assert_eq!(*cursor, expected);
    let written = world.sim.current(BACKUP, &state).unwrap();
    let written: Value = serde_json::from_slice(written.content.as_bytes().unwrap()).unwrap();
    assert_eq!(written["format"], 1);
    assert_eq!(written["first_run_id"], stopped["run_id"]);
    assert!(
        !written["ranges"].as_array().unwrap().is_empty(),
        "{written}"
    );
}

#[tokio::test]
async fn a_run_that_is_not_stopped_leaves_no_state() {
    let world = with_gone(20, 2).await;

    world.backup().await;

    let keys = world.sim.keys(BACKUP);
    assert!(!keys.iter().any(|key| key.contains("/runs/")), "{keys:?}");
}

#[tokio::test]
async fn a_cursor_that_was_used_marks_nothing_of_a_source_that_was_emptied_since() {
    let world = with_gone(50, 40).await;
    let old = going_on(&stopped_before_marking(&world).await);
    let done = world.run(old.clone()).await;
    assert_eq!(marked(&done), 40);
    for n in 100..300 {
        world.put(&key(n), "1");
    }
    world.backup().await;
    for key in world.keys(PRIMARY) {
        world.sim.delete(PRIMARY, &key);
    }
    world.sim.ledger().clear();

    let again = world.run(old).await;

    assert_eq!(markers(&world), 0);
    assert_adds_up(&again);
    assert_eq!(again["status"], "complete");
    let told = &again["already_continued"];
    assert_eq!(
        (&told["by"], &told["last"]),
        (&done["run_id"], &done["run_id"])
    );
    assert_eq!(
        (&told["status"], &told["message"]),
        (&json!("complete"), &done["message"])
    );
    let run_id = done["run_id"].as_str().unwrap();
    let message = again["message"].as_str().unwrap();
    let part = format!("was already continued by run {run_id}, which ended complete: ");
    assert!(
        message.starts_with("Nothing was done: ") && message.contains(&part),
        "{message}"
    );
}

#[tokio::test]
async fn an_old_cursor_does_not_roll_the_snapshot_back() {
    let world = slow(600);
    let stopped = within(&world, Duration::from_secs(1), &json!({})).await;
    let old = going_on(&stopped);
    let first = world.run(old.clone()).await;
    assert!(
        first["destinations"][0]["snapshot"]["key"].is_string(),
        "{first}"
    );
    world.put("0000 new", "1");
    world.sim.delete(PRIMARY, &key(1));
    world.backup().await;
    let latest = state_key("snapshots/latest.json");
    let newest = world.sim.current(BACKUP, &latest).unwrap().version_id;

    for cursor in [
        old["cursor"].clone(),
        json!({"format": 2, "ranges": [{"destination": BACKUP, "after": "0300"}]}),
        json!({"format": 2, "ranges": [{"destination": BACKUP}]}),
    ] {
        let replayed = json!({"operation": "continue", "cursor": cursor});
        let result = world.run(replayed).await;

        assert_eq!(result["status"], "complete", "{result}");
        let now = world.sim.current(BACKUP, &latest).unwrap().version_id;
        assert_eq!(now, newest, "{result}");
    }
}

#[tokio::test]
async fn a_run_that_goes_on_behind_a_newer_snapshot_writes_none() {
    let world = slow(600);
    world.put("zzz", "1");
    let stopped = within(&world, Duration::from_secs(1), &json!({})).await;
    world.sim.delete(PRIMARY, "zzz");
    let newer = world.backup().await;
    assert!(
        newer["destinations"][0]["snapshot"]["key"].is_string(),
        "{newer}"
    );
    let latest = state_key("snapshots/latest.json");
    let newest = world.sim.current(BACKUP, &latest).unwrap().version_id;

    let result = world.run(going_on(&stopped)).await;

    assert_eq!(result["status"], "complete");
    assert_eq!(
        world.sim.current(BACKUP, &latest).unwrap().version_id,
        newest
    );
    let problem = result["destinations"][0]["snapshot"]["problem"]
        .as_str()
        .unwrap();
    assert!(
        problem.contains("has written a snapshot since"),
        "{problem}"
    );
}

#[tokio::test]
async fn ranges_that_overlap_count_and_copy_nothing_twice() {
    let range =
        |after: &str, until: &str| json!({"destination": BACKUP, "after": after, "until": until});
    let cases = [
        (
            json!([{"destination": BACKUP}, {"destination": BACKUP, "after": "0005"}]),
            20,
        ),
        (
            json!([
                range("0003", "0009"),
                range("0002", "0005"),
                range("0009", "0011")
            ]),
            9,
        ),
        (
            json!([{"destination": BACKUP, "at": "0004"}, {"destination": BACKUP, "at": "0004"}]),
            16,
        ),
        (json!([range("0009", "0003"), range("0001", "0002")]), 1),
    ];
    for (ranges, found) in cases {
        let world = World::new();
        for n in 0..20 {
            world.put(&key(n), "1");
        }
        let cursor = json!({"format": 2, "ranges": ranges});

        let result = world
            .run(json!({"operation": "continue", "cursor": cursor}))
            .await;

        assert_eq!(counts(&result)[..2], [found, found], "{cursor}: {result}");
        assert_eq!(world.backup_versions().len() as u64, found, "{cursor}");
    }
}

#[tokio::test]
async fn a_cursor_that_leaves_nothing_is_no_complete_run() {
    let world = World::new();
    world.put("k", "1");

    for cursor in [
        json!({"format": 2, "ranges": []}),
        json!({"format": 3, "run_id": "r", "source": PRIMARY, "states": []}),
    ] {
        let refused = world
            .invoke(json!({"operation": "continue", "cursor": cursor}))
            .await;

        assert_eq!(
            refused.unwrap_err().error_type(),
            "RequestError",
            "{cursor}"
        );
    }
}

#[tokio::test]
async fn a_cursor_of_another_source_or_place_is_refused_by_both_names() {
    // Each source has a place of its own in the bucket: others would be refused.
    let world = World::new().with("BACKUP_DESTINATION_PREFIX", "primary/");
    let world = with_gone_in(world, 50, 40).await;
    let stopped = stopped_before_marking(&world).await;
    world.sim.create_bucket("other");
    for n in 0..40 {
        world.sim.put("other", &key(n), "1");
    }
    let mut forged = stopped["cursor"].clone();
    forged["source"] = json!("other");
    let world = world
        .with("SOURCE_BUCKET", "other")
        .with("BACKUP_DESTINATION_PREFIX", "other/");
    world.backup().await;
    for key in world.sim.keys("other") {
        world.sim.delete("other", &key);
    }
    world.sim.ledger().clear();

    let other_source = world.invoke(going_on(&stopped)).await.unwrap_err();
    let other_job = world
        .invoke(json!({"operation": "continue", "cursor": forged}))
        .await;
    let other_job = other_job.unwrap_err();

    assert_eq!(other_source.error_type(), "RequestError");
    let text = other_source.to_string();
    assert!(
        text.contains("of source primary") && text.contains("backs up other"),
        "{text}"
    );
    assert_eq!(other_job.error_type(), "RequestError");
    let text = other_job.to_string();
    assert!(
        text.contains("s3-backup/primary-") && text.contains("s3-backup/other-"),
        "{text}"
    );
    assert_eq!(markers(&world), 0);
}

#[tokio::test]
async fn a_cursor_that_was_edited_is_refused_and_not_used_up() {
    let world = with_gone(50, 30).await;
    let stopped = stopped_before_marking(&world).await;
    let run_id = stopped["run_id"].as_str().unwrap();
    let edits = [
        ("prefix", json!("00")),
        ("mode", json!("full")),
        ("deletions", json!("keep")),
        ("run_id", json!("2026-11-21T02-00-00Z-0000")),
        ("verify", json!({"deep": true, "repair": true})),
        ("dry_run", json!(true)),
        ("format", json!(2)),
    ];
    for (field, value) in edits {
        let mut cursor = stopped["cursor"].clone();
        cursor[field] = value;

        let refused = world
            .invoke(json!({"operation": "continue", "cursor": cursor}))
            .await;

        let refused = refused.unwrap_err();
        assert_eq!(refused.error_type(), "RequestError", "{field}: {refused}");
    }
    let mut cursor = stopped["cursor"].clone();
    cursor["states"][0]["sha256"] = json!("0".repeat(64));
    let refused = world
        .invoke(json!({"operation": "continue", "cursor": cursor}))
        .await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains(run_id) && refused.contains("its digest is another one"),
        "{refused}"
    );
    assert_eq!(markers(&world), 0);

    let result = world.run(going_on(&stopped)).await;

    assert_eq!(
        (marked(&result), &result["status"]),
        (30, &json!("complete"))
    );
}

#[tokio::test]
async fn a_state_that_is_lost_stops_the_run_and_says_what_to_do() {
    type Spoil = fn(&World, &str, Vec<u8>);
    let cases: [(Spoil, &str); 4] = [
        (|world, key, _| world.sim.delete(BACKUP, key), "is missing"),
        (
            |world, key, mut body| {
                let last = body.len() - 4;
                body[last] ^= 1;
                world.sim.put(BACKUP, key, body);
            },
            "its digest is another one",
        ),
        (
            |world, key, _| drop(world.sim.put(BACKUP, key, "{")),
            "its digest is another one",
        ),
        (
            |world, key, _| drop(world.sim.put(BACKUP, key, "")),
            "its digest is another one",
        ),
    ];
    for (spoil, part) in cases {
        let world = with_gone(50, 30).await;
        let stopped = stopped_before_marking(&world).await;
        let key = stopped["cursor"]["states"][0]["key"].as_str().unwrap();
        let body = world.sim.current(BACKUP, key).unwrap().content;
        spoil(&world, key, body.as_bytes().unwrap().to_vec());

        let refused = world.invoke(going_on(&stopped)).await.unwrap_err();

        assert_eq!(refused.error_type(), "RequestError");
        let text = refused.to_string();
        assert!(
            text.contains(part) && text.contains("run again with {}"),
            "{text}"
        );
        assert_eq!(markers(&world), 0);
        let anew = world.backup().await;
        assert_eq!((marked(&anew), &anew["status"]), (30, &json!("complete")));
    }
}

#[tokio::test]
async fn a_cursor_that_comes_again_leads_to_the_newest_one() {
    let world = slow(1500);
    let time = Duration::from_secs(1);
    let first = within(&world, time, &json!({})).await;
    let second = within(&world, time, &going_on(&first)).await;
    let third = within(&world, time, &going_on(&second)).await;
    assert!(third["cursor"].is_object(), "{third}");
    world.sim.ledger().clear();

    let again = within(&world, time, &going_on(&first)).await;

    assert_eq!(again["cursor"], third["cursor"]);
    assert_adds_up(&again);
    assert_eq!(again["status"], "incomplete");
    let told = &again["already_continued"];
    assert_eq!(
        (&told["by"], &told["last"]),
        (&second["run_id"], &third["run_id"])
    );
    assert_eq!(told["status"], "stopped");
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 0);
    let results = to_the_end(&world, Duration::from_secs(20), going_on(&again)).await;
    let all = [first, second, third];
    let copied = total(&all, "objects_copied") + total(&results, "objects_copied");
    assert_eq!(copied, 1500, "nothing was copied twice");
    let snapshot = &results.last().unwrap()["destinations"][0]["snapshot"];
    assert_eq!(snapshot["objects"], 1500, "{snapshot}");
}

#[tokio::test]
async fn a_cursor_whose_run_ended_with_errors_or_held_says_so_again() {
    let world = slow(600);
    let stopped = within(&world, Duration::from_secs(1), &json!({})).await;
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).first(3), denied);
    let failed = world.run(going_on(&stopped)).await;
    assert_eq!(count(&failed, "errors"), 3);

    let again = world.run(going_on(&stopped)).await;

    assert_adds_up(&again);
    assert_eq!(again["status"], "incomplete");
    assert_eq!(again["cursor"], json!(null));
    assert_eq!(again["already_continued"]["message"], failed["message"]);
    assert_eq!(again["failures"][0]["code"], "ContinuedIncomplete");
}

#[tokio::test]
async fn a_cursor_whose_run_is_under_way_waits() {
    let world = slow(600);
    let stopped = within(&world, Duration::from_secs(1), &json!({})).await;
    let first = world.run(going_on(&stopped));
    let second = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.invoke(going_on(&stopped)).await
    };

    let (first, second) = tokio::join!(first, second);

    assert_eq!(first["status"], "complete");
    assert_eq!(second.unwrap_err().error_type(), "AlreadyRunning");
}

/// Goes on with a cursor and is killed on the way.
async fn killed(world: &World, payload: Value) {
    let run = world.invoke(payload);
    let killed = tokio::time::timeout(Duration::from_millis(700), run).await;
    assert!(killed.is_err(), "it was over before: {killed:?}");
    world.let_leases_end();
}

#[tokio::test]
async fn a_run_that_was_killed_is_taken_up_again_without_marking() {
    let world = with_gone(50, 30).await;
    let stopped = stopped_before_marking(&world).await;
    let looks = Fault::on(Verb::HeadObject).bucket(PRIMARY);
    world.sim.fault(looks, Effect::Stall);
    killed(&world, going_on(&stopped)).await;
    world.sim.clear_faults();

    let again = world.run(going_on(&stopped)).await;
    let once_more = world.run(going_on(&stopped)).await;
    let anew = world.backup().await;

    assert_eq!((marked(&again), markers(&world)), (0, 30), "{again}");
    let why = again["deletions"]["postponed"].as_str().unwrap();
    assert!(why.contains("ended without a word"), "{why}");
    assert_eq!(once_more["already_continued"]["by"], again["run_id"]);
    assert_eq!(marked(&anew), 30, "{anew}");
}

#[tokio::test]
async fn copies_of_a_run_that_was_killed_are_taken_up_again() {
    let world = slow(600);
    let stopped = within(&world, Duration::from_secs(1), &json!({})).await;
    killed(&world, going_on(&stopped)).await;

    let again = world.run(going_on(&stopped)).await;

    assert_eq!(again["status"], "complete", "{again}");
    assert_eq!(world.equal(), 600);
    assert_eq!(
        again["destinations"][0]["snapshot"]["objects"], 600,
        "{again}"
    );
}

#[tokio::test]
async fn a_run_that_could_not_start_has_not_used_its_cursor() {
    let world = with_gone(50, 30).await;
    world.put("z", "new");
    let stopped = {
        let copies = Fault::on(Verb::CopyObject);
        world.sim.fault(copies, Effect::Stall);
        let stopped = within(&world, Duration::from_secs(2), &json!({})).await;
        world.sim.clear_faults();
        stopped
    };
    assert_eq!(stopped["cursor"]["stage"], "copy", "{stopped}");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let pages = Fault::on(Verb::ListObjectsV2).bucket(PRIMARY);
    world.sim.fault(pages, denied);
    let refused = world.invoke(going_on(&stopped)).await.unwrap_err();
    world.sim.clear_faults();

    let result = world.run(going_on(&stopped)).await;

    assert_eq!(refused.error_type(), "SourceError");
    assert_eq!(
        (marked(&result), &result["status"]),
        (30, &json!("complete")),
        "{result}"
    );
}

#[tokio::test]
async fn a_cursor_whose_state_cannot_be_written_only_copies() {
    let world = with_gone(600, 200).await;
    let slow = Effect::Slow(Duration::from_millis(20));
    world.sim.fault(Fault::on(Verb::CopyObject), slow);
    let world = world.with("BACKUP_MAX_CONCURRENCY", "8");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let writes = Fault::on(Verb::PutObject);
    for n in 2..20 {
        world.sim.fault(writes.clone().nth(n), denied.clone());
    }

    let stopped = within(&world, Duration::from_secs(1), &json!({"mode": "full"})).await;
    world.sim.clear_faults();
    world.let_leases_end();
    let result = world.run(going_on(&stopped)).await;

    assert_adds_up(&stopped);
    assert_eq!(
        (&stopped["cursor"]["format"], count(&stopped, "errors")),
        (&json!(2), 0)
    );
    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(total(&[stopped, result.clone()], "objects_copied"), 400);
    let why = result["deletions"]["postponed"].as_str().unwrap();
    assert!(why.contains("proves nothing"), "{why}");
    assert_eq!(markers(&world), 0);
}

#[tokio::test]
async fn several_destinations_go_on_each_from_its_own_state() {
    let world = slow(600)
        .with_bucket("second")
        .with("DESTINATION_BUCKET", "backup,second");
    let time = Duration::from_secs(2);
    let first = within(&world, time, &json!({})).await;
    let names = |result: &Value| -> Vec<Value> {
        let states = result["cursor"]["states"].as_array().unwrap().iter();
        states.map(|state| state["destination"].clone()).collect()
    };
    assert_eq!(names(&first), ["backup", "second"]);

    let results = to_the_end(&world, Duration::from_secs(20), going_on(&first)).await;
    let again = world.run(going_on(&first)).await;

    assert_eq!(results.last().unwrap()["status"], "complete");
    assert_eq!(world.keys("second").len(), 600);
    assert_eq!(again["already_continued"]["status"], "complete", "{again}");
    // One of two states is lost.
    let lost = &first["cursor"]["states"][1]["key"];
    world.sim.delete("second", lost.as_str().unwrap());
    assert!(world.invoke(going_on(&first)).await.is_err());
}

#[tokio::test]
async fn a_plan_and_a_verification_hold_their_ranges_themselves_and_write_nothing() {
    for request in [
        json!({"operation": "plan"}),
        json!({"dry_run": true}),
        json!({"operation": "verify"}),
    ] {
        let sim = Sim::builder()
            .page_size_max(5)
            .latency(Class::List, Duration::from_millis(10))
            .start();
        let world = World::around(sim);
        // 1,200 pages, of which 24 are asked for at once: half a second, and the run has three eighths.
        for n in 0..3_000 {
            world.put(&key(n), "1");
        }
        let stopped = within(&world, Duration::from_millis(500), &request).await;

        assert_eq!(stopped["cursor"]["format"], 2, "{stopped}");
        let results = to_the_end(&world, Duration::from_secs(20), going_on(&stopped)).await;

        let found = count(&stopped, "objects_found") + total(&results, "objects_found");
        assert_eq!(found, 3_000, "{request}");
        assert_eq!(world.sim.ledger().count(Verb::PutObject), 0, "{request}");
    }
}
