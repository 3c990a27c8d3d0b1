//! One error for every call to S3, sorted by one classifier into causes that a run can act on.
//!
//! The text names the object, the cause and what S3 said; [`S3Error::advice`] says what to do next.

use std::error::Error;
use std::fmt;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::causes;
use super::no_reply::{ConnectFailure, NoReply, NoReplyReason};
use super::reply::{Reply, code_of};
use crate::model::{BucketName, Key, SharedError};

/// The calls that are made, by S3's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A page of a listing.
    ListObjectsV2,
    /// A page of a listing of versions.
    ListObjectVersions,
    /// The region of a bucket, and whether it may be used.
    HeadBucket,
    /// Whether a bucket keeps versions.
    GetBucketVersioning,
    /// What encrypts what is written to a bucket.
    GetBucketEncryption,
    /// The rules by which objects change class or expire.
    GetBucketLifecycleConfiguration,
    /// How long each version is kept, whoever deletes it.
    GetObjectLockConfiguration,
    /// Whether a bucket can be made public.
    GetPublicAccessBlock,
    /// Where S3 replicates a bucket to.
    GetBucketReplication,
    /// What an object is now.
    HeadObject,
    /// The tags of an object.
    GetObjectTagging,
    /// The tag of an object of the program's own.
    PutObjectTagging,
    /// A copy within S3.
    CopyObject,
    /// The beginning of a multi-part copy.
    CreateMultipartUpload,
    /// A part of one.
    UploadPartCopy,
    /// The end of one.
    CompleteMultipartUpload,
    /// Giving one up.
    AbortMultipartUpload,
    /// Reading an object of the program's own.
    GetObject,
    /// Writing one.
    PutObject,
    /// A delete marker on top of an object's versions.
    DeleteObject,
    /// The request that makes an archived object readable.
    RestoreObject,
}

impl Operation {
    /// All of them.
    const ALL: [Self; 21] = [
        Self::ListObjectsV2,
        Self::ListObjectVersions,
        Self::HeadBucket,
        Self::GetBucketVersioning,
        Self::GetBucketEncryption,
        Self::GetBucketLifecycleConfiguration,
        Self::GetObjectLockConfiguration,
        Self::GetPublicAccessBlock,
        Self::GetBucketReplication,
        Self::HeadObject,
        Self::GetObjectTagging,
        Self::PutObjectTagging,
        Self::CopyObject,
        Self::CreateMultipartUpload,
        Self::UploadPartCopy,
        Self::CompleteMultipartUpload,
        Self::AbortMultipartUpload,
        Self::GetObject,
        Self::PutObject,
        Self::DeleteObject,
        Self::RestoreObject,
    ];

    /// The call of that name.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|operation| operation.name() == name)
    }

    /// S3's name of the call.
    pub fn name(self) -> &'static str {
        match self {
            Self::ListObjectsV2 => "ListObjectsV2",
            Self::ListObjectVersions => "ListObjectVersions",
            Self::HeadBucket => "HeadBucket",
            Self::GetBucketVersioning => "GetBucketVersioning",
            Self::GetBucketEncryption => "GetBucketEncryption",
            Self::GetBucketLifecycleConfiguration => "GetBucketLifecycleConfiguration",
            Self::GetObjectLockConfiguration => "GetObjectLockConfiguration",
            Self::GetPublicAccessBlock => "GetPublicAccessBlock",
            Self::GetBucketReplication => "GetBucketReplication",
            Self::HeadObject => "HeadObject",
            Self::GetObjectTagging => "GetObjectTagging",
            Self::PutObjectTagging => "PutObjectTagging",
            Self::CopyObject => "CopyObject",
            Self::CreateMultipartUpload => "CreateMultipartUpload",
            Self::UploadPartCopy => "UploadPartCopy",
            Self::CompleteMultipartUpload => "CompleteMultipartUpload",
            Self::AbortMultipartUpload => "AbortMultipartUpload",
            Self::GetObject => "GetObject",
            Self::PutObject => "PutObject",
            Self::DeleteObject => "DeleteObject",
            Self::RestoreObject => "RestoreObject",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::ListObjectsV2 => "list",
            Self::ListObjectVersions => "list the versions in",
            Self::HeadBucket => "reach",
            Self::GetBucketVersioning => "read the versioning of",
            Self::GetBucketEncryption => "read the encryption of",
            Self::GetBucketLifecycleConfiguration => "read the lifecycle of",
            Self::GetObjectLockConfiguration => "read the object lock of",
            Self::GetPublicAccessBlock => "read the public access block of",
            Self::GetBucketReplication => "read the replication of",
            Self::HeadObject => "look at",
            Self::GetObjectTagging => "read the tags of",
            Self::PutObjectTagging => "tag",
            Self::CopyObject => "copy",
            Self::CreateMultipartUpload => "begin the copy of",
            Self::UploadPartCopy => "copy a part of",
            Self::CompleteMultipartUpload => "complete the copy of",
            Self::AbortMultipartUpload => "give up the copy of",
            Self::GetObject => "read",
            Self::PutObject => "write",
            Self::DeleteObject => "mark as deleted",
            Self::RestoreObject => "thaw",
        }
    }
}

/// Why a call failed, as far as it matters to what is done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Permission is missing, or the bucket is somebody else's.
    Denied,
    /// There is no such object.
    Missing,
    /// There is no such bucket.
    NoBucket,
    /// There is no such multi-part upload: it was completed or aborted.
    NoUpload,
    /// The object is in an archive and must be restored before it can be read.
    Archived,
    /// The object was changed since it was listed, or somebody else has written it first.
    ChangedMeanwhile,
    /// S3 asks for fewer requests, and kept asking until the retries ran out.
    TooBusy,
    /// S3 failed, and kept failing until the retries ran out.
    ServerError,
    /// No answer in time: the call may have been carried out.
    TimedOut,
    /// The connection broke, or was closed without a reply: the call may have been carried out.
    Network,
    /// No connection could be made: the call was not carried out.
    NoConnection(ConnectFailure),
    /// What answered does not speak HTTP: the call may have been carried out.
    NotHttp,
    /// An answer that is empty, cut short or contradicts itself: the call may have been carried out.
    Unreadable,
    /// The bucket is in another region.
    OtherRegion,
    /// Credentials that S3 does not take, or not any more.
    Credentials,
    /// The clocks of this machine and of S3 differ by more than a quarter of an hour.
    ClockSkew,
    /// It could not be sent at all: no credentials, or no usable endpoint.
    NotSent,
    /// It was not done when the run had to stop.
    OutOfTime,
    /// It was not sent, because nothing more may be written to that bucket.
    Stopped,
    /// It was carried out, and the bucket has made no version of it.
    NotVersioned,
    /// The server does not know what was asked for.
    NotSupported,
    /// Larger than one copy can be.
    TooLarge,
    /// Refused for another reason, which S3's code and message tell.
    Rejected,
}

impl Cause {
    /// Whether a call that failed so may have been carried out all the same.
    pub fn leaves_doubt(self) -> bool {
        matches!(
            self,
            Self::TimedOut | Self::Network | Self::NotHttp | Self::Unreadable
        )
    }

    fn text(self) -> &'static str {
        match self {
            Self::Denied => "access denied",
            Self::Missing => "no such object",
            Self::NoBucket => "no such bucket",
            Self::NoUpload => "the upload is gone",
            Self::Archived => "the object is archived",
            Self::ChangedMeanwhile => "the object kept changing",
            Self::TooBusy => "S3 is too busy",
            Self::ServerError => "S3 failed",
            Self::TimedOut => "no answer in time",
            Self::Network => "the connection broke",
            Self::NoConnection(_) => "no connection",
            Self::NotHttp => "what answered does not speak HTTP",
            Self::Unreadable => "the answer cannot be trusted",
            Self::OtherRegion => "the bucket is in another region",
            Self::Credentials => "no valid credentials",
            Self::ClockSkew => "this machine's clock differs from S3's",
            Self::NotSent => "the request could not be sent",
            Self::OutOfTime => "the run had to stop",
            Self::Stopped => "the run has stopped there",
            Self::NotVersioned => "the bucket keeps no versions any more",
            Self::NotSupported => "the server does not support it",
            Self::TooLarge => "the object is too large",
            Self::Rejected => "S3 refused",
        }
    }
}

/// A call to S3 that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Error {
    /// The call.
    pub operation: Operation,
    /// The bucket it was sent to.
    pub bucket: BucketName,
    /// The object it was about: in the source, or one of the program's own.
    pub key: Option<Key>,
    /// Why it failed.
    pub cause: Cause,
    /// What S3 said.
    pub reply: Box<Reply>,
}

impl S3Error {
    /// An error that we found, not S3.
    pub fn ours(operation: Operation, bucket: &BucketName, cause: Cause, message: String) -> Self {
        Self {
            operation,
            bucket: bucket.clone(),
            key: None,
            cause,
            reply: Box::new(Reply {
                message: Some(message),
                ..Reply::default()
            }),
        }
    }

    /// An error that we found by another one.
    pub(super) fn caused(
        operation: Operation,
        bucket: &BucketName,
        cause: Cause,
        error: impl Error + Send + Sync + 'static,
    ) -> Self {
        causes::log(operation.name(), bucket, &error);
        let mut found = Self::ours(operation, bucket, cause, error.to_string());
        found.reply.source = Some(SharedError::new(error));
        found
    }

    /// A write that was carried out without making a version.
    pub(super) fn not_versioned(operation: Operation, bucket: &BucketName) -> Self {
        let message =
            "it was written without a version, and what it replaced may be lost".to_owned();
        let error = Self::ours(operation, bucket, Cause::NotVersioned, message);
        Self {
            reply: Box::new(Reply {
                code: Some("NotVersioned".to_owned()),
                ..*error.reply
            }),
            ..error
        }
    }

    /// Says which object the call was about.
    #[must_use]
    pub fn about(mut self, key: &Key) -> Self {
        self.key = Some(key.clone());
        self
    }

    pub(super) fn from_sdk<E>(
        operation: Operation,
        bucket: &BucketName,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        causes::log(operation.name(), bucket, error);
        Self {
            operation,
            bucket: bucket.clone(),
            key: None,
            cause: classify(error),
            reply: Box::new(Reply::of(error)),
        }
    }
}

impl fmt::Display for S3Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} ", self.operation.verb())?;
        match &self.key {
            Some(key) => write!(f, "{key}")?,
            None => write!(f, "bucket {}", self.bucket)?,
        }
        write!(f, ": {}", self.cause.text())?;
        match (&self.reply.code, &self.reply.message) {
            (Some(code), Some(message)) => write!(f, " ({code}: {message})"),
            (Some(text), None) | (None, Some(text)) => write!(f, " ({text})"),
            (None, None) => Ok(()),
        }
    }
}

impl Error for S3Error {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.reply.source.as_ref()?)
    }
}

fn classify<E>(error: &SdkError<E, HttpResponse>) -> Cause
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::TimeoutError(_) => Cause::TimedOut,
        SdkError::DispatchFailure(_) => match NoReply::behind(error).map(|error| error.reason) {
            Some(NoReplyReason::NoConnection(failure)) => Cause::NoConnection(failure),
            Some(NoReplyReason::ConnectionLost) => Cause::Network,
            Some(NoReplyReason::NotHttp) => Cause::NotHttp,
            // Without credentials or an endpoint there was nothing to send.
            Some(NoReplyReason::NotSendable) | None => Cause::NotSent,
        },
        SdkError::ResponseError(_) => Cause::Unreadable,
        SdkError::ServiceError(failure) => {
            let status = failure.raw().status().as_u16();
            by_code(failure.err().code().unwrap_or_default(), status)
        }
        _ => Cause::Rejected,
    }
}

/// The cause of a refusal, as the error of the call will name it.
pub(super) fn cause_of(reply: &HttpResponse) -> Cause {
    by_code(code_of(reply), reply.status().as_u16())
}

/// By S3's code where there is one; a reply to HEAD has none, only a status.
fn by_code(code: &str, status: u16) -> Cause {
    match code {
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "NotSignedUp" | "Forbidden" => {
            Cause::Denied
        }
        "NoSuchKey" | "NoSuchVersion" => Cause::Missing,
        "NoSuchBucket" => Cause::NoBucket,
        "NoSuchUpload" => Cause::NoUpload,
        "InvalidObjectState" | "ObjectNotInActiveTierError" => Cause::Archived,
        "PreconditionFailed" => Cause::ChangedMeanwhile,
        "SlowDown"
        | "ServiceUnavailable"
        | "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "TooManyRequests"
        | "TooManyRequestsException" => Cause::TooBusy,
        // Answers to RestoreObject: by their status they would be a request too many, a conflict that passes
        // and a missing permission.
        "GlacierExpeditedRetrievalNotAvailable"
        | "RestoreAlreadyInProgress"
        | "ObjectAlreadyInActiveTierError" => Cause::Rejected,
        "InternalError" | "OperationAborted" | "ConditionalRequestConflict" => Cause::ServerError,
        "RequestTimeout" => Cause::TimedOut,
        "NotImplemented" => Cause::NotSupported,
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => Cause::OtherRegion,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "TokenRefreshRequired"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidToken" => Cause::Credentials,
        "RequestTimeTooSkewed" | "RequestExpired" => Cause::ClockSkew,
        _ => by_status(status),
    }
}

fn by_status(status: u16) -> Cause {
    match status {
        301 | 307 => Cause::OtherRegion,
        403 => Cause::Denied,
        404 => Cause::Missing,
        412 => Cause::ChangedMeanwhile,
        429 | 503 => Cause::TooBusy,
        // What a store does not implement, it does not implement a moment later.
        501 => Cause::NotSupported,
        500..=599 => Cause::ServerError,
        200..=299 => Cause::Unreadable,
        _ => Cause::Rejected,
    }
}
