//! ListObjectVersions: every version and delete marker, keys ascending, within
//! a key newest first.

use super::{Scene, list, restore};
use crate::reply::{Refusal, Reply};
use crate::stamp::Stamp;
use crate::version::{Version, VersionId};
use crate::xml::{Document, Spelling};
use std::ops::Bound;

/// Where a page of versions begins: behind this key, or within it behind this version.
#[derive(Clone, Debug, Default)]
struct Markers {
    key: Option<String>,
    version: Option<VersionId>,
}

/// What the request asks for.
struct Asked<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    spelling: Spelling,
    owner: &'a str,
    most: usize,
    /// The state of restores is told as of now, if it is asked for.
    restores_at: Option<Stamp>,
}

pub(super) fn list_object_versions(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    let query = &scene.call.query;
    let max_keys = list::max_keys(scene.call)?;
    let asked = Asked {
        prefix: query.get("prefix").unwrap_or(""),
        delimiter: query.filled("delimiter"),
        spelling: list::spelling(scene.call),
        owner: &scene.bucket()?.options.owner,
        most: max_keys.min(scene.page_max),
        restores_at: restore::is_asked_for(scene.call).then_some(scene.now),
    };
    let markers = Markers {
        key: query.filled("key-marker").map(str::to_owned),
        version: super::version_id(query.filled("version-id-marker"))?,
    };
    if markers.version.is_some() && markers.key.is_none() {
        return Err(Refusal::invalid_argument(
            "A version-id marker cannot be specified without a key marker.",
        ));
    }
    let mut entries = Document::fragment();
    let next = fill(scene, &asked, &markers, &mut entries)?;

    let mut document = Document::new("ListVersionsResult");
    document.text("Name", &scene.call.bucket);
    document.key("Prefix", asked.prefix, asked.spelling);
    document.key(
        "KeyMarker",
        query.get("key-marker").unwrap_or(""),
        asked.spelling,
    );
    document.text(
        "VersionIdMarker",
        query.get("version-id-marker").unwrap_or(""),
    );
    if let Some(next) = &next {
        document.key(
            "NextKeyMarker",
            next.key.as_deref().unwrap_or(""),
            asked.spelling,
        );
        if let Some(version) = next.version {
            document.text("NextVersionIdMarker", &version.to_string());
        }
    }
    document.number("MaxKeys", max_keys as u64);
    if let Some(delimiter) = asked.delimiter {
        document.key("Delimiter", delimiter, asked.spelling);
    }
    if asked.spelling == Spelling::Url {
        document.text("EncodingType", "url");
    }
    document.flag("IsTruncated", next.is_some());
    document.append(entries);
    Ok(Reply::xml(document))
}

/// Fills the page and tells where the next one begins.
fn fill(
    scene: &Scene<'_>,
    asked: &Asked<'_>,
    markers: &Markers,
    out: &mut Document,
) -> Result<Option<Markers>, Refusal> {
    let bucket = scene.bucket()?;
    let from = match (&markers.key, markers.version) {
        (Some(key), _) if key.as_str() < asked.prefix => Bound::Included(asked.prefix),
        (Some(key), Some(_)) => Bound::Included(key.as_str()),
        (Some(key), None) => Bound::Excluded(key.as_str()),
        (None, _) => Bound::Included(asked.prefix),
    };
    let mut count = 0;
    let mut last = markers.clone();
    for (key, chain) in bucket.walk(from) {
        if !key.starts_with(asked.prefix) {
            break;
        }
        if let Some(folded) = fold(asked, &key) {
            let seen = last.key.as_deref() == Some(folded) && last.version.is_none();
            if seen {
                continue;
            }
            if count == asked.most {
                return Ok(Some(last));
            }
            count += 1;
            out.open("CommonPrefixes");
            out.key("Prefix", folded, asked.spelling);
            out.close("CommonPrefixes");
            last = Markers {
                key: Some(folded.to_owned()),
                version: None,
            };
            continue;
        }
        let within = markers.key.as_deref() == Some(key.as_ref());
        let mut skipping = within && markers.version.is_some();
        for (place, version) in chain.iter().enumerate() {
            if skipping {
                skipping = Some(version.id) != markers.version;
                continue;
            }
            if count == asked.most {
                return Ok(Some(last).filter(|_| asked.most > 0));
            }
            count += 1;
            write(out, asked, &key, version, place == 0);
            last = Markers {
                key: Some(key.clone().into_owned()),
                version: Some(version.id),
            };
        }
    }
    Ok(None)
}

fn fold<'k>(asked: &Asked<'_>, key: &'k str) -> Option<&'k str> {
    let delimiter = asked.delimiter?;
    let end = key[asked.prefix.len()..].find(delimiter)? + delimiter.len();
    Some(&key[..asked.prefix.len() + end])
}

fn write(out: &mut Document, asked: &Asked<'_>, key: &str, version: &Version, latest: bool) {
    let element = match &version.stored {
        Some(_) => "Version",
        None => "DeleteMarker",
    };
    out.open(element);
    out.key("Key", key, asked.spelling);
    out.text("VersionId", &version.id.to_string());
    out.flag("IsLatest", latest);
    out.text("LastModified", &version.modified.iso());
    if let Some(stored) = &version.stored {
        out.text("ETag", &stored.etag.quoted());
        if let Some(checksum) = &stored.checksum {
            out.text("ChecksumAlgorithm", checksum.algorithm.name());
            out.text("ChecksumType", checksum.kind.name());
        }
        out.number("Size", stored.size());
        out.text("StorageClass", &stored.properties.storage_class);
        if let Some(now) = asked.restores_at {
            restore::write_status(out, stored, now);
        }
    }
    out.open("Owner");
    out.text("ID", asked.owner);
    out.close("Owner");
    out.close(element);
}
