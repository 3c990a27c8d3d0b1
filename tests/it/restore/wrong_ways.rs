//! What other tools get wrong: markers in the listing of versions, and buckets without versions.

use serde_json::json;

use super::{id, restore, state, world};
use crate::world::{BACKUP, PRIMARY, World, count};

/// A backup in which so many keys were deleted before `wanted`, so that pages of its versions hold markers
/// only.
async fn with_markers(markers: usize) -> World {
    let world = world();
    world.put("wanted", "1");
    world.backup().await;
    for number in 0..markers {
        let key = format!("a {number:05}");
        world.sim.put(BACKUP, &key, "x");
        world.sim.delete(BACKUP, &key);
    }
    world
}

/// s3-pit-restore stops at such a page: "No versions matching criteria, exiting".
#[tokio::test]
async fn pages_of_markers_only_hide_nothing() {
    let world = with_markers(1_500).await;
    world.sim.delete(PRIMARY, "wanted");

    let result = restore(&world, json!({"all": true, "run": "latest"})).await;

    assert_eq!(count(&result, "objects_restored"), 1, "{result}");
    assert!(world.sim.current(PRIMARY, "wanted").is_some());
}

/// A marker that is younger than the moment takes nothing from it.
#[tokio::test]
async fn a_marker_that_is_younger_than_the_moment_does_not_count() {
    let world = world().with("BACKUP_DELETIONS", "mark");
    world.put("a", "1");
    world.put("b", "1");
    world.backup().await;
    world.sim.delete(PRIMARY, "a");
    let marked = world.backup().await;
    assert_eq!(marked["objects_marked_deleted"], 1, "{marked}");

    let result = restore(&world, json!({"all": true, "run": "latest~1"})).await;

    assert_eq!(count(&result, "objects_restored"), 1, "{result}");
    assert!(world.sim.current(PRIMARY, "a").is_some());
}

/// The source had deleted it by then, though the backup keeps it.
#[tokio::test]
async fn a_delete_before_the_moment_stays_deleted() {
    let world = world();
    world.put("a", "1");
    world.put("b", "1");
    world.backup().await;
    world.sim.delete(PRIMARY, "a");
    world.backup().await;
    world.sim.delete(PRIMARY, "b");

    let result = restore(&world, json!({"all": true, "run": "latest"})).await;

    assert_eq!(count(&result, "objects_restored"), 1, "{result}");
    assert_eq!(world.keys(PRIMARY), ["b"]);
}

/// An undo puts what was there back, also where a marker was on top before.
#[tokio::test]
async fn a_marker_that_stood_there_before_the_restore_stands_there_after_its_undo() {
    let world = world();
    world.put("a", "1");
    world.backup().await;
    world.sim.delete(PRIMARY, "a");
    let done = restore(&world, json!({"all": true, "run": "latest"})).await;
    assert_eq!(state(&world, PRIMARY).len(), 1);

    let undone = restore(&world, json!({"undo": id(&done)})).await;

    assert_eq!(undone["restore"]["marked"], 1, "{undone}");
    assert!(world.sim.current(PRIMARY, "a").is_none());
    assert_eq!(world.sim.versions(PRIMARY, "a").len(), 4);
}
