//! What a deep verification compares, property by property.

use std::time::Duration;

use s3_sim::{Class, Content, Effect, Fault, Put, Sim, Verb};
use serde_json::json;

use super::{KEY, MIB, deep, forget, found, kms, listed, objects, tamper, verdicts};
use crate::world::{BACKUP, PRIMARY, World, count};

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
async fn flipped_content_under_kms_is_found_by_its_checksum() {
    let world = World::new().with("BACKUP_KMS_KEY_ID", KEY);
    world.put("k", "right");
    world.backup().await;
    tamper(&world, "k", Put::new("wrong").encryption(kms()));

    let result = deep(&world).await;

    assert_eq!(objects(&result)["k"], found("different", "checksum"));
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
