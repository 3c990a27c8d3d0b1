//! Every verb that is used, crossed with every fault: a run ends in bounded time, its sums add up,
//! nothing is called copied that is not there byte for byte, and the next run makes it good.

use std::time::Duration;

use futures::{StreamExt, stream};
use s3_sim::{Content, Effect, Fault, Put, Sim, Verb};
use serde_json::json;

use crate::tables;
use crate::world::{BACKUP, PRIMARY, World, answer, assert_adds_up, count, counts};

const OBJECTS: u64 = 12;
/// Objects of the backup that are gone from the source.
const GONE: u64 = 3;
const MIB: u64 = 1024 * 1024;
/// The worst is a completion that stalls in each of its attempts.
const BOUND: Duration = Duration::from_secs(90);

/// A world of several pages: some objects new, some changed, some unchanged.
async fn world() -> World {
    let world = World::around(Sim::builder().page_size_max(5).start())
        .impatient()
        .with("BACKUP_MULTIPART_THRESHOLD", "5 MiB")
        .with("BACKUP_INCLUDE_TAGS", "backup=yes")
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_MAX_DELETIONS", "1000");
    for n in 0..OBJECTS {
        put(&world, n, "first");
    }
    for n in 0..GONE {
        world.put_object(&gone(n), Put::new("1").tag("backup", "yes"));
    }
    world.backup().await;
    for n in [1, 6, 11] {
        put(&world, n, "second");
    }
    for n in [2, 7] {
        world.sim.delete(BACKUP, &key(n));
    }
    for n in 0..GONE {
        world.sim.delete(PRIMARY, &gone(n));
    }
    world.sim.ledger().clear();
    world
}

fn key(n: u64) -> String {
    format!("key {n:02}")
}

/// Between the others in order.
fn gone(n: u64) -> String {
    format!("{} gone", key(4 * n))
}

/// Writes an object: a large one for two numbers, of which one changes and one is lost.
fn put(world: &World, n: u64, text: &str) {
    let body = if [6, 7].contains(&n) {
        let seed = n + 100 * text.len() as u64;
        Put::new(Content::generated(seed, 12 * MIB)).parts(&[5 * MIB, 5 * MIB, 2 * MIB])
    } else {
        Put::new(format!("{text} {n}"))
    };
    let typed = body.content_type("a/b").meta("text", text);
    world.put_object(&key(n), typed.tag("backup", "yes"));
}

/// Runs a backup with the faults in place and holds it to the laws.
async fn assert_laws_hold(name: &str, faults: Vec<(Fault, Effect)>) {
    let world = world().await;
    for (fault, effect) in faults {
        world.sim.fault(fault, effect);
    }
    let before = world.equal();
    let versions = world.backup_versions();

    let ended = tokio::time::timeout(BOUND, world.invoke(json!({}))).await;

    let result = ended.unwrap_or_else(|_| panic!("{name}: the run does not end"));
    // A run that cannot read its snapshot does not know which backups are its own.
    let knows_own = result.as_ref().map_or(true, |result| {
        let problem = &result["destinations"][0]["snapshot"]["problem"];
        !problem.to_string().contains("cannot use the snapshot")
    });
    match result {
        Err(error) => {
            assert_ne!(error.error_type(), "ConfigError", "{name}");
            assert_eq!(
                world.equal(),
                before,
                "{name}: refused, and something was copied"
            );
        }
        Ok(result) => {
            assert_adds_up(&result);
            let good = count(&result, "objects_copied") + count(&result, "objects_unchanged");
            assert!(
                good <= world.equal(),
                "{name}: more is called good than is: {result}"
            );
            let hidden = GONE - still_there(&world);
            assert!(
                count(&result, "objects_marked_deleted") <= hidden,
                "{name}: more is called marked than is: {result}"
            );
            if result["status"] == "complete" {
                assert_eq!(world.equal(), OBJECTS, "{name}: {result}");
                let marks = knows_own && result["deletions"]["postponed"].is_null();
                assert!(!marks || still_there(&world) == 0, "{name}: {result}");
            }
        }
    }
    assert!(
        world.backup_versions().is_superset(&versions),
        "{name}: a version is gone"
    );
    world.sim.clear_faults();
    world.let_leases_end();
    let next = world.backup().await;
    let last = world.backup().await;
    assert_eq!(next["status"], "complete", "{name}: {next}");
    assert_eq!(world.equal(), OBJECTS, "{name}");
    assert!(!knows_own || still_there(&world) == 0, "{name}");
    assert_eq!(counts(&last), [OBJECTS, 0, OBJECTS, 0, 0, 0], "{name}");
}

/// How many backups of objects that are gone are not hidden by a marker.
fn still_there(world: &World) -> u64 {
    let there = |n: &u64| world.sim.current(BACKUP, &gone(*n)).is_some();
    (0..GONE).filter(there).count() as u64
}

/// A way that a verb is used: its name, how to strike it, and what must go wrong for it to be used.
type Place = (&'static str, Fault, Option<(Fault, Effect)>);

/// Where a verb can be struck: each way that it is used.
fn places() -> Vec<Place> {
    let lost = || Some((Fault::on(Verb::CopyObject).nth(1), Effect::ResetAfterWork));
    let changed = || {
        let overwrite = Effect::before(|sim| {
            let put = Put::new("meanwhile").content_type("a/b");
            sim.put_object(PRIMARY, "key 01", put.tag("backup", "yes"));
        });
        Some((Fault::on(Verb::CopyObject).key("key 01").nth(1), overwrite))
    };
    let torn = || {
        let gone = Effect::status(403, "AccessDenied", "Access Denied");
        Some((Fault::on(Verb::UploadPartCopy).nth(2), gone))
    };
    let on = Fault::on;
    vec![
        ("HeadBucket", on(Verb::HeadBucket), None),
        ("GetBucketVersioning", on(Verb::GetBucketVersioning), None),
        (
            "ListObjectsV2 of the source",
            on(Verb::ListObjectsV2).bucket(PRIMARY),
            None,
        ),
        (
            "ListObjectsV2 of the backup",
            on(Verb::ListObjectsV2).bucket(BACKUP),
            None,
        ),
        ("GetObjectTagging", on(Verb::GetObjectTagging), None),
        ("CopyObject", on(Verb::CopyObject), None),
        (
            "HeadObject of the backup",
            on(Verb::HeadObject).bucket(BACKUP),
            lost(),
        ),
        (
            "HeadObject of the source",
            on(Verb::HeadObject).bucket(PRIMARY),
            changed(),
        ),
        (
            "CreateMultipartUpload",
            on(Verb::CreateMultipartUpload),
            None,
        ),
        ("UploadPartCopy", on(Verb::UploadPartCopy), None),
        (
            "CompleteMultipartUpload",
            on(Verb::CompleteMultipartUpload),
            None,
        ),
        (
            "AbortMultipartUpload",
            on(Verb::AbortMultipartUpload),
            torn(),
        ),
        (
            "HeadObject of what is gone",
            on(Verb::HeadObject).bucket(PRIMARY).key("key 04 gone"),
            None,
        ),
        (
            "HeadObject of what may be marked",
            on(Verb::HeadObject).bucket(BACKUP).key("key 04 gone"),
            Some((
                on(Verb::DeleteObject).key("key 04 gone").nth(1),
                Effect::ConnectionReset,
            )),
        ),
        ("DeleteObject", on(Verb::DeleteObject), None),
        ("GetObject of the lease", on(Verb::GetObject), None),
        ("PutObject of the lease", on(Verb::PutObject), None),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verb_survives_every_fault() {
    let mut cases = Vec::new();
    for (row, (place, fault, also)) in places().into_iter().enumerate() {
        for (column, effect) in Effect::all().into_iter().enumerate() {
            let times = [
                ("once", fault.clone().nth(1)),
                ("the second time", fault.clone().nth(2)),
                ("always", fault.clone().always()),
            ];
            for (when, fault) in tables::share(times, row + column) {
                let name = format!("{effect:?} at {place}, {when}");
                let faults = also
                    .clone()
                    .into_iter()
                    .chain([(fault, effect.clone())])
                    .collect();
                cases.push(assert_laws_hold_in_a_task(name, faults));
            }
        }
    }
    assert!(cases.len() > 200, "only {} cases", cases.len());

    stream::iter(cases)
        .buffer_unordered(24)
        .for_each(async |()| {})
        .await;
}

async fn assert_laws_hold_in_a_task(name: String, faults: Vec<(Fault, Effect)>) {
    let checked = tokio::spawn(async move { assert_laws_hold(&name, faults).await });
    if let Err(failed) = checked.await {
        std::panic::resume_unwind(failed.into_panic());
    }
}

#[tokio::test]
async fn a_listing_that_breaks_off_still_finishes_the_copies_in_hand() {
    let world = World::around(Sim::builder().page_size_max(5).start());
    for n in 0..10 {
        world.put(&format!("{n}"), "1");
    }
    let second_page = Fault::on(Verb::ListObjectsV2).bucket(PRIMARY);
    let strikes = world.sim.fault(second_page.nth(2), denied());

    let result = world.backup().await;

    assert_eq!(strikes.count(), 1);
    assert_eq!(counts(&result), [6, 5, 0, 0, 0, 1]);
    assert_eq!(result["status"], "incomplete");
    assert_eq!(result["failures"][0]["key"], json!(null));
    assert_eq!(result["failures"][0]["operation"], "ListObjectsV2");
    assert_eq!(world.equal(), 5);
}

#[tokio::test]
async fn a_page_that_contradicts_itself_is_fetched_again() {
    let doubtful = [
        Effect::MissingIsTruncated,
        Effect::MissingToken,
        Effect::KeysOutOfOrder,
        Effect::DuplicateKey,
        Effect::WrongKeyCount,
        Effect::CutBodyFraction(0.5),
    ];
    for effect in doubtful {
        let name = format!("{effect:?}");
        let world = world().await;
        let strikes = world.sim.fault(
            Fault::on(Verb::ListObjectsV2).bucket(PRIMARY).nth(1),
            effect,
        );

        let result = world.backup().await;

        assert_eq!(strikes.count(), 1, "{name}");
        assert_eq!(counts(&result), [OBJECTS, 5, 7, 0, 0, 0], "{name}");
    }
}

#[tokio::test]
async fn retries_do_not_run_out_when_hundreds_are_under_way() {
    let world = World::new().with("BACKUP_MAX_CONCURRENCY", "400");
    for n in 0..400 {
        let key = n.to_string();
        world.put(&key, "1");
        let failing = Fault::on(Verb::CopyObject).key(&key).first(3);
        world.sim.fault(failing, Effect::InternalError);
    }

    let result = world.backup().await;

    assert_eq!(counts(&result), [400, 400, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_bad_run_does_not_poison_the_next_one_in_a_warm_environment() {
    let world = World::new();
    for n in 0..300 {
        world.put(&n.to_string(), "1");
    }
    let handler = world.handler();
    world.sim.clock().advance(Duration::from_secs(2));
    world
        .sim
        .fault(Fault::on(Verb::CopyObject), Effect::InternalError);
    let bad = answer(&handler, json!({})).await.unwrap();
    world.sim.clear_faults();
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).every(3), Effect::InternalError);

    let next = answer(&handler, json!({})).await.unwrap();

    assert_eq!(counts(&bad), [300, 0, 0, 0, 0, 300]);
    assert_eq!(bad["failures_omitted"], 200);
    assert!(
        count(&next, "objects_copied") > 290,
        "retries ran out: {next}"
    );
    counts(&next);
}

fn denied() -> Effect {
    Effect::status(403, "AccessDenied", "Access Denied")
}
