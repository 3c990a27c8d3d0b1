//! Connections that end, cannot be made, or lead through a proxy.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use s3_sim::{Effect, Fault, Sim, Verb};

use serde_json::json;

use crate::world::{BACKUP, PRIMARY, World, answer, counts};

fn with_objects(world: World, objects: usize) -> World {
    for n in 0..objects {
        world.put(&format!("{n:03}"), "1");
    }
    world
}

/// Each of the calls that are not sent twice by themselves, and how often a small run makes it.
const WRITES: [(Verb, u64); 3] = [
    (Verb::CopyObject, 4),
    (Verb::PutObject, 2),
    (Verb::DeleteObject, 1),
];

#[tokio::test]
async fn an_answer_that_is_lost_by_an_orderly_close_is_looked_for() {
    for effect in [Effect::CloseWithoutReply, Effect::CloseAfterWork] {
        for (verb, calls) in WRITES {
            for nth in 1..=calls {
                let name = format!("{effect:?} at {verb:?} {nth}");
                let world = with_objects(World::new(), 20).with("BACKUP_DELETIONS", "mark");
                world.backup().await;
                for n in 0..4 {
                    world.put(&format!("{n:03}"), "2");
                }
                world.sim.delete(PRIMARY, "019");
                let strikes = world.sim.fault(Fault::on(verb).nth(nth), effect.clone());

                let result = world.backup().await;

                assert_eq!(strikes.count(), 1, "{name}");
                assert_eq!(result["status"], "complete", "{name}: {result}");
                assert_eq!(counts(&result), [19, 4, 15, 0, 0, 0], "{name}");
                assert_eq!(result["objects_marked_deleted"], 1, "{name}: {result}");
                world.assert_backed_up();
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_closes_every_seventh_connection_loses_no_copy() {
    let sim = Sim::builder().close_every_connection(7).start();
    let world = with_objects(World::around(sim), 300);

    let result = world.backup().await;

    assert_eq!(counts(&result), [300, 300, 0, 0, 0, 0], "{result}");
    assert_eq!(result["status"], "complete", "{result}");
    world.assert_backed_up();
}

#[tokio::test]
async fn every_seventh_copy_that_ends_without_a_reply_is_made() {
    for effect in [Effect::CloseWithoutReply, Effect::CloseAfterWork] {
        let world = with_objects(World::new(), 300);
        world
            .sim
            .fault(Fault::on(Verb::CopyObject).every(7), effect.clone());

        let result = world.backup().await;

        assert_eq!(counts(&result), [300, 300, 0, 0, 0, 0], "{effect:?}");
        world.assert_backed_up();
    }
}

/// The built command line with these variables and no others.
fn run(variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_s3-backup"))
        .args(["run", "--source", PRIMARY, "--destination", BACKUP])
        .env_clear()
        .envs([
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ])
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// The longest that a person waits for a connection that cannot be made: five seconds, and as many again because
/// the machine runs other tests beside this one.
const SOON: Duration = Duration::from_secs(10);

/// Asserts that a run ends soon, with exit code 1 and all of these parts of a message.
fn assert_told(variables: &[(&str, &str)], parts: &[&str]) {
    let began = Instant::now();
    let output = run(variables);
    let took = began.elapsed();

    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(took < SOON, "{took:?}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{part:?} is missing in {stderr:?}");
    }
    assert!(!stderr.contains("AWS support"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

/// A port at which nothing listens.
pub fn dead_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A server that reads what comes and answers each connection like this.
fn server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer);
            });
        }
    });
    address
}

#[test]
fn a_dead_port_is_named_soon() {
    let address = dead_port();

    assert_told(
        &[("AWS_ENDPOINT_URL", &format!("http://{address}"))],
        &[
            "cannot read the source: cannot reach bucket primary: no connection",
            &format!("({address}: connection refused)"),
            "correct host and port in AWS_ENDPOINT_URL",
        ],
    );
}

#[test]
fn a_host_without_an_address_is_named_soon() {
    assert_told(
        &[("AWS_ENDPOINT_URL", "http://s3.nowhere.invalid:9000")],
        &[
            "no connection (s3.nowhere.invalid:9000: failed to lookup address information",
            "correct AWS_REGION or AWS_ENDPOINT_URL",
        ],
    );
}

#[test]
fn a_certificate_that_nobody_trusts_is_named_soon() {
    let sim = Sim::builder().tls_for("127.0.0.1").start();

    assert_told(
        &[("AWS_ENDPOINT_URL", &sim.endpoint())],
        &["invalid peer certificate: UnknownIssuer", "AWS_CA_BUNDLE"],
    );
}

#[test]
fn plain_http_at_a_port_of_tls_is_named_soon() {
    let sim = Sim::builder().tls_for("127.0.0.1").start();
    let endpoint = sim.endpoint().replace("https", "http");

    assert_told(
        &[("AWS_ENDPOINT_URL", &endpoint)],
        &[
            "what answered does not speak HTTP",
            "write https:// in AWS_ENDPOINT_URL",
        ],
    );
}

#[test]
fn a_server_that_only_hangs_up_is_named_soon() {
    let address = server(b"");

    assert_told(
        &[("AWS_ENDPOINT_URL", &format!("http://{address}"))],
        &["the connection broke", &address, "check AWS_ENDPOINT_URL"],
    );
}

#[test]
fn tls_at_a_port_of_plain_http_is_named_soon() {
    let sim = Sim::start();
    let endpoint = sim.endpoint().replace("http", "https");

    assert_told(
        &[("AWS_ENDPOINT_URL", &endpoint)],
        &[
            "no connection",
            "write http:// in AWS_ENDPOINT_URL if the server has no TLS",
        ],
    );
}

#[test]
fn a_server_that_never_shakes_hands_is_named_soon() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());

    assert_told(
        &[("AWS_ENDPOINT_URL", &endpoint)],
        &[
            "no connection",
            "timed out after 4s",
            "check the way to this host",
        ],
    );
}

#[tokio::test]
async fn a_connection_that_worked_before_may_be_refused_for_a_while() {
    let world = with_objects(World::new(), 20).persistent();
    let endpoint = world.sim.endpoint();
    let port = endpoint.rsplit(':').next().unwrap().parse().unwrap();
    let handler = world.handler();
    world.sim.clock().advance(Duration::from_secs(2));
    let first = answer(&handler, json!({})).await.unwrap();
    assert_eq!(first["status"], "complete");
    drop(world);
    let restarted = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let world = with_objects(World::around(Sim::builder().port(port).start()), 20);
        world.sim.clock().advance(Duration::from_secs(2));
        world
    });

    let again = answer(&handler, json!({})).await;

    let world = restarted.await.unwrap();
    assert_eq!(again.unwrap()["status"], "complete");
    world.assert_backed_up();
}
