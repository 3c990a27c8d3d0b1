//! Multi-part uploads and copies, to the end or not.

use super::client::{Answer, send, stage};
use crate::{Content, Put, Sim};
use std::time::Duration;

const MIB: u64 = 1 << 20;

fn begin(sim: &Sim, headers: &[(&str, &str)]) -> String {
    let answer = send(sim, "POST /backup/a?uploads", headers, b"");
    answer.element("UploadId").to_owned()
}

fn copy_part(sim: &Sim, id: &str, number: u32, range: (u64, u64), etag: &str) -> Answer {
    let line = format!("PUT /backup/a?partNumber={number}&uploadId={id}");
    let range = format!("bytes={}-{}", range.0, range.1);
    let headers = [
        ("x-amz-copy-source", "primary/a"),
        ("x-amz-copy-source-range", range.as_str()),
        ("x-amz-copy-source-if-match", etag),
    ];
    send(sim, &line, &headers, b"")
}

fn complete(sim: &Sim, id: &str, etags: &[&str], headers: &[(&str, &str)]) -> Answer {
    let parts: String = (1..)
        .zip(etags)
        .map(|(number, etag)| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        })
        .collect();
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let line = format!("POST /backup/a?uploadId={id}");
    send(sim, &line, headers, body.as_bytes())
}

/// A source of 15 MiB in two parts; gives its ETag.
fn source(sim: &Sim) -> String {
    let put = Put::new(Content::generated(1, 15 * MIB)).parts(&[10 * MIB, 5 * MIB]);
    sim.put_object("primary", "a", put);
    sim.current("primary", "a").unwrap().etag
}

#[test]
fn a_copy_in_the_same_parts_has_the_same_etag_and_content() {
    let sim = stage();
    let etag = source(&sim);
    let sum = sim.current("primary", "a").unwrap().checksum.unwrap().value;
    let id = begin(
        &sim,
        &[
            ("x-amz-checksum-algorithm", "CRC64NVME"),
            ("x-amz-checksum-type", "FULL_OBJECT"),
            ("x-amz-tagging", "a=b"),
        ],
    );
    sim.clock().advance(Duration::from_secs(600));

    let first = copy_part(&sim, &id, 1, (0, 10 * MIB - 1), &etag);
    let second = copy_part(&sim, &id, 2, (10 * MIB, 15 * MIB - 1), &etag);
    let headers = [
        ("x-amz-checksum-crc64nvme", sum.as_str()),
        ("x-amz-checksum-type", "FULL_OBJECT"),
        ("x-amz-mp-object-size", "15728640"),
    ];
    let done = complete(
        &sim,
        &id,
        &[first.element("ETag"), second.element("ETag")],
        &headers,
    );

    let object = sim.current("backup", "a").unwrap();
    assert_eq!(done.status, 200);
    assert_eq!(object.etag, etag);
    assert_eq!(object.content, Content::generated(1, 15 * MIB));
    assert_eq!(object.parts, Some(vec![10 * MIB, 5 * MIB]));
    assert_eq!(object.tags["a"], "b");
    assert!(sim.clock().now() >= object.last_modified + Duration::from_secs(600));
    assert_eq!(sim.uploads("backup"), []);
}

#[test]
fn a_torn_copy_is_refused_by_size_by_sum_and_by_condition() {
    let sim = stage();
    let etag = source(&sim);
    let sum = sim.current("primary", "a").unwrap().checksum.unwrap().value;
    let id = begin(&sim, &[("x-amz-checksum-algorithm", "CRC64NVME")]);
    let first = copy_part(&sim, &id, 1, (0, 10 * MIB - 1), &etag);
    sim.put("primary", "a", Content::generated(2, 15 * MIB));

    let pinned = copy_part(&sim, &id, 2, (10 * MIB, 15 * MIB - 1), &etag);
    let loose = copy_part(&sim, &id, 2, (10 * MIB, 15 * MIB - 1), "*");
    let etags = [first.element("ETag"), loose.element("ETag")];
    let by_sum = complete(&sim, &id, &etags, &[("x-amz-checksum-crc64nvme", &sum)]);
    let by_size = complete(&sim, &id, &etags, &[("x-amz-mp-object-size", "1")]);

    assert_eq!((pinned.status, loose.status), (412, 200));
    assert_eq!((by_sum.status, by_sum.element("Code")), (400, "BadDigest"));
    assert_eq!(
        (by_size.status, by_size.element("Code")),
        (400, "InvalidRequest")
    );
    assert_eq!(sim.current("backup", "a"), None);
    assert_eq!(sim.uploads("backup").len(), 1);
}

#[test]
fn parts_must_be_long_enough_in_order_and_there() {
    let sim = stage();
    let id = begin(&sim, &[]);
    let part = |number: u32| {
        let line = format!("PUT /backup/a?partNumber={number}&uploadId={id}");
        send(&sim, &line, &[], b"short").header("etag").to_owned()
    };
    let (first, second) = (part(1), part(2));

    let short = complete(&sim, &id, &[&first, &second], &[]);
    let unknown = complete(&sim, &id, &[&first, &second, "\"0\""], &[]);
    let none = complete(&sim, &id, &[], &[]);
    let alone = complete(&sim, &id, &[&first], &[("if-none-match", "*")]);
    let gone = complete(&sim, &id, &[&first], &[]);

    assert_eq!(short.element("Code"), "EntityTooSmall");
    assert_eq!(unknown.element("Code"), "InvalidPart");
    assert_eq!(none.element("Code"), "MalformedXML");
    assert_eq!(alone.status, 200);
    assert_eq!((gone.status, gone.element("Code")), (404, "NoSuchUpload"));
}

#[test]
fn ranges_are_checked_against_the_source() {
    let sim = stage();
    sim.put("primary", "a", Content::generated(1, 20 << 30));
    let id = begin(&sim, &[]);

    let behind = copy_part(&sim, &id, 1, (0, 20 << 30), "*");
    let too_long = copy_part(&sim, &id, 1, (0, 5 << 30), "*");
    let longest = copy_part(&sim, &id, 1, (0, (5 << 30) - 1), "*");
    sim.put("primary", "a", "tiny");
    let of_small = copy_part(&sim, &id, 1, (0, 1), "*");

    assert_eq!(behind.element("Code"), "InvalidArgument");
    assert_eq!(too_long.element("Code"), "InvalidRequest");
    assert_eq!(longest.status, 200);
    assert_eq!(of_small.element("Code"), "InvalidRequest");
}

#[test]
fn open_uploads_and_their_parts_are_listed_until_aborted() {
    let sim = stage();
    let id = begin(&sim, &[]);
    let line = format!("PUT /backup/a?partNumber=7&uploadId={id}");
    send(&sim, &line, &[], b"part");

    let uploads = send(&sim, "GET /backup?uploads", &[], b"");
    let parts = send(&sim, &format!("GET /backup/a?uploadId={id}"), &[], b"");
    let aborted = send(&sim, &format!("DELETE /backup/a?uploadId={id}"), &[], b"");
    let again = send(&sim, &format!("DELETE /backup/a?uploadId={id}"), &[], b"");

    assert_eq!(uploads.element("UploadId"), id);
    assert_eq!(parts.element("PartNumber"), "7");
    assert_eq!((aborted.status, again.status), (204, 404));
    assert_eq!(sim.uploads("backup"), []);
}
