//! The snapshots before the last one: each index names the one before it, and proves it by its digest.
//!
//! None is found by listing, which would show what was never complete. A chain that is broken ends with
//! what is wrong: nothing behind it can be proven.

use std::pin::Pin;

use futures::stream::{self, BoxStream, Peekable};
use futures::{StreamExt, TryStreamExt};

use super::History;
use crate::s3::SmallObject;
use crate::snapshot::{
    Index, Link, MOST_INDEX_BYTES, SelectorError, SnapshotError, SnapshotSearch, SnapshotSelector,
    index_key, is_index_key,
};

/// Indexes that are read at once where all of them are wanted, at most.
const INDEXES_AHEAD: u64 = 32;
/// Their bytes, at most: that of a hundred million objects has some seven million.
const BYTES_AHEAD: u64 = 16 << 20;

/// The key of an index, below the job's prefix, and what was read of it.
type Read = (String, Result<SmallObject, SnapshotError>);

impl History {
    /// The indexes of all snapshots, the last one first, each read when it is asked for. An error is
    /// the last item.
    pub fn indexes(&self) -> BoxStream<'static, Result<Index, SnapshotError>> {
        let last = match self.last() {
            Some((index, _)) => Ok(Some(index.clone())),
            None => self.problem().map_or(Ok(None), Err),
        };
        let previous = last.as_ref().ok().and_then(Option::as_ref);
        let previous = previous.and_then(|index| index.previous.clone());
        let history = self.clone();
        let earlier = stream::try_unfold(previous, move |link| {
            let history = history.clone();
            async move {
                let Some(link) = link else { return Ok(None) };
                let found = history.linked(&link, None).await?;
                Ok(found.map(|index| {
                    let previous = index.previous.clone();
                    (index, previous)
                }))
            }
        });
        stream::iter(last.transpose()).chain(earlier).boxed()
    }

    /// The same, for whoever wants so many of them: what a listing has is read at once. Which of them count
    /// the chain tells, as if each had been read when its turn came.
    pub async fn indexes_ahead(
        &self,
        most: usize,
    ) -> BoxStream<'static, Result<Index, SnapshotError>> {
        let Some((last, _)) = self.last() else {
            return self.indexes();
        };
        let (last, previous) = (last.clone(), last.previous.clone());
        let (mut listed, largest) = match previous {
            Some(_) => self.index_keys_before(&last.key()).await,
            None => (Vec::new(), 0),
        };
        let at_once = (BYTES_AHEAD / largest.max(1)).clamp(1, INDEXES_AHEAD);
        listed.reverse();
        listed.truncate(most);
        let history = self.clone();
        let read = stream::iter(listed).map(move |key| {
            let history = history.clone();
            async move {
                let read = history.read(&key, MOST_INDEX_BYTES).await;
                (key, read)
            }
        });
        let read = read
            .buffered(usize::try_from(at_once).unwrap_or(1))
            .boxed()
            .peekable();
        let history = self.clone();
        let earlier = stream::try_unfold((previous, read), move |(link, mut read)| {
            let history = history.clone();
            async move {
                let Some(link) = link else { return Ok(None) };
                let body = ahead(&mut read, &link).await;
                let found = history.linked(&link, body).await?;
                Ok(found.map(|index| {
                    let previous = index.previous.clone();
                    (index, (previous, read))
                }))
            }
        });
        stream::iter([Ok(last)]).chain(earlier.take(most)).boxed()
    }

    /// The keys of indexes that a listing has before one, in their order, as far as it can be had; and the
    /// bytes of the largest one.
    async fn index_keys_before(&self, last: &str) -> (Vec<String>, u64) {
        let below = self.job.key(index_key("").trim_end_matches(".json"));
        let (mut keys, mut largest): (Vec<String>, u64) = (Vec::new(), 0);
        let mut listed = self.bucket.state_objects(&below, None);
        while let Ok(Some(object)) = listed.try_next().await {
            let key = self.job.part(&object.key);
            let Some(key) = key.filter(|key| is_index_key(key) && *key < last) else {
                break;
            };
            keys.push(key.to_owned());
            largest = largest.max(object.size);
        }
        (keys, largest)
    }

    /// The snapshots that are meant, in one walk along the chain, which ends once no other can be.
    pub async fn at<const N: usize>(
        &self,
        wanted: [SnapshotSelector; N],
    ) -> [Result<Index, SelectorError>; N] {
        let mut searches = wanted.map(SnapshotSearch::new);
        let mut indexes = self.indexes();
        let mut broken = None;
        while !searches.iter().all(SnapshotSearch::is_settled) {
            match indexes.try_next().await {
                Ok(Some(index)) => searches.iter_mut().for_each(|search| search.pass(&index)),
                Ok(None) => break,
                Err(problem) => {
                    broken = Some(problem);
                    break;
                }
            }
        }
        searches.map(|search| search.finish(broken.as_ref()))
    }
}

/// What was read ahead of an index, if it was. The keys are those of a listing, the last one first, and have
/// some beside the chain: of runs that were never complete.
async fn ahead(
    read: &mut Peekable<BoxStream<'static, Read>>,
    link: &Link,
) -> Option<Result<SmallObject, SnapshotError>> {
    loop {
        let (key, _) = Pin::new(&mut *read).peek().await?;
        if *key < link.key {
            return None;
        }
        let (key, body) = read.next().await?;
        if key == link.key {
            return Some(body);
        }
    }
}
