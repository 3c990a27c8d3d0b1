//! What lies in a backup bucket is read for ever, and what a later version wrote is left as it is.

use serde_json::{Value, json};

use super::{asking, id, refusal, restore, state, world};
use crate::world::{BACKUP, PRIMARY, World};

/// A restore that is held, over an object that was damaged.
async fn held() -> (World, Value) {
    let world = world();
    world.put("a", "1");
    world.backup().await;
    world.put("a", "damaged");
    let held = restore(&world, json!({"all": true, "run": "latest", "hold": true})).await;
    let id = id(&held);
    (world, id)
}

fn key_of(world: &World, end: &str) -> String {
    let keys = world.sim.keys(BACKUP);
    keys.into_iter().find(|key| key.ends_with(end)).unwrap()
}

fn text(world: &World, key: &str) -> String {
    let object = world.sim.current(BACKUP, key).unwrap();
    String::from_utf8(object.content.as_bytes().unwrap().to_vec()).unwrap()
}

/// The state with another format, as a later version might write it.
fn of_format(text: &str, format: u64) -> String {
    let mut fields: Value = serde_json::from_str(text).unwrap();
    fields["format"] = json!(format);
    fields["new"] = json!({"of": "that format"});
    fields.to_string()
}

#[tokio::test]
async fn state_that_a_later_version_wrote_is_refused_and_never_written_over() {
    for end in ["/progress.json", "/request.json"] {
        let (world, id) = held().await;
        let key = key_of(&world, end);
        world
            .sim
            .put(BACKUP, &key, of_format(&text(&world, &key), 2));
        let newer = world.sim.versions(BACKUP, &key);
        let live = world.sim.all_versions(PRIMARY);

        for verb in ["confirm", "continue", "cancel", "undo"] {
            let refused = refusal(&world, json!({verb: id})).await;

            let id = id.as_str().unwrap();
            let told = format!(
                "the state of restore {id} has format 2; this version reads up to 1: go on with the version \
                 that began it"
            );
            assert_eq!(refused, told, "{end} {verb}");
        }
        assert_eq!(world.sim.versions(BACKUP, &key), newer, "{end}");
        assert_eq!(world.sim.all_versions(PRIMARY), live, "{end}");
    }
}

#[tokio::test]
async fn a_list_of_what_is_open_that_a_later_version_wrote_is_left_as_it_is() {
    let (world, id) = held().await;
    restore(&world, json!({"keys": ["a"], "run": "latest"})).await;
    let key = key_of(&world, "restores/open.json");
    world
        .sim
        .put(BACKUP, &key, of_format(r#"{"restores": []}"#, 2));
    let newer = world.sim.versions(BACKUP, &key);
    world.put("a", "damaged again");
    let live = world.sim.all_versions(PRIMARY);

    let requests = [
        json!({"all": true, "run": "latest"}),
        json!({"continue": "all"}),
        json!({"confirm": id}),
        json!({"cancel": id}),
    ];
    for request in requests {
        let error = world.invoke(asking(request.clone())).await.unwrap_err();

        let told = format!(
            "{key} has format 2; this version reads up to 1: use the version that wrote it"
        );
        assert_eq!(error.to_string(), told, "{request}");
        assert_eq!(error.error_type(), "RequestError", "{request}");
    }
    assert_eq!(world.sim.versions(BACKUP, &key), newer);
    assert_eq!(world.sim.all_versions(PRIMARY), live);
}

#[tokio::test]
async fn a_lease_of_a_target_that_a_later_version_wrote_is_left_as_it_is() {
    let (world, _) = held().await;
    let key = key_of(&world, "restores/lease-primary.json");
    world
        .sim
        .put(BACKUP, &key, of_format(&text(&world, &key), 99));
    let newer = world.sim.versions(BACKUP, &key);

    let request = json!({"all": true, "run": "latest"});
    let error = world.invoke(asking(request)).await.unwrap_err();

    assert!(error.to_string().contains("lease-primary.json"), "{error}");
    assert_eq!(world.sim.versions(BACKUP, &key), newer);
}

/// The state of a held restore as version 0.2 writes it: later versions read it, too.
#[tokio::test]
async fn state_of_format_1_is_read() {
    let (world, id) = held().await;
    let id = id.as_str().unwrap();
    let written = world.sim.current(BACKUP, "a").unwrap();
    let there = world.sim.current(PRIMARY, "a").unwrap();
    let read = |name: &str| -> Value {
        serde_json::from_str(&text(&world, &key_of(&world, name))).unwrap()
    };
    let (request, progress) = (read("/request.json"), read("/progress.json"));
    let golden = include_str!("../../golden/restore-state-1.json");
    let golden = golden
        .replace("\"ID\"", &json!(id).to_string())
        .replace("\"RUN\"", &request["point"]["run_id"].to_string())
        .replace("\"SHA256\"", &progress["parts"][0]["sha256"].to_string())
        .replace("\"PLANNED_AT\"", &progress["planned_at"].to_string());
    let golden: Value = serde_json::from_str(&golden).unwrap();
    for name in ["request.json", "progress.json"] {
        let key = key_of(&world, &format!("/{id}/{name}"));
        world.sim.put(BACKUP, &key, golden[name].to_string());
    }
    let open = key_of(&world, "/request.json").replace(&format!("{id}/request.json"), "open.json");
    world
        .sim
        .put(BACKUP, &open, golden["open.json"].to_string());

    let done = restore(&world, json!({"confirm": id})).await;

    assert_eq!(done["status"], "complete", "{done}");
    assert_eq!(done["objects_restored"], 1, "{done}");
    let restored = &state(&world, PRIMARY)["a"];
    assert_eq!(restored.content, written.content);
    assert_ne!(restored.content, there.content);
}
