//! What S3 does when nothing goes wrong: a call in, the store changed, a reply
//! or a refusal out. No fault, no clock, no connection is known in here.

mod attributes;
mod copy;
mod delete;
mod list;
mod manage;
mod parts;
mod put;
mod read;
mod restore;
mod settings;
mod source;
mod tagging;
mod upload;
mod versions;

use crate::bucket::{Bucket, Found, Versioning};
use crate::call::Call;
use crate::reply::{Refusal, Reply};
use crate::stamp::Stamp;
use crate::store::Store;
use crate::verb::Verb;
use crate::version::{Stored, Version, VersionId};

/// A call and what it meets.
pub(crate) struct Scene<'a> {
    pub store: &'a mut Store,
    pub call: &'a Call,
    pub now: Stamp,
    /// Listing pages hold no more than this.
    pub page_max: usize,
    /// Whether the caller may read tags, and so may learn how many there are.
    pub shows_tag_count: bool,
}

/// Carries the call out.
pub(crate) fn answer(scene: &mut Scene<'_>) -> Result<Reply, Refusal> {
    match scene.call.verb {
        Verb::CreateBucket => manage::create_bucket(scene),
        Verb::HeadBucket => manage::head_bucket(scene),
        Verb::GetBucketLocation => manage::get_bucket_location(scene),
        Verb::GetBucketVersioning => manage::get_bucket_versioning(scene),
        Verb::PutBucketVersioning => manage::put_bucket_versioning(scene),
        Verb::GetBucketEncryption => settings::encryption(scene),
        Verb::GetBucketLifecycleConfiguration => settings::lifecycle(scene),
        Verb::GetObjectLockConfiguration => settings::object_lock(scene),
        Verb::GetPublicAccessBlock => settings::public_access_block(scene),
        Verb::GetBucketReplication => settings::replication(scene),
        Verb::ListObjectsV2 => list::list_objects(scene),
        Verb::ListObjectVersions => versions::list_object_versions(scene),
        Verb::ListMultipartUploads => parts::list_multipart_uploads(scene),
        Verb::HeadObject => read::head_object(scene),
        Verb::GetObject => read::get_object(scene),
        Verb::GetObjectAttributes => attributes::get_object_attributes(scene),
        Verb::GetObjectTagging => tagging::get_object_tagging(scene),
        Verb::PutObjectTagging => tagging::put_object_tagging(scene),
        Verb::PutObject => put::put_object(scene),
        Verb::CopyObject => copy::copy_object(scene),
        Verb::DeleteObject => delete::delete_object(scene),
        Verb::RestoreObject => restore::restore_object(scene),
        Verb::CreateMultipartUpload => upload::create_multipart_upload(scene),
        Verb::UploadPart => parts::upload_part(scene),
        Verb::UploadPartCopy => parts::upload_part_copy(scene),
        Verb::ListParts => parts::list_parts(scene),
        Verb::CompleteMultipartUpload => upload::complete_multipart_upload(scene),
        Verb::AbortMultipartUpload => upload::abort_multipart_upload(scene),
        Verb::Unknown => Err(Refusal::not_implemented()),
    }
}

impl Scene<'_> {
    fn bucket(&self) -> Result<&Bucket, Refusal> {
        self.store.bucket(&self.call.bucket)
    }

    /// The version the request names, or the current one.
    fn target(&self) -> Result<(Version, Stored), Refusal> {
        let id = version_id(self.call.version())?;
        match self.bucket()?.find(&self.call.key, id) {
            Found::Object(version) => {
                let stored = version.stored.clone().ok_or_else(Refusal::no_such_key)?;
                Ok((version, stored))
            }
            Found::Marker(marker) if id.is_some() => Err(Refusal::new(
                405,
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
            )
            .with("x-amz-delete-marker", "true")
            .with("allow", "DELETE")
            .with("x-amz-version-id", marker.id.to_string())),
            Found::Marker(marker) => Err(Refusal::no_such_key()
                .with("x-amz-delete-marker", "true")
                .with("x-amz-version-id", marker.id.to_string())),
            Found::NoKey => Err(Refusal::no_such_key()),
            Found::NoVersion => Err(Refusal::no_such_version()),
        }
    }

    /// Stores an object under the key of the call, seen from `modified` on.
    fn store_object(&mut self, modified: Stamp, stored: Stored) -> Result<VersionId, Refusal> {
        let id = self.store.fresh_version();
        let bucket = self.store.bucket_mut(&self.call.bucket)?;
        Ok(bucket.write(&self.call.key, id, modified, Some(stored)))
    }

    /// What `x-amz-version-id` says: nothing in a bucket that never had versions.
    fn told_version(&self, id: VersionId) -> Option<String> {
        let versioning = self.bucket().ok()?.options.versioning;
        match versioning {
            Versioning::Off => None,
            Versioning::Enabled | Versioning::Suspended => Some(id.to_string()),
        }
    }
}

fn version_id(text: Option<&str>) -> Result<Option<VersionId>, Refusal> {
    match text {
        None => Ok(None),
        Some(text) => VersionId::parse(text)
            .map(Some)
            .ok_or_else(|| Refusal::invalid_argument("Invalid version id specified")),
    }
}
