//! The destinations of a run: those that it can use, and why it cannot use the others.
//!
//! A destination that is out of order is an error of that destination, and the others are backed up. Only
//! if none is left the run does not start.

use std::time::Duration;

use futures::future;
use tokio::time::timeout;

use super::destination_failure::DestinationFailure;
use super::opening::{StartError, open_destination};
use crate::copy::Failure;
use crate::lease::Leases;
use crate::plan::{DestinationPlan, Intent, Plan};
use crate::report::Report;
use crate::s3::{Bucket, RunConnections};

/// How long asking a server may take.
const TO_ASK: Duration = Duration::from_secs(5);

/// One destination that the run can use.
#[derive(Clone)]
pub(super) struct DestinationRun {
    /// Its number in the plan and in the report.
    pub number: usize,
    pub planned: DestinationPlan,
    pub source: Bucket,
    pub destination: Bucket,
}

impl DestinationRun {
    /// Comes to its end when nothing more may be begun: after the deadline, when nothing more may be written to
    /// the destination, and without credentials that S3 takes.
    pub fn stop(&self) -> impl Future<Output = ()> + use<> {
        let limit = self.destination.limit().clone();
        let fence = self.destination.fence().clone();
        let refused = self.source.credentials_refused();
        async move {
            tokio::select! {
                () = limit.stopped() => {}
                () = fence.closed() => {}
                () = refused => {}
            }
        }
    }
}

/// The destinations of a run, as far as it has come with each.
pub(super) struct Destinations<T> {
    pub usable: Vec<T>,
    /// The others, by their numbers.
    pub unusable: Vec<(usize, DestinationFailure)>,
}

impl Destinations<DestinationRun> {
    /// Opens the destinations of a plan and takes the leases on them.
    pub async fn open(
        plan: &Plan,
        connections: &RunConnections<'_>,
        source: &Bucket,
        leases: &mut Leases,
    ) -> Self {
        let opened = plan
            .destinations
            .iter()
            .map(|planned| open_destination(plan, &planned.destination, connections));
        let opened = future::join_all(opened).await;
        let mut destinations = Self {
            usable: Vec::new(),
            unusable: Vec::new(),
        };
        for (number, (planned, opened)) in plan.destinations.iter().zip(opened).enumerate() {
            let bucket = match opened {
                Ok(bucket) => bucket,
                Err(unusable) => {
                    destinations.unusable.push((number, unusable));
                    continue;
                }
            };
            match leases.take(plan, number, &bucket).await {
                Ok(()) => destinations.usable.push(DestinationRun {
                    number,
                    planned: planned.clone(),
                    source: source.clone(),
                    destination: bucket,
                }),
                Err(refusal) => destinations.unusable.push((number, refusal.into())),
            }
        }
        destinations
    }

    /// Asks the server whether it obeys conditions on the target of a copy, if that is not known and the
    /// plan writes. The lease, which lies there, is what is asked with.
    pub async fn probe(&self, plan: &Plan) {
        if plan.intent != Intent::Copy {
            return;
        }
        for run in &self.usable {
            let job = &run.planned.job;
            let (own, target) = (job.key("lease.json"), job.key("target-conditions"));
            // No answer says nothing, as any error but one.
            let _ = timeout(TO_ASK, run.destination.probe_conditions(&own, &target)).await;
        }
    }
}

impl<T> Destinations<T> {
    /// The same, if any can be used.
    ///
    /// # Errors
    /// What is wrong with all of them. Where a run is under way in some and others are out of order, the
    /// latter decides: to wait does not help them.
    pub fn some_usable(self) -> Result<Self, StartError> {
        if !self.usable.is_empty() || self.unusable.is_empty() {
            return Ok(self);
        }
        let all_held = self.unusable.iter().all(|(_, why)| why.is_held);
        let problems = self.unusable.into_iter().map(|(_, why)| {
            let Failure {
                message, advice, ..
            } = why.failure;
            format!("{message}; {advice}")
        });
        let problem = problems.collect::<Vec<String>>().join("; ");
        Err(if all_held {
            StartError::AlreadyRunning { problem }
        } else {
            StartError::Destination { problem }
        })
    }

    /// The report, which names those that cannot be used.
    pub fn note_failures(&self, report: Report) -> Report {
        let numbers = self.unusable.iter().map(|(number, _)| *number);
        numbers.fold(report, Report::without_destination)
    }
}
