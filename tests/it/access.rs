//! How buckets are reached: by the account that must own each, at the cost of the caller, and with the encryption
//! header that a policy demands, which the program's own objects have too.

use s3_sim::{Content, Effect, Encryption, Fault, Put, Verb};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, STATE, World, counts};

const SECOND: &str = "second";
const OTHER_ACCOUNT: &str = "444455556666";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k1";
const MIB: u64 = 1024 * 1024;

/// A world with an object of each way to copy.
fn world() -> World {
    let world = World::new().with("BACKUP_MULTIPART_THRESHOLD", "8 MiB");
    world.put_object("small", Put::new("1").tag("a", "b"));
    let large = Content::generated(1, 20 * MIB);
    world.put_object("large", Put::new(large).parts(&[10 * MIB, 10 * MIB]));
    world
}

/// Two destinations, of which the second is another account's.
fn two_accounts() -> World {
    let world = world()
        .with_bucket(SECOND)
        .with("DESTINATION_BUCKET", "backup,second");
    world.sim.change_options(SECOND, |options| {
        OTHER_ACCOUNT.clone_into(&mut options.owner);
    });
    world
}

#[tokio::test]
async fn each_destination_has_an_owner_of_its_own() {
    let owners = "backup=111122223333,second=444455556666";
    let world = two_accounts().with("BACKUP_EXPECTED_OWNER", owners);

    let result = world.backup().await;

    assert_eq!(counts(&result), [4, 4, 0, 0, 0, 0], "{result}");
    for call in world.sim.ledger().entries() {
        let owner = match call.bucket.as_str() {
            BACKUP => Some("111122223333"),
            SECOND => Some(OTHER_ACCOUNT),
            _ => None,
        };
        assert_eq!(
            call.header("x-amz-expected-bucket-owner"),
            owner,
            "{call:?}"
        );
    }
}

#[tokio::test]
async fn one_owner_for_all_leaves_out_the_bucket_that_is_anothers() {
    let world = two_accounts().with("BACKUP_EXPECTED_OWNER", "111122223333");

    let result = world.backup().await;

    assert_eq!(result["status"], "incomplete", "{result}");
    assert_eq!(result["failures"][0]["destination"], SECOND);
    assert_eq!(world.keys(BACKUP), world.keys(PRIMARY));
    assert_eq!(world.keys(SECOND), [""; 0]);
}

#[tokio::test]
async fn a_stranger_in_the_list_of_owners_is_a_mistake() {
    let owners = "backup=111122223333,secnd=444455556666";
    let world = two_accounts().with("BACKUP_EXPECTED_OWNER", owners);

    let error = world.invoke(json!({})).await.unwrap_err().to_string();

    assert!(
        error.contains("names bucket secnd, which is not in DESTINATION_BUCKET"),
        "{error}"
    );
    assert_eq!(world.sim.ledger().total(), 0);
}

/// Refuses what is written to a bucket without that encryption.
fn demand(world: &World, sse: &str) {
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
        "Resource": format!("arn:aws:s3:::{BACKUP}/*"),
        "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": sse}},
    }]});
    world.sim.set_bucket_policy(BACKUP, policy);
}

#[tokio::test]
async fn a_policy_that_demands_the_encryption_header_is_obeyed_by_copies_and_state() {
    let default = World::new();
    default.put("k", "1");
    demand(&default, "AES256");
    let refused = default.invoke(json!({})).await.unwrap_err().to_string();
    assert!(refused.contains("BACKUP_SSE"), "{refused}");

    for (sse, key) in [
        ("AES256", None),
        ("aws:kms", None),
        ("aws:kms", Some(KEY)),
        ("aws:kms:dsse", Some(KEY)),
    ] {
        let world = world()
            .with("BACKUP_SSE", sse)
            .with("BACKUP_DELETIONS", "mark");
        let world = match key {
            Some(key) => world.with("BACKUP_KMS_KEY_ID", key),
            None => world,
        };
        demand(&world, sse);

        let first = world.backup().await;
        world.sim.delete(PRIMARY, "small");
        let second = world.backup().await;
        let third = world.backup().await;

        assert_eq!(counts(&first), [2, 2, 0, 0, 0, 0], "{sse}: {first}");
        assert_eq!(second["objects_marked_deleted"], 1, "{sse}: {second}");
        assert_eq!(third["requests"]["copy"], 0, "{sse}: {third}");
        let objects = world.sim.objects(BACKUP);
        assert!(objects.iter().any(|object| object.key.starts_with(STATE)));
        for object in objects {
            let used = match (&object.encryption, key) {
                (Encryption::SseS3, _) => "AES256",
                (Encryption::Kms { key: used }, Some(key)) if used == key => "aws:kms",
                (Encryption::Kms { .. }, None) => "aws:kms",
                (Encryption::Dsse { key: used }, Some(key)) if used == key => "aws:kms:dsse",
                other => panic!("{} has {other:?}", object.key),
            };
            assert_eq!(used, sse, "{}", object.key);
        }
    }
}

#[tokio::test]
async fn bucket_keys_are_asked_for_where_s3_has_them() {
    let bucket_key = "x-amz-server-side-encryption-bucket-key-enabled";
    for (sse, expected) in [
        ("AES256", None),
        ("aws:kms", Some("true")),
        // S3 refuses them for two layers.
        ("aws:kms:dsse", None),
    ] {
        let world = world().with("BACKUP_SSE", sse);

        world.backup().await;

        for verb in [
            Verb::CopyObject,
            Verb::CreateMultipartUpload,
            Verb::PutObject,
        ] {
            let call = &world.sim.ledger().of(verb)[0];
            assert_eq!(call.header(bucket_key), expected, "{sse} {verb:?}");
        }
    }
}

#[tokio::test]
async fn each_destination_has_a_key_of_its_own() {
    let second_key = "arn:aws:kms:eu-west-1:444455556666:key/k2";
    let keys = format!("backup={KEY},second={second_key}");
    let world = two_accounts().with("BACKUP_KMS_KEY_ID", &keys);

    let result = world.backup().await;

    assert_eq!(counts(&result), [4, 4, 0, 0, 0, 0], "{result}");
    for (bucket, key) in [(BACKUP, KEY), (SECOND, second_key)] {
        for object in world.sim.objects(bucket) {
            let expected = Encryption::Kms {
                key: key.to_owned(),
            };
            assert_eq!(object.encryption, expected, "{bucket}/{}", object.key);
        }
    }
}

/// A world whose source is another account's, and free for its owner only.
fn requester_pays() -> World {
    let world = world();
    world.sim.change_options(PRIMARY, |options| {
        OTHER_ACCOUNT.clone_into(&mut options.owner);
        options.requester_pays = true;
    });
    world
}

#[tokio::test]
async fn a_source_whose_requesters_pay_refuses_who_does_not_say_so() {
    let error = requester_pays().invoke(json!({})).await.unwrap_err();

    let text = error.to_string();
    assert!(text.contains("BACKUP_REQUEST_PAYER=requester"), "{text}");
}

#[tokio::test]
async fn each_request_to_a_source_whose_requesters_pay_says_so() {
    let world = requester_pays().with("BACKUP_REQUEST_PAYER", "requester");
    // A copy of which nobody knows is looked after, by a HEAD of the source as well.
    let lost = Fault::on(Verb::CopyObject).nth(1);
    world.sim.fault(lost, Effect::ResetAfterWork);

    let result = world.backup().await;
    let verified = world
        .run(json!({"operation": "verify", "deep": true}))
        .await;
    world.sim.delete(PRIMARY, "small");
    let restored = world
        .run(json!({"operation": "restore", "all": true, "run": "latest", "hold": false}))
        .await;

    assert_eq!(counts(&result), [2, 2, 0, 0, 0, 0], "{result}");
    assert_eq!(verified["verified"]["equal"], 2, "{verified}");
    assert_eq!(restored["status"], "complete", "{restored}");
    assert_eq!(world.keys(PRIMARY), ["large", "small"]);
    let paid = |call: &s3_sim::Entry| call.header("x-amz-request-payer") == Some("requester");
    for call in world.sim.ledger().entries() {
        let copies = call
            .copy_source()
            .is_some_and(|from| from.starts_with(PRIMARY));
        let is_due = call.bucket == PRIMARY || copies;
        assert_eq!(paid(&call), is_due, "{call:?}");
    }
    assert!(world.sim.ledger().count(Verb::HeadObject) > 0);
    assert_ne!(result["errors"], Value::Null);
}
