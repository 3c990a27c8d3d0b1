//! The one tag of the program's own objects: a lifecycle rule lets those expire that have it.

use aws_sdk_s3::types::{Tag, Tagging};

use super::bucket::Bucket;
use super::error::{Cause, Operation, S3Error};
use crate::model::{Key, UNNAMED_TAG};

impl Bucket {
    /// Tags an object of the program's own as one that no run names any more, while the lease is held. To tag it twice
    /// does no harm. Whether it was there.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn tag_unnamed(&self, key: &Key) -> Result<bool, S3Error> {
        let operation = Operation::PutObjectTagging;
        self.admit_write(operation).await?;
        let (name, value) = UNNAMED_TAG;
        let tag = Tag::builder().key(name).value(value).build();
        let tagging = tag.and_then(|tag| Tagging::builder().tag_set(tag).build());
        let tagging = tagging.map_err(|error| {
            S3Error::ours(operation, &self.name, Cause::NotSent, error.to_string())
        })?;
        let call = self
            .clients
            .repeatable
            .put_object_tagging()
            .bucket(self.name.as_str())
            .key(key.as_str())
            .tagging(tagging)
            .set_expected_bucket_owner(self.expected_owner());
        match self.send(operation, call.send()).await {
            Ok(_) => Ok(true),
            Err(error) if error.cause == Cause::Missing => Ok(false),
            Err(error) => Err(error.about(key)),
        }
    }
}
