//! Size: memory does not grow with the bucket, and a night without changes is two listings.
//!
//! Measured on the release binary, in a process of its own; `make test` builds it first.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use s3_sim::{Detail, Sim};
use serde_json::Value;

use crate::world::{BACKUP, PRIMARY, World, count, counts};

const OBJECTS: u64 = 100_000;
const MOST_MEMORY_KIB: u64 = 64 * 1024;

/// A run of the release binary: its result, its peak memory in KiB and its wall time.
fn measured(world: &World) -> (Value, u64, Duration) {
    world.sim.clock().advance(Duration::from_secs(2));
    let began = Instant::now();
    let mut process = Command::new(release_binary())
        .args([
            "run",
            "--json",
            "--source",
            PRIMARY,
            "--destination",
            BACKUP,
        ])
        .env_clear()
        .env("AWS_ENDPOINT_URL", world.sim.endpoint())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        // On one thread, as the function of the stack runs. Each more takes memory of its own.
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let status = PathBuf::from(format!("/proc/{}/status", process.id()));
    let mut peak = 0;
    while process.try_wait().unwrap().is_none() {
        peak = peak.max(peak_memory(&status).unwrap_or(0));
        thread::sleep(Duration::from_millis(5));
    }
    let mut result = String::new();
    process
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut result)
        .unwrap();
    assert!(peak > 0, "the memory was never seen");
    (
        serde_json::from_str(&result).unwrap(),
        peak,
        began.elapsed(),
    )
}

fn release_binary() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_s3-backup"));
    let release = binary
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("release/s3-backup");
    assert!(
        release.exists(),
        "{} is missing: cargo build --release",
        release.display()
    );
    release
}

/// The largest resident set so far, in KiB.
fn peak_memory(status: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
#[ignore = "measures the release binary: make test builds it and runs this"]
fn a_hundred_thousand_objects_fit_into_64_mib() {
    let world = World::around(Sim::start());
    world.sim.ledger().keep(Detail::Counts);
    for n in 0..OBJECTS {
        world.put(&format!("folder-{:03}/object-{n:06}.bin", n % 300), "1");
    }

    let (first, first_peak, first_time) = measured(&world);
    let (second, second_peak, second_time) = measured(&world);

    println!(
        "first run: {first_time:.1?}, {first_peak} KiB, {}",
        first["requests"]
    );
    println!(
        "second run: {second_time:.1?}, {second_peak} KiB, {}",
        second["requests"]
    );
    assert_eq!(counts(&first), [OBJECTS, OBJECTS, 0, 0, 0, 0]);
    assert_eq!(counts(&second), [OBJECTS, 0, OBJECTS, 0, 0, 0]);
    let pages = 2 * OBJECTS / 1000;
    let listed = count(&second["requests"], "list");
    // The bound that is promised for guesses where to cut the listings.
    let most = pages + pages / 20 + 64;
    assert!(
        (pages..=most).contains(&listed),
        "{listed} pages of {pages}"
    );
    assert_eq!(count(&second["requests"], "copy"), 0);
    assert!(
        first_peak < MOST_MEMORY_KIB,
        "{first_peak} KiB in the first run"
    );
    assert!(
        second_peak < MOST_MEMORY_KIB,
        "{second_peak} KiB in the second run"
    );
    world.assert_backed_up();
}
