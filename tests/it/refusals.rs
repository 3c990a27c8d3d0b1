//! What keeps a run from starting: a function error with a stable type, and nothing copied.

use s3_backup::app::AppError;
use s3_sim::{BucketOptions, Content, Effect, Fault, Put, Verb, Versioning};
use serde_json::{Value, json};

use crate::world::{BACKUP, PRIMARY, World, counts};

fn world() -> World {
    let world = World::new();
    world.put("k", "1");
    world
}

/// Asserts that the run was refused, with that type and these parts of a message, and did nothing.
async fn assert_refused(world: &World, payload: Value, error_type: &str, parts: &[&str]) {
    let error: AppError = world.invoke(payload).await.unwrap_err();

    let message = error.to_string();
    assert_eq!(error.error_type(), error_type, "{message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in {message:?}");
    }
    assert_eq!(world.sim.ledger().count(Verb::CopyObject), 0, "{message}");
}

#[tokio::test]
async fn an_unset_bucket_is_a_config_error() {
    let world = world()
        .with("SOURCE_BUCKET", "")
        .with("DESTINATION_BUCKET", "");

    let parts = [
        "SOURCE_BUCKET (--source) is not set",
        "DESTINATION_BUCKET (--destination) is not set",
    ];
    assert_refused(&world, json!({}), "ConfigError", &parts).await;
    assert_eq!(world.sim.ledger().total(), 0);
}

#[tokio::test]
async fn an_unknown_setting_is_a_config_error() {
    let world = world().with("BACKUP_EXCLUD", "*");

    assert_refused(
        &world,
        json!({}),
        "ConfigError",
        &["BACKUP_EXCLUD is unknown"],
    )
    .await;
}

#[tokio::test]
async fn a_typo_in_the_payload_is_a_request_error() {
    let parts = ["unknown field \"dryrun\"", "dry_run"];

    assert_refused(&world(), json!({"dryrun": true}), "RequestError", &parts).await;
}

#[tokio::test]
async fn a_prefix_outside_of_the_configured_one_is_a_request_error() {
    let world = world().with("BACKUP_SOURCE_PREFIX", "data/");

    assert_refused(
        &world,
        json!({"prefix": "x/"}),
        "RequestError",
        &["\"x/\"", "\"data/\""],
    )
    .await;
}

#[tokio::test]
async fn an_unversioned_destination_is_unsafe() {
    for (versioning, part) in [
        (Versioning::Off, "is not versioned"),
        (Versioning::Suspended, "suspended"),
    ] {
        let world = world().with("DESTINATION_BUCKET", "careless");
        let options = BucketOptions {
            versioning,
            ..BucketOptions::default()
        };
        world.sim.create_bucket_with("careless", options);

        assert_refused(
            &world,
            json!({}),
            "DestinationError",
            &["careless", part, "put-bucket-versioning"],
        )
        .await;
    }
}

#[tokio::test]
async fn the_source_is_no_destination() {
    let world = world().with("DESTINATION_BUCKET", PRIMARY);

    assert_refused(
        &world,
        json!({}),
        "DestinationError",
        &["is the source itself"],
    )
    .await;
}

#[tokio::test]
async fn a_missing_destination_is_named() {
    let world = world().with("DESTINATION_BUCKET", "nowhere");

    let parts = [
        "cannot reach bucket nowhere: no such bucket",
        "create the bucket nowhere",
    ];
    assert_refused(&world, json!({}), "DestinationError", &parts).await;
}

#[tokio::test]
async fn a_directory_bucket_is_neither_destination_nor_source() {
    let destination = world().with("DESTINATION_BUCKET", "fast--use1-az4--x-s3");
    let source = world().with("SOURCE_BUCKET", "fast--use1-az4--x-s3");

    assert_refused(
        &destination,
        json!({}),
        "DestinationError",
        &["directory bucket"],
    )
    .await;
    assert_refused(&source, json!({}), "SourceError", &["directory bucket"]).await;
}

#[tokio::test]
async fn a_bucket_of_another_owner_is_refused() {
    let destination = world().with("BACKUP_EXPECTED_OWNER", "999988887777");
    let source = world().with("BACKUP_SOURCE_OWNER", "999988887777");
    let both = world()
        .with("BACKUP_EXPECTED_OWNER", "111122223333")
        .with("BACKUP_SOURCE_OWNER", "111122223333");

    assert_refused(
        &destination,
        json!({}),
        "DestinationError",
        &["bucket backup: access denied", "owner"],
    )
    .await;
    assert_refused(
        &source,
        json!({}),
        "SourceError",
        &["bucket primary: access denied", "owner"],
    )
    .await;
    assert_eq!(counts(&both.backup().await), [1, 1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn the_owners_are_named_on_every_call() {
    let world = world()
        .with("BACKUP_EXPECTED_OWNER", "111122223333")
        .with("BACKUP_SOURCE_OWNER", "111122223333")
        .with("BACKUP_MULTIPART_THRESHOLD", "5 MiB");
    let large = |seed| Put::new(Content::generated(seed, 12 << 20)).parts(&[6 << 20, 6 << 20]);
    world.put_object("large", large(1));
    world.put_object("torn", large(2));
    world.put("lost", "1");
    let torn = Fault::on(Verb::UploadPartCopy).key("torn").nth(2);
    world.sim.fault(torn, access_denied());
    let lost = Fault::on(Verb::CopyObject).key("lost").nth(1);
    world.sim.fault(lost, Effect::ResetAfterWork);

    world.backup().await;

    let ledger = world.sim.ledger();
    for call in ledger.entries() {
        let owner = call.header("x-amz-expected-bucket-owner");
        assert_eq!(owner, Some("111122223333"), "{call:?}");
    }
    for verb in [Verb::CopyObject, Verb::UploadPartCopy] {
        let owner = "x-amz-source-expected-bucket-owner";
        assert_eq!(ledger.of(verb)[0].header(owner), Some("111122223333"));
    }
    for verb in [
        Verb::HeadObject,
        Verb::GetObjectTagging,
        Verb::AbortMultipartUpload,
    ] {
        assert!(ledger.count(verb) > 0, "{verb:?} was not called");
    }
}

#[tokio::test]
async fn an_unreadable_source_is_a_source_error() {
    let missing = world().with("SOURCE_BUCKET", "nowhere");
    let denied = world();
    denied.sim.fault(
        Fault::on(Verb::ListObjectsV2).bucket(PRIMARY),
        access_denied(),
    );

    assert_refused(
        &missing,
        json!({}),
        "SourceError",
        &["bucket nowhere: no such bucket"],
    )
    .await;
    let parts = [
        "cannot list bucket primary: access denied",
        "grant s3:ListBucket",
    ];
    assert_refused(&denied, json!({}), "SourceError", &parts).await;
}

#[tokio::test]
async fn a_destination_that_cannot_be_listed_is_a_destination_error() {
    let world = world();
    world.sim.fault(
        Fault::on(Verb::ListObjectsV2).bucket(BACKUP),
        access_denied(),
    );

    let parts = ["cannot list bucket backup: access denied"];
    assert_refused(&world, json!({}), "DestinationError", &parts).await;
}

fn access_denied() -> Effect {
    Effect::status(403, "AccessDenied", "Access Denied")
}
