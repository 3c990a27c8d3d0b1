//! The version that a write has made: the proof that the bucket still keeps versions.
//!
//! AWS names it in each reply. Ceph's gateway names none in the reply to a copy; there a look at what was
//! written tells it, once for each kind of write, and after that the bucket is known to keep versions by its
//! other replies.

use super::bucket::Bucket;
use super::error::{Operation, S3Error};
use super::fence::Stop;
use super::head::{CurrentVersion, NO_VERSION};
use super::write::CopyReply;
use crate::model::{Key, VersionId};

impl Bucket {
    /// The version that a write of that key has made; none if the server never says, or if it is known that the
    /// bucket keeps none. Else the bucket keeps no versions any more, and nothing more is written to it.
    pub(super) async fn version_of_write(
        &self,
        operation: Operation,
        key: &Key,
        told: Option<&str>,
    ) -> Result<Option<VersionId>, S3Error> {
        let silent = &self.server.silent_writes;
        if told.is_none() && self.keeps_versions {
            if silent.has(operation) {
                return Ok(None);
            }
            if let Ok(Some(id)) = self.version_there(operation, key).await {
                silent.add(operation);
                return Ok(Some(id));
            }
        }
        self.made(operation, told)
    }

    /// The version of what was written just now. A marker hides what could be looked at, and is not looked for.
    async fn version_there(
        &self,
        operation: Operation,
        key: &Key,
    ) -> Result<Option<VersionId>, S3Error> {
        if operation == Operation::DeleteObject {
            return Ok(None);
        }
        let now = self.current(key).await?;
        Ok(now
            .filter(|now| !now.is_unversioned())
            .and_then(|now| now.id))
    }

    fn made(&self, operation: Operation, told: Option<&str>) -> Result<Option<VersionId>, S3Error> {
        match told {
            Some(id) if id != NO_VERSION => Ok(Some(VersionId::new(id))),
            Some(_) | None if !self.keeps_versions => Ok(None),
            Some(_) | None => {
                self.fence.close(Stop::NotVersioned);
                Err(S3Error::not_versioned(operation, &self.name))
            }
        }
    }

    /// What a write has made whose answer was lost, as it was found.
    ///
    /// # Errors
    /// When it was made without a version: then nothing more is written to the bucket.
    pub fn found(&self, operation: Operation, now: CurrentVersion) -> Result<CopyReply, S3Error> {
        let version = self.made(operation, now.id.as_ref().map(VersionId::as_str))?;
        Ok(CopyReply {
            modified: Some(now.object.last_modified),
            ..CopyReply::of(now.object.etag, version)
        })
    }

    /// The error of an object that was written without a version.
    pub fn not_versioned(&self, key: &Key) -> S3Error {
        S3Error::not_versioned(Operation::PutObject, &self.name).about(key)
    }
}
