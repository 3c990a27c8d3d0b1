//! The main job: what is new or changed is copied, everything else is left alone.

use s3_sim::{Put, Verb};
use serde_json::json;

use crate::world::{BACKUP, PRIMARY, World, count, counts};

#[tokio::test]
async fn the_first_run_copies_everything() {
    let world = World::new();
    for n in 1..=5 {
        world.put(&format!("file-{n}.txt"), &"x".repeat(n));
    }

    let result = world.backup().await;

    assert_eq!(counts(&result), [5, 5, 0, 0, 0, 0]);
    assert_eq!(result["message"], "Backed up 5 objects: 5 copied");
    assert_eq!(count(&result, "bytes_found"), 15);
    assert_eq!(count(&result, "bytes_copied"), 15);
    assert_eq!(result["source"], PRIMARY);
    assert_eq!(result["destinations"][0]["bucket"], BACKUP);
    world.assert_backed_up();
}

#[tokio::test]
async fn a_second_run_copies_nothing_and_costs_two_listings() {
    let world = World::new();
    world.put("a", "1");
    world.put("b", "2");
    world.backup().await;

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 0, 2, 0, 0, 0]);
    assert_eq!(result["requests"], json!({"list": 2, "copy": 0, "head": 0}));
    assert_eq!(result["estimated_cost_usd"], 0.00001);
}

#[tokio::test]
async fn only_the_changed_object_is_copied_as_a_new_version() {
    let world = World::new();
    world.put("changes", "before");
    world.put("stays", "same");
    world.backup().await;
    world.put("changes", "after!");

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 1, 1, 0, 0, 0]);
    assert_eq!(world.sim.versions(BACKUP, "changes").len(), 2);
    assert_eq!(world.sim.versions(BACKUP, "stays").len(), 1);
    world.assert_backed_up();
}

#[tokio::test]
async fn rewritten_metadata_is_a_change() {
    let world = World::new();
    world.put_object("k", Put::new("same").meta("color", "red"));
    world.backup().await;
    world.put_object("k", Put::new("same").meta("color", "blue"));

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    world.assert_backed_up();
}

#[tokio::test]
async fn what_is_gone_from_the_source_stays_in_the_backup() {
    let world = World::new();
    world.put("gone", "1");
    world.put("here", "2");
    world.backup().await;
    world.sim.delete(PRIMARY, "gone");

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 1, 0, 0, 0]);
    assert_eq!(world.keys(BACKUP), ["gone", "here"]);
}

#[tokio::test]
async fn an_emptied_source_deletes_nothing() {
    let world = World::new();
    world.put("a", "1");
    world.backup().await;
    world.sim.delete(PRIMARY, "a");

    let result = world.backup().await;

    assert_eq!(counts(&result), [0, 0, 0, 0, 0, 0]);
    assert_eq!(world.keys(BACKUP), ["a"]);
}

#[tokio::test]
async fn a_backup_deleted_behind_our_back_is_made_again() {
    let world = World::new();
    world.put("a", "1");
    world.backup().await;
    world.sim.delete(BACKUP, "a");

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    world.assert_backed_up();
}

#[tokio::test]
async fn a_full_run_copies_everything_again() {
    let world = World::new();
    world.put("a", "1");
    world.backup().await;

    let result = world
        .invoke(json!({"operation": "backup", "mode": "full"}))
        .await
        .unwrap();

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    assert_eq!(world.sim.versions(BACKUP, "a").len(), 2);
}

#[tokio::test]
async fn a_dry_run_tells_and_does_nothing() {
    let world = World::new();
    world.put("new", "12");
    world.put("old", "1");
    world.backup().await;
    world.put("new", "123");

    let result = world.invoke(json!({"dry_run": true})).await.unwrap();

    assert_eq!(counts(&result), [2, 0, 1, 1, 0, 0]);
    assert_eq!(result["dry_run"], true);
    assert_eq!(count(&result, "objects_to_copy"), 1);
    assert_eq!(count(&result, "bytes_to_copy"), 3);
    assert_eq!(
        result["message"],
        "Dry run over 2 objects: 1 to copy, 1 unchanged"
    );
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 2);
}

#[tokio::test]
async fn excluded_objects_are_counted_as_skipped() {
    let world = World::new()
        .with("BACKUP_INCLUDE", "*.txt,*.log")
        .with("BACKUP_EXCLUDE", "tmp/*");
    for key in ["a.txt", "b/c.log", "d.jpg", "tmp/e.txt"] {
        world.put(key, "1");
    }

    let result = world.backup().await;

    assert_eq!(counts(&result), [4, 2, 0, 2, 0, 0]);
    assert_eq!(world.keys(BACKUP), ["a.txt", "b/c.log"]);
}

#[tokio::test]
async fn only_keys_below_the_source_prefix_are_listed() {
    let world = World::new().with("BACKUP_SOURCE_PREFIX", "data/");
    for key in ["data/a", "data/b", "other/c"] {
        world.put(key, "1");
    }

    let result = world.backup().await;
    let narrowed = world.invoke(json!({"prefix": "data/b"})).await.unwrap();

    assert_eq!(counts(&result), [2, 2, 0, 0, 0, 0]);
    assert_eq!(counts(&narrowed), [1, 0, 1, 0, 0, 0]);
    assert_eq!(world.keys(BACKUP), ["data/a", "data/b"]);
}

#[tokio::test]
async fn backups_go_below_the_destination_prefix_beside_those_of_others() {
    let world = World::new().with("BACKUP_DESTINATION_PREFIX", "{source_bucket}/");
    world.put("a", "1");
    world.put("z", "2");
    world.sim.put(BACKUP, "other/a", "not ours");
    world
        .sim
        .put(BACKUP, ".s3-backup/state", "ours, but no backup");

    world.backup().await;
    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 0, 2, 0, 0, 0]);
    assert_eq!(world.keys(BACKUP), ["other/a", "primary/a", "primary/z"]);
    assert!(world.sim.current(BACKUP, ".s3-backup/state").is_some());
}

#[tokio::test]
async fn several_destinations_each_get_everything() {
    let world = World::new()
        .with_bucket("second")
        .with("DESTINATION_BUCKET", "backup, second");
    world.put("a", "1");
    world.put("b", "2");
    world.sim.put(BACKUP, "c", "orphan");

    let result = world.backup().await;

    assert_eq!(counts(&result), [4, 4, 0, 0, 0, 0]);
    for number in 0..2 {
        assert_eq!(count(&result["destinations"][number], "objects_copied"), 2);
    }
    assert_eq!(world.keys("second"), ["a", "b"]);
}

#[tokio::test]
async fn a_source_key_among_our_own_state_is_an_error() {
    let world = World::new();
    world.put(".s3-backup/x", "1");
    world.put("a", "1");

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 1, 0, 0, 0, 1]);
    assert_eq!(result["failures"][0]["key"], ".s3-backup/x");
    assert_eq!(result["failures"][0]["code"], "ReservedKey");
    assert_eq!(world.keys(BACKUP), ["a"]);
}

#[tokio::test]
async fn listings_of_many_pages_are_joined() {
    let world = World::around(s3_sim::Sim::builder().page_size_max(7).start());
    for n in 0..100 {
        world.put(&format!("{n:03}"), "1");
    }

    let first = world.backup().await;
    let second = world.backup().await;

    assert_eq!(counts(&first), [100, 100, 0, 0, 0, 0]);
    assert_eq!(counts(&second), [100, 0, 100, 0, 0, 0]);
    let listed = count(&second["requests"], "list");
    // 30 pages, and guesses where to cut the listing, of which a bucket of so few pages may cost 40.
    assert!((30..=70).contains(&listed), "{listed} pages of 30");
}

#[tokio::test]
async fn buckets_may_be_in_other_regions() {
    let sim = s3_sim::Sim::start();
    let world = World::around(sim)
        .with("SOURCE_BUCKET", "tokyo")
        .with("DESTINATION_BUCKET", "paris");
    let region = |region: &str, versioning| s3_sim::BucketOptions {
        region: region.to_owned(),
        versioning,
        ..s3_sim::BucketOptions::default()
    };
    world
        .sim
        .create_bucket_with("tokyo", region("ap-northeast-1", s3_sim::Versioning::Off));
    world
        .sim
        .create_bucket_with("paris", region("eu-west-3", s3_sim::Versioning::Enabled));
    world.sim.put("tokyo", "a", "1");

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    assert_eq!(world.keys("paris"), ["a"]);
}

#[tokio::test]
async fn copies_in_flight_stay_below_the_bound() {
    let latency = std::time::Duration::from_millis(20);
    let sim = s3_sim::Sim::builder()
        .latency(s3_sim::Class::Copy, latency)
        .start();
    let world = World::around(sim).with("BACKUP_MAX_CONCURRENCY", "8");
    for n in 0..50 {
        world.put(&n.to_string(), "1");
    }

    let result = world.backup().await;

    assert_eq!(counts(&result), [50, 50, 0, 0, 0, 0]);
    assert_eq!(world.sim.ledger().max_in_flight_of(Verb::CopyObject), 8);
}
