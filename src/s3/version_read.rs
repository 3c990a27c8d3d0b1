//! One version of an object, for a person to look at: its first bytes, or a link to all of them.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use tokio::time::timeout;

use super::blank_key;
use super::bucket::{Bucket, out_of_time};
use super::error::{Cause, Operation, S3Error};
use crate::model::{Key, VersionId};

/// The first bytes of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionBytes {
    /// So many at most as were asked for.
    pub bytes: Vec<u8>,
    /// How many it has in all.
    pub size: u64,
}

impl Bucket {
    /// The first bytes of a version, so many at most. The rest is not read.
    ///
    /// # Errors
    /// Why S3 refused; [`Cause::Missing`] if there is no such version, [`Cause::Archived`] if it has to be
    /// thawed first.
    pub async fn beginning_of(
        &self,
        key: &Key,
        version: &VersionId,
        most: u64,
    ) -> Result<VersionBytes, S3Error> {
        let operation = Operation::GetObject;
        let placed = key.clone();
        let call = self
            .clients
            .bulk
            .get_object()
            .bucket(self.name.as_str())
            .key(blank_key::sendable(key))
            .version_id(version.as_str())
            .set_expected_bucket_owner(self.expected_owner())
            .customize()
            .mutate_request(move |request| blank_key::restore(request, &placed));
        let reply = self
            .send(operation, call.send())
            .await
            .map_err(|error| error.about(key))?;
        let doubt = |doubt: String| {
            S3Error::ours(operation, &self.name, Cause::Unreadable, doubt).about(key)
        };
        let size = reply.content_length().and_then(|size| size.try_into().ok());
        let size: u64 =
            size.ok_or_else(|| doubt("the reply does not say how large it is".to_owned()))?;
        let wanted = usize::try_from(size.min(most)).unwrap_or(usize::MAX);
        let mut body = reply.body;
        let read = async {
            let mut bytes = Vec::with_capacity(wanted);
            while bytes.len() < wanted
                && let Some(more) = body.try_next().await.map_err(|error| error.to_string())?
            {
                bytes.extend_from_slice(&more);
            }
            bytes.truncate(wanted);
            Ok::<_, String>(bytes)
        };
        let bytes = match self.limit.bound(timeout(self.patience.attempt, read)).await {
            None => return Err(out_of_time(operation, &self.name).about(key)),
            Some(Err(_)) => return Err(doubt("the body did not come in time".to_owned())),
            Some(Ok(read)) => read.map_err(doubt)?,
        };
        if bytes.len() < wanted {
            return Err(doubt(format!("{} of {wanted} bytes came", bytes.len())));
        }
        Ok(VersionBytes { bytes, size })
    }

    /// A link that reads a version for so many seconds, without credentials. A browser saves what comes under
    /// the name of `disposition` and never shows it, whatever its stored type is.
    ///
    /// # Errors
    /// When nothing can be signed, as without credentials.
    pub async fn download_link(
        &self,
        key: &Key,
        version: &VersionId,
        disposition: &str,
        seconds: u64,
    ) -> Result<String, S3Error> {
        let operation = Operation::GetObject;
        let ours = |cause: Cause, doubt: String| {
            S3Error::ours(operation, &self.name, cause, doubt).about(key)
        };
        let time = PresigningConfig::expires_in(Duration::from_secs(seconds));
        let time = time.map_err(|error| ours(Cause::NotSent, error.to_string()))?;
        let signed = self
            .clients
            .repeatable
            .get_object()
            .bucket(self.name.as_str())
            .key(key.as_str())
            .version_id(version.as_str())
            .response_content_disposition(disposition)
            .response_content_type("application/octet-stream")
            .presigned(time);
        match self.limit.bound(signed).await {
            None => Err(out_of_time(operation, &self.name).about(key)),
            Some(Err(error)) => Err(ours(Cause::NotSent, error.to_string())),
            Some(Ok(request)) => Ok(request.uri().to_owned()),
        }
    }
}
