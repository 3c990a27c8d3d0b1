//! A call that is killed at any write leaves a state from which `continue` ends right.

use std::time::{Duration, Instant};

use s3_backup::model::Deadline;
use s3_backup::request;
use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};

use super::{asking, id, restore, state, versions, world};
use crate::world::{BACKUP, PRIMARY, World, count};

const KEYS: usize = 12;
/// More than a plan has that lies in one object.
const MANY_KEYS: usize = 104;
/// So many of their backups are archived, where a test says so.
const ARCHIVED: u64 = 5;

async fn damaged() -> (World, super::State) {
    damaged_of(KEYS).await
}

async fn damaged_of(keys: usize) -> (World, super::State) {
    let world = world();
    for number in 0..keys {
        world.put(&format!("key {number:03}"), &format!("body {number}"));
    }
    world.backup().await;
    let before = state(&world, PRIMARY);
    for number in 0..keys {
        let key = format!("key {number:03}");
        if number % 2 == 0 {
            world.sim.delete(PRIMARY, &key);
        } else {
            world.put(&key, "damaged");
        }
    }
    (world, before)
}

/// The only restore that was begun.
fn begun(world: &World) -> Option<String> {
    begun_beside(world, "")
}

/// The only restore that was begun beside another one.
fn begun_beside(world: &World, other: &str) -> Option<String> {
    let mut ids = all_begun(world);
    ids.retain(|id| id != other);
    ids.pop()
}

/// All restores that were begun.
pub(super) fn all_begun(world: &World) -> Vec<String> {
    let keys = world.sim.keys(BACKUP);
    let ids = keys.iter().filter_map(|key| {
        let (folder, _) = key.rsplit_once("/request.json")?;
        let object = world.sim.current(BACKUP, key)?;
        let request: Value = serde_json::from_slice(object.content.as_bytes()?).ok()?;
        // One that lies in parts has begun when its progress is written.
        let begun = request["format"] == 2 || keys.contains(&format!("{folder}/progress.json"));
        begun.then(|| folder.rsplit('/').next().map(str::to_owned))?
    });
    ids.collect()
}

/// Begins a restore and drops it once a call was made that many times.
async fn kill_at(world: &World, fault: Fault) -> bool {
    kill(world, json!({"all": true, "run": "latest"}), fault).await
}

/// Asks for something and drops it once a call was made that many times. Whether it came to that.
pub(super) async fn kill(world: &World, fields: Value, fault: Fault) -> bool {
    kill_request(world, &asking(fields), fault).await
}

/// The same of any request.
pub async fn kill_request(world: &World, payload: &Value, fault: Fault) -> bool {
    let strikes = world.sim.fault(fault, Effect::Stall);
    let request = request::parse(payload).unwrap();
    let handler = world.handler();
    world.sim.clock().advance(Duration::from_secs(2));
    let killed = {
        let answer = Box::pin(handler.answer(&request, None, |_| {}));
        let struck = async {
            while strikes.count() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // What else is in flight comes to its end.
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        tokio::select! {
            _ = answer => false,
            () = struck => true,
        }
    };
    world.sim.clear_faults();
    world.let_leases_end();
    killed
}

async fn go_on(world: &World) -> Value {
    match begun(world) {
        Some(id) => restore(world, json!({"continue": id})).await,
        None => restore(world, json!({"all": true, "run": "latest"})).await,
    }
}

#[tokio::test]
async fn a_kill_at_each_write_of_state_leaves_what_continues_to_the_end() {
    kill_at_each_write_and_continue(MANY_KEYS, 9).await;
}

#[tokio::test]
async fn a_kill_at_each_write_of_a_restore_in_one_object_leaves_what_continues_to_the_end() {
    kill_at_each_write_and_continue(KEYS, 4).await;
}

async fn kill_at_each_write_and_continue(keys: usize, writes: usize) {
    let mut kills = 0;
    for nth in 1.. {
        let (world, before) = damaged_of(keys).await;
        let live = versions(&world, PRIMARY);
        let puts = Fault::on(Verb::PutObject).bucket(BACKUP).nth(nth);
        if !kill_at(&world, puts).await {
            break;
        }
        kills += 1;

        let done = go_on(&world).await;

        assert_eq!(state(&world, PRIMARY), before, "kill {nth}: {done}");
        assert_eq!(done["status"], "complete", "kill {nth}: {done}");
        let made = versions(&world, PRIMARY).len() - live.len();
        assert_eq!(made, keys, "kill {nth}: something was copied twice");
        let undone = restore(&world, json!({"undo": id(&done)})).await;
        assert_eq!(undone["status"], "complete", "kill {nth}: {undone}");
        let damaged = state(&world, PRIMARY);
        assert_eq!(damaged.len(), keys / 2, "kill {nth}: {undone}");
    }
    assert_eq!(kills, writes);
}

#[tokio::test]
async fn a_schedule_finds_what_was_killed_at_any_write() {
    for (keys, writes) in [(KEYS, 4), (MANY_KEYS, 9)] {
        for nth in 1..=writes {
            let (world, before) = damaged_of(keys).await;
            let (damaged, live) = (state(&world, PRIMARY), versions(&world, PRIMARY));
            let puts = Fault::on(Verb::PutObject).bucket(BACKUP).nth(nth);
            assert!(kill_at(&world, puts).await, "{keys} {nth}");
            let begun = begun(&world);

            let done = restore(&world, json!({"continue": "all"})).await;

            assert_eq!(done["status"], "complete", "{keys} {nth}: {done}");
            if begun.is_none() {
                assert_eq!(state(&world, PRIMARY), damaged, "{keys} {nth}: {done}");
                continue;
            }
            assert_eq!(state(&world, PRIMARY), before, "{keys} {nth}: {done}");
            let made = versions(&world, PRIMARY).len() - live.len();
            assert_eq!(made, keys, "{keys} {nth}: something was copied twice");
            let nothing = restore(&world, json!({"continue": "all"})).await;
            assert_eq!(nothing["objects_found"], 0, "{keys} {nth}: {nothing}");
        }
    }
}

/// Whoever takes the lease of a target writes over the name of the restore that was killed there.
#[tokio::test]
async fn a_schedule_finds_what_was_killed_before_another_restore_of_its_target() {
    let (world, before) = damaged().await;
    let copies = Fault::on(Verb::CopyObject).bucket(PRIMARY).nth(4);
    assert!(kill_at(&world, copies).await);
    let killed = begun(&world).unwrap();
    world.put("key 000", "damaged again");
    let other = restore(&world, json!({"keys": ["key 000"], "run": "latest"})).await;
    assert_eq!(other["status"], "complete", "{other}");

    let done = restore(&world, json!({"continue": "all"})).await;

    assert_eq!(done["restore"]["id"], json!(killed), "{done}");
    assert_eq!(done["status"], "complete", "{done}");
    assert_eq!(state(&world, PRIMARY), before);
    let nothing = restore(&world, json!({"continue": "all"})).await;
    assert_eq!(nothing["objects_found"], 0, "{nothing}");
}

#[tokio::test]
async fn a_kill_at_each_copy_leaves_what_continues_to_the_end() {
    for nth in [1, 3, 7, 12] {
        let (world, before) = damaged().await;
        let live = versions(&world, PRIMARY);
        let copies = Fault::on(Verb::CopyObject).bucket(PRIMARY).nth(nth);
        assert!(kill_at(&world, copies).await);

        let done = go_on(&world).await;

        assert_eq!(done["status"], "complete", "kill {nth}: {done}");
        assert_eq!(state(&world, PRIMARY), before, "kill {nth}");
        let made = versions(&world, PRIMARY).len() - live.len();
        assert_eq!(made, KEYS, "kill {nth}: something was copied twice");
    }
}

/// The damaged world, of whose backups some are archived.
async fn damaged_and_archived(keys: usize) -> (World, super::State) {
    let (world, before) = damaged_of(keys).await;
    for number in 0..ARCHIVED {
        let key = format!("key {number:03}");
        world.sim.set_storage_class(BACKUP, &key, "GLACIER");
    }
    (world, before)
}

#[tokio::test]
async fn a_kill_at_each_write_of_state_asks_for_no_archive_twice() {
    for (keys, writes) in [(KEYS, 4), (MANY_KEYS, 8)] {
        kill_at_each_write_and_wait(keys, writes).await;
    }
}

async fn kill_at_each_write_and_wait(keys: usize, writes: usize) {
    let mut kills = 0;
    for nth in 1.. {
        let (world, before) = damaged_and_archived(keys).await;
        let live = versions(&world, PRIMARY);
        world.sim.ledger().clear();
        let puts = Fault::on(Verb::PutObject).bucket(BACKUP).nth(nth);
        if !kill_at(&world, puts).await {
            break;
        }
        kills += 1;

        let waiting = go_on(&world).await;

        assert_eq!(waiting["status"], "waiting", "kill {nth}: {waiting}");
        world.sim.clock().advance(Duration::from_hours(6));
        let done = restore(&world, json!({"continue": id(&waiting)})).await;
        assert_eq!(done["status"], "complete", "kill {nth}: {done}");
        assert_eq!(state(&world, PRIMARY), before, "kill {nth}");
        let asked = world.sim.ledger().count(Verb::RestoreObject);
        assert_eq!(asked, ARCHIVED, "kill {nth}: one was asked for twice");
        let made = versions(&world, PRIMARY).len() - live.len();
        assert_eq!(made, keys, "kill {nth}: something was copied twice");
    }
    assert_eq!(kills, writes);
}

#[tokio::test]
async fn a_schedule_finds_what_waits_before_and_after_another_restore_of_its_target() {
    for another in [false, true] {
        let (world, before) = damaged_and_archived(KEYS).await;
        let waiting = restore(&world, json!({"all": true, "run": "latest"})).await;
        assert_eq!(waiting["status"], "waiting", "{waiting}");
        if another {
            world.put("key 011", "damaged again");
            let other = restore(&world, json!({"keys": ["key 011"], "run": "latest"})).await;
            assert_eq!(other["status"], "complete", "{other}");
        }
        world.sim.clock().advance(Duration::from_hours(6));

        let done = restore(&world, json!({"continue": "all"})).await;

        assert_eq!(id(&done), id(&waiting), "{another}: {done}");
        assert_eq!(done["status"], "complete", "{another}: {done}");
        assert_eq!(state(&world, PRIMARY), before, "{another}");
        let nothing = restore(&world, json!({"continue": "all"})).await;
        assert_eq!(nothing["objects_found"], 0, "{another}: {nothing}");
    }
}

#[tokio::test]
async fn a_kill_at_each_write_of_state_after_the_wait_leaves_what_continues_to_the_end() {
    for (keys, writes) in [(KEYS, 3), (MANY_KEYS, 5)] {
        kill_at_each_write_after_the_wait(keys, writes).await;
    }
}

async fn kill_at_each_write_after_the_wait(keys: usize, writes: usize) {
    let mut kills = 0;
    for nth in 1.. {
        let (world, before) = damaged_and_archived(keys).await;
        let live = versions(&world, PRIMARY);
        let waiting = restore(&world, json!({"all": true, "run": "latest"})).await;
        world.sim.clock().advance(Duration::from_hours(6));
        let puts = Fault::on(Verb::PutObject).bucket(BACKUP).nth(nth);
        if !kill(&world, json!({"continue": id(&waiting)}), puts).await {
            break;
        }
        kills += 1;

        let done = restore(&world, json!({"continue": id(&waiting)})).await;

        assert_eq!(done["status"], "complete", "kill {nth}: {done}");
        assert_eq!(state(&world, PRIMARY), before, "kill {nth}");
        let made = versions(&world, PRIMARY).len() - live.len();
        assert_eq!(made, keys, "kill {nth}: something was copied twice");
    }
    assert_eq!(kills, writes);
}

#[tokio::test]
async fn a_kill_at_each_write_of_state_of_an_undo_leaves_what_continues_to_the_end() {
    for (keys, writes) in [(KEYS, 5), (MANY_KEYS, 10)] {
        kill_at_each_write_of_an_undo(keys, writes).await;
    }
}

async fn kill_at_each_write_of_an_undo(keys: usize, writes: usize) {
    let mut kills = 0;
    for nth in 1.. {
        let (world, _) = damaged_of(keys).await;
        let before = state(&world, PRIMARY);
        let done = restore(&world, json!({"all": true, "run": "latest"})).await;
        let live = versions(&world, PRIMARY);
        let undo = json!({"undo": id(&done)});
        let puts = Fault::on(Verb::PutObject).bucket(BACKUP).nth(nth);
        if !kill(&world, undo.clone(), puts).await {
            break;
        }
        kills += 1;

        let undone = match begun_beside(&world, id(&done).as_str().unwrap()) {
            Some(id) => restore(&world, json!({"continue": id})).await,
            None => restore(&world, undo).await,
        };

        assert_eq!(undone["status"], "complete", "kill {nth}: {undone}");
        assert_eq!(state(&world, PRIMARY), before, "kill {nth}: {undone}");
        let made = versions(&world, PRIMARY).len() - live.len();
        assert_eq!(made, keys, "kill {nth}: something was brought back twice");
    }
    assert_eq!(kills, writes);
}

#[tokio::test]
async fn a_kill_around_the_last_part_of_a_plan_does_not_plan_anything_twice() {
    let world = world();
    // Two parts of a plan.
    for number in 0..20_001 {
        world.put(&format!("key {number:05}"), "x");
    }
    world.backup().await;
    for key in world.keys(PRIMARY) {
        world.sim.delete(PRIMARY, &key);
    }
    let hold = json!({"all": true, "run": "latest", "hold": true});
    let puts = Fault::on(Verb::PutObject).bucket(BACKUP);

    // Until the progress is written nothing names the parts. How many writes that takes depends on where the
    // listing of the backup was cut.
    let mut nth = 3;
    let id = loop {
        assert!(kill(&world, hold.clone(), puts.clone().nth(nth)).await);
        if let Some(id) = begun(&world) {
            break id;
        }
        nth += 1;
    };
    assert!((5..=9).contains(&nth), "{nth}");

    match world.invoke(asking(json!({"continue": id}))).await {
        // All of it was planned.
        Err(refused) => {
            let refused = refused.to_string();
            let end = " is held: confirm it, or cancel it";
            assert!(refused.ends_with(end), "{refused}");
        }
        // The last part was not.
        Ok(result) => assert_eq!(result["status"], "held", "{result}"),
    }

    let done = restore(&world, json!({"confirm": id})).await;
    assert_eq!(done["status"], "complete", "{done}");
    assert_eq!(count(&done, "objects_found"), 20_001, "{done}");
    assert_eq!(versions(&world, PRIMARY).len(), 3 * 20_001);
}

#[tokio::test]
async fn the_deadline_stops_a_restore_and_its_cursor_continues_it() {
    let (world, before) = damaged().await;
    let world = world.with("BACKUP_MAX_CONCURRENCY", "1");
    world.sim.fault(
        Fault::on(Verb::CopyObject).bucket(PRIMARY),
        Effect::Slow(Duration::from_millis(300)),
    );
    let request = request::parse(&asking(json!({"all": true, "run": "latest"}))).unwrap();
    let deadline = Deadline::within(Instant::now(), Duration::from_secs(2));
    let handler = world.handler();
    let summary = Box::pin(handler.answer(&request, Some(deadline), |_| {})).await;
    let stopped: Value = serde_json::from_str(&summary.unwrap().to_json().unwrap()).unwrap();

    assert_eq!(stopped["status"], "incomplete", "{stopped}");
    assert_eq!(stopped["cursor"]["restore"], id(&stopped));
    let copied = count(&stopped, "objects_restored");
    assert!((1..KEYS as u64).contains(&copied), "{stopped}");
    world.sim.clear_faults();
    let cursor = json!({"operation": "continue", "cursor": stopped["cursor"]});
    let done = world.run(cursor).await;

    assert_eq!(done["status"], "complete", "{done}");
    assert_eq!(count(&done, "objects_restored"), KEYS as u64);
    assert_eq!(state(&world, PRIMARY), before);
}

#[tokio::test]
async fn what_is_open_is_continued_by_a_schedule_and_nothing_costs_next_to_nothing() {
    let (world, before) = damaged().await;
    let copies = Fault::on(Verb::CopyObject).bucket(PRIMARY).nth(4);
    assert!(kill_at(&world, copies).await);

    let all = restore(&world, json!({"continue": "all"})).await;
    world.sim.ledger().clear();
    let nothing = restore(&world, json!({"continue": "all"})).await;

    assert_eq!(all["status"], "complete", "{all}");
    assert_eq!(state(&world, PRIMARY), before);
    assert_eq!(nothing["objects_found"], 0, "{nothing}");
    assert_eq!(
        world.sim.ledger().total(),
        3,
        "the bucket, the names of leases, and the one lease"
    );
}
