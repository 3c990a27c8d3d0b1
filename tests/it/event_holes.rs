//! The holes of change detection, with events between: what an event has copied hides no later change from a run.

use std::fs;
use std::path::Path;
use std::time::Duration;

use s3_sim::{BucketOptions, Content, Encryption, Put};
use serde_json::{Value, json};

use crate::events::created;
use crate::world::{BACKUP, PRIMARY, World, counts};

const MIB: u64 = 1024 * 1024;

/// A world whose object is recorded, was changed, and whose change an event has copied.
async fn world_after_an_event(recorded: Put, copied: Put) -> World {
    let world = World::new();
    world.put("other", "x");
    world.put_object("k", recorded);
    world.backup().await;
    world.put_object("k", copied);
    let result = world.run(created("k")).await;
    assert_eq!(result["events"]["copied"], 1, "{result}");
    world
}

/// The object was changed, and its event was lost: one run copies it, and the next one nothing.
async fn assert_seen_once(world: &World) {
    let seen = world.backup().await;
    let quiet = world.backup().await;

    assert_eq!(counts(&seen), [2, 1, 1, 0, 0, 0]);
    assert_eq!(counts(&quiet), [2, 0, 2, 0, 0, 0]);
    world.assert_backed_up();
}

#[tokio::test]
async fn an_overwrite_behind_an_event_is_seen() {
    let world = world_after_an_event(Put::new("1"), Put::new("2")).await;
    world.put("k", "3");
    assert_seen_once(&world).await;
}

#[tokio::test]
async fn rewritten_metadata_behind_an_event_is_seen() {
    let world = world_after_an_event(Put::new("1"), Put::new("1").meta("color", "red")).await;
    world.put_object("k", Put::new("1").meta("color", "blue"));
    assert_seen_once(&world).await;
}

#[tokio::test]
async fn an_overwrite_in_the_second_of_an_events_copy_is_seen() {
    for later in [Put::new("3"), Put::new("2").meta("color", "blue")] {
        let world = world_after_an_event(Put::new("1"), Put::new("2")).await;
        let copied_at = world.backup_of("k").last_modified;
        world.put_object("k", later.modified(copied_at));
        assert_seen_once(&world).await;
    }
}

#[tokio::test]
async fn an_upload_begun_before_an_event_and_finished_after_it_is_seen() {
    let upload = |seed| Put::new(Content::generated(seed, 6 * MIB)).parts(&[5 * MIB, MIB]);
    let world = world_after_an_event(upload(1), upload(2)).await;
    let before = world.backup_of("k").last_modified - Duration::from_secs(1);
    world.put_object("k", upload(3).modified(before));
    assert_seen_once(&world).await;
}

#[tokio::test]
async fn the_recorded_version_that_shows_again_behind_an_event_is_seen() {
    let world = World::new();
    world.sim.delete_bucket(PRIMARY);
    world
        .sim
        .create_bucket_with(PRIMARY, BucketOptions::versioned());
    world.put("other", "x");
    world.put_object("k", Put::new("1").meta("color", "red"));
    world.backup().await;
    world.put_object("k", Put::new("1").meta("color", "blue"));
    world.run(created("k")).await;
    let newest = world.sim.current(PRIMARY, "k").unwrap().version_id;
    assert!(world.sim.delete_version(PRIMARY, "k", &newest));

    assert_seen_once(&world).await;
}

#[tokio::test]
async fn a_backup_that_was_written_over_behind_an_event_is_made_again() {
    let world = world_after_an_event(Put::new("1"), Put::new("2")).await;
    world.sim.put(BACKUP, "k", "9");
    assert_seen_once(&world).await;
}

#[tokio::test]
async fn a_backup_that_is_gone_behind_an_event_is_made_again() {
    let world = world_after_an_event(Put::new("1"), Put::new("2")).await;
    world.sim.delete(BACKUP, "k");
    assert_seen_once(&world).await;
}

#[tokio::test]
async fn what_cannot_have_its_etag_is_copied_once_more_and_not_every_night() {
    let world = World::new();
    let key = "arn:aws:kms:us-east-1:111122223333:key/k1".to_owned();
    world.put_object("k", Put::new("1").encryption(Encryption::Kms { key }));
    world.run(created("k")).await;

    let first = world.backup().await;
    let second = world.backup().await;

    assert_eq!(counts(&first), [1, 1, 0, 0, 0, 0]);
    assert_eq!(counts(&second), [1, 0, 1, 0, 0, 0]);
}

#[tokio::test]
async fn an_archive_tier_that_no_look_tells_of_is_left_to_the_run() {
    let world = World::new();
    let put = Put::new("1").storage_class("INTELLIGENT_TIERING");
    world.put_object("k", put.archive_status("ARCHIVE_ACCESS"));

    let result = world.run(created("k")).await;

    assert_eq!(result["events"]["deferred"], 1, "{result}");
}

/// Every payload of tests/events/s3 is of this key.
#[tokio::test]
async fn every_recorded_payload_is_answered() {
    const KEY: &str = "my folder/a b+c%.txt";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/events/s3");
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let payload: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let world = World::new();
        world.put(KEY, "1");

        let answered = world.run(payload).await;

        if name.starts_with("sqs") {
            assert_eq!(answered, json!({"batchItemFailures": []}), "{name}");
        } else {
            assert_eq!(answered["status"], "complete", "{name}: {answered}");
        }
        let does_nothing = ["test", "removed", "acl", "restore"];
        let does_nothing = does_nothing.iter().any(|word| name.contains(word));
        assert_eq!(world.is_backed_up(KEY), !does_nothing, "{name}");
    }
}
