//! No two runs of a job overlap: whoever comes second is told so, and a run that was killed keeps the
//! next one out only until its lease ends.

use std::time::{Duration, Instant};

use futures::future;
use s3_backup::handler::HandlerError;
use s3_backup::model::{Job, Location, Placement, Prefix};
use s3_sim::{Effect, Fault, Grant, Verb};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::world::{BACKUP, PRIMARY, STATE, World, answer, counts};

/// Long enough for a second run to come and go.
const A_WHILE: Duration = Duration::from_millis(1500);
/// As short as whole seconds allow: renewed each second, given up after two and a half.
const SHORT: Duration = Duration::from_secs(3);

/// A world of so many objects, each of whose copies takes so long.
fn world_of(objects: u64, time: Duration) -> World {
    let world = World::new();
    for n in 0..objects {
        world.put(&format!("{n:02}"), "1");
    }
    world
        .sim
        .fault(Fault::on(Verb::CopyObject), Effect::Slow(time));
    world
}

/// The key of the lease of the job that backs up the primary bucket.
pub fn key() -> String {
    key_of(PRIMARY, "")
}

fn key_of(source: &str, prefix: &str) -> String {
    let placement = Placement::below(Prefix::new(prefix));
    let job = Job::new(&Location::parse(source).unwrap(), &placement);
    job.key("lease.json").as_str().to_owned()
}

/// The lease as it is stored now.
fn lease(world: &World, bucket: &str) -> Value {
    let view = world.sim.current(bucket, &key()).unwrap();
    serde_json::from_slice(&view.content.read(0, 10_000)).unwrap()
}

/// What another run would have written a moment ago.
pub fn lease_of_another() -> String {
    json!({
        "format": 1, "run_id": "2026-11-21T02-00-00Z-beef", "holder": "function other", "token": "t",
        "taken_at": "2026-11-21T02:00:00Z", "expires_at": "2026-11-21T02:03:00Z",
        "lasts_seconds": 180, "released_at": null
    })
    .to_string()
}

/// Waits until the first copy is under way.
async fn first_copy(world: &World) {
    let under_way = async {
        while world.sim.ledger().max_in_flight_of(Verb::CopyObject) == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), under_way).await.unwrap();
}

/// Runs a backup, and something else once its first copy is under way.
async fn meanwhile<T>(world: &World, other: impl Future<Output = T>) -> (Value, T) {
    let handler = world.handler();
    let first = async { answer(&handler, json!({})).await.unwrap() };
    let second = async {
        first_copy(world).await;
        other.await
    };
    tokio::join!(first, second)
}

fn assert_already_running(refused: Result<Value, HandlerError>, parts: &[&str]) {
    let error = refused.unwrap_err();
    let message = error.to_string();
    assert_eq!(error.error_type(), "AlreadyRunning", "{message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in {message:?}");
    }
}

#[tokio::test]
async fn a_second_run_is_refused_and_told_which_one_is_under_way() {
    let world = world_of(1, A_WHILE);

    let (first, second) = meanwhile(&world, answer(&world.handler(), json!({}))).await;

    let run_id = first["run_id"].as_str().unwrap();
    let id = format!("run {run_id} (process ");
    let since = first["started_at"].as_str().unwrap();
    let parts = [
        "cannot start beside another run: ",
        &id,
        &key(),
        "bucket backup since ",
        &since[..16],
        " until ",
        "run again when it has ended",
    ];
    assert_already_running(second, &parts);
    assert_eq!(counts(&first), [1, 1, 0, 0, 0, 0]);
    assert_eq!(world.backup_versions().len(), 1, "nothing was copied twice");
}

#[tokio::test]
async fn a_part_and_a_continuation_are_runs_of_the_same_job() {
    let world = world_of(1, A_WHILE);
    let cursor = json!({"format": 1, "ranges": [{"destination": BACKUP, "after": "0"}]});
    let requests = [
        json!({"prefix": "0"}),
        json!({"operation": "continue", "cursor": cursor}),
    ];
    let handler = world.handler();

    let others = requests.map(|request| answer(&handler, request));
    let (_, refused) = meanwhile(&world, future::join_all(others)).await;

    for refused in refused {
        assert_already_running(refused, &[]);
    }
}

#[tokio::test]
async fn a_lease_is_given_back_at_the_end_and_free_at_once() {
    let world = World::new();
    world.put("k", "1");

    let first = world.backup().await;
    let given_back = lease(&world, BACKUP);
    let second = world.backup().await;

    assert_eq!(given_back["run_id"], first["run_id"]);
    assert!(given_back["released_at"].is_string(), "{given_back}");
    assert_eq!(counts(&second), [1, 0, 1, 0, 0, 0]);
    assert_eq!(world.sim.versions(BACKUP, &key()).len(), 4);
    assert_eq!(world.sim.ledger().count(Verb::DeleteObject), 0);
    assert_eq!(first["requests"], json!({"list": 2, "copy": 1, "head": 0}));
}

#[tokio::test]
async fn a_run_that_could_not_read_its_source_gives_its_lease_back() {
    let world = World::new();
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let listing = Fault::on(Verb::ListObjectsV2).bucket(PRIMARY);
    world.sim.fault(listing, denied);

    let error = world.invoke(json!({})).await.unwrap_err();

    assert_eq!(error.error_type(), "SourceError");
    assert!(lease(&world, BACKUP)["released_at"].is_string());
}

#[tokio::test]
async fn a_killed_run_keeps_others_out_until_its_lease_ends() {
    let world = world_of(1, Duration::from_secs(10));
    let killed = timeout(A_WHILE, answer(&world.handler(), json!({}))).await;
    assert!(killed.is_err(), "{killed:?}");
    world.sim.clear_faults();

    let too_early = world.invoke(json!({})).await;
    world.let_leases_end();
    let in_time = world.backup().await;

    assert_already_running(too_early, &[]);
    assert_eq!(in_time["status"], "complete");
    assert_eq!(world.equal(), 1);
}

#[tokio::test]
async fn a_long_run_renews_its_lease() {
    let world = world_of(1, SHORT * 2).with_leases_of(SHORT);
    let handler = world.handler();
    let late = async {
        sleep(SHORT + SHORT / 2).await;
        answer(&handler, json!({})).await
    };

    let begun = Instant::now();
    let (first, second) = meanwhile(&world, late).await;

    let seconds = begun.elapsed().as_secs();
    assert_already_running(second, &[]);
    assert_eq!(counts(&first), [1, 1, 0, 0, 0, 0]);
    let written = world.sim.ledger().of(Verb::PutObject);
    let written = written.iter().filter(|put| put.key == key()).count() as u64;
    // One a second, beside those that take it, give it back and are refused to the second run.
    assert!(
        (5..=seconds + 3).contains(&written),
        "{written} writes in {seconds} s"
    );
}

/// Asserts that a run of thirty slow copies was stopped because of its lease, and says so.
fn assert_stopped(world: &World, result: &Value, why: &str) {
    let [found, copied, _, _, _, errors] = counts(result);
    assert_eq!((found, errors), (copied + 1, 1), "{result}");
    assert!((1..25).contains(&copied), "{result}");
    assert_eq!(world.equal(), copied);
    assert_eq!(result["status"], "incomplete");
    let failure = &result["failures"][0];
    assert_eq!(failure["code"], "LeaseLost");
    assert_eq!(failure["destination"], BACKUP);
    let message = failure["message"].as_str().unwrap();
    assert!(message.contains(why), "{message}");
    let message = result["message"].as_str().unwrap();
    let end = "; stopped because its lease was lost, the cursor continues it";
    assert!(message.ends_with(end), "{message}");
    assert!(result["cursor"].is_object(), "{result}");
}

fn thirty_slow_copies() -> World {
    world_of(30, Duration::from_millis(200))
        .with("BACKUP_MAX_CONCURRENCY", "1")
        .with_leases_of(SHORT)
}

#[tokio::test]
async fn a_run_whose_lease_was_taken_over_begins_nothing_new_and_says_so() {
    let world = thirty_slow_copies();
    let takes_over = async { world.sim.put(BACKUP, &key(), lease_of_another()) };

    let (result, _) = meanwhile(&world, takes_over).await;

    let why = "run 2026-11-21T02-00-00Z-beef (function other) has taken it over";
    assert_stopped(&world, &result, why);
    assert_eq!(lease(&world, BACKUP)["token"], "t", "it was written over");
}

#[tokio::test]
async fn a_run_whose_lease_was_removed_begins_nothing_new() {
    let world = thirty_slow_copies();

    let removed = async { world.sim.delete(BACKUP, &key()) };
    let (result, ()) = meanwhile(&world, removed).await;

    assert_stopped(&world, &result, "it was removed or written over");
}

#[tokio::test]
async fn a_run_that_cannot_renew_its_lease_stops_before_others_may_have_it() {
    let world = thirty_slow_copies();
    let breaks = async {
        let denied = Effect::status(403, "AccessDenied", "Access Denied");
        world.sim.fault(Fault::on(Verb::PutObject), denied)
    };

    let (result, strikes) = meanwhile(&world, breaks).await;

    assert_stopped(
        &world,
        &result,
        "it could not be renewed: cannot write .s3-backup/",
    );
    assert!(strikes.count() > 3, "tried {} times", strikes.count());
    world.sim.clear_faults();
    world.let_leases_end();
    assert_eq!(world.backup().await["status"], "complete");
}

#[tokio::test]
async fn a_renewal_that_fails_for_a_moment_stops_nothing() {
    let world = world_of(1, SHORT).with_leases_of(SHORT);
    let breaks = async {
        let denied = Effect::status(403, "AccessDenied", "Access Denied");
        world.sim.fault(Fault::on(Verb::PutObject).first(3), denied)
    };

    let (result, strikes) = meanwhile(&world, breaks).await;

    assert_eq!(strikes.count(), 3);
    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_renewal_that_nobody_could_look_for_is_not_taken_for_a_strangers() {
    let world = world_of(1, SHORT).with_leases_of(SHORT);
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let renewal = Fault::on(Verb::PutObject).nth(2);
    let look = Fault::on(Verb::GetObject).nth(2);
    let lost = world.sim.fault(renewal, Effect::ResetAfterWork);
    let unseen = world.sim.fault(look, denied);

    let (result, ()) = meanwhile(&world, async {}).await;

    assert_eq!((lost.count(), unseen.count()), (1, 1));
    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    assert!(lease(&world, BACKUP)["released_at"].is_string());
}

#[tokio::test]
async fn a_loss_that_shows_at_the_end_only_is_told_too() {
    let world = world_of(1, Duration::from_millis(200));
    let takes_over = async { world.sim.put(BACKUP, &key(), lease_of_another()) };

    let (result, _) = meanwhile(&world, takes_over).await;

    assert_eq!(counts(&result), [2, 1, 0, 0, 0, 1]);
    assert_eq!(result["failures"][0]["code"], "LeaseLost");
    assert_eq!(result["cursor"], Value::Null);
    assert_eq!(lease(&world, BACKUP)["token"], "t", "it was written over");
}

#[tokio::test]
async fn answers_that_are_lost_neither_keep_a_run_out_nor_its_lease_in() {
    let effects = [
        Effect::ResetAfterWork,
        Effect::ConnectionReset,
        Effect::Stall,
        Effect::OkWithErrorBodyAfterWork("InternalError".to_owned()),
        Effect::status(409, "ConditionalRequestConflict", "Conflict"),
    ];
    for effect in effects {
        for write in [1, 2] {
            let name = format!("{effect:?} at write {write}");
            let world = World::new().impatient();
            world.put("k", "1");
            let struck = Fault::on(Verb::PutObject).nth(write);
            let strikes = world.sim.fault(struck, effect.clone());

            let first = world.backup().await;
            let second = world.backup().await;

            assert_eq!(strikes.count(), 1, "{name}");
            assert_eq!(first["status"], "complete", "{name}");
            assert_eq!(second["status"], "complete", "{name}");
            let written = world.sim.versions(BACKUP, &key()).len();
            assert_eq!(written, 4, "{name}");
        }
    }
}

#[tokio::test]
async fn a_lease_that_cannot_be_given_back_is_no_error_and_ends_by_itself() {
    let world = World::new();
    world.put("k", "1");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let lease = Fault::on(Verb::PutObject).key(&key()).nth(2);
    world.sim.fault(lease, denied);

    let first = world.backup().await;
    let too_early = world.invoke(json!({})).await;
    world.let_leases_end();
    let in_time = world.backup().await;

    assert_eq!(first["status"], "complete");
    assert_already_running(too_early, &[first["run_id"].as_str().unwrap()]);
    assert_eq!(in_time["status"], "complete");
}

#[tokio::test]
async fn a_lease_that_may_not_be_written_is_a_destination_error() {
    let world = World::new();
    world.put("k", "1");
    world.sim.deny("s3:PutObject");

    let error = world.invoke(json!({})).await.unwrap_err();

    assert_eq!(error.error_type(), "DestinationError");
    let message = error.to_string();
    let lease = format!("cannot write {}: access denied", key());
    assert!(message.contains(&lease), "{message}");
    assert!(message.contains("s3:PutObject"), "{message}");
}

#[tokio::test]
async fn a_damaged_lease_keeps_others_out_no_longer_than_a_whole_one() {
    for damaged in ["", "{", "<lease/>", "{\"format\": 2}"] {
        let world = World::new();
        world.put("k", "1");
        world.sim.put(BACKUP, &key(), damaged);

        let too_early = world.invoke(json!({})).await;
        world.let_leases_end();
        let in_time = world.backup().await;

        assert_already_running(too_early, &["cannot be read by this version", &key()]);
        assert_eq!(in_time["status"], "complete", "{damaged:?}");
    }
}

#[tokio::test]
async fn the_times_that_a_lease_says_do_not_tell_whether_it_has_ended() {
    for expires_at in ["1999-01-01T00:00:00Z", "2099-01-01T00:00:00Z"] {
        let world = World::new();
        world.put("k", "1");
        let mut of_another: Value = serde_json::from_str(&lease_of_another()).unwrap();
        of_another["expires_at"] = json!(expires_at);
        of_another["taken_at"] = json!(expires_at);
        world.sim.put(BACKUP, &key(), of_another.to_string());

        let too_early = world.invoke(json!({})).await;
        world.let_leases_end();
        let in_time = world.backup().await;

        assert_already_running(too_early, &["function other"]);
        assert_eq!(in_time["status"], "complete", "{expires_at}");
    }
}

/// A lease that was given back, and cannot be read for what is done to it then, keeps others out for the
/// longest time of a lease, and is replaced after that.
async fn assert_replaced_unread(world: &World) {
    let too_early = world.invoke(json!({})).await;
    world.sim.clock().advance(Duration::from_hours(1));
    let in_time = world.backup().await;

    assert_already_running(too_early, &[&key(), "counts as held until"]);
    assert_eq!(in_time["status"], "complete", "{in_time}");
    assert!(lease(world, BACKUP)["released_at"].is_string());
    assert_eq!(
        world.backup().await["status"],
        "complete",
        "it can be read again"
    );
}

#[tokio::test]
async fn a_lease_that_a_lifecycle_has_archived_is_replaced_without_being_read() {
    for class in ["GLACIER", "DEEP_ARCHIVE"] {
        let world = World::new();
        world.put("k", "1");
        world.backup().await;
        world.sim.set_storage_class(BACKUP, &key(), class);

        let refused = world.invoke(json!({})).await;

        assert_already_running(refused, &["a lifecycle rule of the bucket has archived it"]);
        assert_replaced_unread(&world).await;
        let stored = world.sim.current(BACKUP, &key()).unwrap();
        assert_eq!(stored.storage_class, "STANDARD");
    }
}

#[tokio::test]
async fn a_lease_under_a_former_key_is_replaced_without_being_read() {
    let former = "arn:aws:kms:us-east-1:111122223333:key/former";
    let new = "arn:aws:kms:us-east-1:111122223333:key/new";
    let world = World::new().with("BACKUP_KMS_KEY_ID", former);
    world.put("k", "1");
    world.backup().await;
    world.sim.deny(Grant::on("kms:Decrypt", former));
    world.sim.deny(Grant::on("kms:GenerateDataKey", former));
    let world = world.with("BACKUP_KMS_KEY_ID", new);

    let refused = world.invoke(json!({})).await;

    assert_already_running(refused, &["kms:Decrypt", "FormerKmsKeyArns"]);
    assert_replaced_unread(&world).await;
}

#[tokio::test]
async fn a_lease_whose_key_is_disabled_or_lost_is_replaced_without_being_read() {
    for code in ["KMS.DisabledException", "KMS.KMSInvalidStateException"] {
        let world = World::new();
        world.put("k", "1");
        world.backup().await;
        let lost = Effect::status(400, code, "the key is pending deletion");
        world
            .sim
            .fault(Fault::on(Verb::GetObject).key(&key()).first(2), lost);

        assert_replaced_unread(&world).await;
    }
}

#[tokio::test]
async fn a_lease_that_the_role_may_not_read_is_an_error_and_not_replaced() {
    let world = World::new();
    world.put("k", "1");
    world.backup().await;
    world.sim.deny(Grant::on("s3:GetObject", BACKUP));
    world.sim.clock().advance(Duration::from_hours(1));

    let error = world.invoke(json!({})).await.unwrap_err();

    assert_eq!(error.error_type(), "DestinationError");
    assert!(error.to_string().contains("s3:GetObject"), "{error}");
}

#[tokio::test]
async fn own_objects_are_written_in_the_class_that_can_be_read_at_once() {
    let world = World::new().with("BACKUP_STORAGE_CLASS", "GLACIER");
    world.put("k", "1");

    world.backup().await;

    let written = world.sim.ledger().of(Verb::PutObject);
    assert!(written.len() > 3, "{written:?}");
    for put in written {
        assert_eq!(
            put.header("x-amz-storage-class"),
            Some("STANDARD"),
            "{put:?}"
        );
    }
}

#[tokio::test]
async fn a_dry_run_takes_no_lease_and_waits_for_none() {
    let world = World::new();
    world.put("k", "1");
    world.sim.put(BACKUP, &key(), lease_of_another());

    let result = world.invoke(json!({"dry_run": true})).await.unwrap();

    assert_eq!(result["objects_to_copy"], 1);
    assert_eq!(world.sim.ledger().count(Verb::PutObject), 0);
    let read = world.sim.ledger().of(Verb::GetObject);
    assert!(read.iter().all(|get| get.key != key()), "{read:?}");
}

#[tokio::test]
async fn two_sources_share_a_backup_bucket_and_do_not_wait_for_each_other() {
    let world = world_of(1, A_WHILE).with("BACKUP_DESTINATION_PREFIX", "{source_bucket}/");
    world.sim.create_bucket("other");
    world.sim.put("other", "00", "2");
    let first = world.handler();
    let world = world.with("SOURCE_BUCKET", "other");
    let second = world.handler();

    let (first, second) = tokio::join!(answer(&first, json!({})), answer(&second, json!({})));

    assert_eq!(counts(&first.unwrap()), [1, 1, 0, 0, 0, 0]);
    assert_eq!(counts(&second.unwrap()), [1, 1, 0, 0, 0, 0]);
    assert_eq!(world.sim.ledger().max_in_flight_of(Verb::CopyObject), 2);
    assert_eq!(world.keys(BACKUP), ["other/00", "primary/00"]);
    let mut leases = world.sim.keys(BACKUP);
    leases.retain(|key| key.starts_with(STATE) && key.ends_with("lease.json"));
    let expected = [key_of("other", "other/"), key_of(PRIMARY, "primary/")];
    assert_eq!(leases, expected);
}

#[tokio::test]
async fn a_lost_lease_stops_its_own_destination_only() {
    let world = thirty_slow_copies()
        .with_bucket("second")
        .with("BACKUP_MAX_CONCURRENCY", "2")
        .with("DESTINATION_BUCKET", "backup,second");
    let takes_over = async { world.sim.put(BACKUP, &key(), lease_of_another()) };

    let (result, _) = meanwhile(&world, takes_over).await;

    let [stopped, other] = [0, 1].map(|number| result["destinations"][number].clone());
    assert_eq!(stopped["errors"], 1, "{result}");
    assert_eq!(
        (&other["objects_copied"], &other["errors"]),
        (&json!(30), &json!(0))
    );
    let states = result["cursor"]["states"].as_array().unwrap();
    assert_eq!(
        (states.len(), &states[0]["destination"]),
        (1, &json!(BACKUP))
    );
    assert!(world.equal() < 25, "{}", world.equal());
    assert_eq!(lease(&world, "second")["run_id"], result["run_id"]);
}

#[tokio::test]
async fn of_many_runs_at_once_no_two_overlap() {
    let abandoned = lease_of_another();
    let given_back = abandoned.replace("null", "\"2026-11-21T02:00:30Z\"");
    for (name, before) in [
        ("none", None),
        ("abandoned", Some(abandoned)),
        ("given back", Some(given_back)),
        ("damaged", Some("{".to_owned())),
    ] {
        let world = world_of(4, Duration::from_millis(20)).persistent();
        if let Some(before) = before {
            world.sim.put(BACKUP, &key(), before);
        }
        world.let_leases_end();
        let handlers: Vec<_> = (0..8).map(|_| world.handler()).collect();

        let runs = handlers.iter().map(|handler| answer(handler, json!({})));
        let results = future::join_all(runs).await;

        let (ran, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert!(!ran.is_empty(), "{name}: all were refused: {refused:?}");
        for refused in refused {
            assert_already_running(refused, &["run "]);
        }
        assert_eq!(world.equal(), 4, "{name}");
        assert_eq!(world.backup_versions().len(), 4, "{name}: copied twice");
        assert!(lease(&world, BACKUP)["released_at"].is_string(), "{name}");
    }
}
