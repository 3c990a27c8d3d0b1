//! The spine: a plan in, a report out.
//!
//! Both listings are read side by side, joined, decided on and copied as one stream for each
//! destination, with one bound on what is in flight. Nothing is collected, and nothing is shared
//! but the two clients. Only what stops a run from starting is an error; the rest is in the report.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, future, stream};
use tokio::time::sleep_until;

use crate::config::Destination;
use crate::copy::{Copier, Outcome};
use crate::diff::{self, Policy};
use crate::list;
use crate::model::{BucketName, Cursor, Deadline, Key, Object};
use crate::plan::{Intent, Leg, Plan};
use crate::report::Report;
use crate::resume::{self, Frontier};
use crate::s3::{Bucket, Connections, S3Error, Versioning};

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

/// Runs a plan, to its end or to its deadline. `watch` sees the report after each object.
///
/// # Errors
/// When the source cannot be read or a destination is unsafe; nothing was copied then.
pub async fn run(
    plan: &Plan,
    connections: &Connections,
    mut watch: impl FnMut(&Report),
) -> Result<Ended, StartError> {
    let source = open_source(plan, connections).await?;
    let pace = connections.pace(plan.limits.max_concurrency);
    let mut passes = Vec::new();
    for leg in &plan.legs {
        let destination = open_destination(plan, &leg.destination, connections).await?;
        let destination = destination.paced(pace.clone());
        passes.push(Pass::begin(plan, leg, source.clone(), destination).await?);
    }
    let outcomes = stream::select_all(passes.into_iter().enumerate().map(|(number, pass)| {
        let numbered = move |(key, outcome)| (number, key, outcome);
        pass.outcomes(plan).map(numbered).boxed()
    }));
    let beginning = (
        Report::begin(plan),
        vec![Frontier::default(); plan.legs.len()],
    );
    let (report, frontiers) = outcomes
        .fold(
            beginning,
            |(report, mut frontiers), (number, key, outcome)| {
                tell(&outcome);
                frontiers[number].pass(key, &outcome);
                let report = report.with(number, outcome);
                watch(&report);
                future::ready((report, frontiers))
            },
        )
        .await;
    Ok(Ended {
        report,
        cursor: resume::cursor(plan, &frontiers),
    })
}

/// The way from the source to one destination, with both listings under way.
struct Pass {
    source: BoxStream<'static, Result<Object, S3Error>>,
    backup: BoxStream<'static, Result<Object, S3Error>>,
    copier: Copier,
}

impl Pass {
    /// Begins to list both sides.
    async fn begin(
        plan: &Plan,
        leg: &Leg,
        source: Bucket,
        destination: Bucket,
    ) -> Result<Self, StartError> {
        let placement = leg.destination.placement.clone();
        let (prefix, start) = (&plan.source.prefix, &leg.start);
        let objects = list::objects(source.clone(), prefix.clone(), start.clone());
        let backups = list::backups(
            destination.clone(),
            placement.clone(),
            prefix,
            start.clone(),
        );
        Ok(Self {
            source: started(objects)
                .await
                .map_err(|error| StartError::source(&error))?,
            backup: started(backups)
                .await
                .map_err(|error| StartError::destination(&error))?,
            copier: Copier {
                source,
                destination,
                placement,
                rules: plan.scope.copies.clone(),
                // Half of the budget at most, so that one large object leaves room for the others.
                parts_at_once: (plan.limits.max_concurrency / 2).max(1),
                deadline: plan.limits.deadline,
            },
        })
    }

    /// What becomes of each object, by its key. After the deadline nothing is begun any more.
    fn outcomes(self, plan: &Plan) -> impl Stream<Item = (Option<Key>, Outcome)> + 'static {
        let in_flight = plan.limits.max_concurrency;
        let policy = Policy {
            filter: plan.scope.filter.clone(),
            mode: plan.scope.mode,
            placement: self.copier.placement.clone(),
        };
        let actions = diff::actions(self.source, self.backup, policy);
        let actions = actions.take_until(time_to_stop(plan.limits.deadline));
        let copier = Arc::new(self.copier);
        let intent = plan.intent;
        actions
            .map(move |action| {
                let copier = Arc::clone(&copier);
                async move {
                    let key = action.key().cloned();
                    let outcome = match intent {
                        Intent::Copy => copier.apply(action).await,
                        Intent::DryRun => copier.preview(action).await,
                    };
                    (key, outcome)
                }
            })
            .buffer_unordered(in_flight)
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

/// A listing whose first page has come, so that a side that cannot be read stops the run before it
/// has copied anything.
async fn started(
    listing: impl Stream<Item = Result<Object, S3Error>> + Send + 'static,
) -> Result<BoxStream<'static, Result<Object, S3Error>>, S3Error> {
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
