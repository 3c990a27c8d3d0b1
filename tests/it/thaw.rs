//! Archived objects, over the wire: asked for by version, once, and never waited for.

use std::time::Duration;

use s3_backup::config::BucketAccess;
use s3_backup::model::{BucketName, Key, StorageClass, ThawState, Tier, VersionId};
use s3_backup::s3::{Bucket, Cause, S3Error, ThawAnswer};
use s3_sim::{Effect, Fault, Put, Verb};

use crate::world::{BACKUP, World};

const HOUR: Duration = Duration::from_hours(1);

/// An old version of `a` in an archive class, below a delete marker.
struct Archived {
    world: World,
    bucket: Bucket,
    id: VersionId,
    class: StorageClass,
}

impl Archived {
    async fn of(class: &str) -> Self {
        let world = World::new();
        world.sim.clock().freeze();
        let id = world
            .sim
            .put_object(BACKUP, "a", Put::new("1").storage_class(class));
        world.sim.delete(BACKUP, "a");
        let name = BucketName::new(BACKUP).unwrap();
        let bucket = world
            .connections()
            .bucket(&name, &BucketAccess::default())
            .await
            .unwrap();
        Self {
            world,
            bucket,
            id: VersionId::new(id),
            class: StorageClass::new(Some(class)),
        }
    }

    async fn ask(&self, tier: Tier) -> Result<ThawAnswer, S3Error> {
        let (key, version) = (Key::new("a"), Some(&self.id));
        self.bucket.thaw(&key, version, &self.class, tier, 2).await
    }

    async fn state(&self) -> ThawState {
        let key = Key::new("a");
        let state = self.bucket.thaw_state(&key, Some(&self.id)).await;
        state.unwrap()
    }

    fn asked(&self) -> u64 {
        self.world.sim.ledger().count(Verb::RestoreObject)
    }
}

fn under_way(tier: Tier) -> ThawAnswer {
    let state = ThawState::UnderWay;
    ThawAnswer { state, tier }
}

#[tokio::test]
async fn an_old_version_under_a_marker_thaws_is_readable_and_freezes_over() {
    let archived = Archived::of("DEEP_ARCHIVE").await;

    let before = archived.state().await;
    let answer = archived.ask(Tier::Standard).await.unwrap();
    let asked = archived.state().await;
    archived.world.sim.clock().advance(HOUR * 12);
    let ready = archived.state().await;
    archived.world.sim.clock().advance(HOUR * 72);
    let after = archived.state().await;

    assert_eq!(answer, under_way(Tier::Standard));
    assert_eq!(
        (before, asked, after),
        (ThawState::Frozen, ThawState::UnderWay, ThawState::Frozen)
    );
    assert!(
        matches!(ready, ThawState::Thawed { until: Some(_) }),
        "{ready:?}"
    );
}

#[tokio::test]
async fn what_is_under_way_or_thawed_is_no_failure_and_is_asked_for_once() {
    let archived = Archived::of("GLACIER").await;

    archived.ask(Tier::Bulk).await.unwrap();
    let again = archived.ask(Tier::Bulk).await.unwrap();
    archived.world.sim.clock().advance(HOUR * 12);
    let thawed = archived.ask(Tier::Bulk).await.unwrap();

    assert_eq!(again, under_way(Tier::Bulk));
    assert_eq!(thawed.state, ThawState::Thawed { until: None });
    // Neither 409 nor 200 is a reason to ask again.
    assert_eq!(archived.asked(), 3);
}

#[tokio::test]
async fn without_capacity_for_expedited_standard_is_asked_for() {
    let archived = Archived::of("GLACIER").await;
    archived
        .world
        .sim
        .change_options(BACKUP, |options| options.expedites = false);

    let answer = archived.ask(Tier::Expedited).await.unwrap();

    assert_eq!(answer, under_way(Tier::Standard));
    assert_eq!(archived.asked(), 2);
}

#[tokio::test]
async fn a_tier_that_the_class_has_not_is_refused_before_anything_is_sent() {
    let archived = Archived::of("DEEP_ARCHIVE").await;

    let error = archived.ask(Tier::Expedited).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "cannot thaw a: S3 refused (DEEP_ARCHIVE has no expedited tier; choose standard (12 hours) or \
         bulk (48 hours))"
    );
    assert_eq!(archived.asked(), 0);
}

#[tokio::test]
async fn what_is_no_archive_any_more_needs_nothing() {
    let archived = Archived::of("GLACIER_IR").await;
    let glacier = StorageClass::new(Some("GLACIER"));
    let (key, id) = (Key::new("a"), Some(&archived.id));

    let answer = archived
        .bucket
        .thaw(&key, id, &glacier, Tier::Standard, 2)
        .await;

    assert_eq!(answer.unwrap().state, ThawState::NotArchived);
    assert_eq!(archived.state().await, ThawState::NotArchived);
}

#[tokio::test]
async fn an_archive_tier_of_intelligent_tiering_is_asked_for_without_days() {
    let archived = Archived::of("INTELLIGENT_TIERING").await;
    let frozen = Put::new("1").archive_status("DEEP_ARCHIVE_ACCESS");
    let id = VersionId::new(archived.world.sim.put_object(BACKUP, "t", frozen));
    let key = Key::new("t");

    let before = archived.bucket.thaw_state(&key, Some(&id)).await.unwrap();
    let asked = archived
        .bucket
        .thaw(&key, Some(&id), &archived.class, Tier::Standard, 2);
    let asked = asked.await.unwrap();
    archived.world.sim.clock().advance(HOUR * 12);
    let after = archived.bucket.thaw_state(&key, Some(&id)).await.unwrap();

    assert_eq!(
        (before, asked),
        (ThawState::Frozen, under_way(Tier::Standard))
    );
    assert_eq!(after, ThawState::NotArchived);
    assert_eq!(
        archived.ask(Tier::Standard).await.unwrap().state,
        ThawState::NotArchived
    );
}

#[tokio::test]
async fn a_request_that_may_have_been_lost_is_sent_again_and_answered_once() {
    let faults = [
        Effect::InternalError,
        Effect::SlowDown,
        Effect::ConnectionReset,
        Effect::ResetAfterWork,
        Effect::CloseAfterWork,
    ];
    for effect in faults {
        let archived = Archived::of("GLACIER").await;
        // The first connection proves that S3 is there.
        let strikes = archived
            .world
            .sim
            .fault(Fault::on(Verb::RestoreObject).nth(1), effect.clone());

        let answer = archived.ask(Tier::Standard).await.unwrap();

        assert_eq!(answer, under_way(Tier::Standard), "{effect:?}");
        assert_eq!((strikes.count(), archived.asked()), (1, 2), "{effect:?}");
    }
}

#[tokio::test]
async fn a_version_that_is_gone_a_marker_and_a_missing_right_are_named() {
    let archived = Archived::of("GLACIER").await;
    let key = Key::new("a");
    let marker = archived.world.sim.versions(BACKUP, "a")[0]
        .version_id
        .clone();
    let ask = async |id: &str| {
        let id = VersionId::new(id);
        let asked = archived
            .bucket
            .thaw(&key, Some(&id), &archived.class, Tier::Bulk, 2);
        asked.await.unwrap_err()
    };

    assert_eq!(ask("null").await.cause, Cause::Missing);
    assert_eq!(ask(&marker).await.cause, Cause::Rejected);
    archived.world.sim.deny("s3:RestoreObject");
    let denied = ask(archived.id.as_str()).await;

    assert_eq!(denied.cause, Cause::Denied);
    assert!(
        denied.advice().contains("grant s3:RestoreObject"),
        "{}",
        denied.advice()
    );
}
