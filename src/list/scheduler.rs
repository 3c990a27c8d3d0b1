//! Opens the listings of shards, and looks for places to cut them, whatever it is that is listed.

use std::pin::pin;
use std::time::Duration;

use futures::future::{self, Either};
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt, stream};
use tokio::time::timeout;

use super::folders::FolderQuery;
use super::probe::{Probe, ProbeResult};
use super::shards::Shards;
use super::split_point::SplitGuess;
use crate::model::{Key, KeyRange, Start};
use crate::s3::{NamePage, S3Error};

/// A shard waits so long for the names of its folders, and is cut by guesses then. A page takes a tenth of a second.
const TO_NAME_FOLDERS: Duration = Duration::from_secs(3);

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

    /// The folders behind one; none if they tell nothing of what is listed.
    fn folders(
        &self,
        query: &FolderQuery,
    ) -> impl Future<Output = Result<Option<NamePage>, S3Error>> + Send;

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
    probes: FuturesUnordered<future::BoxFuture<'static, ProbeReply<L::Pages>>>,
}

/// What was asked, and found.
enum ProbeReply<P> {
    Split(SplitProbe<P>),
    Folders(FolderQuery, Option<NamePage>),
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
                if self.shards.cut_at_segment() {
                    continue;
                }
                if let Some(probe) = self.shards.probe() {
                    self.send(probe);
                    continue;
                }
            }
            if self.shards.at_once() == 0 && self.probes.is_empty() {
                return None;
            }
            let news = pin!(self.shards.news());
            let reply = match future::select(self.probes.next(), news).await {
                Either::Left((Some(reply), _)) => reply,
                Either::Left((None, news)) => {
                    news.await;
                    continue;
                }
                Either::Right(_) => continue,
            };
            match reply {
                ProbeReply::Folders(query, page) => self.shards.folders_listed(&query, page),
                ProbeReply::Split(probe) => {
                    if let Some(shard) = self.shards.cut(&probe.guess, &probe.behind) {
                        return Some(self.lister.open(&self.shards, shard, probe.pages));
                    }
                }
            }
        }
    }

    fn send(&self, probe: Probe) {
        match probe {
            Probe::Folders(query) => {
                let lister = self.lister.clone();
                self.probes.push(Box::pin(folders(lister, query)));
            }
            Probe::Split(guess) => {
                let range = KeyRange {
                    start: Start::After(guess.at.clone()),
                    until: None,
                };
                let pages = self.lister.pages(&range);
                self.probes.push(Box::pin(split::<L>(pages, guess)));
            }
        }
    }
}

async fn folders<L: Lister>(lister: L, query: FolderQuery) -> ProbeReply<L::Pages> {
    let page = match timeout(TO_NAME_FOLDERS, lister.folders(&query)).await {
        Ok(Ok(page)) => page,
        Ok(Err(error)) => {
            tracing::debug!(%error, after = %query.after, "the folders behind a key could not be listed");
            None
        }
        Err(_) => {
            tracing::debug!(after = %query.after, "the folders behind a key were not listed in time");
            None
        }
    };
    ProbeReply::Folders(query, page)
}

async fn split<L: Lister>(mut pages: L::Pages, guess: SplitGuess) -> ProbeReply<L::Pages> {
    let behind = match L::first_key(&mut pages).await {
        Ok(Some(key)) => ProbeResult::Key(key),
        Ok(None) => ProbeResult::Nothing,
        Err(error) => {
            tracing::debug!(%error, at = %guess.at, "a place to cut could not be tried");
            ProbeResult::Unknown
        }
    };
    ProbeReply::Split(SplitProbe {
        guess,
        behind,
        pages,
    })
}
