//! A plan tells what a run would do, for what price, and does nothing; the run that follows does just that.

use std::collections::BTreeMap;
use std::time::Duration;

use s3_sim::{Class, Content, Put, Sim, Verb};
use serde_json::{Value, json};

use crate::lease;
use crate::resume::within;
use crate::world::{BACKUP, PRIMARY, STATE, World, counts};

const MIB: u64 = 1024 * 1024;
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k1";

/// A world in which something is new, empty, large, changed, unchanged, excluded and gone.
fn mixed(world: World) -> World {
    let world = world
        .with("BACKUP_MULTIPART_THRESHOLD", "8 MiB")
        .with("BACKUP_EXCLUDE", "tmp/*");
    let object = |key: &str, seed: u64, size: u64, parts: &[u64]| {
        let put = Put::new(Content::generated(seed, size)).tag("backup", "yes");
        world.put_object(
            key,
            if parts.is_empty() {
                put
            } else {
                put.parts(parts)
            },
        );
    };
    world.put("untagged", "1");
    for (n, key) in ["changed", "larger", "unchanged", "archived", "gone"]
        .into_iter()
        .enumerate()
    {
        object(key, n as u64, 1000, &[]);
        world.sim.clock().advance(Duration::from_secs(2));
        let backup = Put::new(Content::generated(n as u64, 1000));
        let class = if key == "archived" {
            "DEEP_ARCHIVE"
        } else {
            "STANDARD_IA"
        };
        world
            .sim
            .put_object(BACKUP, key, backup.storage_class(class));
    }
    world.sim.delete(PRIMARY, "gone");
    world.sim.clock().advance(Duration::from_secs(2));
    object("changed", 9, 1000, &[]);
    object("larger", 10, 2000, &[]);
    object("small", 11, 1, &[]);
    object("empty", 12, 0, &[]);
    object("tmp/left out", 13, 5, &[]);
    object("large", 14, 300 * MIB, &[]);
    object("in parts", 15, 20 * MIB, &[8 * MIB, 8 * MIB, 4 * MIB]);
    object("parts, not cut", 16, 8 * MIB, &[5 * MIB, 3 * MIB]);
    world
}

async fn plan(world: &World) -> Value {
    let result = world.invoke(json!({"operation": "plan"})).await.unwrap();
    assert_eq!(result["status"], "complete", "{result}");
    result
}

/// What the backup bucket holds, counted by hand: class to objects and bytes.
fn stored(world: &World, bucket: &str) -> BTreeMap<String, (u64, u64)> {
    let mut stored = BTreeMap::new();
    for object in world.sim.objects(bucket) {
        if !object.key.starts_with(STATE) {
            let (objects, bytes) = stored.entry(object.storage_class.clone()).or_insert((0, 0));
            *objects += 1;
            *bytes += object.size();
        }
    }
    stored
}

fn stored_in(plan: &Value) -> BTreeMap<String, (u64, u64)> {
    let rows = plan["plan"]["storage"].as_array().unwrap().iter();
    let number = |value: &Value| value.as_u64().unwrap();
    rows.map(|row| {
        let class = row["class"].as_str().unwrap().to_owned();
        (class, (number(&row["objects"]), number(&row["bytes"])))
    })
    .collect()
}

#[tokio::test]
async fn the_run_that_follows_does_and_costs_what_was_planned() {
    let cases: [&[(&str, &str)]; 6] = [
        &[],
        &[("BACKUP_MODE", "full")],
        &[("BACKUP_WEBSITE_REDIRECTS", "all")],
        &[("BACKUP_INCLUDE_TAGS", "backup=yes")],
        &[("BACKUP_STORAGE_CLASS", "GLACIER_IR")],
        &[("BACKUP_STORAGE_CLASS", "source")],
    ];
    for vars in cases {
        let with = |world: World, (name, value): &(&str, &str)| world.with(name, value);
        let world = vars.iter().fold(mixed(World::new()), with);

        let plan = plan(&world).await;
        let run = world.backup().await;

        assert_eq!(run["status"], "complete", "{vars:?}: {run}");
        let foreseen = &plan["plan"];
        assert_eq!(foreseen["requests"], run["requests"], "{vars:?}");
        assert_eq!(foreseen["cost_usd"], run["estimated_cost_usd"], "{vars:?}");
        assert_eq!(
            foreseen["objects_to_copy"], run["objects_copied"],
            "{vars:?}"
        );
        assert_eq!(foreseen["bytes_to_copy"], run["bytes_copied"], "{vars:?}");
        assert_eq!(stored_in(&plan), stored(&world, BACKUP), "{vars:?}");
    }
}

#[tokio::test]
async fn every_destination_is_planned_for() {
    let world = mixed(World::new())
        .with_bucket("second")
        .with("DESTINATION_BUCKET", "backup,second");

    let plan = plan(&world).await;
    let run = world.backup().await;

    assert_eq!(plan["plan"]["requests"], run["requests"]);
    assert_eq!(plan["plan"]["cost_usd"], run["estimated_cost_usd"]);
    let mut both = stored(&world, BACKUP);
    for (class, (objects, bytes)) in stored(&world, "second") {
        let sum = both.entry(class).or_insert((0, 0));
        *sum = (sum.0 + objects, sum.1 + bytes);
    }
    assert_eq!(stored_in(&plan), both);
    let named = plan["plan"]["objects"].as_array().unwrap();
    let of = |bucket: &str| {
        named
            .iter()
            .filter(|row| row["destination"] == bucket)
            .count()
    };
    // The two that are unchanged in the first are new in the second.
    assert_eq!((of(BACKUP), of("second")), (8, 10), "{named:?}");
}

#[tokio::test]
async fn a_plan_says_of_each_object_why_it_would_be_copied() {
    let world = mixed(World::new());

    let incremental = plan(&world).await;
    let full = world
        .invoke(json!({"operation": "plan", "mode": "full", "prefix": "un"}))
        .await
        .unwrap();

    let named = |plan: &Value| {
        let rows = plan["plan"]["objects"].as_array().unwrap().clone();
        let text = |row: &Value| {
            (
                row["key"].as_str().unwrap().to_owned(),
                row["reason"].clone(),
            )
        };
        rows.iter().map(text).collect::<Vec<_>>()
    };
    let expected = [
        ("changed", "etag_differs"),
        ("empty", "new"),
        ("in parts", "new"),
        ("large", "new"),
        ("larger", "size_differs"),
        ("parts, not cut", "new"),
        ("small", "new"),
        ("untagged", "new"),
    ];
    assert_eq!(
        named(&incremental),
        expected.map(|(k, r)| (k.to_owned(), json!(r)))
    );
    assert_eq!(counts(&incremental), [11, 0, 2, 9, 0, 0]);
    assert_eq!(
        incremental["message"],
        "Plan for 11 objects: 8 to copy, 2 unchanged, 1 skipped"
    );
    let reasons = json!({"new": {"objects": 6, "bytes": 328 * MIB + 2},
        "etag_differs": {"objects": 1, "bytes": 1000}, "size_differs": {"objects": 1, "bytes": 2000}});
    assert_eq!(incremental["plan"]["reasons"], reasons);
    let expected = [("unchanged", "full_run"), ("untagged", "new")];
    assert_eq!(
        named(&full),
        expected.map(|(k, r)| (k.to_owned(), json!(r)))
    );
}

#[tokio::test]
async fn a_plan_costs_two_listings_writes_nothing_and_waits_for_none() {
    let world = mixed(World::new());
    world
        .sim
        .put(BACKUP, &lease::key(), lease::lease_of_another());
    let before = world.sim.all_versions(BACKUP).len();

    let plan = plan(&world).await;

    assert_eq!(plan["requests"], json!({"list": 2, "copy": 0, "head": 0}));
    assert_eq!(plan["estimated_cost_usd"], 0.00001);
    let sent: Vec<Verb> = world
        .sim
        .ledger()
        .counts()
        .into_keys()
        .map(|(verb, _)| verb)
        .collect();
    let harmless = [
        Verb::HeadBucket,
        Verb::GetBucketVersioning,
        // The last snapshot, which there may be.
        Verb::GetObject,
        Verb::ListObjectsV2,
    ];
    assert!(sent.iter().all(|verb| harmless.contains(verb)), "{sent:?}");
    assert_eq!(world.sim.all_versions(BACKUP).len(), before);
    assert!(plan.get("dry_run").is_none());
}

#[tokio::test]
async fn a_plan_goes_by_the_last_snapshot_and_writes_none() {
    // No copy has its object's ETag here: only a snapshot proves that it is current.
    let world = World::new().with("BACKUP_KMS_KEY_ID", KEY);
    for key in ["as it was", "changed", "moved", "replaced"] {
        world.put(key, "1");
    }
    world.backup().await;
    world.sim.clock().advance(Duration::from_secs(2));
    world.put("changed", "2");
    world.sim.put(BACKUP, "replaced", "3");
    world.sim.set_storage_class(BACKUP, "moved", "GLACIER_IR");
    let before = world.sim.all_versions(BACKUP).len();

    let plan = plan(&world).await;
    let after = world.sim.all_versions(BACKUP).len();
    let run = world.backup().await;

    let one = json!({"objects": 1, "bytes": 1});
    let reasons = json!({"source_changed": one, "backup_changed": one});
    assert_eq!(plan["plan"]["reasons"], reasons);
    assert_eq!(counts(&plan), [4, 0, 2, 2, 0, 0]);
    assert_eq!(plan["destinations"][0]["snapshot"], Value::Null);
    assert_eq!(after, before);
    assert_eq!(counts(&run), [4, 2, 2, 0, 0, 0]);
    assert_eq!(plan["plan"]["requests"], run["requests"]);
    assert_eq!(plan["plan"]["cost_usd"], run["estimated_cost_usd"]);
    assert_eq!(stored_in(&plan), stored(&world, BACKUP));
}

#[tokio::test]
async fn tags_are_read_of_what_would_be_copied_if_they_matter() {
    let world = mixed(World::new()).with("BACKUP_INCLUDE_TAGS", "backup=yes");

    let plan = plan(&world).await;

    assert_eq!(plan["requests"], json!({"list": 2, "copy": 0, "head": 8}));
    assert_eq!(plan["plan"]["objects_to_copy"], 7);
}

#[tokio::test]
async fn a_plan_that_is_stopped_is_continued_as_a_plan() {
    let sim = Sim::builder()
        .page_size_max(5)
        .latency(Class::List, Duration::from_millis(100))
        .start();
    let world = World::around(sim);
    for n in 0..600 {
        world.put(&format!("{n:04}"), "1");
    }

    let stopped = within(
        &world,
        Duration::from_secs(1),
        &json!({"operation": "plan"}),
    )
    .await;
    let next = json!({"operation": "continue", "cursor": stopped["cursor"]});
    let continued = world.invoke(next).await.unwrap();

    assert_eq!(stopped["status"], "incomplete", "{stopped}");
    assert_eq!(continued["status"], "complete", "{continued}");
    let to_copy = |result: &Value| result["plan"]["objects_to_copy"].as_u64().unwrap();
    assert!(to_copy(&stopped) < 600, "{stopped}");
    assert_eq!(to_copy(&stopped) + to_copy(&continued), 600);
    assert_eq!(world.keys(BACKUP), [""; 0]);
}

#[tokio::test]
async fn a_users_own_prices_count_for_plans_and_runs() {
    let table = include_str!("../../src/config/prices.json");
    let own = table
        .replace("2026-07-01", "2027-01-31")
        .replace("us-east-1", "eu-central-1")
        .replace("0.005", "1000");
    let world = World::new().with("BACKUP_PRICES", &own);
    world.put("a", "1");

    let plan = plan(&world).await;
    let run = world.backup().await;

    assert_eq!(plan["plan"]["cost_usd"], 3.0);
    assert_eq!(plan["plan"]["prices_as_of"], "2027-01-31");
    assert_eq!(plan["plan"]["region"], "eu-central-1");
    assert_eq!(run["estimated_cost_usd"], 3.0);
}

#[tokio::test]
async fn a_malformed_price_table_is_refused_by_its_field_before_anything_is_sent() {
    let table = include_str!("../../src/config/prices.json").replace("0.0036", "\"cheap\"");
    let world = World::new().with("BACKUP_PRICES", &table);

    let error = world.invoke(json!({})).await.unwrap_err();

    assert_eq!(error.error_type(), "ConfigError");
    assert_eq!(
        error.to_string(),
        "cannot use the configuration: BACKUP_PRICES (--prices) has field \
         \"classes.GLACIER.gb_month\" = \"cheap\"; allowed: a number that is not negative"
    );
    assert_eq!(world.sim.ledger().total(), 0);
}
