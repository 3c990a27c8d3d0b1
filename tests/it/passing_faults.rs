//! Faults that pass: the run takes its time for them and ends complete. Faults that last: it ends soon and says so.

use std::time::{Duration, Instant};

use s3_sim::{Class, Effect, Fault, Sim, Verb};
use serde_json::json;

use crate::resume::{to_the_end, total};
use crate::tables;
use crate::world::{World, assert_adds_up, count, counts};

const OBJECTS: u32 = 2_000;
/// For 2,000 objects, on a machine that does nothing else. Beside other tests it is given four times as long.
const TIME: Duration = Duration::from_secs(12);

fn world(objects: u32) -> World {
    let sim = Sim::builder().latency(Class::Copy, Duration::from_millis(30));
    let world = World::around(sim.start());
    for n in 0..objects {
        world.put(&key(n), "1");
    }
    world
}

fn key(n: u32) -> String {
    format!("{n:05}")
}

/// One copy in five is answered by a 500, one in twenty by a reset, one in five by an error within a 200.
fn strike(world: &World, seed: u64) {
    let faults = [
        (0.2, Effect::InternalError),
        (0.05, Effect::ConnectionReset),
        (0.2, Effect::OkWithErrorBody("InternalError".to_owned())),
    ];
    for (turn, (share, effect)) in (0..).zip(faults) {
        let fault = Fault::on(Verb::CopyObject).probability(share, 3 * seed + turn);
        world.sim.fault(fault, effect);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_objects_under_passing_faults_are_all_copied_in_time() {
    let seeds = if tables::are_whole() { 1..=20 } else { 1..=2 };
    let all = u64::from(OBJECTS);
    let time = if tables::are_whole() { TIME } else { TIME * 4 };
    let mut wrong = Vec::new();
    for seed in seeds {
        let world = world(OBJECTS).of_production();
        strike(&world, seed);

        let began = Instant::now();
        let result = world.backup().await;
        let took = began.elapsed();

        let requests = world.sim.ledger().count(Verb::CopyObject);
        let errors = count(&result, "errors");
        println!("seed {seed}: {took:.1?}, {requests} copies, {errors} errors");
        let exact = counts(&result) == [all, all, 0, 0, 0, 0] && world.equal() == all;
        if !exact || took > time {
            wrong.push((seed, took, errors));
        }
    }
    assert!(wrong.is_empty(), "seeds, times and errors: {wrong:?}");
}

#[tokio::test]
async fn an_object_is_tried_as_long_as_others_succeed() {
    let world = world(400).with("BACKUP_MAX_CONCURRENCY", "8");
    let unlucky = Fault::on(Verb::CopyObject).key(&key(3)).first(30);
    let strikes = world.sim.fault(unlucky, Effect::InternalError);

    let result = world.backup().await;

    assert_eq!(strikes.count(), 30);
    assert_eq!(counts(&result), [400, 400, 0, 0, 0, 0]);
    assert_eq!(world.equal(), 400);
}

#[tokio::test]
async fn objects_that_wait_for_a_sweep_keep_no_others_waiting() {
    let world = world(60).persistent().with("BACKUP_MAX_CONCURRENCY", "4");
    for n in 0..4 {
        let fault = Fault::on(Verb::CopyObject).key(&key(n)).first(25);
        world.sim.fault(fault, Effect::InternalError);
    }

    let result = world.backup().await;

    assert_eq!(counts(&result), [60, 60, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_bucket_that_only_fails_ends_within_its_budget_and_says_so() {
    let world = world(600).persistent();
    let strikes = world
        .sim
        .fault(Fault::on(Verb::CopyObject), Effect::InternalError);

    let began = Instant::now();
    let result = world.backup().await;
    let took = began.elapsed();

    assert_eq!(counts(&result), [600, 0, 0, 0, 0, 600]);
    assert_eq!(result["failures"][0]["code"], "InternalError");
    // Four attempts, and two in each of twelve sweeps.
    assert!(strikes.count() <= 600 * 28, "{}", strikes.count());
    assert!(took < Duration::from_mins(2), "{took:?}");
}

#[tokio::test]
async fn an_object_that_only_fails_is_given_up_when_nothing_else_is_left() {
    let world = world(100);
    let fault = Fault::on(Verb::CopyObject).key(&key(50));
    world.sim.fault(fault, Effect::InternalError);

    let result = world.backup().await;

    assert_eq!(counts(&result), [100, 99, 0, 0, 0, 1]);
    assert_eq!(result["failures"][0]["key"], key(50));
}

#[tokio::test]
async fn what_does_not_pass_is_asked_for_once() {
    let world = world(50);
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let fault = Fault::on(Verb::CopyObject).key(&key(20));
    let strikes = world.sim.fault(fault, denied);

    let result = world.backup().await;

    assert_eq!(counts(&result), [50, 49, 0, 0, 0, 1]);
    assert_eq!(strikes.count(), 1);
}

#[tokio::test]
async fn what_waits_for_a_sweep_at_the_deadline_is_left_to_the_cursor() {
    let world = world(300).with("BACKUP_MAX_CONCURRENCY", "4");
    let strikes = world.sim.fault(
        Fault::on(Verb::CopyObject).key(&key(7)),
        Effect::InternalError,
    );

    let first = crate::resume::within(&world, Duration::from_millis(1500), &json!({})).await;

    assert_adds_up(&first);
    assert_eq!(count(&first, "errors"), 0, "{first}");
    assert_eq!(first["status"], "incomplete", "{first}");
    assert!(
        strikes.count() > 4,
        "it was tried {} times",
        strikes.count()
    );
    world.sim.clear_faults();
    let cursor = json!({"operation": "continue", "cursor": first["cursor"]});
    let rest = to_the_end(&world, Duration::from_mins(1), cursor).await;
    let last = rest.last().unwrap_or(&first);
    assert_eq!(last["status"], "complete", "{last}");
    assert_eq!(total(&rest, "errors"), 0);
    assert_eq!(world.equal(), 300);
}

#[tokio::test]
async fn a_copy_that_was_made_without_an_answer_is_found_by_a_later_sweep() {
    let world = world(60).with("BACKUP_MAX_CONCURRENCY", "4");
    // The copy is made, and neither its answer nor that of any look comes for a while.
    let lost = Fault::on(Verb::CopyObject).key(&key(5)).nth(1);
    world.sim.fault(lost, Effect::ResetAfterWork);
    let looks = Fault::on(Verb::HeadObject).key(&key(5)).first(6);
    let strikes = world.sim.fault(looks, Effect::InternalError);

    let result = world.backup().await;

    assert_eq!(strikes.count(), 6);
    assert_eq!(counts(&result), [60, 60, 0, 0, 0, 0]);
    assert_eq!(world.sim.versions(crate::world::BACKUP, &key(5)).len(), 1);
}
