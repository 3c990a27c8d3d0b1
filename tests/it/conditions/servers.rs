//! Servers that do not know conditions on the target.

use std::time::Duration;

use s3_backup::lambda::Handler;
use s3_sim::{TargetConditions, Verb};
use serde_json::{Value, json};

use super::{in_parts, large};
use crate::world::{BACKUP, PRIMARY, World, count, counts};

// ---- servers that know no conditions ------------------------------------------------------------

/// A new environment to a server of which nothing is known.
fn to_unknown(world: &World) -> Handler {
    let vars = ["SOURCE_BUCKET", "DESTINATION_BUCKET"]
        .into_iter()
        .zip([PRIMARY, BACKUP]);
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let more = [
        ("BACKUP_MULTIPART_THRESHOLD".to_owned(), "5 MiB".to_owned()),
        ("BACKUP_DELETIONS".to_owned(), "mark".to_owned()),
    ];
    let connections = world.connections().to_unknown_server();
    Handler::new(connections, vars.chain(more).collect())
}

async fn run(world: &World, handler: &Handler, payload: Value) -> Value {
    world.sim.clock().advance(Duration::from_secs(2));
    let result = crate::world::answer(handler, payload).await.unwrap();
    world.sim.clock().advance(Duration::from_secs(2));
    result
}

#[tokio::test]
async fn a_server_without_conditions_is_named_once_in_the_result() {
    let cases = [
        (TargetConditions::Obeyed, None, 1),
        (TargetConditions::Ignored, Some("ignores conditions"), 1),
        (TargetConditions::Refused, Some("refuses conditions"), 1),
    ];
    for (server, seen, asked) in cases {
        let world = World::new();
        world
            .sim
            .change_options(BACKUP, |options| options.target_conditions = server);
        world.put("k", "1");
        world.put("gone", "1");
        world.put_object("large", large(1));
        let handler = to_unknown(&world);

        let first = run(&world, &handler, json!({})).await;
        world.put("k", "2");
        world.put_object("large", large(2));
        world.sim.delete(PRIMARY, "gone");
        let second = run(&world, &handler, json!({})).await;

        for result in [&first, &second] {
            assert_eq!(result["status"], "complete", "{server:?}: {result}");
            let warnings = result["warnings"].as_array().unwrap();
            assert_eq!(warnings.len(), seen.iter().count(), "{result}");
            if let Some(seen) = seen {
                assert_eq!(warnings[0]["code"], "no_target_conditions");
                let message = warnings[0]["message"].as_str().unwrap();
                assert!(message.contains(seen), "{message}");
            }
        }
        assert_eq!(world.equal(), 2, "{server:?}");
        assert!(!world.keys(BACKUP).contains(&"gone".to_owned()));
        assert_eq!(count(&first["requests"], "copy"), 2 + 4, "{first}");
        let copies = world.sim.ledger().of(Verb::CopyObject);
        let probes = copies
            .iter()
            .filter(|copy| copy.key.starts_with(".s3-backup/"));
        assert_eq!(probes.count(), asked, "{server:?}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_conditions_without_being_asked_is_named_too() {
    let world = in_parts();
    world.sim.change_options(BACKUP, |options| {
        options.target_conditions = TargetConditions::Refused;
    });
    world.put("k", "1");
    world.put_object("large", large(1));

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 2, 0, 0, 0, 0], "{result}");
    assert_eq!(result["warnings"][0]["code"], "no_target_conditions");
}

#[tokio::test]
async fn a_run_that_writes_nothing_asks_nothing() {
    let world = World::new();
    world.put("k", "1");
    let handler = to_unknown(&world);

    let result = run(&world, &handler, json!({"dry_run": true})).await;

    assert_eq!(result["warnings"], json!([]));
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 0);
}
