//! The watch: how old the last complete run is.

use lambda_runtime::{Context, LambdaEvent};
use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};

use crate::world::World;

/// What the watch says of a world.
pub async fn watched(world: &World) -> Result<Value, String> {
    let event = LambdaEvent::new(json!({}), Context::default());
    let watched = Box::pin(world.handler().handle_watch(event)).await;
    watched
        .map(|watched| serde_json::to_value(&watched).unwrap()["jobs"][0].clone())
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_watch_knows_how_old_the_last_complete_run_is() {
    let world = World::new();
    world.put("a", "1");

    let never = watched(&world).await.unwrap();
    let complete = world.backup().await;
    let fresh = watched(&world).await.unwrap();
    world.put("b", "2");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world.sim.fault(Fault::on(Verb::CopyObject), denied);
    let failed = world.backup().await;
    let after_failure = watched(&world).await.unwrap();

    assert_eq!(never["hours_since_complete"], 8_760.0);
    assert_eq!(never["run_id"], Value::Null);
    assert_eq!(failed["status"], "incomplete");
    for seen in [&fresh, &after_failure] {
        assert_eq!(seen["run_id"], complete["run_id"], "{seen}");
        assert!(
            seen["hours_since_complete"].as_f64().unwrap() < 1.0,
            "{seen}"
        );
        assert_eq!(seen["restore_open_hours"], 0.0);
    }
}

#[tokio::test]
async fn the_watch_takes_four_reads_and_writes_nothing() {
    let world = World::new();
    world.put("a", "1");
    world.backup().await;
    world.sim.ledger().clear();

    watched(&world).await.unwrap();

    let calls = world.sim.ledger().entries();
    let verbs: Vec<Verb> = calls.iter().map(|call| call.verb).collect();
    let reads = [
        Verb::HeadBucket,
        Verb::GetObject,
        Verb::GetObject,
        Verb::GetObject,
        // What names open restores.
        Verb::ListObjectsV2,
    ];
    assert_eq!(verbs, reads);
}

#[tokio::test]
async fn a_watch_that_cannot_look_fails() {
    let world = World::new();
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world.sim.fault(Fault::on(Verb::GetObject).always(), denied);

    let error = watched(&world).await.unwrap_err();

    assert!(
        error.starts_with("cannot look at the backup in bucket backup: "),
        "{error}"
    );
}
