//! Restores from a terminal: what is asked, what is told, and how it exits.

use serde_json::Value;

use super::world;
use crate::cli::{run, text};
use crate::world::{BACKUP, PRIMARY, World, count};

const JOB: [&str; 4] = ["--source", PRIMARY, "--destination", BACKUP];

async fn backed_up() -> World {
    let world = world();
    world.put("a b", "1");
    world.put("c", "1");
    world.backup().await;
    world.put("a b", "damaged");
    world.sim.delete(PRIMARY, "c");
    world
}

fn with<'a>(words: &[&'a str]) -> Vec<&'a str> {
    words.iter().copied().chain(JOB).collect()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[tokio::test]
async fn where_nobody_can_be_asked_it_has_to_be_said_that_it_writes_in_place() {
    let world = backed_up().await;

    let unasked = run(&world, &with(&["restore", "--all", "--run", "latest"]));
    let told = with(&["restore", "--all", "--run", "latest", "--dry-run"]);
    let told = run(&world, &told);
    let done = with(&["restore", "--all", "--run", "latest", "--yes", "--json"]);
    let done = run(&world, &done);

    assert_eq!(unasked.status.code(), Some(2), "{unasked:?}");
    let stderr = text(&unasked.stderr);
    assert!(
        stderr.contains("give --yes, or look with --dry-run"),
        "{stderr}"
    );
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    let stdout = text(&told.stdout);
    assert!(
        stdout.starts_with("Dry run of a restore of 2 objects: 2 to restore;"),
        "{stdout}"
    );
    assert!(
        stdout.contains("\n  command      s3-backup restore --all --run "),
        "{stdout}"
    );
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert_eq!(json(&done.stdout)["objects_restored"], 2);
}

#[tokio::test]
async fn restores_are_listed_continued_and_undone_by_their_ids() {
    let world = backed_up().await;
    let done = with(&["restore", "a b", "c", "--run", "latest", "--yes", "--json"]);
    let done = json(&run(&world, &done).stdout);
    let id = done["restore"]["id"].as_str().unwrap();

    let undone = run(&world, &with(&["restore", "--undo", id, "--yes", "--json"]));
    let listed = run(&world, &with(&["restores", "--json"]));
    let text_of = run(&world, &with(&["restores", id]));
    let unknown = run(&world, &with(&["restores", "2026-x"]));

    let undone = json(&undone.stdout);
    assert_eq!(undone["status"], "complete", "{undone}");
    let listed = json(&listed.stdout);
    let rows = listed.as_array().unwrap();
    assert_eq!(rows.len(), 2, "{listed}");
    // Ids of one second are in no order.
    let row = |id: &Value| rows.iter().find(|row| row["id"] == *id).unwrap();
    let undo = &undone["restore"]["id"];
    assert_eq!(row(&Value::from(id))["undone_by"], *undo);
    assert_eq!(row(undo)["kind"], "undo");
    let stdout = text(&text_of.stdout);
    assert!(
        stdout.contains(id) && stdout.contains("complete"),
        "{stdout}"
    );
    assert_eq!(unknown.status.code(), Some(3), "{unknown:?}");
}

#[tokio::test]
async fn keys_come_from_a_file_with_the_numbers_of_lines_that_are_none() {
    let world = backed_up().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let name = file.to_str().unwrap();
    let restore = |name: &str| {
        let words = [
            "restore",
            "--keys-from",
            name,
            "--run",
            "latest",
            "--yes",
            "--json",
        ];
        run(&world, &with(&words))
    };

    std::fs::write(&file, "").unwrap();
    let empty = restore(name);
    std::fs::write(&file, format!("a b\n{}\n", "x".repeat(1025))).unwrap();
    let bad = restore(name);
    std::fs::write(&file, "a b\nc\n").unwrap();
    let good = restore(name);

    assert_eq!(empty.status.code(), Some(0), "{empty:?}");
    assert_eq!(text(&empty.stdout), "nothing to restore\n");
    assert_eq!(bad.status.code(), Some(2), "{bad:?}");
    assert!(text(&bad.stderr).contains("line 2 of "), "{bad:?}");
    assert_eq!(json(&good.stdout)["objects_restored"], 2, "{good:?}");
}

#[tokio::test]
async fn more_keys_than_one_restore_takes_are_restored_batch_by_batch_from_one_run() {
    let world = world();
    // Two batches, by the bytes of their keys.
    let keys: Vec<String> = (0..4_300)
        .map(|number| format!("{number:04} {}", "k".repeat(1_000)))
        .collect();
    for key in &keys {
        world.put(key, "x");
    }
    world.backup().await;
    for key in [&keys[3], &keys[4_299]] {
        world.sim.delete(PRIMARY, key);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let mut lines = keys.clone();
    lines.reverse();
    std::fs::write(&file, lines.join("\n")).unwrap();
    let named = ["restore", "--keys-from", file.to_str().unwrap()];

    let unasked = run(&world, &with(&[&named[..], &["--run", "latest"]].concat()));
    let more = ["--run", "latest", "--yes", "--json"];
    let done = run(&world, &with(&[&named[..], &more].concat()));

    assert_eq!(unasked.status.code(), Some(2), "{unasked:?}");
    let stderr = text(&unasked.stderr);
    assert!(
        stderr.contains("names 4,300 keys, which are restored 100,000 at a time at most"),
        "{stderr}"
    );
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let results = serde_json::Deserializer::from_slice(&done.stdout).into_iter::<Value>();
    let results: Vec<Value> = results.collect::<Result<_, _>>().unwrap();
    assert_eq!(results.len(), 2);
    let of = |name: &str| -> Vec<u64> {
        let numbers = results.iter().map(|result| count(result, name));
        numbers.collect()
    };
    assert_eq!(of("objects_found").iter().sum::<u64>(), 4_300);
    assert_eq!(of("objects_restored"), [1, 1]);
    assert_eq!(world.keys(PRIMARY), keys);
}

#[tokio::test]
async fn wrong_usage_is_named() {
    let world = backed_up().await;
    let cases: [(&[&str], &str); 4] = [
        (
            &["restore", "--all", "--yes"],
            "a restore has to say as of when",
        ),
        (
            &["restore", "--run", "latest", "--yes"],
            "a restore has to say which objects",
        ),
        (
            &["restore", "a", "--all", "--run", "latest", "--yes"],
            "--all, KEYS exclude each other",
        ),
        (
            &[
                "restore",
                "a",
                "--run",
                "latest",
                "--at",
                "2026-01-01",
                "--yes",
            ],
            "--at, --run exclude each other",
        ),
    ];

    for (words, problem) in cases {
        let output = run(&world, &with(words));

        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        assert!(
            text(&output.stderr).contains(problem),
            "{words:?}: {output:?}"
        );
    }
}
