//! Drills: a sample comes back into a scratch place, and whatever is not as it was is found.

use std::time::Duration;

use lambda_runtime::{Context, LambdaEvent};
use s3_sim::{Effect, Fault, Put, Verb};
use serde_json::{Value, json};

use super::{assert_adds_up, restore, state, world};
use crate::world::{BACKUP, PRIMARY, World, count};

const SCRATCH: &str = "scratch";
const HOUR: Duration = Duration::from_hours(1);

async fn backed_up(keys: usize) -> World {
    let world = world().with_bucket(SCRATCH);
    for number in 0..keys {
        let put = Put::new(format!("body {number:03}"))
            .tag("team", "blue")
            .meta("owner", "a");
        world.put_object(&format!("key {number:03}"), put);
    }
    world.backup().await;
    world
}

async fn drill(world: &World, fields: Value) -> Value {
    let mut payload = fields;
    payload["operation"] = json!("drill");
    if payload["to"].is_null() {
        payload["to"] = json!("s3://scratch/drills/");
    }
    let result = world.run(payload).await;
    assert_adds_up(&result);
    result
}

async fn refusal(world: &World, mut payload: Value) -> String {
    payload["operation"] = json!("drill");
    world.invoke(payload).await.unwrap_err().to_string()
}

/// Before an object of the sample is looked at for the first time, something happens to its scratch copy.
fn meddle(world: &World, change: impl Fn(&s3_sim::Backdoor, &str) + Send + Sync + 'static) {
    let change = move |sim: &s3_sim::Backdoor| {
        let keys = sim.keys(SCRATCH);
        let key = keys.iter().find(|key| key.ends_with("key 007")).unwrap();
        change(sim, key);
    };
    let look = Fault::on(Verb::HeadObject).bucket(BACKUP).nth(1);
    world.sim.fault(look, Effect::before(change));
}

fn finding(result: &Value) -> (Value, Value, Value) {
    let findings = result["restore"]["drill"]["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{result}");
    let finding = &findings[0];
    (
        finding["key"].clone(),
        finding["verdict"].clone(),
        finding["why"].clone(),
    )
}

#[tokio::test]
async fn a_sample_comes_back_is_compared_and_is_hidden_again() {
    let world = backed_up(40).await;
    let live = world.sim.all_versions(PRIMARY);

    let result = drill(&world, json!({"sample": 10})).await;

    assert_eq!(result["status"], "complete", "{result}");
    let told = &result["restore"]["drill"];
    assert_eq!(told["passed"], true, "{result}");
    let drawn = count(told, "objects");
    assert!((10..=13).contains(&drawn), "{result}");
    assert_eq!(count(told, "equal"), drawn);
    assert_eq!(result["restore"]["kind"], "drill");
    let message = result["message"].as_str().unwrap();
    assert!(message.starts_with("Drill passed with 1"), "{message}");
    assert_eq!(
        world.sim.all_versions(PRIMARY),
        live,
        "the source is not touched"
    );
    assert!(world.sim.keys(SCRATCH).is_empty(), "all of it is hidden");
    let versions = world.sim.all_versions(SCRATCH).len() as u64;
    assert_eq!(versions, 2 * drawn, "a copy and a marker each");
    let file = world
        .sim
        .current(BACKUP, told["record"].as_str().unwrap())
        .unwrap();
    let file: Value = serde_json::from_slice(file.content.as_bytes().unwrap()).unwrap();
    assert!(told["record"].as_str().unwrap().contains("/drills/"));
    assert_eq!(file["objects"].as_array().unwrap().len() as u64, drawn);
    assert_eq!(
        (&file["format"], &file["passed"]),
        (&json!(1), &json!(true))
    );
    // What the drill is of is in no backup, and the next run is as usual.
    let backup = world.backup().await;
    assert_eq!(backup["objects_unchanged"], 40, "{backup}");
}

#[tokio::test]
async fn a_drill_finds_one_byte_changed() {
    let world = backed_up(20).await;
    meddle(&world, |sim, key| {
        sim.put(SCRATCH, key, "body 00X");
    });

    let result = drill(&world, json!({"sample": 20})).await;

    assert_eq!(result["status"], "incomplete", "{result}");
    let (key, verdict, why) = finding(&result);
    assert_eq!((key, verdict), (json!("key 007"), json!("different")));
    assert!(why.as_str().unwrap().contains("etag"), "{why}");
    assert_eq!(result["failures"][0]["code"], "DrillFailed");
    assert_eq!(count(&result, "errors"), 1);
    let message = result["message"].as_str().unwrap();
    let begin = "Drill failed: 20 objects, 19 equal, 1 error; a sample of run ";
    assert!(message.starts_with(begin), "{message}");
}

#[tokio::test]
async fn a_drill_finds_one_tag_lost() {
    let world = backed_up(20).await;
    meddle(&world, |sim, key| sim.set_tags(SCRATCH, key, &[]));

    let result = drill(&world, json!({"sample": 20})).await;

    assert_eq!(result["status"], "incomplete", "{result}");
    let found = (json!("key 007"), json!("different"), json!("tags"));
    assert_eq!(finding(&result), found);
    assert!(world.sim.keys(SCRATCH).is_empty(), "hidden all the same");
}

#[tokio::test]
async fn a_drill_finds_one_version_gone() {
    let world = backed_up(20).await;
    let version = world.sim.current(BACKUP, "key 007").unwrap();
    world
        .sim
        .delete_version(BACKUP, "key 007", &version.version_id);

    let result = drill(&world, json!({"sample": 20})).await;

    assert_eq!(result["status"], "incomplete", "{result}");
    let (key, verdict, _) = finding(&result);
    assert_eq!((key, verdict), (json!("key 007"), json!("not_restored")));
    assert_eq!(count(&result, "errors"), 1);
}

#[tokio::test]
async fn a_drill_does_not_pass_if_an_object_cannot_be_looked_at() {
    let world = backed_up(20).await;
    let fault = Fault::on(Verb::HeadObject).bucket(BACKUP).key("key 007");
    world
        .sim
        .fault(fault, Effect::status(403, "AccessDenied", "no"));

    let result = drill(&world, json!({"sample": 20})).await;

    assert_eq!(result["status"], "incomplete", "{result}");
    let (key, verdict, why) = finding(&result);
    assert_eq!((key, verdict), (json!("key 007"), json!("not_compared")));
    assert!(why.as_str().unwrap().contains("cannot look at"), "{why}");
    assert_eq!(result["restore"]["drill"]["passed"], false);
}

#[tokio::test]
async fn an_archived_object_is_drawn_only_if_it_may_be_thawed() {
    let world = backed_up(5).await;
    world.sim.set_storage_class(BACKUP, "key 003", "GLACIER");
    world.put("key 000", "changed, so that a run looks again");
    world.backup().await;
    let world = world.with("BACKUP_STORAGE_CLASS", "GLACIER");
    world.put("cold", "x");
    world.backup().await;

    let without = drill(&world, json!({"sample": 100})).await;
    assert_eq!(without["status"], "complete", "{without}");
    let told = &without["restore"]["drill"];
    assert!(count(told, "archives_left_out") >= 1, "{without}");
    assert_eq!(count(told, "archived"), 0);

    let asked = drill(&world, json!({"sample": 100, "thaw": true})).await;
    assert_eq!(asked["status"], "waiting", "{asked}");
    assert_eq!(count(&asked, "objects_waiting"), 1);
    assert!(asked["restore"]["drill"].is_null(), "nothing is known yet");
    world.sim.clock().advance(HOUR * 6);
    let done = restore(&world, json!({"continue": "all"})).await;

    assert_eq!(done["status"], "complete", "{done}");
    let told = &done["restore"]["drill"];
    assert_eq!(
        (&told["passed"], &told["archived"]),
        (&json!(true), &json!(1))
    );
    assert!(world.sim.keys(SCRATCH).is_empty());
}

#[tokio::test]
async fn a_drill_replaces_nothing_and_goes_nowhere_but_to_a_scratch_place() {
    let world = backed_up(3).await;
    world.sim.put(SCRATCH, "drills/key 000", "of somebody else");
    let before = state(&world, SCRATCH);

    drill(&world, json!({})).await;

    assert_eq!(state(&world, SCRATCH), before);
    let cases = [
        (json!({"to": "s3://primary/x/"}), "is the source itself"),
        (json!({"to": "s3://backup/x/"}), "is the backup itself"),
        (json!({"to": "s3://nowhere/"}), "cannot use the destination"),
        (json!({}), "needs \"to\""),
        (
            json!({"to": "s3://scratch", "run": "2001"}),
            "no snapshot of run 2001",
        ),
        (
            json!({"to": "s3://scratch", "sample": "none"}),
            "field \"sample\"",
        ),
    ];
    for (payload, begin) in cases {
        let refused = refusal(&world, payload.clone()).await;

        assert!(refused.contains(begin), "{payload}: {refused}");
    }
}

#[tokio::test]
async fn a_drill_that_was_killed_while_it_hid_what_it_restored_goes_on_with_that() {
    let world = backed_up(12).await;
    let marks = Fault::on(Verb::DeleteObject).bucket(SCRATCH).nth(5);
    let strikes = world.sim.fault(marks, Effect::Stall);
    let payload = json!({"operation": "drill", "to": "s3://scratch", "sample": 12});
    let request = s3_backup::request::parse(&payload).unwrap();
    let handler = world.handler();
    world.sim.clock().advance(Duration::from_secs(2));
    {
        let answer = Box::pin(handler.answer(&request, None, |_| {}));
        let struck = async {
            while strikes.count() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        tokio::select! { _ = answer => panic!("not killed"), () = struck => {} }
    }
    world.sim.clear_faults();
    world.let_leases_end();

    let done = restore(&world, json!({"continue": "all"})).await;

    assert_eq!(done["status"], "complete", "{done}");
    assert_eq!(done["restore"]["drill"]["equal"], 12, "{done}");
    assert!(world.sim.keys(SCRATCH).is_empty());
}

/// What the watch says of the drills of a world.
async fn days_since_drill(world: &World) -> (Value, Value) {
    let event = LambdaEvent::new(json!({}), Context::default());
    let watched = Box::pin(world.handler().handle_watch(event)).await.unwrap();
    let job = serde_json::to_value(&watched).unwrap()["jobs"][0].clone();
    (job["days_since_drill"].clone(), job["problem"].clone())
}

#[tokio::test]
async fn the_watch_knows_how_old_the_last_drill_is_that_passed() {
    let world = backed_up(8).await;
    let never = days_since_drill(&world).await;

    drill(&world, json!({"sample": 8})).await;
    let passed = days_since_drill(&world).await;
    let note = world.sim.keys(BACKUP).into_iter();
    let note = note.filter(|key| key.ends_with("/drills/passed.json"));
    let note = note.collect::<Vec<_>>().remove(0);
    let written = world.sim.current(BACKUP, &note).unwrap();
    meddle(&world, |sim, key| {
        sim.put(SCRATCH, key, "body 00X");
    });
    let failed = drill(&world, json!({"sample": 8})).await;

    assert_eq!(never, (Value::Null, Value::Null));
    assert!(passed.0.as_f64().unwrap() < 0.1, "{passed:?}");
    assert_eq!(failed["restore"]["drill"]["passed"], false);
    let after = world.sim.current(BACKUP, &note).unwrap();
    assert_eq!(
        after.version_id, written.version_id,
        "a drill that failed is no proof"
    );
    for (damaged, problem) in [
        (
            r#"{"format":2}"#,
            "passed.json has format 2; this version reads up to 1",
        ),
        ("{", "passed.json is damaged"),
    ] {
        world.sim.put(BACKUP, &note, damaged);
        let (days, told) = days_since_drill(&world).await;
        assert_eq!(days, Value::Null);
        assert!(told.as_str().unwrap().contains(problem), "{told}");
    }
}
