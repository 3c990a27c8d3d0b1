//! Two ordered listings and the last snapshot in, an [`Action`] for each key out; or two snapshots, and
//! each [`Change`] between them.

mod change;
mod count;
mod decide;
mod join;
mod unusual;

use std::sync::Arc;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};

pub use change::{Change, ChangeCounts, DifferenceKind, changes};
pub use count::count;
pub use decide::{Action, Policy, Proof, Reason, Refusal, SkipReason, decide};
pub use join::{Joined, join};
pub use unusual::{ChangeRate, change_rate};

use crate::list::{self, ShardListing};
use crate::model::Object;
use crate::s3::S3Error;
use crate::snapshot::SegmentRow;

/// The actions for the objects of a section, in the order of the keys and a page at a time. The
/// last action is the end, or a listing that failed: what was decided before it still stands.
pub fn actions(section: ShardListing, policy: Arc<Policy>) -> impl Stream<Item = Vec<Action>> {
    pages(section, move |known| action(known, &policy)).map(|page| match page {
        Page::Rows(actions) => actions,
        Page::Broken(error) => vec![Action::Break(error)],
        Page::End => vec![Action::End],
    })
}

/// What comes of a section.
#[derive(Clone, Debug)]
pub enum Page<T> {
    /// What was made of the next keys, in their order.
    Rows(Vec<T>),
    /// A listing failed here: nothing is known of the keys that follow. What was told before still stands.
    Broken(S3Error),
    /// The end of it, whether it is whole or broke off.
    End,
}

/// What `work` makes of what stands under each key of a section, a page at a time. With several CPUs a task of its own joins
/// the listings and does the work, so that no CPU waits for another.
pub fn pages<T: Send + 'static>(
    section: ShardListing,
    mut work: impl FnMut(Known) -> Option<T> + Send + 'static,
) -> impl Stream<Item = Page<T>> {
    let ShardListing {
        shard,
        source,
        backup,
        recorded,
        orphans,
        shards,
        over,
        died,
    } = section;
    let objects = join(
        source,
        backup,
        |object: &Object| object.key.as_str(),
        |backup: &Object| backup.key.as_str(),
    );
    let recorded = known_rows(recorded, orphans);
    let rows = join(objects, recorded, pair_key, SegmentRow::key);
    // Only what is within the shard is this section's, and its end may come forward at any time.
    let within = stream::unfold(Some(Box::pin(rows)), move |rows| {
        let shards = shards.clone();
        async move {
            let mut rows = rows?;
            let page = rows.next().await?;
            let Ok(mut page) = page else {
                return Some((page, None));
            };
            let passed = shards.pass(shard, &page, key);
            page.truncate(passed.rows);
            Some((Ok(page), (!passed.all).then_some(rows)))
        }
    });
    let made = within.map_ok(move |page: Vec<Known>| {
        // `collect` would make room for a few at first, and move them each time there are twice as many.
        let mut made = Vec::with_capacity(page.len());
        made.extend(page.into_iter().filter_map(&mut work));
        made
    });
    let made = list::on_all_cpus(made, died);
    let told = made.map(|page| page.map_or_else(Page::Broken, Page::Rows));
    let end = stream::once(async move {
        drop(over);
        Page::End
    });
    told.chain(end)
}

/// All that the last snapshot says, in one order. No key is in both lists; if one were, what was last backed
/// up counts.
fn known_rows(
    recorded: BoxStream<'static, Vec<SegmentRow>>,
    orphans: Option<BoxStream<'static, Vec<SegmentRow>>>,
) -> BoxStream<'static, Result<Vec<SegmentRow>, S3Error>> {
    let Some(orphans) = orphans else {
        return recorded.map(Ok).boxed();
    };
    let rows = join(
        recorded.map(Ok),
        orphans.map(Ok),
        SegmentRow::key,
        SegmentRow::key,
    );
    rows.map(|page| {
        let rows = page?.into_iter().map(|row| match row {
            Joined::Left(row) | Joined::Right(row) | Joined::Both(row, _) => row,
        });
        Ok(rows.collect())
    })
    .boxed()
}

/// What stands under a key in both buckets, and what the last snapshot says of it.
pub type Known = Joined<Joined<Object, Object>, SegmentRow>;

/// What only the snapshot knows is gone from both sides, and nothing is to be done about it.
fn action(known: Known, policy: &Policy) -> Option<Action> {
    match known {
        Joined::Left(pair) => Some(decide(pair, None, policy)),
        Joined::Both(pair, record) => Some(decide(pair, Some(record), policy)),
        Joined::Right(_) => None,
    }
}

fn key(known: &Known) -> &str {
    match known {
        Joined::Left(pair) | Joined::Both(pair, _) => pair_key(pair),
        Joined::Right(record) => record.key(),
    }
}

fn pair_key(pair: &Joined<Object, Object>) -> &str {
    match pair {
        Joined::Left(object) | Joined::Right(object) | Joined::Both(object, _) => {
            object.key.as_str()
        }
    }
}
