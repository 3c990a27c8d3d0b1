//! The calls of a multi-part copy. Nothing travels by itself here: headers, metadata, tags and the
//! checksum are carried over by hand, and each part is bound to the source's `ETag`.

use aws_sdk_s3::config::Config;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::types::{
    ChecksumAlgorithm as SdkAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart,
    StorageClass as SdkClass,
};

use super::blank_key;
use super::bucket::{Bucket, out_of_time};
use super::condition::{Condition, is_refused};
use super::error::{Cause, Operation, S3Error};
use super::write::{CopyReply, CopySource, Target};
use crate::model::{Checksum, ChecksumAlgorithm, ETag, Key, Part, Phase, Properties, Tags};

/// A multi-part copy that was begun and has to be completed or aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Where the copy will be.
    key: Key,
    /// The source object's key, for messages.
    about: Key,
    id: String,
}

impl Bucket {
    /// Begins a multi-part copy of an object with these properties and tags.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn begin_upload(
        &self,
        properties: &Properties,
        tags: &Tags,
        target: Target<'_>,
    ) -> Result<Upload, S3Error> {
        let headers = properties.headers.clone();
        let about = &properties.object.key;
        let encryption = self.encryption_headers();
        let placed = target.key.clone();
        let expires = headers.expires;
        let operation = Operation::CreateMultipartUpload;
        self.admit_write(operation).await?;
        let call = self
            .clients
            .repeatable
            .create_multipart_upload()
            .bucket(self.name.as_str())
            .key(blank_key::sendable(target.key))
            .set_content_type(headers.content_type)
            .set_content_encoding(headers.content_encoding)
            .set_content_language(headers.content_language)
            .set_content_disposition(headers.content_disposition)
            .set_cache_control(headers.cache_control)
            .set_metadata(Some(properties.metadata.clone().into_iter().collect()))
            .set_website_redirect_location(properties.website_redirect.clone())
            .set_tagging((!tags.is_empty()).then(|| tags.header()))
            .storage_class(SdkClass::from(target.class.as_str()))
            .checksum_algorithm(sdk_algorithm(properties.checksum.as_ref()))
            .checksum_type(ChecksumType::FullObject)
            .set_bucket_key_enabled(encryption.bucket_key)
            .set_server_side_encryption(encryption.algorithm)
            .set_ssekms_key_id(encryption.kms_key)
            .set_expected_bucket_owner(self.expected_owner())
            .customize()
            .mutate_request(move |request| {
                blank_key::restore(request, &placed);
                // The SDK takes a date only; S3 keeps any text.
                if let Some(expires) = &expires {
                    request.headers_mut().insert("expires", expires.clone());
                }
            });
        // An upload whose id nobody learns cannot be aborted.
        let reply = self
            .in_phase(Phase::BeginUpload)
            .send(operation, call.send())
            .await
            .map_err(|error| error.about(about))?;
        let Some(id) = reply.upload_id() else {
            let doubt = "the reply names no upload".to_owned();
            let error = S3Error::ours(operation, &self.name, Cause::Unreadable, doubt);
            return Err(error.about(about));
        };
        Ok(Upload {
            key: target.key.clone(),
            about: about.clone(),
            id: id.to_owned(),
        })
    }

    /// Copies one part, if the object still is what was listed. A part may be copied again: the
    /// later copy replaces the earlier one.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn copy_part(
        &self,
        source: CopySource<'_>,
        upload: &Upload,
        part: Part,
    ) -> Result<ETag, S3Error> {
        let operation = Operation::UploadPartCopy;
        let CopySource { bucket, object, .. } = source;
        let _place = self.paces.copies.place().await;
        // A part is work that is begun anew, unlike the rest of a small copy.
        if self.limit.has_stopped() {
            return Err(out_of_time(operation, &self.name).about(&object.key));
        }
        self.admit_write(operation).await?;
        let number = i32::try_from(part.number).unwrap_or(i32::MAX);
        let placed = upload.key.clone();
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(self.patience.for_copy(part.size()))
            .build();
        let call = self
            .clients
            .repeatable
            .upload_part_copy()
            .bucket(self.name.as_str())
            .key(blank_key::sendable(&upload.key))
            .upload_id(&upload.id)
            .part_number(number)
            .copy_source(source.header())
            .copy_source_range(part.range())
            .copy_source_if_match(object.etag.quoted())
            .set_expected_bucket_owner(self.expected_owner())
            .set_expected_source_bucket_owner(bucket.expected_owner())
            .set_request_payer(bucket.payer())
            .customize()
            .mutate_request(move |request| blank_key::restore(request, &placed))
            .config_override(Config::builder().timeout_config(timeouts));
        let reply = self
            .send(operation, call.send())
            .await
            .map_err(|error| error.about(&object.key))?;
        let etag = reply.copy_part_result().and_then(|result| result.e_tag());
        self.etag_of_write(operation, &object.key, etag)
    }

    /// Puts the parts together, if what lies there is what was seen. S3 itself refuses if size or
    /// checksum are not those of the source.
    ///
    /// # Errors
    /// [`Cause::ChangedMeanwhile`] or [`Cause::Missing`] if the target is another one, otherwise why S3
    /// refused; a cause that [leaves doubt](Cause::leaves_doubt) when it may have been done.
    pub async fn complete_upload(
        &self,
        upload: &Upload,
        parts: &[ETag],
        properties: &Properties,
        condition: &Condition,
    ) -> Result<CopyReply, S3Error> {
        let condition = self.server.copies.usable(condition);
        let sent = self
            .send_completion(upload, parts, properties, condition)
            .await;
        if !is_refused(&sent, condition) {
            return sent;
        }
        let condition = &Condition::Always;
        let again = self
            .send_completion(upload, parts, properties, condition)
            .await;
        self.server.copies.refused(&again);
        again
    }

    async fn send_completion(
        &self,
        upload: &Upload,
        parts: &[ETag],
        properties: &Properties,
        condition: &Condition,
    ) -> Result<CopyReply, S3Error> {
        let operation = Operation::CompleteMultipartUpload;
        self.admit_write(operation).await?;
        let (none_match, if_match) = condition.headers();
        let completed = (1..).zip(parts).map(|(number, etag)| {
            let part = CompletedPart::builder().part_number(number);
            part.e_tag(etag.quoted()).build()
        });
        let completed = CompletedMultipartUpload::builder().set_parts(Some(completed.collect()));
        let (crc32, crc32_c, crc64) = checksums(properties.checksum.as_ref());
        let placed = upload.key.clone();
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(self.patience.for_completion())
            .build();
        let call = self
            .clients
            .unrepeatable
            .complete_multipart_upload()
            .bucket(self.name.as_str())
            .key(blank_key::sendable(&upload.key))
            .upload_id(&upload.id)
            .multipart_upload(completed.build())
            .set_if_none_match(none_match)
            .set_if_match(if_match)
            .mpu_object_size(i64::try_from(properties.object.size).unwrap_or(i64::MAX))
            .checksum_type(ChecksumType::FullObject)
            .set_checksum_crc32(crc32)
            .set_checksum_crc32_c(crc32_c)
            .set_checksum_crc64_nvme(crc64)
            .set_expected_bucket_owner(self.expected_owner())
            .customize()
            .mutate_request(move |request| blank_key::restore(request, &placed))
            .config_override(Config::builder().timeout_config(timeouts));
        let reply = self
            .send(operation, call.send())
            .await
            .map_err(|error| error.about(&upload.about))?;
        let etag = self.etag_of_write(operation, &upload.about, reply.e_tag())?;
        let version = self
            .version_of_write(operation, &upload.key, reply.version_id())
            .await
            .map_err(|error| error.about(&upload.about))?;
        Ok(CopyReply {
            // S3 has checked it.
            checksum: properties.checksum.clone(),
            ..CopyReply::of(etag, version)
        })
    }

    /// Gives a multi-part copy up and frees what its parts take.
    ///
    /// # Errors
    /// Why S3 refused; that there is no such upload any more is no error.
    pub async fn abort_upload(&self, upload: &Upload) -> Result<(), S3Error> {
        let placed = upload.key.clone();
        let call = self
            .clients
            .repeatable
            .abort_multipart_upload()
            .bucket(self.name.as_str())
            .key(blank_key::sendable(&upload.key))
            .upload_id(&upload.id)
            .set_expected_bucket_owner(self.expected_owner())
            .customize()
            .mutate_request(move |request| blank_key::restore(request, &placed));
        let sent = self
            .in_phase(Phase::AbortUpload)
            .send(Operation::AbortMultipartUpload, call.send())
            .await;
        match sent {
            Err(error) if !matches!(error.cause, Cause::Missing | Cause::NoUpload) => {
                Err(error.about(&upload.about))
            }
            _ => Ok(()),
        }
    }
}

/// S3 computes a CRC-64/NVME where the source has no checksum that can be kept.
fn sdk_algorithm(checksum: Option<&Checksum>) -> SdkAlgorithm {
    match checksum.map(|checksum| checksum.algorithm) {
        Some(ChecksumAlgorithm::Crc32) => SdkAlgorithm::Crc32,
        Some(ChecksumAlgorithm::Crc32C) => SdkAlgorithm::Crc32C,
        Some(ChecksumAlgorithm::Crc64Nvme) | None => SdkAlgorithm::Crc64Nvme,
    }
}

type Values = (Option<String>, Option<String>, Option<String>);

/// The checksum in the field of its algorithm: CRC-32, CRC-32C, CRC-64/NVME.
fn checksums(checksum: Option<&Checksum>) -> Values {
    let Some(Checksum { algorithm, value }) = checksum.cloned() else {
        return (None, None, None);
    };
    match algorithm {
        ChecksumAlgorithm::Crc32 => (Some(value), None, None),
        ChecksumAlgorithm::Crc32C => (None, Some(value), None),
        ChecksumAlgorithm::Crc64Nvme => (None, None, Some(value)),
    }
}
