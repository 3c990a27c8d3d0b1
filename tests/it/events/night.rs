//! Events and nightly runs beside each other, in any order.

use s3_sim::{Content, Effect, Fault, Put, Verb};
use serde_json::{Value, json};

use super::{created, failed, notification, queue};
use crate::world::{BACKUP, PRIMARY, World, count, counts};

#[tokio::test]
async fn prefix_filter_and_class_are_those_of_a_run() {
    let world = World::new()
        .with("BACKUP_SOURCE_PREFIX", "in/")
        .with("BACKUP_EXCLUDE", "*.tmp")
        .with("BACKUP_DESTINATION_PREFIX", "copies/")
        .with("BACKUP_STORAGE_CLASS", "STANDARD_IA");
    for key in ["in/a", "in/b.tmp", "out"] {
        world.put(key, "1");
    }

    let answered = world
        .run(queue(&["in/a", "in/b.tmp", "out"].map(created)))
        .await;
    let night = world.backup().await;

    assert_eq!(answered, json!({"batchItemFailures": []}));
    assert_eq!(world.keys(BACKUP), ["copies/in/a"]);
    let copy = world.sim.current(BACKUP, "copies/in/a").unwrap();
    assert_eq!(copy.storage_class, "STANDARD_IA");
    assert_eq!(count(&night, "objects_copied"), 0, "{night}");
}

#[tokio::test]
async fn the_night_does_not_copy_again_what_events_have_copied() {
    let world = World::new();
    world.put("old", "1");
    world.put("changed", "1");
    world.backup().await;
    world.put("changed", "2");
    world.put("new", "1");

    world
        .run(queue(&["changed", "new", "old"].map(created)))
        .await;
    let night = world.backup().await;
    let next = world.backup().await;

    assert_eq!(counts(&night), [3, 0, 3, 0, 0, 0], "{night}");
    assert_eq!(counts(&next), [3, 0, 3, 0, 0, 0], "{next}");
    world.assert_backed_up();
}

#[tokio::test]
async fn the_night_finds_what_events_lost() {
    let world = World::new();
    world.put("k", "1");
    world.run(created("k")).await;
    world.put("k", "2");
    world.put("silent", "1");

    let world = world.with("BACKUP_EVENTS", "yes");

    let night = world.backup().await;
    let quiet = world.backup().await;

    assert_eq!(counts(&night), [2, 2, 0, 0, 0, 0]);
    assert_eq!(count(&night, "missed_by_events"), 2);
    assert_eq!(count(&quiet, "missed_by_events"), 0);
    world.assert_backed_up();
}

/// Rewritten metadata, an older version that shows again, an upload that is dated by its beginning: events between do
/// not hide them from the night.
#[tokio::test]
async fn the_holes_of_change_detection_stay_closed_with_events_between() {
    let world = World::new();
    let content = || Content::generated(1, 100);
    world.put_object("metadata", Put::new(content()).meta("m", "1"));
    world.put("older", "1");
    let older = world.sim.current(PRIMARY, "older").unwrap();
    world.backup().await;
    world.put_object("metadata", Put::new(content()).meta("m", "2"));
    world.put("older", "2");
    world.run(queue(&["metadata", "older"].map(created))).await;
    world.assert_backed_up();

    world.put_object("metadata", Put::new(content()).meta("m", "3"));
    world.put("older", "1");
    assert_eq!(
        world.sim.current(PRIMARY, "older").unwrap().etag,
        older.etag
    );
    let night = world.backup().await;

    assert_eq!(night["status"], "complete");
    world.assert_backed_up();
}

#[tokio::test]
async fn every_order_and_every_doubling_of_events_ends_with_the_source() {
    // What happens to one key, step by step; each step sends an event.
    let histories: [&[Option<&str>]; 4] = [
        &[Some("1")],
        &[Some("1"), Some("2")],
        &[Some("1"), None, Some("3")],
        &[Some("1"), Some("2"), Some("1")],
    ];
    let orders: [&[usize]; 6] = [
        &[0, 1, 2],
        &[2, 1, 0],
        &[1, 0, 2],
        &[0, 0, 1],
        &[2, 2],
        &[1, 2, 0, 1],
    ];
    for history in histories {
        for order in orders {
            for at_once in [true, false] {
                let world = World::new();
                let mut sent = Vec::new();
                for step in history {
                    match step {
                        Some(body) => world.put("k", body),
                        None => world.sim.delete(PRIMARY, "k"),
                    }
                    sent.push(match step {
                        Some(_) => created("k"),
                        None => notification(PRIMARY, "k", "ObjectRemoved:Delete"),
                    });
                    world.sim.clock().advance(std::time::Duration::from_secs(1));
                }
                let delivered: Vec<Value> =
                    order.iter().filter_map(|n| sent.get(*n)).cloned().collect();
                let has_put = delivered.iter().any(|event| *event == created("k"));
                let batches: Vec<Vec<Value>> = if at_once {
                    vec![delivered]
                } else {
                    delivered.into_iter().map(|event| vec![event]).collect()
                };
                for batch in batches.iter().filter(|batch| !batch.is_empty()) {
                    let answered = world.run(queue(batch)).await;
                    assert_eq!(answered, json!({"batchItemFailures": []}));
                }

                if has_put {
                    world.assert_backed_up();
                    assert_eq!(world.backup_versions().len(), 1, "{history:?} {order:?}");
                }
                let night = world.backup().await;
                assert_eq!(count(&night, "objects_copied"), u64::from(!has_put));
                world.assert_backed_up();
            }
        }
    }
}

#[tokio::test]
async fn a_message_is_acknowledged_only_if_its_object_is_in_the_backup() {
    let effects = [
        Effect::InternalError,
        Effect::SlowDown,
        Effect::status(403, "AccessDenied", "Access Denied"),
        Effect::ConnectionReset,
        Effect::ResetAfterWork,
        Effect::CloseWithoutReply,
        Effect::CloseAfterWork,
        Effect::EmptyBody,
        Effect::EmptyBodyAfterWork,
        Effect::OkWithErrorBody("InternalError".to_owned()),
        Effect::OkWithErrorBodyAfterWork("InternalError".to_owned()),
    ];
    for verb in [Verb::HeadObject, Verb::CopyObject] {
        for effect in &effects {
            for fault in [Fault::on(verb).first(1), Fault::on(verb)] {
                let world = World::new();
                world.put("k", "1");
                world.sim.fault(fault, effect.clone());

                let answered = world.run(queue(&[created("k")])).await;

                let is_there = world.is_backed_up("k");
                assert!(
                    is_there || failed(&answered) == ["m-0"],
                    "{verb:?} {effect:?}: {answered}"
                );
                world.sim.clear_faults();
                let again = world.run(queue(&[created("k")])).await;
                assert_eq!(
                    again,
                    json!({"batchItemFailures": []}),
                    "{verb:?} {effect:?}"
                );
                world.assert_backed_up();
            }
        }
    }
}
