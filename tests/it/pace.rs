//! Concurrency finds its own level: low where S3 throttles, high where it does not, and nothing is lost.

use std::time::{Duration, Instant};

use s3_sim::{Class, Sim, Verb};

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
        took < Duration::from_secs(12),
        "{took:?} where 5 s are ideal"
    );
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
