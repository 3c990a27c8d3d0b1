//! Listings: order, pages, spelling, folding.

use super::client::{get, send, stage};
use crate::{BucketOptions, Population, Put, Shape, Sim, Verb, Versioning};

const AWKWARD: [&str; 9] = [
    "\u{1}",
    " a b",
    "//lead",
    "a//b",
    "a/../b",
    "a+b%2B",
    "a\nb",
    "é",
    "\u{10000}",
];

#[test]
fn awkward_keys_are_listed_in_byte_order_and_url_encoded() {
    let sim = stage();
    for key in AWKWARD {
        sim.put("primary", key, "x");
    }

    let answer = get(&sim, "/primary?list-type=2&encoding-type=url");

    assert_eq!(answer.element("EncodingType"), "url");
    assert_eq!(
        answer.elements("Key"),
        [
            "%01",
            "+a+b",
            "//lead",
            "a%0Ab",
            "a%2Bb%252B",
            "a/../b",
            "a//b",
            "%C3%A9",
            "%F0%90%80%80"
        ]
    );
    assert_eq!(answer.element("KeyCount"), "9");
    assert_eq!(answer.element("IsTruncated"), "false");
}

#[test]
fn pages_follow_each_other_without_gap_or_overlap() {
    let sim = stage();
    for number in 0..25 {
        sim.put("primary", &format!("k{number:02}"), "x");
    }
    let mut keys = Vec::new();
    let mut more = String::new();

    loop {
        let answer = get(&sim, &format!("/primary?list-type=2&max-keys=10{more}"));
        keys.extend(answer.elements("Key").into_iter().map(str::to_owned));
        if answer.element("IsTruncated") == "false" {
            break;
        }
        let token = answer.element("NextContinuationToken");
        more = format!("&continuation-token={token}");
    }

    assert_eq!(keys, sim.keys("primary"));
    assert_eq!(sim.ledger().count(Verb::ListObjectsV2), 3);
}

#[test]
fn prefix_and_start_after_bound_a_listing() {
    let sim = stage();
    for key in ["a", "b/1", "b/2", "b/3", "c"] {
        sim.put("primary", key, "x");
    }

    let answer = get(&sim, "/primary?list-type=2&prefix=b%2F&start-after=b%2F1");

    assert_eq!(answer.elements("Key"), ["b/2", "b/3"]);
}

#[test]
fn a_delimiter_folds_directories_across_pages() {
    let sim = stage();
    for key in ["a/1", "a/2", "b", "c/1", "c/2", "d"] {
        sim.put("primary", key, "x");
    }

    let first = get(&sim, "/primary?list-type=2&delimiter=/&max-keys=3");
    let token = first.element("NextContinuationToken");
    let second = get(
        &sim,
        &format!("/primary?list-type=2&delimiter=/&max-keys=3&continuation-token={token}"),
    );

    assert_eq!(first.elements("Prefix"), ["", "a/", "c/"]);
    assert_eq!(first.elements("Key"), ["b"]);
    assert_eq!(first.element("KeyCount"), "3");
    assert_eq!(second.elements("Key"), ["d"]);
    assert_eq!(second.element("IsTruncated"), "false");
}

#[test]
fn a_forged_token_is_refused() {
    let answer = get(&stage(), "/primary?list-type=2&continuation-token=zzz");

    assert_eq!(
        (answer.status, answer.element("Code")),
        (400, "InvalidArgument")
    );
}

#[test]
fn versions_are_listed_newest_first_and_paged_within_a_key() {
    let sim = stage();
    let old = sim.put("backup", "a", "1");
    let new = sim.put("backup", "a", "2");
    sim.delete("backup", "a");
    sim.put("backup", "b", "1");

    let first = get(&sim, "/backup?versions&max-keys=2");
    let key = first.element("NextKeyMarker");
    let version = first.element("NextVersionIdMarker");
    let second = get(
        &sim,
        &format!("/backup?versions&key-marker={key}&version-id-marker={version}"),
    );

    assert_eq!(first.elements("DeleteMarker").len(), 1);
    assert_eq!(first.elements("VersionId")[1], new);
    assert_eq!(first.elements("IsLatest"), ["true", "false"]);
    assert_eq!(second.elements("VersionId")[0], old);
    assert_eq!(second.elements("Key"), ["a", "b"]);
    assert_eq!(second.element("IsTruncated"), "false");
}

#[test]
fn a_suspended_bucket_keeps_one_null_version() {
    let sim = stage();
    let kept = sim.put("backup", "a", "1");
    sim.set_versioning("backup", Versioning::Suspended);
    sim.put("backup", "a", "2");
    sim.put("backup", "a", "3");

    let versions = sim.versions("backup", "a");

    let ids: Vec<&str> = versions.iter().map(|own| own.version_id.as_str()).collect();
    assert_eq!(ids, ["null", kept.as_str()]);
}

#[test]
fn restores_are_listed_when_asked_for() {
    let sim = stage();
    sim.put_object(
        "primary",
        "a",
        Put::new("x").storage_class("GLACIER").restored(),
    );

    let headers = [("x-amz-optional-object-attributes", "RestoreStatus")];
    let answer = send(&sim, "GET /primary?list-type=2", &headers, b"");

    assert_eq!(answer.element("IsRestoreInProgress"), "false");
}

#[test]
fn ten_million_keys_need_no_memory_and_can_be_changed() {
    let sim = Sim::start();
    let population = Population::new(Shape::Deep, 10_000_000);
    sim.create_bucket_with(
        "primary",
        BucketOptions {
            population: Some(population.clone()),
            ..BucketOptions::default()
        },
    );
    let middle = population.key(5_000_000);
    sim.put("primary", &format!("{middle}+"), "new");
    sim.delete("primary", &population.key(5_000_001));

    let answer = get(
        &sim,
        &format!("/primary?list-type=2&max-keys=3&start-after={middle}"),
    );

    assert_eq!(
        answer.elements("Key"),
        [
            format!("{middle}+"),
            population.key(5_000_002),
            population.key(5_000_003)
        ]
    );
}

#[test]
fn generated_keys_fold_like_stored_ones() {
    let sim = Sim::start();
    let options = BucketOptions {
        population: Some(Population::new(Shape::Skewed, 100_000)),
        ..BucketOptions::versioned()
    };
    sim.create_bucket_with("primary", options);

    let folded = get(&sim, "/primary?list-type=2&delimiter=/&max-keys=3");
    let versions = get(&sim, "/primary?versions&max-keys=2&prefix=p001/");

    assert_eq!(folded.elements("Prefix"), ["", "hot/", "p000/", "p001/"]);
    assert_eq!(folded.element("IsTruncated"), "true");
    assert_eq!(
        versions.elements("Key"),
        ["p001/000000000000", "p001/000000000001"]
    );
    let id = versions.element("VersionId");
    let first = get(&sim, &format!("/primary/p001/000000000000?versionId={id}"));
    assert_eq!((first.status, first.body.len()), (200, 1_000));
}
