//! Whatever stalls, a run ends at its deadline, with a result that adds up.

use std::time::{Duration, Instant};

use futures::future::join_all;
use s3_backup::app::AppError;
use s3_backup::model::Deadline;
use s3_backup::request;
use s3_sim::{Content, Effect, Fault, Put, Verb};
use serde_json::{Value, json};

use crate::tables;
use crate::world::{BACKUP, PRIMARY, World, assert_adds_up, count};

const MIB: u64 = 1024 * 1024;
const TIME: Duration = Duration::from_secs(4);
/// How long a run of the table may take. An abort has an eighth of the reserve, which is too little of four seconds for
/// a machine that plays ten runs at once.
const TIME_OF_TABLE: Duration = Duration::from_secs(16);
/// How late a busy machine may be. A call that knew no deadline would take ten seconds.
const LATE: Duration = Duration::from_secs(2);

fn large(seed: u64) -> Put {
    Put::new(Content::generated(seed, 20 * MIB))
        .parts(&[5 * MIB; 4])
        .content_type("a/b")
}

fn world_with_parts() -> World {
    World::new().with("BACKUP_MULTIPART_THRESHOLD", "5 MiB")
}

fn large_world() -> World {
    let world = world_with_parts();
    world.put_object("k", large(1));
    world
}

/// Sends a payload to the function, which has so much time, and which must be done by then.
async fn in_time(
    what: &str,
    world: &World,
    time: Duration,
    payload: &Value,
) -> Result<Value, AppError> {
    world.sim.clock().advance(Duration::from_secs(2));
    let request = request::parse(payload).unwrap();
    let handler = world.handler();
    let began = Instant::now();
    let deadline = Deadline::within(began, time);
    let answer = Box::pin(handler.answer(&request, Some(deadline), |_| {})).await;
    let took = began.elapsed();
    assert!(took < time + LATE, "{what}: {took:?} of {time:?}");
    let summary = answer?;
    Ok(serde_json::from_str(&summary.to_json().unwrap()).unwrap())
}

async fn run(what: &str, world: &World) -> Value {
    let result = in_time(what, world, TIME, &json!({})).await.unwrap();
    assert_adds_up(&result);
    result
}

/// The cursor has the rest, and nothing else is wrong.
fn assert_given_up(result: &Value) {
    assert_eq!(result["status"], "incomplete", "{result}");
    assert_eq!(count(result, "errors"), 0, "{result}");
    assert!(!result["cursor"].is_null(), "{result}");
}

#[tokio::test]
async fn looks_at_a_large_object_that_stall_end_at_the_deadline() {
    for (verb, bucket) in [
        (Verb::HeadObject, PRIMARY),
        (Verb::GetObjectTagging, PRIMARY),
        (Verb::CreateMultipartUpload, BACKUP),
        (Verb::UploadPartCopy, BACKUP),
        (Verb::CompleteMultipartUpload, BACKUP),
    ] {
        let world = large_world();
        world
            .sim
            .fault(Fault::on(verb).bucket(bucket), Effect::Stall);

        let result = run(&format!("{verb:?}"), &world).await;

        assert_given_up(&result);
        assert_eq!(world.sim.uploads(BACKUP), [], "{verb:?}");
    }
}

#[tokio::test]
async fn an_abort_that_stalls_ends_at_the_deadline() {
    let world = large_world();
    for verb in [Verb::UploadPartCopy, Verb::AbortMultipartUpload] {
        world.sim.fault(Fault::on(verb), Effect::Stall);
    }

    let result = run("abort", &world).await;

    assert_given_up(&result);
}

#[tokio::test]
async fn a_run_that_cannot_begin_before_its_deadline_says_so() {
    for (verb, bucket, problem) in [
        (Verb::HeadBucket, PRIMARY, "SourceError"),
        (Verb::ListObjectsV2, PRIMARY, "SourceError"),
        (Verb::HeadBucket, BACKUP, "DestinationError"),
        (Verb::GetBucketVersioning, BACKUP, "DestinationError"),
        (Verb::GetObject, BACKUP, "DestinationError"),
        (Verb::ListObjectsV2, BACKUP, "DestinationError"),
    ] {
        let world = World::new();
        world.put("k", "1");
        world
            .sim
            .fault(Fault::on(verb).bucket(bucket), Effect::Stall);

        let answer = in_time(&format!("{verb:?}"), &world, TIME, &json!({})).await;

        let error = answer.unwrap_err();
        assert_eq!(error.error_type(), problem, "{verb:?} {bucket}: {error}");
        let text = error.to_string();
        assert!(text.contains("the run had to stop"), "{text}");
        assert_eq!(world.keys(BACKUP), [""; 0]);
    }
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_stored_ends_at_the_deadline() {
    let world = World::new();
    for n in 0..50 {
        world.put(&format!("{n:04}"), "1");
    }
    // Everything but the lease.
    for n in 2..30 {
        world
            .sim
            .fault(Fault::on(Verb::PutObject).nth(n), Effect::Stall);
    }

    let result = run("snapshot", &world).await;

    assert_eq!(result["status"], "complete", "{result}");
    let problem = result["destinations"][0]["snapshot"]["problem"].as_str();
    assert!(problem.unwrap().contains("the run had to stop"), "{result}");
}

#[tokio::test]
async fn an_object_that_has_become_large_leaves_no_upload_at_the_deadline() {
    let world = world_with_parts();
    world.put("k", "small");
    world.sim.fault(
        Fault::on(Verb::CopyObject).nth(1),
        Effect::before(|sim| {
            sim.put_object(PRIMARY, "k", large(1));
        }),
    );
    let slow = Effect::Slow(Duration::from_secs(20));
    world.sim.fault(Fault::on(Verb::UploadPartCopy), slow);

    let result = run("parts", &world).await;
    tokio::time::sleep(LATE).await;

    assert_given_up(&result);
    assert_eq!(world.sim.uploads(BACKUP), [], "an upload was left behind");
}

#[tokio::test]
async fn an_upload_whose_beginning_is_answered_late_is_aborted() {
    let world = large_world();
    let handler = world.handler();
    let request = request::parse(&json!({})).unwrap();
    // Told to stop, a run gives up after 4 of 8 seconds; that an upload begins is waited for until 4.5.
    let late = Effect::Slow(Duration::from_millis(4_200));
    let begun = world
        .sim
        .fault(Fault::on(Verb::CreateMultipartUpload), late);
    let interrupt = async {
        while begun.count() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        handler.interrupt(Duration::from_secs(8));
    };

    let answer = Box::pin(handler.answer(&request, None, |_| {}));
    let (answer, ()) = tokio::join!(answer, interrupt);

    let result: Value = serde_json::from_str(&answer.unwrap().to_json().unwrap()).unwrap();
    assert_adds_up(&result);
    assert_given_up(&result);
    assert_eq!(world.sim.ledger().count(Verb::AbortMultipartUpload), 1);
    assert_eq!(world.sim.uploads(BACKUP), []);
}

#[tokio::test]
async fn a_lease_that_was_written_without_an_answer_is_given_back() {
    let world = World::new();
    world.put("k", "1");
    let fault = Fault::on(Verb::PutObject).nth(1);
    world.sim.fault(fault, Effect::StallAfterWork);

    let answer = in_time("lease", &world, TIME, &json!({})).await;
    let next = world.backup().await;

    assert_eq!(answer.unwrap_err().error_type(), "DestinationError");
    assert_eq!(next["status"], "complete", "{next}");
}

// ---- every call, whatever the run is ----------------------------------------------------------

/// The kinds of runs: what is asked for, once the world is ready.
const KINDS: [&str; 4] = ["run", "verify", "mark", "continue"];

/// The calls that runs make.
const CALLS: [Verb; 13] = [
    Verb::HeadBucket,
    Verb::GetBucketVersioning,
    Verb::ListObjectsV2,
    Verb::HeadObject,
    Verb::GetObjectTagging,
    Verb::GetObject,
    Verb::PutObject,
    Verb::CopyObject,
    Verb::DeleteObject,
    Verb::CreateMultipartUpload,
    Verb::UploadPartCopy,
    Verb::CompleteMultipartUpload,
    Verb::AbortMultipartUpload,
];

/// A world in which every kind of run has something to do.
async fn ready(kind: &str) -> (World, Value) {
    let world = world_with_parts();
    let world = match kind {
        "mark" => world.with("BACKUP_DELETIONS", "mark"),
        _ => world,
    };
    for n in 0..6 {
        world.put_object(&format!("{n}"), Put::new("1").tag("a", "b"));
    }
    world.backup().await;
    let request = match kind {
        "verify" => {
            world.sim.delete(BACKUP, "1");
            world.sim.set_tags(BACKUP, "2", &[("a", "c")]);
            json!({"operation": "verify", "deep": true, "repair": true})
        }
        "mark" => {
            world.sim.delete(PRIMARY, "1");
            world.sim.delete(PRIMARY, "2");
            world.sim.delete(PRIMARY, "3");
            json!({})
        }
        "continue" => {
            world.put("3", "changed");
            let stalls = world.sim.fault(Fault::on(Verb::CopyObject), Effect::Stall);
            let short = Duration::from_secs(2);
            let stopped = in_time(kind, &world, short, &json!({})).await.unwrap();
            assert!(stalls.count() > 0);
            world.sim.clear_faults();
            world.let_leases_end();
            json!({"operation": "continue", "cursor": stopped["cursor"]})
        }
        _ => json!({}),
    };
    world.put("4", "changed");
    world.put_object("5", large(1));
    world.put("6", "new");
    world.sim.clock().advance(Duration::from_secs(2));
    world.sim.ledger().clear();
    (world, request)
}

/// Whether the backup is what the source is, with or without what is gone from it.
fn is_up_to_date(world: &World) -> bool {
    world.equal() == world.keys(PRIMARY).len() as u64
}

struct Case {
    name: String,
    verb: Verb,
    world: World,
    request: Value,
}

impl Case {
    async fn check(self) {
        let Self {
            name,
            verb,
            world,
            request,
        } = self;
        let answer = in_time(&name, &world, TIME_OF_TABLE, &request).await;
        match answer {
            Ok(result) => {
                assert_adds_up(&result);
                let is_told = count(&result, "errors") > 0 || !result["cursor"].is_null();
                let is_all_there = is_up_to_date(&world);
                assert!(is_told || is_all_there, "{name}: {result}");
            }
            Err(error) => {
                let kind = error.error_type();
                assert!(
                    ["SourceError", "DestinationError"].contains(&kind),
                    "{error}"
                );
            }
        }
        world.sim.clear_faults();
        if verb != Verb::AbortMultipartUpload {
            assert_eq!(world.sim.uploads(BACKUP), [], "{name}");
        }
        // A run that could not give its lease back in time keeps others out until it ends.
        world.let_leases_end();
        // Other tags show in no listing.
        let again = if request["operation"] == "verify" {
            request
        } else {
            json!({})
        };
        let next = world.run(again).await;
        assert_eq!(next["status"], "complete", "{name}: {next}");
        assert!(is_up_to_date(&world), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_that_stalls_ends_at_the_deadline_whatever_the_run_is() {
    let mut cases = Vec::new();
    for (row, kind) in KINDS.into_iter().enumerate() {
        let (world, request) = Box::pin(ready(kind)).await;
        let whole = in_time(kind, &world, TIME * 5, &request).await.unwrap();
        assert_eq!(whole["status"], "complete", "{kind}: {whole}");
        for (column, verb) in CALLS.into_iter().enumerate() {
            // Nothing is aborted in a run in which all goes well.
            let calls = match verb {
                Verb::AbortMultipartUpload => 1,
                _ => world.sim.ledger().count(verb).min(3),
            };
            for nth in tables::share(1..=calls, row + column) {
                let (world, request) = Box::pin(ready(kind)).await;
                world.sim.fault(Fault::on(verb).nth(nth), Effect::Stall);
                if verb == Verb::AbortMultipartUpload {
                    world
                        .sim
                        .fault(Fault::on(Verb::UploadPartCopy), Effect::Stall);
                }
                let name = format!("{kind}: {verb:?} {nth}");
                cases.push(Case {
                    name,
                    verb,
                    world,
                    request,
                });
            }
        }
    }
    assert!(cases.len() > 30, "{} cases", cases.len());
    while !cases.is_empty() {
        let some = cases.split_off(cases.len().saturating_sub(10));
        join_all(some.into_iter().map(|case| Box::pin(case.check()))).await;
    }
}
