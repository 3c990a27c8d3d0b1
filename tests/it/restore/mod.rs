//! Restores on the wire: what a run had comes back, exactly, over whatever is there, and can be taken back.

mod archives;
mod backups;
mod bad_input;
mod by_versions;
mod drill;
mod faults;
mod fidelity;
mod formats;
mod histories;
mod in_place;
pub mod kills;
mod points;
mod target;
mod terminal;
mod undo;
mod unversioned;
mod worst_day;
mod wrong_ways;

use std::collections::BTreeMap;
use std::time::Duration;

use s3_sim::{Class, Content, ObjectView, Sim, Versioning};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, World, count};

/// A world whose primary bucket keeps versions.
fn world() -> World {
    let world = World::new();
    world.sim.set_versioning(PRIMARY, Versioning::Enabled);
    world
}

/// The same, which lists so many keys a page, each in ten milliseconds.
fn world_in_pages(keys: usize) -> World {
    let sim = Sim::builder()
        .page_size_max(keys)
        .latency(Class::List, Duration::from_millis(10))
        .start();
    let world = World::around(sim);
    world.sim.set_versioning(PRIMARY, Versioning::Enabled);
    world
}

/// Puts so many objects into both buckets, and lets a minute pass after each bucket.
fn put_into_both(world: &World, objects: u32, body: &str) {
    for bucket in [PRIMARY, BACKUP] {
        for number in 0..objects {
            world.sim.put(bucket, &format!("object-{number:012}"), body);
        }
        world.sim.clock().advance(Duration::from_mins(1));
    }
}

/// What people see of a bucket: each current object, in all that a copy carries.
type State = BTreeMap<String, Facts>;

#[derive(Clone, Debug, PartialEq)]
struct Facts {
    content: Content,
    headers: String,
    metadata: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
}

impl From<ObjectView> for Facts {
    fn from(object: ObjectView) -> Self {
        Self {
            content: object.content,
            headers: format!("{:?}", object.headers),
            metadata: object.metadata,
            tags: object.tags,
        }
    }
}

fn state(world: &World, bucket: &str) -> State {
    let objects = world.sim.objects(bucket).into_iter();
    objects
        .map(|object| (object.key.clone(), object.into()))
        .collect()
}

/// A restore with these fields beside the operation.
fn asking(fields: Value) -> Value {
    let mut payload = fields;
    payload["operation"] = json!("restore");
    payload
}

async fn restore(world: &World, fields: Value) -> Value {
    let result = world.run(asking(fields)).await;
    assert_adds_up(&result);
    result
}

/// The refusal, as people read it.
async fn refusal(world: &World, fields: Value) -> String {
    world.invoke(asking(fields)).await.unwrap_err().to_string()
}

fn id(result: &Value) -> Value {
    result["restore"]["id"].clone()
}

/// The law of a restore.
fn assert_adds_up(result: &Value) {
    let parts = [
        "objects_restored",
        "objects_unchanged",
        "objects_skipped",
        "objects_vanished",
        "objects_waiting",
        "errors",
    ];
    let sum: u64 = parts.iter().map(|part| count(result, part)).sum();
    assert_eq!(count(result, "objects_found"), sum, "{result}");
    let listed = result["failures"].as_array().unwrap().len() as u64;
    let omitted = count(result, "failures_omitted");
    assert_eq!(count(result, "errors"), listed + omitted, "{result}");
    let done = count(result, "errors") == 0
        && count(result, "objects_waiting") == 0
        && result["cursor"].is_null()
        && result["status"] != "held";
    assert_eq!(result["status"] == "complete", done, "{result}");
}

/// All versions of a bucket, markers among them.
fn versions(world: &World, bucket: &str) -> std::collections::BTreeSet<(String, String)> {
    let versions = world.sim.all_versions(bucket).into_iter();
    versions
        .map(|version| (version.key, version.version_id))
        .collect()
}
