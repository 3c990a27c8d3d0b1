//! HEAD and GET of objects: whole, a range, or one part.

use super::Scene;
use crate::conditions;
use crate::content::Content;
use crate::properties;
use crate::reply::{Body, Refusal, Reply};
use crate::stamp::Stamp;
use crate::version::{Stored, Tier};

/// What part of an object is asked for: from, how long.
struct Window {
    start: u64,
    len: u64,
    /// How many parts there are, if one was asked for by number.
    parts: Option<usize>,
}

pub(super) fn head_object(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    let (reply, _) = read(scene)?;
    Ok(reply)
}

pub(super) fn get_object(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    let (mut reply, content) = read(scene)?;
    reply.body = Body::Content(content);
    Ok(reply)
}

fn read(scene: &Scene<'_>) -> Result<(Reply, Content), Refusal> {
    let call = scene.call;
    let (version, stored) = scene.target()?;
    conditions::of_read(call, &version, stored.etag)?;
    refuse_customer_keys(scene, &stored)?;
    let is_get = call.method == hyper::Method::GET;
    if is_get && stored.is_archived(scene.now) {
        return Err(archived());
    }
    let window = window(scene, &stored)?;
    let size = stored.size();
    let partial = window
        .as_ref()
        .filter(|part| part.len != size || part.parts.is_some());
    let mut reply = Reply::empty(if partial.is_some() { 206 } else { 200 });
    if let Some(part) = partial.filter(|part| part.len > 0) {
        let last = part.start + part.len - 1;
        reply = reply.with(
            "content-range",
            format!("bytes {}-{last}/{size}", part.start),
        );
    }
    let (start, len) = window
        .as_ref()
        .map_or((0, size), |part| (part.start, part.len));
    let parts = window.and_then(|part| part.parts);
    reply = properties::tell(reply, &stored)
        .with("accept-ranges", "bytes")
        .with("content-length", len.to_string())
        .with("etag", stored.etag.quoted())
        .with("last-modified", version.modified.http())
        .with_some("x-amz-version-id", scene.told_version(version.id))
        .with_some("x-amz-mp-parts-count", parts.map(|parts| parts.to_string()));
    reply = tell_archive(reply, &stored, scene.now);
    reply = tell_tag_count(reply, &stored, scene.shows_tag_count);
    if call.header("x-amz-checksum-mode").is_some() && start == 0 && len == size {
        reply = tell_checksum(reply, &stored);
    }
    Ok((reply, stored.content.slice(start, len)))
}

/// Objects under a key that only the writer has answer nobody else.
fn refuse_customer_keys(scene: &Scene<'_>, stored: &Stored) -> Result<(), Refusal> {
    use crate::object::Encryption;
    let has_key = scene
        .call
        .header("x-amz-server-side-encryption-customer-algorithm")
        .is_some();
    if stored.properties.encryption == Encryption::SseC && !has_key {
        return Err(Refusal::invalid_request(
            "The object was stored using a form of Server Side Encryption. The correct parameters \
             must be provided to retrieve the object.",
        ));
    }
    Ok(())
}

pub(super) fn archived() -> Refusal {
    Refusal::new(
        403,
        "InvalidObjectState",
        "The operation is not valid for the object's storage class",
    )
}

pub(super) fn tell_checksum(reply: Reply, stored: &Stored) -> Reply {
    match stored.checksum_view() {
        None => reply,
        Some(checksum) => reply
            .with(checksum.algorithm.header(), checksum.value)
            .with("x-amz-checksum-type", checksum.kind.name()),
    }
}

fn tell_archive(reply: Reply, stored: &Stored, now: Stamp) -> Reply {
    let archived = stored.is_archived(now);
    let status = stored.tier.filter(|_| archived).map(Tier::name);
    let reply = reply.with_some("x-amz-archive-status", status);
    let Some(restore) = &stored.restore else {
        return reply;
    };
    if now < restore.ready {
        return reply.with("x-amz-restore", "ongoing-request=\"true\"");
    }
    match restore.expires {
        Some(expires) if now < expires => reply.with(
            "x-amz-restore",
            format!(
                "ongoing-request=\"false\", expiry-date=\"{}\"",
                expires.http()
            ),
        ),
        Some(_) | None => reply,
    }
}

fn tell_tag_count(reply: Reply, stored: &Stored, shows: bool) -> Reply {
    match &stored.tags {
        Some(tags) if shows => reply.with("x-amz-tagging-count", tags.len().to_string()),
        Some(_) | None => reply,
    }
}

fn window(scene: &Scene<'_>, stored: &Stored) -> Result<Option<Window>, Refusal> {
    if let Some(number) = scene.call.query.filled("partNumber") {
        return part_window(number, stored).map(Some);
    }
    match scene.call.header("range") {
        Some(range) => range_window(range, stored.size()),
        None => Ok(None),
    }
}

fn part_window(number: &str, stored: &Stored) -> Result<Window, Refusal> {
    let unsatisfiable = || {
        Refusal::new(
            416,
            "InvalidPartNumber",
            "The requested partnumber is not satisfiable",
        )
    };
    let number: usize = number.parse().map_err(|_| unsatisfiable())?;
    let whole = [stored.size()];
    let sizes = stored.parts.as_ref().map_or(&whole[..], |parts| parts);
    let index = number.checked_sub(1).ok_or_else(unsatisfiable)?;
    let len = *sizes.get(index).ok_or_else(unsatisfiable)?;
    Ok(Window {
        start: sizes[..index].iter().sum(),
        len,
        parts: stored.parts.as_ref().map(|parts| parts.len()),
    })
}

/// A range S3 does not understand is ignored; one behind the end is refused.
fn range_window(range: &str, size: u64) -> Result<Option<Window>, Refusal> {
    let Some((first, last)) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Ok(None);
    };
    let (start, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.saturating_add(1).min(size)),
        (Ok(first), Err(_)) if last.is_empty() => (first, size),
        (Err(_), Ok(count)) if first.is_empty() => (size.saturating_sub(count), size),
        _ => return Ok(None),
    };
    if start >= size {
        let message = "The requested range is not satisfiable";
        return Err(Refusal::new(416, "InvalidRange", message));
    }
    Ok(Some(Window {
        start,
        len: end - start,
        parts: None,
    }))
}
