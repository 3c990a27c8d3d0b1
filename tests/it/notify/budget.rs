//! Runs that may spend so much.

use serde_json::json;

use super::unusual::rewrite;
use super::watch::watched;
use crate::world::{World, counts};

#[tokio::test]
async fn a_run_spends_what_it_may_and_the_next_one_goes_on() {
    // Ten copies at $0.005 for a thousand.
    let world = World::new().with("BACKUP_MAX_COST_USD", "0.00005");
    rewrite(&world, 25, "1");

    let first = world.backup().await;
    let second = world.backup().await;
    let third = world.backup().await;

    assert_eq!(counts(&first), [25, 10, 0, 15, 0, 0]);
    assert_eq!(first["status"], "held");
    assert_eq!(first["budget"]["max_usd"], 0.00005);
    let would_cost = first["budget"]["would_cost_usd"].as_f64().unwrap();
    assert!((would_cost - 0.000_125).abs() < 1e-9, "{would_cost}");
    let message = first["message"].as_str().unwrap();
    assert!(
        message.starts_with("Backup held: 25 objects, 10 copied, 15 to copy"),
        "{message}"
    );
    assert!(
        message.contains("more than BACKUP_MAX_COST_USD = 0.00005"),
        "{message}"
    );
    assert_eq!(counts(&second), [25, 10, 10, 5, 0, 0]);
    assert_eq!(
        (counts(&third), &third["status"]),
        ([25, 5, 20, 0, 0, 0], &json!("complete"))
    );
    world.assert_backed_up();
}

#[tokio::test]
async fn a_run_that_could_not_afford_all_is_not_the_last_complete_one() {
    let world = World::new();
    rewrite(&world, 5, "1");
    let complete = world.backup().await;
    rewrite(&world, 5, "2");

    let poor = world.with("BACKUP_MAX_COST_USD", "0.000001");
    let held = poor.backup().await;

    assert_eq!(
        (counts(&held), &held["status"]),
        ([5, 0, 0, 5, 0, 0], &json!("held"))
    );
    assert_eq!(watched(&poor).await.unwrap()["run_id"], complete["run_id"]);
    let rich = poor.with("BACKUP_MAX_COST_USD", "5");
    let next = rich.backup().await;
    assert_eq!(
        counts(&next),
        [5, 5, 0, 0, 0, 0],
        "what was left is found again"
    );
    rich.assert_backed_up();
}
