//! Permissions, the ledger, the write limit.

use super::client::{copy, get, head, send, stage};
use crate::{Class, Detail, Encryption, Grant, Put, Sim, Verb};
use std::time::{Duration, Instant};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1";

#[test]
fn a_tagged_copy_under_a_key_needs_more_than_a_plain_one() {
    let sim = stage();
    sim.put("primary", "plain", "x");
    let encryption = Encryption::Kms {
        key: KEY.to_owned(),
    };
    let put = Put::new("x").tag("a", "b").encryption(encryption);
    sim.put_object("primary", "tagged", put);
    let names = |sim: &Sim| {
        let actions = sim.ledger().actions();
        let names = actions
            .into_iter()
            .map(|action| format!("{} {}", action.name, action.resource));
        names.collect::<Vec<String>>()
    };

    copy(&sim, "primary/plain", "/backup/plain", &[]);
    let plain = names(&sim);
    sim.ledger().clear();
    copy(&sim, "primary/tagged", "/backup/tagged", &[]);
    let tagged = names(&sim);

    assert_eq!(plain, ["s3:GetObject primary", "s3:PutObject backup"]);
    assert_eq!(
        tagged,
        [
            format!("kms:Decrypt {KEY}").as_str(),
            "s3:GetObject primary",
            "s3:GetObjectTagging primary",
            "s3:PutObject backup",
            "s3:PutObjectTagging backup",
        ]
    );
}

#[test]
fn a_denied_action_is_named_in_the_refusal() {
    let sim = stage();
    sim.put_object("primary", "a", Put::new("x").tag("a", "b"));
    sim.deny("s3:GetObjectTagging");

    let answer = copy(&sim, "primary/a", "/backup/a", &[]);

    assert_eq!(
        (answer.status, answer.element("Code")),
        (403, "AccessDenied")
    );
    let message = answer.element("Message");
    assert!(message.contains("is not authorized to perform: s3:GetObjectTagging on resource: &quot;arn:aws:s3:::primary/a&quot;"), "{message}");
    assert_eq!(sim.current("backup", "a"), None);
    assert_eq!(head(&sim, "/primary/a").header("x-amz-tagging-count"), "");
}

#[test]
fn a_missing_key_is_a_denial_to_who_may_not_list() {
    let sim = stage();
    let before = head(&sim, "/primary/a").status;
    sim.deny(Grant::on("s3:ListBucket", "primary"));

    assert_eq!((before, head(&sim, "/primary/a").status), (404, 403));
    sim.allow_all();
    assert_eq!(head(&sim, "/primary/a").status, 404);
}

#[test]
fn an_access_key_is_held_to_its_list() {
    let sim = stage();
    sim.allow_only("AKBACKUP", [Grant::from("s3:ListBucket")]);
    let header = "AWS4-HMAC-SHA256 Credential=AKBACKUP/20261121/us-east-1/s3/aws4_request, x";
    let signed = |line| send(&sim, line, &[("authorization", header)], b"").status;

    assert_eq!(signed("GET /primary?list-type=2"), 200);
    assert_eq!(signed("GET /primary?versioning"), 403);
    assert_eq!(get(&sim, "/primary?versioning").status, 200);
}

#[test]
fn the_ledger_remembers_what_was_asked_or_only_how_often() {
    let sim = stage();
    sim.put("primary", "a", "x");
    copy(
        &sim,
        "primary/a",
        "/backup/b",
        &[("x-amz-storage-class", "STANDARD_IA")],
    );
    sim.ledger().keep(Detail::Counts);
    copy(&sim, "primary/a", "/backup/c", &[]);

    let entries = sim.ledger().entries();

    assert_eq!(sim.ledger().count(Verb::CopyObject), 2);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].copy_source(), Some("primary/a"));
    assert_eq!(
        entries[0].header("x-amz-storage-class"),
        Some("STANDARD_IA")
    );
    assert_eq!(
        (entries[0].bucket.as_str(), entries[0].key.as_str()),
        ("backup", "b")
    );
    assert_eq!(sim.ledger().max_in_flight(), 1);
}

#[test]
fn writes_above_the_limit_are_slowed_down() {
    let sim = Sim::builder().write_limit(1).start();
    sim.create_bucket("primary");

    let statuses: Vec<u16> = (0..5)
        .map(|_| send(&sim, "PUT /primary/a", &[], b"x").status)
        .collect();

    assert_eq!(statuses[0], 200);
    assert!(statuses.contains(&503));
    assert_eq!(get(&sim, "/primary/a").status, 200);
}

#[test]
fn a_class_of_verbs_can_be_slow() {
    let late = Duration::from_millis(100);
    let sim = Sim::builder().latency(Class::List, late).start();
    sim.create_bucket("primary");
    let begun = Instant::now();

    get(&sim, "/primary?list-type=2");

    assert!(begun.elapsed() >= late);
}
