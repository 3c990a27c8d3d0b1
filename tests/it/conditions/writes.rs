//! What each write is bound to, and what happens when it is refused.

use std::time::Duration;

use s3_sim::{Effect, Fault, Put, Verb};

use super::{conditions, in_parts, large, quoted};
use crate::world::{BACKUP, PRIMARY, World, counts};

#[tokio::test]
async fn every_write_is_bound_to_what_was_seen_at_its_target() {
    let world = in_parts().with("BACKUP_DELETIONS", "mark");
    world.put("old", "1");
    world.put("gone", "1");
    world.put_object("old large", large(1));
    world.backup().await;
    world.sim.ledger().clear();
    world.put("old", "2");
    world.put("new", "1");
    world.put_object("new large", large(1));
    world.put_object("old large", large(2));
    world.sim.delete(PRIMARY, "gone");
    let etags = ["old", "old large", "gone"].map(|key| quoted(&world, key));

    let result = world.backup().await;

    assert_eq!(result["status"], "complete", "{result}");
    let none = || Some("*".to_owned());
    let [old, old_large, gone] = etags.map(Some);
    let mut copies = conditions(&world, Verb::CopyObject);
    copies.sort();
    let expected = [
        ("new".to_owned(), none(), None),
        ("old".to_owned(), None, old),
    ];
    assert_eq!(copies, expected);
    let mut completions = conditions(&world, Verb::CompleteMultipartUpload);
    completions.sort();
    let expected = [
        ("new large".to_owned(), none(), None),
        ("old large".to_owned(), None, old_large),
    ];
    assert_eq!(completions, expected);
    let markers = conditions(&world, Verb::DeleteObject);
    assert_eq!(markers, [("gone".to_owned(), None, gone)]);
}

/// Another writer puts this into the backup just before the first such call.
fn overtaken(world: &World, verb: Verb, put: Put) {
    overtaken_at(world, Fault::on(verb).nth(1), put);
}

/// The same before that call.
fn overtaken_at(world: &World, call: Fault, put: Put) {
    let overtake = Effect::before(move |sim| {
        sim.clock().advance(Duration::from_secs(2));
        sim.put_object(BACKUP, "k", put.clone());
    });
    world.sim.fault(call, overtake);
}

#[tokio::test]
async fn a_backup_that_has_become_current_meanwhile_is_not_made_again() {
    for before in [None, Some("0")] {
        let world = World::new();
        if let Some(body) = before {
            world.sim.put(BACKUP, "k", body);
        }
        world.put("k", "1");
        overtaken(&world, Verb::CopyObject, Put::new("1"));

        let result = world.backup().await;
        let again = world.backup().await;

        assert_eq!(counts(&result), [1, 0, 1, 0, 0, 0], "{before:?}: {result}");
        let versions = world.sim.versions(BACKUP, "k").len();
        assert_eq!(versions, 1 + before.iter().count());
        assert_eq!(counts(&again), [1, 0, 1, 0, 0, 0]);
    }
}

#[tokio::test]
async fn a_backup_that_has_become_something_else_is_copied_over_knowingly() {
    for before in [None, Some("0")] {
        let world = World::new();
        if let Some(body) = before {
            world.sim.put(BACKUP, "k", body);
        }
        world.put("k", "1");
        overtaken(&world, Verb::CopyObject, Put::new("something else"));

        let result = world.backup().await;

        assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0], "{before:?}: {result}");
        assert!(world.is_backed_up("k"));
        assert_eq!(world.sim.ledger().count(Verb::CopyObject), 2);
    }
}

#[tokio::test]
async fn a_backup_that_vanished_meanwhile_is_made_anew() {
    for put in [Put::new("1"), large(1)] {
        let world = in_parts();
        world.sim.put(BACKUP, "k", "0");
        world.put_object("k", put);
        let gone = |verb| {
            (
                Fault::on(verb).nth(1),
                Effect::before(|sim| sim.delete(BACKUP, "k")),
            )
        };
        for verb in [Verb::CopyObject, Verb::CompleteMultipartUpload] {
            let (fault, effect) = gone(verb);
            world.sim.fault(fault, effect);
        }

        let result = world.backup().await;

        assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0], "{result}");
        assert!(world.is_backed_up("k"));
        assert_eq!(world.sim.uploads(BACKUP), []);
    }
}

#[tokio::test]
async fn a_backup_that_keeps_changing_is_an_error() {
    let world = World::new();
    world.put("k", "1");
    let overtake = Effect::before(|sim| drop(sim.put(BACKUP, "k", "something else")));
    // Each round copies what it has seen, and another writer is faster each time.
    let again = Effect::before(|sim| sim.delete(BACKUP, "k"));
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).nth(1), overtake.clone());
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).nth(2), again.clone());
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).nth(3), overtake);
    world.sim.fault(Fault::on(Verb::CopyObject).nth(4), again);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 0, 0, 0, 1], "{result}");
    assert_four_bound_copies(&world);
}

/// A server that refuses copies for nothing is written to without conditions; one with changes to tell of is not.
fn assert_four_bound_copies(world: &World) {
    let copies = conditions(world, Verb::CopyObject);
    assert_eq!(copies.len(), 4);
    for (_, none_match, if_match) in copies {
        assert!(none_match.is_some() || if_match.is_some());
    }
}

#[tokio::test]
async fn an_object_that_keeps_changing_is_an_error() {
    let world = World::new();
    world.put("k", "1");
    let changes = Effect::before(|sim| {
        sim.clock().advance(Duration::from_secs(1));
        sim.put(PRIMARY, "k", format!("{:?}", sim.clock().now()));
    });
    world.sim.fault(Fault::on(Verb::CopyObject), changes);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 0, 0, 0, 1], "{result}");
    assert_four_bound_copies(&world);
}

#[tokio::test]
async fn a_large_copy_does_not_put_older_content_on_newer() {
    for before in [None, Some(0)] {
        let world = in_parts();
        if let Some(seed) = before {
            world.sim.put_object(BACKUP, "k", large(seed));
        }
        world.put_object("k", large(1));
        let overtake = Effect::before(|sim| {
            sim.clock().advance(Duration::from_secs(2));
            sim.put_object(PRIMARY, "k", large(2));
            sim.clock().advance(Duration::from_secs(2));
            sim.put_object(BACKUP, "k", large(2));
        });
        world
            .sim
            .fault(Fault::on(Verb::CompleteMultipartUpload).nth(1), overtake);

        let result = world.backup().await;

        assert_eq!(counts(&result), [1, 0, 1, 0, 0, 0], "{before:?}: {result}");
        assert!(world.is_backed_up("k"));
        assert_eq!(world.sim.uploads(BACKUP), []);
    }
}

#[tokio::test]
async fn a_repeat_does_not_fail_on_its_own_first_write() {
    let kms = "arn:aws:kms:us-east-1:111122223333:key/k1";
    for (key, verb) in [
        ("", Verb::CopyObject),
        (kms, Verb::CopyObject),
        ("", Verb::CompleteMultipartUpload),
        (kms, Verb::CompleteMultipartUpload),
    ] {
        for effect in [
            Effect::ResetAfterWork,
            Effect::OkWithErrorBodyAfterWork("InternalError".to_owned()),
            Effect::ConnectionReset,
        ] {
            let world = in_parts();
            let world = match key {
                "" => world,
                key => world.with("BACKUP_KMS_KEY_ID", key),
            };
            world.put_object(
                "k",
                match verb {
                    Verb::CopyObject => Put::new("1"),
                    _ => large(1),
                },
            );
            world.sim.fault(Fault::on(verb).nth(1), effect.clone());

            let result = world.backup().await;

            let name = format!("{key:?} {verb:?} {effect:?}: {result}");
            assert_eq!(result["status"], "complete", "{name}");
            assert!(world.is_backed_up("k"), "{name}");
        }
    }
}

/// Nobody knows of the first copy whether it will be carried out yet. Another error in between tells nothing of that.
#[tokio::test]
async fn a_copy_that_is_carried_out_late_is_this_runs_whatever_failed_meanwhile() {
    let world = World::new();
    // It is tried again as long as others succeed.
    for key in ["a", "b", "c", "k"] {
        world.put(key, "1");
    }
    let copy = || Fault::on(Verb::CopyObject).key("k");
    let lost = world.sim.fault(copy().nth(1), Effect::ConnectionReset);
    let busy = world.sim.fault(copy().first(5), Effect::SlowDown);
    overtaken_at(&world, copy().nth(6), Put::new("1"));

    let result = world.backup().await;

    assert_eq!((lost.count(), busy.count()), (1, 4));
    assert_eq!(counts(&result), [4, 4, 0, 0, 0, 0], "{result}");
    assert_eq!(world.sim.versions(BACKUP, "k").len(), 1);
    assert_eq!(counts(&world.backup().await), [4, 0, 4, 0, 0, 0]);
}
