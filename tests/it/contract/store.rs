//! Two buckets of an S3, and the calls that the checks make.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sdk_s3::types::{
    BucketVersioningStatus, ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload,
    CompletedPart, VersioningConfiguration,
};
use s3_backup::model::Key;

use super::MIB;

/// Stores that were made so far.
static MADE: AtomicU64 = AtomicU64::new(0);

/// Two buckets on some S3: one plain, one versioned.
#[derive(Clone)]
pub struct Store {
    pub s3: Client,
    pub source: String,
    pub backup: String,
    /// Before each key, so that checks do not meet.
    pub(super) prefix: String,
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

    pub(super) fn key(&self, key: &str) -> String {
        format!("{}/{key}", self.prefix)
    }

    pub(super) async fn put(&self, key: &str, body: impl Into<Vec<u8>>) -> String {
        let call = self.s3.put_object().bucket(&self.source).key(self.key(key));
        let reply = call.body(body.into().into()).send().await.unwrap();
        reply.e_tag().unwrap().to_owned()
    }

    /// The value of `x-amz-copy-source` for a key of the source.
    pub(super) fn copy_source(&self, key: &str) -> String {
        Key::new(self.key(key)).copy_source(&self.source, None)
    }

    pub(super) fn copy(
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

    pub(super) fn head(
        &self,
        bucket: &str,
        key: &str,
    ) -> aws_sdk_s3::operation::head_object::builders::HeadObjectFluentBuilder {
        self.s3.head_object().bucket(bucket).key(self.key(key))
    }

    pub(super) async fn tags_of_copy(&self, key: &str) -> Vec<(String, String)> {
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

    pub(super) async fn begin(&self, bucket: &str, key: &str) -> String {
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
    pub(super) async fn put_in_parts(&self, key: &str) {
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
    pub(super) async fn copy_in_parts(&self, key: &str) -> (String, Vec<CompletedPart>) {
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

    pub(super) fn copy_part(
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

    pub(super) fn complete(
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

pub(super) fn part(number: i32, etag: &str) -> CompletedPart {
    CompletedPart::builder()
        .part_number(number)
        .e_tag(etag)
        .build()
}

/// Remembers the date of a reply.
#[derive(Debug)]
pub(super) struct Dates(pub(super) Arc<Mutex<Option<DateTime>>>);

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
