//! Archived objects: asked for by version, never waited for.
//!
//! RestoreObject is answered by codes that elsewhere mean a failure. 409 says that the object was asked for
//! already, 403 that its class is no archive, and 503 that there is no capacity for Expedited now: then
//! Standard is asked for. So a call that was lost on its way may be sent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::types::{GlacierJobParameters, RestoreRequest};

use super::blank_key;
use super::bucket::Bucket;
use super::error::{Cause, Operation, S3Error};
use crate::model::{Key, ObjectRef, StorageClass, ThawState, Tier, VersionId, choices, hours};

/// What became of the request for an archived object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThawAnswer {
    /// The state of the object now.
    pub state: ThawState,
    /// The tier that was asked for in the end: Standard where there was no capacity for Expedited.
    pub tier: Tier,
}

impl Bucket {
    /// Asks for a version of an archived object, or for the current one, to be readable for so many days.
    /// It does not look first: for one that can be read already, S3 takes the request's price and moves the
    /// end of those days.
    ///
    /// # Errors
    /// [`Cause::Rejected`] if the class does not offer the tier; [`Cause::Missing`] if there is no such
    /// version; otherwise why S3 refused.
    pub async fn thaw(
        &self,
        key: &Key,
        version: Option<&VersionId>,
        class: &StorageClass,
        tier: Tier,
        days: u32,
    ) -> Result<ThawAnswer, S3Error> {
        if hours(class, tier).is_none() {
            return Err(self.not_offered(key, class, tier));
        }
        // What leaves an archive tier of INTELLIGENT_TIERING stays for good.
        let days = (class.as_str() != "INTELLIGENT_TIERING").then_some(days);
        let error = match self.ask_for(key, version, tier, days).await {
            Ok(state) => return Ok(ThawAnswer { state, tier }),
            Err(error) => error,
        };
        if !is_out_of_capacity(&error) {
            return Err(error);
        }
        tracing::info!(%key, "no capacity for an expedited retrieval: asked for in the standard tier");
        let tier = Tier::Standard;
        let state = self.ask_for(key, version, tier, days).await?;
        Ok(ThawAnswer { state, tier })
    }

    async fn ask_for(
        &self,
        key: &Key,
        version: Option<&VersionId>,
        tier: Tier,
        days: Option<u32>,
    ) -> Result<ThawState, S3Error> {
        let operation = Operation::RestoreObject;
        let _place = self.paces.copies.place().await;
        let placed = key.clone();
        let parameters = GlacierJobParameters::builder().tier(named(tier)).build();
        let parameters = parameters.map_err(|error| {
            let error = error.to_string();
            S3Error::ours(operation, &self.name, Cause::NotSent, error).about(key)
        })?;
        let request = RestoreRequest::builder()
            .set_days(days.map(|days| i32::try_from(days).unwrap_or(i32::MAX)))
            .glacier_job_parameters(parameters)
            .build();
        let status = StatusReader::default();
        let call = self
            .clients
            .repeatable
            .restore_object()
            .bucket(self.name.as_str())
            .key(blank_key::sendable(key))
            .set_version_id(version.map(|id| id.as_str().to_owned()))
            .restore_request(request)
            .set_expected_bucket_owner(self.expected_owner())
            .customize()
            .mutate_request(move |request| blank_key::restore(request, &placed))
            .interceptor(status.clone());
        match self.send(operation, call.send()).await {
            Ok(_) if status.last() == ALREADY_THAWED => Ok(ThawState::Thawed { until: None }),
            Ok(_) => Ok(ThawState::UnderWay),
            Err(error) => answer_within(error.about(key)),
        }
    }

    /// Whether a version of an object, or the current one, can be read.
    ///
    /// # Errors
    /// Why S3 refused; [`Cause::Missing`] if there is no such version.
    pub async fn thaw_state(
        &self,
        key: &Key,
        version: Option<&VersionId>,
    ) -> Result<ThawState, S3Error> {
        let _place = self.paces.copies.place().await;
        let reply = self.look(ObjectRef { key, version }, |call| call).await?;
        let class = reply
            .storage_class()
            .map(aws_sdk_s3::types::StorageClass::as_str);
        let class = StorageClass::new(class);
        if !class.is_archive() && reply.archive_status().is_none() {
            return Ok(ThawState::NotArchived);
        }
        ThawState::of_header(reply.restore()).ok_or_else(|| {
            let header = reply.restore().unwrap_or_default();
            let doubt = format!("x-amz-restore is {header}, which says nothing");
            let operation = Operation::HeadObject;
            S3Error::ours(operation, &self.name, Cause::Unreadable, doubt).about(key)
        })
    }

    fn not_offered(&self, key: &Key, class: &StorageClass, tier: Tier) -> S3Error {
        let offered = choices(class);
        let message = if offered.is_empty() {
            format!("{class} is no archive")
        } else {
            format!("{class} has no {tier} tier; choose {offered}")
        };
        let operation = Operation::RestoreObject;
        S3Error::ours(operation, &self.name, Cause::Rejected, message).about(key)
    }
}

/// What S3 answers for an object of which a copy can be read; 202 for one that it has begun to fetch.
const ALREADY_THAWED: u16 = 200;

/// The state that an answer tells which elsewhere means a failure.
fn answer_within(error: S3Error) -> Result<ThawState, S3Error> {
    match error.reply.code.as_deref() {
        Some("RestoreAlreadyInProgress") => Ok(ThawState::UnderWay),
        Some("ObjectAlreadyInActiveTierError" | "InvalidObjectState") => Ok(ThawState::NotArchived),
        Some(_) | None => Err(error),
    }
}

fn is_out_of_capacity(error: &S3Error) -> bool {
    error.reply.code.as_deref() == Some("GlacierExpeditedRetrievalNotAvailable")
}

fn named(tier: Tier) -> aws_sdk_s3::types::Tier {
    match tier {
        Tier::Expedited => aws_sdk_s3::types::Tier::Expedited,
        Tier::Standard => aws_sdk_s3::types::Tier::Standard,
        Tier::Bulk => aws_sdk_s3::types::Tier::Bulk,
    }
}

/// Keeps the status of the last reply, which the SDK does not hand on.
#[derive(Clone, Debug, Default)]
struct StatusReader(Arc<AtomicU16>);

impl StatusReader {
    fn last(&self) -> u16 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Intercept for StatusReader {
    fn name(&self) -> &'static str {
        "StatusReader"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let status = context.response().status().as_u16();
        self.0.store(status, Ordering::Relaxed);
        Ok(())
    }
}
