//! A night writes the rows that changed: snapshots whose segments have changes, in all that reads them.

use std::collections::BTreeMap;
use std::time::Duration;

use s3_backup::snapshot::{LATEST, Latest};
use s3_sim::{Effect, Fault, Put, Verb};
use serde_json::{Value, json};

use crate::cli::{run, text};
use crate::distributed::distributed;
use crate::snapshots::damage::assert_survived;
use crate::snapshots::{Stored, assert_recorded, snapshot, world_of};
use crate::web::{Served, paths};
use crate::world::{BACKUP, PRIMARY, World, count, counts};

const OBJECTS: usize = 40;

/// A world of forty objects that nothing but a snapshot proves, whose snapshots have changes.
async fn backed_up() -> World {
    let world = world_of(OBJECTS).with_changes();
    world.backup().await;
    world
}

/// One object is gone, one is new, and two have changed.
fn edit(world: &World, night: usize) {
    world
        .sim
        .delete(PRIMARY, &format!("{:04}", night % OBJECTS));
    world.put(&format!("{:04}-new", night % OBJECTS), "1");
    for number in [20, 20 + night % 15] {
        world.put(&format!("{number:04}"), &format!("of night {night}"));
    }
}

/// How many segments a run has written anew, and how many have one more change.
fn written(result: &Value) -> (u64, u64) {
    let note = snapshot(result);
    (
        count(note, "segments_written"),
        count(note, "segments_changed"),
    )
}

/// The numbers of changes of each segment of the last snapshot.
fn changes(world: &World) -> Vec<usize> {
    let segments = Stored::of(world).index().segments;
    segments.iter().map(|entry| entry.changes.len()).collect()
}

/// The key of the only file of changes, below the job's prefix.
fn file(stored: &Stored) -> String {
    stored.index().segments[0].changes[0].file.key()
}

#[tokio::test]
async fn a_night_writes_what_changed_and_a_quiet_one_nothing() {
    let world = backed_up().await;
    edit(&world, 1);
    let before = world.sim.keys(BACKUP).len();

    let changed = world.backup().await;
    let quiet = world.backup().await;

    // The key that is gone is an orphan, in a segment of its own.
    assert_eq!(written(&changed), (1, 1), "{changed}");
    assert_eq!(counts(&changed), [40, 3, 37, 0, 0, 0]);
    assert_eq!(written(&quiet), (0, 0), "{quiet}");
    assert_eq!(counts(&quiet), [40, 0, 40, 0, 0, 0]);
    // The new object, the segment of the orphan, a file of changes, and an index for each night.
    assert_eq!(world.sim.keys(BACKUP).len(), before + 5);
    assert_eq!(changes(&world), [1]);
    assert_eq!(Stored::of(&world).index().format, 4);
    assert_recorded(&world);
}

#[tokio::test]
async fn many_nights_are_read_back_as_they_were() {
    let world = backed_up().await;
    let mut most = 0;
    for night in 1..14 {
        edit(&world, night);
        let result = world.backup().await;

        assert_eq!(snapshot(&result)["problem"], Value::Null, "{result}");
        assert_eq!(
            count(&result, "objects_unchanged"),
            40 - count(&result, "objects_copied")
        );
        assert_recorded(&world);
        most = most.max(changes(&world).into_iter().max().unwrap());
    }
    assert!((2..=8).contains(&most), "{most}");
}

#[tokio::test]
async fn a_small_snapshot_stays_in_format_3() {
    let world = backed_up().await;
    edit(&world, 1);
    world.backup().await;
    let changed = Stored::of(&world).index().format;
    edit(&world, 2);
    let world = world.without_changes();

    let again = world.backup().await;
    edit(&world, 3);
    world.backup().await;

    assert_eq!((changed, Stored::of(&world).index().format), (4, 3));
    assert_eq!(written(&again), (2, 0), "with that of the orphans");
    assert_eq!(changes(&world), [0]);
    assert_recorded(&world);
}

#[tokio::test]
async fn an_older_version_that_shows_again_is_copied_again() {
    let world = World::new().with_changes();
    world
        .sim
        .set_versioning(PRIMARY, s3_sim::Versioning::Enabled);
    for number in 0..12 {
        world.put(&format!("{number:02}"), "first");
    }
    world.backup().await;
    world.put("05", "later");
    world.backup().await;
    assert_eq!(changes(&world), [1]);
    let versions = world.sim.all_versions(PRIMARY).into_iter();
    let later = versions
        .filter(|version| version.key == "05")
        .max_by_key(|version| version.last_modified);
    world
        .sim
        .delete_version(PRIMARY, "05", &later.unwrap().version_id);

    let result = world.backup().await;

    assert_eq!(counts(&result), [12, 1, 11, 0, 0, 0]);
    world.assert_backed_up();
    assert_recorded(&world);
}

async fn spoilt(spoil: impl Fn(&World, &str)) -> World {
    let world = backed_up().await;
    edit(&world, 1);
    world.backup().await;
    let stored = Stored::of(&world);
    spoil(&world, &stored.key(&file(&stored)));
    world
}

/// Nothing of the segment is believed: all of its objects are copied.
#[tokio::test]
async fn a_missing_file_of_changes_is_named_and_its_segment_is_not_believed() {
    let world = spoilt(|world, key| world.sim.delete(BACKUP, key)).await;
    let name = file(&Stored::of(&world));

    assert_survived_all(
        &world,
        &format!("{name} is missing; the two listings are compared alone"),
    )
    .await;
}

#[tokio::test]
async fn a_changed_byte_of_a_file_of_changes_is_found_and_named() {
    for at in [4, 40, 400] {
        let world = spoilt(|world, key| {
            let view = world.sim.current(BACKUP, key).unwrap();
            let mut bytes = view.content.as_bytes().unwrap().to_vec();
            bytes[at] ^= 1;
            world.sim.put(BACKUP, key, bytes);
        })
        .await;
        let name = file(&Stored::of(&world));

        assert_survived_all(&world, &format!("{name} is damaged: its ")).await;
    }
}

#[tokio::test]
async fn a_file_of_changes_that_grew_is_not_read_to_its_end() {
    let world = spoilt(|world, key| {
        world.sim.put(BACKUP, key, vec![0; 5 << 20]);
    })
    .await;
    let name = file(&Stored::of(&world));

    assert_survived_all(
        &world,
        &format!("{name} is damaged: it has 5242880 bytes, more than "),
    )
    .await;
}

/// All objects are copied but those whose `ETag`s prove them.
async fn assert_survived_all(world: &World, said: &str) {
    for object in ["0020", "0021", "0001-new"] {
        let body = format!("{object} under KMS");
        let encryption = s3_sim::Encryption::Kms {
            key: "arn:aws:kms:us-east-1:111122223333:key/k1".to_owned(),
        };
        world.put_object(object, Put::new(body).encryption(encryption));
    }
    assert_survived(world, said).await;
}

/// Whichever write of its own state fails, or is the last that a process lives to see.
#[tokio::test]
async fn a_run_that_dies_at_any_write_of_its_state_leaves_the_last_snapshot_valid() {
    for (nth, effect) in
        (1..=5).flat_map(|nth| [(nth, Effect::Stall), (nth, Effect::StallAfterWork)])
    {
        let world = backed_up().await;
        edit(&world, 1);
        world.backup().await;
        edit(&world, 2);
        let put = Fault::on(Verb::PutObject).nth(nth);
        world.sim.fault(put, effect);
        let handler = world.handler();
        let payload = json!({});
        world.sim.clock().advance(Duration::from_secs(2));

        let dead = tokio::time::timeout(
            Duration::from_secs(2),
            crate::world::answer(&handler, payload),
        )
        .await;
        world.sim.clear_faults();
        world.let_leases_end();
        let next = world.backup().await;
        let quiet = world.backup().await;

        // The last of the five is the note that the lease is given back.
        assert!(dead.is_err() || nth == 5, "{nth}: {dead:?}");
        assert_eq!(next["status"], "complete", "{nth}: {next}");
        assert_eq!(counts(&quiet), [40, 0, 40, 0, 0, 0], "{nth}");
        assert_eq!(snapshot(&quiet)["problem"], Value::Null, "{nth}");
        world.assert_backed_up();
        assert_recorded(&world);
    }
}

#[tokio::test]
async fn a_run_of_several_invocations_hands_its_changes_on() {
    let world = world_of(200)
        .with_changes()
        .with("BACKUP_MAX_CONCURRENCY", "1");
    world.backup().await;
    for night in 1..6 {
        for number in (night..200).step_by(30) {
            world.put(&format!("{number:04}"), &format!("of night {night}"));
        }
        world.sim.delete(PRIMARY, &format!("{:04}", 20 * night));
        let mut last = world.stopped_at(Verb::CopyObject, 2, &json!({})).await;
        let mut invocations = 1;
        while !last["cursor"].is_null() {
            invocations += 1;
            assert!(invocations < 50, "{last}");
            let next = json!({"operation": "continue", "cursor": last["cursor"]});
            last = world.run(next).await;
        }

        assert!(invocations > 1);
        assert_eq!(snapshot(&last)["problem"], Value::Null, "{last}");
        assert_recorded(&world);
    }
    let parts = Stored::of(&world).objects.into_iter();
    let parts = parts.filter(|(key, _)| key.starts_with("snapshots/parts/"));
    let formats: Vec<Value> = parts
        .map(|(_, bytes)| serde_json::from_slice::<Value>(&bytes).unwrap()["format"].take())
        .collect();
    assert!(formats.contains(&json!(4)), "{formats:?}");
}

#[tokio::test]
async fn a_shared_run_closes_with_the_changes_of_its_pieces() {
    let world = crate::distributed::world_of(300).with_changes();
    world.backup().await;
    for night in 1..4 {
        for number in (night..300).step_by(60) {
            world.put(
                &crate::distributed::key(number),
                &format!("of night {night}"),
            );
        }
        world
            .sim
            .delete(PRIMARY, &crate::distributed::key(10 * night));

        let result = distributed(&world, 4).await;

        assert_eq!(result["status"], "complete", "{result}");
        assert_recorded(&world);
    }
    assert!(
        changes(&world).iter().any(|changes| *changes > 0),
        "{:?}",
        changes(&world)
    );
}

#[tokio::test]
async fn a_segment_waits_for_a_copy_that_takes_long() {
    let world = World::new().with_changes();
    for n in 0..4_500 {
        world.put(&format!("{n:05}"), "1");
    }
    world.backup().await;
    // Joins what the first run cut at its ranges.
    world.backup().await;
    for key in ["00007", "01000", "04400"] {
        world.put(key, "2");
    }
    let slow = Effect::Slow(Duration::from_secs(3));
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).key("00007").first(1), slow);

    let result = world.backup().await;
    assert_recorded(&world);
    let first = Stored::of(&world).index().segments.remove(0);
    let again = world.backup().await;

    assert!(first.last_key.as_str() > "00100", "{first:?}");
    assert!(!first.changes.is_empty(), "{first:?}");
    assert_eq!(counts(&result), [4_500, 3, 4_497, 0, 0, 0]);
    assert_eq!(counts(&again), [4_500, 0, 4_500, 0, 0, 0]);
    assert_recorded(&world);
}

fn ask(world: &World, arguments: &[&str]) -> String {
    let job = ["--source", PRIMARY, "--destination", BACKUP];
    let output = run(world, &[arguments, &job].concat());
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    text(&output.stdout)
}

/// Three nights over a bucket, and the bodies that the source had after each.
async fn three_nights() -> (World, Vec<BTreeMap<String, Vec<u8>>>) {
    let world = World::new().with_changes().with_bucket("other");
    for number in 0..20 {
        world.put(&format!("{number:04}.txt"), "first");
    }
    let mut nights = Vec::new();
    for night in 0..3 {
        if night > 0 {
            world.put("0007.txt", &format!("of night {night}"));
            world.put(&format!("new-{night}.txt"), "new");
            world.sim.delete(PRIMARY, &format!("{night:04}.txt"));
        }
        world.backup().await;
        let body = |key: String| {
            let object = world.sim.current(PRIMARY, &key).unwrap();
            (key, object.content.as_bytes().unwrap().to_vec())
        };
        nights.push(world.keys(PRIMARY).into_iter().map(body).collect());
        // Run ids are of this machine's clock, in whole seconds.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    assert_eq!(changes(&world), [2]);
    (world, nights)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_reads_changes() {
    let (world, nights) = three_nights().await;

    let listed = |run: &str| -> Vec<String> {
        let lines = ask(&world, &["ls", run, "--json"]);
        let keys = lines.lines().filter_map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            Some(line["key"].as_str()?.to_owned())
        });
        keys.collect()
    };
    for (run, night) in ["latest~2", "latest~1", "latest"].into_iter().zip(&nights) {
        assert_eq!(
            listed(run),
            night.keys().cloned().collect::<Vec<_>>(),
            "{run}"
        );
    }
    let diff: Value =
        serde_json::from_str(&ask(&world, &["diff", "latest~1", "latest", "--json"])).unwrap();
    let told = [
        "objects_added",
        "objects_removed",
        "objects_changed",
        "objects_unchanged",
    ];
    assert_eq!(told.map(|name| count(&diff, name)), [1, 1, 1, 18], "{diff}");
    let runs = ask(&world, &["runs"]);
    assert_eq!(runs.lines().count(), 5, "{runs}");
    let history = ask(&world, &["history", "0007.txt"]);
    let ids: Vec<&str> = runs
        .lines()
        .skip(2)
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    for run in ids {
        assert!(history.contains(run), "{run} is not in\n{history}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restores_drills_and_verifications_read_changes() {
    let (world, nights) = three_nights().await;
    for (run, night) in ["latest~2", "latest~1", "latest"].into_iter().zip(&nights) {
        let to = format!("s3://other/{}/", run.replace('~', "-"));
        let result = world
            .run(json!({"operation": "restore", "all": true, "run": run, "to": to}))
            .await;

        assert_eq!(result["status"], "complete", "{result}");
        for (key, body) in night {
            let restored = world
                .sim
                .current("other", &format!("{}/{key}", run.replace('~', "-")));
            assert_eq!(
                restored.unwrap().content.as_bytes().unwrap(),
                body,
                "{run}: {key}"
            );
        }
        let prefix = format!("{}/", run.replace('~', "-"));
        let keys = world
            .sim
            .keys("other")
            .into_iter()
            .filter(|key| key.starts_with(&prefix));
        assert_eq!(keys.count(), night.len(), "{run}");
    }
    let verified = world.run(json!({"operation": "verify"})).await;
    assert_eq!(verified["status"], "complete", "{verified}");
    assert_eq!(count(&verified["verified"], "equal"), 20);
    let drill = json!({"operation": "drill", "to": "s3://other/drills/", "sample": 20});
    let drill = world.run(drill).await;
    assert_eq!(drill["status"], "complete", "{drill}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_reads_changes() {
    let (world, nights) = three_nights().await;
    let served = Served::signed_in(&world);

    for (run, night) in served.runs().iter().rev().zip(&nights) {
        let folder = served.ask("folder", json!({"run": run, "folder": ""}));
        assert_eq!(
            paths(&folder["entries"]),
            night.keys().cloned().collect::<Vec<_>>()
        );
    }
    let found = |name: &str| paths(&served.ask("search", json!({"text": name}))["files"]);
    assert_eq!(found("new-1"), ["new-1.txt"]);
    assert_eq!(found("0001"), ["0001.txt"], "an earlier run has it");
    assert_eq!(found("0019"), ["0019.txt"]);
    let states = served.ask("file", json!({"path": "0007.txt"}));
    assert_eq!(states["states"].as_array().unwrap().len(), 3, "{states}");
    let deleted = served.ask("deleted", json!({"days": 30}));
    let mut deleted = paths(&deleted["files"]);
    deleted.sort();
    assert_eq!(deleted, ["0001.txt", "0002.txt"]);
}

/// The program that knows format 3 alone meets the first index with changes, whose number it refuses.
#[tokio::test]
async fn the_first_change_is_what_a_program_of_format_3_refuses() {
    let world = backed_up().await;
    let whole = Stored::of(&world);
    edit(&world, 1);
    world.backup().await;
    let changed = Stored::of(&world);

    let head = |stored: &Stored| {
        let link = Latest::parse(stored.get(LATEST), &stored.job)
            .unwrap()
            .index;
        let index: Value = serde_json::from_slice(stored.get(&link.key)).unwrap();
        (
            index["format"].clone(),
            index["changes_files"].as_array().map(Vec::len),
        )
    };
    assert_eq!(head(&whole), (json!(3), None));
    assert_eq!(head(&changed), (json!(4), Some(1)));
}
