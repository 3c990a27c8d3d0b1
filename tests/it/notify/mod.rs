//! Messages on the wire: a server of Amazon SNS on loopback, which checks what comes and answers as it is told.

mod all_jobs;
mod budget;
mod unusual;
mod watch;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use s3_backup::lambda::Handler;
use s3_backup::model::Deadline;
use s3_backup::request;
use s3_backup::s3::{CallLimits, Connections};
use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};

use crate::world::{World, answer, counts};

pub const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:backups";

/// How the server answers.
#[derive(Clone, Copy)]
pub enum Reply {
    Published,
    Error(u16, &'static str),
    Redirect,
    /// The page of a hotel's network.
    SomethingElse,
    Never,
}

/// A request that has come.
#[derive(Clone, Debug)]
pub struct Posted {
    line: String,
    authorization: String,
    pub fields: BTreeMap<String, String>,
}

/// A topic, and what was published to it.
pub struct Sns {
    url: String,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Sns {
    /// Answers the first requests so, and each further one like the last.
    pub fn start(replies: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let posted = Arc::new(Mutex::new(Vec::new()));
        let (replies, log) = (replies.to_vec(), Arc::clone(&posted));
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let reply = replies[number.min(replies.len() - 1)];
                let (stream, log) = (stream.unwrap(), Arc::clone(&log));
                thread::spawn(move || serve(stream, reply, &log));
            }
        });
        Self { url, posted }
    }

    pub fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }

    /// A function that publishes here.
    pub fn handler(&self, world: &World) -> Handler {
        let base = world.sdk().into_builder();
        let base = base.service_config(At(self.url.clone())).build();
        world.handler_over(Connections::new(base, CallLimits::default()))
    }

    /// The result of a backup that is told of.
    async fn backup(&self, world: &World) -> Value {
        world.sim.clock().advance(Duration::from_secs(2));
        let result = answer(&self.handler(world), json!({})).await.unwrap();
        world.sim.clock().advance(Duration::from_secs(2));
        result
    }
}

/// The setting `AWS_ENDPOINT_URL_SNS`.
#[derive(Debug)]
struct At(String);

impl LoadServiceConfig for At {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let is_asked = key.service_id() == "SNS" && key.env() == "AWS_ENDPOINT_URL";
        is_asked.then(|| self.0.clone())
    }
}

fn serve(mut stream: TcpStream, reply: Reply, log: &Mutex<Vec<Posted>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let header = |name: &str| {
        let found = lines.iter().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then(|| value.to_owned())
        });
        found.unwrap_or_default()
    };
    let mut body = vec![0; header("content-length").parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let decoded = |text: &str| {
        let text = percent_encoding::percent_decode_str(text).decode_utf8();
        text.unwrap().into_owned()
    };
    let body = String::from_utf8(body).unwrap();
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    log.lock().unwrap().push(Posted {
        line: lines[0].clone(),
        authorization: header("authorization"),
        fields: pairs
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect(),
    });
    let (status, location, body) = match reply {
        Reply::Published => (200, "", "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>".to_owned()),
        Reply::Error(status, code) => (
            status,
            "",
            format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>it is so</Message></Error></ErrorResponse>"),
        ),
        Reply::Redirect => (307, "location: http://169.254.169.254/\r\n", String::new()),
        Reply::SomethingElse => (200, "", "<html>Welcome</html>".to_owned()),
        Reply::Never => {
            thread::sleep(Duration::from_secs(20));
            return;
        }
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Any\r\n{location}content-length: {length}\r\n\r\n");
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

fn world() -> World {
    let world = World::new().with("BACKUP_SNS_TOPIC_ARN", TOPIC);
    world.put("a", "1");
    world.put("b", "2");
    world
}

/// The warnings of a result: codes and messages.
fn warnings(result: &Value) -> Vec<(String, String)> {
    let text = |warning: &Value, name: &str| warning[name].as_str().unwrap().to_owned();
    let warnings = result["warnings"].as_array().unwrap().iter();
    warnings
        .map(|warning| (text(warning, "code"), text(warning, "message")))
        .collect()
}

#[tokio::test]
async fn a_run_is_told_of_by_one_signed_message() {
    let (world, sns) = (world(), Sns::start(&[Reply::Published]));

    let result = sns.backup(&world).await;

    assert_eq!(counts(&result), [2, 2, 0, 0, 0, 0]);
    assert_eq!(warnings(&result), []);
    let posted = sns.posted();
    let [message] = posted.as_slice() else {
        panic!("{posted:?}");
    };
    assert_eq!(message.line, "POST / HTTP/1.1");
    // Signed for the region of the topic, which is not that of the function.
    assert!(
        message
            .authorization
            .starts_with("AWS4-HMAC-SHA256 Credential=")
    );
    assert!(
        message
            .authorization
            .contains("/eu-west-1/sns/aws4_request"),
        "{message:?}"
    );
    let field = |name: &str| message.fields[name].as_str();
    assert_eq!(field("Action"), "Publish");
    assert_eq!(field("TopicArn"), TOPIC);
    assert_eq!(field("Subject"), "s3-backup COMPLETE: 2 copied (primary)");
    assert!(field("Message").starts_with("Backed up 2 objects: 2 copied\n"));
    assert!(field("Message").contains(result["run_id"].as_str().unwrap()));
    for (number, name, value) in [
        (1, "status", "complete"),
        (2, "operation", "backup"),
        (3, "errors", "0"),
        (4, "source", "primary"),
    ] {
        let entry = format!("MessageAttributes.entry.{number}");
        assert_eq!(field(&format!("{entry}.Name")), name);
        assert_eq!(field(&format!("{entry}.Value.StringValue")), value);
    }
}

#[tokio::test]
async fn what_cannot_be_told_is_a_warning_and_the_backup_is_complete() {
    for (replies, attempts, part) in [
        (
            &[Reply::Error(404, "NotFound")][..],
            1,
            "NotFound: it is so; create the topic again",
        ),
        (
            &[Reply::Error(403, "AuthorizationError")],
            1,
            "AuthorizationError: it is so; allow the role sns:Publish",
        ),
        (
            &[Reply::Error(400, "InvalidParameter")],
            1,
            "InvalidParameter: it is so; correct BACKUP_SNS_TOPIC_ARN",
        ),
        (
            &[Reply::Error(400, "KMSAccessDenied")],
            1,
            "kms:GenerateDataKey",
        ),
        (
            &[Reply::Error(500, "InternalFailure")],
            2,
            "InternalFailure: it is so",
        ),
        (
            &[Reply::Redirect],
            1,
            "status 307: a redirect, which is not followed",
        ),
        (
            &[Reply::SomethingElse],
            1,
            "the reply is not one of Amazon SNS",
        ),
    ] {
        let (world, sns) = (world(), Sns::start(replies));

        let result = sns.backup(&world).await;

        assert_eq!(
            (result["status"].as_str(), &result["errors"]),
            (Some("complete"), &json!(0))
        );
        let warnings = warnings(&result);
        let [(code, message)] = warnings.as_slice() else {
            panic!("{part}: {warnings:?}");
        };
        assert_eq!(code, "notification");
        assert!(
            message.contains(TOPIC) && message.contains(part),
            "{part:?}: {message:?}"
        );
        assert_eq!(sns.posted().len(), attempts, "{part}");
    }
}

#[tokio::test]
async fn what_passes_is_tried_once_more() {
    let replies = [Reply::Error(503, "ServiceUnavailable"), Reply::Published];
    let (world, sns) = (world(), Sns::start(&replies));

    let result = sns.backup(&world).await;

    assert_eq!(warnings(&result), []);
    assert_eq!(sns.posted().len(), 2);
}

#[tokio::test]
async fn a_topic_that_never_answers_takes_five_seconds() {
    let (world, sns) = (world(), Sns::start(&[Reply::Never]));
    let began = Instant::now();

    let result = sns.backup(&world).await;

    let took = began.elapsed();
    // Two attempts would take ten.
    assert!((5..10).contains(&took.as_secs()), "{took:?}");
    assert!(
        warnings(&result)[0].1.contains("no reply within 5.0 s"),
        "{result}"
    );
    assert_eq!(result["status"], "complete");
}

#[tokio::test]
async fn a_message_never_outlives_the_function() {
    let (world, sns) = (world(), Sns::start(&[Reply::Never]));
    let request = request::parse(&json!({})).unwrap();
    let deadline = Deadline::within(Instant::now(), Duration::from_secs(3));

    let handler = sns.handler(&world);
    let summary = Box::pin(handler.answer(&request, Some(deadline), |_| {})).await;

    assert!(Instant::now() < deadline.end_at);
    assert_eq!(summary.unwrap().warnings().len(), 1);
}

#[tokio::test]
async fn only_problems_are_told_of_if_that_is_wanted() {
    let world = world().with("BACKUP_NOTIFY", "problems");
    let sns = Sns::start(&[Reply::Published]);

    sns.backup(&world).await;
    let silent = sns.posted().len();
    world.put("\n\u{202e}c", "3");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world.sim.fault(Fault::on(Verb::CopyObject), denied);
    sns.backup(&world).await;

    assert_eq!(silent, 0);
    let posted = sns.posted();
    assert_eq!(posted.len(), 1);
    let fields = &posted[0].fields;
    assert_eq!(
        fields["Subject"],
        "s3-backup INCOMPLETE: 0 copied, 1 error (primary)"
    );
    let body = &fields["Message"];
    assert!(
        body.contains("- 1 x AccessDenied at CopyObject: "),
        "{body}"
    );
    assert!(body.contains("    \\u000a\\u202ec\n"), "{body}");
}

#[tokio::test]
async fn nobody_is_told_if_that_is_wanted_nor_of_what_would_be_done() {
    let sns = Sns::start(&[Reply::Published]);

    sns.backup(&world().with("BACKUP_NOTIFY", "never")).await;
    let world = world();
    for payload in [
        json!({"operation": "backup", "dry_run": true}),
        json!({"operation": "plan"}),
    ] {
        answer(&sns.handler(&world), payload).await.unwrap();
    }

    assert_eq!(sns.posted().len(), 0);
}

#[tokio::test]
async fn a_run_that_is_continued_is_told_of_once_at_its_end() {
    for (continued, told) in [("yes", 0), ("no", 1)] {
        let world = world().with("BACKUP_CONTINUATION", continued);
        let sns = Sns::start(&[Reply::Published]);
        let handler = sns.handler(&world);
        let request = request::parse(&json!({})).unwrap();
        let begun = Deadline::within(Instant::now(), Duration::from_secs(20));
        let over = Deadline {
            stop_at: Instant::now(),
            ..begun
        };

        let summary = Box::pin(handler.answer(&request, Some(over), |_| {}))
            .await
            .unwrap();
        let before = sns.posted().len();
        let cursor = summary.cursor().expect("something is left");
        let payload = json!({"operation": "continue", "cursor": cursor});
        world.sim.clock().advance(Duration::from_secs(2));
        let result = answer(&handler, payload).await.unwrap();

        assert_eq!(result["status"], "complete", "{result}");
        assert_eq!(before, told, "continued: {continued}");
        assert_eq!(sns.posted().len(), told + 1, "continued: {continued}");
    }
}

#[tokio::test]
async fn a_heartbeat_that_nobody_hears_is_a_warning() {
    let world = World::new().with(
        "BACKUP_HEARTBEAT_URL",
        "https://no-such-monitor.invalid/5f2d1b9a",
    );
    world.put("a", "1");

    let result = world.backup().await;

    let warnings = warnings(&result);
    let [(code, message)] = warnings.as_slice() else {
        panic!("{warnings:?}");
    };
    assert_eq!(
        (result["status"].as_str(), code.as_str()),
        (Some("complete"), "heartbeat")
    );
    assert!(
        message.contains("no-such-monitor.invalid") && !message.contains("5f2d1b9a"),
        "{message}"
    );
}
