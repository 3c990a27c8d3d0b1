//! The page of the worst day, word for word: its commands are taken from `docs/restore.md` and run, each situation in a
//! world to which that has happened.

use std::process::Output;
use std::time::Duration;

use s3_sim::{BucketOptions, Grant, Versioning};

use super::{State, state, world};
use crate::cli::{run_in, text};
use crate::world::{BACKUP, PRIMARY, World};

const PAGE: &str = include_str!("../../../docs/restore.md");
/// The bucket that the page restores into when the first one is lost.
const NEW: &str = "primary-2";
/// The second backup of the page, and where it lies.
const SECOND: &str = "backup-in-another-region";
const OTHER_REGION: &str = "eu-central-1";
/// The access key of the command line in a world.
const CALLER: &str = "test";

/// The text of the page below a heading, up to the next one.
fn section(heading: &str) -> &'static str {
    let (_, text) = PAGE
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("docs/restore.md has no section {heading:?}"));
    text.split("\n## ").next().unwrap()
}

/// The commands of a text that begin with those words, without them.
fn commands(text: &'static str, begin: &str) -> Vec<Vec<&'static str>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("$ "));
    let commands = lines.filter_map(|line| line.strip_prefix(begin));
    commands
        .map(|words| words.split_whitespace().collect())
        .collect()
}

/// What a text exports: the whole page before its first section does so for all of them.
fn exports(text: &'static str) -> Vec<(&'static str, &'static str)> {
    let words = commands(text, "export ").into_iter().flatten();
    words.map(|word| word.split_once('=').unwrap()).collect()
}

/// Runs a command of a section with all that is exported by then.
fn run_of(world: &World, text: &'static str, words: &[&str]) -> Output {
    let beginning = PAGE.split("\n## ").next().unwrap();
    let variables = [exports(beginning), exports(text)].concat();
    run_in(world, words, &variables)
}

/// Runs all commands of a section. What the last one printed.
fn follow(world: &World, heading: &str) -> String {
    let text_of_page = section(heading);
    let all = commands(text_of_page, "s3-backup ");
    assert!(!all.is_empty(), "{heading}");
    let mut last = String::new();
    for words in all {
        let output = run_of(world, text_of_page, &words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
        last = text(&output.stdout);
    }
    last
}

/// A primary bucket of which there are two runs, and what it was at the last one.
async fn backed_up(world: World) -> (World, State) {
    for key in ["reports/1.pdf", "reports/2.pdf", "reports/3.pdf", "other"] {
        world.put(key, &format!("first of {key}"));
    }
    world.backup().await;
    world.put("reports/1.pdf", "the second one");
    world.backup().await;
    let before = state(&world, PRIMARY);
    (world, before)
}

fn delete_all(world: &World) {
    for key in world.keys(PRIMARY) {
        world.sim.delete(PRIMARY, &key);
    }
}

#[tokio::test]
async fn a_file_a_folder_and_a_whole_bucket_come_back_by_the_commands_of_the_page() {
    let (world, before) = backed_up(world()).await;

    world.put("reports/1.pdf", "damaged");
    follow(&world, "1. A file");
    assert_eq!(state(&world, PRIMARY), before);

    for key in ["reports/1.pdf", "reports/2.pdf", "reports/3.pdf"] {
        world.sim.delete(PRIMARY, key);
    }
    follow(&world, "2. A folder");
    assert_eq!(state(&world, PRIMARY), before);

    delete_all(&world);
    follow(&world, "3. Everything was deleted");
    assert_eq!(state(&world, PRIMARY), before);
}

#[tokio::test]
async fn what_was_encrypted_in_place_comes_back_by_the_commands_of_the_page() {
    let (world, before) = backed_up(world()).await;
    for key in world.keys(PRIMARY) {
        world.put(&key, "encrypted");
    }
    world.put("HOW_TO_PAY.txt", "ransom");
    world.backup().await;

    follow(&world, "4. Everything was encrypted in place");

    assert_eq!(state(&world, PRIMARY), before);
}

#[tokio::test]
async fn a_bucket_that_is_gone_comes_back_by_the_commands_of_the_page() {
    let (world, before) = backed_up(world()).await;
    world.put("other", "a third one");
    world.backup().await;
    world.sim.delete_bucket(PRIMARY);
    let heading = "5. The bucket is gone";
    let by_hand = commands(section(heading), "aws ");
    let made = [
        ["s3", "mb", "s3://primary-2"].as_slice(),
        &["s3api", "put-bucket-versioning", "--bucket", NEW],
    ];
    assert!(
        by_hand
            .iter()
            .zip(made)
            .all(|(words, begin)| words.starts_with(begin))
    );
    let world = world.with_bucket(NEW);

    follow(&world, heading);

    assert_eq!(state(&world, NEW), before);
}

#[tokio::test]
async fn with_a_region_gone_the_second_backup_alone_gives_everything_back() {
    let heading = "6. The region is gone";
    let exported = exports(section(heading));
    let (_, destinations) = exported
        .iter()
        .find(|(name, _)| *name == "DESTINATION_BUCKET")
        .unwrap();
    let world = world().with("DESTINATION_BUCKET", destinations);
    let elsewhere = || BucketOptions {
        region: OTHER_REGION.to_owned(),
        versioning: Versioning::Enabled,
        ..BucketOptions::default()
    };
    world.sim.create_bucket_with(SECOND, elsewhere());
    world.sim.create_bucket_with(NEW, elsewhere());
    let (world, before) = backed_up(world).await;
    // Buckets that do not answer at all: restore::backups::a_backup_that_never_answers_keeps_nobody_from_restoring.
    for bucket in [PRIMARY, BACKUP] {
        world.sim.delete_bucket(bucket);
    }
    world.sim.ledger().clear();

    follow(&world, heading);

    assert_eq!(state(&world, NEW), before);
    let counts = world.sim.ledger().counts();
    let redirects = counts.keys().filter(|(_, status)| *status == Some(301));
    assert_eq!(
        redirects.count(),
        0,
        "another region is asked first: {counts:?}"
    );
}

#[tokio::test]
async fn with_only_the_backup_account_left_the_backup_needs_nothing_of_the_other_one() {
    let (world, before) = backed_up(world()).await;
    let world = world.with_bucket(NEW);
    // The source belongs to an account that nobody can get into.
    world
        .sim
        .change_options(PRIMARY, |options| options.owner = "999999999999".to_owned());
    let read = [
        "s3:ListBucket",
        "s3:ListBucketVersions",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:GetObjectTagging",
        "s3:GetObjectVersionTagging",
        "s3:PutObject",
    ];
    let write = [
        "s3:ListBucket",
        "s3:GetBucketVersioning",
        "s3:GetObject",
        "s3:PutObject",
        "s3:PutObjectTagging",
    ];
    let read = read.map(|action| Grant::on(action, BACKUP));
    let write = write.map(|action| Grant::on(action, NEW));
    world.sim.allow_only(CALLER, read.into_iter().chain(write));
    let copies = state(&world, BACKUP);
    world.sim.ledger().clear();

    follow(&world, "7. Only the backup account is left");

    assert_eq!(state(&world, NEW), before);
    let mut after = state(&world, BACKUP);
    after.retain(|key, _| !key.contains("/restores/"));
    assert_eq!(
        after, copies,
        "the backup has more than the state of the restore"
    );
    let ledger = world.sim.ledger();
    let asked = ledger.entries();
    let others = asked.iter().filter(|call| call.bucket == PRIMARY);
    assert_eq!(others.count(), 0, "the lost account is asked");
}

#[tokio::test]
async fn archives_are_asked_for_and_come_back_by_the_commands_of_the_page() {
    let (world, before) = backed_up(world()).await;
    for key in ["reports/2.pdf", "other"] {
        world.sim.set_storage_class(BACKUP, key, "GLACIER");
    }
    delete_all(&world);
    let text_of_page = section("Archives");
    let all = commands(text_of_page, "s3-backup ");
    let [asking, listing, going_on] = all.as_slice() else {
        panic!("{all:?}");
    };

    let asked = run_of(&world, text_of_page, asking);
    let listed = run_of(&world, text_of_page, listing);
    world.sim.clock().advance(Duration::from_hours(13));
    let rows = text(&listed.stdout);
    let id = rows
        .split_whitespace()
        .find(|word| word.starts_with("20") && word.contains("Z-"))
        .unwrap_or_else(|| panic!("{rows}"));
    let ["restore", "--continue", _] = going_on.as_slice() else {
        panic!("{going_on:?}");
    };
    let done = run_of(&world, text_of_page, &["restore", "--continue", id]);

    assert_eq!(asked.status.code(), Some(3), "{asked:?}");
    assert!(rows.contains("waiting"), "{rows}");
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert_eq!(state(&world, PRIMARY), before);
}
