//! The confirmation of a held run: what it is good for, and what it is not.

use s3_sim::{Fault, Verb};
use serde_json::json;

use super::{backed_up_in, confirming, delete, denied, held_json, key, marked, markers, marking};
use crate::world::{BACKUP, PRIMARY, World, counts};

#[tokio::test]
async fn a_held_run_is_confirmed_once() {
    let world = marking(200).await;
    let before = world.backup_versions();
    delete(&world, 150);
    let held = world.backup().await;

    let confirmed = world.run(confirming(&held)).await;
    let twice = world.run(confirming(&held)).await;
    let next = world.backup().await;

    assert_eq!(confirmed["status"], "complete", "{confirmed}");
    assert_eq!(marked(&confirmed), 150);
    assert_eq!(world.keys(BACKUP), world.keys(PRIMARY));
    assert!(world.backup_versions().is_superset(&before));
    assert_eq!(twice["status"], "held");
    let why = twice["deletions"]["held"].as_str().unwrap();
    let run_id = confirmed["run_id"].as_str().unwrap();
    assert!(
        why.ends_with(&format!(
            "confirmed already, by run {run_id} (bucket backup)"
        )),
        "{why}"
    );
    assert_eq!(next["status"], "complete");
}

#[tokio::test]
async fn a_wrong_confirmation_is_never_ignored() {
    let world = marking(200).await;
    delete(&world, 3);

    let nothing_held = world.run(confirming(&json!({"run_id": "r"}))).await;
    delete(&world, 150);
    let held = world.backup().await;
    let other = world.run(confirming(&nothing_held)).await;

    for (result, why) in [
        (
            &nothing_held,
            "run r is not confirmed: no run of this job was held in bucket backup".to_owned(),
        ),
        (
            &other,
            format!(
                "run {} is not confirmed: the last run that was held is {} (bucket backup)",
                nothing_held["run_id"].as_str().unwrap(),
                held["run_id"].as_str().unwrap()
            ),
        ),
    ] {
        assert_eq!(result["status"], "held");
        assert_eq!(result["deletions"]["held"], why);
        assert_eq!(marked(result), 0);
    }
    let last = world.run(confirming(&other)).await;
    assert_eq!((marked(&last), &last["status"]), (150, &json!("complete")));
}

#[tokio::test]
async fn more_than_was_held_is_held_again() {
    let world = marking(200).await;
    delete(&world, 150);
    let held = world.backup().await;
    delete(&world, 151);

    let more = world.run(confirming(&held)).await;
    let confirmed = world.run(confirming(&more)).await;

    assert_eq!(more["status"], "held");
    let why = more["deletions"]["held"].as_str().unwrap();
    assert!(
        why.ends_with("held with 150 deletions, and 151 are due now (bucket backup)"),
        "{why}"
    );
    assert_eq!(marked(&confirmed), 151);
}

#[tokio::test]
async fn a_confirmation_is_good_for_the_prefix_that_was_held() {
    let world = World::new().with("BACKUP_DELETIONS", "mark");
    for n in 0..150 {
        world.put(&format!("a/{n:04}"), "1");
        world.put(&format!("b/{n:04}"), "1");
    }
    world.put("a/stays", "1");
    world.put("b/stays", "1");
    world.backup().await;
    for n in 0..150 {
        world.sim.delete(PRIMARY, &format!("a/{n:04}"));
    }
    let held = world.run(json!({"prefix": "a/"})).await;
    assert_eq!(held["status"], "held");
    // The deletions of a/ were a mistake, and are undone. Those of b/ were never looked at.
    for n in 0..150 {
        world.put(&format!("a/{n:04}"), "1");
        world.sim.delete(PRIMARY, &format!("b/{n:04}"));
    }
    world.sim.ledger().clear();
    let confirming =
        |prefix: &str| json!({"deletions": "mark", "confirm": held["run_id"], "prefix": prefix});

    let other = world.run(confirming("b/")).await;

    assert_eq!((&other["status"], markers(&world)), (&json!("held"), 0));
    let why = other["deletions"]["held"].as_str().unwrap();
    let part = "it was held over prefix \"a/\", and this run is over \"b/\" (bucket backup)";
    assert!(why.ends_with(part), "{why}");
}

#[tokio::test]
async fn a_confirmation_is_good_for_the_keys_that_were_held() {
    let world = marking(300).await;
    delete(&world, 150);
    let held = world.backup().await;
    // As many as were held, and others.
    world.put(&key(0), "1");
    world.sim.delete(PRIMARY, &key(200));

    let others = world.run(confirming(&held)).await;
    let confirmed = world.run(confirming(&others)).await;

    assert_eq!((&others["status"], marked(&others)), (&json!("held"), 0));
    let why = others["deletions"]["held"].as_str().unwrap();
    assert!(
        why.ends_with("are not the same keys (bucket backup)"),
        "{why}"
    );
    assert_eq!(
        (&confirmed["status"], marked(&confirmed)),
        (&json!("complete"), 150)
    );
}

#[tokio::test]
async fn what_was_held_and_cannot_be_remembered_is_an_error() {
    let world = marking(200).await;
    delete(&world, 150);
    let write = Fault::on(Verb::PutObject).key(&held_json());
    world.sim.fault(write, denied());

    let result = world.backup().await;

    assert_eq!(counts(&result), [51, 0, 50, 0, 0, 1]);
    assert_eq!(result["status"], "incomplete");
    assert!(result["deletions"]["held"].is_string());
    assert_eq!(result["deletions"]["confirm"], json!(null));
    assert_eq!(result["failures"][0]["operation"], "PutObject");
}

#[tokio::test]
async fn a_confirmation_that_cannot_be_read_or_used_up_confirms_nothing() {
    let break_reading = |world: &World| {
        let read = Fault::on(Verb::GetObject).key(&held_json());
        world.sim.fault(read, denied());
    };
    let break_writing = |world: &World| {
        let write = Fault::on(Verb::PutObject).key(&held_json());
        world.sim.fault(write, denied());
    };
    let damage = |world: &World| {
        world.sim.put(BACKUP, &held_json(), "{");
    };
    for (spoil, part) in [
        (
            &break_reading as &dyn Fn(&World),
            "cannot be read from bucket backup",
        ),
        (&break_writing, "cannot be used up in bucket backup"),
        (&damage, "is damaged or of a later version"),
    ] {
        let world = marking(200).await;
        delete(&world, 150);
        let held = world.backup().await;
        spoil(&world);

        let result = world.run(confirming(&held)).await;

        assert_ne!(result["status"], "complete");
        let why = result["deletions"]["held"].as_str().unwrap();
        assert!(why.contains(part), "{why}");
        assert_eq!((marked(&result), markers(&world)), (0, 0));
    }
}

#[tokio::test]
async fn a_confirmation_has_to_be_good_in_every_destination() {
    let world = World::new()
        .with_bucket("second")
        .with("DESTINATION_BUCKET", "backup,second")
        .with("BACKUP_DELETIONS", "mark");
    let world = backed_up_in(world, 200, 2).await;
    delete(&world, 150);
    let held = world.backup().await;
    world.sim.put("second", &held_json(), "{");

    let result = world.run(confirming(&held)).await;

    assert_eq!(result["status"], "held");
    let why = result["deletions"]["held"].as_str().unwrap();
    assert!(why.contains("bucket second is damaged"), "{why}");
    assert_eq!((marked(&result), markers(&world)), (0, 0));
}
