//! The spine: a plan in, a report out.
//!
//! Both sides are listed piece by piece, joined, decided on and copied as one stream for each
//! destination, with one bound on what is in flight. Nothing is collected. Only what stops a run from
//! starting is an error; the rest is in the report.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, future, stream};
use tokio::time::sleep_until;

use crate::config::Destination;
use crate::copy::{Copier, Done, Failure, Outcome};
use crate::diff::{self, Policy};
use crate::lease::{Leases, Loss, Refusal};
use crate::list::{self, Listing, Section, Sides, Territory};
use crate::model::{BucketName, Cursor, Deadline, Key};
use crate::plan::{Leg, Plan};
use crate::report::Report;
use crate::resume::{self, Progress};
use crate::s3::{Bucket, Connections, Paces, S3Error, Versioning};

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

    fn destination(error: &S3Error) -> Self {
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
    let ended = leases
        .keep(work(plan, source, destinations, losses, watch))
        .await;
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
    let mut passes = Vec::new();
    for ((leg, destination), loss) in plan.legs.iter().zip(destinations).zip(losses) {
        passes.push(Pass::begin(plan, leg, source.clone(), destination, loss).await?);
    }
    let progress: Vec<Progress> = passes.iter().map(Pass::progress).collect();
    let outcomes = stream::select_all(passes.into_iter().enumerate().map(|(leg, pass)| {
        let numbered = move |done| (leg, done);
        pass.outcomes(plan).map(numbered).boxed()
    }));
    let beginning = (Report::begin(plan), progress);
    let (report, progress) = outcomes
        .fold(beginning, |(report, mut progress), (leg, done)| {
            tell(&done.outcome);
            progress[leg].pass(done.piece, done.key, &done.outcome);
            let report = report.with(leg, done.outcome);
            watch(&report);
            future::ready((report, progress))
        })
        .await;
    Ok(Ended {
        report,
        cursor: resume::cursor(plan, &progress),
    })
}

/// The way from the source to one destination, with both sides being listed.
struct Pass {
    sections: BoxStream<'static, Section>,
    territory: Territory,
    copier: Copier,
    loss: Loss,
}

impl Pass {
    /// Begins to list both sides.
    async fn begin(
        plan: &Plan,
        leg: &Leg,
        source: Bucket,
        destination: Bucket,
        loss: Loss,
    ) -> Result<Self, StartError> {
        let placement = leg.destination.placement.clone();
        let sides = Sides {
            source: source.clone(),
            prefix: plan.source.prefix.clone(),
            backup: destination.clone(),
            placement: placement.clone(),
        };
        let territory = Territory::new(leg.ranges.clone());
        let mut sections = Box::pin(list::sections(sides, territory.clone()));
        let first = match sections.next().await {
            Some(section) => Some(started(section).await?),
            None => None,
        };
        Ok(Self {
            sections: stream::iter(first).chain(sections).boxed(),
            territory,
            copier: Copier {
                source,
                destination,
                placement,
                rules: plan.scope.copies.clone(),
                // Half of the budget at most, so that one large object leaves room for the others.
                parts_at_once: (plan.limits.max_concurrency / 2).max(1),
                deadline: plan.limits.deadline,
            },
            loss,
        })
    }

    fn progress(&self) -> Progress {
        Progress::of(self.territory.clone())
    }

    /// What becomes of each object. After the deadline nothing is begun any more, nor without the lease.
    fn outcomes(self, plan: &Plan) -> impl Stream<Item = Done> + use<> {
        let policy = Arc::new(Policy {
            filter: plan.scope.filter.clone(),
            mode: plan.scope.mode,
            placement: self.copier.placement.clone(),
        });
        let batches = self.sections.flat_map_unordered(None, move |section| {
            let piece = section.piece;
            let actions = diff::actions(section, Arc::clone(&policy));
            actions.map(move |actions| (piece, actions)).boxed()
        });
        let (deadline, loss) = (plan.limits.deadline, self.loss);
        let stop = async move {
            tokio::select! {
                () = time_to_stop(deadline) => {}
                () = loss.happens() => {}
            }
        };
        let in_flight = plan.limits.max_concurrency;
        self.copier.outcomes(batches, stop, plan.intent, in_flight)
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

/// One line in the log for each failure, none for a success.
fn tell(outcome: &Outcome) {
    if let Outcome::Failed { failure, .. } | Outcome::Broken(failure) = outcome {
        tracing::warn!(
            key = failure.key.as_ref().map(Key::as_str),
            operation = failure.operation,
            code = failure.code,
            request_id = failure.request_id,
            advice = failure.advice,
            "{}",
            failure.message
        );
    }
}
