//! What a repair writes, and what it says of it.

use std::time::Duration;

use s3_sim::{Content, Effect, Fault, Put, Verb};
use serde_json::{Value, json};

use super::{KEY, deep, found, kms, listed, objects, repair, tamper, verdicts, with_redirect};
use crate::lease;
use crate::world::{BACKUP, World, count};

#[tokio::test]
async fn what_was_repaired_under_kms_is_another_copy_until_the_next_run_records_it() {
    let world = World::new().with("BACKUP_KMS_KEY_ID", KEY);
    world.put("k", "right");
    world.backup().await;
    tamper(&world, "k", Put::new("wrong").encryption(kms()));

    let repaired = repair(&world).await;
    world.sim.clock().advance(Duration::from_hours(2));
    let by_listing = listed(&world).await;
    let by_look = deep(&world).await;
    world.backup().await;
    let recorded = listed(&world).await;

    assert_eq!(verdicts(&repaired), [0, 1, 0, 0, 0, 1]);
    assert_eq!(repaired["destinations"][0]["snapshot"], Value::Null);
    assert_eq!(objects(&by_listing)["k"], found("different", "etag"));
    assert_eq!(verdicts(&by_look), [1, 0, 0, 0, 0, 0]);
    assert_eq!(verdicts(&recorded), [1, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_large_object_with_hidden_metadata_keeps_its_redirect() {
    let world = World::new().with("BACKUP_MULTIPART_THRESHOLD", "5 MiB");
    let object = || with_redirect(Content::generated(1, 6 * 1024 * 1024)).meta("hidden", "a\u{7}b");
    world.put_object("k", object());
    world.put_object("wrong", object());
    world.backup().await;
    let backup = Put::new(Content::generated(1, 6 * 1024 * 1024)).meta("hidden", "a\u{7}b");
    world.sim.put_object(BACKUP, "wrong", backup);

    let request = json!({"operation": "verify", "deep": true, "repair": true});
    let result = world.run(request).await;

    assert_eq!(result["verified"]["repaired"], 1, "{result}");
    for key in ["k", "wrong"] {
        let backup = world.backup_of(key);
        assert_eq!(backup.headers.website_redirect.as_deref(), Some("/there"));
    }
}

#[tokio::test]
async fn a_repair_that_leaves_a_difference_is_an_error_and_no_repair() {
    let world = World::new();
    world.put_object("k", Put::new("1").tag("a", "b"));
    world.put_object("l", Put::new("1").tag("a", "b"));
    world.backup().await;
    world.sim.set_tags(BACKUP, "k", &[]);
    world.sim.set_tags(BACKUP, "l", &[]);
    // The copy does not bring the tag along, or somebody takes it away at once.
    let again = Effect::after(|sim| sim.set_tags(BACKUP, "k", &[("a", "other")]));
    world.sim.fault(Fault::on(Verb::CopyObject).key("k"), again);

    let request = json!({"operation": "verify", "deep": true, "repair": true});
    let result = world.run(request).await;

    assert_eq!(result["verified"]["repaired"], 1, "{result}");
    assert_eq!(count(&result, "errors"), 1);
    let failure = &result["failures"][0];
    assert_eq!(
        (&failure["key"], &failure["code"]),
        (&json!("k"), &json!("StillDifferent"))
    );
    assert_eq!(result["status"], "incomplete");
}

#[tokio::test]
async fn what_is_repaired_is_clean_afterwards_and_no_version_is_lost() {
    let world = World::new();
    let whole = || Put::new("right").meta("v", "1").tag("a", "b");
    for key in ["content", "fine", "lost", "metadata", "tags"] {
        world.put_object(key, whole());
    }
    world.backup().await;
    tamper(&world, "content", Put::new("wrong"));
    tamper(&world, "metadata", whole().meta("v", "2"));
    world.sim.set_tags(BACKUP, "tags", &[]);
    world.sim.delete(BACKUP, "lost");
    let before = world.backup_versions();

    let repaired = repair(&world).await;
    world.sim.clock().advance(Duration::from_hours(2));
    let again = deep(&world).await;

    assert_eq!(verdicts(&repaired), [1, 3, 1, 0, 0, 4]);
    assert_eq!(repaired["status"], "complete");
    assert_eq!(count(&repaired, "bytes_copied"), 20);
    assert_eq!(
        repaired["message"],
        "Verified 5 objects: 1 equal, 3 different, 1 missing, 4 repaired"
    );
    assert_eq!(verdicts(&again), [5, 0, 0, 0, 0, 0]);
    world.assert_backed_up();
    let after = world.backup_versions();
    assert!(before.is_subset(&after) && after.len() == before.len() + 4);
}

#[tokio::test]
async fn a_repair_that_fails_is_an_error_and_not_a_success() {
    let world = World::new();
    world.put("lost", "1");
    world.put_object("archived", Put::new("1").storage_class("GLACIER"));
    world.put("fine", "1");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).key("lost"), denied);

    let result = repair(&world).await;

    assert_eq!(verdicts(&result), [0, 0, 1, 0, 0, 1]);
    assert_eq!(count(&result, "errors"), 2);
    let codes: Vec<_> = result["failures"].as_array().unwrap().iter().collect();
    assert!(
        codes
            .iter()
            .any(|failure| failure["code"] == "InvalidObjectState")
    );
    assert!(
        codes
            .iter()
            .any(|failure| failure["code"] == "AccessDenied")
    );
}

#[tokio::test]
async fn only_a_repair_waits_for_other_runs() {
    let world = World::new();
    world.put("k", "1");
    world
        .sim
        .put(BACKUP, &lease::key(), lease::lease_of_another());

    let looked = listed(&world).await;
    let asked = json!({"operation": "verify", "repair": true});
    let refused = world.invoke(asked).await.unwrap_err();

    assert_eq!(verdicts(&looked), [0, 0, 1, 0, 0, 0]);
    assert_eq!(refused.error_type(), "AlreadyRunning");
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 0);
}
