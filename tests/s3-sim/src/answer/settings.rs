//! The settings of a bucket that are told and, but for the lock, not acted upon.

use super::Scene;
use crate::object::Encryption;
use crate::reply::{Refusal, Reply};
use crate::xml::Document;

/// Since 2023 no bucket is without one.
pub(super) fn encryption(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    let options = &scene.bucket()?.options;
    let algorithm = match &options.default_encryption {
        Encryption::Kms { .. } => "aws:kms",
        Encryption::Dsse { .. } => "aws:kms:dsse",
        _ => "AES256",
    };
    let mut document = Document::new("ServerSideEncryptionConfiguration");
    document.open("Rule");
    document.open("ApplyServerSideEncryptionByDefault");
    document.text("SSEAlgorithm", algorithm);
    if let Some(key) = options.default_encryption.kms_key() {
        document.text("KMSMasterKeyID", key);
    }
    document.close("ApplyServerSideEncryptionByDefault");
    document.flag("BucketKeyEnabled", options.bucket_key);
    document.close("Rule");
    Ok(Reply::xml(document))
}

pub(super) fn lifecycle(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    let Some(rules) = &scene.bucket()?.options.lifecycle else {
        return Err(Refusal::new(
            404,
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
        ));
    };
    let mut document = Document::new("LifecycleConfiguration");
    document.raw(&[rules]);
    Ok(Reply::xml(document))
}

pub(super) fn object_lock(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    let Some(lock) = scene.bucket()?.options.lock else {
        return Err(Refusal::new(
            404,
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        ));
    };
    let mut document = Document::new("ObjectLockConfiguration");
    document.text("ObjectLockEnabled", "Enabled");
    document.open("Rule");
    document.open("DefaultRetention");
    document.text("Mode", lock.mode.name());
    document.number("Days", u64::from(lock.days));
    document.close("DefaultRetention");
    document.close("Rule");
    Ok(Reply::xml(document))
}

pub(super) fn public_access_block(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    if !scene.bucket()?.options.blocks_public_access {
        return Err(Refusal::new(
            404,
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        ));
    }
    let mut document = Document::new("PublicAccessBlockConfiguration");
    for way in [
        "BlockPublicAcls",
        "IgnorePublicAcls",
        "BlockPublicPolicy",
        "RestrictPublicBuckets",
    ] {
        document.flag(way, true);
    }
    Ok(Reply::xml(document))
}

pub(super) fn replication(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    let Some(rules) = &scene.bucket()?.options.replication else {
        return Err(Refusal::new(
            404,
            "ReplicationConfigurationNotFoundError",
            "The replication configuration was not found",
        ));
    };
    let mut document = Document::new("ReplicationConfiguration");
    document.raw(&[rules]);
    Ok(Reply::xml(document))
}
