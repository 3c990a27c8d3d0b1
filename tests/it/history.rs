//! The history on the command line: which runs there were, and what changed from one to another.

use std::process::Output;

use s3_backup::model::{ETag, Job, Key, Location, Placement, StorageClass, Timestamp};
use s3_backup::snapshot::{
    Builder, Index, LATEST, Latest, Link, Past, Row, SNAPSHOT_FORMAT, SegmentEntry, SegmentOutput,
    Totals,
};
use s3_sim::{Effect, Fault, Put, Verb};
use serde_json::Value;

use crate::cli::{run, text};
use crate::world::{BACKUP, PRIMARY, World};

const JOB: [&str; 4] = ["--source", PRIMARY, "--destination", BACKUP];

/// Runs a command about the job, and asserts that it sent nothing but what reads.
fn ask(world: &World, arguments: &[&str]) -> Output {
    world.sim.ledger().clear();
    let output = run(world, &[arguments, &JOB].concat());
    let counts = world.sim.ledger().counts();
    let reads = [Verb::HeadBucket, Verb::GetObject, Verb::ListObjectsV2];
    assert!(
        counts.keys().all(|(verb, _)| reads.contains(verb)),
        "{counts:?}"
    );
    output
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn state(part: &str) -> String {
    let source = Location::parse(PRIMARY).unwrap();
    let key = Job::new(&source, &Placement::default()).key(part);
    key.as_str().to_owned()
}

/// Three runs, of one, two and three objects: their ids, the first one first.
async fn three_runs(world: &World) -> [String; 3] {
    let mut ids = Vec::new();
    for key in ["a", "b", "c"] {
        world.put(key, "12345");
        let result = world.backup().await;
        ids.push(result["run_id"].as_str().unwrap().to_owned());
    }
    ids.try_into().unwrap()
}

fn index_key(run: &str) -> String {
    state(&format!("snapshots/{run}.json"))
}

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

/// Does something to an object of the history.
type Spoil = fn(&World, &str);

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

#[tokio::test]
async fn wrong_settings_are_wrong_usage_and_a_bucket_out_of_reach_could_not_run() {
    let world = World::new();
    let cases: [(&[&str], i32, &str); 4] = [
        (&["runs"], 2, "SOURCE_BUCKET (--source) is not set"),
        (
            &["diff", "latest"],
            2,
            "required arguments were not provided",
        ),
        (&["runs", "--limit", "0"], 2, "invalid value '0'"),
        (
            &["runs", "--source", PRIMARY, "--destination", "nowhere"],
            1,
            "error: cannot use the destination: cannot reach bucket nowhere",
        ),
    ];

    for (arguments, code, said) in cases {
        let output = run(&world, arguments);

        let stderr = text(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {output:?}"
        );
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
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
    let mut segments = Vec::new();
    let keep = |finished: Option<SegmentOutput>, segments: &mut Vec<SegmentEntry>| {
        if let Some(SegmentOutput::Written(entry, bytes)) = finished {
            world.sim.put(BACKUP, &state(&entry.key()), bytes.to_vec());
            segments.push(entry);
        }
    };
    for number in 0..rows {
        let is_changed = changed.is_some_and(|changed| number % changed == 0);
        let etag = ETag::new(if is_changed { "changed" } else { "same" });
        let row = Row {
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
        };
        keep(builder.push(row.as_ref()).unwrap(), &mut segments);
    }
    keep(builder.finish().unwrap(), &mut segments);
    let job = Job::new(&Location::parse(PRIMARY).unwrap(), &Placement::default());
    let index = Index {
        format: SNAPSHOT_FORMAT,
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
