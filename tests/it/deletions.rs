//! Objects that are gone from the source are marked in the backup, if that is asked for: never on a doubt, never
//! many at once without a word from somebody, and no version ever disappears.

use std::time::{Duration, Instant};

use s3_backup::model::{Deadline, Job, Location, Placement};
use s3_backup::request;
use s3_sim::{BucketOptions, Class, Effect, Fault, Sim, Verb, Versioning};
use serde_json::{Value, json};

use crate::lease;
use crate::resume::state_of;
use crate::world::{BACKUP, PRIMARY, World, assert_adds_up, count, counts};

/// A world that marks what is gone, of so many objects that are backed up.
async fn marking(objects: usize) -> World {
    backed_up(World::new().with("BACKUP_DELETIONS", "mark"), objects).await
}

/// The same with pages of five keys, and limits that hold nothing.
async fn marking_in_pages(objects: usize) -> World {
    let world = World::around(Sim::builder().page_size_max(5).start())
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_MAX_DELETIONS", "1000000")
        .with("BACKUP_MAX_DELETIONS_PERCENT", "100");
    backed_up(world, objects).await
}

async fn backed_up(world: World, objects: usize) -> World {
    backed_up_in(world, objects, 1).await
}

async fn backed_up_in(world: World, objects: usize, destinations: usize) -> World {
    for n in 0..objects {
        world.put(&key(n), "1");
    }
    let first = world.backup().await;
    assert_eq!(
        count(&first, "objects_copied"),
        (objects * destinations) as u64
    );
    world.sim.ledger().clear();
    world
}

fn key(n: usize) -> String {
    format!("key {n:05}")
}

/// Deletes the first ones from the source.
fn delete(world: &World, objects: usize) {
    for n in 0..objects {
        world.sim.delete(PRIMARY, &key(n));
    }
}

fn marked(result: &Value) -> u64 {
    count(result, "objects_marked_deleted")
}

fn markers(world: &World) -> u64 {
    world.sim.ledger().count(Verb::DeleteObject)
}

fn denied() -> Effect {
    Effect::status(403, "AccessDenied", "Access Denied")
}

fn held_json() -> String {
    let job = Job::new(&Location::parse(PRIMARY).unwrap(), &Placement::default());
    job.key("held.json").as_str().to_owned()
}

/// Sends a payload to the function, which has so much time.
async fn within(world: &World, time: Duration, payload: &Value) -> Value {
    world.sim.clock().advance(Duration::from_secs(2));
    let request = request::parse(payload).unwrap();
    let deadline = Deadline::within(Instant::now(), time);
    let handler = world.handler();
    let answer = handler.answer(&request, Some(deadline), |_| {});
    let result: Value = serde_json::from_str(&answer.await.unwrap().to_json().unwrap()).unwrap();
    assert_adds_up(&result);
    result
}

/// Asks for a run that marks although so many are gone.
fn confirming(run: &Value) -> Value {
    json!({"operation": "backup", "deletions": "mark", "confirm": run["run_id"]})
}

#[tokio::test]
async fn what_is_gone_is_marked_and_its_versions_stay() {
    let world = marking(3).await;
    world.put(&key(0), "another version");
    world.backup().await;
    let before = world.backup_versions();
    delete(&world, 1);

    let result = world.backup().await;
    let again = world.backup().await;

    assert_eq!(counts(&result), [2, 0, 2, 0, 0, 0]);
    assert_eq!(marked(&result), 1);
    assert_eq!(
        result["message"],
        "Backed up 2 objects: 0 copied, 2 unchanged, 1 marked deleted"
    );
    let expected = json!({"due": 1, "percent": 33.3, "keys": [key(0)], "held": null,
        "confirm": null, "postponed": null, "foreign": 0});
    assert_eq!(result["deletions"], expected);
    assert_eq!(result["requests"], json!({"list": 2, "copy": 0, "head": 2}));
    assert_eq!(world.keys(BACKUP), [key(1), key(2)]);
    let versions = world.sim.versions(BACKUP, &key(0));
    assert_eq!(versions.len(), 3);
    assert!(versions[0].is_delete_marker && world.backup_versions().is_superset(&before));
    assert_eq!((marked(&again), count(&again["deletions"], "due")), (0, 0));
    assert_eq!(markers(&world), 1);
}

#[tokio::test]
async fn without_being_asked_for_nothing_is_marked() {
    let world = backed_up(World::new(), 2).await;
    delete(&world, 1);

    let result = world.backup().await;
    let kept = world.run(json!({"deletions": "keep"})).await;
    let confirmed = world.invoke(json!({"confirm": result["run_id"]})).await;

    assert_eq!(result["deletions"], json!(null));
    assert_eq!(kept["deletions"], json!(null));
    assert_eq!(markers(&world), 0);
    let refused = confirmed.unwrap_err();
    assert_eq!(refused.error_type(), "RequestError");
    assert!(
        refused.to_string().contains("deletions are \"keep\""),
        "{refused}"
    );
}

#[tokio::test]
async fn a_request_may_ask_for_it_too() {
    let world = backed_up(World::new(), 2).await;
    delete(&world, 1);

    let result = world.run(json!({"deletions": "mark"})).await;

    assert_eq!(marked(&result), 1);
}

#[tokio::test]
async fn an_object_that_comes_back_is_copied_again() {
    let world = marking(2).await;
    delete(&world, 1);
    world.backup().await;
    world.put(&key(0), "back");

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 1, 1, 0, 0, 0]);
    world.assert_backed_up();
}

#[tokio::test]
async fn an_object_that_is_there_again_when_it_is_looked_at_is_left_alone() {
    let world = marking(2).await;
    delete(&world, 1);
    let back = Effect::before(|sim| {
        sim.put(PRIMARY, "key 00000", "1");
    });
    world
        .sim
        .fault(Fault::on(Verb::HeadObject).bucket(PRIMARY), back);

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 0, 1, 0, 0, 0]);
    assert_eq!(
        (marked(&result), count(&result["deletions"], "due")),
        (0, 1)
    );
    assert_eq!(result["status"], "complete");
    assert_eq!(markers(&world), 0);
}

#[tokio::test]
async fn an_object_that_may_not_be_looked_at_is_an_error_and_not_marked() {
    let world = marking(3).await;
    delete(&world, 2);
    let head = Fault::on(Verb::HeadObject).bucket(PRIMARY).key("key 00000");
    world.sim.fault(head, denied());

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 0, 1, 0, 0, 1]);
    assert_eq!(marked(&result), 1);
    let failure = &result["failures"][0];
    assert_eq!(failure["key"], key(0));
    assert_eq!(failure["operation"], "HeadObject");
    assert_eq!(world.keys(BACKUP), [key(0), key(2)]);
}

#[tokio::test]
async fn an_object_that_may_not_be_marked_is_an_error_that_names_the_permission() {
    let world = marking(2).await;
    delete(&world, 1);
    world.sim.fault(Fault::on(Verb::DeleteObject), denied());

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 0, 1, 0, 0, 1]);
    let failure = &result["failures"][0];
    assert_eq!(failure["key"], key(0));
    assert_eq!(failure["operation"], "DeleteObject");
    let advice = failure["advice"].as_str().unwrap();
    assert!(
        advice.starts_with("grant s3:DeleteObject on the destination"),
        "{advice}"
    );
    assert_eq!(marked(&result), 0);
}

#[tokio::test]
async fn a_marker_whose_answer_was_lost_is_looked_for_and_not_placed_twice() {
    let world = marking(2).await;
    delete(&world, 1);
    let lost = Fault::on(Verb::DeleteObject).nth(1);
    world.sim.fault(lost, Effect::ResetAfterWork);

    let result = world.backup().await;

    assert_eq!((marked(&result), count(&result, "errors")), (1, 0));
    assert_eq!(markers(&world), 1);
    assert_eq!(world.sim.versions(BACKUP, &key(0)).len(), 2);
}

#[tokio::test]
async fn a_marker_that_was_not_placed_is_placed_again() {
    let world = marking(2).await;
    delete(&world, 1);
    let lost = Fault::on(Verb::DeleteObject).nth(1);
    world.sim.fault(lost, Effect::ConnectionReset);

    let result = world.backup().await;

    assert_eq!((marked(&result), count(&result, "errors")), (1, 0));
    assert_eq!(world.keys(BACKUP), [key(1)]);
}

#[tokio::test]
async fn a_success_without_a_marker_is_an_error() {
    let world = marking(3).await;
    delete(&world, 1);
    let success = Effect::status(204, "", "");
    world.sim.fault(Fault::on(Verb::DeleteObject), success);

    let result = world.backup().await;

    assert_eq!((marked(&result), count(&result, "errors") > 0), (0, true));
    assert_eq!(result["failures"][0]["key"], key(0), "{result}");
    assert!(world.keys(BACKUP).contains(&key(0)));
    assert_adds_up(&result);
}

#[tokio::test]
async fn odd_keys_are_marked_too() {
    let world = World::new().with("BACKUP_DELETIONS", "mark");
    let keys = [
        " ", "\n", "a//b", "../x", "a+b", "é", "\u{1}", "😀", "dir/", "%2F",
    ];
    for key in keys {
        world.put(key, "1");
    }
    world.put("stays", "1");
    world.backup().await;
    for key in keys {
        world.sim.delete(PRIMARY, key);
    }

    let result = world.backup().await;

    assert_eq!(
        (marked(&result), count(&result, "errors")),
        (10, 0),
        "{result}"
    );
    assert_eq!(world.keys(BACKUP), ["stays"]);
}

#[tokio::test]
async fn nothing_is_marked_when_a_page_of_either_side_fails() {
    for bucket in [PRIMARY, BACKUP] {
        let world = marking_in_pages(30).await;
        delete(&world, 3);
        let page = Fault::on(Verb::ListObjectsV2).bucket(bucket).nth(3);
        world.sim.fault(page, denied());

        let result = world.backup().await;

        assert_adds_up(&result);
        assert_eq!((marked(&result), markers(&world)), (0, 0), "{bucket}");
        let why = result["deletions"]["postponed"].as_str().unwrap();
        assert!(why.starts_with("a listing broke off"), "{why}");
        assert_eq!(result["status"], "incomplete");
    }
}

#[tokio::test]
async fn errors_of_copies_do_not_keep_deletions_from_being_marked() {
    let world = marking(3).await;
    delete(&world, 1);
    world.put(&key(1), "changed");
    world.sim.fault(Fault::on(Verb::CopyObject), denied());

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 0, 1, 0, 0, 1]);
    assert_eq!(marked(&result), 1);
}

#[tokio::test]
async fn nothing_is_marked_once_the_lease_is_lost() {
    let world = marking(3).await.with_leases_of(Duration::from_secs(3));
    delete(&world, 1);
    world.put(&key(2), "changed");
    let taken = Effect::before(|sim| {
        sim.put(BACKUP, &lease::key(), lease::lease_of_another());
    });
    world.sim.fault(Fault::on(Verb::CopyObject), taken);
    let slow = Effect::Slow(Duration::from_millis(1500));
    world.sim.fault(Fault::on(Verb::CopyObject), slow);

    let result = world.backup().await;

    assert_eq!(result["status"], "incomplete");
    assert_eq!((marked(&result), markers(&world)), (0, 0));
    assert_eq!(result["failures"][0]["code"], "LeaseLost", "{result}");
}

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
async fn a_held_run_is_confirmed_once() {
    let world = marking(200).await;
    let before = world.backup_versions();
    delete(&world, 150);
    let held = world.backup().await;

    let confirmed = world.run(confirming(&held)).await;
    let twice = world.run(confirming(&held)).await;
    let next = world.backup().await;

    assert_eq!(confirmed["status"], "complete", "{confirmed}");
    assert_eq!(marked(&confirmed), 150);
    assert_eq!(world.keys(BACKUP), world.keys(PRIMARY));
    assert!(world.backup_versions().is_superset(&before));
    assert_eq!(twice["status"], "held");
    let why = twice["deletions"]["held"].as_str().unwrap();
    let run_id = confirmed["run_id"].as_str().unwrap();
    assert!(
        why.ends_with(&format!(
            "confirmed already, by run {run_id} (bucket backup)"
        )),
        "{why}"
    );
    assert_eq!(next["status"], "complete");
}

#[tokio::test]
async fn a_wrong_confirmation_is_never_ignored() {
    let world = marking(200).await;
    delete(&world, 3);

    let nothing_held = world.run(confirming(&json!({"run_id": "r"}))).await;
    delete(&world, 150);
    let held = world.backup().await;
    let other = world.run(confirming(&nothing_held)).await;

    for (result, why) in [
        (
            &nothing_held,
            "run r is not confirmed: no run of this job was held in bucket backup".to_owned(),
        ),
        (
            &other,
            format!(
                "run {} is not confirmed: the last run that was held is {} (bucket backup)",
                nothing_held["run_id"].as_str().unwrap(),
                held["run_id"].as_str().unwrap()
            ),
        ),
    ] {
        assert_eq!(result["status"], "held");
        assert_eq!(result["deletions"]["held"], why);
        assert_eq!(marked(result), 0);
    }
    let last = world.run(confirming(&other)).await;
    assert_eq!((marked(&last), &last["status"]), (150, &json!("complete")));
}

#[tokio::test]
async fn more_than_was_held_is_held_again() {
    let world = marking(200).await;
    delete(&world, 150);
    let held = world.backup().await;
    delete(&world, 151);

    let more = world.run(confirming(&held)).await;
    let confirmed = world.run(confirming(&more)).await;

    assert_eq!(more["status"], "held");
    let why = more["deletions"]["held"].as_str().unwrap();
    assert!(
        why.ends_with("held with 150 deletions, and 151 are due now (bucket backup)"),
        "{why}"
    );
    assert_eq!(marked(&confirmed), 151);
}

#[tokio::test]
async fn a_confirmation_is_good_for_the_prefix_that_was_held() {
    let world = World::new().with("BACKUP_DELETIONS", "mark");
    for n in 0..150 {
        world.put(&format!("a/{n:04}"), "1");
        world.put(&format!("b/{n:04}"), "1");
    }
    world.put("a/stays", "1");
    world.put("b/stays", "1");
    world.backup().await;
    for n in 0..150 {
        world.sim.delete(PRIMARY, &format!("a/{n:04}"));
    }
    let held = world.run(json!({"prefix": "a/"})).await;
    assert_eq!(held["status"], "held");
    // The deletions of a/ were a mistake, and are undone. Those of b/ were never looked at.
    for n in 0..150 {
        world.put(&format!("a/{n:04}"), "1");
        world.sim.delete(PRIMARY, &format!("b/{n:04}"));
    }
    world.sim.ledger().clear();
    let confirming =
        |prefix: &str| json!({"deletions": "mark", "confirm": held["run_id"], "prefix": prefix});

    let other = world.run(confirming("b/")).await;

    assert_eq!((&other["status"], markers(&world)), (&json!("held"), 0));
    let why = other["deletions"]["held"].as_str().unwrap();
    let part = "it was held over prefix \"a/\", and this run is over \"b/\" (bucket backup)";
    assert!(why.ends_with(part), "{why}");
}

#[tokio::test]
async fn a_confirmation_is_good_for_the_keys_that_were_held() {
    let world = marking(300).await;
    delete(&world, 150);
    let held = world.backup().await;
    // As many as were held, and others.
    world.put(&key(0), "1");
    world.sim.delete(PRIMARY, &key(200));

    let others = world.run(confirming(&held)).await;
    let confirmed = world.run(confirming(&others)).await;

    assert_eq!((&others["status"], marked(&others)), (&json!("held"), 0));
    let why = others["deletions"]["held"].as_str().unwrap();
    assert!(
        why.ends_with("are not the same keys (bucket backup)"),
        "{why}"
    );
    assert_eq!(
        (&confirmed["status"], marked(&confirmed)),
        (&json!("complete"), 150)
    );
}

#[tokio::test]
async fn what_was_held_and_cannot_be_remembered_is_an_error() {
    let world = marking(200).await;
    delete(&world, 150);
    let write = Fault::on(Verb::PutObject).key(&held_json());
    world.sim.fault(write, denied());

    let result = world.backup().await;

    assert_eq!(counts(&result), [51, 0, 50, 0, 0, 1]);
    assert_eq!(result["status"], "incomplete");
    assert!(result["deletions"]["held"].is_string());
    assert_eq!(result["deletions"]["confirm"], json!(null));
    assert_eq!(result["failures"][0]["operation"], "PutObject");
}

#[tokio::test]
async fn a_confirmation_that_cannot_be_read_or_used_up_confirms_nothing() {
    let break_reading = |world: &World| {
        let read = Fault::on(Verb::GetObject).key(&held_json());
        world.sim.fault(read, denied());
    };
    let break_writing = |world: &World| {
        let write = Fault::on(Verb::PutObject).key(&held_json());
        world.sim.fault(write, denied());
    };
    let damage = |world: &World| {
        world.sim.put(BACKUP, &held_json(), "{");
    };
    for (spoil, part) in [
        (
            &break_reading as &dyn Fn(&World),
            "cannot be read from bucket backup",
        ),
        (&break_writing, "cannot be used up in bucket backup"),
        (&damage, "is damaged or of a later version"),
    ] {
        let world = marking(200).await;
        delete(&world, 150);
        let held = world.backup().await;
        spoil(&world);

        let result = world.run(confirming(&held)).await;

        assert_ne!(result["status"], "complete");
        let why = result["deletions"]["held"].as_str().unwrap();
        assert!(why.contains(part), "{why}");
        assert_eq!((marked(&result), markers(&world)), (0, 0));
    }
}

#[tokio::test]
async fn a_confirmation_has_to_be_good_in_every_destination() {
    let world = World::new()
        .with_bucket("second")
        .with("DESTINATION_BUCKET", "backup,second")
        .with("BACKUP_DELETIONS", "mark");
    let world = backed_up_in(world, 200, 2).await;
    delete(&world, 150);
    let held = world.backup().await;
    world.sim.put("second", &held_json(), "{");

    let result = world.run(confirming(&held)).await;

    assert_eq!(result["status"], "held");
    let why = result["deletions"]["held"].as_str().unwrap();
    assert!(why.contains("bucket second is damaged"), "{why}");
    assert_eq!((marked(&result), markers(&world)), (0, 0));
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
async fn what_the_filter_does_not_admit_is_neither_counted_nor_marked() {
    let world = World::new().with("BACKUP_DELETIONS", "mark");
    for key in ["a.txt", "b.txt", "c.log", "tmp/d.txt"] {
        world.put(key, "1");
    }
    world.backup().await;
    for key in ["a.txt", "c.log", "tmp/d.txt"] {
        world.sim.delete(PRIMARY, key);
    }
    let world = world
        .with("BACKUP_INCLUDE", "*.txt")
        .with("BACKUP_EXCLUDE", "tmp/*");

    let result = world.backup().await;

    assert_eq!(marked(&result), 1);
    assert_eq!(result["deletions"]["keys"], json!(["a.txt"]));
    assert_eq!(result["deletions"]["percent"], 50.0);
    assert_eq!(world.keys(BACKUP), ["b.txt", "c.log", "tmp/d.txt"]);
}

#[tokio::test]
async fn nothing_outside_of_the_runs_prefix_is_marked() {
    let world = World::new()
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_DESTINATION_PREFIX", "nightly/");
    for key in ["data/a", "data/b", "other/c", "other/d"] {
        world.put(key, "1");
    }
    world.sim.put(BACKUP, "foreign", "1");
    world.sim.put(BACKUP, ".s3-backup/other-job/state", "1");
    world.backup().await;
    for key in ["data/a", "other/c"] {
        world.sim.delete(PRIMARY, key);
    }

    let narrow = world.run(json!({"prefix": "data/"})).await;
    let left = world.keys(BACKUP);
    let whole = world.backup().await;

    assert_eq!((marked(&narrow), marked(&whole)), (1, 1));
    assert_eq!(
        left,
        [
            "foreign",
            "nightly/data/b",
            "nightly/other/c",
            "nightly/other/d"
        ]
    );
    assert_eq!(
        world.keys(BACKUP),
        ["foreign", "nightly/data/b", "nightly/other/d"]
    );
    assert!(
        world
            .sim
            .current(BACKUP, ".s3-backup/other-job/state")
            .is_some()
    );
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_marked_and_marks_nothing() {
    let world = marking(200).await;
    delete(&world, 2);

    let few = world.run(json!({"dry_run": true})).await;
    delete(&world, 150);
    let many = world.run(json!({"dry_run": true})).await;

    assert_eq!(few["status"], "complete");
    assert_eq!(few["deletions"]["due"], 2);
    assert_eq!(few["deletions"]["keys"], json!([key(0), key(1)]));
    assert_eq!(
        few["message"],
        "Dry run over 198 objects: 0 to copy, 198 unchanged; 2 to mark as deleted"
    );
    assert_eq!(many["status"], "complete");
    let message = many["message"].as_str().unwrap();
    assert!(
        message.contains("; 150 deletions would be held: 150 of the 200"),
        "{message}"
    );
    assert_eq!(many["deletions"]["confirm"], json!(null));
    assert_eq!(markers(&world), 0);
    assert!(world.sim.current(BACKUP, &held_json()).is_none());
}

#[tokio::test]
async fn a_plan_tells_what_would_be_marked_and_marks_nothing() {
    let world = marking(3).await;
    delete(&world, 1);

    let plan = world.run(json!({"operation": "plan"})).await;
    let confirming = json!({"operation": "plan", "confirm": plan["run_id"]});

    assert_eq!(plan["status"], "complete");
    assert_eq!(plan["deletions"]["keys"], json!([key(0)]));
    assert_eq!(
        plan["message"],
        "Plan for 2 objects: 0 to copy, 2 unchanged; 1 to mark as deleted"
    );
    assert!(request::parse(&confirming).is_err());
    assert_eq!(markers(&world), 0);
    assert_eq!(world.keys(BACKUP).len(), 3);
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

#[tokio::test]
async fn a_bucket_that_stopped_keeping_versions_is_not_marked() {
    let world = marking(3).await;
    delete(&world, 1);
    let suspend = Effect::before(|sim| sim.set_versioning(BACKUP, Versioning::Suspended));
    world
        .sim
        .fault(Fault::on(Verb::GetBucketVersioning).nth(2), suspend);

    let result = world.backup().await;

    assert_eq!((marked(&result), markers(&world)), (0, 0));
    assert_eq!(result["failures"][0]["code"], "NotVersioned");
    assert_adds_up(&result);
}

#[tokio::test]
async fn a_bucket_that_does_not_tell_whether_it_keeps_versions_is_not_marked() {
    let world = marking(3).await;
    delete(&world, 1);
    let question = Fault::on(Verb::GetBucketVersioning).nth(2);
    world.sim.fault(question, denied());

    let result = world.backup().await;

    assert_eq!((marked(&result), markers(&world)), (0, 0));
    assert_eq!(count(&result, "errors"), 1, "{result}");
    assert_eq!(result["failures"][0]["key"], key(0));
    assert_eq!(result["failures"][0]["operation"], "GetBucketVersioning");
}

#[tokio::test]
async fn a_bucket_is_asked_again_before_a_marker_that_was_refused_is_repeated() {
    let world = marking(3).await;
    delete(&world, 1);
    let first = || Fault::on(Verb::DeleteObject).nth(1);
    let suspend = Effect::before(|sim| sim.set_versioning(BACKUP, Versioning::Suspended));
    world.sim.fault(first(), suspend);
    let refused = Effect::status(412, "PreconditionFailed", "another one");
    world.sim.fault(first(), refused);

    let result = world.backup().await;

    assert_eq!((marked(&result), markers(&world)), (0, 1));
    assert_eq!(result["failures"][0]["code"], "NotVersioned");
    assert!(world.keys(BACKUP).contains(&key(0)));
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

/// A world in which copies and looks are slow: 8 at once take 20 ms.
async fn slow(objects: usize) -> World {
    let sim = Sim::builder()
        .latency(Class::Copy, Duration::from_millis(20))
        .latency(Class::Head, Duration::from_millis(20))
        .page_size_max(50)
        .start();
    let world = World::around(sim)
        .with("BACKUP_MAX_CONCURRENCY", "8")
        .with("BACKUP_DELETIONS", "mark")
        .with("BACKUP_MAX_DELETIONS", "1000000")
        .with("BACKUP_MAX_DELETIONS_PERCENT", "100");
    backed_up(world, objects).await
}

/// Continues until nothing is left; all results.
async fn to_the_end(world: &World, time: Duration, payload: Value) -> Vec<Value> {
    let mut results = vec![within(world, time, &payload).await];
    while !results[results.len() - 1]["cursor"].is_null() {
        assert!(results.len() < 50, "no end of it: {results:?}");
        let cursor = results[results.len() - 1]["cursor"].clone();
        results.push(
            within(
                world,
                time,
                &json!({"operation": "continue", "cursor": cursor}),
            )
            .await,
        );
    }
    results
}

/// The same, of runs that are told to stop at the nth call of a verb, however fast the machine is.
async fn to_the_end_by(world: &World, verb: Verb, nth: u64, payload: Value) -> Vec<Value> {
    let mut results = vec![world.stopped_at(verb, nth, &payload).await];
    while !results[results.len() - 1]["cursor"].is_null() {
        assert!(results.len() < 10, "no end of it: {results:?}");
        let cursor = results[results.len() - 1]["cursor"].clone();
        let going_on = json!({"operation": "continue", "cursor": cursor});
        results.push(world.stopped_at(verb, nth, &going_on).await);
    }
    results.iter().for_each(assert_adds_up);
    results
}

/// Each was marked once. A marker that was given up when the time was over may have been placed all the
/// same: then no result counts it.
fn assert_marked(world: &World, results: &[Value], objects: u64) {
    let told: u64 = results.iter().map(marked).sum();
    let given_up = 8 * results.len() as u64;
    assert!(
        told <= objects && told + given_up >= objects,
        "{told}: {results:?}"
    );
    let placed = world.sim.all_versions(BACKUP).into_iter();
    let placed = placed.filter(|version| version.is_delete_marker).count() as u64;
    assert_eq!(placed, objects, "markers were placed twice or not at all");
    assert_eq!(world.keys(BACKUP), world.keys(PRIMARY));
}

#[tokio::test]
async fn a_continued_run_marks_only_at_the_end_and_counts_everything_once() {
    let world = slow(600).await;
    delete(&world, 60);
    for n in 60..600 {
        world.put(&key(n), "changed");
    }

    let results = to_the_end_by(&world, Verb::CopyObject, 200, json!({})).await;

    let (last, stopped) = results.split_last().unwrap();
    assert!(!stopped.is_empty(), "one run was enough");
    let copying = stopped
        .iter()
        .filter(|result| result["cursor"]["stage"] == "copy");
    for result in copying {
        assert_eq!(marked(result), 0, "marked before the end: {result}");
        assert_eq!(
            result["deletions"]["postponed"],
            "not everything was counted yet"
        );
        assert_eq!(result["cursor"]["deletions"], "mark");
    }
    assert_eq!(last["status"], "complete");
    let counted = |result: &&Value| {
        let deletions = &result["deletions"];
        deletions["postponed"].is_null() && deletions["percent"].is_number()
    };
    let counted = results.iter().find(counted).unwrap();
    assert_eq!(counted["deletions"]["due"], 60);
    assert_marked(&world, &results, 60);
    assert_eq!(counted["deletions"]["percent"], 10.0, "{counted}");
    assert_eq!(world.keys(BACKUP), world.keys(PRIMARY));
    world.assert_backed_up();
}

#[tokio::test]
async fn a_confirmation_goes_on_with_a_run_that_is_stopped() {
    let world = slow(600)
        .await
        .with("BACKUP_MAX_DELETIONS", "0")
        .with("BACKUP_MAX_DELETIONS_PERCENT", "0");
    delete(&world, 60);
    let held = world.backup().await;
    for n in 60..600 {
        world.put(&key(n), "changed");
    }

    let results = to_the_end_by(&world, Verb::CopyObject, 200, confirming(&held)).await;

    assert!(results.len() > 1, "one run was enough");
    assert_eq!(state_of(&world, &results[0])["confirm"], held["run_id"]);
    assert_marked(&world, &results, 60);
    assert_eq!(results.last().unwrap()["status"], "complete");
}

#[tokio::test]
async fn a_listing_that_broke_off_before_the_run_was_stopped_forbids_deletions_to_the_end() {
    let world = slow(600).await;
    delete(&world, 20);
    for n in 20..23 {
        world.put(&key(n), "changed");
    }
    let second_page = Fault::on(Verb::ListObjectsV2).bucket(BACKUP).nth(2);
    world.sim.fault(second_page, denied());
    world.sim.fault(Fault::on(Verb::CopyObject), Effect::Stall);
    let stopped = within(&world, Duration::from_secs(2), &json!({})).await;
    world.sim.clear_faults();
    assert!(count(&stopped, "errors") > 0, "{stopped}");
    let state = state_of(&world, &stopped);
    assert_eq!(
        (&state["deletions"], &state["counted"]),
        (&json!("mark"), &json!(null))
    );

    let going_on = json!({"operation": "continue", "cursor": stopped["cursor"]});
    let results = to_the_end(&world, Duration::from_secs(20), going_on).await;

    let last = &results.last().unwrap()["deletions"]["postponed"];
    let why = last.as_str().unwrap();
    assert!(
        why.contains("it is not known what was counted before"),
        "{why}"
    );
    assert_eq!(results.iter().map(marked).sum::<u64>(), 0);
    assert_eq!(markers(&world), 0);
}

#[tokio::test]
async fn marking_that_is_stopped_is_continued_and_marks_no_more_than_agreed() {
    let world = slow(1000).await;
    delete(&world, 900);

    let results = to_the_end_by(&world, Verb::DeleteObject, 250, json!({})).await;

    let stopped = results
        .iter()
        .filter(|result| result["cursor"]["stage"] == "mark");
    assert!(stopped.count() > 0, "{results:?}");
    assert_marked(&world, &results, 900);
    assert_eq!(world.keys(BACKUP), world.keys(PRIMARY));
    let agreed = |result: &Value| {
        let marks = result["cursor"]["stage"] == "mark";
        marks.then(|| state_of(&world, result)["agreed"].as_u64().unwrap())
    };
    // What is done is subtracted from what was agreed, in each invocation.
    let mut done = 0;
    for result in &results {
        done += marked(result);
        if let Some(left) = agreed(result) {
            assert_eq!(left + done, 900, "{result}");
        }
    }
}

#[tokio::test]
async fn a_run_that_has_to_stop_before_it_marks_leaves_that_to_a_cursor() {
    let world = marking(3).await;
    delete(&world, 1);
    let (second, stall) = (Fault::on(Verb::GetBucketVersioning).nth(2), Effect::Stall);
    world.sim.fault(second, stall);

    let stopped = within(&world, Duration::from_secs(2), &json!({})).await;
    let going_on = json!({"operation": "continue", "cursor": stopped["cursor"]});
    let result = within(&world, Duration::from_secs(30), &going_on).await;

    assert_eq!(stopped["status"], "incomplete", "{stopped}");
    assert_eq!((count(&stopped, "errors"), marked(&stopped)), (0, 0));
    assert_eq!(state_of(&world, &stopped)["agreed"], 1);
    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(marked(&result), 1);
    assert_eq!(world.keys(BACKUP), world.keys(PRIMARY));
}

#[tokio::test]
async fn snapshots_are_closed_before_anything_is_marked_and_not_once_more() {
    let world = slow(600).await;
    delete(&world, 500);

    let results = to_the_end_by(&world, Verb::DeleteObject, 200, json!({})).await;

    let snapshots = results
        .iter()
        .map(|result| &result["destinations"][0]["snapshot"]);
    let snapshots: Vec<&Value> = snapshots.filter(|snapshot| !snapshot.is_null()).collect();
    let written = snapshots
        .iter()
        .filter(|snapshot| !snapshot["key"].is_null());
    assert!(snapshots.len() < results.len(), "{results:?}");
    assert_eq!(written.count(), 1, "{snapshots:?}");
    let last = snapshots[snapshots.len() - 1];
    assert_eq!(
        (&last["objects"], &last["problem"]),
        (&json!(100), &json!(null))
    );
    let again = world.backup().await;
    assert_eq!(counts(&again), [100, 0, 100, 0, 0, 0]);
    assert_eq!(again["destinations"][0]["snapshot"]["segments_written"], 0);
}

#[tokio::test]
async fn a_destination_that_is_done_is_not_recorded_again_when_the_other_goes_on() {
    let world = World::new()
        .with_bucket("second")
        .with("DESTINATION_BUCKET", "backup,second")
        .with("BACKUP_DELETIONS", "mark");
    let world = backed_up_in(world, 3, 2).await;
    delete(&world, 1);
    world.put(&key(2), "changed");
    let copies = Fault::on(Verb::CopyObject).bucket("second");
    world.sim.fault(copies, Effect::Stall);
    let stopped = within(&world, Duration::from_secs(2), &json!({})).await;
    world.sim.clear_faults();
    assert_eq!(stopped["cursor"]["states"].as_array().unwrap().len(), 2);

    let result = world
        .run(json!({"operation": "continue", "cursor": stopped["cursor"]}))
        .await;

    assert_eq!(
        result["destinations"][0]["snapshot"],
        json!(null),
        "{result}"
    );
    assert_eq!(marked(&result), 2);
}

#[tokio::test]
async fn a_cursor_that_does_not_know_what_was_counted_marks_nothing() {
    let world = marking_in_pages(30).await;
    delete(&world, 3);
    let range = json!({"destination": BACKUP, "after": key(10)});
    let old = json!({"format": 2, "prefix": "", "mode": "incremental", "dry_run": false, "ranges": [range]});

    let result = world
        .run(json!({"operation": "continue", "cursor": old}))
        .await;

    assert_eq!(result["status"], "complete");
    assert_eq!(result["deletions"], json!(null));
    assert_eq!(markers(&world), 0);
}

#[tokio::test]
async fn what_a_stopped_run_has_counted_counts_for_the_brake() {
    let world = marking(200).await;
    delete(&world, 150);
    world.put(&key(160), "changed");
    world.sim.fault(Fault::on(Verb::CopyObject), Effect::Stall);
    let stopped = within(&world, Duration::from_secs(2), &json!({})).await;
    world.sim.clear_faults();
    let counted = &state_of(&world, &stopped)["counted"];
    assert_eq!(counted["gone"], 150, "{counted}");

    let result = world
        .run(json!({"operation": "continue", "cursor": stopped["cursor"]}))
        .await;

    assert_eq!(result["status"], "held");
    assert_eq!(result["deletions"]["due"], 150);
    assert_eq!(result["deletions"]["percent"], 75.0);
}

#[tokio::test]
async fn what_a_cursor_says_itself_of_deletions_proves_nothing() {
    let world = marking(200).await;
    delete(&world, 150);
    let range = json!({"destination": BACKUP, "after": key(120)});
    let counted = json!({"destination": BACKUP, "source": 1000, "backup": 100_000, "gone": 0});
    let agreed = json!({"destination": BACKUP, "most": 150});
    let base = json!({"format": 2, "prefix": "", "mode": "incremental", "dry_run": false,
        "deletions": "mark", "ranges": [range]});
    let with = |field: &str, rows: Value| {
        let mut cursor = base.clone();
        cursor[field] = json!([rows]);
        json!({"operation": "continue", "cursor": cursor})
    };

    let counting = world.run(with("counted", counted)).await;
    let marking = world.run(with("agreed", agreed)).await;

    let why = counting["deletions"]["postponed"].as_str().unwrap();
    assert!(why.contains("proves nothing"), "{why}");
    assert_eq!(marking["status"], "held", "it is counted anew: {marking}");
    assert_eq!(marking["deletions"]["due"], 150);
    assert_eq!(markers(&world), 0);
}

#[tokio::test]
async fn a_new_bucket_without_backups_has_nothing_to_mark() {
    let world = World::new().with("BACKUP_DELETIONS", "mark");
    world.put("a", "1");
    world
        .sim
        .create_bucket_with("plain", BucketOptions::default());

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    assert_eq!(result["deletions"]["percent"], 0.0);
    assert_eq!(markers(&world), 0);
}
