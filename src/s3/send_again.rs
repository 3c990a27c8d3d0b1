//! Calls that are sent again although the SDK would not, and those that are not although it would.
//!
//! What passes by itself is tried again until the attempts run out: what an error calls S3 too busy or
//! failing, the SDK has been told to try again, whatever code or status it came with. But until S3 has answered once,
//! nobody knows whether it ever will. A connection that cannot be made is then tried for a second and a half:
//! long for a name server or a new network interface to recover, short for a person who waits. Lambda itself
//! repeats an invocation that failed so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, InterceptorContext,
};
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::retries::classifiers::RetryClassifierPriority;

use super::credentials::{RenewedCredentials, refuses_credentials};
use super::error::{Cause, cause_of};
use super::no_reply::{NoReply, NoReplyReason};
use super::reply::code_of;

/// How long a connection is tried to be made before the first reply. With the wait before the last try and the
/// try itself, a person waits for less than five seconds.
const FIRST_PATIENCE: Duration = Duration::from_millis(1500);

/// What RestoreObject answers with 409 and 503, which elsewhere pass.
const ANSWERS_OF_ARCHIVES: [&str; 2] = [
    "RestoreAlreadyInProgress",
    "GlacierExpeditedRetrievalNotAvailable",
];

/// When a call is sent again.
#[derive(Clone, Debug)]
pub(super) struct SendAgain {
    /// Whether it is sent again when it may have been carried out.
    pub in_doubt: bool,
    pub contact: RegionContact,
    pub credentials: RenewedCredentials,
}

impl ClassifyRetry for SendAgain {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };
        if let Some(error) = error.as_connector_error() {
            return match NoReply::behind(error) {
                Some(no_reply) => self.without_a_reply(no_reply),
                None => RetryAction::RetryForbidden,
            };
        }
        let in_doubt = error.is_timeout_error() || error.is_response_error();
        if in_doubt && !self.in_doubt {
            return RetryAction::RetryForbidden;
        }
        match context.response().map(|reply| (reply, cause_of(reply))) {
            Some((_, Cause::TooBusy)) => RetryAction::throttling_error(),
            Some((_, Cause::ServerError)) => RetryAction::transient_error(),
            // With those that have been asked for meanwhile.
            Some((reply, Cause::Credentials))
                if refuses_credentials(reply) && !self.credentials.are_refused() =>
            {
                RetryAction::transient_error()
            }
            // The same request would be answered so for hours.
            Some((reply, _)) if ANSWERS_OF_ARCHIVES.contains(&code_of(reply)) => {
                RetryAction::RetryForbidden
            }
            // Two writers met, whatever the store calls it.
            Some((reply, _)) if reply.status().as_u16() == 409 => RetryAction::transient_error(),
            Some(_) | None => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "SendAgain"
    }

    /// The last word is ours.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

impl SendAgain {
    fn without_a_reply(&self, no_reply: &NoReply) -> RetryAction {
        let may_help = match no_reply.reason {
            NoReplyReason::NoConnection(failure) => failure.can_pass(),
            NoReplyReason::ConnectionLost => self.in_doubt,
            NoReplyReason::NotHttp => self.in_doubt && self.contact.has_been_made(),
            NoReplyReason::NotSendable => false,
        };
        if may_help && self.contact.is_worth_another_try(no_reply.took) {
            RetryAction::transient_error()
        } else {
            RetryAction::RetryForbidden
        }
    }
}

/// Whether S3 has ever answered in a region. Its clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct RegionContact(Arc<Attempts>);

#[derive(Debug, Default)]
struct Attempts {
    answered: AtomicBool,
    /// When the first of the attempts began that have failed; none if none has failed yet.
    began: Mutex<Option<Instant>>,
}

impl RegionContact {
    fn has_been_made(&self) -> bool {
        self.0.answered.load(Ordering::Relaxed)
    }

    /// An attempt has failed after so long.
    fn is_worth_another_try(&self, took: Duration) -> bool {
        if self.has_been_made() {
            return true;
        }
        let mut began = self.0.began.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let first = *began.get_or_insert(now.checked_sub(took).unwrap_or(now));
        let again = now.duration_since(first) < FIRST_PATIENCE;
        if !again {
            // The next run in a warm environment has limits of its own.
            *began = None;
        }
        again
    }
}

impl Intercept for RegionContact {
    fn name(&self) -> &'static str {
        "Contact"
    }

    fn read_before_deserialization(
        &self,
        _: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if !self.has_been_made() {
            self.0.answered.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}
