//! What we rely on in S3, a check each. It runs on the simulator always, and on any other endpoint:
//!
//! ```text
//! CONTRACT_ENDPOINT=https://localhost:4566 CONTRACT_SERVER=ministack \
//!     cargo test --test it contract -- --ignored
//! ```
//!
//! Without `CONTRACT_SERVER` nothing may differ. The checks make two buckets and remove none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata};
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sdk_s3::types::{
    BucketVersioningStatus, ChecksumAlgorithm, ChecksumMode, ChecksumType,
    CompletedMultipartUpload, CompletedPart, EncodingType, MetadataDirective, StorageClass,
    VersioningConfiguration,
};
use futures::future::BoxFuture;
use s3_backup::model::Key;

use crate::world::World;

const MIB: usize = 1024 * 1024;

type Check = fn(Store) -> BoxFuture<'static, ()>;

/// A promise of S3, by its name.
macro_rules! promises {
    ($($name:ident),* $(,)?) => {
        [$((stringify!($name), (|store| Box::pin($name(store))) as Check)),*]
    };
}

const PROMISES: [(&str, Check); 25] = promises![
    listings_ascend_by_bytes_from_page_to_page,
    listings_encode_keys_when_asked_to,
    a_page_counts_its_keys_and_says_whether_it_is_the_last,
    a_copy_keeps_headers_metadata_and_tags,
    a_copy_goes_to_standard_unless_told_otherwise,
    a_copy_leaves_the_website_redirect_behind,
    a_copy_of_a_changed_object_is_refused,
    a_copy_source_is_decoded_once,
    a_copy_of_what_is_not_there_is_not_found,
    a_copy_of_an_archived_object_is_refused,
    a_copy_in_one_call_has_one_part,
    a_copy_is_not_older_than_its_object,
    a_look_at_part_one_tells_the_layout,
    parts_cut_alike_have_the_same_etag,
    a_part_of_a_changed_object_is_refused,
    an_upload_keeps_the_tags_that_it_was_begun_with,
    a_completion_with_the_sources_checksum_is_accepted,
    a_completion_of_another_size_is_refused,
    a_completion_with_another_checksum_is_refused,
    an_aborted_upload_leaves_nothing,
    an_overwrite_in_a_versioned_bucket_keeps_what_it_replaces,
    a_bucket_of_another_owner_is_denied,
    a_creation_is_refused_where_something_is,
    a_replacement_is_refused_unless_it_names_what_is_there,
    a_reply_is_dated_by_the_clock_that_dates_objects,
];

/// Where MiniStack 1.5 differs from S3, and why that does no harm here.
const MINISTACK: [(&str, &str); 8] = [
    (
        "a_copy_goes_to_standard_unless_told_otherwise",
        "it carries the class; ours is always named",
    ),
    (
        "a_copy_leaves_the_website_redirect_behind",
        "it carries the redirect; ours is the same",
    ),
    (
        "a_copy_of_an_archived_object_is_refused",
        "it copies archived objects",
    ),
    (
        "a_copy_in_one_call_has_one_part",
        "it keeps the ETag of the parts",
    ),
    (
        "a_look_at_part_one_tells_the_layout",
        "it ignores part numbers; ours cuts by itself then",
    ),
    (
        "an_upload_keeps_the_tags_that_it_was_begun_with",
        "it drops them: tags of large objects are tested on the simulator only",
    ),
    (
        "a_completion_with_the_sources_checksum_is_accepted",
        "it compares with a checksum of checksums, and refuses; nothing false is reported",
    ),
    (
        "a_bucket_of_another_owner_is_denied",
        "it knows one owner only",
    ),
];

/// Stores that were made so far.
static MADE: AtomicU64 = AtomicU64::new(0);

/// Two buckets on some S3: one plain, one versioned.
#[derive(Clone)]
pub struct Store {
    pub s3: Client,
    pub source: String,
    pub backup: String,
    /// Before each key, so that checks do not meet.
    prefix: String,
}

impl Store {
    pub async fn make(sdk: &SdkConfig) -> Self {
        let config = aws_sdk_s3::config::Builder::from(sdk)
            .force_path_style(true)
            .build();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_nanos();
        // Two tests can begin in the same instant.
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let store = Self {
            s3: Client::from_conf(config),
            source: format!("contract-source-{now}-{number}"),
            backup: format!("contract-backup-{now}-{number}"),
            prefix: String::new(),
        };
        for bucket in [&store.source, &store.backup] {
            store
                .s3
                .create_bucket()
                .bucket(bucket)
                .send()
                .await
                .unwrap();
        }
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled);
        let call = store.s3.put_bucket_versioning().bucket(&store.backup);
        call.versioning_configuration(enabled.build())
            .send()
            .await
            .unwrap();
        store
    }

    fn key(&self, key: &str) -> String {
        format!("{}/{key}", self.prefix)
    }

    async fn put(&self, key: &str, body: impl Into<Vec<u8>>) -> String {
        let call = self.s3.put_object().bucket(&self.source).key(self.key(key));
        let reply = call.body(body.into().into()).send().await.unwrap();
        reply.e_tag().unwrap().to_owned()
    }

    /// The value of `x-amz-copy-source` for a key of the source.
    fn copy_source(&self, key: &str) -> String {
        Key::new(self.key(key)).copy_source(&self.source, None)
    }

    fn copy(
        &self,
        key: &str,
    ) -> aws_sdk_s3::operation::copy_object::builders::CopyObjectFluentBuilder {
        let call = self
            .s3
            .copy_object()
            .bucket(&self.backup)
            .key(self.key(key));
        call.copy_source(self.copy_source(key))
    }

    fn head(
        &self,
        bucket: &str,
        key: &str,
    ) -> aws_sdk_s3::operation::head_object::builders::HeadObjectFluentBuilder {
        self.s3.head_object().bucket(bucket).key(self.key(key))
    }

    async fn tags_of_copy(&self, key: &str) -> Vec<(String, String)> {
        let call = self
            .s3
            .get_object_tagging()
            .bucket(&self.backup)
            .key(self.key(key));
        let reply = call.send().await.unwrap();
        let tags = reply.tag_set().iter();
        tags.map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
            .collect()
    }

    async fn begin(&self, bucket: &str, key: &str) -> String {
        let call = self
            .s3
            .create_multipart_upload()
            .bucket(bucket)
            .key(self.key(key));
        let call = call.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme);
        let reply = call
            .checksum_type(ChecksumType::FullObject)
            .send()
            .await
            .unwrap();
        reply.upload_id().unwrap().to_owned()
    }

    /// An object of the source in two parts, of 6 MiB and of 1 MiB.
    async fn put_in_parts(&self, key: &str) {
        let id = self.begin(&self.source, key).await;
        let mut parts = Vec::new();
        for (number, size) in [(1, 6 * MIB), (2, MIB)] {
            let call = self
                .s3
                .upload_part()
                .bucket(&self.source)
                .key(self.key(key));
            let call = call
                .upload_id(&id)
                .part_number(number)
                .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme);
            let body = vec![u8::try_from(number).unwrap(); size];
            let reply = call.body(body.into()).send().await.unwrap();
            parts.push(part(number, reply.e_tag().unwrap()));
        }
        self.complete(&self.source, key, &id, parts)
            .send()
            .await
            .unwrap();
    }

    /// Copies such an object part by part, up to its completion.
    async fn copy_in_parts(&self, key: &str) -> (String, Vec<CompletedPart>) {
        let id = self.begin(&self.backup, key).await;
        let mut parts = Vec::new();
        let ranges = [(1, 0, 6 * MIB - 1), (2, 6 * MIB, 7 * MIB - 1)];
        for (number, first, last) in ranges {
            let reply = self
                .copy_part(key, &id, number, first, last)
                .send()
                .await
                .unwrap();
            parts.push(part(
                number,
                reply.copy_part_result().unwrap().e_tag().unwrap(),
            ));
        }
        (id, parts)
    }

    fn copy_part(
        &self,
        key: &str,
        id: &str,
        number: i32,
        first: usize,
        last: usize,
    ) -> aws_sdk_s3::operation::upload_part_copy::builders::UploadPartCopyFluentBuilder {
        let call = self
            .s3
            .upload_part_copy()
            .bucket(&self.backup)
            .key(self.key(key));
        let call = call
            .upload_id(id)
            .part_number(number)
            .copy_source(self.copy_source(key));
        call.copy_source_range(format!("bytes={first}-{last}"))
    }

    fn complete(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        parts: Vec<CompletedPart>,
    ) -> aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder
    {
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        let call = self
            .s3
            .complete_multipart_upload()
            .bucket(bucket)
            .key(self.key(key));
        call.upload_id(id)
            .checksum_type(ChecksumType::FullObject)
            .multipart_upload(parts)
    }
}

fn part(number: i32, etag: &str) -> CompletedPart {
    CompletedPart::builder()
        .part_number(number)
        .e_tag(etag)
        .build()
}

async fn listings_ascend_by_bytes_from_page_to_page(store: Store) {
    let mut keys = [
        "a", "a!", "a/b", "a//b", "Z", "é", "\u{ffee}", "😀", " ", "z/",
    ]
    .map(|key| store.key(key));
    for key in &keys {
        store
            .s3
            .put_object()
            .bucket(&store.source)
            .key(key)
            .send()
            .await
            .unwrap();
    }

    let call = store
        .s3
        .list_objects_v2()
        .bucket(&store.source)
        .prefix(store.key(""))
        .max_keys(3);
    let mut pages = call.into_paginator().send();
    let mut listed = Vec::new();
    while let Some(page) = pages.next().await {
        listed.extend(
            page.unwrap()
                .contents()
                .iter()
                .map(|row| row.key().unwrap().to_owned()),
        );
    }

    keys.sort();
    assert_eq!(listed, keys);
}

async fn listings_encode_keys_when_asked_to(store: Store) {
    let key = "a b+c%2Fd/\u{1}é";
    store.put(key, "1").await;

    let call = store
        .s3
        .list_objects_v2()
        .bucket(&store.source)
        .prefix(store.key(""));
    let reply = call.encoding_type(EncodingType::Url).send().await.unwrap();

    let listed = reply.contents()[0].key().unwrap();
    assert_eq!(reply.encoding_type(), Some(&EncodingType::Url));
    assert_eq!(
        Key::from_url_encoded(listed.to_owned()),
        Ok(Key::new(store.key(key))),
        "{listed}"
    );
    assert!(listed.is_ascii() && !listed.contains('\u{1}'), "{listed}");
}

async fn a_page_counts_its_keys_and_says_whether_it_is_the_last(store: Store) {
    for key in ["a", "b", "c"] {
        store.put(key, "1").await;
    }

    let call = || {
        store
            .s3
            .list_objects_v2()
            .bucket(&store.source)
            .prefix(store.key(""))
    };
    let first = call().max_keys(2).send().await.unwrap();
    let token = first.next_continuation_token().unwrap();
    let last = call()
        .max_keys(2)
        .continuation_token(token)
        .send()
        .await
        .unwrap();

    assert_eq!(
        (first.key_count(), first.is_truncated()),
        (Some(2), Some(true))
    );
    assert_eq!(
        (last.key_count(), last.is_truncated()),
        (Some(1), Some(false))
    );
    assert_eq!(last.next_continuation_token(), None);
}

async fn a_copy_keeps_headers_metadata_and_tags(store: Store) {
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

async fn a_copy_goes_to_standard_unless_told_otherwise(store: Store) {
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

async fn a_copy_leaves_the_website_redirect_behind(store: Store) {
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

async fn a_copy_of_a_changed_object_is_refused(store: Store) {
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

async fn a_copy_source_is_decoded_once(store: Store) {
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

async fn a_copy_of_what_is_not_there_is_not_found(store: Store) {
    let copy = store.copy("nothing").send().await.unwrap_err();
    let head = store
        .head(&store.source, "nothing")
        .send()
        .await
        .unwrap_err();

    assert_eq!(copy.code(), Some("NoSuchKey"));
    assert_eq!(head.raw_response().unwrap().status().as_u16(), 404);
}

async fn a_copy_of_an_archived_object_is_refused(store: Store) {
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

async fn a_copy_in_one_call_has_one_part(store: Store) {
    store.put_in_parts("k").await;

    let reply = store.copy("k").send().await.unwrap();

    let object = store.head(&store.source, "k").send().await.unwrap();
    assert!(object.e_tag().unwrap().ends_with("-2\""), "{object:?}");
    let etag = reply.copy_object_result().unwrap().e_tag().unwrap();
    assert!(!etag.contains('-'), "{etag}");
}

async fn a_copy_is_not_older_than_its_object(store: Store) {
    store.put("k", "1").await;

    store.copy("k").send().await.unwrap();

    let object = store.head(&store.source, "k").send().await.unwrap();
    let copy = store.head(&store.backup, "k").send().await.unwrap();
    assert_eq!(copy.e_tag(), object.e_tag());
    assert!(copy.last_modified() >= object.last_modified());
}

async fn a_look_at_part_one_tells_the_layout(store: Store) {
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

async fn parts_cut_alike_have_the_same_etag(store: Store) {
    store.put_in_parts("k").await;
    let object = store.head(&store.source, "k").send().await.unwrap();

    let (id, parts) = store.copy_in_parts("k").await;
    let call = store.complete(&store.backup, "k", &id, parts);
    let reply = call.send().await.unwrap();

    assert_eq!(reply.e_tag(), object.e_tag());
}

async fn an_upload_keeps_the_tags_that_it_was_begun_with(store: Store) {
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

async fn a_completion_with_the_sources_checksum_is_accepted(store: Store) {
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

async fn a_part_of_a_changed_object_is_refused(store: Store) {
    store.put_in_parts("k").await;
    let id = store.begin(&store.backup, "k").await;

    let call = store
        .copy_part("k", &id, 1, 0, 6 * MIB - 1)
        .copy_source_if_match("\"other\"");
    let refused = call.send().await.unwrap_err();

    assert_eq!(refused.code(), Some("PreconditionFailed"));
}

async fn a_completion_of_another_size_is_refused(store: Store) {
    store.put_in_parts("k").await;
    let (id, parts) = store.copy_in_parts("k").await;

    let refused = store
        .complete(&store.backup, "k", &id, parts)
        .mpu_object_size(1)
        .send()
        .await;

    assert!(refused.is_err());
}

async fn a_completion_with_another_checksum_is_refused(store: Store) {
    store.put_in_parts("k").await;
    let (id, parts) = store.copy_in_parts("k").await;

    let call = store.complete(&store.backup, "k", &id, parts);
    let refused = call.checksum_crc64_nvme("AAAAAAAAAAA=").send().await;

    assert!(refused.is_err());
}

async fn an_aborted_upload_leaves_nothing(store: Store) {
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

async fn an_overwrite_in_a_versioned_bucket_keeps_what_it_replaces(store: Store) {
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

async fn a_bucket_of_another_owner_is_denied(store: Store) {
    let call = store
        .s3
        .head_bucket()
        .bucket(&store.source)
        .expected_bucket_owner("999988887777");

    let denied = call.send().await.unwrap_err();

    assert_eq!(denied.raw_response().unwrap().status().as_u16(), 403);
}

async fn a_creation_is_refused_where_something_is(store: Store) {
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

async fn a_replacement_is_refused_unless_it_names_what_is_there(store: Store) {
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

async fn a_reply_is_dated_by_the_clock_that_dates_objects(store: Store) {
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

/// Remembers the date of a reply.
#[derive(Debug)]
struct Dates(Arc<Mutex<Option<DateTime>>>);

impl Intercept for Dates {
    fn name(&self) -> &'static str {
        "Dates"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").unwrap();
        let date = DateTime::from_str(date, DateTimeFormat::HttpDate)?;
        *self.0.lock().unwrap() = Some(date);
        Ok(())
    }
}

/// The settings for the server that the environment names.
pub async fn named_endpoint() -> SdkConfig {
    let endpoint = std::env::var("CONTRACT_ENDPOINT").expect("CONTRACT_ENDPOINT names a server");
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).endpoint_url(endpoint);
    let loader = loader.http_client(s3_backup::s3::http_client());
    loader.load().await
}

/// Runs all checks; the names of those that fail.
async fn broken(sdk: &SdkConfig) -> Vec<&'static str> {
    let store = Store::make(sdk).await;
    let mut broken = Vec::new();
    for (name, check) in PROMISES {
        let prefix = name.to_owned();
        let store = Store {
            prefix,
            ..store.clone()
        };
        if tokio::spawn(check(store)).await.is_err() {
            broken.push(name);
        }
    }
    broken
}

#[tokio::test]
async fn the_simulator_keeps_every_promise() {
    let world = World::new();

    assert_eq!(broken(&world.sdk()).await, Vec::<&str>::new());
}

#[tokio::test]
#[ignore = "needs CONTRACT_ENDPOINT: make test names a local AWS"]
async fn the_named_endpoint_keeps_every_promise_or_differs_as_known() {
    let server = std::env::var("CONTRACT_SERVER").unwrap_or_default();
    let known: Vec<&str> = match server.as_str() {
        "" => Vec::new(),
        "ministack" => MINISTACK.map(|(name, _)| name).to_vec(),
        other => panic!("no differences are known of {other:?}; known: ministack"),
    };

    let broken = broken(&named_endpoint().await).await;

    assert_eq!(
        broken, known,
        "broken promises, and those that are known to be"
    );
}
