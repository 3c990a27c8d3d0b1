//! The command line speaks as its neighbours do: `aws`, `rclone`, `restic`, `s5cmd`.

use std::collections::BTreeSet;
use std::process::Output;
use std::time::Duration;

use s3_sim::{Class, Detail, Sim, Verb};
use serde_json::Value;

use crate::cli::{run, run_in, text};
use crate::world::{BACKUP, PRIMARY, World};

#[test]
fn both_sides_are_given_by_position_as_urls() {
    let world = World::new().with_bucket("second");
    world.put("data/a", "1");
    world.put("other", "1");

    let output = run(
        &world,
        &["run", "s3://primary/data/", "s3://backup", "s3://second"],
    );

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(world.keys(BACKUP), ["data/a"]);
    assert_eq!(world.keys("second"), ["data/a"]);
    let stdout = text(&output.stdout);
    assert!(
        stdout.contains("\n  source       s3://primary/data/\n"),
        "{stdout}"
    );
}

#[test]
fn globs_and_destinations_can_be_repeated_or_listed() {
    let world = World::new().with_bucket("second");
    for key in ["a.log", "b.tmp", "c.txt", "d.txt"] {
        world.put(key, "1");
    }

    let output = run(
        &world,
        &[
            "run",
            "--source",
            PRIMARY,
            "--destination",
            BACKUP,
            "--destination",
            "second",
            "--exclude",
            "*.log",
            "--exclude",
            "*.tmp,d*",
        ],
    );

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(world.keys(BACKUP), ["c.txt"]);
    assert_eq!(world.keys("second"), ["c.txt"]);
}

#[test]
fn region_endpoint_and_profile_are_flags_and_count_more_than_the_environment() {
    let world = World::new();
    world.put("a", "1");
    let home = tempfile::tempdir().unwrap();
    let files = [
        ("config", "[profile nightly]\nregion = us-east-1\n"),
        (
            "credentials",
            "[nightly]\naws_access_key_id = OFPROFILE\naws_secret_access_key = test\n",
        ),
    ];
    for (name, body) in files {
        std::fs::write(home.path().join(name), body).unwrap();
    }
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (config, credentials) = (path("config"), path("credentials"));
    let variables = [
        ("AWS_CONFIG_FILE", config.as_str()),
        ("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str()),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_REGION", "eu-west-9"),
    ];
    let endpoint = world.sim.endpoint();
    let asked = |profile: &str| -> Output {
        let arguments = [
            "run",
            "s3://primary",
            "s3://backup",
            "--endpoint-url",
            &endpoint,
            "--region",
            "us-east-1",
            "--profile",
            profile,
        ];
        run_in(&world, &arguments, &variables)
    };

    let known = asked("nightly");
    let unknown = asked("nightli");

    assert_eq!(known.status.code(), Some(0), "{known:?}");
    world.assert_backed_up();
    // As with the AWS CLI: although there are keys in the environment.
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    assert_eq!(
        text(&unknown.stderr),
        "error: --profile = \"nightli\" is not a profile of the AWS CLI's files; known: nightly\n"
    );
}

#[test]
fn the_keys_of_a_profile_that_is_named_count_more_than_those_of_the_environment() {
    let world = World::new();
    world.sim.ledger().keep(Detail::Entries);
    world.put("a", "1");
    let home = tempfile::tempdir().unwrap();
    let credentials = home.path().join("credentials");
    let keys = "[nightly]\naws_access_key_id = OFPROFILE\naws_secret_access_key = test\n";
    std::fs::write(&credentials, keys).unwrap();
    let variables = [("AWS_SHARED_CREDENTIALS_FILE", credentials.to_str().unwrap())];

    let arguments = ["run", "s3://primary", "s3://backup", "--profile", "nightly"];
    let output = run_in(&world, &arguments, &variables);

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let entries = world.sim.ledger().entries();
    let signed = entries.iter().all(|entry| entry.access_key == "OFPROFILE");
    assert!(!entries.is_empty() && signed, "{entries:?}");
}

#[test]
fn an_unknown_variable_is_a_warning_and_what_was_meant_is_named() {
    let world = World::new();
    world.put("a", "1");
    let variables = [("BACKUP_BUCKET", "mine"), ("BACKUP_EXLUDE", "*")];

    let output = run_in(&world, &["run", "s3://primary", "s3://backup"], &variables);

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains(
            "warning: variable BACKUP_EXLUDE is unknown; did you mean BACKUP_EXCLUDE?; it is ignored\n"
        ),
        "{stderr}"
    );
    assert!(stderr.contains("warning: variable BACKUP_BUCKET is unknown"));
    world.assert_backed_up();
}

#[test]
fn flags_list_their_values_and_name_what_was_meant() {
    let world = World::new();
    let cases: [(&[&str], &str); 4] = [
        (
            &["run", "--mode", "ful"],
            "[possible values: incremental, full]",
        ),
        (
            &["run", "--deletions", "mirror"],
            "[possible values: keep, mark]",
        ),
        (
            &["run", "--exlude", "a"],
            "a similar argument exists: '--exclude'",
        ),
        (&["verfy"], "a similar subcommand exists: 'verify'"),
    ];

    for (arguments, part) in cases {
        let output = run(&world, arguments);

        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
    assert_eq!(world.sim.ledger().total(), 0);
}

#[test]
fn quiet_says_nothing_when_all_is_well_and_verbose_says_what_is_done() {
    let world = World::new();
    world.put("a", "1");

    let quiet = run(&world, &["run", "s3://primary", "s3://backup", "--quiet"]);
    let verbose = run(&world, &["run", "s3://primary", "s3://backup", "-v"]);
    let more = run(&world, &["run", "s3://primary", "s3://backup", "-vv"]);

    assert_eq!(quiet.status.code(), Some(0), "{quiet:?}");
    assert_eq!((quiet.stdout, quiet.stderr), (Vec::new(), Vec::new()));
    assert!(
        text(&verbose.stderr).contains("backup begins"),
        "{verbose:?}"
    );
    assert!(more.stderr.len() > verbose.stderr.len(), "{more:?}");
}

#[test]
fn completions_are_written_for_each_shell_and_pages_for_each_command() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = run(&world, &["completion", shell]);

        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(text(&output.stdout).contains("endpoint-url"), "{shell}");
    }
    let directory = tempfile::tempdir().unwrap();

    let output = run(&world, &["man", directory.path().to_str().unwrap()]);

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for page in ["s3-backup.1", "s3-backup-run.1", "s3-backup-status.1"] {
        assert!(directory.path().join(page).exists(), "{page}");
    }
    assert_eq!(world.sim.ledger().count(Verb::ListObjectsV2), 0);
}

#[test]
fn each_object_of_a_plan_and_of_a_verification_is_a_line_and_the_result_the_last() {
    let world = World::new();
    for n in 0..250 {
        world.put(&format!("{n:03}"), "1");
    }
    let lines = |arguments: &[&str]| -> Vec<Value> {
        let output = run(&world, arguments);
        let stdout = text(&output.stdout);
        let lines = stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };

    let plan = lines(&["plan", "s3://primary", "s3://backup", "--jsonl"]);
    let dry_run = lines(&["run", "s3://primary", "s3://backup", "--dry-run", "--jsonl"]);
    let verify = lines(&["verify", "s3://primary", "s3://backup", "--jsonl"]);
    let run_alone = run(&world, &["run", "s3://primary", "s3://backup", "--jsonl"]);

    for (lines, name, value) in [
        (&plan, "reason", "new"),
        (&dry_run, "reason", "new"),
        (&verify, "verdict", "missing"),
    ] {
        assert_eq!(lines.len(), 251);
        let (last, objects) = lines.split_last().unwrap();
        assert!(last["statusCode"].is_number(), "{last}");
        let keys: BTreeSet<&str> = objects
            .iter()
            .map(|line| {
                assert_eq!(line[name], value, "{line}");
                assert_eq!(line["destination"], BACKUP);
                line["key"].as_str().unwrap()
            })
            .collect();
        assert_eq!(keys.len(), 250);
    }
    assert_eq!(run_alone.status.code(), Some(2), "{run_alone:?}");
    assert!(text(&run_alone.stderr).contains("--jsonl needs --dry-run"));
}

#[test]
fn objects_that_fail_for_one_cause_are_one_line_with_advice_to_paste() {
    let world = World::new();
    for n in 0..12 {
        world.put(&format!(".s3-backup/{n:02}"), "1");
    }
    world.put("a", "1");

    let output = run(&world, &["run", "s3://primary", "s3://backup"]);

    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let stdout = text(&output.stdout);
    let told = "error: cannot copy 12 objects: keys below .s3-backup/ of the backup bucket are the program's own
  such as .s3-backup/00, .s3-backup/01, .s3-backup/02, ...
  next: exclude it, such as by --exclude='.s3-backup/*', or set BACKUP_DESTINATION_PREFIX";
    assert!(stdout.contains(told), "{stdout}");
}

/// A world of twenty objects, each of which takes a while to copy.
fn twenty_slow_copies() -> World {
    let world = World::around(
        Sim::builder()
            .latency(Class::Copy, Duration::from_millis(300))
            .start(),
    );
    for n in 0..20 {
        world.put(&format!("{n:02}"), "1");
    }
    world
}

#[test]
fn a_line_of_progress_is_written_now_and_then_where_there_is_no_terminal() {
    let world = twenty_slow_copies();
    let slow = [
        "run",
        "s3://primary",
        "s3://backup",
        "--max-concurrency",
        "4",
    ];

    let told = run(&world, &[&slow[..], &["--stats", "1s"]].concat());
    let again = [
        &slow[..],
        &["--mode", "full", "--stats", "1s", "--no-progress"],
    ]
    .concat();
    let silent = run(&world, &again);

    let stderr = text(&told.stderr);
    let line = stderr.lines().next().unwrap_or_default();
    assert!(
        line.starts_with("backing up ") && line.contains(" copied, "),
        "{stderr}"
    );
    assert_eq!(text(&silent.stderr), "");
}

#[test]
fn a_restore_is_told_as_one_and_of_how_many_objects() {
    let world = twenty_slow_copies();
    let job = ["--source", "primary", "--destination", "backup"];
    run(&world, &[&["run"], &job[..]].concat());
    for n in 0..20 {
        world.sim.delete("primary", &format!("{n:02}"));
    }
    let restore = ["restore", "--all", "--run", "latest", "--yes"];
    let slow = ["--max-concurrency", "4", "--stats", "1s"];

    let told = run(&world, &[&restore[..], &job, &slow].concat());

    let stderr = text(&told.stderr);
    let line = stderr.lines().next().unwrap_or_default();
    assert!(
        line.starts_with("restoring ") && line.contains("/20, ") && line.contains(", ETA "),
        "{stderr}"
    );
}
