//! What a run needs before it begins: buckets that can be read and trusted, or why it cannot start.

use crate::config::Destination;
use crate::lease::Refusal;
use crate::model::BucketName;
use crate::plan::Plan;
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
    pub(super) fn source(error: &S3Error) -> Self {
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

/// The source, if it can be listed in order.
pub(super) async fn open_source(
    plan: &Plan,
    connections: &Connections,
) -> Result<Bucket, StartError> {
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
pub(super) async fn open_destinations(
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
