//! What a copy carries, in this direction: layout, headers, metadata, tags, redirects, classes, checksums.

use s3_sim::{Content, Encryption, Put, SystemHeaders};
use serde_json::json;

use super::{restore, state, world};
use crate::world::{PRIMARY, World, count};

const MIB: u64 = 1024 * 1024;

fn headers() -> SystemHeaders {
    let text = |text: &str| Some(text.to_owned());
    SystemHeaders {
        content_type: text("text/plain; charset=utf-8"),
        cache_control: text("max-age=60"),
        content_disposition: text("attachment; filename=\"a b.txt\""),
        content_encoding: text("gzip"),
        content_language: text("de, fr"),
        expires: text("no date at all"),
        website_redirect: None,
    }
}

fn full(put: Put) -> Put {
    (0..10).fold(
        put.headers(headers()).meta("umlaut", "Grüße, 日本"),
        |put, n| put.tag(&format!("tag/{n} +=:@"), &format!("ü {n}")),
    )
}

fn fill(world: &World) {
    world.put_object("small", full(Put::new("small")));
    let large = Put::new(Content::generated(1, 12 * MIB)).parts(&[5 * MIB, 5 * MIB, 2 * MIB]);
    world.put_object("large", full(large));
    world.put_object("empty", Put::new(""));
    let redirect = SystemHeaders {
        website_redirect: Some("/other page".to_owned()),
        ..SystemHeaders::default()
    };
    world.put_object("redirect", Put::new("").headers(redirect));
    let kms = Encryption::Kms {
        key: "arn:aws:kms:us-east-1:111122223333:key/other".to_owned(),
    };
    world.put_object("kms", full(Put::new("kms")).encryption(kms));
    for key in [
        "a//b",
        "/a",
        "..",
        "a b+c%2F",
        "ü 😀",
        "line\nbreak",
        "q?versionId=x&y",
    ] {
        world.put(key, key);
    }
}

#[tokio::test]
async fn everything_that_a_copy_carries_comes_back_in_place_and_elsewhere() {
    let world = world()
        .with("BACKUP_MULTIPART_THRESHOLD", "5 MiB")
        .with_bucket("elsewhere");
    fill(&world);
    world.backup().await;
    let before = state(&world, PRIMARY);
    let etag = |bucket: &str| world.sim.current(bucket, "large").unwrap().etag;
    let parts = etag(PRIMARY);
    for key in world.keys(PRIMARY) {
        world.sim.delete(PRIMARY, &key);
    }

    let in_place = restore(&world, json!({"all": true, "run": "latest"})).await;
    let elsewhere = json!({"all": true, "run": "latest", "to": "s3://elsewhere"});
    let elsewhere = restore(&world, elsewhere).await;

    assert_eq!(in_place["status"], "complete", "{in_place}");
    assert_eq!(elsewhere["status"], "complete", "{elsewhere}");
    assert_eq!(state(&world, PRIMARY), before);
    assert_eq!(state(&world, "elsewhere"), before);
    assert_eq!(etag(PRIMARY), parts, "in its own parts");
    let again = restore(&world, json!({"all": true, "run": "latest"})).await;
    assert_eq!(
        count(&again, "objects_unchanged"),
        before.len() as u64,
        "{again}"
    );
}

#[tokio::test]
async fn rewritten_metadata_and_tags_below_the_same_bytes_come_back() {
    let world = world();
    world.put_object("meta", Put::new("x").meta("a", "1"));
    world.put_object("tags", Put::new("x").tag("a", "1"));
    world.backup().await;
    let before = state(&world, PRIMARY);
    world.sim.clock().advance(std::time::Duration::from_secs(2));
    world.put_object("meta", Put::new("x").meta("a", "2"));
    world.put_object("tags", Put::new("x").tag("a", "2"));

    let result = restore(&world, json!({"all": true, "run": "latest"})).await;

    assert_eq!(count(&result, "objects_restored"), 2, "{result}");
    assert_eq!(state(&world, PRIMARY), before);
}

#[tokio::test]
async fn the_class_is_chosen_or_the_one_that_is_asked_for() {
    let world = world().with("BACKUP_STORAGE_CLASS", "source");
    world.put_object("ia", Put::new("x").storage_class("STANDARD_IA"));
    world.put_object("plain", Put::new("x"));
    world.backup().await;
    for key in ["ia", "plain"] {
        world.sim.delete(PRIMARY, key);
    }
    let class = |key: &str| world.sim.current(PRIMARY, key).unwrap().storage_class;

    restore(&world, json!({"all": true, "run": "latest"})).await;
    assert_eq!([class("ia"), class("plain")], ["STANDARD_IA", "STANDARD"]);

    world.sim.delete(PRIMARY, "ia");
    let request = json!({"keys": ["ia"], "run": "latest", "storage_class": "ONEZONE_IA"});
    restore(&world, request).await;
    assert_eq!(class("ia"), "ONEZONE_IA");
}
