//! Checks of copies in one call.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{MetadataDirective, StorageClass};

use super::store::Store;

pub(super) async fn a_copy_keeps_headers_metadata_and_tags(store: Store) {
    let call = store
        .s3
        .put_object()
        .bucket(&store.source)
        .key(store.key("k"));
    let call = call
        .content_type("text/csv")
        .cache_control("max-age=60")
        .metadata("owner", "finance");
    call.tagging("team=a%20b")
        .body(b"1".to_vec().into())
        .send()
        .await
        .unwrap();

    store
        .copy("k")
        .metadata_directive(MetadataDirective::Copy)
        .send()
        .await
        .unwrap();

    let copy = store.head(&store.backup, "k").send().await.unwrap();
    assert_eq!(copy.content_type(), Some("text/csv"));
    assert_eq!(copy.cache_control(), Some("max-age=60"));
    assert_eq!(copy.metadata().unwrap()["owner"], "finance");
    assert_eq!(
        store.tags_of_copy("k").await,
        [("team".to_owned(), "a b".to_owned())]
    );
}

pub(super) async fn a_copy_goes_to_standard_unless_told_otherwise(store: Store) {
    let call = store
        .s3
        .put_object()
        .bucket(&store.source)
        .key(store.key("k"));
    call.storage_class(StorageClass::StandardIa)
        .send()
        .await
        .unwrap();

    store.copy("k").send().await.unwrap();
    let standard = store.head(&store.backup, "k").send().await.unwrap();
    store
        .copy("k")
        .storage_class(StorageClass::GlacierIr)
        .send()
        .await
        .unwrap();
    let told = store.head(&store.backup, "k").send().await.unwrap();

    assert_eq!(told.storage_class(), Some(&StorageClass::GlacierIr));
    let class = standard.storage_class();
    assert!(
        class.is_none_or(|class| *class == StorageClass::Standard),
        "{class:?}"
    );
}

pub(super) async fn a_copy_leaves_the_website_redirect_behind(store: Store) {
    let call = store
        .s3
        .put_object()
        .bucket(&store.source)
        .key(store.key("k"));
    call.website_redirect_location("/other")
        .send()
        .await
        .unwrap();

    store.copy("k").send().await.unwrap();
    let left = store.head(&store.backup, "k").send().await.unwrap();
    store
        .copy("k")
        .website_redirect_location("/other")
        .send()
        .await
        .unwrap();
    let sent = store.head(&store.backup, "k").send().await.unwrap();

    assert_eq!(left.website_redirect_location(), None);
    assert_eq!(sent.website_redirect_location(), Some("/other"));
}

pub(super) async fn a_copy_of_a_changed_object_is_refused(store: Store) {
    let before = store.put("k", "before").await;
    let after = store.put("k", "after").await;

    let refused = store
        .copy("k")
        .copy_source_if_match(before)
        .send()
        .await
        .unwrap_err();
    store
        .copy("k")
        .copy_source_if_match(after)
        .send()
        .await
        .unwrap();

    assert_eq!(refused.code(), Some("PreconditionFailed"));
}

pub(super) async fn a_copy_source_is_decoded_once(store: Store) {
    for key in ["a b", "a+b", "a%2Fb", "a/b", "a?b", "a//b", "é😀", "\u{1}"] {
        store.put(key, key).await;

        store.copy(key).send().await.unwrap();

        let call = store
            .s3
            .get_object()
            .bucket(&store.backup)
            .key(store.key(key));
        let body = call.send().await.unwrap().body.collect().await.unwrap();
        assert_eq!(body.to_vec(), key.as_bytes(), "{key:?}");
    }
}

pub(super) async fn a_copy_of_what_is_not_there_is_not_found(store: Store) {
    let copy = store.copy("nothing").send().await.unwrap_err();
    let head = store
        .head(&store.source, "nothing")
        .send()
        .await
        .unwrap_err();

    assert_eq!(copy.code(), Some("NoSuchKey"));
    assert_eq!(head.raw_response().unwrap().status().as_u16(), 404);
}

pub(super) async fn a_copy_of_an_archived_object_is_refused(store: Store) {
    let call = store
        .s3
        .put_object()
        .bucket(&store.source)
        .key(store.key("k"));
    call.storage_class(StorageClass::Glacier)
        .send()
        .await
        .unwrap();

    let refused = store.copy("k").send().await.unwrap_err();

    assert_eq!(refused.code(), Some("InvalidObjectState"));
}

pub(super) async fn a_copy_in_one_call_has_one_part(store: Store) {
    store.put_in_parts("k").await;

    let reply = store.copy("k").send().await.unwrap();

    let object = store.head(&store.source, "k").send().await.unwrap();
    assert!(object.e_tag().unwrap().ends_with("-2\""), "{object:?}");
    let etag = reply.copy_object_result().unwrap().e_tag().unwrap();
    assert!(!etag.contains('-'), "{etag}");
}

pub(super) async fn a_copy_is_not_older_than_its_object(store: Store) {
    store.put("k", "1").await;

    store.copy("k").send().await.unwrap();

    let object = store.head(&store.source, "k").send().await.unwrap();
    let copy = store.head(&store.backup, "k").send().await.unwrap();
    assert_eq!(copy.e_tag(), object.e_tag());
    assert!(copy.last_modified() >= object.last_modified());
}
