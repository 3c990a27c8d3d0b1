//! A run that dies, or cannot write its state, while it goes on.

use std::time::Duration;

use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};

use super::{going_on, marked, markers, slow, stopped_before_marking, with_gone};
use crate::resume::{total, within};
use crate::world::{BACKUP, PRIMARY, World, assert_adds_up, count};

#[tokio::test]
async fn a_state_that_is_lost_stops_the_run_and_says_what_to_do() {
    type Spoil = fn(&World, &str, Vec<u8>);
    let cases: [(Spoil, &str); 4] = [
        (|world, key, _| world.sim.delete(BACKUP, key), "is missing"),
        (
            |world, key, mut body| {
                let last = body.len() - 4;
                body[last] ^= 1;
                world.sim.put(BACKUP, key, body);
            },
            "its digest is another one",
        ),
        (
            |world, key, _| drop(world.sim.put(BACKUP, key, "{")),
            "its digest is another one",
        ),
        (
            |world, key, _| drop(world.sim.put(BACKUP, key, "")),
            "its digest is another one",
        ),
    ];
    for (spoil, part) in cases {
        let world = with_gone(50, 30).await;
        let stopped = stopped_before_marking(&world).await;
        let key = stopped["cursor"]["states"][0]["key"].as_str().unwrap();
        let body = world.sim.current(BACKUP, key).unwrap().content;
        spoil(&world, key, body.as_bytes().unwrap().to_vec());

        let refused = world.invoke(going_on(&stopped)).await.unwrap_err();

        assert_eq!(refused.error_type(), "RequestError");
        let text = refused.to_string();
        assert!(
            text.contains(part) && text.contains("run again with {}"),
            "{text}"
        );
        assert_eq!(markers(&world), 0);
        let anew = world.backup().await;
        assert_eq!((marked(&anew), &anew["status"]), (30, &json!("complete")));
    }
}

/// Goes on with a cursor and is killed on the way.
async fn killed(world: &World, payload: Value) {
    let run = world.invoke(payload);
    let killed = tokio::time::timeout(Duration::from_millis(700), run).await;
    assert!(killed.is_err(), "it was over before: {killed:?}");
    world.let_leases_end();
}

#[tokio::test]
async fn a_run_that_was_killed_is_taken_up_again_without_marking() {
    let world = with_gone(50, 30).await;
    let stopped = stopped_before_marking(&world).await;
    let looks = Fault::on(Verb::HeadObject).bucket(PRIMARY);
    world.sim.fault(looks, Effect::Stall);
    killed(&world, going_on(&stopped)).await;
    world.sim.clear_faults();

    let again = world.run(going_on(&stopped)).await;
    let once_more = world.run(going_on(&stopped)).await;
    let anew = world.backup().await;

    assert_eq!((marked(&again), markers(&world)), (0, 30), "{again}");
    let why = again["deletions"]["postponed"].as_str().unwrap();
    assert!(why.contains("ended without a word"), "{why}");
    assert_eq!(once_more["already_continued"]["by"], again["run_id"]);
    assert_eq!(marked(&anew), 30, "{anew}");
}

#[tokio::test]
async fn copies_of_a_run_that_was_killed_are_taken_up_again() {
    let world = slow(600);
    let stopped = within(&world, Duration::from_secs(1), &json!({})).await;
    killed(&world, going_on(&stopped)).await;

    let again = world.run(going_on(&stopped)).await;

    assert_eq!(again["status"], "complete", "{again}");
    assert_eq!(world.equal(), 600);
    assert_eq!(
        again["destinations"][0]["snapshot"]["objects"], 600,
        "{again}"
    );
}

#[tokio::test]
async fn a_run_that_could_not_start_has_not_used_its_cursor() {
    let world = with_gone(50, 30).await;
    world.put("z", "new");
    let stopped = {
        let copies = Fault::on(Verb::CopyObject);
        world.sim.fault(copies, Effect::Stall);
        let stopped = within(&world, Duration::from_secs(2), &json!({})).await;
        world.sim.clear_faults();
        stopped
    };
    assert_eq!(stopped["cursor"]["stage"], "copy", "{stopped}");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let pages = Fault::on(Verb::ListObjectsV2).bucket(PRIMARY);
    world.sim.fault(pages, denied);
    let refused = world.invoke(going_on(&stopped)).await.unwrap_err();
    world.sim.clear_faults();

    let result = world.run(going_on(&stopped)).await;

    assert_eq!(refused.error_type(), "SourceError");
    assert_eq!(
        (marked(&result), &result["status"]),
        (30, &json!("complete")),
        "{result}"
    );
}

#[tokio::test]
async fn a_cursor_whose_state_cannot_be_written_only_copies() {
    let world = with_gone(600, 200).await;
    let slow = Effect::Slow(Duration::from_millis(20));
    world.sim.fault(Fault::on(Verb::CopyObject), slow);
    let world = world.with("BACKUP_MAX_CONCURRENCY", "8");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let writes = Fault::on(Verb::PutObject);
    for n in 2..20 {
        world.sim.fault(writes.clone().nth(n), denied.clone());
    }

    let stopped = within(&world, Duration::from_secs(1), &json!({"mode": "full"})).await;
    world.sim.clear_faults();
    world.let_leases_end();
    let result = world.run(going_on(&stopped)).await;

    assert_adds_up(&stopped);
    assert_eq!(
        (&stopped["cursor"]["format"], count(&stopped, "errors")),
        (&json!(2), 0)
    );
    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(total(&[stopped, result.clone()], "objects_copied"), 400);
    let why = result["deletions"]["postponed"].as_str().unwrap();
    assert!(why.contains("proves nothing"), "{why}");
    assert_eq!(markers(&world), 0);
}
