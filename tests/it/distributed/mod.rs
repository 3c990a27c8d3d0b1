//! A run that many invocations share is what one run would have been.

mod deaths;
mod deletions;
mod leases;
mod messages;
mod processes;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, stream};
use s3_backup::app::AppError;
use s3_backup::model::{Job, Location, Placement};
use s3_sim::{Class, Effect, Fault, Put, Sim, Verb};
use serde_json::{Value, json};

use crate::resume::within;
use crate::world::{BACKUP, PRIMARY, STATE, World, answer, assert_adds_up, count, counts};

/// Workers at once.
const WORKERS: usize = 8;

pub(super) fn state_key(part: &str) -> String {
    let job = Job::new(&Location::parse(PRIMARY).unwrap(), &Placement::default());
    job.key(part).as_str().to_owned()
}

pub(super) fn stored(world: &World, key: &str) -> Value {
    let object = world.sim.current(BACKUP, key);
    let object = object.unwrap_or_else(|| panic!("no {key}"));
    serde_json::from_slice(object.content.as_bytes().unwrap()).unwrap()
}

/// A run that was cut into pieces.
pub(super) struct Cut {
    pub run_id: String,
    /// The requests for its pieces, as a state machine reads them.
    pub requests: Vec<Value>,
    pub close: Value,
}

pub(super) async fn cut(world: &World, pieces: usize) -> Cut {
    let asked = json!({"operation": "ranges", "pieces": pieces});
    let result = world.run(asked).await;
    assert_adds_up(&result);
    assert_eq!(result["status"], "incomplete", "{result}");
    let part = &result["distributed"];
    assert_eq!(part["bucket"], BACKUP);
    let requests = stored(world, part["key"].as_str().unwrap());
    let requests = requests.as_array().unwrap().clone();
    assert_eq!(part["pieces"], requests.len());
    Cut {
        run_id: result["run_id"].as_str().unwrap().to_owned(),
        requests,
        close: json!({"operation": "close", "cursor": result["cursor"]}),
    }
}

/// What a child of the state machine does: the request, and the cursor of each result, until there is none.
pub(super) async fn work(world: &World, request: Value) -> Result<Vec<Value>, AppError> {
    let mut results = vec![answer(&world.handler(), request).await?];
    while !results[results.len() - 1]["cursor"].is_null() {
        assert!(results.len() < 50, "no end of it: {results:?}");
        let cursor = results[results.len() - 1]["cursor"].clone();
        let next = json!({"operation": "continue", "cursor": cursor});
        results.push(answer(&world.handler(), next).await?);
    }
    Ok(results)
}

/// Works on these pieces, several at once.
pub(super) async fn work_on_all(world: &World, requests: Vec<Value>) -> Vec<Value> {
    world.sim.clock().advance(Duration::from_secs(2));
    let done = stream::iter(requests).map(|request| async { work(world, request).await.unwrap() });
    let done: Vec<Vec<Value>> = done.buffer_unordered(WORKERS).collect().await;
    done.into_iter().flatten().collect()
}

/// A whole distributed run, and its result.
pub(super) async fn distributed(world: &World, pieces: usize) -> Value {
    let cut = cut(world, pieces).await;
    work_on_all(world, cut.requests).await;
    world.run(cut.close).await
}

/// A world of pages of fifty keys, with so many objects.
pub(super) fn world_of(objects: usize) -> World {
    let sim = Sim::builder().page_size_max(50).start();
    let world = World::around(sim);
    for n in 0..objects {
        world.put(&key(n), &n.to_string());
    }
    world
}

pub(super) fn key(n: usize) -> String {
    format!("folder-{}/{n:05}", n % 7)
}

/// The rows of the last snapshot, by the digests of its segments if the world is the same.
fn snapshot(world: &World) -> (Value, u64) {
    let latest = stored(world, &state_key("snapshots/latest.json"));
    let index = stored(world, &state_key(latest["index"]["key"].as_str().unwrap()));
    let rows = index["segments"].as_array().unwrap().iter();
    let rows = rows.map(|segment| segment["rows"].as_u64().unwrap()).sum();
    (index["totals"].clone(), rows)
}

/// All backups, with what they are.
fn backups(world: &World) -> BTreeMap<String, Vec<u8>> {
    let keys = world.keys(BACKUP).into_iter();
    let with_bytes = keys.map(|key| {
        let bytes = world.backup_of(&key).content.as_bytes().unwrap().to_vec();
        (key, bytes)
    });
    with_bytes.collect()
}

#[tokio::test]
async fn eight_workers_make_what_one_run_makes() {
    let (alone, shared) = (world_of(1_000), world_of(1_000));
    let one = alone.backup().await;
    let cut = cut(&shared, 20).await;
    assert!(cut.requests.len() >= 8, "{:?}", cut.requests.len());

    let pieces = work_on_all(&shared, cut.requests).await;
    let all = shared.run(cut.close).await;

    assert_eq!(counts(&all), counts(&one));
    assert_eq!(all["bytes_copied"], one["bytes_copied"]);
    assert_eq!(all["status"], "complete", "{all}");
    assert_eq!(all["message"], one["message"]);
    assert!(all["cursor"].is_null());
    assert_eq!(all["distributed"]["pieces_missing"], 0);
    assert_eq!(backups(&shared), backups(&alone));
    assert_eq!(snapshot(&shared), snapshot(&alone));
    let copied: u64 = pieces
        .iter()
        .map(|piece| count(piece, "objects_copied"))
        .sum();
    assert_eq!(copied, 1_000);
    assert_eq!(count(&all["requests"], "copy"), 1_000);
    // The next run believes the snapshot, and so does the next distributed one, which is cut by it.
    let next = shared.backup().await;
    assert_eq!(counts(&next), [1_000, 0, 1_000, 0, 0, 0]);
    assert!(
        next["destinations"][0]["snapshot"]["problem"].is_null(),
        "{next}"
    );
    shared.put(&key(3), "changed");
    let night = distributed(&shared, 8).await;
    assert_eq!(counts(&night), [1_000, 1, 999, 0, 0, 0]);
    assert_eq!(night["status"], "complete", "{night}");
    shared.assert_backed_up();
}

/// An index of a hundred million keys is 10 MB, and there are some 700 pieces.
#[tokio::test]
async fn a_worker_reads_the_index_once_for_all_its_pieces() {
    let world = world_of(1_000);
    world.backup().await;
    world.sim.clock().advance(Duration::from_secs(2));
    let night = cut(&world, 8).await;
    let reads = || {
        let calls = world.sim.ledger().of(Verb::GetObject);
        let is_index = |key: &str| key.contains("/snapshots/2");
        calls.iter().filter(|call| is_index(&call.key)).count()
    };
    let worker = world.handler();
    let before = reads();

    for request in &night.requests {
        let piece = answer(&worker, request.clone()).await.unwrap();
        assert!(piece["cursor"].is_null(), "{piece}");
    }

    assert!(night.requests.len() > 1, "{:?}", night.requests);
    assert_eq!(reads() - before, 1);
    // The next night has another index.
    world.run(night.close).await;
    world.put(&key(3), "changed");
    let next = cut(&world, 8).await;
    let before = reads();
    for request in next.requests {
        answer(&worker, request).await.unwrap();
    }
    assert_eq!(reads() - before, 1);
    let all = world.run(next.close).await;
    assert_eq!(counts(&all), [1_000, 1, 999, 0, 0, 0]);
    assert_eq!(all["status"], "complete", "{all}");
}

#[tokio::test]
async fn a_piece_says_what_it_is_and_tells_nobody_of_the_whole() {
    let world = world_of(300);
    let cut = cut(&world, 4).await;

    let first = answer(&world.handler(), cut.requests[0].clone())
        .await
        .unwrap();

    let message = first["message"].as_str().unwrap();
    let pieces = cut.requests.len();
    let begin = format!("Piece 1 of {pieces} of run {}: Backed up ", cut.run_id);
    assert!(message.starts_with(&begin), "{message}");
    let again = answer(&world.handler(), cut.requests[0].clone())
        .await
        .unwrap();
    assert_eq!(
        counts(&again),
        counts(&first),
        "it is answered from the piece"
    );
    let run = stored(
        &world,
        &state_key(&format!("runs/{}/distributed.json", cut.run_id)),
    );
    assert_eq!(
        (&run["format"], &run["source"]),
        (&json!(1), &json!(PRIMARY))
    );
}

#[tokio::test]
async fn a_piece_that_is_stopped_in_its_middle_counts_each_key_once() {
    let sim = Sim::builder()
        .latency(Class::Copy, Duration::from_millis(20))
        .page_size_max(50)
        .start();
    let world = World::around(sim).with("BACKUP_MAX_CONCURRENCY", "8");
    for n in 0..1_200 {
        world.put(&key(n), "1");
    }
    let cut = cut(&world, 2).await;
    let mut invocations = 0;
    for request in &cut.requests {
        let mut next = request.clone();
        loop {
            invocations += 1;
            let result = within(&world, Duration::from_secs(2), &next).await;
            if result["cursor"].is_null() {
                break;
            }
            next = json!({"operation": "continue", "cursor": result["cursor"]});
        }
    }
    assert!(invocations > cut.requests.len(), "no piece was stopped");

    let all = world.run(cut.close).await;

    assert_eq!(counts(&all), [1_200, 1_200, 0, 0, 0, 0]);
    assert_eq!(snapshot(&world).1, 1_200);
    assert_eq!(counts(&world.backup().await), [1_200, 0, 1_200, 0, 0, 0]);
}

#[tokio::test]
async fn nobody_else_runs_while_pieces_are_worked_on() {
    let world = world_of(300);
    let cut = cut(&world, 4).await;

    for request in [json!({}), json!({"operation": "ranges"})] {
        let refused = world.invoke(request).await.unwrap_err();
        assert_eq!(refused.error_type(), "AlreadyRunning", "{refused}");
        assert!(refused.to_string().contains(&cut.run_id), "{refused}");
    }

    work_on_all(&world, cut.requests).await;
    assert_eq!(world.run(cut.close).await["status"], "complete");
    assert_eq!(world.backup().await["status"], "complete");
}

#[tokio::test]
async fn a_worker_that_lost_the_lease_of_its_run_does_nothing() {
    let world = world_of(300);
    let cut = cut(&world, 4).await;
    world.let_leases_end();
    world.backup().await;
    world.put(&key(1), "changed");
    let before = world.backup_versions();

    let refused = world.invoke(cut.requests[0].clone()).await.unwrap_err();

    assert_eq!(refused.error_type(), "DestinationError");
    assert!(refused.to_string().contains("does not hold"), "{refused}");
    assert_eq!(world.backup_versions(), before);
    // Nothing is believed of a run behind which another one has written a snapshot.
    let closed = world.run(cut.close).await;
    assert_eq!(closed["status"], "incomplete");
    assert_eq!(count(&closed, "objects_marked_deleted"), 0);
}

#[tokio::test]
async fn an_expired_lease_that_nobody_took_is_held_on() {
    let world = world_of(300);
    let cut = cut(&world, 4).await;
    world.let_leases_end();

    work_on_all(&world, cut.requests).await;
    world.let_leases_end();

    assert_eq!(world.run(cut.close).await["status"], "complete");
    world.assert_backed_up();
}

/// A worker that finds an old lease renews it. Another one may do so in the midst of that, and a clock may be wrong.
#[tokio::test]
async fn an_old_lease_that_others_write_too_is_renewed_in_four_rounds_at_most() {
    for (others, writes) in [(1, 2), (100, 4)] {
        let world = world_of(300);
        let cut = cut(&world, 4).await;
        world.let_leases_end();
        world.sim.ledger().clear();
        let lease = state_key("lease.json");
        let held = stored(&world, &lease);
        let key = lease.clone();
        let is_renewed = Effect::before(move |sim| {
            let mut held = held.clone();
            held["holder"] = json!(format!("worker {}", sim.all_versions(BACKUP).len()));
            let old = sim.clock().now() - Duration::from_hours(1);
            sim.put_object(BACKUP, &key, Put::new(held.to_string()).modified(old));
        });
        let writing = Fault::on(Verb::PutObject).key(&lease).first(others);
        world.sim.fault(writing, is_renewed);

        let answer = world.invoke(cut.requests[0].clone()).await;

        assert_eq!(answer.is_ok(), others == 1, "{answer:?}");
        let written = world.sim.ledger().of(Verb::PutObject);
        let written = written.iter().filter(|put| put.key == lease).count();
        assert_eq!(written, writes, "{others}");
    }
}

#[tokio::test]
async fn an_object_that_cannot_be_copied_is_an_error_of_the_run() {
    let world = world_of(300);
    let cut = cut(&world, 6).await;
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).key(&key(8)), denied);
    work_on_all(&world, cut.requests).await;
    world.sim.clear_faults();

    let all = world.run(cut.close).await;

    assert_eq!(counts(&all), [300, 299, 0, 0, 0, 1]);
    assert_eq!(all["failures"][0]["key"], key(8));
    assert_eq!(all["failures"][0]["code"], "AccessDenied");
    assert_eq!(counts(&world.backup().await), [300, 1, 299, 0, 0, 0]);
}

#[tokio::test]
async fn what_only_one_process_can_know_is_refused() {
    for (name, value) in [
        ("BACKUP_MAX_COST_USD", "5"),
        ("BACKUP_UNUSUAL", "hold"),
        ("DESTINATION_BUCKET", "backup,second"),
    ] {
        let world = world_of(1).with_bucket("second").with(name, value);

        let refused = world
            .invoke(json!({"operation": "ranges"}))
            .await
            .unwrap_err();

        assert_eq!(refused.error_type(), "RequestError");
        assert!(
            refused.to_string().contains("cannot be distributed"),
            "{refused}"
        );
    }
    let world = world_of(1);
    world.run(json!({"operation": "ranges"})).await;
    assert!(
        world
            .sim
            .keys(BACKUP)
            .iter()
            .all(|key| key.starts_with(STATE))
    );
}

#[tokio::test]
async fn an_empty_source_and_a_narrowed_one_are_distributed_too() {
    let world = world_of(0);
    let nothing = distributed(&world, 8).await;
    assert_eq!(counts(&nothing), [0; 6]);
    assert_eq!(
        nothing["warnings"].as_array().unwrap().len(),
        1,
        "{nothing}"
    );
    for n in 0..200 {
        world.put(&key(n), "1");
    }

    let asked = json!({"operation": "ranges", "prefix": "folder-2/", "pieces": 3});
    let result = world.run(asked).await;
    let requests = stored(&world, result["distributed"]["key"].as_str().unwrap());
    work_on_all(&world, requests.as_array().unwrap().clone()).await;
    let all = world
        .run(json!({"operation": "continue", "cursor": result["cursor"]}))
        .await;

    assert_eq!(all["status"], "complete", "{all}");
    let below = (0..200).filter(|n| n % 7 == 2).count() as u64;
    assert_eq!(counts(&all), [below, below, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_snapshot_is_cut_into_no_more_pieces_than_it_is_worth() {
    let world = World::new();
    for bucket in [PRIMARY, BACKUP] {
        for n in 0..33_000 {
            world.sim.put(bucket, &key(n), "1");
        }
        world.sim.clock().advance(Duration::from_mins(1));
    }
    let before = world.backup().await;
    assert_eq!(counts(&before), [33_000, 0, 33_000, 0, 0, 0]);

    let cut = world.run(json!({"operation": "ranges"})).await;

    assert_eq!(cut["distributed"]["pieces"], 1, "{cut}");
}
