//! What an environment of the function for events keeps between invocations: its buckets, for five minutes at most.

use std::time::Duration;

use s3_backup::lambda::Handler;
use s3_sim::{Effect, Fault, Put, Verb, Versioning};
use serde_json::{Value, json};

use crate::events::{bridge, created, events, failed, queue};
use crate::world::{BACKUP, World, answer, count};

/// Sends a payload to an environment, a while after what was done before.
pub async fn deliver(world: &World, handler: &Handler, payload: Value) -> Value {
    world.sim.clock().advance(Duration::from_secs(2));
    let answered = answer(handler, payload).await.unwrap();
    world.sim.clock().advance(Duration::from_secs(2));
    answered
}

/// An environment that has answered an event before, and no calls since.
async fn warm(world: &World) -> Handler {
    let handler = world.handler();
    deliver(world, &handler, created("nothing")).await;
    world.sim.ledger().clear();
    handler
}

fn requests(world: &World) -> u64 {
    world.sim.ledger().total()
}

fn looks_at_buckets(world: &World) -> u64 {
    let ledger = world.sim.ledger();
    ledger.count(Verb::HeadBucket) + ledger.count(Verb::GetBucketVersioning)
}

#[tokio::test]
async fn a_new_object_is_three_requests_a_duplicate_two_and_no_more_in_the_same_batch() {
    let world = World::new();
    let handler = warm(&world).await;
    world.put("k", "1");

    let mut totals = Vec::new();
    for payload in [
        queue(&[created("k")]),
        queue(&[created("k")]),
        queue(&[created("k"), bridge("k", "Object Created"), created("k")]),
    ] {
        deliver(&world, &handler, payload).await;
        totals.push(requests(&world));
    }

    assert_eq!(totals, [3, 5, 7]);
    assert_eq!(world.backup_versions().len(), 1);
    world.assert_backed_up();
}

#[tokio::test]
async fn buckets_are_trusted_for_five_minutes_by_the_clock_of_s3() {
    let world = World::new();
    let handler = warm(&world).await;

    world.sim.clock().advance(Duration::from_mins(4));
    for _ in 0..2 {
        deliver(&world, &handler, created("k")).await;
    }
    assert_eq!(looks_at_buckets(&world), 0);

    // The first reply tells the time.
    world.sim.clock().advance(Duration::from_mins(1));
    for _ in 0..2 {
        deliver(&world, &handler, created("k")).await;
    }
    assert_eq!(looks_at_buckets(&world), 3);
}

#[tokio::test]
async fn a_bucket_that_keeps_no_versions_any_more_stops_a_warm_environment_at_once() {
    let world = World::new().with("BACKUP_MAX_CONCURRENCY", "1");
    let handler = warm(&world).await;
    let keys = ["a", "b", "c", "d", "e"];
    for key in keys {
        world.put(key, "1");
    }
    world.sim.set_versioning(BACKUP, Versioning::Suspended);

    let answered = deliver(&world, &handler, queue(&keys.map(created))).await;

    assert_eq!(failed(&answered), ["m-0", "m-1", "m-2", "m-3", "m-4"]);
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 1);
    let error = answer(&handler, created("a")).await.unwrap_err();
    assert_eq!(error.error_type(), "DestinationError");

    world.sim.set_versioning(BACKUP, Versioning::Enabled);
    let answered = deliver(&world, &handler, queue(&keys.map(created))).await;
    assert_eq!(failed(&answered), [""; 0]);
    world.assert_backed_up();
}

#[tokio::test]
async fn after_an_error_the_buckets_are_looked_at_again() {
    let world = World::new();
    let handler = warm(&world).await;
    world.put("bad", "1");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).key("bad"), denied);

    deliver(&world, &handler, queue(&[created("bad")])).await;
    assert_eq!(looks_at_buckets(&world), 0);
    deliver(&world, &handler, queue(&[created("gone")])).await;
    assert_eq!(looks_at_buckets(&world), 3);
}

#[tokio::test]
async fn a_destination_that_was_out_of_order_is_used_as_soon_as_it_is_mended() {
    let world = World::new()
        .with_bucket("second")
        .with("DESTINATION_BUCKET", "backup,second");
    world.put("k", "1");
    world.sim.set_versioning("second", Versioning::Suspended);
    let handler = world.handler();

    let answered = deliver(&world, &handler, queue(&[created("k")])).await;
    let direct = deliver(&world, &handler, created("k")).await;
    assert_eq!(failed(&answered), ["m-0"]);
    assert_eq!(world.keys(BACKUP), ["k"]);
    assert_eq!(events(&direct), [1, 0, 0, 0, 0, 1], "{direct}");

    world.sim.set_versioning("second", Versioning::Enabled);
    let answered = deliver(&world, &handler, queue(&[created("k")])).await;
    assert_eq!(failed(&answered), [""; 0]);
    assert_eq!(world.keys("second"), ["k"]);
}

#[tokio::test]
async fn an_object_of_this_second_is_copied_in_the_next_one_and_the_night_copies_nothing() {
    let world = World::new();
    let handler = warm(&world).await;
    for key in ["a", "b"] {
        world.put(key, "1");
    }

    // Nothing is waited for here, unlike in other tests.
    let answered = answer(&handler, queue(&["a", "b"].map(created)))
        .await
        .unwrap();
    let night = world.backup().await;

    assert_eq!(failed(&answered), [""; 0]);
    for key in ["a", "b"] {
        let object = world.sim.current(crate::world::PRIMARY, key).unwrap();
        assert!(world.backup_of(key).last_modified > object.last_modified);
    }
    assert_eq!(count(&night, "objects_copied"), 0, "{night}");
}

#[tokio::test]
async fn an_event_of_tags_that_comes_twice_is_one_copy() {
    let world = World::new();
    world.put_object("k", Put::new("1").tag("t", "old"));
    let handler = warm(&world).await;
    deliver(&world, &handler, created("k")).await;
    world
        .sim
        .set_tags(crate::world::PRIMARY, "k", &[("t", "new")]);
    world.sim.ledger().clear();
    let tagged = bridge("k", "Object Tags Added");

    let seen = deliver(&world, &handler, tagged.clone()).await;
    let after_first = requests(&world);
    let again = deliver(&world, &handler, tagged.clone()).await;

    // Two looks, two readings of tags, one copy.
    assert_eq!((after_first, requests(&world)), (5, 9));
    assert_eq!(events(&seen), [1, 0, 1, 0, 0, 0]);
    assert_eq!(events(&again), [1, 0, 0, 1, 0, 0]);
    world.assert_backed_up();

    // A copy too many does no harm, and one too few would.
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world.sim.fault(Fault::on(Verb::GetObjectTagging), denied);
    let blind = deliver(&world, &handler, tagged).await;
    assert_eq!(events(&blind), [1, 0, 1, 0, 0, 0]);
}

#[tokio::test]
async fn a_spelled_key_is_read_before_prefix_and_reserved_names_decide() {
    let world = World::new().with("BACKUP_SOURCE_PREFIX", "in/");
    world.put("in/a b", "1");
    let found = world.run(bridge("in%2Fa+b", "Object Created")).await;
    assert_eq!(events(&found), [1, 0, 1, 0, 0, 0], "{found}");
    assert_eq!(found["warnings"][0]["code"], "spelled_key");

    let world = World::new();
    world.put(".s3-backup/x", "1");
    let own = world.run(bridge(".s3-backup%2Fx", "Object Created")).await;
    assert_eq!(events(&own), [1, 0, 0, 0, 1, 0], "{own}");
    assert_eq!(world.backup_versions().len(), 0);
}

#[tokio::test]
async fn a_key_as_long_as_a_message_fails_its_message_alone() {
    let world = World::new();
    world.put("k", "1");
    let long = "k".repeat(64 * 1024);
    let no_utf8 = json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "primary"}, "object": {"key": "%FF"}}}]});

    let answered = world
        .run(queue(&[created("k"), created(&long), no_utf8]))
        .await;

    assert_eq!(failed(&answered), ["m-1", "m-2"]);
    world.assert_backed_up();
}

#[tokio::test]
async fn an_object_that_was_written_three_times_meanwhile_is_copied_once() {
    let world = World::new();
    for body in ["1", "2", "3"] {
        world.put("k", body);
    }

    let result = world
        .run(json!({"Records": [created("k")["Records"][0], created("k")["Records"][0], created("k")["Records"][0]]}))
        .await;

    assert_eq!(events(&result), [3, 2, 1, 0, 0, 0]);
    assert_eq!(count(&result["requests"], "copy"), 1);
    world.assert_backed_up();
}

#[tokio::test]
async fn a_denied_key_fails_with_the_missing_action() {
    let world = World::new();
    world.put("denied/k", "1");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::HeadObject).key("denied/k"), denied);

    let result = world.run(created("denied/k")).await;

    assert_eq!(events(&result), [1, 0, 0, 0, 0, 1]);
    let failure = &result["failures"][0];
    assert_eq!(failure["key"], "denied/k");
    let advice = failure["advice"].as_str().unwrap();
    assert!(advice.contains("s3:GetObject"), "{result}");
}

#[tokio::test]
async fn all_mistakes_of_the_configuration_are_told_at_once() {
    let world = World::new()
        .with("BACKUP_EVENT_TAGS", "perhaps")
        .with("BACKUP_EVENT_MAX_SIZE", "large")
        .with("BACKUP_SURPRISE", "1");

    let error = world.invoke(created("k")).await.unwrap_err();

    assert_eq!(error.error_type(), "ConfigError");
    let text = error.to_string();
    for name in [
        "BACKUP_EVENT_TAGS",
        "BACKUP_EVENT_MAX_SIZE",
        "BACKUP_SURPRISE",
    ] {
        assert!(text.contains(name), "{text}");
    }
    assert_eq!(requests(&world), 0);
}
