//! The lease of a distributed run, which all of its workers hold.

use std::time::Duration;

use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{cut, state_key, stored, work_on_all, world_of};
use crate::lease::lease_of_another;
use crate::world::{BACKUP, answer, counts};

/// Gives what is there in the place of a lease.
type Becomes = fn(Value) -> Option<String>;

#[tokio::test]
async fn a_worker_whose_lease_is_anothers_or_was_given_back_does_nothing_and_says_so() {
    let another: Becomes = |_| Some(lease_of_another());
    let given_back: Becomes = |mut held| {
        held["released_at"] = held["taken_at"].clone();
        Some(held.to_string())
    };
    let removed: Becomes = |_| None;
    let is_anothers = ": run 2026-11-21T02-00-00Z-beef (function other) has taken it over";
    let cases = [
        (another, is_anothers),
        (given_back, ": it was given back"),
        (removed, ": it was removed or written over"),
    ];
    let lease = state_key("lease.json");
    for (becomes, why) in cases {
        let world = world_of(300);
        let cut = cut(&world, 4).await;
        match becomes(stored(&world, &lease)) {
            Some(body) => drop(world.sim.put(BACKUP, &lease, body)),
            None => world.sim.delete(BACKUP, &lease),
        }
        world.sim.ledger().clear();

        let refused = world.invoke(cut.requests[0].clone()).await.unwrap_err();

        assert_eq!(refused.error_type(), "DestinationError", "{refused}");
        let message = refused.to_string();
        assert!(message.contains(why), "{why:?} is missing in {message:?}");
        assert!(message.contains(&cut.run_id), "{message}");
        for verb in [Verb::PutObject, Verb::CopyObject] {
            assert_eq!(world.sim.ledger().count(verb), 0, "{why} {verb:?}");
        }
    }
}

/// One of them renews the lease and the others find it so, by S3's clock, which alone has gone on here.
#[tokio::test]
async fn a_renewal_by_one_worker_counts_for_another_whose_own_is_refused() {
    let world = world_of(100).with("BACKUP_MAX_CONCURRENCY", "1");
    let cut = cut(&world, 1).await;
    let lease = state_key("lease.json");
    let held = stored(&world, &lease);
    let key = lease.clone();
    let is_renewed = Effect::after(move |sim| {
        sim.clock().advance(Duration::from_mins(10));
        let mut held = held.clone();
        held["expires_at"] = json!("2026-11-21T02:33:00Z");
        sim.put(BACKUP, &key, held.to_string());
    });
    let copy = |nth| Fault::on(Verb::CopyObject).nth(nth);
    world.sim.fault(copy(1), is_renewed);
    let goes_on = Effect::after(|sim| sim.clock().advance(Duration::from_mins(10)));
    world.sim.fault(copy(3), goes_on);
    world.sim.ledger().clear();

    let worker = world.handler();
    let work = answer(&worker, cut.requests[0].clone());
    let answered = timeout(Duration::from_secs(30), work).await;
    let piece = answered.expect("a write waits for the lease").unwrap();

    assert_eq!(counts(&piece)[1], 100, "{piece}");
    let written = world.sim.ledger().of(Verb::PutObject);
    let written = written.iter().filter(|put| put.key == lease);
    let statuses: Vec<u16> = written.filter_map(|put| put.status).collect();
    assert_eq!(
        statuses,
        [412, 200],
        "it goes on from the one that it found"
    );
    work_on_all(&world, cut.requests[1..].to_vec()).await;
    assert_eq!(world.run(cut.close).await["status"], "complete");
}
