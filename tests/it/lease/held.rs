//! Which runs keep each other out, and how a lease is given back.

use std::time::Duration;

use futures::future;
use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    A_WHILE, assert_already_running, key, key_of, lease, lease_of_another, meanwhile, world_of,
};
use crate::world::{BACKUP, PRIMARY, STATE, World, answer, counts};

#[tokio::test]
async fn a_second_run_is_refused_and_told_which_one_is_under_way() {
    let world = world_of(1, A_WHILE);

    let (first, second) = meanwhile(&world, answer(&world.handler(), json!({}))).await;

    let run_id = first["run_id"].as_str().unwrap();
    let id = format!("run {run_id} (process ");
    let since = first["started_at"].as_str().unwrap();
    let parts = [
        "cannot start beside another run: ",
        &id,
        &key(),
        "bucket backup since ",
        &since[..16],
        " until ",
        "run again when it has ended",
    ];
    assert_already_running(second, &parts);
    assert_eq!(counts(&first), [1, 1, 0, 0, 0, 0]);
    assert_eq!(world.backup_versions().len(), 1, "nothing was copied twice");
}

#[tokio::test]
async fn a_part_and_a_continuation_are_runs_of_the_same_job() {
    let world = world_of(1, A_WHILE);
    let cursor = json!({"format": 1, "ranges": [{"destination": BACKUP, "after": "0"}]});
    let requests = [
        json!({"prefix": "0"}),
        json!({"operation": "continue", "cursor": cursor}),
    ];
    let handler = world.handler();

    let others = requests.map(|request| answer(&handler, request));
    let (_, refused) = meanwhile(&world, future::join_all(others)).await;

    for refused in refused {
        assert_already_running(refused, &[]);
    }
}

#[tokio::test]
async fn a_lease_is_given_back_at_the_end_and_free_at_once() {
    let world = World::new();
    world.put("k", "1");

    let first = world.backup().await;
    let given_back = lease(&world, BACKUP);
    let second = world.backup().await;

    assert_eq!(given_back["run_id"], first["run_id"]);
    assert!(given_back["released_at"].is_string(), "{given_back}");
    assert_eq!(counts(&second), [1, 0, 1, 0, 0, 0]);
    assert_eq!(world.sim.versions(BACKUP, &key()).len(), 4);
    assert_eq!(world.sim.ledger().count(Verb::DeleteObject), 0);
    assert_eq!(first["requests"], json!({"list": 2, "copy": 1, "head": 0}));
}

#[tokio::test]
async fn a_run_that_could_not_read_its_source_gives_its_lease_back() {
    let world = World::new();
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let listing = Fault::on(Verb::ListObjectsV2).bucket(PRIMARY);
    world.sim.fault(listing, denied);

    let error = world.invoke(json!({})).await.unwrap_err();

    assert_eq!(error.error_type(), "SourceError");
    assert!(lease(&world, BACKUP)["released_at"].is_string());
}

#[tokio::test]
async fn a_killed_run_keeps_others_out_until_its_lease_ends() {
    let world = world_of(1, Duration::from_secs(10));
    let killed = timeout(A_WHILE, answer(&world.handler(), json!({}))).await;
    assert!(killed.is_err(), "{killed:?}");
    world.sim.clear_faults();

    let too_early = world.invoke(json!({})).await;
    world.let_leases_end();
    let in_time = world.backup().await;

    assert_already_running(too_early, &[]);
    assert_eq!(in_time["status"], "complete");
    assert_eq!(world.equal(), 1);
}

#[tokio::test]
async fn a_lease_that_cannot_be_given_back_is_no_error_and_ends_by_itself() {
    let world = World::new();
    world.put("k", "1");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let lease = Fault::on(Verb::PutObject).key(&key()).nth(2);
    world.sim.fault(lease, denied);

    let first = world.backup().await;
    let too_early = world.invoke(json!({})).await;
    world.let_leases_end();
    let in_time = world.backup().await;

    assert_eq!(first["status"], "complete");
    assert_already_running(too_early, &[first["run_id"].as_str().unwrap()]);
    assert_eq!(in_time["status"], "complete");
}

#[tokio::test]
async fn the_times_that_a_lease_says_do_not_tell_whether_it_has_ended() {
    for expires_at in ["1999-01-01T00:00:00Z", "2099-01-01T00:00:00Z"] {
        let world = World::new();
        world.put("k", "1");
        let mut of_another: Value = serde_json::from_str(&lease_of_another()).unwrap();
        of_another["expires_at"] = json!(expires_at);
        of_another["taken_at"] = json!(expires_at);
        world.sim.put(BACKUP, &key(), of_another.to_string());

        let too_early = world.invoke(json!({})).await;
        world.let_leases_end();
        let in_time = world.backup().await;

        assert_already_running(too_early, &["function other"]);
        assert_eq!(in_time["status"], "complete", "{expires_at}");
    }
}

#[tokio::test]
async fn a_dry_run_takes_no_lease_and_waits_for_none() {
    let world = World::new();
    world.put("k", "1");
    world.sim.put(BACKUP, &key(), lease_of_another());

    let result = world.invoke(json!({"dry_run": true})).await.unwrap();

    assert_eq!(result["objects_to_copy"], 1);
    assert_eq!(world.sim.ledger().count(Verb::PutObject), 0);
    let read = world.sim.ledger().of(Verb::GetObject);
    assert!(read.iter().all(|get| get.key != key()), "{read:?}");
}

#[tokio::test]
async fn two_sources_share_a_backup_bucket_and_do_not_wait_for_each_other() {
    let world = world_of(1, A_WHILE).with("BACKUP_DESTINATION_PREFIX", "{source_bucket}/");
    world.sim.create_bucket("other");
    world.sim.put("other", "00", "2");
    let first = world.handler();
    let world = world.with("SOURCE_BUCKET", "other");
    let second = world.handler();

    let (first, second) = tokio::join!(answer(&first, json!({})), answer(&second, json!({})));

    assert_eq!(counts(&first.unwrap()), [1, 1, 0, 0, 0, 0]);
    assert_eq!(counts(&second.unwrap()), [1, 1, 0, 0, 0, 0]);
    assert_eq!(world.sim.ledger().max_in_flight_of(Verb::CopyObject), 2);
    assert_eq!(world.keys(BACKUP), ["other/00", "primary/00"]);
    let mut leases = world.sim.keys(BACKUP);
    leases.retain(|key| key.starts_with(STATE) && key.ends_with("lease.json"));
    let expected = [key_of("other", "other/"), key_of(PRIMARY, "primary/")];
    assert_eq!(leases, expected);
}

#[tokio::test]
async fn of_many_runs_at_once_no_two_overlap() {
    let abandoned = lease_of_another();
    let given_back = abandoned.replace("null", "\"2026-11-21T02:00:30Z\"");
    for (name, before) in [
        ("none", None),
        ("abandoned", Some(abandoned)),
        ("given back", Some(given_back)),
        ("damaged", Some("{".to_owned())),
    ] {
        let world = world_of(4, Duration::from_millis(20)).persistent();
        if let Some(before) = before {
            world.sim.put(BACKUP, &key(), before);
        }
        world.let_leases_end();
        let handlers: Vec<_> = (0..8).map(|_| world.handler()).collect();

        let runs = handlers.iter().map(|handler| answer(handler, json!({})));
        let results = future::join_all(runs).await;

        let (ran, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert!(!ran.is_empty(), "{name}: all were refused: {refused:?}");
        for refused in refused {
            assert_already_running(refused, &["run "]);
        }
        assert_eq!(world.equal(), 4, "{name}");
        assert_eq!(world.backup_versions().len(), 4, "{name}: copied twice");
        assert!(lease(&world, BACKUP)["released_at"].is_string(), "{name}");
    }
}

/// Each time another one has taken it in the same moment, and given it back before it is looked at again.
#[tokio::test]
async fn a_lease_that_others_are_faster_at_is_tried_for_in_four_rounds() {
    for (others, tried) in [(3, 4), (100, 4)] {
        let world = World::new();
        world.put("k", "1");
        let is_faster = Effect::before(move |sim| {
            let mut given_back: Value = serde_json::from_str(&lease_of_another()).unwrap();
            given_back["released_at"] = given_back["taken_at"].clone();
            given_back["holder"] = json!(format!("function {}", sim.all_versions(BACKUP).len()));
            sim.put(BACKUP, &key(), given_back.to_string());
        });
        let taking = Fault::on(Verb::PutObject).key(&key()).first(others);
        world.sim.fault(taking, is_faster);

        let result = world.invoke(json!({})).await;

        let written = world.sim.ledger().of(Verb::PutObject);
        let written = written.iter().filter(|put| put.key == key()).count();
        if others < tried {
            assert_eq!(result.unwrap()["status"], "complete");
            assert_eq!(written as u64, tried + 1, "it was given back");
        } else {
            let error = result.unwrap_err();
            assert_eq!(error.error_type(), "DestinationError", "{error}");
            assert_eq!(written as u64, tried, "{error}");
        }
    }
}
