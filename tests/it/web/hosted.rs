//! The page behind API Gateway: payloads as they arrive, claims as they arrive, and a function that restores.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use lambda_runtime::LambdaEvent;
use s3_backup::lambda::Handler;
use s3_backup::s3::{CallLimits, Connections};
use s3_backup::web::Hosted;
use s3_sim::Versioning;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::world::{PRIMARY, World};

const ROUTES: [&str; 15] = [
    "me", "runs", "folder", "today", "search", "deleted", "file", "preview", "download", "plan",
    "undo", "confirm", "cancel", "progress", "activity",
];

/// Where Lambda is.
#[derive(Debug)]
struct At(String);

impl LoadServiceConfig for At {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let is_asked = key.service_id() == "Lambda" && key.env() == "AWS_ENDPOINT_URL";
        is_asked.then(|| self.0.clone())
    }
}

/// Lambda, with one function, which restores.
struct Lambda {
    url: String,
    /// The first line of each request, and the way that it was invoked.
    invoked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Lambda {
    /// Answers with the function, or always with this.
    fn start(handler: Handler, always: Option<(u16, &'static str)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let invoked = Arc::new(Mutex::new(Vec::new()));
        let (log, runtime) = (Arc::clone(&invoked), Handle::current());
        thread::spawn(move || {
            for stream in listener.incoming() {
                invoke(stream.unwrap(), &handler, always, &log, &runtime);
            }
        });
        Self { url, invoked }
    }
}

fn invoke(
    mut stream: TcpStream,
    handler: &Handler,
    always: Option<(u16, &'static str)>,
    log: &Mutex<Vec<(String, String)>>,
    runtime: &Handle,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut line) = (Vec::new(), String::new());
    while reader.read_line(&mut line).unwrap() > 2 {
        head.push(line.trim_end().to_lowercase());
        line.clear();
    }
    let header = |name: &str| {
        let mut lines = head.iter();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.unwrap_or_default().to_owned()
    };
    assert!(header("authorization").contains("/lambda/aws4_request"));
    let mut body = vec![0; header("content-length").parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let kind = header("x-amz-invocation-type");
    log.lock().unwrap().push((head[0].clone(), kind.clone()));
    let mut answer = |status: u16, body: &str| {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} Any\r\ncontent-length: {length}\r\n\r\n");
        stream
            .write_all(format!("{head}{body}").as_bytes())
            .unwrap();
    };
    if let Some((status, body)) = always {
        return answer(status, body);
    }
    if kind == "event" {
        answer(202, "");
    }
    let payload = serde_json::from_slice(&body).unwrap();
    let event = LambdaEvent::new(payload, lambda_runtime::Context::default());
    let result = match runtime.block_on(handler.handle(event)) {
        Ok(result) => result.to_json().unwrap(),
        Err(error) => {
            let words = json!({"errorType": error.error_type(), "errorMessage": error.to_string()});
            words.to_string()
        }
    };
    if kind != "event" {
        answer(200, &result);
    }
}

/// A page, and the function behind it.
pub(super) struct Site {
    handler: Handler,
    lambda: Lambda,
    vars: Vec<(String, String)>,
}

impl Site {
    pub(super) fn new(world: &World, vars: &[(&str, &str)]) -> Self {
        Self::with(world, vars, None)
    }

    fn with(world: &World, vars: &[(&str, &str)], always: Option<(u16, &'static str)>) -> Self {
        let lambda = Lambda::start(world.handler(), always);
        let base = world.sdk().into_builder();
        let base = base.service_config(At(lambda.url.clone())).build();
        let usual = [
            ("WEB_SIGN_IN", "cognito"),
            (
                "WEB_ISSUER",
                "https://cognito-idp.eu-west-1.amazonaws.com/pool",
            ),
            ("WEB_SIGN_IN_URL", "https://sign-in.example"),
            ("WEB_CLIENT_ID", "client"),
            ("WEB_RESTORE_FUNCTION", "stack-restore"),
            (
                "WEB_ACCESS",
                "team-a=restorer:team-a/, team-b=viewer:team-b/",
            ),
        ];
        let all = vars.iter().chain(&usual);
        Self {
            handler: world.handler_over(Connections::new(base, CallLimits::default())),
            lambda,
            vars: all
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    pub(super) fn page(&self) -> Hosted<'_> {
        Hosted::new(self.handler.app(), self.vars.clone())
    }
}

/// A payload as API Gateway sends it.
pub(super) fn payload(method: &str, path: &str, claims: Option<Value>, asked: &Value) -> Value {
    let authorizer = claims.map(|claims| json!({"jwt": {"claims": claims, "scopes": null}}));
    let route = format!("{method} {path}");
    json!({"version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "x.execute-api.eu-west-1.amazonaws.com"},
        "requestContext": {"accountId": "111122223333", "apiId": "x", "stage": "$default",
            "requestId": "r-1", "authorizer": authorizer,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                "userAgent": "Firefox"}},
        "body": asked.to_string(), "isBase64Encoded": false})
}

pub(super) fn claims(sub: &str, group: &str) -> Value {
    json!({"sub": sub, "username": format!("{sub}@example.org"), "token_use": "access",
        "client_id": "client", "exp": "1795800000", "cognito:groups": format!("[others {group}]")})
}

pub(super) async fn sent(page: &Hosted<'_>, payload: Value) -> Value {
    let event = LambdaEvent::new(payload, lambda_runtime::Context::default());
    serde_json::to_value(page.answer(event).await).unwrap()
}

/// The status and the body of a call of a person in a group.
pub(super) async fn call(
    page: &Hosted<'_>,
    who: (&str, &str),
    route: &str,
    asked: Value,
) -> (u64, Value) {
    let path = format!("/api/{route}");
    let answer = sent(
        page,
        payload("POST", &path, Some(claims(who.0, who.1)), &asked),
    )
    .await;
    let body = serde_json::from_str(answer["body"].as_str().unwrap());
    (
        answer["statusCode"].as_u64().unwrap(),
        body.unwrap_or_default(),
    )
}

pub(super) async fn ask(page: &Hosted<'_>, who: (&str, &str), route: &str, asked: Value) -> Value {
    let (status, body) = call(page, who, route, asked.clone()).await;
    assert_eq!(status, 200, "{route} {asked}: {body}");
    body
}

pub(super) const ADMIN: (&str, &str) = ("ada", "s3-backup-admins");
pub(super) const RESTORER: (&str, &str) = ("rosa", "s3-backup-restorers");
pub(super) const VIEWER: (&str, &str) = ("vera", "s3-backup-viewers");
pub(super) const TEAM_A: (&str, &str) = ("anna", "team-a");
pub(super) const TEAM_B: (&str, &str) = ("bob", "team-b");

/// Two teams, of which each has lost a file.
pub(super) async fn two_teams() -> World {
    let world = World::new();
    world.sim.set_versioning(PRIMARY, Versioning::Enabled);
    for key in [
        "team-a/lost-a.txt",
        "team-a/kept.txt",
        "team-b/lost-b.txt",
        "top.txt",
    ] {
        world.put(key, key);
    }
    world.backup().await;
    world.sim.delete(PRIMARY, "team-a/lost-a.txt");
    world.sim.delete(PRIMARY, "team-b/lost-b.txt");
    world.backup().await;
    world
}

pub(super) async fn last_but_one(page: &Hosted<'_>) -> String {
    let runs = ask(page, ADMIN, "runs", json!({})).await;
    runs["runs"][1]["run"].as_str().unwrap().to_owned()
}

pub(super) async fn ended(page: &Hosted<'_>, id: &Value) -> Value {
    for _ in 0..200 {
        let progress = ask(page, ADMIN, "progress", json!({"id": id})).await;
        if ["complete", "incomplete"].contains(&progress["restore"]["stage"].as_str().unwrap()) {
            return progress;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("restore {id} does not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_answers_without_an_access_token_of_a_known_group() {
    let world = two_teams().await;
    let site = Site::new(&world, &[]);
    let page = site.page();
    let mut id_token = claims("ada", "s3-backup-admins");
    id_token["token_use"] = json!("id");
    let wrong = [
        (None, 401),
        (Some(json!({})), 403),
        (Some(id_token), 403),
        (Some(claims("eve", "s3-backup-administrators")), 403),
    ];
    world.sim.ledger().clear();

    for route in ROUTES {
        for (claims, status) in &wrong {
            let path = format!("/api/{route}");
            let answer = sent(&page, payload("POST", &path, claims.clone(), &json!({}))).await;
            assert_eq!(
                answer["statusCode"], *status,
                "{route} {claims:?}: {answer}"
            );
        }
    }

    assert_eq!(world.sim.ledger().count(s3_sim::Verb::GetObject), 0);
    let me = ask(&page, ADMIN, "me", json!({})).await;
    assert_eq!(me, json!({"name": "ada@example.org", "role": "admin"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_served_without_a_sign_in_and_names_only_its_host() {
    let world = World::new();
    let site = Site::new(&world, &[]);
    let page = site.page();

    for path in ["/", "/app.js", "/app.css", "/icon.svg", "/config.json"] {
        let answer = sent(&page, payload("GET", path, None, &json!(null))).await;

        assert_eq!(answer["statusCode"], 200, "{path}: {answer}");
        let policy = answer["headers"]["content-security-policy"]
            .as_str()
            .unwrap();
        assert!(
            policy.contains("connect-src 'self' https://sign-in.example;"),
            "{policy}"
        );
        assert!(answer["headers"]["set-cookie"].is_null());
    }
    let config = sent(&page, payload("GET", "/config.json", None, &json!(null))).await;
    let config: Value = serde_json::from_str(config["body"].as_str().unwrap()).unwrap();
    assert_eq!(config["sign_in"]["client_id"], "client");
    let nothing = sent(&page, payload("GET", "/api", None, &json!(null))).await;
    assert_eq!(nothing["statusCode"], 404);
    let unreadable = sent(&page, json!({"version": "1.0"})).await;
    assert_eq!(unreadable["statusCode"], 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_base64_is_read_and_a_wrong_one_is_refused() {
    let world = two_teams().await;
    let site = Site::new(&world, &[]);
    let page = site.page();
    let mut asked = payload(
        "POST",
        "/api/file",
        Some(claims("ada", "s3-backup-admins")),
        &json!(null),
    );
    asked["isBase64Encoded"] = json!(true);
    for (body, status) in [
        ("eyJwYXRoIjoidG9wLnR4dCJ9", 200),
        ("eyJwYXRoIjoi", 422),
        ("!", 400),
    ] {
        asked["body"] = json!(body);
        let answer = sent(&page, asked.clone()).await;
        assert_eq!(answer["statusCode"], status, "{body}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_puts_back_in_the_name_of_the_person_and_others_must_not_undo_it() {
    let world = two_teams().await;
    let site = Site::new(&world, &[]);
    let page = site.page();
    let run = last_but_one(&page).await;
    let asked = json!({"run": run, "files": ["team-a/lost-a.txt"], "copy": false});

    let plan = ask(&page, TEAM_A, "plan", asked).await;
    assert_eq!(plan["can_confirm"], true, "{plan}");
    assert!(world.sim.current(PRIMARY, "team-a/lost-a.txt").is_none());
    let id = json!({"id": plan["id"]});
    let (status, _) = call(&page, RESTORER, "confirm", id.clone()).await;
    assert_eq!(status, 403, "it is of somebody else");
    ask(&page, TEAM_A, "confirm", id.clone()).await;
    ended(&page, &plan["id"]).await;

    assert!(world.sim.current(PRIMARY, "team-a/lost-a.txt").is_some());
    let activity = ask(&page, TEAM_A, "activity", json!({})).await;
    assert_eq!(activity["restores"][0]["asked_by"], "anna@example.org");
    let (status, again) = call(&page, TEAM_A, "confirm", id.clone()).await;
    assert_eq!(status, 409, "{again}");
    let (status, refused) = call(&page, RESTORER, "undo", id.clone()).await;
    assert_eq!(status, 403, "{refused}");
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("somebody else")
    );
    let undo = ask(&page, TEAM_A, "undo", id).await;
    ask(&page, ADMIN, "confirm", json!({"id": undo["id"]})).await;
    ended(&page, &undo["id"]).await;
    assert!(world.sim.current(PRIMARY, "team-a/lost-a.txt").is_none());
    let invoked = site.lambda.invoked.lock().unwrap().clone();
    let kinds: Vec<&str> = invoked.iter().map(|(_, kind)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["requestresponse", "event", "requestresponse", "event"]
    );
    let path = "post /2015-03-31/functions/stack-restore/invocations http/1.1";
    assert!(invoked.iter().all(|(line, _)| line == path), "{invoked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn above_a_limit_an_administrator_has_to_confirm() {
    for (name, value) in [
        ("WEB_MAX_OBJECTS", "0"),
        ("WEB_MAX_BYTES", "3"),
        ("WEB_MAX_COST", "0"),
    ] {
        let world = two_teams().await;
        let site = Site::new(&world, &[(name, value)]);
        let page = site.page();
        let run = last_but_one(&page).await;
        let asked = json!({"run": run, "files": ["team-a/lost-a.txt"], "copy": true});

        let plan = ask(&page, RESTORER, "plan", asked).await;

        assert_eq!(plan["can_confirm"], false, "{name}: {plan}");
        assert!(plan["needs_admin"].is_string(), "{plan}");
        let id = json!({"id": plan["id"]});
        let (status, refused) = call(&page, RESTORER, "confirm", id.clone()).await;
        assert_eq!(status, 403, "{name}: {refused}");
        ask(&page, ADMIN, "confirm", id).await;
        ended(&page, &plan["id"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn why_the_function_does_not_restore_is_told() {
    let world = two_teams().await;
    let cases = [
        (
            200,
            "{\"errorType\":\"AlreadyRunning\",\"errorMessage\":\"another run\"}",
            503,
        ),
        (
            200,
            "{\"errorType\":\"RequestError\",\"errorMessage\":\"no such version\"}",
            409,
        ),
        (
            200,
            "{\"errorType\":\"SourceError\",\"errorMessage\":\"denied\"}",
            502,
        ),
        (200, "{\"errorMessage\":\"Task timed out\"}", 502),
        (200, "null", 502),
        (429, "{\"Type\":\"User\"}", 429),
        (
            403,
            "{\"Message\":\"not authorized to perform: lambda:InvokeFunction\"}",
            502,
        ),
        (500, "", 502),
    ];
    for (status, body, expected) in cases {
        let site = Site::with(&world, &[], Some((status, body)));
        let page = site.page();
        let run = last_but_one(&page).await;
        let asked = json!({"run": run, "files": ["team-a/lost-a.txt"], "copy": true});

        let path = "/api/plan";
        let answer = sent(
            &page,
            payload("POST", path, Some(claims("ada", ADMIN.1)), &asked),
        )
        .await;

        assert_eq!(answer["statusCode"], expected, "{status} {body}: {answer}");
        let retry = [503, 429].contains(&expected);
        assert_eq!(answer["headers"]["retry-after"].is_string(), retry);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_set_up_wrongly_says_so_and_nothing_else() {
    let world = World::new();
    let site = Site::new(&world, &[("WEB_ACCESS", "team-a=owner:team-a/")]);
    let page = site.page();
    for path in ["/", "/config.json", "/api/runs"] {
        let claims = Some(claims("ada", ADMIN.1));
        let answer = sent(&page, payload("GET", path, claims, &json!({}))).await;
        assert_eq!(answer["statusCode"], 502, "{answer}");
        assert!(
            answer["body"].as_str().unwrap().contains("WEB_ACCESS"),
            "{answer}"
        );
    }
}
