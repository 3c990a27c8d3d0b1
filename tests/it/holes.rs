//! The holes through which changed objects slip past weaker rules, each closed: the next run copies what
//! changed, and the one after it copies nothing.

use std::time::{Duration, SystemTime};

use s3_sim::{BucketOptions, Content, Encryption, Put, Sim};
use serde_json::Value;

use crate::world::{BACKUP, PRIMARY, World, counts};

const MIB: u64 = 1024 * 1024;
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k1";

/// The object was changed: one run copies it, and it alone; the next one copies nothing.
async fn assert_seen_once(world: &World) {
    let seen = world.backup().await;
    let quiet = world.backup().await;

    let found = world.keys(PRIMARY).len() as u64;
    assert_eq!(counts(&seen), [found, 1, found - 1, 0, 0, 0]);
    assert_eq!(counts(&quiet), [found, 0, found, 0, 0, 0]);
    world.assert_backed_up();
}

async fn assert_nothing_to_do(world: &World) {
    let quiet = world.backup().await;

    let found = world.keys(PRIMARY).len() as u64;
    assert_eq!(counts(&quiet), [found, 0, found, 0, 0, 0]);
}

async fn world_of(puts: impl IntoIterator<Item = (&'static str, Put)>) -> World {
    let world = World::new();
    for (key, put) in puts {
        world.put_object(key, put);
    }
    world.backup().await;
    world
}

fn plain(body: &str) -> Put {
    Put::new(body)
}

fn kms(body: &str) -> Put {
    Put::new(body).encryption(Encryption::Kms {
        key: KEY.to_owned(),
    })
}

fn now(world: &World) -> SystemTime {
    world.sim.clock().now()
}

#[tokio::test]
async fn an_overwrite_in_the_second_of_the_copy_is_seen() {
    let world = world_of([("k", plain("1")), ("other", plain("x"))]).await;
    let copied_at = world.backup_of("k").last_modified;

    world.put_object("k", plain("2").modified(copied_at));

    assert_seen_once(&world).await;
}

#[tokio::test]
async fn an_overwrite_in_the_second_of_the_copy_is_seen_with_kms_too() {
    let world = world_of([("k", kms("1")), ("other", plain("x"))]).await;
    let copied_at = world.backup_of("k").last_modified;

    world.put_object("k", kms("2").modified(copied_at));

    assert_seen_once(&world).await;
}

#[tokio::test]
async fn an_upload_begun_before_a_run_and_finished_after_it_is_seen() {
    let upload = |seed| Put::new(Content::generated(seed, 6 * MIB)).parts(&[5 * MIB, MIB]);
    let world = world_of([("k", upload(1)), ("other", plain("x"))]).await;
    let before_the_run = now(&world) - Duration::from_hours(1);

    // S3 dates it by its beginning.
    world.put_object("k", upload(2).modified(before_the_run));

    assert_seen_once(&world).await;
}

#[tokio::test]
async fn an_older_version_that_shows_again_is_seen() {
    let sim = Sim::start();
    let world = World::around(sim);
    world.sim.delete_bucket(PRIMARY);
    world
        .sim
        .create_bucket_with(PRIMARY, BucketOptions::versioned());
    let day_before = now(&world) - Duration::from_hours(24);
    world.put_object("k", kms("old").modified(day_before));
    let newest = world.sim.put_object(PRIMARY, "k", kms("new"));
    world.backup().await;

    world.sim.delete_version(PRIMARY, "k", &newest);

    assert_seen_once(&world).await;
    assert_eq!(world.backup_of("k").content, Content::from("old"));
}

#[tokio::test]
async fn a_rewrite_of_metadata_alone_is_seen() {
    let world = world_of([("k", kms("same").meta("color", "red"))]).await;

    world.put_object("k", kms("same").meta("color", "blue"));

    assert_seen_once(&world).await;
}

#[tokio::test]
async fn kms_on_the_sources_side_is_copied_once_and_not_every_night() {
    let world = world_of([("k", kms("1"))]).await;

    assert_nothing_to_do(&world).await;

    world.put_object("k", kms("2"));
    assert_seen_once(&world).await;
}

#[tokio::test]
async fn kms_on_the_backups_side_is_copied_once_and_not_every_night() {
    let world = World::new().with("BACKUP_KMS_KEY_ID", KEY);
    world.put("k", "1");
    world.backup().await;

    assert_nothing_to_do(&world).await;

    world.put("k", "2");
    assert_seen_once(&world).await;
}

#[tokio::test]
async fn an_object_of_parts_that_was_flattened_is_copied_once_and_not_every_night() {
    let parts = |seed| Put::new(Content::generated(seed, 6 * MIB)).parts(&[5 * MIB, MIB]);
    let world = world_of([("k", parts(1))]).await;
    assert_ne!(
        world.backup_of("k").etag,
        world.sim.current(PRIMARY, "k").unwrap().etag
    );

    assert_nothing_to_do(&world).await;

    world.put_object("k", parts(2));
    assert_seen_once(&world).await;
}

#[tokio::test]
async fn a_backup_that_was_written_over_behind_our_back_is_made_again() {
    let world = world_of([("k", plain("1")), ("other", plain("x"))]).await;

    world.sim.put(BACKUP, "k", "2");

    assert_seen_once(&world).await;
}

#[tokio::test]
async fn a_backup_of_a_kms_object_that_was_written_over_is_made_again() {
    let world = world_of([("k", kms("1")), ("other", plain("x"))]).await;

    world.sim.put_object(BACKUP, "k", kms("2"));

    assert_seen_once(&world).await;
}

#[tokio::test]
async fn a_backup_that_was_deleted_behind_our_back_is_made_again() {
    let world = world_of([("k", kms("1")), ("other", plain("x"))]).await;

    world.sim.delete(BACKUP, "k");

    assert_seen_once(&world).await;
}

#[tokio::test]
async fn a_backup_that_the_lifecycle_has_expired_is_made_again() {
    let world = world_of([("k", plain("1")), ("other", plain("x"))]).await;
    world
        .sim
        .clock()
        .advance(Duration::from_hours(8 * 365 * 24));

    // What an expiration does in a versioned bucket: a marker on top.
    world.sim.delete(BACKUP, "k");

    assert_seen_once(&world).await;
}

#[tokio::test]
async fn a_backup_that_the_lifecycle_has_moved_is_left_alone() {
    let world = world_of([("k", kms("1"))]).await;
    let moved = world.backup_of("k");
    let snapshot = |result: &Value| result["destinations"][0]["snapshot"].clone();
    world.sim.set_storage_class(BACKUP, "k", "GLACIER_IR");

    let first = world.backup().await;
    let second = world.backup().await;

    assert_eq!(counts(&first), [1, 0, 1, 0, 0, 0]);
    assert_eq!(counts(&second), [1, 0, 1, 0, 0, 0]);
    assert_eq!(world.backup_of("k").version_id, moved.version_id);
    assert_eq!(
        snapshot(&first)["segments_written"],
        1,
        "its class is recorded"
    );
    assert_eq!(snapshot(&second)["segments_written"], 0);
}
