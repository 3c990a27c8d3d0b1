//! Archived versions: asked for once, waited for over calls, asked for again when they froze over.

use std::time::Duration;

use s3_sim::Verb;
use serde_json::json;

use super::{id, refusal, restore, state, world};
use crate::world::{BACKUP, PRIMARY, World, count};

const HOUR: Duration = Duration::from_hours(1);

/// A backup whose lifecycle has archived three of four objects, of which the source has lost all.
async fn archived(class: &str) -> (World, super::State) {
    let world = world();
    for key in ["a", "b", "c", "warm"] {
        world.put(key, key);
    }
    world.backup().await;
    let before = state(&world, PRIMARY);
    for key in ["a", "b", "c"] {
        world.sim.set_storage_class(BACKUP, key, class);
    }
    for key in world.keys(PRIMARY) {
        world.sim.delete(PRIMARY, &key);
    }
    (world, before)
}

#[tokio::test]
async fn archives_are_asked_for_once_and_copied_when_they_are_ready() {
    let (world, before) = archived("GLACIER").await;
    world.sim.ledger().clear();

    let request = json!({"all": true, "run": "latest", "thawed_days": 1});
    let asked = restore(&world, request).await;
    assert_eq!(asked["status"], "waiting", "{asked}");
    assert_eq!(count(&asked, "objects_waiting"), 3);
    assert_eq!(
        count(&asked, "objects_restored"),
        1,
        "what is warm is copied"
    );
    assert!(asked["restore"]["ready_at"].is_string());
    assert_eq!(world.sim.ledger().count(Verb::RestoreObject), 3);
    assert_eq!(asked["requests"]["thaw"], 3, "{asked}");

    let early = restore(&world, json!({"continue": id(&asked)})).await;
    assert_eq!(early["status"], "waiting", "{early}");
    assert_eq!(
        world.sim.ledger().count(Verb::RestoreObject),
        3,
        "not again"
    );
    assert!(early["requests"]["thaw"].is_null(), "{early}");

    // They thaw and freeze over before anybody goes on.
    world.sim.clock().advance(HOUR * 60);
    let frozen = restore(&world, json!({"continue": "all"})).await;
    assert_eq!(frozen["status"], "waiting", "{frozen}");
    assert_eq!(
        world.sim.ledger().count(Verb::RestoreObject),
        6,
        "asked for again"
    );

    world.sim.clock().advance(HOUR * 6);
    let done = restore(&world, json!({"continue": "all"})).await;
    assert_eq!(done["status"], "complete", "{done}");
    assert_eq!(count(&done, "objects_restored"), 4);
    assert_eq!(state(&world, PRIMARY), before);
    let class = |key: &str| world.sim.current(PRIMARY, key).unwrap().storage_class;
    assert_eq!(class("a"), "STANDARD");
}

#[tokio::test]
async fn a_class_that_does_not_offer_the_tier_is_refused_with_the_choices() {
    let world = world().with("BACKUP_STORAGE_CLASS", "DEEP_ARCHIVE");
    world.put("a", "x");
    world.backup().await;
    world.sim.delete(PRIMARY, "a");

    let request = json!({"all": true, "run": "latest", "tier": "expedited"});
    let refused = refusal(&world, request).await;

    assert_eq!(
        refused,
        "tier expedited is not offered for DEEP_ARCHIVE; allowed: standard (12 hours) or bulk (48 hours)"
    );
    assert_eq!(world.sim.ledger().count(Verb::RestoreObject), 0);
}

#[tokio::test]
async fn a_restore_that_waits_keeps_nobody_out_and_is_undone_only_at_its_end() {
    let (world, _) = archived("GLACIER").await;
    let waiting = restore(&world, json!({"all": true, "run": "latest"})).await;

    let refused = refusal(&world, json!({"undo": id(&waiting)})).await;
    let other = restore(&world, json!({"keys": ["warm"], "run": "latest"})).await;

    assert!(
        refused.contains("is waiting: continue it to its end or cancel it"),
        "{refused}"
    );
    assert_eq!(other["status"], "complete", "{other}");
}
