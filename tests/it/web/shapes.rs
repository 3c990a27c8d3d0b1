//! The JSON of each route, in a golden file: fields are added, never renamed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Served;
use super::put_back::ended;
use crate::world::{PRIMARY, World};

/// The fields of a value and their types, one a line.
fn shape(value: &Value, at: &str, to: &mut BTreeMap<String, &'static str>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "flag",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(items) => {
            for item in items {
                shape(item, &format!("{at}[]"), to);
            }
            "list"
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                shape(value, &format!("{at}.{name}"), to);
            }
            return;
        }
    };
    // A field that is there once tells more than one that is not.
    let known = to.entry(at.to_owned()).or_insert(kind);
    if *known == "null" {
        *known = kind;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_routes_answer_in_the_shapes_of_the_golden_file() {
    let world = World::new();
    world
        .sim
        .set_versioning(PRIMARY, s3_sim::Versioning::Enabled);
    world.put("d/a.txt", "1");
    world.put("d/gone.txt", "1");
    world.backup().await;
    world.sim.delete(PRIMARY, "d/gone.txt");
    world.put("d/a.txt", "12");
    world.backup().await;
    let served = Served::signed_in(&world);
    let runs = served.runs();
    let history = served.ask("file", json!({"path": "d/gone.txt"}));
    let version = history["states"][1]["file"]["version"].clone();
    let plan = json!({"run": runs[1], "files": ["d/gone.txt"], "copy": true});
    let held = served.ask("plan", plan.clone());
    let id = json!({"id": held["id"]});
    served.ask("confirm", id.clone());
    ended(&served, &held["id"]);
    let asked = [
        ("me", json!({})),
        ("runs", json!({})),
        (
            "folder",
            json!({"run": runs[1], "folder": "d/", "after": null}),
        ),
        ("today", json!({"files": [{"path": "d/a.txt", "tag": "x"}]})),
        (
            "search",
            json!({"text": "gone", "from": {"run": runs[0], "segment": 0, "after": ""}}),
        ),
        ("deleted", json!({"days": 30, "from": null, "after": null})),
        ("file", json!({"path": "d/gone.txt"})),
        (
            "download",
            json!({"path": "d/gone.txt", "version": version}),
        ),
        ("plan", plan),
        ("progress", id.clone()),
        ("activity", json!({})),
        ("undo", id),
    ];

    let mut golden = String::new();
    for (route, asked) in asked {
        let answer = served.ask(route, asked.clone());
        for (title, value) in [("asks", &asked), ("answers", &answer)] {
            let mut fields = BTreeMap::new();
            shape(value, "", &mut fields);
            let _ = writeln!(golden, "POST /api/{route} {title}");
            for (field, kind) in fields {
                let _ = writeln!(golden, "  {field}: {kind}");
            }
        }
    }

    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/web-routes.txt");
    let known = std::fs::read_to_string(file).unwrap_or_default();
    assert!(golden == known, "{file} should be:\n{golden}");
}
