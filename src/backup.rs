//! The spine: a plan in, a report out.
//!
//! Both sides are listed piece by piece, joined, decided on and copied as one stream for each
//! destination, with one bound on what is in flight. Nothing is collected. Only what stops a run from
//! starting is an error; the rest is in the report.

mod continuation;
mod course;
mod destination;
mod marking;
mod nothing;
mod opening;
mod pass;

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::{FutureExt, StreamExt};

pub use opening::StartError;

use continuation::Opened;
use course::{Course, tell};
use destination::{DestinationRun, Destinations, Unusable};
use opening::open_source;
use pass::{Pass, Unlisted};

use crate::copy::{Failure, Outcome};
use crate::lease::Leases;
use crate::model::{BucketName, Cursor};
use crate::plan::{Plan, Stage};
use crate::report::Report;
use crate::resume::Remainder;
use crate::s3::{Bucket, Connections, Operation, Stop};

/// A run that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// What became of the objects.
    pub report: Report,
    /// What is left to a later run.
    pub cursor: Option<Cursor>,
}

impl Ended {
    /// The same, of a run that has stopped at a destination.
    fn stopped(self, (number, stop, failure): (usize, Stop, Failure)) -> Self {
        tell(&Outcome::Broken(failure.clone()));
        Self {
            report: self.report.stopped(number, stop, failure),
            ..self
        }
    }
}

/// The report of a run that was stopped because S3 refused its credentials: one error for what nobody saw of
/// each destination that has something left.
fn without_credentials(plan: &Plan, report: Report, rest: Option<&Remainder>) -> Report {
    let legs = plan.legs.iter().enumerate();
    let left = legs.filter(|(number, _)| {
        let own = rest.and_then(|rest| rest.legs.get(*number));
        own.is_some_and(|own| !own.ranges().is_empty())
    });
    left.fold(report, |report, (number, leg)| {
        let outcome = Outcome::Broken(refused_credentials(&leg.destination.location.bucket));
        tell(&outcome);
        report.with(number, outcome)
    })
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
    watch: impl FnMut(&Report),
) -> Result<Ended, StartError> {
    connections.begin_run();
    let limits = plan.limits;
    let connections = connections.for_run(limits.max_concurrency, limits.deadline);
    let source = open_source(plan, &connections).await?;
    let mut leases = Leases::default();
    let destinations = Destinations::open(plan, &connections, &source, &mut leases).await;
    let server = destinations
        .usable
        .first()
        .map(|run| run.destination.clone());
    let work = Box::pin(async {
        destinations.probe(plan).await;
        work(plan, &source, destinations, watch).await
    });
    // Whatever happens in it, the lease does not keep the next run out.
    let ended = AssertUnwindSafe(leases.keep(work)).catch_unwind().await;
    let stops = leases.release().await;
    let ended = ended.unwrap_or_else(|panic| resume_unwind(panic));
    let was_interrupted = connections.limit().is_interrupted();
    let warning = server.and_then(|server| opening::server_warning(plan, &server));
    ended.map(|ended| {
        let report = ended.report.interrupted(was_interrupted);
        let ended = Ended {
            report: warning.into_iter().fold(report, Report::warning),
            ..ended
        };
        stops.into_iter().fold(ended, Ended::stopped)
    })
}

/// The run itself, while its leases are kept.
async fn work(
    plan: &Plan,
    source: &Bucket,
    destinations: Destinations<DestinationRun>,
    mut watch: impl FnMut(&Report),
) -> Result<Ended, StartError> {
    let mut destinations = destinations.some_usable()?;
    let (plan, uses) = match continuation::open(plan, &destinations.usable).await? {
        Opened::Run(plan, uses) => (plan, uses),
        Opened::Answered(ended) => return Ok(*ended),
    };
    for run in &mut destinations.usable {
        if let Some(leg) = plan.legs.get(run.number) {
            run.leg.clone_from(leg);
        }
    }
    let runs = destinations.usable.clone();
    let end = match plan.stage() {
        Stage::Mark => Box::pin(marking::go_on(&plan, destinations, &mut watch)).await,
        Stage::Copy => {
            let course = match copy(&plan, destinations, &mut watch).await {
                Ok(course) => course,
                Err(error) => {
                    continuation::give_back(uses).await;
                    return Err(error);
                }
            };
            Box::pin(marking::finish(&plan, &runs, course, &mut watch)).await
        }
    };
    let (mut report, rest) = end;
    if source.credentials_are_refused() {
        report = without_credentials(&plan, report, rest.as_ref());
    }
    let ended = continuation::close(&plan, &runs, uses, (report, rest)).await;
    Ok(Box::pin(nothing::warn(&plan, source, ended)).await)
}

/// Copies what is new or changed, to all destinations side by side.
async fn copy(
    plan: &Plan,
    destinations: Destinations<DestinationRun>,
    watch: &mut impl FnMut(&Report),
) -> Result<Course, StartError> {
    let runs = destinations.usable;
    let mut passes = Destinations {
        usable: Vec::new(),
        unusable: destinations.unusable,
    };
    for run in runs {
        let number = run.number;
        match Pass::begin(plan, run).await {
            Ok(pass) => passes.usable.push(pass),
            Err(Unlisted::Source(error)) => return Err(StartError::source(&error)),
            Err(Unlisted::Destination(error)) => passes.unusable.push((number, error.into())),
        }
    }
    let passes = passes.some_usable()?;
    let trails = passes
        .usable
        .iter()
        .map(|pass| (pass.number(), pass.trail()));
    let course = Course::begin(plan, passes.told(Report::begin(plan)), trails);
    let usable = passes.usable.into_iter().map(|pass| {
        let number = pass.number();
        (number, pass.outcomes(plan).boxed())
    });
    let unusable = passes.unusable.into_iter().map(Unusable::outcomes);
    Ok(course.follow(plan, usable.chain(unusable), watch).await)
}
