//! A bucket that was found: its name, its region, who must own it, and the clients to reach it by.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::BucketVersioningStatus;
use tokio::time::sleep;

use super::client::{Clients, Connections, RunConnections};
use super::concurrency::ConcurrencyLimits;
use super::condition::Server;
use super::credentials::RenewedCredentials;
use super::error::{Cause, Operation, S3Error};
use super::fence::{Fence, Stop};
use super::reason::{self, Reason};
use super::sweeps::Sweeps;
use super::time_limit::TimeLimit;
use crate::config::BucketAccess;
use crate::model::{BucketName, Key, Object, Phase, Timestamp};

/// A bucket is asked for at home, where it is, and once more when a refusal has passed.
const MOST_ASKED: u32 = 3;

/// A bucket that was found.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub(super) name: BucketName,
    pub(super) access: Arc<BucketAccess>,
    pub(super) clients: Clients,
    pub(super) patience: super::CallLimits,
    pub(super) paces: ConcurrencyLimits,
    pub(super) limit: TimeLimit,
    credentials: RenewedCredentials,
    pub(super) fence: Fence,
    pub(super) server: Server,
    pub(super) sweeps: Sweeps,
    /// Whether its copies are made by a sweep.
    pub(super) in_sweep: bool,
    /// Whether each write has to make a version.
    pub(super) keeps_versions: bool,
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

impl RunConnections<'_> {
    /// A bucket that an earlier run has found, on the budgets of this one and within its time.
    pub fn renewed(&self, bucket: &Bucket) -> Bucket {
        Bucket {
            paces: self.paces.clone(),
            limit: self.limit.clone(),
            fence: self.connections.fence(),
            ..bucket.clone()
        }
    }

    /// Finds a bucket and the region it is in. All calls to it are on the run's budgets and within its time.
    ///
    /// # Errors
    /// When it does not exist, may not be listed, or is another account's than it must be.
    pub async fn bucket(
        &self,
        name: &BucketName,
        access: &BucketAccess,
    ) -> Result<Bucket, S3Error> {
        let found = self.connections.bucket(name, access);
        let found = self.limit.bound(found).await;
        let bucket = found.unwrap_or_else(|| Err(out_of_time(Operation::HeadBucket, name)))?;
        Ok(self.within(bucket))
    }

    /// Finds a bucket, its region, and what lies at a key, by a listing of that key.
    ///
    /// # Errors
    /// When it does not exist, may not be listed, or is another account's than it must be.
    pub async fn bucket_and_object(
        &self,
        name: &BucketName,
        access: &BucketAccess,
        key: &Key,
    ) -> Result<(Bucket, Option<Object>), S3Error> {
        let mut region = self.connections.home();
        for _ in 0..MOST_ASKED {
            let bucket = self.within(self.connections.bucket_in(&region, name, access));
            let error = match bucket.listed(key).await {
                Ok(object) => return Ok((bucket, object)),
                Err(error) => error,
            };
            match &error.reply.region {
                Some(other) if *other != region => region.clone_from(other),
                _ => return Err(error),
            }
        }
        Err(not_found_in(&region, Operation::ListObjectsV2, name))
    }

    /// The bucket, on the run's budgets and within its time.
    fn within(&self, bucket: Bucket) -> Bucket {
        Bucket {
            paces: self.paces.clone(),
            limit: self.limit.clone(),
            ..bucket
        }
    }
}

impl Connections {
    /// Finds a bucket and the region it is in.
    ///
    /// # Errors
    /// When it does not exist, may not be listed, or is another account's than it must be.
    pub async fn bucket(
        &self,
        name: &BucketName,
        access: &BucketAccess,
    ) -> Result<Bucket, S3Error> {
        let region = self.region_of(name, access).await?;
        Ok(self.bucket_in(&region, name, access))
    }

    fn bucket_in(&self, region: &str, name: &BucketName, access: &BucketAccess) -> Bucket {
        Bucket {
            name: name.clone(),
            access: Arc::new(access.clone()),
            clients: self.clients(region, access.requester_pays),
            patience: self.patience(),
            paces: self.paces(1),
            limit: TimeLimit::none(),
            credentials: self.credentials(region),
            fence: self.fence(),
            server: self.server(),
            sweeps: Sweeps::default(),
            in_sweep: false,
            keeps_versions: true,
        }
    }

    /// Asks the home region. S3 names the region of a bucket that is elsewhere, by a redirect or a
    /// refusal, and is asked there once more, for neither says whether the bucket may be used.
    async fn region_of(&self, name: &BucketName, access: &BucketAccess) -> Result<String, S3Error> {
        let mut region = self.home();
        let mut asked_why = false;
        for _ in 0..MOST_ASKED {
            let clients = self.clients(&region, access.requester_pays);
            let sent = clients
                .repeatable
                .head_bucket()
                .bucket(name.as_str())
                .set_expected_bucket_owner(access.expected_owner())
                .send()
                .await;
            let Err(error) = sent else {
                return Ok(region);
            };
            let mut found = S3Error::from_sdk(Operation::HeadBucket, name, &error);
            if found.cause == Cause::Missing {
                found.cause = Cause::NoBucket;
            }
            if found
                .reply
                .region
                .as_ref()
                .is_none_or(|named| *named == region)
                && reason::is_untold(&error)
                && !asked_why
            {
                asked_why = true;
                match reason::of_bucket(&clients, name, access.expected_owner()).await {
                    Reason::Gone => continue,
                    Reason::Told(told) => found = told,
                    Reason::Unknown => {}
                }
            }
            match &found.reply.region {
                Some(other) if *other != region => region.clone_from(other),
                _ => return Err(found),
            }
        }
        Err(not_found_in(&region, Operation::HeadBucket, name))
    }
}

impl Bucket {
    /// The bucket's name.
    pub fn name(&self) -> &BucketName {
        &self.name
    }

    /// The bucket, for calls of that phase of a run.
    #[must_use]
    pub fn in_phase(&self, phase: Phase) -> Self {
        Self {
            limit: self.limit.in_phase(phase),
            ..self.clone()
        }
    }

    /// The bucket, with writes that wait for the lease of another one.
    #[must_use]
    pub fn under_lease_of(&self, other: &Self) -> Self {
        Self {
            fence: other.fence.clone(),
            ..self.clone()
        }
    }

    /// The bucket, of which it is known that a write replaces what was there for good.
    #[must_use]
    pub fn without_versions(&self) -> Self {
        Self {
            keeps_versions: false,
            ..self.clone()
        }
    }

    /// The bucket, for copies that a sweep makes.
    #[must_use]
    pub fn in_sweep(&self) -> Self {
        Self {
            in_sweep: true,
            ..self.clone()
        }
    }

    /// The account that each request says must own it.
    pub(super) fn expected_owner(&self) -> Option<String> {
        self.access.expected_owner()
    }

    /// When calls to it end.
    pub fn limit(&self) -> &TimeLimit {
        &self.limit
    }

    /// Waits so long, if the run may.
    pub async fn pause(&self, time: Duration) {
        self.limit.bound(sleep(time)).await;
    }

    /// Sends a call and waits for its answer, as long as the run may.
    ///
    /// A call of the SDK is a future of tens of kilobytes. It is boxed here, before anything holds it.
    pub(super) fn send<'a, T, E>(
        &'a self,
        operation: Operation,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send + 'a,
    ) -> impl Future<Output = Result<T, S3Error>> + Send + 'a
    where
        T: Send + 'a,
        E: ProvideErrorMetadata + Error + Send + 'static,
    {
        let call = Box::pin(call);
        async move {
            match self.limit.bound(call).await {
                Some(sent) => {
                    sent.map_err(|error| S3Error::from_sdk(operation, &self.name, &error))
                }
                None => Err(out_of_time(operation, &self.name)),
            }
        }
    }

    /// Whether S3 has refused the credentials, and those that were asked for then.
    pub fn credentials_are_refused(&self) -> bool {
        self.credentials.are_refused()
    }

    /// Waits until S3 has refused the credentials, and those that were asked for then.
    pub fn credentials_refused(&self) -> impl Future<Output = ()> + Send + use<> {
        self.credentials.refused()
    }

    /// Comes to its end when nothing more may be begun that reads from `source` and writes here: after the deadline,
    /// without the lease or versions, and without credentials that S3 takes.
    pub fn stopped(&self, source: &Self) -> impl Future<Output = ()> + Send + use<> {
        let (limit, fence) = (self.limit.clone(), self.fence.clone());
        let (there, here) = (source.credentials_refused(), self.credentials_refused());
        async move {
            tokio::select! {
                () = limit.stopped() => {}
                () = fence.closed() => {}
                () = there => {}
                () = here => {}
            }
        }
    }

    /// How long a lease on a job of this bucket lasts.
    pub fn lease_time(&self) -> Duration {
        self.patience.lease
    }

    /// This moment by S3's clock, to which the last reply was sent; by this machine's if no reply told.
    pub fn time(&self) -> Timestamp {
        let told = self.fence.now().told_by_s3();
        if told > Timestamp::from_millis(0) {
            told
        } else {
            SystemTime::now().into()
        }
    }

    /// What stands before the writes to this bucket.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Waits until a write may be sent.
    pub(super) async fn admit_write(&self, operation: Operation) -> Result<(), S3Error> {
        match self.limit.bound(self.fence.admit()).await {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) => {
                let message = "nothing more is written to this destination".to_owned();
                Err(S3Error::ours(
                    operation,
                    &self.name,
                    Cause::Stopped,
                    message,
                ))
            }
            None => Err(out_of_time(operation, &self.name)),
        }
    }

    /// Whether the bucket still keeps versions. If not, nothing more is written to it.
    ///
    /// # Errors
    /// When S3 does not tell.
    pub async fn still_keeps_versions(&self) -> Result<bool, S3Error> {
        let enabled = self.versioning().await? == Versioning::Enabled;
        if !enabled {
            self.fence.close(Stop::NotVersioned);
        }
        Ok(enabled)
    }

    /// Whether the bucket keeps versions.
    ///
    /// # Errors
    /// When S3 does not tell.
    pub async fn versioning(&self) -> Result<Versioning, S3Error> {
        let call = self
            .clients
            .repeatable
            .get_bucket_versioning()
            .bucket(self.name.as_str())
            .set_expected_bucket_owner(self.expected_owner());
        let reply = self
            .send(Operation::GetBucketVersioning, call.send())
            .await?;
        Ok(match reply.status() {
            Some(BucketVersioningStatus::Enabled) => Versioning::Enabled,
            Some(_) => Versioning::Suspended,
            None => Versioning::Off,
        })
    }
}

impl BucketAccess {
    /// The account that each request says must own the bucket.
    fn expected_owner(&self) -> Option<String> {
        self.owner.as_ref().map(|owner| owner.as_str().to_owned())
    }
}

fn not_found_in(region: &str, operation: Operation, bucket: &BucketName) -> S3Error {
    let message = format!("it was not found in {region} either");
    S3Error::ours(operation, bucket, Cause::OtherRegion, message)
}

pub(super) fn out_of_time(operation: Operation, bucket: &BucketName) -> S3Error {
    let message = "no answer came in its time".to_owned();
    S3Error::ours(operation, bucket, Cause::OutOfTime, message)
}
