//! Objects that are marked as deleted, and those that never are.

use std::time::Duration;

use s3_backup::request;
use s3_sim::{BucketOptions, Effect, Fault, Verb, Versioning};
use serde_json::json;

use super::{
    backed_up, delete, denied, held_json, key, marked, markers, marking, marking_in_pages,
};
use crate::lease;
use crate::world::{BACKUP, PRIMARY, World, assert_adds_up, count, counts};

#[tokio::test]
async fn what_is_gone_is_marked_and_its_versions_stay() {
    let world = marking(3).await;
    world.put(&key(0), "another version");
    world.backup().await;
    let before = world.backup_versions();
    delete(&world, 1);

    let result = world.backup().await;
    let again = world.backup().await;

    assert_eq!(counts(&result), [2, 0, 2, 0, 0, 0]);
    assert_eq!(marked(&result), 1);
    assert_eq!(
        result["message"],
        "Backed up 2 objects: 0 copied, 2 unchanged, 1 marked deleted"
    );
    let expected = json!({"due": 1, "percent": 33.3, "keys": [key(0)], "held": null,
        "confirm": null, "postponed": null, "foreign": 0});
    assert_eq!(result["deletions"], expected);
    assert_eq!(result["requests"], json!({"list": 2, "copy": 0, "head": 2}));
    assert_eq!(world.keys(BACKUP), [key(1), key(2)]);
    let versions = world.sim.versions(BACKUP, &key(0));
    assert_eq!(versions.len(), 3);
    assert!(versions[0].is_delete_marker && world.backup_versions().is_superset(&before));
    assert_eq!((marked(&again), count(&again["deletions"], "due")), (0, 0));
    assert_eq!(markers(&world), 1);
}

#[tokio::test]
async fn without_being_asked_for_nothing_is_marked() {
    let world = backed_up(World::new(), 2).await;
    delete(&world, 1);

    let result = world.backup().await;
    let kept = world.run(json!({"deletions": "keep"})).await;
    let confirmed = world.invoke(json!({"confirm": result["run_id"]})).await;

    assert_eq!(result["deletions"], json!(null));
    assert_eq!(kept["deletions"], json!(null));
    assert_eq!(markers(&world), 0);
    let refused = confirmed.unwrap_err();
    assert_eq!(refused.error_type(), "RequestError");
    assert!(
        refused.to_string().contains("deletions are \"keep\""),
        "{refused}"
    );
}

#[tokio::test]
async fn a_request_may_ask_for_it_too() {
    let world = backed_up(World::new(), 2).await;
    delete(&world, 1);

    let result = world.run(json!({"deletions": "mark"})).await;

    assert_eq!(marked(&result), 1);
}

#[tokio::test]
async fn an_object_that_comes_back_is_copied_again() {
    let world = marking(2).await;
    delete(&world, 1);
    world.backup().await;
    world.put(&key(0), "back");

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 1, 1, 0, 0, 0]);
    world.assert_backed_up();
}

#[tokio::test]
async fn an_object_that_is_there_again_when_it_is_looked_at_is_left_alone() {
    let world = marking(2).await;
    delete(&world, 1);
    let back = Effect::before(|sim| {
        sim.put(PRIMARY, "key 00000", "1");
    });
    world
        .sim
        .fault(Fault::on(Verb::HeadObject).bucket(PRIMARY), back);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 1, 0, 0, 0]);
    assert_eq!(
        (marked(&result), count(&result["deletions"], "due")),
        (0, 1)
    );
    assert_eq!(result["status"], "complete");
    assert_eq!(markers(&world), 0);
}

#[tokio::test]
async fn an_object_that_may_not_be_looked_at_is_an_error_and_not_marked() {
    let world = marking(3).await;
    delete(&world, 2);
    let head = Fault::on(Verb::HeadObject).bucket(PRIMARY).key("key 00000");
    world.sim.fault(head, denied());

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 0, 1, 0, 0, 1]);
    assert_eq!(marked(&result), 1);
    let failure = &result["failures"][0];
    assert_eq!(failure["key"], key(0));
    assert_eq!(failure["operation"], "HeadObject");
    assert_eq!(world.keys(BACKUP), [key(0), key(2)]);
}

#[tokio::test]
async fn an_object_that_may_not_be_marked_is_an_error_that_names_the_permission() {
    let world = marking(2).await;
    delete(&world, 1);
    world.sim.fault(Fault::on(Verb::DeleteObject), denied());

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 0, 1, 0, 0, 1]);
    let failure = &result["failures"][0];
    assert_eq!(failure["key"], key(0));
    assert_eq!(failure["operation"], "DeleteObject");
    let advice = failure["advice"].as_str().unwrap();
    assert!(
        advice.starts_with("grant s3:DeleteObject on the destination"),
        "{advice}"
    );
    assert_eq!(marked(&result), 0);
}

#[tokio::test]
async fn a_marker_whose_answer_was_lost_is_looked_for_and_not_placed_twice() {
    let world = marking(2).await;
    delete(&world, 1);
    let lost = Fault::on(Verb::DeleteObject).nth(1);
    world.sim.fault(lost, Effect::ResetAfterWork);

    let result = world.backup().await;

    assert_eq!((marked(&result), count(&result, "errors")), (1, 0));
    assert_eq!(markers(&world), 1);
    assert_eq!(world.sim.versions(BACKUP, &key(0)).len(), 2);
}

#[tokio::test]
async fn a_marker_that_was_not_placed_is_placed_again() {
    let world = marking(2).await;
    delete(&world, 1);
    let lost = Fault::on(Verb::DeleteObject).nth(1);
    world.sim.fault(lost, Effect::ConnectionReset);

    let result = world.backup().await;

    assert_eq!((marked(&result), count(&result, "errors")), (1, 0));
    assert_eq!(world.keys(BACKUP), [key(1)]);
}

#[tokio::test]
async fn a_success_without_a_marker_is_an_error() {
    let world = marking(3).await;
    delete(&world, 1);
    let success = Effect::status(204, "", "");
    world.sim.fault(Fault::on(Verb::DeleteObject), success);

    let result = world.backup().await;

    assert_eq!((marked(&result), count(&result, "errors") > 0), (0, true));
    assert_eq!(result["failures"][0]["key"], key(0), "{result}");
    assert!(world.keys(BACKUP).contains(&key(0)));
    assert_adds_up(&result);
}

#[tokio::test]
async fn odd_keys_are_marked_too() {
    let world = World::new().with("BACKUP_DELETIONS", "mark");
    let keys = [
        " ", "\n", "a//b", "../x", "a+b", "é", "\u{1}", "😀", "dir/", "%2F",
    ];
    for key in keys {
        world.put(key, "1");
    }
    world.put("stays", "1");
    world.backup().await;
    for key in keys {
        world.sim.delete(PRIMARY, key);
    }

    let result = world.backup().await;

    assert_eq!(
        (marked(&result), count(&result, "errors")),
        (10, 0),
        "{result}"
    );
    assert_eq!(world.keys(BACKUP), ["stays"]);
}

#[tokio::test]
async fn nothing_is_marked_when_a_page_of_either_side_fails() {
    for bucket in [PRIMARY, BACKUP] {
        let world = marking_in_pages(30).await;
        delete(&world, 3);
        // One alone could strike a request that only tries where to cut, and breaks nothing off.
        let page = Fault::on(Verb::ListObjectsV2).bucket(bucket).since(3);
        world.sim.fault(page, denied());

        let result = world.backup().await;

        assert_adds_up(&result);
        assert_eq!((marked(&result), markers(&world)), (0, 0), "{bucket}");
        let why = result["deletions"]["postponed"].as_str().unwrap();
        assert!(why.starts_with("a listing broke off"), "{why}");
        assert_eq!(result["status"], "incomplete");
    }
}

#[tokio::test]
async fn errors_of_copies_do_not_keep_deletions_from_being_marked() {
    let world = marking(3).await;
    delete(&world, 1);
    world.put(&key(1), "changed");
    world.sim.fault(Fault::on(Verb::CopyObject), denied());

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 0, 1, 0, 0, 1]);
    assert_eq!(marked(&result), 1);
}

#[tokio::test]
async fn nothing_is_marked_once_the_lease_is_lost() {
    let world = marking(3).await.with_leases_of(Duration::from_secs(3));
    delete(&world, 1);
    world.put(&key(2), "changed");
    let taken = Effect::before(|sim| {
        sim.put(BACKUP, &lease::key(), lease::lease_of_another());
    });
    world.sim.fault(Fault::on(Verb::CopyObject), taken);
    let slow = Effect::Slow(Duration::from_millis(1500));
    world.sim.fault(Fault::on(Verb::CopyObject), slow);

    let result = world.backup().await;

    assert_eq!(result["status"], "incomplete");
    assert_eq!((marked(&result), markers(&world)), (0, 0));
    assert_eq!(result["failures"][0]["code"], "LeaseLost", "{result}");
}

#[tokio::test]
async fn what_the_filter_does_not_admit_is_neither_counted_nor_marked() {
    let world = World::new().with("BACKUP_DELETIONS", "mark");
    for key in ["a.txt", "b.txt", "c.log", "tmp/d.txt"] {
        world.put(key, "1");
    }
    world.backup().await;
    for key in ["a.txt", "c.log", "tmp/d.txt"] {
        world.sim.delete(PRIMARY, key);
    }
    let world = world
        .with("BACKUP_INCLUDE", "*.txt")
        .with("BACKUP_EXCLUDE", "tmp/*");

    let result = world.backup().await;

    assert_eq!(marked(&result), 1);
    assert_eq!(result["deletions"]["keys"], json!(["a.txt"]));
    assert_eq!(result["deletions"]["percent"], 50.0);
    assert_eq!(world.keys(BACKUP), ["b.txt", "c.log", "tmp/d.txt"]);
}

#[tokio::test]
async fn nothing_outside_of_the_runs_prefix_is_marked() {
    let world = World::new()
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_DESTINATION_PREFIX", "nightly/");
    for key in ["data/a", "data/b", "other/c", "other/d"] {
        world.put(key, "1");
    }
    world.sim.put(BACKUP, "foreign", "1");
    world.sim.put(BACKUP, ".s3-backup/other-job/state", "1");
    world.backup().await;
    for key in ["data/a", "other/c"] {
        world.sim.delete(PRIMARY, key);
    }

    let narrow = world.run(json!({"prefix": "data/"})).await;
    let left = world.keys(BACKUP);
    let whole = world.backup().await;

    assert_eq!((marked(&narrow), marked(&whole)), (1, 1));
    assert_eq!(
        left,
        [
            "foreign",
            "nightly/data/b",
            "nightly/other/c",
            "nightly/other/d"
        ]
    );
    assert_eq!(
        world.keys(BACKUP),
        ["foreign", "nightly/data/b", "nightly/other/d"]
    );
    assert!(
        world
            .sim
            .current(BACKUP, ".s3-backup/other-job/state")
            .is_some()
    );
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_marked_and_marks_nothing() {
    let world = marking(200).await;
    delete(&world, 2);

    let few = world.run(json!({"dry_run": true})).await;
    delete(&world, 150);
    let many = world.run(json!({"dry_run": true})).await;

    assert_eq!(few["status"], "complete");
    assert_eq!(few["deletions"]["due"], 2);
    assert_eq!(few["deletions"]["keys"], json!([key(0), key(1)]));
    assert_eq!(
        few["message"],
        "Dry run over 198 objects: 0 to copy, 198 unchanged; 2 to mark as deleted"
    );
    assert_eq!(many["status"], "complete");
    let message = many["message"].as_str().unwrap();
    assert!(
        message.contains("; 150 deletions would be held: 150 of the 200"),
        "{message}"
    );
    assert_eq!(many["deletions"]["confirm"], json!(null));
    assert_eq!(markers(&world), 0);
    assert!(world.sim.current(BACKUP, &held_json()).is_none());
}

#[tokio::test]
async fn a_plan_tells_what_would_be_marked_and_marks_nothing() {
    let world = marking(3).await;
    delete(&world, 1);

    let plan = world.run(json!({"operation": "plan"})).await;
    let confirming = json!({"operation": "plan", "confirm": plan["run_id"]});

    assert_eq!(plan["status"], "complete");
    assert_eq!(plan["deletions"]["keys"], json!([key(0)]));
    assert_eq!(
        plan["message"],
        "Plan for 2 objects: 0 to copy, 2 unchanged; 1 to mark as deleted"
    );
    assert!(request::parse(&confirming).is_err());
    assert_eq!(markers(&world), 0);
    assert_eq!(world.keys(BACKUP).len(), 3);
}

#[tokio::test]
async fn a_bucket_that_stopped_keeping_versions_is_not_marked() {
    let world = marking(3).await;
    delete(&world, 1);
    let suspend = Effect::before(|sim| sim.set_versioning(BACKUP, Versioning::Suspended));
    world
        .sim
        .fault(Fault::on(Verb::GetBucketVersioning).nth(2), suspend);

    let result = world.backup().await;

    assert_eq!((marked(&result), markers(&world)), (0, 0));
    assert_eq!(result["failures"][0]["code"], "NotVersioned");
    assert_adds_up(&result);
}

#[tokio::test]
async fn a_bucket_that_does_not_tell_whether_it_keeps_versions_is_not_marked() {
    let world = marking(3).await;
    delete(&world, 1);
    let question = Fault::on(Verb::GetBucketVersioning).nth(2);
    world.sim.fault(question, denied());

    let result = world.backup().await;

    assert_eq!((marked(&result), markers(&world)), (0, 0));
    assert_eq!(count(&result, "errors"), 1, "{result}");
    assert_eq!(result["failures"][0]["key"], key(0));
    assert_eq!(result["failures"][0]["operation"], "GetBucketVersioning");
}

#[tokio::test]
async fn a_bucket_is_asked_again_before_a_marker_that_was_refused_is_repeated() {
    let world = marking(3).await;
    delete(&world, 1);
    let first = || Fault::on(Verb::DeleteObject).nth(1);
    let suspend = Effect::before(|sim| sim.set_versioning(BACKUP, Versioning::Suspended));
    world.sim.fault(first(), suspend);
    let refused = Effect::status(412, "PreconditionFailed", "another one");
    world.sim.fault(first(), refused);

    let result = world.backup().await;

    assert_eq!((marked(&result), markers(&world)), (0, 1));
    assert_eq!(result["failures"][0]["code"], "NotVersioned");
    assert!(world.keys(BACKUP).contains(&key(0)));
}

/// A server that refuses a condition twice although it is met does not know it: the third marker goes without.
#[tokio::test]
async fn a_marker_that_is_refused_wrongly_goes_without_its_condition_the_third_time() {
    let world = marking(3).await;
    delete(&world, 1);
    world.sim.ledger().clear();
    let refused = Effect::status(412, "PreconditionFailed", "another one");
    world
        .sim
        .fault(Fault::on(Verb::DeleteObject).first(2), refused);

    let result = world.backup().await;

    assert_eq!((marked(&result), markers(&world)), (1, 3), "{result}");
    let asked = world.sim.ledger().of(Verb::DeleteObject);
    let conditions = asked.iter().map(|call| call.header("if-match").is_some());
    assert_eq!(conditions.collect::<Vec<_>>(), [true, true, false]);
}

#[tokio::test]
async fn a_marker_that_finds_nothing_although_the_backup_is_there_is_tried_four_times() {
    let world = marking(3).await;
    delete(&world, 1);
    world.sim.ledger().clear();
    let gone = Effect::status(404, "NoSuchKey", "The specified key does not exist.");
    world.sim.fault(Fault::on(Verb::DeleteObject), gone);

    let result = world.backup().await;

    assert_eq!((marked(&result), markers(&world)), (0, 4), "{result}");
    assert_eq!(result["failures"][0]["key"], json!(key(0)), "{result}");
    assert_eq!(result["failures"][0]["operation"], "DeleteObject");
}

#[tokio::test]
async fn a_new_bucket_without_backups_has_nothing_to_mark() {
    let world = World::new().with("BACKUP_DELETIONS", "mark");
    world.put("a", "1");
    world
        .sim
        .create_bucket_with("plain", BucketOptions::default());

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    assert_eq!(result["deletions"]["percent"], 0.0);
    assert_eq!(markers(&world), 0);
}
