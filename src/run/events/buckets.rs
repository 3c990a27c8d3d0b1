//! The buckets of a function that answers events, found once and trusted for a while: three requests that a batch need
//! not pay.

use std::time::Duration;

use futures::future;
use tokio::sync::Mutex;

use super::super::StartError;
use super::super::destination_failure::DestinationFailure;
use super::super::opening::{open_for_events, open_source};
use crate::plan::Plan;
use crate::s3::{Bucket, Moment, RunConnections};

/// How long a bucket counts as found, owned as expected and versioned. A bucket that keeps no versions any more is seen
/// in the reply to the next copy, whatever is known of it.
const TRUSTED_FOR: Duration = Duration::from_mins(5);

/// What an environment of the function knows of its buckets.
#[derive(Debug, Default)]
pub struct EventBuckets(Mutex<Option<Trusted>>);

#[derive(Debug)]
struct Trusted {
    since: Moment,
    buckets: OpenBuckets,
}

/// The source, and the destinations by their numbers in the plan.
#[derive(Clone, Debug)]
pub(super) struct OpenBuckets {
    pub source: Bucket,
    pub usable: Vec<(usize, Bucket)>,
    pub unusable: Vec<(usize, DestinationFailure)>,
}

impl EventBuckets {
    /// The buckets of a plan, for one invocation.
    pub(super) async fn open(
        &self,
        plan: &Plan,
        connections: &RunConnections<'_>,
    ) -> Result<OpenBuckets, StartError> {
        let mut known = self.0.lock().await;
        if let Some(trusted) = known.as_ref().filter(|trusted| trusted.is_fresh()) {
            return Ok(trusted.buckets.renewed(connections));
        }
        *known = None;
        let buckets = OpenBuckets::open(plan, connections).await?;
        // What was out of order may be mended at any time.
        if buckets.unusable.is_empty() {
            let since = buckets.source.fence().now();
            let buckets = buckets.clone();
            *known = Some(Trusted { since, buckets });
        }
        Ok(buckets)
    }

    /// The next invocation looks at the buckets again.
    pub(super) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

impl Trusted {
    fn is_fresh(&self) -> bool {
        self.buckets.source.fence().now().since(self.since) < TRUSTED_FOR
    }
}

impl OpenBuckets {
    async fn open(plan: &Plan, connections: &RunConnections<'_>) -> Result<Self, StartError> {
        let destinations = plan.destinations.iter();
        let destinations = destinations
            .map(|planned| open_for_events(&plan.source.bucket, &planned.destination, connections));
        let (source, opened) = future::join(
            open_source(&plan.source.bucket, &plan.source_access, connections),
            future::join_all(destinations),
        )
        .await;
        let source = source?;
        let (mut usable, mut unusable) = (Vec::new(), Vec::new());
        for (number, destination) in opened.into_iter().enumerate() {
            match destination {
                Ok(bucket) => usable.push((number, bucket)),
                Err(why) => unusable.push((number, why)),
            }
        }
        if usable.is_empty() {
            let problems = unusable
                .iter()
                .map(|(_, why)| format!("{}; {}", why.failure.message, why.failure.advice));
            let problem = problems.collect::<Vec<String>>().join("; ");
            return Err(StartError::Destination { problem });
        }
        Ok(Self {
            source,
            usable,
            unusable,
        })
    }

    /// The same buckets on the budgets of another invocation and within its time.
    fn renewed(&self, connections: &RunConnections<'_>) -> Self {
        let usable = self.usable.iter();
        Self {
            source: connections.renewed(&self.source),
            usable: usable
                .map(|(number, bucket)| (*number, connections.renewed(bucket)))
                .collect(),
            unusable: self.unusable.clone(),
        }
    }
}
