//! Over damage, in place: deleted, overwritten, encrypted, newer.

use s3_sim::{Put, Verb};
use serde_json::json;

use super::{asking, id, put_into_both, restore, state, versions, world, world_in_pages};
use crate::world::{BACKUP, PRIMARY, World, count};

/// A bucket that was backed up, and what it was like then.
async fn backed_up() -> (World, super::State) {
    let world = world();
    for key in ["kept", "deleted", "changed", "set back", "a+b/ü %2F"] {
        world.put_object(
            key,
            Put::new(format!("body of {key}"))
                .meta("owner", key)
                .tag("team", "x"),
        );
    }
    world.backup().await;
    let before = state(&world, PRIMARY);
    (world, before)
}

fn damage(world: &World) {
    world.sim.delete(PRIMARY, "deleted");
    world.put("changed", "other bytes altogether");
    world.put("set back", "other");
    world.put("a+b/ü %2F", "body of a+b/ü %2E");
    world.put("new", "came later");
}

#[tokio::test]
async fn a_run_comes_back_over_whatever_is_there_as_new_versions() {
    let (world, before) = backed_up().await;
    damage(&world);
    let versions_before = versions(&world, PRIMARY);

    let result = restore(&world, json!({"all": true, "run": "latest"})).await;

    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(count(&result, "objects_restored"), 4, "{result}");
    assert_eq!(count(&result, "objects_unchanged"), 1);
    assert_eq!(result["restore"]["replaced"], 3);
    assert_eq!(result["restore"]["created"], 1);
    assert_eq!(result["restore"]["extra"], 1);
    let mut after = state(&world, PRIMARY);
    after.remove("new");
    assert_eq!(after, before);
    assert!(versions(&world, PRIMARY).is_superset(&versions_before));
}

#[tokio::test]
async fn what_was_restored_is_not_restored_again() {
    let (world, _) = backed_up().await;
    damage(&world);
    restore(&world, json!({"all": true, "run": "latest"})).await;

    let again = restore(&world, json!({"all": true, "run": "latest"})).await;

    assert_eq!(count(&again, "objects_unchanged"), 5, "{again}");
    assert_eq!(count(&again, "objects_restored"), 0);
}

#[tokio::test]
async fn only_what_is_asked_for_is_restored() {
    let (world, before) = backed_up().await;
    damage(&world);

    let key = restore(&world, json!({"keys": ["deleted"], "run": "latest"})).await;
    let prefix = restore(&world, json!({"prefix": "a+", "run": "latest"})).await;
    let globs = json!({"all": true, "run": "latest", "include": "c*,set*", "exclude": "set*"});
    let globs = restore(&world, globs).await;

    assert_eq!(count(&key, "objects_restored"), 1, "{key}");
    assert_eq!(count(&prefix, "objects_restored"), 1, "{prefix}");
    assert_eq!(count(&globs, "objects_restored"), 1, "{globs}");
    let mut after = state(&world, PRIMARY);
    assert_ne!(after.remove("set back"), before.get("set back").cloned());
    after.remove("new");
    assert_eq!(after.len(), 4);
    assert!(
        after
            .iter()
            .all(|(key, facts)| before.get(key) == Some(facts))
    );
}

#[tokio::test]
async fn existing_keys_are_left_alone_if_only_missing_ones_are_asked_for() {
    let (world, before) = backed_up().await;
    damage(&world);

    let request = json!({"all": true, "run": "latest", "only": "missing"});
    let result = restore(&world, request).await;

    assert_eq!(count(&result, "objects_restored"), 1, "{result}");
    assert_eq!(count(&result, "objects_skipped"), 4);
    let after = state(&world, PRIMARY);
    assert_eq!(after.get("deleted"), before.get("deleted"));
    assert_ne!(after.get("changed"), before.get("changed"));
}

#[tokio::test]
async fn keys_can_lose_their_beginning_on_the_way_to_another_place() {
    let world = world();
    let body = |number: usize| format!("{number}");
    let key = |number: usize| format!("a/b/{number:04}");
    for number in 0..300 {
        world.put(&key(number), &body(number));
    }
    world.put("a/c", "another");
    world.backup().await;
    let request = json!({"prefix": "a/b/", "run": "latest", "to": "s3://primary/a/copy/",
        "strip_prefix": "a/", "extra": "mark"});
    world.put("a/copy/b/0000", "other");
    world.put("a/copy/b/x", "extra");
    world.put("a/copy/c", "of nobody's concern");

    let result = restore(&world, request.clone()).await;
    let again = restore(&world, request).await;

    assert_eq!(count(&result, "objects_restored"), 300, "{result}");
    assert_eq!(result["restore"]["marked"], 1, "{result}");
    assert_eq!(count(&again, "objects_unchanged"), 300, "{again}");
    let there = state(&world, PRIMARY);
    assert_eq!(there.len(), 602);
    for number in 0..300 {
        let copy = format!("a/copy/b/{number:04}");
        assert_eq!(there[&copy].content, there[&key(number)].content);
    }
    let plan = restore(
        &world,
        json!({"keys": ["a/b/0001"], "run": "latest", "to": "s3://primary/x/",
        "strip_prefix": "a/b/", "dry_run": true}),
    );
    let plan = plan.await;
    let command = plan["restore"]["plan"]["command"].as_str().unwrap();
    assert!(
        command.contains("--to s3://primary/x/ --strip-prefix a/b/ "),
        "{command}"
    );
}

#[tokio::test]
async fn another_bucket_gets_the_same_objects_below_its_prefix() {
    let (world, before) = backed_up().await;
    damage(&world);
    let world = world.with_bucket("elsewhere");
    let live = state(&world, PRIMARY);

    let request = json!({"all": true, "run": "latest", "to": "s3://elsewhere/back/"});
    let result = restore(&world, request.clone()).await;
    let again = restore(&world, request).await;

    assert_eq!(count(&result, "objects_restored"), 5, "{result}");
    assert_eq!(count(&again, "objects_unchanged"), 5, "{again}");
    let there = state(&world, "elsewhere");
    let there = there
        .into_iter()
        .map(|(key, facts)| (key.trim_start_matches("back/").to_owned(), facts));
    assert_eq!(there.collect::<super::State>(), before);
    assert_eq!(state(&world, PRIMARY), live);
}

#[tokio::test]
async fn a_dry_run_tells_and_writes_nothing() {
    let (world, _) = backed_up().await;
    damage(&world);
    let live = versions(&world, PRIMARY);
    let backup = versions(&world, BACKUP);
    world.sim.ledger().clear();

    let request = json!({"all": true, "run": "latest", "dry_run": true});
    let result = restore(&world, request).await;

    let plan = &result["restore"]["plan"];
    assert_eq!(count(&result, "objects_to_copy"), 4, "{result}");
    assert_eq!(plan["happens"][0]["name"], "new");
    assert_eq!(plan["happens"][0]["objects"], 1);
    assert_eq!(plan["keys"].as_array().unwrap().len(), 4);
    let run = result["restore"]["point"]["run"].as_str().unwrap();
    let command =
        format!("s3-backup restore --all --run {run} --source primary --destination backup");
    assert_eq!(plan["command"], command);
    assert!(result["restore"]["id"].is_null());
    assert_eq!(versions(&world, PRIMARY), live);
    assert_eq!(versions(&world, BACKUP), backup);
    assert_eq!(world.sim.ledger().count(Verb::PutObject), 0);
}

#[tokio::test]
async fn a_held_plan_waits_and_does_exactly_what_was_planned() {
    let (world, before) = backed_up().await;
    damage(&world);

    let request = json!({"all": true, "run": "latest", "hold": true});
    let held = restore(&world, request).await;
    assert_eq!(held["status"], "held", "{held}");
    assert_eq!(held["restore"]["confirm"], held["restore"]["id"]);
    assert_ne!(state(&world, PRIMARY).get("changed"), before.get("changed"));
    // What comes later is not in the plan.
    world.sim.delete(PRIMARY, "kept");
    let done = restore(&world, json!({"confirm": id(&held)})).await;

    assert_eq!(done["status"], "complete", "{done}");
    assert_eq!(count(&done, "objects_restored"), 4);
    let after = state(&world, PRIMARY);
    assert_eq!(after.get("kept"), None);
    assert_eq!(after.get("changed"), before.get("changed"));
}

#[tokio::test]
async fn what_changes_after_the_plan_is_looked_at_again_restored_and_counted() {
    let (world, before) = backed_up().await;
    damage(&world);
    let request = json!({"all": true, "run": "latest", "hold": true});
    let held = restore(&world, request).await;

    world.put("changed", "once more");
    world.put("deleted", "somebody was faster");
    let done = restore(&world, json!({"confirm": id(&held)})).await;

    assert_eq!(done["status"], "complete", "{done}");
    assert_eq!(done["restore"]["changed_meanwhile"], 2);
    assert_eq!(done["restore"]["replaced"], 4);
    let after = state(&world, PRIMARY);
    assert_eq!(after.get("changed"), before.get("changed"));
    assert_eq!(after.get("deleted"), before.get("deleted"));
}

#[tokio::test]
async fn every_copy_is_bound_to_its_version_and_to_its_target() {
    let (world, _) = backed_up().await;
    damage(&world);
    world.sim.ledger().keep(s3_sim::Detail::Entries);
    world.sim.ledger().clear();

    restore(&world, json!({"all": true, "run": "latest"})).await;

    let copies = world.sim.ledger().of(Verb::CopyObject);
    assert_eq!(copies.len(), 4);
    for copy in copies {
        assert!(copy.copy_source().unwrap().contains("?versionId="));
        assert!(copy.header("x-amz-copy-source-if-match").is_some());
        let target = [copy.header("if-match"), copy.header("if-none-match")];
        assert_eq!(target.into_iter().flatten().count(), 1, "{target:?}");
    }
}

#[tokio::test]
async fn extra_keys_are_marked_under_the_brake() {
    let world = world();
    for number in 0..20 {
        world.put(&format!("old {number}"), "x");
    }
    world.backup().await;
    for number in 0..3 {
        world.put(&format!("new {number}"), "x");
    }
    let few = json!({"all": true, "run": "latest", "extra": "mark"});
    let result = restore(&world, few.clone()).await;
    assert_eq!(result["restore"]["marked"], 3, "{result}");
    assert_eq!(world.keys(PRIMARY).len(), 20);

    for number in 0..11 {
        world.put(&format!("new {number}"), "x");
    }
    let held = restore(&world, few).await;
    assert_eq!(held["status"], "held", "{held}");
    assert_eq!(world.keys(PRIMARY).len(), 31);
    let done = restore(&world, json!({"confirm": id(&held)})).await;

    assert_eq!(done["restore"]["marked"], 11, "{done}");
    assert_eq!(world.keys(PRIMARY).len(), 20);
}

#[tokio::test]
async fn keys_that_the_backup_leaves_out_are_never_extra() {
    let world = world().with("BACKUP_EXCLUDE", "tmp/*");
    world.put("a", "x");
    world.put("tmp/b", "x");
    world.backup().await;

    let request = json!({"all": true, "run": "latest", "extra": "mark"});
    let result = restore(&world, request).await;

    assert_eq!(result["restore"]["extra"], 0, "{result}");
    assert_eq!(world.keys(PRIMARY), ["a", "tmp/b"]);
    let by_tags = world.with("BACKUP_INCLUDE_TAGS", "backup=yes");
    let request = asking(json!({"all": true, "run": "latest", "extra": "mark"}));
    let refused = by_tags.invoke(request).await.unwrap_err().to_string();
    assert!(refused.contains("BACKUP_INCLUDE_TAGS"), "{refused}");
}

#[tokio::test]
async fn one_key_of_many_reads_one_segment_and_lists_that_key_alone() {
    let world = world();
    let key = "object-000000012345";
    put_into_both(&world, 30_000, "x");
    world.put(key, "copied, so that its row names the version");
    world.backup().await;
    world.sim.delete(PRIMARY, key);
    world.sim.ledger().clear();

    let result = restore(&world, json!({"keys": [key], "run": "latest"})).await;

    assert_eq!(count(&result, "objects_restored"), 1, "{result}");
    let ledger = world.sim.ledger();
    let pages = ledger.of(Verb::ListObjectsV2);
    let one = ("max-keys".to_owned(), "1".to_owned());
    assert!(
        pages.len() == 1 && pages[0].query.contains(&one),
        "{pages:?}"
    );
    let segments = ledger.of(Verb::GetObject);
    let segments = segments
        .iter()
        .filter(|call| call.key.contains("/segments/"));
    assert_eq!(segments.count(), 1);
    // The backup, the target and whether that keeps versions: 3. The index and what it names: 2. The segment and
    // the copy: 2. The lease: 3. The state before and after: 2.
    assert_eq!(ledger.total(), 12, "{:?}", ledger.counts());
}

#[tokio::test]
async fn a_bucket_that_is_as_it_was_is_listed_side_by_side_at_little_cost() {
    let world = world_in_pages(200);
    put_into_both(&world, 100_000, "1");
    world.backup().await;
    world.sim.ledger().clear();

    let result = restore(&world, json!({"all": true, "run": "latest"})).await;

    assert_eq!(count(&result, "objects_unchanged"), 100_000, "{result}");
    let ledger = world.sim.ledger();
    let at_once = ledger.max_in_flight_of(Verb::ListObjectsV2);
    assert!((8..=16).contains(&at_once), "{at_once} pages at once");
    // 500 pages are needed, and each range reads its last one in part.
    let pages = ledger.count(Verb::ListObjectsV2);
    assert!(pages <= 500 + 20, "{pages} pages");
    assert_eq!(ledger.max_in_flight_of(Verb::CopyObject), 0);
}
