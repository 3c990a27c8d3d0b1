//! Between beginning and end of a multi-part upload: parts sent, parts copied,
//! and the listings of parts and uploads.

use super::Scene;
use super::put::WHOLE_MAX;
use super::source::{self, COPY_MAX, Source};
use super::upload::{open_upload, upload_id};
use crate::call::Call;
use crate::content::Content;
use crate::digest::Algorithm;
use crate::payload;
use crate::properties;
use crate::reply::{Refusal, Reply};
use crate::upload::Part;
use crate::xml::{Document, Spelling};

const NUMBER_MAX: u32 = 10_000;
const PAGE_MAX: usize = 1_000;
/// Ranges can only be copied out of sources above this.
const RANGE_SOURCE_MIN: u64 = 5 << 20;

pub(super) fn upload_part(scene: &mut Scene<'_>) -> Result<Reply, Refusal> {
    let call = scene.call;
    let number = part_number(call)?;
    open_upload(scene)?;
    let content = Content::from(call.body.clone());
    if content.len() > WHOLE_MAX {
        let message = "Your proposed upload exceeds the maximum allowed size";
        return Err(Refusal::new(400, "EntityTooLarge", message));
    }
    let algorithm = payload::verified(call, &content)?;
    payload::wanted_by_lock(call, scene.bucket()?, algorithm)?;
    let sum = algorithm.map(|algorithm| (algorithm, algorithm.full_object(&content)));
    let part = keep(scene, number, content)?;
    let mut reply = Reply::empty(200).with("etag", part.etag.quoted());
    if let Some((algorithm, sum)) = sum {
        reply = reply.with(algorithm.header(), sum);
    }
    let encryption = &open_upload(scene)?.properties.encryption;
    Ok(properties::tell_encryption(reply, encryption))
}

pub(super) fn upload_part_copy(scene: &mut Scene<'_>) -> Result<Reply, Refusal> {
    let number = part_number(scene.call)?;
    open_upload(scene)?;
    let source = source::find(scene)?;
    let content = copied_range(scene.call, &source)?;
    let part = keep(scene, number, content)?;

    let mut document = Document::new("CopyPartResult");
    document.text("LastModified", &scene.now.iso());
    document.text("ETag", &part.etag.quoted());
    let upload = open_upload(scene)?;
    if let Some(checksum) = &upload.checksum {
        let algorithm: Algorithm = checksum.algorithm;
        document.text(algorithm.element(), &algorithm.full_object(&part.content));
    }
    let reply = Reply::xml(document).with_some("x-amz-copy-source-version-id", source.told_version);
    Ok(properties::tell_encryption(
        reply,
        &upload.properties.encryption,
    ))
}

fn part_number(call: &Call) -> Result<u32, Refusal> {
    let number = call.query.get("partNumber");
    number
        .and_then(|number| number.parse().ok())
        .filter(|number| (1..=NUMBER_MAX).contains(number))
        .ok_or_else(|| {
            Refusal::invalid_argument(
                "Part number must be an integer between 1 and 10000, inclusive",
            )
        })
}

fn keep(scene: &mut Scene<'_>, number: u32, content: Content) -> Result<Part, Refusal> {
    let random = scene.store.random_digest();
    let bucket = scene.store.bucket_mut(&scene.call.bucket)?;
    let upload = bucket
        .uploads
        .get_mut(upload_id(scene.call))
        .ok_or_else(Refusal::no_such_upload)?;
    let part = Part::new(content, &upload.properties, random, scene.now);
    upload.parts.insert(number, part.clone());
    Ok(part)
}

fn copied_range(call: &Call, source: &Source) -> Result<Content, Refusal> {
    let size = source.stored.size();
    let Some(range) = call.header("x-amz-copy-source-range") else {
        if size > COPY_MAX {
            return Err(source::too_large());
        }
        return Ok(source.stored.content.clone());
    };
    let bounds = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    let Some((first, last)): Option<(u64, u64)> = bounds else {
        return Err(Refusal::invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first \
             and last are the zero-based offsets of the first and last bytes to copy",
        ));
    };
    if first > last || last >= size {
        return Err(Refusal::invalid_argument(format!(
            "Range specified is not valid for source object of size: {size}"
        )));
    }
    if size <= RANGE_SOURCE_MIN {
        return Err(Refusal::invalid_request(
            "The specified copy source is not supported as a byte-range copy source",
        ));
    }
    let len = last - first + 1;
    if len > COPY_MAX {
        return Err(source::too_large());
    }
    Ok(source.stored.content.slice(first, len))
}

pub(super) fn list_parts(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    let call = scene.call;
    let upload = open_upload(scene)?;
    let number = |name| call.query.filled(name).and_then(|text| text.parse().ok());
    let marker: u32 = number("part-number-marker").unwrap_or(0);
    let most = number("max-parts").map_or(PAGE_MAX, |most| (most as usize).min(PAGE_MAX));
    let mut behind = upload.parts.range(marker + 1..);
    let shown: Vec<_> = behind.by_ref().take(most).collect();

    let mut document = Document::new("ListPartsResult");
    document.text("Bucket", &call.bucket);
    document.text("Key", &call.key);
    document.text("UploadId", upload_id(call));
    document.number("PartNumberMarker", u64::from(marker));
    if let Some((last, _)) = shown.last() {
        document.number("NextPartNumberMarker", u64::from(**last));
    }
    document.number("MaxParts", most as u64);
    document.flag("IsTruncated", behind.next().is_some());
    if let Some(checksum) = &upload.checksum {
        document.text("ChecksumAlgorithm", checksum.algorithm.name());
        document.text("ChecksumType", checksum.kind.name());
    }
    document.text("StorageClass", &upload.properties.storage_class);
    for (number, part) in shown {
        document.open("Part");
        document.number("PartNumber", u64::from(*number));
        document.text("LastModified", &part.modified.iso());
        document.text("ETag", &part.etag.quoted());
        document.number("Size", part.content.len());
        if let Some(checksum) = &upload.checksum {
            let sum = checksum.algorithm.full_object(&part.content);
            document.text(checksum.algorithm.element(), &sum);
        }
        document.close("Part");
    }
    Ok(Reply::xml(document))
}

pub(super) fn list_multipart_uploads(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    let call = scene.call;
    let query = &call.query;
    let prefix = query.get("prefix").unwrap_or("");
    let spelling = super::list::spelling(call);
    let most = query
        .filled("max-uploads")
        .and_then(|text| text.parse().ok())
        .map_or(PAGE_MAX, |most: usize| most.min(PAGE_MAX));
    let after = (
        query.get("key-marker").unwrap_or(""),
        query.get("upload-id-marker").unwrap_or(""),
    );
    let bucket = scene.bucket()?;
    let mut uploads: Vec<_> = bucket
        .uploads
        .iter()
        .map(|(id, upload)| (upload.key.as_str(), id.as_str(), upload))
        .filter(|(key, id, _)| key.starts_with(prefix) && is_behind((key, id), after))
        .collect();
    uploads.sort_by_key(|(key, id, _)| (*key, *id));
    let truncated = uploads.len() > most;
    uploads.truncate(most);

    let mut document = Document::new("ListMultipartUploadsResult");
    document.text("Bucket", &call.bucket);
    document.key("KeyMarker", after.0, spelling);
    document.text("UploadIdMarker", after.1);
    document.key("Prefix", prefix, spelling);
    if let Some((key, id, _)) = uploads.last().filter(|_| truncated) {
        document.key("NextKeyMarker", key, spelling);
        document.text("NextUploadIdMarker", id);
    }
    if spelling == Spelling::Url {
        document.text("EncodingType", "url");
    }
    document.number("MaxUploads", most as u64);
    document.flag("IsTruncated", truncated);
    for (key, id, upload) in uploads {
        document.open("Upload");
        document.key("Key", key, spelling);
        document.text("UploadId", id);
        document.text("StorageClass", &upload.properties.storage_class);
        document.text("Initiated", &upload.initiated.iso());
        document.close("Upload");
    }
    Ok(Reply::xml(document))
}

/// Without an upload id the marker stands behind all uploads of its key.
fn is_behind(own: (&str, &str), after: (&str, &str)) -> bool {
    if after.1.is_empty() {
        own.0 > after.0 || after.0.is_empty()
    } else {
        own > after
    }
}
