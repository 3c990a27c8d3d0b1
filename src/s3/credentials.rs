//! Credentials that S3 stops to take in the middle of a run.
//!
//! A session expires, a key is withdrawn. What provides the credentials may have new ones, so it is asked
//! again, once; the SDK alone would send the old ones until their own date of expiry. If S3 refuses those
//! too, each further request is hopeless: nothing is sent again, and runs hear of it and stop.
//!
//! Each region decides by itself: one that the account has not enabled refuses credentials that all others take.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_s3::config::{
    ConfigBag, IdentityCache, Intercept, ResolveCachedIdentity, RuntimeComponents,
    SharedIdentityCache,
};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::identity::{IdentityFuture, SharedIdentityResolver};
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use tokio::sync::watch;

use super::error::{Cause, cause_of};
use super::reply::code_of;

/// The credentials of all clients, and what becomes of them in each region.
#[derive(Debug)]
pub(super) struct AllCredentials {
    cached: Arc<Mutex<CachedIdentity>>,
    by_region: Mutex<BTreeMap<String, RenewedCredentials>>,
}

/// The credentials of the clients of a region. Its clones share them.
#[derive(Clone, Debug)]
pub(super) struct RenewedCredentials(Arc<InRegion>);

#[derive(Debug)]
struct InRegion {
    cached: Arc<Mutex<CachedIdentity>>,
    /// Whether S3 has yet to take those that were asked for last, after it had refused others.
    is_on_trial: AtomicBool,
    is_refused: watch::Sender<bool>,
}

#[derive(Debug)]
struct CachedIdentity {
    generation: u64,
    cache: SharedIdentityCache,
}

/// Which credentials an attempt was signed with.
#[derive(Debug)]
struct Generation(u64);

impl Storable for Generation {
    type Storer = StoreReplace<Self>;
}

impl Default for AllCredentials {
    fn default() -> Self {
        let cached = CachedIdentity {
            generation: 0,
            cache: IdentityCache::lazy().build(),
        };
        Self {
            cached: Arc::new(Mutex::new(cached)),
            by_region: Mutex::default(),
        }
    }
}

impl AllCredentials {
    /// Those of a region.
    pub fn of(&self, region: &str) -> RenewedCredentials {
        let mut by_region = self.regions();
        let begin = || {
            RenewedCredentials(Arc::new(InRegion {
                cached: Arc::clone(&self.cached),
                is_on_trial: AtomicBool::new(false),
                is_refused: watch::Sender::new(false),
            }))
        };
        let own = by_region.entry(region.to_owned()).or_insert_with(begin);
        own.clone()
    }

    /// Hopes again, at the beginning of a run.
    pub fn hope(&self) {
        for credentials in self.regions().values() {
            credentials.hope();
        }
    }

    fn regions(&self) -> MutexGuard<'_, BTreeMap<String, RenewedCredentials>> {
        self.by_region
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl CachedIdentity {
    fn renew(&mut self) {
        self.generation += 1;
        self.cache = IdentityCache::lazy().build();
    }
}

impl RenewedCredentials {
    /// Whether there is no hope any more.
    pub fn are_refused(&self) -> bool {
        *self.0.is_refused.borrow()
    }

    /// Waits until there is no hope any more.
    pub fn refused(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut is_refused = self.0.is_refused.subscribe();
        async move {
            if is_refused.wait_for(|refused| *refused).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn hope(&self) {
        if self.are_refused() {
            self.cached().renew();
            self.0.is_refused.send_replace(false);
        }
        self.0.is_on_trial.store(false, Ordering::Relaxed);
    }

    /// S3 has refused an attempt that was signed with these.
    fn refuse(&self, generation: u64) {
        let mut cached = self.cached();
        if generation != cached.generation {
            // Others have been asked for since.
            return;
        }
        if self.0.is_on_trial.load(Ordering::Relaxed) {
            self.0.is_refused.send_replace(true);
        } else {
            tracing::warn!("S3 refuses the credentials: they are asked for again");
            cached.renew();
            self.0.is_on_trial.store(true, Ordering::Relaxed);
        }
    }

    fn cached(&self) -> MutexGuard<'_, CachedIdentity> {
        self.0.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolveCachedIdentity for RenewedCredentials {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        cfg: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self.cached().cache.clone();
        IdentityFuture::new(async move {
            cache
                .resolve_cached_identity(resolver, components, cfg)
                .await
        })
    }
}

impl Intercept for RenewedCredentials {
    fn name(&self) -> &'static str {
        "RenewedCredentials"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let generation = Generation(self.cached().generation);
        cfg.interceptor_state().store_put(generation);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(reply) = context.response() else {
            return Ok(());
        };
        let Some(Generation(generation)) = cfg.load::<Generation>() else {
            return Ok(());
        };
        if reply.status().is_success() {
            if self.0.is_on_trial.load(Ordering::Relaxed) && *generation == self.cached().generation
            {
                self.0.is_on_trial.store(false, Ordering::Relaxed);
            }
        } else if refuses_credentials(reply) {
            self.refuse(*generation);
        }
        Ok(())
    }
}

/// Whether S3 takes the credentials for no request. A signature that does not match may be about this one: some
/// stores sign odd keys in their own way.
pub(super) fn refuses_credentials(reply: &HttpResponse) -> bool {
    cause_of(reply) == Cause::Credentials && code_of(reply) != "SignatureDoesNotMatch"
}
