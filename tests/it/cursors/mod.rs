//! A cursor refers to state in the backup bucket, which binds it to one run and is used once. One that
//! comes again, is edited, or is of something else does nothing.

mod deaths;
mod used;

use std::time::Duration;

use s3_backup::model::{Job, Location, Placement};
use s3_sim::{Class, Effect, Fault, Sim, Verb};
use serde_json::{Value, json};

use crate::resume::{to_the_end, total, within};
use crate::world::{BACKUP, PRIMARY, World, count, counts};

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
