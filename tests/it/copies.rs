//! What one copy is: what travels with it, and what is believed of it.

use std::time::Duration;

use s3_sim::{Content, Effect, Encryption, Fault, Put, Verb};
use serde_json::Value;

use crate::world::{BACKUP, PRIMARY, World, count, counts};

#[tokio::test]
async fn metadata_headers_and_tags_travel() {
    let world = World::new();
    let put = Put::new("body")
        .content_type("text/csv")
        .meta("owner", "finance")
        .tag("team", "a b")
        .tag("cost", "1+1");
    world.put_object("k", put);

    world.backup().await;

    world.assert_backed_up();
    assert_eq!(
        world.backup_of("k").headers.content_type.as_deref(),
        Some("text/csv")
    );
    assert_eq!(world.backup_of("k").tags.len(), 2);
}

#[tokio::test]
async fn a_small_copy_is_one_request_bound_to_the_listed_etag() {
    let world = World::new();
    world.put("k", "body");
    let etag = world.sim.current(PRIMARY, "k").unwrap().etag;

    let result = world.backup().await;

    assert_eq!(
        result["requests"],
        serde_json::json!({"list": 2, "copy": 1, "head": 0})
    );
    let copies = world.sim.ledger().of(Verb::CopyObject);
    let bound = copies[0].header("x-amz-copy-source-if-match").unwrap();
    assert_eq!(bound.trim_matches('"'), etag);
}

#[tokio::test]
async fn copies_go_to_the_class_that_is_asked_for() {
    let classes = [
        ("", "STANDARD"),
        ("GLACIER_IR", "GLACIER_IR"),
        ("source", "STANDARD_IA"),
    ];
    for (asked, class) in classes {
        let world = World::new().with("BACKUP_STORAGE_CLASS", asked);
        world.put_object("k", Put::new("body").storage_class("STANDARD_IA"));

        world.backup().await;

        assert_eq!(world.backup_of("k").storage_class, class, "{asked:?}");
    }
}

#[tokio::test]
async fn copies_are_encrypted_with_the_key_that_is_asked_for() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/k1";
    let world = World::new().with("BACKUP_KMS_KEY_ID", key);
    world.put("k", "body");

    world.backup().await;

    let Encryption::Kms { key: used, .. } = world.backup_of("k").encryption else {
        panic!(
            "not encrypted with KMS: {:?}",
            world.backup_of("k").encryption
        );
    };
    assert_eq!(used, key);
}

#[tokio::test]
async fn an_object_overwritten_since_it_was_listed_is_copied_as_it_is_now() {
    let world = World::new();
    world.put("k", "listed");
    let overwrite = Effect::before(|sim| {
        sim.put(PRIMARY, "k", "overwritten");
    });
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).nth(1), overwrite);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    assert_eq!(count(&result, "bytes_copied"), 11);
    world.assert_backed_up();
}

#[tokio::test]
async fn an_object_that_keeps_changing_is_an_error() {
    let world = World::new();
    world.put("k", "listed");
    let change = std::sync::atomic::AtomicU64::new(0);
    let overwrite = Effect::before(move |sim| {
        let n = change.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        sim.put(PRIMARY, "k", format!("change {n}").as_str());
    });
    world.sim.fault(Fault::on(Verb::CopyObject), overwrite);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 0, 0, 0, 1]);
    assert_eq!(result["failures"][0]["code"], "PreconditionFailed");
    assert!(world.keys(BACKUP).is_empty());
}

#[tokio::test]
async fn what_is_not_found_has_vanished_only_if_a_second_look_finds_none() {
    for verb in [
        Verb::CopyObject,
        Verb::UploadPartCopy,
        Verb::GetObjectTagging,
    ] {
        let world = World::new().with("BACKUP_MULTIPART_THRESHOLD", "5 MiB");
        world.put_object(
            "k",
            match verb {
                Verb::CopyObject => Put::new("1"),
                _ => Put::new(Content::generated(1, 6 * 1024 * 1024)).content_type("a/b"),
            },
        );
        let missing = Effect::status(404, "NoSuchKey", "The specified key does not exist.");
        let struck = world.sim.fault(Fault::on(verb).nth(1), missing);

        let result = world.backup().await;

        assert_eq!(struck.count(), 1);
        assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0], "{verb:?}: {result}");
        assert!(world.is_backed_up("k"), "{verb:?}");
    }
}

#[tokio::test]
async fn an_object_deleted_since_it_was_listed_has_vanished() {
    let world = World::new();
    world.put("k", "1");
    world.put("l", "2");
    let delete = Effect::before(|sim| {
        sim.delete(PRIMARY, "k");
    });
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).key("k"), delete);

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 1, 0, 0, 1, 0]);
    assert_eq!(result["status"], "complete");
}

#[tokio::test]
async fn an_archived_object_without_a_backup_is_an_error_that_says_what_to_do() {
    let world = World::new();
    world.put_object("old", Put::new("1").storage_class("GLACIER"));
    world.put_object("thawed", Put::new("2").storage_class("GLACIER").restored());

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 1, 0, 0, 0, 1]);
    let failure = &result["failures"][0];
    assert_eq!(failure["key"], "old");
    assert_eq!(failure["code"], "InvalidObjectState");
    assert!(
        text(failure, "advice").contains("s3:RestoreObject"),
        "{failure}"
    );
}

#[tokio::test]
async fn an_archived_object_with_a_current_backup_is_skipped() {
    let world = World::new();
    world.put("k", "1");
    world.backup().await;
    let listed = world.sim.current(PRIMARY, "k").unwrap().last_modified;
    // As lifecycle does it: class changes, date and ETag stay.
    world.put_object(
        "k",
        Put::new("1").storage_class("DEEP_ARCHIVE").modified(listed),
    );

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 0, 1, 0, 0]);
}

#[tokio::test]
async fn an_object_with_a_customers_key_is_an_error_with_advice() {
    let world = World::new();
    world.put_object("k", Put::new("1").encryption(Encryption::SseC));

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 0, 0, 0, 1]);
    assert!(
        text(&result["failures"][0], "advice").contains("SSE-C"),
        "{result}"
    );
}

#[tokio::test]
async fn a_denied_tag_is_the_error_of_its_object_and_names_the_action() {
    let world = World::new();
    world.put_object("tagged", Put::new("1").tag("a", "b"));
    world.put("untagged", "2");
    world.sim.deny("s3:GetObjectTagging");

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 1, 0, 0, 0, 1]);
    let failure = &result["failures"][0];
    assert_eq!(failure["key"], "tagged");
    assert!(
        text(failure, "advice").starts_with("grant s3:GetObjectTagging to"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_copy_whose_answer_was_lost_is_looked_at_and_not_made_twice() {
    let world = World::new();
    world.put("k", "body");
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).nth(1), Effect::ResetAfterWork);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    assert_eq!(world.sim.versions(BACKUP, "k").len(), 1);
    assert_eq!(result["requests"]["head"], 1);
}

#[tokio::test]
async fn a_copy_whose_reply_was_cut_is_not_believed_but_looked_at() {
    let world = World::new();
    world.put("k", "body");
    // Past the ETag: all but the closing tag is there.
    let cut = Effect::CutBodyFraction(0.97);
    world.sim.fault(Fault::on(Verb::CopyObject).nth(1), cut);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    assert_eq!(result["requests"]["head"], 1);
    assert_eq!(world.sim.versions(BACKUP, "k").len(), 1);
}

#[tokio::test]
async fn an_older_equal_backup_does_not_prove_a_copy_whose_answer_was_lost() {
    let world = World::new();
    world.put_object("k", Put::new("same").meta("v", "1"));
    world.backup().await;
    world.put_object("k", Put::new("same").meta("v", "2"));
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).nth(1), Effect::ConnectionReset);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    world.assert_backed_up();
}

#[tokio::test]
async fn a_storm_of_503_loses_nothing() {
    let world = World::new();
    for n in 0..200 {
        world.put(&n.to_string(), "1");
    }
    let storm = Fault::on(Verb::CopyObject).probability(0.4, 7);
    world.sim.fault(storm, Effect::SlowDown);

    let result = tokio::time::timeout(Duration::from_mins(1), world.backup())
        .await
        .unwrap();

    // Four attempts at a chance of 0.4 leave one in forty to the next run.
    assert_eq!(count(&result, "objects_copied"), world.equal());
    assert!(count(&result, "objects_copied") > 150, "{result}");
    counts(&result);
}

#[tokio::test]
async fn two_writers_that_meet_are_tried_again() {
    let world = World::new();
    world.put("k", "1");
    let conflict = Effect::status(
        409,
        "OperationAborted",
        "A conflicting operation is in progress",
    );
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).first(2), conflict);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
}

fn text<'a>(failure: &'a Value, field: &str) -> &'a str {
    failure[field].as_str().unwrap()
}
