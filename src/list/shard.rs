//! One shard: its keys, how far its listing has come, and a sample of the keys that are left. Pure.

use super::alphabet::Alphabet;
use super::split_point::KeySample;
use crate::model::{Key, KeyRange, Start};

/// A part of the keys that one listing of each side reads.
#[derive(Debug)]
pub struct Shard {
    /// Its keys.
    pub keys: KeyRange,
    /// The last key that was handed on.
    passed: Option<Key>,
    state: ShardState,
    /// A sample of its keys, which tells of those that are left; none if nothing is known of them, or none are left.
    pub seen: Option<KeySample>,
    /// Pages of the source that were listed for it.
    pages: u64,
    /// Their keys.
    listed: u64,
    /// Those of them that belong to it and were handed on.
    rows: u64,
    /// A page of the backup had keys.
    has_backups: bool,
    /// The segment of the last snapshot that the next key belongs to, and the pages that have ended before it or in it.
    segment: (Option<usize>, u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShardState {
    Waiting,
    Listed,
    Over,
}

/// What was handed on of a shard.
#[derive(Clone, Copy, Debug)]
pub struct ClippedRows {
    /// So many rows.
    pub rows: usize,
    /// And the shard has no more.
    pub all: bool,
}

impl Shard {
    /// A shard that nobody lists yet.
    pub fn new(keys: KeyRange) -> Self {
        Self {
            keys,
            passed: None,
            state: ShardState::Waiting,
            seen: None,
            pages: 0,
            listed: 0,
            rows: 0,
            has_backups: false,
            segment: (None, 0),
        }
    }

    /// Whether nobody lists it yet.
    pub fn is_waiting(&self) -> bool {
        self.state == ShardState::Waiting
    }

    /// Whether it is being listed.
    pub fn is_listed(&self) -> bool {
        self.state == ShardState::Listed
    }

    /// Whether nobody lists it any more.
    pub fn is_over(&self) -> bool {
        self.state == ShardState::Over
    }

    /// It is listed from now on.
    pub fn begin(&mut self) {
        self.state = ShardState::Listed;
    }

    /// Nobody lists it any more.
    pub fn end(&mut self) {
        self.state = ShardState::Over;
        self.seen = None;
    }

    /// A page of the backup was listed.
    pub fn backup_listed(&mut self, has_keys: bool) {
        self.has_backups |= has_keys;
    }

    /// A page of the source was listed: its keys, and whether others follow.
    pub fn source_listed<'a>(
        &mut self,
        alphabet: &mut Alphabet,
        mut keys: impl ExactSizeIterator<Item = &'a Key> + DoubleEndedIterator + Clone,
        more_follow: bool,
    ) {
        self.pages += 1;
        self.listed += keys.len() as u64;
        let all = keys.clone();
        match (keys.next(), keys.next_back()) {
            (Some(first), Some(last)) if more_follow => {
                // A page of versions may be about one key, which tells nothing.
                if first != last {
                    alphabet.learn(all.clone());
                    let upper = &self.keys.until;
                    let seen = &mut self.seen;
                    let seen = seen.get_or_insert_with(|| KeySample::new(first, upper.clone()));
                    seen.page(all);
                    seen.ends_at_most(upper.as_ref());
                }
            }
            // What ends here need not be cut.
            _ => self.seen = None,
        }
    }

    /// What follows the last page belongs to this segment of the last snapshot, or to none.
    pub fn note_segment(&mut self, number: Option<usize>) {
        let (before, pages) = self.segment;
        let pages = if before == number { pages + 1 } else { 1 };
        self.segment = (number, pages);
    }

    /// The pages that have ended where a segment goes on.
    pub fn pages_in_segment(&self, number: usize) -> u64 {
        let (last, pages) = self.segment;
        if last == Some(number) { pages } else { 0 }
    }

    /// Hands on the rows of these, in ascending order, that belong to the shard.
    pub fn pass<T>(&mut self, rows: &[T], key: impl Fn(&T) -> &str) -> ClippedRows {
        let until = self.keys.until.as_ref();
        let within = until.map_or(rows.len(), |until| {
            rows.partition_point(|row| key(row) <= until.as_str())
        });
        let last = rows[..within].last().map(key);
        let reached = last.is_some() && last == until.map(Key::as_str);
        if let Some(last) = last {
            self.passed = Some(Key::new(last));
        }
        self.rows += within as u64;
        let all = within < rows.len() || reached;
        ClippedRows { rows: within, all }
    }

    /// Pages that were listed behind the end of the shard, on both sides. An empty side is a page for each shard.
    #[expect(clippy::cast_precision_loss, reason = "pages of a shard")]
    pub fn wasted(&self) -> f64 {
        if self.keys.until.is_none() {
            return 0.0;
        }
        if self.listed == 0 {
            return self.pages as f64 + 1.0;
        }
        let beyond = 1.0 - self.rows as f64 / self.listed as f64;
        let source = (self.pages as f64 * beyond).max(0.0);
        let backup = if self.has_backups { source } else { 1.0 };
        source + backup
    }

    /// Ends this shard with a key and makes what is behind it another one, of which a page is listed already; none if
    /// its section has come by.
    pub fn cut(&mut self, at: &Key, behind: &Key) -> Option<Shard> {
        let made = self.end_at(at)?;
        Some(Shard {
            state: ShardState::Listed,
            seen: self.seen.as_mut().map(|seen| seen.cut_off(at, behind)),
            ..made
        })
    }

    /// The same, of which nothing is listed yet.
    pub fn cut_unlisted(&mut self, at: &Key) -> Option<Shard> {
        let made = self.end_at(at)?;
        if let Some(seen) = &mut self.seen {
            seen.end_at(at);
        }
        Some(made)
    }

    fn end_at(&mut self, at: &Key) -> Option<Shard> {
        if self.passed.as_ref().is_some_and(|passed| passed >= at) {
            return None;
        }
        let behind = KeyRange {
            start: Start::After(at.clone()),
            until: self.keys.until.replace(at.clone()),
        };
        // A segment that has grown goes on behind a cut within it.
        Some(Shard {
            segment: self.segment,
            ..Shard::new(behind)
        })
    }
}
