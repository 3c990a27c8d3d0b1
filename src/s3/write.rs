//! Copies of whole objects, made by S3 itself in one call.

use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, Config};
use aws_sdk_s3::operation::copy_object::CopyObjectOutput;
use aws_sdk_s3::types::{
    ChecksumType, CopyObjectResult, MetadataDirective, StorageClass as SdkClass, TaggingDirective,
};

use super::blank_key;
use super::bucket::Bucket;
use super::condition::{Condition, is_refused};
use super::error::{Cause, Operation, S3Error};
use super::retry::SWEEP_ATTEMPTS;
use crate::model::{
    Checksum, ChecksumAlgorithm, ETag, Key, Object, StorageClass, Timestamp, VersionId,
};

/// The most that one `CopyObject` copies: 5 GiB. S3 says "5 GB" and means this.
pub const MAX_COPY: u64 = 5 * 1024 * 1024 * 1024;

/// The source of a copy: an object as it was listed, in its bucket.
#[derive(Clone, Copy, Debug)]
pub struct CopySource<'a> {
    /// Its bucket.
    pub bucket: &'a Bucket,
    /// What was listed. The copy is bound to its `ETag`.
    pub object: &'a Object,
    /// The version that is copied; none for the current one.
    pub version: Option<&'a VersionId>,
}

impl CopySource<'_> {
    /// The value of `x-amz-copy-source`.
    pub(super) fn header(&self) -> String {
        let bucket = self.bucket.name.as_str();
        self.object.key.copy_source(bucket, self.version)
    }
}

/// What a copy is to be, beside what travels with the object.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its key.
    pub key: &'a Key,
    /// Its storage class.
    pub class: &'a StorageClass,
    /// Where a website redirects requests for it: the one header that S3 does not copy.
    pub website_redirect: Option<&'a str>,
    /// What must lie there for it to be written.
    pub condition: &'a Condition,
}

/// A copy that S3 has confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyReply {
    /// The copy's entity tag.
    pub etag: ETag,
    /// When it was written, if S3 told it: it does of a copy in one call.
    pub modified: Option<Timestamp>,
    /// The copy's version.
    pub version: Option<VersionId>,
    /// The version of the source object that was read, if it has versions.
    pub source_version: Option<VersionId>,
    /// The copy's full-object checksum, if S3 told it.
    pub checksum: Option<Checksum>,
}

impl CopyReply {
    /// A write of which nothing more is known.
    pub fn of(etag: ETag, version: Option<VersionId>) -> Self {
        Self {
            etag,
            modified: None,
            version,
            source_version: None,
            checksum: None,
        }
    }
}

impl Bucket {
    /// Copies an object into this bucket, with metadata and tags, if it still is what was listed, and
    /// if its target is.
    ///
    /// # Errors
    /// [`Cause::ChangedMeanwhile`] or [`Cause::Missing`] if one of them is not, otherwise why S3 refused;
    /// a cause that [leaves doubt](Cause::leaves_doubt) when the copy may have been made all the same.
    pub async fn copy(
        &self,
        source: CopySource<'_>,
        target: Target<'_>,
    ) -> Result<CopyReply, S3Error> {
        let condition = self.server.copies.usable(target.condition);
        let target = Target {
            condition,
            ..target
        };
        let sent = self.send_copy(source, target).await;
        if !is_refused(&sent, condition) {
            return sent;
        }
        let condition = &Condition::Always;
        let target = Target {
            condition,
            ..target
        };
        let again = self.send_copy(source, target).await;
        self.server.copies.refused(&again);
        again
    }

    async fn send_copy(
        &self,
        source: CopySource<'_>,
        target: Target<'_>,
    ) -> Result<CopyReply, S3Error> {
        let operation = Operation::CopyObject;
        let CopySource { bucket, object, .. } = source;
        let _place = self.paces.copies.place().await;
        self.admit_write(operation).await?;
        let (none_match, if_match) = target.condition.headers();
        let encryption = self.encryption_headers();
        let placed = target.key.clone();
        let mut call = self
            .clients
            .copies
            .copy_object()
            .bucket(self.name.as_str())
            .key(blank_key::sendable(target.key))
            .copy_source(source.header())
            .copy_source_if_match(object.etag.quoted())
            .set_if_none_match(none_match)
            .set_if_match(if_match)
            .metadata_directive(MetadataDirective::Copy)
            .tagging_directive(TaggingDirective::Copy)
            .set_website_redirect_location(target.website_redirect.map(str::to_owned))
            .storage_class(SdkClass::from(target.class.as_str()))
            .set_bucket_key_enabled(encryption.bucket_key)
            .set_server_side_encryption(encryption.algorithm)
            .set_ssekms_key_id(encryption.kms_key)
            .set_expected_bucket_owner(self.expected_owner())
            .set_expected_source_bucket_owner(bucket.expected_owner())
            .set_request_payer(bucket.payer())
            .customize()
            .mutate_request(move |request| blank_key::restore(request, &placed));
        if let Some(settings) = self.settings_of_copy(object.size) {
            call = call.config_override(settings);
        }
        let reply = self
            .send(operation, call.send())
            .await
            .map_err(|error| error.about(&object.key))?;
        let etag = reply.copy_object_result().and_then(CopyObjectResult::e_tag);
        let etag = self.etag_of_write(operation, &object.key, etag)?;
        let version = self
            .version_of_write(operation, target.key, reply.version_id())
            .await
            .map_err(|error| error.about(&object.key))?;
        Ok(copy_reply(etag, version, &reply))
    }

    /// The settings of a copy of that many bytes that differ from most: the time that an attempt may take, and how
    /// often one is made.
    fn settings_of_copy(&self, bytes: u64) -> Option<Builder> {
        let limit = self.patience.for_copy(bytes);
        let is_slow = limit > self.patience.attempt;
        if !is_slow && !self.in_sweep {
            return None;
        }
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(limit);
        let mut settings = Config::builder();
        if is_slow {
            settings.set_timeout_config(Some(timeouts.build()));
        }
        if self.in_sweep {
            settings.set_retry_config(Some(self.patience.retries(SWEEP_ATTEMPTS)));
        }
        Some(settings)
    }

    /// The entity tag that a write was given. A success without one is none: S3 may send 200 before it copies,
    /// and Ceph's gateway leaves the tag of a completed upload empty.
    pub(super) fn etag_of_write(
        &self,
        operation: Operation,
        about: &Key,
        told: Option<&str>,
    ) -> Result<ETag, S3Error> {
        let etag = told.map(ETag::new);
        let etag = etag.filter(|etag| !etag.as_str().is_empty());
        etag.ok_or_else(|| {
            let doubt = "success was reported without a result".to_owned();
            S3Error::ours(operation, &self.name, Cause::Unreadable, doubt).about(about)
        })
    }
}

/// What a copy told beside its tag and version, which were looked at.
fn copy_reply(etag: ETag, version: Option<VersionId>, reply: &CopyObjectOutput) -> CopyReply {
    let result = reply.copy_object_result();
    let modified = result.and_then(|result| result.last_modified()?.to_millis().ok());
    CopyReply {
        etag,
        modified: modified.map(Timestamp::from_millis),
        version,
        source_version: reply.copy_source_version_id().map(VersionId::new),
        checksum: result.and_then(|result| {
            full_checksum(
                result.checksum_type(),
                [
                    (ChecksumAlgorithm::Crc64Nvme, result.checksum_crc64_nvme()),
                    (ChecksumAlgorithm::Crc32C, result.checksum_crc32_c()),
                    (ChecksumAlgorithm::Crc32, result.checksum_crc32()),
                ],
            )
        }),
    }
}

/// The first checksum that is there, if it is one over the whole object.
pub(super) fn full_checksum(
    kind: Option<&ChecksumType>,
    known: [(ChecksumAlgorithm, Option<&str>); 3],
) -> Option<Checksum> {
    if kind != Some(&ChecksumType::FullObject) {
        return None;
    }
    known.into_iter().find_map(|(algorithm, value)| {
        let value = value?.to_owned();
        Some(Checksum { algorithm, value })
    })
}
