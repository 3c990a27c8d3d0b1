//! What a restore did can be taken back, and what somebody has written since stays.

use std::time::Duration;

use s3_sim::{Fault, Verb};
use serde_json::json;

use super::kills::{all_begun, kill};
use super::{id, refusal, restore, state, versions, world};
use crate::world::{BACKUP, PRIMARY, World, count};

/// A bucket with a run, and damage that lives.
fn damaged(world: &World) {
    world.sim.delete(PRIMARY, "deleted");
    world.put("changed", "later work");
    world.put("new", "came later");
}

async fn world_with_a_run() -> World {
    let world = world();
    for key in ["kept", "deleted", "changed"] {
        world.put(key, &format!("body of {key}"));
    }
    world.backup().await;
    world
}

#[tokio::test]
async fn an_undo_brings_back_what_stood_before_and_can_be_undone() {
    let world = world_with_a_run().await;
    damaged(&world);
    let before = state(&world, PRIMARY);
    let done = restore(
        &world,
        json!({"all": true, "run": "latest", "extra": "mark"}),
    )
    .await;
    let restored = state(&world, PRIMARY);
    assert_eq!(done["restore"]["marked"], 1, "{done}");
    let versions_before = versions(&world, PRIMARY);

    let undone = restore(&world, json!({"undo": id(&done)})).await;

    assert_eq!(undone["status"], "complete", "{undone}");
    assert_eq!(undone["restore"]["undoes"], id(&done));
    assert_eq!(state(&world, PRIMARY), before);
    assert_eq!(undone["restore"]["marked"], 1, "what it created is marked");
    assert!(versions(&world, PRIMARY).is_superset(&versions_before));

    let again = restore(&world, json!({"undo": id(&undone)})).await;

    assert_eq!(again["status"], "complete", "{again}");
    assert_eq!(state(&world, PRIMARY), restored);
}

#[tokio::test]
async fn keys_that_changed_after_the_restore_are_left_alone_and_named() {
    let world = world_with_a_run().await;
    damaged(&world);
    let done = restore(&world, json!({"all": true, "run": "latest"})).await;
    world.put("changed", "work after the restore");

    let undone = restore(&world, json!({"undo": id(&done)})).await;

    assert_eq!(undone["status"], "complete", "{undone}");
    assert_eq!(undone["restore"]["left_alone"], json!(["changed"]));
    assert_eq!(count(&undone, "objects_skipped"), 1);
    let changed = world.sim.current(PRIMARY, "changed").unwrap();
    assert_eq!(changed.content, "work after the restore".into());
    assert!(world.sim.current(PRIMARY, "deleted").is_none());
}

/// A call that was killed may not have written down which marker it has placed.
#[tokio::test]
async fn a_later_marker_is_told_from_one_of_a_restore_that_was_killed() {
    let mut in_doubt = 0;
    for nth in 1..=4 {
        for later in [false, true] {
            let world = world_with_a_run().await;
            damaged(&world);
            let asked = json!({"all": true, "run": "latest", "extra": "mark"});
            let puts = Fault::on(Verb::PutObject).bucket(BACKUP).nth(nth);
            assert!(kill(&world, asked.clone(), puts).await, "{nth}");
            in_doubt += u32::from(world.sim.current(PRIMARY, "new").is_none());
            let done = match all_begun(&world).first() {
                Some(id) => restore(&world, json!({"continue": id})).await,
                None => restore(&world, asked).await,
            };
            assert_eq!(done["restore"]["marked"], 1, "{nth}: {done}");
            if later {
                world.sim.clock().advance(Duration::from_secs(2));
                world.put("new", "came later");
                world.sim.delete(PRIMARY, "new");
            }

            let undone = restore(&world, json!({"undo": id(&done)})).await;

            let there = world.sim.current(PRIMARY, "new").is_some();
            assert_eq!(there, !later, "{nth}: {undone}");
            let left_alone = &undone["restore"]["left_alone"];
            assert_eq!(left_alone == &json!(["new"]), later, "{nth}: {undone}");
        }
    }
    assert!(in_doubt > 0, "no kill left a marker that nobody knows of");
}

#[tokio::test]
async fn an_undo_is_refused_before_anything_is_touched_if_versions_are_gone() {
    let world = world_with_a_run().await;
    damaged(&world);
    let before = world.sim.current(PRIMARY, "changed").unwrap();
    let done = restore(&world, json!({"all": true, "run": "latest"})).await;
    world
        .sim
        .delete_version(PRIMARY, "changed", &before.version_id);
    let live = versions(&world, PRIMARY);

    let refused = refusal(&world, json!({"undo": id(&done)})).await;

    assert_eq!(
        refused,
        "1 versions that the undo needs are not in the bucket any more; nothing was touched"
    );
    assert_eq!(versions(&world, PRIMARY), live);
}

#[tokio::test]
async fn an_undo_is_done_once_and_says_by_whom() {
    let world = world_with_a_run().await;
    damaged(&world);
    let done = restore(&world, json!({"all": true, "run": "latest"})).await;
    let undone = restore(&world, json!({"undo": id(&done)})).await;

    let refused = refusal(&world, json!({"undo": id(&done)})).await;

    let by = format!(
        "restore {} is undone already: by {}, which process ",
        id(&done).as_str().unwrap(),
        id(&undone).as_str().unwrap()
    );
    assert!(refused.starts_with(&by), "{refused}");
}

#[tokio::test]
async fn a_dry_run_of_an_undo_touches_nothing() {
    let world = world_with_a_run().await;
    damaged(&world);
    let done = restore(&world, json!({"all": true, "run": "latest"})).await;
    let live = versions(&world, PRIMARY);

    let told = restore(&world, json!({"undo": id(&done), "dry_run": true})).await;

    assert_eq!(count(&told, "objects_to_copy"), 1, "{told}");
    assert_eq!(versions(&world, PRIMARY), live);
    let undone = restore(&world, json!({"undo": id(&done)})).await;
    assert_eq!(undone["status"], "complete", "{undone}");
}

#[tokio::test]
async fn a_held_restore_is_confirmed_or_cancelled_and_not_undone() {
    let world = world_with_a_run().await;
    damaged(&world);
    let held = restore(&world, json!({"all": true, "run": "latest", "hold": true})).await;

    let refused = refusal(&world, json!({"undo": id(&held)})).await;
    let cancelled = restore(&world, json!({"cancel": id(&held)})).await;
    let confirmed = refusal(&world, json!({"confirm": id(&held)})).await;

    let id = id(&held);
    let id = id.as_str().unwrap();
    assert_eq!(
        refused,
        format!("restore {id} is held: continue it to its end or cancel it, and undo it then")
    );
    assert_eq!(cancelled["restore"]["stage"], "cancelled");
    assert_eq!(
        confirmed,
        format!("restore {id} is cancelled: there is nothing to confirm")
    );
}
