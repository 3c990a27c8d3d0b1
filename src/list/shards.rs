//! The keys of one destination, cut into shards while they are listed: who has come how far, and where a shard
//! may be cut in two.
//!
//! One listing reads a shard, up to its last key, `until`. A split moves that end forward and makes a new
//! shard of the keys behind it. A split is always behind what the listing has already passed on, and a
//! listing passes on nothing behind the end of its shard. So every key belongs to exactly one shard,
//! whenever and wherever shards are split.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::allowance::{Allowance, FEW_SHARDS, OF_OBJECTS, OF_VERSIONS};
use super::alphabet::Alphabet;
use super::guess::GuessCounts;
use super::shard::{ClippedRows, Shard};
use super::split_point::{KeySample, SplitGuess};
use crate::model::{Key, KeyRange};

/// Shards that are listed or tried at the same time with one CPU, at most. Each takes 2.3 MiB of the 64 that are promised.
const MOST_ON_ONE_CPU: usize = 15;
/// The same with any number of CPUs: with a page of each side and some that are tried, about as many pages as are
/// fetched at the same time.
const MOST_ON_MANY: usize = 30;

/// Shards that are listed or tried at the same time, at most. Where there are several CPUs there is memory for
/// more: Lambda gives 1,769 MB with each.
pub fn most_at_once(cpus: usize) -> usize {
    (MOST_ON_ONE_CPU * cpus).clamp(MOST_ON_ONE_CPU, MOST_ON_MANY)
}

/// Guesses that are tried at the same time, at most.
const MOST_PROBES: usize = 6;

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
    /// Requests that guesses and cuts have cost so far.
    spent: f64,
    /// Guesses that are being tried.
    probed: Vec<Key>,
    /// What guesses beyond all that was known have found.
    guess_counts: GuessCounts,
    /// Where a cut is best, in order: the last keys of the segments of the last snapshot. A cut in the middle of a
    /// segment has both parts of it written anew.
    ends: Vec<Key>,
}

/// A shard of which something is known.
struct PagesLeft<'a> {
    shard: &'a Shard,
    seen: &'a KeySample,
    /// Pages that are left in it, as far as can be told.
    pages: f64,
}

/// What a guess has found behind it.
#[derive(Clone, Debug)]
pub enum ProbeResult {
    /// This key is the first.
    Key(Key),
    /// No key at all.
    Nothing,
    /// S3 did not tell.
    Unknown,
}

impl Shards {
    /// The shards of these ranges, which do not overlap.
    pub fn new(ranges: Vec<KeyRange>) -> Self {
        Self::within(OF_OBJECTS, ranges)
    }

    /// The same, of which the versions are listed.
    pub fn of_versions(ranges: Vec<KeyRange>) -> Self {
        Self::within(OF_VERSIONS, ranges)
    }

    fn within(allowance: Allowance, ranges: Vec<KeyRange>) -> Self {
        let shards = ShardTable {
            all: ranges.into_iter().map(Shard::new).collect(),
            allowance,
            alphabet: Alphabet::default(),
            pages: 0,
            spent: 0.0,
            probed: Vec::new(),
            guess_counts: GuessCounts::default(),
            ends: Vec::new(),
        };
        Self {
            shards: Arc::new(Mutex::new(shards)),
            news: Arc::default(),
        }
    }

    /// The same, cut after these keys where there are some. They ascend.
    #[must_use]
    pub fn with_ends(self, ends: Vec<Key>) -> Self {
        self.lock().ends = ends;
        self
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
        shards.pages += 1;
        let ShardTable { all, alphabet, .. } = &mut *shards;
        all[shard].source_listed(alphabet, keys, more_follow);
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

    /// Where a cut is worth a try; none if none is, or if enough were made.
    pub(super) fn guess(&self) -> Option<SplitGuess> {
        let mut shards = self.lock();
        let requests = shards.requests_left();
        let has_free = shards.allowance.free(requests, shards.at_once()) >= 1.0;
        if !has_free || shards.probed.len() >= MOST_PROBES {
            return None;
        }
        let left = shards.pages_left();
        let piece = shards.piece(&left);
        let candidates = left
            .iter()
            .filter_map(|known| shards.candidate(known, piece, requests));
        let (_, best) = candidates.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
        shards.probed.push(best.at.clone());
        shards.spent += 1.0;
        Some(best)
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
        self.count_listed() + self.probed.len()
    }

    /// Requests that guesses and cuts may still cost, if the shards that are not over end as expected.
    fn requests_left(&self) -> f64 {
        let open = self.all.iter().filter(|shard| !shard.is_over()).count();
        let open = open.saturating_sub(1);
        self.allowance.left(self.pages, self.spent, open)
    }

    /// The shards that are listed and of which something is known, each with the pages that are left in it.
    fn pages_left(&self) -> Vec<PagesLeft<'_>> {
        let counts = self.counts();
        let listed = self.all.iter().filter(|shard| shard.is_listed());
        let known = listed.filter_map(|shard| {
            let seen = shard.seen.as_ref()?;
            let pages = self.allowance.believed(seen.left(&self.alphabet, &counts));
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
    ) -> Option<(f64, SplitGuess)> {
        let PagesLeft { shard, seen, pages } = left;
        let probed = self.probed.iter();
        let own: Vec<&Key> = probed
            .filter(|at| **at > seen.last && shard.keys.admits(at))
            .collect();
        if own.len() >= seen.most_guesses() {
            return None;
        }
        let cut = self.allowance.cut(*pages, piece, own.len(), requests)?;
        let guess = seen.cut_at(&self.alphabet, &own, cut.at)?;
        let before = own.into_iter().min().or(shard.keys.until.as_ref());
        let end = self.end_near(&guess.at, &seen.last, before);
        Some((cut.left, end.map_or(guess, SplitGuess::at_segment)))
    }

    /// The end of a segment that is nearest to a guess, between these keys.
    fn end_near(&self, guess: &Key, after: &Key, before: Option<&Key>) -> Option<Key> {
        let number = self.ends.partition_point(|end| end <= guess);
        let lower = self.ends[..number].last().filter(|end| *end > after);
        let upper = self.ends.get(number);
        let upper = upper.filter(|end| before.is_none_or(|before| *end < before));
        lower.or(upper).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Start;

    #[test]
    fn more_cpus_list_more_shards_at_once_up_to_what_s3_is_asked_for() {
        assert_eq!([0, 1, 2, 3, 64].map(most_at_once), [15, 15, 30, 30, 30]);
    }

    fn key(number: u32) -> Key {
        Key::new(format!("{number:06}"))
    }

    /// Lists so many pages of a thousand keys of one shard, and says where it would be cut then.
    fn guess_after(shards: &Shards, pages: u32) -> Option<Key> {
        let shard = shards.take_waiting().unwrap();
        for page in 0..pages {
            let keys: Vec<Key> = (page * 1000..(page + 1) * 1000).map(key).collect();
            shards.source_listed(shard, keys.iter(), true);
            shards.backup_listed(shard, true);
            shards.pass(shard, &keys, Key::as_str);
        }
        shards.guess().map(|guess| guess.at)
    }

    #[test]
    fn a_shard_is_cut_at_the_end_of_a_segment_where_there_is_one() {
        let range = || {
            vec![KeyRange {
                start: Start::Beginning,
                until: Some(key(99_999)),
            }]
        };
        let ends: Vec<Key> = (1..25).map(|number| key(number * 4_096)).collect();

        let guessed = guess_after(&Shards::new(range()), 6).unwrap();
        let cut = guess_after(&Shards::new(range()).with_ends(ends.clone()), 6).unwrap();

        assert!(!ends.contains(&guessed), "{guessed:?}");
        assert!(
            ends.contains(&cut) && cut <= guessed,
            "{cut:?} for {guessed:?}"
        );
    }

    #[test]
    fn an_end_that_was_listed_or_ends_the_shard_is_no_place_for_a_cut() {
        let until = key(99_999);
        let range = vec![KeyRange {
            start: Start::Beginning,
            until: Some(until.clone()),
        }];
        let ends = vec![key(1), key(5_999), until];

        let guessed = guess_after(&Shards::new(range.clone()), 6);
        let cut = guess_after(&Shards::new(range).with_ends(ends), 6);

        assert_eq!(cut, guessed);
    }

    /// Lists one page of a shard.
    fn list(shards: &Shards, keys: impl Iterator<Item = String>, more_follow: bool) {
        let shard = shards.take_waiting().unwrap();
        let keys: Vec<Key> = keys.map(Key::new).collect();
        shards.source_listed(shard, keys.iter(), more_follow);
    }

    #[test]
    fn a_counted_number_is_cut_in_its_digits_whatever_letters_others_have_there() {
        let range = |start: &str, until: &str| KeyRange {
            start: Start::After(Key::new(start)),
            until: Some(Key::new(until)),
        };
        let shards = Shards::new(vec![range("m", "n"), range("n", "n/002")]);
        let letter = |number: u32| char::from_u32(u32::from('a') + number % 26).unwrap();
        let name = |number: u32| {
            let [first, second] = [number / 26, number].map(letter);
            format!("m/{first}{second}{first}{second}")
        };
        list(&shards, (0..676).map(name), false);

        list(
            &shards,
            (124_000..125_000).map(|number| format!("n/{number:08}")),
            true,
        );
        // Enough pages that a guess is allowed.
        (0..8).for_each(|_| shards.backup_listed(1, true));

        let guess = shards.guess().unwrap();
        assert_eq!(guess.at.as_str(), "n/0016");
    }
}
