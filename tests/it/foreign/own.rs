//! What the job's own backups are, and what is foreign.

use s3_sim::{Effect, Fault, Put, Verb};
use serde_json::json;

use super::{delete, index, marked, markers, put_foreign, rows, told, world_of};
use crate::world::{BACKUP, PRIMARY, World, count, counts};

#[tokio::test]
async fn the_backups_of_somebody_else_are_never_marked_and_are_counted_and_named() {
    let world = world_of(&["a", "b", "gone"]);
    let foreign = put_foreign(&world, 60);
    world.backup().await;
    delete(&world, &["gone"]);

    let result = world.backup().await;
    let again = world.backup().await;

    assert_eq!((marked(&result), told(&result)), (1, [1, 60]));
    assert_eq!(told(&again), [0, 60]);
    assert_eq!(result["deletions"]["keys"], json!(["gone"]));
    assert_eq!(result["deletions"]["percent"], 33.3);
    assert_eq!(result["status"], "complete");
    let named = foreign[..10].join(", ");
    let warning = format!(
        "60 foreign objects in bucket backup left alone (in no snapshot of this job): {named}, ..."
    );
    let expected =
        json!([{"code": "foreign", "bucket": BACKUP, "objects": 60, "message": warning}]);
    assert_eq!(result["warnings"], expected);
    let message = result["message"].as_str().unwrap();
    assert!(message.ends_with(&warning), "{message}");
    let left = world.keys(BACKUP);
    assert!(foreign.iter().all(|key| left.contains(key)), "{left:?}");
    assert_eq!(markers(&world), 1);
}

#[tokio::test]
async fn without_a_snapshot_nothing_is_marked_and_the_run_says_so() {
    let world = world_of(&["a"]);
    put_foreign(&world, 1);

    let first = world.backup().await;

    assert_eq!((marked(&first), told(&first)), (0, [0, 1]));
    assert_eq!(first["status"], "complete");
    let message = first["message"].as_str().unwrap();
    assert!(
        message.ends_with(
            "1 foreign object in bucket backup left alone (there is no snapshot of this job to go by): foreign 00"
        ),
        "{message}"
    );
}

#[tokio::test]
async fn a_backup_that_somebody_has_written_over_is_foreign() {
    let world = world_of(&["a", "over", "same"]);
    world.backup().await;
    delete(&world, &["over", "same"]);
    world.sim.put(BACKUP, "over", "of somebody else");
    let same = Put::new("same").meta("by", "somebody else");
    world.sim.put_object(BACKUP, "same", same);

    let result = world.backup().await;

    // What has the bytes of the object is its backup, whoever has written it.
    assert_eq!((marked(&result), told(&result)), (1, [1, 1]));
    assert_eq!(world.keys(BACKUP), ["a", "over"]);
}

#[tokio::test]
async fn a_backup_that_is_written_over_between_the_listing_and_its_marker_is_left_alone() {
    let world = world_of(&["a", "gone"]);
    world.backup().await;
    delete(&world, &["gone"]);
    let over = Effect::before(|sim| {
        sim.put(BACKUP, "gone", "of somebody else");
    });
    let look = Fault::on(Verb::HeadObject).bucket(BACKUP).key("gone");
    world.sim.fault(look, over);

    let result = world.backup().await;

    assert_eq!((marked(&result), markers(&world)), (0, 0));
    assert_eq!(result["status"], "complete");
}

#[tokio::test]
async fn what_the_filter_leaves_out_for_a_while_stays_the_jobs_own() {
    let world = world_of(&["a", "data/gone", "data/lives"]);
    world.backup().await;
    let world = world.with("BACKUP_EXCLUDE", "data/*");
    world.backup().await;
    delete(&world, &["data/gone"]);
    let left_out = world.backup().await;
    let world = world.with("BACKUP_EXCLUDE", "");

    let result = world.backup().await;

    assert_eq!((marked(&left_out), told(&left_out)), (0, [0, 0]));
    assert_eq!((marked(&result), told(&result)), (1, [1, 0]));
    assert_eq!(counts(&result), [2, 0, 2, 0, 0, 0]);
}

#[tokio::test]
async fn an_object_that_vanishes_before_its_copy_leaves_its_backup_to_the_job() {
    let world = world_of(&["a", "k"]);
    world.backup().await;
    world.put("k", "changed");
    let vanishes = Effect::before(|sim| sim.delete(PRIMARY, "k"));
    world.sim.fault(Fault::on(Verb::CopyObject), vanishes);

    let first = world.backup().await;
    world.sim.clear_faults();
    let second = world.backup().await;

    assert_eq!(count(&first, "objects_vanished"), 1, "{first}");
    assert_eq!((marked(&second), told(&second)), (1, [1, 0]));
}

#[tokio::test]
async fn an_object_that_comes_back_is_known_again_and_a_changed_one_is_copied() {
    let world = world_of(&["a", "changed", "same"]).with("BACKUP_DELETIONS", "keep");
    world
        .sim
        .set_versioning(PRIMARY, s3_sim::Versioning::Enabled);
    world.backup().await;
    delete(&world, &["changed", "same"]);
    world.backup().await;
    let marker = world.sim.versions(PRIMARY, "same")[0].version_id.clone();
    world.sim.delete_version(PRIMARY, "same", &marker);
    world.put("changed", "changed");

    let result = world.backup().await;

    assert_eq!(counts(&result), [3, 1, 2, 0, 0, 0]);
    assert_eq!(rows(&index(&world).orphans), 0);
}

#[tokio::test]
async fn a_run_of_a_prefix_marks_what_is_the_jobs_own_below_it() {
    let world = world_of(&["a/gone", "a/stays", "b/gone", "b/stays"]);
    world.sim.put(BACKUP, "a/foreign", "1");
    world.backup().await;
    delete(&world, &["a/gone", "b/gone"]);
    world.put("a/new", "1");

    let part = world.run(json!({"prefix": "a/"})).await;
    delete(&world, &["a/new"]);
    let whole = world.backup().await;

    assert_eq!((marked(&part), told(&part)), (1, [1, 1]));
    // What only a run of a prefix has seen is in no snapshot.
    assert_eq!((marked(&whole), told(&whole)), (1, [1, 2]));
    assert_eq!(
        world.keys(BACKUP),
        ["a/foreign", "a/new", "a/stays", "b/stays"]
    );
}

#[tokio::test]
async fn plans_and_dry_runs_tell_what_is_foreign_and_do_not_count_it_as_due() {
    let world = world_of(&["a", "gone"]);
    put_foreign(&world, 2);
    world.backup().await;
    delete(&world, &["gone"]);

    for request in [json!({"operation": "plan"}), json!({"dry_run": true})] {
        let result = world.run(request).await;

        assert_eq!(told(&result), [1, 2], "{result}");
        assert_eq!(result["deletions"]["keys"], json!(["gone"]));
        let message = result["message"].as_str().unwrap();
        assert!(
            message.contains("; 2 foreign objects in bucket backup"),
            "{message}"
        );
        assert!(message.contains("; 1 to mark as deleted"), "{message}");
    }
    assert_eq!(markers(&world), 0);
}

#[tokio::test]
async fn a_verification_tells_foreign_backups_from_those_of_objects_that_are_gone() {
    let world = world_of(&["a", "gone"]);
    put_foreign(&world, 2);
    world.backup().await;
    delete(&world, &["gone"]);

    for night in 0..2 {
        let result = world.run(json!({"operation": "verify"})).await;

        let verified = &result["verified"];
        let found = ["extra", "foreign"].map(|name| count(verified, name));
        assert_eq!(found, [3, 2], "night {night}: {result}");
        assert_eq!(
            result["message"],
            "Verified 1 object: 1 equal, 1 extra in the backup, 2 foreign in the backup"
        );
        let reasons = verified["objects"].as_array().unwrap().iter();
        let reasons: Vec<bool> = reasons.map(|row| row["why"].is_string()).collect();
        assert_eq!(reasons, [true, true, false]);
        // The next one finds it among the orphans.
        world.run(json!({"deletions": "keep"})).await;
    }
}

#[tokio::test]
async fn many_are_found_by_a_second_listing_that_leaves_the_foreign_ones() {
    let world = World::new()
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_MAX_DELETIONS", "2000")
        .with("BACKUP_MAX_DELETIONS_PERCENT", "100");
    for n in 0..1500 {
        world.put(&format!("key {n:04}"), "1");
    }
    world.backup().await;
    for n in 0..1200 {
        world.sim.delete(PRIMARY, &format!("key {n:04}"));
        // More are gone than are kept in mind; every third of them is somebody else's.
        if n % 3 == 0 {
            world.sim.put(BACKUP, &format!("key {n:04} foreign"), "1");
        }
    }

    let result = world.backup().await;

    assert_eq!((marked(&result), told(&result)), (1200, [1200, 400]));
    assert_eq!(world.keys(BACKUP).len(), 300 + 400);
}
