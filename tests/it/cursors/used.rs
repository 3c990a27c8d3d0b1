//! A cursor that was used already, or is used while its run goes on.

use std::time::Duration;

use s3_sim::{Effect, Fault, Verb};
use serde_json::json;

use super::{going_on, key, marked, markers, slow, state_key, stopped_before_marking, with_gone};
use crate::resume::{to_the_end, total, within};
use crate::world::{BACKUP, PRIMARY, assert_adds_up, count};

#[tokio::test]
async fn a_cursor_that_was_used_marks_nothing_of_a_source_that_was_emptied_since() {
    let world = with_gone(50, 40).await;
    let old = going_on(&stopped_before_marking(&world).await);
    let done = world.run(old.clone()).await;
    assert_eq!(marked(&done), 40);
    for n in 100..300 {
        world.put(&key(n), "1");
    }
    world.backup().await;
    for key in world.keys(PRIMARY) {
        world.sim.delete(PRIMARY, &key);
    }
    world.sim.ledger().clear();

    let again = world.run(old).await;

    assert_eq!(markers(&world), 0);
    assert_adds_up(&again);
    assert_eq!(again["status"], "complete");
    let told = &again["already_continued"];
    assert_eq!(
        (&told["by"], &told["last"]),
        (&done["run_id"], &done["run_id"])
    );
    assert_eq!(
        (&told["status"], &told["message"]),
        (&json!("complete"), &done["message"])
    );
    let run_id = done["run_id"].as_str().unwrap();
    let message = again["message"].as_str().unwrap();
    let part = format!("was already continued by run {run_id}, which ended complete: ");
    assert!(
        message.starts_with("Nothing was done: ") && message.contains(&part),
        "{message}"
    );
}

#[tokio::test]
async fn an_old_cursor_does_not_roll_the_snapshot_back() {
    let world = slow(600);
    let stopped = within(&world, Duration::from_secs(1), &json!({})).await;
    let old = going_on(&stopped);
    let first = world.run(old.clone()).await;
    assert!(
        first["destinations"][0]["snapshot"]["key"].is_string(),
        "{first}"
    );
    world.put("0000 new", "1");
    world.sim.delete(PRIMARY, &key(1));
    world.backup().await;
    let latest = state_key("snapshots/latest.json");
    let newest = world.sim.current(BACKUP, &latest).unwrap().version_id;

    for cursor in [
        old["cursor"].clone(),
        json!({"format": 2, "ranges": [{"destination": BACKUP, "after": "0300"}]}),
        json!({"format": 2, "ranges": [{"destination": BACKUP}]}),
    ] {
        let replayed = json!({"operation": "continue", "cursor": cursor});
        let result = world.run(replayed).await;

        assert_eq!(result["status"], "complete", "{result}");
        let now = world.sim.current(BACKUP, &latest).unwrap().version_id;
        assert_eq!(now, newest, "{result}");
    }
}

#[tokio::test]
async fn a_run_that_goes_on_behind_a_newer_snapshot_writes_none() {
    let world = slow(600);
    world.put("zzz", "1");
    let stopped = within(&world, Duration::from_secs(1), &json!({})).await;
    world.sim.delete(PRIMARY, "zzz");
    let newer = world.backup().await;
    assert!(
        newer["destinations"][0]["snapshot"]["key"].is_string(),
        "{newer}"
    );
    let latest = state_key("snapshots/latest.json");
    let newest = world.sim.current(BACKUP, &latest).unwrap().version_id;

    let result = world.run(going_on(&stopped)).await;

    assert_eq!(result["status"], "complete");
    assert_eq!(
        world.sim.current(BACKUP, &latest).unwrap().version_id,
        newest
    );
    let problem = result["destinations"][0]["snapshot"]["problem"]
        .as_str()
        .unwrap();
    assert!(
        problem.contains("has written a snapshot since"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_cursor_that_comes_again_leads_to_the_newest_one() {
    let world = slow(1500);
    let time = Duration::from_secs(1);
    let first = within(&world, time, &json!({})).await;
    let second = within(&world, time, &going_on(&first)).await;
    let third = within(&world, time, &going_on(&second)).await;
    assert!(third["cursor"].is_object(), "{third}");
    world.sim.ledger().clear();

    let again = within(&world, time, &going_on(&first)).await;

    assert_eq!(again["cursor"], third["cursor"]);
    assert_adds_up(&again);
    assert_eq!(again["status"], "incomplete");
    let told = &again["already_continued"];
    assert_eq!(
        (&told["by"], &told["last"]),
        (&second["run_id"], &third["run_id"])
    );
    assert_eq!(told["status"], "stopped");
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 0);
    let results = to_the_end(&world, Duration::from_secs(20), going_on(&again)).await;
    let all = [first, second, third];
    let copied = total(&all, "objects_copied") + total(&results, "objects_copied");
    assert_eq!(copied, 1500, "nothing was copied twice");
    let snapshot = &results.last().unwrap()["destinations"][0]["snapshot"];
    assert_eq!(snapshot["objects"], 1500, "{snapshot}");
}

#[tokio::test]
async fn a_cursor_whose_run_ended_with_errors_or_held_says_so_again() {
    let world = slow(600);
    let stopped = within(&world, Duration::from_secs(1), &json!({})).await;
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).first(3), denied);
    let failed = world.run(going_on(&stopped)).await;
    assert_eq!(count(&failed, "errors"), 3);

    let again = world.run(going_on(&stopped)).await;

    assert_adds_up(&again);
    assert_eq!(again["status"], "incomplete");
    assert_eq!(again["cursor"], json!(null));
    assert_eq!(again["already_continued"]["message"], failed["message"]);
    assert_eq!(again["failures"][0]["code"], "ContinuedIncomplete");
}

#[tokio::test]
async fn a_cursor_whose_run_is_under_way_waits() {
    let world = slow(600);
    let stopped = within(&world, Duration::from_secs(1), &json!({})).await;
    let first = world.run(going_on(&stopped));
    let second = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.invoke(going_on(&stopped)).await
    };

    let (first, second) = tokio::join!(first, second);

    assert_eq!(first["status"], "complete");
    assert_eq!(second.unwrap_err().error_type(), "AlreadyRunning");
}
