//! Stores that speak S3 and do not obey its conditions: Ceph's gateway answers 412 to each `If-Match` in a
//! bucket with versions, Swift's refuses conditional puts, others take no notice.

use std::time::{Duration, Instant};

use s3_backup::lambda::Handler;
use s3_sim::{Content, Effect, Fault, Put, TargetConditions, Verb, Versioning};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::lease;
use crate::world::{BACKUP, PRIMARY, World, answer, counts};

use TargetConditions::{Ignored, NeverMet, Obeyed, Refused};

/// What servers make of the conditions of puts and of copies.
const SERVERS: [(TargetConditions, TargetConditions); 5] = [
    // Ceph's gateway.
    (NeverMet, Ignored),
    (NeverMet, NeverMet),
    // Swift's.
    (Refused, Ignored),
    (Refused, Refused),
    (Ignored, Ignored),
];

fn world_at((puts, copies): (TargetConditions, TargetConditions)) -> World {
    let world = World::new()
        .with("BACKUP_MULTIPART_THRESHOLD", "5 MiB")
        .with("BACKUP_DELETIONS", "mark");
    world.sim.change_options(BACKUP, |options| {
        options.put_conditions = puts;
        options.target_conditions = copies;
    });
    world.put("k", "1");
    world.put("gone", "1");
    world.put_object("large", large(1));
    world
}

fn large(seed: u64) -> Put {
    // Without a type S3 shows one, which is sent on.
    let put = Put::new(Content::generated(seed, 10 << 20)).content_type("a/b");
    put.parts(&[5 << 20; 2])
}

/// A new environment to a server of which nothing is known.
fn environment(world: &World) -> Handler {
    let vars = [
        ("SOURCE_BUCKET", PRIMARY),
        ("DESTINATION_BUCKET", BACKUP),
        ("BACKUP_MULTIPART_THRESHOLD", "5 MiB"),
        ("BACKUP_DELETIONS", "mark"),
    ];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Handler::new(world.connections().to_unknown_server(), vars.to_vec())
}

async fn run(world: &World, payload: Value) -> Value {
    world.sim.clock().advance(Duration::from_secs(2));
    let result = answer(&environment(world), payload).await.unwrap();
    world.sim.clock().advance(Duration::from_secs(2));
    result
}

fn codes(result: &Value) -> Vec<&str> {
    let warnings = result["warnings"].as_array().unwrap();
    let codes = warnings.iter().map(|warning| warning["code"].as_str());
    codes.map(Option::unwrap).collect()
}

#[tokio::test]
async fn runs_follow_one_another_whatever_the_store_makes_of_conditions() {
    for server in SERVERS {
        let world = world_at(server);

        let first = run(&world, json!({})).await;
        world.put("k", "2");
        world.put_object("large", large(2));
        world.sim.delete(PRIMARY, "gone");
        let changed = run(&world, json!({})).await;
        let unchanged = run(&world, json!({})).await;
        let verified = run(&world, json!({"operation": "verify", "deep": true})).await;

        for result in [&first, &changed, &unchanged] {
            assert_eq!(result["status"], "complete", "{server:?}: {result}");
            let warnings = result["warnings"].as_array().unwrap();
            let lease = warnings.last().unwrap();
            assert_eq!(lease["code"], "lease_best_effort", "{server:?}: {result}");
            let message = lease["message"].as_str().unwrap();
            assert!(message.starts_with("lease: best effort"), "{message}");
            // A copy that is refused although its condition holds is met by a run that replaces one.
            let copies = server.1 != NeverMet || result["run_id"] == changed["run_id"];
            let named = warnings[0]["code"] == "no_target_conditions";
            assert_eq!(named, copies, "{server:?}: {result}");
        }
        assert_eq!(counts(&first), [3, 3, 0, 0, 0, 0], "{server:?}: {first}");
        assert_eq!(counts(&changed), [2, 2, 0, 0, 0, 0], "{server:?}");
        assert_eq!(changed["objects_marked_deleted"], 1, "{server:?}");
        assert_eq!(counts(&unchanged), [2, 0, 2, 0, 0, 0], "{server:?}");
        let snapshot = &unchanged["destinations"][0]["snapshot"];
        assert_eq!(snapshot["objects"], 2, "{server:?}: {unchanged}");
        assert_eq!(verified["verified"]["equal"], 2, "{server:?}: {verified}");
        assert_eq!(verified["warnings"], json!([]), "nothing was written");
        assert_eq!(world.equal(), 2, "{server:?}");
    }
}

#[tokio::test]
async fn what_a_store_makes_of_conditions_is_found_out_without_being_asked_for() {
    let servers = [
        (NeverMet, Obeyed),
        (Refused, Obeyed),
        (NeverMet, NeverMet),
        (Refused, Refused),
    ];
    for (puts, copies) in servers {
        let world = world_at((puts, copies));

        world.backup().await;
        world.put("k", "2");
        world.put_object("large", large(2));
        world.sim.delete(PRIMARY, "gone");
        let changed = world.backup().await;

        assert_eq!(counts(&changed), [2, 2, 0, 0, 0, 0], "{changed}");
        assert_eq!(changed["objects_marked_deleted"], 1, "{changed}");
        assert!(codes(&changed).contains(&"lease_best_effort"), "{changed}");
        let named = codes(&changed).contains(&"no_target_conditions");
        assert_eq!(named, copies != Obeyed, "{changed}");
        assert_eq!(world.equal(), 2);
    }
}

#[tokio::test]
async fn a_refusal_that_calls_the_header_invalid_is_one_of_conditions() {
    let world = World::new();
    world.put("k", "1");
    let invalid = Effect::Status {
        status: 400,
        code: "InvalidArgument".to_owned(),
        message: "If-None-Match is not supported".to_owned(),
    };
    let first = Fault::on(Verb::PutObject).bucket(BACKUP).first(1);
    world.sim.fault(first, invalid);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0], "{result}");
    assert_eq!(codes(&result), ["lease_best_effort"]);
}

#[tokio::test]
async fn a_refusal_that_another_writer_explains_is_not_the_stores_fault() {
    let world = World::new();
    world.put("k", "1");
    world.backup().await;
    let refused = Effect::Status {
        status: 412,
        code: "PreconditionFailed".to_owned(),
        message: "At least one of the pre-conditions you specified did not hold".to_owned(),
    };
    let once = Fault::on(Verb::PutObject).bucket(BACKUP).first(1);
    world.sim.fault(once, refused);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 1, 0, 0, 0], "{result}");
    assert_eq!(codes(&result), [""; 0], "one refusal proves nothing");
}

#[tokio::test]
async fn a_second_run_is_kept_out_and_a_killed_one_keeps_nobody_out_for_long() {
    for server in SERVERS {
        let world = world_at(server);
        world
            .sim
            .put(BACKUP, &lease::key(), lease::lease_of_another());

        let held = answer(&environment(&world), json!({})).await.unwrap_err();
        world.let_leases_end();
        let result = run(&world, json!({})).await;

        assert_eq!(held.error_type(), "AlreadyRunning", "{server:?}: {held}");
        assert_eq!(counts(&result), [3, 3, 0, 0, 0, 0], "{server:?}: {result}");
    }
}

#[tokio::test]
async fn a_lease_is_renewed_and_given_back_whatever_the_store_makes_of_conditions() {
    for server in SERVERS {
        let world = world_at(server).with_leases_of(Duration::from_secs(3));
        let slow = Effect::Slow(Duration::from_millis(3500));
        world.sim.fault(Fault::on(Verb::CopyObject).key("k"), slow);

        let result = run(&world, json!({})).await;

        assert_eq!(result["status"], "complete", "{server:?}: {result}");
        let lease = world.sim.current(BACKUP, &lease::key()).unwrap();
        let lease: Value = serde_json::from_slice(&lease.content.read(0, 10_000)).unwrap();
        assert!(lease["released_at"].is_string(), "{server:?}: {lease}");
        assert!(
            world.sim.versions(BACKUP, &lease::key()).len() > 3,
            "it was renewed"
        );
    }
}

#[tokio::test]
async fn of_two_runs_that_begin_at_once_one_loses_its_lease_when_it_renews_it() {
    for server in SERVERS {
        let world = world_at(server).with_leases_of(Duration::from_secs(3));
        let slow = Effect::Slow(Duration::from_millis(2500));
        world.sim.fault(Fault::on(Verb::CopyObject).key("k"), slow);
        let other = async {
            let began = Instant::now();
            while world.sim.ledger().max_in_flight_of(Verb::CopyObject) == 0 {
                assert!(began.elapsed() < Duration::from_mins(1));
                sleep(Duration::from_millis(5)).await;
            }
            sleep(Duration::from_millis(200)).await;
            // What the other one wrote, after both had found none.
            world
                .sim
                .put(BACKUP, &lease::key(), lease::lease_of_another());
        };

        let (result, ()) = tokio::join!(run(&world, json!({})), other);

        assert_eq!(result["status"], "incomplete", "{server:?}: {result}");
        let failures = result["failures"].as_array().unwrap();
        let mut codes = failures.iter().map(|failure| &failure["code"]);
        assert!(
            codes.any(|code| code == "LeaseLost"),
            "{server:?}: {result}"
        );
        let lease = world.sim.current(BACKUP, &lease::key()).unwrap();
        let lease = lease.content.read(0, 10_000);
        assert_eq!(lease, lease::lease_of_another().as_bytes(), "{server:?}");
    }
}

#[tokio::test]
async fn a_store_that_names_no_version_in_the_reply_to_a_copy_keeps_them_all_the_same() {
    let world = World::new();
    for n in 0..20 {
        world.put(&format!("{n:02}"), "1");
    }
    world.sim.change_options(BACKUP, |options| {
        options.tells_copy_versions = false;
    });

    let first = run(&world, json!({})).await;
    let again = run(&world, json!({})).await;

    assert_eq!(counts(&first), [20, 20, 0, 0, 0, 0], "{first}");
    let looks = first["requests"]["head"].as_u64().unwrap();
    assert!((1..20).contains(&looks), "no look for each: {first}");
    assert_eq!(counts(&again), [20, 0, 20, 0, 0, 0], "{again}");
}

#[tokio::test]
async fn a_copy_without_a_version_is_no_silent_reply() {
    for versioning in [Versioning::Off, Versioning::Suspended] {
        let world = World::new();
        world.put("k", "1");
        let copy = Fault::on(Verb::CopyObject).first(1);
        let stops = Effect::before(move |sim| {
            sim.change_options(BACKUP, |options| {
                options.versioning = versioning;
                options.tells_copy_versions = false;
            });
        });
        world.sim.fault(copy, stops);

        let result = world.backup().await;

        let code = &result["failures"][0]["code"];
        assert_eq!(code, "NotVersioned", "{versioning:?}: {result}");
    }
}

#[tokio::test]
async fn a_store_that_obeys_is_asked_once_and_writes_nothing() {
    let world = world_at((Obeyed, Obeyed));

    let handler = environment(&world);
    let first = answer(&handler, json!({})).await.unwrap();
    let again = answer(&handler, json!({})).await.unwrap();

    assert_eq!(codes(&first), [""; 0]);
    assert_eq!(codes(&again), [""; 0]);
    let probe = lease::key().replace("lease.json", "target-conditions");
    assert!(world.sim.current(BACKUP, &probe).is_none());
    let calls = world.sim.ledger().entries();
    let probes = calls.iter().filter(|call| call.key == probe);
    assert_eq!(probes.count(), 1);
}

#[tokio::test]
async fn a_store_that_wants_the_length_of_empty_bodies_is_told_it() {
    let world = world_at((Obeyed, Obeyed));
    world
        .sim
        .change_options(BACKUP, |options| options.wants_length = true);

    let result = run(&world, json!({})).await;

    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(counts(&result), [3, 3, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_completion_that_leaves_the_etag_empty_is_looked_at() {
    let world = world_at((Obeyed, Obeyed));
    world
        .sim
        .change_options(BACKUP, |options| options.tells_completed_etags = false);

    let result = run(&world, json!({})).await;
    let verified = run(&world, json!({"operation": "verify", "deep": true})).await;
    let next = run(&world, json!({})).await;

    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(verified["verified"]["equal"], 3, "{verified}");
    assert_eq!(counts(&next), [3, 0, 3, 0, 0, 0], "{next}");
}
