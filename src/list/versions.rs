//! The versions of a bucket, listed side by side in shards, as objects are. A shard ends with a key, so that the
//! versions of a key are all in one shard.

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};

use super::allowance::VERSIONS_AT_ONCE;
use super::folders::FolderQuery;
use super::pages::{ATTEMPTS, MOST_EMPTY, ReadMore, in_a_task};
use super::scheduler::{Lister, ShardGuard, listings};
use super::shards::Shards;
use crate::model::{Key, KeyRange, Placement, Prefix, VersionRow};
use crate::s3::{Bucket, Cause, NamePage, Operation, S3Error, VersionPage, VersionPageStart};

/// Versions in a bucket.
#[derive(Clone, Debug)]
pub struct VersionSide {
    /// The bucket.
    pub bucket: Bucket,
    /// The keys that are listed, as the source has them.
    pub prefix: Prefix,
    /// Where they lie in the bucket.
    pub placement: Placement,
}

/// A shard whose versions are being listed.
pub struct VersionListing {
    /// The shard's number.
    pub shard: usize,
    /// Its versions and delete markers under the keys of the source, keys ascending, within a key the newest first.
    /// Those of keys behind its end may come along. An error ends it.
    pub versions: BoxStream<'static, Result<Vec<VersionRow>, S3Error>>,
    /// All shards.
    pub shards: Shards,
    /// Held as long as the shard is listed.
    pub over: ShardGuard,
}

/// Lists the versions and delete markers of all shards, and cuts them while that is worth its requests. The program's
/// own state is passed over unless the prefix lies in it.
pub fn version_listings(side: VersionSide, shards: Shards) -> impl Stream<Item = VersionListing> {
    listings(side, shards, VERSIONS_AT_ONCE.into())
}

impl Lister for VersionSide {
    type Pages = VersionPages;
    type Listing = VersionListing;

    fn pages(&self, range: &KeyRange) -> VersionPages {
        VersionPages::new(self, range)
    }

    async fn first_key(pages: &mut VersionPages) -> Result<Option<Key>, S3Error> {
        pages.first_key().await
    }

    /// A listing of objects does not tell of folders in which everything is deleted.
    async fn folders(&self, _query: &FolderQuery) -> Result<Option<NamePage>, S3Error> {
        Ok(None)
    }

    fn open(&self, shards: &Shards, shard: usize, pages: VersionPages) -> VersionListing {
        let died = pages.broken("the task that lists it has died, so nobody knows what follows");
        let pages = stream::unfold(pages, |mut pages| async {
            let page = pages.next().await?;
            Some((page, pages))
        });
        let start = shards.range(shard).start;
        let pages = in_a_task(pages, watch(shards.clone(), shard), died);
        VersionListing {
            shard,
            versions: pages
                .map_ok(move |page| {
                    let mut rows = page.rows;
                    rows.retain(|row| start.admits(row.key.as_str()));
                    rows
                })
                .boxed(),
            shards: shards.clone(),
            over: ShardGuard::new(shards, shard),
        }
    }
}

/// A listing that has passed the end of its shard is not read on. One that has just come to it is: older versions of
/// that key may follow.
fn watch(shards: Shards, shard: usize) -> impl FnMut(&VersionPage) -> ReadMore {
    move |page| {
        let keys = page.rows.iter().map(|row| &row.key);
        shards.source_listed(shard, keys, page.next.is_some());
        match (page.rows.last(), shards.range(shard).until) {
            (Some(last), Some(until)) if last.key > until => ReadMore::No,
            _ => ReadMore::Yes,
        }
    }
}

/// A listing of versions that is read page by page, under the keys of the source.
pub struct VersionPages {
    bucket: Bucket,
    /// The prefix that is listed, in the bucket.
    prefix: Prefix,
    /// Where the keys of the source lie in the bucket.
    placement: Placement,
    /// Where the next page begins; none after the last one.
    start: Option<VersionPageStart>,
    /// A page that was fetched and not yet handed on.
    fetched: Option<VersionPage>,
    /// Whether the program's own state is listed.
    lists_state: bool,
    /// Pages without a row since the last one with any.
    empty: u32,
}

impl VersionPages {
    fn new(side: &VersionSide, range: &KeyRange) -> Self {
        let prefix = side.placement.prefix(&side.prefix);
        let lists_state = behind_state(&Key::new(prefix.as_str())).is_some();
        let after = side.placement.list_after(&range.start).map(|after| {
            behind_state(&after)
                .filter(|_| !lists_state)
                .unwrap_or(after)
        });
        Self {
            bucket: side.bucket.clone(),
            prefix,
            placement: side.placement.clone(),
            start: Some(after.map_or_else(VersionPageStart::beginning, VersionPageStart::after)),
            fetched: None,
            lists_state,
            empty: 0,
        }
    }

    /// The first key that follows, whose page is kept; none if there is none.
    async fn first_key(&mut self) -> Result<Option<Key>, S3Error> {
        while let Some(page) = self.next().await.transpose()? {
            if let Some(first) = page.rows.first() {
                let key = first.key.clone();
                self.fetched = Some(page);
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// The next page; none after the last one, and after an error.
    async fn next(&mut self) -> Option<Result<VersionPage, S3Error>> {
        if let Some(page) = self.fetched.take() {
            return Some(Ok(page));
        }
        let start = self.start.take()?;
        let page = self.believable(&start).await;
        Some(page.and_then(|page| self.go_on_behind(page)))
    }

    fn go_on_behind(&mut self, mut page: VersionPage) -> Result<VersionPage, S3Error> {
        self.empty = if page.rows.is_empty() {
            self.empty + 1
        } else {
            0
        };
        if self.empty >= MOST_EMPTY && page.next.is_some() {
            let many = format!("{MOST_EMPTY} pages in a row have no key, and more are to follow");
            return Err(self.broken(&many));
        }
        self.start.clone_from(&page.next);
        if !self.lists_state {
            let behind = page.rows.last().and_then(|row| behind_state(&row.key));
            if let (Some(behind), true) = (behind, self.start.is_some()) {
                self.start = Some(VersionPageStart::after(behind));
            }
            page.rows.retain(|row| behind_state(&row.key).is_none());
        }
        let rows = page.rows.into_iter().filter_map(|row| {
            let key = self.placement.key_below(row.key)?;
            Some(VersionRow { key, ..row })
        });
        page.rows = rows.collect();
        Ok(page)
    }

    async fn believable(&self, start: &VersionPageStart) -> Result<VersionPage, S3Error> {
        let mut attempts = self.bucket.attempts(ATTEMPTS);
        loop {
            match self.bucket.version_page(&self.prefix, start).await {
                Err(error) if attempts.may_read_again(&error) => {
                    let attempt = attempts.number();
                    tracing::warn!(bucket = %self.bucket.name(), attempt, %error, "a page of the listing of versions is fetched again");
                    attempts.next().await;
                }
                read => return read,
            }
        }
    }

    fn broken(&self, why: &str) -> S3Error {
        let (operation, bucket) = (Operation::ListObjectVersions, self.bucket.name());
        S3Error::ours(operation, bucket, Cause::Unreadable, why.to_owned())
    }
}

fn behind_state(key: &Key) -> Option<Key> {
    Placement::behind_state(key)
}
