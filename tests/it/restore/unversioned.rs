//! A target that keeps no versions: what would be lost is put aside first, and no marker is ever placed.

use s3_sim::{Verb, Versioning};
use serde_json::json;

use super::{id, restore, state};
use crate::world::{BACKUP, PRIMARY, STATE, World, count};

async fn damaged() -> (World, super::State, super::State) {
    let world = World::new();
    for key in ["kept", "deleted", "changed"] {
        world.put(key, &format!("body of {key}"));
    }
    world.backup().await;
    let before = state(&world, PRIMARY);
    world.sim.delete(PRIMARY, "deleted");
    world.put("changed", "the only copy of later work");
    world.put("new", "came later");
    let live = state(&world, PRIMARY);
    (world, before, live)
}

#[tokio::test]
async fn an_unversioned_target_loses_nothing_and_an_undo_brings_it_back() {
    let (world, before, live) = damaged().await;

    let done = restore(
        &world,
        json!({"all": true, "run": "latest", "extra": "mark"}),
    )
    .await;

    assert_eq!(done["status"], "complete", "{done}");
    assert_eq!(count(&done, "objects_restored"), 2);
    let mut after = state(&world, PRIMARY);
    after.remove("new");
    assert_eq!(after, before);
    let aside = world.sim.keys(BACKUP);
    let aside: Vec<_> = aside.iter().filter(|key| key.contains("/aside/")).collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(aside[0].starts_with(STATE));

    let undone = restore(&world, json!({"undo": id(&done)})).await;

    assert_eq!(undone["status"], "complete", "{undone}");
    let mut after = state(&world, PRIMARY);
    // What was created there stays: nothing is destroyed.
    assert_eq!(undone["restore"]["left_alone"], json!(["deleted"]));
    assert!(after.remove("deleted").is_some());
    assert_eq!(after, live);
    assert_eq!(world.sim.ledger().count(Verb::DeleteObject), 0);
}

#[tokio::test]
async fn what_is_to_be_discarded_is_not_put_aside() {
    let (world, _, _) = damaged().await;

    let request = json!({"all": true, "run": "latest", "replaced": "discard"});
    let done = restore(&world, request).await;

    assert_eq!(count(&done, "objects_restored"), 2, "{done}");
    assert!(
        !world
            .sim
            .keys(BACKUP)
            .iter()
            .any(|key| key.contains("/aside/"))
    );
}

#[tokio::test]
async fn a_target_whose_versions_are_suspended_is_one_that_keeps_none() {
    let (world, before, _) = damaged().await;
    world.sim.set_versioning(PRIMARY, Versioning::Suspended);

    let done = restore(&world, json!({"all": true, "run": "latest"})).await;

    assert_eq!(done["status"], "complete", "{done}");
    let mut after = state(&world, PRIMARY);
    after.remove("new");
    assert_eq!(after, before);
    assert!(
        world
            .sim
            .keys(BACKUP)
            .iter()
            .any(|key| key.contains("/aside/"))
    );
}
