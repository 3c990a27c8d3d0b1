//! Faults as a client sees them.

use super::client::{End, copy, get, send, stage, try_send};
use crate::{Effect, Fault, Sim, Verb};
use std::time::{Duration, Instant};

fn with_objects() -> Sim {
    let sim = stage();
    for key in ["a", "b", "c"] {
        sim.put("primary", key, "hello");
    }
    sim
}

#[test]
fn only_the_named_call_fails() {
    let sim = with_objects();
    let strikes = sim.fault(Fault::on(Verb::CopyObject).key("b"), Effect::SlowDown);

    let answers = ["a", "b", "c"].map(|key| {
        let source = format!("primary/{key}");
        copy(&sim, &source, &format!("/backup/{key}"), &[]).status
    });

    assert_eq!(answers, [200, 503, 200]);
    assert_eq!(sim.keys("backup"), ["a", "c"]);
    assert_eq!(strikes.count(), 1);
    assert_eq!(sim.ledger().count_with_status(Verb::CopyObject, 503), 1);
}

#[test]
fn a_reset_before_the_work_leaves_nothing_and_one_after_it_leaves_the_copy() {
    let sim = with_objects();
    sim.fault(Fault::on(Verb::CopyObject).nth(1), Effect::ConnectionReset);
    sim.fault(Fault::on(Verb::CopyObject).nth(2), Effect::ResetAfterWork);
    let headers = [("x-amz-copy-source", "primary/a")];

    let before = try_send(&sim, "PUT /backup/a", &headers, b"");
    let left = sim.keys("backup").len();
    let after = try_send(&sim, "PUT /backup/a", &headers, b"");

    let ends = [before, after].map(Result::unwrap_err);
    assert_eq!(ends, [End::Reset, End::Reset]);
    assert_eq!((left, sim.keys("backup").len()), (0, 1));
    assert_eq!(sim.ledger().of(Verb::CopyObject)[0].status, None);
}

#[test]
fn a_connection_may_end_in_order_before_or_after_the_work() {
    let sim = with_objects();
    sim.fault(
        Fault::on(Verb::CopyObject).nth(1),
        Effect::CloseWithoutReply,
    );
    sim.fault(Fault::on(Verb::CopyObject).nth(2), Effect::CloseAfterWork);
    let headers = [("x-amz-copy-source", "primary/a")];

    let before = try_send(&sim, "PUT /backup/a", &headers, b"");
    let left = sim.keys("backup").len();
    let after = try_send(&sim, "PUT /backup/a", &headers, b"");

    let ends = [before, after].map(Result::unwrap_err);
    assert_eq!(ends, [End::Closed, End::Closed]);
    assert_eq!((left, sim.keys("backup").len()), (0, 1));
}

#[test]
fn a_200_may_hold_an_error_or_nothing() {
    let sim = with_objects();
    let effects = [
        Effect::OkWithErrorBody("InternalError".to_owned()),
        Effect::EmptyBody,
        Effect::OkWithErrorBodyAfterWork("SlowDown".to_owned()),
        Effect::EmptyBodyAfterWork,
    ];
    let mut seen = Vec::new();

    for effect in effects {
        sim.clear_faults();
        sim.delete("backup", "a");
        sim.fault(Fault::on(Verb::CopyObject), effect);
        let answer = copy(&sim, "primary/a", "/backup/a", &[]);
        let there = sim.current("backup", "a").is_some();
        seen.push((
            answer.status,
            answer.element("Code").to_owned(),
            answer.body.is_empty(),
            there,
        ));
    }

    let expected = [
        (200, "InternalError", false, false),
        (200, "", true, false),
        (200, "SlowDown", false, true),
        (200, "", true, true),
    ];
    assert_eq!(
        seen,
        expected.map(|(status, code, empty, there)| (status, code.to_owned(), empty, there))
    );
}

#[test]
fn a_cut_body_is_valid_http_and_a_cut_connection_is_not() {
    let sim = with_objects();
    let list = Fault::on(Verb::ListObjectsV2);
    sim.fault(list.clone().nth(1), Effect::CutBodyAfter(50));
    sim.fault(list.clone().nth(2), Effect::CutBodyFraction(0.5));
    sim.fault(list.nth(3), Effect::CutConnectionAfter(50));
    let page = || get(&sim, "/primary?list-type=2");

    let (cut, half, broken, whole) = (page(), page(), page(), page());

    assert_eq!((cut.body.len(), cut.header("content-length")), (50, "50"));
    assert_eq!(half.body.len(), whole.body.len() / 2);
    assert_eq!(broken.body.len(), 50);
    assert_eq!(
        broken.header("content-length"),
        whole.header("content-length")
    );
    assert_eq!(whole.elements("Key"), ["a", "b", "c"]);
}

#[test]
fn a_stall_never_answers_but_ends_with_the_simulator() {
    let sim = with_objects();
    sim.fault(Fault::on(Verb::HeadObject), Effect::Stall);
    sim.fault(Fault::on(Verb::GetObject), Effect::StallAfterHeaders);

    let nothing = try_send(&sim, "HEAD /primary/a", &[], b"");
    let headers = try_send(&sim, "GET /primary/a", &[], b"").unwrap();
    let begun = Instant::now();
    drop(sim);

    assert_eq!(nothing.unwrap_err(), End::Never);
    assert_eq!(
        (headers.header("content-length"), headers.body.len()),
        ("5", 0)
    );
    assert_eq!(headers.end, End::Never);
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
fn listings_can_lie_in_six_ways() {
    let page = |effect| {
        let sim = with_objects();
        sim.fault(Fault::on(Verb::ListObjectsV2), effect);
        get(&sim, "/primary?list-type=2&max-keys=2&encoding-type=url")
    };

    assert_eq!(page(Effect::MissingIsTruncated).element("IsTruncated"), "");
    assert_eq!(page(Effect::MissingToken).element("IsTruncated"), "true");
    assert_eq!(
        page(Effect::MissingToken).element("NextContinuationToken"),
        ""
    );
    assert_eq!(page(Effect::KeysOutOfOrder).elements("Key"), ["b", "a"]);
    assert_eq!(page(Effect::DuplicateKey).elements("Key"), ["a", "a", "b"]);
    assert_eq!(page(Effect::DuplicateKey).element("KeyCount"), "3");
    assert_eq!(page(Effect::WrongKeyCount).element("KeyCount"), "3");
    assert_eq!(page(Effect::NotEncoded).element("EncodingType"), "");
}

#[test]
fn a_hook_changes_the_world_in_the_middle_of_a_call() {
    let sim = with_objects();
    let change = Effect::before(|s3| {
        s3.put("primary", "a", "changed");
    });
    sim.fault(Fault::on(Verb::CopyObject).first(1), change);
    let etag = sim.current("primary", "a").unwrap().etag;

    let answer = copy(
        &sim,
        "primary/a",
        "/backup/a",
        &[("x-amz-copy-source-if-match", &etag)],
    );

    assert_eq!(answer.status, 412);
}

#[test]
fn a_call_whose_caller_goes_away_is_not_carried_out() {
    let sim = with_objects();
    sim.fault(
        Fault::on(Verb::CopyObject),
        Effect::Slow(Duration::from_secs(2)),
    );
    let headers = [("x-amz-copy-source", "primary/a")];

    let answer = try_send(&sim, "PUT /backup/a", &headers, b"");
    let begun = Instant::now();
    while sim.ledger().total() == 0 && begun.elapsed() < Duration::from_secs(1) {
        std::thread::sleep(Duration::from_millis(10));
    }

    assert_eq!(answer.unwrap_err(), End::Never);
    assert_eq!(sim.ledger().of(Verb::CopyObject)[0].status, None);
    assert_eq!(sim.keys("backup"), [""; 0]);
}

#[test]
fn every_verb_survives_every_effect() {
    let sim = with_objects();
    let requests = [
        "HEAD /primary",
        "GET /primary?versioning",
        "GET /primary?list-type=2",
        "GET /primary?versions",
        "HEAD /primary/a",
        "GET /primary/a",
        "GET /primary/a?tagging",
        "PUT /backup/a",
        "POST /backup/a?uploads",
        "DELETE /backup/a",
    ];

    for effect in Effect::all() {
        if matches!(effect, Effect::Stall | Effect::StallAfterHeaders) {
            continue;
        }
        sim.clear_faults();
        let strikes = sim.fault(Fault::on_any(), effect);
        for line in requests {
            let _ = try_send(&sim, line, &[], b"");
        }
        assert_eq!(strikes.count(), requests.len() as u64);
    }
    sim.clear_faults();

    assert_eq!(send(&sim, "GET /primary/a", &[], b"").status, 200);
}
