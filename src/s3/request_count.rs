//! The number of requests that were sent, and of those that S3 has refused as too many.
//!
//! The SDK retries by itself, which is billed: only an interceptor sees each attempt.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextRef,
    BeforeTransmitInterceptorContextRef,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_types::config_bag::{Storable, StoreReplace};

use super::condition::NO_ETAG;

/// Requests that were sent, retries included, since the clients were built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// `ListObjectsV2` and `ListObjectVersions`.
    pub list: u64,
    /// `CopyObject`, and the calls of multi-part copies that are billed alike.
    pub copy: u64,
    /// `HeadObject` and `GetObjectTagging`.
    pub head: u64,
    /// `RestoreObject`, which asks for an archived version.
    pub thaw: u64,
}

impl Requests {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Requests) -> Requests {
        Requests {
            list: self.list + other.list,
            copy: self.copy + other.copy,
            head: self.head + other.head,
            thaw: self.thaw + other.thaw,
        }
    }

    /// What was sent since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Requests) -> Requests {
        Requests {
            list: self.list - earlier.list,
            copy: self.copy - earlier.copy,
            head: self.head - earlier.head,
            thaw: self.thaw - earlier.thaw,
        }
    }
}

/// Counts requests as they are sent.
#[derive(Clone, Debug, Default)]
pub(super) struct RequestCounter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    list: AtomicU64,
    copy: AtomicU64,
    head: AtomicU64,
    thaw: AtomicU64,
    refused_listings: AtomicU64,
    refused_others: AtomicU64,
}

/// The kinds of calls that S3 refuses separately: their limits are not the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Pages of listings.
    Listing,
    /// Everything else, copies above all.
    Other,
}

impl RequestCounter {
    /// How often S3 has asked to slow down so far: 503, or 429 of other stores and of proxies.
    pub(super) fn refused(&self, kind: Kind) -> u64 {
        self.refusals(kind).load(Ordering::Relaxed)
    }

    fn refusals(&self, kind: Kind) -> &AtomicU64 {
        match kind {
            Kind::Listing => &self.0.refused_listings,
            Kind::Other => &self.0.refused_others,
        }
    }

    pub(super) fn read(&self) -> Requests {
        Requests {
            list: self.0.list.load(Ordering::Relaxed),
            copy: self.0.copy.load(Ordering::Relaxed),
            head: self.0.head.load(Ordering::Relaxed),
            thaw: self.0.thaw.load(Ordering::Relaxed),
        }
    }
}

/// Says of a call that it is about the program's own objects, which a result does not count.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnState;

impl Storable for OwnState {
    type Storer = StoreReplace<Self>;
}

impl Intercept for OwnState {
    fn name(&self) -> &'static str {
        "OwnState"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        cfg.interceptor_state().store_put(*self);
        Ok(())
    }
}

impl Intercept for RequestCounter {
    fn name(&self) -> &'static str {
        "Tally"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.request().headers().get("if-match") == Some(NO_ETAG) {
            return Ok(());
        }
        let counter = match cfg.load::<Metadata>().map(Metadata::name) {
            _ if cfg.load::<OwnState>().is_some() => return Ok(()),
            Some("ListObjectsV2" | "ListObjectVersions") => &self.0.list,
            Some(
                "CopyObject"
                | "CreateMultipartUpload"
                | "UploadPartCopy"
                | "CompleteMultipartUpload",
            ) => &self.0.copy,
            Some("HeadObject" | "GetObjectTagging") => &self.0.head,
            Some("RestoreObject") => &self.0.thaw,
            _ => return Ok(()),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if matches!(context.response().status().as_u16(), 429 | 503) {
            let kind = match cfg.load::<Metadata>().map(Metadata::name) {
                // Its 503 may mean that there is no capacity for Expedited, and its limit is its own.
                Some("RestoreObject") => return Ok(()),
                Some("ListObjectsV2" | "ListObjectVersions") => Kind::Listing,
                _ => Kind::Other,
            };
            self.refusals(kind).fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
