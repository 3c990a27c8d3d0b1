//! What the page shows: runs, folders, names, one file over time, and its bytes.

use serde_json::{Value, json};

use super::{Served, paths};
use crate::world::{PRIMARY, World};

/// Two nights: `a/old.txt` is deleted, `a/b/Report.txt` changed, `new` added.
async fn two_nights() -> World {
    let world = World::new();
    world.put("a/old.txt", "old");
    world.put("a/b/Report.txt", "first");
    world.put("top", "1");
    world.backup().await;
    world.sim.delete(PRIMARY, "a/old.txt");
    world.put("a/b/Report.txt", "second");
    world.put("new", "1");
    world.backup().await;
    world
}

/// All entries of a folder, page by page.
fn folder(served: &Served, run: &str, folder: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = served.ask(
            "folder",
            json!({"run": run, "folder": folder, "after": after}),
        );
        let entries = paths(&page["entries"]);
        assert!(entries.len() <= 200);
        all.extend(entries);
        after = page["next"].clone();
        if after.is_null() {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_shown_as_it_was_on_each_day() {
    let world = two_nights().await;
    let served = Served::signed_in(&world);
    let runs = served.runs();
    assert_eq!(runs.len(), 2);

    assert_eq!(folder(&served, &runs[0], ""), ["a/", "new", "top"]);
    assert_eq!(folder(&served, &runs[1], ""), ["a/", "top"]);
    assert_eq!(folder(&served, &runs[0], "a/"), ["a/b/"]);
    assert_eq!(folder(&served, &runs[1], "a/"), ["a/b/", "a/old.txt"]);
    assert_eq!(folder(&served, &runs[1], "nothing/"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_comes_in_pages_of_200_and_no_entry_is_lost_or_told_twice() {
    let world = World::new();
    let mut expected = Vec::new();
    for number in 0..450 {
        // Each third entry is a folder with several files.
        if number % 3 == 0 {
            for file in 0..3 {
                world.put(&format!("x/{number:03}/{file}"), "1");
            }
            expected.push(format!("x/{number:03}/"));
        } else {
            world.put(&format!("x/{number:03}"), "1");
            expected.push(format!("x/{number:03}"));
        }
    }
    world.put("w", "1");
    world.put("y", "1");
    world.backup().await;
    let served = Served::signed_in(&world);
    let runs = served.runs();

    assert_eq!(folder(&served, &runs[0], "x/"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_found_by_a_part_of_its_name_in_any_run() {
    let world = two_nights().await;
    let served = Served::signed_in(&world);

    let found = served.ask("search", json!({"text": "OLD"}));
    assert_eq!(paths(&found["files"]), ["a/old.txt"]);
    assert_eq!(found["next"], Value::Null);
    assert_eq!(found["done"], found["of"]);

    // The newest run that has it comes first, and so do its facts.
    let found = served.ask("search", json!({"text": "report"}));
    assert_eq!(paths(&found["files"]), ["a/b/Report.txt"]);
    assert_eq!(found["files"][0]["run"], served.runs()[0]);
    assert_eq!(found["files"][0]["file"]["size"], 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_of_several_runs_is_searched_once() {
    let world = World::new();
    world.put("same", "1");
    for _ in 0..4 {
        world.backup().await;
    }
    let served = Served::signed_in(&world);

    let found = served.ask("search", json!({"text": "same"}));

    assert_eq!(found["of"], 1);
    assert_eq!(paths(&found["files"]), ["same"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_is_listed_with_its_days() {
    let world = two_nights().await;
    let served = Served::signed_in(&world);

    let deleted = served.ask("deleted", json!({"days": 30}));

    assert_eq!(paths(&deleted["files"]), ["a/old.txt"]);
    assert_eq!(deleted["files"][0]["run"], served.runs()[1]);
    assert_eq!(deleted["next"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_a_file_has_a_line_for_each_content() {
    let world = two_nights().await;
    world.backup().await;
    let served = Served::signed_in(&world);

    let history = |path: &str| {
        let history = served.ask("file", json!({"path": path}));
        let states = history["states"].as_array().unwrap().clone();
        let told = states.iter().map(|state| {
            let kind = state["kind"].as_str().unwrap().to_owned();
            (kind, state["file"]["size"].as_u64())
        });
        told.collect::<Vec<_>>()
    };

    let there = |size| ("there".to_owned(), Some(size));
    assert_eq!(history("a/b/Report.txt"), [there(6), there(5)]);
    assert_eq!(
        history("a/old.txt"),
        [("deleted".to_owned(), None), there(3)]
    );
    assert_eq!(history("new"), [there(1)]);
    let nothing = served.call("file", &json!({"path": "never"}));
    assert_eq!(nothing.status, 404, "{nothing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_past_are_compared_with_today() {
    let world = two_nights().await;
    let served = Served::signed_in(&world);
    let runs = served.runs();
    let mut files = Vec::new();
    for below in ["", "a/", "a/b/"] {
        let page = served.ask("folder", json!({"run": runs[1], "folder": below}));
        for entry in page["entries"].as_array().unwrap() {
            if !entry["file"].is_null() {
                files.push(json!({"path": entry["path"], "tag": entry["file"]["tag"]}));
            }
        }
    }
    assert_eq!(files.len(), 3);

    let today = served.ask("today", json!({"files": files}));

    assert_eq!(today["states"], json!(["same", "deleted", "changed"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_previewed_and_downloaded_as_it_was() {
    let world = two_nights().await;
    let served = Served::signed_in(&world);
    let history = served.ask("file", json!({"path": "a/b/Report.txt"}));
    let version = &history["states"][1]["file"]["version"];
    let asked = json!({"path": "a/b/Report.txt", "version": version});

    let preview = served.call("preview", &asked);
    assert_eq!(preview.body, b"first");
    let link = served.ask("download", asked);

    let url = link["url"].as_str().unwrap();
    assert!(url.contains("X-Amz-Expires=60"), "{url}");
    assert!(
        url.contains("response-content-disposition=attachment"),
        "{url}"
    );
    assert!(
        url.contains("response-content-type=application%2Foctet-stream"),
        "{url}"
    );
    let version = version.as_str().unwrap();
    assert!(url.contains(&format!("versionId={version}")), "{url}");
}
