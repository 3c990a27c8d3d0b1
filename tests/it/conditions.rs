//! Writes are bound to what was seen at their target: two writers never put older content on newer, a run
//! that wakes up without its lease writes nothing, and a server that knows no such conditions is named.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use s3_backup::handler::Handler;
use s3_backup::report::Report;
use s3_backup::request;
use s3_sim::{Content, Effect, Fault, Put, TargetConditions, Verb};
use serde_json::{Value, json};

use crate::lease;
use crate::world::{BACKUP, PRIMARY, World, count, counts};

const MIB: u64 = 1024 * 1024;

fn large(seed: u64) -> Put {
    // Without a type S3 shows one, which is sent on.
    let put = Put::new(Content::generated(seed, 10 * MIB)).content_type("a/b");
    put.parts(&[5 * MIB; 2])
}

fn in_parts() -> World {
    World::new().with("BACKUP_MULTIPART_THRESHOLD", "5 MiB")
}

/// The conditions on its target that each such call carried.
fn conditions(world: &World, verb: Verb) -> Vec<(String, Option<String>, Option<String>)> {
    let entries = world.sim.ledger().of(verb).into_iter();
    entries
        .map(|entry| {
            let header = |name| entry.header(name).map(str::to_owned);
            let key = entry.key.clone();
            (key, header("if-none-match"), header("if-match"))
        })
        .collect()
}

fn quoted(world: &World, key: &str) -> String {
    format!("\"{}\"", world.backup_of(key).etag)
}

#[tokio::test]
async fn every_write_is_bound_to_what_was_seen_at_its_target() {
    let world = in_parts().with("BACKUP_DELETIONS", "mark");
    world.put("old", "1");
    world.put("gone", "1");
    world.put_object("old large", large(1));
    world.backup().await;
    world.sim.ledger().clear();
    world.put("old", "2");
    world.put("new", "1");
    world.put_object("new large", large(1));
    world.put_object("old large", large(2));
    world.sim.delete(PRIMARY, "gone");
    let etags = ["old", "old large", "gone"].map(|key| quoted(&world, key));

    let result = world.backup().await;

    assert_eq!(result["status"], "complete", "{result}");
    let none = || Some("*".to_owned());
    let [old, old_large, gone] = etags.map(Some);
    let mut copies = conditions(&world, Verb::CopyObject);
    copies.sort();
    let expected = [
        ("new".to_owned(), none(), None),
        ("old".to_owned(), None, old),
    ];
    assert_eq!(copies, expected);
    let mut completions = conditions(&world, Verb::CompleteMultipartUpload);
    completions.sort();
    let expected = [
        ("new large".to_owned(), none(), None),
        ("old large".to_owned(), None, old_large),
    ];
    assert_eq!(completions, expected);
    let markers = conditions(&world, Verb::DeleteObject);
    assert_eq!(markers, [("gone".to_owned(), None, gone)]);
}

/// Another writer puts this into the backup just before the first such call.
fn overtaken(world: &World, verb: Verb, put: Put) {
    let overtake = Effect::before(move |sim| {
        sim.clock().advance(Duration::from_secs(2));
        sim.put_object(BACKUP, "k", put.clone());
    });
    world.sim.fault(Fault::on(verb).nth(1), overtake);
}

#[tokio::test]
async fn a_backup_that_has_become_current_meanwhile_is_not_made_again() {
    for before in [None, Some("0")] {
        let world = World::new();
        if let Some(body) = before {
            world.sim.put(BACKUP, "k", body);
        }
        world.put("k", "1");
        overtaken(&world, Verb::CopyObject, Put::new("1"));

        let result = world.backup().await;
        let again = world.backup().await;

        assert_eq!(counts(&result), [1, 0, 1, 0, 0, 0], "{before:?}: {result}");
        let versions = world.sim.versions(BACKUP, "k").len();
        assert_eq!(versions, 1 + before.iter().count());
        assert_eq!(counts(&again), [1, 0, 1, 0, 0, 0]);
    }
}

#[tokio::test]
async fn a_backup_that_has_become_something_else_is_copied_over_knowingly() {
    for before in [None, Some("0")] {
        let world = World::new();
        if let Some(body) = before {
            world.sim.put(BACKUP, "k", body);
        }
        world.put("k", "1");
        overtaken(&world, Verb::CopyObject, Put::new("something else"));

        let result = world.backup().await;

        assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0], "{before:?}: {result}");
        assert!(world.is_backed_up("k"));
        assert_eq!(world.sim.ledger().count(Verb::CopyObject), 2);
    }
}

#[tokio::test]
async fn a_backup_that_vanished_meanwhile_is_made_anew() {
    for put in [Put::new("1"), large(1)] {
        let world = in_parts();
        world.sim.put(BACKUP, "k", "0");
        world.put_object("k", put);
        let gone = |verb| {
            (
                Fault::on(verb).nth(1),
                Effect::before(|sim| sim.delete(BACKUP, "k")),
            )
        };
        for verb in [Verb::CopyObject, Verb::CompleteMultipartUpload] {
            let (fault, effect) = gone(verb);
            world.sim.fault(fault, effect);
        }

        let result = world.backup().await;

        assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0], "{result}");
        assert!(world.is_backed_up("k"));
        assert_eq!(world.sim.uploads(BACKUP), []);
    }
}

#[tokio::test]
async fn a_backup_that_keeps_changing_is_an_error() {
    let world = World::new();
    world.put("k", "1");
    let overtake = Effect::before(|sim| drop(sim.put(BACKUP, "k", "something else")));
    // Each round copies what it has seen, and another writer is faster each time.
    let again = Effect::before(|sim| sim.delete(BACKUP, "k"));
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).nth(1), overtake.clone());
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).nth(2), again.clone());
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).nth(3), overtake);
    world.sim.fault(Fault::on(Verb::CopyObject).nth(4), again);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 0, 0, 0, 1], "{result}");
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 4);
}

#[tokio::test]
async fn a_large_copy_does_not_put_older_content_on_newer() {
    for before in [None, Some(0)] {
        let world = in_parts();
        if let Some(seed) = before {
            world.sim.put_object(BACKUP, "k", large(seed));
        }
        world.put_object("k", large(1));
        let overtake = Effect::before(|sim| {
            sim.clock().advance(Duration::from_secs(2));
            sim.put_object(PRIMARY, "k", large(2));
            sim.clock().advance(Duration::from_secs(2));
            sim.put_object(BACKUP, "k", large(2));
        });
        world
            .sim
            .fault(Fault::on(Verb::CompleteMultipartUpload).nth(1), overtake);

        let result = world.backup().await;

        assert_eq!(counts(&result), [1, 0, 1, 0, 0, 0], "{before:?}: {result}");
        assert!(world.is_backed_up("k"));
        assert_eq!(world.sim.uploads(BACKUP), []);
    }
}

#[tokio::test]
async fn a_repeat_does_not_fail_on_its_own_first_write() {
    let kms = "arn:aws:kms:us-east-1:111122223333:key/k1";
    for (key, verb) in [
        ("", Verb::CopyObject),
        (kms, Verb::CopyObject),
        ("", Verb::CompleteMultipartUpload),
        (kms, Verb::CompleteMultipartUpload),
    ] {
        for effect in [
            Effect::ResetAfterWork,
            Effect::OkWithErrorBodyAfterWork("InternalError".to_owned()),
            Effect::ConnectionReset,
        ] {
            let world = in_parts();
            let world = match key {
                "" => world,
                key => world.with("BACKUP_KMS_KEY_ID", key),
            };
            world.put_object(
                "k",
                match verb {
                    Verb::CopyObject => Put::new("1"),
                    _ => large(1),
                },
            );
            world.sim.fault(Fault::on(verb).nth(1), effect.clone());

            let result = world.backup().await;

            let name = format!("{key:?} {verb:?} {effect:?}: {result}");
            assert_eq!(result["status"], "complete", "{name}");
            assert!(world.is_backed_up("k"), "{name}");
        }
    }
}

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

// ---- servers that know no conditions ------------------------------------------------------------

/// A new environment to a server of which nothing is known.
fn to_unknown(world: &World) -> Handler {
    let vars = ["SOURCE_BUCKET", "DESTINATION_BUCKET"]
        .into_iter()
        .zip([PRIMARY, BACKUP]);
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let more = [
        ("BACKUP_MULTIPART_THRESHOLD".to_owned(), "5 MiB".to_owned()),
        ("BACKUP_DELETIONS".to_owned(), "mark".to_owned()),
    ];
    let connections = world.connections().to_unknown_server();
    Handler::new(connections, vars.chain(more).collect())
}

async fn run(world: &World, handler: &Handler, payload: Value) -> Value {
    world.sim.clock().advance(Duration::from_secs(2));
    let result = crate::world::answer(handler, payload).await.unwrap();
    world.sim.clock().advance(Duration::from_secs(2));
    result
}

#[tokio::test]
async fn a_server_without_conditions_is_named_once_in_the_result() {
    let cases = [
        (TargetConditions::Obeyed, None, 1),
        (TargetConditions::Ignored, Some("ignores conditions"), 1),
        (TargetConditions::Refused, Some("refuses conditions"), 1),
    ];
    for (server, seen, asked) in cases {
        let world = World::new();
        world
            .sim
            .change_options(BACKUP, |options| options.target_conditions = server);
        world.put("k", "1");
        world.put("gone", "1");
        world.put_object("large", large(1));
        let handler = to_unknown(&world);

        let first = run(&world, &handler, json!({})).await;
        world.put("k", "2");
        world.put_object("large", large(2));
        world.sim.delete(PRIMARY, "gone");
        let second = run(&world, &handler, json!({})).await;

        for result in [&first, &second] {
            assert_eq!(result["status"], "complete", "{server:?}: {result}");
            let warnings = result["warnings"].as_array().unwrap();
            assert_eq!(warnings.len(), seen.iter().count(), "{result}");
            if let Some(seen) = seen {
                assert_eq!(warnings[0]["code"], "no_target_conditions");
                let message = warnings[0]["message"].as_str().unwrap();
                assert!(message.contains(seen), "{message}");
            }
        }
        assert_eq!(world.equal(), 2, "{server:?}");
        assert!(!world.keys(BACKUP).contains(&"gone".to_owned()));
        assert_eq!(count(&first["requests"], "copy"), 2 + 4, "{first}");
        let copies = world.sim.ledger().of(Verb::CopyObject);
        let probes = copies
            .iter()
            .filter(|copy| copy.key.starts_with(".s3-backup/"));
        assert_eq!(probes.count(), asked, "{server:?}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_conditions_without_being_asked_is_named_too() {
    let world = in_parts();
    world.sim.change_options(BACKUP, |options| {
        options.target_conditions = TargetConditions::Refused;
    });
    world.put("k", "1");
    world.put_object("large", large(1));

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 2, 0, 0, 0, 0], "{result}");
    assert_eq!(result["warnings"][0]["code"], "no_target_conditions");
}

#[tokio::test]
async fn a_run_that_writes_nothing_asks_nothing() {
    let world = World::new();
    world.put("k", "1");
    let handler = to_unknown(&world);

    let result = run(&world, &handler, json!({"dry_run": true})).await;

    assert_eq!(result["warnings"], json!([]));
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 0);
}
