//! What the command line answers to wrong input and to connections that cannot be made: exit code, every word, and how
//! soon. The golden files are what a person sees; a change of one is a change of what people read.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use s3_sim::{Effect, Fault, Sim};

use crate::cli::text;
use crate::connections::dead_port;
use crate::reasons::server;
use crate::world::World;

/// The longest that a person waits: five seconds, and as many again because the machine runs other tests beside this
/// one.
const SOON: Duration = Duration::from_secs(10);

/// A session: what was typed, and what was answered.
#[derive(Default)]
struct Session(String);

impl Session {
    /// Types a command line without a terminal, with these variables beside its credentials. Whatever differs from
    /// one machine to another has a name in the place of its value.
    fn types(&mut self, line: &str, variables: &[(&str, &str)], hidden: &[(&str, &str)]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_s3-backup"));
        command
            .args(words(line))
            .env_clear()
            .envs([
                ("AWS_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
            ])
            .envs(variables.iter().copied())
            .stdin(Stdio::null());
        let began = Instant::now();
        let output = command.output().unwrap();
        let took = began.elapsed();
        assert!(took < SOON, "{line}: {took:?}");

        let shown: Vec<String> = variables
            .iter()
            .filter(|(name, _)| *name != "PATH" && *name != "HOME")
            .map(|(name, value)| format!("{name}={value} "))
            .collect();
        let mut told = format!("$ {}s3-backup {line}\n", shown.concat());
        told += &text(&output.stdout);
        told += &text(&output.stderr);
        let _ = writeln!(told, "exit code {}\n", output.status.code().unwrap());
        for (value, name) in hidden {
            told = told.replace(value, name);
        }
        self.0 += &told;
    }

    /// Asserts that this is what the golden file has.
    fn assert_is(&self, golden: &str, name: &str) {
        let now = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&now, &self.0).unwrap();
        for (line, (is, was)) in self.0.lines().zip(golden.lines()).enumerate() {
            let number = line + 1;
            assert_eq!(
                is,
                was,
                "line {number} of {name}; {} has it all",
                now.display()
            );
        }
        assert_eq!(self.0, golden, "{} has it all", now.display());
    }
}

/// The words of a line, in which single quotes hold one together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (number, part) in line.split('\'').enumerate() {
        if number % 2 == 1 {
            words.last_mut().unwrap().push_str(part);
            continue;
        }
        for (place, word) in part.split(' ').enumerate() {
            if place > 0 {
                words.push(String::new());
            }
            words.last_mut().unwrap().push_str(word);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn wrong_input_is_answered_as_in_the_golden_file() {
    let world = World::new();
    world.put("photos/roof.jpg", "1");
    world.sim.create_bucket("unversioned");
    let endpoint = world.sim.endpoint();
    let job = [
        ("SOURCE_BUCKET", "primary"),
        ("DESTINATION_BUCKET", "backup"),
    ];
    let long = "k".repeat(1_025);
    let hidden = [(endpoint.as_str(), "ENDPOINT"), (long.as_str(), "KKK...")];
    let mut session = Session::default();
    for line in [
        "rum",
        "run",
        "run s3://primary",
        "run s3://primary s3://backup --mdoe full",
        "run s3://primary s3://backup --mode fast",
        "run s3:/primary s3://backup",
        "run s3://primary s3://primary/copies/",
        "run s3://primry s3://backup",
        "run s3://primary s3://unversioned",
        "run s3://primary s3://backup --exclude '[a'",
        "run s3://primary s3://backup --max-concurrency many",
        "run s3://primary s3://backup --stats soon",
        "run s3://primary s3://backup --confirm yesterday",
        "run s3://primary s3://backup --prices nowhere.json",
        "run s3://primary s3://backup --profile nobody",
        "run s3://primry s3://backup --json",
        "verify s3://primary s3://backup --sample 30",
        "verify s3://primary s3://backup --part 3",
        "runs s3://primary s3://backup --limit 0",
        "status s3://primary s3://backup --max-age 1w",
        "completion tcsh",
        "drill --source primary --destination backup",
        "serve --source primary --destination backup --listen 0.0.0.0",
    ] {
        session.types(line, &[("AWS_ENDPOINT_URL", &endpoint)], &hidden);
    }
    let of_job: Vec<_> = job
        .into_iter()
        .chain([("AWS_ENDPOINT_URL", endpoint.as_str())])
        .collect();
    let long_prefix = format!("run --prefix {long}");
    for line in [
        long_prefix.as_str(),
        "diff latest~1 latest",
        "ls 2026-01-01",
        "history photos/roof.jpg",
        "restore",
        "restore photos/roof.jpg",
        "restore photos/roof.jpg --all --run latest --yes",
        "restore photos/roof.jpg --run latest --at 2026-11-20T14:00Z --yes",
        "restore photos/roof.jpg --at yesterday --yes",
        "restore photos/roof.jpg --run latest",
        "restore photos/roof.jpg --run latest --to s3://backup/x/ --yes",
        "restore --undo nothing --yes",
    ] {
        session.types(line, &of_job, &hidden);
    }
    for variable in [("BACKUP_MAX_DELETIONS", "many"), ("BACKUP_EXLUDE", "*.tmp")] {
        let with = [of_job.as_slice(), &[variable]].concat();
        session.types("plan --quiet", &with, &hidden);
    }
    session.assert_is(include_str!("../golden/wrong-input.txt"), "wrong-input.txt");
}

const RUN: &str = "run s3://primary s3://backup";

#[test]
fn connections_that_fail_are_answered_as_in_the_golden_file() {
    let mut session = Session::default();
    unreachable_servers(&mut session);
    refusals(&mut session);
    profiles(&mut session);
    session.assert_is(include_str!("../golden/connections.txt"), "connections.txt");
}

impl Session {
    /// Types a run against an endpoint, whose host is hidden, below a line that says what it is.
    fn asks(&mut self, what: &str, endpoint: &str) {
        self.asks_with(what, endpoint, RUN, &[], &[]);
    }

    fn asks_with(
        &mut self,
        what: &str,
        endpoint: &str,
        line: &str,
        more: &[(&str, &str)],
        hidden: &[(&str, &str)],
    ) {
        let _ = writeln!(self.0, "# {what}");
        let with = [&[("AWS_ENDPOINT_URL", endpoint)], more].concat();
        let address = endpoint.rsplit('/').next().unwrap();
        let hidden = [&[(address, "HOST")], hidden].concat();
        self.types(line, &with, &hidden);
    }
}

fn unreachable_servers(session: &mut Session) {
    let dead = dead_port();
    session.asks("a port at which nobody listens", &format!("http://{dead}"));
    // The system says it in its own words.
    let reasons = [
        "Name or service not known",
        "Temporary failure in name resolution",
        "No address associated with hostname",
    ];
    let reasons: Vec<_> = reasons.iter().map(|reason| (*reason, "REASON")).collect();
    let unknown = "http://s3.nowhere.invalid";
    session.asks_with("a host that does not exist", unknown, RUN, &[], &reasons);
    let tls = Sim::builder().tls_for("127.0.0.1").start();
    let plain = Sim::start();
    session.asks("a certificate that nobody trusts", &tls.endpoint());
    let without = tls.endpoint().replace("https", "http");
    session.asks("plain HTTP at a port of TLS", &without);
    let with = plain.endpoint().replace("http", "https");
    session.asks("TLS at a port of plain HTTP", &with);
    let proxy = [("HTTPS_PROXY", dead.as_str())];
    let hidden = [(dead.as_str(), "PROXY")];
    session.asks_with(
        "a proxy that is dead",
        &tls.endpoint(),
        RUN,
        &proxy,
        &hidden,
    );
}

const USER: &str = "User: arn:aws:iam::111122223333:user/me is not authorized to perform: s3:ListBucket on resource: \
                    \"arn:aws:s3:::primary\"";

fn refusals(session: &mut Session) {
    let missing =
        format!("{USER} because no identity-based policy allows the s3:ListBucket action");
    let denied = format!("{USER} with an explicit deny in a resource-based policy");
    for (what, status, code, message) in [
        (
            "a token that has expired",
            400,
            "ExpiredToken",
            "The provided token has expired.",
        ),
        (
            "a key that does not exist",
            403,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        (
            "a secret that is another one",
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        ),
        (
            "a role without the right",
            403,
            "AccessDenied",
            missing.as_str(),
        ),
        (
            "a bucket policy that denies",
            403,
            "AccessDenied",
            denied.as_str(),
        ),
        (
            "a region that is another one, and is not told",
            400,
            "AuthorizationHeaderMalformed",
            "The authorization header is malformed; the region 'us-east-1' is wrong",
        ),
    ] {
        let world = World::new();
        let refused = Effect::status(status, code, message);
        world.sim.fault(Fault::on_any(), refused);
        session.asks(what, &world.sim.endpoint());
    }
    let skewed = server(
        "403 Forbidden",
        "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the current time \
         is too large.</Message><RequestTime>20261121T020000Z</RequestTime><ServerTime>2026-11-21T05:00:00Z</ServerTime>\
         </Error>",
    );
    session.asks(
        "a clock that is wrong, at a server that tells no date",
        &skewed,
    );
}

fn profiles(session: &mut Session) {
    let server = Sim::start();
    let home = tempfile::tempdir().unwrap();
    let config = "[profile process]\ncredential_process = /bin/false\n\
                  [profile sso]\nsso_session = company\nsso_account_id = 111122223333\nsso_role_name = reader\n\
                  [sso-session company]\nsso_region = us-east-1\nsso_start_url = https://company.awsapps.com/start\n";
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    let path = home.path().to_str().unwrap();
    for (what, profile) in [
        ("a profile that does not exist", "nobody"),
        ("a profile whose process fails", "process"),
        ("a profile of IAM Identity Center without a sign-in", "sso"),
    ] {
        let with = [("HOME", path), ("PATH", "/usr/bin:/bin")];
        let line = format!("{RUN} --profile {profile}");
        session.asks_with(what, &server.endpoint(), &line, &with, &[(path, "~")]);
    }
}
