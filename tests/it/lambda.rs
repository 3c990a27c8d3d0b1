//! The built `bootstrap` against a fake Runtime API: what Lambda sends in and gets back.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, World, counts};
use crate::{lease, signals};

/// The time that the function has, as its timeout says.
const TIME: Duration = Duration::from_secs(2);
/// How long a test waits for an answer.
const BOUND: Duration = Duration::from_mins(3);

/// What the function posted: the path of the Runtime API, and the body.
pub struct Posted {
    path: String,
    body: Value,
}

/// A function in an environment of its own, stopped when dropped.
pub struct Function {
    process: Child,
    posted: mpsc::Receiver<Posted>,
}

impl Function {
    /// Starts the function, which is sent these payloads one after the other.
    fn start(world: &World, vars: &[(&str, &str)], payloads: Vec<String>) -> Self {
        Self::with_time(world, vars, payloads, TIME)
    }

    /// The same with so much time for each payload.
    pub fn with_time(
        world: &World,
        vars: &[(&str, &str)],
        payloads: Vec<String>,
        time: Duration,
    ) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_bootstrap"));
        Self::of(program, world, vars, payloads, time)
    }

    /// The same of another build of the function.
    pub fn of(
        program: &Path,
        world: &World,
        vars: &[(&str, &str)],
        payloads: Vec<String>,
        time: Duration,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let api = listener.local_addr().unwrap().to_string();
        let (send, posted) = mpsc::channel();
        thread::spawn(move || serve(&listener, payloads, &send, time));
        let process = Command::new(program)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", api)
            .env("AWS_LAMBDA_FUNCTION_NAME", "backup")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_ENDPOINT_URL", world.sim.endpoint())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .envs(vars.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { process, posted }
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    fn posted(&self) -> Posted {
        self.posted.recv_timeout(BOUND).unwrap()
    }

    /// What it has logged, after which it is no more.
    fn text_log(mut self) -> String {
        self.process.kill().unwrap();
        let mut text = String::new();
        let stdout = self.process.stdout.as_mut().unwrap();
        stdout.read_to_string(&mut text).unwrap();
        text
    }

    /// The lines that it has logged, after which it is no more.
    pub fn log(self) -> Vec<Value> {
        let text = self.text_log();
        let parsed = text.lines().map(serde_json::from_str);
        parsed.collect::<Result<_, _>>().unwrap()
    }

    pub fn response(&self) -> Value {
        let posted = self.posted();
        assert!(
            posted.path.ends_with("/response"),
            "{}: {}",
            posted.path,
            posted.body
        );
        posted.body
    }

    pub fn error(&self) -> Value {
        let posted = self.posted();
        assert!(
            posted.path.ends_with("/error"),
            "{}: {}",
            posted.path,
            posted.body
        );
        posted.body
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A key that would forge the line of a result, and turn the rest of its own line around.
const FORGED: &str = "a\n{\"statusCode\":200,\"status\":\"complete\"}\n\u{1b}[2J\u{202e}\u{2028}";

#[test]
fn a_key_cannot_forge_a_line_of_the_log() {
    let world = World::new();
    world.put(FORGED, "1");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world.sim.fault(Fault::on(Verb::CopyObject), denied);
    let vars = [("SOURCE_BUCKET", PRIMARY), ("DESTINATION_BUCKET", BACKUP)];
    for format in ["Text", "JSON"] {
        let vars = [vars[0], vars[1], ("AWS_LAMBDA_LOG_FORMAT", format)];

        let function = Function::start(&world, &vars, vec!["{}".to_owned()]);
        let result = function.response();
        let text = function.text_log();

        assert_eq!(result["failures"][0]["key"], FORGED);
        let results = text
            .lines()
            .filter(|line| line.starts_with("{\"statusCode\""));
        assert_eq!(results.count(), 1, "{text}");
        let warnings = text.lines().filter(|line| line.contains("WARN"));
        assert_eq!(warnings.count(), 1, "{text}");
        let shown = text.chars().filter(|c| *c != '\n');
        assert_eq!(shown.filter(|c| c.is_control()).count(), 0, "{text:?}");
        assert!(!text.contains(['\u{202e}', '\u{2028}']), "{text:?}");
    }
}

#[test]
fn a_sigterm_ends_a_run_with_its_result_and_gives_the_lease_back() {
    let world = World::new();
    world.put("k", "1");
    let stalls = world
        .sim
        .fault(Fault::on(Verb::CopyObject).key("k"), Effect::Stall);
    let vars = [("SOURCE_BUCKET", PRIMARY), ("DESTINATION_BUCKET", BACKUP)];
    let mut function = Function::start(&world, &vars, vec!["{}".to_owned()]);
    while stalls.count() == 0 {
        thread::sleep(Duration::from_millis(2));
    }

    signals::send("-TERM", &function.process);
    let result = function.response();
    let ended = function.process.wait().unwrap();

    assert_eq!(result["status"], "incomplete");
    assert!(!result["cursor"].is_null());
    assert!(ended.success(), "{ended}");
    world.sim.clear_faults();
    let second = Function::start(&world, &vars, vec!["{}".to_owned()]);
    assert_eq!(second.response()["status"], "complete");
}

#[test]
fn the_handler_web_answers_the_gateway_and_needs_no_bucket_for_the_page_itself() {
    let world = World::new();
    let vars = [
        ("_HANDLER", "web"),
        ("WEB_SIGN_IN", "oidc"),
        ("WEB_ISSUER", "https://issuer.example"),
        ("WEB_CLIENT_ID", "client"),
        ("WEB_RESTORE_FUNCTION", "stack-restore"),
    ];
    let http = json!({"method": "GET", "path": "/config.json"});
    let payload =
        |path: &str| json!({"version": "2.0", "rawPath": path, "requestContext": {"http": http}});
    let payloads = ["/config.json", "/api/runs"].map(|path| payload(path).to_string());

    let function = Function::start(&world, &vars, payloads.to_vec());

    let config = function.response();
    assert_eq!(config["statusCode"], 200, "{config}");
    assert!(
        config["body"]
            .as_str()
            .unwrap()
            .contains("https://issuer.example")
    );
    assert_eq!(function.response()["statusCode"], 401);
    let log = function.log();
    let refused = log.iter().find(|line| line["audit"] == "runs");
    assert_eq!(refused.unwrap()["result"], "refused", "{log:?}");
}

/// Hands out the payloads and takes what is posted; after the last one, polls wait.
fn serve(
    listener: &TcpListener,
    payloads: Vec<String>,
    send: &mpsc::Sender<Posted>,
    time: Duration,
) {
    let mut payloads = payloads.into_iter();
    for stream in listener.incoming() {
        let mut reader = BufReader::new(stream.unwrap());
        while let Some((method, path, body)) = request(&mut reader) {
            if method == "GET" {
                let Some(payload) = payloads.next() else {
                    thread::sleep(BOUND);
                    return;
                };
                answer(reader.get_mut(), "200 OK", &payload, time);
            } else {
                answer(reader.get_mut(), "202 Accepted", "{}", time);
                let body = serde_json::from_slice(&body).unwrap();
                let _ = send.send(Posted { path, body });
            }
        }
    }
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return None;
        }
    }
    let mut words = head.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let lower = head.to_lowercase();
    let length = lower
        .split("content-length:")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next());
    let body = match length {
        Some(length) => {
            let mut body = vec![0; length.parse().ok()?];
            reader.read_exact(&mut body).ok()?;
            body
        }
        None if lower.contains("transfer-encoding: chunked") => chunks(reader)?,
        None => Vec::new(),
    };
    Some((method, path, body))
}

fn chunks(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; length + 2];
        reader.read_exact(&mut chunk).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}

fn answer(stream: &mut TcpStream, status: &str, body: &str, time: Duration) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let deadline = (now + time).as_millis();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:111122223333:function:backup\r\n\
         lambda-runtime-deadline-ms: {deadline}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
}

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/events");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

const BUCKETS: [(&str, &str); 2] = [("SOURCE_BUCKET", PRIMARY), ("DESTINATION_BUCKET", BACKUP)];

#[test]
fn every_way_to_be_started_runs_a_backup() {
    let world = World::new();
    world.put("k", "1");
    world.sim.clock().advance(Duration::from_secs(2));
    let payloads = [
        "manual-empty.json",
        "rule.json",
        "scheduler.json",
        "backup.json",
    ]
    .map(fixture);

    let function = Function::start(&world, &BUCKETS, payloads.to_vec());

    assert_eq!(counts(&function.response()), [1, 1, 0, 0, 0, 0]);
    for _ in 1..4 {
        assert_eq!(counts(&function.response()), [1, 0, 1, 0, 0, 0]);
    }
    world.assert_backed_up();
}

#[test]
fn a_run_stops_before_lambda_would_and_is_continued() {
    let sim = s3_sim::Sim::builder()
        .latency(s3_sim::Class::Copy, Duration::from_millis(50))
        .start();
    let world = World::around(sim);
    for n in 0..100 {
        world.put(&format!("{n:03}"), "1");
    }
    let vars = [BUCKETS[0], BUCKETS[1], ("BACKUP_MAX_CONCURRENCY", "2")];

    let first = Function::start(&world, &vars, vec!["{}".to_owned()]).response();
    let cursor = &first["cursor"];
    let next = json!({"operation": "continue", "cursor": cursor}).to_string();
    let second = Function::start(&world, &vars, vec![next]).response();

    assert_eq!(first["status"], "incomplete");
    assert!(!cursor.is_null(), "{first}");
    let found = |result: &Value| counts(result)[0];
    assert!(found(&first) > 0 && found(&first) + found(&second) <= 100);
    assert_eq!(world.equal(), found(&first) + found(&second));
}

#[test]
fn the_result_has_its_fields_in_order() {
    let world = World::new();
    world.put("k", "1");

    let function = Function::start(&world, &BUCKETS, vec!["{}".to_owned()]);

    let result = function.response();
    assert_eq!(result["statusCode"], 200);
    assert_eq!(result["status"], "complete");
    assert_eq!(result["cursor"], Value::Null);
    assert_eq!(result["failures"], json!([]));
    let run_id = result["run_id"].as_str().unwrap();
    assert_eq!(run_id.len(), "2026-11-21T02-00-00Z-7f3a".len(), "{run_id}");
}

#[test]
fn the_result_is_a_line_of_the_log_in_which_every_line_is_json() {
    let world = World::new();
    world.put("k", "1");

    let function = Function::start(&world, &BUCKETS, vec!["{}".to_owned()]);

    let result = function.response();
    let log = function.log();
    assert!(log.contains(&result), "{log:?}");
    assert!(log.len() > 1, "{log:?}");
}

#[test]
fn each_line_of_a_run_has_its_id_and_only_failures_and_the_result_are_told() {
    let world = World::new();
    for key in ["a", "b", "bad"] {
        world.put(key, "1");
    }
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).key("bad").always(), denied);
    let event = crate::events::queue(&[crate::events::created("bad")]);
    for (handler, payload) in [("bootstrap", json!({})), ("events", event)] {
        let vars = [BUCKETS[0], BUCKETS[1], ("_HANDLER", handler)];

        let function = Function::start(&world, &vars, vec![payload.to_string()]);
        function.response();
        let log = function.log();

        let (own, rest): (Vec<&Value>, Vec<&Value>) =
            log.iter().partition(|line| line["level"].is_string());
        let ids: Vec<&Value> = rest
            .iter()
            .map(|line| line.get("run_id").unwrap_or(&line["RunId"]))
            .collect();
        assert_eq!(ids, [ids[0], ids[0]], "metrics and result: {log:?}");
        let spans = |line: &Value| line["spans"].as_array().unwrap().clone();
        for line in &own {
            assert!(
                spans(line).iter().any(|span| &span["run_id"] == ids[0]),
                "{line}"
            );
        }
        let failures = own.iter().filter(|line| line["level"] == "WARN");
        assert_eq!(failures.count(), 1, "{own:?}");
        assert!(own.len() <= 3, "nothing for each object: {own:?}");
    }
}

#[test]
fn a_wrong_request_is_a_function_error_and_the_next_one_is_served() {
    let world = World::new();
    let payloads = vec![
        fixture("typo.json"),
        fixture("rule-of-others.json"),
        "{}".to_owned(),
    ];

    let function = Function::start(&world, &BUCKETS, payloads);

    for part in [
        "unknown field \"prefx\"",
        "EC2 Instance State-change Notification",
    ] {
        let error = function.error();
        assert_eq!(error["errorType"], "RequestError");
        let message = error["errorMessage"].as_str().unwrap();
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(counts(&function.response()), [0, 0, 0, 0, 0, 0]);
}

#[test]
fn wrong_configuration_is_a_function_error_with_every_mistake() {
    let world = World::new();
    let vars = [("DESTINATION_BUCKET", BACKUP), ("BACKUP_MODE", "sometimes")];

    let function = Function::start(&world, &vars, vec!["{}".to_owned()]);

    let error = function.error();
    assert_eq!(error["errorType"], "ConfigError");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(
        message.contains("SOURCE_BUCKET") && message.contains("BACKUP_MODE"),
        "{message}"
    );
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 0);
}

#[test]
fn an_unsafe_destination_is_a_function_error() {
    let world = World::new();

    let function = Function::start(
        &world,
        &[BUCKETS[0], ("DESTINATION_BUCKET", PRIMARY)],
        vec!["{}".to_owned()],
    );

    assert_eq!(function.error()["errorType"], "DestinationError");
}

#[test]
fn a_run_beside_another_one_is_a_function_error() {
    let world = World::new();
    world
        .sim
        .put(BACKUP, &lease::key(), lease::lease_of_another());

    let function = Function::start(&world, &BUCKETS, vec!["{}".to_owned()]);

    let error = function.error();
    assert_eq!(error["errorType"], "AlreadyRunning");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("2026-11-21T02-00-00Z-beef"), "{message}");
}

#[test]
fn a_lease_names_the_function_that_has_it() {
    let world = World::new();

    let function = Function::start(&world, &BUCKETS, vec!["{}".to_owned()]);

    function.response();
    let written = world.sim.current(BACKUP, &lease::key()).unwrap();
    let lease: Value = serde_json::from_slice(&written.content.read(0, 10_000)).unwrap();
    assert_eq!(lease["holder"], "function backup");
}
