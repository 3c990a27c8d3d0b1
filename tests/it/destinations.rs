//! Several destinations: what is wrong with one of them is an error of that one, and the others are
//! backed up.

use std::time::Duration;

use s3_sim::{BucketOptions, Effect, Fault, Grant, Verb, Versioning};
use serde_json::{Value, json};

use crate::lease;
use crate::resume::within;
use crate::world::{BACKUP, PRIMARY, World, assert_adds_up, count, counts};

const SECOND: &str = "second";

fn denied() -> Effect {
    Effect::status(403, "AccessDenied", "Access Denied")
}

/// A world with two destinations, and three objects in the source.
fn world() -> World {
    let world = World::new()
        .with_bucket(SECOND)
        .with("DESTINATION_BUCKET", "backup,second");
    for key in ["a", "b", "c"] {
        world.put(key, key);
    }
    world
}

/// The failure of the second destination, in which nothing was backed up, while the first has it all.
fn assert_second_alone_failed(result: &Value) -> &Value {
    assert_adds_up(result);
    assert_eq!(result["status"], "incomplete", "{result}");
    let [first, second] = [0, 1].map(|number| &result["destinations"][number]);
    assert_eq!((count(first, "errors"), count(second, "errors")), (0, 1));
    assert_eq!(count(first, "objects_found"), 3);
    assert_eq!(count(second, "objects_copied"), 0);
    assert_eq!(result["failures"].as_array().unwrap().len(), 1);
    let failure = &result["failures"][0];
    assert_eq!(failure["destination"], SECOND);
    assert!(failure["advice"].is_string());
    let message = result["message"].as_str().unwrap();
    assert!(
        message.contains("bucket second could not be used"),
        "{message}"
    );
    failure
}

#[tokio::test]
async fn one_that_is_out_of_order_does_not_keep_the_others_without_a_backup() {
    let cases = [
        (Verb::HeadBucket, "HeadBucket"),
        (Verb::GetBucketVersioning, "GetBucketVersioning"),
        (Verb::PutObject, "PutObject"),
        (Verb::ListObjectsV2, "ListObjectsV2"),
    ];
    for (verb, operation) in cases {
        let world = world();
        world.sim.fault(Fault::on(verb).bucket(SECOND), denied());

        let first = world.backup().await;
        let second = world.backup().await;
        world.sim.clear_faults();
        let healed = world.backup().await;

        for (result, copied) in [(&first, 3), (&second, 0)] {
            let failure = assert_second_alone_failed(result);
            assert_eq!(failure["operation"], operation);
            assert!(failure["code"].is_string() || verb == Verb::HeadBucket);
            assert_eq!(count(result, "objects_copied"), copied, "{operation}");
            assert_eq!(result["cursor"], Value::Null, "the next run looks at all");
            assert!(result["destinations"][0]["snapshot"]["key"].is_string());
            assert_eq!(result["destinations"][1]["snapshot"], Value::Null);
        }
        assert_eq!(counts(&healed), [6, 3, 3, 0, 0, 0], "{operation}");
        assert_eq!(world.keys(SECOND), world.keys(PRIMARY));
    }
}

#[tokio::test]
async fn one_that_would_lose_copies_is_left_out() {
    let cases = [
        (Versioning::Off, "is not versioned"),
        (Versioning::Suspended, "has its versioning suspended"),
    ];
    for (versioning, problem) in cases {
        let world = world();
        world.sim.delete_bucket(SECOND);
        let options = BucketOptions {
            versioning,
            ..BucketOptions::default()
        };
        world.sim.create_bucket_with(SECOND, options);

        let result = world.backup().await;

        let failure = assert_second_alone_failed(&result);
        assert_eq!(failure["code"], "NotVersioned");
        let message = failure["message"].as_str().unwrap();
        assert!(message.contains(problem), "{message}");
        assert_eq!(world.sim.keys(SECOND), [""; 0]);
    }
}

#[tokio::test]
async fn the_first_one_is_no_better_than_the_second() {
    let world = world().with("DESTINATION_BUCKET", "nowhere,primary,backup");

    let result = world.backup().await;

    assert_eq!(counts(&result), [5, 3, 0, 0, 0, 2]);
    world.assert_backed_up();
    let codes = [0, 1].map(|number| &result["failures"][number]["code"]);
    assert_eq!(codes, ["NotFound", "SourceIsDestination"]);
    assert_eq!(world.keys(PRIMARY), ["a", "b", "c"]);
}

#[tokio::test]
async fn one_whose_lease_another_run_has_is_left_to_it() {
    let world = world();
    world
        .sim
        .put(SECOND, &lease::key(), lease::lease_of_another());

    let result = world.backup().await;
    world.let_leases_end();
    let after = world.backup().await;

    let failure = assert_second_alone_failed(&result);
    assert_eq!(failure["code"], "AlreadyRunning");
    let message = failure["message"].as_str().unwrap();
    let other = "run 2026-11-21T02-00-00Z-beef (function other) has held";
    assert!(message.starts_with(other), "{message}");
    assert_eq!(counts(&after), [6, 3, 3, 0, 0, 0]);
}

#[tokio::test]
async fn if_none_is_left_the_run_does_not_start() {
    let held = |world: &World, bucket: &str| {
        world
            .sim
            .put(bucket, &lease::key(), lease::lease_of_another());
    };
    let all_held = world();
    held(&all_held, BACKUP);
    held(&all_held, SECOND);
    let one_held = world();
    held(&one_held, BACKUP);
    let versioning = Fault::on(Verb::GetBucketVersioning).bucket(SECOND);
    one_held.sim.fault(versioning, denied());
    let none_listed = world();
    for bucket in [BACKUP, SECOND] {
        let listing = Fault::on(Verb::ListObjectsV2).bucket(bucket);
        none_listed.sim.fault(listing, denied());
    }
    let cases = [
        (all_held, "AlreadyRunning", "bucket second"),
        (one_held, "DestinationError", "beef (function other)"),
        (none_listed, "DestinationError", "cannot list bucket second"),
    ];

    for (world, error_type, part) in cases {
        let error = world.invoke(json!({})).await.unwrap_err();

        let message = error.to_string();
        assert_eq!(error.error_type(), error_type, "{message}");
        assert!(message.contains(part), "{part:?} is missing in {message}");
        assert_eq!(world.keys(BACKUP), [""; 0]);
    }
}

#[tokio::test]
async fn the_source_is_one_for_all_and_stops_all() {
    let world = world();
    // The first page is listed once for each destination.
    let second_pass = Fault::on(Verb::ListObjectsV2).bucket(PRIMARY).nth(2);
    world.sim.fault(second_pass, denied());

    let error = world.invoke(json!({})).await.unwrap_err();

    assert_eq!(error.error_type(), "SourceError");
    assert_eq!(world.keys(BACKUP), [""; 0]);
}

#[tokio::test]
async fn a_plan_and_a_verification_go_on_without_it_too() {
    let world = world();
    world.backup().await;
    world.put("d", "new");
    let versioning = Fault::on(Verb::GetBucketVersioning).bucket(SECOND);
    world.sim.fault(versioning, denied());

    let plan = world.run(json!({"operation": "plan"})).await;
    let dry = world.run(json!({"dry_run": true})).await;
    let verified = world.run(json!({"operation": "verify"})).await;

    assert_eq!(plan["plan"]["objects_to_copy"], 1, "{plan}");
    assert_eq!(count(&dry, "objects_to_copy"), 1);
    assert_eq!(verified["verified"]["equal"], 3);
    assert_eq!(verified["verified"]["missing"], 1);
    for result in [plan, dry, verified] {
        assert_eq!(result["status"], "incomplete");
        assert_eq!(count(&result["destinations"][1], "errors"), 1);
    }
}

/// Stops a run of both before it has copied anything; its cursor.
async fn stopped(world: &World, verb: Verb) -> Value {
    world.sim.fault(Fault::on(verb), Effect::Stall);
    let result = within(world, Duration::from_secs(2), &json!({})).await;
    world.sim.clear_faults();
    assert_eq!(
        result["cursor"]["states"].as_array().unwrap().len(),
        2,
        "{result}"
    );
    result["cursor"].clone()
}

#[tokio::test]
async fn a_continued_one_that_cannot_be_used_stays_in_the_cursor() {
    let world = world();
    let cursor = stopped(&world, Verb::CopyObject).await;
    let request = |cursor: &Value| json!({"operation": "continue", "cursor": cursor});
    let versioning = Fault::on(Verb::GetBucketVersioning).bucket(SECOND);
    world.sim.fault(versioning, denied());

    let without = world.run(request(&cursor)).await;
    let again = world.run(request(&cursor)).await;
    world.sim.clear_faults();
    let with = world.run(request(&without["cursor"])).await;

    assert_eq!(without["status"], "incomplete");
    let left = &without["cursor"]["states"];
    assert_eq!(left[1], cursor["states"][1], "it was not used: {left}");
    let message = without["message"].as_str().unwrap();
    let end = "; bucket second could not be used; the cursor continues what is left";
    assert!(message.ends_with(end), "{message}");
    assert_eq!(again["cursor"], without["cursor"], "{again}");
    assert_eq!(with["status"], "complete");
    assert_eq!(world.keys(BACKUP), ["a", "b", "c"]);
    assert_eq!(world.keys(SECOND), ["a", "b", "c"]);
    let snapshots = [&without["destinations"][0], &with["destinations"][1]];
    assert!(
        snapshots
            .iter()
            .all(|row| row["snapshot"]["key"].is_string()),
        "{without} {with}"
    );
}

#[tokio::test]
async fn nothing_is_marked_while_one_of_them_cannot_be_used() {
    let world = world().with("BACKUP_DELETIONS", "mark");
    world.backup().await;
    world.sim.delete(PRIMARY, "a");
    let listing = Fault::on(Verb::ListObjectsV2).bucket(SECOND);
    world.sim.fault(listing, denied());

    let without = world.backup().await;
    world.sim.clear_faults();
    let with = world.backup().await;

    assert_eq!(count(&without, "objects_marked_deleted"), 0);
    let why = without["deletions"]["postponed"].as_str().unwrap();
    assert!(why.starts_with("a destination could not be used"), "{why}");
    assert_eq!(count(&with, "objects_marked_deleted"), 2);
}

#[tokio::test]
async fn what_was_agreed_for_one_that_cannot_be_used_is_still_agreed() {
    let world = world().with("BACKUP_DELETIONS", "mark");
    world.backup().await;
    world.sim.delete(PRIMARY, "a");
    let cursor = stopped(&world, Verb::HeadObject).await;
    assert_eq!(cursor["stage"], "mark");
    let request = |cursor: &Value| json!({"operation": "continue", "cursor": cursor});
    let versioning = Fault::on(Verb::GetBucketVersioning).bucket(SECOND);
    world.sim.fault(versioning, denied());

    let without = world.run(request(&cursor)).await;
    world.sim.clear_faults();
    let with = world.run(request(&without["cursor"])).await;

    assert_eq!(count(&without, "objects_marked_deleted"), 1, "{without}");
    assert_eq!(count(&without, "errors"), 1);
    assert_eq!(count(&with, "objects_marked_deleted"), 1, "{with}");
    assert_eq!(world.keys(SECOND), ["b", "c"]);
}

#[tokio::test]
async fn one_that_never_answers_does_not_keep_the_others_waiting() {
    for verb in [Verb::HeadBucket, Verb::GetBucketVersioning] {
        let world = world().persistent().impatient();
        world
            .sim
            .fault(Fault::on(verb).bucket(SECOND), Effect::Stall);

        let result = world.run(json!({})).await;

        let failure = assert_second_alone_failed(&result);
        let message = failure["message"].as_str().unwrap();
        assert!(message.contains("no answer within 2 s"), "{message}");
        // Ten attempts of a second each would have been made.
        let asked = world.sim.ledger().of(verb).into_iter();
        let asked = asked.filter(|call| call.bucket == SECOND).count();
        assert!(asked <= 2, "{verb:?} was asked for {asked} times");
        assert_eq!(world.keys(BACKUP), ["a", "b", "c"]);
    }
}

#[tokio::test]
async fn errors_at_the_second_alone_make_a_run_incomplete_and_totals_add_up() {
    let world = world();
    let copies = Fault::on(Verb::CopyObject).bucket(SECOND).first(2);
    world.sim.fault(copies, denied());

    let result = world.backup().await;

    assert_eq!(result["status"], "incomplete");
    assert_eq!(result["statusCode"], 500);
    assert_eq!(counts(&result), [6, 4, 0, 0, 0, 2]);
    assert_eq!(count(&result, "bytes_found"), 6);
    assert_eq!(count(&result, "bytes_copied"), 4);
    let each = [0, 1].map(|number| {
        let row = &result["destinations"][number];
        (count(row, "objects_copied"), count(row, "errors"))
    });
    assert_eq!(each, [(3, 0), (1, 2)]);
}

/// A second destination as another account has it: bucket, region and key are its own.
fn across_accounts() -> World {
    let world = world()
        .with(
            "BACKUP_EXPECTED_OWNER",
            "backup=111122223333,second=444455556666",
        )
        .with(
            "BACKUP_KMS_KEY_ID",
            "second=arn:aws:kms:eu-south-1:444455556666:key/k2",
        );
    world.sim.change_options(SECOND, |options| {
        "444455556666".clone_into(&mut options.owner);
        "eu-south-1".clone_into(&mut options.region);
    });
    world
}

#[tokio::test]
async fn one_in_another_account_that_is_out_of_order_is_named_and_the_other_is_complete() {
    let unversioned: fn(&World) = |world| world.sim.set_versioning(SECOND, Versioning::Off);
    let foreign: fn(&World) = |world| {
        world.sim.change_options(SECOND, |options| {
            "999988887777".clone_into(&mut options.owner);
        });
    };
    let disabled: fn(&World) = |world| {
        let disable = |options: &mut BucketOptions| options.region_is_enabled = false;
        world.sim.change_options(SECOND, disable);
    };
    let denied_key: fn(&World) = |world| world.sim.deny(Grant::from("kms:GenerateDataKey"));
    let gone: fn(&World) = |world| world.sim.delete_bucket(SECOND);
    let cases = [
        ("unversioned", unversioned, "enable versioning"),
        ("foreign", foreign, "owner"),
        ("disabled region", disabled, ""),
        ("denied key", denied_key, "kms:GenerateDataKey"),
        ("gone", gone, "create the bucket second"),
    ];
    for (name, breaks, advice) in cases {
        let world = across_accounts();
        breaks(&world);

        let result = world.backup().await;

        let failure = assert_second_alone_failed(&result);
        let told = failure["advice"].as_str().unwrap();
        assert!(told.contains(advice), "{name}: {told}");
        assert_eq!(result["destinations"][0]["objects_copied"], 3, "{name}");
        assert_eq!(world.keys(BACKUP), world.keys(PRIMARY), "{name}");
    }
    let healthy = across_accounts();
    assert_eq!(counts(&healthy.backup().await), [6, 6, 0, 0, 0, 0]);
}
