//! The spine: a plan in, a report out.
//!
//! Both sides are listed piece by piece, joined, decided on and copied as one stream for each
//! destination, with one bound on what is in flight. Nothing is collected. Only what stops a run from
//! starting is an error; the rest is in the report.

mod course;
mod marking;
mod opening;
mod pass;

use futures::StreamExt;

pub use opening::StartError;

use course::{Course, tell};
use opening::{open_destinations, open_source};
use pass::{Pass, Route};

use crate::copy::{Failure, Outcome};
use crate::lease::{Leases, Loss};
use crate::model::Cursor;
use crate::plan::{Plan, Stage};
use crate::report::Report;
use crate::s3::{Bucket, Connections};

/// A run that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// What became of the objects.
    pub report: Report,
    /// What is left to a later run.
    pub cursor: Option<Cursor>,
}

impl Ended {
    /// The same, of a run that has lost its lease on a destination.
    fn without_lease(self, (number, failure): (usize, Failure)) -> Self {
        tell(&Outcome::Broken(failure.clone()));
        Self {
            report: self.report.lost_lease(number, failure),
            ..self
        }
    }
}

/// Runs a plan, to its end or to its deadline. `watch` sees the report after each object.
///
/// # Errors
/// When the source cannot be read or a destination is unsafe; nothing was copied then.
pub async fn run(
    plan: &Plan,
    connections: &Connections,
    watch: impl FnMut(&Report),
) -> Result<Ended, StartError> {
    let paces = connections.paces(plan.limits.max_concurrency);
    let source = open_source(plan, connections).await?.paced(&paces);
    let destinations = open_destinations(plan, connections, &paces).await?;
    let mut leases = Leases::take(plan, &destinations).await?;
    let losses = (0..plan.legs.len())
        .map(|number| leases.loss(number))
        .collect();
    let work = Box::pin(work(plan, source, destinations, losses, watch));
    let ended = leases.keep(work).await;
    let lost = leases.release().await;
    ended.map(|ended| lost.into_iter().fold(ended, Ended::without_lease))
}

/// The run itself, while its leases are kept.
async fn work(
    plan: &Plan,
    source: Bucket,
    destinations: Vec<Bucket>,
    losses: Vec<Loss>,
    mut watch: impl FnMut(&Report),
) -> Result<Ended, StartError> {
    let routes: Vec<Route> = destinations
        .into_iter()
        .zip(losses)
        .map(|(destination, loss)| Route {
            source: source.clone(),
            destination,
            loss,
        })
        .collect();
    let report = Report::begin(plan);
    match plan.stage() {
        Stage::Mark => Ok(Box::pin(marking::go_on(plan, &routes, report, &mut watch)).await),
        Stage::Copy => {
            let course = copy(plan, &routes, report, &mut watch).await?;
            Ok(Box::pin(marking::finish(plan, &routes, course, &mut watch)).await)
        }
    }
}

/// Copies what is new or changed, to all destinations side by side.
async fn copy(
    plan: &Plan,
    routes: &[Route],
    report: Report,
    watch: &mut impl FnMut(&Report),
) -> Result<Course, StartError> {
    let mut passes = Vec::new();
    for (leg, route) in plan.legs.iter().zip(routes) {
        passes.push(Pass::begin(plan, leg, route.clone()).await?);
    }
    let course = Course::begin(report, passes.iter().map(Pass::trail));
    let outcomes = passes.into_iter().map(|pass| pass.outcomes(plan).boxed());
    Ok(course.follow(plan, outcomes, watch).await)
}
