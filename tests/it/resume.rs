//! A run that reaches its deadline ends by itself, says what is left, and is continued until it is done.

use std::time::Duration;

use s3_sim::{Class, Content, Put, Sim, Verb};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, World, assert_adds_up, count, counts};

const MIB: u64 = 1024 * 1024;

/// Sends a payload to the function, which has so much time.
pub async fn within(world: &World, time: Duration, payload: &Value) -> Value {
    let began = std::time::Instant::now();
    let result = world.within(time, payload).await;
    // A busy machine may be late, but not by much.
    let late = Duration::from_secs(2);
    assert!(
        began.elapsed() < time + late,
        "{:?} of {time:?}",
        began.elapsed()
    );
    result
}

/// Continues until nothing is left; all results.
pub async fn to_the_end(world: &World, time: Duration, payload: Value) -> Vec<Value> {
    let mut results = vec![within(world, time, &payload).await];
    while !results[results.len() - 1]["cursor"].is_null() {
        assert!(results.len() < 50, "no end of it: {results:?}");
        let cursor = results[results.len() - 1]["cursor"].clone();
        let next = json!({"operation": "continue", "cursor": cursor});
        results.push(within(world, time, &next).await);
    }
    results
}

pub fn total(results: &[Value], name: &str) -> u64 {
    results.iter().map(|result| count(result, name)).sum()
}

/// What the state that a cursor refers to says, of the first destination.
pub fn state_of(world: &World, result: &Value) -> Value {
    let link = &result["cursor"]["states"][0];
    let (bucket, key) = (&link["destination"], &link["key"]);
    let state = world
        .sim
        .current(bucket.as_str().unwrap(), key.as_str().unwrap());
    serde_json::from_slice(state.unwrap().content.as_bytes().unwrap()).unwrap()
}

/// A world in which copies are slow: 8 at once take 20 ms.
fn slow_world(objects: u32) -> World {
    let sim = Sim::builder()
        .latency(Class::Copy, Duration::from_millis(20))
        .page_size_max(50)
        .start();
    let world = World::around(sim).with("BACKUP_MAX_CONCURRENCY", "8");
    for n in 0..objects {
        world.put(&format!("key {n:04}"), "1");
    }
    world
}

#[tokio::test]
async fn a_run_that_is_stopped_is_continued_until_all_is_done() {
    let world = slow_world(1500);

    let results = to_the_end(&world, Duration::from_secs(3), json!({})).await;

    assert!(results.len() > 1, "one run was enough: {results:?}");
    let (last, stopped) = results.split_last().unwrap();
    for result in stopped {
        assert_adds_up(result);
        assert_eq!(result["status"], "incomplete");
        assert_eq!(count(result, "errors"), 0);
        let message = result["message"].as_str().unwrap();
        assert!(
            message.ends_with("stopped by the deadline, the cursor continues it"),
            "{message}"
        );
    }
    assert_eq!(last["status"], "complete");
    assert_eq!(total(&results, "objects_found"), 1500, "each object once");
    assert_eq!(total(&results, "objects_copied"), 1500);
    assert_eq!(world.equal(), 1500);
    assert_eq!(
        world.backup_versions().len(),
        1500,
        "nothing was copied twice"
    );
}

#[tokio::test]
async fn a_cursor_is_used_once_and_may_be_lost() {
    let world = slow_world(300)
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_MAX_DELETIONS_PERCENT", "100");
    world.put("gone", "1");
    world.run(json!({"prefix": "gone"})).await;
    world.backup().await;
    world.sim.delete(PRIMARY, "gone");
    let again = json!({"mode": "full"});
    let lost = within(&world, Duration::from_secs(1), &again).await;
    assert_eq!(lost["cursor"]["deletions"], "mark", "{lost}");
    let first = within(&world, Duration::from_secs(1), &again).await;
    let next = json!({"operation": "continue", "cursor": first["cursor"]});

    let once = to_the_end(&world, Duration::from_secs(20), next.clone()).await;
    world.sim.ledger().clear();
    let twice = within(&world, Duration::from_secs(20), &next).await;
    let anew = world.backup().await;

    assert_eq!(total(&once, "objects_marked_deleted"), 1, "{once:?}");
    assert_eq!(twice["already_continued"]["by"], once[0]["run_id"]);
    assert_eq!(counts(&twice), [0, 0, 0, 0, 0, 0]);
    let ledger = world.sim.ledger();
    assert_eq!(
        ledger.count(Verb::DeleteObject) + ledger.count(Verb::CopyObject),
        0
    );
    assert_eq!(counts(&anew), [300, 0, 300, 0, 0, 0]);
}

#[tokio::test]
async fn a_large_object_in_hand_is_given_up_aborted_and_continued() {
    let world = slow_world(3).with("BACKUP_MULTIPART_THRESHOLD", "5 MiB");
    let parts = vec![5 * MIB; 400];
    let large = Put::new(Content::generated(1, 2000 * MIB)).parts(&parts);
    world.put_object("key 0001 large", large.content_type("a/b"));

    let stopped = within(&world, Duration::from_secs(1), &json!({})).await;
    assert_adds_up(&stopped);
    assert_eq!(
        state_of(&world, &stopped)["ranges"][0],
        json!({"at": "key 0001 large"})
    );
    assert!(
        world.sim.uploads(BACKUP).is_empty(),
        "an upload was left open"
    );
    assert_eq!(world.sim.ledger().count(Verb::AbortMultipartUpload), 1);
    let next = json!({"operation": "continue", "cursor": stopped["cursor"]});
    let last = within(&world, Duration::from_mins(1), &next).await;

    assert_eq!(last["status"], "complete", "{last}");
    assert_eq!(counts(&last), [2, 1, 1, 0, 0, 0]);
    world.assert_backed_up();
}

#[tokio::test]
async fn each_destination_goes_on_where_it_was() {
    let world = slow_world(600)
        .with_bucket("second")
        .with("DESTINATION_BUCKET", "backup,second")
        .with("BACKUP_DESTINATION_PREFIX", "nightly/");

    let results = to_the_end(&world, Duration::from_secs(3), json!({})).await;

    assert!(results.len() > 1);
    assert_eq!(total(&results, "objects_found"), 1200);
    assert_eq!(total(&results, "objects_copied"), 1200);
    assert_eq!(world.keys(BACKUP).len(), 600);
    assert_eq!(world.keys("second").len(), 600);
}

#[tokio::test]
async fn what_was_asked_for_goes_on_too() {
    let world = slow_world(600);
    world.backup().await;
    world.put("other", "1");

    let asked = json!({"operation": "backup", "mode": "full", "prefix": "key"});
    let results = to_the_end(&world, Duration::from_secs(1), asked).await;

    assert!(results.len() > 1);
    assert_eq!(
        total(&results, "objects_copied"),
        600,
        "a full run copies what is unchanged"
    );
    assert!(!world.keys(BACKUP).contains(&"other".to_owned()));
}

#[tokio::test]
async fn a_run_with_hardly_any_time_says_so() {
    let world = slow_world(500);

    let result = within(
        &world,
        Duration::from_millis(100),
        &json!({"prefix": "key"}),
    )
    .await;

    assert_adds_up(&result);
    assert_eq!(result["status"], "incomplete");
    // Format 3 refers to a state; where a busy machine has no time to write one, format 2 names the ranges.
    let format = result["cursor"]["format"].as_u64();
    assert!(matches!(format, Some(2 | 3)), "{result}");
    assert_eq!(result["cursor"]["prefix"], "key");
}

#[tokio::test]
async fn a_cursor_of_a_bucket_that_is_not_configured_is_refused() {
    let world = slow_world(1);
    let range = json!({"destination": PRIMARY, "after": "a"});
    let cursor = json!({"format": 1, "ranges": [range]});

    let error = world
        .invoke(json!({"operation": "continue", "cursor": cursor}))
        .await
        .unwrap_err();

    assert_eq!(error.error_type(), "RequestError");
    assert_eq!(world.sim.ledger().total(), 0);
}

#[tokio::test]
async fn what_is_in_hand_when_it_is_time_to_stop_is_finished_at_once() {
    let sim = Sim::builder()
        .latency(Class::Copy, Duration::from_millis(2))
        .start();
    let world = World::around(sim)
        .with("BACKUP_MAX_CONCURRENCY", "1")
        .with("BACKUP_WEBSITE_REDIRECTS", "all");
    for n in 0..1500 {
        world.put(&format!("key {n:04}"), "1");
    }

    let stopped = within(&world, Duration::from_secs(2), &json!({})).await;

    let seconds = stopped["duration_seconds"].as_f64().unwrap();
    assert!(!stopped["cursor"].is_null(), "all was done in time");
    assert!(
        seconds < 1.8,
        "{seconds} s, to stop at 1.5: {}",
        stopped["cursor"]
    );
    let state = state_of(&world, &stopped);
    assert!(state["ranges"][0]["after"].is_string(), "{state}");
}
