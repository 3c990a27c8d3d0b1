//! RestoreObject: asks for an archived object; the clock makes it readable.

use super::Scene;
use crate::call::Call;
use crate::reply::{Refusal, Reply};
use crate::stamp::Stamp;
use crate::version::{Restore, Stored, Tier};
use crate::xml::{Document, Element};
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
    let lifetime = lifetime(&body, &stored)?;
    let state = state(&stored, scene);
    let (status, restore) = match state {
        State::NotArchived => return Err(not_archived(&stored)),
        State::Readable(restore) => (200, restore),
        State::Archived => (202, asked(scene, &stored, &body)?),
        State::UnderWay(current) => {
            let faster = asked(scene, &stored, &body)?;
            if faster.takes >= current.takes {
                let message = "Object restore is already in progress";
                return Err(Refusal::new(409, "RestoreAlreadyInProgress", message));
            }
            (202, faster)
        }
    };
    let bucket = scene.store.bucket_mut(&scene.call.bucket)?;
    let restore = Restore {
        expires: lifetime.map(|lifetime| midnight_after(restore.ready.max(scene.now), lifetime)),
        ..restore
    };
    bucket.edit(&scene.call.key, version.id, |stored| {
        stored.restore = Some(Box::new(restore));
    });
    Ok(Reply::empty(status))
}

/// The copy of an archived object stays for a number of days. What leaves an archive tier of
/// INTELLIGENT_TIERING stays for good, and takes no number.
fn lifetime(body: &Element, stored: &Stored) -> Result<Option<Duration>, Refusal> {
    let days = body.child_text("Days");
    match days.map(str::parse::<u64>) {
        None if stored.properties.storage_class == "INTELLIGENT_TIERING" => Ok(None),
        Some(Ok(days)) if days > 0 && stored.properties.storage_class != "INTELLIGENT_TIERING" => {
            Ok(Some(Duration::from_secs(days * DAY)))
        }
        None | Some(Ok(_) | Err(_)) => Err(Refusal::malformed_xml()),
    }
}

/// A retrieval of the tier that the request names.
fn asked(scene: &Scene<'_>, stored: &Stored, body: &Element) -> Result<Restore, Refusal> {
    let tier = tier(body);
    let takes = thaw_time(archive_class(stored), tier).ok_or_else(|| {
        Refusal::invalid_argument("Retrieval option is not supported by this storage class")
    })?;
    if tier == "Expedited" && !scene.bucket()?.options.expedites {
        let message = "Glacier expedited retrievals are currently not available. Try again later.";
        return Err(Refusal::new(
            503,
            "GlacierExpeditedRetrievalNotAvailable",
            message,
        ));
    }
    Ok(Restore {
        ready: scene.now.plus(takes),
        expires: None,
        takes,
    })
}

/// Copies of archived objects expire at midnight UTC.
fn midnight_after(ready: Stamp, lifetime: Duration) -> Stamp {
    let end = ready.plus(lifetime);
    let day = DAY as i64;
    Stamp((end.0 + day - 1).div_euclid(day) * day)
}

fn not_archived(stored: &Stored) -> Refusal {
    if stored.properties.storage_class == "INTELLIGENT_TIERING" {
        let message = "This object is already in the active tier";
        return Refusal::new(403, "ObjectAlreadyInActiveTierError", message);
    }
    let message = "Restore is not allowed for the object's current storage class";
    Refusal::new(403, "InvalidObjectState", message)
}

enum State {
    NotArchived,
    Archived,
    UnderWay(Restore),
    Readable(Restore),
}

fn state(stored: &Stored, scene: &Scene<'_>) -> State {
    match stored.restore.as_deref().copied() {
        Some(restore) if scene.now < restore.ready => State::UnderWay(restore),
        Some(restore) if !stored.is_archived(scene.now) && stored.tier.is_none() => {
            State::Readable(restore)
        }
        Some(_) | None if stored.is_archived(scene.now) => State::Archived,
        Some(_) | None => State::NotArchived,
    }
}

/// Whether a listing is to tell of restores.
pub(super) fn is_asked_for(call: &Call) -> bool {
    call.header("x-amz-optional-object-attributes")
        .is_some_and(|names| names.contains("RestoreStatus"))
}

/// What a listing tells of a restore: nothing once the copy has expired.
pub(super) fn write_status(out: &mut Document, stored: &Stored, now: Stamp) {
    let Some(restore) = &stored.restore else {
        return;
    };
    let under_way = now < restore.ready;
    if !under_way && restore.expires.is_none_or(|expires| expires <= now) {
        return;
    }
    out.open("RestoreStatus");
    out.flag("IsRestoreInProgress", under_way);
    if let (false, Some(expires)) = (under_way, restore.expires) {
        out.text("RestoreExpiryDate", &expires.iso());
    }
    out.close("RestoreStatus");
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
