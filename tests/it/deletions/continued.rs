//! Deletions of a run that is stopped and continued.

use std::time::Duration;

use s3_sim::{Class, Effect, Fault, Sim, Verb};
use serde_json::{Value, json};

use super::{
    backed_up, backed_up_in, confirming, delete, denied, key, marked, markers, marking,
    marking_in_pages, within,
};
use crate::resume::state_of;
use crate::world::{BACKUP, PRIMARY, World, assert_adds_up, count, counts};

/// A world in which copies and looks are slow: 8 at once take 20 ms.
async fn slow(objects: usize) -> World {
    let sim = Sim::builder()
        .latency(Class::Copy, Duration::from_millis(20))
        .latency(Class::Head, Duration::from_millis(20))
        .page_size_max(50)
        .start();
    let world = World::around(sim)
        .with("BACKUP_MAX_CONCURRENCY", "8")
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_MAX_DELETIONS", "1000000")
        .with("BACKUP_MAX_DELETIONS_PERCENT", "100");
    backed_up(world, objects).await
}

/// Continues until nothing is left; all results.
async fn to_the_end(world: &World, time: Duration, payload: Value) -> Vec<Value> {
    let mut results = vec![within(world, time, &payload).await];
    while !results[results.len() - 1]["cursor"].is_null() {
        assert!(results.len() < 50, "no end of it: {results:?}");
        let cursor = results[results.len() - 1]["cursor"].clone();
        results.push(
            within(
                world,
                time,
                &json!({"operation": "continue", "cursor": cursor}),
            )
            .await,
        );
    }
    results
}

/// The same, of runs that are told to stop at the nth call of a verb, however fast the machine is.
async fn to_the_end_by(world: &World, verb: Verb, nth: u64, payload: Value) -> Vec<Value> {
    let mut results = vec![world.stopped_at(verb, nth, &payload).await];
    while !results[results.len() - 1]["cursor"].is_null() {
        assert!(results.len() < 10, "no end of it: {results:?}");
        let cursor = results[results.len() - 1]["cursor"].clone();
        let going_on = json!({"operation": "continue", "cursor": cursor});
        results.push(world.stopped_at(verb, nth, &going_on).await);
    }
    results.iter().for_each(assert_adds_up);
    results
}

/// Each was marked once. A marker that was given up when the time was over may have been placed all the
/// same: then no result counts it.
fn assert_marked(world: &World, results: &[Value], objects: u64) {
    let told: u64 = results.iter().map(marked).sum();
    let given_up = 8 * results.len() as u64;
    assert!(
        told <= objects && told + given_up >= objects,
        "{told}: {results:?}"
    );
    let placed = world.sim.all_versions(BACKUP).into_iter();
    let placed = placed.filter(|version| version.is_delete_marker).count() as u64;
    assert_eq!(placed, objects, "markers were placed twice or not at all");
    assert_eq!(world.keys(BACKUP), world.keys(PRIMARY));
}

#[tokio::test]
async fn a_continued_run_marks_only_at_the_end_and_counts_everything_once() {
    let world = slow(600).await;
    delete(&world, 60);
    for n in 60..600 {
        world.put(&key(n), "changed");
    }

    let results = to_the_end_by(&world, Verb::CopyObject, 200, json!({})).await;

    let (last, stopped) = results.split_last().unwrap();
    assert!(!stopped.is_empty(), "one run was enough");
    let copying = stopped
        .iter()
        .filter(|result| result["cursor"]["stage"] == "copy");
    for result in copying {
        assert_eq!(marked(result), 0, "marked before the end: {result}");
        assert_eq!(
            result["deletions"]["postponed"],
            "not everything was counted yet"
        );
        assert_eq!(result["cursor"]["deletions"], "mark");
    }
    assert_eq!(last["status"], "complete");
    let counted = |result: &&Value| {
        let deletions = &result["deletions"];
        deletions["postponed"].is_null() && deletions["percent"].is_number()
    };
    let counted = results.iter().find(counted).unwrap();
    assert_eq!(counted["deletions"]["due"], 60);
    assert_marked(&world, &results, 60);
    assert_eq!(counted["deletions"]["percent"], 10.0, "{counted}");
    assert_eq!(world.keys(BACKUP), world.keys(PRIMARY));
    world.assert_backed_up();
}

#[tokio::test]
async fn a_confirmation_goes_on_with_a_run_that_is_stopped() {
    let world = slow(600)
        .await
        .with("BACKUP_MAX_DELETIONS", "0")
        .with("BACKUP_MAX_DELETIONS_PERCENT", "0");
    delete(&world, 60);
    let held = world.backup().await;
    for n in 60..600 {
        world.put(&key(n), "changed");
    }

    let results = to_the_end_by(&world, Verb::CopyObject, 200, confirming(&held)).await;

    assert!(results.len() > 1, "one run was enough");
    assert_eq!(state_of(&world, &results[0])["confirm"], held["run_id"]);
    assert_marked(&world, &results, 60);
    assert_eq!(results.last().unwrap()["status"], "complete");
}

#[tokio::test]
async fn a_listing_that_broke_off_before_the_run_was_stopped_forbids_deletions_to_the_end() {
    let world = slow(600).await;
    delete(&world, 20);
    for n in 20..23 {
        world.put(&key(n), "changed");
    }
    let second_page = Fault::on(Verb::ListObjectsV2).bucket(BACKUP).nth(2);
    world.sim.fault(second_page, denied());
    world.sim.fault(Fault::on(Verb::CopyObject), Effect::Stall);
    let stopped = within(&world, Duration::from_secs(2), &json!({})).await;
    world.sim.clear_faults();
    assert!(count(&stopped, "errors") > 0, "{stopped}");
    let state = state_of(&world, &stopped);
    assert_eq!(
        (&state["deletions"], &state["counted"]),
        (&json!("mark"), &json!(null))
    );

    let going_on = json!({"operation": "continue", "cursor": stopped["cursor"]});
    let results = to_the_end(&world, Duration::from_secs(20), going_on).await;

    let last = &results.last().unwrap()["deletions"]["postponed"];
    let why = last.as_str().unwrap();
    assert!(
        why.contains("it is not known what was counted before"),
        "{why}"
    );
    assert_eq!(results.iter().map(marked).sum::<u64>(), 0);
    assert_eq!(markers(&world), 0);
}

#[tokio::test]
async fn marking_that_is_stopped_is_continued_and_marks_no_more_than_agreed() {
    let world = slow(1000).await;
    delete(&world, 900);

    let results = to_the_end_by(&world, Verb::DeleteObject, 250, json!({})).await;

    let stopped = results
        .iter()
        .filter(|result| result["cursor"]["stage"] == "mark");
    assert!(stopped.count() > 0, "{results:?}");
    assert_marked(&world, &results, 900);
    assert_eq!(world.keys(BACKUP), world.keys(PRIMARY));
    let agreed = |result: &Value| {
        let marks = result["cursor"]["stage"] == "mark";
        marks.then(|| state_of(&world, result)["agreed"].as_u64().unwrap())
    };
    // Each invocation subtracts what is done from what was agreed.
    let mut done = 0;
    for result in &results {
        done += marked(result);
        if let Some(left) = agreed(result) {
            assert_eq!(left + done, 900, "{result}");
        }
    }
}

#[tokio::test]
async fn a_run_that_has_to_stop_before_it_marks_leaves_that_to_a_cursor() {
    let world = marking(3).await;
    delete(&world, 1);
    let (second, stall) = (Fault::on(Verb::GetBucketVersioning).nth(2), Effect::Stall);
    world.sim.fault(second, stall);

    let stopped = within(&world, Duration::from_secs(2), &json!({})).await;
    let going_on = json!({"operation": "continue", "cursor": stopped["cursor"]});
    let result = within(&world, Duration::from_secs(30), &going_on).await;

    assert_eq!(stopped["status"], "incomplete", "{stopped}");
    assert_eq!((count(&stopped, "errors"), marked(&stopped)), (0, 0));
    assert_eq!(state_of(&world, &stopped)["agreed"], 1);
    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(marked(&result), 1);
    assert_eq!(world.keys(BACKUP), world.keys(PRIMARY));
}

#[tokio::test]
async fn snapshots_are_closed_before_anything_is_marked_and_not_once_more() {
    let world = slow(600).await;
    delete(&world, 500);

    let results = to_the_end_by(&world, Verb::DeleteObject, 200, json!({})).await;

    let snapshots = results
        .iter()
        .map(|result| &result["destinations"][0]["snapshot"]);
    let snapshots: Vec<&Value> = snapshots.filter(|snapshot| !snapshot.is_null()).collect();
    let written = snapshots
        .iter()
        .filter(|snapshot| !snapshot["key"].is_null());
    assert!(snapshots.len() < results.len(), "{results:?}");
    assert_eq!(written.count(), 1, "{snapshots:?}");
    let last = snapshots[snapshots.len() - 1];
    assert_eq!(
        (&last["objects"], &last["problem"]),
        (&json!(100), &json!(null))
    );
    let again = world.backup().await;
    assert_eq!(counts(&again), [100, 0, 100, 0, 0, 0]);
    assert_eq!(again["destinations"][0]["snapshot"]["segments_written"], 0);
}

#[tokio::test]
async fn a_destination_that_is_done_is_not_recorded_again_when_the_other_goes_on() {
    let world = World::new()
        .with_bucket("second")
        .with("DESTINATION_BUCKET", "backup,second")
        .with("BACKUP_DELETIONS", "mark");
    let world = backed_up_in(world, 3, 2).await;
    delete(&world, 1);
    world.put(&key(2), "changed");
    let copies = Fault::on(Verb::CopyObject).bucket("second");
    world.sim.fault(copies, Effect::Stall);
    let stopped = within(&world, Duration::from_secs(2), &json!({})).await;
    world.sim.clear_faults();
    assert_eq!(stopped["cursor"]["states"].as_array().unwrap().len(), 2);

    let result = world
        .run(json!({"operation": "continue", "cursor": stopped["cursor"]}))
        .await;

    assert_eq!(
        result["destinations"][0]["snapshot"],
        json!(null),
        "{result}"
    );
    assert_eq!(marked(&result), 2);
}

#[tokio::test]
async fn a_cursor_that_does_not_know_what_was_counted_marks_nothing() {
    let world = marking_in_pages(30).await;
    delete(&world, 3);
    let range = json!({"destination": BACKUP, "after": key(10)});
    let old = json!({"format": 2, "prefix": "", "mode": "incremental", "dry_run": false, "ranges": [range]});

    let result = world
        .run(json!({"operation": "continue", "cursor": old}))
        .await;

    assert_eq!(result["status"], "complete");
    assert_eq!(result["deletions"], json!(null));
    assert_eq!(markers(&world), 0);
}

#[tokio::test]
async fn what_a_stopped_run_has_counted_counts_for_the_brake() {
    let world = marking(200).await;
    delete(&world, 150);
    world.put(&key(160), "changed");
    world.sim.fault(Fault::on(Verb::CopyObject), Effect::Stall);
    let stopped = within(&world, Duration::from_secs(2), &json!({})).await;
    world.sim.clear_faults();
    let counted = &state_of(&world, &stopped)["counted"];
    assert_eq!(counted["gone"], 150, "{counted}");

    let result = world
        .run(json!({"operation": "continue", "cursor": stopped["cursor"]}))
        .await;

    assert_eq!(result["status"], "held");
    assert_eq!(result["deletions"]["due"], 150);
    assert_eq!(result["deletions"]["percent"], 75.0);
}

#[tokio::test]
async fn what_a_cursor_says_itself_of_deletions_proves_nothing() {
    let world = marking(200).await;
    delete(&world, 150);
    let range = json!({"destination": BACKUP, "after": key(120)});
    let counted = json!({"destination": BACKUP, "source": 1000, "backup": 100_000, "gone": 0});
    let agreed = json!({"destination": BACKUP, "most": 150});
    let base = json!({"format": 2, "prefix": "", "mode": "incremental", "dry_run": false,
        "deletions": "mark", "ranges": [range]});
    let with = |field: &str, rows: Value| {
        let mut cursor = base.clone();
        cursor[field] = json!([rows]);
        json!({"operation": "continue", "cursor": cursor})
    };

    let counting = world.run(with("counted", counted)).await;
    let marking = world.run(with("agreed", agreed)).await;

    let why = counting["deletions"]["postponed"].as_str().unwrap();
    assert!(why.contains("proves nothing"), "{why}");
    assert_eq!(marking["status"], "held", "it is counted anew: {marking}");
    assert_eq!(marking["deletions"]["due"], 150);
    assert_eq!(markers(&world), 0);
}
