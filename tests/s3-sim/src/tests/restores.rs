//! Archives: what cannot be read, how it is asked for, when it can be read and how long.

use super::client::{copy, get, head, send, stage};
use crate::{BucketOptions, Grant, Population, Put, Shape, Sim, Verb};
use std::time::{Duration, UNIX_EPOCH};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// 2026-11-21T10:00:00Z
const MORNING: u64 = 1_795_255_200;

/// An old version in an archive class, below a newer one. Returns the old one's id.
fn archived(sim: &Sim, class: &str) -> String {
    sim.clock().freeze();
    sim.clock().set(UNIX_EPOCH + Duration::from_secs(MORNING));
    let old = sim.put_object("backup", "a", Put::new("old").storage_class(class));
    sim.put("backup", "a", "new");
    old
}

/// Asks for a version; status and code of the answer.
fn ask(sim: &Sim, version: &str, days: &str, tier: &str) -> (u16, String) {
    let body = format!(
        "<RestoreRequest>{days}<GlacierJobParameters><Tier>{tier}</Tier></GlacierJobParameters>\
         </RestoreRequest>"
    );
    let line = format!("POST /backup/a?restore&versionId={version}");
    let answer = send(sim, &line, &[], body.as_bytes());
    (answer.status, answer.element("Code").to_owned())
}

fn answered(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

const TWO_DAYS: &str = "<Days>2</Days>";

#[test]
fn an_old_version_is_asked_for_read_and_expires_at_midnight() {
    let sim = stage();
    let old = archived(&sim, "GLACIER");
    let source = format!("backup/a?versionId={old}");
    let copies = || copy(&sim, &source, "/primary/a", &[]).status;

    assert_eq!(copies(), 403);
    assert_eq!(ask(&sim, &old, TWO_DAYS, "Standard"), answered(202, ""));
    sim.clock().advance(HOUR * 5);
    let told = head(&sim, &format!("/backup/a?versionId={old}"));

    assert_eq!(
        told.header("x-amz-restore"),
        "ongoing-request=\"false\", expiry-date=\"Tue, 24 Nov 2026 00:00:00 GMT\""
    );
    assert_eq!(told.header("x-amz-storage-class"), "GLACIER");
    assert_eq!(head(&sim, "/backup/a").header("x-amz-restore"), "");
    assert_eq!(copies(), 200);
    assert_eq!(
        sim.current("primary", "a").unwrap().storage_class,
        "STANDARD"
    );
    sim.clock().advance(DAY * 2 + HOUR * 9);
    let expired = head(&sim, &format!("/backup/a?versionId={old}"));
    assert_eq!((copies(), expired.header("x-amz-restore")), (403, ""));
}

#[test]
fn a_version_is_ready_after_the_hours_of_its_class_and_tier() {
    let cases = [
        ("GLACIER", "Expedited", 300),
        ("GLACIER", "Standard", 5 * 3_600),
        ("GLACIER", "Bulk", 12 * 3_600),
        ("DEEP_ARCHIVE", "Standard", 12 * 3_600),
        ("DEEP_ARCHIVE", "Bulk", 48 * 3_600),
    ];
    for (class, tier, seconds) in cases {
        let sim = stage();
        let old = archived(&sim, class);
        let reads = || get(&sim, &format!("/backup/a?versionId={old}")).status;

        ask(&sim, &old, TWO_DAYS, tier);

        sim.clock().advance(Duration::from_secs(seconds - 1));
        assert_eq!(reads(), 403, "{class} {tier}");
        sim.clock().advance(Duration::from_secs(1));
        assert_eq!(reads(), 200, "{class} {tier}");
    }
}

#[test]
fn what_is_asked_for_again_is_under_way_hastened_or_kept_longer() {
    let sim = stage();
    let old = archived(&sim, "GLACIER");

    ask(&sim, &old, TWO_DAYS, "Bulk");
    let same = ask(&sim, &old, TWO_DAYS, "Bulk");
    let faster = ask(&sim, &old, TWO_DAYS, "Standard");
    let slower = ask(&sim, &old, TWO_DAYS, "Bulk");
    sim.clock().advance(HOUR * 5);
    let longer = ask(&sim, &old, "<Days>9</Days>", "Bulk");

    let under_way = answered(409, "RestoreAlreadyInProgress");
    assert_eq!((&same, &slower), (&under_way, &under_way));
    assert_eq!((faster, longer), (answered(202, ""), answered(200, "")));
    sim.clock().advance(DAY * 8);
    assert_eq!(get(&sim, &format!("/backup/a?versionId={old}")).status, 200);
}

#[test]
fn what_cannot_be_restored_is_refused() {
    let sim = stage();
    let old = archived(&sim, "DEEP_ARCHIVE");
    let current = sim.versions("backup", "a")[0].version_id.clone();
    sim.put_object(
        "backup",
        "tiered",
        Put::new("x").storage_class("INTELLIGENT_TIERING"),
    );
    sim.put_object(
        "backup",
        "frozen",
        Put::new("x").archive_status("ARCHIVE_ACCESS"),
    );
    sim.delete("backup", "a");
    let marker = sim.versions("backup", "a")[0].version_id.clone();
    let plain = |key: &str, body: &str| {
        let answer = send(
            &sim,
            &format!("POST /backup/{key}?restore"),
            &[],
            body.as_bytes(),
        );
        (answer.status, answer.element("Code").to_owned())
    };

    assert_eq!(
        ask(&sim, &old, TWO_DAYS, "Expedited"),
        answered(400, "InvalidArgument")
    );
    assert_eq!(ask(&sim, &old, "", "Bulk"), answered(400, "MalformedXML"));
    assert_eq!(
        ask(&sim, &current, TWO_DAYS, "Bulk"),
        answered(403, "InvalidObjectState")
    );
    assert_eq!(
        ask(&sim, &marker, TWO_DAYS, "Bulk"),
        answered(405, "MethodNotAllowed")
    );
    let forged = ask(&sim, "null", TWO_DAYS, "Bulk");
    assert_eq!(forged, answered(404, "NoSuchVersion"));
    let none = "<RestoreRequest></RestoreRequest>";
    let days = "<RestoreRequest><Days>2</Days></RestoreRequest>";
    assert_eq!(plain("a", days), answered(404, "NoSuchKey"));
    assert_eq!(
        plain("tiered", none),
        answered(403, "ObjectAlreadyInActiveTierError")
    );
    assert_eq!(plain("frozen", days), answered(400, "MalformedXML"));
    assert_eq!(plain("frozen", none), answered(202, ""));
}

#[test]
fn without_capacity_only_expedited_retrievals_are_refused() {
    let sim = stage();
    let old = archived(&sim, "GLACIER");
    sim.change_options("backup", |options| options.expedites = false);

    let refused = ask(&sim, &old, TWO_DAYS, "Expedited");

    assert_eq!(
        refused,
        answered(503, "GlacierExpeditedRetrievalNotAvailable")
    );
    assert_eq!(ask(&sim, &old, TWO_DAYS, "Standard"), answered(202, ""));
}

#[test]
fn a_listing_of_versions_tells_of_restores_when_asked_to() {
    let sim = stage();
    let old = archived(&sim, "GLACIER");
    let wanted = [("x-amz-optional-object-attributes", "RestoreStatus")];
    let list = || send(&sim, "GET /backup?versions", &wanted, b"");

    assert!(!list().text().contains("RestoreStatus"));
    ask(&sim, &old, TWO_DAYS, "Standard");
    assert_eq!(list().elements("IsRestoreInProgress"), ["true"]);
    sim.clock().advance(HOUR * 5);
    assert_eq!(
        list().elements("RestoreStatus"),
        ["<IsRestoreInProgress>false</IsRestoreInProgress>\
             <RestoreExpiryDate>2026-11-24T00:00:00.000Z</RestoreExpiryDate>"]
    );
    assert!(
        !get(&sim, "/backup?versions")
            .text()
            .contains("RestoreStatus")
    );
    sim.clock().advance(DAY * 3);
    assert!(!list().text().contains("RestoreStatus"));
}

#[test]
fn asking_reading_and_listing_versions_need_rights_of_their_own() {
    let sim = stage();
    let old = archived(&sim, "GLACIER");
    sim.put_object("backup", "t", Put::new("x").tag("a", "b"));
    let tagged = sim.versions("backup", "t")[0].version_id.clone();
    let header = "AWS4-HMAC-SHA256 Credential=RESTORE/20261121/us-east-1/s3/aws4_request, x";
    let signed = |line: &str, more: &[(&str, &str)], body: &[u8]| {
        let headers = [&[("authorization", header)], more].concat();
        let answer = send(&sim, line, &headers, body);
        (answer.status, answer.text().to_owned())
    };
    let restore = format!("POST /backup/a?restore&versionId={old}");
    let request = b"<RestoreRequest><Days>1</Days></RestoreRequest>";
    let source = format!("backup/t?versionId={tagged}");
    let copied = [("x-amz-copy-source", source.as_str())];
    sim.allow_only(
        "RESTORE",
        [
            Grant::from("s3:PutObject"),
            Grant::from("s3:PutObjectTagging"),
        ],
    );

    let denied = [
        ("s3:RestoreObject", signed(&restore, &[], request)),
        (
            "s3:ListBucketVersions",
            signed("GET /backup?versions", &[], b""),
        ),
        (
            "s3:GetObjectVersion",
            signed("PUT /primary/t", &copied, b""),
        ),
    ];

    for (action, (status, text)) in denied {
        assert!(
            status == 403 && text.contains(&format!("perform: {action} on")),
            "{action}: {text}"
        );
    }
    let grants = [
        "s3:RestoreObject",
        "s3:ListBucketVersions",
        "s3:GetObjectVersion",
    ];
    let written = ["s3:PutObject", "s3:PutObjectTagging"];
    let all = || grants.iter().chain(&written).map(|name| Grant::from(*name));
    sim.allow_only("RESTORE", all());
    let (status, text) = signed("PUT /primary/t", &copied, b"");
    assert!(
        status == 403 && text.contains("s3:GetObjectVersionTagging"),
        "{text}"
    );
    sim.allow_only(
        "RESTORE",
        all().chain([Grant::from("s3:GetObjectVersionTagging")]),
    );
    assert_eq!(signed("PUT /primary/t", &copied, b"").0, 200);
    assert_eq!(signed(&restore, &[], request).0, 202);
    assert_eq!(signed("GET /backup?versions", &[], b"").0, 200);
    assert_eq!(sim.ledger().count(Verb::RestoreObject), 2);
}

#[test]
fn a_population_can_have_many_versions_of_each_key() {
    let sim = Sim::start();
    let population = Population {
        versions: 3,
        ..Population::new(Shape::Flat, 1_000_000)
    };
    let options = |options| BucketOptions {
        population: Some(population.clone()),
        ..options
    };
    sim.create_bucket_with("primary", options(BucketOptions::default()));
    sim.create_bucket_with("backup", options(BucketOptions::versioned()));

    let page = get(&sim, "/backup?versions&max-keys=4");

    assert_eq!(
        page.elements("IsLatest"),
        ["true", "false", "false", "true"]
    );
    let dates = page.elements("LastModified");
    assert!(dates[0] > dates[1] && dates[1] > dates[2], "{dates:?}");
    let current = get(&sim, "/primary?list-type=2&max-keys=1");
    assert_eq!(current.element("ETag"), page.element("ETag"));
    assert_ne!(page.elements("ETag")[1], page.element("ETag"));
    let oldest = page.elements("VersionId")[2];
    let key = population.key(0);
    assert_eq!(
        get(&sim, &format!("/backup/{key}?versionId={oldest}")).status,
        200
    );
}
