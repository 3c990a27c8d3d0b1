//! `ls` and `history`: what the backup held at a run, and the versions of one key.

use std::process::Output;

use s3_sim::{Put, Verb};
use serde_json::Value;

use crate::cli::{run, text};
use crate::world::{BACKUP, PRIMARY, World};

const JOB: [&str; 4] = ["--source", PRIMARY, "--destination", BACKUP];

fn ask(world: &World, arguments: &[&str]) -> Output {
    world.sim.ledger().clear();
    let output = run(world, &[arguments, &JOB].concat());
    let writes = [Verb::PutObject, Verb::CopyObject, Verb::DeleteObject];
    for verb in writes {
        assert_eq!(world.sim.ledger().count(verb), 0, "{verb:?}");
    }
    output
}

fn lines(output: &Output) -> Vec<Value> {
    let lines = text(&output.stdout);
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn backed_up(world: &World) -> String {
    let result = world.backup().await;
    result["run_id"].as_str().unwrap().to_owned()
}

/// The first columns of lines, whose dates are those of the clock, without them.
fn undated(output: &Output) -> Vec<String> {
    let lines = text(&output.stdout);
    lines
        .lines()
        .map(|line| line.split_once("  ").unwrap().1.to_owned())
        .collect()
}

#[tokio::test]
async fn a_run_is_listed_as_it_was_and_not_as_the_backup_is_now() {
    let world = World::new();
    world.put("a", "12345");
    world.put_object("b", Put::new("1".repeat(2048)).storage_class("STANDARD_IA"));
    world.put("é\u{1b}[2J", "");
    let first = backed_up(&world).await;
    world.put("a", "123456");
    world.put("new", "1");
    world.sim.delete(PRIMARY, "b");
    backed_up(&world).await;

    let before = ask(&world, &["ls", &first]);
    let now = ask(&world, &["ls", "latest"]);

    assert_eq!(before.status.code(), Some(0));
    assert_eq!(
        undated(&before),
        [
            "       5 B  STANDARD      a",
            "   2.0 KiB  STANDARD      b",
            "       0 B  STANDARD      é\\u{1b}[2J",
        ]
    );
    assert_eq!(
        undated(&now),
        [
            "       6 B  STANDARD      a",
            "       1 B  STANDARD      new",
            "       0 B  STANDARD      é\\u{1b}[2J",
        ]
    );
}

#[tokio::test]
async fn a_listing_of_json_names_the_version_that_holds_the_object() {
    let world = World::new();
    world.put("a", "12345");
    backed_up(&world).await;

    let listed = lines(&ask(&world, &["ls", "latest", "--json"]));

    let backup = world.backup_of("a");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["key"], "a");
    assert_eq!(listed[0]["size"], 5);
    assert_eq!(listed[0]["class"], "STANDARD");
    assert_eq!(listed[0]["version_id"], backup.version_id);
    assert_eq!(listed[0]["etag"], backup.etag);
}

#[tokio::test]
async fn a_prefix_lists_what_is_below_it_and_reads_no_other_segment() {
    let world = World::new();
    for key in ["a/1", "a/2", "a0", "b/1", "b/2", "c"] {
        world.put(key, "1");
    }
    backed_up(&world).await;
    let keys = |prefix: &str| {
        let output = ask(&world, &["ls", "latest", prefix, "--json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let keys = lines(&output).into_iter();
        let keys: Vec<String> = keys
            .map(|line| line["key"].as_str().unwrap().to_owned())
            .collect();
        (keys, world.sim.ledger().count(Verb::GetObject))
    };

    let (below, read) = keys("b/");
    assert_eq!(below, ["b/1", "b/2"]);
    // The name of the last snapshot, its index, one segment.
    assert_eq!(read, 3);
    // Behind all keys, and before all of them: no segment.
    assert_eq!(keys("d"), (Vec::new(), 2));
    assert_eq!(keys("A"), (Vec::new(), 2));
}

#[tokio::test]
async fn a_run_that_is_unknown_or_could_be_two_is_answered_with_those_that_there_are() {
    let world = World::new();
    world.put("a", "1");
    let first = backed_up(&world).await;
    let second = backed_up(&world).await;

    let unknown = ask(&world, &["ls", "1999-01-01"]);
    let ambiguous = ask(&world, &["ls", "2"]);
    let malformed = ask(&world, &["ls", "yesterday evening"]);

    let said = format!(
        "error: no snapshot of run 1999-01-01; the nearest is {first}; `s3-backup runs` lists them\n"
    );
    assert_eq!(
        (unknown.status.code(), text(&unknown.stderr)),
        (Some(1), said)
    );
    let said = format!("error: run 2 could be {second}, {first}; give more of its id");
    assert!(text(&ambiguous.stderr).starts_with(&said), "{ambiguous:?}");
    assert_eq!(malformed.status.code(), Some(2));
}

#[tokio::test]
async fn the_history_of_a_key_has_every_version_and_the_run_that_wrote_it() {
    let world = World::new().with("BACKUP_DELETIONS", "mark");
    world.put("a", "1");
    world.put("a/b", "1");
    let first = backed_up(&world).await;
    world.put("a", "22");
    let second = backed_up(&world).await;
    world.sim.delete(PRIMARY, "a");
    let third = backed_up(&world).await;
    world.sim.clock().advance(std::time::Duration::from_mins(1));
    world.sim.put(BACKUP, "a", "by hand");

    let versions = lines(&ask(&world, &["history", "a", "--json"]));
    let told = ask(&world, &["history", "a"]);

    let shown = |name: &str| {
        versions
            .iter()
            .map(|line| line[name].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(shown("key"), ["a", "a", "a", "a"]);
    assert_eq!(
        shown("run_id"),
        [
            Value::Null,
            third.clone().into(),
            second.clone().into(),
            first.clone().into()
        ]
    );
    assert_eq!(shown("size"), [7.into(), Value::Null, 2.into(), 1.into()]);
    assert_eq!(shown("is_marker"), [false, true, false, false]);
    assert_eq!(shown("is_latest"), [true, false, false, false]);
    let ids: Vec<String> = world
        .sim
        .versions(BACKUP, "a")
        .into_iter()
        .map(|own| own.version_id)
        .collect();
    assert_eq!(shown("version_id"), ids);
    let [by_hand, marker, ..] = &undated(&told)[..] else {
        panic!("{told:?}");
    };
    assert_eq!(*by_hand, format!("       7 B  {:<25}  {}", "-", ids[0]));
    assert_eq!(*marker, format!("   deleted  {third:<25}  {}", ids[1]));
}

#[tokio::test]
async fn a_key_that_the_backup_never_had_and_a_missing_right_are_named() {
    let world = World::new();
    world.put("a", "1");
    backed_up(&world).await;

    let never = ask(&world, &["history", "b"]);
    world.sim.deny("s3:ListBucketVersions");
    let denied = ask(&world, &["history", "a"]);

    assert_eq!(never.status.code(), Some(1));
    assert_eq!(
        text(&never.stderr),
        "error: the backup never had b; `s3-backup ls latest` lists what it has\n"
    );
    assert_eq!(denied.status.code(), Some(1));
    assert!(
        text(&denied.stderr).contains("grant s3:ListBucketVersions"),
        "{denied:?}"
    );
}
