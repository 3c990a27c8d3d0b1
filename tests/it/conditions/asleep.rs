//! A run that sleeps, and wakes up after its lease.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use s3_backup::lambda::Handler;
use s3_backup::report::Report;
use s3_backup::request;
use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};

use super::{in_parts, large};
use crate::lease;
use crate::world::{BACKUP, PRIMARY, World, count, counts};

// ---- a run that was suspended -----------------------------------------------------------------

/// Ten minutes pass, in which another run takes the lease and gives it back.
fn sleeps() -> Effect {
    Effect::after(|sim| {
        sim.clock().advance(Duration::from_mins(10));
        sim.put(BACKUP, &lease::key(), lease::lease_of_another());
    })
}

#[tokio::test]
async fn after_the_time_of_its_lease_by_s3s_clock_a_run_writes_nothing_before_it_is_renewed() {
    for taken in [false, true] {
        let world = World::new().with("BACKUP_MAX_CONCURRENCY", "1");
        for key in ["a", "b", "c"] {
            world.put(key, "1");
        }
        let effect = if taken {
            sleeps()
        } else {
            Effect::after(|sim| sim.clock().advance(Duration::from_mins(10)))
        };
        world.sim.fault(Fault::on(Verb::CopyObject).nth(1), effect);

        let result = world.backup().await;

        let copied = world.sim.ledger().count(Verb::CopyObject);
        if taken {
            assert_eq!(copied, 1, "{result}");
            assert_eq!(result["failures"][0]["code"], "LeaseLost");
            assert_eq!(result["status"], "incomplete");
        } else {
            assert_eq!(counts(&result), [3, 3, 0, 0, 0, 0]);
            let puts = world.sim.ledger().of(Verb::PutObject);
            let renewals = puts.iter().filter(|put| put.key == lease::key()).count();
            assert_eq!(renewals, 3, "taken, renewed and given back");
        }
    }
}

#[tokio::test]
async fn a_large_copy_that_slept_before_its_end_is_given_up() {
    let world = in_parts();
    world.put_object("k", large(1).meta("color", "red"));
    world
        .sim
        .fault(Fault::on(Verb::UploadPartCopy).nth(2), sleeps());

    let result = world.backup().await;

    assert_eq!(result["failures"][0]["code"], "LeaseLost", "{result}");
    let ledger = world.sim.ledger();
    assert_eq!(ledger.count(Verb::CompleteMultipartUpload), 0);
    assert_eq!(world.sim.uploads(BACKUP), []);
    assert!(!result["cursor"].is_null());
}

/// Runs a backup on a machine of its own, which is suspended after its first copy or marker until it is
/// woken.
fn suspended(
    handler: Handler,
    payload: Value,
) -> (mpsc::Receiver<()>, mpsc::Sender<()>, JoinHandle<Value>) {
    let (asleep, slept) = mpsc::channel();
    let (wake, woken) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let request = request::parse(&payload).unwrap();
        let mut first = true;
        let watch = |report: &Report| {
            let totals = report.totals();
            let begun = totals.marked + totals.copied > 0;
            if begun && std::mem::take(&mut first) {
                asleep.send(()).unwrap();
                woken.recv().unwrap();
            }
        };
        let answer = runtime
            .block_on(handler.answer(&request, None, watch))
            .unwrap();
        serde_json::from_str(&answer.to_json().unwrap()).unwrap()
    });
    (slept, wake, thread)
}

/// A run that sleeps for ten minutes after its first write, and what happens meanwhile.
async fn asleep_while<T>(world: &World, happens: impl AsyncFnOnce() -> T) -> (Value, T) {
    world.sim.clock().advance(Duration::from_secs(2));
    let (slept, wake, thread) = suspended(world.handler(), json!({}));
    let waited = tokio::task::spawn_blocking(move || slept.recv().unwrap());
    waited.await.unwrap();
    world.sim.clock().advance(Duration::from_mins(10));
    let happened = happens().await;
    wake.send(()).unwrap();
    let joined = tokio::task::spawn_blocking(move || thread.join().unwrap());
    (joined.await.unwrap(), happened)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_wakes_up_hides_no_backup_of_an_object_that_came_back() {
    for body in ["again", "1"] {
        let world = World::new()
            .with("BACKUP_DELETIONS", "mark")
            .with("BACKUP_MAX_CONCURRENCY", "1");
        for n in 0..20 {
            world.put(&format!("{n:02}"), "1");
        }
        world.backup().await;
        for key in ["03", "04", "05"] {
            world.sim.delete(PRIMARY, key);
        }

        let (woken, other) = asleep_while(&world, async || {
            world.put("04", body);
            world.put("05", body);
            world.backup().await
        })
        .await;

        assert_eq!(other["status"], "complete", "{other}");
        for key in ["04", "05"] {
            let hidden = !world.keys(BACKUP).contains(&key.to_owned());
            assert!(!hidden, "{body}: the backup of {key} was hidden: {woken}");
        }
        assert_eq!(woken["status"], "incomplete", "{woken}");
    }
}

#[tokio::test]
async fn an_object_that_comes_back_between_look_and_marker_keeps_its_backup() {
    for (body, sleeps) in [("again", false), ("again", true), ("1", true)] {
        let world = World::new().with("BACKUP_DELETIONS", "mark");
        world.put("k", "1");
        world.put("l", "1");
        world.backup().await;
        world.sim.delete(PRIMARY, "k");
        let comes_back = Effect::after(move |sim| {
            if sleeps {
                sim.clock().advance(Duration::from_mins(10));
                sim.put(BACKUP, &lease::key(), lease::lease_of_another());
            }
            sim.put(PRIMARY, "k", body);
            sim.clock().advance(Duration::from_secs(2));
            sim.put(BACKUP, "k", body);
        });
        let look = Fault::on(Verb::HeadObject).bucket(PRIMARY).nth(1);
        world.sim.fault(look, comes_back);

        let result = world.backup().await;

        let name = format!("{body} {sleeps}: {result}");
        assert!(world.is_backed_up("k"), "{name}");
        assert_eq!(count(&result, "objects_marked_deleted"), 0, "{name}");
        if sleeps {
            assert_eq!(result["failures"][0]["code"], "LeaseLost", "{name}");
        } else {
            assert_eq!(result["status"], "complete", "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_wakes_up_copies_nothing_over_what_another_run_has_copied() {
    let world = in_parts().with("BACKUP_MAX_CONCURRENCY", "1");
    for key in ["a", "b", "c"] {
        world.put(key, "1");
    }
    world.put_object("d", large(1));

    let (woken, other) = asleep_while(&world, async || {
        world.put("b", "2");
        world.put("c", "2");
        world.put_object("d", large(2));
        world.backup().await
    })
    .await;

    assert_eq!(other["status"], "complete", "{other}");
    assert_eq!(world.equal(), 4, "{woken}");
    for key in ["a", "b", "c", "d"] {
        assert_eq!(world.sim.versions(BACKUP, key).len(), 1, "{key}: {woken}");
    }
}
