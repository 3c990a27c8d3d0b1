//! Clients of S3, one for each region, built once per environment.
//!
//! Three of the SDK's habits are set right here. Its retries share 500 tokens per process, after
//! which nothing is retried any more: ours has a bucket without a bottom. It waits for ever for a
//! reply that stalls: ours has a limit for each attempt. And it sends a copy again when no reply
//! came, although S3 may have made it: ours gives such a copy back, for its maker to look first.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, Region};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::concurrency::ConcurrencyLimits;
use super::condition::Server;
use super::credentials::{AllCredentials, RenewedCredentials};
use super::descriptors::DescriptorBudget;
use super::door::Network;
use super::endpoint::{self, Endpoint};
use super::fence::{Fence, ServerClock};
use super::headers::{EmptyLength, RequesterPays, TextHeaders};
use super::outside::Outside;
#[cfg(feature = "cli")]
use super::profile::Overrides;
use super::proxy::Proxies;
use super::request_count::{RequestCounter, Requests};
use super::send_again::{RegionContact, SendAgain};
use super::time_limit::{Interruption, TimeLimit};
use super::whole_reply::RejectTruncated;
use crate::model::Deadline;

/// How long a connection may take, with its TLS handshake. A lost packet of its first three is sent again
/// after one and three seconds.
const TO_CONNECT: Duration = Duration::from_secs(4);

/// How long calls are waited for, and how often they are tried.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// For one attempt at a call that moves no data.
    pub attempt: Duration,
    /// The slowest copy within S3 that is believed to be alive, in bytes a second. A copy of 5 GiB
    /// was seen to take minutes.
    pub slowest_copy: u64,
    /// Attempts at a call that S3 answers with an error that passes.
    pub attempts: u32,
    /// The longest first wait between two attempts; it doubles each time.
    pub backoff: Duration,
    /// How long a run that gives no sign of life keeps others out. It gives one three times as often.
    pub lease: Duration,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(30),
            slowest_copy: 10 * 1024 * 1024,
            attempts: 10,
            backoff: Duration::from_millis(250),
            lease: Duration::from_mins(3),
        }
    }
}

impl CallLimits {
    /// How long an attempt to copy that many bytes may take.
    pub fn for_copy(self, bytes: u64) -> Duration {
        self.attempt + Duration::from_secs(bytes / self.slowest_copy)
    }

    /// How long an attempt to put parts together may take: S3 says that it can take minutes.
    pub fn for_completion(self) -> Duration {
        self.attempt * 10
    }

    fn timeouts(self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(TO_CONNECT.min(self.attempt))
            .operation_attempt_timeout(self.attempt)
            .build()
    }

    pub(super) fn retries(self, attempts: u32) -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(attempts)
            .with_initial_backoff(self.backoff)
    }
}

/// The way to S3. Built once per environment and shared by all runs in it.
#[derive(Debug)]
pub struct Connections {
    base: SdkConfig,
    patience: CallLimits,
    counter: RequestCounter,
    network: Network,
    credentials: AllCredentials,
    endpoint: Endpoint,
    budget: DescriptorBudget,
    clock: ServerClock,
    server: Server,
    /// For what is read in bulk. Made when it is first needed, for it takes a millisecond.
    bulk: OnceLock<SharedHttpClient>,
    /// By region, and by whether their requests say that the caller pays.
    by_region: Mutex<BTreeMap<(String, bool), Clients>>,
    interruption: Interruption,
}

/// The way to S3 of one run: within its time, and on budgets of its own.
#[derive(Debug)]
pub struct RunConnections<'a> {
    pub(super) connections: &'a Connections,
    pub(super) paces: ConcurrencyLimits,
    pub(super) limit: TimeLimit,
}

impl RunConnections<'_> {
    /// When all calls of the run end.
    pub fn limit(&self) -> &TimeLimit {
        &self.limit
    }

    /// How long a bucket may take to tell what it is, where others wait for it: a call that is never answered,
    /// and one that is.
    pub fn time_to_open(&self) -> Duration {
        self.connections.patience.attempt * 2
    }
}

/// The clients for a region. They differ in what they send again by themselves, and in their connections.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    /// For calls that may be carried out twice: reads, parts, the beginning and end of uploads.
    pub repeatable: Client,
    /// For calls that make a version each time.
    pub unrepeatable: Client,
    /// For copies in one call: they make a version, too, and wait for a sweep after a few attempts.
    pub copies: Client,
    /// For reads whose replies are large. A connection keeps room to read as much at once as it has read
    /// before, 64 KiB or more, for good: copies have hundreds of connections, which must not be these.
    pub bulk: Client,
}

fn network_of_environment() -> Network {
    Network::by(Proxies::from_vars(|name| std::env::var(name).ok()))
}

impl Connections {
    /// From the environment's credentials, region and endpoint.
    pub async fn from_env() -> Self {
        let network = network_of_environment();
        let base = aws_config::defaults(BehaviorVersion::v2026_01_12());
        Box::pin(Self::load(base.http_client(network.client()), network)).await
    }

    /// The same, with what is given in the place of what the environment says.
    #[cfg(feature = "cli")]
    pub async fn from_env_with(overrides: Overrides) -> Self {
        let network = network_of_environment();
        let base = overrides.over(network.client()).await;
        Box::pin(Self::load(base, network)).await
    }

    async fn load(base: ConfigLoader, network: Network) -> Self {
        let base = base
            // Retries are ours. Without these, the SDK reads them from the environment and the profile,
            // and panics at what it does not know, such as the `legacy` mode of the AWS CLI.
            .retry_config(RetryConfig::standard())
            .load()
            .await;
        if let Some(file) = endpoint::ca_bundle(&base) {
            network.trust_file(&file);
        }
        let connections = Self {
            network,
            budget: DescriptorBudget::raised(),
            ..Self::new(base, CallLimits::default())
        };
        if connections.endpoint.is_aws() {
            connections
        } else {
            connections.to_unknown_server()
        }
    }

    /// To a server of which it is not known whether it obeys conditions on the target of a copy: the first
    /// run that writes asks it. AWS does.
    #[must_use]
    pub fn to_unknown_server(self) -> Self {
        self.server.is_to_be_asked();
        self
    }

    /// From a configuration of the SDK.
    pub fn new(base: SdkConfig, patience: CallLimits) -> Self {
        Self {
            endpoint: Endpoint::of(&base),
            base,
            patience,
            counter: RequestCounter::default(),
            network: Network::default(),
            credentials: AllCredentials::default(),
            budget: DescriptorBudget::UNBOUNDED,
            clock: ServerClock::default(),
            server: Server::default(),
            bulk: OnceLock::new(),
            by_region: Mutex::default(),
            interruption: Interruption::default(),
        }
    }

    /// Requests sent so far.
    pub fn requests(&self) -> Requests {
        self.counter.read()
    }

    /// The way to S3 for one run, of so many copies at once at most, until its deadline.
    pub fn for_run(&self, most_copies: usize, deadline: Option<Deadline>) -> RunConnections<'_> {
        RunConnections {
            connections: self,
            paces: self.paces(most_copies),
            limit: TimeLimit::new(deadline, &self.interruption),
        }
    }

    /// Tells all runs to stop now, those that begin later as well, and to be gone after that time.
    pub fn interrupt(&self, time: Duration) {
        self.interruption.interrupt(time);
    }

    pub(super) fn paces(&self, most_copies: usize) -> ConcurrencyLimits {
        let budget = self.budget;
        ConcurrencyLimits::new(most_copies.min(budget.copies), budget.pages, &self.counter)
    }

    /// So many copies at once, or as many as there are file descriptors for.
    pub fn fitting(&self, copies: usize) -> usize {
        let fitting = copies.min(self.budget.copies);
        if fitting < copies {
            tracing::warn!(
                copies,
                fitting,
                "few file descriptors: fewer copies at once"
            );
        }
        fitting
    }

    /// Begins a run: credentials that were refused in an earlier one may be taken now.
    pub fn begin_run(&self) {
        self.credentials.hope();
    }

    pub(super) fn credentials(&self, region: &str) -> RenewedCredentials {
        self.credentials.of(region)
    }

    /// A fence for one more bucket.
    pub(super) fn fence(&self) -> Fence {
        Fence::new(self.clock.clone())
    }

    pub(super) fn server(&self) -> Server {
        self.server.clone()
    }

    pub(super) fn patience(&self) -> CallLimits {
        self.patience
    }

    /// The way to other services than S3: over the same network, with the same credentials.
    pub fn outside(&self) -> Outside {
        Outside::new(self.base.clone(), self.network.clone())
    }

    /// The region that the environment names; `us-east-1` without one, which tells where any
    /// bucket is.
    pub(super) fn home(&self) -> String {
        let region = self.base.region().map(Region::as_ref);
        region.unwrap_or("us-east-1").to_owned()
    }

    pub(super) fn clients(&self, region: &str, requester_pays: bool) -> Clients {
        let mut by_region = self
            .by_region
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let build = || {
            let contact = RegionContact::default();
            let config = |in_doubt| {
                let contact = contact.clone();
                let credentials = self.credentials.of(region);
                let send_again = SendAgain {
                    in_doubt,
                    contact,
                    credentials,
                };
                let config = self.config(region, send_again);
                if requester_pays {
                    config.interceptor(RequesterPays)
                } else {
                    config
                }
            };
            let bulk = self.bulk.get_or_init(|| self.network.client()).clone();
            Clients {
                repeatable: Client::from_conf(config(true).build()),
                unrepeatable: Client::from_conf(config(false).build()),
                copies: Client::from_conf(
                    config(false)
                        .retry_config(self.patience.retries(self.patience.first_attempts()))
                        .build(),
                ),
                bulk: Client::from_conf(config(true).http_client(bulk).build()),
            }
        };
        by_region
            .entry((region.to_owned(), requester_pays))
            .or_insert_with(build)
            .clone()
    }

    fn config(&self, region: &str, send_again: SendAgain) -> Builder {
        let bucket_without_bottom = RetryPartition::custom("s3-backup")
            .token_bucket(TokenBucket::unlimited())
            .build();
        let mut config = Builder::from(&self.base);
        config.set_endpoint_url(self.endpoint.url.clone());
        config
            .region(Region::new(region.to_owned()))
            .force_path_style(self.endpoint.path_style)
            .retry_config(self.patience.retries(self.patience.attempts))
            .retry_partition(bucket_without_bottom)
            .interceptor(send_again.contact.clone())
            .identity_cache(send_again.credentials.clone())
            .interceptor(send_again.credentials.clone())
            .retry_classifier(send_again)
            .timeout_config(self.patience.timeouts())
            .interceptor(EmptyLength)
            .interceptor(TextHeaders)
            .interceptor(RejectTruncated)
            .interceptor(self.counter.clone())
            .interceptor(self.clock.clone())
    }
}
