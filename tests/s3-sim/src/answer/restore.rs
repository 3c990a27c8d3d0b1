//! RestoreObject: asks for an archived object; the clock makes it readable.

use super::Scene;
use super::read::archived;
use crate::reply::{Refusal, Reply};
use crate::version::{Restore, Stored, Tier};
use crate::xml::Element;
use std::time::Duration;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// The slowest the documentation promises.
fn thaw_time(class: &str, tier: &str) -> Option<Duration> {
    let seconds = match (class, tier) {
        ("DEEP_ARCHIVE", "Expedited") => return None,
        ("DEEP_ARCHIVE", "Bulk") => 48 * HOUR,
        ("DEEP_ARCHIVE", _) => 12 * HOUR,
        (_, "Expedited") => 300,
        (_, "Bulk") => 12 * HOUR,
        (_, _) => 5 * HOUR,
    };
    Some(Duration::from_secs(seconds))
}

pub(super) fn restore_object(scene: &mut Scene<'_>) -> Result<Reply, Refusal> {
    let (version, stored) = scene.target()?;
    let body = Element::parse(&scene.call.body).ok_or_else(Refusal::malformed_xml)?;
    let days = body
        .child_text("Days")
        .and_then(|days| days.parse::<u64>().ok());
    let lifetime = days.map(|days| Duration::from_secs(days * DAY));
    let mut expires = None;
    let (status, ready) = match state(&stored, scene) {
        State::NotArchived => return Err(archived()),
        State::UnderWay => {
            let message = "Object restore is already in progress";
            return Err(Refusal::new(409, "RestoreAlreadyInProgress", message));
        }
        State::Readable(restore) => (200, restore.ready),
        State::Archived => {
            let class = archive_class(&stored);
            let thaw = thaw_time(class, tier(&body)).ok_or_else(|| {
                Refusal::invalid_argument("Expedited retrievals are not supported for this class")
            })?;
            (202, scene.now.plus(thaw))
        }
    };
    if stored.tier.is_none() {
        let lifetime = lifetime.ok_or_else(Refusal::malformed_xml)?;
        expires = Some(ready.max(scene.now).plus(lifetime));
    }
    let bucket = scene.store.bucket_mut(&scene.call.bucket)?;
    bucket.edit(&scene.call.key, version.id, |stored| {
        stored.restore = Some(Box::new(Restore { ready, expires }));
    });
    Ok(Reply::empty(status))
}

enum State {
    NotArchived,
    Archived,
    UnderWay,
    Readable(Restore),
}

fn state(stored: &Stored, scene: &Scene<'_>) -> State {
    match stored.restore.as_deref().copied() {
        Some(restore) if scene.now < restore.ready => State::UnderWay,
        Some(restore) if !stored.is_archived(scene.now) => State::Readable(restore),
        Some(_) | None if stored.is_archived(scene.now) => State::Archived,
        Some(_) | None => State::NotArchived,
    }
}

/// The archive tiers of INTELLIGENT_TIERING thaw like the classes they resemble.
fn archive_class(stored: &Stored) -> &str {
    match stored.tier {
        Some(Tier::DeepArchive) => "DEEP_ARCHIVE",
        Some(Tier::Archive) => "GLACIER",
        None => &stored.properties.storage_class,
    }
}

/// The tier may stand at the top or within the parameters of the job.
fn tier(body: &Element) -> &str {
    let inner = body.child("GlacierJobParameters");
    let tier = inner.and_then(|job| job.child_text("Tier"));
    tier.or_else(|| body.child_text("Tier"))
        .unwrap_or("Standard")
}
