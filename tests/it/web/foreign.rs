//! Folders of others, behind API Gateway: they are not there, whichever way they are asked for.

use serde_json::{Value, json};

use super::hosted::{
    ADMIN, RESTORER, Site, TEAM_A, TEAM_B, VIEWER, ask, call, ended, last_but_one, two_teams,
};
use super::paths;
use crate::world::{PRIMARY, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_looks_and_puts_nothing_back() {
    let world = two_teams().await;
    let site = Site::new(&world, &[]);
    let page = site.page();
    let run = last_but_one(&page).await;
    let asked = json!({"run": run, "files": ["team-a/lost-a.txt"], "copy": false});
    let plan = ask(&page, RESTORER, "plan", asked.clone()).await;

    let runs = ask(&page, VIEWER, "runs", json!({})).await;
    assert_eq!(runs["read_only"], true);
    ask(&page, VIEWER, "file", json!({"path": "team-a/lost-a.txt"})).await;
    let (status, refused) = call(&page, VIEWER, "plan", asked).await;
    assert_eq!(status, 403, "{refused}");
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("ask an administrator")
    );
    for route in ["undo", "confirm", "cancel"] {
        let (status, refused) = call(&page, VIEWER, route, json!({"id": plan["id"]})).await;
        assert_eq!(status, 403, "{route}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_is_blind_for_the_folders_of_others() {
    let world = two_teams().await;
    let site = Site::new(&world, &[]);
    let page = site.page();
    let run = last_but_one(&page).await;
    let history = ask(&page, ADMIN, "file", json!({"path": "team-b/lost-b.txt"})).await;
    let version = history["states"][1]["file"]["version"].clone();
    let asked = json!({"run": run, "folder": "team-b/", "copy": true});
    let plan = ask(&page, ADMIN, "plan", asked).await;

    let top = ask(&page, TEAM_A, "folder", json!({"run": run, "folder": ""})).await;
    assert_eq!(paths(&top["entries"]), ["team-a/"]);
    let found = ask(&page, TEAM_A, "search", json!({"text": "lost"})).await;
    assert_eq!(paths(&found["files"]), ["team-a/lost-a.txt"]);
    let deleted = ask(&page, TEAM_A, "deleted", json!({"days": 30})).await;
    assert_eq!(paths(&deleted["files"]), ["team-a/lost-a.txt"]);
    let activity = ask(&page, TEAM_A, "activity", json!({})).await;
    assert_eq!(activity["restores"], json!([]));
    let other = json!({"path": "team-b/lost-b.txt", "version": version});
    let wish = |files: &[&str]| json!({"run": run, "files": files, "copy": false});
    let outside = [
        ("folder", json!({"run": run, "folder": "team-b/"})),
        ("folder", json!({"run": run, "folder": "team-b/none/"})),
        ("file", json!({"path": "team-b/lost-b.txt"})),
        ("file", json!({"path": "team-b/none"})),
        ("preview", other.clone()),
        ("download", other),
        ("today", json!({"files": [{"path": "top.txt", "tag": "x"}]})),
        ("plan", wish(&["team-a/lost-a.txt", "team-b/lost-b.txt"])),
        ("plan", json!({"run": run, "folder": "", "copy": false})),
        (
            "plan",
            json!({"run": run, "folder": "team-b/", "copy": true}),
        ),
        ("progress", json!({"id": plan["id"]})),
        ("confirm", json!({"id": plan["id"]})),
        ("cancel", json!({"id": plan["id"]})),
        ("undo", json!({"id": plan["id"]})),
    ];
    for (route, asked) in outside {
        let (status, refused) = call(&page, TEAM_A, route, asked.clone()).await;
        assert_eq!(status, 404, "{route} {asked}: {refused}");
        assert!(!refused.to_string().contains("team-b"), "{refused}");
    }

    let activity = ask(&page, TEAM_B, "activity", json!({})).await;
    assert_eq!(activity["restores"], json!([]), "the copies go to the top");
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_a_team_are_made_in_its_own_folder() {
    let world = two_teams().await;
    let site = Site::new(&world, &[]);
    let page = site.page();
    let run = last_but_one(&page).await;
    let before = world.sim.keys(PRIMARY);

    // Beside the folder would be where the team may not write.
    let wish = json!({"run": run, "folder": "team-a/", "copy": true});
    let plan = ask(&page, TEAM_A, "plan", wish).await;
    ask(&page, TEAM_A, "confirm", json!({"id": plan["id"]})).await;
    ended(&page, &plan["id"]).await;

    let folder = plan["copies_into"].as_str().unwrap();
    assert!(folder.starts_with("team-a/restored "), "{plan}");
    let mut after = world.sim.keys(PRIMARY);
    after.retain(|key| !before.contains(key));
    let copies = ["kept.txt", "lost-a.txt"].map(|name| format!("{folder}{name}"));
    assert_eq!(after, copies);
}

/// Folders whose names begin alike, or differ in what people take for the same.
const ALIKE: [&str; 7] = [
    "team-a2/lost.txt",
    "team-a",
    "team-a.txt",
    "Team-A/lost.txt",
    "team-a\u{301}/lost.txt",
    "x/team-a/lost.txt",
    "/team-a/lost.txt",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_whose_name_is_nearly_the_own_one_is_foreign() {
    let world = World::new();
    for key in ALIKE {
        world.put(key, "1");
    }
    world.put("team-a/lost.txt", "1");
    world.backup().await;
    let site = Site::new(&world, &[]);
    let page = site.page();
    let runs = ask(&page, ADMIN, "runs", json!({})).await;
    let run = &runs["runs"][0]["run"];

    for text in ["lost", "LOST", "TEAM", "txt", "\u{130}", "a"] {
        let found = ask(&page, TEAM_A, "search", json!({"text": text})).await;
        let outside = paths(&found["files"]).into_iter();
        let outside: Vec<String> = outside
            .filter(|path| !path.starts_with("team-a/"))
            .collect();
        assert_eq!(outside, [""; 0], "{text}");
    }
    let ways = [
        "team-a/../team-a2/lost.txt",
        "team-a/./../Team-A/lost.txt",
        "team-a%2F..%2Fteam-a2/lost.txt",
    ];
    for path in ALIKE.into_iter().chain(ways) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let asked = [
            ("file", json!({"path": path})),
            ("preview", json!({"path": path, "version": "1"})),
            ("today", json!({"files": [{"path": path, "tag": "x"}]})),
            ("plan", json!({"run": run, "files": [path], "copy": true})),
            (
                "plan",
                json!({"run": run, "folder": format!("{folder}/"), "copy": false}),
            ),
        ];
        let own = path.starts_with("team-a/");
        for (route, asked) in asked {
            let (status, refused) = call(&page, TEAM_A, route, asked.clone()).await;
            // What begins with the own folder is a name of its own in S3, where nothing goes up.
            let expected: &[u64] = if own { &[404, 409, 200] } else { &[404] };
            assert!(
                expected.contains(&status),
                "{route} {asked}: {status} {refused}"
            );
            assert!(own || !refused.to_string().contains("lost"), "{refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_of_a_foreign_file_is_none_of_an_own_one() {
    let world = two_teams().await;
    let site = Site::new(&world, &[]);
    let page = site.page();
    let history = ask(&page, ADMIN, "file", json!({"path": "team-b/lost-b.txt"})).await;
    let foreign = history["states"][1]["file"]["version"]
        .as_str()
        .unwrap()
        .to_owned();

    let own = json!({"path": "team-a/kept.txt", "version": foreign});
    let (status, refused) = call(&page, TEAM_A, "preview", own.clone()).await;
    assert_eq!(status, 404, "{refused}");
    // A link is made without asking S3; S3 then knows no such version of that file.
    let link = ask(&page, TEAM_A, "download", own).await;
    let url = link["url"].as_str().unwrap();
    assert!(
        url.contains("/team-a/kept.txt?") && !url.contains("team-b"),
        "{url}"
    );
    let wish = json!({"version": foreign, "files": ["team-a/kept.txt"], "copy": true});
    let (status, refused) = call(&page, TEAM_A, "plan", wish).await;
    assert_eq!(status, 409, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_of_what_went_beyond_the_own_folders_is_not_there() {
    let world = two_teams().await;
    let run_of = |site: Value| site["runs"][1]["run"].clone();
    let wide = Site::new(&world, &[("WEB_ACCESS", "team-a=restorer")]);
    let page = wide.page();
    let run = run_of(ask(&page, TEAM_A, "runs", json!({})).await);
    let asked = json!({"run": run, "folder": "", "copy": false});
    let plan = ask(&page, TEAM_A, "plan", asked).await;
    ask(&page, TEAM_A, "confirm", json!({"id": plan["id"]})).await;
    ended(&page, &plan["id"]).await;
    let undo = ask(&page, TEAM_A, "undo", json!({"id": plan["id"]})).await;

    // From now on the same person may see one folder only.
    let narrow = Site::new(&world, &[]);
    let page = narrow.page();
    for id in [&plan["id"], &undo["id"]] {
        for route in ["undo", "confirm", "cancel", "progress"] {
            let (status, refused) = call(&page, TEAM_A, route, json!({"id": id})).await;
            assert_eq!(status, 404, "{route}: {refused}");
        }
    }
    assert!(world.sim.current(PRIMARY, "team-b/lost-b.txt").is_some());
    let activity = ask(&page, TEAM_A, "activity", json!({})).await;
    assert_eq!(activity["restores"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_of_somebody_else_shows_nothing_of_theirs() {
    let world = two_teams().await;
    let site = Site::new(&world, &[]);
    let page = site.page();
    let run = last_but_one(&page).await;

    let from = json!({"run": run, "segment": 0, "after": "team-b/"});
    let (_, found) = call(
        &page,
        TEAM_A,
        "search",
        json!({"text": "lost", "from": from}),
    )
    .await;
    assert!(!found.to_string().contains("team-b"), "{found}");
    let last = ask(&page, ADMIN, "runs", json!({})).await["runs"][0]["run"].clone();
    for after in [Value::Null, json!("team-a/"), json!("team-b/"), json!("")] {
        let asked = json!({"days": 30, "from": last, "after": after});
        let deleted = ask(&page, TEAM_A, "deleted", asked).await;
        assert!(!deleted.to_string().contains("team-b"), "{deleted}");
    }
    for after in ["team-b/lost-b.txt", "team-b/", "top.txt", "team-a0"] {
        let asked = json!({"run": run, "folder": "team-a/", "after": after});
        let (status, refused) = call(&page, TEAM_A, "folder", asked).await;
        assert_eq!(status, 422, "{after}: {refused}");
    }
}
