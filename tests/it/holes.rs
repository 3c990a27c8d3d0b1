//! The holes through which changed objects slip past weaker rules, each closed: the next run copies what
//! changed, and the one after it copies nothing.

use std::time::{Duration, SystemTime};

use s3_sim::{BucketOptions, Content, Encryption, Put};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, STATE, World, answer, counts};

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

fn tick(world: &World) {
    world.sim.clock().advance(Duration::from_secs(5));
}

fn red(put: Put) -> Put {
    put.meta("color", "red")
}

fn blue(put: Put) -> Put {
    put.meta("color", "blue")
}

/// An object that is uploaded in parts and, if copies in parts begin at 5 MiB, copied in parts too.
fn in_parts() -> Put {
    let put = Put::new(Content::generated(1, 6 * MIB));
    put.parts(&[5 * MIB, MIB]).content_type("text/csv")
}

fn copied_in_parts() -> World {
    World::new().with("BACKUP_MULTIPART_THRESHOLD", "5 MiB")
}

fn color(world: &World) -> String {
    world.backup_of("k").metadata["color"].clone()
}

/// The source keeps versions, too.
fn versioned(world: World) -> World {
    world.sim.delete_bucket(PRIMARY);
    let versioned = BucketOptions::versioned();
    world.sim.create_bucket_with(PRIMARY, versioned);
    world
}

/// Takes all snapshots away.
fn forget(world: &World) {
    for key in world.sim.keys(BACKUP) {
        if key.starts_with(STATE) {
            world.sim.delete(BACKUP, &key);
        }
    }
}

/// The verdicts of a deep verification, by property.
async fn differs_deeply_in(world: &World, property: &str) -> u64 {
    let result = world
        .run(json!({"operation": "verify", "deep": true}))
        .await;
    let differs = &result["verified"]["different_by_property"];
    assert!(differs.is_object(), "{result}");
    differs[property].as_u64().unwrap_or_default()
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

/// Metadata is written again in the very second of the copy, and no listing shows it.
async fn assert_a_rewrite_in_the_second_of_the_copy_is_seen(world: World, put: fn() -> Put) {
    world.sim.clock().freeze();
    world.put_object("k", red(put()));
    answer(&world.handler(), json!({})).await.unwrap();
    let copied_at = world.backup_of("k").last_modified;
    world.put_object("k", blue(put()));
    assert_eq!(
        world.sim.current(PRIMARY, "k").unwrap().last_modified,
        copied_at
    );
    tick(&world);

    assert_seen_once(&world).await;
    assert_eq!(color(&world), "blue");
}

#[tokio::test]
async fn metadata_that_is_rewritten_in_the_second_of_the_copy_is_seen() {
    let world = World::new();

    assert_a_rewrite_in_the_second_of_the_copy_is_seen(world, || plain("same")).await;
}

#[tokio::test]
async fn metadata_that_is_rewritten_in_the_second_of_the_copy_is_seen_in_parts_too() {
    assert_a_rewrite_in_the_second_of_the_copy_is_seen(World::new(), in_parts).await;
    assert_a_rewrite_in_the_second_of_the_copy_is_seen(copied_in_parts(), in_parts).await;
}

#[tokio::test]
async fn an_object_of_the_second_of_its_copy_is_copied_once_more_and_not_every_night() {
    let world = World::new();
    world.sim.clock().freeze();
    world.put("k", "1");
    answer(&world.handler(), json!({})).await.unwrap();
    tick(&world);

    assert_seen_once(&world).await;
}

#[tokio::test]
async fn an_older_version_that_shows_again_is_seen() {
    for (old, new) in [
        (kms("old"), kms("new")),
        (red(plain("same")), blue(plain("same"))),
        (red(in_parts()), blue(in_parts())),
    ] {
        let world = versioned(World::new());
        let day_before = now(&world) - Duration::from_hours(24);
        world.put_object("k", old.clone().modified(day_before));
        let newest = world.sim.put_object(PRIMARY, "k", new);
        world.backup().await;

        world.sim.delete_version(PRIMARY, "k", &newest);

        assert_seen_once(&world).await;
    }
}

/// Red is backed up by a whole run, blue by another way; then red shows again in the source.
async fn assert_red_is_seen_after(world: World, put: fn() -> Put, other: Value) {
    let world = versioned(world);
    world.put_object("k", red(put()));
    world.put("other", "x");
    world.backup().await;
    // What was copied in parts has a date from here on.
    world.backup().await;
    let newest = world.sim.put_object(PRIMARY, "k", blue(put()));
    world.run(other.clone()).await;
    assert_eq!(color(&world), "blue", "{other}");
    tick(&world);
    world.sim.delete_version(PRIMARY, "k", &newest);

    assert_seen_once(&world).await;
    assert_eq!(color(&world), "red", "{other}");
}

#[tokio::test]
async fn an_older_version_that_shows_again_after_a_run_of_a_prefix_is_seen() {
    let run = json!({"prefix": "k"});

    assert_red_is_seen_after(World::new(), || plain("same"), run.clone()).await;
    assert_red_is_seen_after(World::new(), in_parts, run.clone()).await;
    assert_red_is_seen_after(copied_in_parts(), in_parts, run).await;
}

#[tokio::test]
async fn an_older_version_that_shows_again_after_a_repair_is_seen() {
    let repair = json!({"operation": "verify", "deep": true, "repair": true});

    assert_red_is_seen_after(World::new(), || plain("same"), repair).await;
}

#[tokio::test]
async fn an_even_older_version_that_shows_again_after_a_run_of_a_prefix_is_seen() {
    let world = versioned(World::new());
    world.put_object("k", plain("same").meta("color", "green"));
    tick(&world);
    let second = world.sim.put_object(PRIMARY, "k", red(plain("same")));
    world.backup().await;
    let newest = world.sim.put_object(PRIMARY, "k", blue(plain("same")));
    world.run(json!({"prefix": "k"})).await;
    world.sim.delete_version(PRIMARY, "k", &newest);
    world.sim.delete_version(PRIMARY, "k", &second);

    assert_seen_once(&world).await;
    assert_eq!(color(&world), "green");
}

#[tokio::test]
async fn what_a_run_of_a_prefix_has_copied_is_not_copied_once_more() {
    let world = world_of([("k", plain("1")), ("other", plain("x"))]).await;
    world.put("k", "2");
    world.run(json!({"prefix": "k"})).await;

    assert_nothing_to_do(&world).await;
    assert_nothing_to_do(&world).await;
}

#[tokio::test]
async fn a_backup_that_was_written_over_with_other_metadata_is_made_again() {
    for put in [|| plain("same"), in_parts] {
        let world = world_of([("k", red(put())), ("other", plain("x"))]).await;
        let backup = Put::new(world.backup_of("k").content);

        world.sim.put_object(BACKUP, "k", blue(backup));

        assert_seen_once(&world).await;
        assert_eq!(color(&world), "red");
    }
}

#[tokio::test]
async fn the_date_of_a_copy_in_parts_is_learned_by_the_next_run() {
    let world = copied_in_parts();
    world.put_object("k", red(in_parts()));
    world.backup().await;
    let segments_written =
        |result: Value| result["destinations"][0]["snapshot"]["segments_written"].clone();

    let learns = world.backup().await;
    let quiet = world.backup().await;
    world.sim.put_object(BACKUP, "k", blue(in_parts()));

    assert_eq!(counts(&learns), [1, 0, 1, 0, 0, 0]);
    assert_eq!(
        (segments_written(learns), segments_written(quiet)),
        (1.into(), 0.into())
    );
    assert_seen_once(&world).await;
    assert_eq!(color(&world), "red");
}

/// A limit: without a snapshot the two listings are all there is, and they look as if the backup were a copy
/// of what the source has.
#[tokio::test]
async fn without_a_snapshot_an_older_version_that_shows_again_is_seen_by_a_deep_verification() {
    let world = versioned(World::new());
    world.put_object("k", red(plain("same")));
    tick(&world);
    let newest = world.sim.put_object(PRIMARY, "k", blue(plain("same")));
    world.backup().await;
    world.sim.delete_version(PRIMARY, "k", &newest);
    forget(&world);

    assert_nothing_to_do(&world).await;

    assert_eq!(differs_deeply_in(&world, "metadata").await, 1);
    world
        .run(json!({"operation": "verify", "deep": true, "repair": true}))
        .await;
    assert_eq!(color(&world), "red");
}

/// A limit: S3 dates an upload by its beginning and makes its `ETag` of the parts, so that these two are one
/// in every listing.
#[tokio::test]
async fn two_uploads_of_the_same_parts_begun_in_one_second_are_told_apart_by_a_deep_verification() {
    let world = copied_in_parts();
    let begun = now(&world);
    tick(&world);
    world.put_object("k", red(in_parts()).modified(begun));
    world.backup().await;
    world.put_object("k", blue(in_parts()).modified(begun));

    assert_nothing_to_do(&world).await;

    assert_eq!(differs_deeply_in(&world, "metadata").await, 1);
    world
        .run(json!({"operation": "verify", "deep": true, "repair": true}))
        .await;
    assert_eq!(color(&world), "blue");
}

#[tokio::test]
async fn two_versions_of_one_second_with_the_same_bytes_are_told_apart_by_a_deep_verification() {
    let world = versioned(World::new());
    world.sim.clock().freeze();
    world.put_object("k", red(plain("same")));
    world.put_object("k", blue(plain("same")));
    world.backup().await;
    let newer = world.sim.current(PRIMARY, "k").unwrap().version_id;
    world.sim.delete_version(PRIMARY, "k", &newer);

    assert_nothing_to_do(&world).await;

    assert_eq!(differs_deeply_in(&world, "metadata").await, 1);
    world
        .run(json!({"operation": "verify", "deep": true, "repair": true}))
        .await;
    assert_eq!(color(&world), "red");
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
