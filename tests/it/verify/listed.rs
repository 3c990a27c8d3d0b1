//! What two listings and a snapshot prove.

use std::time::Duration;

use s3_sim::{Algorithm, ChecksumKind, Effect, Fault, Put, Sim, Verb};
use serde_json::json;

use super::{KEY, deep, forget, found, kms, listed, objects, repair, tamper, verdicts};
use crate::world::{BACKUP, PRIMARY, STATE, World, count, counts};

#[tokio::test]
async fn an_equal_backup_is_told_from_two_listings() {
    let world = World::new();
    world.put("a", "1");
    world.put_object("b", Put::new("2").tag("t", "1"));
    world.backup().await;
    let before = world.backup_versions();
    world.sim.ledger().clear();

    let result = listed(&world).await;

    assert_eq!(verdicts(&result), [2, 0, 0, 0, 0, 0]);
    assert_eq!(result["message"], "Verified 2 objects: 2 equal");
    assert_eq!(result["requests"], json!({"list": 2, "copy": 0, "head": 0}));
    assert_eq!(world.backup_versions(), before);
    let written = world.sim.ledger().count(Verb::PutObject);
    assert_eq!(written, 0, "it takes no lease and writes nothing");
}

#[tokio::test]
async fn what_one_side_lacks_is_missing_or_extra() {
    let world = World::new();
    for key in ["a", "gone", "lost"] {
        world.put(key, "1");
    }
    world.backup().await;
    world.sim.delete(PRIMARY, "gone");
    world.sim.delete(BACKUP, "lost");

    let result = listed(&world).await;

    assert_eq!(verdicts(&result), [1, 0, 1, 1, 0, 0]);
    let expected = [
        ("gone".to_owned(), found("extra", "")),
        ("lost".to_owned(), found("missing", "")),
    ];
    assert_eq!(objects(&result), expected.into());
    assert_eq!(
        result["message"],
        "Backup differs: 2 objects, 1 equal, 1 missing, 1 extra in the backup"
    );
}

#[tokio::test]
async fn listings_tell_another_size_and_an_object_that_is_newer() {
    let world = World::new();
    for key in ["grown", "newer", "rewritten"] {
        world.put(key, "1");
    }
    world.backup().await;
    tamper(&world, "grown", Put::new("12"));
    world.put("newer", "2");
    world.put_object("rewritten", Put::new("1").meta("v", "2"));

    let result = listed(&world).await;

    assert_eq!(verdicts(&result), [0, 2, 0, 0, 1, 0]);
    let objects = objects(&result);
    assert_eq!(objects["grown"], found("different", "size"));
    assert_eq!(objects["newer"], found("different", "etag"));
    assert!(
        objects["rewritten"]
            .1
            .contains("written again since it was backed up"),
        "{result}"
    );
    assert_eq!(
        result["verified"]["different_by_property"],
        json!({"size": 1, "etag": 1})
    );
}

#[tokio::test]
async fn without_a_snapshot_etags_and_dates_are_all_there_is() {
    let world = World::new();
    for key in ["newer", "other", "rewritten", "same"] {
        world.put(key, "1");
    }
    world.backup().await;
    forget(&world);
    world.put("newer", "2");
    world.put_object("rewritten", Put::new("1").meta("v", "2"));
    tamper(&world, "other", Put::new("2"));

    let result = listed(&world).await;

    assert_eq!(verdicts(&result), [1, 1, 0, 0, 2, 0]);
    let objects = objects(&result);
    assert_eq!(objects["newer"], found("different", "etag"));
    assert!(objects["rewritten"].1.contains("written again"), "{result}");
    assert!(objects["other"].1.contains("the ETags differ"), "{result}");
}

#[tokio::test]
async fn flipped_content_of_the_same_size_and_a_forged_date_is_found() {
    let world = World::new();
    world.put("k", "right");
    world.backup().await;
    tamper(&world, "k", Put::new("wrong"));

    let by_snapshot = listed(&world).await;
    forget(&world);
    let by_listing = listed(&world).await;
    let by_look = deep(&world).await;

    assert_eq!(objects(&by_snapshot)["k"], found("different", "etag"));
    assert_eq!(verdicts(&by_listing), [0, 0, 0, 0, 1, 0]);
    assert!(objects(&by_listing)["k"].1.contains("deep verification"));
    assert_eq!(objects(&by_look)["k"], found("different", "etag,checksum"));
    assert_eq!(by_look["status"], "incomplete");
}

#[tokio::test]
async fn with_kms_on_either_side_listings_cannot_tell_and_snapshot_or_checksums_can() {
    for side in ["source", "backup"] {
        let mut world = World::new();
        if side == "source" {
            world.put_object("k", Put::new("body").encryption(kms()));
            world.put_object("empty", Put::new("").encryption(kms()));
        } else {
            world = world.with("BACKUP_KMS_KEY_ID", KEY);
            world.put("k", "body");
            world.put("empty", "");
        }
        world.backup().await;

        let by_snapshot = listed(&world).await;
        forget(&world);
        let by_listing = listed(&world).await;
        let by_look = deep(&world).await;

        assert_eq!(verdicts(&by_snapshot), [2, 0, 0, 0, 0, 0], "{side}");
        assert_eq!(verdicts(&by_listing), [1, 0, 0, 0, 1, 0], "{side}");
        assert_eq!(by_listing["status"], "complete");
        assert_eq!(
            by_listing["message"],
            "Verified 2 objects: 1 equal, 1 cannot be told"
        );
        assert_eq!(verdicts(&by_look), [2, 0, 0, 0, 0, 0], "{side}");
    }
}

#[tokio::test]
async fn a_backup_under_kms_that_was_written_over_is_found_by_the_snapshot() {
    let world = World::new().with("BACKUP_KMS_KEY_ID", KEY);
    world.put_object("k", Put::new("right").without_checksum());
    world.backup().await;
    let over = Put::new("wrong").without_checksum().encryption(kms());
    tamper(&world, "k", over);

    let by_listing = listed(&world).await;
    let by_look = deep(&world).await;
    forget(&world);
    let without = listed(&world).await;
    let looked_without = deep(&world).await;

    assert_eq!(objects(&by_listing)["k"], found("different", "etag"));
    assert_eq!(objects(&by_look)["k"], found("different", "etag"));
    assert_eq!(verdicts(&without), [0, 0, 0, 0, 1, 0]);
    assert_eq!(verdicts(&looked_without), [0, 0, 0, 0, 1, 0]);
}

#[tokio::test]
async fn a_source_under_kms_that_was_written_again_is_found_by_the_snapshot() {
    let world = World::new();
    let before = world.sim.clock().now() - Duration::from_hours(1);
    let object = |body: &str| Put::new(body).encryption(kms()).modified(before);
    world.put_object("k", object("old"));
    world.backup().await;
    world.put_object("k", object("new"));

    let by_snapshot = listed(&world).await;
    forget(&world);
    let by_listing = listed(&world).await;

    assert_eq!(objects(&by_snapshot)["k"], found("different", "etag"));
    assert_eq!(verdicts(&by_listing), [0, 0, 0, 0, 1, 0]);
}

#[tokio::test]
async fn without_any_checksum_the_etag_tells_unless_it_is_of_a_key_and_no_snapshot_is_left() {
    let world = World::new();
    world.put_object("plain", Put::new("1").without_checksum());
    world.put_object(
        "under a key",
        Put::new("1").without_checksum().encryption(kms()),
    );
    world.put_object(
        "other sum",
        Put::new("1").checksum(Algorithm::Sha256, ChecksumKind::FullObject),
    );
    world.backup().await;

    let with_snapshot = deep(&world).await;
    forget(&world);
    let result = deep(&world).await;

    assert_eq!(verdicts(&with_snapshot), [3, 0, 0, 0, 0, 0]);
    assert_eq!(verdicts(&result), [2, 0, 0, 0, 1, 0]);
    assert_eq!(result["status"], "complete");
    let (verdict, why) = &objects(&result)["under a key"];
    assert_eq!(verdict, "cannot_tell");
    assert!(why.contains("no checksum in common"), "{why}");
}

#[tokio::test]
async fn each_destination_is_judged_for_itself() {
    let world = World::new()
        .with_bucket("second")
        .with("DESTINATION_BUCKET", "backup,second")
        .with("BACKUP_DESTINATION_PREFIX", "nightly/");
    for key in ["a", "b//ü", "c"] {
        world.put_object(key, Put::new("1").tag("t", "1"));
    }
    world.backup().await;
    world.sim.delete("second", "nightly/c");
    world.sim.set_tags("second", "nightly/b//ü", &[]);

    let result = deep(&world).await;

    assert_eq!(verdicts(&result), [4, 1, 1, 0, 0, 0]);
    let equal = |n: usize| result["destinations"][n]["verified"]["equal"].clone();
    assert_eq!((equal(0), equal(1)), (json!(3), json!(1)));
    let rows = result["verified"]["objects"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["destination"] == "second"));
    assert_eq!(objects(&result)["b//ü"], found("different", "tags"));
}

#[tokio::test]
async fn what_is_not_to_be_backed_up_is_skipped() {
    let world = World::new()
        .with("BACKUP_EXCLUDE", "tmp/*")
        .with("BACKUP_INCLUDE_TAGS", "backup=yes");
    world.put_object("a", Put::new("1").tag("backup", "yes"));
    world.put_object("lost", Put::new("1").tag("backup", "yes"));
    world.put("other", "1");
    world.put("tmp/x", "1");
    world.backup().await;
    world.sim.delete(BACKUP, "lost");

    let by_listing = listed(&world).await;
    let repaired = repair(&world).await;

    assert_eq!(verdicts(&by_listing), [1, 0, 1, 0, 0, 0]);
    assert_eq!(count(&by_listing, "objects_skipped"), 2);
    assert_eq!(verdicts(&repaired), [1, 0, 1, 0, 0, 1]);
    assert_eq!(world.keys(BACKUP), ["a", "lost"]);
}

#[tokio::test]
async fn a_key_among_our_own_state_cannot_be_in_the_backup() {
    let world = World::new();
    world.put(&format!("{STATE}x"), "1");

    let result = listed(&world).await;

    assert_eq!(count(&result, "errors"), 1);
    assert_eq!(result["failures"][0]["code"], "ReservedKey");
    verdicts(&result);
}

#[tokio::test]
async fn a_listing_that_breaks_off_makes_nothing_missing() {
    let sim = Sim::builder().page_size_max(5).start();
    let world = World::around(sim);
    for n in 0..20 {
        world.put(&format!("{n:02}"), "1");
    }
    world.backup().await;
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let third = Fault::on(Verb::ListObjectsV2).bucket(BACKUP).every(3);
    world.sim.fault(third, denied);

    let result = listed(&world).await;

    let [_, different, missing, ..] = verdicts(&result);
    assert_eq!((different, missing), (0, 0), "{result}");
    assert!(count(&result, "errors") > 0);
    assert_eq!(result["status"], "incomplete");
}

#[tokio::test]
async fn a_backup_run_knows_nothing_of_a_verification() {
    let world = World::new();
    world.put("k", "1");

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    assert_eq!(result.get("verified"), None);
    assert_eq!(result["destinations"][0].get("verified"), None);
}
