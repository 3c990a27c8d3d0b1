//! A verification says of each object what is proven, and nothing that is not.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use s3_sim::{
    Algorithm, ChecksumKind, Class, Content, Effect, Encryption, Fault, Put, Sim, SystemHeaders,
    Verb,
};
use serde_json::{Value, json};

use crate::lease;
use crate::resume::{to_the_end, total, within};
use crate::world::{BACKUP, PRIMARY, STATE, World, count, counts};

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
async fn a_deep_verification_names_each_property_that_differs() {
    let world = World::new().with("BACKUP_WEBSITE_REDIRECTS", "all");
    let whole = || {
        Put::new("1")
            .content_type("text/csv")
            .meta("owner", "finance")
            .tag("team", "a")
    };
    for key in ["fewer tags", "headers", "metadata", "other tags", "same"] {
        world.put_object(key, whole());
    }
    world.backup().await;
    world.sim.set_tags(BACKUP, "fewer tags", &[]);
    world.sim.set_tags(BACKUP, "other tags", &[("team", "b")]);
    tamper(&world, "headers", whole().content_type("text/plain"));
    tamper(&world, "metadata", whole().meta("owner", "nobody"));

    let by_listing = listed(&world).await;
    let by_look = deep(&world).await;

    assert_eq!(
        verdicts(&by_listing),
        [5, 0, 0, 0, 0, 0],
        "listings show none of it"
    );
    assert_eq!(verdicts(&by_look), [1, 4, 0, 0, 0, 0]);
    let expected = [
        ("fewer tags", "tags"),
        ("headers", "headers"),
        ("metadata", "metadata"),
        ("other tags", "tags"),
    ];
    let expected = expected.map(|(key, what)| (key.to_owned(), found("different", what)));
    assert_eq!(objects(&by_look), expected.into());
    assert_eq!(
        by_look["verified"]["different_by_property"],
        json!({"headers": 1, "metadata": 1, "tags": 2})
    );
}

#[tokio::test]
async fn a_deep_verification_costs_four_requests_and_two_where_the_numbers_of_tags_differ() {
    let world = World::new();
    for n in 0..10 {
        world.put(&format!("plain {n}"), "1");
    }
    world.put_object("tagged", Put::new("1").tag("a", "b"));
    world.put_object("more tags", Put::new("1").tag("a", "b"));
    world.backup().await;
    let tags = [("a", "b"), ("c", "d")];
    world.sim.set_tags(BACKUP, "more tags", &tags);

    let result = deep(&world).await;

    assert_eq!(verdicts(&result), [11, 1, 0, 0, 0, 0]);
    assert_eq!(count(&result["verified"], "compared_deep"), 12);
    assert_eq!(count(&result["requests"], "head"), 4 * 11 + 2);
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
async fn flipped_content_under_kms_is_found_by_its_checksum() {
    let world = World::new().with("BACKUP_KMS_KEY_ID", KEY);
    world.put("k", "right");
    world.backup().await;
    tamper(&world, "k", Put::new("wrong").encryption(kms()));

    let result = deep(&world).await;

    assert_eq!(objects(&result)["k"], found("different", "checksum"));
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
async fn what_was_repaired_under_kms_is_another_copy_until_the_next_run_records_it() {
    let world = World::new().with("BACKUP_KMS_KEY_ID", KEY);
    world.put("k", "right");
    world.backup().await;
    tamper(&world, "k", Put::new("wrong").encryption(kms()));

    let repaired = repair(&world).await;
    world.sim.clock().advance(Duration::from_hours(2));
    let by_listing = listed(&world).await;
    let by_look = deep(&world).await;
    world.backup().await;
    let recorded = listed(&world).await;

    assert_eq!(verdicts(&repaired), [0, 1, 0, 0, 0, 1]);
    assert_eq!(repaired["destinations"][0]["snapshot"], Value::Null);
    assert_eq!(objects(&by_listing)["k"], found("different", "etag"));
    assert_eq!(verdicts(&by_look), [1, 0, 0, 0, 0, 0]);
    assert_eq!(verdicts(&recorded), [1, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn objects_in_parts_are_compared_by_checksum_or_by_equal_parts() {
    let world = World::new();
    let body = |seed| Content::generated(seed, 15 * MIB);
    let even = [5 * MIB; 3];
    let uneven = [5 * MIB, 6 * MIB, 4 * MIB];
    let old = |seed, parts: &[u64]| Put::new(body(seed)).parts(parts).without_checksum();
    let pairs = [
        ("same parts", old(1, &even), old(1, &even)),
        ("same parts, flipped", old(1, &even), old(2, &even)),
        ("other parts", old(1, &even), old(1, &uneven)),
        ("fewer parts", old(1, &even), old(1, &[10 * MIB, 5 * MIB])),
        ("one part", old(1, &even), Put::new(body(1))),
        (
            "other parts, summed",
            Put::new(body(1)).parts(&even),
            Put::new(body(1)).parts(&uneven),
        ),
        (
            "other parts, summed, flipped",
            Put::new(body(1)).parts(&even),
            Put::new(body(2)).parts(&uneven),
        ),
    ];
    for (key, object, backup) in pairs {
        world.put_object(key, object);
        tamper(&world, key, backup);
    }

    let by_listing = listed(&world).await;
    let by_look = deep(&world).await;

    assert_eq!(verdicts(&by_listing), [1, 0, 0, 0, 6, 0]);
    assert_eq!(verdicts(&by_look), [2, 2, 0, 0, 3, 0]);
    let objects = objects(&by_look);
    assert_eq!(objects["same parts, flipped"], found("different", "etag"));
    assert_eq!(
        objects["other parts, summed, flipped"],
        found("different", "checksum")
    );
    for key in ["other parts", "fewer parts", "one part"] {
        assert!(objects[key].1.contains("no checksum in common"), "{key}");
    }
}

#[tokio::test]
async fn an_object_flattened_by_its_copy_is_equal_by_the_snapshot_or_when_looked_at() {
    let world = World::new();
    let parts = [5 * MIB; 2];
    let large = Put::new(Content::generated(1, 10 * MIB)).parts(&parts);
    world.put_object("k", large);
    world.backup().await;

    let by_snapshot = listed(&world).await;
    forget(&world);
    let by_listing = listed(&world).await;
    let by_look = deep(&world).await;

    assert_eq!(verdicts(&by_snapshot), [1, 0, 0, 0, 0, 0]);
    assert_eq!(verdicts(&by_listing), [0, 0, 0, 0, 1, 0]);
    assert_eq!(verdicts(&by_look), [1, 0, 0, 0, 0, 0]);
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
async fn metadata_that_s3_hides_cannot_be_told() {
    let world = World::new();
    world.put_object("k", Put::new("1").meta("odd", "a\u{1}b"));
    world.backup().await;

    let result = deep(&world).await;

    assert_eq!(verdicts(&result), [0, 0, 0, 0, 1, 0]);
    assert!(objects(&result)["k"].1.contains("hides"), "{result}");
}

#[tokio::test]
async fn an_archived_object_is_compared_without_being_restored() {
    let world = World::new();
    world.put("k", "1");
    world.backup().await;
    let listed_at = world.sim.current(PRIMARY, "k").unwrap().last_modified;
    let archived = Put::new("1").storage_class("DEEP_ARCHIVE");
    world.put_object("k", archived.modified(listed_at));

    assert_eq!(verdicts(&listed(&world).await), [1, 0, 0, 0, 0, 0]);
    assert_eq!(verdicts(&deep(&world).await), [1, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_class_counts_only_if_copies_keep_it_and_no_lifecycle_explains_it() {
    let world = World::new().with("BACKUP_STORAGE_CLASS", "source");
    world.put_object("aged", Put::new("1").storage_class("STANDARD_IA"));
    world.put_object("other", Put::new("1").storage_class("STANDARD_IA"));
    world.backup().await;
    tamper(&world, "aged", Put::new("1").storage_class("GLACIER_IR"));
    tamper(&world, "other", Put::new("1"));

    let kept = deep(&world).await;
    let world = world.with("BACKUP_STORAGE_CLASS", "STANDARD");
    let fixed = deep(&world).await;

    assert_eq!(objects(&kept)["other"], found("different", "storage_class"));
    assert_eq!(verdicts(&kept), [1, 1, 0, 0, 0, 0]);
    assert_eq!(verdicts(&fixed), [2, 0, 0, 0, 0, 0]);
}

fn with_redirect(content: impl Into<Content>) -> Put {
    Put::new(content).headers(SystemHeaders {
        website_redirect: Some("/there".to_owned()),
        ..SystemHeaders::default()
    })
}

#[tokio::test]
async fn a_large_object_with_hidden_metadata_keeps_its_redirect() {
    let world = World::new().with("BACKUP_MULTIPART_THRESHOLD", "5 MiB");
    let object = || with_redirect(Content::generated(1, 6 * 1024 * 1024)).meta("hidden", "a\u{7}b");
    world.put_object("k", object());
    world.put_object("wrong", object());
    world.backup().await;
    let backup = Put::new(Content::generated(1, 6 * 1024 * 1024)).meta("hidden", "a\u{7}b");
    world.sim.put_object(BACKUP, "wrong", backup);

    let request = json!({"operation": "verify", "deep": true, "repair": true});
    let result = world.run(request).await;

    assert_eq!(result["verified"]["repaired"], 1, "{result}");
    for key in ["k", "wrong"] {
        let backup = world.backup_of(key);
        assert_eq!(backup.headers.website_redirect.as_deref(), Some("/there"));
    }
}

#[tokio::test]
async fn a_repair_that_leaves_a_difference_is_an_error_and_no_repair() {
    let world = World::new();
    world.put_object("k", Put::new("1").tag("a", "b"));
    world.put_object("l", Put::new("1").tag("a", "b"));
    world.backup().await;
    world.sim.set_tags(BACKUP, "k", &[]);
    world.sim.set_tags(BACKUP, "l", &[]);
    // The copy does not bring the tag along, or somebody takes it away at once.
    let again = Effect::after(|sim| sim.set_tags(BACKUP, "k", &[("a", "other")]));
    world.sim.fault(Fault::on(Verb::CopyObject).key("k"), again);

    let request = json!({"operation": "verify", "deep": true, "repair": true});
    let result = world.run(request).await;

    assert_eq!(result["verified"]["repaired"], 1, "{result}");
    assert_eq!(count(&result, "errors"), 1);
    let failure = &result["failures"][0];
    assert_eq!(
        (&failure["key"], &failure["code"]),
        (&json!("k"), &json!("StillDifferent"))
    );
    assert_eq!(result["status"], "incomplete");
}

#[tokio::test]
async fn a_redirect_is_compared_where_copies_carry_it() {
    let redirect = || {
        let headers = s3_sim::SystemHeaders {
            website_redirect: Some("/there".to_owned()),
            ..s3_sim::SystemHeaders::default()
        };
        Put::new("1").headers(headers)
    };
    let world = World::new();
    world.put_object("k", redirect());
    world.backup().await;

    let not_promised = deep(&world).await;
    let world = world.with("BACKUP_WEBSITE_REDIRECTS", "all");
    let promised = deep(&world).await;

    assert_eq!(verdicts(&not_promised), [1, 0, 0, 0, 0, 0]);
    assert_eq!(
        objects(&promised)["k"],
        found("different", "website_redirect")
    );
}

#[tokio::test]
async fn a_denied_look_is_an_error_that_names_the_side() {
    for (bucket, part) in [
        (PRIMARY, "cannot look at k: access denied"),
        (BACKUP, "of its backup in bucket backup"),
    ] {
        let world = World::new();
        world.put("k", "1");
        world.put("l", "1");
        world.backup().await;
        let denied = Effect::status(403, "AccessDenied", "Access Denied");
        let looks = Fault::on(Verb::HeadObject).bucket(bucket).key("k");
        world.sim.fault(looks, denied);

        let result = deep(&world).await;

        assert_eq!(verdicts(&result), [1, 0, 0, 0, 0, 0]);
        assert_eq!(count(&result, "errors"), 1);
        let failure = &result["failures"][0];
        assert_eq!(failure["key"], "k");
        assert_eq!(failure["operation"], "HeadObject");
        let message = failure["message"].as_str().unwrap();
        assert!(message.contains(part), "{message}");
        let advice = failure["advice"].as_str().unwrap();
        assert!(advice.contains("s3:GetObject"), "{advice}");
        assert_eq!(
            result["message"],
            "Verification incomplete: 2 objects, 1 equal, 1 error"
        );
    }
}

#[tokio::test]
async fn tags_that_may_not_be_read_are_no_proof_that_there_are_none() {
    let world = World::new();
    world.put_object("tagged", Put::new("1").tag("a", "b"));
    world.put("untagged", "1");
    world.backup().await;
    world.sim.set_tags(BACKUP, "tagged", &[]);
    world.sim.deny("s3:GetObjectTagging");

    let result = deep(&world).await;

    assert_eq!(verdicts(&result), [0; 6]);
    assert_eq!(count(&result, "errors"), 2);
    for failure in result["failures"].as_array().unwrap() {
        let advice = failure["advice"].as_str().unwrap();
        assert!(
            advice.starts_with("grant s3:GetObjectTagging to"),
            "{advice}"
        );
    }
}

#[tokio::test]
async fn what_goes_while_it_is_looked_at_has_vanished_or_is_missing() {
    let world = World::new();
    for key in ["backup lost", "object gone", "stays", "tags gone"] {
        world.put_object(key, Put::new("1").tag("a", "b"));
    }
    world.backup().await;
    world.put("new and gone", "1");
    let goes = |bucket: &'static str, key: &'static str| {
        Effect::before(move |sim| sim.delete(bucket, key))
    };
    let look = |bucket, key| Fault::on(Verb::HeadObject).bucket(bucket).key(key);
    world
        .sim
        .fault(look(PRIMARY, "object gone"), goes(PRIMARY, "object gone"));
    world
        .sim
        .fault(look(PRIMARY, "new and gone"), goes(PRIMARY, "new and gone"));
    world
        .sim
        .fault(look(BACKUP, "backup lost"), goes(BACKUP, "backup lost"));
    world.sim.fault(
        Fault::on(Verb::GetObjectTagging)
            .bucket(PRIMARY)
            .key("tags gone"),
        goes(PRIMARY, "tags gone"),
    );

    let result = deep(&world).await;

    assert_eq!(verdicts(&result), [1, 0, 1, 0, 0, 0], "{result}");
    assert_eq!(count(&result, "objects_vanished"), 3);
    assert_eq!(objects(&result)["backup lost"], found("missing", ""));
}

#[tokio::test]
async fn no_fault_on_a_look_makes_a_wrong_backup_seem_right() {
    for effect in Effect::all() {
        let tried_again = format!("{effect:?}");
        for often in [1, 1000] {
            let world = World::new().impatient();
            world.put_object("right", Put::new("1").tag("a", "b"));
            world.put_object("wrong", Put::new("1").tag("a", "b"));
            world.backup().await;
            world.sim.set_tags(BACKUP, "wrong", &[("a", "c")]);
            for verb in [Verb::HeadObject, Verb::GetObjectTagging] {
                world
                    .sim
                    .fault(Fault::on(verb).first(often), effect.clone());
            }

            let result = deep(&world).await;

            let [equal, different, ..] = verdicts(&result);
            let errors = count(&result, "errors");
            assert_eq!(equal + different + errors, 2, "{tried_again}: {result}");
            assert!(equal <= 1 && different <= 1, "{tried_again}: {result}");
            assert_eq!(result["status"], "incomplete", "{tried_again}");
            assert!(world.sim.ledger().count(Verb::CopyObject) == 2);
        }
    }
}

#[tokio::test]
async fn thirty_parts_look_at_each_object_once() {
    let world = World::new();
    for n in 0..90 {
        world.put(&format!("{n:02}"), "1");
    }
    world.backup().await;
    tamper(&world, "42", Put::new("2"));
    forget(&world);
    world.sim.ledger().clear();

    let (mut looked_at, mut different) = (0, 0);
    for part in 1..=30 {
        let asked = json!({"operation": "verify", "sample": "1/30", "part": part});
        let result = world.invoke(asked).await.unwrap();
        assert_eq!(verdicts(&result)[2], 0);
        assert_eq!(count(&result, "objects_found"), 90, "listings cover all");
        looked_at += count(&result["verified"], "compared_deep");
        different += count(&result["verified"], "different");
    }

    assert_eq!(looked_at, 90);
    assert_eq!(different, 1, "the part of key 42 finds it");
    let looks = world.sim.ledger().of(Verb::HeadObject);
    let mut keys: Vec<&str> = looks
        .iter()
        .filter(|look| look.bucket == BACKUP)
        .map(|look| look.key.as_str())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!((looks.len(), keys.len()), (180, 90));
}

#[tokio::test]
async fn a_sample_says_which_part_it_was() {
    let world = World::new();
    world.put("k", "1");
    world.backup().await;

    let asked = json!({"operation": "verify", "sample": "1/30"});
    let result = world.invoke(asked).await.unwrap();

    let part = count(&result["verified"], "part");
    assert_eq!(result["verified"]["sample"], "1/30");
    let days = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 86_400;
    // Midnight may have passed meanwhile.
    let turns = [days % 30 + 1, (days + 29) % 30 + 1];
    assert!(turns.contains(&part), "{part}, not {turns:?}");
    let message = result["message"].as_str().unwrap();
    assert!(message.contains(&format!("part {part} of 30")), "{message}");
}

#[tokio::test]
async fn what_is_repaired_is_clean_afterwards_and_no_version_is_lost() {
    let world = World::new();
    let whole = || Put::new("right").meta("v", "1").tag("a", "b");
    for key in ["content", "fine", "lost", "metadata", "tags"] {
        world.put_object(key, whole());
    }
    world.backup().await;
    tamper(&world, "content", Put::new("wrong"));
    tamper(&world, "metadata", whole().meta("v", "2"));
    world.sim.set_tags(BACKUP, "tags", &[]);
    world.sim.delete(BACKUP, "lost");
    let before = world.backup_versions();

    let repaired = repair(&world).await;
    world.sim.clock().advance(Duration::from_hours(2));
    let again = deep(&world).await;

    assert_eq!(verdicts(&repaired), [1, 3, 1, 0, 0, 4]);
    assert_eq!(repaired["status"], "complete");
    assert_eq!(count(&repaired, "bytes_copied"), 20);
    assert_eq!(
        repaired["message"],
        "Verified 5 objects: 1 equal, 3 different, 1 missing, 4 repaired"
    );
    assert_eq!(verdicts(&again), [5, 0, 0, 0, 0, 0]);
    world.assert_backed_up();
    let after = world.backup_versions();
    assert!(before.is_subset(&after) && after.len() == before.len() + 4);
}

#[tokio::test]
async fn a_repair_that_fails_is_an_error_and_not_a_success() {
    let world = World::new();
    world.put("lost", "1");
    world.put_object("archived", Put::new("1").storage_class("GLACIER"));
    world.put("fine", "1");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).key("lost"), denied);

    let result = repair(&world).await;

    assert_eq!(verdicts(&result), [0, 0, 1, 0, 0, 1]);
    assert_eq!(count(&result, "errors"), 2);
    let codes: Vec<_> = result["failures"].as_array().unwrap().iter().collect();
    assert!(
        codes
            .iter()
            .any(|failure| failure["code"] == "InvalidObjectState")
    );
    assert!(
        codes
            .iter()
            .any(|failure| failure["code"] == "AccessDenied")
    );
}

#[tokio::test]
async fn only_a_repair_waits_for_other_runs() {
    let world = World::new();
    world.put("k", "1");
    world
        .sim
        .put(BACKUP, &lease::key(), lease::lease_of_another());

    let looked = listed(&world).await;
    let asked = json!({"operation": "verify", "repair": true});
    let refused = world.invoke(asked).await.unwrap_err();

    assert_eq!(verdicts(&looked), [0, 0, 1, 0, 0, 0]);
    assert_eq!(refused.error_type(), "AlreadyRunning");
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 0);
}

#[tokio::test]
async fn a_verification_that_is_stopped_is_continued_until_all_is_done() {
    let sim = Sim::builder()
        .latency(Class::Head, Duration::from_millis(20))
        .page_size_max(50)
        .start();
    let world = World::around(sim).with("BACKUP_MAX_CONCURRENCY", "8");
    for n in 0..1000 {
        world.put(&format!("key {n:04}"), "1");
    }
    world.backup().await;
    for n in (0..1000).step_by(100) {
        world.sim.delete(BACKUP, &format!("key {n:04}"));
        let flipped = format!("key {:04}", n + 7);
        tamper(&world, &flipped, Put::new("2"));
    }

    let asked = json!({"operation": "verify", "deep": true, "prefix": "key"});
    let results = to_the_end(&world, Duration::from_secs(3), asked).await;

    assert!(results.len() > 1, "one run was enough: {results:?}");
    let words = &results[0]["cursor"]["verify"];
    assert_eq!(*words, json!({"deep": true, "repair": false}));
    let message = results[0]["message"].as_str().unwrap();
    assert!(message.ends_with("the cursor continues it"), "{message}");
    let found = |name: &str| -> u64 {
        let counts = results.iter().map(|result| {
            verdicts(result);
            count(&result["verified"], name)
        });
        counts.sum()
    };
    assert_eq!(total(&results, "objects_found"), 1000, "each object once");
    assert_eq!((found("equal"), found("missing")), (980, 10));
    assert_eq!((found("different"), found("compared_deep")), (10, 1000));
}

#[tokio::test]
async fn a_look_in_hand_at_the_deadline_is_given_up_and_proves_nothing() {
    let world = World::new();
    for key in ["a", "b", "c"] {
        world.put(key, "1");
    }
    world.backup().await;
    let looks = Fault::on(Verb::HeadObject).bucket(BACKUP).key("b");
    world.sim.fault(looks, Effect::Stall);
    let asked = json!({"operation": "verify", "deep": true});

    let stopped = within(&world, Duration::from_secs(2), &asked).await;
    world.sim.clear_faults();
    let next = json!({"operation": "continue", "cursor": stopped["cursor"]});
    let last = world.invoke(next).await.unwrap();

    assert_eq!(verdicts(&stopped), [2, 0, 0, 0, 0, 0]);
    assert_eq!(
        stopped["cursor"]["ranges"],
        json!([{"destination": BACKUP, "at": "b"}])
    );
    assert_eq!(verdicts(&last), [2, 0, 0, 0, 0, 0], "b, and c again");
    assert_eq!(last["status"], "complete");
}

#[tokio::test]
async fn a_sample_and_a_repair_are_continued_as_they_were_asked_for() {
    let sim = Sim::builder()
        .page_size_max(5)
        .latency(Class::List, Duration::from_millis(100))
        .start();
    let world = World::around(sim);
    for n in 0..300 {
        world.put(&format!("{n:03}"), "1");
    }
    let asked = json!({"operation": "verify", "sample": "1/2", "part": 2, "repair": true});

    let stopped = within(&world, Duration::from_secs(1), &asked).await;
    let next = json!({"operation": "continue", "cursor": stopped["cursor"]});
    let last = world.invoke(next).await.unwrap();

    let words = json!({"deep": true, "sample": "1/2", "part": 2, "repair": true});
    assert_eq!(stopped["cursor"]["verify"], words);
    assert_eq!(last["verified"]["part"], 2);
    let repaired = |result: &Value| verdicts(result)[5];
    assert_eq!(repaired(&stopped) + repaired(&last), 300);
    assert_eq!(world.equal(), 300);
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
async fn comparisons_keep_to_the_bound_of_requests_in_flight() {
    let sim = Sim::builder()
        .latency(Class::Head, Duration::from_millis(5))
        .start();
    let world = World::around(sim).with("BACKUP_MAX_CONCURRENCY", "4");
    for n in 0..100 {
        world.put(&n.to_string(), "1");
    }
    world.backup().await;
    world.sim.ledger().clear();

    let result = deep(&world).await;

    assert_eq!(verdicts(&result)[0], 100);
    let most = world.sim.ledger().max_in_flight_of(Verb::HeadObject);
    assert!((2..=4).contains(&most), "{most}");
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
