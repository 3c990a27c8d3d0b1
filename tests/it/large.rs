//! Objects that are copied in parts: cut as their source, whole or not at all, and beside the small ones.

use std::time::Duration;

use s3_sim::{Class, Content, Effect, Encryption, Fault, ObjectView, Put, Sim, Verb};
use serde_json::Value;

use crate::world::{BACKUP, PRIMARY, World, count, counts};

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

fn world() -> World {
    World::new().with("BACKUP_MULTIPART_THRESHOLD", "8 MiB")
}

fn large(seed: u64) -> Put {
    Put::new(Content::generated(seed, 20 * MIB)).parts(&[8 * MIB, 8 * MIB, 4 * MIB])
}

/// Asserts that the backup of a key is the object, in all that a copy can keep.
fn assert_exact(world: &World, key: &str) {
    let shown = |mut object: ObjectView| {
        // What S3 gives to each copy anew.
        object.version_id.clear();
        object.last_modified = std::time::UNIX_EPOCH;
        // S3 tells this type where none was sent, and it is sent on.
        object
            .headers
            .content_type
            .get_or_insert("binary/octet-stream".to_owned());
        object
    };
    let object = shown(world.sim.current(PRIMARY, key).unwrap());
    let backup = shown(world.backup_of(key));
    assert_eq!(backup, object, "{key}");
}

#[tokio::test]
async fn objects_of_every_size_arrive_exact() {
    let world = World::new();
    let even = |size: u64, part: u64| {
        let parts: Vec<u64> = (0..size.div_ceil(part))
            .map(|n| part.min(size - n * part))
            .collect();
        Put::new(Content::generated(size, size)).parts(&parts)
    };
    let whole = |size: u64| Put::new(Content::generated(size, size));
    let fifty_tb = 50_000_000_000_000;
    world.put_object("0", Put::new(""));
    world.put_object("1", Put::new("x"));
    world.put_object("5 MiB", whole(5 * MIB));
    world.put_object("threshold", whole(GIB));
    world.put_object("threshold + 1", even(GIB + 1, 512 * MIB));
    world.put_object("5 GiB", even(5 * GIB, 100 * MIB));
    world.put_object("5 GiB + 1", even(5 * GIB + 1, 5 * GIB));
    world.put_object("50 TB", even(fifty_tb, 5_000_000_000));

    let first = world.backup().await;
    let second = world.backup().await;

    assert_eq!(counts(&first), [8, 8, 0, 0, 0, 0], "{first}");
    assert_eq!(counts(&second), [8, 0, 8, 0, 0, 0], "{second}");
    for key in world.keys(PRIMARY) {
        assert_exact(&world, &key);
    }
    assert!(world.sim.uploads(BACKUP).is_empty());
}

#[tokio::test]
async fn an_unequal_layout_changes_the_etag_and_not_a_byte() {
    let world = world();
    let sizes = [5 * MIB, 7 * MIB, 9 * MIB, MIB];
    let put = Put::new(Content::generated(1, 22 * MIB)).parts(&sizes);
    world.put_object("k", put.content_type("video/mp4").tag("a", "b"));

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    world.assert_backed_up();
    let (object, backup) = (
        world.sim.current(PRIMARY, "k").unwrap(),
        world.backup_of("k"),
    );
    assert_ne!(backup.etag, object.etag);
    assert_eq!(backup.checksum, object.checksum);
}

#[tokio::test]
async fn an_object_without_parts_above_the_threshold_is_cut() {
    let world = world();
    world.put_object(
        "k",
        Put::new(Content::generated(1, 300 * MIB)).content_type("a/b"),
    );

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    world.assert_backed_up();
    assert_eq!(world.backup_of("k").parts, Some(vec![256 * MIB, 44 * MIB]));
}

#[tokio::test]
async fn an_object_beyond_ten_thousand_parts_is_an_error_that_says_so() {
    let world = World::new();
    let most = 10_000 * 5 * GIB;
    world.put_object("k", Put::new(Content::generated(1, most + 1)));

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 0, 0, 0, 1]);
    let message = result["failures"][0]["message"].as_str().unwrap();
    assert!(message.contains("53687091200001 bytes"), "{message}");
}

#[tokio::test]
async fn every_part_is_bound_to_the_listed_etag() {
    let world = world();
    world.put_object("k", large(1));

    world.backup().await;

    let etag = world.sim.current(PRIMARY, "k").unwrap().etag;
    let parts = world.sim.ledger().of(Verb::UploadPartCopy);
    assert_eq!(parts.len(), 3);
    for part in parts {
        assert_eq!(
            part.header("x-amz-copy-source-if-match")
                .unwrap()
                .trim_matches('"'),
            etag
        );
    }
}

#[tokio::test]
async fn an_object_overwritten_between_two_parts_is_the_new_one_and_no_mix() {
    let world = world();
    world.put_object("k", large(1));
    let overwrite = Effect::before(|sim| {
        sim.put_object(PRIMARY, "k", large(2));
    });
    world
        .sim
        .fault(Fault::on(Verb::UploadPartCopy).nth(2), overwrite);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    assert_exact(&world, "k");
    assert_eq!(world.sim.versions(BACKUP, "k").len(), 1);
    assert!(world.sim.uploads(BACKUP).is_empty());
}

#[tokio::test]
async fn an_object_overwritten_before_its_upload_is_completed_is_the_old_or_the_new_one() {
    let world = world();
    world.put_object("k", large(1));
    let overwrite = Effect::before(|sim| {
        sim.put_object(PRIMARY, "k", large(2));
    });
    world
        .sim
        .fault(Fault::on(Verb::CompleteMultipartUpload).nth(1), overwrite);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    assert_eq!(
        world.backup_of("k").content,
        Content::generated(1, 20 * MIB)
    );
}

#[tokio::test]
async fn an_object_deleted_between_two_parts_has_vanished() {
    let world = world();
    world.put_object("k", large(1));
    let delete = Effect::before(|sim| {
        sim.delete(PRIMARY, "k");
    });
    world
        .sim
        .fault(Fault::on(Verb::UploadPartCopy).nth(2), delete);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 0, 0, 1, 0]);
    assert!(world.keys(BACKUP).is_empty());
    assert!(world.sim.uploads(BACKUP).is_empty());
}

#[tokio::test]
async fn a_part_that_fails_for_good_aborts_the_upload() {
    let world = world();
    world.put_object("k", large(1));
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::UploadPartCopy).nth(2), denied);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 0, 0, 0, 1]);
    assert_eq!(result["failures"][0]["operation"], "UploadPartCopy");
    assert_eq!(world.sim.ledger().count(Verb::AbortMultipartUpload), 1);
    assert!(world.sim.uploads(BACKUP).is_empty());
}

#[tokio::test]
async fn a_completion_whose_answer_was_lost_is_looked_at() {
    let world = world();
    world.put_object("k", large(1));
    let lost = Fault::on(Verb::CompleteMultipartUpload).nth(1);
    world.sim.fault(lost, Effect::ResetAfterWork);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    assert_eq!(world.sim.versions(BACKUP, "k").len(), 1);
}

#[tokio::test]
async fn an_older_equal_backup_does_not_prove_a_completion() {
    let world = world();
    world.put_object("k", large(1).meta("v", "1"));
    world.backup().await;
    world.put_object("k", large(1).meta("v", "2"));
    let lost = Fault::on(Verb::CompleteMultipartUpload).nth(1);
    world.sim.fault(lost, Effect::ConnectionReset);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    assert_exact(&world, "k");
}

#[tokio::test]
async fn a_torn_copy_is_refused_by_s3_itself() {
    let world = world();
    let put = large(1).checksum_value(s3_sim::Algorithm::Crc64Nvme, "AAAAAAAAAAA=");
    world.put_object("k", put);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 0, 0, 0, 1]);
    assert_eq!(
        result["failures"][0]["operation"],
        "CompleteMultipartUpload"
    );
    assert_eq!(result["failures"][0]["code"], "BadDigest");
    assert!(world.keys(BACKUP).is_empty());
    assert!(world.sim.uploads(BACKUP).is_empty());
}

#[tokio::test]
async fn a_torn_copy_of_an_object_without_a_checksum_is_refused_by_its_size() {
    let world = world();
    world.put_object("k", large(1).without_checksum());
    let tear = Effect::before(|sim| sim.cut_part(BACKUP, "k", 3));
    world
        .sim
        .fault(Fault::on(Verb::CompleteMultipartUpload), tear);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 0, 0, 0, 1], "{result}");
    assert_eq!(
        result["failures"][0]["operation"],
        "CompleteMultipartUpload"
    );
    assert!(world.keys(BACKUP).is_empty());
    assert!(world.sim.uploads(BACKUP).is_empty());
}

/// An object whose metadata and tags say which one it is.
fn colored(seed: u64, color: &str) -> Put {
    let put = large(seed).content_type("a/b");
    put.meta("color", color).tag("color", color)
}

#[tokio::test]
async fn headers_metadata_tags_and_bytes_of_a_large_copy_are_of_one_object() {
    let points = [
        (Verb::HeadObject, 1),
        (Verb::HeadObject, 2),
        (Verb::HeadObject, 3),
        (Verb::GetObjectTagging, 1),
        (Verb::CreateMultipartUpload, 1),
        (Verb::UploadPartCopy, 2),
        (Verb::CompleteMultipartUpload, 1),
    ];
    let others: [fn() -> Put; 3] = [
        || colored(2, "blue"),
        || colored(1, "blue"),
        || {
            Put::new("small")
                .content_type("a/b")
                .meta("color", "blue")
                .tag("color", "blue")
        },
    ];
    for (verb, nth) in points {
        for after in [false, true] {
            for (number, other) in others.into_iter().enumerate() {
                let name = format!("object {number}, {verb:?} {nth}, after: {after}");
                let world = world();
                world.put_object("k", colored(1, "red"));
                let overwrite = move |sim: &s3_sim::Backdoor| {
                    sim.clock().advance(Duration::from_secs(2));
                    sim.put_object(PRIMARY, "k", other());
                };
                let effect = if after {
                    Effect::after(overwrite)
                } else {
                    Effect::before(overwrite)
                };
                world.sim.fault(Fault::on(verb).nth(nth), effect);

                let first = world.backup().await;
                world.sim.clear_faults();

                assert_eq!(first["status"], "complete", "{name}: {first}");
                let backup = world.backup_of("k");
                let color = &backup.metadata["color"];
                assert_eq!(&backup.tags["color"], color, "{name}: {first}");
                if color == "red" {
                    assert_eq!(backup.content, Content::generated(1, 20 * MIB), "{name}");
                }
                let second = world.backup().await;
                assert_eq!(second["status"], "complete", "{name}: {second}");
                assert!(world.is_backed_up("k"), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_composite_checksum_becomes_a_full_one() {
    let world = world();
    let composite = large(1).checksum(s3_sim::Algorithm::Sha256, s3_sim::ChecksumKind::Composite);
    world.put_object("k", composite);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    let checksum = world.backup_of("k").checksum.unwrap();
    assert_eq!(checksum.algorithm, s3_sim::Algorithm::Crc64Nvme);
    assert_eq!(checksum.kind, s3_sim::ChecksumKind::FullObject);
    assert_eq!(
        world.backup_of("k").content,
        Content::generated(1, 20 * MIB)
    );
}

#[tokio::test]
async fn denied_tags_are_an_error_and_no_silent_loss() {
    let world = world();
    world.put_object("k", large(1).tag("a", "b"));
    world.sim.deny("s3:GetObjectTagging");

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 0, 0, 0, 1]);
    assert_eq!(result["failures"][0]["operation"], "GetObjectTagging");
    assert!(
        advice(&result).contains("grant s3:GetObjectTagging"),
        "{result}"
    );
}

#[tokio::test]
async fn metadata_that_s3_hides_travels_in_one_call_or_is_an_error() {
    let world = world();
    world.put_object("k", large(1).meta("hidden", "a\u{7}b"));
    let huge = Put::new(Content::generated(1, 6 * GIB)).parts(&[3 * GIB, 3 * GIB]);
    world.put_object("l", huge.meta("hidden", "a\u{7}b"));

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 1, 0, 0, 0, 1]);
    assert_eq!(world.backup_of("k").metadata["hidden"], "a\u{7}b");
    assert_eq!(result["failures"][0]["key"], "l");
    assert!(advice(&result).contains("rewrite its metadata"), "{result}");
}

#[tokio::test]
async fn an_archived_large_object_is_an_error_with_advice() {
    let world = world();
    world.put_object("k", large(1).storage_class("DEEP_ARCHIVE"));
    world.put_object("l", large(2).archive_status("ARCHIVE_ACCESS"));

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 0, 0, 0, 0, 2]);
    assert!(advice(&result).contains("s3:RestoreObject"), "{result}");
    assert!(world.sim.uploads(BACKUP).is_empty());
}

#[tokio::test]
async fn a_denied_key_names_the_key_and_the_action() {
    let world = world();
    let key = "arn:aws:kms:us-east-1:111122223333:key/source-key".to_owned();
    let kms = Encryption::Kms { key: key.clone() };
    world.put_object("small", Put::new("1").encryption(kms.clone()));
    world.put_object("large", large(1).encryption(kms));
    world.sim.deny("kms:Decrypt");

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 0, 0, 0, 0, 2]);
    let failures = result["failures"].as_array().unwrap();
    let copy = failures
        .iter()
        .find(|failure| failure["key"] == "small")
        .unwrap();
    let advice = copy["advice"].as_str().unwrap();
    assert_eq!(
        advice,
        format!("grant kms:Decrypt on {key} to the role that runs the backup")
    );
}

#[tokio::test]
async fn a_large_object_and_small_ones_do_not_stall_each_other() {
    let sim = Sim::builder()
        .latency(Class::Copy, Duration::from_millis(10))
        .start();
    let world = World::around(sim)
        .with("BACKUP_MULTIPART_THRESHOLD", "8 MiB")
        .with("BACKUP_MAX_CONCURRENCY", "8");
    let parts = vec![5 * MIB; 100];
    world.put_object(
        "a large one",
        Put::new(Content::generated(1, 500 * MIB)).parts(&parts),
    );
    for n in 0..100 {
        world.put(&format!("small {n:03}"), "1");
    }

    let result = world.backup().await;

    assert_eq!(counts(&result), [101, 101, 0, 0, 0, 0]);
    let entries = world.sim.ledger().entries();
    let at = |verb| {
        entries
            .iter()
            .filter(move |entry| entry.verb == verb)
            .map(|entry| entry.at)
    };
    let (first_part, last_part) = (
        at(Verb::UploadPartCopy).min(),
        at(Verb::UploadPartCopy).max(),
    );
    let (first_small, last_small) = (at(Verb::CopyObject).min(), at(Verb::CopyObject).max());
    assert!(
        first_small < last_part && first_part < last_small,
        "one waited for the other"
    );
    assert!(
        world.sim.ledger().max_in_flight() <= 10,
        "8 copies, and a page ahead on each side"
    );
    assert_eq!(count(&result["requests"], "copy"), 202);
}

#[tokio::test]
async fn an_odd_key_is_copied_in_parts_as_well() {
    let world = world();
    for key in [" ", "a+b %2F?", "//", "\u{1}\n", "😀"] {
        world.put_object(key, large(1).tag("k", "v").content_type("a/b"));
    }

    let result = world.backup().await;

    assert_eq!(counts(&result), [5, 5, 0, 0, 0, 0], "{result}");
    for key in world.keys(PRIMARY) {
        assert_exact(&world, &key);
    }
}

fn advice(result: &Value) -> &str {
    result["failures"][0]["advice"].as_str().unwrap()
}
