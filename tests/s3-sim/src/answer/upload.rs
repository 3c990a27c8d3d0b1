//! The beginning and the end of a multi-part upload.

use super::Scene;
use super::copy::{request_tags, unknown_algorithm, write_checksum};
use crate::call::Call;
use crate::conditions;
use crate::content::Content;
use crate::digest::{self, Algorithm};
use crate::object::ChecksumKind;
use crate::payload;
use crate::properties;
use crate::reply::{Refusal, Reply};
use crate::upload::{Part, Upload};
use crate::version::{Checksum, ETag, Stored};
use crate::xml::{Document, Element};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every part but the last is at least this long.
const PART_MIN: u64 = 5 << 20;

pub(super) fn create_multipart_upload(scene: &mut Scene<'_>) -> Result<Reply, Refusal> {
    let call = scene.call;
    let properties = properties::from_call(call, &scene.bucket()?.options)?;
    let checksum = chosen_checksum(call)?;
    let upload = Upload {
        key: call.key.clone(),
        initiated: scene.now,
        properties: Arc::new(properties),
        tags: request_tags(call)?,
        checksum: checksum.clone(),
        parts: BTreeMap::new(),
    };
    let number = scene.store.issue();
    let id = format!("{:016x}{:016x}", digest::mix(number), number);
    let encryption = upload.properties.encryption.clone();
    let bucket = scene.store.bucket_mut(&call.bucket)?;
    bucket.uploads.insert(id.clone(), upload);

    let mut document = Document::new("InitiateMultipartUploadResult");
    document.text("Bucket", &call.bucket);
    document.text("Key", &call.key);
    document.text("UploadId", &id);
    let mut reply = Reply::xml(document);
    if let Some(checksum) = checksum {
        reply = reply
            .with("x-amz-checksum-algorithm", checksum.algorithm.name())
            .with("x-amz-checksum-type", checksum.kind.name());
    }
    Ok(properties::tell_encryption(reply, &encryption))
}

/// SHA sums have no full-object form for parts, CRC64NVME has no other.
fn chosen_checksum(call: &Call) -> Result<Option<Checksum>, Refusal> {
    let asked = call.header("x-amz-checksum-type");
    let Some(name) = call.header("x-amz-checksum-algorithm") else {
        return match asked {
            None => Ok(None),
            Some(_) => Err(Refusal::invalid_request(
                "The x-amz-checksum-type header can only be used with the \
                 x-amz-checksum-algorithm header.",
            )),
        };
    };
    let algorithm = Algorithm::parse(name).ok_or_else(unknown_algorithm)?;
    let kind = match (algorithm, asked) {
        (Algorithm::Crc64Nvme, None | Some("FULL_OBJECT")) => ChecksumKind::FullObject,
        (Algorithm::Crc32 | Algorithm::Crc32c, Some("FULL_OBJECT")) => ChecksumKind::FullObject,
        (
            Algorithm::Crc32 | Algorithm::Crc32c | Algorithm::Sha1 | Algorithm::Sha256,
            None | Some("COMPOSITE"),
        ) => ChecksumKind::Composite,
        (_, Some(kind)) => {
            return Err(Refusal::invalid_request(format!(
                "The {kind} checksum type cannot be used with the {} checksum algorithm.",
                algorithm.name()
            )));
        }
    };
    Ok(Some(Checksum {
        algorithm,
        kind,
        declared: None,
    }))
}

pub(super) fn complete_multipart_upload(scene: &mut Scene<'_>) -> Result<Reply, Refusal> {
    let call = scene.call;
    let bucket = scene.bucket()?;
    let upload = open_upload(scene)?;
    let body = Element::parse(&call.body).ok_or_else(Refusal::malformed_xml)?;
    let parts = chosen_parts(&body, upload)?;
    let stored = assembled(upload, &parts);
    check_totals(call, upload, &stored)?;
    conditions::of_target(call, bucket)?;
    let initiated = upload.initiated;
    let upload_id = upload_id(call).to_owned();
    let id = scene.store_object(initiated, stored.clone())?;
    scene
        .store
        .bucket_mut(&call.bucket)?
        .uploads
        .remove(&upload_id);

    let mut document = Document::new("CompleteMultipartUploadResult");
    document.text("Location", &format!("/{}/{}", call.bucket, call.key));
    document.text("Bucket", &call.bucket);
    document.text("Key", &call.key);
    let etag = match scene.bucket()?.options.tells_completed_etags {
        true => stored.etag.quoted(),
        false => String::new(),
    };
    document.text("ETag", &etag);
    write_checksum(&mut document, &stored);
    let told = scene.told_version(id);
    let reply = Reply::xml(document).with_some("x-amz-version-id", told);
    Ok(properties::tell_encryption(
        reply,
        &stored.properties.encryption,
    ))
}

pub(super) fn abort_multipart_upload(scene: &mut Scene<'_>) -> Result<Reply, Refusal> {
    open_upload(scene)?;
    let bucket = scene.store.bucket_mut(&scene.call.bucket)?;
    bucket.uploads.remove(upload_id(scene.call));
    Ok(Reply::empty(204))
}

pub(super) fn upload_id(call: &Call) -> &str {
    call.query.get("uploadId").unwrap_or("")
}

/// The upload the call names, which must be for the key the call names.
pub(super) fn open_upload<'a>(scene: &'a Scene<'_>) -> Result<&'a Upload, Refusal> {
    let upload = scene.bucket()?.uploads.get(upload_id(scene.call));
    upload
        .filter(|upload| upload.key == scene.call.key)
        .ok_or_else(Refusal::no_such_upload)
}

/// The parts the caller lists, each found and unchanged.
fn chosen_parts(body: &Element, upload: &Upload) -> Result<Vec<Part>, Refusal> {
    let mut chosen: Vec<Part> = Vec::new();
    let mut last = 0;
    for listed in body.children("Part") {
        let number = listed.child_text("PartNumber");
        let number: u32 = number
            .and_then(|number| number.parse().ok())
            .ok_or_else(Refusal::malformed_xml)?;
        if number <= last {
            return Err(Refusal::new(
                400,
                "InvalidPartOrder",
                "The list of parts was not in ascending order. Parts must be ordered by part \
                 number.",
            ));
        }
        last = number;
        let part = upload.parts.get(&number).ok_or_else(invalid_part)?;
        let etag = listed
            .child_text("ETag")
            .ok_or_else(Refusal::malformed_xml)?;
        let unchanged = conditions::names(etag, part.etag)
            && Algorithm::ALL.iter().all(|algorithm| {
                let listed = listed.child_text(algorithm.element());
                listed.is_none_or(|sum| sum == algorithm.full_object(&part.content))
            });
        if !unchanged {
            return Err(invalid_part());
        }
        chosen.push(part.clone());
    }
    let Some((_, all_but_last)) = chosen.split_last() else {
        return Err(Refusal::malformed_xml());
    };
    if all_but_last
        .iter()
        .any(|part| part.content.len() < PART_MIN)
    {
        return Err(Refusal::new(
            400,
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed size",
        ));
    }
    Ok(chosen)
}

fn invalid_part() -> Refusal {
    Refusal::new(
        400,
        "InvalidPart",
        "One or more of the specified parts could not be found. The part may not have been \
         uploaded, or the specified entity tag may not match the part's entity tag.",
    )
}

fn assembled(upload: &Upload, parts: &[Part]) -> Stored {
    Stored {
        content: Content::join(parts.iter().map(|part| part.content.clone())),
        etag: ETag {
            digest: digest::md5_of_md5s(parts.iter().map(|part| part.etag.digest)),
            parts: parts.len() as u32,
        },
        properties: Arc::clone(&upload.properties),
        tags: upload.tags.clone(),
        parts: Some(Arc::new(
            parts.iter().map(|part| part.content.len()).collect(),
        )),
        checksum: Some(upload.final_checksum()),
        tier: None,
        restore: None,
    }
}

/// What the caller says of the whole must be true of what was assembled.
fn check_totals(call: &Call, upload: &Upload, stored: &Stored) -> Result<(), Refusal> {
    if let Some(sent) = call.header("x-amz-mp-object-size")
        && sent != stored.size().to_string()
    {
        return Err(Refusal::invalid_request(format!(
            "The provided 'x-amz-mp-object-size' header value {sent} does not match what was \
                 computed: {}.",
            stored.size()
        )));
    }
    let kind = upload.checksum_kind();
    if let Some(sent) = call
        .header("x-amz-checksum-type")
        .filter(|sent| *sent != kind.name())
    {
        return Err(Refusal::invalid_request(format!(
            "The upload was created using the {} checksum mode. The complete request must use the \
             same checksum mode, not {sent}.",
            kind.name()
        )));
    }
    let own = upload.final_checksum().algorithm;
    for algorithm in Algorithm::ALL {
        let Some(sent) = call.header(algorithm.header()) else {
            continue;
        };
        if algorithm != own {
            return Err(Refusal::invalid_request(format!(
                "The upload was created using a {} checksum, not {}.",
                own.name(),
                algorithm.name()
            )));
        }
        if stored.checksum_view().is_none_or(|view| view.value != sent) {
            return Err(payload::mismatch(algorithm));
        }
    }
    Ok(())
}
