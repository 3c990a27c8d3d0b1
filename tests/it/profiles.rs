//! Profiles of the AWS CLI: keys, a process, IAM Identity Center, and one that does not exist.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use std::process::{Command, Output};

use tempfile::TempDir;

use crate::cli::{RUN, text};
use crate::world::World;

/// A home with the files of the AWS CLI.
struct Home(TempDir);

impl Home {
    fn with(config: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.write(".aws/config", config);
        home
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A run with a profile of this home.
    fn run(
        &self,
        world: &World,
        arguments: &[&str],
        profile: &str,
        more: &[(&str, &str)],
    ) -> Output {
        world.sim.clock().advance(Duration::from_secs(2));
        let began = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_s3-backup"))
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.0.path())
            .env("AWS_ENDPOINT_URL_S3", world.sim.endpoint())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_PROFILE", profile)
            .envs(more.iter().copied())
            .output()
            .unwrap();
        let took = began.elapsed();
        // Nothing is waited for; a busy machine takes a while to begin.
        assert!(took < Duration::from_secs(20), "{profile}: {took:?}");
        output
    }
}

/// The access keys that requests were signed with.
fn signers(world: &World) -> Vec<String> {
    let sent = world.sim.ledger().entries();
    let mut signers: Vec<String> = sent.iter().map(|sent| sent.access_key.clone()).collect();
    signers.sort();
    signers.dedup();
    signers
}

fn script(path: &Path, body: &str) {
    fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn world() -> World {
    let world = World::new();
    world.put("k", "1");
    world
}

#[test]
fn a_profile_with_keys_is_used() {
    let world = world();
    let home = Home::with("[profile keys]\nregion = us-east-1\n");
    home.write(
        ".aws/credentials",
        "[keys]\naws_access_key_id = AKFILE\naws_secret_access_key = secret\n",
    );

    let output = home.run(&world, &RUN, "keys", &[]);

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(signers(&world), ["AKFILE"]);
}

#[test]
fn a_profile_with_a_credential_process_is_used() {
    let world = world();
    let folder = tempfile::tempdir().unwrap();
    let process = folder.path().join("get keys");
    script(
        &process,
        r#"echo '{"Version":1,"AccessKeyId":"AKPROCESS","SecretAccessKey":"s","SessionToken":"t"}'"#,
    );
    let home = Home::with(&format!(
        "[profile process]\nregion = us-east-1\ncredential_process = \"{}\" --for backup\n",
        process.display()
    ));

    let output = home.run(&world, &RUN, "process", &[]);

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(signers(&world), ["AKPROCESS"]);
    world.assert_backed_up();
}

#[test]
fn a_credential_process_that_fails_is_told() {
    let world = world();
    let folder = tempfile::tempdir().unwrap();
    let process = folder.path().join("broken");
    script(&process, "echo 'the vault is sealed' >&2; exit 3");
    let home = Home::with(&format!(
        "[profile process]\nregion = us-east-1\ncredential_process = {}\n",
        process.display()
    ));

    let output = home.run(&world, &RUN, "process", &[]);

    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("the vault is sealed"), "{stderr}");
    assert!(stderr.contains("check the credentials"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

const SSO: &str = "\
[profile sso]
region = us-east-1
sso_session = s
sso_account_id = 111122223333
sso_role_name = backup

[sso-session s]
sso_region = us-east-1
sso_start_url = https://example.awsapps.com/start
";

/// SHA-1 of the session's name, `s`.
const TOKEN: &str = ".aws/sso/cache/a0f1490a20d0211c997b44bc357e1972deab8ae3.json";

fn token(expires: &str) -> String {
    format!(
        r#"{{"accessToken":"signed-in","expiresAt":"{expires}","region":"us-east-1","startUrl":"https://example.awsapps.com/start"}}"#
    )
}

/// IAM Identity Center, which gives keys to whoever is signed in. Gives its URL.
fn identity_center() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..length]).to_lowercase();
            let known = request.starts_with("get /federation/credentials?")
                && request.contains("role_name=backup")
                && request.contains("signed-in");
            let (status, body) = if known {
                let keys = r#"{"roleCredentials":{"accessKeyId":"AKSSO","secretAccessKey":"s","sessionToken":"t","expiration":4070908800000}}"#;
                ("200 OK", keys)
            } else {
                (
                    "401 Unauthorized",
                    r#"{"message":"Session token not found or invalid"}"#,
                )
            };
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n",
                body.len()
            );
            drop(stream.write_all((head + body).as_bytes()));
        }
    });
    format!("http://{address}")
}

#[test]
fn a_profile_of_identity_center_is_used() {
    let world = world();
    let home = Home::with(SSO);
    home.write(TOKEN, &token("2099-01-01T00:00:00Z"));

    let center = identity_center();
    let output = home.run(&world, &RUN, "sso", &[("AWS_ENDPOINT_URL_SSO", &center)]);

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(signers(&world), ["AKSSO"]);
    world.assert_backed_up();
}

#[test]
fn a_profile_of_identity_center_without_a_sign_in_says_how_to_sign_in() {
    let world = world();
    let absent = Home::with(SSO);
    let expired = Home::with(SSO);
    expired.write(TOKEN, &token("2020-01-01T00:00:00Z"));

    for home in [absent, expired] {
        let output = home.run(&world, &RUN, "sso", &[]);

        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("sign in with aws sso login"), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn a_profile_that_does_not_exist_is_named_by_every_command() {
    let world = world();
    let home = Home::with("[default]\nregion = us-east-1\n[profile nightly]\n");
    let keys = [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let sides = &RUN[1..];
    let commands = [
        &["run"][..],
        &["plan"],
        &["verify"],
        &["runs"],
        &["diff", "latest~1", "latest"],
    ];
    for command in commands {
        for more in [&[][..], &keys] {
            let output = home.run(&world, &[command, sides].concat(), "nightli", more);

            assert_eq!(output.status.code(), Some(2), "{output:?}");
            let told = "error: AWS_PROFILE = \"nightli\" is not a profile of the AWS CLI's files; \
                        known: default, nightly\n";
            assert_eq!(text(&output.stderr), told, "{command:?}");
        }
    }
    assert_eq!(world.sim.ledger().total(), 0);
}
