//! What a verification calls equal is proven, and it says by what.

use std::time::Duration;

use s3_sim::{Algorithm, ChecksumKind, Content, Encryption, Put, Verb};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, World, count};

const MIB: u64 = 1024 * 1024;
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k1";

fn kms() -> Encryption {
    Encryption::Kms {
        key: KEY.to_owned(),
    }
}

async fn deep(world: &World) -> Value {
    let asked = json!({"operation": "verify", "deep": true});
    world.run(asked).await
}

/// Puts an object and what passes for its backup.
fn put_both(world: &World, key: &str, object: Put, backup: Put) {
    world.put_object(key, object);
    let later = world.sim.clock().now() + Duration::from_secs(1);
    world.sim.put_object(BACKUP, key, backup.modified(later));
}

fn copies(world: &World) -> u64 {
    world.sim.ledger().count(Verb::CopyObject)
}

#[tokio::test]
async fn every_equal_object_is_counted_by_what_proves_it() {
    let world = World::new();
    let body = || Content::generated(1, 12 * MIB);
    let (even, uneven) = ([6 * MIB; 2], [5 * MIB, 7 * MIB]);
    let old = |body: Content| Put::new(body).without_checksum();
    let with =
        |body: Content, algorithm| Put::new(body).checksum(algorithm, ChecksumKind::FullObject);
    let pairs = [
        (
            "empty",
            old(Content::empty()).encryption(kms()),
            old(Content::empty()),
        ),
        ("md5", old("1".into()), old("1".into())),
        ("crc64nvme", Put::new("1"), Put::new("1").encryption(kms())),
        (
            "sha256",
            with("1".into(), Algorithm::Sha256),
            with("1".into(), Algorithm::Sha256).encryption(kms()),
        ),
        (
            "etag_of_parts",
            Put::new(body()).parts(&even),
            Put::new(body()).parts(&even),
        ),
        (
            "crc64nvme 2",
            Put::new(body()).parts(&even),
            Put::new(body()).parts(&uneven),
        ),
    ];
    for (key, object, backup) in pairs {
        put_both(&world, key, object, backup);
    }

    let looked = deep(&world).await;
    let listed = world.run(json!({"operation": "verify"})).await;

    let proof = json!({"empty": 1, "md5": 1, "crc64nvme": 2, "sha256": 1, "etag_of_parts": 1});
    assert_eq!(looked["verified"]["proof"], proof, "{looked}");
    assert_eq!(looked["verified"]["equal"], 6);
    let proof = json!({"empty": 1, "md5": 1, "etag_of_parts": 1});
    assert_eq!(listed["verified"]["proof"], proof, "{listed}");
}

#[tokio::test]
async fn the_snapshot_is_a_proof_of_its_own() {
    let world = World::new();
    world.put_object("k", Put::new("1").without_checksum().encryption(kms()));
    world.backup().await;

    let listed = world.run(json!({"operation": "verify"})).await;
    let looked = deep(&world).await;

    for result in [listed, looked] {
        assert_eq!(result["verified"]["proof"], json!({"snapshot": 1}));
    }
}

#[tokio::test]
async fn other_etags_of_the_same_parts_are_other_content_whatever_a_checksum_says() {
    let world = World::new();
    let forged = |seed, parts: &[u64]| {
        let body = Content::generated(seed, 12 * MIB);
        let put = Put::new(body).parts(parts);
        put.checksum_value(Algorithm::Crc64Nvme, "AAAAAAAAAAA=")
    };
    let (even, uneven) = ([6 * MIB; 2], [5 * MIB, 7 * MIB]);
    put_both(&world, "parts", forged(1, &even), forged(2, &even));
    put_both(&world, "other parts", forged(1, &even), forged(1, &uneven));
    let small = |body: &str| Put::new(body).checksum_value(Algorithm::Crc64Nvme, "AAAAAAAAAAA=");
    put_both(&world, "whole", small("1"), small("2"));

    let result = deep(&world).await;

    assert_eq!(result["verified"]["different"], 2, "{result}");
    assert_eq!(
        result["verified"]["different_by_property"],
        json!({"etag": 2})
    );
    assert_eq!(result["verified"]["proof"], json!({"crc64nvme": 1}));
}

#[tokio::test]
async fn more_parts_than_are_looked_at_leave_it_open_even_with_a_checksum() {
    let world = World::new();
    let size = 101 * 5 * MIB;
    let put = |first: u64| {
        let mut parts = vec![5 * MIB; 101];
        parts[0] += first;
        parts[1] += 10 - first;
        Put::new(Content::generated(1, size + 10)).parts(&parts)
    };
    let same_first = || {
        let mut parts = vec![5 * MIB; 101];
        parts[2] += 10;
        Put::new(Content::generated(1, size + 10)).parts(&parts)
    };
    put_both(&world, "another first part", put(1), put(9));
    put_both(&world, "the same first part", put(0), same_first());

    let result = deep(&world).await;

    assert_eq!(
        result["verified"]["proof"],
        json!({"crc64nvme": 1}),
        "{result}"
    );
    assert_eq!(result["verified"]["cannot_tell"], 1);
    let row = &result["verified"]["objects"][0];
    assert_eq!(row["key"], "the same first part");
    let why = row["why"].as_str().unwrap();
    assert!(
        why.starts_with("a checksum is equal and the ETags differ"),
        "{why}"
    );
}

#[tokio::test]
async fn tags_are_read_where_no_count_is_told() {
    for silent in [&[PRIMARY][..], &[BACKUP], &[PRIMARY, BACKUP]] {
        for untagged in ["a", "z"] {
            let world = World::new();
            for bucket in silent {
                world
                    .sim
                    .change_options(bucket, |options| options.tells_tag_counts = false);
            }
            world.put(untagged, "1");
            for key in ["m", "n", "o"] {
                world.put_object(key, Put::new("1").tag("a", "b"));
            }
            world.backup().await;
            world.sim.set_tags(BACKUP, "m", &[("a", "other")]);
            world.sim.set_tags(BACKUP, "n", &[]);

            let result = deep(&world).await;

            assert_eq!(result["verified"]["equal"], 2, "{silent:?}: {result}");
            assert_eq!(
                result["verified"]["different_by_property"],
                json!({"tags": 2})
            );
        }
    }
}

#[tokio::test]
async fn tags_that_may_not_be_read_below_a_prefix_are_an_error_of_those_objects() {
    for denied in [&[PRIMARY][..], &[BACKUP], &[PRIMARY, BACKUP]] {
        let world = World::new();
        world.put("a", "1");
        world.put_object("b", Put::new("1").tag("a", "b"));
        world.put_object("secret/tagged", Put::new("1").tag("a", "b"));
        world.put("secret/untagged", "1");
        world.put("z", "1");
        world.backup().await;
        world
            .sim
            .set_tags(BACKUP, "secret/tagged", &[("a", "other")]);
        for bucket in denied {
            world
                .sim
                .deny_below("s3:GetObjectTagging", bucket, "secret/");
        }

        let result = deep(&world).await;

        assert_eq!(result["verified"]["equal"], 3, "{denied:?}: {result}");
        assert_eq!(count(&result, "errors"), 2);
        assert_eq!(result["status"], "incomplete");
        for failure in result["failures"].as_array().unwrap() {
            let key = failure["key"].as_str().unwrap();
            assert!(key.starts_with("secret/"), "{failure}");
            assert_eq!(failure["operation"], "GetObjectTagging");
        }
    }
}

#[tokio::test]
async fn a_repair_with_a_tag_filter_does_not_copy_what_cannot_be_told() {
    let world = World::new().with("BACKUP_INCLUDE_TAGS", "team=a");
    let tagged = || {
        Put::new("1")
            .without_checksum()
            .encryption(kms())
            .tag("team", "a")
    };
    put_both(&world, "doubtful", tagged(), tagged());
    world.put_object("missing", tagged());
    let repair = json!({"operation": "verify", "deep": true, "repair": true});

    let result = world.run(repair).await;

    assert_eq!(result["verified"]["cannot_tell"], 1, "{result}");
    assert_eq!(result["verified"]["repaired"], 1);
    assert_eq!(copies(&world), 1);
    assert_eq!(world.sim.versions(BACKUP, "doubtful").len(), 1);
}
