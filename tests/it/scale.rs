//! Size: memory does not grow with the bucket, and a night without changes is two listings.
//!
//! Measured on the function of the package, in a process of its own; `make test` builds it first.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use s3_sim::{Detail, Sim};
use serde_json::Value;

use crate::lambda::Function;
use crate::world::{BACKUP, PRIMARY, STATE, World, count, counts};

const OBJECTS: u64 = 100_000;
const MOST_MEMORY_KIB: u64 = 64 * 1024;
/// Beside copies more rows wait for an earlier one.
const MOST_MEMORY_WITH_COPIES_KIB: u64 = 80 * 1024;
const TIME: Duration = Duration::from_mins(15);

/// A run of the packaged function in an environment of its own: its result, its peak memory in KiB and its wall time.
fn measured(world: &World) -> (Value, u64, Duration) {
    world.sim.clock().advance(Duration::from_secs(2));
    let began = Instant::now();
    // The last of a name counts: the memory of the stack, with which the function runs on one thread. Each more takes
    // memory of its own.
    let vars = [
        ("SOURCE_BUCKET", PRIMARY),
        ("DESTINATION_BUCKET", BACKUP),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
    ];
    let payloads = vec!["{}".to_owned()];
    let function = Function::of(&packaged(), world, &vars, payloads, TIME);
    let result = function.response();
    let status = PathBuf::from(format!("/proc/{}/status", function.id()));
    let peak = peak_memory(&status).expect("the function waits for the next payload");
    (result, peak, began.elapsed())
}

fn packaged() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_bootstrap"))
        .ancestors()
        .nth(2);
    let packaged = target.unwrap().join("release/bootstrap");
    assert!(
        packaged.exists(),
        "{} is missing: make package",
        packaged.display()
    );
    packaged
}

/// The largest resident set so far, in KiB.
fn peak_memory(status: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Nine nights of 1 % scattered changes: the last one puts the changes of eight together.
fn assert_nights_of_changes_fit(world: &World) {
    for night in 0..9 {
        for n in (night..OBJECTS).step_by(100) {
            let key = format!("folder-{:03}/object-{n:06}.bin", n % 300);
            world.put(&key, &format!("of night {night}"));
        }
        let before = state_size(world);

        let (result, peak, time) = measured(world);

        let after = state_size(world);
        let (objects, bytes) = (after.0 - before.0, after.1 - before.1);
        println!(
            "night {night} of changes: {time:.1?}, {peak} KiB, {objects} objects of {bytes} bytes"
        );
        assert_eq!(
            counts(&result),
            [OBJECTS, OBJECTS / 100, OBJECTS / 100 * 99, 0, 0, 0]
        );
        let note = &result["destinations"][0]["snapshot"];
        assert!(count(note, "segments_changed") > 0, "{note}");
        assert!(
            peak < MOST_MEMORY_WITH_COPIES_KIB,
            "{peak} KiB in night {night} of changes"
        );
    }
}

/// How many versions of its own the program has in the backup bucket, and their bytes.
fn state_size(world: &World) -> (usize, u64) {
    let versions = world.sim.all_versions(BACKUP).into_iter();
    let own: Vec<u64> = versions
        .filter(|version| version.key.starts_with(STATE))
        .map(|version| version.content.len())
        .collect();
    (own.len(), own.iter().sum())
}

#[test]
#[ignore = "measures the packaged function: make test builds it and runs this"]
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
    assert_nights_of_changes_fit(&world);
    world.assert_backed_up();
}
