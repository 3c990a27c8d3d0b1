//! The point and the target in, the rows of a plan out, range by range and in the order of the keys.
//!
//! A range is a few segments of the snapshot, and what the target lists between their first and last keys.
//! Named keys need one segment each and a look at the target instead of its listing.

use futures::{FutureExt, Stream, StreamExt, TryStreamExt, future, stream};

use super::choose::{Choice, Why, choose};
use super::figures::Figures;
use super::ranges::RangeWork;
use super::rows::{Origin, Place, PlanRow, Problem, Seen};
use super::site::{Site, Wishes};
use super::state_error::StateError;
use super::versions;
use crate::diff::{Joined, join};
use crate::list::Pages;
use crate::model::{Key, KeyRange, Object, Placement, Prefix, Verdict, VersionId};
use crate::s3::S3Error;
use crate::snapshot::{Row, RowRef, SegmentRow, SnapshotError};
use crate::verify::HeadPair;

/// Looks at a range's objects at once.
const LOOKS_AT_ONCE: usize = 32;

/// Keys of a range that the run does not have and that are looked for in other runs: each of these is a read, and
/// a file may name thousands.
const MOST_SEARCHED: usize = 20;

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

impl RangeWork {
    /// Plans the range.
    ///
    /// # Errors
    /// When the snapshot or the target cannot be read there: nothing is guessed.
    pub async fn plan(self, site: Site, wishes: Wishes) -> Result<RangePlan, Obstacle> {
        let until = self.keys.until.clone();
        let mut plan = RangePlan {
            until,
            ..RangePlan::default()
        };
        let pending = match self.named.clone() {
            Some(keys) => self.named(&keys, &site, &wishes, &mut plan).await?,
            None => self.listed(&site, &wishes, &mut plan).await?,
        };
        plan.settle_all(pending, &site, &wishes).await;
        Ok(plan)
    }

    /// Both sides of a range, joined.
    async fn listed(
        self,
        site: &Site,
        wishes: &Wishes,
        plan: &mut RangePlan,
    ) -> Result<Vec<Pending>, Obstacle> {
        let keys = self.keys.clone();
        let rows = site.history.rows_of(self.segments);
        let rows = rows.map_err(Obstacle::Snapshot);
        let there = target_pages(site, wishes, &keys);
        let joined = join(
            rows,
            there,
            |row: &SegmentRow| row.key(),
            |object: &Object| object.key.as_str(),
        );
        let mut joined = Box::pin(joined);
        let mut pending = Vec::new();
        while let Some(page) = joined.try_next().await? {
            for pair in page {
                let (row, there) = match pair {
                    Joined::Left(row) => (Some(row), None),
                    Joined::Right(there) => (None, Some(there)),
                    Joined::Both(row, there) => (Some(row), Some(there)),
                };
                plan.figures.target_objects += u64::from(there.is_some());
                let row = row.as_ref().map(SegmentRow::row);
                pending.extend(decide(row, there, site, wishes, &keys, plan));
            }
        }
        Ok(pending)
    }

    /// The rows of named keys that the point has.
    async fn rows_of(&self, wanted: &[Key], site: &Site) -> Result<Vec<SegmentRow>, Obstacle> {
        let mut found: Vec<SegmentRow> = Vec::new();
        let mut pages = site.history.rows_of(self.segments.clone());
        while let Some(page) = pages.try_next().await.map_err(Obstacle::Snapshot)? {
            let is_wanted = |row: &SegmentRow| {
                let by_key = |key: &Key| key.as_str().cmp(row.key());
                wanted.binary_search_by(by_key).is_ok()
            };
            found.extend(page.into_iter().filter(is_wanted));
        }
        Ok(found)
    }

    /// The rows of named keys, and looks at the target.
    async fn named(
        self,
        wanted: &[Key],
        site: &Site,
        wishes: &Wishes,
        plan: &mut RangePlan,
    ) -> Result<Vec<Pending>, Obstacle> {
        let looks = wanted.iter().cloned().map(|key| look(key, site));
        let looks = stream::iter(looks).buffered(LOOKS_AT_ONCE);
        let (found, looks) = future::join(
            self.rows_of(wanted, site).boxed(),
            looks.collect::<Vec<_>>().boxed(),
        )
        .await;
        let found = found?;
        let (mut pending, mut missing) = (Vec::new(), 0);
        for (key, there) in looks {
            if !wishes.filter.admits(&key) {
                continue;
            }
            let at = found.binary_search_by(|row| row.key().cmp(key.as_str()));
            let row = at.ok().and_then(|at| found.get(at));
            match (row, there) {
                (None, _) => {
                    missing += 1;
                    let problem = if missing > MOST_SEARCHED {
                        versions::missing(&key)
                    } else {
                        versions::not_in_run(&key, site).await
                    };
                    pending.push(Pending::Problem(key.clone(), problem));
                }
                (Some(_), Err(error)) => {
                    pending.push(Pending::Problem(key.clone(), Problem::of(&error)));
                }
                (Some(row), Ok(there)) => {
                    let row = Some(row.row());
                    pending.extend(decide(row, there, site, wishes, &self.keys, plan));
                }
            }
        }
        Ok(pending)
    }
}

/// What the target has under a key of the source.
pub async fn look(key: Key, site: &Site) -> (Key, Result<Option<Object>, S3Error>) {
    let there = site.target.head(&site.target_key(&key)).await;
    let there = there.map(|there| {
        there.map(|there| Object {
            key: key.clone(),
            ..there
        })
    });
    (key, there)
}

/// The objects of the target in a range, by the keys of the source.
pub fn target_pages(
    site: &Site,
    wishes: &Wishes,
    keys: &KeyRange,
) -> impl Stream<Item = Result<Vec<Object>, Obstacle>> + use<> {
    let to = site.to();
    let after = keys.start.list_after();
    let after = after.map(|key| to.backup_key(&key).cut_to_fit());
    let pages = Pages::new(site.target.clone(), to.prefix(&wishes.prefix), after);
    let keys = keys.clone();
    stream::try_unfold(Some(pages), move |pages| {
        let (to, keys) = (to.clone(), keys.clone());
        async move {
            let Some(mut pages) = pages else {
                return Ok(None);
            };
            let Some(page) = pages.next().await else {
                return Ok(None);
            };
            let page = page.map_err(Obstacle::Target)?;
            let objects = page.objects.into_iter();
            let mut objects: Vec<Object> = objects
                .filter_map(|object| {
                    let key = source_key(&to, object.key)?;
                    Some(Object { key, ..object })
                })
                .collect();
            let last = objects.last().map(|object| object.key.clone());
            let is_over = last
                .zip(keys.until.as_ref())
                .is_some_and(|(last, until)| last > *until);
            objects.retain(|object| keys.admits(&object.key));
            Ok(Some((objects, (!is_over).then_some(pages))))
        }
    })
}

/// The key of the source that a key of the target stands for.
pub fn source_key(to: &Placement, target: Key) -> Option<Key> {
    let prefix = to.prefix(&Prefix::default());
    target.without_prefix(&prefix)
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

/// The plans of ranges, in order, some of them in the making side by side.
pub fn plans(
    ranges: Vec<RangeWork>,
    site: &Site,
    wishes: &Wishes,
    at_once: usize,
) -> impl Stream<Item = Result<RangePlan, Obstacle>> + use<> {
    let (site, wishes) = (site.clone(), wishes.clone());
    stream::iter(ranges)
        .map(move |range| {
            let (site, wishes) = (site.clone(), wishes.clone());
            // Large, and there are several.
            async move { range.plan(site, wishes).await }.boxed()
        })
        .buffered(at_once)
}
