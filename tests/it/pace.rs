//! Concurrency finds its own level: low where S3 throttles, high where it does not, and nothing is lost.

use std::time::{Duration, Instant};

use s3_sim::{Class, Effect, Fault, Sim, Verb};

use crate::world::{World, counts};

fn world(sim: Sim, objects: u32) -> World {
    let world = World::around(sim);
    for n in 0..objects {
        world.put(&format!("{n:05}"), "1");
    }
    world
}

#[tokio::test]
async fn a_throttled_run_loses_nothing_and_wastes_little() {
    let latency = Duration::from_millis(30);
    let sim = Sim::builder()
        .latency(Class::Copy, latency)
        .write_limit(200)
        .start();
    let world = world(sim, 1000).persistent();

    let began = Instant::now();
    let result = world.backup().await;
    let took = began.elapsed();

    let refused = world.sim.ledger().count_with_status(Verb::CopyObject, 503);
    println!("1,000 copies at 200/s: {took:.1?}, {refused} refused");
    assert_eq!(counts(&result), [1000, 1000, 0, 0, 0, 0]);
    // Most of them in the first second, which looks for the level; in the long run it is one in thirty.
    assert!(refused <= 150, "{refused} of 1,000 copies were refused");
    assert!(
        took < Duration::from_secs(30),
        "{took:?} where 5 s are ideal, and a busy machine may take a while"
    );
}

#[tokio::test]
async fn a_store_that_says_429_is_treated_as_one_that_says_503() {
    let sim = Sim::builder()
        .latency(Class::Copy, Duration::from_millis(30))
        .write_limit(200)
        .say_429()
        .start();
    let world = world(sim, 1000).persistent();

    let result = world.backup().await;

    let refused = world.sim.ledger().count_with_status(Verb::CopyObject, 429);
    assert_eq!(counts(&result), [1000, 1000, 0, 0, 0, 0]);
    assert!(refused > 0, "it was never asked to slow down");
    assert!(refused <= 150, "{refused} of 1,000 copies were refused");
}

#[tokio::test]
async fn what_is_too_busy_was_asked_until_the_retries_ran_out() {
    let busy = [
        Effect::SlowDown,
        Effect::status(429, "TooManyRequests", "Rate limit exceeded."),
        Effect::status(429, "RateLimited", "Rate limit exceeded."),
        Effect::status(503, "Busy", "Busy."),
        Effect::OkWithErrorBody("ServiceUnavailable".to_owned()),
        Effect::status(400, "RequestLimitExceeded", "Too many."),
        Effect::InternalError,
        Effect::status(507, "OutOfSpace", "No space."),
        Effect::status(520, "", ""),
    ];
    for effect in busy {
        let name = format!("{effect:?}");
        let world = world(Sim::start(), 1);
        world.sim.fault(Fault::on(Verb::CopyObject), effect);

        let result = world.backup().await;

        assert_eq!(counts(&result), [1, 0, 0, 0, 0, 1], "{name}");
        let attempts = world.sim.ledger().count(Verb::CopyObject);
        assert_eq!(attempts, 4, "{name}");
    }
}

#[tokio::test]
async fn what_a_store_does_not_implement_is_asked_for_once_and_once_more_without_its_condition() {
    let world = world(Sim::start(), 1);
    let effect = Effect::status(501, "NotImplemented", "Not implemented.");
    world.sim.fault(Fault::on(Verb::CopyObject), effect);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 0, 0, 0, 1]);
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 2);
}

#[tokio::test]
async fn an_idle_server_is_soon_used_to_the_full() {
    let sim = Sim::builder()
        .latency(Class::Copy, Duration::from_millis(400))
        .start();
    let world = world(sim, 500).with("BACKUP_MAX_CONCURRENCY", "64");

    let result = world.backup().await;

    assert_eq!(counts(&result), [500, 500, 0, 0, 0, 0]);
    let most = world.sim.ledger().max_in_flight_of(Verb::CopyObject);
    assert_eq!(most, 64, "never more than {most} of 64 at once");
}
