//! A moment by the versions of the backup alone: for backups that have no snapshot of it.

use std::time::{Duration, SystemTime};

use s3_sim::Verb;
use serde_json::{Value, json};

use super::{put_into_both, restore, state, world, world_in_pages};
use crate::world::{BACKUP, PRIMARY, World, count};

/// The moment, as people write it.
fn text(time: SystemTime) -> String {
    s3_backup::model::Timestamp::from(time).to_string()
}

/// A backup of two nights without a snapshot, and the moments after each.
async fn two_nights() -> (World, [String; 2], super::State) {
    let world = world().with("BACKUP_DELETIONS", "mark");
    for number in 0..30 {
        world.put(&format!("key {number:02}"), &format!("first {number}"));
    }
    world.put("gone", "x");
    world.backup().await;
    let first = state(&world, PRIMARY);
    let moment = |world: &World| {
        world.sim.clock().advance(Duration::from_mins(1));
        let now = text(world.sim.clock().now());
        world.sim.clock().advance(Duration::from_mins(1));
        now
    };
    let after_first = moment(&world);
    for number in 0..10 {
        world.put(&format!("key {number:02}"), "second");
    }
    world.sim.delete(PRIMARY, "gone");
    world.put("late", "x");
    world.backup().await;
    let after_second = moment(&world);
    for key in world.sim.keys(BACKUP) {
        if key.contains("/snapshots/") {
            world.sim.delete(BACKUP, &key);
        }
    }
    (world, [after_first, after_second], first)
}

fn asking(at: &str, more: &Value) -> Value {
    let mut fields = json!({"all": true, "at": at, "versions": true});
    for (name, value) in more.as_object().unwrap() {
        fields[name] = value.clone();
    }
    fields
}

#[tokio::test]
async fn a_moment_comes_back_by_the_versions_alone() {
    let (world, [first, second], before) = two_nights().await;
    let later = state(&world, PRIMARY);

    let result = restore(&world, asking(&first, &json!({"extra": "mark"}))).await;

    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(state(&world, PRIMARY), before);
    assert_eq!(count(&result, "objects_restored"), 11, "{result}");
    assert_eq!(count(&result, "objects_unchanged"), 20, "{result}");
    let point = &result["restore"]["point"];
    assert_eq!(
        (&point["run"], &point["asked"]),
        (&Value::Null, &json!(first))
    );
    let cannot_know = point["cannot_know"].as_str().unwrap();
    assert!(
        cannot_know.contains("what the source had lost"),
        "{cannot_know}"
    );
    assert!(result["message"].as_str().unwrap().contains(cannot_know));

    // The marker of the second night is younger than the first moment, and hides the key at the second one.
    let result = restore(&world, asking(&second, &json!({"extra": "mark"}))).await;
    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(state(&world, PRIMARY), later);
}

#[tokio::test]
async fn what_is_as_it_was_by_the_versions_is_not_looked_at() {
    let (world, [_, second], _) = two_nights().await;
    let live = world.sim.all_versions(PRIMARY);
    world.sim.ledger().clear();

    let result = restore(&world, asking(&second, &json!({}))).await;

    assert_eq!(count(&result, "objects_unchanged"), 31, "{result}");
    assert_eq!(world.sim.all_versions(PRIMARY), live);
    assert_eq!(world.sim.ledger().count(Verb::HeadObject), 0);
    assert_eq!(world.sim.ledger().count(Verb::ListObjectVersions), 1);
}

#[tokio::test]
async fn named_keys_are_looked_up_each_by_one_listing() {
    let (world, [first, _], before) = two_nights().await;

    let fields = json!({"keys": ["gone", "key 03", "late"], "at": first, "versions": true});
    let result = restore(&world, fields).await;

    assert_eq!(count(&result, "objects_restored"), 2, "{result}");
    assert_eq!(count(&result, "errors"), 1, "{result}");
    assert_eq!(result["failures"][0]["key"], "late");
    assert_eq!(result["failures"][0]["code"], "NotThen");
    let live = state(&world, PRIMARY);
    assert_eq!(
        (&live["gone"], &live["key 03"]),
        (&before["gone"], &before["key 03"])
    );
}

#[tokio::test]
async fn a_dry_run_names_the_command_and_an_undo_takes_it_back() {
    let (world, [first, _], before) = two_nights().await;
    let later = state(&world, PRIMARY);

    let told = restore(&world, asking(&first, &json!({"dry_run": true}))).await;
    let done = restore(&world, asking(&first, &json!({"extra": "mark"}))).await;
    assert_eq!(state(&world, PRIMARY), before, "{done}");
    let undone = restore(&world, json!({"undo": super::id(&done)})).await;

    let command = told["restore"]["plan"]["command"].as_str().unwrap();
    let words = format!("--at {first} --versions");
    assert!(command.contains(&words), "{command}");
    assert_eq!(undone["status"], "complete", "{undone}");
    assert_eq!(state(&world, PRIMARY), later);
}

/// A backup of so many keys of three versions each on pages of ten, without a snapshot, and a moment after the second
/// versions.
fn three_versions(objects: u32) -> (World, String) {
    let world = world_in_pages(10);
    put_into_both(&world, objects, "first");
    put_into_both(&world, objects, "second");
    let moment = text(world.sim.clock().now());
    world.sim.clock().advance(Duration::from_mins(1));
    for number in 0..objects {
        let key = format!("object-{number:012}");
        world.sim.put(BACKUP, &key, "third");
    }
    (world, moment)
}

#[tokio::test]
async fn versions_are_listed_side_by_side_and_what_changed_is_restored_in_any_shard() {
    let (world, moment) = three_versions(4_000);
    let before = state(&world, PRIMARY);
    for number in (0..4_000).step_by(7) {
        let key = format!("object-{number:012}");
        world.sim.put(PRIMARY, &key, "damaged");
    }
    world.sim.delete(PRIMARY, "object-000000002000");
    world.sim.ledger().clear();

    let result = restore(&world, asking(&moment, &json!({}))).await;

    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(state(&world, PRIMARY), before);
    assert_eq!(count(&result, "objects_restored"), 573, "{result}");
    assert_eq!(count(&result, "objects_found"), 4_000, "{result}");
    let ledger = world.sim.ledger();
    let at_once = ledger.max_in_flight_of(Verb::ListObjectVersions);
    assert!(at_once >= 12, "{at_once} pages at once");
    // 1,200 pages are needed, and each shard reads its last one in part.
    let pages = ledger.count(Verb::ListObjectVersions);
    assert!(pages <= 1_200 + 60, "{pages} pages of versions");
}
