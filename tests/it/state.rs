//! The program's own objects are written by conditions that hold, and lost answers are looked for.

use s3_backup::config::BucketAccess;
use s3_backup::model::{BucketName, ETag, Key};
use s3_backup::s3::{Bucket, Cause, Condition, CopyReply, PutBody, S3Error};
use s3_sim::{Effect, Fault, Verb};

use crate::world::{BACKUP, World};

const KEY: &str = ".s3-backup/job/state.json";

async fn bucket(world: &World) -> Bucket {
    let name = BucketName::new(BACKUP).unwrap();
    world
        .connections()
        .bucket(&name, &BucketAccess::default())
        .await
        .unwrap()
}

async fn write(bucket: &Bucket, text: &str, condition: Condition) -> Result<CopyReply, S3Error> {
    let contents = PutBody {
        body: text.as_bytes(),
        content_type: "application/json",
    };
    bucket
        .write_state(&Key::new(KEY), contents, &condition)
        .await
}

async fn read(bucket: &Bucket) -> Option<String> {
    let reading = bucket.read_state(&Key::new(KEY)).await.unwrap();
    let state = reading.state?;
    Some(String::from_utf8(state.body).unwrap())
}

/// How often it was written.
fn versions(world: &World) -> usize {
    world.sim.versions(BACKUP, KEY).len()
}

#[tokio::test]
async fn what_was_written_is_read_with_its_tag_date_and_type() {
    let world = World::new();
    let bucket = bucket(&world).await;

    let written = write(&bucket, "{}", Condition::Always).await.unwrap();

    let reading = bucket.read_state(&Key::new(KEY)).await.unwrap();
    let state = reading.state.unwrap();
    assert_eq!(state.body, b"{}");
    assert_eq!((state.etag, state.version), (written.etag, written.version));
    assert!(reading.at.since(state.last_modified).as_secs() < 60);
    let view = world.sim.current(BACKUP, KEY).unwrap();
    let content_type = view.headers.content_type.as_deref();
    assert_eq!(content_type, Some("application/json"));
}

#[tokio::test]
async fn what_is_not_there_is_read_as_nothing() {
    let world = World::new();

    assert_eq!(read(&bucket(&world).await).await, None);
}

#[tokio::test]
async fn the_time_of_a_reading_is_s3s_and_not_this_machines() {
    let world = World::new();
    let bucket = bucket(&world).await;
    let before = bucket.read_state(&Key::new(KEY)).await.unwrap().at;
    let day = std::time::Duration::from_hours(24);

    world.sim.clock().advance(day);

    let after = bucket.read_state(&Key::new(KEY)).await.unwrap().at;
    assert!(after.since(before) >= day);
}

#[tokio::test]
async fn a_condition_that_does_not_hold_is_a_change_by_somebody_else() {
    let world = World::new();
    let bucket = bucket(&world).await;
    let gone = Condition::Replace(ETag::new("0123456789abcdef0123456789abcdef"));

    let missing = write(&bucket, "1", gone.clone()).await.unwrap_err();
    write(&bucket, "2", Condition::Create).await.unwrap();
    let there = write(&bucket, "3", Condition::Create).await.unwrap_err();
    let other = write(&bucket, "4", gone).await.unwrap_err();

    for error in [missing, there, other] {
        assert_eq!(error.cause, Cause::ChangedMeanwhile, "{error}");
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot write {KEY}: ")),
            "{error}"
        );
        assert!(
            error.advice().starts_with("another run wrote it first"),
            "{}",
            error.advice()
        );
    }
    assert_eq!(read(&bucket).await.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_replacement_binds_to_what_was_read() {
    let world = World::new();
    let bucket = bucket(&world).await;
    let first = write(&bucket, "1", Condition::Create).await.unwrap();

    let second = Condition::Replace(first.etag.clone());
    write(&bucket, "2", second.clone()).await.unwrap();
    let again = write(&bucket, "3", second).await.unwrap_err();

    assert_eq!(again.cause, Cause::ChangedMeanwhile);
    assert_eq!(read(&bucket).await.as_deref(), Some("2"));
}

#[tokio::test]
async fn an_answer_that_is_lost_is_looked_for() {
    let after_work = [
        Effect::ResetAfterWork,
        Effect::OkWithErrorBodyAfterWork("InternalError".to_owned()),
    ];
    let before_work = [
        Effect::ConnectionReset,
        Effect::Stall,
        Effect::InternalError,
        Effect::status(409, "ConditionalRequestConflict", "Conflict"),
    ];
    for effect in after_work.into_iter().chain(before_work) {
        let name = format!("{effect:?}");
        let world = World::new().impatient();
        let bucket = bucket(&world).await;
        world.sim.fault(Fault::on(Verb::PutObject).nth(1), effect);

        write(&bucket, "1", Condition::Create).await.unwrap();

        assert_eq!(read(&bucket).await.as_deref(), Some("1"), "{name}");
        assert_eq!(versions(&world), 1, "{name}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_not_mistaken_for_the_write_of_somebody_else() {
    let world = World::new();
    let bucket = bucket(&world).await;
    let taken = Effect::before(|sim| {
        sim.put(BACKUP, KEY, "theirs");
    });
    let put = Fault::on(Verb::PutObject).nth(1);
    world.sim.fault(put.clone(), taken);
    world.sim.fault(put, Effect::ConnectionReset);

    let error = write(&bucket, "ours", Condition::Create).await.unwrap_err();

    assert_eq!(error.cause, Cause::ChangedMeanwhile);
    assert_eq!(read(&bucket).await.as_deref(), Some("theirs"));
}

#[tokio::test]
async fn a_write_that_nobody_can_look_for_stays_in_doubt() {
    let world = World::new();
    let bucket = bucket(&world).await;
    world
        .sim
        .fault(Fault::on(Verb::PutObject), Effect::ResetAfterWork);
    world.sim.fault(
        Fault::on(Verb::GetObject),
        Effect::status(403, "AccessDenied", "Access Denied"),
    );

    let error = write(&bucket, "1", Condition::Create).await.unwrap_err();

    assert!(error.cause.leaves_doubt(), "{error}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_read_again() {
    for effect in [
        Effect::CutBodyAfter(2),
        Effect::CutConnectionAfter(2),
        Effect::StallAfterHeaders,
        Effect::EmptyBodyAfterWork,
    ] {
        let name = format!("{effect:?}");
        let world = World::new().impatient();
        let bucket = bucket(&world).await;
        write(&bucket, "<five>", Condition::Create).await.unwrap();
        world.sim.fault(Fault::on(Verb::GetObject).nth(1), effect);

        assert_eq!(read(&bucket).await.as_deref(), Some("<five>"), "{name}");
        assert_eq!(world.sim.ledger().count(Verb::GetObject), 2, "{name}");
    }
}

#[tokio::test]
async fn what_may_not_be_read_or_written_names_the_permission() {
    let world = World::new();
    let bucket = bucket(&world).await;
    let denied = || Effect::status(403, "AccessDenied", "Access Denied");
    world.sim.fault(Fault::on(Verb::PutObject), denied());
    world.sim.fault(Fault::on(Verb::GetObject), denied());

    let write = write(&bucket, "1", Condition::Always).await.unwrap_err();
    let read = bucket.read_state(&Key::new(KEY)).await.unwrap_err();

    assert!(
        write.advice().contains("s3:PutObject"),
        "{}",
        write.advice()
    );
    assert!(read.advice().contains("s3:GetObject"), "{}", read.advice());
}
