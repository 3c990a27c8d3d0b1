//! Both sides of one leg, listed piece by piece side by side.
//!
//! A section is a piece of the territory with its two listings under way. The first one is the whole
//! range; while it is listed, guesses are tried where to cut it, and each one that finds keys becomes a
//! section of its own. So a listing takes as long as its requests in flight allow, and not as one chain of
//! pages does, whatever the keys look like.

use std::pin::pin;

use futures::future::{self, Either};
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::pages::{Enough, Pages, read_ahead};
use super::territory::{Behind, Guess, MOST_AT_ONCE, Territory};
use crate::history::History;
use crate::model::{Key, KeyRange, Object, Placement, Prefix};
use crate::s3::{Bucket, Page, S3Error};
use crate::snapshot::Stored;

/// The two sides that are compared.
#[derive(Clone, Debug)]
pub struct Sides {
    /// The source bucket.
    pub source: Bucket,
    /// What is backed up of it.
    pub prefix: Prefix,
    /// The backup bucket.
    pub backup: Bucket,
    /// Where the backups are in it.
    pub placement: Placement,
    /// What was known of them.
    pub history: History,
}

/// One side of a section, page by page, in the order of the keys. It ends after an error.
pub type Listing = BoxStream<'static, Result<Vec<Object>, S3Error>>;

/// A piece of the territory, and both sides of it under way.
pub struct Section {
    /// The piece's number in its territory.
    pub piece: usize,
    /// The source's objects.
    pub source: Listing,
    /// The backups, under the keys of the source objects that they are the copies of.
    pub backup: Listing,
    /// What the last snapshot says of them.
    pub recorded: BoxStream<'static, Vec<Stored>>,
    /// Whose piece it is.
    pub territory: Territory,
    /// Held as long as the piece is listed.
    pub over: Over,
}

/// Dropped, it tells the territory that a section has come to its end or was given up.
#[derive(Debug)]
pub struct Over(Territory, usize);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.over(self.1);
    }
}

/// Lists a territory in as many sections as are worth it. The stream ends when nothing is listed any
/// more.
pub fn sections(sides: Sides, territory: Territory) -> impl Stream<Item = Section> {
    let surveyor = Surveyor {
        sides,
        territory,
        probes: FuturesUnordered::new(),
    };
    stream::unfold(surveyor, |mut surveyor| async {
        let section = surveyor.next().await?;
        Some((section, surveyor))
    })
}

/// Opens sections and looks for places to cut.
struct Surveyor {
    sides: Sides,
    territory: Territory,
    probes: FuturesUnordered<future::BoxFuture<'static, Probe>>,
}

/// A guess that was tried: the listing that begins behind it, with its first page.
struct Probe {
    guess: Guess,
    behind: Behind,
    pages: Pages,
}

impl Surveyor {
    async fn next(&mut self) -> Option<Section> {
        loop {
            if self.territory.at_once() < MOST_AT_ONCE {
                if let Some(piece) = self.territory.take_waiting() {
                    let range = self.territory.range(piece);
                    let pages = self.sides.source_pages(&range);
                    return Some(self.sides.open(&self.territory, piece, pages));
                }
                if let Some(guess) = self.territory.guess() {
                    self.probes.push(Box::pin(probe(self.sides.clone(), guess)));
                    continue;
                }
            }
            if self.territory.at_once() == 0 && self.probes.is_empty() {
                return None;
            }
            let news = pin!(self.territory.news());
            let probe = match future::select(self.probes.next(), news).await {
                Either::Left((Some(probe), _)) => probe,
                Either::Left((None, news)) => {
                    news.await;
                    continue;
                }
                Either::Right(_) => continue,
            };
            if let Some(piece) = self.territory.cut(&probe.guess, &probe.behind) {
                return Some(self.sides.open(&self.territory, piece, probe.pages));
            }
        }
    }
}

async fn probe(sides: Sides, guess: Guess) -> Probe {
    let after = Some(guess.at.clone());
    let mut pages = Pages::new(sides.source, sides.prefix, after);
    let behind = match pages.first_key().await {
        Ok(Some(key)) => Behind::Key(key),
        Ok(None) => Behind::Nothing,
        Err(error) => {
            tracing::debug!(%error, at = %guess.at, "a place to cut could not be tried");
            Behind::Unknown
        }
    };
    Probe {
        guess,
        behind,
        pages,
    }
}

impl Sides {
    fn source_pages(&self, range: &KeyRange) -> Pages {
        let after = range.start.list_after();
        Pages::new(self.source.clone(), self.prefix.clone(), after)
    }

    fn backup_pages(&self, range: &KeyRange) -> Pages {
        let after = range.start.list_after();
        // Longer than any key it would be refused; what begins another text comes before it.
        let after = after.map(|key| self.placement.backup_key(&key).cut_to_fit());
        let prefix = self.placement.prefix(&self.prefix);
        Pages::new(self.backup.clone(), prefix, after).leaping(Placement::behind_state)
    }

    fn open(&self, territory: &Territory, piece: usize, source: Pages) -> Section {
        let range = territory.range(piece);
        let backup = self.backup_pages(&range);
        let placement = self.placement.clone();
        let source = read_ahead(source, watch_source(territory.clone(), piece));
        let backup = read_ahead(backup, self.watch_backup(territory.clone(), piece));
        let recorded = self.history.rows(&range);
        let (start, begin) = (range.start.clone(), range.start);
        Section {
            piece,
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
            territory: territory.clone(),
            over: Over(territory.clone(), piece),
        }
    }

    fn watch_backup(
        &self,
        territory: Territory,
        piece: usize,
    ) -> impl FnMut(&Page) -> Enough + use<> {
        let placement = self.placement.clone();
        move |page| {
            territory.backup_listed();
            let last = page.objects.last();
            let last = last.and_then(|last| placement.source_key(last.key.clone()));
            enough(&territory, piece, last.as_ref())
        }
    }
}

fn watch_source(territory: Territory, piece: usize) -> impl FnMut(&Page) -> Enough {
    move |page| {
        territory.source_listed(piece, page);
        enough(&territory, piece, page.objects.last().map(|last| &last.key))
    }
}

/// A listing that has come to the end of its piece is not read on.
fn enough(territory: &Territory, piece: usize, last: Option<&Key>) -> Enough {
    let until = territory.range(piece).until;
    match (last, until) {
        (Some(last), Some(until)) if *last >= until => Enough::Yes,
        _ => Enough::No,
    }
}
