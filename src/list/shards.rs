//! The keys of one destination, cut into shards while they are listed: who has come how far, and where a shard
//! may be cut in two.
//!
//! One listing reads a shard, up to its last key, `until`. A split moves that end forward and makes a new
//! shard of the keys behind it. A split is always behind what the listing has already passed on, and a
//! listing passes on nothing behind the end of its shard. So every key belongs to exactly one shard,
//! whenever and wherever shards are split.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::split_point::{Alphabet, KeySample};
use crate::model::{Key, KeyRange, Start};
use crate::s3::Page;

/// Shards that are listed at the same time, at most. Two listings of 60 ms a page each are what one
/// vCPU can parse at this number.
pub const MOST_AT_ONCE: usize = 12;
/// Pages that must be left in a shard for a cut to be worth it.
const WORTH_A_CUT: f64 = 8.0;
/// A guess that finds nothing costs a request; a cut costs up to two more, for both sides of the shard
/// before it read a page that reaches beyond its end. All of them together are bounded by the pages
/// listed so far: one in eight, so that a small bucket stays as cheap as two listings; then 24 and one
/// in 128, which is below two in a hundred from a million objects on.
const PAGES_FOR_A_REQUEST: u64 = 8;
const FREE_REQUESTS: u64 = 24;
const PAGES_FOR_A_REQUEST_LATER: u64 = 128;

/// The shards of one destination. Its clones share them.
#[derive(Clone, Debug)]
pub struct Shards {
    shards: Arc<Mutex<ShardTable>>,
    news: Arc<Notify>,
}

#[derive(Debug, Default)]
struct ShardTable {
    all: Vec<Shard>,
    /// The characters that keys were seen to differ in.
    alphabet: Alphabet,
    /// Pages listed so far, on both sides.
    pages: u64,
    /// Requests that guesses and cuts may have cost so far.
    spent: u64,
}

#[derive(Debug)]
struct Shard {
    keys: KeyRange,
    /// The last key that was handed on.
    passed: Option<Key>,
    state: ShardState,
    seen: Option<KeySample>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShardState {
    Waiting,
    Listed,
    /// Listed, and a guess at where to cut it is being tried.
    Probed,
    Over,
}

/// A guess at where to cut a shard.
#[derive(Clone, Debug)]
pub struct SplitCandidate {
    /// The shard's number.
    pub shard: usize,
    /// Where to cut: after this key.
    pub at: Key,
}

/// What was handed on of a shard.
#[derive(Clone, Copy, Debug)]
pub struct ClippedRows {
    /// So many rows.
    pub rows: usize,
    /// And the shard has no more.
    pub all: bool,
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
        let all: Vec<Shard> = ranges.into_iter().map(Shard::new).collect();
        let shards = ShardTable {
            spent: 2 * all.len().saturating_sub(1) as u64,
            all,
            ..ShardTable::default()
        };
        Self {
            shards: Arc::new(Mutex::new(shards)),
            news: Arc::default(),
        }
    }

    /// All shards so far, by their numbers, over or not.
    pub fn ranges(&self) -> Vec<KeyRange> {
        let shards = self.lock();
        shards.all.iter().map(|shard| shard.keys.clone()).collect()
    }

    /// The keys of a shard as they are now: its end may still come forward.
    pub(super) fn range(&self, shard: usize) -> KeyRange {
        self.lock().all[shard].keys.clone()
    }

    /// Waits until something has changed.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// A shard that nobody lists yet, to be listed by the caller.
    pub(super) fn take_waiting(&self) -> Option<usize> {
        let mut shards = self.lock();
        let all = &mut shards.all;
        let waiting = all
            .iter()
            .position(|shard| shard.state == ShardState::Waiting)?;
        all[waiting].state = ShardState::Listed;
        Some(waiting)
    }

    /// Shards that are listed or probed.
    pub(super) fn at_once(&self) -> usize {
        let shards = self.lock();
        let probes = shards.count(ShardState::Probed);
        shards.count(ShardState::Listed) + 2 * probes
    }

    /// A page of the backup was listed.
    pub(super) fn backup_listed(&self) {
        self.lock().pages += 1;
        self.news.notify_one();
    }

    /// A page of the source was listed in a shard.
    pub(super) fn source_listed(&self, shard: usize, page: &Page) {
        let mut shards = self.lock();
        shards.pages += 1;
        match page.objects.as_slice() {
            [first, .., last] if page.next.is_some() => {
                shards
                    .alphabet
                    .learn(page.objects.iter().map(|object| &object.key));
                shards.all[shard].see(&first.key, &last.key);
            }
            // What ends here need not be cut.
            _ => shards.all[shard].seen = None,
        }
        drop(shards);
        self.news.notify_one();
    }

    /// Hands on the rows of these, in ascending order, that belong to the shard.
    pub fn pass<T>(&self, shard: usize, rows: &[T], key: impl Fn(&T) -> &str) -> ClippedRows {
        let mut shards = self.lock();
        let shard = &mut shards.all[shard];
        let until = shard.keys.until.as_ref();
        let within = until.map_or(rows.len(), |until| {
            rows.partition_point(|row| key(row) <= until.as_str())
        });
        let last = rows[..within].last().map(key);
        let reached = last.is_some() && last == until.map(Key::as_str);
        if let Some(last) = last {
            shard.passed = Some(Key::new(last));
        }
        let all = within < rows.len() || reached;
        ClippedRows { rows: within, all }
    }

    /// Nobody lists the shard any more.
    pub(super) fn over(&self, shard: usize) {
        self.lock().all[shard].state = ShardState::Over;
        self.news.notify_one();
    }

    /// Where a cut is worth a try; none if none is, or if enough were made.
    pub(super) fn guess(&self) -> Option<SplitCandidate> {
        let mut shards = self.lock();
        if !shards.may_cut() {
            return None;
        }
        let alphabet = &shards.alphabet;
        let worth = |(number, shard): (usize, &Shard)| {
            let seen = shard
                .seen
                .as_ref()
                .filter(|_| shard.state == ShardState::Listed)?;
            let left = seen.left(alphabet).unwrap_or(f64::INFINITY);
            let at = (left >= WORTH_A_CUT).then(|| seen.cut(alphabet))??;
            Some((left, SplitCandidate { shard: number, at }))
        };
        let candidates = shards.all.iter().enumerate().filter_map(worth);
        let (_, guess) = candidates.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
        shards.all[guess.shard].state = ShardState::Probed;
        shards.spent += 1;
        Some(guess)
    }

    /// A guess was tried. Cuts the shard there, and hands out what lies behind; none if nothing does,
    /// or if the shard's section has come by.
    pub(super) fn cut(&self, guess: &SplitCandidate, behind: &ProbeResult) -> Option<usize> {
        let mut shards = self.lock();
        let number = shards.all.len();
        let shard = &mut shards.all[guess.shard];
        if shard.state != ShardState::Probed {
            return None;
        }
        shard.state = ShardState::Listed;
        let made = match behind {
            ProbeResult::Key(key) if shard.keys.admits(key) => shard.cut(&guess.at, key)?,
            ProbeResult::Key(_) | ProbeResult::Nothing => {
                shard.nothing_above(&guess.at);
                return None;
            }
            ProbeResult::Unknown => return None,
        };
        shards.all.push(made);
        shards.spent += 1;
        Some(number)
    }

    fn lock(&self) -> MutexGuard<'_, ShardTable> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ShardTable {
    fn count(&self, state: ShardState) -> usize {
        self.all.iter().filter(|shard| shard.state == state).count()
    }

    fn may_cut(&self) -> bool {
        let later = FREE_REQUESTS + self.pages / PAGES_FOR_A_REQUEST_LATER;
        let allowed = (self.pages / PAGES_FOR_A_REQUEST).min(later);
        self.spent + 2 <= allowed
    }
}

impl Shard {
    fn new(keys: KeyRange) -> Self {
        Self {
            keys,
            passed: None,
            state: ShardState::Waiting,
            seen: None,
        }
    }

    fn see(&mut self, first: &Key, last: &Key) {
        let upper = self.keys.until.clone();
        let seen = self.seen.get_or_insert_with(|| KeySample {
            first: first.clone(),
            last: last.clone(),
            upper,
            varies: None,
            pages: 0,
        });
        seen.last = last.clone();
        seen.pages += 1;
    }

    fn nothing_above(&mut self, key: &Key) {
        if let Some(seen) = &mut self.seen {
            seen.upper = Some(key.clone());
        }
    }

    /// Ends this shard with a key and makes what is behind it another one; none if its section has
    /// come by.
    fn cut(&mut self, at: &Key, behind: &Key) -> Option<Shard> {
        if self.passed.as_ref().is_some_and(|passed| passed >= at) {
            return None;
        }
        let other = KeyRange {
            start: Start::After(at.clone()),
            until: self.keys.until.replace(at.clone()),
        };
        Some(Shard {
            state: ShardState::Listed,
            seen: self.seen.as_mut().map(|seen| seen.cut_off(at, behind)),
            ..Shard::new(other)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ETag, Object, StorageClass, Timestamp};
    use crate::s3::PageStart;

    /// A million keys of one kind.
    const KEYS: usize = 1_000_000;
    /// Pages that one side of them has.
    const PAGES: u64 = 1_000;

    fn object(key: &str) -> Object {
        Object {
            key: Key::new(key),
            size: 0,
            etag: ETag::new("e"),
            last_modified: Timestamp::from_millis(0),
            storage_class: StorageClass::new(None),
        }
    }

    /// Lists keys as sections do, in rounds: each section reads one page of both sides in a round, and a
    /// probe takes one too. Gives the rounds and the requests.
    fn listed(keys: &[String]) -> (u64, u64) {
        let shards = Shards::new(vec![KeyRange::all()]);
        let after = |key: Option<&Key>| {
            key.map_or(0, |key| {
                keys.partition_point(|other| other.as_str() <= key.as_str())
            })
        };
        // Where each section goes on.
        let mut shard_listings: Vec<(usize, usize)> = vec![(shards.take_waiting().unwrap(), 0)];
        let mut probes: Vec<SplitCandidate> = Vec::new();
        let (mut rounds, mut requests, mut seen) = (0, 0, 0);
        while !shard_listings.is_empty() {
            rounds += 1;
            for guess in std::mem::take(&mut probes) {
                requests += 1;
                let sequence = after(Some(&guess.at));
                let behind = keys.get(sequence).map_or(ProbeResult::Nothing, |key| {
                    ProbeResult::Key(Key::new(key.as_str()))
                });
                if let Some(shard) = shards.cut(&guess, &behind) {
                    // The probe was the first page of the source.
                    requests -= 1;
                    shard_listings.push((shard, sequence));
                }
            }
            shard_listings.retain_mut(|(shard, sequence)| {
                requests += 2;
                let end = keys.len().min(*sequence + 1_000);
                let until = shards.range(*shard).until;
                let next = (end < keys.len()).then(|| PageStart::Token(String::new()));
                let objects = keys[*sequence..end].iter().map(|key| object(key)).collect();
                let page = Page { objects, next };
                shards.backup_listed();
                shards.source_listed(*shard, &page);
                let rows: Vec<Key> = keys[*sequence..end]
                    .iter()
                    .map(|key| Key::new(key.as_str()))
                    .collect();
                let passed = shards.pass(*shard, &rows, Key::as_str);
                seen += passed.rows;
                *sequence = end;
                let over = passed.all
                    || end == keys.len()
                    || until.is_some_and(|until| Key::new(keys[end - 1].as_str()) >= until);
                if over {
                    shards.over(*shard);
                }
                !over
            });
            while shards.at_once() < MOST_AT_ONCE {
                let Some(guess) = shards.guess() else {
                    break;
                };
                probes.push(guess);
            }
        }
        assert_eq!(seen, keys.len());
        (rounds, requests)
    }

    fn assert_quick_and_cheap(kind: &str, keys: &[String]) {
        assert!(keys.is_sorted());
        let (rounds, requests) = listed(keys);
        assert!(rounds <= PAGES / 7, "{kind}: {rounds} rounds");
        assert!(
            requests <= 2 * PAGES * 102 / 100,
            "{kind}: {requests} requests"
        );
    }

    #[test]
    fn counted_keys_are_listed_side_by_side() {
        let keys = (0..KEYS).map(|n| format!("object-{n:012}"));

        assert_quick_and_cheap("counted", &keys.collect::<Vec<_>>());
    }

    #[test]
    fn deep_folders_are_listed_side_by_side() {
        let keys = (0..KEYS).map(|n| {
            format!(
                "{:02}/{:02}/{:02}/{:02}.dat",
                n / 1_000_000,
                n / 10_000 % 100,
                n / 100 % 100,
                n % 100
            )
        });

        assert_quick_and_cheap("deep", &keys.collect::<Vec<_>>());
    }

    #[test]
    fn skewed_keys_are_listed_side_by_side() {
        let hot = (0..KEYS / 10 * 9).map(|n| format!("hot/{n:012}"));
        let cold = (0..KEYS / 10).map(|n| format!("p{:03}/{:012}", n / 100, n % 100));

        assert_quick_and_cheap("skewed", &hot.chain(cold).collect::<Vec<_>>());
    }

    #[test]
    fn hashes_are_listed_side_by_side() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut keys: Vec<String> = (0..KEYS)
            .map(|_| format!("{:032x}", random.u128(..)))
            .collect();
        keys.sort();

        assert_quick_and_cheap("hashes", &keys);
    }
}
