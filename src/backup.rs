//! The spine: a plan in, a report out.
//!
//! Both sides are listed piece by piece, joined, decided on and copied as one stream for each
//! destination, with one bound on what is in flight. Nothing is collected. Only what stops a run from
//! starting is an error; the rest is in the report.

mod course;
mod marking;

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, future, stream};
use tokio::time::sleep_until;

use course::{Course, Trail, tell};

use crate::config::Destination;
use crate::copy::{Batch, Copier, Done, Failure, Outcome};
use crate::diff::{self, Policy};
use crate::history::History;
use crate::lease::{Leases, Loss, Refusal};
use crate::list::{self, Listing, MOST_AT_ONCE, Section, Sides, Territory};
use crate::model::{BucketName, Cursor, Deadline, KeyRange, Placement};
use crate::plan::{Leg, Plan, Stage};
use crate::record::{Book, Store};
use crate::report::Report;
use crate::resume::Progress;
use crate::s3::{Bucket, Connections, Paces, S3Error, Versioning};
use crate::verify::Verifier;

/// Why a run could not start. Nothing was copied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The source cannot be read.
    #[error("cannot read the source: {problem}")]
    Source {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A destination cannot be trusted with a backup.
    #[error("cannot use the destination: {problem}")]
    Destination {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Another run of the same job is under way.
    #[error("cannot start beside another run: {problem}")]
    AlreadyRunning {
        /// Which one, and what to do.
        problem: String,
    },
}

impl From<Refusal> for StartError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Held(problem) => Self::AlreadyRunning { problem },
            Refusal::S3(error) => Self::destination(&error),
        }
    }
}

impl StartError {
    fn source(error: &S3Error) -> Self {
        let problem = format!("{error}; {}", error.advice());
        Self::Source { problem }
    }

    pub(crate) fn destination(error: &S3Error) -> Self {
        let problem = format!("{error}; {}", error.advice());
        Self::Destination { problem }
    }

    fn unsafe_destination(name: &BucketName, problem: &str) -> Self {
        let problem = format!("bucket {name} {problem}");
        Self::Destination { problem }
    }
}

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

/// The two ends of the way to one destination.
#[derive(Clone)]
struct Route {
    source: Bucket,
    destination: Bucket,
    loss: Loss,
}

impl Route {
    /// Comes to its end when nothing more may be begun: after the deadline, and without the lease.
    fn stop(self, plan: &Plan) -> impl Future<Output = ()> + use<> {
        let (deadline, loss) = (plan.limits.deadline, self.loss);
        async move {
            tokio::select! {
                () = time_to_stop(deadline) => {}
                () = loss.happens() => {}
            }
        }
    }
}

/// The way from the source to one destination, with both sides being listed.
struct Pass {
    sections: BoxStream<'static, Section>,
    territory: Territory,
    route: Route,
    placement: Placement,
    history: History,
    /// None of a destination that is not recorded.
    book: Option<(Book, Store)>,
}

impl Pass {
    /// Begins to list both sides, of which each can be read.
    async fn begin(plan: &Plan, leg: &Leg, route: Route) -> Result<Self, StartError> {
        let (destination, job) = (route.destination.clone(), leg.job.clone());
        let history = History::open(destination.clone(), job.clone()).await;
        let ranges = if plan.is_whole && !leg.is_continued {
            history.ranges(MOST_AT_ONCE)
        } else {
            leg.ranges.clone()
        };
        let mut pass = Self::open(plan, leg, route, history, ranges);
        let first = match pass.sections.next().await {
            Some(section) => Some(started(section).await?),
            None => None,
        };
        Ok(Self {
            sections: stream::iter(first).chain(pass.sections).boxed(),
            // What is done already for a destination, a run before has recorded.
            book: (plan.is_recorded() && !leg.ranges.is_empty()).then(|| {
                let store = Store {
                    bucket: destination,
                    job,
                    kms_key: plan.scope.copies.kms_key.clone(),
                };
                (Book::default(), store)
            }),
            ..pass
        })
    }

    /// Both sides, not yet listed; nothing is recorded of them.
    fn open(plan: &Plan, leg: &Leg, route: Route, history: History, ranges: Vec<KeyRange>) -> Self {
        let placement = leg.destination.placement.clone();
        let sides = Sides {
            source: route.source.clone(),
            prefix: plan.source.prefix.clone(),
            backup: route.destination.clone(),
            placement: placement.clone(),
            history: history.clone(),
        };
        let territory = Territory::new(ranges);
        Self {
            // Of a destination that is done there are none, which is found out twice.
            sections: list::sections(sides, territory.clone()).fuse().boxed(),
            territory,
            route,
            placement,
            history,
            book: None,
        }
    }

    fn trail(&self) -> Trail {
        let record = self.book.clone();
        let record = record.map(|(book, store)| (book, store, self.history.clone()));
        Trail::of(Progress::of(self.territory.clone()), record)
    }

    /// What becomes of each object. After the deadline nothing is begun any more, nor without the lease.
    fn outcomes(self, plan: &Plan) -> impl Stream<Item = Done> + use<> {
        let copier = self.copier(plan);
        let stop = self.route.clone().stop(plan);
        let in_flight = plan.limits.max_concurrency;
        if let Some(check) = plan.check {
            let verifier = Verifier::new(copier, check, plan.scope.filter.clone());
            return verifier.outcomes(self.sections, stop, in_flight).boxed();
        }
        let book = self.book.clone();
        let outcomes = copier.outcomes(self.batches(plan), stop, plan.intent, in_flight);
        match book {
            Some((book, store)) => book.record(store, outcomes).boxed(),
            None => outcomes.boxed(),
        }
    }

    fn copier(&self, plan: &Plan) -> Copier {
        Copier {
            source: self.route.source.clone(),
            destination: self.route.destination.clone(),
            placement: self.placement.clone(),
            rules: plan.scope.copies.clone(),
            // Half of the budget at most, so that one large object leaves room for the others.
            parts_at_once: (plan.limits.max_concurrency / 2).max(1),
            deadline: plan.limits.deadline,
        }
    }

    /// What is to be done about each object, page by page.
    fn batches(self, plan: &Plan) -> impl Stream<Item = Batch> + use<> {
        let policy = Arc::new(Policy {
            filter: plan.scope.filter.clone(),
            mode: plan.scope.mode,
            placement: self.placement,
        });
        self.sections.flat_map_unordered(None, move |section| {
            let piece = section.piece;
            let actions = diff::actions(section, Arc::clone(&policy));
            actions.map(move |actions| (piece, actions)).boxed()
        })
    }
}

async fn time_to_stop(deadline: Option<Deadline>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.stop_at.into()).await,
        None => future::pending().await,
    }
}

async fn open_source(plan: &Plan, connections: &Connections) -> Result<Bucket, StartError> {
    let name = &plan.source.bucket;
    if name.is_directory_bucket() {
        let problem = format!(
            "bucket {name} is a directory bucket, which does not list in order; \
             only general purpose buckets can be backed up"
        );
        return Err(StartError::Source { problem });
    }
    connections
        .bucket(name, plan.source_owner.as_ref())
        .await
        .map_err(|error| StartError::source(&error))
}

/// All destinations, with requests to them on the budgets of the run.
async fn open_destinations(
    plan: &Plan,
    connections: &Connections,
    paces: &Paces,
) -> Result<Vec<Bucket>, StartError> {
    let mut opened = Vec::new();
    for leg in &plan.legs {
        let bucket = open_destination(plan, &leg.destination, connections).await?;
        opened.push(bucket.paced(paces));
    }
    Ok(opened)
}

/// A bucket that would lose what it is given is no destination.
async fn open_destination(
    plan: &Plan,
    destination: &Destination,
    connections: &Connections,
) -> Result<Bucket, StartError> {
    let name = &destination.location.bucket;
    let refuse = |problem: &str| Err(StartError::unsafe_destination(name, problem));
    if *name == plan.source.bucket {
        return refuse("is the source itself; name another one in DESTINATION_BUCKET");
    }
    if name.is_directory_bucket() {
        return refuse(
            "is a directory bucket, which keeps no versions; name a general purpose one",
        );
    }
    let bucket = connections
        .bucket(name, destination.owner.as_ref())
        .await
        .map_err(|error| StartError::destination(&error))?;
    match bucket.versioning().await {
        Ok(Versioning::Enabled) => Ok(bucket),
        Ok(Versioning::Off) => refuse(
            "is not versioned, so a copy would destroy what it replaces; \
             enable versioning with s3api put-bucket-versioning",
        ),
        Ok(Versioning::Suspended) => refuse(
            "has its versioning suspended, so a copy would destroy what it replaces; \
             enable it with s3api put-bucket-versioning",
        ),
        Err(error) => Err(StartError::destination(&error)),
    }
}

/// A section whose first pages have come, so that a side that cannot be read stops the run before it
/// has copied anything.
async fn started(section: Section) -> Result<Section, StartError> {
    let source = begun(section.source).await;
    let backup = begun(section.backup).await;
    Ok(Section {
        source: source.map_err(|error| StartError::source(&error))?,
        backup: backup.map_err(|error| StartError::destination(&error))?,
        ..section
    })
}

async fn begun(listing: Listing) -> Result<Listing, S3Error> {
    let mut listing = Box::pin(listing.peekable());
    match listing.as_mut().peek().await {
        Some(Err(error)) => Err(error.clone()),
        Some(Ok(_)) | None => Ok(listing.boxed()),
    }
}
