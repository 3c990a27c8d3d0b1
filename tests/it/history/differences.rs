//! `s3-backup diff`: what changed between two runs.

use s3_backup::model::{ETag, Job, Key, Location, Placement, StorageClass, Timestamp};
use s3_backup::snapshot::{
    Builder, Index, LATEST, Latest, Link, Past, Row, SegmentEntry, SegmentOutput, Totals, format_of,
};
use s3_sim::{Put, Verb};
use serde_json::Value;

use super::{ask, json, state, three_runs};
use crate::cli::text;
use crate::world::{BACKUP, PRIMARY, World, open_segment};

#[tokio::test]
async fn every_kind_of_change_is_told() {
    let world = World::new();
    for key in [
        "backup",
        "class",
        "content",
        "gone\u{1b}",
        "metadata",
        "same",
    ] {
        world.put(key, "1");
    }
    let first = world.backup().await;
    world.put("content", "23");
    world.put_object("metadata", Put::new("1").meta("colour", "red"));
    world.put("new", "345");
    world.sim.delete(PRIMARY, "gone\u{1b}");
    world.sim.set_storage_class(BACKUP, "class", "GLACIER_IR");
    world.sim.put(BACKUP, "backup", "2");
    let second = world.backup().await;

    let diff = ask(&world, &["diff", "latest~1", "latest"]);
    let back = ask(&world, &["diff", "latest", "latest~1", "--json"]);

    assert_eq!(diff.status.code(), Some(0), "{diff:?}");
    let id = |result: &Value| result["run_id"].as_str().unwrap().to_owned();
    let expected = format!(
        "primary -> backup, from run {} to {}\n\
         changed  backup (backup, 1 B)\n\
         changed  class (class STANDARD -> GLACIER_IR, 1 B)\n\
         changed  content (content, 1 B -> 2 B)\n\
         removed  gone\\u{{1b}} (1 B)\n\
         changed  metadata (metadata, 1 B)\n\
         added    new (3 B)\n\
         1 added (3 B), 1 removed (1 B), \
         4 changed (1 content, 1 metadata, 1 class, 1 backup), 1 unchanged\n",
        id(&first),
        id(&second)
    );
    assert_eq!(text(&diff.stdout), expected);
    let back = json(&back);
    let keys = |kind: &str| {
        let lines = back[kind].as_array().unwrap().iter();
        lines
            .map(|line| line["key"].as_str().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys("added"), ["gone\u{1b}"]);
    assert_eq!(keys("removed"), ["new"]);
    assert_eq!(keys("changed"), ["backup", "class", "content", "metadata"]);
    assert_eq!(back["changed"][2]["before"]["size"], 2);
    assert_eq!(back["from"]["run_id"], id(&second));
    assert_eq!(
        (&back["objects_unchanged"], &back["omitted"]),
        (&1.into(), &0.into())
    );
}

#[tokio::test]
async fn lines_of_json_tell_all_and_end_with_the_totals() {
    let world = World::new();
    world.put("a", "1");
    world.backup().await;
    for number in 0..250 {
        world.put(&format!("new-{number:03}"), "1");
    }
    world.backup().await;

    let lines = text(&ask(&world, &["diff", "latest~1", "latest", "--jsonl"]).stdout);
    let object = json(&ask(&world, &["diff", "latest~1", "latest", "--json"]));

    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 251);
    assert_eq!(lines[0]["change"], "added");
    assert_eq!(lines[249]["key"], "new-249");
    assert_eq!(lines[250]["totals"]["objects_added"], 250);
    assert_eq!(object["objects_added"], 250);
    assert_eq!(object["added"].as_array().unwrap().len(), 100);
    assert_eq!(object["omitted"], 150);
}

#[tokio::test]
async fn a_run_is_named_by_its_id_or_a_beginning_of_its_own() {
    let world = World::new();
    let [first, second, third] = three_runs(&world).await;

    let by_id = json(&ask(&world, &["diff", &first, &third, "--json"]));
    let ambiguous = ask(&world, &["diff", "2", "latest"]);
    let unknown = ask(&world, &["diff", "latest~3", "1999-01-01"]);
    let malformed = ask(&world, &["diff", "latest~x", "latest"]);

    assert_eq!(by_id["objects_added"], 2);
    assert_eq!(ambiguous.status.code(), Some(1));
    let said = format!("error: run 2 could be {third}, {second}, {first}; give more of its id");
    assert!(text(&ambiguous.stderr).starts_with(&said), "{ambiguous:?}");
    assert_eq!(unknown.status.code(), Some(1));
    let said = format!(
        "error: no snapshot of run latest~3; `s3-backup runs` lists them\n\
         error: no snapshot of run 1999-01-01; the nearest is {first}; `s3-backup runs` lists them\n"
    );
    assert_eq!(text(&unknown.stderr), said);
    assert_eq!(malformed.status.code(), Some(2));
    assert!(
        text(&malformed.stderr).contains("allowed: the id of a run"),
        "{malformed:?}"
    );
}

/// A backup of so many objects, as a run would have recorded it. Every `changed`-th has another content.
fn snapshot(
    world: &World,
    run_id: &str,
    rows: u64,
    changed: Option<u64>,
    before: Option<Link>,
) -> Link {
    let mut builder = Builder::default();
    let mut outputs = Vec::new();
    for number in 0..rows {
        let is_changed = changed.is_some_and(|changed| number % changed == 0);
        outputs.extend(builder.push(row(number, is_changed).as_ref()).unwrap());
    }
    outputs.extend(builder.finish().unwrap());
    stored(world, run_id, outputs, before)
}

/// The same with changes beside an earlier snapshot in which none was changed.
fn snapshot_beside(world: &World, run_id: &str, rows: u64, changed: u64, before: Link) -> Link {
    let read = |key: &str| {
        let view = world.sim.current(BACKUP, &state(key))?;
        Some(view.content.as_bytes()?.to_vec())
    };
    let job = Job::new(&Location::parse(PRIMARY).unwrap(), &Placement::default());
    let index = before
        .follow(&read(&before.key).unwrap(), job.name())
        .unwrap();
    let segments = index.segments.into_iter();
    let known = segments.flat_map(|entry| open_segment(read, entry).unwrap().rows());
    let mut builder = Builder::beside(rows, 1);
    let mut outputs = Vec::new();
    for (number, known) in (0..rows).zip(known) {
        outputs.extend(if number % changed == 0 {
            builder.push(row(number, true).as_ref()).unwrap()
        } else {
            builder.keep(&known.unwrap()).unwrap()
        });
    }
    outputs.extend(builder.finish().unwrap());
    stored(world, run_id, outputs, Some(before))
}

fn row(number: u64, is_changed: bool) -> Row {
    let etag = ETag::new(if is_changed { "changed" } else { "same" });
    Row {
        key: Key::new(format!("key-{number:08}")),
        size: 1,
        source_etag: etag.clone(),
        source_modified: Timestamp::from_millis(0),
        source_version_id: None,
        backup_etag: etag,
        backup_modified: None,
        backup_version_id: None,
        storage_class: StorageClass::new(None),
        checksum: None,
    }
}

/// Stores a snapshot, and names it the last one.
fn stored(world: &World, run_id: &str, outputs: Vec<SegmentOutput>, before: Option<Link>) -> Link {
    let mut segments: Vec<SegmentEntry> = Vec::new();
    for output in outputs {
        segments.extend(output.entries().iter().cloned());
        if let Some((key, bytes)) = output.into_stored() {
            world.sim.put(BACKUP, &state(&key), bytes.to_vec());
        }
    }
    segments.sort_by(|one, other| one.first_key.cmp(&other.first_key));
    let rows = segments.iter().map(|entry| entry.rows).sum();
    let job = Job::new(&Location::parse(PRIMARY).unwrap(), &Placement::default());
    let index = Index {
        format: format_of(&segments),
        job: job.name().to_owned(),
        source: PRIMARY.to_owned(),
        destination: BACKUP.to_owned(),
        run_id: run_id.to_owned(),
        started_at: Timestamp::from_millis(0),
        ended_at: Timestamp::from_millis(0),
        totals: Totals {
            objects: rows,
            bytes: rows,
            ..Totals::default()
        },
        segments,
        orphans: Vec::new(),
        previous: before,
        past: Past::default(),
    };
    let (bytes, link) = index.encode().unwrap();
    world.sim.put(BACKUP, &state(&link.key), bytes);
    let latest = Latest::new(index.job, link.clone());
    world
        .sim
        .put(BACKUP, &state(LATEST), latest.encode().unwrap());
    link
}

#[test]
fn a_file_of_changes_is_fetched_once_for_the_segments_that_follow_each_other() {
    const ROWS: u64 = 60_000;
    let world = World::new();
    let first = snapshot(&world, "run-1", ROWS, None, None);
    snapshot_beside(&world, "run-2", ROWS, 100, first);

    let diff = json(&ask(&world, &["diff", "run-1", "run-2", "--json"]));

    let read = world.sim.ledger().of(Verb::GetObject);
    let of = |part: &str| read.iter().filter(|get| get.key.contains(part)).count();
    assert_eq!(diff["objects_changed"], ROWS / 100);
    assert_eq!(diff["objects_unchanged"], ROWS - ROWS / 100);
    assert_eq!(of("changes/"), 1, "six hundred rows");
    assert!(of("segments/") > 20, "{} segments", of("segments/"));
}

#[test]
fn segments_that_both_runs_have_are_not_read() {
    const ROWS: u64 = 200_000;
    let world = World::new();
    let first = snapshot(&world, "run-1", ROWS, None, None);
    let second = snapshot(&world, "run-2", ROWS, Some(ROWS / 10), Some(first));
    snapshot(&world, "run-3", ROWS, Some(ROWS / 10), Some(second));

    let same = json(&ask(&world, &["diff", "run-2", "run-3", "--json"]));
    let read_of_same = world.sim.ledger().count(Verb::GetObject);
    let ten = json(&ask(&world, &["diff", "run-1", "run-3", "--json"]));
    let read_of_ten = world.sim.ledger().of(Verb::GetObject);

    let (latest, indexes) = (1, 2);
    assert_eq!(
        (&same["objects_changed"], read_of_same),
        (&0.into(), latest + indexes)
    );
    assert_eq!(ten["objects_changed"], 10);
    assert_eq!(ten["objects_unchanged"], ROWS - 10);
    let segments = read_of_ten
        .iter()
        .filter(|get| get.key.contains("segments/"))
        .count();
    assert!(
        (2..=20).contains(&segments),
        "{segments} segments were read"
    );
    assert_eq!(
        read_of_ten.len(),
        1 + 3 + segments,
        "latest.json, three indexes"
    );
}

#[tokio::test]
async fn a_damaged_segment_breaks_the_comparison_off_and_is_named() {
    let world = World::new();
    three_runs(&world).await;
    for key in world.sim.keys(BACKUP) {
        if key.contains("segments/") {
            let view = world.sim.current(BACKUP, &key).unwrap();
            let mut bytes = view.content.as_bytes().unwrap().to_vec();
            bytes[40] ^= 1;
            world.sim.put(BACKUP, &key, bytes);
        }
    }

    let text_form = ask(&world, &["diff", "latest~1", "latest"]);
    let json_form = ask(&world, &["diff", "latest~1", "latest", "--json"]);

    for output in [&text_form, &json_form] {
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let said = "error: the comparison broke off, and there may be more changes: \
                    cannot use the snapshot: snapshots/segments/";
        assert!(stderr.starts_with(said), "{stderr}");
        assert!(stderr.contains(".parquet is damaged: "), "{stderr}");
    }
    assert_eq!(
        text(&text_form.stdout).lines().count(),
        1,
        "only the heading"
    );
    assert_eq!(text(&json_form.stdout), "");
}
