//! `s3-backup runs`: what it lists, and where a history ends.

use s3_backup::snapshot::LATEST;
use s3_sim::{Effect, Fault, Verb};
use serde_json::Value;

use super::{Spoil, ask, index_key, json, state, three_runs};
use crate::cli::{run, text};
use crate::world::{BACKUP, PRIMARY, World};

#[tokio::test]
async fn runs_are_listed_the_last_one_first() {
    let world = World::new();
    let ids = three_runs(&world).await;

    let listed = ask(&world, &["runs"]);
    let told = json(&ask(&world, &["runs", "--json"]));

    let stdout = text(&listed.stdout);
    assert_eq!(listed.status.code(), Some(0), "{listed:?}");
    let rows: Vec<Vec<&str>> = stdout
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect())
        .collect();
    let titles = ["run", "status", "objects", "size", "copied", "errors"];
    assert_eq!(rows[0], titles);
    assert_eq!(rows.len(), 4, "{stdout}");
    for (row, (id, objects)) in rows[1..].iter().zip([
        (&ids[2], ["3", "15", "B", "1"]),
        (&ids[1], ["2", "10", "B", "1"]),
        (&ids[0], ["1", "5", "B", "1"]),
    ]) {
        assert_eq!(row[0], id, "{stdout}");
        assert_eq!(row[1], "complete", "{stdout}");
        assert_eq!(row[2..6], objects, "{stdout}");
        assert_eq!(row[6..], ["0"], "{stdout}");
    }
    let runs = told["destinations"][0]["runs"].as_array().unwrap();
    let listed: Vec<_> = runs
        .iter()
        .map(|run| run["run_id"].as_str().unwrap())
        .collect();
    assert_eq!(listed, [&ids[2], &ids[1], &ids[0]]);
    assert_eq!(told["source"], PRIMARY);
    assert_eq!(told["destinations"][0]["bucket"], BACKUP);
    assert_eq!(told["destinations"][0]["problem"], Value::Null);
    assert_eq!(runs[0]["objects"], 3);
    assert_eq!(runs[0]["bytes"], 15);
    assert_eq!(runs[0]["copied"], 1);
}

#[tokio::test]
async fn no_more_runs_are_read_than_are_asked_for() {
    let world = World::new();
    let ids = three_runs(&world).await;

    let limited = ask(&world, &["runs", "--limit", "2"]);
    let read = world.sim.ledger().count(Verb::GetObject);
    let all = ask(&world, &["runs", "--all"]);

    let stdout = text(&limited.stdout);
    assert!(
        stdout.contains(&ids[1]) && !stdout.contains(&ids[0]),
        "{stdout}"
    );
    assert!(
        stdout.ends_with("and earlier ones; --all lists them\n"),
        "{stdout}"
    );
    // The name of the last snapshot, what was held, and two indexes.
    assert_eq!(read, 2 + 2);
    assert!(text(&all.stdout).contains(&ids[0]), "{all:?}");
}

#[tokio::test]
async fn a_bucket_without_a_snapshot_says_so() {
    let world = World::new();
    world.put("a", "1");

    let runs = ask(&world, &["runs"]);
    let told = json(&ask(&world, &["runs", "--json"]));
    let diff = ask(&world, &["diff", "latest~1", "latest"]);

    assert_eq!(runs.status.code(), Some(0), "{runs:?}");
    let ending = "no snapshot yet: the first run writes one\n";
    assert!(text(&runs.stdout).ends_with(ending), "{runs:?}");
    assert_eq!(told["destinations"][0]["runs"], serde_json::json!([]));
    assert_eq!(diff.status.code(), Some(1), "{diff:?}");
    let stderr = text(&diff.stderr);
    let said = "error: no snapshot of run latest~1: there is none yet; ";
    assert!(stderr.starts_with(said), "{stderr}");
}

#[tokio::test]
async fn a_broken_chain_is_named_behind_the_last_good_run() {
    let cases: [(&str, Spoil); 3] = [
        ("is missing", |world, key| {
            world.sim.delete(BACKUP, key);
        }),
        ("bytes are not those that were written", |world, key| {
            world.sim.put(BACKUP, key, "{");
        }),
        ("bytes are not those that were written", |world, key| {
            let view = world.sim.current(BACKUP, key).unwrap();
            let index = text(view.content.as_bytes().unwrap());
            let changed = index.replace("\"errors\":0", "\"errors\":7");
            assert_ne!(changed, index);
            world.sim.put(BACKUP, key, changed);
        }),
    ];
    for (problem, spoil) in cases {
        let world = World::new();
        let [first, second, third] = three_runs(&world).await;
        spoil(&world, &index_key(&second));

        let runs = ask(&world, &["runs"]);
        let told = json(&ask(&world, &["runs", "--json"]));
        let unreachable = ask(&world, &["diff", &first, "latest"]);
        let reachable = ask(&world, &["diff", "latest", "latest"]);

        let stdout = text(&runs.stdout);
        assert_eq!(runs.status.code(), Some(3), "{runs:?}");
        assert!(
            stdout.contains(&third) && !stdout.contains(&first),
            "{stdout}"
        );
        let said = format!(
            "error: the history ends here: cannot use the snapshot: snapshots/{second}.json "
        );
        let (_, ending) = stdout
            .split_once(&said)
            .unwrap_or_else(|| panic!("{stdout}"));
        assert!(ending.contains(problem), "{stdout}");
        assert!(
            ending.contains("\n  next: the backup itself is not touched by it; "),
            "{stdout}"
        );
        let listing = &told["destinations"][0];
        assert_eq!(listing["runs"].as_array().unwrap().len(), 1);
        assert!(
            listing["problem"]["message"]
                .as_str()
                .unwrap()
                .contains(problem)
        );
        assert_eq!(unreachable.status.code(), Some(1), "{unreachable:?}");
        let stderr = text(&unreachable.stderr);
        let said = format!("error: no snapshot of run {first} can be reached: ");
        assert!(
            stderr.starts_with(&said) && stderr.contains(problem),
            "{stderr}"
        );
        assert_eq!(reachable.status.code(), Some(0), "{reachable:?}");
    }
}

#[tokio::test]
async fn a_history_that_was_set_back_is_named_with_the_runs() {
    let world = World::new();
    world.put("a", "1");
    world.backup().await;
    let latest = state(LATEST);
    let first = world.sim.current(BACKUP, &latest).unwrap().content;
    three_runs(&world).await;
    world.sim.put(BACKUP, &latest, first);

    let runs = ask(&world, &["runs"]);
    let told = json(&ask(&world, &["runs", "--json"]));
    let diff = ask(&world, &["diff", "latest", "latest"]);

    let stdout = text(&runs.stdout);
    assert_eq!(runs.status.code(), Some(3), "{runs:?}");
    let said = ".json is later than what snapshots/latest.json names\n  \
                next: either that later run was stopped before";
    assert!(stdout.contains(said), "{stdout}");
    let listing = &told["destinations"][0];
    assert_eq!(listing["runs"].as_array().unwrap().len(), 1);
    assert!(listing["problem"]["message"].is_string(), "{told}");
    assert_eq!(diff.status.code(), Some(0), "{diff:?}");
}

#[tokio::test]
async fn a_history_without_its_last_name_is_no_empty_one() {
    let world = World::new();
    three_runs(&world).await;
    world.sim.delete(BACKUP, &state(LATEST));

    let runs = ask(&world, &["runs"]);

    assert_eq!(runs.status.code(), Some(3), "{runs:?}");
    let stdout = text(&runs.stdout);
    assert!(stdout.contains("is later than what "), "{stdout}");
    assert!(!stdout.contains("no snapshot yet"), "{stdout}");
}

#[tokio::test]
async fn a_history_that_may_not_be_read_could_not_run() {
    let world = World::new();
    three_runs(&world).await;
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let latest = Fault::on(Verb::GetObject).key(&state(LATEST)).always();
    world.sim.fault(latest, denied);

    let runs = ask(&world, &["runs"]);

    assert_eq!(runs.status.code(), Some(1), "{runs:?}");
    let stderr = text(&runs.stderr);
    assert!(
        stderr.contains("snapshots/latest.json could not be read: "),
        "{stderr}"
    );
    assert!(
        stderr.contains("grant s3:GetObject on .s3-backup/*"),
        "{stderr}"
    );
}

#[tokio::test]
async fn each_destination_has_runs_of_its_own() {
    let world = World::new().with_bucket("second");
    three_runs(&world).await;
    let both = ["--source", PRIMARY, "--destination", "backup,second"];

    let runs = run(&world, &[&["runs", "--json"], &both[..]].concat());
    let diff = run(&world, &[&["diff", "latest", "latest"], &both[..]].concat());

    let told = json(&runs);
    let count = |number: usize| {
        told["destinations"][number]["runs"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((count(0), count(1)), (3, 0));
    assert_eq!(diff.status.code(), Some(2), "{diff:?}");
    assert!(
        text(&diff.stderr).contains("choose one with --destination"),
        "{diff:?}"
    );
}
