//! CopyObject: one atomic copy within the service. What it carries along and
//! what it does not is the heart of a faithful backup.

use super::Scene;
use super::source::{self, COPY_MAX, Source};
use crate::bucket::BucketOptions;
use crate::call::Call;
use crate::conditions;
use crate::digest::Algorithm;
use crate::properties;
use crate::reply::{Refusal, Reply};
use crate::store;
use crate::version::{Checksum, Properties, Stored, Tags};
use crate::xml::Document;
use std::sync::Arc;

/// Whether something is carried over from the source or given anew.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    Copy,
    Replace,
}

pub(super) fn copy_object(scene: &mut Scene<'_>) -> Result<Reply, Refusal> {
    let call = scene.call;
    let source = source::find(scene)?;
    let bucket = scene.bucket()?;
    conditions::of_target(call, bucket)?;
    if source.stored.size() > COPY_MAX {
        return Err(source::too_large());
    }
    let about_metadata = directive(call, "x-amz-metadata-directive")?;
    let about_tags = directive(call, "x-amz-tagging-directive")?;
    refuse_onto_itself(call, &source, about_metadata)?;
    let own = own_properties(call, &source.stored, about_metadata, &bucket.options)?;
    let tags = match about_tags {
        Directive::Copy => source.stored.tags.clone(),
        Directive::Replace => store::kept(properties::tags(call)?),
    };
    let mut copy = scene.store.whole(source.stored.content.clone(), own);
    copy.tags = tags;
    copy.checksum = Some(own_checksum(call, &source.stored)?);
    let id = scene.store_object(scene.now, copy.clone())?;

    let told = match scene.bucket()?.options.tells_copy_versions {
        true => scene.told_version(id),
        false => None,
    };
    let mut document = Document::new("CopyObjectResult");
    document.text("LastModified", &scene.now.iso());
    document.text("ETag", &copy.etag.quoted());
    write_checksum(&mut document, &copy);
    let reply = Reply::xml(document)
        .with_some("x-amz-version-id", told)
        .with_some("x-amz-copy-source-version-id", source.told_version);
    Ok(properties::tell_encryption(
        reply,
        &copy.properties.encryption,
    ))
}

pub(super) fn write_checksum(document: &mut Document, stored: &Stored) {
    if let Some(checksum) = stored.checksum_view() {
        document.text(checksum.algorithm.element(), &checksum.value);
        document.text("ChecksumType", checksum.kind.name());
    }
}

fn directive(call: &Call, header: &str) -> Result<Directive, Refusal> {
    match call.header(header) {
        None | Some("COPY") => Ok(Directive::Copy),
        Some("REPLACE") => Ok(Directive::Replace),
        Some(_) => Err(Refusal::invalid_argument(format!(
            "Unknown value for {header}."
        ))),
    }
}

/// Only what the copy is to be different in makes such a copy legal.
fn refuse_onto_itself(
    call: &Call,
    source: &Source,
    about_metadata: Directive,
) -> Result<(), Refusal> {
    const CHANGES: [&str; 4] = [
        "x-amz-storage-class",
        "x-amz-website-redirect-location",
        "x-amz-server-side-encryption",
        "x-amz-checksum-algorithm",
    ];
    let same = source.named.bucket == call.bucket
        && source.named.key == call.key
        && source.named.version.is_none();
    let changes = about_metadata == Directive::Replace
        || CHANGES.iter().any(|header| call.header(header).is_some());
    if same && !changes {
        return Err(Refusal::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself \
             without changing the object's metadata, storage class, website redirect location or \
             encryption attributes.",
        ));
    }
    Ok(())
}

/// Class, encryption and redirect always come from the request, never from the source.
fn own_properties(
    call: &Call,
    source: &Stored,
    about_metadata: Directive,
    options: &BucketOptions,
) -> Result<Arc<Properties>, Refusal> {
    let mut own = properties::from_call(call, options)?;
    match about_metadata {
        Directive::Replace => Ok(Arc::new(own)),
        Directive::Copy => {
            let redirect = own.headers.website_redirect.take();
            own.headers = source.properties.headers.clone();
            own.headers.website_redirect = redirect;
            own.metadata = source.properties.metadata.clone();
            if own == *source.properties {
                return Ok(Arc::clone(&source.properties));
            }
            Ok(Arc::new(own))
        }
    }
}

/// The copy came whole, so its checksum is over the whole object whatever the
/// source's was; a source without one gets the default.
fn own_checksum(call: &Call, source: &Stored) -> Result<Checksum, Refusal> {
    if let Some(name) = call.header("x-amz-checksum-algorithm") {
        let algorithm = Algorithm::parse(name).ok_or_else(unknown_algorithm)?;
        return Ok(Checksum::full(algorithm));
    }
    let algorithm = source.checksum.as_ref().map(|checksum| checksum.algorithm);
    Ok(Checksum::full(algorithm.unwrap_or(Algorithm::Crc64Nvme)))
}

pub(super) fn unknown_algorithm() -> Refusal {
    Refusal::invalid_request(
        "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
         [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
    )
}

/// Tags of a request, as they are kept.
pub(super) fn request_tags(call: &Call) -> Result<Option<Arc<Tags>>, Refusal> {
    Ok(store::kept(properties::tags(call)?))
}
