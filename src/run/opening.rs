//! What a run needs before it begins: buckets that can be read and trusted, or why it cannot start.

use futures::future;

use super::destination_failure::DestinationFailure;
use crate::config::{BucketAccess, Destination};
use crate::failure::Failure;
use crate::model::BucketName;
use crate::register::{Register, RegisterError};
use crate::report::{Warning, WarningCode};
use crate::s3::{Bucket, ConditionSupport, Operation, RunConnections, S3Error, Versioning};

/// Why a run could not start. Nothing was copied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The source cannot be read.
    #[error("cannot read the source: {problem}")]
    Source {
        /// The problem, and what to do.
        problem: String,
    },
    /// No destination can be used, because of what is wrong with them.
    #[error("cannot use the destination: {problem}")]
    Destination {
        /// The problem, and what to do.
        problem: String,
    },
    /// Another run of the same job is under way in all destinations.
    #[error("cannot start beside another run: {problem}")]
    AlreadyRunning {
        /// Which one, and what to do.
        problem: String,
    },
    /// What was asked for cannot be done: a cursor whose state is lost, or of something else.
    #[error("{problem}")]
    Request {
        /// The problem, and what to do.
        problem: String,
    },
}

impl StartError {
    pub(crate) fn request(problem: &str) -> Self {
        let problem = problem.to_owned();
        Self::Request { problem }
    }

    pub(crate) fn source(error: &S3Error) -> Self {
        let problem = format!("{error}; {}", error.advice());
        Self::Source { problem }
    }

    pub(crate) fn destination(error: &S3Error) -> Self {
        let problem = format!("{error}; {}", error.advice());
        Self::Destination { problem }
    }
}

/// The source, if it can be listed in order.
pub(super) async fn open_source(
    name: &BucketName,
    access: &BucketAccess,
    connections: &RunConnections<'_>,
) -> Result<Bucket, StartError> {
    if name.is_directory_bucket() {
        let problem = format!(
            "bucket {name} is a directory bucket, which does not list in order; \
             only general purpose buckets can be backed up"
        );
        return Err(StartError::Source { problem });
    }
    connections
        .bucket(name, access)
        .await
        .map_err(|error| StartError::source(&error))
}

/// A destination that can be written to safely, and the register of the jobs in it. A bucket that would lose what it is
/// given is none.
pub(super) async fn open_destination(
    source: &BucketName,
    destination: &Destination,
    connections: &RunConnections<'_>,
) -> Result<(Bucket, Result<Register, RegisterError>), DestinationFailure> {
    let bucket = find_destination(source, destination, connections).await?;
    let (versioning, register) = future::join(bucket.versioning(), Register::read(&bucket)).await;
    match unversioned(bucket.name(), versioning?) {
        None => Ok((bucket, register)),
        Some(problem) => Err(problem),
    }
}

/// The same without the register: events write nothing that a job would own.
pub(super) async fn open_for_events(
    source: &BucketName,
    destination: &Destination,
    connections: &RunConnections<'_>,
) -> Result<Bucket, DestinationFailure> {
    let bucket = find_destination(source, destination, connections).await?;
    match unversioned(bucket.name(), bucket.versioning().await?) {
        None => Ok(bucket),
        Some(problem) => Err(problem),
    }
}

async fn find_destination(
    source: &BucketName,
    destination: &Destination,
    connections: &RunConnections<'_>,
) -> Result<Bucket, DestinationFailure> {
    let name = &destination.location.bucket;
    if name == source {
        let (problem, advice) = (
            "is the source itself",
            "name another one in DESTINATION_BUCKET",
        );
        return Err(unsafe_destination(
            name,
            "SourceIsDestination",
            problem,
            advice,
        ));
    }
    if name.is_directory_bucket() {
        let (problem, advice) = (
            "is a directory bucket, which keeps no versions",
            "name a general purpose one",
        );
        return Err(unsafe_destination(name, "DirectoryBucket", problem, advice));
    }
    Ok(connections.bucket(name, &destination.access).await?)
}

/// The failure of a bucket that does not keep versions.
fn unversioned(name: &BucketName, versioning: Versioning) -> Option<DestinationFailure> {
    let (problem, advice) = match versioning {
        Versioning::Enabled => return None,
        Versioning::Off => (
            "is not versioned, so a copy would destroy what it replaces",
            "enable versioning with s3api put-bucket-versioning",
        ),
        Versioning::Suspended => (
            "has its versioning suspended, so a copy would destroy what it replaces",
            "enable it with s3api put-bucket-versioning",
        ),
    };
    Some(unsafe_destination(name, "NotVersioned", problem, advice))
}

fn unsafe_destination(
    name: &BucketName,
    code: &str,
    problem: &str,
    advice: &str,
) -> DestinationFailure {
    let operation = match code {
        "NotVersioned" => Operation::GetBucketVersioning,
        _ => Operation::HeadBucket,
    };
    DestinationFailure::from(Failure {
        key: None,
        operation: operation.name(),
        code: Some(code.to_owned()),
        message: format!("bucket {name} {problem}"),
        advice: advice.to_owned(),
        request_id: None,
    })
}

/// What was found out about the server of a destination that is written to; nothing if it obeys.
pub(super) fn server_warnings(destination: &Bucket) -> Vec<Warning> {
    let name = destination.name();
    let copies = disobedience(destination.conditions_on_copies(), "the target of a copy").map(|seen| {
        (
            WarningCode::NoTargetConditions,
            format!(
                "the server of bucket {name} {seen}: a run that was suspended may put an older copy on top of \
                 a newer one, of which both are kept; do not let two runs overlap"
            ),
        )
    });
    let lease = disobedience(destination.conditions_on_own_objects(), "PutObject").map(|seen| {
        (
            WarningCode::LeaseBestEffort,
            format!(
                "lease: best effort, because the server of bucket {name} {seen}: two runs that begin in the \
                 same second may both go on until one renews its lease, and copy twice; no backup is lost; \
                 let runs begin at different times"
            ),
        )
    });
    let found = copies.into_iter().chain(lease);
    found
        .map(|(code, message)| Warning {
            code,
            bucket: None,
            objects: 0,
            message,
        })
        .collect()
}

/// What a server makes of conditions on something; none if it obeys them.
fn disobedience(support: ConditionSupport, on: &str) -> Option<String> {
    let conditions = format!("conditions on {on} (If-Match, If-None-Match)");
    match support {
        ConditionSupport::Obeys => None,
        ConditionSupport::Ignores => Some(format!("ignores {conditions}")),
        ConditionSupport::Refuses => Some(format!("refuses {conditions}, which are left out")),
        ConditionSupport::NeverMet => Some(format!(
            "answers 412 to {conditions} although they hold, so they are left out"
        )),
    }
}
