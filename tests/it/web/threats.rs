//! The table of threats of docs/web.md, row by row.

use std::process::Output;

use s3_sim::Verb;
use serde_json::{Value, json};

use super::{Answer, Served, paths, serve};
use crate::world::World;

/// Every route behind the token.
const ROUTES: [&str; 15] = [
    "me", "runs", "folder", "today", "search", "deleted", "file", "preview", "download", "plan",
    "undo", "confirm", "cancel", "progress", "activity",
];

async fn a_night() -> World {
    let world = World::new();
    world.put("a", "1");
    world.backup().await;
    world
}

fn with(headers: &[(String, String)], name: &str, value: Option<&str>) -> Vec<(String, String)> {
    let mut headers = headers.to_vec();
    headers.retain(|(known, _)| known != name);
    headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    headers
}

fn runs(served: &Served, headers: &[(String, String)]) -> Answer {
    served.send("POST", "/api/runs", headers, b"{}")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_answers_without_the_token_or_with_one_byte_of_it_changed() {
    let world = a_night().await;
    let served = Served::signed_in(&world);
    let good = served.headers();
    let token = good.iter().find(|(name, _)| name == "authorization");
    let token = token.unwrap().1.clone();
    let last = if token.ends_with('0') { '1' } else { '0' };
    let changed = format!("{}{last}", &token[..token.len() - 1]);
    let wrong = [None, Some("Bearer "), Some("Basic x"), Some(&*changed)];
    world.sim.ledger().clear();

    for route in ROUTES {
        for value in wrong {
            let headers = with(&good, "authorization", value);
            let answer = served.send("POST", &format!("/api/{route}"), &headers, b"{}");

            assert_eq!(answer.status, 401, "{route} {value:?}: {answer:?}");
        }
    }
    assert_eq!(world.sim.ledger().count(Verb::GetObject), 0);
    assert_eq!(runs(&served, &good).status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_is_good_once() {
    let world = a_night().await;
    let mut served = Served::start(&world, &[]);
    let wrong = served.call("session", &json!({"secret": "0".repeat(64)}));
    assert_eq!(wrong.status, 401);

    served.sign_in();

    let again = served.call("session", &json!({"secret": served.secret}));
    assert_eq!(again.status, 401, "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_another_host_is_refused_even_for_the_page() {
    let world = a_night().await;
    let served = Served::signed_in(&world);
    let good = served.headers();
    let port = served.host.rsplit_once(':').unwrap().1.to_owned();
    let hosts = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost:{port}"),
        "127.0.0.1".to_owned(),
    ];

    for host in &hosts {
        let headers = with(&good, "host", Some(host));
        assert_eq!(runs(&served, &headers).status, 403, "{host}");
        let page = served.send("GET", "/", &headers, b"");
        assert_eq!(page.status, 403, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_another_page_is_refused_with_the_right_token_too() {
    let world = a_night().await;
    let served = Served::signed_in(&world);
    let good = served.headers();
    let port: u16 = served.host.rsplit_once(':').unwrap().1.parse().unwrap();
    let another_port = format!("http://127.0.0.1:{}", port.wrapping_add(1));
    let cases = [
        ("origin", None),
        ("origin", Some("null")),
        ("origin", Some("https://evil.example")),
        ("origin", Some(&*another_port)),
        ("sec-fetch-site", Some("cross-site")),
        ("sec-fetch-site", Some("same-site")),
        ("sec-fetch-site", Some("none")),
    ];

    for (name, value) in cases {
        let answer = runs(&served, &with(&good, name, value));
        assert_eq!(answer.status, 403, "{name} {value:?}");
    }
    let form = with(&good, "content-type", Some("text/plain"));
    assert_eq!(runs(&served, &form).status, 415);
    let preflight = served.send("OPTIONS", "/api/runs", &good, b"");
    assert_ne!(preflight.status, 200);
    assert_eq!(preflight.header("access-control-allow-origin"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_and_no_cookie() {
    let world = a_night().await;
    let served = Served::signed_in(&world);
    let headers = served.headers();
    let answers = [
        served.send("GET", "/", &headers, b""),
        served.send("GET", "/app.js", &headers, b""),
        served.send("GET", "/nothing", &headers, b""),
        served.send("GET", "/", &with(&headers, "host", Some("x")), b""),
        served.call("runs", &json!({})),
        served.call("runs", &json!({"x": 1})),
    ];

    for answer in answers {
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ] {
            assert!(policy.contains(part), "{part}: {policy}");
        }
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_content_is_shown_as_text_in_a_sandbox_or_not_at_all() {
    let world = World::new();
    world.put_object("page.html", s3_sim::Put::new("<script>alert(1)</script>"));
    world.put("paper.pdf", "%PDF-1.7\n\u{0}\u{1}");
    world.put("gif.txt", "GIF89a...");
    world.backup().await;
    let served = Served::signed_in(&world);
    let preview = |path: &str| {
        let history = served.ask("file", json!({"path": path}));
        let version = &history["states"][0]["file"]["version"];
        served.call("preview", &json!({"path": path, "version": version}))
    };

    let page = preview("page.html");
    assert_eq!(
        page.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .starts_with("sandbox")
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(preview("paper.pdf").status, 404);
    assert_eq!(preview("gif.txt").header("content-type"), Some("image/gif"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_come_back_as_they_are_and_break_no_link() {
    let world = World::new();
    let long = "x".repeat(1024);
    let names = [
        "\"><script>alert(1)",
        "..",
        "<img src=x onerror=alert(1)>",
        "=cmd|'C calc'!A0",
        "a\u{202e}gpj.exe",
        "line\nbreak",
        &long,
    ];
    for name in names {
        world.put(name, "1");
    }
    world.backup().await;
    let served = Served::signed_in(&world);
    let run = &served.runs()[0];

    let mut listed = paths(&served.ask("folder", json!({"run": run, "folder": ""}))["entries"]);

    listed.sort();
    let mut expected = names.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(listed, expected);
    for name in names {
        let history = served.ask("file", json!({"path": name}));
        let version = &history["states"][0]["file"]["version"];
        let link = served.ask("download", json!({"path": name, "version": version}));
        let url = link["url"].as_str().unwrap();
        assert!(!url.contains(['\n', '<', '"', '\u{202e}']), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_programs_own_state_is_nowhere_on_the_page() {
    let world = World::new();
    world.put(".s3-backup/planted", "1");
    world.put("a", "1");
    world.backup().await;
    let served = Served::signed_in(&world);
    let run = &served.runs()[0];
    let state = ".s3-backup/jobs.json";

    let entries = served.ask("folder", json!({"run": run, "folder": ""}));
    assert_eq!(paths(&entries["entries"]), ["a"]);
    for text in ["planted", "jobs", "latest"] {
        let found = served.ask("search", json!({"text": text}));
        assert_eq!(found["files"], json!([]), "{text}");
    }
    let cases = [
        ("folder", json!({"run": run, "folder": ".s3-backup/"})),
        ("file", json!({"path": state})),
        ("preview", json!({"path": state, "version": "v"})),
        ("download", json!({"path": state, "version": "v"})),
        ("today", json!({"files": [{"path": state, "tag": ""}]})),
        ("plan", json!({"run": run, "files": [state], "copy": false})),
        (
            "plan",
            json!({"run": run, "folder": ".s3-backup/x/", "copy": true}),
        ),
    ];
    for (route, asked) in cases {
        let answer = served.call(route, &asked);
        assert_eq!(answer.status, 404, "{route}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_only_shows_puts_nothing_back() {
    let world = a_night().await;
    let mut served = Served::start(&world, &["--read-only"]);
    served.sign_in();
    let run = &served.runs()[0];
    world.sim.ledger().clear();
    let id = json!({"id": "2026-01-01T00-00-00Z-0000"});
    let cases = [
        ("plan", json!({"run": run, "files": ["a"], "copy": false})),
        ("undo", id.clone()),
        ("confirm", id.clone()),
        ("cancel", id),
    ];

    for (route, asked) in cases {
        assert_eq!(served.call(route, &asked).status, 403, "{route}");
    }
    assert_eq!(served.ask("runs", json!({}))["read_only"], true);
    let writes = [Verb::PutObject, Verb::CopyObject, Verb::DeleteObject];
    for verb in writes {
        assert_eq!(world.sim.ledger().count(verb), 0, "{verb:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_listens_on_this_machine_only() {
    let world = a_night().await;
    let served = Served::start(&world, &[]);
    assert!(served.host.starts_with("127.0.0.1:"));

    let everywhere = unserved(&world, &["--listen", "0.0.0.0"], true);
    assert_eq!(everywhere.status.code(), Some(2));
}

/// What a server says that cannot start.
fn unserved(world: &World, more: &[&str], has_credentials: bool) -> Output {
    let mut command = serve(world, more);
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    if has_credentials {
        command
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
    }
    command.output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_served_is_said_in_one_line() {
    let world = a_night().await;
    let served = Served::start(&world, &[]);
    let port = served.host.rsplit_once(':').unwrap().1;
    let never_backed_up = World::new();
    let cases = [
        (
            unserved(&world, &["--port", port], true),
            "cannot listen at 127.0.0.1:",
        ),
        (unserved(&world, &[], false), "no credentials found"),
        (
            unserved(&never_backed_up, &[], true),
            "yet; make one with s3-backup run",
        ),
    ];

    for (ended, part) in cases {
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.starts_with("error: ") && said.contains(part), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(ended.stdout.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_stands_in_the_path_of_a_route() {
    let world = a_night().await;
    let served = Served::signed_in(&world);

    let answer: Value = served.ask("runs", json!({}));

    assert!(answer["runs"].is_array());
    for route in ROUTES {
        let get = served.send("GET", &format!("/api/{route}"), &served.headers(), b"");
        assert_eq!(get.status, 405, "{route}");
        let below = served.send("POST", &format!("/api/{route}/a"), &served.headers(), b"{}");
        assert_eq!(below.status, 404, "{route}");
    }
}
