//! What an object is now: a look at it, at its properties, its parts and its tags.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::head_object::builders::HeadObjectFluentBuilder;
use aws_sdk_s3::operation::head_object::{HeadObjectError, HeadObjectOutput};
use aws_sdk_s3::types::{ChecksumMode, ChecksumType, ServerSideEncryption};

use super::blank_key;
use super::bucket::{Bucket, out_of_time};
use super::error::{Cause, Operation, S3Error};
use super::page::Row;
use super::read::validate;
use super::reason::{self, Reason};
use super::write::full_checksum;
use crate::model::{
    ChecksumAlgorithm, Checksums, ETag, HeadDetails, Key, Object, ObjectRef, Properties,
    StorageClass, SystemHeaders, Tags, Timestamp, VersionId,
};

/// The version id of what was written while a bucket kept no versions.
pub(super) const NO_VERSION: &str = "null";

/// An object as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentVersion {
    /// What a listing would tell.
    pub object: Object,
    /// Its version; none in a bucket that never kept any.
    pub id: Option<VersionId>,
}

impl CurrentVersion {
    /// Whether it was written while the bucket kept no versions: the next such write destroys it.
    pub fn is_unversioned(&self) -> bool {
        self.id.as_ref().is_none_or(|id| id.as_str() == NO_VERSION)
    }
}

impl Bucket {
    /// What an object of this bucket is now; none if there is no such object.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn head(&self, key: &Key) -> Result<Option<Object>, S3Error> {
        let current = self.current(key).await?;
        Ok(current.map(|current| current.object))
    }

    /// The current version of an object of this bucket; none if there is no such object.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn current(&self, key: &Key) -> Result<Option<CurrentVersion>, S3Error> {
        match self.look(key.into(), |call| call).await {
            Ok(reply) => Ok(Some(CurrentVersion {
                object: self.row(key, &reply)?,
                id: reply.version_id().map(VersionId::new),
            })),
            Err(error) if error.cause == Cause::Missing => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All that an object is beside its content and its tags.
    ///
    /// # Errors
    /// Why S3 refused; [`Cause::Missing`] if there is no such object.
    pub async fn properties(
        &self,
        object: impl Into<ObjectRef<'_>>,
    ) -> Result<Properties, S3Error> {
        let object = object.into();
        let reply = self.look(object, with_checksum).await?;
        self.shown(object.key, &reply)
    }

    /// All that a look at an object tells, on the budget of copies.
    ///
    /// # Errors
    /// Why S3 refused; [`Cause::Missing`] if there is no such object.
    pub async fn inspect(&self, object: impl Into<ObjectRef<'_>>) -> Result<HeadDetails, S3Error> {
        let object = object.into();
        let _place = self.paces.copies.place().await;
        let reply = self.look(object, with_checksum).await?;
        Ok(HeadDetails {
            properties: self.shown(object.key, &reply)?,
            checksums: checksums(&reply),
            etag_is_of_content: has_etag_of_content(&reply),
            tags: reply.tag_count().map(i32::unsigned_abs),
            version: reply.version_id().map(VersionId::new),
        })
    }

    fn shown(&self, key: &Key, reply: &HeadObjectOutput) -> Result<Properties, S3Error> {
        let owned = |header: Option<&str>| header.map(str::to_owned);
        Ok(Properties {
            object: self.row(key, reply)?,
            headers: SystemHeaders {
                content_type: owned(reply.content_type()),
                content_encoding: owned(reply.content_encoding()),
                content_language: owned(reply.content_language()),
                content_disposition: owned(reply.content_disposition()),
                cache_control: owned(reply.cache_control()),
                expires: owned(reply.expires_string()),
            },
            metadata: reply
                .metadata()
                .cloned()
                .unwrap_or_default()
                .into_iter()
                .collect(),
            hidden_metadata: reply.missing_meta().map_or(0, i32::unsigned_abs),
            website_redirect: owned(reply.website_redirect_location()),
            checksum: full_checksum(
                reply.checksum_type(),
                [
                    (ChecksumAlgorithm::Crc64Nvme, reply.checksum_crc64_nvme()),
                    (ChecksumAlgorithm::Crc32C, reply.checksum_crc32_c()),
                    (ChecksumAlgorithm::Crc32, reply.checksum_crc32()),
                ],
            ),
        })
    }

    /// The size of the first part of a multi-part object, and how many parts it has; none if S3 does
    /// not tell.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn first_part(
        &self,
        object: impl Into<ObjectRef<'_>>,
    ) -> Result<Option<(u64, u32)>, S3Error> {
        self.part(object, 1).await
    }

    /// The size of a part of a multi-part object, and how many parts it has; none if S3 does not tell.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn part(
        &self,
        object: impl Into<ObjectRef<'_>>,
        number: u32,
    ) -> Result<Option<(u64, u32)>, S3Error> {
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        let reply = self.look(object.into(), |call| call.part_number(number));
        let reply = reply.await?;
        let size = reply
            .content_length()
            .and_then(|size| u64::try_from(size).ok());
        let count = reply
            .parts_count()
            .and_then(|count| u32::try_from(count).ok());
        Ok(size.zip(count))
    }

    /// The tags of an object.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn tags(&self, object: impl Into<ObjectRef<'_>>) -> Result<Tags, S3Error> {
        let ObjectRef { key, version } = object.into();
        let placed = key.clone();
        let call = self
            .clients
            .repeatable
            .get_object_tagging()
            .bucket(self.name.as_str())
            .key(blank_key::sendable(key))
            .set_version_id(version.map(|id| id.as_str().to_owned()))
            .set_expected_bucket_owner(self.expected_owner())
            .customize()
            .mutate_request(move |request| blank_key::restore(request, &placed));
        let reply = self
            .send(Operation::GetObjectTagging, call.send())
            .await
            .map_err(|error| error.about(key))?;
        let pairs = reply.tag_set().iter();
        Ok(Tags::new(
            pairs.map(|tag| (tag.key().to_owned(), tag.value().to_owned())),
        ))
    }

    /// Both the look and the question why it was refused end at the time limit.
    pub(super) async fn look(
        &self,
        object: ObjectRef<'_>,
        ask: impl Fn(HeadObjectFluentBuilder) -> HeadObjectFluentBuilder,
    ) -> Result<HeadObjectOutput, S3Error> {
        let looked = self.limit.bound(self.look_and_ask_why(object, ask)).await;
        looked.unwrap_or_else(|| {
            Err(out_of_time(Operation::HeadObject, &self.name).about(object.key))
        })
    }

    async fn look_and_ask_why(
        &self,
        object: ObjectRef<'_>,
        ask: impl Fn(HeadObjectFluentBuilder) -> HeadObjectFluentBuilder,
    ) -> Result<HeadObjectOutput, S3Error> {
        let key = object.key;
        let error = match self.look_once(object, &ask).await {
            Err(error) if reason::is_untold(&error) => error,
            sent => return sent.map_err(|error| self.not_seen(key, &error)),
        };
        let owner = self.expected_owner();
        match reason::of_object(&self.clients, &self.name, object, owner).await {
            Reason::Gone => {
                let sent = self.look_once(object, &ask).await;
                sent.map_err(|error| self.not_seen(key, &error))
            }
            // That it is gone must not follow from a refusal.
            Reason::Told(told) if told.cause != Cause::Missing => Err(told),
            Reason::Told(_) | Reason::Unknown => Err(self.not_seen(key, &error)),
        }
    }

    async fn look_once(
        &self,
        object: ObjectRef<'_>,
        ask: impl Fn(HeadObjectFluentBuilder) -> HeadObjectFluentBuilder,
    ) -> Result<HeadObjectOutput, SdkError<HeadObjectError, HttpResponse>> {
        let ObjectRef { key, version } = object;
        let placed = key.clone();
        let call = self
            .clients
            .repeatable
            .head_object()
            .bucket(self.name.as_str())
            .key(blank_key::sendable(key))
            .set_version_id(version.map(|id| id.as_str().to_owned()))
            .set_expected_bucket_owner(self.expected_owner());
        ask(call)
            .customize()
            .mutate_request(move |request| blank_key::restore(request, &placed))
            .send()
            .await
    }

    fn not_seen(&self, key: &Key, error: &SdkError<HeadObjectError, HttpResponse>) -> S3Error {
        S3Error::from_sdk(Operation::HeadObject, &self.name, error).about(key)
    }

    fn row(&self, key: &Key, reply: &HeadObjectOutput) -> Result<Object, S3Error> {
        let modified = reply.last_modified().and_then(|time| time.to_millis().ok());
        let row = Row {
            key: Some(key.as_str().to_owned()),
            size: reply
                .content_length()
                .and_then(|size| u64::try_from(size).ok()),
            etag: reply.e_tag().map(ETag::new),
            last_modified: modified.map(Timestamp::from_millis),
            class: reply
                .storage_class()
                .map(|class| StorageClass::new(Some(class.as_str()))),
        };
        validate(row, |key| Ok(Key::new(key))).map_err(|error| {
            S3Error::caused(Operation::HeadObject, &self.name, Cause::Unreadable, error).about(key)
        })
    }
}

fn with_checksum(call: HeadObjectFluentBuilder) -> HeadObjectFluentBuilder {
    call.checksum_mode(ChecksumMode::Enabled)
}

/// Whether the `ETag` is made of the content alone: no KMS key and no customer's has a part in it.
fn has_etag_of_content(reply: &HeadObjectOutput) -> bool {
    let encryption = reply.server_side_encryption();
    let by_s3 = encryption.is_none_or(|kind| *kind == ServerSideEncryption::Aes256);
    by_s3 && reply.sse_customer_algorithm().is_none()
}

/// All checksums that a reply shows.
fn checksums(reply: &HeadObjectOutput) -> Checksums {
    let known = [
        ("CRC64NVME", reply.checksum_crc64_nvme()),
        ("CRC32C", reply.checksum_crc32_c()),
        ("CRC32", reply.checksum_crc32()),
        ("SHA1", reply.checksum_sha1()),
        ("SHA256", reply.checksum_sha256()),
        ("SHA512", reply.checksum_sha512()),
        ("MD5", reply.checksum_md5()),
        ("XXHASH64", reply.checksum_xxhash64()),
        ("XXHASH3", reply.checksum_xxhash3()),
        ("XXHASH128", reply.checksum_xxhash128()),
    ];
    let shown = known.into_iter();
    Checksums {
        full: reply.checksum_type() == Some(&ChecksumType::FullObject),
        values: shown
            .filter_map(|(algorithm, value)| Some((algorithm, value?.to_owned())))
            .collect(),
    }
}
