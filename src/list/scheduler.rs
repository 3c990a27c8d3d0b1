//! Opens the listings of shards, and looks for places to cut them, whatever it is that is listed.

use std::pin::pin;

use futures::future::{self, Either};
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt, stream};

use super::shards::{ProbeResult, Shards};
use super::split_point::SplitGuess;
use crate::model::{Key, KeyRange, Start};
use crate::s3::S3Error;

/// How a shard is listed.
pub(super) trait Lister: Clone + Send + 'static {
    /// A listing by whose pages it is guessed where to cut.
    type Pages: Send;
    /// All that is listed of a shard.
    type Listing;

    /// The pages of a range: those behind its end may come along.
    fn pages(&self, range: &KeyRange) -> Self::Pages;

    /// The first key of the next page, which is kept; none if there is none.
    fn first_key(
        pages: &mut Self::Pages,
    ) -> impl Future<Output = Result<Option<Key>, S3Error>> + Send;

    /// Begins to list a shard.
    fn open(&self, shards: &Shards, shard: usize, pages: Self::Pages) -> Self::Listing;
}

/// When dropped, it marks the shard as no longer listed: its listing has ended or was given up.
#[derive(Debug)]
pub struct ShardGuard(Shards, usize);

impl ShardGuard {
    /// The guard of a shard that is being listed.
    pub(super) fn new(shards: &Shards, shard: usize) -> Self {
        Self(shards.clone(), shard)
    }
}

impl Drop for ShardGuard {
    fn drop(&mut self) {
        self.0.over(self.1);
    }
}

/// Lists all shards, and cuts them while that is worth its requests, so many at once at most. The stream ends when
/// nothing is listed any more.
pub(super) fn listings<L: Lister>(
    lister: L,
    shards: Shards,
    most_at_once: usize,
) -> impl Stream<Item = L::Listing> {
    let scheduler = Scheduler {
        lister,
        shards,
        most_at_once,
        probes: FuturesUnordered::new(),
    };
    stream::unfold(scheduler, |mut scheduler| async {
        let listing = scheduler.next().await?;
        Some((listing, scheduler))
    })
}

/// Opens shards and looks for places to cut.
struct Scheduler<L: Lister> {
    lister: L,
    shards: Shards,
    most_at_once: usize,
    probes: FuturesUnordered<future::BoxFuture<'static, SplitProbe<L::Pages>>>,
}

/// A guess that was tried: the listing that begins behind it, with its first page.
struct SplitProbe<P> {
    guess: SplitGuess,
    behind: ProbeResult,
    pages: P,
}

impl<L: Lister> Scheduler<L> {
    async fn next(&mut self) -> Option<L::Listing> {
        loop {
            if self.shards.at_once() < self.most_at_once {
                if let Some(shard) = self.shards.take_waiting() {
                    let pages = self.lister.pages(&self.shards.range(shard));
                    return Some(self.lister.open(&self.shards, shard, pages));
                }
                if let Some(guess) = self.shards.guess() {
                    let range = KeyRange {
                        start: Start::After(guess.at.clone()),
                        until: None,
                    };
                    let pages = self.lister.pages(&range);
                    self.probes.push(Box::pin(probe::<L>(pages, guess)));
                    continue;
                }
            }
            if self.shards.at_once() == 0 && self.probes.is_empty() {
                return None;
            }
            let news = pin!(self.shards.news());
            let probe = match future::select(self.probes.next(), news).await {
                Either::Left((Some(probe), _)) => probe,
                Either::Left((None, news)) => {
                    news.await;
                    continue;
                }
                Either::Right(_) => continue,
            };
            if let Some(shard) = self.shards.cut(&probe.guess, &probe.behind) {
                return Some(self.lister.open(&self.shards, shard, probe.pages));
            }
        }
    }
}

async fn probe<L: Lister>(mut pages: L::Pages, guess: SplitGuess) -> SplitProbe<L::Pages> {
    let behind = match L::first_key(&mut pages).await {
        Ok(Some(key)) => ProbeResult::Key(key),
        Ok(None) => ProbeResult::Nothing,
        Err(error) => {
            tracing::debug!(%error, at = %guess.at, "a place to cut could not be tried");
            ProbeResult::Unknown
        }
    };
    SplitProbe {
        guess,
        behind,
        pages,
    }
}
