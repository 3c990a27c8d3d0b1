//! Checks of versions, owners, conditions and the clock.

use std::sync::{Arc, Mutex};

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::BucketVersioningStatus;

use super::store::{Dates, Store};

pub(super) async fn an_overwrite_in_a_versioned_bucket_keeps_what_it_replaces(store: Store) {
    store.put("k", "1").await;

    let first = store.copy("k").send().await.unwrap();
    let second = store.copy("k").send().await.unwrap();

    assert_ne!(first.version_id().unwrap(), second.version_id().unwrap());
    let call = store
        .s3
        .list_object_versions()
        .bucket(&store.backup)
        .prefix(store.key("k"));
    assert_eq!(call.send().await.unwrap().versions().len(), 2);
    let versioning = store
        .s3
        .get_bucket_versioning()
        .bucket(&store.backup)
        .send()
        .await
        .unwrap();
    assert_eq!(versioning.status(), Some(&BucketVersioningStatus::Enabled));
    let plain = store
        .s3
        .get_bucket_versioning()
        .bucket(&store.source)
        .send()
        .await
        .unwrap();
    assert_eq!(plain.status(), None);
}

pub(super) async fn a_bucket_of_another_owner_is_denied(store: Store) {
    let call = store
        .s3
        .head_bucket()
        .bucket(&store.source)
        .expected_bucket_owner("999988887777");

    let denied = call.send().await.unwrap_err();

    assert_eq!(denied.raw_response().unwrap().status().as_u16(), 403);
}

pub(super) async fn a_creation_is_refused_where_something_is(store: Store) {
    let create = || {
        let call = store.s3.put_object().bucket(&store.backup);
        call.key(store.key("k")).if_none_match("*")
    };

    create().send().await.unwrap();
    let there = create().send().await.unwrap_err();
    let delete = store.s3.delete_object().bucket(&store.backup);
    delete.key(store.key("k")).send().await.unwrap();
    let after_a_marker = create().send().await;

    assert_eq!(there.code(), Some("PreconditionFailed"));
    assert!(after_a_marker.is_ok(), "{after_a_marker:?}");
}

pub(super) async fn a_replacement_is_refused_unless_it_names_what_is_there(store: Store) {
    let replace = |etag: &str, body: &'static str| {
        let call = store.s3.put_object().bucket(&store.backup);
        let call = call.key(store.key("k")).if_match(etag);
        call.body(body.as_bytes().to_vec().into())
    };

    let missing = replace("\"0123456789abcdef0123456789abcdef\"", "0")
        .send()
        .await;
    let put = store.s3.put_object().bucket(&store.backup);
    let first = put.key(store.key("k")).send().await.unwrap();
    let first = first.e_tag().unwrap();
    replace(first, "1").send().await.unwrap();
    let again = replace(first, "2").send().await.unwrap_err();

    let missing = missing.unwrap_err().raw_response().unwrap().status();
    assert_eq!(missing.as_u16(), 404);
    assert_eq!(again.code(), Some("PreconditionFailed"));
}

pub(super) async fn a_reply_is_dated_by_the_clock_that_dates_objects(store: Store) {
    store.put("k", "1").await;

    let dates = Arc::new(Mutex::new(None));
    let told = Arc::clone(&dates);
    let call = store.s3.get_object().bucket(&store.source);
    let call = call.key(store.key("k")).customize();
    let reply = call.interceptor(Dates(told)).send().await.unwrap();

    let date = dates.lock().unwrap().unwrap();
    let age = date.secs() - reply.last_modified().unwrap().secs();
    assert!((0..60).contains(&age), "{age} s");
}
