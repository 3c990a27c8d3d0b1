//! The keys of one leg, cut into pieces while they are listed: who has come how far, and where a piece
//! may be cut in two.
//!
//! A piece is listed by one section and ends at its last key, `until`. A cut brings that end forward and
//! makes what lies behind it a piece of its own. It is always made behind what the section has already
//! handed on, and what a section hands on ends with its piece, so every key belongs to exactly one of
//! them, whenever and wherever cuts are made.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::aim::{Seen, Symbols};
use crate::model::{Key, KeyRange, Start};
use crate::s3::Page;

/// Pieces that are listed at the same time, at most. Two listings of 60 ms a page each are what one
/// vCPU can parse at this number.
pub const MOST_AT_ONCE: usize = 12;
/// Pages that must be left in a piece for a cut to be worth it.
const WORTH_A_CUT: f64 = 8.0;
/// A guess that finds nothing costs a request; a cut costs up to two more, for both sides of the piece
/// before it read a page that reaches beyond its end. All of them together are bounded by the pages
/// listed so far: one in eight, so that a small bucket stays as cheap as two listings; then 24 and one
/// in 128, which is below two in a hundred from a million objects on.
const PAGES_FOR_A_REQUEST: u64 = 8;
const FREE_REQUESTS: u64 = 24;
const PAGES_FOR_A_REQUEST_LATER: u64 = 128;

/// The pieces of one leg. Its clones share them.
#[derive(Clone, Debug)]
pub struct Territory {
    pieces: Arc<Mutex<Pieces>>,
    news: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Pieces {
    all: Vec<Piece>,
    /// The characters that keys were seen to differ in.
    symbols: Symbols,
    /// Pages listed so far, on both sides.
    pages: u64,
    /// Requests that guesses and cuts may have cost so far.
    spent: u64,
}

#[derive(Debug)]
struct Piece {
    keys: KeyRange,
    /// The last key that was handed on.
    passed: Option<Key>,
    state: State,
    seen: Option<Seen>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Listed,
    /// Listed, and a guess at where to cut it is being tried.
    Probed,
    Over,
}

/// A guess at where to cut a piece.
#[derive(Clone, Debug)]
pub struct Guess {
    /// The piece's number.
    pub piece: usize,
    /// Where to cut: after this key.
    pub at: Key,
}

/// What was handed on of a piece.
#[derive(Clone, Copy, Debug)]
pub struct Passed {
    /// So many rows.
    pub rows: usize,
    /// And the piece has no more.
    pub all: bool,
}

/// What a guess has found behind it.
#[derive(Clone, Debug)]
pub enum Behind {
    /// This key is the first.
    Key(Key),
    /// No key at all.
    Nothing,
    /// S3 did not tell.
    Unknown,
}

impl Territory {
    /// The territory of these ranges, which do not overlap.
    pub fn new(ranges: Vec<KeyRange>) -> Self {
        let all: Vec<Piece> = ranges.into_iter().map(Piece::new).collect();
        let pieces = Pieces {
            spent: 2 * all.len().saturating_sub(1) as u64,
            all,
            ..Pieces::default()
        };
        Self {
            pieces: Arc::new(Mutex::new(pieces)),
            news: Arc::default(),
        }
    }

    /// All pieces so far, by their numbers, over or not.
    pub fn ranges(&self) -> Vec<KeyRange> {
        let pieces = self.lock();
        pieces.all.iter().map(|piece| piece.keys.clone()).collect()
    }

    /// The keys of a piece as they are now: its end may still come forward.
    pub(super) fn range(&self, piece: usize) -> KeyRange {
        self.lock().all[piece].keys.clone()
    }

    /// Waits until something has changed.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// A piece that nobody lists yet, to be listed by the caller.
    pub(super) fn take_waiting(&self) -> Option<usize> {
        let mut pieces = self.lock();
        let all = &mut pieces.all;
        let waiting = all.iter().position(|piece| piece.state == State::Waiting)?;
        all[waiting].state = State::Listed;
        Some(waiting)
    }

    /// Pieces that are listed or probed.
    pub(super) fn at_once(&self) -> usize {
        let pieces = self.lock();
        let probes = pieces.count(State::Probed);
        pieces.count(State::Listed) + 2 * probes
    }

    /// A page of the backup was listed.
    pub(super) fn backup_listed(&self) {
        self.lock().pages += 1;
        self.news.notify_one();
    }

    /// A page of the source was listed in a piece.
    pub(super) fn source_listed(&self, piece: usize, page: &Page) {
        let mut pieces = self.lock();
        pieces.pages += 1;
        match page.objects.as_slice() {
            [first, .., last] if page.next.is_some() => {
                pieces
                    .symbols
                    .learn(page.objects.iter().map(|object| &object.key));
                pieces.all[piece].see(&first.key, &last.key);
            }
            // What ends here need not be cut.
            _ => pieces.all[piece].seen = None,
        }
        drop(pieces);
        self.news.notify_one();
    }

    /// Hands on the rows of these, in ascending order, that belong to the piece.
    pub fn pass<T>(&self, piece: usize, rows: &[T], key: impl Fn(&T) -> &str) -> Passed {
        let mut pieces = self.lock();
        let piece = &mut pieces.all[piece];
        let until = piece.keys.until.as_ref();
        let within = until.map_or(rows.len(), |until| {
            rows.partition_point(|row| key(row) <= until.as_str())
        });
        let last = rows[..within].last().map(key);
        let reached = last.is_some() && last == until.map(Key::as_str);
        if let Some(last) = last {
            piece.passed = Some(Key::new(last));
        }
        let all = within < rows.len() || reached;
        Passed { rows: within, all }
    }

    /// Nobody lists the piece any more.
    pub(super) fn over(&self, piece: usize) {
        self.lock().all[piece].state = State::Over;
        self.news.notify_one();
    }

    /// Where a cut is worth a try; none if none is, or if enough were made.
    pub(super) fn guess(&self) -> Option<Guess> {
        let mut pieces = self.lock();
        if !pieces.may_cut() {
            return None;
        }
        let symbols = &pieces.symbols;
        let worth = |(number, piece): (usize, &Piece)| {
            let seen = piece
                .seen
                .as_ref()
                .filter(|_| piece.state == State::Listed)?;
            let left = seen.left(symbols).unwrap_or(f64::INFINITY);
            let at = (left >= WORTH_A_CUT).then(|| seen.cut(symbols))??;
            Some((left, Guess { piece: number, at }))
        };
        let candidates = pieces.all.iter().enumerate().filter_map(worth);
        let (_, guess) = candidates.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
        pieces.all[guess.piece].state = State::Probed;
        pieces.spent += 1;
        Some(guess)
    }

    /// A guess was tried. Cuts the piece there, and hands out what lies behind; none if nothing does,
    /// or if the piece's section has come by.
    pub(super) fn cut(&self, guess: &Guess, behind: &Behind) -> Option<usize> {
        let mut pieces = self.lock();
        let number = pieces.all.len();
        let piece = &mut pieces.all[guess.piece];
        if piece.state != State::Probed {
            return None;
        }
        piece.state = State::Listed;
        let made = match behind {
            Behind::Key(key) if piece.keys.admits(key) => piece.cut(&guess.at, key)?,
            Behind::Key(_) | Behind::Nothing => {
                piece.nothing_above(&guess.at);
                return None;
            }
            Behind::Unknown => return None,
        };
        pieces.all.push(made);
        pieces.spent += 1;
        Some(number)
    }

    fn lock(&self) -> MutexGuard<'_, Pieces> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pieces {
    fn count(&self, state: State) -> usize {
        self.all.iter().filter(|piece| piece.state == state).count()
    }

    fn may_cut(&self) -> bool {
        let later = FREE_REQUESTS + self.pages / PAGES_FOR_A_REQUEST_LATER;
        let allowed = (self.pages / PAGES_FOR_A_REQUEST).min(later);
        self.spent + 2 <= allowed
    }
}

impl Piece {
    fn new(keys: KeyRange) -> Self {
        Self {
            keys,
            passed: None,
            state: State::Waiting,
            seen: None,
        }
    }

    fn see(&mut self, first: &Key, last: &Key) {
        let upper = self.keys.until.clone();
        let seen = self.seen.get_or_insert_with(|| Seen {
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

    /// Ends this piece with a key and makes what is behind it another one; none if its section has
    /// come by.
    fn cut(&mut self, at: &Key, behind: &Key) -> Option<Piece> {
        if self.passed.as_ref().is_some_and(|passed| passed >= at) {
            return None;
        }
        let other = KeyRange {
            start: Start::After(at.clone()),
            until: self.keys.until.replace(at.clone()),
        };
        Some(Piece {
            state: State::Listed,
            seen: self.seen.as_mut().map(|seen| seen.cut_off(at, behind)),
            ..Piece::new(other)
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
        let territory = Territory::new(vec![KeyRange::all()]);
        let after = |key: Option<&Key>| {
            key.map_or(0, |key| {
                keys.partition_point(|other| other.as_str() <= key.as_str())
            })
        };
        // Where each section goes on.
        let mut sections: Vec<(usize, usize)> = vec![(territory.take_waiting().unwrap(), 0)];
        let mut probes: Vec<Guess> = Vec::new();
        let (mut rounds, mut requests, mut seen) = (0, 0, 0);
        while !sections.is_empty() {
            rounds += 1;
            for guess in std::mem::take(&mut probes) {
                requests += 1;
                let place = after(Some(&guess.at));
                let behind = keys
                    .get(place)
                    .map_or(Behind::Nothing, |key| Behind::Key(Key::new(key.as_str())));
                if let Some(piece) = territory.cut(&guess, &behind) {
                    // The probe was the first page of the source.
                    requests -= 1;
                    sections.push((piece, place));
                }
            }
            sections.retain_mut(|(piece, place)| {
                requests += 2;
                let end = keys.len().min(*place + 1_000);
                let until = territory.range(*piece).until;
                let next = (end < keys.len()).then(|| PageStart::Token(String::new()));
                let objects = keys[*place..end].iter().map(|key| object(key)).collect();
                let page = Page { objects, next };
                territory.backup_listed();
                territory.source_listed(*piece, &page);
                let rows: Vec<Key> = keys[*place..end]
                    .iter()
                    .map(|key| Key::new(key.as_str()))
                    .collect();
                let passed = territory.pass(*piece, &rows, Key::as_str);
                seen += passed.rows;
                *place = end;
                let over = passed.all
                    || end == keys.len()
                    || until.is_some_and(|until| Key::new(keys[end - 1].as_str()) >= until);
                if over {
                    territory.over(*piece);
                }
                !over
            });
            while territory.at_once() < MOST_AT_ONCE {
                let Some(guess) = territory.guess() else {
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
