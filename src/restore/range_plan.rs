//! The plan of a range of keys, and how it is decided about each of them.

use futures::{StreamExt, stream};

use super::choose::{Choice, Why, choose};
use super::figures::Figures;
use super::rows::{Origin, Place, PlanRow, Problem, Seen};
use super::site::{Site, Wishes};
use super::state_error::StateError;
use super::versions;
use crate::model::{Key, KeyRange, Object, Verdict, VersionId};
use crate::s3::S3Error;
use crate::snapshot::{Row, RowRef, SnapshotError};
use crate::verify::HeadPair;

/// Looks at the objects of a range at once: up to twenty ranges are planned side by side, and Lambda has 1,024 file
/// descriptors.
const LOOKS_AT_ONCE: usize = 16;

/// Why nothing more can be planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The snapshot cannot be read there.
    Snapshot(SnapshotError),
    /// A listing of the target failed.
    Target(S3Error),
    /// The versions of the backup could not be listed.
    Backup(S3Error),
    /// The state of the restore that is undone cannot be read.
    State(StateError),
}

/// The plan of a range of keys.
#[derive(Clone, Debug, Default)]
pub struct RangePlan {
    /// The last key of the source that can be in it; none for the last range.
    pub until: Option<Key>,
    /// The rows, in the order of the keys.
    pub rows: Vec<PlanRow>,
    /// What the plan says of them.
    pub figures: Figures,
    /// Objects that are as they should be, and their bytes.
    pub unchanged: (u64, u64),
    /// Objects that are left alone, and their bytes.
    pub exists: (u64, u64),
}

impl RangePlan {
    /// Adds a row.
    pub fn add(&mut self, row: PlanRow, site: &Site) {
        self.figures.add(&row, &site.rules);
        self.rows.push(row);
    }

    /// Adds what came of a decision that needed a look: a row, or the bytes of an object that is as it should
    /// be.
    pub fn add_settled(&mut self, planned: Result<PlanRow, u64>, site: &Site) {
        match planned {
            Ok(row) => self.add(row, site),
            Err(bytes) => self.leave_unchanged(bytes),
        }
    }

    /// Decides what was left open, with looks at both sides.
    pub async fn settle_all(&mut self, pending: Vec<Pending>, site: &Site, wishes: &Wishes) {
        let rows = stream::iter(pending)
            .map(|pending| settle(pending, site, wishes))
            .buffered(LOOKS_AT_ONCE);
        let mut rows = Box::pin(rows);
        while let Some(planned) = rows.next().await {
            self.add_settled(planned, site);
        }
    }

    /// Keys that were looked at.
    pub fn looked_at(&self) -> u64 {
        let left = self.unchanged.0 + self.exists.0;
        (left + self.rows.len() as u64).max(self.figures.target_objects)
    }

    /// Counts an object that is as it should be.
    fn leave_unchanged(&mut self, bytes: u64) {
        self.figures.leave(bytes);
        self.unchanged = (self.unchanged.0 + 1, self.unchanged.1 + bytes);
    }
}

/// What stands under a key, and what is to be done about it.
pub enum Pending {
    /// It is copied.
    Row(Row, Option<Object>, Why),
    /// It is copied unless both sides are equal.
    Compare(Row, Object, Why),
    /// It is marked as deleted.
    Mark(Object),
    /// Nothing can be done about it.
    Problem(Key, Problem),
}

/// Decides about a key, as far as both listings tell.
pub fn decide(
    row: Option<RowRef<'_>>,
    there: Option<Object>,
    site: &Site,
    wishes: &Wishes,
    keys: &KeyRange,
    plan: &mut RangePlan,
) -> Option<Pending> {
    let key = match (row, &there) {
        (Some(row), _) => Key::new(row.key),
        (None, Some(there)) => there.key.clone(),
        (None, None) => return None,
    };
    if !keys.admits(&key) || !key.is_below(&wishes.prefix) || !wishes.filter.admits(&key) {
        return None;
    }
    match choose(row, there.as_ref(), wishes.policy) {
        Choice::Copy(why) => Some(Pending::Row(row?.to_row(), there, why)),
        Choice::Compare(why) => Some(Pending::Compare(row?.to_row(), there?, why)),
        Choice::Unchanged => {
            plan.leave_unchanged(row?.size);
            None
        }
        Choice::Exists => {
            let bytes = row?.size;
            plan.figures.leave(bytes);
            plan.exists = (plan.exists.0 + 1, plan.exists.1 + bytes);
            None
        }
        Choice::Extra => {
            let there = there?;
            let placement = &site.destination.placement;
            let is_backed_up = wishes.backed_up.admits(&key) && !placement.is_reserved(&key);
            if wishes.policy.in_place && !is_backed_up {
                return None;
            }
            plan.figures.add_extra(there.size);
            (wishes.marks_extra && site.versioned).then_some(Pending::Mark(there))
        }
        Choice::Nothing => None,
    }
}

/// The row of a plan, or the bytes of an object that is as it should be.
pub async fn settle(pending: Pending, site: &Site, wishes: &Wishes) -> Result<PlanRow, u64> {
    let (row, there, why, compare) = match pending {
        Pending::Row(row, there, why) => (row, there, why, false),
        Pending::Compare(row, there, why) => (row, Some(there), why, true),
        Pending::Mark(there) => {
            return Ok(PlanRow {
                key: site.target_key(&there.key),
                copy: None,
                why: Why::Extra,
                now: Some(Seen::of(&there)),
                problem: None,
            });
        }
        Pending::Problem(key, problem) => {
            return Ok(PlanRow {
                key: site.target_key(&key),
                copy: None,
                why: Why::New,
                now: None,
                problem: Some(problem),
            });
        }
    };
    let planned = |problem: Option<Problem>, version: Option<&VersionId>| PlanRow {
        key: site.target_key(&row.key),
        copy: problem
            .is_none()
            .then(|| origin(&row, version, there.as_ref(), site, wishes)),
        why,
        now: there.as_ref().map(Seen::of),
        problem,
    };
    let version = match &row.backup_version_id {
        Some(version) => version.clone(),
        None => match versions::of_row(&row, site).await {
            Ok(version) => version,
            Err(problem) => return Ok(planned(Some(problem), None)),
        },
    };
    if let Some(there) = there.as_ref().filter(|_| compare)
        && is_equal(&row, &version, there, site).await
    {
        return Err(row.size);
    }
    Ok(planned(None, Some(&version)))
}

fn origin(
    row: &Row,
    version: Option<&VersionId>,
    there: Option<&Object>,
    site: &Site,
    wishes: &Wishes,
) -> Origin {
    let to_class = wishes.class_for(&row.storage_class, there);
    Origin {
        place: Place::Backup,
        key: site.backup_key(&row.key),
        version_id: version.map(|version| version.as_str().to_owned()),
        seen: Seen {
            etag: row.backup_etag.as_str().to_owned(),
            size: row.size,
            modified: row.backup_modified.unwrap_or(row.source_modified),
        },
        class: row.storage_class.as_str().to_owned(),
        to_class: to_class.as_str().to_owned(),
    }
}

/// Whether a look at both sides proves that they are equal in all that a copy carries. Whatever is not
/// proven is copied, which costs a version and no data.
async fn is_equal(row: &Row, version: &VersionId, there: &Object, site: &Site) -> bool {
    let copier = site.copier(Place::Backup);
    let backup_key = site.backup_key(&row.key);
    let object = Object {
        key: backup_key.clone(),
        size: row.size,
        etag: row.backup_etag.clone(),
        last_modified: row.backup_modified.unwrap_or(row.source_modified),
        storage_class: row.storage_class.clone(),
    };
    let target_key = site.target_key(&there.key);
    let pair = HeadPair {
        copier: &copier,
        object: &object,
        version: Some(version),
        backup_key: &target_key,
        recorded: None,
    };
    matches!(Box::pin(pair.compare()).await, Ok(Verdict::Equal(_)))
}
