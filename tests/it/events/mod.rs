//! Events of S3: an object is in the backup seconds after it was written, and whatever becomes of its events,
//! none is taken for done while the backup is not what the source is.

mod night;

use s3_sim::{Effect, Fault, Put, Verb, Versioning};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, World, answer, count, counts};

/// A record of S3's own notifications, with the key as S3 spells it.
pub fn record(bucket: &str, key: &str, name: &str) -> Value {
    let spelled: String = key
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' => {
                char::from(byte).to_string()
            }
            b' ' => "+".to_owned(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    json!({"eventVersion": "2.6", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventName": name,
        "s3": {"bucket": {"name": bucket}, "object": {"key": spelled, "size": 1, "sequencer": "0A"}}})
}

pub fn notification(bucket: &str, key: &str, name: &str) -> Value {
    json!({"Records": [record(bucket, key, name)]})
}

pub fn created(key: &str) -> Value {
    notification(PRIMARY, key, "ObjectCreated:Put")
}

pub fn bridge(key: &str, detail_type: &str) -> Value {
    json!({"version": "0", "id": "1", "source": "aws.s3", "detail-type": detail_type, "account": "111122223333",
        "detail": {"version": "0", "bucket": {"name": PRIMARY}, "object": {"key": key}, "reason": "PutObject"}})
}

/// A batch of a queue: the messages are called m-0, m-1 and so on.
pub fn queue(bodies: &[Value]) -> Value {
    let messages = bodies.iter().enumerate().map(|(number, body)| {
        let body = body
            .as_str()
            .map_or_else(|| body.to_string(), str::to_owned);
        json!({"messageId": format!("m-{number}"), "eventSource": "aws:sqs", "body": body})
    });
    json!({"Records": messages.collect::<Vec<Value>>()})
}

pub fn failed(answer: &Value) -> Vec<&str> {
    let failures = answer["batchItemFailures"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"));
    failures
        .iter()
        .map(|failure| failure["itemIdentifier"].as_str().unwrap())
        .collect()
}

pub fn events(result: &Value) -> [u64; 6] {
    let events = &result["events"];
    let sum: u64 = [
        "merged",
        "copied",
        "unchanged",
        "vanished",
        "deferred",
        "skipped",
        "ignored",
        "refused",
        "errors",
    ]
    .map(|name| count(events, name))
    .iter()
    .sum();
    assert_eq!(count(events, "received"), sum, "{result}");
    [
        "received",
        "merged",
        "copied",
        "unchanged",
        "vanished",
        "errors",
    ]
    .map(|name| count(events, name))
}

#[tokio::test]
async fn an_object_is_copied_whichever_way_its_event_comes() {
    let key = "a b+c%/\u{e9}.txt";
    let in_topic = |event: &Value| json!({"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Message": event.to_string()}}]});
    let envelope = |event: &Value| json!({"Type": "Notification", "Message": event.to_string()});
    for event in [created(key), bridge(key, "Object Created")] {
        let wrapped = [
            event.clone(),
            in_topic(&event),
            queue(std::slice::from_ref(&event)),
            queue(&[envelope(&event)]),
        ];
        for payload in wrapped {
            let world = World::new();
            world.put_object(key, Put::new("body").tag("t", "1"));

            let answered = world.run(payload.clone()).await;

            world.assert_backed_up();
            if answered.get("batchItemFailures").is_some() {
                assert_eq!(answered, json!({"batchItemFailures": []}));
            } else {
                assert_eq!(events(&answered), [1, 0, 1, 0, 0, 0], "{payload}");
                assert_eq!(counts(&answered), [1, 1, 0, 0, 0, 0]);
            }
        }
    }
}

#[tokio::test]
async fn a_test_event_is_a_success_that_did_nothing() {
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": PRIMARY});
    let world = World::new();

    let direct = world.run(test.clone()).await;
    let queued = world.run(queue(&[test])).await;

    assert_eq!(direct["status"], "complete");
    assert_eq!(queued, json!({"batchItemFailures": []}));
    assert!(world.sim.ledger().total() == 0);
}

#[tokio::test]
async fn events_of_one_key_are_one_look_and_duplicates_cost_two() {
    let world = World::new();
    world.put("k", "1");
    let batch = queue(&[created("k"), bridge("k", "Object Created"), created("k")]);

    let handler = world.handler();
    world.sim.clock().advance(std::time::Duration::from_secs(2));
    answer(&handler, batch.clone()).await.unwrap();
    let first = of_objects(&world);
    world.sim.ledger().clear();
    world.sim.clock().advance(std::time::Duration::from_secs(2));
    answer(&handler, batch).await.unwrap();

    assert_eq!(
        first,
        [Verb::HeadObject, Verb::HeadObject, Verb::CopyObject]
    );
    assert_eq!(of_objects(&world), [Verb::HeadObject, Verb::HeadObject]);
    assert_eq!(world.backup_versions().len(), 1);
}

/// The calls about objects, without the looks at the buckets.
fn of_objects(world: &World) -> Vec<Verb> {
    let calls = world.sim.ledger().entries();
    let verbs = calls.iter().map(|call| call.verb);
    verbs
        .filter(|verb| !matches!(verb, Verb::HeadBucket | Verb::GetBucketVersioning))
        .collect()
}

#[tokio::test]
async fn no_event_makes_a_loop() {
    let world = World::new();
    world.put(".s3-backup/x", "1");
    world.sim.put(BACKUP, "k", "1");
    let foreign = [
        notification(BACKUP, "k", "ObjectCreated:Copy"),
        notification("somebody", "k", "ObjectCreated:Put"),
        created(".s3-backup/x"),
    ];
    let versions = world.backup_versions();

    for event in &foreign {
        let result = world.run(event.clone()).await;

        assert_eq!(count(&result["events"], "refused"), 1, "{result}");
        assert_eq!(result["status"], "complete");
        let warnings = result["warnings"].as_array().unwrap();
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0]["code"], "refused_events");
    }
    assert_eq!(
        world.run(queue(&foreign)).await,
        json!({"batchItemFailures": []})
    );
    assert_eq!(world.backup_versions(), versions);
    assert!(
        world.sim.ledger().total() == 0,
        "nothing was even looked at"
    );
}

#[tokio::test]
async fn deletions_and_unknown_events_are_acknowledged_and_do_nothing() {
    let world = World::new().with("BACKUP_DELETIONS", "mark");
    world.put("k", "1");
    world.backup().await;
    world.sim.delete(PRIMARY, "k");
    let versions = world.backup_versions();

    let result = world
        .run(json!({"Records": [
            record(PRIMARY, "k", "ObjectRemoved:Delete"),
            record(PRIMARY, "k", "ObjectRestore:Completed"),
            record(PRIMARY, "k", "Brandnew:Thing"),
        ]}))
        .await;

    assert_eq!(count(&result["events"], "ignored"), 3, "{result}");
    assert_eq!(world.backup_versions(), versions);
}

#[tokio::test]
async fn large_and_archived_objects_are_left_to_the_night() {
    let world = World::new().with("BACKUP_EVENT_MAX_SIZE", "4");
    world.put("small", "1234");
    world.put("large", "12345");
    world.put_object("archived", Put::new("1").storage_class("GLACIER"));

    let bodies = ["small", "large", "archived"].map(created);
    let answered = world.run(queue(&bodies)).await;
    let direct = world.run(created("large")).await;

    assert_eq!(answered, json!({"batchItemFailures": []}));
    assert_eq!(world.keys(BACKUP), ["small"]);
    assert_eq!(count(&direct["events"], "deferred"), 1);
    assert_eq!(counts(&direct), [1, 0, 0, 1, 0, 0]);
}

#[tokio::test]
async fn an_object_whose_tags_changed_is_copied_anew() {
    for (setting, versions) in [("copy", 2), ("ignore", 1)] {
        let world = World::new().with("BACKUP_EVENT_TAGS", setting);
        world.put_object("k", Put::new("1").tag("t", "old"));
        world.run(created("k")).await;
        world.sim.set_tags(PRIMARY, "k", &[("t", "new")]);

        let result = world.run(bridge("k", "Object Tags Added")).await;

        let copied = versions - 1;
        assert_eq!(events(&result), [1, 0, copied, 1 - copied, 0, 0]);
        assert_eq!(world.backup_versions().len() as u64, versions);
        assert_eq!(world.is_backed_up("k"), setting == "copy");
    }
}

#[tokio::test]
async fn an_access_list_that_changed_is_not_kept_and_costs_nothing() {
    let world = World::new();
    world.put("k", "1");

    let result = world.run(bridge("k", "Object ACL Updated")).await;

    assert_eq!(events(&result), [1, 0, 0, 1, 0, 0]);
    assert!(world.sim.ledger().total() == 0);
}

#[tokio::test]
async fn an_object_that_is_gone_has_vanished() {
    let world = World::new();

    let result = world.run(created("k")).await;
    let queued = world.run(queue(&[created("k")])).await;

    assert_eq!(events(&result), [1, 0, 0, 0, 1, 0]);
    assert_eq!(counts(&result), [1, 0, 0, 0, 1, 0]);
    assert_eq!(queued, json!({"batchItemFailures": []}));
}

#[tokio::test]
async fn a_key_that_event_bridge_spelled_is_found_all_the_same() {
    let world = World::new();
    world.put("a b", "1");
    world.put("c%20d", "1");

    let spelled = world.run(bridge("a%20b", "Object Created")).await;
    let as_it_is = world.run(bridge("c%20d", "Object Created")).await;

    world.assert_backed_up();
    assert_eq!(spelled["warnings"][0]["code"], "spelled_key");
    assert_eq!(as_it_is["warnings"], json!([]));
}

#[tokio::test]
async fn one_bad_message_of_fifty_is_one_bad_message() {
    let world = World::new();
    let mut bodies = Vec::new();
    for number in 0..50 {
        let key = format!("k-{number}");
        world.put(&key, "1");
        bodies.push(created(&key));
    }
    for (place, bad) in [(7, "{"), (8, "{\"Records\":[]}"), (9, "{\"no\":\"event\"}")] {
        bodies[place] = json!(bad);
    }

    let answered = world.run(queue(&bodies)).await;

    assert_eq!(failed(&answered), ["m-7", "m-8", "m-9"]);
    assert_eq!(world.keys(BACKUP).len(), 47);
}

#[tokio::test]
async fn an_object_that_cannot_be_copied_fails_its_message_alone() {
    let world = World::new();
    world.put("good", "1");
    world.put("bad", "1");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).key("bad"), denied.clone());
    world
        .sim
        .fault(Fault::on(Verb::HeadObject).key("worse"), denied);

    let answered = world
        .run(queue(&["good", "bad", "worse", "bad"].map(created)))
        .await;

    assert_eq!(failed(&answered), ["m-1", "m-2", "m-3"]);
    assert_eq!(world.keys(BACKUP), ["good"]);
}

#[tokio::test]
async fn without_a_destination_the_whole_batch_comes_again() {
    let world = World::new();
    world.put("k", "1");
    world.sim.set_versioning(BACKUP, Versioning::Suspended);

    let error = world.invoke(queue(&[created("k")])).await.unwrap_err();

    assert_eq!(error.error_type(), "DestinationError");
    assert!(
        error.to_string().contains("has its versioning suspended"),
        "{error}"
    );
    assert_eq!(world.keys(BACKUP), [""; 0]);
}

#[tokio::test]
async fn a_payload_that_is_no_whole_event_is_refused() {
    let world = World::new();
    for (payload, part) in [
        (json!({"Records": []}), "Records are empty"),
        (
            json!({"Records": [{"eventSource": "aws:s3"}]}),
            "has no s3.object.key",
        ),
        (
            json!({"source": "aws.s3", "detail-type": "Object Created"}),
            "has no detail.object.key",
        ),
    ] {
        let error = world.invoke(payload).await.unwrap_err();

        assert_eq!(error.error_type(), "RequestError");
        assert!(error.to_string().contains(part), "{error}");
    }
}
