//! A bucket that stops keeping versions in the middle of a run: that destination stops at the first reply
//! that shows it, and what was written without a version is named.

use std::time::Duration;

use s3_sim::{Content, Effect, Fault, Put, Verb, Versioning};
use serde_json::{Value, json};

use crate::lease;
use crate::world::{BACKUP, PRIMARY, World, answer, assert_adds_up, count};

const MIB: u64 = 1024 * 1024;

/// Versioning is suspended just before such a call.
fn suspended_before(world: &World, fault: Fault) {
    let suspend = Effect::before(|sim| sim.set_versioning(BACKUP, Versioning::Suspended));
    world.sim.fault(fault.bucket(BACKUP), suspend);
}

/// So many objects, copied one after the other.
fn one_by_one(objects: usize) -> World {
    let world = World::new().with("BACKUP_MAX_CONCURRENCY", "1");
    for n in 0..objects {
        world.put(&n.to_string(), "1");
    }
    world
}

/// The keys of the failures with the code `NotVersioned`: none for the destination.
fn not_versioned(result: &Value) -> Vec<Option<String>> {
    let failures = result["failures"].as_array().unwrap().iter();
    failures
        .filter(|failure| failure["code"] == "NotVersioned")
        .map(|failure| failure["key"].as_str().map(str::to_owned))
        .collect()
}

fn assert_stopped(result: &Value) {
    assert_adds_up(result);
    assert_eq!(result["status"], "incomplete", "{result}");
    let message = result["message"].as_str().unwrap();
    let why = "; stopped because a backup bucket keeps no versions any more";
    assert!(message.contains(why), "{message}");
}

#[tokio::test]
async fn a_copy_without_a_version_stops_the_destination_and_is_named() {
    let world = one_by_one(6);
    suspended_before(&world, Fault::on(Verb::CopyObject).nth(3));

    let result = world.backup().await;

    assert_stopped(&result);
    assert_eq!(not_versioned(&result), [Some("2".to_owned()), None]);
    assert_eq!(count(&result, "objects_copied"), 2);
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 3);
    world.sim.clear_faults();
    world.sim.set_versioning(BACKUP, Versioning::Enabled);
    let cursor = result["cursor"].clone();
    let rest = world
        .run(json!({"operation": "continue", "cursor": cursor}))
        .await;
    assert_eq!(count(&rest, "objects_copied"), 3, "{rest}");
    assert_eq!(world.equal(), 6);
}

#[tokio::test]
async fn an_upload_that_is_completed_without_a_version_is_named() {
    let world = one_by_one(0).with("BACKUP_MULTIPART_THRESHOLD", "5 MiB");
    for key in ["k", "l"] {
        let put = Put::new(Content::generated(1, 10 * MIB)).parts(&[5 * MIB; 2]);
        world.put_object(key, put);
    }
    suspended_before(&world, Fault::on(Verb::CompleteMultipartUpload).nth(1));

    let result = world.backup().await;

    assert_stopped(&result);
    assert_eq!(not_versioned(&result), [Some("k".to_owned()), None]);
    let completed = world.sim.ledger().count(Verb::CompleteMultipartUpload);
    assert_eq!(completed, 1, "{result}");
    assert_eq!(world.sim.uploads(BACKUP), []);
}

#[tokio::test]
async fn a_copy_whose_answer_was_lost_is_looked_at_for_its_version() {
    let world = one_by_one(3);
    suspended_before(&world, Fault::on(Verb::CopyObject).nth(2));
    let lost = Fault::on(Verb::CopyObject).nth(2);
    world.sim.fault(lost, Effect::ResetAfterWork);

    let result = world.backup().await;

    assert_stopped(&result);
    assert_eq!(not_versioned(&result), [Some("1".to_owned()), None]);
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 2);
}

/// Eight objects whose backups are from before versioning was enabled, six of them gone.
async fn backed_up_before_versioning(at_once: &str) -> World {
    let world = World::new()
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_MAX_CONCURRENCY", at_once);
    world.sim.set_versioning(BACKUP, Versioning::Off);
    for n in 0..8 {
        world.put(&n.to_string(), "1");
    }
    world.sim.clock().advance(Duration::from_secs(2));
    for n in 0..8 {
        world.sim.put(BACKUP, &n.to_string(), "1");
    }
    world.sim.set_versioning(BACKUP, Versioning::Enabled);
    // It finds them current, and records that they are the job's own.
    let found = world.backup().await;
    assert_eq!(count(&found, "objects_unchanged"), 8, "{found}");
    world.sim.ledger().clear();
    for n in 0..6 {
        world.sim.delete(PRIMARY, &n.to_string());
    }
    world
}

/// Backups of which nothing but markers is left.
fn destroyed(world: &World) -> Vec<String> {
    let keys = (0..8).map(|n| n.to_string());
    keys.filter(|key| {
        let versions = world.sim.versions(BACKUP, key);
        versions.iter().all(|version| version.is_delete_marker)
    })
    .collect()
}

#[tokio::test]
async fn of_backups_from_before_versioning_a_marker_destroys_one_at_most() {
    for at_once in ["1", "8"] {
        for nth in [1, 2, 4] {
            let world = backed_up_before_versioning(at_once).await;
            suspended_before(&world, Fault::on(Verb::DeleteObject).nth(nth));

            let result = world.backup().await;

            let lost = destroyed(&world);
            assert!(lost.len() <= 1, "{at_once} {nth}: {lost:?}");
            assert_stopped(&result);
            let named: Vec<String> = not_versioned(&result).into_iter().flatten().collect();
            assert_eq!(named, lost, "{result}");
            assert_eq!(count(&result, "objects_marked_deleted"), nth - 1);
        }
    }
}

#[tokio::test]
async fn without_versions_no_marker_is_sent_whatever_was_known_before() {
    let world = backed_up_before_versioning("8").await;
    // The first look is that at the beginning, the second that before the first marker.
    suspended_before(&world, Fault::on(Verb::GetBucketVersioning).nth(3));

    let result = world.backup().await;

    assert_stopped(&result);
    assert_eq!(not_versioned(&result), [None]);
    assert_eq!(destroyed(&world), [] as [&str; 0]);
    assert!(world.sim.ledger().count(Verb::DeleteObject) <= 1);
}

#[tokio::test]
async fn a_marker_whose_answer_was_lost_is_not_repeated_without_versions() {
    let world = backed_up_before_versioning("1").await;
    suspended_before(&world, Fault::on(Verb::DeleteObject).nth(2));
    let lost = Fault::on(Verb::DeleteObject).nth(2);
    world.sim.fault(lost, Effect::ConnectionReset);

    let result = world.backup().await;

    assert_stopped(&result);
    assert_eq!(destroyed(&world), [] as [&str; 0]);
    assert_eq!(world.sim.ledger().count(Verb::DeleteObject), 2);
}

#[tokio::test]
async fn a_renewal_without_a_version_stops_the_destination() {
    let world = one_by_one(30).with_leases_of(Duration::from_secs(3));
    let slow = Effect::Slow(Duration::from_millis(200));
    world.sim.fault(Fault::on(Verb::CopyObject), slow);
    suspended_before(&world, Fault::on(Verb::PutObject).key(&lease::key()).nth(2));

    let result = world.backup().await;

    assert_stopped(&result);
    assert!(not_versioned(&result).contains(&None), "{result}");
    assert!(count(&result, "objects_copied") < 25, "{result}");
    // What was in flight by then may have been written without a version, too.
    assert!(count(&result, "errors") <= 2, "{result}");
}

#[tokio::test]
async fn a_lease_without_a_version_keeps_a_run_from_starting() {
    let world = one_by_one(1);
    suspended_before(&world, Fault::on(Verb::PutObject).nth(1));

    let error = answer(&world.handler(), json!({})).await.unwrap_err();

    assert_eq!(error.error_type(), "DestinationError");
    assert!(error.to_string().contains("NotVersioned"), "{error}");
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 0);
}

#[tokio::test]
async fn the_other_destination_goes_on() {
    let world = one_by_one(6)
        .with_bucket("second")
        .with("DESTINATION_BUCKET", "backup,second");
    suspended_before(&world, Fault::on(Verb::CopyObject).nth(2));

    let result = world.backup().await;

    assert_stopped(&result);
    assert_eq!(not_versioned(&result), [Some("1".to_owned()), None]);
    assert_eq!(result["destinations"][1]["objects_copied"], 6, "{result}");
    assert_eq!(result["destinations"][1]["errors"], 0);
}
