//! The built command line: exit codes, what it prints, and where.

use std::process::{Command, Output};
use std::time::Duration;

use s3_sim::{Effect, Fault, Verb};
use serde_json::Value;

use crate::lease;
use crate::world::{BACKUP, PRIMARY, World, counts};

/// The built command line, run in a world.
pub fn run(world: &World, arguments: &[&str]) -> Output {
    run_in(world, arguments, &[])
}

/// The same, with these variables.
pub fn run_in(world: &World, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    world.sim.clock().advance(Duration::from_secs(2));
    Command::new(env!("CARGO_BIN_EXE_s3-backup"))
        .args(arguments)
        .env_clear()
        .env("AWS_ENDPOINT_URL", world.sim.endpoint())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// What it printed.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A run.
pub const RUN: [&str; 5] = ["run", "--source", PRIMARY, "--destination", BACKUP];

const PLAN: [&str; 5] = ["plan", "--source", PRIMARY, "--destination", BACKUP];

fn run_with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    RUN.iter().copied().chain(more.iter().copied()).collect()
}

#[test]
fn a_complete_run_exits_with_0_and_a_summary() {
    let world = World::new();
    world.put("a", "12345");

    let output = run(&world, &RUN);

    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        stdout.starts_with("Backed up 1 object: 1 copied\n  source       primary\n"),
        "{stdout}"
    );
    assert!(
        stdout.contains("\n  copied       1 object, 5 B\n"),
        "{stdout}"
    );
    assert_eq!(text(&output.stderr), "");
    world.assert_backed_up();
}

#[test]
fn a_run_beside_another_one_exits_with_1_and_says_whose() {
    let world = World::new();
    world.put("a", "1");
    world
        .sim
        .put(BACKUP, &lease::key(), lease::lease_of_another());

    let output = run(&world, &RUN);

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(text(&output.stdout), "");
    let stderr = text(&output.stderr);
    let begin = "error: cannot start beside another run: run 2026-11-21T02-00-00Z-beef (function other) has held ";
    assert!(stderr.starts_with(begin), "{stderr}");
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 0);
}

#[test]
fn json_is_the_lambdas_result_and_nothing_else() {
    let world = World::new();
    world.put("a", "1");

    let output = run(&world, &run_with(&["--json"]));

    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_dry_run_copies_nothing() {
    let world = World::new();
    world.put("a", "1");

    let output = run(&world, &run_with(&["--dry-run"]));

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let stdout = text(&output.stdout);
    assert!(
        stdout.starts_with("Dry run over 1 object: 1 to copy\n"),
        "{stdout}"
    );
    assert!(!stdout.contains("copied"), "{stdout}");
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 0);
}

#[test]
fn a_plan_is_shown_in_short_tables_and_copies_nothing() {
    let world = World::new();
    world.put("a", "12345");
    world.put("b\u{1b}[2J", "1");

    let output = run(&world, &PLAN);

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let stdout = text(&output.stdout);
    let tables = "
  to copy                   objects         size
  new                             2          6 B
  in all                          2          6 B

  stored then               objects         size           a month
  STANDARD                        2          6 B             $0.00

  would send   2 list, 2 copy, 0 head, less than $0.01
";
    assert!(
        stdout.starts_with("Plan for 2 objects: 2 to copy\n"),
        "{stdout}"
    );
    assert!(stdout.contains(tables), "{stdout}");
    assert!(!stdout.contains("copied"), "{stdout}");
    assert!(
        stdout.contains("  prices       us-east-1 of 2026-07-01\n"),
        "{stdout}"
    );
    assert!(
        stdout.ends_with("\n  new            a\n  new            b\\u{1b}[2J\n"),
        "{stdout}"
    );
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 0);
}

#[test]
fn a_plan_counts_with_the_price_table_of_a_file() {
    let world = World::new();
    world.put("a", "1");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, table: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, table).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let dear = include_str!("../../src/config/prices.json").replace("0.005", "5");
    let refused = [
        (
            file("empty", ""),
            "empty is empty; name a file like prices.json",
        ),
        (
            file("typo", "{}"),
            "BACKUP_PRICES (--prices) has no field \"currency\"",
        ),
        (
            folder.path().join("none").to_str().unwrap().to_owned(),
            "none: No such file or directory (os error 2); name a file like prices.json",
        ),
    ];

    let plan = |file: &str| run(&world, &[&PLAN[..], &["--json", "--prices", file]].concat());
    let output = plan(&file("dear", &dear));

    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["plan"]["cost_usd"], 0.015);
    for (file, part) in refused {
        let output = plan(&file);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(stderr.contains(part), "{stderr}");
    }
}

#[test]
fn held_deletions_exit_with_3_and_are_confirmed_by_a_flag() {
    let world = World::new();
    for n in 10..30 {
        world.put(&format!("{n}\n"), "1");
    }
    run(&world, &RUN);
    for n in 10..25 {
        world.sim.delete(PRIMARY, &format!("{n}\n"));
    }
    let none = [("BACKUP_MAX_DELETIONS", "0")];

    let held = run_in(&world, &run_with(&["--deletions", "mark"]), &none);
    let stdout = text(&held.stdout);
    let (_, run_id) = stdout.split_once("--confirm ").unwrap();
    let (run_id, _) = run_id.split_once(')').unwrap();
    let confirm = run_with(&["--deletions", "mark", "--confirm", run_id]);
    let confirmed = run_in(&world, &confirm, &none);

    assert_eq!(held.status.code(), Some(3), "{held:?}");
    let begin =
        "Backup held: 5 objects, 0 copied, 5 unchanged; 15 deletions are held: 15 of the 20 ";
    assert!(stdout.starts_with(begin), "{stdout}");
    assert!(stdout.contains("\n  gone         10\\u{a}\n"), "{stdout}");
    assert_eq!(confirmed.status.code(), Some(0), "{confirmed:?}");
    assert_eq!(world.keys(BACKUP).len(), 5);
}

#[test]
fn a_confirmation_without_deletions_is_wrong_usage() {
    let output = run(&World::new(), &run_with(&["--confirm", "r"]));

    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("deletions are \"keep\""));
}

#[test]
fn a_run_that_cannot_start_exits_with_1() {
    let world = World::new();

    let output = run(
        &world,
        &["run", "--source", PRIMARY, "--destination", "nowhere"],
    );

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = text(&output.stderr);
    assert!(
        stderr.starts_with("error: cannot use the destination: cannot reach bucket nowhere"),
        "{stderr}"
    );
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn without_credentials_it_says_what_to_check() {
    let world = World::new();

    let output = Command::new(env!("CARGO_BIN_EXE_s3-backup"))
        .args(RUN)
        .env_clear()
        .env("AWS_ENDPOINT_URL", world.sim.endpoint())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("cannot reach bucket primary: the request could not be sent"),
        "{stderr}"
    );
    assert!(
        stderr.contains("check the credentials, AWS_REGION and AWS_ENDPOINT_URL"),
        "{stderr}"
    );
}

#[test]
fn wrong_usage_exits_with_2() {
    let world = World::new();
    let cases: [(&[&str], &str); 6] = [
        (&[], "Usage:"),
        (&["bakup"], "unrecognized subcommand"),
        (&["run", "--sorce", "x"], "unexpected argument"),
        (
            &["run", "--destination", BACKUP],
            "SOURCE_BUCKET (--source) is not set",
        ),
        (
            &run_with(&["--mode", "some"]),
            "invalid value 'some' for '--mode <MODE>'",
        ),
        (&run_with(&["--max-concurrency", "0"]), "allowed: 1 to 900"),
    ];

    for (arguments, part) in cases {
        let output = run(&world, arguments);

        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
}

#[test]
fn an_incomplete_run_exits_with_3_and_tells_what_to_do() {
    let world = World::new();
    world.put("bad\u{1b}[2J", "1");
    world.put("good", "1");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).key("bad\u{1b}[2J"), denied);

    let output = run(&world, &RUN);

    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let stdout = text(&output.stdout);
    assert!(
        stdout.starts_with("Backup incomplete: 2 objects, 1 copied, 1 error\n"),
        "{stdout}"
    );
    assert!(
        stdout.contains(
            "error: cannot copy bad\\u{1b}[2J: access denied (AccessDenied: Access Denied)"
        ),
        "{stdout}"
    );
    assert!(stdout.contains("next: grant s3:GetObject"), "{stdout}");
}

const VERIFY: [&str; 6] = [
    "verify",
    "--source",
    PRIMARY,
    "--destination",
    BACKUP,
    "--deep",
];

#[test]
fn a_verification_exits_with_0_only_if_nothing_is_wrong() {
    let world = World::new();
    world.put("a", "12345");
    world.put("b", "12345");
    run(&world, &RUN);

    let clean = run(&world, &VERIFY);
    world.sim.set_tags(BACKUP, "a", &[("t", "1")]);
    world.sim.delete(BACKUP, "b");
    let wrong = run(&world, &VERIFY);
    let repair: Vec<&str> = VERIFY.into_iter().chain(["--repair"]).collect();
    let repaired = run(&world, &repair);

    assert_eq!(clean.status.code(), Some(0), "{clean:?}");
    let stdout = text(&clean.stdout);
    assert!(
        stdout.starts_with("Verified 2 objects: 2 equal\n"),
        "{stdout}"
    );
    assert_eq!(wrong.status.code(), Some(3), "{wrong:?}");
    let stdout = text(&wrong.stdout);
    assert!(
        stdout.starts_with("Backup differs: 2 objects, 0 equal, 1 different, 1 missing\n"),
        "{stdout}"
    );
    assert!(
        stdout.ends_with("\na: different (tags)\nb: missing\n"),
        "{stdout}"
    );
    assert_eq!(repaired.status.code(), Some(0), "{repaired:?}");
    assert!(
        text(&repaired.stdout).contains("\nb: missing, repaired\n"),
        "{repaired:?}"
    );
    world.assert_backed_up();
}

#[test]
fn a_sample_that_there_is_not_is_wrong_usage() {
    let world = World::new();
    let cases: [(&[&str], &str); 3] = [
        (&["--sample", "2/30"], "allowed: 1/N with N from 1 to 366"),
        (&["--part", "3"], "--sample <1/N>"),
        (
            &["--sample", "1/30", "--part", "31"],
            "--part is 31; allowed: 1 to the N of",
        ),
    ];

    for (more, part) in cases {
        let arguments: Vec<&str> = VERIFY.iter().chain(more).copied().collect();

        let output = run(&world, &arguments);

        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{more:?}: {output:?}");
        assert!(stderr.contains(part), "{more:?}: {stderr}");
    }
    assert_eq!(world.sim.ledger().total(), 0);
}

#[test]
fn the_help_is_the_one_in_the_golden_files() {
    let world = World::new();
    let cases: [(&[&str], &str); 17] = [
        (&["--help"], include_str!("../golden/help.txt")),
        (
            &["verify", "--help"],
            include_str!("../golden/help-verify.txt"),
        ),
        (&["run", "--help"], include_str!("../golden/help-run.txt")),
        (&["plan", "--help"], include_str!("../golden/help-plan.txt")),
        (&["runs", "--help"], include_str!("../golden/help-runs.txt")),
        (&["diff", "--help"], include_str!("../golden/help-diff.txt")),
        (&["ls", "--help"], include_str!("../golden/help-ls.txt")),
        (
            &["history", "--help"],
            include_str!("../golden/help-history.txt"),
        ),
        (
            &["doctor", "--help"],
            include_str!("../golden/help-doctor.txt"),
        ),
        (
            &["drill", "--help"],
            include_str!("../golden/help-drill.txt"),
        ),
        (
            &["policy", "--help"],
            include_str!("../golden/help-policy.txt"),
        ),
        (
            &["restore", "--help"],
            include_str!("../golden/help-restore.txt"),
        ),
        (
            &["restores", "--help"],
            include_str!("../golden/help-restores.txt"),
        ),
        (
            &["serve", "--help"],
            include_str!("../golden/help-serve.txt"),
        ),
        (
            &["status", "--help"],
            include_str!("../golden/help-status.txt"),
        ),
        (
            &["unlock", "--help"],
            include_str!("../golden/help-unlock.txt"),
        ),
        (
            &["completion", "--help"],
            include_str!("../golden/help-completion.txt"),
        ),
    ];

    for (arguments, golden) in cases {
        let output = run(&world, arguments);

        assert_eq!(output.status.code(), Some(0));
        assert_eq!(text(&output.stdout), golden, "{arguments:?}");
    }
}
