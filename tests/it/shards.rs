//! Listings side by side: however the keys are cut into shards, each is looked at exactly once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use s3_sim::{Class, Effect, Fault, Sim, Verb};
use serde_json::{Value, json};

use crate::tables;
use crate::world::{BACKUP, PRIMARY, World, answer, count, counts};

/// Keys of many forms: counted, deep, hashed, odd, one the beginning of the other.
fn keys() -> impl Strategy<Value = BTreeSet<String>> {
    let forms = prop_oneof![
        (0..400_u32).prop_map(|n| format!("object-{n:012}")),
        (0..400_u32).prop_map(|n| format!("{:02}/{:02}/{:02}.dat", n / 100, n / 10 % 10, n % 10)),
        any::<u32>().prop_map(|n| format!("{n:08x}")),
        "[a-c]{1,6}",
        "[\u{1}-\u{3}é日😀\u{ffee}\u{10ffff} +%/]{1,4}",
    ];
    let of_one_form = (0..5_usize, 30..250_usize).prop_flat_map(|(form, size)| {
        let form = match form {
            0 => (0..400_u32).prop_map(|n| format!("object-{n:012}")).boxed(),
            1 => (0..9_999_u32)
                .prop_map(|n| format!("{:02}/{:02}.dat", n / 100, n % 100))
                .boxed(),
            2 => any::<u32>().prop_map(|n| format!("{n:08x}")).boxed(),
            3 => "[a-c]{1,6}".boxed(),
            _ => "[\u{1}-\u{3}é日😀\u{ffee}\u{10ffff} +%/]{1,4}".boxed(),
        };
        proptest::collection::btree_set(form, 1..size)
    });
    prop_oneof![
        of_one_form,
        proptest::collection::btree_set(forms, 1..250_usize)
    ]
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// How many listings were begun behind a key, not continued by a token.
fn listings_begun(world: &World, bucket: &str) -> usize {
    let pages = world.sim.ledger().of(Verb::ListObjectsV2);
    let begun = pages
        .iter()
        .filter(|page| page.bucket == bucket && page.query("start-after").is_some());
    begun.count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if tables::are_whole() { 60 } else { 20 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cutting_gives_what_one_listing_gives(
        keys in keys(),
        orphans in keys(),
        page in 1..5_usize,
        stale in any::<u64>(),
        busy in proptest::option::of(5..12_u64),
    ) {
        runtime().block_on(async {
            let world = World::around(Sim::builder().page_size_max(page).start()).persistent();
            for key in &keys {
                world.put(key, "1");
            }
            let first = world.backup().await;
            let found = keys.len() as u64;
            let changed: Vec<&String> = keys.iter().enumerate()
                .filter(|(n, _)| stale >> (n % 64) & 1 == 1)
                .map(|(_, key)| key)
                .collect();
            for key in &changed {
                world.put(key, "2");
            }
            for key in orphans.difference(&keys) {
                world.sim.put(BACKUP, key, "kept");
            }
            if let Some(every) = busy {
                let fault = Fault::on(Verb::ListObjectsV2).every(every);
                world.sim.fault(fault, Effect::status(503, "SlowDown", "slow down"));
            }
            let second = world.backup().await;
            world.sim.clear_faults();
            let third = world.backup().await;

            let copied = changed.len() as u64;
            prop_assert_eq!(counts(&first), [found, found, 0, 0, 0, 0]);
            prop_assert_eq!(counts(&second), [found, copied, found - copied, 0, 0, 0]);
            prop_assert_eq!(counts(&third), [found, 0, found, 0, 0, 0]);
            world.assert_backed_up();
            Ok(())
        })?;
    }
}

/// A bucket that takes long to list in one chain of pages.
fn wide_world(objects: u32) -> World {
    world_of_slow_pages(objects, Duration::from_millis(10))
}

fn world_of_slow_pages(objects: u32, page: Duration) -> World {
    let sim = Sim::builder()
        .page_size_max(10)
        .latency(Class::List, page)
        .start();
    let world = World::around(sim);
    for n in 0..objects {
        world.put(&format!("object-{n:012}"), "1");
    }
    world
}

#[tokio::test]
async fn a_flat_bucket_is_listed_side_by_side_on_both_sides() {
    let world = wide_world(5_000);
    world.backup().await;
    world.sim.ledger().clear();

    let result = world.backup().await;

    let in_flight = world.sim.ledger().max_in_flight_of(Verb::ListObjectsV2);
    assert_eq!(counts(&result), [5_000, 0, 5_000, 0, 0, 0]);
    assert!(in_flight >= 12, "{in_flight} pages at once");
    assert!(listings_begun(&world, PRIMARY) >= 8);
    assert!(listings_begun(&world, BACKUP) >= 5);
}

#[tokio::test]
async fn with_more_cpus_more_is_listed_at_once() {
    // Slow enough for a busy machine: what is counted are the pages that S3 has not answered yet.
    let world = world_of_slow_pages(3_000, Duration::from_millis(400));
    world.backup().await;
    let mut in_flight = Vec::new();
    for cpus in [1, 2] {
        world.sim.clock().advance(Duration::from_secs(2));
        world.sim.ledger().clear();

        let result = answer(&world.handler().on_cpus(cpus), json!({})).await;

        assert_eq!(counts(&result.unwrap()), [3_000, 0, 3_000, 0, 0, 0]);
        in_flight.push(world.sim.ledger().max_in_flight_of(Verb::ListObjectsV2));
    }

    assert!((12..=30).contains(&in_flight[0]), "{in_flight:?}");
    assert!((31..=96).contains(&in_flight[1]), "{in_flight:?}");
}

#[tokio::test]
async fn cuts_cost_little() {
    let world = wide_world(20_000);

    let result = world.backup().await;

    // The backup is empty: only the source has pages, 2,000 of them.
    let listed = count(&result["requests"], "list");
    assert!(
        (2_001..=2_001 + 2_000 / 20 + 64).contains(&listed),
        "{listed} pages"
    );
}

#[tokio::test]
async fn a_small_bucket_is_two_listings() {
    let world = World::new();
    for n in 0..1_500 {
        world.put(&format!("{n:05}"), "1");
    }
    world.backup().await;

    let result = world.backup().await;

    assert_eq!(count(&result["requests"], "list"), 4);
}

#[tokio::test]
async fn a_run_that_is_stopped_goes_on_in_all_its_pieces() {
    let world = wide_world(5_000);
    world.backup().await;
    let mut payload = serde_json::json!({});
    let mut found = 0;
    let mut most_ranges = 0;
    let mut runs = 0;
    while runs < 20 {
        let result = world.stopped_at(Verb::ListObjectsV2, 250, &payload).await;
        found += count(&result, "objects_found");
        runs += 1;
        let cursor = result["cursor"].clone();
        if cursor.is_null() {
            break;
        }
        most_ranges = most_ranges.max(ranges_left(&world, &cursor));
        payload = serde_json::json!({"operation": "continue", "cursor": cursor});
    }

    assert!((2..20).contains(&runs), "{runs} runs");
    assert!(most_ranges > 1, "{most_ranges} ranges");
    assert_eq!(found, 5_000);
}

#[tokio::test]
async fn a_listing_that_fails_breaks_off_its_own_piece_only() {
    let world = wide_world(5_000);
    world.backup().await;
    // A page that only tries where to cut breaks nothing off: then the next one is denied.
    for nth in 150..170 {
        let page = Fault::on(Verb::ListObjectsV2).bucket(PRIMARY).nth(nth);
        let denied = Effect::status(403, "AccessDenied", "Access Denied");
        let strikes = world.sim.fault(page, denied);

        let result = world.backup().await;

        world.sim.clear_faults();
        assert_eq!(strikes.count(), 1);
        let [found, copied, unchanged, _, _, errors] = counts(&result);
        if errors > 0 {
            assert_eq!((found, copied, errors), (unchanged + 1, 0, 1));
            // By then at most 150 pages of ten keys had been seen. The page that is denied may be one without keys.
            assert!((2_500..=5_000).contains(&unchanged), "{unchanged} seen");
            assert_eq!(result["status"], "incomplete");
            return;
        }
        assert_eq!(counts(&result), [5_000, 0, 5_000, 0, 0, 0]);
    }
    panic!("no page of a piece was denied");
}

/// How many ranges the state that a cursor refers to has left.
fn ranges_left(world: &World, cursor: &Value) -> usize {
    let key = cursor["states"][0]["key"].as_str().unwrap();
    let state = world.sim.current(BACKUP, key).unwrap().content;
    let state: Value = serde_json::from_slice(&state.read(0, 1_000_000)).unwrap();
    state["ranges"].as_array().unwrap().len()
}

/// Folders of different sizes within each other, in a bucket that takes long to list. Pages are of ten keys.
fn world_of_folders() -> World {
    let sim = Sim::builder()
        .page_size_max(10)
        .latency(Class::List, Duration::from_millis(10))
        .start();
    let world = World::around(sim);
    for n in 0..3_000_u32 {
        let (year, month, number) = (n / 600, n / 50 % 12, n % 50);
        world.put(&format!("logs/20{year:02}/{month:02}/{number:04}.gz"), "1");
    }
    world
}

/// The listings of the source with a delimiter: their prefixes, and what S3 has answered.
fn folders_listed(world: &World) -> Vec<(String, Option<u16>)> {
    let pages = world.sim.ledger().of(Verb::ListObjectsV2);
    let of_folders = pages
        .iter()
        .filter(|page| page.bucket == PRIMARY && page.query("delimiter").is_some());
    let prefix = |page: &s3_sim::Entry| page.query("prefix").unwrap_or_default().to_owned();
    of_folders.map(|page| (prefix(page), page.status)).collect()
}

#[tokio::test]
async fn folders_are_listed_to_cut_between_them() {
    let world = world_of_folders();

    let result = world.backup().await;

    let asked = folders_listed(&world);
    assert_eq!(counts(&result), [3_000, 3_000, 0, 0, 0, 0]);
    assert!((1..=30).contains(&asked.len()), "{asked:?}");
    let is_level = |(prefix, _): &(String, Option<u16>)| prefix.is_empty() || prefix.ends_with('/');
    assert!(asked.iter().all(is_level), "{asked:?}");
    let listed = count(&result["requests"], "list");
    // The backup is empty: only the source has pages, 300 of them.
    assert!(
        (301..=301 + 300 / 20 + 64).contains(&listed),
        "{listed} pages"
    );
    world.assert_backed_up();
}

#[tokio::test]
async fn folders_are_asked_for_below_the_prefix_of_the_source_only() {
    let world = world_of_folders().with("BACKUP_SOURCE_PREFIX", "logs/200");

    let result = world.backup().await;

    let asked = folders_listed(&world);
    assert_eq!(counts(&result), [3_000, 3_000, 0, 0, 0, 0]);
    assert!(!asked.is_empty());
    let is_below = |(prefix, _): &(String, Option<u16>)| prefix.starts_with("logs/200");
    assert!(asked.iter().all(is_below), "{asked:?}");
}

#[tokio::test]
async fn a_bucket_whose_folders_cannot_be_listed_is_backed_up_all_the_same() {
    let world = world_of_folders();
    let of_folders = Fault::on(Verb::ListObjectsV2).parameter("delimiter");
    let refused = Effect::status(501, "NotImplemented", "no such delimiter");
    world.sim.fault(of_folders, refused);

    let result = world.backup().await;

    assert_eq!(counts(&result), [3_000, 3_000, 0, 0, 0, 0]);
    assert_eq!(result["status"], "complete");
    let asked = folders_listed(&world);
    // Others may have been under way when the first one was refused.
    assert!((1..=6).contains(&asked.len()), "{asked:?}");
    assert!(listings_begun(&world, PRIMARY) >= 8);
    world.assert_backed_up();
}

#[tokio::test]
async fn a_bucket_whose_folders_are_named_late_is_cut_by_guesses() {
    let world = world_of_folders();
    let of_folders = Fault::on(Verb::ListObjectsV2).parameter("delimiter");
    world
        .sim
        .fault(of_folders, Effect::Slow(Duration::from_mins(1)));
    let started = Instant::now();

    let result = world.backup().await;

    assert_eq!(counts(&result), [3_000, 3_000, 0, 0, 0, 0]);
    assert!(listings_begun(&world, PRIMARY) >= 8);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(50), "{took:?}");
}
