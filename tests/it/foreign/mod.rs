//! Several writers in one backup bucket: a run marks only what the snapshots of its own job say that it
//! has backed up. Everything else is foreign: counted, named and left alone.

mod later;
mod own;

use s3_backup::model::{Job, Location, Placement};
use s3_backup::snapshot::{Index, LATEST, SegmentEntry};
use s3_sim::Effect;
use serde_json::Value;

use crate::world::{BACKUP, PRIMARY, World, count};

/// A world that marks what is gone, with these objects, not yet backed up.
fn world_of(keys: &[&str]) -> World {
    let world = World::new().with("BACKUP_DELETIONS", "mark");
    for key in keys {
        world.put(key, key);
    }
    world
}

/// Puts objects of somebody else into the backup bucket.
fn put_foreign(world: &World, count: usize) -> Vec<String> {
    let keys: Vec<String> = (0..count).map(|n| format!("foreign {n:02}")).collect();
    for key in &keys {
        world.sim.put(BACKUP, key, "of somebody else");
    }
    keys
}

fn delete(world: &World, keys: &[&str]) {
    for key in keys {
        world.sim.delete(PRIMARY, key);
    }
}

fn marked(result: &Value) -> u64 {
    count(result, "objects_marked_deleted")
}

/// The counts of what is due and what is foreign.
fn told(result: &Value) -> [u64; 2] {
    ["due", "foreign"].map(|name| count(&result["deletions"], name))
}

fn markers(world: &World) -> usize {
    let versions = world.sim.all_versions(BACKUP).into_iter();
    versions.filter(|version| version.is_delete_marker).count()
}

fn state(part: &str) -> String {
    let job = Job::new(&Location::parse(PRIMARY).unwrap(), &Placement::default());
    job.key(part).as_str().to_owned()
}

fn read(world: &World, part: &str) -> Vec<u8> {
    let view = world.sim.current(BACKUP, &state(part)).unwrap();
    view.content.as_bytes().unwrap().to_vec()
}

/// The last snapshot.
fn index(world: &World) -> Index {
    let latest: Value = serde_json::from_slice(&read(world, LATEST)).unwrap();
    let key = latest["index"]["key"].as_str().unwrap();
    serde_json::from_slice(&read(world, key)).unwrap()
}

fn rows(segments: &[SegmentEntry]) -> u64 {
    segments.iter().map(|segment| segment.rows).sum()
}

fn denied() -> Effect {
    Effect::status(403, "AccessDenied", "Access Denied")
}

/// Keeps a run from marking what is gone.
type Hinder = fn(&World);
