//! A verification says of each object what is proven, and nothing that is not.

mod deep;
mod listed;
mod parts;
mod repair;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use s3_sim::{Content, Encryption, Put, SystemHeaders};
use serde_json::{Value, json};

use crate::world::{BACKUP, World, count};

const MIB: u64 = 1024 * 1024;

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k1";

/// Verdicts of a result: equal, different, missing, extra, cannot tell, repaired. The law holds.
fn verdicts(result: &Value) -> [u64; 6] {
    let verdicts = [
        "equal",
        "different",
        "missing",
        "extra",
        "cannot_tell",
        "repaired",
    ];
    let destinations = result["destinations"].as_array().unwrap();
    for part in destinations.iter().chain([result]) {
        let of = |name| count(&part["verified"], name);
        let others = ["objects_skipped", "objects_vanished", "errors"];
        let others: u64 = others.iter().map(|name| count(part, name)).sum();
        let compared = of("equal") + of("different") + of("missing") + of("cannot_tell");
        assert_eq!(count(part, "objects_found"), compared + others, "{result}");
        assert_eq!(count(part, "objects_copied"), of("repaired"), "{result}");
        assert_eq!(count(part, "objects_unchanged"), of("equal"), "{result}");
    }
    let [_, different, missing, _, _, repaired] =
        verdicts.map(|name| count(&result["verified"], name));
    let wrong = count(&result["verified"], "wrong");
    assert_eq!(wrong, different + missing - repaired, "{result}");
    let clean = wrong == 0 && count(result, "errors") == 0 && result["cursor"].is_null();
    assert_eq!(result["status"] == "complete", clean, "{result}");
    assert_eq!(result["statusCode"] == 200, clean, "{result}");
    verdicts.map(|name| count(&result["verified"], name))
}

/// The verdict on each object that a result names, and in what it differs or why nobody can tell.
fn objects(result: &Value) -> BTreeMap<String, (String, String)> {
    verdicts(result);
    let rows = result["verified"]["objects"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.map(|row| {
        let properties = row["properties"].as_array();
        let properties: Vec<_> = properties.into_iter().flatten().map(text).collect();
        let what = properties.join(",") + &text(&row["why"]);
        (text(&row["key"]), (text(&row["verdict"]), what))
    })
    .collect()
}

fn found(verdict: &str, what: &str) -> (String, String) {
    (verdict.to_owned(), what.to_owned())
}

async fn listed(world: &World) -> Value {
    world.invoke(json!({"operation": "verify"})).await.unwrap()
}

async fn deep(world: &World) -> Value {
    let asked = json!({"operation": "verify", "deep": true});
    world.invoke(asked).await.unwrap()
}

async fn repair(world: &World) -> Value {
    let asked = json!({"operation": "verify", "deep": true, "repair": true});
    world.invoke(asked).await.unwrap()
}

/// A date later than everything that is there.
fn later(world: &World) -> SystemTime {
    world.sim.clock().now() + Duration::from_hours(1)
}

/// Writes a backup behind the program's back, with a date that raises no doubt.
fn tamper(world: &World, key: &str, put: Put) {
    world
        .sim
        .put_object(BACKUP, key, put.modified(later(world)));
}

/// Takes the last snapshot away, as of backups that never had one.
fn forget(world: &World) {
    let keys = world.sim.keys(BACKUP).into_iter();
    let latest = keys.filter(|key| key.ends_with("/latest.json"));
    let latest: Vec<String> = latest.collect();
    assert_eq!(latest.len(), 1, "{latest:?}");
    world.sim.delete(BACKUP, &latest[0]);
}

fn kms() -> Encryption {
    Encryption::Kms {
        key: KEY.to_owned(),
    }
}

fn with_redirect(content: impl Into<Content>) -> Put {
    Put::new(content).headers(SystemHeaders {
        website_redirect: Some("/there".to_owned()),
        ..SystemHeaders::default()
    })
}
