//! Several writers in one backup bucket: a run marks only what the snapshots of its own job say that it
//! has backed up. Everything else is foreign: counted, named and left alone.

use std::time::{Duration, Instant};

use s3_backup::model::{Deadline, Job, Location, Placement};
use s3_backup::request;
use s3_backup::snapshot::{Index, LATEST, Latest, Link, SegmentEntry};
use s3_sim::{Effect, Fault, Put, Sim, Verb};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, World, count, counts};

/// A world that marks what is gone, with these objects, not yet backed up.
fn world_of(keys: &[&str]) -> World {
    let world = World::new().with("BACKUP_DELETIONS", "mark");
    for key in keys {
        world.put(key, key);
    }
    world
}

/// Puts objects of somebody else into the backup bucket.
fn put_foreign(world: &World, count: usize) -> Vec<String> {
    let keys: Vec<String> = (0..count).map(|n| format!("foreign {n:02}")).collect();
    for key in &keys {
        world.sim.put(BACKUP, key, "of somebody else");
    }
    keys
}

fn delete(world: &World, keys: &[&str]) {
    for key in keys {
        world.sim.delete(PRIMARY, key);
    }
}

fn marked(result: &Value) -> u64 {
    count(result, "objects_marked_deleted")
}

/// The counts of what is due and what is foreign.
fn told(result: &Value) -> [u64; 2] {
    ["due", "foreign"].map(|name| count(&result["deletions"], name))
}

fn markers(world: &World) -> usize {
    let versions = world.sim.all_versions(BACKUP).into_iter();
    versions.filter(|version| version.is_delete_marker).count()
}

fn state(part: &str) -> String {
    let job = Job::new(&Location::parse(PRIMARY).unwrap(), &Placement::default());
    job.key(part).as_str().to_owned()
}

fn read(world: &World, part: &str) -> Vec<u8> {
    let view = world.sim.current(BACKUP, &state(part)).unwrap();
    view.content.as_bytes().unwrap().to_vec()
}

/// The last snapshot.
fn index(world: &World) -> Index {
    let latest: Value = serde_json::from_slice(&read(world, LATEST)).unwrap();
    let key = latest["index"]["key"].as_str().unwrap();
    serde_json::from_slice(&read(world, key)).unwrap()
}

fn rows(segments: &[SegmentEntry]) -> u64 {
    segments.iter().map(|segment| segment.rows).sum()
}

fn denied() -> Effect {
    Effect::status(403, "AccessDenied", "Access Denied")
}

#[tokio::test]
async fn the_backups_of_somebody_else_are_never_marked_and_are_counted_and_named() {
    let world = world_of(&["a", "b", "gone"]);
    let foreign = put_foreign(&world, 60);
    world.backup().await;
    delete(&world, &["gone"]);

    let result = world.backup().await;
    let again = world.backup().await;

    assert_eq!((marked(&result), told(&result)), (1, [1, 60]));
    assert_eq!(told(&again), [0, 60]);
    assert_eq!(result["deletions"]["keys"], json!(["gone"]));
    assert_eq!(result["deletions"]["percent"], 33.3);
    assert_eq!(result["status"], "complete");
    let named = foreign[..10].join(", ");
    let warning = format!(
        "60 foreign objects in bucket backup left alone (in no snapshot of this job): {named}, ..."
    );
    let expected =
        json!([{"code": "foreign", "bucket": BACKUP, "objects": 60, "message": warning}]);
    assert_eq!(result["warnings"], expected);
    let message = result["message"].as_str().unwrap();
    assert!(message.ends_with(&warning), "{message}");
    let left = world.keys(BACKUP);
    assert!(foreign.iter().all(|key| left.contains(key)), "{left:?}");
    assert_eq!(markers(&world), 1);
}

#[tokio::test]
async fn without_a_snapshot_nothing_is_marked_and_the_run_says_so() {
    let world = world_of(&["a"]);
    put_foreign(&world, 1);

    let first = world.backup().await;

    assert_eq!((marked(&first), told(&first)), (0, [0, 1]));
    assert_eq!(first["status"], "complete");
    let message = first["message"].as_str().unwrap();
    assert!(
        message.ends_with(
            "1 foreign object in bucket backup left alone (there is no snapshot of this job to go by): foreign 00"
        ),
        "{message}"
    );
}

#[tokio::test]
async fn a_backup_that_somebody_has_written_over_is_foreign() {
    let world = world_of(&["a", "over", "same"]);
    world.backup().await;
    delete(&world, &["over", "same"]);
    world.sim.put(BACKUP, "over", "of somebody else");
    let same = Put::new("same").meta("by", "somebody else");
    world.sim.put_object(BACKUP, "same", same);

    let result = world.backup().await;

    // What has the bytes of the object is its backup, whoever has written it.
    assert_eq!((marked(&result), told(&result)), (1, [1, 1]));
    assert_eq!(world.keys(BACKUP), ["a", "over"]);
}

#[tokio::test]
async fn a_backup_that_is_written_over_between_the_listing_and_its_marker_is_left_alone() {
    let world = world_of(&["a", "gone"]);
    world.backup().await;
    delete(&world, &["gone"]);
    let over = Effect::before(|sim| {
        sim.put(BACKUP, "gone", "of somebody else");
    });
    let look = Fault::on(Verb::HeadObject).bucket(BACKUP).key("gone");
    world.sim.fault(look, over);

    let result = world.backup().await;

    assert_eq!((marked(&result), markers(&world)), (0, 0));
    assert_eq!(result["status"], "complete");
}

/// Keeps a run from marking what is gone.
type Hinder = fn(&World);

#[tokio::test]
async fn what_could_not_be_marked_in_its_night_is_marked_in_a_later_one() {
    let hinder: [(&str, Hinder); 4] = [
        ("the marker is refused", |world| {
            world.sim.fault(Fault::on(Verb::DeleteObject), denied());
        }),
        ("the look at it is refused", |world| {
            let look = Fault::on(Verb::HeadObject).bucket(PRIMARY);
            world.sim.fault(look, denied());
        }),
        ("a listing breaks off", |world| {
            let page = Fault::on(Verb::ListObjectsV2).bucket(PRIMARY).nth(2);
            world.sim.fault(page, denied());
        }),
        ("the snapshot cannot be written", |world| {
            world.sim.fault(Fault::on(Verb::DeleteObject), denied());
            let latest = Fault::on(Verb::PutObject).key(&state(LATEST));
            world.sim.fault(latest, denied());
        }),
    ];
    for (name, hinder) in hinder {
        let pages_of_one = Sim::builder().page_size_max(1).start();
        let world = World::around(pages_of_one).with("BACKUP_DELETIONS", "mark");
        for key in ["a", "gone", "gone too", "z"] {
            world.put(key, key);
        }
        world.backup().await;
        delete(&world, &["gone", "gone too"]);
        for _ in 0..3 {
            world.sim.clear_faults();
            hinder(&world);
            let night = world.backup().await;
            assert_eq!((marked(&night), markers(&world)), (0, 0), "{name}: {night}");
        }
        world.sim.clear_faults();

        let result = world.backup().await;

        assert_eq!((marked(&result), told(&result)), (2, [2, 0]), "{name}");
        assert_eq!(world.keys(BACKUP), ["a", "z"], "{name}");
        let last = world.backup().await;
        assert_eq!(told(&last), [0, 0]);
        assert_eq!(rows(&index(&world).orphans), 0, "nothing is recorded of it");
    }
}

#[tokio::test]
async fn what_was_held_is_still_the_jobs_own_when_it_is_confirmed_weeks_later() {
    let world = World::new().with("BACKUP_DELETIONS", "mark");
    for n in 0..40 {
        world.put(&format!("{n:02}"), "1");
    }
    put_foreign(&world, 20);
    world.backup().await;
    for n in 0..20 {
        world.sim.delete(PRIMARY, &format!("{n:02}"));
    }
    for _ in 0..3 {
        let held = world.backup().await;
        assert_eq!((&held["status"], told(&held)), (&json!("held"), [20, 20]));
        assert_eq!(rows(&index(&world).orphans), 20);
    }
    world.put("20", "changed meanwhile");
    let held = world.backup().await;

    let confirmed = world.run(json!({"confirm": held["run_id"]})).await;

    assert_eq!((marked(&confirmed), told(&confirmed)), (20, [20, 20]));
    assert_eq!(world.keys(BACKUP).len(), 20 + 20);
}

#[tokio::test]
async fn what_is_gone_while_deletions_are_kept_can_be_marked_later() {
    let world = world_of(&["a", "b", "gone"]).with("BACKUP_DELETIONS", "keep");
    put_foreign(&world, 3);
    world.backup().await;
    delete(&world, &["gone"]);
    let kept = world.backup().await;
    let quiet = world.backup().await;

    let result = world.run(json!({"deletions": "mark"})).await;

    assert_eq!(
        (&kept["deletions"], &kept["warnings"]),
        (&json!(null), &json!([]))
    );
    let written = &quiet["destinations"][0]["snapshot"]["segments_written"];
    assert_eq!(written, 0, "what stays is not written anew");
    assert_eq!((marked(&result), told(&result)), (1, [1, 3]));
}

#[tokio::test]
async fn what_the_filter_leaves_out_for_a_while_stays_the_jobs_own() {
    let world = world_of(&["a", "data/gone", "data/lives"]);
    world.backup().await;
    let world = world.with("BACKUP_EXCLUDE", "data/*");
    world.backup().await;
    delete(&world, &["data/gone"]);
    let left_out = world.backup().await;
    let world = world.with("BACKUP_EXCLUDE", "");

    let result = world.backup().await;

    assert_eq!((marked(&left_out), told(&left_out)), (0, [0, 0]));
    assert_eq!((marked(&result), told(&result)), (1, [1, 0]));
    assert_eq!(counts(&result), [2, 0, 2, 0, 0, 0]);
}

#[tokio::test]
async fn an_object_that_vanishes_before_its_copy_leaves_its_backup_to_the_job() {
    let world = world_of(&["a", "k"]);
    world.backup().await;
    world.put("k", "changed");
    let vanishes = Effect::before(|sim| sim.delete(PRIMARY, "k"));
    world.sim.fault(Fault::on(Verb::CopyObject), vanishes);

    let first = world.backup().await;
    world.sim.clear_faults();
    let second = world.backup().await;

    assert_eq!(count(&first, "objects_vanished"), 1, "{first}");
    assert_eq!((marked(&second), told(&second)), (1, [1, 0]));
}

#[tokio::test]
async fn an_object_that_comes_back_is_known_again_and_a_changed_one_is_copied() {
    let world = world_of(&["a", "changed", "same"]).with("BACKUP_DELETIONS", "keep");
    world
        .sim
        .set_versioning(PRIMARY, s3_sim::Versioning::Enabled);
    world.backup().await;
    delete(&world, &["changed", "same"]);
    world.backup().await;
    let marker = world.sim.versions(PRIMARY, "same")[0].version_id.clone();
    world.sim.delete_version(PRIMARY, "same", &marker);
    world.put("changed", "changed");

    let result = world.backup().await;

    assert_eq!(counts(&result), [3, 1, 2, 0, 0, 0]);
    assert_eq!(rows(&index(&world).orphans), 0);
}

#[tokio::test]
async fn a_run_of_a_prefix_marks_what_is_the_jobs_own_below_it() {
    let world = world_of(&["a/gone", "a/stays", "b/gone", "b/stays"]);
    world.sim.put(BACKUP, "a/foreign", "1");
    world.backup().await;
    delete(&world, &["a/gone", "b/gone"]);
    world.put("a/new", "1");

    let part = world.run(json!({"prefix": "a/"})).await;
    delete(&world, &["a/new"]);
    let whole = world.backup().await;

    assert_eq!((marked(&part), told(&part)), (1, [1, 1]));
    // What only a run of a prefix has seen is in no snapshot.
    assert_eq!((marked(&whole), told(&whole)), (1, [1, 2]));
    assert_eq!(
        world.keys(BACKUP),
        ["a/foreign", "a/new", "a/stays", "b/stays"]
    );
}

#[tokio::test]
async fn plans_and_dry_runs_tell_what_is_foreign_and_do_not_count_it_as_due() {
    let world = world_of(&["a", "gone"]);
    put_foreign(&world, 2);
    world.backup().await;
    delete(&world, &["gone"]);

    for request in [json!({"operation": "plan"}), json!({"dry_run": true})] {
        let result = world.run(request).await;

        assert_eq!(told(&result), [1, 2], "{result}");
        assert_eq!(result["deletions"]["keys"], json!(["gone"]));
        let message = result["message"].as_str().unwrap();
        assert!(
            message.contains("; 2 foreign objects in bucket backup"),
            "{message}"
        );
        assert!(message.contains("; 1 to mark as deleted"), "{message}");
    }
    assert_eq!(markers(&world), 0);
}

#[tokio::test]
async fn a_verification_tells_foreign_backups_from_those_of_objects_that_are_gone() {
    let world = world_of(&["a", "gone"]);
    put_foreign(&world, 2);
    world.backup().await;
    delete(&world, &["gone"]);

    for night in 0..2 {
        let result = world.run(json!({"operation": "verify"})).await;

        let verified = &result["verified"];
        let found = ["extra", "foreign"].map(|name| count(verified, name));
        assert_eq!(found, [3, 2], "night {night}: {result}");
        assert_eq!(
            result["message"],
            "Verified 1 object: 1 equal, 1 extra in the backup, 2 foreign in the backup"
        );
        let reasons = verified["objects"].as_array().unwrap().iter();
        let reasons: Vec<bool> = reasons.map(|row| row["why"].is_string()).collect();
        assert_eq!(reasons, [true, true, false]);
        // The next one finds it among the orphans.
        world.run(json!({"deletions": "keep"})).await;
    }
}

/// Sends a payload to the function, which has so much time.
async fn within(world: &World, time: Duration, payload: &Value) -> Value {
    world.sim.clock().advance(Duration::from_secs(2));
    let request = request::parse(payload).unwrap();
    let deadline = Deadline::within(Instant::now(), time);
    let handler = world.handler();
    let answer = handler.answer(&request, Some(deadline), |_| {});
    serde_json::from_str(&answer.await.unwrap().to_json().unwrap()).unwrap()
}

#[tokio::test]
async fn a_continued_run_counts_what_is_foreign_once_and_hands_on_what_is_gone() {
    let keys: Vec<String> = (0..12).map(|n| format!("{n:02}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let world = world_of(&keys);
    world.sim.put(BACKUP, "005", "foreign");
    world.backup().await;
    delete(&world, &["01", "10"]);
    world.put("05", "changed");
    let copy = Fault::on(Verb::CopyObject);
    world.sim.fault(copy, Effect::Stall);
    let stopped = within(&world, Duration::from_secs(2), &json!({})).await;
    world.sim.clear_faults();
    assert!(!stopped["cursor"].is_null(), "{stopped}");
    // Nothing is marked yet, but what is gone is recorded.
    world.sim.fault(Fault::on(Verb::DeleteObject), denied());

    let going_on = json!({"operation": "continue", "cursor": stopped["cursor"]});
    let done = world.run(going_on).await;
    world.sim.clear_faults();
    let index = index(&world);
    let last = world.backup().await;

    assert_eq!(told(&done), [2, 1], "{done}");
    assert_eq!((rows(&index.segments), rows(&index.orphans)), (10, 2));
    assert_eq!((marked(&last), told(&last)), (2, [2, 1]));
}

#[tokio::test]
async fn marking_that_is_continued_goes_by_the_snapshot_too() {
    let world = world_of(&["a", "gone"]);
    put_foreign(&world, 5);
    world.backup().await;
    delete(&world, &["gone"]);
    let (second, stall) = (Fault::on(Verb::GetBucketVersioning).nth(2), Effect::Stall);
    world.sim.fault(second, stall);
    let stopped = within(&world, Duration::from_secs(2), &json!({})).await;
    world.sim.clear_faults();
    assert_eq!(stopped["cursor"]["stage"], "mark", "{stopped}");

    let going_on = json!({"operation": "continue", "cursor": stopped["cursor"]});
    let result = world.run(going_on).await;

    assert_eq!((marked(&result), markers(&world)), (1, 1));
    assert_eq!(result["deletions"]["foreign"], json!(null));
    assert_eq!(world.keys(BACKUP).len(), 6);
}

#[tokio::test]
async fn marking_that_cannot_read_the_snapshot_marks_nothing_and_is_an_error() {
    let world = world_of(&["a", "gone"]);
    world.backup().await;
    delete(&world, &["gone"]);
    let (second, stall) = (Fault::on(Verb::GetBucketVersioning).nth(2), Effect::Stall);
    world.sim.fault(second, stall);
    let stopped = within(&world, Duration::from_secs(2), &json!({})).await;
    world.sim.clear_faults();
    let latest = Fault::on(Verb::GetObject).key(&state(LATEST));
    world.sim.fault(latest, denied());

    let going_on = json!({"operation": "continue", "cursor": stopped["cursor"]});
    let result = world.run(going_on).await;
    world.sim.clear_faults();
    let next = world.backup().await;

    assert_eq!((marked(&result), count(&result, "errors")), (0, 1));
    assert_eq!(result["failures"][0]["code"], "SnapshotUnreadable");
    assert_eq!(marked(&next), 1);
}

#[tokio::test]
async fn many_are_found_by_a_second_listing_that_leaves_the_foreign_ones() {
    let world = World::new()
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_MAX_DELETIONS", "2000")
        .with("BACKUP_MAX_DELETIONS_PERCENT", "100");
    for n in 0..1500 {
        world.put(&format!("key {n:04}"), "1");
    }
    world.backup().await;
    for n in 0..1200 {
        world.sim.delete(PRIMARY, &format!("key {n:04}"));
        // Of those of which more than are kept in mind are gone, every third is somebody else's.
        if n % 3 == 0 {
            world.sim.put(BACKUP, &format!("key {n:04} foreign"), "1");
        }
    }

    let result = world.backup().await;

    assert_eq!((marked(&result), told(&result)), (1200, [1200, 400]));
    assert_eq!(world.keys(BACKUP).len(), 300 + 400);
}

/// Makes the last snapshot one that the version before wrote, which knew no orphans.
fn make_format_2(world: &World) {
    let mut index: Value = serde_json::to_value(index(world)).unwrap();
    index["format"] = json!(2);
    index.as_object_mut().unwrap().remove("orphans");
    let bytes = serde_json::to_vec(&index).unwrap();
    let run_id = index["run_id"].as_str().unwrap();
    let link = Link::to(format!("snapshots/{run_id}.json"), &bytes);
    world.sim.put(BACKUP, &state(&link.key), bytes);
    let job = index["job"].as_str().unwrap().to_owned();
    let latest = Latest::new(job, link).encode().unwrap();
    world.sim.put(BACKUP, &state(LATEST), latest);
}

#[tokio::test]
async fn a_snapshot_of_format_2_says_what_is_the_jobs_own_and_its_segments_stay() {
    let world = world_of(&["a", "gone", "gone before"]);
    world.backup().await;
    delete(&world, &["gone before"]);
    world.run(json!({"deletions": "keep"})).await;
    make_format_2(&world);
    delete(&world, &["gone"]);

    let result = world.backup().await;
    let quiet = world.backup().await;

    // Of what was gone before, format 2 has not recorded anything.
    assert_eq!((marked(&result), told(&result)), (1, [1, 1]));
    assert_eq!(
        result["destinations"][0]["snapshot"]["problem"],
        json!(null)
    );
    assert_eq!(index(&world).format, 3);
    let written = &quiet["destinations"][0]["snapshot"]["segments_written"];
    assert_eq!(written, 0);
}
