//! Whatever dies while a run is shared, and whenever: each row of the table in `docs/decisions/0021`.

use std::time::Duration;

use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};

use super::deletions::with_gone;
use super::{Cut, cut, key, state_key, stored, work_on_all, world_of};
use crate::restore::kills;
use crate::world::{BACKUP, PRIMARY, World, answer, assert_adds_up, count, counts};

/// Sends a request, and drops the function once a call was made that many times. Whether it came to that.
async fn kill(world: &World, request: &Value, fault: Fault) -> bool {
    kills::kill_request(world, request, fault).await
}

fn writes(nth: u64) -> Fault {
    Fault::on(Verb::PutObject).bucket(BACKUP).nth(nth)
}

async fn finish(world: &World, cut: Cut) -> Value {
    work_on_all(world, cut.requests).await;
    let all = world.run(cut.close).await;
    assert_adds_up(&all);
    all
}

#[tokio::test]
async fn cutting_that_was_killed_at_any_write_is_begun_anew() {
    let mut kills = 0;
    for nth in 1.. {
        let world = world_of(200);
        let asked = json!({"operation": "ranges", "pieces": 4});
        if !kill(&world, &asked, writes(nth)).await {
            break;
        }
        kills += 1;

        let all = finish(&world, cut(&world, 4).await).await;

        assert_eq!(counts(&all), [200, 200, 0, 0, 0, 0], "write {nth}");
    }
    assert!(kills >= 3, "{kills}");
}

#[tokio::test]
async fn a_worker_that_was_killed_at_any_write_counts_nothing_twice() {
    let mut kills = 0;
    for nth in 1.. {
        let world = world_of(200);
        let cut = cut(&world, 4).await;
        if !kill(&world, &cut.requests[1], writes(nth)).await {
            break;
        }
        kills += 1;

        let all = finish(&world, cut).await;

        // What the first one copied and did not count was found unchanged.
        assert_eq!(count(&all, "objects_found"), 200, "write {nth}: {all}");
        assert_eq!(all["status"], "complete", "write {nth}: {all}");
        world.assert_backed_up();
        assert_eq!(counts(&world.backup().await), [200, 0, 200, 0, 0, 0]);
    }
    assert!(kills >= 2, "{kills}");
}

#[tokio::test]
async fn a_worker_whose_last_answer_was_lost_is_answered_from_its_piece() {
    let world = world_of(200);
    let cut = cut(&world, 4).await;
    let piece = state_key(&format!("runs/{}/pieces/0002.json", cut.run_id));
    let after = Fault::on(Verb::PutObject).key(&piece);
    let strikes = world.sim.fault(after, Effect::StallAfterWork);
    let worker = world.handler();
    let request = cut.requests[1].clone();
    let lost = async {
        while strikes.count() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    tokio::select! {
        done = answer(&worker, request) => panic!("{done:?}"),
        () = lost => {}
    }
    world.sim.clear_faults();

    let all = finish(&world, cut).await;

    assert_eq!(counts(&all), [200, 200, 0, 0, 0, 0]);
}

#[tokio::test]
async fn of_two_workers_with_the_same_piece_one_counts() {
    let world = world_of(200);
    let cut = cut(&world, 2).await;
    let (one, two) = (world.handler(), world.handler());
    world.sim.clock().advance(Duration::from_secs(2));
    let request = &cut.requests[0];
    let both = futures::join!(answer(&one, request.clone()), answer(&two, request.clone()));
    if let (Ok(_), Err(refused)) | (Err(refused), Ok(_)) = &both {
        assert_eq!(refused.error_type(), "AlreadyRunning", "{refused}");
    }
    assert!(both.0.is_ok() || both.1.is_ok());

    let all = finish(&world, cut).await;

    assert_eq!(count(&all, "objects_found"), 200, "{all}");
    assert_eq!(all["status"], "complete");
}

#[tokio::test]
async fn closing_that_was_killed_at_any_write_is_closed_again() {
    let mut kills = 0;
    for nth in 1.. {
        let world = with_gone(20, "1000").await;
        world.put(&key(250), "changed");
        let cut = cut(&world, 8).await;
        work_on_all(&world, cut.requests).await;
        if !kill(&world, &cut.close, writes(nth)).await {
            break;
        }
        kills += 1;

        let all = world.run(cut.close.clone()).await;

        assert_adds_up(&all);
        assert_eq!(all["status"], "complete", "write {nth}: {all}");
        world.assert_backed_up();
        let next = world.backup().await;
        assert_eq!(next["status"], "complete", "write {nth}: {next}");
        assert_eq!(
            world.keys(BACKUP),
            world.keys(PRIMARY),
            "write {nth}: {next}"
        );
    }
    assert!(kills >= 6, "{kills}");
}

#[tokio::test]
async fn closing_that_was_killed_while_it_marked_marks_nothing_more() {
    let world = with_gone(40, "1000").await;
    let cut = cut(&world, 8).await;
    work_on_all(&world, cut.requests).await;
    let marker = Fault::on(Verb::DeleteObject).nth(5);
    assert!(kill(&world, &cut.close, marker).await);
    let before = world.keys(BACKUP);

    let all = world.run(cut.close).await;

    assert_eq!(world.keys(BACKUP), before, "{all}");
    let postponed = all["deletions"]["postponed"].as_str().unwrap();
    assert!(postponed.contains("ended without a word"), "{postponed}");
    let next = world.backup().await;
    assert_eq!(world.keys(BACKUP), world.keys(PRIMARY), "{next}");
}

#[tokio::test]
async fn a_worker_that_is_late_stops_when_the_run_is_closed() {
    let world = world_of(200).with_leases_of(Duration::from_secs(3));
    let cut = cut(&world, 4).await;
    let mut requests = cut.requests.clone();
    let late = requests.remove(0);
    work_on_all(&world, requests).await;
    world.sim.fault(
        Fault::on(Verb::CopyObject),
        Effect::Slow(Duration::from_secs(4)),
    );
    let worker = world.handler();
    let late = answer(&worker, late);
    let closing = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.sim.clear_faults();
        answer(&world.handler(), cut.close.clone()).await.unwrap()
    };

    let (ended, closed) = futures::join!(late, closing);

    assert_eq!(closed["status"], "incomplete", "{closed}");
    let refused = ended.unwrap_err();
    assert_eq!(refused.error_type(), "DestinationError", "{refused}");
    let piece = state_key(&format!("runs/{}/pieces/0001.json", cut.run_id));
    assert!(world.sim.current(BACKUP, &piece).is_none());
}

#[tokio::test]
async fn a_piece_whose_listing_breaks_off_is_worked_on_again() {
    let world = world_of(200);
    let cut = cut(&world, 4).await;
    let broken = Effect::status(403, "AccessDenied", "Access Denied");
    world.sim.fault(
        Fault::on(Verb::ListObjectsV2).bucket(PRIMARY).nth(2),
        broken,
    );
    let failed = answer(&world.handler(), cut.requests[0].clone()).await;
    world.sim.clear_faults();
    if let Err(failed) = failed {
        assert_eq!(failed.error_type(), "SourceError", "{failed}");
    }

    let all = finish(&world, cut).await;

    assert_eq!(
        (count(&all, "objects_found"), count(&all, "errors")),
        (200, 0),
        "{all}"
    );
}

#[tokio::test]
async fn a_worker_that_another_one_overtook_is_refused_and_the_piece_stays() {
    let world = world_of(200);
    let cut = cut(&world, 2).await;
    world.sim.clock().advance(Duration::from_secs(2));
    let piece = state_key(&format!("runs/{}/pieces/0001.json", cut.run_id));
    let slow = Fault::on(Verb::PutObject).key(&piece).nth(1);
    world.sim.fault(slow, Effect::Slow(Duration::from_secs(3)));
    let (one, two) = (world.handler(), world.handler());
    let late = answer(&one, cut.requests[0].clone());
    let in_time = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        answer(&two, cut.requests[0].clone()).await.unwrap()
    };

    let (late, in_time) = futures::join!(late, in_time);

    assert!(in_time["cursor"].is_null(), "{in_time}");
    assert_eq!(late.unwrap_err().error_type(), "AlreadyRunning");
    let versions = world.sim.all_versions(BACKUP).into_iter();
    assert_eq!(versions.filter(|version| version.key == piece).count(), 1);
}

#[tokio::test]
async fn a_snapshot_that_another_run_wrote_meanwhile_stays_the_last() {
    let world = world_of(200);
    let cut = cut(&world, 4).await;
    let (first, rest) = cut.requests.split_at(1);
    work_on_all(&world, first.to_vec()).await;
    let (lease, latest) = (state_key("lease.json"), state_key("snapshots/latest.json"));
    let held = stored(&world, &lease).to_string();
    // As on a server whose conditions hold nobody off.
    world.sim.delete(BACKUP, &lease);
    world.backup().await;
    world.sim.put(BACKUP, &lease, held.into_bytes());
    let before = stored(&world, &latest);
    work_on_all(&world, rest.to_vec()).await;

    let all = world.run(cut.close).await;

    assert_eq!(stored(&world, &latest), before, "{all}");
    let problem = all["destinations"][0]["snapshot"]["problem"].as_str();
    assert!(problem.is_some(), "{all}");
    assert_eq!(world.backup().await["status"], "complete");
}
