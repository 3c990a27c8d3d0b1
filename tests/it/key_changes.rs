//! KMS keys over time: another default key copies nothing anew, old versions keep theirs, and a key that is disabled at
//! night costs that night only.

use std::time::Duration;

use s3_sim::{Effect, Encryption, Fault, KeyState, Put, Verb};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, World, count, counts};

fn arn(name: &str) -> String {
    format!("arn:aws:kms:us-east-1:111122223333:key/{name}")
}

/// The key that encrypts what is written from now on.
fn default_key(world: &World, name: &str) {
    world.sim.change_options(BACKUP, |options| {
        options.default_encryption = Encryption::Kms { key: arn(name) };
    });
}

fn body(world: &World, bucket: &str, key: &str) -> String {
    let object = world.sim.current(bucket, key).unwrap();
    String::from_utf8(object.content.as_bytes().unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn the_switch_to_a_key_copies_nothing_anew() {
    let world = World::new();
    world.put("a", "1");
    world.put("b", "1");
    world.backup().await;

    default_key(&world, "own");
    let unchanged = world.backup().await;
    world.put("b", "2");
    let changed = world.backup().await;
    let rest = world.backup().await;

    assert_eq!(counts(&unchanged), [2, 0, 2, 0, 0, 0], "{unchanged}");
    assert_eq!(counts(&changed), [2, 1, 1, 0, 0, 0], "{changed}");
    assert_eq!(counts(&rest), [2, 0, 2, 0, 0, 0], "{rest}");
    let under = |key: &str| world.backup_of(key).encryption;
    assert_eq!(under("a"), Encryption::SseS3);
    assert_eq!(under("b"), Encryption::Kms { key: arn("own") });
}

#[tokio::test]
async fn a_restore_reads_versions_of_three_keys() {
    let world = World::new();
    let mut runs = Vec::new();
    for name in ["one", "two", "three"] {
        default_key(&world, name);
        world.put("changes", name);
        world.put(name, name);
        let result = world.backup().await;
        assert_eq!(result["status"], "complete", "{result}");
        runs.push(result["run_id"].clone());
        // Run ids have whole seconds.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    for key in ["one", "two", "three", "changes"] {
        world.sim.delete(PRIMARY, key);
    }

    let newest = world
        .run(json!({"operation": "restore", "all": true, "run": runs[2]}))
        .await;
    let newest_body = body(&world, PRIMARY, "changes");
    let oldest = world
        .run(json!({"operation": "restore", "all": true, "run": runs[0]}))
        .await;

    assert_eq!(newest["status"], "complete", "{newest}");
    assert_eq!(newest_body, "three");
    assert_eq!(oldest["status"], "complete", "{oldest}");
    assert_eq!(body(&world, PRIMARY, "changes"), "one");
    for key in ["one", "two", "three"] {
        assert_eq!(body(&world, PRIMARY, key), key);
    }
}

fn codes(result: &Value) -> Vec<&str> {
    let failures = result["failures"].as_array().unwrap().iter();
    failures
        .filter_map(|failure| failure["code"].as_str())
        .collect()
}

/// The key of the source: each copy fails by name, and the program's own objects are written.
#[tokio::test]
async fn a_key_of_objects_that_is_disabled_at_night_is_named_and_the_next_night_makes_it_good() {
    for (state, code) in [
        (KeyState::Disabled, "KMS.DisabledException"),
        (KeyState::PendingDeletion, "KMS.KMSInvalidStateException"),
    ] {
        let world = World::new();
        let put = Put::new("1").encryption(Encryption::Kms { key: arn("source") });
        world.put_object("under the key", put);
        world.put("other", "1");
        world.sim.set_key(&arn("source"), Some(state));

        let night = world.backup().await;
        world.sim.set_key(&arn("source"), None);
        let next = world.backup().await;

        assert_eq!(counts(&night), [2, 1, 0, 0, 0, 1], "{night}");
        assert_eq!(codes(&night), [code]);
        let failure = &night["failures"][0];
        assert_eq!(failure["key"], "under the key");
        assert!(
            failure["message"]
                .as_str()
                .unwrap()
                .contains(&arn("source"))
        );
        assert!(failure["advice"].as_str().unwrap().contains("KMS key"));
        assert_eq!(next["status"], "complete", "{next}");
        assert_eq!(count(&next, "objects_copied"), 1);
        world.assert_backed_up();
    }
}

/// The key of the backups: not even the lease can be written, so that the run says so and does not begin.
#[tokio::test]
async fn a_key_of_backups_that_is_disabled_at_night_is_named_and_the_next_night_makes_it_good() {
    let world = World::new();
    default_key(&world, "backups");
    world.put("a", "1");
    world.backup().await;
    world.put("a", "2");
    world.sim.set_key(&arn("backups"), Some(KeyState::Disabled));
    // A lease that cannot be read counts as held for an hour.
    world.sim.clock().advance(Duration::from_hours(24));

    let night = world.invoke(json!({})).await;
    world.sim.set_key(&arn("backups"), None);
    let next = world.backup().await;

    let error = night.unwrap_err();
    assert_eq!(error.error_type(), "DestinationError");
    let text = error.to_string();
    assert!(text.contains(&arn("backups")), "{text}");
    assert!(text.contains("enable the KMS key"), "{text}");
    assert_eq!(counts(&next), [1, 1, 0, 0, 0, 0], "{next}");
    world.assert_backed_up();
}

/// The key of the backups while a run goes on: each object and the program's own are named with the key and the action.
#[tokio::test]
async fn a_key_of_backups_that_is_disabled_while_a_run_goes_on_is_named_with_objects_and_state() {
    let world = World::new().with("BACKUP_MAX_CONCURRENCY", "1");
    default_key(&world, "backups");
    for key in ["a", "b", "c"] {
        world.put(key, "1");
    }
    let disable = Effect::before(|sim| sim.set_key(&arn("backups"), Some(KeyState::Disabled)));
    world.sim.fault(Fault::on(Verb::CopyObject).nth(2), disable);

    let night = world.backup().await;
    world.sim.clear_faults();
    world.sim.set_key(&arn("backups"), None);
    // The lease could not be given back.
    world.let_leases_end();
    let next = world.backup().await;

    assert_eq!(counts(&night), [3, 1, 0, 0, 0, 2], "{night}");
    assert_eq!(codes(&night), ["KMS.DisabledException"; 2]);
    for failure in night["failures"].as_array().unwrap() {
        let told = failure["message"].as_str().unwrap();
        assert!(told.contains(&arn("backups")), "{told}");
        assert_eq!(failure["operation"], "CopyObject", "{failure}");
    }
    let snapshot = &night["destinations"][0]["snapshot"];
    let problem = snapshot["problem"].as_str().unwrap();
    assert!(problem.contains(&arn("backups")), "{problem}");
    assert_eq!(next["status"], "complete", "{next}");
    world.assert_backed_up();
}
