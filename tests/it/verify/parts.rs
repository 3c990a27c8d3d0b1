//! Samples, parts, and verifications that are stopped and continued.

use std::time::{Duration, SystemTime};

use s3_sim::{Class, Effect, Fault, Put, Sim, Verb};
use serde_json::{Value, json};

use super::{forget, tamper, verdicts};
use crate::resume::{to_the_end, total, within};
use crate::world::{BACKUP, World, count};

#[tokio::test]
async fn thirty_parts_look_at_each_object_once() {
    let world = World::new();
    for n in 0..90 {
        world.put(&format!("{n:02}"), "1");
    }
    world.backup().await;
    tamper(&world, "42", Put::new("2"));
    forget(&world);
    world.sim.ledger().clear();

    let (mut looked_at, mut different) = (0, 0);
    for part in 1..=30 {
        let asked = json!({"operation": "verify", "sample": "1/30", "part": part});
        let result = world.invoke(asked).await.unwrap();
        assert_eq!(verdicts(&result)[2], 0);
        assert_eq!(count(&result, "objects_found"), 90, "listings cover all");
        looked_at += count(&result["verified"], "compared_deep");
        different += count(&result["verified"], "different");
    }

    assert_eq!(looked_at, 90);
    assert_eq!(different, 1, "the part of key 42 finds it");
    let looks = world.sim.ledger().of(Verb::HeadObject);
    let mut keys: Vec<&str> = looks
        .iter()
        .filter(|look| look.bucket == BACKUP)
        .map(|look| look.key.as_str())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!((looks.len(), keys.len()), (180, 90));
}

#[tokio::test]
async fn a_sample_says_which_part_it_was() {
    let world = World::new();
    world.put("k", "1");
    world.backup().await;

    let asked = json!({"operation": "verify", "sample": "1/30"});
    let result = world.invoke(asked).await.unwrap();

    let part = count(&result["verified"], "part");
    assert_eq!(result["verified"]["sample"], "1/30");
    let days = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 86_400;
    // Midnight may have passed meanwhile.
    let turns = [days % 30 + 1, (days + 29) % 30 + 1];
    assert!(turns.contains(&part), "{part}, not {turns:?}");
    let message = result["message"].as_str().unwrap();
    assert!(message.contains(&format!("part {part} of 30")), "{message}");
}

#[tokio::test]
async fn a_verification_that_is_stopped_is_continued_until_all_is_done() {
    let sim = Sim::builder()
        .latency(Class::Head, Duration::from_millis(20))
        .page_size_max(50)
        .start();
    let world = World::around(sim).with("BACKUP_MAX_CONCURRENCY", "8");
    for n in 0..1000 {
        world.put(&format!("key {n:04}"), "1");
    }
    world.backup().await;
    for n in (0..1000).step_by(100) {
        world.sim.delete(BACKUP, &format!("key {n:04}"));
        let flipped = format!("key {:04}", n + 7);
        tamper(&world, &flipped, Put::new("2"));
    }

    let asked = json!({"operation": "verify", "deep": true, "prefix": "key"});
    let results = to_the_end(&world, Duration::from_secs(3), asked).await;

    assert!(results.len() > 1, "one run was enough: {results:?}");
    let words = &results[0]["cursor"]["verify"];
    assert_eq!(*words, json!({"deep": true, "repair": false}));
    let message = results[0]["message"].as_str().unwrap();
    assert!(message.ends_with("the cursor continues it"), "{message}");
    let found = |name: &str| -> u64 {
        let counts = results.iter().map(|result| {
            verdicts(result);
            count(&result["verified"], name)
        });
        counts.sum()
    };
    assert_eq!(total(&results, "objects_found"), 1000, "each object once");
    assert_eq!((found("equal"), found("missing")), (980, 10));
    assert_eq!((found("different"), found("compared_deep")), (10, 1000));
}

#[tokio::test]
async fn a_look_in_hand_at_the_deadline_is_given_up_and_proves_nothing() {
    let world = World::new();
    for key in ["a", "b", "c"] {
        world.put(key, "1");
    }
    world.backup().await;
    let looks = Fault::on(Verb::HeadObject).bucket(BACKUP).key("b");
    world.sim.fault(looks, Effect::Stall);
    let asked = json!({"operation": "verify", "deep": true});

    let stopped = within(&world, Duration::from_secs(2), &asked).await;
    world.sim.clear_faults();
    let next = json!({"operation": "continue", "cursor": stopped["cursor"]});
    let last = world.invoke(next).await.unwrap();

    assert_eq!(verdicts(&stopped), [2, 0, 0, 0, 0, 0]);
    assert_eq!(
        stopped["cursor"]["ranges"],
        json!([{"destination": BACKUP, "at": "b"}])
    );
    assert_eq!(verdicts(&last), [2, 0, 0, 0, 0, 0], "b, and c again");
    assert_eq!(last["status"], "complete");
}

#[tokio::test]
async fn a_sample_and_a_repair_are_continued_as_they_were_asked_for() {
    let sim = Sim::builder()
        .page_size_max(5)
        .latency(Class::List, Duration::from_millis(100))
        .start();
    let world = World::around(sim);
    for n in 0..300 {
        world.put(&format!("{n:03}"), "1");
    }
    let asked = json!({"operation": "verify", "sample": "1/2", "part": 2, "repair": true});

    let stopped = within(&world, Duration::from_secs(1), &asked).await;
    let next = json!({"operation": "continue", "cursor": stopped["cursor"]});
    let last = world.invoke(next).await.unwrap();

    let words = json!({"deep": true, "sample": "1/2", "part": 2, "repair": true});
    assert_eq!(stopped["cursor"]["verify"], words);
    assert_eq!(last["verified"]["part"], 2);
    let repaired = |result: &Value| verdicts(result)[5];
    assert_eq!(repaired(&stopped) + repaired(&last), 300);
    assert_eq!(world.equal(), 300);
}
