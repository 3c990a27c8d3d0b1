//! Putting back: planned, shown, confirmed, watched, and taken back, by the restore that the command line has.

use std::thread;
use std::time::Duration;

use s3_sim::Verb;
use serde_json::{Value, json};

use super::Served;
use crate::world::{PRIMARY, World};

/// A night, after which a file is deleted and another one changed.
async fn a_night() -> World {
    let world = World::new();
    world
        .sim
        .set_versioning(PRIMARY, s3_sim::Versioning::Enabled);
    world.put("d/gone", "gone");
    world.put("d/changed", "before");
    world.put("d/same", "same");
    world.backup().await;
    world.sim.clock().advance(Duration::from_mins(1));
    world.sim.delete(PRIMARY, "d/gone");
    world.put("d/changed", "after");
    world
}

fn content(world: &World, key: &str) -> Option<Vec<u8>> {
    let object = world.sim.current(PRIMARY, key)?;
    Some(object.content.as_bytes()?.to_vec())
}

/// Makes a copy, and says in which folder.
fn copy(served: &Served, wish: Value) -> String {
    let plan = served.ask("plan", wish);
    if plan["can_confirm"] == true {
        served.ask("confirm", json!({"id": plan["id"]}));
        ended(served, &plan["id"]);
    }
    plan["copies_into"].as_str().unwrap().to_owned()
}

/// Waits until a restore has ended.
pub fn ended(served: &Served, id: &Value) -> Value {
    for _ in 0..200 {
        let progress = served.ask("progress", json!({"id": id}));
        let stage = progress["restore"]["stage"].as_str().unwrap();
        if ["complete", "incomplete", "cancelled"].contains(&stage) {
            return progress;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("restore {id} does not end");
}

fn amount(plan: &Value, name: &str) -> u64 {
    let happens = plan["happens"].as_array().unwrap();
    let row = happens.iter().find(|row| row["name"] == name);
    row.map_or(0, |row| row["objects"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_to_the_source_before_a_plan_is_confirmed() {
    let world = a_night().await;
    let served = Served::signed_in(&world);
    let run = &served.runs()[0];
    world.sim.ledger().clear();

    let plan = served.ask("plan", json!({"run": run, "folder": "d/", "copy": false}));

    assert_eq!(amount(&plan, "new"), 1, "{plan}");
    assert_eq!(amount(&plan, "replaces_newer"), 1, "{plan}");
    assert_eq!(amount(&plan, "unchanged"), 1, "{plan}");
    assert_eq!(plan["can_confirm"], true);
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 0);
    assert_eq!(content(&world, "d/gone"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_plan_is_carried_out_and_can_be_undone() {
    let world = a_night().await;
    let served = Served::signed_in(&world);
    let run = &served.runs()[0];
    let plan = served.ask("plan", json!({"run": run, "folder": "d/", "copy": false}));

    served.ask("confirm", json!({"id": plan["id"]}));
    let progress = ended(&served, &plan["id"]);

    assert_eq!(progress["restore"]["stage"], "complete", "{progress}");
    assert_eq!(progress["restore"]["objects_restored"], 2);
    assert_eq!(content(&world, "d/gone").unwrap(), b"gone");
    assert_eq!(content(&world, "d/changed").unwrap(), b"before");
    let again = served.call("confirm", &json!({"id": plan["id"]}));
    assert_eq!(again.status, 409, "{again:?}");

    let undo = served.ask("undo", json!({"id": plan["id"]}));
    assert_eq!(undo["kind"], "undo");
    served.ask("confirm", json!({"id": undo["id"]}));
    ended(&served, &undo["id"]);

    assert_eq!(content(&world, "d/gone"), None);
    assert_eq!(content(&world, "d/changed").unwrap(), b"after");
    let activity = served.ask("activity", json!({}));
    let kinds: Vec<&str> = activity["restores"]
        .as_array()
        .unwrap()
        .iter()
        .map(|restore| restore["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.len(), 2);
    assert!(kinds.contains(&"undo") && kinds.contains(&"restore"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_made_beside_what_is_there() {
    let world = a_night().await;
    let served = Served::signed_in(&world);
    let run = &served.runs()[0];

    let wish = json!({"run": run, "files": ["d/changed"], "copy": true});
    let folder = copy(&served, wish);

    assert!(
        folder.starts_with("d/restored 20") && folder.ends_with('/'),
        "{folder}"
    );
    assert_eq!(
        content(&world, &format!("{folder}changed")).unwrap(),
        b"before"
    );
    assert_eq!(content(&world, "d/changed").unwrap(), b"after");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_folder_is_made_beside_it_and_can_be_undone() {
    let world = a_night().await;
    world.put("d/e/deep", "deep");
    world.put("d/e/f/deeper", "deeper");
    world.backup().await;
    let served = Served::signed_in(&world);
    let run = &served.runs()[0];
    let before = world.sim.keys(PRIMARY);

    let plan = served.ask("plan", json!({"run": run, "folder": "d/e/", "copy": true}));
    let folder = plan["copies_into"].as_str().unwrap();
    let shown: Vec<&str> = plan["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["key"].as_str().unwrap())
        .collect();
    let copies = ["e/deep", "e/f/deeper"].map(|name| format!("{folder}{name}"));
    assert!(folder.starts_with("d/restored 20"), "{folder}");
    assert_eq!(shown, copies, "the person is not told where they go");
    served.ask("confirm", json!({"id": plan["id"]}));
    ended(&served, &plan["id"]);

    assert_eq!(content(&world, &copies[0]).unwrap(), b"deep");
    assert_eq!(content(&world, &copies[1]).unwrap(), b"deeper");
    assert_eq!(world.sim.keys(PRIMARY).len(), before.len() + 2);
    let again = served.ask("plan", json!({"run": run, "folder": "d/e/", "copy": true}));
    assert_eq!(amount(&again, "unchanged"), 2, "{again}");

    let undo = served.ask("undo", json!({"id": plan["id"]}));
    served.ask("confirm", json!({"id": undo["id"]}));
    ended(&served, &undo["id"]);
    for key in &copies {
        assert_eq!(content(&world, key), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_stays_in_what_is_backed_up() {
    let source = "s3://primary/d/";
    let world = World::new().with("SOURCE_BUCKET", source);
    world
        .sim
        .set_versioning(PRIMARY, s3_sim::Versioning::Enabled);
    world.put("d/a", "a");
    world.put("e/b", "b");
    world.backup().await;
    let mut served = Served::start(&world, &["--source", source]);
    served.sign_in();
    let run = &served.runs()[0];

    for wish in [
        json!({"run": run, "folder": "d/", "copy": true}),
        json!({"run": run, "folder": "", "copy": true}),
    ] {
        let folder = copy(&served, wish);

        assert!(folder.starts_with("d/restored 20"), "{folder}");
        assert_eq!(content(&world, &format!("{folder}a")).unwrap(), b"a");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_another_restore_has_the_lease_a_plan_is_asked_to_come_again() {
    let world = a_night().await;
    let served = Served::signed_in(&world);
    let run = &served.runs()[0];
    let slow = world.sim.fault(
        s3_sim::Fault::on(Verb::CopyObject).bucket(PRIMARY),
        s3_sim::Effect::Slow(Duration::from_millis(1_500)),
    );
    let wish = json!({"run": run, "files": ["d/gone"], "copy": false});

    let payload = json!({"operation": "restore", "all": true, "run": "latest"});
    let other = world.invoke(payload);
    let plan = async {
        while slow.count() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::task::block_in_place(|| served.call("plan", &wish))
    };
    let (other, refused) = futures::join!(other, plan);

    assert_eq!(other.unwrap()["status"], "complete");
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("30"), "{refused:?}");
    let message = refused.json()["message"].to_string();
    assert!(message.contains("lease-primary.json"), "{message}");
    let again = served.ask("plan", json!({"run": run, "folder": "d/", "copy": false}));
    assert_eq!(amount(&again, "unchanged"), 3, "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_version_of_one_file_is_put_back() {
    let world = a_night().await;
    world.backup().await;
    let served = Served::signed_in(&world);
    let history = served.ask("file", json!({"path": "d/changed"}));
    let version = &history["states"][1]["file"]["version"];

    let plan = served.ask(
        "plan",
        json!({"version": version, "files": ["d/changed"], "copy": false}),
    );
    served.ask("confirm", json!({"id": plan["id"]}));
    ended(&served, &plan["id"]);

    assert_eq!(content(&world, "d/changed").unwrap(), b"before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_not_wanted_is_cancelled_and_cannot_be_confirmed() {
    let world = a_night().await;
    let served = Served::signed_in(&world);
    let run = &served.runs()[0];
    let plan = served.ask(
        "plan",
        json!({"run": run, "files": ["d/gone"], "copy": false}),
    );

    served.ask("cancel", json!({"id": plan["id"]}));

    let refused = served.call("confirm", &json!({"id": plan["id"]}));
    assert_eq!(refused.status, 409, "{refused:?}");
    assert_eq!(content(&world, "d/gone"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_older_than_a_day_is_refused() {
    let world = a_night().await;
    let served = Served::signed_in(&world);
    let run = &served.runs()[0];
    let plan = served.ask(
        "plan",
        json!({"run": run, "files": ["d/gone"], "copy": false}),
    );
    world.sim.clock().advance(Duration::from_hours(25));

    let refused = served.call("confirm", &json!({"id": plan["id"]}));

    assert_eq!(refused.status, 410, "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_wrongly_is_refused_with_the_field() {
    let world = a_night().await;
    let served = Served::signed_in(&world);
    let run = served.runs()[0].clone();
    let many: Vec<String> = (0..1001).map(|number| format!("f{number}")).collect();
    let cases = [
        (
            "plan",
            json!({"run": run, "files": many, "copy": false}),
            413,
            None,
        ),
        (
            "plan",
            json!({"run": run, "copy": false}),
            422,
            Some("files"),
        ),
        (
            "plan",
            json!({"run": run, "files": ["a"], "folder": "d/", "copy": false}),
            422,
            Some("files"),
        ),
        (
            "plan",
            json!({"files": ["a"], "copy": false}),
            422,
            Some("run"),
        ),
        (
            "plan",
            json!({"run": run, "files": ["a"], "copy": false, "force": true}),
            422,
            Some("force"),
        ),
        (
            "folder",
            json!({"run": "never", "folder": ""}),
            422,
            Some("run"),
        ),
        (
            "folder",
            json!({"run": run, "folder": "d"}),
            422,
            Some("folder"),
        ),
        ("folder", json!({"run": run}), 422, Some("folder")),
        ("search", json!({"text": ""}), 422, Some("text")),
        ("deleted", json!({"days": 0}), 422, Some("days")),
        ("confirm", json!({"id": "../x"}), 422, Some("id")),
        (
            "confirm",
            json!({"id": "2026-01-01T00-00-00Z-0000"}),
            404,
            None,
        ),
        (
            "progress",
            json!({"id": "2026-01-01T00-00-00Z-0000"}),
            404,
            None,
        ),
    ];

    for (route, asked, status, field) in cases {
        let answer = served.call(route, &asked);

        assert_eq!(answer.status, status, "{route} {asked}: {answer:?}");
        assert_eq!(answer.json()["field"].as_str(), field, "{route} {asked}");
        assert!(!answer.json()["message"].as_str().unwrap().is_empty());
    }
}
