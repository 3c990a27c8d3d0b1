//! Settings that are not clean text: one line that names the variable, and nothing done.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::cli::text;
use crate::world::{BACKUP, PRIMARY, World};

/// The command line with these variables, and no endpoint but one that refuses.
fn run(variables: &[(&str, &OsStr)]) -> Output {
    let began = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_s3-backup"))
        .args(["run", "--destination", BACKUP])
        .env_clear()
        .env("SOURCE_BUCKET", PRIMARY)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let took = began.elapsed();
    // Nothing is waited for; a busy machine takes a while to begin.
    assert!(took < Duration::from_secs(20), "{variables:?}: {took:?}");
    output
}

#[test]
fn a_setting_that_is_not_clean_text_is_one_line_that_names_it() {
    let cases = [
        (
            "AWS_REGION",
            "us-east-1\n",
            "AWS_REGION = \"us-east-1\\n\" ends with a line break",
        ),
        ("AWS_REGION", "", "AWS_REGION = \"\" is empty"),
        (
            "AWS_REGION",
            "eu-west-1a",
            "AWS_REGION = \"eu-west-1a\" is a zone, not a region; its region is probably eu-west-1",
        ),
        (
            "AWS_REGION",
            "Europe (Ireland)",
            "AWS_REGION = \"Europe (Ireland)\" is not a region",
        ),
        (
            "AWS_DEFAULT_REGION",
            "eu-west-1 ",
            "AWS_DEFAULT_REGION = \"eu-west-1 \" begins or ends with a blank",
        ),
        (
            "AWS_ACCESS_KEY_ID",
            "test\n",
            "AWS_ACCESS_KEY_ID ends with a line break",
        ),
        (
            "AWS_SECRET_ACCESS_KEY",
            "test\r\n",
            "AWS_SECRET_ACCESS_KEY ends with a line break",
        ),
        (
            "AWS_SESSION_TOKEN",
            "to\u{1b}ken",
            "AWS_SESSION_TOKEN has a control character in it",
        ),
        ("AWS_ENDPOINT_URL", "", "AWS_ENDPOINT_URL = \"\" is empty"),
        (
            "AWS_ENDPOINT_URL",
            "localhost:9000",
            "AWS_ENDPOINT_URL = \"localhost:9000\" is not a URL",
        ),
        (
            "AWS_ENDPOINT_URL_S3",
            "http://localhost:9000\n",
            "AWS_ENDPOINT_URL_S3 = \"http://localhost:9000\\n\" ends",
        ),
        ("AWS_PROFILE", "", "AWS_PROFILE = \"\" is empty"),
        (
            "AWS_PROFILE",
            "nightly\n",
            "AWS_PROFILE = \"nightly\\n\" ends with a line break",
        ),
        (
            "SOURCE_BUCKET",
            "primary\n",
            "SOURCE_BUCKET (--source) = \"primary\\n\" ends with a line break",
        ),
        (
            "BACKUP_SOURCE_PREFIX",
            "data/\n",
            "BACKUP_SOURCE_PREFIX = \"data/\\n\" ends with a line break",
        ),
        (
            "BACKUP_EXCLUDE",
            "a*\r",
            "BACKUP_EXCLUDE (--exclude) = \"a*\\r\" ends with a line break",
        ),
        (
            "BACKUP_KMS_KEY_ID",
            " ",
            "BACKUP_KMS_KEY_ID = \" \" is not allowed",
        ),
    ];

    for (name, value, part) in cases {
        let output = run(&[(name, OsStr::new(value))]);

        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}={value:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{name}={value:?}: {stderr}");
        let begin = "error: cannot use the configuration: ";
        assert!(stderr.starts_with(begin), "{name}={value:?}: {stderr}");
        assert!(stderr.contains(part), "{name}={value:?}: {stderr}");
    }
}

#[test]
fn a_setting_that_is_no_text_is_named_too() {
    let bytes = OsStr::from_bytes(b"pri\xffmary");
    for name in [
        "SOURCE_BUCKET",
        "BACKUP_SOURCE_PREFIX",
        "AWS_REGION",
        "AWS_PROFILE",
        "AWS_SECRET_ACCESS_KEY",
    ] {
        let output = run(&[(name, bytes)]);

        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {stderr}");
        assert!(
            stderr.contains(name) && stderr.contains("is not UTF-8"),
            "{name}: {stderr}"
        );
        assert!(
            !stderr.contains("mary") || !name.contains("SECRET"),
            "{stderr}"
        );
    }
}

#[test]
fn settings_of_other_tools_are_no_reason_to_panic() {
    let world = World::new();
    world.put("a", "1");
    let endpoint = world.sim.endpoint();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(
        &file,
        "[default]\nretry_mode = legacy\nmax_attempts = many\n",
    )
    .unwrap();
    let cases = [
        ("AWS_RETRY_MODE", OsStr::new("legacy")),
        ("AWS_MAX_ATTEMPTS", OsStr::new("x\n")),
        ("AWS_CONFIG_FILE", file.as_os_str()),
        ("AWS_SESSION_TOKEN", OsStr::new("")),
    ];

    for case in cases {
        world.sim.clock().advance(Duration::from_secs(2));
        let output = run(&[("AWS_ENDPOINT_URL", OsStr::new(&endpoint)), case]);

        assert_eq!(output.status.code(), Some(0), "{case:?}: {output:?}");
    }
    world.assert_backed_up();
}

#[tokio::test]
async fn the_function_refuses_them_by_name_too() {
    let cases = [
        ("SOURCE_BUCKET", "primary\n"),
        ("BACKUP_SOURCE_PREFIX", "data/\n"),
        ("AWS_ENDPOINT_URL", "http://localhost\n"),
        ("AWS_REGION", "eu-west-1a"),
    ];
    for (name, value) in cases {
        let world = World::new().with(name, value);

        let error = world.invoke(json!({})).await.unwrap_err();

        assert_eq!(error.error_type(), "ConfigError", "{error}");
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(world.sim.ledger().total(), 0);
    }
}

#[tokio::test]
async fn a_prefix_may_have_any_character_and_no_line_break_at_its_end() {
    for prefix in ["a\u{1}/", "\u{fffd}/", "a\nb/"] {
        let world = World::new()
            .with("BACKUP_SOURCE_PREFIX", prefix)
            .with("BACKUP_DESTINATION_PREFIX", prefix);
        let key = format!("{prefix}k");
        world.put(&key, "1");

        world.backup().await;

        assert!(
            world.keys("backup").contains(&format!("{prefix}{key}")),
            "{prefix:?}"
        );
    }
}
