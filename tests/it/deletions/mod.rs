//! Objects that are gone from the source are marked in the backup, if that is asked for: never on a doubt, never
//! many at once without a word from somebody, and no version ever disappears.

mod brake;
mod confirmation;
mod continued;
mod markers;

use std::time::Duration;

use s3_backup::model::{Job, Location, Placement};
use s3_sim::{Effect, Sim, Verb};
use serde_json::{Value, json};

use crate::world::{PRIMARY, World, assert_adds_up, count};

/// A world that marks what is gone, of so many objects that are backed up.
async fn marking(objects: usize) -> World {
    backed_up(World::new().with("BACKUP_DELETIONS", "mark"), objects).await
}

/// The same with pages of five keys, and limits that hold nothing.
async fn marking_in_pages(objects: usize) -> World {
    let world = World::around(Sim::builder().page_size_max(5).start())
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_MAX_DELETIONS", "1000000")
        .with("BACKUP_MAX_DELETIONS_PERCENT", "100");
    backed_up(world, objects).await
}

async fn backed_up(world: World, objects: usize) -> World {
    backed_up_in(world, objects, 1).await
}

async fn backed_up_in(world: World, objects: usize, destinations: usize) -> World {
    for n in 0..objects {
        world.put(&key(n), "1");
    }
    let first = world.backup().await;
    assert_eq!(
        count(&first, "objects_copied"),
        (objects * destinations) as u64
    );
    world.sim.ledger().clear();
    world
}

fn key(n: usize) -> String {
    format!("key {n:05}")
}

/// Deletes the first ones from the source.
fn delete(world: &World, objects: usize) {
    for n in 0..objects {
        world.sim.delete(PRIMARY, &key(n));
    }
}

fn marked(result: &Value) -> u64 {
    count(result, "objects_marked_deleted")
}

fn markers(world: &World) -> u64 {
    world.sim.ledger().count(Verb::DeleteObject)
}

fn denied() -> Effect {
    Effect::status(403, "AccessDenied", "Access Denied")
}

fn held_json() -> String {
    let job = Job::new(&Location::parse(PRIMARY).unwrap(), &Placement::default());
    job.key("held.json").as_str().to_owned()
}

/// Sends a payload to the function, which has so much time.
async fn within(world: &World, time: Duration, payload: &Value) -> Value {
    let result = world.within(time, payload).await;
    assert_adds_up(&result);
    result
}

/// Asks for a run that marks although so many are gone.
fn confirming(run: &Value) -> Value {
    json!({"operation": "backup", "deletions": "mark", "confirm": run["run_id"]})
}
