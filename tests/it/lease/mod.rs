//! No two runs of a job overlap: whoever comes second is told so, and a run that was killed keeps the
//! next one out only until its lease ends.

mod held;
mod lost;
mod unreadable;

use std::time::Duration;

use s3_backup::app::AppError;
use s3_backup::model::{Job, Location, Placement, Prefix};
use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::world::{PRIMARY, World, answer};

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

fn assert_already_running(refused: Result<Value, AppError>, parts: &[&str]) {
    let error = refused.unwrap_err();
    let message = error.to_string();
    assert_eq!(error.error_type(), "AlreadyRunning", "{message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in {message:?}");
    }
}
