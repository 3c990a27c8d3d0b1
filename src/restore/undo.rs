//! What a restore wrote in, a plan of what brings back what stood before out.
//!
//! It comes from the target's own versions, or from what was put aside where the target keeps none. Only keys
//! that still have what the restore wrote are touched: what somebody has written since stays.

use std::sync::Arc;

use futures::{Stream, StreamExt, stream};

use super::choose::Why;
use super::range_plan::{Obstacle, RangePlan};
use super::refused;
use super::rows::{Became, DoneRow, Origin, Place, PlanRow, Problem, Seen};
use super::shelf::Shelf;
use super::site::Site;
use super::state::{Held, RequestRecord, Stage};
use super::state_error::StateError;
use super::store::Store;
use crate::model::{Key, StorageClass, VersionKind, VersionRow};
use crate::request::RestoreId;
use crate::run::StartError;
use crate::s3::{Cause, S3Error};

/// Keys that are looked at side by side.
const LOOKS_AT_ONCE: usize = 32;

/// A restore that is undone.
#[derive(Clone, Debug)]
pub struct Undone {
    /// What was asked for.
    pub request: RequestRecord,
    held: Held,
    store: Store,
}

/// The decision about a key.
enum Back {
    Row(Box<PlanRow>),
    /// Somebody has written it since.
    LeftAlone,
    /// The version that stood there before is gone.
    Gone,
}

/// The restore that is to be undone, if it can be.
pub async fn find(shelf: &Shelf, id: &RestoreId) -> Result<Undone, StartError> {
    let undone = read(shelf, id).await?;
    let stage = undone.held.progress.stage;
    match stage {
        Stage::Complete | Stage::Incomplete | Stage::Cancelled => {}
        Stage::Planning | Stage::Held | Stage::Running | Stage::Waiting => {
            return Err(StartError::request(&format!(
                "restore {id} is {}: continue it to its end or cancel it, and undo it then",
                stage.name()
            )));
        }
    }
    let Some(by) = &undone.held.progress.undone_by else {
        return Ok(undone);
    };
    let Some(by) = RestoreId::parse(by) else {
        return Ok(undone);
    };
    let other = Store::of(shelf, &by);
    let (request, held) = match other.read().await {
        // It was killed before it could write down that it has begun.
        Err(StateError::Unknown { .. }) => return Ok(undone),
        read => read.map_err(refused)?,
    };
    // One that was cancelled may have left something.
    if held.progress.stage == Stage::Cancelled {
        return Ok(undone);
    }
    Err(StartError::request(&format!(
        "restore {id} is undone already: by {by}, which {} began at {} and which is {}; undo that one to \
         take it back",
        request.asked_by,
        request.started_at,
        held.progress.stage.name()
    )))
}

/// The restore, whatever has become of it.
pub async fn read(shelf: &Shelf, id: &RestoreId) -> Result<Undone, StartError> {
    let store = Store::of(shelf, id);
    let (request, held) = store.read().await.map_err(refused)?;
    Ok(Undone {
        request,
        held,
        store,
    })
}

impl Undone {
    /// Writes down which restore undoes it.
    ///
    /// # Errors
    /// Why that cannot be written.
    pub async fn is_undone_by(&mut self, id: &str) -> Result<(), StateError> {
        if self.held.progress.undone_by.as_deref() == Some(id) {
            return Ok(());
        }
        self.held.progress.undone_by = Some(id.to_owned());
        self.store.advance(&mut self.held).await
    }
}

/// The plan of an undo: one range for each part of the plan that is undone, whose number stands for its last
/// key.
pub fn plans(
    undone: &Undone,
    site: &Site,
    after: Option<&Key>,
) -> impl Stream<Item = Result<RangePlan, Obstacle>> + use<> {
    let first = after.and_then(|done| done.as_str().parse::<usize>().ok());
    let parts = first.map_or(0, |done| done + 1)..undone.held.progress.parts.len();
    let (undone, site) = (Arc::new(undone.clone()), site.clone());
    stream::iter(parts).then(move |part| {
        let (undone, site) = (undone.clone(), site.clone());
        async move { plan_part(part, &undone, &site).await }
    })
}

async fn plan_part(part: usize, undone: &Undone, site: &Site) -> Result<RangePlan, Obstacle> {
    let known = undone.store.known(&undone.held, part).await;
    let known = known.map_err(Obstacle::State)?;
    let written = known.last.into_values();
    let written = written.filter(|done| matches!(done.outcome, Became::Copied | Became::Marked));
    let backs = stream::iter(written)
        .map(|done| async move {
            let back = if site.versioned {
                of_versions(&done, site).await
            } else {
                of_aside(&done, site).await
            };
            (done, back)
        })
        .buffered(LOOKS_AT_ONCE);
    let mut backs = Box::pin(backs);
    let mut plan = RangePlan {
        until: Some(Key::new(part.to_string())),
        ..RangePlan::default()
    };
    while let Some((done, back)) = backs.next().await {
        match back {
            Ok(Back::Row(row)) => plan.add(*row, site),
            Ok(Back::LeftAlone) => {
                plan.figures.leave_alone(done.key.as_str());
                plan.exists = (plan.exists.0 + 1, plan.exists.1 + done.size);
            }
            Ok(Back::Gone) => plan.figures.versions_gone += 1,
            Err(error) if error.cause == Cause::OutOfTime => return Err(Obstacle::Target(error)),
            Err(error) => {
                plan.add(problem(&done, Problem::of(&error)), site);
            }
        }
    }
    drop(backs);
    Ok(plan)
}

fn problem(done: &DoneRow, problem: Problem) -> PlanRow {
    PlanRow {
        key: done.key.clone(),
        copy: None,
        why: Why::Back,
        now: None,
        problem: Some(problem),
    }
}

/// What a target that keeps versions had below what the restore wrote.
async fn of_versions(done: &DoneRow, site: &Site) -> Result<Back, S3Error> {
    let versions = site.target.versions_of(&done.key).await?;
    let Some((top, below)) = versions.split_first() else {
        return Ok(Back::LeftAlone);
    };
    if !is_written(top, below.first(), done) {
        return Ok(Back::LeftAlone);
    }
    let now = seen(top).map(|(now, _)| now);
    let row = |copy, why| {
        Back::Row(Box::new(PlanRow {
            key: done.key.clone(),
            copy,
            why,
            now: now.clone(),
            problem: None,
        }))
    };
    let Some(before) = &done.before else {
        return Ok(row(None, Why::Created));
    };
    let found = below.iter().find_map(|version| {
        let (seen, class) = seen(version)?;
        seen.is_same(before).then_some((version, seen, class))
    });
    Ok(match found {
        None => Back::Gone,
        Some((version, seen, class)) => {
            let origin = Origin {
                place: Place::Target,
                key: done.key.clone(),
                version_id: Some(version.id.as_str().to_owned()),
                seen,
                class: class.as_str().to_owned(),
                to_class: readable(&class).as_str().to_owned(),
            };
            row(Some(origin), Why::Back)
        }
    })
}

/// What was put aside before the restore wrote to a target that keeps no versions. What it created there
/// stays: a delete marker would destroy it.
async fn of_aside(done: &DoneRow, site: &Site) -> Result<Back, S3Error> {
    let now = site.target.head(&done.key).await?;
    let etag = done
        .written
        .as_ref()
        .and_then(|written| written.etag.as_deref());
    let ours = now.filter(|now| Some(now.etag.as_str()) == etag && now.size == done.size);
    let (Some(now), Some(_)) = (ours, &done.before) else {
        return Ok(Back::LeftAlone);
    };
    let Some(aside) = &done.aside else {
        return Ok(Back::Gone);
    };
    let Some(found) = site.backup.current(aside).await? else {
        return Ok(Back::Gone);
    };
    let class = found.object.storage_class.clone();
    let origin = Origin {
        place: Place::Backup,
        key: aside.clone(),
        version_id: found.id.as_ref().map(|id| id.as_str().to_owned()),
        seen: Seen::of(&found.object),
        class: class.as_str().to_owned(),
        to_class: readable(&now.storage_class).as_str().to_owned(),
    };
    Ok(Back::Row(Box::new(PlanRow {
        key: done.key.clone(),
        copy: Some(origin),
        why: Why::Back,
        now: Some(Seen::of(&now)),
        problem: None,
    })))
}

/// Whether the newest version of a key is what the restore wrote. A call that was killed may have placed a marker
/// whose id nobody knows: that marker lies directly on what the restore has hidden.
fn is_written(top: &VersionRow, below: Option<&VersionRow>, done: &DoneRow) -> bool {
    let Some(written) = &done.written else {
        return false;
    };
    let same_id = written
        .version_id
        .as_deref()
        .map(|id| id == top.id.as_str());
    match (&top.kind, &written.etag) {
        (VersionKind::Marker, None) => same_id.unwrap_or_else(|| {
            let hidden = below.and_then(seen).zip(done.before.as_ref());
            hidden.is_some_and(|((hidden, _), before)| hidden.is_same(before))
        }),
        (VersionKind::Object { etag: found, .. }, Some(etag)) => {
            same_id.unwrap_or(found.as_str() == etag)
        }
        (VersionKind::Marker, Some(_)) | (VersionKind::Object { .. }, None) => false,
    }
}

fn seen(version: &VersionRow) -> Option<(Seen, StorageClass)> {
    match &version.kind {
        VersionKind::Marker => None,
        VersionKind::Object {
            etag, size, class, ..
        } => {
            let seen = Seen {
                etag: etag.as_str().to_owned(),
                size: *size,
                modified: version.modified,
            };
            Some((seen, class.clone()))
        }
    }
}

/// The class, unless it is an archive: nothing is written to one unasked.
fn readable(class: &StorageClass) -> StorageClass {
    if class.is_archive() {
        StorageClass::new(None)
    } else {
        class.clone()
    }
}
