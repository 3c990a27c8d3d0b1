//! The command line at terminals and pipes that go away, at a full disk, and with names that steer a
//! terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use s3_sim::{Class, Effect, Fault, Sim, Verb};
use serde_json::Value;

use crate::cli::text;
use crate::world::{BACKUP, PRIMARY, World};

const RUN: [&str; 5] = ["run", "--source", PRIMARY, "--destination", BACKUP];
const PLAN: [&str; 5] = ["plan", "--source", PRIMARY, "--destination", BACKUP];
const VERIFY: [&str; 5] = ["verify", "--source", PRIMARY, "--destination", BACKUP];
const RUNS: [&str; 5] = ["runs", "--source", PRIMARY, "--destination", BACKUP];
const DIFF: [&str; 7] = [
    "diff",
    "latest",
    "latest",
    "--source",
    PRIMARY,
    "--destination",
    BACKUP,
];

fn command(world: &World, arguments: &[&str]) -> Command {
    world.sim.clock().advance(Duration::from_secs(2));
    let mut command = Command::new(env!("CARGO_BIN_EXE_s3-backup"));
    command
        .args(arguments)
        .env_clear()
        .env("AWS_ENDPOINT_URL", world.sim.endpoint())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    command
}

/// Copies of 40 objects that take a second and more.
fn slow_world() -> World {
    let copies = Class::Copy;
    let world = World::around(
        Sim::builder()
            .latency(copies, Duration::from_millis(400))
            .start(),
    );
    for n in 0..40 {
        world.put(&format!("{n:02}"), "1");
    }
    world
}

fn full_disk() -> Stdio {
    let full = OpenOptions::new().write(true).open("/dev/full");
    full.unwrap().into()
}

/// A file that has been read from its beginning.
fn read(mut stream: impl Read) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    text(&bytes)
}

fn wait_for_copies(world: &World) {
    let began = Instant::now();
    while world.sim.ledger().count(Verb::CopyObject) == 0 {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "nothing is copied"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// A terminal: where it is looked at, and where a program has it.
fn terminal() -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let slave = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).unwrap();
    (master.into(), slave.into())
}

#[test]
fn a_log_that_nobody_reads_does_not_stop_a_run() {
    let world = slow_world();
    let mut child = command(&world, &RUN)
        .env("RUST_LOG", "debug")
        .env("BACKUP_MAX_CONCURRENCY", "10")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    drop(child.stderr.take());
    let output = child.wait_with_output().unwrap();

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let stdout = text(&output.stdout);
    assert!(
        stdout.starts_with("Backed up 40 objects: 40 copied\n"),
        "{stdout}"
    );
    world.assert_backed_up();
}

#[test]
fn an_error_that_nobody_reads_keeps_its_exit_code() {
    let world = World::new();
    let wrong = ["run", "--source", PRIMARY, "--destination", "nowhere"];
    let unknown = ["run", "--sorce", PRIMARY];
    for (arguments, code) in [(&wrong[..], 1), (&unknown[..], 2), (&RUN[..1], 2)] {
        let mut child = command(&world, arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stderr.take());

        assert_eq!(child.wait().unwrap().code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn a_log_on_a_full_disk_does_not_stop_a_run() {
    let world = World::new();
    world.put("a", "1");

    let status = command(&world, &RUN)
        .env("RUST_LOG", "debug")
        .stdout(Stdio::null())
        .stderr(full_disk())
        .status()
        .unwrap();

    assert_eq!(status.code(), Some(0));
    world.assert_backed_up();
}

#[test]
fn a_run_goes_on_when_its_terminal_goes_away() {
    let world = slow_world();
    let (master, slave) = terminal();
    let mut child = command(&world, &RUN)
        .env("BACKUP_MAX_CONCURRENCY", "5")
        .env("RUST_LOG", "info")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(slave)
        .spawn()
        .unwrap();
    wait_for_copies(&world);

    // What a terminal does when its window is closed.
    drop(master);
    hang_up(&child);
    let stdout = read(child.stdout.take().unwrap());
    let status = child.wait().unwrap();

    assert_eq!(status.code(), Some(0), "{status:?}: {stdout}");
    assert!(
        stdout.starts_with("Backed up 40 objects: 40 copied\n"),
        "{stdout}"
    );
    world.assert_backed_up();
}

fn hang_up(child: &Child) {
    let mut kill = Command::new("kill");
    let status = kill.args(["-HUP", &child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

#[test]
fn a_result_that_cannot_be_written_is_an_error_of_every_command() {
    let world = World::new();
    world.put("a", "1");
    let help = ["run", "--help"];
    let commands = [&RUN[..], &PLAN, &VERIFY, &RUNS, &DIFF];
    for arguments in commands {
        let json = [arguments, &["--json"]].concat();
        for arguments in [arguments, &json, &help] {
            let output = command(&world, arguments)
                .stdout(full_disk())
                .output()
                .unwrap();

            let stderr = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
            assert!(stderr.starts_with("error: cannot write "), "{stderr}");
            assert!(stderr.contains("No space left on device"), "{stderr}");
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
        }
    }
    world.assert_backed_up();
}

#[test]
fn a_result_that_is_lost_still_says_how_the_run_ended() {
    let world = World::new();
    world.put("a", "1");

    let output = command(&world, &RUN).stdout(full_disk()).output().unwrap();

    let stderr = text(&output.stderr);
    let end = "; the run itself ended: Backed up 1 object: 1 copied\n";
    assert!(stderr.ends_with(end), "{stderr}");
}

#[test]
fn a_reader_of_the_result_who_leaves_is_no_error() {
    let world = World::new();
    world.put("a", "1");
    for arguments in [&RUN[..], &PLAN, &VERIFY, &RUNS, &DIFF, &["run", "--help"]] {
        let mut child = command(&world, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();

        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        assert_eq!(text(&output.stderr), "", "{arguments:?}");
    }
}

#[test]
fn a_log_has_no_colours() {
    let world = World::new();
    world.put("a", "1");
    let log = |stderr: Stdio| {
        let mut command = command(&world, &RUN);
        command.env("RUST_LOG", "info").stdout(Stdio::null());
        command.stderr(stderr).status().unwrap()
    };
    let mut file = tempfile::tempfile().unwrap();
    let (mut master, slave) = terminal();

    log(file.try_clone().unwrap().into());
    log(slave.try_clone().unwrap().into());

    file.rewind().unwrap();
    let told = read(file);
    let mut shown = [0; 4096];
    let length = master.read(&mut shown).unwrap();
    for told in [&told, &text(&shown[..length])] {
        assert!(
            told.contains(" INFO run{run_id=") && told.contains("s3_backup::app: backup begins"),
            "{told:?}"
        );
        // A progress line clears itself.
        assert!(
            !told.replace("\r\u{1b}[K", "").contains('\u{1b}'),
            "{told:?}"
        );
    }
    drop(slave);
}

/// What steers a terminal: ESC, a line break, DEL, CSI in one character, and a change of direction.
const STEERING: &str = "a\u{1b}[2J\n\u{7f}\u{9b}2J\u{202e}b";

fn assert_harmless(what: &str, told: &[u8]) {
    let told = text(told);
    let harmful = told
        .chars()
        .find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{202a}'..='\u{202e}'));
    assert_eq!(harmful, None, "{what}: {told:?}");
    let broken = told.lines().find(|line| line.starts_with('\u{7f}'));
    assert_eq!(broken, None, "{what}: {told:?}");
}

#[test]
fn no_command_tells_control_characters_as_they_are() {
    let world = World::new();
    let source = format!("s3://{PRIMARY}/{STEERING}");
    let sides = ["--source", &source, "--destination", BACKUP];
    world.put(&format!("{STEERING}/1"), "1");
    world.put(&format!("{STEERING}/2"), "1");
    let commands: [&[&str]; 6] = [
        &["plan"],
        &["run"],
        &["run", "--deletions", "mark"],
        &["verify", "--deep"],
        &["runs"],
        &["diff", "latest~1", "latest"],
    ];
    let denied = Effect::status(403, "AccessDenied", &format!("Denied {STEERING}"));
    let second = Fault::on(Verb::CopyObject).key(&format!("{STEERING}/2"));
    world.sim.fault(second, denied);

    for arguments in commands {
        for json in [&[][..], &["--json"]] {
            let arguments = [arguments, &sides, json].concat();
            let output = command(&world, &arguments)
                .env("RUST_LOG", "info")
                .output()
                .unwrap();

            let what = arguments[0];
            assert_harmless(what, &output.stdout);
            assert_harmless(what, &output.stderr);
            if !json.is_empty() {
                let parsed: serde_json::Result<Value> = serde_json::from_slice(&output.stdout);
                assert!(parsed.is_ok() || output.stdout.is_empty(), "{output:?}");
            }
        }
    }
}

#[test]
fn wrong_arguments_and_settings_are_told_without_control_characters() {
    let world = World::new();
    let cases: [&[&str]; 4] = [
        &["diff", STEERING, "latest"],
        &["run", "--sorce", STEERING],
        &["run", "--source", STEERING, "--destination", STEERING],
        &[
            "run",
            "--source",
            PRIMARY,
            "--destination",
            BACKUP,
            "--prices",
            STEERING,
        ],
    ];
    for arguments in cases {
        let output = command(&world, arguments).output().unwrap();

        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_harmless(arguments[0], &output.stderr);
    }
}

#[test]
fn a_message_with_line_breaks_is_told_in_one_line() {
    let world = World::new();
    world.put("a", "1");
    let denied = Effect::status(403, "AccessDenied", "Access\n   Denied\t by\r\n a proxy\n");
    world.sim.fault(Fault::on(Verb::CopyObject), denied);

    let output = command(&world, &RUN).output().unwrap();

    let stdout = text(&output.stdout);
    let message = "error: cannot copy a: access denied (AccessDenied: Access Denied by a proxy)\n";
    assert!(stdout.contains(message), "{stdout}");
    assert!(!stdout.contains("\\u{"), "{stdout}");
}

#[test]
fn a_log_filter_that_is_none_is_a_warning_and_the_run_goes_on() {
    let world = World::new();
    world.put("a", "1");

    let output = command(&world, &RUN)
        .env("RUST_LOG", "s3_backup=loud\n")
        .output()
        .unwrap();

    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let begin =
        "warning: RUST_LOG = \"s3_backup=loud\\n\" is not a log filter, nothing is logged: ";
    assert!(stderr.starts_with(begin), "{stderr}");
    world.assert_backed_up();
}
