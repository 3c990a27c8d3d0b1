//! Trust in a listing: its end is said, its pages agree with themselves, and doubt breaks it off.

use s3_sim::{Effect, Fault, Sim, Verb};
use serde_json::json;

use crate::cli;
use crate::world::{BACKUP, PRIMARY, World, count, counts};

/// A page with these rows, that counts so many.
fn page(rows: &str, count: usize, truncated: bool, token: Option<&str>) -> String {
    let token = token.map_or_else(String::new, |token| {
        format!("<NextContinuationToken>{token}</NextContinuationToken>")
    });
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult \
         xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><Prefix></Prefix>{token}\
         <KeyCount>{count}</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType>\
         <IsTruncated>{truncated}</IsTruncated>{rows}</ListBucketResult>"
    )
}

fn row(key: &str) -> String {
    format!(
        "<Contents><Key>{key}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>\
         <ETag>&quot;c4ca4238a0b923820dcc509a6f75849b&quot;</ETag><Size>1</Size></Contents>"
    )
}

fn pages_of(bucket: &str) -> Fault {
    Fault::on(Verb::ListObjectsV2).bucket(bucket)
}

#[tokio::test]
async fn a_token_that_repeats_breaks_the_listing_off() {
    for bucket in [PRIMARY, BACKUP] {
        let world = World::new();
        world.put("k", "1");
        let body = page("", 0, true, Some("same"));
        let strikes = world.sim.fault(pages_of(bucket), Effect::Body(body));

        let result = world.backup().await;

        assert_eq!(result["status"], "incomplete", "{result}");
        let message = result["failures"][0]["message"].as_str().unwrap();
        assert!(
            message.contains("but where the page itself began"),
            "{message}"
        );
        // The looks for a later snapshot and for old state meet the page as well.
        let of_state = if bucket == BACKUP { 2 } else { 0 };
        assert_eq!(strikes.count(), 4 + of_state);
    }
}

#[tokio::test]
async fn tokens_that_go_in_a_circle_break_the_listing_off() {
    let world = World::new();
    world.put("k", "1");
    let body = |token| Effect::Body(page("", 0, true, Some(token)));
    let some = world.sim.fault(pages_of(PRIMARY).every(2), body("a"));
    let others = world.sim.fault(pages_of(PRIMARY), body("b"));

    let result = world.backup().await;

    assert_eq!(result["status"], "incomplete", "{result}");
    let message = result["failures"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("1000 pages in a row have no key"),
        "{message}"
    );
    assert_eq!(some.count() + others.count(), 1_000);
}

#[tokio::test]
async fn an_empty_page_is_not_the_end_of_a_listing() {
    let world = World::new();
    world.put("k", "1");
    // The simulator's token for the place before all keys.
    let body = page("", 0, true, Some("MWs"));
    world
        .sim
        .fault(pages_of(PRIMARY).first(1), Effect::Body(body));

    let result = world.backup().await;

    assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
}

/// Pages of which none is whole and true.
fn doubtful_pages() -> Vec<String> {
    let good = page(&row("k"), 1, false, None);
    let altered = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    let namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
    vec![
        page("", 1, false, None),
        page(&row("k"), 2, false, None),
        page(&row("k"), 0, false, None),
        page("", 0, true, None),
        page("", 0, true, Some("")),
        page("", 0, false, Some("more")),
        page(&(row("k") + &row("k")), 2, false, None),
        page(&(row("l") + &row("k")), 2, false, None),
        page(&row("%zz"), 1, false, None),
        page(&row("%FF"), 1, false, None),
        page(&row(""), 1, false, None),
        page(&row(&"k".repeat(1_025)), 1, false, None),
        page("<Wrapped><Contents/></Wrapped>", 0, false, None),
        page(
            "<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>",
            1,
            false,
            None,
        ),
        altered("<IsTruncated>false</IsTruncated>", ""),
        altered("<IsTruncated>false", "<IsTruncated>no"),
        altered("<KeyCount>1</KeyCount>", ""),
        altered("<KeyCount>1", "<KeyCount>one"),
        altered("<Prefix></Prefix>", "<Prefix>other/</Prefix>"),
        altered(">url<", ">gzip<"),
        altered("<Size>1</Size>", ""),
        altered("<Size>1", "<Size>-1"),
        altered("<Size>1", "<Size>99999999999999999999"),
        altered("<LastModified>2026", "<LastModified>soon"),
        altered("&quot;c4ca4238a0b923820dcc509a6f75849b&quot;", ""),
        altered(namespace, "http://example.com/"),
        good.replace("ListBucketResult", "ListVersionsResult"),
        format!(
            "<a>{}</a>",
            page("", 0, false, None).split_once('\n').unwrap().1
        ),
        page("", 0, false, None) + "<ListBucketResult></ListBucketResult>",
        "<html></html>".to_owned(),
        "busy".to_owned(),
        String::new(),
    ]
}

#[tokio::test]
async fn a_page_that_leaves_doubt_is_no_page() {
    for body in doubtful_pages() {
        for bucket in [PRIMARY, BACKUP] {
            let world = World::new();
            world.put("k", "1");
            world
                .sim
                .fault(pages_of(bucket), Effect::Body(body.clone()));

            let refused = world.invoke(json!({})).await.unwrap_err();

            let error = if bucket == PRIMARY {
                "SourceError"
            } else {
                "DestinationError"
            };
            assert_eq!(refused.error_type(), error, "{body}");
            assert!(
                refused.to_string().contains("cannot be trusted"),
                "{refused}"
            );
            assert_eq!(world.keys(BACKUP), [""; 0]);
        }
    }
}

#[tokio::test]
async fn a_page_that_leaves_doubt_is_fetched_again() {
    for body in doubtful_pages() {
        let world = World::new();
        world.put("k", "1");
        world
            .sim
            .fault(pages_of(PRIMARY).first(2), Effect::Body(body));

        let result = world.backup().await;

        assert_eq!(counts(&result), [1, 1, 0, 0, 0, 0]);
    }
}

#[tokio::test]
async fn keys_that_were_not_asked_for_break_the_listing_off() {
    let world = World::new().with("SOURCE_BUCKET", "s3://primary/a/");
    world.put("a/k", "1");
    let body = page(&row("b/k"), 1, false, None).replace("<Prefix></Prefix>", "");
    world.sim.fault(pages_of(PRIMARY), Effect::Body(body));

    let refused = world.invoke(json!({})).await.unwrap_err();

    assert!(
        refused.to_string().contains("b/k, which was not asked for"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_page_that_does_not_begin_where_it_was_asked_to_breaks_the_listing_off() {
    let world = World::around(Sim::builder().page_size_max(2).start());
    for key in ["a", "b", "c", "d"] {
        world.put(key, "1");
    }
    let body = page(&row("b"), 1, false, None);
    world
        .sim
        .fault(pages_of(PRIMARY).nth(2), Effect::Body(body.clone()));
    world
        .sim
        .fault(pages_of(PRIMARY).nth(3), Effect::Body(body.clone()));
    world
        .sim
        .fault(pages_of(PRIMARY).nth(4), Effect::Body(body));

    let result = world.backup().await;

    assert_eq!(result["status"], "incomplete", "{result}");
    assert_eq!(counts(&result), [3, 2, 0, 0, 0, 1]);
}

#[tokio::test]
async fn prefixes_beyond_the_longest_key_are_refused_wherever_they_stand() {
    let world = World::new();
    world.put("k", "1");
    for bytes in [1_025, 66_000] {
        let long = "k".repeat(bytes);
        for operation in ["backup", "plan", "verify"] {
            let payload = json!({"operation": operation, "prefix": long});

            let refused = world.invoke(payload).await.unwrap_err();

            assert_eq!(refused.error_type(), "RequestError");
            let text = refused.to_string();
            assert!(
                text.contains(&format!("field \"prefix\" leads to keys of {bytes} bytes")),
                "{text}"
            );
        }
        let variables = [
            ("BACKUP_SOURCE_PREFIX", long.clone()),
            ("BACKUP_DESTINATION_PREFIX", long.clone()),
            ("SOURCE_BUCKET", format!("s3://primary/{long}")),
            ("DESTINATION_BUCKET", format!("s3://backup/{long}")),
        ];
        for (name, value) in variables {
            let world = World::new().with(name, &value).with("BACKUP_MODE", "fulll");

            let refused = world.invoke(json!({})).await.unwrap_err();

            let text = refused.to_string();
            assert_eq!(refused.error_type(), "ConfigError", "{text}");
            assert!(
                text.contains(name) && text.contains(&format!("has {bytes} bytes")),
                "{text}"
            );
            assert!(text.contains("BACKUP_MODE"), "{text}");
            assert!(text.len() < 1_000, "{}", text.len());
        }
    }
}

#[tokio::test]
async fn prefixes_that_are_too_long_only_together_are_refused() {
    let (half, more) = ("k".repeat(512), "k".repeat(513));
    let placed = |prefix: &str| World::new().with("BACKUP_DESTINATION_PREFIX", prefix);
    let fits = placed(&half).with("BACKUP_SOURCE_PREFIX", &half);
    let configured = placed(&half).with("BACKUP_SOURCE_PREFIX", &more);

    assert_eq!(fits.backup().await["status"], "complete");
    let refused = configured.invoke(json!({})).await.unwrap_err();
    let asked = placed(&half)
        .invoke(json!({"prefix": more}))
        .await
        .unwrap_err();

    let text = refused.to_string();
    assert!(
        text.contains("and the source prefix together: has 1025 bytes"),
        "{text}"
    );
    assert!(
        asked.to_string().contains("leads to keys of 1025 bytes"),
        "{asked}"
    );
}

#[tokio::test]
async fn keys_of_a_cursor_beyond_the_longest_key_are_refused() {
    let world = World::new();
    world.put("k", "1");
    for name in ["after", "at", "until"] {
        let range = json!({"destination": BACKUP, name: "k".repeat(66_000)});
        let cursor = json!({"format": 2, "prefix": "", "mode": "incremental", "dry_run": true, "ranges": [range]});

        let refused = world
            .invoke(json!({"operation": "continue", "cursor": cursor}))
            .await
            .unwrap_err();

        assert_eq!(refused.error_type(), "RequestError", "{name}");
        assert!(refused.to_string().len() < 1_000);
    }
}

#[test]
fn a_prefix_beyond_the_longest_key_is_wrong_usage_on_the_command_line() {
    let world = World::new();
    world.put("k", "1");
    let long = "k".repeat(66_000);
    for command in ["run", "plan", "verify"] {
        let arguments = [
            command,
            "--source",
            PRIMARY,
            "--destination",
            BACKUP,
            "--prefix",
            &long,
        ];

        let output = cli::run(&world, &arguments);

        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
}

#[tokio::test]
async fn a_backup_whose_key_would_be_too_long_is_that_objects_error() {
    let world = World::new().with("BACKUP_DESTINATION_PREFIX", &"p".repeat(600));
    world.put("short", "1");
    world.put(&"k".repeat(600), "1");

    let result = world.backup().await;

    assert_eq!(counts(&result), [2, 1, 0, 0, 0, 1]);
    let failure = &result["failures"][0];
    assert_eq!(failure["code"], "KeyTooLongError", "{failure}");
    let advice = failure["advice"].as_str().unwrap();
    assert!(advice.contains("BACKUP_DESTINATION_PREFIX"), "{advice}");
}

/// Pages of the backup that were listed.
fn backup_pages(world: &World) -> usize {
    let pages = world.sim.ledger().of(Verb::ListObjectsV2);
    pages.iter().filter(|page| page.bucket == BACKUP).count()
}

#[tokio::test]
async fn the_programs_own_state_is_leapt_over() {
    let world = World::new();
    for key in [
        "!",
        "-",
        ".s3-backup",
        ".s3-backup0",
        ".s3-backup\u{10ffff}",
        ".s4",
        "z",
    ] {
        world.put(key, "1");
    }
    world.put(".s3-backup/reserved", "1");
    world.backup().await;
    world.sim.ledger().clear();
    world.backup().await;
    let before = backup_pages(&world);
    for n in 0..4_500 {
        world
            .sim
            .put(BACKUP, &format!(".s3-backup/other/{n:06}"), "1");
    }
    world.sim.ledger().clear();

    let result = world.backup().await;

    assert_eq!(counts(&result), [8, 0, 7, 0, 0, 1]);
    assert_eq!(backup_pages(&world), before + 1);
    world.sim.ledger().clear();
    let verified = world.run(json!({"operation": "verify"})).await;
    assert_eq!(count(&verified, "objects_unchanged"), 7, "{verified}");
    // Only a backup looks for old state.
    assert_eq!(backup_pages(&world), before);
}

#[tokio::test]
async fn the_programs_own_state_is_leapt_over_in_pieces_too() {
    let world = World::around(Sim::builder().page_size_max(10).start());
    for n in 0..300 {
        world.put(&format!("!{n:05}"), "1");
        world.put(&format!("z{n:05}"), "1");
    }
    world.backup().await;
    world.sim.ledger().clear();
    world.backup().await;
    let before = backup_pages(&world);
    for n in 0..3_000 {
        world
            .sim
            .put(BACKUP, &format!(".s3-backup/other/{n:06}"), "1");
    }
    world.sim.ledger().clear();

    let result = world.backup().await;

    assert_eq!(counts(&result), [600, 0, 600, 0, 0, 0]);
    // Where pieces are cut depends on which page comes first. The state alone would be 300 pages.
    assert!(
        backup_pages(&world) <= before + 30,
        "{} after {before}",
        backup_pages(&world)
    );
}
