//! Checks of copies in parts.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType, CompletedMultipartUpload};

use super::MIB;
use super::store::{Store, part};

pub(super) async fn a_look_at_part_one_tells_the_layout(store: Store) {
    store.put_in_parts("k").await;

    let part = store
        .head(&store.source, "k")
        .part_number(1)
        .send()
        .await
        .unwrap();

    assert_eq!(part.parts_count(), Some(2));
    assert_eq!(part.content_length(), i64::try_from(6 * MIB).ok());
}

pub(super) async fn parts_cut_alike_have_the_same_etag(store: Store) {
    store.put_in_parts("k").await;
    let object = store.head(&store.source, "k").send().await.unwrap();

    let (id, parts) = store.copy_in_parts("k").await;
    let call = store.complete(&store.backup, "k", &id, parts);
    let reply = call.send().await.unwrap();

    assert_eq!(reply.e_tag(), object.e_tag());
}

pub(super) async fn an_upload_keeps_the_tags_that_it_was_begun_with(store: Store) {
    store.put("k", vec![7; 6 * MIB]).await;
    let call = store
        .s3
        .create_multipart_upload()
        .bucket(&store.backup)
        .key(store.key("k"));
    let upload = call.tagging("team=a%20b").send().await.unwrap();
    let id = upload.upload_id().unwrap();

    let reply = store
        .copy_part("k", id, 1, 0, 6 * MIB - 1)
        .send()
        .await
        .unwrap();
    let parts = vec![part(1, reply.copy_part_result().unwrap().e_tag().unwrap())];
    let parts = CompletedMultipartUpload::builder()
        .set_parts(Some(parts))
        .build();
    let call = store
        .s3
        .complete_multipart_upload()
        .bucket(&store.backup)
        .key(store.key("k"));
    call.upload_id(id)
        .multipart_upload(parts)
        .send()
        .await
        .unwrap();

    assert_eq!(
        store.tags_of_copy("k").await,
        [("team".to_owned(), "a b".to_owned())]
    );
}

pub(super) async fn a_completion_with_the_sources_checksum_is_accepted(store: Store) {
    store.put_in_parts("k").await;
    let head = |bucket| {
        store
            .head(bucket, "k")
            .checksum_mode(ChecksumMode::Enabled)
            .send()
    };
    let object = head(&store.source).await.unwrap();
    let checksum = object.checksum_crc64_nvme().unwrap();

    let (id, parts) = store.copy_in_parts("k").await;
    let call = store
        .complete(&store.backup, "k", &id, parts)
        .mpu_object_size(7 * 1024 * 1024);
    call.checksum_crc64_nvme(checksum).send().await.unwrap();

    let copy = head(&store.backup).await.unwrap();
    assert_eq!(object.checksum_type(), Some(&ChecksumType::FullObject));
    assert_eq!(copy.checksum_crc64_nvme(), Some(checksum));
}

pub(super) async fn a_part_of_a_changed_object_is_refused(store: Store) {
    store.put_in_parts("k").await;
    let id = store.begin(&store.backup, "k").await;

    let call = store
        .copy_part("k", &id, 1, 0, 6 * MIB - 1)
        .copy_source_if_match("\"other\"");
    let refused = call.send().await.unwrap_err();

    assert_eq!(refused.code(), Some("PreconditionFailed"));
}

pub(super) async fn a_completion_of_another_size_is_refused(store: Store) {
    store.put_in_parts("k").await;
    let (id, parts) = store.copy_in_parts("k").await;

    let refused = store
        .complete(&store.backup, "k", &id, parts)
        .mpu_object_size(1)
        .send()
        .await;

    assert!(refused.is_err());
}

pub(super) async fn a_completion_with_another_checksum_is_refused(store: Store) {
    store.put_in_parts("k").await;
    let (id, parts) = store.copy_in_parts("k").await;

    let call = store.complete(&store.backup, "k", &id, parts);
    let refused = call.checksum_crc64_nvme("AAAAAAAAAAA=").send().await;

    assert!(refused.is_err());
}

pub(super) async fn an_aborted_upload_leaves_nothing(store: Store) {
    store.put_in_parts("k").await;
    let (id, parts) = store.copy_in_parts("k").await;
    let abort = || {
        let call = store.s3.abort_multipart_upload().bucket(&store.backup);
        call.key(store.key("k")).upload_id(&id).send()
    };

    abort().await.unwrap();

    let completed = store
        .complete(&store.backup, "k", &id, parts)
        .send()
        .await
        .unwrap_err();
    assert_eq!(completed.code(), Some("NoSuchUpload"));
    assert!(store.head(&store.backup, "k").send().await.is_err());
}
