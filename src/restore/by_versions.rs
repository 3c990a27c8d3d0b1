//! The state of a moment, by the listing of versions alone: for backups that have no snapshot of it.
//!
//! The newest version of each key counts that was there by then, in S3's order; if that is a delete marker, the
//! key was gone. Versions tell when a copy was written, and not when its object was, nor what the source had
//! lost by then unless the backup marks it.

use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};

use super::plan_queue::{PlanQueue, in_order};
use super::planning::{Draft, look, target_pages};
use super::range_plan::{Obstacle, Pending, RangePlan, decide};
use super::rows::Problem;
use super::site::{Site, Wishes};
use crate::diff::{Joined, join};
use crate::list::{Shards, VersionListing, VersionSide, version_listings};
use crate::model::{Key, KeyRange, Object, Start, Timestamp, VersionKind, VersionRow};
use crate::snapshot::Row;

/// Named keys that are looked up side by side.
const LOOKS_AT_ONCE: usize = 32;

/// What cannot be known this way, as results say it.
pub const CANNOT_KNOW: &str = "versions tell when copies were written: what changed in the source after its \
     last copy by then is not in it, and what the source had lost by then is, unless the backup marks deletions";

/// The plans of ranges, in order, behind a key.
pub fn plans(
    at: Timestamp,
    site: &Site,
    wishes: &Wishes,
    after: Option<&Key>,
) -> impl Stream<Item = Result<RangePlan, Obstacle>> + use<> {
    let (site, wishes) = (site.clone(), wishes.clone());
    let start = after.map_or(Start::Beginning, |after| Start::After(after.clone()));
    let queue = PlanQueue::from(start.clone());
    let backup = VersionSide {
        bucket: site.backup.clone(),
        prefix: wishes.prefix.clone(),
        placement: site.destination.placement.clone(),
    };
    let all = KeyRange { start, until: None };
    let listings = version_listings(backup, Shards::of_versions(vec![all]));
    let of_all = queue.clone();
    let makings = listings.map(move |listing| {
        let (site, wishes) = (site.clone(), wishes.clone());
        // Large, and there are several.
        plan_shard(listing, at, site, wishes, queue.clone()).boxed()
    });
    // The listings know themselves how many they may be.
    in_order(makings, of_all, |_| usize::MAX)
}

/// Plans a shard, which may be cut meanwhile.
async fn plan_shard(
    listing: VersionListing,
    at: Timestamp,
    site: Site,
    wishes: Wishes,
    queue: PlanQueue,
) -> Result<(), Obstacle> {
    let VersionListing {
        shard,
        versions,
        shards,
        over,
    } = listing;
    let keys = shards.range(shard);
    let mut state = StateThen { at, current: None };
    let rows = versions
        .map_ok(move |page| page.into_iter().filter_map(|row| state.pass(row)).collect())
        .map_err(Obstacle::Backup);
    let joined = join(
        rows,
        target_pages(&site, &wishes, &keys),
        |row: &Row| row.key.as_str(),
        |object: &Object| object.key.as_str(),
    );
    let mut joined = Box::pin(joined);
    let mut draft = Draft::new(&site, &wishes, queue, keys.start.clone());
    while let Some(mut page) = joined.try_next().await? {
        let own = shards.pass(shard, &page, key_of);
        page.truncate(own.rows);
        draft.add(page, Row::as_ref, &keys).await;
        if own.all {
            break;
        }
    }
    drop(joined);
    // Nobody cuts it from here on, so that its end is certain.
    drop(over);
    draft.hand_on(shards.range(shard).until).await;
    Ok(())
}

fn key_of(pair: &Joined<Row, Object>) -> &str {
    match pair {
        Joined::Left(row) | Joined::Both(row, _) => row.key.as_str(),
        Joined::Right(there) => there.key.as_str(),
    }
}

/// What of the backup counts, while its versions go by.
struct StateThen {
    at: Timestamp,
    /// The key that goes by, and whether it is decided what counts of it.
    current: Option<(Key, bool)>,
}

impl StateThen {
    /// The row of a version, if it is the one of its key that counts.
    fn pass(&mut self, version: VersionRow) -> Option<Row> {
        let is_decided = match &self.current {
            Some((current, is_decided)) if *current == version.key => *is_decided,
            Some(_) | None => false,
        };
        let counts = !is_decided && version.modified <= self.at;
        match &mut self.current {
            Some((current, is_decided)) if *current == version.key => *is_decided |= counts,
            current => *current = Some((version.key.clone(), counts)),
        }
        if counts { row_of(version) } else { None }
    }
}

/// The version as a row of a snapshot; none of a delete marker.
fn row_of(version: VersionRow) -> Option<Row> {
    match version.kind {
        VersionKind::Marker => None,
        VersionKind::Object {
            etag, size, class, ..
        } => Some(Row {
            key: version.key,
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
    let row = counts.and_then(|version| {
        let key = key.clone();
        row_of(VersionRow { key, ..version })
    });
    row.ok_or_else(|| Problem {
        code: "NotThen".to_owned(),
        message: format!("the backup had no object {key} at {at}"),
        advice: "`s3-backup history KEY` lists the versions of a key".to_owned(),
    })
}
