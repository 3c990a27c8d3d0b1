//! A lease that cannot be read or written.

use std::time::Duration;

use s3_sim::{Effect, Fault, Grant, Verb};
use serde_json::json;

use super::{assert_already_running, key, lease};
use crate::world::{BACKUP, World};

#[tokio::test]
async fn a_lease_that_may_not_be_written_is_a_destination_error() {
    let world = World::new();
    world.put("k", "1");
    world.sim.deny("s3:PutObject");

    let error = world.invoke(json!({})).await.unwrap_err();

    assert_eq!(error.error_type(), "DestinationError");
    let message = error.to_string();
    let lease = format!("cannot write {}: access denied", key());
    assert!(message.contains(&lease), "{message}");
    assert!(message.contains("s3:PutObject"), "{message}");
}

#[tokio::test]
async fn a_damaged_lease_keeps_others_out_no_longer_than_a_whole_one() {
    for damaged in ["", "{", "<lease/>", "{\"format\": 2}"] {
        let world = World::new();
        world.put("k", "1");
        world.sim.put(BACKUP, &key(), damaged);

        let too_early = world.invoke(json!({})).await;
        world.let_leases_end();
        let in_time = world.backup().await;

        assert_already_running(too_early, &["cannot be read by this version", &key()]);
        assert_eq!(in_time["status"], "complete", "{damaged:?}");
    }
}

/// A lease that was given back, and cannot be read for what is done to it then, keeps others out for the
/// longest time of a lease, and is replaced after that.
async fn assert_replaced_unread(world: &World) {
    let too_early = world.invoke(json!({})).await;
    world.sim.clock().advance(Duration::from_hours(1));
    let in_time = world.backup().await;

    assert_already_running(too_early, &[&key(), "counts as held until"]);
    assert_eq!(in_time["status"], "complete", "{in_time}");
    assert!(lease(world, BACKUP)["released_at"].is_string());
    assert_eq!(
        world.backup().await["status"],
        "complete",
        "it can be read again"
    );
}

#[tokio::test]
async fn a_lease_that_a_lifecycle_has_archived_is_replaced_without_being_read() {
    for class in ["GLACIER", "DEEP_ARCHIVE"] {
        let world = World::new();
        world.put("k", "1");
        world.backup().await;
        world.sim.set_storage_class(BACKUP, &key(), class);

        let refused = world.invoke(json!({})).await;

        assert_already_running(refused, &["a lifecycle rule of the bucket has archived it"]);
        assert_replaced_unread(&world).await;
        let stored = world.sim.current(BACKUP, &key()).unwrap();
        assert_eq!(stored.storage_class, "STANDARD");
    }
}

#[tokio::test]
async fn a_lease_under_a_former_key_is_replaced_without_being_read() {
    let former = "arn:aws:kms:us-east-1:111122223333:key/former";
    let new = "arn:aws:kms:us-east-1:111122223333:key/new";
    let world = World::new().with("BACKUP_KMS_KEY_ID", former);
    world.put("k", "1");
    world.backup().await;
    world.sim.deny(Grant::on("kms:Decrypt", former));
    world.sim.deny(Grant::on("kms:GenerateDataKey", former));
    let world = world.with("BACKUP_KMS_KEY_ID", new);

    let refused = world.invoke(json!({})).await;

    assert_already_running(refused, &["kms:Decrypt", "FormerKmsKeyArns"]);
    assert_replaced_unread(&world).await;
}

#[tokio::test]
async fn a_lease_whose_key_is_disabled_or_lost_is_replaced_without_being_read() {
    for code in ["KMS.DisabledException", "KMS.KMSInvalidStateException"] {
        let world = World::new();
        world.put("k", "1");
        world.backup().await;
        let lost = Effect::status(400, code, "the key is pending deletion");
        world
            .sim
            .fault(Fault::on(Verb::GetObject).key(&key()).first(2), lost);

        assert_replaced_unread(&world).await;
    }
}

#[tokio::test]
async fn a_lease_that_the_role_may_not_read_is_an_error_and_not_replaced() {
    let world = World::new();
    world.put("k", "1");
    world.backup().await;
    world.sim.deny(Grant::on("s3:GetObject", BACKUP));
    world.sim.clock().advance(Duration::from_hours(1));

    let error = world.invoke(json!({})).await.unwrap_err();

    assert_eq!(error.error_type(), "DestinationError");
    assert!(error.to_string().contains("s3:GetObject"), "{error}");
}

#[tokio::test]
async fn own_objects_are_written_in_the_class_that_can_be_read_at_once() {
    let world = World::new().with("BACKUP_STORAGE_CLASS", "GLACIER");
    world.put("k", "1");

    world.backup().await;

    let written = world.sim.ledger().of(Verb::PutObject);
    assert!(written.len() > 3, "{written:?}");
    for put in written {
        assert_eq!(
            put.header("x-amz-storage-class"),
            Some("STANDARD"),
            "{put:?}"
        );
    }
}
