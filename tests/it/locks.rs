//! A backup bucket with Object Lock: each version that is written stays, the program's own objects too, and all of ours
//! works there.

use std::time::Duration;

use s3_sim::{Content, Effect, Fault, LockMode, ObjectLock, Put, Verb};
use serde_json::{Value, json};

use crate::lease;
use crate::world::{BACKUP, PRIMARY, STATE, World, count, counts};

const MIB: u64 = 1024 * 1024;
const DAY: Duration = Duration::from_hours(24);

/// A world whose backup bucket locks each version for so long.
fn locked(mode: LockMode, days: u32) -> World {
    let world = World::new();
    world.sim.change_options(BACKUP, |options| {
        options.lock = Some(ObjectLock { mode, days });
    });
    world
}

/// An object that is copied in parts.
fn large() -> Put {
    let put = Put::new(Content::generated(1, 12 * MIB)).content_type("a/b");
    put.parts(&[6 * MIB; 2])
}

/// The versions of the program's own objects and their bytes.
fn state(world: &World) -> (usize, u64) {
    let versions = world.sim.all_versions(BACKUP).into_iter();
    let own = versions.filter(|version| version.key.starts_with(STATE));
    own.fold((0, 0), |(versions, bytes), version| {
        (versions + 1, bytes + version.content.len())
    })
}

/// What S3 answers to an attempt to delete each version for good.
async fn delete_all(world: &World, bypass: bool) -> Vec<Result<(), String>> {
    let client = aws_sdk_s3::Client::new(&world.sdk());
    let mut answers = Vec::new();
    for version in world.sim.all_versions(BACKUP) {
        let call = client
            .delete_object()
            .bucket(BACKUP)
            .key(&version.key)
            .version_id(&version.version_id)
            .set_bypass_governance_retention(bypass.then_some(true));
        let answer = call.send().await.map(drop);
        answers.push(answer.map_err(|error| format!("{:?}", error.into_service_error())));
    }
    answers
}

#[tokio::test]
async fn a_run_a_second_one_a_verification_and_a_restore_work_on_a_locked_bucket() {
    for mode in [LockMode::Governance, LockMode::Compliance] {
        let world = locked(mode, 30).with("BACKUP_MULTIPART_THRESHOLD", "5 MiB");
        world.put_object("large", large());
        world.put("small", "1");
        world.put("changes", "1");

        let first = world.backup().await;
        world.put("changes", "2");
        let second = world.backup().await;
        let third = world.backup().await;
        let verified = world
            .run(json!({"operation": "verify", "deep": true}))
            .await;
        world.sim.delete(PRIMARY, "small");
        let restored = world
            .run(json!({"operation": "restore", "all": true, "run": "latest"}))
            .await;

        assert_eq!(counts(&first), [3, 3, 0, 0, 0, 0], "{first}");
        assert_eq!(counts(&second), [3, 1, 2, 0, 0, 0], "{second}");
        assert_eq!(counts(&third), [3, 0, 3, 0, 0, 0], "{third}");
        assert_eq!(third.get("bucket_warnings"), None, "{third}");
        assert_eq!(verified["verified"]["equal"], 3, "{verified}");
        assert_eq!(restored["status"], "complete", "{restored}");
        assert!(world.sim.current(PRIMARY, "small").is_some());
        world.assert_backed_up();
    }
}

#[tokio::test]
async fn no_version_of_a_locked_bucket_can_be_deleted_before_its_time() {
    let world = locked(LockMode::Compliance, 30);
    world.put("a", "1");
    world.backup().await;
    let before = world.sim.all_versions(BACKUP).len();

    let refused = delete_all(&world, true).await;
    world.sim.clock().advance(31 * DAY);
    let deleted = delete_all(&world, false).await;

    assert_eq!(refused.len(), before);
    for answer in refused {
        assert!(answer.unwrap_err().contains("object lock"));
    }
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    assert!(world.sim.all_versions(BACKUP).is_empty());
}

#[tokio::test]
async fn deletions_are_marked_on_a_locked_bucket_and_no_version_goes() {
    let world = locked(LockMode::Governance, 30).with("BACKUP_DELETIONS", "mark");
    world.put("kept", "1");
    world.put("gone", "1");
    world.backup().await;
    let before = world.backup_versions();
    world.sim.delete(PRIMARY, "gone");

    let result = world.backup().await;

    assert_eq!(count(&result, "objects_marked_deleted"), 1, "{result}");
    assert!(world.sim.current(BACKUP, "gone").is_none());
    assert!(world.backup_versions().is_superset(&before));
}

#[tokio::test]
async fn a_lease_that_was_left_and_an_upload_that_was_torn_do_not_stop_the_next_run_on_a_locked_bucket()
 {
    let world = locked(LockMode::Compliance, 30).with("BACKUP_MULTIPART_THRESHOLD", "5 MiB");
    world.put_object("large", large());
    world
        .sim
        .put(BACKUP, &lease::key(), lease::lease_of_another());
    world.let_leases_end();
    let torn = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::UploadPartCopy).nth(2), torn);

    let first = world.backup().await;
    let second = world.backup().await;

    assert_eq!(count(&first, "errors"), 1, "{first}");
    assert_eq!(world.sim.uploads(BACKUP).len(), 0, "it was aborted");
    assert_eq!(second["status"], "complete", "{second}");
    world.assert_backed_up();
}

#[tokio::test]
async fn a_drill_works_on_a_locked_bucket() {
    let world = locked(LockMode::Governance, 30).with_bucket("scratch");
    world.put("a", "1");
    world.backup().await;

    let drilled = world
        .run(json!({"operation": "drill", "to": "s3://scratch/drills/"}))
        .await;

    assert_eq!(drilled["status"], "complete", "{drilled}");
}

/// Runs so many nights, in each of which one of a hundred objects changes.
async fn nights(world: &World, nights: usize) -> Value {
    for n in 0..100 {
        world.put(&format!("{n:03}"), "1");
    }
    let mut last = world.backup().await;
    for night in 0..nights {
        world.sim.clock().advance(DAY);
        world.put(&format!("{:03}", night % 100), &night.to_string());
        last = world.backup().await;
    }
    last
}

/// What stays of a night for as long as the lock lasts: the lease when it is taken and given back, the list of jobs
/// once, the snapshot's index and its name, and the segments that changed.
#[tokio::test]
async fn the_own_objects_of_a_night_are_few_and_small() {
    const NIGHTS: usize = 30;
    let world = locked(LockMode::Compliance, 365);

    let last = nights(&world, NIGHTS).await;

    let (versions, bytes) = state(&world);
    let (each, size) = (versions / (NIGHTS + 1), bytes / (NIGHTS as u64 + 1));
    assert_eq!(last["status"], "complete", "{last}");
    assert!(each <= 6, "{each} versions a night");
    assert!(size <= 16 * 1024, "{size} bytes a night");
    println!("{versions} versions, {bytes} bytes in {NIGHTS} nights");
}

#[tokio::test]
async fn a_body_without_a_sum_is_refused_by_a_locked_bucket() {
    let world = locked(LockMode::Compliance, 30);
    let config = aws_sdk_s3::config::Builder::from(&world.sdk())
        .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired)
        .build();
    let client = aws_sdk_s3::Client::from_conf(config);

    let put = client.put_object().bucket(BACKUP).key("a");
    let refused = put.send().await.unwrap_err().into_service_error();

    assert!(
        format!("{refused:?}").contains("Content-MD5"),
        "{refused:?}"
    );
}
