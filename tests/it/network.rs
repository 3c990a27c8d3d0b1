//! The shared settings of AWS's tools that say how S3 is reached: proxies, certificates, endpoints, and
//! the limit of open files. Each with the built command line.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use s3_sim::{Algorithm, Class, Effect, Fault, Sim, Verb};
use tempfile::TempDir;

use crate::cli::text;
use crate::connections::dead_port;
use crate::world::{BACKUP, PRIMARY, World};

fn command(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_s3-backup"));
    command
        .args(["run", "--source", PRIMARY, "--destination", BACKUP])
        .env_clear()
        .envs([
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ])
        .envs(variables.iter().copied());
    command
}

/// The built command line with these variables and no others.
fn run(variables: &[(&str, &str)]) -> Output {
    command(variables).output().unwrap()
}

fn assert_complete(world: &World, output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    world.assert_backed_up();
}

fn world(sim: Sim, objects: usize) -> World {
    let world = World::around(sim);
    for n in 0..objects {
        world.put(&format!("{n:03}"), "1");
    }
    world.sim.clock().advance(Duration::from_secs(2));
    world
}

/// A proxy that connects to whatever it is asked for, and remembers the first line of each connection and
/// whether it was given a password. If it is to, it refuses.
struct Proxy {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(refusal: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || proxy(stream, &seen, refusal));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn proxy(mut client: TcpStream, seen: &Mutex<Vec<String>>, refusal: Option<&str>) -> Option<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let request = String::from_utf8_lossy(&head).into_owned();
    seen.lock().unwrap().push(request.clone());
    if let Some(refusal) = refusal {
        return client.write_all(refusal.as_bytes()).ok();
    }
    let mut words = request.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let host = target.trim_start_matches("http://").split('/').next()?;
    let mut server = TcpStream::connect(host).ok()?;
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    } else {
        server.write_all(&head).ok()?;
    }
    let (mut up, mut down) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut up, &mut down);
        let _ = down.shutdown(Shutdown::Write);
    });
    std::io::copy(&mut server, &mut client).ok()?;
    client.shutdown(Shutdown::Both).ok()
}

#[test]
fn plain_http_goes_through_the_proxy_that_is_named() {
    let world = world(Sim::start(), 3);
    let proxy = Proxy::start(None);
    let url = format!("http://user:pass@{}", proxy.address);

    let output = run(&[
        ("AWS_ENDPOINT_URL", &world.sim.endpoint()),
        ("HTTP_PROXY", &url),
    ]);

    assert_complete(&world, &output);
    let asked = proxy.asked();
    let first = format!("HEAD {}/primary", world.sim.endpoint());
    assert!(asked[0].starts_with(&first), "{asked:?}");
    assert!(asked[0].contains("proxy-authorization: Basic dXNlcjpwYXNz"));
}

#[test]
fn tls_goes_through_a_tunnel_of_the_proxy_that_is_named() {
    let sim = Sim::builder().tls_for("127.0.0.1").start();
    let world = world(sim, 3);
    let folder = TempDir::new().unwrap();
    let bundle = folder.path().join("ca.pem");
    std::fs::write(&bundle, world.sim.authority()).unwrap();
    let proxy = Proxy::start(None);

    let output = run(&[
        ("AWS_ENDPOINT_URL", &world.sim.endpoint()),
        ("AWS_CA_BUNDLE", bundle.to_str().unwrap()),
        ("https_proxy", &proxy.address),
    ]);

    assert_complete(&world, &output);
    let host = world.sim.endpoint().replace("https://", "");
    let asked = proxy.asked();
    assert!(asked[0].starts_with(&format!("CONNECT {host} HTTP/1.1")));
}

#[test]
fn what_no_proxy_names_goes_without() {
    let world = world(Sim::start(), 1);
    let proxy = Proxy::start(None);

    let output = run(&[
        ("AWS_ENDPOINT_URL", &world.sim.endpoint()),
        ("http_proxy", &proxy.address),
        ("NO_PROXY", "example.org, 127.0.0.0/8"),
    ]);

    assert_complete(&world, &output);
    assert_eq!(proxy.asked(), [""; 0]);
}

#[test]
fn a_proxy_that_is_dead_or_refuses_is_named_with_the_variable() {
    let refusing = Proxy::start(Some("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"));
    let dead = dead_port();

    for (proxy, what) in [
        (refusing.address.as_str(), "proxy authorization required"),
        (dead.as_str(), "connection refused"),
        ("socks5://127.0.0.1:1", "allowed: http:// and https://"),
    ] {
        let output = run(&[
            ("AWS_ENDPOINT_URL", "https://127.0.0.1:9"),
            ("HTTPS_PROXY", proxy),
        ]);

        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(what), "{stderr}");
        assert!(stderr.contains("127.0.0.1:9 by the proxy"), "{stderr}");
    }
}

#[test]
fn certificates_are_those_of_the_bundle_that_the_profile_names() {
    let sim = Sim::builder().tls_for("127.0.0.1").start();
    let world = world(sim, 1);
    let folder = TempDir::new().unwrap();
    let (bundle, config) = (folder.path().join("ca.pem"), folder.path().join("config"));
    let odd = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    std::fs::write(&bundle, format!("# ours\n{odd}{}", world.sim.authority())).unwrap();
    let profile = format!(
        "[profile own]\nca_bundle = {}\nendpoint_url = {}\n",
        bundle.display(),
        world.sim.endpoint()
    );
    std::fs::write(&config, profile).unwrap();

    let output = run(&[
        ("AWS_CONFIG_FILE", config.to_str().unwrap()),
        ("AWS_PROFILE", "own"),
    ]);

    assert_complete(&world, &output);
}

/// Without a region the SDK asks the machine for one, before it is known which certificates are trusted.
#[test]
fn a_bundle_counts_without_a_region_too() {
    let sim = Sim::builder().tls_for("127.0.0.1").start();
    let world = world(sim, 1);
    let folder = TempDir::new().unwrap();
    let bundle = folder.path().join("ca.pem");
    std::fs::write(&bundle, world.sim.authority()).unwrap();
    let machine = format!("http://{}", dead_port());

    let output = command(&[
        ("AWS_ENDPOINT_URL", world.sim.endpoint().as_str()),
        ("AWS_CA_BUNDLE", bundle.to_str().unwrap()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &machine),
    ])
    .env_remove("AWS_REGION")
    .output();

    assert_complete(&world, &output.unwrap());
}

#[test]
fn a_bundle_without_certificates_is_named() {
    let folder = TempDir::new().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();

    for (path, what) in [
        (empty.to_str().unwrap(), "has no certificate in PEM"),
        ("/nowhere/ca.pem", "cannot be read"),
    ] {
        let output = run(&[
            ("AWS_ENDPOINT_URL", "https://127.0.0.1:9"),
            ("AWS_CA_BUNDLE", path),
        ]);

        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("AWS_CA_BUNDLE = "), "{stderr}");
        assert!(stderr.contains(what), "{stderr}");
    }
}

/// A server that answers everything with 404 and tells the first line of what it was asked first.
fn first_line(variables: &[(&str, &str)], url: impl Fn(&str) -> String, profile: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        let length = stream.read(&mut head).unwrap();
        let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).unwrap();
        let head = String::from_utf8_lossy(&head[..length]).into_owned();
        let host = head.lines().find(|line| line.starts_with("host: "));
        let host = host.unwrap_or_default().to_owned();
        format!("{} {host}", head.lines().next().unwrap_or_default())
    });
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("config");
    std::fs::write(&config, profile.replace("ENDPOINT", &url(&address))).unwrap();
    let endpoint = url(&address);
    let mut variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| {
            (
                *name,
                if *value == "ENDPOINT" {
                    &endpoint
                } else {
                    *value
                },
            )
        })
        .collect();
    variables.push(("AWS_CONFIG_FILE", config.to_str().unwrap()));

    run(&variables);

    asked.join().unwrap().replace(&address, "ADDRESS")
}

#[test]
fn an_endpoint_with_a_path_is_joined_with_a_slash() {
    for end in ["", "/"] {
        let url = |address: &str| format!("http://{address}/storage/v1/s3{end}");

        let line = first_line(&[("AWS_ENDPOINT_URL", "ENDPOINT")], url, "");

        assert_eq!(line, "HEAD /storage/v1/s3/primary/ HTTP/1.1 host: ADDRESS");
    }
}

#[test]
fn the_endpoint_comes_from_any_of_its_settings_and_is_asked_by_path() {
    let url = |address: &str| format!("http://{}", address.replace("127.0.0.1", "localhost"));
    let section = "[default]\nservices = own\n[services own]\ns3 =\n  endpoint_url = ENDPOINT\n";
    let global = "[default]\nendpoint_url = ENDPOINT\n";
    let dead = "http://127.0.0.1:9";
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[("AWS_ENDPOINT_URL", "ENDPOINT")], ""),
        (
            &[
                ("AWS_ENDPOINT_URL_S3", "ENDPOINT"),
                ("AWS_ENDPOINT_URL", dead),
            ],
            "",
        ),
        (&[], section),
        (&[], global),
        (
            &[("AWS_ENDPOINT_URL", "ENDPOINT")],
            "[default]\nendpoint_url = http://127.0.0.1:9\n",
        ),
    ];
    for (variables, profile) in cases {
        let line = first_line(variables, url, profile);

        assert!(
            line.starts_with("HEAD /primary/ HTTP/1.1 host: localhost:"),
            "{variables:?} {profile}: {line}"
        );
    }
}

#[test]
fn the_profile_chooses_how_buckets_are_named() {
    let url = |address: &str| format!("http://{}", address.replace("127.0.0.1", "localhost"));
    let style = |style| format!("[default]\ns3 =\n  addressing_style = {style}\n");
    let endpoint = [("AWS_ENDPOINT_URL", "ENDPOINT")];

    let by_path = first_line(&endpoint, url, &style("path"));

    assert!(by_path.starts_with("HEAD /primary/ "), "{by_path}");
    // `primary.localhost` has no address here: the message names it.
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("config");
    std::fs::write(&config, style("virtual")).unwrap();
    let output = run(&[
        ("AWS_ENDPOINT_URL", "http://s3.nowhere.invalid:9"),
        ("AWS_CONFIG_FILE", config.to_str().unwrap()),
    ]);
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("(primary.s3.nowhere.invalid:9: "),
        "{stderr}"
    );
}

#[test]
fn endpoints_of_aws_follow_region_dual_stack_and_fips() {
    let proxy = Proxy::start(Some("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[], "primary.s3.us-east-1.amazonaws.com"),
        (
            &[("AWS_REGION", "eu-west-1")],
            "primary.s3.eu-west-1.amazonaws.com",
        ),
        (
            &[("AWS_USE_DUALSTACK_ENDPOINT", "true")],
            "primary.s3.dualstack.us-east-1.amazonaws.com",
        ),
        (
            &[("AWS_USE_FIPS_ENDPOINT", "true")],
            "primary.s3-fips.us-east-1.amazonaws.com",
        ),
        (
            &[
                ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
                ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
            ],
            "primary.s3.us-east-1.amazonaws.com",
        ),
    ];
    for (variables, host) in cases {
        let mut variables = variables.to_vec();
        variables.push(("HTTPS_PROXY", &proxy.address));

        run(&variables);

        let last = proxy.asked().pop().unwrap();
        let first = format!("CONNECT {host}:443 ");
        assert!(last.starts_with(&first), "{variables:?}: {last}");
    }
}

#[test]
fn few_file_descriptors_slow_a_run_down_and_no_more() {
    for limit in [64, 128] {
        let latency = Duration::from_millis(50);
        let sim = Sim::builder().latency(Class::Copy, latency).start();
        let world = world(sim, 600);
        let endpoint = world.sim.endpoint();
        let mut limited = Command::new("sh");
        let program = command(&[]);
        let arguments: Vec<_> = program.get_args().collect();
        limited
            .args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\"")])
            .arg(program.get_program())
            .args(arguments)
            .env_clear()
            .envs(
                program
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("AWS_ENDPOINT_URL", endpoint);

        let output = limited.output().unwrap();

        assert_complete(&world, &output);
        let most = world.sim.ledger().max_in_flight_of(Verb::CopyObject);
        assert!(most <= limit / 4, "{most} copies at once with {limit}");
    }
}

#[test]
fn how_often_a_call_is_tried_is_no_setting() {
    let world = world(Sim::start(), 3);
    let busy = Effect::status(503, "SlowDown", "Reduce your request rate.");
    let listing = Fault::on(Verb::ListObjectsV2).bucket(PRIMARY).first(2);
    world.sim.fault(listing, busy);
    let endpoint = world.sim.endpoint();

    let output = run(&[
        ("AWS_ENDPOINT_URL", &endpoint),
        ("AWS_MAX_ATTEMPTS", "1"),
        ("AWS_RETRY_MODE", "legacy"),
    ]);

    assert_complete(&world, &output);
}

#[test]
fn what_is_stored_is_sent_with_a_checksum_unless_a_setting_leaves_it_out() {
    let checksum = |variables: &[(&str, &str)]| {
        let world = world(Sim::start(), 1);
        let endpoint = world.sim.endpoint();
        let endpoint = [("AWS_ENDPOINT_URL", endpoint.as_str())];
        assert_complete(&world, &run(&[&endpoint, variables].concat()));
        let mut stored = world.sim.all_versions(BACKUP).into_iter();
        let latest = stored.find(|version| version.key.ends_with("/latest.json"));
        latest.unwrap().checksum.unwrap().algorithm
    };

    assert_eq!(checksum(&[]), Algorithm::Crc32);
    // S3 makes one of its own where none was sent.
    let left_out = [("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")];
    assert_eq!(checksum(&left_out), Algorithm::Crc64Nvme);
}
