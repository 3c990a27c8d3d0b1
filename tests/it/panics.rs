//! A panic in the work on one object is the error of that object: the others go on, the run gives its lease
//! back, and nothing stays behind. No reply causes one, so the HTTP client of these tests does.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use s3_backup::lambda::Handler;
use s3_backup::s3::{CallLimits, Connections};
use s3_sim::{Content, Put};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, World, answer, count, counts};

const MIB: u64 = 1024 * 1024;

/// An HTTP client that panics at a call of this method whose address holds this text.
#[derive(Clone, Debug)]
struct Panicking<C> {
    inner: C,
    method: &'static str,
    text: &'static str,
}

impl HttpClient for Panicking<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = Panicking {
            inner: self.inner.http_connector(settings, components),
            method: self.method,
            text: self.text,
        };
        connector.into_shared()
    }
}

impl Panicking<SharedHttpConnector> {
    fn into_shared(self) -> SharedHttpConnector {
        SharedHttpConnector::new(self)
    }
}

impl HttpConnector for Panicking<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let is_it = request.method() == self.method && request.uri().contains(self.text);
        let inner = self.inner.clone();
        HttpConnectorFuture::new(async move {
            assert!(!is_it, "as the test wants it");
            inner.call(request).await
        })
    }
}

/// Runs in that world, with a client that panics there.
async fn run(world: &World, request: Value, method: &'static str, text: &'static str) -> Value {
    world.sim.clock().advance(std::time::Duration::from_secs(2));
    let sdk = world.sdk();
    let client = Panicking {
        inner: sdk.http_client().unwrap(),
        method,
        text,
    };
    let sdk = sdk.into_builder().http_client(client).build();
    let vars = [
        ("SOURCE_BUCKET", PRIMARY),
        ("DESTINATION_BUCKET", BACKUP),
        ("BACKUP_MULTIPART_THRESHOLD", "8 MiB"),
    ];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let handler = Handler::new(Connections::new(sdk, CallLimits::default()), vars.to_vec());
    answer(&handler, request).await.unwrap()
}

/// Asserts that one object is an error that says what happened, and the lease is free.
async fn assert_error_of(world: &World, result: &Value, key: &str) {
    assert_eq!(result["status"], "incomplete", "{result}");
    assert_eq!(count(result, "errors"), 1, "{result}");
    let failure = &result["failures"][0];
    assert_eq!(failure["key"], key, "{result}");
    assert_eq!(failure["code"], "ProgramError", "{result}");

    let next = world.backup().await;
    assert_eq!(next["status"], "complete", "{next}");
    world.assert_backed_up();
}

fn three() -> World {
    let world = World::new();
    for key in ["one", "two", "three"] {
        world.put(key, "1");
    }
    world
}

#[tokio::test]
async fn an_object_whose_copy_panics_is_an_error_and_the_others_are_copied() {
    let world = three();

    let result = run(&world, json!({}), "PUT", "/backup/two").await;

    assert_eq!(counts(&result), [3, 2, 0, 0, 0, 1], "{result}");
    assert_error_of(&world, &result, "two").await;
}

#[tokio::test]
async fn a_part_whose_copy_panics_leaves_no_upload() {
    let world = three();
    let large = Put::new(Content::generated(1, 20 * MIB)).parts(&[8 * MIB, 8 * MIB, 4 * MIB]);
    world.put_object("large", large);

    let result = run(&world, json!({}), "PUT", "partNumber=2").await;

    assert_eq!(counts(&result), [4, 3, 0, 0, 0, 1], "{result}");
    assert!(world.sim.uploads(BACKUP).is_empty());
    assert_error_of(&world, &result, "large").await;
}

#[tokio::test]
async fn a_backup_whose_marker_panics_is_an_error_and_the_others_are_marked() {
    let world = three();
    world.backup().await;
    for key in ["one", "two"] {
        world.sim.delete(PRIMARY, key);
    }

    for method in ["HEAD", "DELETE"] {
        let result = run(&world, json!({"deletions": "mark"}), method, "/backup/two").await;

        let expected = u64::from(method == "HEAD");
        assert_eq!(
            count(&result, "objects_marked_deleted"),
            expected,
            "{result}"
        );
        assert!(world.sim.current(BACKUP, "one").is_none(), "{method}");
        assert!(world.sim.current(BACKUP, "two").is_some(), "{method}");
        assert_error_of(&world, &result, "two").await;
    }
}

#[tokio::test]
async fn an_object_whose_comparison_panics_is_an_error_and_the_others_are_compared() {
    let world = three();
    world.backup().await;

    let request = json!({"operation": "verify", "deep": true});
    let result = run(&world, request, "HEAD", "/backup/two").await;

    assert_eq!(result["verified"]["equal"], 2, "{result}");
    assert_error_of(&world, &result, "two").await;
}
