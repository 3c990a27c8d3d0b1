//! GetObjectAttributes: checksum, layout, class and size without the body.

use super::Scene;
use super::copy::write_checksum;
use crate::object::ChecksumKind;
use crate::reply::{Refusal, Reply};
use crate::version::Stored;
use crate::xml::Document;

const PARTS_MAX: usize = 1_000;

pub(super) fn get_object_attributes(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    let (version, stored) = scene.target()?;
    let asked = scene.call.header("x-amz-object-attributes").ok_or_else(|| {
        Refusal::invalid_request("The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
    })?;
    let asks = |name: &str| asked.split(',').any(|attribute| attribute.trim() == name);
    let mut document = Document::new("GetObjectAttributesResponse");
    if asks("ETag") {
        document.text("ETag", &stored.etag.to_string());
    }
    if asks("Checksum") && stored.checksum.is_some() {
        document.open("Checksum");
        write_checksum(&mut document, &stored);
        document.close("Checksum");
    }
    if asks("ObjectParts") {
        write_parts(scene, &mut document, &stored);
    }
    if asks("StorageClass") {
        document.text("StorageClass", &stored.properties.storage_class);
    }
    if asks("ObjectSize") {
        document.number("ObjectSize", stored.size());
    }
    Ok(Reply::xml(document)
        .with("last-modified", version.modified.http())
        .with_some("x-amz-version-id", scene.told_version(version.id)))
}

/// The count is always there; the parts one by one only if each has a checksum.
fn write_parts(scene: &Scene<'_>, document: &mut Document, stored: &Stored) {
    let Some(parts) = &stored.parts else {
        return;
    };
    document.open("ObjectParts");
    document.number("PartsCount", parts.len() as u64);
    let listed = stored
        .checksum
        .as_ref()
        .filter(|checksum| checksum.kind == ChecksumKind::Composite);
    if let Some(checksum) = listed {
        let number = |name, default| {
            let header = scene.call.header(name);
            header.and_then(|text| text.parse().ok()).unwrap_or(default)
        };
        let marker: usize = number("x-amz-part-number-marker", 0);
        let most = number("x-amz-max-parts", PARTS_MAX).min(PARTS_MAX);
        let pieces = stored.content.cut(parts);
        let shown = pieces.iter().enumerate().skip(marker).take(most);
        let last = (marker + most).min(parts.len());
        document.number("PartNumberMarker", marker as u64);
        document.number("NextPartNumberMarker", last as u64);
        document.number("MaxParts", most as u64);
        document.flag("IsTruncated", last < parts.len());
        for (index, piece) in shown {
            document.open("Part");
            document.number("PartNumber", index as u64 + 1);
            document.number("Size", piece.len());
            let algorithm = checksum.algorithm;
            document.text(algorithm.element(), &algorithm.full_object(piece));
            document.close("Part");
        }
    }
    document.close("ObjectParts");
}
