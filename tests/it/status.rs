//! `status` and `unlock`: how old the backup is, who is at work, and a lease whose holder is gone.

use std::process::Output;
use std::time::Duration;

use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};

use crate::cli::{run, run_in, text};
use crate::lease;
use crate::world::{BACKUP, PRIMARY, World};

const SIDES: [&str; 2] = ["s3://primary", "s3://backup"];

fn ask(world: &World, command: &str, more: &[&str]) -> Output {
    run(world, &[&[command], &SIDES[..], more].concat())
}

fn status(world: &World, more: &[&str]) -> (Option<i32>, Value) {
    let output = ask(world, "status", &[more, &["--json"]].concat());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code(), told)
}

async fn backed_up(world: &World) -> String {
    let result = world.backup().await;
    result["run_id"].as_str().unwrap().to_owned()
}

fn another_run_is_at_work(world: &World) {
    world
        .sim
        .put(BACKUP, &lease::key(), lease::lease_of_another());
}

#[tokio::test]
async fn a_fresh_backup_exits_with_0_and_an_old_one_with_3() {
    let world = World::new();
    world.put("a", "12345");
    let id = backed_up(&world).await;
    world.sim.ledger().clear();

    let fresh = ask(&world, "status", &[]);
    let (code, told) = status(&world, &[]);
    for verb in [Verb::PutObject, Verb::CopyObject, Verb::DeleteObject] {
        assert_eq!(world.sim.ledger().count(verb), 0, "{verb:?}");
    }
    world.sim.clock().advance(Duration::from_hours(27));
    let old = ask(&world, "status", &[]);
    let (patient, _) = status(&world, &["--max-age", "2d"]);

    assert_eq!(fresh.status.code(), Some(0), "{fresh:?}");
    let stdout = text(&fresh.stdout);
    for line in [
        "primary -> backup\n".to_owned(),
        format!("  last run       {id}, complete\n"),
        "  under way      nothing\n".to_owned(),
        "  backup         1 object, 5 B\n".to_owned(),
    ] {
        assert!(stdout.contains(&line), "{line:?} is missing in {stdout}");
    }
    assert!(!stdout.contains("next"), "{stdout}");
    assert_eq!(code, Some(0));
    assert_eq!(told["is_fresh"], true);
    let destination = &told["destinations"][0];
    assert_eq!(destination["last_complete"]["run_id"], id);
    assert_eq!(destination["last_run"]["status"], "complete");
    assert_eq!(destination["objects"], 1);
    assert_eq!(destination["bytes"], 5);
    assert_eq!(old.status.code(), Some(3), "{old:?}");
    let stdout = text(&old.stdout);
    assert!(stdout.contains(", 27 hours ago: too old\n"), "{stdout}");
    let next = "  next           s3-backup run s3://primary s3://backup\n";
    assert!(stdout.contains(next), "{stdout}");
    assert_eq!(patient, Some(0));
}

#[tokio::test]
async fn a_run_with_errors_is_the_last_one_and_not_the_last_complete_one() {
    let world = World::new();
    world.put("a", "1");
    let complete = backed_up(&world).await;
    world.put("b", "1");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).key("b"), denied);
    let incomplete = backed_up(&world).await;

    let (code, told) = status(&world, &[]);
    let runs = ask(&world, "runs", &[]);

    let destination = &told["destinations"][0];
    assert_eq!(code, Some(0));
    assert_eq!(destination["last_complete"]["run_id"], complete);
    assert_eq!(destination["last_run"]["run_id"], incomplete);
    assert_eq!(destination["last_run"]["status"], "incomplete");
    assert_eq!(destination["last_run"]["errors"], 1);
    let stdout = text(&runs.stdout);
    let row = |id: &str| {
        let line = stdout.lines().find(|line| line.starts_with(id)).unwrap();
        line.split_whitespace().nth(1).unwrap()
    };
    assert_eq!(row(&incomplete), "incomplete");
    assert_eq!(row(&complete), "complete");
}

#[tokio::test]
async fn a_held_run_is_named_with_the_command_that_confirms_it() {
    let world = World::new().with("BACKUP_DELETIONS", "mark");
    for n in 0..200 {
        world.put(&format!("{n:03}"), "1");
    }
    backed_up(&world).await;
    for n in 0..150 {
        world.sim.delete(PRIMARY, &format!("{n:03}"));
    }
    let held = backed_up(&world).await;

    let output = ask(&world, "status", &[]);
    let (_, told) = status(&world, &[]);
    let runs = ask(&world, "runs", &[]);

    assert_eq!(told["destinations"][0]["last_run"]["status"], "held");
    let stdout = text(&output.stdout);
    let next = format!("s3-backup run s3://primary s3://backup --deletions mark --confirm {held}");
    assert!(stdout.contains(&next), "{stdout}");
    let stdout = text(&runs.stdout);
    let row = stdout.lines().find(|line| line.starts_with(&held)).unwrap();
    assert_eq!(row.split_whitespace().nth(1), Some("held"));
}

#[tokio::test]
async fn who_is_at_work_is_named_and_a_bucket_without_a_backup_is_not_fresh() {
    let world = World::new();
    world.put("a", "1");
    another_run_is_at_work(&world);

    let (code, told) = status(&world, &[]);
    let output = ask(&world, "status", &[]);

    assert_eq!(code, Some(3));
    let destination = &told["destinations"][0];
    assert_eq!(destination["last_complete"], Value::Null);
    assert_eq!(
        destination["under_way"]["run_id"],
        "2026-11-21T02-00-00Z-beef"
    );
    assert_eq!(destination["under_way"]["holder"], "function other");
    let stdout = text(&output.stdout);
    assert!(stdout.contains("  last complete  never\n"), "{stdout}");
    assert!(stdout.contains("s3-backup unlock s3://primary s3://backup"));
}

#[tokio::test]
async fn unlock_gives_the_lease_back_and_the_next_run_begins() {
    let world = World::new();
    world.put("a", "1");
    another_run_is_at_work(&world);

    let asked = ask(&world, "unlock", &[]);
    let refused = run(&world, &["run", "s3://primary", "s3://backup"]);
    let unlocked = ask(&world, "unlock", &["--yes"]);
    let again = ask(&world, "unlock", &["--yes"]);
    let begun = run(&world, &["run", "s3://primary", "s3://backup"]);

    // There is no terminal to ask at.
    assert_eq!(asked.status.code(), Some(2), "{asked:?}");
    assert!(text(&asked.stderr).contains("add --yes"), "{asked:?}");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert_eq!(unlocked.status.code(), Some(0), "{unlocked:?}");
    let stderr = text(&unlocked.stderr);
    assert!(stderr.contains("run 2026-11-21T02-00-00Z-beef (function other)"));
    assert_eq!(
        text(&again.stdout),
        "nobody holds the lease on backup\n",
        "{again:?}"
    );
    assert_eq!(begun.status.code(), Some(0), "{begun:?}");
    world.assert_backed_up();
}

#[tokio::test]
async fn a_holder_that_is_alive_keeps_its_lease() {
    let world = World::new();
    another_run_is_at_work(&world);
    // It is renewed between the look and the write.
    let renewed = Effect::status(412, "PreconditionFailed", "renewed");
    let lease = lease::key();
    world
        .sim
        .fault(Fault::on(Verb::PutObject).key(&lease), renewed);

    let output = ask(&world, "unlock", &["--yes"]);

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("its holder is alive"));
}

#[tokio::test]
async fn with_json_a_refusal_is_json_on_stdout_too() {
    let world = World::new();
    let parsed = |output: &Output| -> Value { serde_json::from_slice(&output.stdout).unwrap() };

    let missing = run(&world, &["run", "s3://primary", "--json"]);
    let flag = run(&world, &["run", "--sorce", "primary", "--json"]);
    let bucket = run_in(
        &world,
        &["status", "s3://primary", "s3://nosuchbucket", "--json"],
        &[],
    );

    assert_eq!(missing.status.code(), Some(2), "{missing:?}");
    assert_eq!(parsed(&missing)["errorType"], "ConfigError");
    assert_eq!(parsed(&flag)["errorType"], "UsageError");
    assert_eq!(bucket.status.code(), Some(1), "{bucket:?}");
    assert_eq!(parsed(&bucket)["errorType"], "DestinationError");
    let message = parsed(&bucket)["errorMessage"].clone();
    assert_ne!(message, json!(null));
}
