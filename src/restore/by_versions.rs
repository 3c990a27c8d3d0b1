//! The state of a moment, by the listing of versions alone: for backups that have no snapshot of it.
//!
//! The newest version of each key counts that was there by then, in S3's order; if that is a delete marker, the
//! key was gone. Versions tell when a copy was written, and not when its object was, nor what the source had
//! lost by then unless the backup marks it.

use futures::stream::{self, BoxStream};
use futures::{FutureExt, Stream, StreamExt, TryStreamExt};

use super::planning::{Obstacle, Pending, RangePlan, decide, look, source_key, target_pages};
use super::rows::Problem;
use super::site::{Site, Wishes};
use crate::diff::{Joined, join};
use crate::list;
use crate::model::{Key, KeyRange, Object, Start, Timestamp, VersionKind, VersionRow};
use crate::s3::S3Error;
use crate::snapshot::Row;

/// Keys of a plan that is made at once: what is held in memory, and one listing of the target is begun for each.
const KEYS_OF_RANGE: usize = 20_000;
/// Named keys that are looked up side by side.
const LOOKS_AT_ONCE: usize = 32;

/// What cannot be known this way, as results say it.
pub const CANNOT_KNOW: &str = "versions tell when copies were written: what changed in the source after its \
     last copy by then is not in it, and what the source had lost by then is, unless the backup marks deletions";

/// What of the backup counts, while its versions go by.
struct Walk {
    versions: BoxStream<'static, Result<Vec<VersionRow>, S3Error>>,
    at: Timestamp,
    /// The key that goes by, and whether it is decided what counts of it.
    current: Option<(Key, bool)>,
    /// Behind which key the next range begins.
    start: Start,
    is_over: bool,
}

/// The plans of ranges, in order, behind a key.
pub fn plans(
    at: Timestamp,
    site: &Site,
    wishes: &Wishes,
    after: Option<&Key>,
) -> impl Stream<Item = Result<RangePlan, Obstacle>> + use<> {
    let (site, wishes) = (site.clone(), wishes.clone());
    let start = after.map_or(Start::Beginning, |after| Start::After(after.clone()));
    let placement = &site.destination.placement;
    let behind = after.map_or(Start::Beginning, |after| {
        Start::After(placement.backup_key(after))
    });
    let range = KeyRange {
        start: behind,
        until: None,
    };
    let prefix = placement.prefix(&wishes.prefix);
    let walk = Walk {
        versions: list::versions(site.backup.clone(), prefix, &range),
        at,
        current: None,
        start,
        is_over: false,
    };
    stream::try_unfold(walk, move |mut walk| {
        let (site, wishes) = (site.clone(), wishes.clone());
        // Large, and of a type that would be too much for the compiler.
        async move {
            if walk.is_over {
                return Ok(None);
            }
            let (rows, until) = walk.rows(&site).await.map_err(Obstacle::Backup)?;
            let keys = KeyRange {
                start: walk.start.clone(),
                until: until.clone(),
            };
            let plan = plan(rows, keys, &site, &wishes).await?;
            match until {
                Some(until) => walk.start = Start::After(until),
                None => walk.is_over = true,
            }
            Ok(Some((plan, walk)))
        }
        .boxed()
    })
}

impl Walk {
    /// The rows of the next range, and its last key; none for the last one.
    async fn rows(&mut self, site: &Site) -> Result<(Vec<Row>, Option<Key>), S3Error> {
        let mut rows = Vec::new();
        while let Some(page) = self.versions.try_next().await? {
            for version in page {
                rows.extend(self.pass(version, site));
            }
            if rows.len() < KEYS_OF_RANGE {
                continue;
            }
            // More versions may follow of a key that is not decided.
            if let Some((key, true)) = &self.current {
                return Ok((rows, Some(key.clone())));
            }
        }
        Ok((rows, None))
    }

    /// The row of a version, if it is the one of its key that counts.
    fn pass(&mut self, version: VersionRow, site: &Site) -> Option<Row> {
        let key = source_key(&site.destination.placement, version.key.clone())?;
        let is_decided = match &self.current {
            Some((current, is_decided)) if *current == key => *is_decided,
            Some(_) | None => false,
        };
        let counts = !is_decided && version.modified <= self.at;
        self.current = Some((key.clone(), is_decided || counts));
        if counts { row_of(key, version) } else { None }
    }
}

/// The version as a row of a snapshot; none of a delete marker.
fn row_of(key: Key, version: VersionRow) -> Option<Row> {
    match version.kind {
        VersionKind::Marker => None,
        VersionKind::Object {
            etag, size, class, ..
        } => Some(Row {
            key,
            size,
            source_etag: etag.clone(),
            source_modified: version.modified,
            source_version_id: None,
            backup_etag: etag,
            backup_modified: Some(version.modified),
            backup_version_id: Some(version.id),
            storage_class: class,
            checksum: None,
        }),
    }
}

async fn plan(
    rows: Vec<Row>,
    keys: KeyRange,
    site: &Site,
    wishes: &Wishes,
) -> Result<RangePlan, Obstacle> {
    let mut plan = RangePlan {
        until: keys.until.clone(),
        ..RangePlan::default()
    };
    let joined = join(
        stream::iter([Ok::<_, Obstacle>(rows)]),
        target_pages(site, wishes, &keys),
        |row: &Row| row.key.as_str(),
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
            let row = row.as_ref().map(Row::as_ref);
            pending.extend(decide(row, there, site, wishes, &keys, &mut plan));
        }
    }
    plan.settle_all(pending, site, wishes).await;
    Ok(plan)
}

/// The plans of named keys, one for each.
pub fn plans_of_keys(
    at: Timestamp,
    keys: &[Key],
    site: &Site,
    wishes: &Wishes,
    after: Option<&Key>,
) -> impl Stream<Item = Result<RangePlan, Obstacle>> + use<> {
    let left = keys
        .iter()
        .filter(|key| after.is_none_or(|after| *key > after));
    let left: Vec<Key> = left.cloned().collect();
    let (site, wishes) = (site.clone(), wishes.clone());
    stream::iter(left)
        .map(move |key| {
            let (site, wishes) = (site.clone(), wishes.clone());
            async move { Ok(plan_of_key(key, at, &site, &wishes).await) }.boxed()
        })
        .buffered(LOOKS_AT_ONCE)
}

async fn plan_of_key(key: Key, at: Timestamp, site: &Site, wishes: &Wishes) -> RangePlan {
    let mut plan = RangePlan {
        until: Some(key.clone()),
        ..RangePlan::default()
    };
    let pending = match then(&key, at, site).await {
        Err(problem) => Some(Pending::Problem(key, problem)),
        Ok(row) => match look(key.clone(), site).await.1 {
            Err(error) => Some(Pending::Problem(key, Problem::of(&error))),
            Ok(there) => {
                let keys = KeyRange {
                    start: Start::At(key.clone()),
                    until: Some(key),
                };
                decide(Some(row.as_ref()), there, site, wishes, &keys, &mut plan)
            }
        },
    };
    plan.settle_all(pending.into_iter().collect(), site, wishes)
        .await;
    plan
}

/// What a key had at a moment.
async fn then(key: &Key, at: Timestamp, site: &Site) -> Result<Row, Problem> {
    let versions = site.backup.versions_of(&site.backup_key(key)).await;
    let versions = versions.map_err(|error| Problem::of(&error))?;
    let counts = versions.into_iter().find(|version| version.modified <= at);
    let row = counts.and_then(|version| row_of(key.clone(), version));
    row.ok_or_else(|| Problem {
        code: "NotThen".to_owned(),
        message: format!("the backup had no object {key} at {at}"),
        advice: "`s3-backup history KEY` lists the versions of a key".to_owned(),
    })
}
