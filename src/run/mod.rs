//! The spine: a plan in, a report out.
//!
//! Both sides are listed shard by shard, joined, decided on and copied as one stream for each
//! destination, with one bound on what is in flight. Nothing is collected. Only what stops a run from
//! starting is an error; the rest is in the report. [`answer_events`] is the same step for the keys that events name.

mod ageing;
mod bucket_check;
mod comparison;
mod continuation;
mod destination;
mod destination_failure;
mod distributed;
mod events;
mod marking;
mod nothing;
mod opening;
mod progress;
mod unusual;

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use futures::{FutureExt, StreamExt, future};

pub use events::{EventBuckets, EventsResult, answer as answer_events};
pub use opening::StartError;

use comparison::{Comparison, ListingError};
use continuation::Continuation;
use destination::{DestinationRun, Destinations};
use destination_failure::DestinationFailure;
use distributed::PartInput;
use opening::open_source;
use progress::{RunProgress, log_outcome};
use unusual::Look;

use crate::copy::Budget;
use crate::failure::Failure;
use crate::history::IndexCache;
use crate::lease::Leases;
use crate::model::{BucketName, Cursor};
use crate::outcome::Outcome;
use crate::plan::{Plan, Stage, Task};
use crate::report::Report;
use crate::resume::Remainder;
use crate::s3::{Bucket, Connections, Operation, Requests, Stop};

/// A run that has ended.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// What became of the objects.
    pub report: Report,
    /// The rest, which is left to a later run.
    pub cursor: Option<Cursor>,
}

impl RunResult {
    /// The same, of a run that has stopped at a destination.
    fn stopped(self, (number, stop, failure): (usize, Stop, Failure)) -> Self {
        log_outcome(&Outcome::ListingFailed(failure.clone()));
        Self {
            report: self.report.stopped(number, stop, failure),
            ..self
        }
    }
}

/// The report of a run that was stopped in a destination because S3 refused its credentials: one error for what
/// nobody saw of it, if something is left.
fn without_credentials(run: &DestinationRun, report: Report, rest: Option<&Remainder>) -> Report {
    let own = rest.and_then(|rest| rest.destinations.get(run.number));
    if own.is_none_or(|own| own.ranges().is_empty()) {
        return report;
    }
    let outcome = Outcome::ListingFailed(refused_credentials(run.destination.name()));
    log_outcome(&outcome);
    report.with(run.number, outcome)
}

fn refused_credentials(bucket: &BucketName) -> Failure {
    Failure {
        key: None,
        operation: Operation::ListObjectsV2.name(),
        code: Some("CredentialsRefused".to_owned()),
        message: format!(
            "the backup to {bucket} was stopped: S3 refuses the credentials, also after they were asked \
             for again"
        ),
        advice: "renew the credentials and continue the run with its cursor".to_owned(),
        request_id: None,
    }
}

/// Runs a plan, to its end or to its deadline. `watch` sees the report after each object.
///
/// # Errors
/// When the source cannot be read, or none of the destinations can be used; nothing was copied then.
pub async fn run(
    plan: &Plan,
    connections: &Connections,
    index_cache: &IndexCache,
    watch: impl FnMut(&Report),
) -> Result<RunResult, StartError> {
    connections.begin_run();
    let limits = plan.limits;
    let sent = || connections.requests();
    let connections = connections.for_run(limits.max_concurrency, limits.deadline);
    let source = open_source(&plan.source.bucket, &plan.source_access, &connections).await?;
    let mut leases = Leases::default();
    let destinations = Destinations::open(plan, &connections, &source, &mut leases).await;
    let server = destinations
        .usable
        .first()
        .filter(|_| plan.task.writes())
        .map(|run| run.destination.clone());
    let register_warnings = destinations.register_warnings();
    let usable = destinations.usable.clone();
    let checked = usable.as_slice();
    let look = bucket_check::look(if plan.checks_buckets() { checked } else { &[] });
    let work = Box::pin(async {
        destinations.probe(&plan.task).await;
        let work = work(plan, &source, index_cache, &sent, destinations, watch);
        let (ended, bucket_warnings) = future::join(work, look).await;
        let ended = match ended {
            Ok(ended) => Ok(Box::pin(ageing::age(plan.days_to_age_out(), &usable, ended)).await),
            Err(error) => Err(error),
        };
        (ended, bucket_warnings)
    });
    // Whatever happens in it, the lease does not keep the next run out.
    let ended = AssertUnwindSafe(leases.keep(work)).catch_unwind().await;
    let result = ended
        .as_ref()
        .ok()
        .and_then(|(ended, _)| ended.as_ref().ok());
    let stops = if distributed::keeps_leases(plan.part.as_ref(), result) {
        leases.leave()
    } else {
        leases.release().await
    };
    let ended = ended.unwrap_or_else(|panic| resume_unwind(panic));
    let was_interrupted = connections.limit().is_interrupted();
    let warnings = server.map(|server| opening::server_warnings(&server));
    let (ended, bucket_warnings) = ended;
    ended.map(|ended| {
        let report = ended.report.interrupted(was_interrupted);
        let report = report.with_bucket_warnings(bucket_warnings);
        let ended = RunResult {
            report: warnings
                .into_iter()
                .flatten()
                .chain(register_warnings)
                .fold(report, Report::warning),
            ..ended
        };
        stops.into_iter().fold(ended, RunResult::stopped)
    })
}

/// The run itself, while its leases are kept.
async fn work(
    plan: &Plan,
    source: &Bucket,
    index_cache: &IndexCache,
    sent: &(dyn Fn() -> Requests + Sync),
    destinations: Destinations<DestinationRun>,
    mut watch: impl FnMut(&Report),
) -> Result<RunResult, StartError> {
    let mut destinations = destinations.some_usable()?;
    if let Some(part) = &plan.part {
        let input = PartInput {
            plan,
            part,
            source,
            index_cache,
            sent,
            watch: &mut watch,
        };
        return Box::pin(distributed::work(input, destinations)).await;
    }
    let (mut plan, uses) = match continuation::open(plan, &destinations.usable).await? {
        Continuation::Run(plan, uses) => (plan, uses),
        Continuation::Answered(ended) => return Ok(*ended),
    };
    postpone_where_unregistered(&mut plan, &destinations.usable);
    for run in &mut destinations.usable {
        if let Some(planned) = plan.destinations.get(run.number) {
            run.planned.clone_from(planned);
        }
    }
    let runs = destinations.usable.clone();
    let look = Box::pin(unusual::look(&plan, &runs, &mut watch)).await?;
    let (mut report, rest) = match (look, plan.task.stage()) {
        (Look::Held(report), _) => (*report, None),
        (Look::GoOn { .. }, Stage::Mark) => {
            Box::pin(marking::resume_marking(&plan, destinations, &mut watch)).await
        }
        (Look::GoOn { is_confirmed }, Stage::Copy) => {
            if let (true, Some(marking)) = (is_confirmed, plan.task.marking_mut()) {
                // Each confirmation is for one thing.
                marking.confirm = None;
            }
            let budget = budget_of(&plan);
            let copied = copy(&plan, destinations, budget.as_ref(), &mut watch);
            let run_progress = match Box::pin(copied).await {
                Ok(run_progress) => run_progress.within(budget.as_deref()),
                Err(error) => {
                    continuation::give_back(uses).await;
                    return Err(error);
                }
            };
            Box::pin(marking::finish_run(&runs, run_progress, &mut watch)).await
        }
    };
    for run in &runs {
        if source.credentials_are_refused() || run.destination.credentials_are_refused() {
            report = without_credentials(run, report, rest.as_ref());
        }
    }
    let ended = continuation::close(&plan, &runs, uses, (report, rest)).await;
    Ok(Box::pin(nothing::warn(&plan, source, ended)).await)
}

/// Where an overlap cannot be found, nothing is hidden.
fn postpone_where_unregistered(plan: &mut Plan, runs: &[DestinationRun]) {
    let problem = runs.iter().find_map(|run| run.register_problem.clone());
    if let (Some(marking), Some(problem)) = (plan.task.marking_mut(), problem) {
        marking.postponed.get_or_insert(problem);
    }
}

/// What a run may spend on copies, over all its destinations.
fn budget_of(plan: &Plan) -> Option<Arc<Budget>> {
    let max_usd = plan.max_cost_usd?;
    let budget = Budget::new(max_usd, &plan.prices, &plan.scope.copies);
    Some(Arc::new(budget))
}

/// The report of a run that has done nothing yet.
fn begin_report(plan: &Plan) -> Report {
    let (prices, copies) = (&plan.prices, &plan.scope.copies);
    let report = Report::begin(plan.description(), &plan.destinations, prices, copies);
    let copies_beside = plan.follows_events && matches!(plan.task, Task::Backup(_));
    report.following_events(copies_beside)
}

/// Copies what is new or changed, to all destinations side by side.
async fn copy<'a>(
    plan: &'a Plan,
    destinations: Destinations<DestinationRun>,
    budget: Option<&Arc<Budget>>,
    watch: &mut impl FnMut(&Report),
) -> Result<RunProgress<'a>, StartError> {
    let runs = destinations.usable;
    let mut comparisons = Destinations {
        usable: Vec::new(),
        unusable: destinations.unusable,
    };
    for run in runs {
        let number = run.number;
        match Comparison::begin(plan, run).await {
            Ok(comparison) => comparisons.usable.push(comparison),
            Err(ListingError::Source(error)) => return Err(StartError::source(&error)),
            Err(ListingError::Destination(error)) => {
                comparisons.unusable.push((number, error.into()));
            }
        }
    }
    let comparisons = comparisons.some_usable()?;
    let by_destination = comparisons
        .usable
        .iter()
        .map(|comparison| (comparison.number(), comparison.destination_progress()));
    let expected = comparisons
        .usable
        .iter()
        .map(Comparison::known_objects)
        .sum();
    let report = begin_report(plan).expecting(plan.is_whole.then_some(expected));
    let run_progress = RunProgress::begin(plan, comparisons.note_failures(report), by_destination);
    let usable = comparisons.usable.into_iter().map(|comparison| {
        let number = comparison.number();
        (
            number,
            comparison.outcomes(&plan.task, budget.cloned()).boxed(),
        )
    });
    let unusable = comparisons
        .unusable
        .into_iter()
        .map(DestinationFailure::outcomes);
    Ok(run_progress.follow(usable.chain(unusable), watch).await)
}
