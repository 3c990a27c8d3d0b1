//! A bucket that was found: its name, its region, who must own it, and the clients to reach it by.

use std::time::Duration;

use aws_sdk_s3::types::BucketVersioningStatus;

use super::client::{Clients, Connections};
use super::error::{Cause, Operation, S3Error};
use super::pace::Paces;
use crate::config::AccountId;
use crate::model::BucketName;

/// A bucket that was found.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub(super) name: BucketName,
    pub(super) owner: Option<String>,
    pub(super) clients: Clients,
    pub(super) patience: super::Patience,
    pub(super) paces: Paces,
}

/// Whether a bucket keeps versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioning {
    /// A write keeps what it replaces.
    Enabled,
    /// It did once. A write now destroys the former unversioned object.
    Suspended,
    /// It never did.
    Off,
}

impl Connections {
    /// Finds a bucket and the region it is in.
    ///
    /// # Errors
    /// When it does not exist, may not be listed, or is not `owner`'s.
    pub async fn bucket(
        &self,
        name: &BucketName,
        owner: Option<&AccountId>,
    ) -> Result<Bucket, S3Error> {
        let owner = owner.map(|owner| owner.as_str().to_owned());
        let region = self.region_of(name, owner.as_deref()).await?;
        Ok(Bucket {
            name: name.clone(),
            owner,
            clients: self.clients(&region),
            patience: self.patience(),
            paces: self.paces(1),
        })
    }

    /// Asks the home region; a bucket of another one is answered by a redirect that names it, and
    /// is asked there once more, for the redirect does not say whether it may be used.
    async fn region_of(&self, name: &BucketName, owner: Option<&str>) -> Result<String, S3Error> {
        let mut region = self.home();
        for _ in 0..2 {
            let sent = self
                .clients(&region)
                .repeatable
                .head_bucket()
                .bucket(name.as_str())
                .set_expected_bucket_owner(owner.map(str::to_owned))
                .send()
                .await;
            let Err(error) = sent else {
                return Ok(region);
            };
            let named = error
                .raw_response()
                .and_then(|raw| raw.headers().get("x-amz-bucket-region"))
                .filter(|named| *named != region)
                .map(str::to_owned);
            let mut found = S3Error::from_sdk(Operation::HeadBucket, name, &error);
            if found.cause == Cause::Missing {
                found.cause = Cause::NoBucket;
            }
            match named {
                Some(other) if found.cause == Cause::OtherRegion => region = other,
                _ => return Err(found),
            }
        }
        let message = format!("it was not found in {region} either");
        Err(S3Error::ours(
            Operation::HeadBucket,
            name,
            Cause::OtherRegion,
            message,
        ))
    }
}

impl Bucket {
    /// The bucket's name.
    pub fn name(&self) -> &BucketName {
        &self.name
    }

    /// The bucket, with requests to it on these budgets.
    #[must_use]
    pub fn paced(self, paces: &Paces) -> Self {
        let paces = paces.clone();
        Self { paces, ..self }
    }

    /// The longest first wait before a call is tried again.
    pub fn backoff(&self) -> Duration {
        self.patience.backoff
    }

    /// How long a lease on a job of this bucket lasts.
    pub fn lease_time(&self) -> Duration {
        self.patience.lease
    }

    /// Whether the bucket keeps versions.
    ///
    /// # Errors
    /// When S3 does not tell.
    pub async fn versioning(&self) -> Result<Versioning, S3Error> {
        let reply = self
            .clients
            .repeatable
            .get_bucket_versioning()
            .bucket(self.name.as_str())
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await
            .map_err(|error| {
                S3Error::from_sdk(Operation::GetBucketVersioning, &self.name, &error)
            })?;
        Ok(match reply.status() {
            Some(BucketVersioningStatus::Enabled) => Versioning::Enabled,
            Some(_) => Versioning::Suspended,
            None => Versioning::Off,
        })
    }
}
