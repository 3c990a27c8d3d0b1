//! The keys of one destination, cut into shards while they are listed: who has come how far, and where a shard
//! may be cut in two.
//!
//! One listing reads a shard, up to its last key, `until`. A split moves that end forward and makes a new
//! shard of the keys behind it. A split is always behind what the listing has already passed on, and a
//! listing passes on nothing behind the end of its shard. So every key belongs to exactly one shard,
//! whenever and wherever shards are split.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::allowance::{
    Allowance, END_AT_SEGMENT, FEW_SHARDS, OF_OBJECTS, OF_VERSIONS, WORTH_A_CUT,
};
use super::alphabet::Alphabet;
use super::folders::{FolderQuery, FolderSplit, Folders};
use super::guess::{GuessCounts, GuessKind};
use super::probe::{Probe, ProbeResult};
use super::segment_ends::{RecordedRows, SegmentEnds};
use super::shard::{ClippedRows, Shard};
use super::split_point::{KeySample, SplitGuess};
use crate::model::{Key, KeyRange, Prefix};
use crate::s3::NamePage;

/// Shards that are listed or tried at the same time with one CPU, at most. Each takes 2.3 MiB of the 64 that are promised.
const MOST_ON_ONE_CPU: usize = 15;
/// The same with several CPUs, for which Lambda gives 1,769 MB each: with a page of each side, as many pages as are fetched
/// at the same time.
const MOST_ON_MANY: usize = 48;

/// Ranges of the last snapshot that are listed at the same time to begin with, at most: each costs a page on each side, even
/// where nothing is left of it, and 64 requests beyond the pages are promised.
const MOST_RANGES: usize = 30;

/// Ranges of the last snapshot to begin with, at most.
pub fn most_ranges(cpus: usize) -> usize {
    most_at_once(cpus).min(MOST_RANGES)
}

/// Shards that are listed or tried at the same time, at most.
pub fn most_at_once(cpus: usize) -> usize {
    if cpus > 1 {
        MOST_ON_MANY
    } else {
        MOST_ON_ONE_CPU
    }
}

/// Guesses that are tried and folders that are asked for at the same time, at most.
const MOST_PROBES: usize = 6;
/// Cuts between folders that are tried in one shard at the same time, at most.
const MOST_FOLDER_CUTS: usize = 3;

/// The shards of one destination. Its clones share them.
#[derive(Clone, Debug)]
pub struct Shards {
    shards: Arc<Mutex<ShardTable>>,
    news: Arc<Notify>,
}

#[derive(Debug)]
struct ShardTable {
    all: Vec<Shard>,
    allowance: Allowance,
    /// The characters that keys were seen to differ in.
    alphabet: Alphabet,
    /// Pages listed so far, on both sides.
    pages: u64,
    /// The keys of the largest of them, which tells how many a store puts into a page.
    rows_of_page: u64,
    /// Requests that guesses and cuts have cost so far.
    spent: f64,
    /// Guesses that are being tried.
    probed: Vec<Key>,
    /// What guesses beyond all that was known have found.
    guess_counts: GuessCounts,
    folders: Folders,
    /// Where a cut is best: a cut in the middle of a segment has both parts of it written anew.
    ends: SegmentEnds,
}

/// A shard of which something is known.
struct PagesLeft<'a> {
    shard: &'a Shard,
    seen: &'a KeySample,
    /// Pages that are left in it, as far as can be told.
    pages: f64,
}

impl Shards {
    /// The shards of these ranges, which do not overlap.
    pub fn new(ranges: Vec<KeyRange>) -> Self {
        Self::within(OF_OBJECTS, ranges)
    }

    /// The same, of which the versions are listed.
    pub fn of_versions(ranges: Vec<KeyRange>) -> Self {
        let shards = Self::within(OF_VERSIONS, ranges);
        shards.lock().folders.turn_off();
        shards
    }

    fn within(allowance: Allowance, ranges: Vec<KeyRange>) -> Self {
        let shards = ShardTable {
            all: ranges.into_iter().map(Shard::new).collect(),
            allowance,
            alphabet: Alphabet::default(),
            pages: 0,
            rows_of_page: 1,
            spent: 0.0,
            probed: Vec::new(),
            guess_counts: GuessCounts::default(),
            folders: Folders::default(),
            ends: SegmentEnds::default(),
        };
        Self {
            shards: Arc::new(Mutex::new(shards)),
            news: Arc::default(),
        }
    }

    /// The same, cut at the ends of these segments where there are some.
    #[must_use]
    pub fn with_ends(self, ends: SegmentEnds) -> Self {
        let mut shards = self.lock();
        if !ends.is_empty() {
            shards.folders.turn_off();
        }
        shards.ends = ends;
        drop(shards);
        self
    }

    /// All keys are below a prefix.
    pub(super) fn below(&self, prefix: &Prefix) {
        self.lock().folders.below(prefix);
    }

    /// All shards so far, by their numbers, over or not.
    pub fn ranges(&self) -> Vec<KeyRange> {
        let shards = self.lock();
        shards.all.iter().map(|shard| shard.keys.clone()).collect()
    }

    /// The keys of a shard as they are now: its end may still come forward.
    pub fn range(&self, shard: usize) -> KeyRange {
        self.lock().all[shard].keys.clone()
    }

    /// Waits until something has changed.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// A shard that nobody lists yet, to be listed by the caller.
    pub(super) fn take_waiting(&self) -> Option<usize> {
        let mut shards = self.lock();
        let waiting = shards.all.iter().position(Shard::is_waiting)?;
        shards.all[waiting].begin();
        Some(waiting)
    }

    /// Shards that are listed, and guesses that are being tried.
    pub(super) fn at_once(&self) -> usize {
        self.lock().at_once()
    }

    /// A page of the backup was listed in a shard.
    pub(super) fn backup_listed(&self, shard: usize, has_keys: bool) {
        let mut shards = self.lock();
        if shards.came_too_late(shard) {
            return;
        }
        shards.pages += 1;
        shards.all[shard].backup_listed(has_keys);
        drop(shards);
        self.news.notify_one();
    }

    /// A page of the source was listed in a shard: its keys, and whether others follow.
    pub(super) fn source_listed<'a>(
        &self,
        shard: usize,
        keys: impl ExactSizeIterator<Item = &'a Key> + DoubleEndedIterator + Clone,
        more_follow: bool,
    ) {
        let mut shards = self.lock();
        if shards.came_too_late(shard) {
            return;
        }
        shards.pages += 1;
        shards.rows_of_page = shards.rows_of_page.max(keys.len() as u64);
        let ShardTable {
            all,
            alphabet,
            folders,
            ends,
            ..
        } = &mut *shards;
        all[shard].source_listed(alphabet, keys, more_follow);
        if let Some(seen) = &all[shard].seen {
            folders.note(seen.samples());
            let segment = ends.number_behind(&seen.last);
            all[shard].note_segment(segment);
        }
        drop(shards);
        self.news.notify_one();
    }

    /// Hands on the rows of these, in ascending order, that belong to the shard.
    pub fn pass<T>(&self, shard: usize, rows: &[T], key: impl Fn(&T) -> &str) -> ClippedRows {
        let mut shards = self.lock();
        shards.all[shard].pass(rows, key)
    }

    /// Nobody lists the shard any more.
    pub(super) fn over(&self, shard: usize) {
        let mut shards = self.lock();
        shards.all[shard].end();
        let has_end = shards.all[shard].keys.until.is_some();
        shards.spent += match shards.allowance.end_of_shard {
            Some(pages) if has_end => pages,
            Some(_) => 0.0,
            None => shards.all[shard].wasted(),
        };
        drop(shards);
        self.news.notify_one();
    }

    /// Cuts a shard at the end of a segment, where that is worth it. Keys were behind it when the snapshot was made, so that
    /// nothing is tried first.
    pub(super) fn cut_at_segment(&self) -> bool {
        let mut shards = self.lock();
        let requests = shards.requests_left();
        if requests < END_AT_SEGMENT {
            return false;
        }
        let least = shards.allowance.worth_a_segment(requests);
        let numbered = shards.all.iter().enumerate();
        let known = numbered.filter_map(|(number, shard)| {
            let (pages, middle) = shards.recorded(shard)?;
            (pages >= least).then_some((number, pages, middle?))
        });
        let largest = known.max_by(|(_, one, _), (_, other, _)| one.total_cmp(other));
        let made = largest.and_then(|(number, _, at)| shards.all[number].cut_unlisted(&at));
        let is_cut = made.is_some();
        shards.all.extend(made);
        is_cut
    }

    /// The next question where a cut is worth a try; none if none is, or if enough were made.
    pub(super) fn probe(&self) -> Option<Probe> {
        let mut shards = self.lock();
        let requests = shards.requests_left();
        let has_free = shards.allowance.free(requests, shards.at_once()) >= 1.0;
        if !has_free || shards.count_probed() >= MOST_PROBES {
            return None;
        }
        shards.narrow();
        let left = shards.pages_left();
        let piece = shards.piece(&left);
        let candidates = left
            .iter()
            .filter_map(|known| shards.candidate(known, piece, requests));
        let (_, best) = candidates.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
        match &best {
            Probe::Split(guess) => shards.probed.push(guess.at.clone()),
            Probe::Folders(query) => shards.folders.ask(query.clone()),
        }
        shards.spent += 1.0;
        Some(best)
    }

    /// The folders that follow one, as far as S3 has told them; none if it has not.
    pub(super) fn folders_listed(&self, query: &FolderQuery, page: Option<NamePage>) {
        let mut shards = self.lock();
        let ShardTable { all, folders, .. } = &mut *shards;
        let listed = all.iter().filter(|shard| shard.is_listed());
        let samples = listed.filter_map(|shard| Some(shard.seen.as_ref()?.samples()));
        folders.learn(query, page, samples);
    }

    /// A guess was tried. Cuts the shard that it lies in, and hands out what lies behind; none if nothing does,
    /// or if the shard's listing has come by.
    pub(super) fn cut(&self, guess: &SplitGuess, behind: &ProbeResult) -> Option<usize> {
        let mut shards = self.lock();
        shards.probed.retain(|at| *at != guess.at);
        let number = shards.all.len();
        let ShardTable {
            all,
            guess_counts,
            alphabet,
            ..
        } = &mut *shards;
        let mut listed = all.iter_mut().filter(|shard| shard.is_listed());
        let shard = listed.find(|shard| shard.keys.admits(&guess.at))?;
        let made = match behind {
            ProbeResult::Key(key) if shard.keys.admits(key) => {
                guess_counts.add(guess.kind, true);
                shard.cut(&guess.at, key)?
            }
            ProbeResult::Key(_) | ProbeResult::Nothing => {
                guess_counts.add(guess.kind, false);
                guess.teach(alphabet);
                if let Some(seen) = &mut shard.seen {
                    seen.nothing_above(guess);
                }
                return None;
            }
            ProbeResult::Unknown => return None,
        };
        shards.all.push(made);
        // The page that was tried is the first one of the shard.
        shards.spent -= 1.0;
        Some(number)
    }

    fn lock(&self) -> MutexGuard<'_, ShardTable> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ShardTable {
    fn count_listed(&self) -> usize {
        self.all.iter().filter(|shard| shard.is_listed()).count()
    }

    fn at_once(&self) -> usize {
        self.count_listed() + self.count_probed()
    }

    /// Whether a page was read ahead of a shard that is over: it was listed in vain.
    fn came_too_late(&mut self, shard: usize) -> bool {
        let is_over = self.all[shard].is_over();
        if is_over {
            self.spent += 1.0;
        }
        is_over
    }

    /// Questions that are not answered yet.
    fn count_probed(&self) -> usize {
        self.probed.len() + self.folders.count_asked()
    }

    /// Shards in which no folder follows end with the one that they are in.
    fn narrow(&mut self) {
        let listed = self.all.iter_mut().filter(|shard| shard.is_listed());
        for seen in listed.filter_map(|shard| shard.seen.as_mut()) {
            self.folders.narrow(seen);
        }
    }

    /// Requests that guesses and cuts may still cost, if the shards that are not over end as expected.
    fn requests_left(&self) -> f64 {
        let open = self.all.iter().filter(|shard| !shard.is_over()).count();
        let open = open.saturating_sub(1);
        let end = if self.ends.is_empty() {
            self.allowance.open_cut
        } else {
            END_AT_SEGMENT
        };
        self.allowance.left(self.pages, self.spent, open, end)
    }

    /// The shards that are listed and of which something is known, though not by the last snapshot, each with the pages that are
    /// left in it.
    fn pages_left(&self) -> Vec<PagesLeft<'_>> {
        let counts = self.counts();
        let listed = self.all.iter().filter(|shard| shard.is_listed());
        let unrecorded = listed.filter(|shard| self.recorded(shard).is_none());
        let known = unrecorded.filter_map(|shard| {
            let seen = shard.seen.as_ref()?;
            let pages = self.folders.left(seen);
            let pages = pages.unwrap_or_else(|| seen.left(&self.alphabet, &counts));
            let pages = self.allowance.believed(pages);
            Some(PagesLeft { shard, seen, pages })
        });
        known.collect()
    }

    /// The pages that are left for each shard that may be listed at once; none if that does not count.
    fn piece(&self, left: &[PagesLeft<'_>]) -> Option<f64> {
        let at_once = self.allowance.at_once?;
        let all: f64 = left.iter().map(|known| known.pages).sum();
        Some(all / f64::from(at_once))
    }

    /// What guesses have found so far. Where next to nothing is under way, a request in vain costs less than to wait.
    fn counts(&self) -> GuessCounts {
        if self.count_listed() <= FEW_SHARDS {
            GuessCounts::default()
        } else {
            self.guess_counts
        }
    }

    /// Where to cut a shard, and how much would be gained.
    fn candidate(
        &self,
        left: &PagesLeft<'_>,
        piece: Option<f64>,
        requests: f64,
    ) -> Option<(f64, Probe)> {
        let PagesLeft { shard, seen, pages } = left;
        let probed = self.probed.iter();
        let own: Vec<&Key> = probed
            .filter(|at| **at > seen.last && shard.keys.admits(at))
            .collect();
        let upper = seen.upper_before(&own);
        let cut = self.allowance.cut(*pages, piece, own.len(), requests)?;
        let split = self.folders.split(seen, upper, cut.at.share, own.len());
        match split {
            FolderSplit::At(_) if own.len() >= MOST_FOLDER_CUTS => return None,
            FolderSplit::At(guess) => {
                let at_once = self.at_once();
                let is_worth_it = self
                    .allowance
                    .is_worth_a_folder(cut.left, at_once, requests);
                return is_worth_it.then_some((cut.left, Probe::Split(guess)));
            }
            FolderSplit::Nowhere => return None,
            _ if own.len() >= seen.most_guesses() => return None,
            FolderSplit::Ask(_) | FolderSplit::Asked | FolderSplit::Unknown => {}
        }
        let guess = seen.cut_at(&self.alphabet, &own, cut.at)?;
        // Above the folder there may be many levels with nothing else in them: a guess behind all of them costs one request.
        let is_chain = seen.ends_with_folder() && guess.kind == GuessKind::Block;
        match split {
            FolderSplit::Ask(query) if !is_chain => return Some((cut.left, Probe::Folders(query))),
            FolderSplit::Asked if !is_chain => return None,
            _ => {}
        }
        let before = own.into_iter().min().or(shard.keys.until.as_ref());
        let end = self.ends.near(&guess.at, &seen.last, before).cloned();
        let guess = end.map_or(guess, SplitGuess::at_segment);
        Some((cut.left, Probe::Split(guess)))
    }

    /// The pages that are left in a shard by the last snapshot, and the end of a segment that is nearest to their middle; none if it
    /// tells nothing of them: they are behind all segments, in one that has grown, or many and in one.
    fn recorded(&self, shard: &Shard) -> Option<(f64, Option<Key>)> {
        let seen = shard.seen.as_ref().filter(|_| shard.is_listed())?;
        let number = self.ends.number_behind(&seen.last)?;
        let pages = shard.pages_in_segment(number);
        let has_grown = self.ends.has_grown(number, pages, self.rows_of_page);
        let RecordedRows { rows, middle } = self.ends.rows(&seen.last, shard.keys.until.as_ref());
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let left = rows as f64 / self.rows_of_page as f64;
        let tells = !has_grown && (middle.is_some() || left < WORTH_A_CUT);
        tells.then_some((left, middle))
    }
}

#[cfg(test)]
mod tests;
