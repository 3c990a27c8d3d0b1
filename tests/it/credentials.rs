//! Credentials that S3 stops to take in the middle of a run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_credential_types::provider::future;
use aws_sdk_s3::config::{Credentials, ProvideCredentials, SharedCredentialsProvider};
use s3_backup::lambda::Handler;
use s3_backup::s3::{CallLimits, Connections};
use s3_sim::{Effect, Fault, Verb};
use serde_json::json;

use crate::world::{BACKUP, PRIMARY, World, answer, assert_adds_up, count, counts};

const AT_ONCE: u64 = 16;

/// Refuses every call from the copy of that number on.
fn expire_at_copy(world: &World, number: u64, code: &'static str) {
    let expire = Effect::before(move |sim| {
        sim.fault(Fault::on_any(), Effect::status(403, code, "No."));
    });
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).nth(number), expire);
}

#[tokio::test]
async fn refused_credentials_stop_a_run_that_its_cursor_continues() {
    for code in ["ExpiredToken", "InvalidAccessKeyId"] {
        let world = World::new().with("BACKUP_MAX_CONCURRENCY", &AT_ONCE.to_string());
        for n in 0..2500 {
            world.put(&format!("{n:04}"), "1");
        }
        expire_at_copy(&world, 100, code);

        let stopped = world.backup().await;

        assert_adds_up(&stopped);
        assert_eq!(stopped["status"], "incomplete", "{stopped}");
        assert_eq!(stopped["errors"], 1, "{stopped}");
        assert_eq!(stopped["failures"][0]["code"], "CredentialsRefused");
        let hopeless = world.sim.ledger().count_with_status(Verb::CopyObject, 403);
        assert!(hopeless <= 2 * AT_ONCE, "{hopeless} hopeless copies");
        let cursor = stopped["cursor"].clone();
        assert!(cursor.is_object(), "{stopped}");
        world.sim.clear_faults();
        world.let_leases_end();

        let next = world
            .run(json!({"operation": "continue", "cursor": cursor}))
            .await;

        assert_eq!(next["status"], "complete", "{next}");
        let copied = count(&stopped, "objects_copied") + count(&next, "objects_copied");
        assert_eq!(copied, 2500);
        world.assert_backed_up();
    }
}

/// Each region decides by itself: what the one of the backup refuses, the one of the source takes.
#[tokio::test]
async fn credentials_that_one_region_alone_refuses_stop_a_run_without_an_error_of_any_object() {
    let world = World::new().with("BACKUP_MAX_CONCURRENCY", &AT_ONCE.to_string());
    world.sim.change_options(BACKUP, |options| {
        "eu-south-1".clone_into(&mut options.region);
    });
    for n in 0..300 {
        world.put(&format!("{n:03}"), "1");
    }
    let is_refused = Effect::before(|sim| {
        sim.change_options(BACKUP, |options| options.region_is_enabled = false);
    });
    world
        .sim
        .fault(Fault::on(Verb::CopyObject).nth(100), is_refused);

    let stopped = world.backup().await;

    assert_adds_up(&stopped);
    assert_eq!(stopped["errors"], 1, "{stopped}");
    assert_eq!(stopped["failures"][0]["code"], "CredentialsRefused");
    assert!(stopped["cursor"].is_object(), "{stopped}");
    world.sim.clear_faults();
    world
        .sim
        .change_options(BACKUP, |options| options.region_is_enabled = true);
    world.let_leases_end();
    let next = world
        .run(json!({"operation": "continue", "cursor": stopped["cursor"]}))
        .await;
    assert_eq!(next["status"], "complete", "{next}");
    world.assert_backed_up();
}

/// Gives old credentials at first, and new ones to whoever asks again.
#[derive(Debug, Default)]
struct Renewing(AtomicBool);

impl ProvideCredentials for Renewing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let asked_before = self.0.swap(true, Ordering::SeqCst);
        let key = if asked_before { "NEW" } else { "OLD" };
        let credentials = Credentials::new(key, "secret", None, None, "test");
        future::ProvideCredentials::ready(Ok(credentials))
    }
}

#[tokio::test]
async fn credentials_that_can_be_renewed_are() {
    let world = World::new();
    for n in 0..300 {
        world.put(&format!("{n:03}"), "1");
    }
    let provider = SharedCredentialsProvider::new(Renewing::default());
    let sdk = world.sdk().into_builder().credentials_provider(provider);
    let connections = Connections::new(sdk.build(), CallLimits::default());
    let vars = [("SOURCE_BUCKET", PRIMARY), ("DESTINATION_BUCKET", BACKUP)];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let handler = Handler::new(connections, vars.into());
    world.sim.clock().advance(Duration::from_secs(2));
    let expire = Effect::before(|sim| {
        let old = Fault::on_any().access_key("OLD");
        sim.fault(old, Effect::status(400, "ExpiredToken", "Expired."));
    });
    world.sim.fault(Fault::on(Verb::CopyObject).nth(50), expire);

    let result = answer(&handler, json!({})).await.unwrap();

    assert_eq!(result["status"], "complete", "{result}");
    assert_eq!(count(&result, "objects_copied"), 300);
    world.assert_backed_up();
}

#[tokio::test]
async fn a_signature_that_does_not_match_is_the_error_of_its_object() {
    let world = World::new();
    for key in ["a", "b+c", "d"] {
        world.put(key, "1");
    }
    let odd = Fault::on(Verb::CopyObject).key("b+c");
    world
        .sim
        .fault(odd, Effect::status(403, "SignatureDoesNotMatch", "No."));

    let result = world.backup().await;

    assert_eq!(counts(&result), [3, 2, 0, 0, 0, 1], "{result}");
    assert!(result["cursor"].is_null(), "{result}");
}
