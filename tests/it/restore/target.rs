//! How the target of a restore is found, and what a restore of one key takes.

use s3_sim::{BucketOptions, Effect, Fault, Grant, Verb, Versioning};
use serde_json::{Value, json};

use super::{asking, restore, state, versions, world};
use crate::world::{BACKUP, PRIMARY, World, count};

const ELSEWHERE: &str = "elsewhere";

/// Restores the one key there is into another bucket.
fn of_one_key() -> Value {
    json!({"keys": ["a"], "run": "latest", "to": format!("s3://{ELSEWHERE}")})
}

async fn backed_up() -> World {
    let world = world();
    world.put("a", "1");
    world.backup().await;
    world
}

#[tokio::test]
async fn one_key_into_another_bucket_takes_12_requests() {
    let world = backed_up().await.with_bucket(ELSEWHERE);
    world.sim.ledger().clear();

    let done = restore(&world, of_one_key()).await;

    assert_eq!(done["status"], "complete", "{done}");
    let ledger = world.sim.ledger();
    let expected = [
        // The backup; the target is found by the listing.
        (Verb::HeadBucket, 1),
        (Verb::GetBucketVersioning, 1),
        (Verb::ListObjectsV2, 1),
        // The name of the last snapshot, its index, a segment, and the lease.
        (Verb::GetObject, 4),
        (Verb::CopyObject, 1),
        // The lease is taken, the restore begins, it ends, the lease is given back.
        (Verb::PutObject, 4),
    ];
    for (verb, count) in expected {
        assert_eq!(ledger.count(verb), count, "{verb:?}");
    }
    assert_eq!(ledger.total(), 12, "{:?}", ledger.counts());
}

#[tokio::test]
async fn a_target_in_another_region_is_found_there() {
    for region in ["eu-west-1", "me-south-1"] {
        let world = backed_up().await;
        let options = BucketOptions {
            region: region.to_owned(),
            versioning: Versioning::Enabled,
            ..BucketOptions::default()
        };
        world.sim.create_bucket_with(ELSEWHERE, options);

        let done = restore(&world, of_one_key()).await;

        assert_eq!(done["status"], "complete", "{region}: {done}");
        assert_eq!(state(&world, ELSEWHERE), state(&world, PRIMARY), "{region}");
    }
}

#[tokio::test]
async fn a_target_that_may_not_be_read_is_named_before_anything_is_written() {
    for action in ["s3:ListBucket", "s3:GetBucketVersioning"] {
        for request in [
            of_one_key(),
            json!({"all": true, "run": "latest", "to": "s3://elsewhere"}),
        ] {
            let world = backed_up().await.with_bucket(ELSEWHERE);
            world.sim.deny(Grant::on(action, ELSEWHERE));
            let before = [BACKUP, ELSEWHERE].map(|bucket| versions(&world, bucket));

            let error = world.invoke(asking(request.clone())).await.unwrap_err();

            assert_eq!(error.error_type(), "DestinationError", "{action}: {error}");
            assert!(error.to_string().contains(ELSEWHERE), "{action}: {error}");
            let after = [BACKUP, ELSEWHERE].map(|bucket| versions(&world, bucket));
            assert_eq!(after, before, "{action} {request}");
        }
    }
}

/// The key is looked at before the lease is taken. If another restore writes it until then, nothing that is to be done
/// tells of it.
#[tokio::test]
async fn a_key_that_seems_to_be_as_it_was_is_looked_at_again_under_the_lease() {
    let world = backed_up().await;
    let before = state(&world, PRIMARY);
    let damage = Effect::before(|sim| {
        sim.put(PRIMARY, "a", "damaged");
    });
    let lease = Fault::on(Verb::PutObject).bucket(BACKUP).nth(1);
    world.sim.fault(lease, damage);

    let done = restore(&world, json!({"keys": ["a"], "run": "latest"})).await;

    assert_eq!(count(&done, "objects_restored"), 1, "{done}");
    assert_eq!(state(&world, PRIMARY), before);
}
