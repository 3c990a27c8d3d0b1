//! The destinations of a run: those that it can use, and why it cannot use the others.
//!
//! A destination that is out of order is an error of that destination, and the others are backed up. Only
//! if none is left the run does not start.

use std::time::Duration;

use futures::future;
use tokio::time::timeout;

use super::destination_failure::DestinationFailure;
use super::opening::{StartError, open_destination};
use crate::config::Destination;
use crate::deletions::{HeldKind, StateFile};
use crate::failure::Failure;
use crate::history::IndexCache;
use crate::lease::{LeaseObject, Leases};
use crate::model::BucketName;
use crate::plan::{DestinationPlan, Plan, Task};
use crate::register::{NotRegistered, Register, RegisterError};
use crate::report::{Report, Warning};
use crate::s3::{Bucket, Cause, Operation, RunConnections, S3Error};

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
    /// Why the register of jobs cannot be used.
    pub register_problem: Option<String>,
    /// The index that a piece before has read; empty for all other runs, which read what is in the bucket.
    pub index_cache: IndexCache,
}

impl DestinationRun {
    /// Comes to its end when nothing more may be begun.
    pub fn stop(&self) -> impl Future<Output = ()> + use<> {
        self.destination.stopped(&self.source)
    }

    /// The file of its job that says that a run is held.
    pub fn held_file(&self, held: HeldKind) -> StateFile {
        held.file(self.number, &self.destination, &self.planned.job)
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
        // One that does not answer must not keep the others waiting.
        let time = (plan.destinations.len() > 1).then(|| connections.time_to_open());
        let opened = plan
            .destinations
            .iter()
            .map(|planned| open_in_time(source.name(), &planned.destination, connections, time));
        let opened = future::join_all(opened).await;
        let mut destinations = Self {
            usable: Vec::new(),
            unusable: Vec::new(),
        };
        for (number, (planned, opened)) in plan.destinations.iter().zip(opened).enumerate() {
            let (bucket, register) = match opened {
                Ok(opened) => opened,
                Err(unusable) => {
                    destinations.unusable.push((number, unusable));
                    continue;
                }
            };
            // Before the lease, so that a job that is refused writes nothing.
            let overlap = register
                .as_ref()
                .ok()
                .and_then(|register| register.overlap(&bucket, &planned.job));
            if let Some(overlap) = overlap {
                destinations.unusable.push((number, overlap.into()));
                continue;
            }
            if plan.task.writes() {
                let lease = LeaseObject::of(bucket.clone(), &planned.job);
                let taken = leases.take(number, lease, &plan.run, plan.part.as_ref());
                if let Err(refusal) = taken.await {
                    destinations.unusable.push((number, refusal.into()));
                    continue;
                }
            }
            let register_problem = match registered(plan, planned, &bucket, register).await {
                Ok(()) => None,
                Err(NotRegistered::Problem(problem)) => Some(problem.to_string()),
                Err(NotRegistered::Overlap(overlap)) => {
                    destinations.unusable.push((number, (*overlap).into()));
                    continue;
                }
            };
            destinations.usable.push(DestinationRun {
                number,
                planned: planned.clone(),
                source: source.clone(),
                destination: bucket,
                register_problem,
                index_cache: IndexCache::default(),
            });
        }
        destinations
    }

    /// Why the register of jobs cannot be used, by bucket.
    pub fn register_warnings(&self) -> Vec<Warning> {
        let warning = |run: &DestinationRun| {
            let problem = run.register_problem.as_ref()?;
            Some(Warning::register(run.destination.name(), problem))
        };
        self.usable.iter().filter_map(warning).collect()
    }

    /// Asks the servers whether they obey conditions on the target of a copy, if that is not known and the task writes.
    /// The lease, which lies there, is what is asked with.
    pub async fn probe(&self, task: &Task) {
        if !task.writes() {
            return;
        }
        for run in &self.usable {
            let job = &run.planned.job;
            let own = LeaseObject::of(run.destination.clone(), job).key;
            let target = job.key("target-conditions");
            // No answer says nothing, as any error but one.
            let _ = timeout(TO_ASK, run.destination.probe_conditions(&own, &target)).await;
        }
    }
}

/// Opens a destination, in that time if there is one.
async fn open_in_time(
    source: &BucketName,
    destination: &Destination,
    connections: &RunConnections<'_>,
    time: Option<Duration>,
) -> Result<(Bucket, Result<Register, RegisterError>), DestinationFailure> {
    let opening = open_destination(source, destination, connections);
    let Some(time) = time else {
        return opening.await;
    };
    let Ok(opened) = timeout(time, opening).await else {
        let name = &destination.location.bucket;
        let silence = format!("no answer within {} s", time.as_secs());
        return Err(S3Error::ours(Operation::HeadBucket, name, Cause::TimedOut, silence).into());
    };
    opened
}

/// Registers the job of a destination, if the plan writes.
async fn registered(
    plan: &Plan,
    planned: &DestinationPlan,
    bucket: &Bucket,
    register: Result<Register, RegisterError>,
) -> Result<(), NotRegistered> {
    let register = register?;
    if !plan.task.writes() {
        return Ok(());
    }
    let name = plan.job_name.as_deref();
    register.add(bucket, &planned.job, name).await
}

impl<T> Destinations<T> {
    /// The same, if any can be used.
    ///
    /// # Errors
    /// The problems of all of them. Where a run is under way in some and others are out of order, the
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
