//! What cannot be done is refused with what is wrong and what can be done, and nothing is written.

use std::time::Duration;

use s3_backup::app::AppError;
use serde_json::{Value, json};

use super::{asking, id, refusal, restore, versions, world};
use crate::world::{BACKUP, PRIMARY, World, count};

async fn backed_up() -> World {
    let world = world();
    world.put("a", "1");
    world.backup().await;
    world.put("a", "2");
    world
}

async fn error(world: &World, fields: Value) -> (String, String) {
    let error: AppError = world.invoke(asking(fields)).await.unwrap_err();
    (error.error_type().to_owned(), error.to_string())
}

#[tokio::test]
async fn requests_that_say_too_little_or_too_much_are_refused() {
    let world = backed_up().await;
    let live = versions(&world, PRIMARY);
    let cases = [
        (
            json!({"all": true}),
            "RequestError",
            "a restore has to say as of when",
        ),
        (
            json!({"run": "latest"}),
            "RequestError",
            "a restore has to say which objects",
        ),
        (
            json!({"all": true, "keys": ["a"], "run": "latest"}),
            "RequestError",
            "fields all, keys exclude each other",
        ),
        (
            json!({"keys": ["a"], "run": "latest", "to": "s3://primary/x/", "strip_prefix": "b"}),
            "RequestError",
            "field \"strip_prefix\" needs \"keys\" or a \"prefix\" that begin with it",
        ),
        (
            json!({"all": true, "run": "2001"}),
            "RequestError",
            "no snapshot of run 2001",
        ),
        (
            json!({"all": true, "run": "a/b"}),
            "RequestError",
            "field \"run\" is \"a/b\"",
        ),
        (
            json!({"all": true, "at": "yesterday"}),
            "RequestError",
            "field \"at\" is \"yesterday\"; allowed: a time like",
        ),
        (
            json!({"all": true, "at": "06-17-2016"}),
            "RequestError",
            "field \"at\" is \"06-17-2016\"; allowed: a time like",
        ),
        (
            json!({"all": true, "run": "latest", "to": "s3://backup/x"}),
            "DestinationError",
            "cannot use the destination: bucket backup is the backup itself",
        ),
        (
            json!({"all": true, "run": "latest", "to": "s3://nowhere/"}),
            "DestinationError",
            "cannot use the destination: ",
        ),
        (
            json!({"confirm": "2026-x"}),
            "RequestError",
            "there is no restore 2026-x",
        ),
        (
            json!({"continue": "2026-x"}),
            "RequestError",
            "there is no restore 2026-x",
        ),
        (
            json!({"undo": "2026-x"}),
            "RequestError",
            "there is no restore 2026-x",
        ),
        (
            json!({"all": true, "run": "latest", "tier": "fast"}),
            "RequestError",
            "field \"tier\" is \"fast\"; allowed: expedited, standard, bulk",
        ),
        (
            json!({"all": true, "run": "latest", "versions": true}),
            "RequestError",
            "field \"versions\" needs \"at\"",
        ),
        (
            json!({"all": true, "at": "2999-01-01", "versions": true}),
            "RequestError",
            "2999-01-01T00:00:00Z is in the future",
        ),
        (
            json!({"all": true, "run": "latest", "strange": true}),
            "RequestError",
            "unknown field \"strange\"",
        ),
    ];

    for (fields, kind, begin) in cases {
        let (told, message) = error(&world, fields.clone()).await;

        assert_eq!(told, kind, "{fields}: {message}");
        assert!(message.starts_with(begin), "{fields}: {message}");
    }
    assert_eq!(versions(&world, PRIMARY), live);
}

#[tokio::test]
async fn an_id_that_two_runs_begin_with_names_both_and_an_unknown_one_the_nearest() {
    let world = backed_up().await;
    world.backup().await;
    let told = restore(
        &world,
        json!({"all": true, "run": "latest", "dry_run": true}),
    )
    .await;
    let run = told["restore"]["point"]["run"].as_str().unwrap();

    let both = refusal(&world, json!({"all": true, "run": &run[..4]})).await;
    let unknown = refusal(&world, json!({"all": true, "run": "2001-01-01"})).await;

    let begin = format!("run {} could be ", &run[..4]);
    assert!(both.starts_with(&begin) && both.contains(run), "{both}");
    assert!(both.matches(&run[..10]).count() >= 2, "{both}");
    assert!(unknown.contains("; the nearest is "), "{unknown}");
}

#[tokio::test]
async fn a_version_of_a_marker_and_an_unknown_one_are_named_and_nothing_is_copied() {
    let world = backed_up().await;
    world.sim.delete(BACKUP, "a");
    let marker = world.sim.versions(BACKUP, "a").into_iter();
    let marker = marker.filter(|version| version.is_delete_marker);
    let marker = marker.last().unwrap().version_id;
    let live = versions(&world, PRIMARY);

    for (version, told) in [
        (
            marker.as_str(),
            "is a delete marker: the object was gone then",
        ),
        ("nothing-like-it", "Invalid version id"),
    ] {
        let result = restore(&world, json!({"keys": ["a"], "version_id": version})).await;

        let failure = &result["failures"][0];
        assert_eq!(failure["key"], "a", "{result}");
        assert!(
            failure["message"].as_str().unwrap().contains(told),
            "{result}"
        );
        assert_eq!(count(&result, "errors"), 1, "{result}");
    }
    assert_eq!(versions(&world, PRIMARY), live);
}

#[tokio::test]
async fn a_target_of_another_owner_or_that_cannot_be_read_is_refused() {
    let world = backed_up().await;
    let live = versions(&world, PRIMARY);
    let world = world.with("BACKUP_SOURCE_OWNER", "999999999999");
    let (kind, message) = error(&world, json!({"all": true, "run": "latest"})).await;
    assert_eq!(kind, "DestinationError", "{message}");
    assert!(message.contains("primary"), "{message}");

    let world = backed_up().await;
    world.sim.deny_below("s3:ListBucket", PRIMARY, "");
    let (kind, message) = error(&world, json!({"all": true, "run": "latest"})).await;
    assert_eq!(kind, "DestinationError", "{message}");
    assert!(message.contains("s3:ListBucket"), "{message}");
    assert_eq!(versions(&world, PRIMARY).len(), live.len());
}

#[tokio::test]
async fn a_plan_is_confirmed_once_within_a_day_and_as_it_was_planned() {
    let world = backed_up().await;
    let hold = json!({"all": true, "run": "latest", "hold": true});
    let done = restore(&world, hold.clone()).await;
    restore(&world, json!({"confirm": id(&done)})).await;
    let twice = refusal(&world, json!({"confirm": id(&done)})).await;
    assert!(
        twice.ends_with(" is complete: there is nothing to confirm"),
        "{twice}"
    );

    world.put("a", "3");
    let changed = restore(&world, hold.clone()).await;
    change_plan_of(&world, &changed);
    let refused = refusal(&world, json!({"confirm": id(&changed)})).await;
    assert!(refused.contains("is not what was planned"), "{refused}");

    let old = restore(&world, hold).await;
    world.sim.clock().advance(Duration::from_hours(25));
    let refused = refusal(&world, json!({"confirm": id(&old)})).await;
    assert!(
        refused.ends_with(
            "was planned 25 hours ago, and a plan can be confirmed for 24; start a new one"
        ),
        "{refused}"
    );
    let object = world.sim.current(PRIMARY, "a").unwrap();
    assert_eq!(object.content, "3".into());
}

/// The plan that lies beside the request names another version.
fn change_plan_of(world: &World, held: &Value) {
    let end = format!("restores/{}/request.json", id(held).as_str().unwrap());
    let mut keys = world.sim.keys(BACKUP).into_iter();
    let key = keys.find(|key| key.ends_with(&end)).unwrap();
    let stored = world.sim.current(BACKUP, &key).unwrap().content;
    let mut stored: Value = serde_json::from_slice(stored.as_bytes().unwrap()).unwrap();
    stored["plan"][0]["copy"]["version_id"] = json!("another");
    world.sim.put(BACKUP, &key, stored.to_string());
}

#[tokio::test]
async fn a_plan_of_many_rows_is_confirmed_as_it_was_planned() {
    let world = backed_up().await;
    for number in 0..101 {
        world.put(&format!("b {number}"), "1");
    }
    world.backup().await;
    for key in world.keys(PRIMARY) {
        world.put(&key, "damaged");
    }
    let hold = json!({"all": true, "run": "latest", "hold": true});
    let changed = restore(&world, hold).await;
    let part = format!(
        "restores/{}/plan/000001.jsonl.zst",
        id(&changed).as_str().unwrap()
    );
    let mut keys = world.sim.keys(BACKUP).into_iter();
    let part = keys.find(|key| key.ends_with(&part)).unwrap();
    world.sim.put(BACKUP, &part, "other");

    let refused = refusal(&world, json!({"confirm": id(&changed)})).await;

    assert!(refused.contains("is not what was planned"), "{refused}");
}

#[tokio::test]
async fn a_role_that_may_not_write_the_target_is_told_the_action() {
    let world = backed_up().await;
    world.sim.deny_below("s3:PutObject", PRIMARY, "");

    let result = restore(&world, json!({"all": true, "run": "latest"})).await;

    assert_eq!(result["status"], "incomplete", "{result}");
    let advice = result["failures"][0]["advice"].as_str().unwrap();
    assert!(advice.contains("s3:PutObject"), "{advice}");
}

#[tokio::test]
async fn a_restore_that_costs_more_than_it_may_is_refused() {
    let world = backed_up().await;

    let request = json!({"all": true, "run": "latest", "max_cost": 0.000_001});
    let refused = refusal(&world, request).await;

    assert_eq!(
        refused,
        "it would cost about $0.000005, more than max_cost 0.000001"
    );
    let object = world.sim.current(PRIMARY, "a").unwrap();
    assert_eq!(object.content, "2".into());
}

#[tokio::test]
async fn no_keys_are_nothing_to_do() {
    let world = backed_up().await;

    let result = restore(&world, json!({"keys": [], "run": "latest"})).await;

    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(result["objects_found"], 0);
}

#[tokio::test]
async fn two_restores_into_one_bucket_do_not_run_at_once() {
    let world = backed_up().await;
    let world = &world;
    let strikes = world.sim.fault(
        s3_sim::Fault::on(s3_sim::Verb::CopyObject).bucket(PRIMARY),
        s3_sim::Effect::Slow(Duration::from_millis(1_500)),
    );

    let first = restore(world, json!({"all": true, "run": "latest"}));
    let second = async {
        while strikes.count() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        error(world, json!({"prefix": "a", "run": "latest"})).await
    };
    let (first, (kind, message)) = futures::join!(first, second);

    assert_eq!(first["status"], "complete", "{first}");
    assert_eq!(kind, "AlreadyRunning", "{message}");
    assert!(
        message.contains("/restores/lease-primary.json"),
        "{message}"
    );
}
