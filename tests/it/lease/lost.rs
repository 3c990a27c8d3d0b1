//! A run that loses its lease, or cannot renew it.

use std::time::{Duration, Instant};

use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{SHORT, assert_already_running, key, lease, lease_of_another, meanwhile, world_of};
use crate::world::{BACKUP, World, answer, counts};

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
    let tried = strikes.count();
    assert!((4..60).contains(&tried), "tried {tried} times");
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
async fn a_lease_that_cannot_be_given_back_is_written_in_four_rounds() {
    let world = world_of(1, Duration::ZERO);
    let refused = Effect::status(412, "PreconditionFailed", "another one");
    world
        .sim
        .fault(Fault::on(Verb::PutObject).key(&key()).since(2), refused);

    let result = world.backup().await;

    assert_eq!(result["status"], "complete", "{result}");
    let written = world.sim.ledger().of(Verb::PutObject);
    let written = written.iter().filter(|put| put.key == key()).count();
    // The one that takes it; and in each round four, because nothing shows why they are refused.
    assert_eq!(written, 1 + 4 * 4);
}

/// Its steady clock has gone on, as that of a process does which a signal has stopped: the time is over in which it
/// renews its lease.
#[tokio::test]
async fn a_run_that_stood_still_asks_s3_before_it_gives_up_its_lease() {
    let still = SHORT * 9 / 10;
    // Nothing is to be written when it goes on, or the next copy at once.
    for (objects, copy) in [(1, SHORT + SHORT / 10), (2, SHORT / 10)] {
        let world = world_of(objects, copy)
            .with("BACKUP_MAX_CONCURRENCY", "1")
            .with_leases_of(SHORT);
        let stands_still = async { std::thread::sleep(still) };

        let (result, ()) = meanwhile(&world, stands_still).await;

        assert_eq!(counts(&result), [objects, objects, 0, 0, 0, 0], "{result}");
        assert!(lease(&world, BACKUP)["released_at"].is_string());
    }
}

/// The next one is of another second, and other bytes: what it finds there is its own by its token alone.
#[tokio::test]
async fn a_renewal_that_nobody_could_look_for_is_not_taken_for_a_strangers() {
    let world = world_of(1, SHORT * 4 / 3).with_leases_of(SHORT * 2);
    let denied = || Effect::status(403, "AccessDenied", "Access Denied");
    let renewal = |nth| Fault::on(Verb::PutObject).key(&key()).nth(nth);
    let look = Fault::on(Verb::GetObject).key(&key()).nth(2);
    let lost = world.sim.fault(renewal(2), Effect::ResetAfterWork);
    let unseen = world.sim.fault(look, denied());
    let second = Duration::from_millis(1_050);
    world.sim.fault(renewal(3), Effect::Slow(second));
    let refused = world.sim.fault(renewal(3), denied());

    let (result, ()) = meanwhile(&world, async {}).await;

    assert_eq!((lost.count(), unseen.count(), refused.count()), (1, 1, 1));
    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    assert!(lease(&world, BACKUP)["released_at"].is_string());
    let written = world.sim.ledger().of(Verb::PutObject);
    let statuses = written.iter().filter(|put| put.key == key());
    let statuses: Vec<u16> = statuses.filter_map(|put| put.status).collect();
    assert!(statuses.starts_with(&[200, 403, 412, 200]), "{statuses:?}");
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
            let struck = Fault::on(Verb::PutObject).key(&key()).nth(write);
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
