//! One watch for all jobs of a backup bucket: it knows them by the register, by the names that they have in metrics.

use lambda_runtime::{Context, LambdaEvent};
use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};

use crate::world::{BACKUP, World};

const REGISTER: &str = ".s3-backup/jobs.json";
const SOURCES: [&str; 3] = ["photos", "letters", "sounds"];

/// Three sources of one backup bucket, each with an object.
fn world() -> World {
    let world = SOURCES.iter().fold(World::new(), |world, source| {
        let world = world.with_bucket(source);
        world.sim.put(source, "k", *source);
        world
    });
    world.with("BACKUP_DESTINATION_PREFIX", "{source_bucket}/")
}

/// The world as the stack of a source has it.
fn stack_of(world: World, source: &str) -> World {
    let name = format!("of-{source}");
    world
        .with("SOURCE_BUCKET", source)
        .with("BACKUP_JOB_NAME", &name)
}

/// Each source is backed up by its stack; the world is left as the first one has it, whose watch looks at all.
async fn backed_up() -> World {
    let mut world = world();
    for source in SOURCES {
        world = stack_of(world, source);
        let result = world.backup().await;
        assert_eq!(result["status"], "complete", "{result}");
    }
    stack_of(world, SOURCES[0]).with("BACKUP_WATCH_JOBS", "all")
}

async fn watched(world: &World) -> Result<Vec<Value>, String> {
    let event = LambdaEvent::new(json!({}), Context::default());
    let watched = Box::pin(world.handler().handle_watch(event)).await;
    let watched = watched.map_err(|error| error.to_string())?;
    let jobs = serde_json::to_value(&watched).unwrap()["jobs"].clone();
    Ok(jobs.as_array().unwrap().clone())
}

fn names(jobs: &[Value]) -> Vec<&str> {
    let names = jobs.iter().map(|job| job["job"].as_str().unwrap());
    names.collect()
}

fn register(world: &World) -> Value {
    let view = world.sim.current(BACKUP, REGISTER).unwrap();
    serde_json::from_slice(view.content.as_bytes().unwrap()).unwrap()
}

/// The key prefix of the state of a source's job.
fn state_of(world: &World, source: &str) -> String {
    let entries = register(world)["jobs"].as_array().unwrap().clone();
    let entry = entries.iter().find(|entry| entry["source"] == source);
    let job = entry.unwrap()["job"].as_str().unwrap();
    format!(".s3-backup/{job}/")
}

#[tokio::test]
async fn one_watch_knows_how_old_the_last_complete_run_of_each_job_is() {
    let mut world = world();
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let copy = Fault::on(Verb::CopyObject).key("letters/k").always();
    world.sim.fault(copy, denied);
    let mut runs = Vec::new();
    for source in SOURCES {
        world = stack_of(world, source);
        runs.push(world.backup().await["run_id"].clone());
    }
    let world = stack_of(world, SOURCES[0]).with("BACKUP_WATCH_JOBS", "all");

    let jobs = watched(&world).await.unwrap();

    assert_eq!(names(&jobs), ["of-photos", "of-letters", "of-sounds"]);
    for (number, job) in jobs.iter().enumerate() {
        let hours = job["hours_since_complete"].as_f64().unwrap();
        assert_eq!(job["destination"], BACKUP);
        if number == 1 {
            assert_eq!((hours, &job["run_id"]), (8_760.0, &Value::Null), "{job}");
        } else {
            assert_eq!(job["run_id"], runs[number], "{job}");
            assert!(hours < 1.0, "{job}");
        }
    }
}

#[tokio::test]
async fn a_watch_looks_at_its_own_job_alone_unless_it_is_told_otherwise() {
    let world = backed_up().await.with("BACKUP_WATCH_JOBS", "own");
    world.sim.ledger().clear();

    let jobs = watched(&world).await.unwrap();

    assert_eq!(names(&jobs), ["of-photos"]);
    let read = world.sim.ledger().of(Verb::GetObject);
    assert!(read.iter().all(|call| call.key != REGISTER), "{read:?}");
}

#[tokio::test]
async fn a_watch_of_all_jobs_reads_the_register_and_four_objects_of_each_and_writes_nothing() {
    let world = backed_up().await;
    world.sim.ledger().clear();

    watched(&world).await.unwrap();

    let calls = world.sim.ledger().entries();
    let of = |verb| calls.iter().filter(|call| call.verb == verb).count();
    assert_eq!(of(Verb::HeadBucket), 1);
    assert_eq!(of(Verb::GetObject), 1 + 3 * SOURCES.len());
    // What names open restores.
    assert_eq!(of(Verb::ListObjectsV2), SOURCES.len());
    assert_eq!(calls.len(), 2 + 4 * SOURCES.len());
}

#[tokio::test]
async fn a_job_of_an_earlier_version_and_a_run_by_hand_have_no_name_until_a_run_of_the_stack() {
    let world = backed_up().await;
    let mut earlier = register(&world);
    earlier["jobs"][1]["job_name"].take();
    world.sim.put(BACKUP, REGISTER, earlier.to_string());
    let others = ["of-photos", "of-sounds"];
    assert_eq!(names(&watched(&world).await.unwrap()), others);
    let written = || {
        let writes = world.sim.ledger().of(Verb::PutObject).into_iter();
        writes.filter(|call| call.key == REGISTER).count()
    };

    let vars = |name: &'static str| {
        let vars = [
            ("SOURCE_BUCKET", "letters"),
            ("DESTINATION_BUCKET", BACKUP),
            ("BACKUP_DESTINATION_PREFIX", "{source_bucket}/"),
            ("BACKUP_JOB_NAME", name),
        ];
        vars.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let run = async |name: &'static str| {
        world.sim.clock().advance(std::time::Duration::from_secs(2));
        let handler = s3_backup::lambda::Handler::new(world.connections(), vars(name).into());
        crate::world::answer(&handler, json!({})).await.unwrap()
    };
    world.sim.ledger().clear();
    run("").await;
    assert_eq!(written(), 0);
    assert_eq!(names(&watched(&world).await.unwrap()), others);
    run("of-letters").await;
    run("of-letters").await;
    run("").await;

    assert_eq!(written(), 1);
    let jobs = watched(&world).await.unwrap();
    assert_eq!(names(&jobs), ["of-photos", "of-letters", "of-sounds"]);
}

#[tokio::test]
async fn a_stack_whose_prefix_was_changed_is_told_of_once() {
    let world = backed_up().await;
    let world = stack_of(world, "letters").with("BACKUP_DESTINATION_PREFIX", "moved/");
    let moved = world.backup().await;
    let world = stack_of(world, "photos").with("BACKUP_DESTINATION_PREFIX", "{source_bucket}/");

    let jobs = watched(&world).await.unwrap();

    assert_eq!(names(&jobs), ["of-photos", "of-sounds", "of-letters"]);
    assert_eq!(jobs[2]["run_id"], moved["run_id"]);
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_named_with_its_job() {
    let world = backed_up().await;
    let denied = || Effect::status(403, "AccessDenied", "Access Denied");
    let latest = format!("{}snapshots/latest.json", state_of(&world, "letters"));
    world
        .sim
        .fault(Fault::on(Verb::GetObject).key(&latest).always(), denied());

    let error = watched(&world).await.unwrap_err();

    let beginning = "cannot look at the backup in bucket backup, job \"of-letters\": ";
    assert!(error.starts_with(beginning), "{error}");
    assert!(
        error.contains(&latest) && error.contains("AccessDenied"),
        "{error}"
    );
    world.sim.clear_faults();
    let mut changed = register(&world);
    changed["jobs"][2]["source_prefix"] = json!("other/");
    world.sim.put(BACKUP, REGISTER, changed.to_string());
    let error = watched(&world).await.unwrap_err();
    assert!(
        error.contains("job \"of-sounds\" in .s3-backup/jobs.json"),
        "{error}"
    );
    world.sim.put(BACKUP, REGISTER, "{");
    let error = watched(&world).await.unwrap_err();
    assert!(
        error.contains("is damaged") && error.contains(REGISTER),
        "{error}"
    );
}
