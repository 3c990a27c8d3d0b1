//! The built command line, told to end while it runs: it says what is left, and leaves nothing behind.

use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use s3_sim::{Class, Content, Effect, Fault, Put, Sim, Strikes, Verb};

use crate::cli::text;
use crate::world::{BACKUP, PRIMARY, World};

const MIB: u64 = 1024 * 1024;

fn start(world: &World) -> Child {
    Command::new(env!("CARGO_BIN_EXE_s3-backup"))
        .args(["run", "--source", PRIMARY, "--destination", BACKUP])
        .env_clear()
        .env("AWS_ENDPOINT_URL", world.sim.endpoint())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("BACKUP_MAX_CONCURRENCY", "4")
        .env("BACKUP_MULTIPART_THRESHOLD", "5 MiB")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn until(what: &str, happened: impl Fn() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

pub fn send(signal: &str, process: &Child) {
    let id = process.id().to_string();
    let sent = Command::new("kill").args([signal, &id]).status();
    assert!(sent.unwrap().success());
}

/// How it ended, which it must soon.
fn end_of(process: Child) -> (Output, Duration) {
    let began = Instant::now();
    let output = process.wait_with_output().unwrap();
    (output, began.elapsed())
}

fn assert_told(output: &Output) {
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{stdout}{stderr}");
    assert!(
        stdout.contains("; stopped by a signal, the cursor continues it"),
        "{stdout}{stderr}"
    );
    assert!(stderr.starts_with("stopping: "), "{stderr}");
}

async fn assert_nothing_is_left_behind(world: &World) {
    world.sim.clear_faults();
    assert_eq!(world.sim.uploads(BACKUP), []);
    let next = world.backup().await;
    assert_eq!(next["status"], "complete", "{next}");
    world.assert_backed_up();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_run_with_its_summary_and_gives_the_lease_back() {
    let sim = Sim::builder()
        .latency(Class::Copy, Duration::from_millis(50))
        .start();
    let world = World::around(sim);
    for n in 0..400 {
        world.put(&format!("{n:03}"), "1");
    }
    world.sim.clock().advance(Duration::from_secs(2));
    let process = start(&world);
    until("copies", || world.sim.ledger().count(Verb::CopyObject) > 20);

    send("-INT", &process);
    let (output, took) = end_of(process);

    assert_told(&output);
    assert!(took < Duration::from_secs(5), "{took:?}");
    let copied = world.keys(BACKUP).len();
    assert!((20..400).contains(&copied), "{copied}");
    assert_nothing_is_left_behind(&world).await;
}

fn with_a_large_object_that_stalls() -> (World, Strikes) {
    let world = World::new().with("BACKUP_MULTIPART_THRESHOLD", "5 MiB");
    let large = Put::new(Content::generated(1, 20 * MIB));
    world.put_object("large", large.content_type("a/b"));
    world.put("small", "1");
    world.sim.clock().advance(Duration::from_secs(2));
    let parts = Fault::on(Verb::UploadPartCopy);
    let strikes = world.sim.fault(parts, Effect::Stall);
    (world, strikes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_aborts_the_uploads_in_flight() {
    let (world, parts) = with_a_large_object_that_stalls();
    let process = start(&world);
    until("parts", || parts.count() > 0);

    send("-TERM", &process);
    let (output, took) = end_of(process);

    assert_told(&output);
    assert!(took < Duration::from_secs(7), "{took:?}");
    assert_nothing_is_left_behind(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_program_at_once() {
    let (world, parts) = with_a_large_object_that_stalls();
    let process = start(&world);
    until("parts", || parts.count() > 0);

    send("-INT", &process);
    thread::sleep(Duration::from_millis(200));
    send("-INT", &process);
    let (output, took) = end_of(process);

    assert_eq!(output.status.code(), Some(130));
    assert!(took < Duration::from_secs(2), "{took:?}");
}
