//! Several jobs in one backup bucket: those that would write over each other's backups are found before
//! the first copy, and the later one is refused.

use s3_backup::app::AppError;
use s3_sim::{BucketOptions, Effect, Fault, Verb};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, World, count, counts};

const REGISTER: &str = ".s3-backup/jobs.json";
const OTHER: &str = "other";

/// Two sources, each with an object of the same key.
fn world() -> World {
    let world = World::new();
    world.sim.create_bucket(OTHER);
    world.put("k", "of primary");
    world.sim.put(OTHER, "k", "of other");
    world
}

fn of_other(world: World) -> World {
    world.with("SOURCE_BUCKET", OTHER)
}

fn register(world: &World) -> Value {
    let view = world.sim.current(BACKUP, REGISTER).unwrap();
    serde_json::from_slice(view.content.as_bytes().unwrap()).unwrap()
}

fn assert_refused(error: &AppError) -> String {
    assert_eq!(error.error_type(), "DestinationError");
    let text = error.to_string();
    for part in [
        "\"primary-",
        "\"other-",
        "BACKUP_DESTINATION_PREFIX",
        REGISTER,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    text
}

#[tokio::test]
async fn two_sources_that_write_to_the_same_keys_are_not_both_backed_up() {
    let world = world();
    let first = world.backup().await;

    let world = of_other(world);
    let refused = world.invoke(json!({})).await.unwrap_err();
    let world = world.with("SOURCE_BUCKET", PRIMARY);
    let again = world.backup().await;

    assert_eq!(first["status"], "complete");
    assert_refused(&refused);
    assert_eq!(counts(&again), [1, 0, 1, 0, 0, 0]);
    assert!(world.is_backed_up("k"));
    assert_eq!(
        world.backup_versions().len(),
        1,
        "nothing was copied over it"
    );
}

#[tokio::test]
async fn nested_and_colliding_places_are_refused_and_neighbours_are_not() {
    let cases = [
        (("", "primary"), ("other/", OTHER), false),
        (("x/", "primary"), ("x/y/", OTHER), false),
        (("x/y/", "primary"), ("x/", OTHER), false),
        (("p", "primary"), ("pq", OTHER), false),
        // One key of both sources could be x/k.
        (("", "s3://primary/x/"), ("x", "s3://other//"), false),
        (("x/", "primary"), ("y/", OTHER), true),
        (("", "s3://primary/a/"), ("", "s3://other/b/"), true),
        (
            ("{source_bucket}/", "primary"),
            ("{source_bucket}/", OTHER),
            true,
        ),
    ];
    for ((prefix, source), (other_prefix, other_source), is_fine) in cases {
        let world = world()
            .with("SOURCE_BUCKET", source)
            .with("BACKUP_DESTINATION_PREFIX", prefix);
        world.backup().await;

        let world = world
            .with("SOURCE_BUCKET", other_source)
            .with("BACKUP_DESTINATION_PREFIX", other_prefix);
        let answer = world.invoke(json!({})).await;

        let case = format!("{source} {prefix:?}, {other_source} {other_prefix:?}");
        assert_eq!(answer.is_ok(), is_fine, "{case}: {answer:?}");
        if let Err(refused) = answer {
            assert_refused(&refused);
        }
    }
}

#[tokio::test]
async fn names_of_buckets_that_run_into_their_prefixes_collide() {
    let world = World::new()
        .with("BACKUP_DESTINATION_PREFIX", "{source_bucket}")
        .with_bucket("aaa")
        .with_bucket("aaab");
    world.sim.put("aaa", "b/x", "1");
    world.sim.put("aaab", "/x", "2");
    let world = world.with("SOURCE_BUCKET", "aaa");
    world.backup().await;

    let refused = world
        .with("SOURCE_BUCKET", "aaab")
        .invoke(json!({}))
        .await
        .unwrap_err();

    assert_eq!(refused.error_type(), "DestinationError");
    let text = refused.to_string();
    assert!(
        text.contains("\"aaa-") && text.contains("\"aaab-"),
        "{text}"
    );
}

#[tokio::test]
async fn parts_of_one_source_may_share_a_place_and_a_prefix_belongs_to_its_job() {
    let world = World::new();
    world.put("a/k", "1");
    world.put("b/k", "1");
    world.backup().await;
    world.run(json!({"prefix": "a/"})).await;

    let world = world.with("SOURCE_BUCKET", "s3://primary/a/");
    let part = world.backup().await;

    assert_eq!(counts(&part), [1, 0, 1, 0, 0, 0]);
    assert_eq!(register(&world)["jobs"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_retired_job_is_removed_by_hand() {
    let world = world();
    world.backup().await;
    let world = of_other(world);
    world.invoke(json!({})).await.unwrap_err();
    let mut left = register(&world);
    left["jobs"] = json!([]);
    world.sim.put(BACKUP, REGISTER, left.to_string());

    let result = world.backup().await;

    assert_eq!(result["status"], "complete");
    assert_eq!(register(&world)["jobs"][0]["source"], OTHER);
}

#[tokio::test]
async fn a_refused_job_writes_nothing_and_a_plan_is_refused_too() {
    let world = world();
    world.backup().await;
    let world = of_other(world);
    world.sim.ledger().clear();

    for request in [
        json!({}),
        json!({"dry_run": true}),
        json!({"operation": "plan"}),
    ] {
        let refused = world.invoke(request).await.unwrap_err();
        assert_refused(&refused);
    }

    for verb in [Verb::PutObject, Verb::CopyObject, Verb::DeleteObject] {
        assert_eq!(world.sim.ledger().count(verb), 0, "{verb:?}");
    }
}

#[tokio::test]
async fn the_other_destinations_of_a_refused_job_are_backed_up() {
    let world = world();
    world.backup().await;
    let options = BucketOptions::versioned();
    world.sim.create_bucket_with("second", options);
    let world = of_other(world).with("DESTINATION_BUCKET", "backup,second");

    let result = world.backup().await;

    assert_eq!(result["status"], "incomplete");
    assert_eq!(result["failures"][0]["code"], "OverlappingJob");
    assert_eq!(count(&result["destinations"][1], "objects_copied"), 1);
}

#[tokio::test]
async fn of_two_new_jobs_that_register_at_once_one_is_the_first() {
    let world = world();
    // Another one registers between the read and the write of this one.
    let entry = json!({"format": 1, "jobs": [{"job": "other-0", "source": OTHER, "source_prefix": "",
        "destination_prefix": "", "since": "2026-11-21T02:00:00Z"}]});
    let body = entry.to_string();
    let first = Effect::before(move |sim| {
        sim.put(BACKUP, REGISTER, body.clone());
    });
    world
        .sim
        .fault(Fault::on(Verb::PutObject).key(REGISTER).nth(1), first);

    let refused = world.invoke(json!({})).await.unwrap_err();

    assert_refused(&refused);
    assert_eq!(world.keys(BACKUP), [""; 0]);
}

#[tokio::test]
async fn a_night_reads_the_register_once_and_writes_it_in_the_first_run_only() {
    let world = world();
    world.backup().await;
    world.sim.ledger().clear();

    world.backup().await;

    let about = |verb| {
        let calls = world.sim.ledger().of(verb).into_iter();
        calls.filter(|call| call.key == REGISTER).count()
    };
    assert_eq!((about(Verb::GetObject), about(Verb::PutObject)), (1, 0));
}

#[tokio::test]
async fn a_register_that_cannot_be_used_is_named_and_left_and_nothing_is_marked() {
    let spoil: [(&str, &str); 3] = [
        ("{", "is damaged"),
        (
            "{\"format\":2,\"jobs\":{}}",
            "has format 2; this version reads 1",
        ),
        ("refused", "cannot be read"),
    ];
    for (body, problem) in spoil {
        let world = world().with("BACKUP_DELETIONS", "mark");
        world.put("gone", "1");
        world.backup().await;
        world.sim.delete(PRIMARY, "gone");
        world.put("new", "1");
        world.sim.put(BACKUP, REGISTER, body);
        if body == "refused" {
            let denied = Effect::status(403, "AccessDenied", "Access Denied");
            let read = Fault::on(Verb::GetObject).key(REGISTER);
            world.sim.fault(read, denied);
        }

        let result = world.backup().await;

        assert_eq!(count(&result, "objects_copied"), 1, "{result}");
        assert_eq!(count(&result, "objects_marked_deleted"), 0);
        let warning = &result["warnings"][0];
        assert_eq!(warning["code"], "register", "{result}");
        for text in [&warning["message"], &result["deletions"]["postponed"]] {
            let text = text.as_str().unwrap();
            assert!(text.contains(REGISTER) && text.contains(problem), "{text}");
        }
        let left = world.sim.current(BACKUP, REGISTER).unwrap();
        assert_eq!(left.content.as_bytes().unwrap(), body.as_bytes());
    }
}

#[tokio::test]
async fn a_register_that_could_not_be_read_forbids_markers_to_the_end_of_the_run() {
    let world = world()
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_MAX_CONCURRENCY", "4");
    for n in 0..60 {
        world.put(&format!("{n:02}"), "1");
    }
    world.backup().await;
    world.sim.delete(PRIMARY, "00");
    for n in 1..60 {
        world.put(&format!("{n:02}"), "changed");
    }
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let reading = Fault::on(Verb::GetObject).key(REGISTER);
    world.sim.fault(reading, denied);
    let stopped = world.stopped_at(Verb::CopyObject, 10, &json!({})).await;
    world.sim.clear_faults();
    assert!(stopped["cursor"].is_object(), "{stopped}");

    let ended = world
        .run(json!({"operation": "continue", "cursor": stopped["cursor"]}))
        .await;

    assert_eq!(ended["cursor"], json!(null), "{ended}");
    for result in [&stopped, &ended] {
        assert_eq!(count(result, "objects_marked_deleted"), 0, "{result}");
    }
    assert!(world.keys(BACKUP).contains(&"00".to_owned()));
    let next = world.backup().await;
    assert_eq!(count(&next, "objects_marked_deleted"), 1, "{next}");
}
