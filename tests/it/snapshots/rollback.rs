//! A history that somebody has set back.

use super::*;

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
    // Another one asks whether any state is old.
    assert_eq!(count(&result["requests"], "list") + 2, listed);
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
