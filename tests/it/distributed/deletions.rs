//! Deletions of a distributed run: counted by its pieces, and marked only when it is closed.

use s3_sim::Verb;
use serde_json::json;

use super::{cut, distributed, key, state_key, stored, work_on_all, world_of};
use crate::world::{BACKUP, PRIMARY, World, assert_adds_up, count};

fn markers(world: &World) -> u64 {
    world.sim.ledger().count(Verb::DeleteObject)
}

/// A world that marks what is gone, with 300 objects that are backed up, of which so many are gone.
pub(super) async fn with_gone(gone: usize, most: &str) -> World {
    let world = world_of(300)
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_MAX_DELETIONS", most)
        .with("BACKUP_MAX_DELETIONS_PERCENT", "100");
    distributed(&world, 8).await;
    for n in 0..gone {
        world.sim.delete(PRIMARY, &key(n));
    }
    world.sim.ledger().clear();
    world
}

#[tokio::test]
async fn only_closing_the_run_marks_what_is_gone() {
    let world = with_gone(40, "1000").await;
    let cut = cut(&world, 8).await;
    assert!(cut.requests.len() > 1);
    work_on_all(&world, cut.requests).await;
    assert_eq!(markers(&world), 0);
    world.sim.ledger().clear();

    let all = world.run(cut.close).await;

    assert_eq!(count(&all, "objects_marked_deleted"), 40, "{all}");
    assert_eq!(all["status"], "complete");
    let listings = world.sim.ledger().of(Verb::ListObjectsV2);
    let of_source = listings.iter().filter(|listing| listing.bucket == PRIMARY);
    assert_eq!(of_source.count(), 0, "the keys were kept in mind");
    assert_eq!(world.keys(BACKUP).len(), 260);
}

#[tokio::test]
async fn the_brake_counts_over_all_pieces_and_is_confirmed() {
    let world = with_gone(40, "20").await;

    let held = distributed(&world, 8).await;

    assert_adds_up(&held);
    assert_eq!(
        (held["status"].as_str(), markers(&world)),
        (Some("held"), 0),
        "{held}"
    );
    let confirm = held["deletions"]["confirm"].as_str().unwrap().to_owned();
    let asked = json!({"operation": "ranges", "pieces": 8, "confirm": confirm});
    let begun = world.run(asked).await;
    let requests = stored(&world, begun["distributed"]["key"].as_str().unwrap());
    work_on_all(&world, requests.as_array().unwrap().clone()).await;
    let all = world
        .run(json!({"operation": "close", "cursor": begun["cursor"]}))
        .await;
    assert_eq!(count(&all, "objects_marked_deleted"), 40, "{all}");
}

#[tokio::test]
async fn without_all_pieces_nothing_is_marked_and_the_missing_keys_are_named() {
    let world = with_gone(40, "1000").await;
    let latest = stored(&world, &state_key("snapshots/latest.json"));
    let cut = cut(&world, 8).await;
    let pieces = cut.requests.len();
    let mut requests = cut.requests;
    requests.remove(pieces / 2);
    work_on_all(&world, requests).await;

    let closed = world.run(cut.close.clone()).await;

    assert_adds_up(&closed);
    assert_eq!(closed["status"], "incomplete");
    assert_eq!(
        (count(&closed, "errors"), markers(&world)),
        (1, 0),
        "{closed}"
    );
    let failure = &closed["failures"][0];
    assert_eq!(failure["code"], "PieceMissing");
    let part = format!(
        "piece {} of run {} was not finished",
        pieces / 2 + 1,
        cut.run_id
    );
    assert!(
        failure["message"].as_str().unwrap().contains(&part),
        "{failure}"
    );
    assert_eq!(stored(&world, &state_key("snapshots/latest.json")), latest);
    // A cursor goes on with what is missing, as one of any run does; the first run of all is the distributed one.
    let state = closed["cursor"]["states"][0]["key"].as_str().unwrap();
    assert_eq!(stored(&world, state)["first_run_id"], cut.run_id);
    let rest = world
        .run(json!({"operation": "continue", "cursor": closed["cursor"]}))
        .await;
    assert_eq!(rest["status"], "complete", "{rest}");
    assert_eq!(count(&rest, "objects_marked_deleted"), 40);
    assert!(
        rest["destinations"][0]["snapshot"]["key"].is_string(),
        "{rest}"
    );
    let found = count(&rest, "objects_found") + count(&closed, "objects_found") - 1;
    assert_eq!(found, 260);
    // And the run is not closed twice.
    let again = world.run(cut.close).await;
    assert!(again["already_continued"].is_object(), "{again}");
}

#[tokio::test]
async fn a_source_that_was_emptied_is_not_marked() {
    let world = with_gone(300, "1000").await;

    let all = distributed(&world, 8).await;

    assert_eq!(
        (all["status"].as_str(), markers(&world)),
        (Some("held"), 0),
        "{all}"
    );
}
