//! The brake: a run that would mark too much is held until somebody confirms it.

use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};

use super::{backed_up, confirming, delete, denied, held_json, key, marked, markers, marking};
use crate::world::{BACKUP, PRIMARY, World, assert_adds_up, count, counts};

#[tokio::test]
async fn the_brake_holds_beyond_either_limit_and_never_a_few() {
    // Objects, those that are gone, and the limits: 100 and 10 % unless they are set.
    let cases = [
        (1010, 101, None, false),
        (1000, 100, None, true),
        (999, 100, None, false),
        (20, 10, None, true),
        (20, 11, None, false),
        (40, 12, Some(("11", "30")), false),
        (40, 12, Some(("12", "29")), false),
        (40, 12, Some(("12", "30")), true),
        (11, 10, Some(("0", "0")), true),
    ];
    for (objects, gone, limits, free) in cases {
        let mut world = World::new().with("BACKUP_DELETIONS", "mark");
        if let Some((count, percent)) = limits {
            world = world
                .with("BACKUP_MAX_DELETIONS", count)
                .with("BACKUP_MAX_DELETIONS_PERCENT", percent);
        }
        let world = backed_up(world, objects).await;
        delete(&world, gone);

        let result = world.backup().await;

        let expected = if free { gone as u64 } else { 0 };
        assert_eq!(marked(&result), expected, "{gone} of {objects}: {result}");
        let status = if free { "complete" } else { "held" };
        assert_eq!(result["status"], status, "{gone} of {objects}");
        assert_adds_up(&result);
    }
}

#[tokio::test]
async fn a_held_run_says_why_and_how_to_go_on_and_its_copies_stay() {
    let world = marking(200).await;
    delete(&world, 150);
    world.put("new", "1");

    let result = world.backup().await;

    assert_eq!(counts(&result), [51, 1, 50, 0, 0, 0]);
    assert_eq!(
        (&result["status"], &result["statusCode"]),
        (&json!("held"), &json!(500))
    );
    let deletions = &result["deletions"];
    assert_eq!(deletions["due"], 150);
    assert_eq!(deletions["percent"], 75.0);
    let keys: Vec<String> = (0..100).map(key).collect();
    assert_eq!(deletions["keys"], json!(keys));
    let why = "150 of the 200 objects in bucket backup (75 %) are gone from the source, more than \
               BACKUP_MAX_DELETIONS = 100 or BACKUP_MAX_DELETIONS_PERCENT = 10";
    assert_eq!(deletions["held"], why);
    assert_eq!(deletions["confirm"], result["run_id"]);
    let run_id = result["run_id"].as_str().unwrap();
    let message = format!(
        "Backup held: 51 objects, 1 copied, 50 unchanged; 150 deletions are held: {why}; if they are \
         right, run it again with \"deletions\":\"mark\",\"confirm\":\"{run_id}\" \
         (--deletions mark --confirm {run_id})"
    );
    assert_eq!(result["message"], message);
    assert_eq!((marked(&result), markers(&world)), (0, 0));
    world.assert_backed_up();
}

#[tokio::test]
async fn an_empty_source_never_deletes_and_cannot_be_confirmed() {
    let world = marking(3).await.with("BACKUP_MAX_DELETIONS", "1000");
    delete(&world, 3);

    let result = world.backup().await;
    let confirmed = world.run(confirming(&result)).await;

    for result in [&result, &confirmed] {
        assert_eq!(result["status"], "held");
        let why = result["deletions"]["held"].as_str().unwrap();
        assert!(
            why.starts_with("the source lists no object, while bucket backup has 3;"),
            "{why}"
        );
        assert_eq!(result["deletions"]["confirm"], json!(null));
    }
    assert_eq!(markers(&world), 0);
    assert!(world.sim.current(BACKUP, &held_json()).is_none());
}

#[tokio::test]
async fn a_backup_and_a_source_that_are_both_empty_are_no_reason_to_hold() {
    let world = World::new().with("BACKUP_DELETIONS", "mark");

    let result = world.backup().await;

    assert_eq!(result["status"], "complete");
}

#[tokio::test]
async fn more_than_are_kept_in_mind_are_found_by_a_second_listing() {
    let world = marking(1500)
        .await
        .with("BACKUP_MAX_DELETIONS", "2000")
        .with("BACKUP_MAX_DELETIONS_PERCENT", "100");
    delete(&world, 1200);

    let result = world.backup().await;

    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!((marked(&result), markers(&world)), (1200, 1200));
    assert_eq!(world.keys(BACKUP), world.keys(PRIMARY));
    assert_eq!(count(&result["requests"], "head"), 2 * 1200);
    assert_eq!(count(&result["requests"], "list"), 6);
}

#[tokio::test]
async fn not_more_is_marked_than_was_counted() {
    let world = marking(1500)
        .await
        .with("BACKUP_MAX_DELETIONS", "2000")
        .with("BACKUP_MAX_DELETIONS_PERCENT", "100");
    delete(&world, 1200);
    // While the markers are placed, somebody goes on to delete.
    let meanwhile = Effect::before(|sim| {
        for n in 1200..1400 {
            sim.delete(PRIMARY, &key(n));
        }
    });
    world
        .sim
        .fault(Fault::on(Verb::GetBucketVersioning).nth(2), meanwhile);

    let result = world.backup().await;

    assert_eq!((marked(&result), markers(&world)), (1200, 1200));
    assert_eq!(result["deletions"]["due"], 1200);
}

#[tokio::test]
async fn a_second_listing_that_breaks_off_is_an_error_and_marks_nothing_wrong() {
    let world = marking(1500)
        .await
        .with("BACKUP_MAX_DELETIONS", "2000")
        .with("BACKUP_MAX_DELETIONS_PERCENT", "100");
    delete(&world, 1200);
    // The first listing of the source takes one page, the second begins with the next.
    let second = Fault::on(Verb::ListObjectsV2).bucket(PRIMARY).nth(2);
    world.sim.fault(second, denied());

    let result = world.backup().await;

    assert_eq!(result["status"], "incomplete");
    assert_eq!((marked(&result), count(&result, "errors")), (0, 1));
    assert_adds_up(&result);
}

/// Backs these up into the second bucket alone, and deletes them from the source.
async fn leave_in_second_only(world: World, keys: &[String]) -> World {
    let world = world.with("DESTINATION_BUCKET", "second");
    for key in keys {
        world.put(key, "1");
    }
    world.run(json!({"deletions": "keep"})).await;
    for key in keys {
        world.sim.delete(PRIMARY, key);
    }
    world.with("DESTINATION_BUCKET", "backup,second")
}

#[tokio::test]
async fn each_destination_is_marked_for_itself_and_one_that_is_held_holds_all() {
    let world = World::new()
        .with_bucket("second")
        .with("DESTINATION_BUCKET", "backup,second")
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_MAX_DELETIONS", "20");
    for n in 0..100 {
        world.put(&key(n), "1");
    }
    world.backup().await;
    let world = leave_in_second_only(world, &["stray".to_owned()]).await;
    delete(&world, 1);

    let first = world.backup().await;
    let strays: Vec<String> = (0..20).map(|n| format!("stray {n}")).collect();
    let world = leave_in_second_only(world, &strays).await;
    delete(&world, 2);
    let held = world.backup().await;
    let untouched = world.keys(BACKUP).contains(&key(1));
    let confirmed = world.run(confirming(&held)).await;

    assert_eq!(marked(&first), 3);
    let each = |result: &Value| [0, 1].map(|n| marked(&result["destinations"][n]));
    assert_eq!(each(&first), [1, 2]);
    assert_eq!(held["status"], "held");
    let why = held["deletions"]["held"].as_str().unwrap();
    assert!(
        why.starts_with("21 of the 119 objects in bucket second (17.6 %)"),
        "{why}"
    );
    assert_eq!((marked(&held), untouched), (0, true));
    assert_eq!(each(&confirmed), [1, 21]);
    assert_eq!(world.keys(BACKUP), world.keys(PRIMARY));
    assert_eq!(world.keys("second"), world.keys(PRIMARY));
}

#[tokio::test]
async fn a_held_run_with_errors_is_incomplete_and_says_both() {
    let world = marking(300).await;
    delete(&world, 150);
    world.put(&key(299), "changed");
    let copy = Fault::on(Verb::CopyObject);
    world.sim.fault(copy, denied());

    let both = world.backup().await;
    world.sim.clear_faults();
    let held = world.backup().await;
    let confirmed = world.run(confirming(&held)).await;

    assert_adds_up(&both);
    assert_eq!(both["status"], "incomplete");
    let message = both["message"].as_str().unwrap();
    let lead = "Backup incomplete: 150 objects, 0 copied, 149 unchanged, 1 error; 150 deletions are held: ";
    assert!(message.starts_with(lead), "{message}");
    assert!(both["deletions"]["held"].is_string());
    assert_eq!(both["deletions"]["confirm"], both["run_id"]);
    assert_eq!(held["status"], "held");
    assert_eq!(marked(&confirmed), 150);
}
