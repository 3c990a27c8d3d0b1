//! Buckets themselves: making, finding, and their versioning state.

use super::Scene;
use crate::bucket::{Bucket, BucketOptions, Versioning};
use crate::reply::{Refusal, Reply};
use crate::xml::{Document, Element};

pub(super) fn create_bucket(scene: &mut Scene<'_>) -> Result<Reply, Refusal> {
    let call = scene.call;
    if scene.store.get(&call.bucket).is_some() {
        return Err(Refusal::new(
            409,
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
        ));
    }
    let mut options = BucketOptions::default();
    if let Some(signer) = &call.signer {
        options.region.clone_from(&signer.region);
    }
    let body = Element::parse(&call.body);
    let location = body
        .as_ref()
        .and_then(|body| body.child_text("LocationConstraint"));
    if let Some(location) = location {
        options.region = location.to_owned();
    }
    scene.store.add(&call.bucket, Bucket::new(options));
    Ok(Reply::empty(200).with("location", format!("/{}", call.bucket)))
}

pub(super) fn head_bucket(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    let region = &scene.bucket()?.options.region;
    Ok(Reply::empty(200)
        .with("x-amz-bucket-region", region)
        .with("x-amz-access-point-alias", "false"))
}

/// The oldest region is told as nothing at all.
pub(super) fn get_bucket_location(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    let mut document = Document::new("LocationConstraint");
    let region = &scene.bucket()?.options.region;
    if region != "us-east-1" {
        document.raw(&[region]);
    }
    Ok(Reply::xml(document))
}

pub(super) fn get_bucket_versioning(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    let mut document = Document::new("VersioningConfiguration");
    match scene.bucket()?.options.versioning {
        Versioning::Off => {}
        Versioning::Enabled => document.text("Status", "Enabled"),
        Versioning::Suspended => document.text("Status", "Suspended"),
    }
    Ok(Reply::xml(document))
}

pub(super) fn put_bucket_versioning(scene: &mut Scene<'_>) -> Result<Reply, Refusal> {
    let body = Element::parse(&scene.call.body).ok_or_else(Refusal::malformed_xml)?;
    let versioning = match body.child_text("Status") {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") => Versioning::Suspended,
        Some(_) | None => return Err(Refusal::malformed_xml()),
    };
    let bucket = scene.store.bucket_mut(&scene.call.bucket)?;
    if bucket.options.lock.is_some() && versioning == Versioning::Suspended {
        return Err(Refusal::new(
            409,
            "InvalidBucketState",
            "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
        ));
    }
    bucket.options.versioning = versioning;
    Ok(Reply::empty(200))
}
