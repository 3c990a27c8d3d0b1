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
use crate::history::History;
use crate::lease::{Leases, Loss, Refusal};
use crate::list::{self, Listing, MOST_AT_ONCE, Section, Sides, Territory};
use crate::model::{BucketName, Cursor, Deadline, Key, KeyRange};
use crate::plan::{Leg, Plan};
use crate::record::{Book, Closing, Counts, Kept, Store};
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
    let mut passes = Vec::new();
    for ((leg, destination), loss) in plan.legs.iter().zip(destinations).zip(losses) {
        passes.push(Pass::begin(plan, leg, source.clone(), destination, loss).await?);
    }
    let trails: Vec<Trail> = passes.iter().map(Pass::trail).collect();
    let outcomes = stream::select_all(passes.into_iter().enumerate().map(|(leg, pass)| {
        let numbered = move |done| (leg, done);
        pass.outcomes(plan).map(numbered).boxed()
    }));
    let beginning = (Report::begin(plan), trails);
    let (report, trails) = outcomes
        .fold(beginning, |(report, mut trails), (leg, done)| {
            let Done {
                settled, forecast, ..
            } = done;
            tell(&settled.outcome);
            trails[leg].pass(done.piece, done.key, &settled.outcome);
            let report = match forecast {
                Some(forecast) => report.foreseeing(leg, *forecast),
                None => report,
            };
            let report = report.with(leg, settled.outcome);
            watch(&report);
            future::ready((report, trails))
        })
        .await;
    Ok(end(plan, report, trails).await)
}

/// Everything is done or given up: what is left goes into the cursor, and what is not into snapshots.
async fn end(plan: &Plan, mut report: Report, trails: Vec<Trail>) -> Ended {
    let progress = trails.iter().map(|trail| &trail.progress);
    let mut cursor = resume::cursor(plan, progress);
    for (number, (leg, trail)) in plan.legs.iter().zip(trails).enumerate() {
        let destination = &leg.destination.location.bucket;
        let left = cursor.as_ref().map(|cursor| cursor.left_of(destination));
        let totals = report.totals_of(number);
        let counts = Counts {
            copied: totals.copied,
            errors: totals.errors,
        };
        let Some(kept) = trail
            .close(plan, leg, &left.unwrap_or_default(), counts)
            .await
        else {
            continue;
        };
        if let (Some(cursor), Some(link)) = (&mut cursor, kept.link.clone()) {
            cursor.records.push(link);
        }
        report = report.with_snapshot(number, kept.note);
    }
    Ended { report, cursor }
}

/// What one leg leaves behind.
struct Trail {
    progress: Progress,
    history: History,
    /// None of a run that is not recorded.
    book: Option<(Book, Store)>,
    broken: bool,
}

impl Trail {
    fn pass(&mut self, piece: usize, key: Option<Key>, outcome: &Outcome) {
        self.broken |= matches!(outcome, Outcome::Broken(_));
        self.progress.pass(piece, key, outcome);
    }

    async fn close(
        self,
        plan: &Plan,
        leg: &Leg,
        left: &[KeyRange],
        counts: Counts,
    ) -> Option<Kept> {
        let (book, store) = self.book?;
        let source = plan.source.to_string();
        let closing = Closing {
            run: &plan.run,
            leg,
            source: &source,
            left,
            broken: self.broken,
            counts,
        };
        Some(book.close(store, &self.history, closing).await)
    }
}

/// The way from the source to one destination, with both sides being listed.
struct Pass {
    sections: BoxStream<'static, Section>,
    territory: Territory,
    history: History,
    copier: Copier,
    book: Option<(Book, Store)>,
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
        let history = History::open(destination.clone(), leg.job.clone()).await;
        let sides = Sides {
            source: source.clone(),
            prefix: plan.source.prefix.clone(),
            backup: destination.clone(),
            placement: placement.clone(),
            history: history.clone(),
        };
        let ranges = if plan.is_whole && !leg.is_continued {
            history.ranges(MOST_AT_ONCE)
        } else {
            leg.ranges.clone()
        };
        let territory = Territory::new(ranges);
        let store = Store {
            bucket: destination.clone(),
            job: leg.job.clone(),
            kms_key: plan.scope.copies.kms_key.clone(),
        };
        let mut sections = Box::pin(list::sections(sides, territory.clone()));
        let first = match sections.next().await {
            Some(section) => Some(started(section).await?),
            None => None,
        };
        Ok(Self {
            sections: stream::iter(first).chain(sections).boxed(),
            territory,
            history,
            book: plan.is_recorded().then(|| (Book::default(), store)),
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

    fn trail(&self) -> Trail {
        Trail {
            progress: Progress::of(self.territory.clone()),
            history: self.history.clone(),
            book: self.book.clone(),
            broken: false,
        }
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
        let outcomes = self.copier.outcomes(batches, stop, plan.intent, in_flight);
        match self.book {
            Some((book, store)) => book.record(store, outcomes).boxed(),
            None => outcomes.boxed(),
        }
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
