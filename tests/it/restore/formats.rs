//! What lies in a backup bucket is read for ever, and what a later version wrote is left as it is.

use serde_json::{Value, json};

use super::{asking, id, refusal, restore, state, world};
use crate::world::{BACKUP, PRIMARY, World};

/// More objects than a plan has that lies in one object.
const MANY: usize = 101;

/// A restore that is held, over an object that was damaged.
async fn held() -> (World, Value) {
    held_of(1).await
}

/// The same over so many objects.
async fn held_of(objects: usize) -> (World, Value) {
    let world = world();
    let keys = (1..objects).map(|number| format!("b {number}"));
    let keys: Vec<String> = ["a".to_owned()].into_iter().chain(keys).collect();
    for key in &keys {
        world.put(key, "1");
    }
    world.backup().await;
    for key in &keys {
        world.put(key, "damaged");
    }
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
    let cases = [
        (1, "/request.json"),
        (MANY, "/request.json"),
        (MANY, "/progress.json"),
    ];
    for (objects, end) in cases {
        let (world, id) = held_of(objects).await;
        let key = key_of(&world, end);
        world
            .sim
            .put(BACKUP, &key, of_format(&text(&world, &key), 3));
        let newer = world.sim.versions(BACKUP, &key);
        let live = world.sim.all_versions(PRIMARY);

        for verb in ["confirm", "continue", "cancel", "undo"] {
            let refused = refusal(&world, json!({verb: id})).await;

            let id = id.as_str().unwrap();
            let told = format!(
                "the state of restore {id} has format 3; this version reads up to 2: go on with the version \
                 that began it"
            );
            assert_eq!(refused, told, "{objects} {end} {verb}");
        }
        assert_eq!(world.sim.versions(BACKUP, &key), newer, "{objects} {end}");
        assert_eq!(world.sim.all_versions(PRIMARY), live, "{objects} {end}");
    }
}

#[tokio::test]
async fn a_list_of_what_is_open_that_a_later_version_wrote_is_left_as_it_is() {
    let (world, id) = held_of(MANY).await;
    restore(&world, json!({"confirm": id})).await;
    for key in world.keys(PRIMARY) {
        world.put(&key, "damaged again");
    }
    let hold = json!({"keys": ["a"], "run": "latest", "hold": true});
    let id = super::id(&restore(&world, hold).await);
    let key = key_of(&world, "restores/open.json");
    world
        .sim
        .put(BACKUP, &key, of_format(r#"{"restores": []}"#, 2));
    let newer = world.sim.versions(BACKUP, &key);
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
        assert!(error.to_string().ends_with(&told), "{request}: {error}");
        assert_eq!(error.error_type(), "RequestError", "{request}");
    }
    assert_eq!(world.sim.all_versions(PRIMARY), live);
    // One that lies in one object needs no list.
    let done = restore(&world, json!({"keys": ["a"], "run": "latest"})).await;
    assert_eq!(done["status"], "complete", "{done}");
    assert_eq!(world.sim.versions(BACKUP, &key), newer);
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

/// The stored text, with what differs from world to world as it is in this one.
fn of_this_world(golden: &str, world: &World, id: &Value) -> Value {
    let stored: Value =
        serde_json::from_str(&text(world, &key_of(world, "/request.json"))).unwrap();
    let (progress, row) = (&stored["progress"], &stored["plan"][0]);
    let words = [
        ("ID", id),
        ("ASKED_BY", &stored["asked_by"]),
        ("STARTED_AT", &stored["started_at"]),
        ("RUN", &stored["point"]["run_id"]),
        ("ENDED_AT", &stored["point"]["ended_at"]),
        ("SHA256", &progress["parts"][0]["sha256"]),
        ("PLANNED_AT", &progress["planned_at"]),
        ("UPDATED_AT", &progress["updated_at"]),
        ("BACKUP_VERSION", &row["copy"]["version_id"]),
        ("BACKUP_ETAG", &row["copy"]["etag"]),
        ("BACKUP_MODIFIED", &row["copy"]["modified"]),
        ("LIVE_ETAG", &row["now"]["etag"]),
        ("LIVE_MODIFIED", &row["now"]["modified"]),
    ];
    let text = words.iter().fold(golden.to_owned(), |text, (word, value)| {
        text.replace(&format!("\"{word}\""), &value.to_string())
    });
    serde_json::from_str(&text).unwrap()
}

async fn assert_confirms(world: &World, id: &Value) {
    let written = world.sim.current(BACKUP, "a").unwrap();
    let there = world.sim.current(PRIMARY, "a").unwrap();

    let done = restore(world, json!({"confirm": id})).await;

    assert_eq!(done["status"], "complete", "{done}");
    assert_eq!(done["objects_restored"], 1, "{done}");
    let restored = &state(world, PRIMARY)["a"];
    assert_eq!(restored.content, written.content);
    assert_ne!(restored.content, there.content);
    let undone = restore(world, json!({"undo": id})).await;
    assert_eq!(undone["status"], "complete", "{undone}");
    assert_eq!(state(world, PRIMARY)["a"].content, there.content);
}

/// The state of a held restore as version 0.2 writes it: later versions read it, too.
#[tokio::test]
async fn state_of_format_1_is_read() {
    let (world, id) = held().await;
    let golden = include_str!("../../golden/restore-state-1.json");
    let mut golden = of_this_world(golden, &world, &id);
    let plan = zstd::bulk::compress(format!("{}\n", golden["plan row"]).as_bytes(), 1).unwrap();
    golden["progress.json"]["parts"][0]["sha256"] = json!(sha256(&plan));
    let request = key_of(&world, "/request.json");
    let folder = request.strip_suffix("/request.json").unwrap();
    for name in ["request.json", "progress.json"] {
        let key = format!("{folder}/{name}");
        world.sim.put(BACKUP, &key, golden[name].to_string());
    }
    let part = format!("{folder}/plan/000001.jsonl.zst");
    world.sim.put(BACKUP, &part, plan);
    let open = request.replace(
        &format!("{}/request.json", id.as_str().unwrap()),
        "open.json",
    );
    let list = golden["open.json"].to_string();
    world.sim.put(BACKUP, &open, list.clone());

    assert_confirms(&world, &id).await;

    let request: Value = serde_json::from_str(&text(&world, &request)).unwrap();
    assert_eq!(request, golden["request.json"], "it stays in format 1");
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;

    let digest = sha2::Sha256::digest(bytes);
    let bytes = digest.iter();
    bytes.fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// An earlier version reads the number before anything else, and refuses it.
#[tokio::test]
async fn state_of_format_2_is_read_and_is_written_as_it_was() {
    let (world, id) = held().await;
    let golden = include_str!("../../golden/restore-state-2.json");
    let golden = of_this_world(golden, &world, &id);
    let key = key_of(&world, "/request.json");
    let written: Value = serde_json::from_str(&text(&world, &key)).unwrap();
    assert_eq!(written, golden);
    let folder = key.strip_suffix("request.json").unwrap();
    let keys = world.sim.keys(BACKUP);
    let all: Vec<_> = keys.iter().filter(|key| key.starts_with(folder)).collect();
    assert_eq!(all, [&key], "all of it is one object");
    world.sim.put(BACKUP, &key, golden.to_string());

    assert_confirms(&world, &id).await;
}
