//! Odd keys: all are listed, compared, copied and reported as they are.

use s3_sim::{Effect, Fault, Put, Verb};

use crate::world::{World, counts};

pub fn odd_keys() -> Vec<String> {
    let odd = [
        " ",
        "a b",
        " lead",
        "trail ",
        "a  b",
        "a+b",
        "+",
        "a%b",
        "100%",
        "%2F",
        "a%2Fb",
        "%zz",
        "a?b",
        "?versionId=x",
        "a#b",
        "a&b;c=d",
        "a//b",
        "//",
        "/lead",
        "trail/",
        "/",
        ".",
        "..",
        "a/./b",
        "a/../b",
        "../up",
        "é",
        "e\u{301}",
        "日本/語",
        "😀",
        "\u{ffee}",
        "\u{1}",
        "a\u{1}b",
        "tab\tkey",
        "line\nfeed",
        "cr\rlf\r\n",
        "\u{7f}",
        "\u{a0}",
        "\"quoted\"",
        "<&>",
        "back\\slash",
        "[]{}|^`",
        "*",
        "'",
    ];
    let longest = ["k".repeat(1024), "日".repeat(341) + "k"];
    odd.iter()
        .map(|key| (*key).to_owned())
        .chain(longest)
        .collect()
}

fn world_of_odd_keys() -> World {
    let world = World::around(s3_sim::Sim::builder().page_size_max(3).start());
    for (n, key) in odd_keys().into_iter().enumerate() {
        world.put_object(
            &key,
            Put::new(format!("body {n}").as_str()).tag("n", &n.to_string()),
        );
    }
    world
}

#[tokio::test]
async fn odd_keys_are_backed_up_and_then_unchanged() {
    let world = world_of_odd_keys();
    let all = odd_keys().len() as u64;

    let first = world.backup().await;
    let second = world.backup().await;

    assert_eq!(counts(&first), [all, all, 0, 0, 0, 0], "{first}");
    assert_eq!(counts(&second), [all, 0, all, 0, 0, 0], "{second}");
    assert_eq!(world.equal(), all);
}

#[tokio::test]
async fn odd_keys_are_backed_up_below_an_odd_prefix() {
    let world = world_of_odd_keys()
        .with("BACKUP_DESTINATION_PREFIX", "a+b %2F/\u{1}/")
        .with(
            "BACKUP_EXCLUDE",
            "????????????????????????????????????????????????????????*",
        );
    let all = odd_keys().len() as u64;

    let first = world.backup().await;
    let second = world.backup().await;

    assert_eq!(counts(&first), [all, all - 2, 0, 2, 0, 0]);
    assert_eq!(counts(&second), [all, 0, all - 2, 2, 0, 0]);
}

#[tokio::test]
async fn odd_keys_are_reported_as_they_are() {
    let world = world_of_odd_keys();
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    world.sim.fault(Fault::on(Verb::CopyObject), denied);

    let result = world.backup().await;

    let failures = result["failures"].as_array().unwrap();
    let mut reported: Vec<String> = failures
        .iter()
        .map(|f| f["key"].as_str().unwrap().to_owned())
        .collect();
    let mut expected = odd_keys();
    reported.sort();
    expected.sort();
    assert_eq!(reported, expected);
}

#[tokio::test]
async fn a_plus_sign_in_a_key_is_not_a_space() {
    let world = World::new();
    world.put("a b", "space");
    world.put("a+b", "plus");

    world.backup().await;

    assert_eq!(world.backup_of("a b").content, "space".into());
    assert_eq!(world.backup_of("a+b").content, "plus".into());
}

#[tokio::test]
async fn a_server_that_does_not_encode_keys_is_understood() {
    let world = World::new();
    for key in ["a b", "a+b", "100%25", "é"] {
        world.put(key, "1");
    }
    world
        .sim
        .fault(Fault::on(Verb::ListObjectsV2), Effect::NotEncoded);

    let result = world.backup().await;

    assert_eq!(counts(&result), [4, 4, 0, 0, 0, 0]);
    assert_eq!(world.equal(), 4);
}
