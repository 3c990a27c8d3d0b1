//! The point and the target in, the rows of a plan out, range by range and in the order of the keys.
//!
//! A range is a few segments of the snapshot, and what the target lists between their first and last keys.
//! Named keys need one segment each and a look at the target instead of its listing.

use std::mem;

use futures::{FutureExt, Stream, StreamExt, TryStreamExt, future, stream};

use super::choose::{Choice, choose};
use super::plan_queue::{PlanQueue, ROWS_OF_PIECE, in_order};
use super::range_plan::{Obstacle, Pending, RangePlan, decide};
use super::ranges::{RangeWork, Ranges};
use super::rows::Problem;
use super::site::{Site, Wishes};
use super::versions;
use crate::diff::{Joined, join};
use crate::list::Pages;
use crate::model::{Key, KeyRange, Object, Start};
use crate::s3::S3Error;
use crate::snapshot::{RowRef, SegmentRow};

/// Looks at the named objects of a range at once.
const LOOKS_AT_ONCE: usize = 32;
/// Ranges that are planned side by side, and while their plans have few rows.
const RANGES_AT_ONCE: usize = 8;
const RANGES_OF_FEW_ROWS_AT_ONCE: usize = 16;

/// Keys of a range that the run does not have and that are looked for in other runs: each of these is a read, and
/// a file may name thousands.
const MOST_SEARCHED: usize = 20;

/// The plan of a range in the making, which is handed on in pieces if it grows large.
pub struct Draft<'a> {
    site: &'a Site,
    wishes: &'a Wishes,
    queue: PlanQueue,
    /// Where the piece begins.
    start: Start,
    plan: RangePlan,
    pending: Vec<Pending>,
    /// Rows that there was made room for.
    rows: usize,
}

impl<'a> Draft<'a> {
    /// A plan that begins there.
    pub fn new(site: &'a Site, wishes: &'a Wishes, queue: PlanQueue, start: Start) -> Self {
        Self {
            site,
            wishes,
            queue,
            start,
            plan: RangePlan::default(),
            pending: Vec::new(),
            rows: 0,
        }
    }

    /// Decides about the keys of a page, of which those in `keys` count.
    pub async fn add<R>(
        &mut self,
        page: Vec<Joined<R, Object>>,
        row: impl for<'r> Fn(&'r R) -> RowRef<'r>,
        keys: &KeyRange,
    ) {
        let before = self.pending.len();
        let mut last = None;
        for pair in page {
            let (left, there) = match pair {
                Joined::Left(left) => (Some(left), None),
                Joined::Right(there) => (None, Some(there)),
                Joined::Both(left, there) => (Some(left), Some(there)),
            };
            self.plan.figures.target_objects += u64::from(there.is_some());
            let left = left.as_ref().map(&row);
            if self.pending.len() + 1 >= ROWS_OF_PIECE {
                let key = left.map(|row| Key::new(row.key));
                last = key.or_else(|| there.as_ref().map(|there| there.key.clone()));
            }
            let decided = decide(left, there, self.site, self.wishes, keys, &mut self.plan);
            self.pending.extend(decided);
        }
        let more = self.pending.len() - before;
        self.queue.make_room(&self.start, more).await;
        self.rows += more;
        if let Some(last) = last.filter(|_| self.pending.len() >= ROWS_OF_PIECE) {
            self.hand_on(Some(last)).await;
        }
    }

    /// Hands on what there is, up to a key; none if nothing follows at all.
    pub async fn hand_on(&mut self, until: Option<Key>) {
        let is_at_end = |until: &Key| !self.start.admits(until.as_str());
        if until.as_ref().is_some_and(is_at_end) {
            // The piece before it has come to the end.
            return;
        }
        let mut plan = mem::take(&mut self.plan);
        let pending = mem::take(&mut self.pending);
        plan.settle_all(pending, self.site, self.wishes).await;
        plan.until.clone_from(&until);
        let next = until.map_or(Start::Beginning, Start::After);
        let start = mem::replace(&mut self.start, next);
        self.queue.hand_on(start, plan, mem::take(&mut self.rows));
    }
}

impl RangeWork {
    /// Plans a range of named keys.
    async fn plan_named(
        self,
        keys: Vec<Key>,
        site: Site,
        wishes: Wishes,
    ) -> Result<RangePlan, Obstacle> {
        let mut plan = RangePlan {
            until: self.keys.until.clone(),
            ..RangePlan::default()
        };
        let pending = self.named(&keys, &site, &wishes, &mut plan).await?;
        plan.settle_all(pending, &site, &wishes).await;
        Ok(plan)
    }

    /// Plans all of a range: both of its sides, joined.
    async fn plan_listed(
        self,
        site: Site,
        wishes: Wishes,
        queue: PlanQueue,
    ) -> Result<(), Obstacle> {
        let keys = self.keys;
        let rows = site.history.rows_of(self.segments);
        let joined = join(
            rows.map_err(Obstacle::Snapshot),
            target_pages(&site, &wishes, &keys),
            |row: &SegmentRow| row.key(),
            |object: &Object| object.key.as_str(),
        );
        let mut joined = Box::pin(joined);
        let mut draft = Draft::new(&site, &wishes, queue, keys.start.clone());
        while let Some(page) = joined.try_next().await? {
            draft.add(page, SegmentRow::row, &keys).await;
        }
        draft.hand_on(keys.until).await;
        Ok(())
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
        let looks = wanted.iter().cloned().map(|key| first_look(key, site));
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
            let there = match (row, there) {
                (Some(row), Ok(there)) => second_look(&key, row, there, site, wishes).await,
                (_, there) => there,
            };
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

/// The same, if it was looked at when the target was opened.
async fn first_look(key: Key, site: &Site) -> (Key, Result<Option<Object>, S3Error>) {
    match &site.first_look {
        Some(first) if first.key == key => (key, Ok(first.there.clone())),
        _ => look(key, site).await,
    }
}

/// What the target has by now, if it was looked at before the lease was taken and nothing is to be done by that: no
/// write would notice that it has changed since.
async fn second_look(
    key: &Key,
    row: &SegmentRow,
    there: Option<Object>,
    site: &Site,
    wishes: &Wishes,
) -> Result<Option<Object>, S3Error> {
    let is_first = site
        .first_look
        .as_ref()
        .is_some_and(|first| first.key == *key);
    let chosen = choose(Some(row.row()), there.as_ref(), wishes.policy);
    if is_first && !matches!(chosen, Choice::Copy(_)) {
        return look(key.clone(), site).await.1;
    }
    Ok(there)
}

/// The objects of the target in a range, by the keys of the source.
pub fn target_pages(
    site: &Site,
    wishes: &Wishes,
    keys: &KeyRange,
) -> impl Stream<Item = Result<Vec<Object>, Obstacle>> + use<> {
    let to = site.to();
    let after = to.list_after(&keys.start);
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
                    let key = to.source_of(object.key)?;
                    Some(Object { key, ..object })
                })
                .collect();
            let last = objects.last().map(|object| object.key.clone());
            let is_over = last
                .zip(keys.until.as_ref())
                .is_some_and(|(last, until)| last >= *until);
            objects.retain(|object| keys.admits(&object.key));
            Ok(Some((objects, (!is_over).then_some(pages))))
        }
    })
}

/// The plans of ranges, in order, some of them in the making side by side.
pub fn plans(
    mut ranges: Ranges,
    site: &Site,
    wishes: &Wishes,
) -> impl Stream<Item = Result<RangePlan, Obstacle>> + use<> {
    let (site, wishes) = (site.clone(), wishes.clone());
    let queue = PlanQueue::from(ranges.start().clone());
    let of_all = queue.clone();
    let makings = stream::poll_fn(move |_| {
        let range = ranges.next(queue.has_few_rows());
        let making = range.map(|range| {
            let plan = range.plan_listed(site.clone(), wishes.clone(), queue.clone());
            plan.boxed()
        });
        std::task::Poll::Ready(making)
    });
    in_order(makings, of_all, |queue| {
        if queue.has_few_rows() {
            RANGES_OF_FEW_ROWS_AT_ONCE
        } else {
            RANGES_AT_ONCE
        }
    })
}

/// The plans of ranges of named keys, in order.
pub fn plans_of_keys(
    ranges: Vec<RangeWork>,
    site: &Site,
    wishes: &Wishes,
) -> impl Stream<Item = Result<RangePlan, Obstacle>> + use<> {
    let (site, wishes) = (site.clone(), wishes.clone());
    stream::iter(ranges)
        .map(move |range| {
            let (site, wishes) = (site.clone(), wishes.clone());
            let keys = range.named.clone().unwrap_or_default();
            // Large, and there are several.
            range.plan_named(keys, site, wishes).boxed()
        })
        .buffered(RANGES_AT_ONCE)
}
