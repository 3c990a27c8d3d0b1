//! As of when: a run, a time, a version.

use std::time::Duration;

use s3_sim::{Effect, Fault, Verb};
use serde_json::json;

use super::{refusal, restore, world};
use crate::world::{BACKUP, PRIMARY, World, count};

/// Three runs: `a` changes in each, `gone` is in the first two, `late` in the last.
async fn three_runs() -> (World, Vec<String>) {
    let world = world();
    let mut runs = Vec::new();
    for number in 1..=3 {
        world.put("a", &format!("{number}"));
        match number {
            1 => world.put("gone", "x"),
            3 => {
                world.sim.delete(PRIMARY, "gone");
                world.put("late", "x");
            }
            _ => {}
        }
        let result = world.backup().await;
        runs.push(result["run_id"].as_str().unwrap().to_owned());
        // Run ids and the ends of runs are of this machine's clock, in whole seconds.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    (world, runs)
}

fn body(world: &World, key: &str) -> Option<String> {
    let object = world.sim.current(PRIMARY, key)?;
    Some(String::from_utf8(object.content.as_bytes().unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn a_run_gives_exactly_its_state_by_version() {
    let (world, runs) = three_runs().await;

    restore(
        &world,
        json!({"all": true, "run": "latest~1", "extra": "mark"}),
    )
    .await;
    assert_eq!(body(&world, "a").as_deref(), Some("2"));
    assert!(body(&world, "gone").is_some() && body(&world, "late").is_none());

    restore(&world, json!({"all": true, "run": runs[0]})).await;
    assert_eq!(body(&world, "a").as_deref(), Some("1"));

    // The backup keeps what the source had lost by then, and the run does not have it.
    let result = restore(
        &world,
        json!({"all": true, "run": runs[2], "extra": "mark"}),
    )
    .await;
    assert_eq!(body(&world, "a").as_deref(), Some("3"));
    assert!(body(&world, "gone").is_none(), "{result}");
}

#[tokio::test]
async fn a_time_takes_the_last_complete_run_that_had_ended_by_then() {
    let (world, runs) = three_runs().await;
    let told = restore(
        &world,
        json!({"all": true, "run": runs[1], "dry_run": true}),
    )
    .await;
    let ended = told["restore"]["point"]["ended_at"].as_str().unwrap();

    let result = restore(&world, json!({"all": true, "at": ended})).await;

    let point = &result["restore"]["point"];
    assert_eq!(point["run"], json!(runs[1]), "{result}");
    assert_eq!(point["earlier_by_seconds"], 0);
    assert_eq!(body(&world, "a").as_deref(), Some("2"));
    let early = refusal(&world, json!({"all": true, "at": "2001-01-01"})).await;
    assert!(
        early.starts_with(
            "no complete run had ended by 2001-01-01T00:00:00Z; the first run with a snapshot, "
        ),
        "{early}"
    );
    let late = refusal(&world, json!({"all": true, "at": "2999-01-01"})).await;
    assert!(
        late.starts_with("2999-01-01T00:00:00Z is in the future; the first run"),
        "{late}"
    );
}

#[tokio::test]
async fn a_version_is_of_one_key_whichever_run_it_is_of() {
    let (world, _) = three_runs().await;
    let versions = world.sim.versions(BACKUP, "a");
    let first = versions.iter().map(|version| &version.version_id);
    let ids: Vec<String> = first.cloned().collect();
    let others = world.sim.versions(BACKUP, "gone");
    let mut bodies = Vec::new();
    for id in &ids {
        restore(&world, json!({"keys": ["a"], "version_id": id})).await;
        bodies.extend(body(&world, "a"));
    }
    bodies.sort();
    assert_eq!(bodies, ["1", "2", "3"]);
    let live = body(&world, "a");

    let foreign = json!({"keys": ["a"], "version_id": others[0].version_id});
    let foreign = restore(&world, foreign).await;

    assert_eq!(foreign["failures"][0]["code"], "NoSuchVersion", "{foreign}");
    assert_eq!(body(&world, "a"), live);
}

#[tokio::test]
async fn a_row_without_a_version_is_looked_up_by_one_listing_of_its_key() {
    let world = world();
    world.put("a", "1");
    world.put("b", "1");
    world.backup().await;
    // Without the snapshot, the next run proves the backups by the listings alone, which tell no versions.
    for key in world.sim.keys(BACKUP) {
        if key.ends_with("snapshots/latest.json") {
            world.sim.delete(BACKUP, &key);
        }
    }
    world.backup().await;
    let noted = world.sim.versions(BACKUP, "a");
    world.put("a", "2");
    world.backup().await;
    world.sim.ledger().clear();

    let result = restore(&world, json!({"keys": ["a"], "run": "latest~1"})).await;

    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(body(&world, "a").as_deref(), Some("1"));
    assert_eq!(world.sim.ledger().count(Verb::ListObjectVersions), 1);
    // The version is gone: that is said, and nothing else is taken for it.
    world.sim.delete_version(BACKUP, "a", &noted[0].version_id);
    world.put("a", "3");
    let gone = restore(&world, json!({"keys": ["a"], "run": "latest~1"})).await;
    assert_eq!(gone["failures"][0]["code"], "NoSuchVersion", "{gone}");
    assert_eq!(body(&world, "a").as_deref(), Some("3"));
}

#[tokio::test]
async fn a_damaged_snapshot_is_named_and_nothing_is_guessed() {
    let (world, _) = three_runs().await;
    world.sim.ledger().clear();
    restore(
        &world,
        json!({"all": true, "run": "latest", "dry_run": true}),
    )
    .await;
    let reads = world.sim.ledger().of(Verb::GetObject);
    let segment = reads.iter().find(|call| call.key.contains("/segments/"));
    let segment = segment.unwrap().key.clone();
    world.sim.fault(
        Fault::on(Verb::GetObject).bucket(BACKUP).key(&segment),
        Effect::Body("rubbish".to_owned()),
    );
    world.put("a", "damaged");
    let live = world.sim.all_versions(PRIMARY).len();

    let refused = refusal(&world, json!({"all": true, "run": "latest"})).await;

    assert!(refused.contains("cannot use the snapshot"), "{refused}");
    assert!(
        refused.contains("nothing was restored; choose another run"),
        "{refused}"
    );
    assert_eq!(world.sim.all_versions(PRIMARY).len(), live);
    let other = restore(&world, json!({"all": true, "run": "latest~1"})).await;
    assert_eq!(count(&other, "objects_restored"), 2, "{other}");
}

#[tokio::test]
async fn a_key_that_the_run_does_not_have_is_an_error_with_the_runs_that_have_it() {
    let (world, runs) = three_runs().await;

    let result = restore(
        &world,
        json!({"keys": ["a", "gone", "never"], "run": "latest~0"}),
    )
    .await;

    assert_eq!(count(&result, "errors"), 2, "{result}");
    let failures = result["failures"].as_array().unwrap();
    let of = |key: &str| {
        let mut failures = failures.iter();
        failures.find(|failure| failure["key"] == key).unwrap()
    };
    assert_eq!(of("gone")["code"], "NotInRun");
    let advice = format!("these runs have it: {}, {}", runs[1], runs[0]);
    assert_eq!(of("gone")["advice"], json!(advice));
    let advice = of("never")["advice"].as_str().unwrap();
    assert!(
        advice.starts_with("none of the last 3 runs has it"),
        "{advice}"
    );
}
