//! Messages that are odd as a whole or in part: what can be answered is answered, and no message is lost for another.

use std::thread;
use std::time::Duration;

use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};

use crate::events::{bridge, created, failed, notification, queue, record};
use crate::lambda::Function;
use crate::world::{BACKUP, PRIMARY, World, answer, count};

/// A message with a record that nobody can read between two good ones.
fn half_good() -> Value {
    json!({"Records": [
        record(PRIMARY, "a", "ObjectCreated:Put"),
        {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": PRIMARY}}},
        record(PRIMARY, "b", "ObjectCreated:Put"),
    ]})
}

fn world() -> World {
    let world = World::new();
    world.put("a", "1");
    world.put("b", "2");
    world
}

#[tokio::test]
async fn the_good_records_of_a_message_are_copied_and_the_message_fails() {
    let world = world();

    let answered = world.run(queue(&[half_good()])).await;

    assert_eq!(failed(&answered), ["m-0"]);
    assert_eq!(world.keys(BACKUP), ["a", "b"]);
}

#[tokio::test]
async fn the_good_records_of_a_direct_invocation_are_copied_and_the_bad_one_is_an_error() {
    let world = world();

    let result = world.run(half_good()).await;

    let events = &result["events"];
    assert_eq!(
        [
            count(events, "received"),
            count(events, "copied"),
            count(events, "errors")
        ],
        [3, 2, 1],
        "{result}"
    );
    assert_eq!(result["status"], "incomplete");
    assert_eq!(result["failures"][0]["code"], "MalformedEvent");
    assert_eq!(world.keys(BACKUP), ["a", "b"]);
}

#[tokio::test]
async fn an_event_of_a_kind_that_came_later_is_acknowledged_whatever_it_is_of() {
    let world = world();
    let mut of_no_object = bridge("a", "Bucket Something");
    of_no_object["detail"] = json!({"bucket": {"name": PRIMARY}});
    let call = json!({"source": "aws.s3", "detail-type": "AWS API Call via CloudTrail",
        "detail": {"requestParameters": {"bucketName": PRIMARY, "key": "a"}}});

    let answered = world.run(queue(&[of_no_object.clone(), call])).await;
    let direct = world.run(of_no_object).await;

    assert_eq!(answered, json!({"batchItemFailures": []}));
    assert_eq!(count(&direct["events"], "ignored"), 1, "{direct}");
    assert_eq!(world.sim.ledger().total(), 0);
}

#[tokio::test]
async fn a_message_without_an_id_fails_its_whole_batch() {
    let world = world();
    let mut batch = queue(&[created("a"), json!("{")]);
    batch["Records"][1]
        .as_object_mut()
        .unwrap()
        .remove("messageId");

    let error = world.invoke(batch).await.unwrap_err();

    assert_eq!(error.error_type(), "RequestError");
    assert!(
        error
            .to_string()
            .contains("a record of SQS has no messageId"),
        "{error}"
    );
}

#[tokio::test]
async fn the_name_of_a_bucket_cannot_forge_a_line_or_flood_the_log() {
    let world = world();
    let long = "x".repeat(200_000);

    for (name, part) in [
        (
            "evil\n{\"status\":\"complete\"}\u{202e}",
            "evil\\u000a{\"status\":\"complete\"}\\u202e",
        ),
        (long.as_str(), "xxx..."),
    ] {
        let result = world
            .run(notification(name, "k", "ObjectCreated:Put"))
            .await;

        let message = result["warnings"][0]["message"].as_str().unwrap();
        assert!(
            message.contains(part) && message.len() < 1_000,
            "{}",
            message.len()
        );
        assert_eq!(count(&result["events"], "refused"), 1);
    }
}

const EVENTS: [(&str, &str); 3] = [
    ("_HANDLER", "events"),
    ("SOURCE_BUCKET", PRIMARY),
    ("DESTINATION_BUCKET", BACKUP),
];

/// A world with five objects, and a batch of their events.
fn batch() -> (World, Value) {
    let world = World::new();
    let keys = ["k-0", "k-1", "k-2", "k-3", "k-4"];
    for key in keys {
        world.put(key, "1");
    }
    world.sim.clock().advance(Duration::from_secs(2));
    (world, queue(&keys.map(created)))
}

#[test]
fn a_batch_that_runs_out_of_time_is_answered_before_and_only_what_is_left_comes_again() {
    let (world, batch) = batch();
    let stalls = Fault::on(Verb::CopyObject).key("k-2").always();
    world.sim.fault(stalls, Effect::Stall);
    let time = Duration::from_secs(4);

    let function = Function::with_time(&world, &EVENTS, vec![batch.to_string()], time);

    assert_eq!(failed(&function.response()), ["m-2"]);
    assert_eq!(world.keys(BACKUP), ["k-0", "k-1", "k-3", "k-4"]);
}

#[test]
fn a_function_that_is_killed_in_the_middle_of_a_batch_loses_nothing_and_copies_nothing_twice() {
    let (world, batch) = batch();
    let stalls = world
        .sim
        .fault(Fault::on(Verb::CopyObject).key("k-2"), Effect::Stall);
    let time = Duration::from_mins(1);
    let killed = Function::with_time(&world, &EVENTS, vec![batch.to_string()], time);
    while stalls.count() == 0 || world.keys(BACKUP).len() < 4 {
        thread::sleep(Duration::from_millis(2));
    }
    drop(killed);
    world.sim.clear_faults();

    let again = Function::with_time(&world, &EVENTS, vec![batch.to_string()], time);

    assert_eq!(again.response(), json!({"batchItemFailures": []}));
    world.assert_backed_up();
    let versions = world.sim.all_versions(BACKUP);
    assert_eq!(versions.len(), 5, "{versions:?}");
}

#[tokio::test]
async fn ten_writes_at_once_that_ten_environments_answer_are_two_versions_at_most() {
    let world = World::new();
    for number in 0..10 {
        world.put("k", &format!("write {number}"));
    }
    let handlers: Vec<_> = (0..10).map(|_| world.handler()).collect();
    let batch = queue(&[created("k")]);

    let answers = handlers
        .iter()
        .map(|handler| answer(handler, batch.clone()));
    let answers = futures::future::join_all(answers).await;

    for answered in answers {
        assert_eq!(answered.unwrap(), json!({"batchItemFailures": []}));
    }
    world.sim.clock().advance(Duration::from_secs(2));
    world.assert_backed_up();
    let versions = world.sim.all_versions(BACKUP);
    assert!(versions.len() <= 2, "{versions:?}");
}
