//! The history on the command line: which runs there were, and what changed from one to another.

mod differences;
mod runs;

use std::process::Output;

use s3_backup::model::{Job, Location, Placement};
use s3_sim::Verb;
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

/// Does something to an object of the history.
type Spoil = fn(&World, &str);

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
