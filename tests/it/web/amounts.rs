//! More than one answer can have: what a gateway would cut off comes in pieces, and none of it is lost.

use std::collections::BTreeSet;

use s3_sim::Verb;
use serde_json::{Value, json};

use super::{Answer, Served, paths};
use crate::world::{BACKUP, PRIMARY, World};

/// What API Gateway takes of the function, as the page keeps it.
const MOST_BYTES: usize = 1_000_000;
/// Three answers and a bit.
const MANY: usize = 330;

/// A name so long that a thousand of them are more than an answer.
fn long_name(number: usize) -> String {
    format!("d/{number:04}-{}.txt", "\u{202e}x".repeat(230))
}

/// The paths of all answers of a route, each of which names the next one with these fields.
fn all(served: &Served, route: &str, mut asked: Value, next: &[(&str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let answer: Answer = served.call(route, &asked);
        assert_eq!(answer.status, 200, "{route} {asked}: {answer:?}");
        assert!(answer.body.len() < MOST_BYTES, "{route}");
        let answer = answer.json();
        let files = paths(&answer["files"]);
        assert!(files.len() <= 100, "{route} has {}", files.len());
        found.extend(files);
        if answer["next"].is_null() {
            return found;
        }
        for (field, of) in next {
            asked[*field] = answer[*of].clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_finds_very_many_files_comes_in_pieces_and_loses_none() {
    let world = World::new();
    let names: BTreeSet<String> = (0..MANY).map(long_name).collect();
    for name in &names {
        world.put(name, "1");
    }
    world.backup().await;
    world.put("d/later.txt", "1");
    world.backup().await;
    let served = Served::signed_in(&world);

    let found = all(
        &served,
        "search",
        json!({"text": ".TXT"}),
        &[("from", "next")],
    );

    let told: BTreeSet<String> = found.into_iter().collect();
    let mut expected = names;
    expected.insert("d/later.txt".to_owned());
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_night_deleted_comes_in_pieces_and_is_told_once() {
    let world = World::new();
    let mut expected = Vec::new();
    for number in 0..MANY {
        world.put(&long_name(number), "1");
        world.put(&format!("d/{number:04}a"), "1");
    }
    world.backup().await;
    for number in 0..MANY {
        // What stays is rewritten, so that no segment is that of the night before.
        world.put(&format!("d/{number:04}a"), "22");
        world.sim.delete(PRIMARY, &long_name(number));
        expected.push(long_name(number));
    }
    world.backup().await;
    let served = Served::signed_in(&world);

    let next = [("from", "next"), ("after", "after")];
    let found = all(&served, "deleted", json!({"days": 30}), &next);

    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_no_answer_gave_is_refused_and_breaks_nothing() {
    let world = World::new();
    world.put("a", "1");
    world.backup().await;
    let served = Served::signed_in(&world);
    let run = &served.runs()[0];
    let from =
        |run: &str, segment: u64| json!({"text": "a", "from": {"run": run, "segment": segment}});

    for asked in [from(run, u64::MAX), from(run, 2), from("never", 0)] {
        let answer = served.call("search", &asked);
        assert_eq!(answer.status, 422, "{asked}: {answer:?}");
        assert_eq!(answer.json()["field"], "from");
    }
    let behind = json!({"text": "a", "from": {"run": run, "segment": 0, "after": "z"}});
    assert_eq!(served.ask("search", behind)["files"], json!([]));
    let never = served.ask(
        "deleted",
        json!({"days": 30, "from": "never", "after": "x"}),
    );
    assert_eq!(
        (&never["files"], &never["next"]),
        (&json!([]), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_those_of_the_chain_and_not_those_of_a_listing() {
    let world = World::new();
    world.put("a", "1");
    for _ in 0..40 {
        world.backup().await;
    }
    let served = Served::signed_in(&world);
    let runs = served.runs();
    assert_eq!(runs.len(), 40);

    // An index that none names, as a run leaves it that was ended by force.
    let keys = world.sim.keys(BACKUP);
    let end = format!("snapshots/{}.json", runs[20]);
    let key = keys.iter().find(|key| key.ends_with(&end)).unwrap();
    let index = world.sim.current(BACKUP, key).unwrap();
    let text = String::from_utf8(index.content.as_bytes().unwrap().to_vec()).unwrap();
    let other = format!("{}-ffff", &runs[20][..20]);
    let text = text.replace(&runs[20], &other);
    world
        .sim
        .put(BACKUP, &key.replace(&runs[20], &other), text.as_str());
    assert_eq!(Served::signed_in(&world).runs(), runs);

    // Nothing behind an index that is lost can be proven, though it is there.
    world.sim.delete(BACKUP, key);
    let served = Served::signed_in(&world);
    assert_eq!(served.runs(), runs[..20]);
    let told = served.ask("runs", json!({}));
    assert!(told["problem"].is_string(), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_that_were_left_hide_no_restore() {
    let world = World::new();
    world.put("d/a", "1");
    world.put("d/b", "1");
    world.backup().await;
    world.sim.delete(PRIMARY, "d/a");
    world.sim.delete(PRIMARY, "d/b");
    let served = Served::signed_in(&world);
    let asked = json!({"run": served.runs()[0], "files": ["d/a", "d/b"], "copy": false});
    let real = served.ask("plan", asked.clone())["id"].clone();
    served.ask("confirm", json!({"id": real}));
    super::put_back::ended(&served, &real);
    world.sim.delete(PRIMARY, "d/a");
    for _ in 0..55 {
        let plan = served.ask("plan", asked.clone());
        served.ask("cancel", json!({"id": plan["id"]}));
    }
    world.sim.ledger().clear();

    let activity = served.ask("activity", json!({}));

    let restores = activity["restores"].as_array().unwrap();
    assert_eq!(restores.len(), 1, "{activity}");
    assert_eq!(restores[0]["id"], real);
    assert_eq!(
        (&restores[0]["what"], &restores[0]["what_more"]),
        (&json!("d/a"), &json!(1))
    );
    assert_eq!(activity["more"], false);
    assert_eq!(world.sim.ledger().count(Verb::ListObjectsV2), 1);
}
