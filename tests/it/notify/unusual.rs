//! Nights in which far more changed than in those before.

use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};

use super::warnings;
use crate::world::{BACKUP, World, counts};

/// Writes all objects of a bucket anew, as ransomware does.
pub fn rewrite(world: &World, objects: usize, body: &str) {
    for n in 0..objects {
        world.put(&format!("photos/{n:03}.jpg"), body);
    }
}

#[tokio::test]
async fn a_night_in_which_everything_was_rewritten_is_warned_of() {
    let world = World::new();
    rewrite(&world, 50, "1");
    world.backup().await;
    let mut quiet = Vec::new();
    for night in 0..4 {
        world.put("photos/000.jpg", &format!("night {night}"));
        quiet.push(world.backup().await);
    }

    rewrite(&world, 50, "encrypted");
    let result = world.backup().await;

    for night in &quiet {
        assert_eq!(warnings(night), []);
        assert_eq!(
            night["destinations"][0]["snapshot"]["changes"]["changed"],
            1
        );
    }
    // Two runs before the third: nobody knows yet what is usual, and the result says so.
    let third = &quiet[2]["destinations"][0]["snapshot"]["changes"];
    assert_eq!(
        (&third["runs"], &third["usual_percent"]),
        (&json!(2), &Value::Null)
    );
    let changes = &result["destinations"][0]["snapshot"]["changes"];
    assert_eq!(
        (&changes["percent"], &changes["usual_percent"]),
        (&json!(100.0), &json!(2.0))
    );
    let warnings = warnings(&result);
    let [(code, message)] = warnings.as_slice() else {
        panic!("{warnings:?}");
    };
    assert_eq!(code, "unusual_change");
    assert!(
        message.starts_with(
            "50 of the 50 objects in bucket backup have changed (100 %), where 2 % is usual"
        ),
        "{message}"
    );
    assert!(
        result["message"]
            .as_str()
            .unwrap()
            .contains(message.as_str())
    );
    assert_eq!(result["status"], "complete");
}

#[tokio::test]
async fn a_month_of_usual_nights_is_silent() {
    let world = World::new();
    rewrite(&world, 40, "1");
    world.backup().await;
    for night in 0..30 {
        for n in 0..(night * 7) % 5 {
            world.put(&format!("photos/{n:03}.jpg"), &format!("night {night}"));
        }
        world.put(&format!("new/{night}"), "1");
        let result = world.backup().await;
        assert_eq!(warnings(&result), [], "night {night}");
    }
}

/// A world whose backup knows what is usual: few changes.
async fn usual(world: &World) {
    rewrite(world, 50, "1");
    world.backup().await;
    for night in 0..3 {
        world.put("photos/000.jpg", &format!("night {night}"));
        world.backup().await;
    }
}

#[tokio::test]
async fn an_unusual_night_is_held_before_it_copies_until_somebody_confirms_it() {
    let world = World::new().with("BACKUP_UNUSUAL", "hold");
    usual(&world).await;
    rewrite(&world, 50, "encrypted");
    world.put("new", "1");
    let before = world.backup_versions();

    let held = world.backup().await;

    assert_eq!(world.backup_versions(), before, "nothing was copied");
    assert_eq!(
        (held["status"].as_str(), &held["statusCode"]),
        (Some("held"), &json!(500))
    );
    assert_eq!(counts(&held), [51, 0, 0, 51, 0, 0]);
    let run = held["run_id"].as_str().unwrap();
    assert_eq!(held["unusual"]["confirm"], run);
    let message = held["message"].as_str().unwrap();
    assert!(message.starts_with("Backup held: 51 objects, 0 copied, 51 to copy; nothing was copied: 50 of the 50 objects"), "{message}");
    assert!(
        message.contains(&format!("\"confirm\":\"{run}\"")),
        "{message}"
    );

    let other = world
        .run(json!({"operation": "backup", "confirm": "2026-01-01T00-00-00Z-0000"}))
        .await;
    assert_eq!(other["status"], "held");
    let run = other["run_id"].as_str().unwrap();
    let confirmed = world
        .run(json!({"operation": "backup", "confirm": run}))
        .await;

    assert_eq!(counts(&confirmed), [51, 51, 0, 0, 0, 0]);
    assert_eq!(confirmed["status"], "complete");
    world.assert_backed_up();
    let again = world
        .run(json!({"operation": "backup", "confirm": run}))
        .await;
    assert_eq!(
        counts(&again),
        [51, 0, 51, 0, 0, 0],
        "there is nothing to hold any more"
    );
}

#[tokio::test]
async fn a_confirmation_is_for_the_changes_that_were_held() {
    let world = World::new().with("BACKUP_UNUSUAL", "hold");
    usual(&world).await;
    rewrite(&world, 40, "encrypted");
    let held = world.backup().await;
    rewrite(&world, 50, "encrypted again");

    let confirmed = world
        .run(json!({"operation": "backup", "confirm": held["run_id"]}))
        .await;

    assert_eq!(confirmed["status"], "held");
    let message = confirmed["message"].as_str().unwrap();
    assert!(
        message.contains("it was held with 40 changes, and 50 are due now"),
        "{message}"
    );
}

/// Each bucket has a job of its own, by its prefix: what is held in one is not written below the name of another.
#[tokio::test]
async fn a_night_is_held_in_the_job_of_the_bucket_that_can_be_used() {
    const SECOND: &str = "second";
    let world = World::new()
        .with_bucket(SECOND)
        .with("DESTINATION_BUCKET", "s3://backup/one/,s3://second/two/")
        .with("BACKUP_UNUSUAL", "hold");
    usual(&world).await;
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let versioning = Fault::on(Verb::GetBucketVersioning).bucket(BACKUP);
    world.sim.fault(versioning, denied.clone());
    rewrite(&world, 50, "encrypted");

    let held = world.backup().await;

    assert_eq!(held["unusual"]["confirm"], held["run_id"], "{held}");
    let keys = world.sim.keys(SECOND);
    let job = |name: &str| -> Vec<&str> {
        let jobs = keys.iter().filter_map(|key| key.strip_suffix(name));
        jobs.collect()
    };
    assert_eq!(job("/held-changes.json"), job("/lease.json"));
    let held_key = keys.iter().find(|key| key.ends_with("/held-changes.json"));
    let writing = Fault::on(Verb::PutObject)
        .bucket(SECOND)
        .key(held_key.unwrap());
    world.sim.fault(writing, denied);
    let unwritten = world.backup().await;
    let failures = unwritten["failures"].as_array().unwrap();
    let of_second = failures
        .iter()
        .filter(|failure| failure["destination"] == SECOND);
    assert_eq!(of_second.count(), 1, "{unwritten}");
}

#[tokio::test]
async fn usual_nights_are_not_held() {
    let world = World::new().with("BACKUP_UNUSUAL", "hold");
    usual(&world).await;
    world.put("photos/001.jpg", "changed");

    let result = world.backup().await;

    assert_eq!(counts(&result), [50, 1, 49, 0, 0, 0]);
}
