//! The source and one backup, listed side by side in shards.
//!
//! The first shard is the whole range. While it is listed, the scheduler looks for keys at which it can be
//! split, and each probe that finds keys becomes a shard with listings of its own. So the time of a listing
//! is bounded by the requests in flight, and not by one chain of pages, whatever the keys look like.

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};

use super::folders::FolderQuery;
use super::pages::{Pages, ReadMore, read_ahead};
use super::scheduler::{Lister, ShardGuard, listings};
use super::shards::Shards;
use crate::history::History;
use crate::model::{Key, KeyRange, Object, Placement, Prefix};
use crate::s3::{Bucket, NamePage, Page, PageStart, S3Error};
use crate::snapshot::SegmentRow;

/// The two sides that are compared.
#[derive(Clone, Debug)]
pub struct Sides {
    /// The source bucket.
    pub source: Bucket,
    /// The keys of it that are backed up.
    pub prefix: Prefix,
    /// The backup bucket.
    pub backup: Bucket,
    /// Where the backups are in it.
    pub placement: Placement,
    /// What was known of them.
    pub history: History,
}

/// One side of a section, page by page, in the order of the keys. It ends after an error.
pub type ObjectPages = BoxStream<'static, Result<Vec<Object>, S3Error>>;

/// A shard whose two listings are under way.
pub struct ShardListing {
    /// The shard's number.
    pub shard: usize,
    /// The source's objects.
    pub source: ObjectPages,
    /// The backups, under the keys of the source objects that they are the copies of.
    pub backup: ObjectPages,
    /// What the last snapshot says of them.
    pub recorded: BoxStream<'static, Vec<SegmentRow>>,
    /// What it says of backups whose objects were gone already; none if it has none.
    pub orphans: Option<BoxStream<'static, Vec<SegmentRow>>>,
    /// All shards of the destination.
    pub shards: Shards,
    /// Held as long as the shard is listed.
    pub over: ShardGuard,
    /// The error of the shard if the task that joins it dies.
    pub died: S3Error,
}

/// Lists all keys in as many shards as are worth their requests, so many at once at most. The stream ends when
/// nothing is listed any more.
pub fn shard_listings(
    sides: Sides,
    shards: Shards,
    most_at_once: usize,
) -> impl Stream<Item = ShardListing> {
    shards.below(&sides.prefix);
    listings(sides, shards, most_at_once)
}

impl Lister for Sides {
    type Pages = Pages;
    type Listing = ShardListing;

    fn pages(&self, range: &KeyRange) -> Pages {
        let after = range.start.list_after();
        Pages::new(self.source.clone(), self.prefix.clone(), after)
    }

    async fn first_key(pages: &mut Pages) -> Result<Option<Key>, S3Error> {
        pages.first_key().await
    }

    async fn folders(&self, query: &FolderQuery) -> Result<Option<NamePage>, S3Error> {
        let level = Prefix::new(query.level.prefix.as_str());
        // All keys are below the prefix of the source, which may end within the name of a folder.
        let is_wider = self.prefix.as_str().starts_with(level.as_str());
        let below = if is_wider { &self.prefix } else { &level };
        let start = PageStart::After(query.after.clone());
        let page = self.source.names(below, query.level.delimiter, &start);
        page.await.map(Some)
    }

    fn open(&self, shards: &Shards, shard: usize, source: Pages) -> ShardListing {
        let range = shards.range(shard);
        let backup = self.backup_pages(&range);
        let placement = self.placement.clone();
        let died =
            source.broken("the task that compares it has died, so nobody knows what follows");
        let source = read_ahead(source, watch_source(shards.clone(), shard));
        let backup = read_ahead(backup, self.watch_backup(shards.clone(), shard));
        let recorded = self.history.rows(&range);
        let orphans = self.history.orphans(&range);
        let (start, begin) = (range.start.clone(), range.start);
        ShardListing {
            shard,
            source: source
                .map_ok(move |page| {
                    let objects = page.objects.into_iter();
                    objects
                        .filter(|object| start.admits(object.key.as_str()))
                        .collect()
                })
                .boxed(),
            backup: backup
                .map_ok(move |page| {
                    let backups = page.objects.into_iter().filter_map(|object| {
                        let key = placement.source_key(object.key)?;
                        begin
                            .admits(key.as_str())
                            .then_some(Object { key, ..object })
                    });
                    backups.collect()
                })
                .boxed(),
            recorded,
            orphans,
            shards: shards.clone(),
            over: ShardGuard::new(shards, shard),
            died,
        }
    }
}

impl Sides {
    fn backup_pages(&self, range: &KeyRange) -> Pages {
        let after = self.placement.list_after(&range.start);
        let prefix = self.placement.prefix(&self.prefix);
        Pages::new(self.backup.clone(), prefix, after).leaping(Placement::behind_state)
    }

    fn watch_backup(&self, shards: Shards, shard: usize) -> impl FnMut(&Page) -> ReadMore + use<> {
        let placement = self.placement.clone();
        move |page| {
            shards.backup_listed(shard, !page.objects.is_empty());
            let last = page.objects.last();
            let last = last.and_then(|last| placement.source_key(last.key.clone()));
            read_more(&shards, shard, last.as_ref())
        }
    }
}

fn watch_source(shards: Shards, shard: usize) -> impl FnMut(&Page) -> ReadMore {
    move |page| {
        let keys = page.objects.iter().map(|object| &object.key);
        shards.source_listed(shard, keys, page.next.is_some());
        read_more(&shards, shard, page.objects.last().map(|last| &last.key))
    }
}

/// A listing that has come to the end of its shard is not read on.
fn read_more(shards: &Shards, shard: usize, last: Option<&Key>) -> ReadMore {
    let until = shards.range(shard).until;
    match (last, until) {
        (Some(last), Some(until)) if *last >= until => ReadMore::No,
        _ => ReadMore::Yes,
    }
}
