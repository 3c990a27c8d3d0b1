//! Runs over nothing: complete, and they say so.

use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};

use crate::cli;
use crate::world::{BACKUP, PRIMARY, World};

type Variables = &'static [(&'static str, &'static str)];

fn warning(result: &Value) -> (&str, &str) {
    let warnings = result["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{result}");
    let text = |name: &str| warnings[0][name].as_str().unwrap();
    (text("code"), text("message"))
}

/// Asks for this in a world of its own, and tells the result and how many pages of the source were listed.
async fn over(variables: &[(&str, &str)], keys: &[&str], payload: Value) -> (Value, usize) {
    let mut world = World::new();
    for (name, value) in variables {
        world = world.with(name, value);
    }
    for key in keys {
        world.put(key, "1");
    }
    let result = world.run(payload).await;
    let pages = world.sim.ledger().of(Verb::ListObjectsV2);
    let pages = pages.iter().filter(|page| page.bucket == PRIMARY).count();
    (result, pages)
}

#[tokio::test]
async fn a_run_over_nothing_says_so_and_what_looks_wrong() {
    let keys = ["archive/a", "data/a", "data/b"];
    let cases: [(Variables, Value, &str, &str); 7] = [
        (
            &[("SOURCE_BUCKET", "s3://primary//data/")],
            json!({}),
            "nothing_found",
            "there are keys below \"data/\"",
        ),
        (
            &[],
            json!({"prefix": "dta/"}),
            "nothing_found",
            "did you mean \"data/\"?",
        ),
        (
            &[],
            json!({"prefix": "data/*"}),
            "nothing_found",
            "\"*\" stands for itself",
        ),
        (
            &[],
            json!({"prefix": "x/"}),
            "nothing_found",
            "the bucket has \"archive/\", \"data/\"",
        ),
        (
            &[("BACKUP_INCLUDE", "/data/*")],
            json!({}),
            "nothing_admitted",
            "did you mean \"data/*\"",
        ),
        (
            &[("BACKUP_EXCLUDE", "*")],
            json!({}),
            "nothing_admitted",
            "\"*\" excludes \"archive/a\"",
        ),
        (
            &[("BACKUP_INCLUDE_TAGS", "a=b")],
            json!({}),
            "nothing_admitted",
            "BACKUP_INCLUDE_TAGS",
        ),
    ];

    for (variables, payload, code, part) in cases {
        for operation in ["backup", "plan", "verify"] {
            let mut payload = payload.clone();
            payload["operation"] = json!(operation);
            if operation == "verify" && code == "nothing_admitted" && part.contains("TAGS") {
                // It finds all of them missing, which need not be there.
                continue;
            }

            let (result, pages) = over(variables, &keys, payload).await;

            let (said, message) = warning(&result);
            assert_eq!(
                (said, &result["status"]),
                (code, &json!("complete")),
                "{result}"
            );
            assert!(message.contains(part), "{part:?} is not in {message:?}");
            assert!(
                result["message"].as_str().unwrap().contains(message),
                "{result}"
            );
            assert_eq!(pages, 2, "one more than without a warning");
        }
    }
}

#[tokio::test]
async fn an_empty_bucket_costs_no_request_more_and_is_named() {
    let (result, pages) = over(&[], &[], json!({})).await;

    assert_eq!(
        warning(&result),
        (
            "nothing_found",
            "no object was found: bucket primary is empty"
        )
    );
    assert_eq!(pages, 1);
}

#[tokio::test]
async fn a_run_over_something_warns_of_nothing() {
    let (result, pages) = over(&[("BACKUP_INCLUDE", "data/*")], &["a", "data/a"], json!({})).await;

    assert_eq!(result["warnings"], json!([]));
    assert_eq!(pages, 1);
}

#[tokio::test]
async fn a_hint_that_cannot_be_had_is_left_out() {
    let world = World::new();
    world.put("data/a", "1");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world.sim.fault(
        Fault::on(Verb::ListObjectsV2).bucket(PRIMARY).nth(2),
        denied,
    );

    let result = world.run(json!({"prefix": "dta/"})).await;

    assert_eq!(
        warning(&result),
        (
            "nothing_found",
            "no object was found below s3://primary/dta/"
        )
    );
    assert_eq!(result["status"], "complete");
}

#[test]
fn a_run_over_nothing_says_so_on_the_command_line() {
    let world = World::new();
    world.put("data/a", "1");
    for command in ["run", "plan", "verify"] {
        let arguments = [
            command,
            "--source",
            PRIMARY,
            "--destination",
            BACKUP,
            "--prefix",
            "dta/",
        ];

        let output = cli::run(&world, &arguments);

        let stdout = cli::text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(
            stdout.contains("no object was found below s3://primary/dta/; did you mean \"data/\"?"),
            "{stdout}"
        );
    }
}
