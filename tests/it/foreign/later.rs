//! What a later run marks, or the continuation of a run.

use std::time::Duration;

use s3_backup::snapshot::{LATEST, Latest, Link};
use s3_sim::{Effect, Fault, Sim, Verb};
use serde_json::{Value, json};

use super::{
    Hinder, delete, denied, index, marked, markers, put_foreign, rows, state, told, world_of,
};
use crate::world::{BACKUP, PRIMARY, World, count};

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

/// A run whose time is over before it marks.
async fn stopped_before_it_marks(world: &World) -> Value {
    let (second, stall) = (Fault::on(Verb::GetBucketVersioning).nth(2), Effect::Stall);
    world.sim.fault(second, stall);
    let stopped = world.within(Duration::from_secs(2), &json!({})).await;
    world.sim.clear_faults();
    stopped
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
    let stopped = world.within(Duration::from_secs(2), &json!({})).await;
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
    let stopped = stopped_before_it_marks(&world).await;
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
    let stopped = stopped_before_it_marks(&world).await;
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

    // Format 2 has not recorded anything of what was gone before.
    assert_eq!((marked(&result), told(&result)), (1, [1, 1]));
    assert_eq!(
        result["destinations"][0]["snapshot"]["problem"],
        json!(null)
    );
    assert_eq!(index(&world).format, 3);
    let written = &quiet["destinations"][0]["snapshot"]["segments_written"];
    assert_eq!(written, 0);
}
