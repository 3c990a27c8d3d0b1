//! Everything a call meets, in the order it meets it: the bucket, its region,
//! its owner, the caller's permissions, and then the verb itself.

use crate::actions;
use crate::answer::{self, Scene};
use crate::bucket::{Bucket, BucketOptions};
use crate::call::Call;
use crate::clock::Clock;
use crate::digest;
use crate::faults::Faults;
use crate::iam::Iam;
use crate::ledger::{Action, Ledger, Writing};
use crate::pace::Pace;
use crate::policy::Policy;
use crate::reply::{Refusal, Reply};
use crate::stamp::Stamp;
use crate::store::Store;
use crate::verb::Verb;
use hyper::Method;
use hyper::header::CONTENT_LENGTH;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(crate) struct Account {
    pub clock: Clock,
    pub faults: Faults,
    pub ledger: Ledger,
    pub pace: Pace,
    pub page_max: usize,
    /// Whether requests must be dated as the clock shows.
    pub checks_clocks: AtomicBool,
    store: Mutex<Store>,
    policy: Mutex<Policy>,
    iam: Mutex<Iam>,
    requests: AtomicU64,
}

impl Account {
    pub(crate) fn new(pace: Pace, page_max: usize) -> Account {
        Account {
            clock: Clock::real(),
            faults: Faults::default(),
            ledger: Ledger::new(),
            pace,
            page_max,
            checks_clocks: AtomicBool::new(false),
            store: Mutex::default(),
            policy: Mutex::default(),
            iam: Mutex::default(),
            requests: AtomicU64::new(1),
        }
    }

    pub(crate) fn now(&self) -> Stamp {
        Stamp::from(self.clock.now())
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn policy(&self) -> MutexGuard<'_, Policy> {
        self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn iam(&self) -> MutexGuard<'_, Iam> {
        self.iam.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fresh `x-amz-request-id` and `x-amz-id-2`.
    pub(crate) fn request_ids(&self) -> (String, String) {
        let number = digest::mix(self.requests.fetch_add(1, Ordering::Relaxed));
        let host = u128::from_be_bytes(digest::scatter([number, 0, 0]));
        (format!("{number:016X}"), format!("{host:032x}"))
    }

    /// Does what the call asks, if it may be done.
    pub(crate) fn carry_out(&self, call: &Call, writing: &mut Writing) -> Result<Reply, Refusal> {
        if !self.pace.admits(call.verb) {
            return Err(self.pace.refusal());
        }
        let mut store = self.store();
        let admitted = self.admit(&store, call);
        let actions = admitted.map_err(|refusal| with_region(&store, call, refusal))?;
        let tells = |bucket: &Bucket| bucket.options.tells_tag_counts;
        let shows_tag_count = store.bucket(&call.bucket).is_ok_and(tells)
            && self.admits(call, "s3:GetObjectTagging", &call.bucket)
            && !self
                .policy()
                .is_denied_below("s3:GetObjectTagging", &call.bucket, &call.key);
        writing.allowed(actions);
        let mut scene = Scene {
            store: &mut store,
            call,
            now: self.now(),
            page_max: self.page_max,
            shows_tag_count,
        };
        let answered = answer::answer(&mut scene);
        answered.map_err(|refusal| self.veil(call, refusal))
    }

    fn admit(&self, store: &Store, call: &Call) -> Result<Vec<Action>, Refusal> {
        if self.checks_clocks.load(Ordering::Relaxed) {
            check_clock(call, self.now())?;
        }
        if !matches!(call.verb, Verb::CreateBucket | Verb::Unknown) {
            let options = &store.bucket(&call.bucket)?.options;
            check_region(call, &options.region)?;
            if !options.region_is_enabled {
                let message = "The AWS Access Key Id you provided does not exist in our records.";
                return Err(Refusal::new(403, "InvalidAccessKeyId", message));
            }
            check_owner(call, "x-amz-expected-bucket-owner", &options.owner)?;
            self.check_payer(call, options)?;
            if options.wants_length {
                check_length(call)?;
            }
        }
        if matches!(call.verb, Verb::CopyObject | Verb::UploadPartCopy) {
            let source = call.copy_source()?;
            let options = &store.bucket(&source.bucket)?.options;
            check_owner(call, "x-amz-source-expected-bucket-owner", &options.owner)?;
            self.check_payer(call, options)?;
        }
        let actions = actions::needed(store, call);
        self.policy().check(call, &actions)?;
        self.iam().check(store, call, &actions)?;
        Ok(actions)
    }

    /// Only the owner of a bucket whose requesters pay may call without saying so.
    fn check_payer(&self, call: &Call, options: &BucketOptions) -> Result<(), Refusal> {
        let is_told = call.header("x-amz-request-payer") == Some("requester");
        if options.requester_pays && !is_told && self.iam().account_of(call) != options.owner {
            return Err(Refusal::access_denied());
        }
        Ok(())
    }

    fn admits(&self, call: &Call, name: &'static str, bucket: &str) -> bool {
        let action = Action {
            name,
            resource: bucket.to_owned(),
        };
        self.policy().admits(call.access_key(), &action)
    }

    /// A caller who may not list a bucket is not told that a key is missing.
    fn veil(&self, call: &Call, refusal: Refusal) -> Refusal {
        if refusal.code != "NoSuchKey" {
            return refusal;
        }
        let bucket = match call.copy_source() {
            Ok(source) => source.bucket,
            Err(_) => call.bucket.clone(),
        };
        if self.admits(call, "s3:ListBucket", &bucket) {
            refusal
        } else {
            Refusal::access_denied()
        }
    }
}

/// Requests are good for a quarter of an hour.
const SKEW_MAX: u64 = 15 * 60;

/// A client that leaves the length out sends no body, or a chunked one.
fn check_length(call: &Call) -> Result<(), Refusal> {
    if call.headers.contains_key(CONTENT_LENGTH)
        || !matches!(call.method, Method::PUT | Method::POST)
    {
        return Ok(());
    }
    let message = "You must provide the Content-Length HTTP header.";
    Err(Refusal::new(411, "MissingContentLength", message))
}

fn check_clock(call: &Call, now: Stamp) -> Result<(), Refusal> {
    let told = call.header("x-amz-date").unwrap_or_default();
    match Stamp::parse_basic(told) {
        Some(dated) if dated.seconds_from(now) > SKEW_MAX => {
            let message =
                "The difference between the request time and the current time is too large.";
            Err(Refusal::new(403, "RequestTimeTooSkewed", message)
                .telling("RequestTime", told)
                .telling("ServerTime", now.iso())
                .telling("MaxAllowedSkewMilliseconds", (SKEW_MAX * 1_000).to_string()))
        }
        Some(_) | None => Ok(()),
    }
}

/// Regions that an account must opt in to. They do not know the signatures of others, and say so
/// instead of redirecting.
const OPT_IN_REGIONS: [&str; 5] = [
    "af-south-1",
    "ap-east-1",
    "eu-south-1",
    "il-central-1",
    "me-south-1",
];

fn check_region(call: &Call, region: &str) -> Result<(), Refusal> {
    match &call.signer {
        Some(signer) if signer.region != *region && OPT_IN_REGIONS.contains(&region) => {
            let message = format!(
                "The authorization header is malformed; the region '{}' is wrong; expecting \
                 '{region}'",
                signer.region
            );
            Err(Refusal::new(400, "AuthorizationHeaderMalformed", message)
                .telling("Region", region))
        }
        Some(signer) if signer.region != *region => Err(Refusal::new(
            301,
            "PermanentRedirect",
            "The bucket you are attempting to access must be addressed using the specified \
             endpoint. Please send all future requests to this endpoint.",
        )
        .with("x-amz-bucket-region", region)),
        Some(_) | None => Ok(()),
    }
}

fn check_owner(call: &Call, header: &str, owner: &str) -> Result<(), Refusal> {
    match call.header(header) {
        Some(expected) if expected != owner => Err(Refusal::access_denied()),
        Some(_) | None => Ok(()),
    }
}

/// HeadBucket tells the region even to those it turns away.
fn with_region(store: &Store, call: &Call, refusal: Refusal) -> Refusal {
    match store.get(&call.bucket) {
        Some(bucket) if call.verb == Verb::HeadBucket => {
            refusal.with("x-amz-bucket-region", &bucket.options.region)
        }
        Some(_) | None => refusal,
    }
}
