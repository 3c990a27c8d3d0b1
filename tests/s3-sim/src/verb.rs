//! The verbs of S3 that are simulated, and how a request is recognised as one.

use crate::query::Query;
use hyper::{HeaderMap, Method};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is the name of an S3 API action")]
pub enum Verb {
    CreateBucket,
    HeadBucket,
    GetBucketLocation,
    GetBucketVersioning,
    PutBucketVersioning,
    GetBucketEncryption,
    GetBucketLifecycleConfiguration,
    GetObjectLockConfiguration,
    GetPublicAccessBlock,
    GetBucketReplication,
    ListObjectsV2,
    ListObjectVersions,
    ListMultipartUploads,
    HeadObject,
    GetObject,
    GetObjectAttributes,
    GetObjectTagging,
    PutObjectTagging,
    PutObject,
    CopyObject,
    DeleteObject,
    RestoreObject,
    CreateMultipartUpload,
    UploadPart,
    UploadPartCopy,
    ListParts,
    CompleteMultipartUpload,
    AbortMultipartUpload,
    /// Anything else: answered 501 NotImplemented.
    Unknown,
}

/// Verbs that share a latency and a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The three listings of keys, versions and uploads.
    List,
    /// HEAD and GET.
    Head,
    /// CopyObject and UploadPartCopy.
    Copy,
    /// Every other write.
    Write,
}

impl Verb {
    /// Every simulated verb.
    pub const ALL: [Verb; 28] = [
        Verb::CreateBucket,
        Verb::HeadBucket,
        Verb::GetBucketLocation,
        Verb::GetBucketVersioning,
        Verb::PutBucketVersioning,
        Verb::GetBucketEncryption,
        Verb::GetBucketLifecycleConfiguration,
        Verb::GetObjectLockConfiguration,
        Verb::GetPublicAccessBlock,
        Verb::GetBucketReplication,
        Verb::ListObjectsV2,
        Verb::ListObjectVersions,
        Verb::ListMultipartUploads,
        Verb::HeadObject,
        Verb::GetObject,
        Verb::GetObjectAttributes,
        Verb::GetObjectTagging,
        Verb::PutObjectTagging,
        Verb::PutObject,
        Verb::CopyObject,
        Verb::DeleteObject,
        Verb::RestoreObject,
        Verb::CreateMultipartUpload,
        Verb::UploadPart,
        Verb::UploadPartCopy,
        Verb::ListParts,
        Verb::CompleteMultipartUpload,
        Verb::AbortMultipartUpload,
    ];

    /// The class that sets its latency.
    pub fn class(self) -> Class {
        match self {
            Verb::ListObjectsV2 | Verb::ListObjectVersions | Verb::ListMultipartUploads => {
                Class::List
            }
            Verb::HeadBucket
            | Verb::GetBucketLocation
            | Verb::GetBucketVersioning
            | Verb::GetBucketEncryption
            | Verb::GetBucketLifecycleConfiguration
            | Verb::GetObjectLockConfiguration
            | Verb::GetPublicAccessBlock
            | Verb::GetBucketReplication
            | Verb::HeadObject
            | Verb::GetObject
            | Verb::GetObjectAttributes
            | Verb::GetObjectTagging
            | Verb::ListParts => Class::Head,
            Verb::CopyObject | Verb::UploadPartCopy => Class::Copy,
            Verb::CreateBucket
            | Verb::PutBucketVersioning
            | Verb::PutObjectTagging
            | Verb::PutObject
            | Verb::DeleteObject
            | Verb::RestoreObject
            | Verb::CreateMultipartUpload
            | Verb::UploadPart
            | Verb::CompleteMultipartUpload
            | Verb::AbortMultipartUpload
            | Verb::Unknown => Class::Write,
        }
    }

    /// Whether a success is told in the body, so that the body can be spoilt.
    pub fn answers_with_a_body(self) -> bool {
        match self {
            Verb::GetBucketLocation
            | Verb::GetBucketVersioning
            | Verb::GetBucketEncryption
            | Verb::GetBucketLifecycleConfiguration
            | Verb::GetObjectLockConfiguration
            | Verb::GetPublicAccessBlock
            | Verb::GetBucketReplication
            | Verb::ListObjectsV2
            | Verb::ListObjectVersions
            | Verb::ListMultipartUploads
            | Verb::GetObject
            | Verb::GetObjectAttributes
            | Verb::GetObjectTagging
            | Verb::CopyObject
            | Verb::CreateMultipartUpload
            | Verb::UploadPartCopy
            | Verb::ListParts
            | Verb::CompleteMultipartUpload => true,
            Verb::CreateBucket
            | Verb::HeadBucket
            | Verb::PutBucketVersioning
            | Verb::HeadObject
            | Verb::PutObjectTagging
            | Verb::PutObject
            | Verb::DeleteObject
            | Verb::RestoreObject
            | Verb::UploadPart
            | Verb::AbortMultipartUpload
            | Verb::Unknown => false,
        }
    }

    pub(crate) fn of(method: &Method, has_key: bool, query: &Query, headers: &HeaderMap) -> Verb {
        if has_key {
            Verb::of_object(method, query, headers)
        } else {
            Verb::of_bucket(method, query)
        }
    }

    fn of_bucket(method: &Method, query: &Query) -> Verb {
        match method.as_str() {
            "HEAD" => Verb::HeadBucket,
            "PUT" if query.has("versioning") => Verb::PutBucketVersioning,
            "PUT" if query.is_bare() => Verb::CreateBucket,
            "GET" if query.has("versioning") => Verb::GetBucketVersioning,
            "GET" if query.has("encryption") => Verb::GetBucketEncryption,
            "GET" if query.has("lifecycle") => Verb::GetBucketLifecycleConfiguration,
            "GET" if query.has("object-lock") => Verb::GetObjectLockConfiguration,
            "GET" if query.has("publicAccessBlock") => Verb::GetPublicAccessBlock,
            "GET" if query.has("replication") => Verb::GetBucketReplication,
            "GET" if query.has("location") => Verb::GetBucketLocation,
            "GET" if query.has("versions") => Verb::ListObjectVersions,
            "GET" if query.has("uploads") => Verb::ListMultipartUploads,
            "GET" if query.get("list-type") == Some("2") => Verb::ListObjectsV2,
            _ => Verb::Unknown,
        }
    }

    fn of_object(method: &Method, query: &Query, headers: &HeaderMap) -> Verb {
        let copies = headers.contains_key("x-amz-copy-source");
        match method.as_str() {
            "HEAD" => Verb::HeadObject,
            "GET" if query.has("tagging") => Verb::GetObjectTagging,
            "GET" if query.has("attributes") => Verb::GetObjectAttributes,
            "GET" if query.has("uploadId") => Verb::ListParts,
            "GET" if query.is_bare() => Verb::GetObject,
            "PUT" if query.has("tagging") => Verb::PutObjectTagging,
            "PUT" if query.has("uploadId") && copies => Verb::UploadPartCopy,
            "PUT" if query.has("uploadId") => Verb::UploadPart,
            "PUT" if query.is_bare() && copies => Verb::CopyObject,
            "PUT" if query.is_bare() => Verb::PutObject,
            "DELETE" if query.has("uploadId") => Verb::AbortMultipartUpload,
            "DELETE" if query.is_bare() => Verb::DeleteObject,
            "POST" if query.has("restore") => Verb::RestoreObject,
            "POST" if query.has("uploads") => Verb::CreateMultipartUpload,
            "POST" if query.has("uploadId") => Verb::CompleteMultipartUpload,
            _ => Verb::Unknown,
        }
    }
}
