//! CopyObject: what travels, what does not, and when it is refused.

use super::client::{copy, send, stage};
use crate::{BucketOptions, Content, Encryption, Put, Sim, TargetConditions};
use std::time::Duration;

#[test]
fn a_copy_carries_headers_metadata_and_tags_but_no_class_and_no_redirect() {
    let sim = stage();
    let put = Put::new("hello")
        .content_type("text/plain")
        .meta("camera", "roof")
        .tag("team", "birds")
        .storage_class("STANDARD_IA");
    sim.put_object("primary", "a b", put.clone());
    let source = sim.current("primary", "a b").unwrap();
    sim.clock().advance(Duration::from_secs(3_600));

    let answer = copy(&sim, "primary/a%20b", "/backup/a%20b", &[]);
    let object = sim.current("backup", "a b").unwrap();

    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.element("ETag"),
        format!("&quot;{}&quot;", source.etag)
    );
    assert_eq!(answer.header("x-amz-version-id"), object.version_id);
    assert_eq!(object.content, source.content);
    assert_eq!(
        (&object.headers, &object.metadata),
        (&source.headers, &source.metadata)
    );
    assert_eq!(object.tags, source.tags);
    assert_eq!(object.storage_class, "STANDARD");
    assert!(object.last_modified >= source.last_modified + Duration::from_secs(3_600));
}

#[test]
fn a_copy_of_a_multi_part_object_is_flat() {
    let sim = stage();
    let put = Put::new(Content::generated(1, 12 << 20)).parts(&[6 << 20, 6 << 20]);
    sim.put_object("primary", "a", put);

    copy(&sim, "/primary/a", "/backup/a", &[]);
    let object = sim.current("backup", "a").unwrap();

    assert_eq!(object.parts, None);
    assert!(!object.etag.contains('-'));
    assert_eq!(object.content, Content::generated(1, 12 << 20));
}

#[test]
fn replaced_metadata_and_tags_come_from_the_request() {
    let sim = stage();
    let put = Put::new("x").meta("old", "1").tag("old", "1");
    sim.put_object("primary", "a", put);
    let headers = [
        ("x-amz-metadata-directive", "REPLACE"),
        ("x-amz-meta-new", "2"),
        ("x-amz-tagging-directive", "REPLACE"),
        ("x-amz-tagging", "new=2"),
    ];

    copy(&sim, "primary/a", "/backup/a", &headers);
    let object = sim.current("backup", "a").unwrap();

    assert_eq!(
        object.metadata.into_iter().collect::<Vec<_>>(),
        [("new".into(), "2".into())]
    );
    assert_eq!(
        object.tags.into_iter().collect::<Vec<_>>(),
        [("new".into(), "2".into())]
    );
}

#[test]
fn a_named_version_is_copied_and_told() {
    let sim = stage();
    sim.create_bucket_with("versioned", BucketOptions::versioned());
    let old = sim.put("versioned", "a", "old");
    let new = sim.put("versioned", "a", "new");

    let of_old = copy(
        &sim,
        &format!("versioned/a?versionId={old}"),
        "/backup/old",
        &[],
    );
    let of_new = copy(&sim, "versioned/a", "/backup/new", &[]);

    assert_eq!(of_old.header("x-amz-copy-source-version-id"), old);
    assert_eq!(of_new.header("x-amz-copy-source-version-id"), new);
    assert_eq!(
        sim.current("backup", "old").unwrap().content,
        Content::from("old")
    );
}

#[test]
fn conditions_on_source_and_destination_are_kept() {
    let sim = stage();
    sim.put("primary", "a", "x");
    sim.put("backup", "there", "y");
    let etag = sim.current("primary", "a").unwrap().etag;
    let past = (
        "x-amz-copy-source-if-unmodified-since",
        "Thu, 01 Jan 1970 00:00:00 GMT",
    );
    let matches = ("x-amz-copy-source-if-match", etag.as_str());

    let status = |more: &[(&str, &str)], target| copy(&sim, "primary/a", target, more).status;

    assert_eq!(
        status(&[("x-amz-copy-source-if-match", "\"0\"")], "/backup/b"),
        412
    );
    assert_eq!(status(&[past], "/backup/b"), 412);
    assert_eq!(
        status(&[("x-amz-copy-source-if-none-match", "*")], "/backup/b"),
        412
    );
    assert_eq!(status(&[("if-none-match", "*")], "/backup/there"), 412);
    assert_eq!(status(&[matches, past], "/backup/b"), 200);
}

/// Status and code of a copy to `backup/b`.
fn refusal(sim: &Sim, source: &str) -> (u16, String) {
    let answer = copy(sim, source, "/backup/b", &[]);
    (answer.status, answer.element("Code").to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn what_is_too_large_archived_or_secret_is_not_copied() {
    let sim = stage();
    let put = |key, put| sim.put_object("primary", key, put);
    put("huge", Put::new(Content::generated(1, (5 << 30) + 1)));
    put("cold", Put::new("x").storage_class("DEEP_ARCHIVE"));
    put("frozen", Put::new("x").archive_status("ARCHIVE_ACCESS"));
    put("thawed", Put::new("x").storage_class("GLACIER").restored());
    put("secret", Put::new("x").encryption(Encryption::SseC));

    let archived = refused(403, "InvalidObjectState");
    let illegal = refused(400, "InvalidRequest");
    assert_eq!(refusal(&sim, "primary/huge"), illegal);
    assert_eq!(refusal(&sim, "primary/cold"), archived);
    assert_eq!(refusal(&sim, "primary/frozen"), archived);
    assert_eq!(refusal(&sim, "primary/secret"), illegal);
    assert_eq!(sim.keys("backup"), [""; 0]);
    assert_eq!(refusal(&sim, "primary/thawed"), refused(200, ""));
}

#[test]
fn what_is_gone_or_the_same_is_not_copied() {
    let sim = stage();
    sim.put("backup", "gone", "x");
    sim.delete("backup", "gone");
    sim.put("backup", "b", "x");
    let marker = &sim.versions("backup", "gone")[0].version_id;

    let by_version = format!("backup/gone?versionId={marker}");
    assert_eq!(refusal(&sim, "backup/gone"), refused(404, "NoSuchKey"));
    assert_eq!(refusal(&sim, &by_version), refused(400, "InvalidRequest"));
    assert_eq!(refusal(&sim, "nowhere/a"), refused(404, "NoSuchBucket"));
    assert_eq!(refusal(&sim, "backup/b"), refused(400, "InvalidRequest"));
}

#[test]
fn a_copy_under_a_kms_key_has_another_etag_each_time() {
    let sim = stage();
    sim.put("primary", "a", "x");
    let headers = [
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "arn:key"),
    ];

    copy(&sim, "primary/a", "/backup/a", &headers);
    let first = sim.current("backup", "a").unwrap();
    copy(&sim, "primary/a", "/backup/a", &headers);
    let second = sim.current("backup", "a").unwrap();

    assert_eq!(
        first.encryption,
        Encryption::Kms {
            key: "arn:key".to_owned()
        }
    );
    assert_ne!(first.etag, second.etag);
    assert_ne!(first.etag, sim.current("primary", "a").unwrap().etag);
}

#[test]
fn owners_are_checked_on_both_sides() {
    let sim = stage();
    sim.put("primary", "a", "x");
    let own = ("x-amz-expected-bucket-owner", "111122223333");
    let other = ("x-amz-source-expected-bucket-owner", "999999999999");

    let right = copy(&sim, "primary/a", "/backup/a", &[own]);
    let wrong = copy(&sim, "primary/a", "/backup/a", &[own, other]);
    let head = send(
        &sim,
        "HEAD /backup",
        &[("x-amz-expected-bucket-owner", "9")],
        b"",
    );

    assert_eq!((right.status, wrong.status, head.status), (200, 403, 403));
    assert_eq!(head.header("x-amz-bucket-region"), "us-east-1");
}

#[test]
fn conditions_on_the_target_are_obeyed_ignored_or_refused() {
    let sim = stage();
    sim.put("primary", "a", "new");
    sim.put("backup", "a", "old");
    let old = sim.current("backup", "a").unwrap().etag;
    let none: (&str, &str) = ("if-none-match", "*");
    let another = ("if-match", "\"00000000000000000000000000000000\"");
    let status = |condition| copy(&sim, "primary/a", "/backup/a", &[condition]).status;
    let set = |server| {
        sim.change_options("backup", |options| options.target_conditions = server);
    };

    assert_eq!([none, another].map(status), [412, 412]);
    let nothing = copy(&sim, "primary/a", "/backup/b", &[another]);
    assert_eq!(
        (nothing.status, nothing.element("Code")),
        (404, "NoSuchKey")
    );
    assert_eq!(copy(&sim, "primary/a", "/backup/b", &[none]).status, 200);
    assert_eq!(status(("if-match", &old)), 200);
    set(TargetConditions::Refused);
    assert_eq!([none, another].map(status), [501, 501]);
    assert_eq!(copy(&sim, "primary/a", "/backup/a", &[]).status, 200);
    set(TargetConditions::Ignored);
    assert_eq!([none, another].map(status), [200, 200]);
    set(TargetConditions::NeverMet);
    let now = sim.current("backup", "a").unwrap().etag;
    assert_eq!([none, ("if-match", &now)].map(status), [200, 412]);
}

#[test]
fn conditions_of_puts_are_obeyed_ignored_or_refused_apart_from_those_of_copies() {
    let sim = stage();
    sim.put("backup", "a", "old");
    let none = ("if-none-match", "*");
    let another = ("if-match", "\"00000000000000000000000000000000\"");
    let put = |condition| send(&sim, "PUT /backup/a", &[condition], b"new").status;
    let cases = [
        (TargetConditions::Obeyed, [412, 412]),
        (TargetConditions::Ignored, [200, 200]),
        (TargetConditions::Refused, [501, 501]),
        (TargetConditions::NeverMet, [200, 412]),
    ];
    for (server, statuses) in cases {
        sim.change_options("backup", |options| options.put_conditions = server);

        assert_eq!([none, another].map(put), statuses, "{server:?}");
    }
}

#[test]
fn a_marker_may_be_bound_to_what_it_hides() {
    let sim = stage();
    sim.put("backup", "a", "1");
    let etag = sim.current("backup", "a").unwrap().etag;
    let delete = |key: &str, etag: &str| {
        let line = format!("DELETE /backup/{key}");
        send(&sim, &line, &[("if-match", etag)], b"").status
    };

    assert_eq!(delete("a", "\"other\""), 412);
    assert_eq!(delete("b", &etag), 404);
    assert_eq!(delete("a", &etag), 204);
    assert_eq!(delete("a", &etag), 404, "there is a marker now");
    assert_eq!(sim.versions("backup", "a").len(), 2);
}
