//! Which IAM actions a call needs. The tags and keys of what is touched count:
//! a copy needs tag rights only if there are tags, KMS rights only with a key.

use crate::bucket::Found;
use crate::call::Call;
use crate::ledger::Action;
use crate::object::Encryption;
use crate::properties;
use crate::store::Store;
use crate::verb::Verb;
use crate::version::{Stored, VersionId};

/// The actions, in the order in which S3 would ask for them.
pub(crate) fn needed(store: &Store, call: &Call) -> Vec<Action> {
    let on_bucket = |name| vec![action(name, &call.bucket)];
    match call.verb {
        Verb::CreateBucket => on_bucket("s3:CreateBucket"),
        Verb::HeadBucket | Verb::ListObjectsV2 => on_bucket("s3:ListBucket"),
        Verb::GetBucketLocation => on_bucket("s3:GetBucketLocation"),
        Verb::GetBucketVersioning => on_bucket("s3:GetBucketVersioning"),
        Verb::PutBucketVersioning => on_bucket("s3:PutBucketVersioning"),
        Verb::GetBucketEncryption => on_bucket("s3:GetEncryptionConfiguration"),
        Verb::GetBucketLifecycleConfiguration => on_bucket("s3:GetLifecycleConfiguration"),
        Verb::GetObjectLockConfiguration => on_bucket("s3:GetBucketObjectLockConfiguration"),
        Verb::GetPublicAccessBlock => on_bucket("s3:GetBucketPublicAccessBlock"),
        Verb::GetBucketReplication => on_bucket("s3:GetReplicationConfiguration"),
        Verb::ListObjectVersions => on_bucket("s3:ListBucketVersions"),
        Verb::ListMultipartUploads => on_bucket("s3:ListBucketMultipartUploads"),
        Verb::ListParts => on_bucket("s3:ListMultipartUploadParts"),
        Verb::AbortMultipartUpload => on_bucket("s3:AbortMultipartUpload"),
        Verb::RestoreObject => on_bucket("s3:RestoreObject"),
        Verb::HeadObject | Verb::GetObject | Verb::GetObjectAttributes => reading(store, call),
        Verb::GetObjectTagging => vec![versioned(
            call,
            "s3:GetObjectTagging",
            "s3:GetObjectVersionTagging",
        )],
        Verb::PutObjectTagging => vec![versioned(
            call,
            "s3:PutObjectTagging",
            "s3:PutObjectVersionTagging",
        )],
        Verb::DeleteObject => deleting(call),
        Verb::PutObject | Verb::CreateMultipartUpload => writing(store, call),
        Verb::CopyObject | Verb::UploadPartCopy => copying(store, call),
        Verb::UploadPart | Verb::CompleteMultipartUpload => uploading(store, call),
        Verb::Unknown => Vec::new(),
    }
}

fn deleting(call: &Call) -> Vec<Action> {
    let mut actions = vec![versioned(call, "s3:DeleteObject", "s3:DeleteObjectVersion")];
    if call.header("x-amz-bypass-governance-retention") == Some("true") {
        actions.push(action("s3:BypassGovernanceRetention", &call.bucket));
    }
    actions
}

fn action(name: &'static str, resource: &str) -> Action {
    Action {
        name,
        resource: resource.to_owned(),
    }
}

fn versioned(call: &Call, plain: &'static str, of_version: &'static str) -> Action {
    let name = if call.version().is_some() {
        of_version
    } else {
        plain
    };
    action(name, &call.bucket)
}

fn reading(store: &Store, call: &Call) -> Vec<Action> {
    let mut actions = vec![versioned(call, "s3:GetObject", "s3:GetObjectVersion")];
    if call.verb == Verb::GetObjectAttributes {
        actions.push(versioned(
            call,
            "s3:GetObjectAttributes",
            "s3:GetObjectVersionAttributes",
        ));
    }
    let decrypts = call.verb != Verb::HeadObject || call.header("x-amz-checksum-mode").is_some();
    if decrypts {
        let stored = stored(store, &call.bucket, &call.key, call.version());
        actions.extend(stored.and_then(|stored| decryption(&stored.properties.encryption)));
    }
    actions
}

fn writing(store: &Store, call: &Call) -> Vec<Action> {
    let mut actions = vec![action("s3:PutObject", &call.bucket)];
    if call
        .header("x-amz-tagging")
        .is_some_and(|tags| !tags.is_empty())
    {
        actions.push(action("s3:PutObjectTagging", &call.bucket));
    }
    actions.extend(encryption_for(store, call));
    actions
}

fn copying(store: &Store, call: &Call) -> Vec<Action> {
    let Ok(source) = call.copy_source() else {
        return Vec::new();
    };
    let by_version = source.version.is_some();
    let read = if by_version {
        "s3:GetObjectVersion"
    } else {
        "s3:GetObject"
    };
    let mut actions = vec![action(read, &source.bucket)];
    let stored = stored(
        store,
        &source.bucket,
        &source.key,
        source.version.as_deref(),
    );
    let replaces = call.header("x-amz-tagging-directive") == Some("REPLACE");
    let copies_tags = call.verb == Verb::CopyObject
        && !replaces
        && stored.as_ref().is_some_and(|stored| stored.tags.is_some());
    if copies_tags {
        let read = if by_version {
            "s3:GetObjectVersionTagging"
        } else {
            "s3:GetObjectTagging"
        };
        actions.push(action(read, &source.bucket));
    }
    actions.extend(stored.and_then(|stored| decryption(&stored.properties.encryption)));
    if call.verb == Verb::UploadPartCopy {
        actions.extend(uploading(store, call));
        return actions;
    }
    actions.push(action("s3:PutObject", &call.bucket));
    if copies_tags || (replaces && call.header("x-amz-tagging").is_some()) {
        actions.push(action("s3:PutObjectTagging", &call.bucket));
    }
    actions.extend(encryption_for(store, call));
    actions
}

/// Parts of an upload to a KMS key need the key for writing, its end for reading.
fn uploading(store: &Store, call: &Call) -> Vec<Action> {
    let mut actions = vec![action("s3:PutObject", &call.bucket)];
    let upload_id = call.query.get("uploadId").unwrap_or("");
    let upload = store
        .get(&call.bucket)
        .and_then(|bucket| bucket.uploads.get(upload_id));
    if let Some(key) = upload.and_then(|upload| upload.properties.encryption.kms_key()) {
        actions.push(action("kms:Decrypt", key));
        if call.verb != Verb::CompleteMultipartUpload {
            actions.push(action("kms:GenerateDataKey", key));
        }
    }
    actions
}

fn decryption(encryption: &Encryption) -> Option<Action> {
    encryption.kms_key().map(|key| action("kms:Decrypt", key))
}

fn encryption_for(store: &Store, call: &Call) -> Option<Action> {
    let bucket = store.get(&call.bucket)?;
    let encryption = properties::encryption(call, &bucket.options).ok()?;
    let key = encryption.kms_key()?;
    Some(action("kms:GenerateDataKey", key))
}

fn stored(store: &Store, bucket: &str, key: &str, version: Option<&str>) -> Option<Stored> {
    let id = match version {
        Some(version) => Some(VersionId::parse(version)?),
        None => None,
    };
    match store.get(bucket)?.find(key, id) {
        Found::Object(version) => version.stored,
        Found::Marker(_) | Found::NoKey | Found::NoVersion => None,
    }
}
