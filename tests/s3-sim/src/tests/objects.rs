//! Single objects: stored, read, deleted, with everything they carry.

use super::client::{get, head, send, stage};
use crate::{Algorithm, BucketOptions, ChecksumKind, Content, Encryption, Put, Sim};
use std::time::Duration;

#[test]
fn what_is_put_over_the_wire_is_there_with_all_it_carries() {
    let sim = stage();
    let headers = [
        ("content-type", "text/plain"),
        ("cache-control", "no-store"),
        ("expires", "whenever"),
        ("x-amz-meta-camera", "roof"),
        ("x-amz-tagging", "team=birds&a%2Bb=c+d"),
        ("x-amz-website-redirect-location", "/elsewhere"),
        ("x-amz-storage-class", "STANDARD_IA"),
    ];

    let answer = send(&sim, "PUT /backup/a%2Fb%20c", &headers, b"hello");
    let object = sim.current("backup", "a/b c").unwrap();

    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-amz-version-id"), object.version_id);
    assert_eq!(
        answer.header("etag"),
        "\"5d41402abc4b2a76b9719d911017c592\""
    );
    assert_eq!(object.content, Content::from("hello"));
    assert_eq!(object.headers.expires.as_deref(), Some("whenever"));
    assert_eq!(
        object.headers.website_redirect.as_deref(),
        Some("/elsewhere")
    );
    assert_eq!(object.metadata["camera"], "roof");
    assert_eq!(object.tags["a+b"], "c d");
    assert_eq!(object.storage_class, "STANDARD_IA");
}

#[test]
fn a_chunked_body_with_a_trailing_checksum_is_unwrapped_and_checked() {
    let sim = stage();
    let headers = [
        ("content-encoding", "aws-chunked"),
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
    ];
    let body = |sum: &str| format!("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{sum}\r\n\r\n");

    let good = send(
        &sim,
        "PUT /primary/a",
        &headers,
        body("NhCmhg==").as_bytes(),
    );
    let bad = send(
        &sim,
        "PUT /primary/b",
        &headers,
        body("AAAAAA==").as_bytes(),
    );

    assert_eq!(good.status, 200);
    let object = sim.current("primary", "a").unwrap();
    assert_eq!(object.content, Content::from("hello"));
    assert_eq!(object.headers.content_encoding, None);
    assert_eq!(object.checksum.unwrap().algorithm, Algorithm::Crc32);
    assert_eq!((bad.status, bad.element("Code")), (400, "BadDigest"));
    assert_eq!(sim.current("primary", "b"), None);
}

#[test]
fn a_create_only_put_does_not_overwrite() {
    let sim = stage();
    sim.put("primary", "a", "old");

    let create = send(&sim, "PUT /primary/a", &[("if-none-match", "*")], b"new");
    let stale = send(&sim, "PUT /primary/a", &[("if-match", "\"0\"")], b"new");
    let missing = send(&sim, "PUT /primary/b", &[("if-match", "\"0\"")], b"new");

    assert_eq!(
        (create.status, stale.status, missing.status),
        (412, 412, 404)
    );
    assert_eq!(
        sim.current("primary", "a").unwrap().content,
        Content::from("old")
    );
}

#[test]
fn head_tells_everything_about_a_multi_part_object() {
    let sim = stage();
    let put = Put::new(Content::generated(1, 25 << 20))
        .parts(&[10 << 20, 10 << 20, 5 << 20])
        .checksum(Algorithm::Sha256, ChecksumKind::Composite)
        .tag("a", "b")
        .meta("plain", "yes")
        .meta("odd", "a\u{7}b")
        .encryption(Encryption::Kms {
            key: "arn:key".to_owned(),
        });
    sim.put_object("primary", "a", put);

    let whole = send(
        &sim,
        "HEAD /primary/a",
        &[("x-amz-checksum-mode", "ENABLED")],
        b"",
    );
    let part = head(&sim, "/primary/a?partNumber=3");

    assert_eq!(whole.status, 200);
    assert_eq!(whole.header("content-length"), "26214400");
    assert!(whole.header("etag").ends_with("-3\""));
    assert_eq!(whole.header("x-amz-checksum-type"), "COMPOSITE");
    assert!(whole.header("x-amz-checksum-sha256").ends_with("-3"));
    assert_eq!(whole.header("x-amz-tagging-count"), "1");
    assert_eq!(whole.header("x-amz-missing-meta"), "1");
    assert_eq!(whole.header("x-amz-meta-plain"), "yes");
    assert_eq!(whole.header("x-amz-server-side-encryption"), "aws:kms");
    assert_eq!(part.status, 206);
    assert_eq!(part.header("content-length"), "5242880");
    assert_eq!(part.header("x-amz-mp-parts-count"), "3");
    assert_eq!(head(&sim, "/primary/a?partNumber=4").status, 416);
}

#[test]
fn a_range_is_read_and_one_behind_the_end_refused() {
    let sim = stage();
    sim.put("primary", "a", "0123456789");
    let range = |range| send(&sim, "GET /primary/a", &[("range", range)], b"");

    assert_eq!(range("bytes=2-4").text(), "234");
    assert_eq!(range("bytes=2-4").header("content-range"), "bytes 2-4/10");
    assert_eq!(range("bytes=-3").text(), "789");
    assert_eq!(range("bytes=8-").status, 206);
    assert_eq!(range("bytes=10-").element("Code"), "InvalidRange");
}

#[test]
fn a_deleted_key_is_missing_but_its_versions_are_not() {
    let sim = stage();
    let version = sim.put("backup", "a", "x");

    let deleted = send(&sim, "DELETE /backup/a", &[], b"");
    let current = head(&sim, "/backup/a");
    let older = get(&sim, &format!("/backup/a?versionId={version}"));
    let marker = deleted.header("x-amz-version-id");
    let of_marker = head(&sim, &format!("/backup/a?versionId={marker}"));

    assert_eq!(deleted.status, 204);
    assert_eq!(deleted.header("x-amz-delete-marker"), "true");
    assert_eq!((current.status, current.body.len()), (404, 0));
    assert_eq!(older.text(), "x");
    assert_eq!(of_marker.status, 405);
}

#[test]
fn erasing_the_marker_brings_the_object_back() {
    let sim = stage();
    sim.put("backup", "a", "x");
    let marker = send(&sim, "DELETE /backup/a", &[], b"");
    let id = marker.header("x-amz-version-id");

    let erased = send(&sim, &format!("DELETE /backup/a?versionId={id}"), &[], b"");

    assert_eq!(erased.header("x-amz-delete-marker"), "true");
    assert_eq!(get(&sim, "/backup/a").text(), "x");
}

#[test]
fn an_archived_object_can_be_read_after_its_restore() {
    let sim = stage();
    sim.put_object("primary", "a", Put::new("x").storage_class("GLACIER"));
    let request = b"<RestoreRequest><Days>2</Days></RestoreRequest>";
    let restore = || send(&sim, "POST /primary/a?restore", &[], request);

    let before = get(&sim, "/primary/a");
    let statuses = [restore().status, restore().status];
    let under_way = head(&sim, "/primary/a");
    sim.clock().advance(Duration::from_secs(6 * 3_600));
    let ready = get(&sim, "/primary/a");
    let again = restore().status;
    sim.clock().advance(Duration::from_secs(3 * 86_400));
    let expired = get(&sim, "/primary/a");

    assert_eq!(
        (before.status, before.element("Code")),
        (403, "InvalidObjectState")
    );
    assert_eq!(statuses, [202, 409]);
    assert_eq!(
        under_way.header("x-amz-restore"),
        "ongoing-request=\"true\""
    );
    assert_eq!((ready.status, again), (200, 200));
    assert!(ready.header("x-amz-restore").contains("expiry-date"));
    assert_eq!(expired.status, 403);
}

#[test]
fn tags_are_replaced_without_touching_date_or_etag() {
    let sim = stage();
    sim.put("primary", "a", "x");
    let before = sim.current("primary", "a").unwrap();
    sim.clock().advance(Duration::from_secs(60));
    let body = b"<Tagging><TagSet><Tag><Key>k</Key><Value>v&amp;w</Value></Tag></TagSet></Tagging>";

    let put = send(&sim, "PUT /primary/a?tagging", &[], body);
    let told = get(&sim, "/primary/a?tagging");

    assert_eq!(put.status, 200);
    assert_eq!(
        (told.element("Key"), told.element("Value")),
        ("k", "v&amp;w")
    );
    let after = sim.current("primary", "a").unwrap();
    assert_eq!(after.tags["k"], "v&w");
    assert_eq!(
        (after.last_modified, after.etag),
        (before.last_modified, before.etag)
    );
}

#[test]
fn attributes_tell_checksum_layout_and_size() {
    let sim = stage();
    let put = Put::new(Content::generated(1, 12 << 20))
        .parts(&[6 << 20, 6 << 20])
        .checksum(Algorithm::Crc32, ChecksumKind::Composite);
    sim.put_object("primary", "a", put);
    let headers = [(
        "x-amz-object-attributes",
        "ETag,Checksum,ObjectParts,StorageClass,ObjectSize",
    )];

    let answer = send(&sim, "GET /primary/a?attributes", &headers, b"");

    assert!(!answer.element("ETag").contains('"'));
    assert_eq!(answer.element("ChecksumType"), "COMPOSITE");
    assert_eq!(answer.element("PartsCount"), "2");
    assert_eq!(answer.elements("Size"), ["6291456", "6291456"]);
    assert_eq!(answer.element("ObjectSize"), "12582912");
}

#[test]
fn the_bucket_in_the_host_is_understood() {
    let sim = stage();
    sim.put("primary", "/a", "x");

    let answer = send(&sim, "GET //a", &[("host", "primary.localhost:1")], b"");

    assert_eq!(answer.text(), "x");
}

#[test]
fn a_bucket_is_found_in_its_own_region_only() {
    let sim = Sim::start();
    let options = BucketOptions {
        region: "eu-west-1".to_owned(),
        ..BucketOptions::default()
    };
    sim.create_bucket_with("far", options);
    let signed = |region: &str| {
        let value = format!("AWS4-HMAC-SHA256 Credential=AK/20261121/{region}/s3/aws4_request, x");
        send(&sim, "HEAD /far", &[("authorization", &value)], b"")
    };

    assert_eq!(signed("eu-west-1").status, 200);
    assert_eq!(signed("us-east-1").status, 301);
    assert_eq!(
        signed("us-east-1").header("x-amz-bucket-region"),
        "eu-west-1"
    );
    assert_eq!(head(&sim, "/nowhere").status, 404);
}

#[test]
fn fifty_terabytes_take_no_memory_and_are_read_in_ranges() {
    let sim = stage();
    let content = Content::generated(3, 50 << 40);
    sim.put("primary", "huge", content.clone());

    let headers = [("range", "bytes=40000000000000-40000000000099")];
    let answer = send(&sim, "GET /primary/huge", &headers, b"");

    assert_eq!(answer.body, content.read(40_000_000_000_000, 100));
}
