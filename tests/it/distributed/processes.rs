//! Eight workers and `close` as processes of the built function, each of which is killed by the kernel.

use std::thread;
use std::time::{Duration, Instant};

use s3_sim::{Class, Effect, Fault, Sim, Verb};
use serde_json::Value;

use super::{Cut, WORKERS, cut, key, state_key};
use crate::lambda::Function;
use crate::world::{BACKUP, PRIMARY, World, assert_adds_up, count, counts};

const OBJECTS: usize = 1_600;
const VARS: [(&str, &str); 3] = [
    ("SOURCE_BUCKET", PRIMARY),
    ("DESTINATION_BUCKET", BACKUP),
    ("BACKUP_MAX_CONCURRENCY", "8"),
];
/// How long a busy machine may take for anything here.
const BOUND: Duration = Duration::from_mins(1);

/// A function that is sent these requests, one after the other.
fn start(world: &World, requests: &[Value]) -> Function {
    let payloads = requests.iter().map(Value::to_string).collect();
    Function::with_time(world, &VARS, payloads, BOUND)
}

fn until(what: &str, happened: impl Fn() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < BOUND, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A world whose copies take long enough for a process to be killed between them, and a run over it.
async fn begun() -> (World, Cut) {
    let sim = Sim::builder()
        .page_size_max(50)
        .latency(Class::Copy, Duration::from_millis(20))
        .start();
    let world = World::around(sim);
    for n in 0..OBJECTS {
        world.put(&key(n), &n.to_string());
    }
    let cut = cut(&world, WORKERS).await;
    assert_eq!(cut.requests.len(), WORKERS);
    world.sim.clock().advance(Duration::from_secs(2));
    (world, cut)
}

/// Starts a worker for each piece.
fn start_all(world: &World, cut: &Cut) -> Vec<Function> {
    let requests = cut.requests.iter();
    requests
        .map(|request| start(world, std::slice::from_ref(request)))
        .collect()
}

/// Kills them all, and lets what they have sent come to its end.
fn kill_all(world: &World, workers: Vec<Function>) {
    drop(workers);
    until("quiet", || world.sim.ledger().in_flight() == 0);
    world.sim.clear_faults();
}

/// Kills each worker while it copies.
fn kill_while_they_copy(world: &World, cut: &Cut) {
    let workers = start_all(world, cut);
    let copies = || world.sim.ledger().count(Verb::CopyObject);
    until("copies", || copies() > OBJECTS as u64 / 10);
    kill_all(world, workers);
    assert!(world.keys(BACKUP).len() < OBJECTS, "they were too quick");
}

/// Kills each worker at the write of its piece: one half before the write, the other half before the answer.
fn kill_at_their_pieces(world: &World, cut: &Cut) {
    let strikes: Vec<_> = (1..=cut.requests.len())
        .map(|number| {
            let piece = state_key(&format!("runs/{}/pieces/{number:04}.json", cut.run_id));
            let when = if number % 2 == 0 {
                Effect::Stall
            } else {
                Effect::StallAfterWork
            };
            world
                .sim
                .fault(Fault::on(Verb::PutObject).key(&piece).nth(1), when)
        })
        .collect();
    let workers = start_all(world, cut);
    until("pieces", || strikes.iter().all(|strike| strike.count() > 0));
    drop(workers);
    world.sim.clear_faults();
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_killed_processes_and_a_killed_close_leave_a_run_that_others_end() {
    let (world, cut) = begun().await;

    kill_while_they_copy(&world, &cut);
    kill_at_their_pieces(&world, &cut);
    for worker in start_all(&world, &cut) {
        let piece = worker.response();
        assert_adds_up(&piece);
        assert!(piece["cursor"].is_null(), "{piece}");
    }
    let latest = Fault::on(Verb::PutObject).key(&state_key("snapshots/latest.json"));
    let strikes = world.sim.fault(latest, Effect::StallAfterWork);
    let closing = start(&world, std::slice::from_ref(&cut.close));
    until("close", || strikes.count() > 0);
    drop(closing);
    world.sim.clear_faults();
    world.let_leases_end();
    let all = start(&world, &[cut.close]).response();

    assert_adds_up(&all);
    assert_eq!(all["status"], "complete", "{all}");
    assert_eq!(all["distributed"]["pieces_missing"], 0, "{all}");
    assert_eq!(count(&all, "objects_found"), OBJECTS as u64, "{all}");
    world.assert_backed_up();
    let versions = world.backup_versions();
    assert_eq!(versions.len(), OBJECTS, "an object was copied twice");
    let next = world.backup().await;
    let found = OBJECTS as u64;
    assert_eq!(counts(&next), [found, 0, found, 0, 0, 0], "{next}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_is_one_missing_piece_and_the_run_says_which() {
    let (world, cut) = begun().await;
    let mut requests = cut.requests.clone();
    let killed = requests.remove(3);
    let worker = start(&world, &[killed]);
    let copies = || world.sim.ledger().count(Verb::CopyObject);
    until("copies", || copies() > 8);
    kill_all(&world, vec![worker]);
    let halves = requests.chunks(4).map(|half| start(&world, half));
    let halves: Vec<_> = halves.collect();
    for (worker, pieces) in halves.iter().zip([4, 3]) {
        for _ in 0..pieces {
            assert!(worker.response()["cursor"].is_null());
        }
    }

    let closed = start(&world, &[cut.close]).response();

    assert_adds_up(&closed);
    assert_eq!(closed["status"], "incomplete", "{closed}");
    assert_eq!(closed["distributed"]["pieces_missing"], 1, "{closed}");
    let message = closed["failures"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("piece 4 of run "), "{message}");
}
