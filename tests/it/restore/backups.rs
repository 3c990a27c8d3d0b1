//! Which of several backups a restore reads, and what is done about it later.

use std::time::Duration;

use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};

use super::{id, refusal, restore, versions};
use crate::cli::{run, text};
use crate::world::{BACKUP, PRIMARY, World, count};

const SECOND: &str = "second";

/// Two backups of two objects, which are damaged since.
async fn world() -> World {
    let world = super::world()
        .with_bucket(SECOND)
        .with("DESTINATION_BUCKET", "backup,second");
    world.put("a", "1");
    world.put("b", "1");
    world.backup().await;
    damage(&world);
    world
}

fn damage(world: &World) {
    world.put("a", "damaged");
    world.sim.delete(PRIMARY, "b");
}

/// Refuses every call to a bucket.
fn break_down(world: &World, bucket: &str) {
    let denied = || Effect::status(403, "AccessDenied", "Access Denied");
    for verb in [Verb::HeadBucket, Verb::GetObject, Verb::PutObject] {
        world.sim.fault(Fault::on(verb).bucket(bucket), denied());
    }
}

fn assert_is_back(world: &World, result: &Value) {
    assert_eq!(result["status"], "complete", "{result}");
    for key in ["a", "b"] {
        let object = world.sim.current(PRIMARY, key).unwrap();
        assert_eq!(object.content, "1".into(), "{result}");
    }
}

/// The buckets that copies were read from.
fn read_from(world: &World) -> Vec<String> {
    let copies = world.sim.ledger().of(Verb::CopyObject).into_iter();
    let sources = copies.map(|call| {
        let source = call
            .header("x-amz-copy-source")
            .unwrap_or_default()
            .to_owned();
        source
            .trim_start_matches('/')
            .split('/')
            .next()
            .unwrap()
            .to_owned()
    });
    let mut sources: Vec<String> = sources.collect();
    sources.sort();
    sources.dedup();
    sources
}

#[tokio::test]
async fn the_backup_that_is_named_is_read_while_the_first_is_broken() {
    let world = world().await;
    break_down(&world, BACKUP);
    world.sim.ledger().clear();

    let asked = json!({"all": true, "run": "latest", "from": SECOND});
    let result = restore(&world, asked).await;

    assert_is_back(&world, &result);
    assert_eq!(read_from(&world), [SECOND]);
    assert_eq!(result["restore"]["from"], SECOND);
    let message = result["message"].as_str().unwrap();
    assert!(
        message.contains("; from second into s3://primary as of run "),
        "{message}"
    );
    let places = &result["restore"]["places"];
    assert_eq!(places[0]["bucket"], BACKUP);
    assert_eq!(places[0]["has_run"], Value::Null);
    assert!(
        places[0]["problem"]
            .as_str()
            .unwrap()
            .contains("bucket backup"),
        "{places}"
    );
    assert_eq!(places[1], json!({"bucket": SECOND, "has_run": true}));
}

#[tokio::test]
async fn without_a_name_the_first_is_read_and_if_it_is_broken_the_others_are_named() {
    let world = world().await;
    let before = versions(&world, PRIMARY);
    break_down(&world, BACKUP);

    let refused = refusal(&world, json!({"all": true, "run": "latest"})).await;
    assert_eq!(versions(&world, PRIMARY), before);
    world.sim.clear_faults();
    break_down(&world, SECOND);
    world.sim.ledger().clear();
    let result = restore(&world, json!({"all": true, "run": "latest"})).await;

    assert!(refused.starts_with("cannot read the source: "), "{refused}");
    let hint = "; to restore from another backup, name it with \"from\": second";
    assert!(refused.ends_with(hint), "{refused}");
    assert_is_back(&world, &result);
    assert_eq!(read_from(&world), [BACKUP]);
    assert_eq!(result["restore"]["places"][1]["has_run"], Value::Null);
}

#[tokio::test]
async fn a_bucket_that_is_no_backup_of_the_job_is_refused_with_those_that_are() {
    let world = world().await;
    let before = versions(&world, PRIMARY);

    for name in ["nowhere", PRIMARY, "s3://second", ""] {
        let asked = json!({"all": true, "run": "latest", "from": name});
        let error = world.invoke(super::asking(asked)).await.unwrap_err();

        assert_eq!(error.error_type(), "RequestError");
        let expected = format!(
            "field \"from\" is {name:?}, which is no backup bucket of this job; configured: backup, second"
        );
        assert_eq!(error.to_string(), expected);
    }
    let job = ["--source", PRIMARY, "--destination", "backup,second"];
    let words = [
        "restore", "--all", "--run", "latest", "--yes", "--from", "nowhere",
    ];
    let told = run(&world, &[&words[..], &job].concat());
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    let expected =
        "--from is \"nowhere\", which is no backup bucket of this job; configured: backup, second";
    assert!(text(&told.stderr).contains(expected), "{told:?}");
    assert_eq!(versions(&world, PRIMARY), before);
}

#[tokio::test]
async fn a_run_that_one_backup_does_not_have_is_an_error_that_names_those_that_have_it() {
    let world = world().await;
    world.put("a", "1");
    world.put("b", "1");
    break_down(&world, BACKUP);
    let missed = world.backup().await;
    world.sim.clear_faults();
    let run_id = missed["run_id"].as_str().unwrap();
    damage(&world);

    let refused = refusal(&world, json!({"all": true, "run": run_id})).await;
    let nowhere = refusal(&world, json!({"all": true, "run": "2001"})).await;
    let asked = json!({"all": true, "run": run_id, "from": SECOND});
    let result = restore(&world, asked).await;
    break_down(&world, SECOND);
    let unknown = refusal(&world, json!({"all": true, "run": run_id})).await;

    let expected =
        format!("looked for in bucket backup; bucket second has run {run_id}, which ended at ");
    assert!(refused.contains(&expected), "{refused}");
    assert!(refused.ends_with(": name it with \"from\""), "{refused}");
    assert!(
        nowhere.ends_with("; bucket second does not have it"),
        "{nowhere}"
    );
    assert!(
        unknown.contains("; bucket second cannot be looked at: "),
        "{unknown}"
    );
    assert_is_back(&world, &result);
    let places = json!([{"bucket": BACKUP, "has_run": false}, {"bucket": SECOND, "has_run": true}]);
    assert_eq!(result["restore"]["places"], places);
}

#[tokio::test]
async fn what_was_begun_goes_on_with_the_backup_of_its_plan() {
    let world = world().await;
    let before = super::state(&world, PRIMARY);
    let asked = json!({"all": true, "run": "latest", "from": SECOND, "hold": true});
    let held = restore(&world, asked).await;
    break_down(&world, BACKUP);
    world.sim.ledger().clear();

    let done = restore(&world, json!({"confirm": id(&held)})).await;
    assert_is_back(&world, &done);
    assert_eq!(done["restore"]["from"], SECOND);
    assert_eq!(read_from(&world), [SECOND]);
    let undone = restore(&world, json!({"undo": id(&done)})).await;
    assert_eq!(undone["restore"]["from"], SECOND);
    assert_eq!(super::state(&world, PRIMARY), before);

    world.sim.clear_faults();
    let unknown = refusal(&world, json!({"continue": "2026-x"})).await;
    assert!(
        unknown.starts_with("there is no restore 2026-x"),
        "{unknown}"
    );
    break_down(&world, SECOND);
    let lost = refusal(&world, json!({"undo": id(&undone)})).await;
    assert!(lost.contains("bucket second"), "{lost}");
    let end = format!(
        "; no backup that can be read has restore {}",
        id(&undone).as_str().unwrap()
    );
    assert!(lost.ends_with(&end), "{lost}");
}

#[tokio::test]
async fn a_schedule_goes_on_with_the_restores_of_every_backup_that_can_be_read() {
    let world = world().await;
    for key in ["a", "b"] {
        world.sim.set_storage_class(SECOND, key, "GLACIER");
    }
    let asked = json!({"all": true, "run": "latest", "from": SECOND});
    let waits = restore(&world, asked).await;
    assert_eq!(waits["status"], "waiting", "{waits}");
    let (handler, context) = (world.handler(), lambda_runtime::Context::default());
    let event = lambda_runtime::LambdaEvent::new(json!({}), context);
    let watched = Box::pin(handler.handle_watch(event)).await.unwrap();
    let watched = serde_json::to_value(watched).unwrap();
    let open = [0, 1].map(|number| &watched["jobs"][number]["open_restores"]);
    assert_eq!(open, [&json!(0), &json!(1)]);
    world.sim.clock().advance(Duration::from_hours(13));
    break_down(&world, BACKUP);

    let result = restore(&world, json!({"continue": "all"})).await;
    let error = refusal(&world, json!({"continue": "all"})).await;
    world.sim.clear_faults();
    let nothing = restore(&world, json!({"continue": "all"})).await;

    assert_is_back(&world, &result);
    assert_eq!(result["restore"]["from"], SECOND);
    assert!(error.contains("bucket backup"), "{error}");
    assert_eq!(count(&nothing, "objects_found"), 0);
}

#[tokio::test]
async fn a_backup_that_never_answers_keeps_nobody_from_restoring() {
    let world = world().await.persistent().impatient();
    world
        .sim
        .fault(Fault::on(Verb::HeadBucket).bucket(BACKUP), Effect::Stall);

    let asked = json!({"all": true, "run": "latest", "from": SECOND});
    let result = restore(&world, asked).await;

    assert_is_back(&world, &result);
    assert_eq!(
        result["restore"]["places"][0]["problem"],
        "it did not answer in time"
    );
    let undone = restore(&world, json!({"undo": id(&result)})).await;
    assert_eq!(undone["status"], "complete", "{undone}");
}

#[tokio::test]
async fn a_drill_reads_the_backup_that_is_named_and_lists_show_where_a_restore_lies() {
    let world = world().await.with_bucket("scratch");
    break_down(&world, BACKUP);

    let drill = json!({"operation": "drill", "to": "s3://scratch/", "from": SECOND});
    let result = world.run(drill).await;

    assert_eq!(result["restore"]["drill"]["passed"], true, "{result}");
    assert_eq!(result["restore"]["from"], SECOND);
    world.sim.clear_faults();
    let job = ["--source", PRIMARY, "--destination", "backup,second"];
    let listed = run(&world, &[&["restores"][..], &job].concat());
    assert!(text(&listed.stdout).contains("from second"), "{listed:?}");
    let words = [
        "restore",
        "--all",
        "--run",
        "latest",
        "--dry-run",
        "--from",
        SECOND,
    ];
    let told = run(&world, &[&words[..], &job].concat());
    let stdout = text(&told.stdout);
    assert!(
        stdout.contains("\n  run is in    backup, second\n"),
        "{stdout}"
    );
    let command = "--source primary --destination second\n";
    assert!(stdout.contains(command), "{stdout}");
}
