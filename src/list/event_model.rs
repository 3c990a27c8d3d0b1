//! A listing service that plays against the scheduler of shards, answer by answer: each page takes its time on the wire, one
//! page after the other is worked on, and the task of a listing reads ahead as `pages.rs` does. The backup holds the
//! same keys as the source.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use fastrand::Rng;

use super::folders::FolderQuery;
use super::probe::{Probe, ProbeResult};
use super::shards::{Shards, most_at_once};
use super::split_point::SplitGuess;
use crate::model::{Key, KeyRange};
use crate::s3::NamePage;

const PAGE: usize = 1_000;
/// Pages of both sides at once by which the bound is counted.
const BOUND_AT_ONCE: usize = 24;
/// How long a page takes on the wire, in microseconds, and how long the program works on it.
const PAGE_MICROS: u64 = 60_000;
const WORK_MICROS: u64 = 2_000;
/// The same of the quickest and of the slowest page, where they are uneven.
const QUICKEST_PER_CENT: u64 = 70;
const SLOWEST_PER_CENT: u64 = 130;
/// Pages that a listing has read and not handed on, at most: one waits to be taken, and one for its place.
const MOST_READ: usize = 2;

/// What a listing of both sides has taken.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    micros: u64,
    pub requests: usize,
    /// Pages of one chain on each side.
    pub pages: usize,
}

impl Effort {
    pub fn requests_beyond_pages(&self) -> usize {
        self.requests.saturating_sub(self.pages)
    }

    /// The time, as a multiple of that in which all pages can be listed.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    pub fn times_the_bound(&self) -> f64 {
        let bound = self.pages as f64 / BOUND_AT_ONCE as f64 * PAGE_MICROS as f64;
        self.micros as f64 / bound
    }

    /// Whether it took no longer than one chain of pages on each side takes at most, and two pages more.
    pub fn is_as_quick_as_one_by_one(&self) -> bool {
        let slowest = PAGE_MICROS * SLOWEST_PER_CENT / 100 + 2 * WORK_MICROS;
        self.micros <= (self.pages as u64 / 2 + 2) * slowest
    }
}

/// How the answers come.
#[derive(Clone, Copy, Debug)]
pub enum Latency {
    /// All take the same time.
    Equal,
    /// Each takes its own time, by a seed.
    Uneven(u64),
}

/// What lists, and where.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub latency: Latency,
    pub cpus: usize,
    /// Keys that the service puts into a page.
    pub page: usize,
}

impl Setting {
    /// One CPU, and pages of a thousand keys.
    pub fn usual(latency: Latency) -> Self {
        Self {
            latency,
            cpus: 1,
            page: PAGE,
        }
    }
}

/// Lists keys that ascend, on both sides, as the scheduler says.
pub fn list(keys: &[Key], latency: Latency) -> Effort {
    let shards = Shards::new(vec![KeyRange::all()]);
    play(keys, shards, Setting::usual(latency))
}

/// The same of shards that are there already.
pub fn play(keys: &[Key], shards: Shards, setting: Setting) -> Effort {
    let Setting {
        latency,
        cpus,
        page,
    } = setting;
    let mut play = Play {
        keys,
        shards,
        cpus,
        page,
        listings: Vec::new(),
        open: 0,
        answers: BinaryHeap::new(),
        guesses: Vec::new(),
        queries: Vec::new(),
        latency: match latency {
            Latency::Equal => None,
            Latency::Uneven(seed) => Some(Rng::with_seed(seed)),
        },
        now: 0,
        requests: 0,
        seen: 0,
    };
    play.all();
    assert_eq!(play.seen, keys.len(), "each key once");
    Effort {
        micros: play.now,
        requests: play.requests,
        pages: 2 * keys.len().div_ceil(page),
    }
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    /// The next page of a listing: of the source if it is 0, of the backup if it is 1.
    Page(usize, usize),
    /// What lies behind a guess.
    Split(usize),
    /// The folders that follow one.
    Folders(usize),
}

/// The listing of a shard on one side. Places are indexes of keys.
struct Side {
    /// The next page begins here.
    next: usize,
    /// The ends of pages that were read and not taken.
    read: VecDeque<usize>,
    /// The end of the last page that was taken.
    taken: usize,
    is_asked: bool,
    has_ended: bool,
}

struct Listing {
    shard: usize,
    /// Keys before this one were handed on.
    passed: usize,
    sides: [Side; 2],
    is_over: bool,
}

struct Play<'a> {
    keys: &'a [Key],
    shards: Shards,
    cpus: usize,
    page: usize,
    listings: Vec<Listing>,
    /// Those of them that are not over.
    open: usize,
    /// In the order of their times, and of their requests.
    answers: BinaryHeap<Reverse<(u64, usize, Asked)>>,
    guesses: Vec<SplitGuess>,
    queries: Vec<FolderQuery>,
    latency: Option<Rng>,
    now: u64,
    requests: usize,
    seen: usize,
}

impl Side {
    fn new(at: usize) -> Self {
        Self {
            next: at,
            read: VecDeque::new(),
            taken: at,
            is_asked: false,
            has_ended: false,
        }
    }
}

impl Play<'_> {
    fn all(&mut self) {
        self.begin();
        while self.open > 0
            && let Some(Reverse((at, _, asked))) = self.answers.pop()
        {
            self.now = self.now.max(at) + WORK_MICROS / self.cpus as u64;
            match asked {
                Asked::Page(listing, side) => self.page(listing, side),
                Asked::Split(guess) => self.split(guess),
                Asked::Folders(query) => self.folders(query),
            }
            self.begin();
        }
    }

    /// Begins what the scheduler wants to begin.
    fn begin(&mut self) {
        while self.shards.at_once() < most_at_once(self.cpus) {
            if let Some(shard) = self.shards.take_waiting() {
                let start = self.shards.range(shard).start;
                let at = self.keys.partition_point(|key| !start.admits(key.as_str()));
                let listing = self.open(shard, at);
                self.ask_for_page(listing, 0);
                continue;
            }
            if self.shards.cut_at_segment() {
                continue;
            }
            match self.shards.probe() {
                Some(Probe::Split(guess)) => {
                    self.guesses.push(guess);
                    self.ask(Asked::Split(self.guesses.len() - 1));
                }
                Some(Probe::Folders(query)) => {
                    self.queries.push(query);
                    self.ask(Asked::Folders(self.queries.len() - 1));
                }
                None => break,
            }
        }
    }

    fn ask(&mut self, asked: Asked) {
        self.requests += 1;
        let micros = match &mut self.latency {
            None => PAGE_MICROS,
            Some(random) => {
                let per_cent = random.u64(QUICKEST_PER_CENT..=SLOWEST_PER_CENT);
                PAGE_MICROS * per_cent / 100
            }
        };
        let answer = (self.now + micros, self.requests, asked);
        self.answers.push(Reverse(answer));
    }

    /// Opens the listing of a shard, whose first page of the source is not asked for.
    fn open(&mut self, shard: usize, at: usize) -> usize {
        self.listings.push(Listing {
            shard,
            passed: at,
            sides: [Side::new(at), Side::new(at)],
            is_over: false,
        });
        self.open += 1;
        let listing = self.listings.len() - 1;
        self.ask_for_page(listing, 1);
        listing
    }

    fn ask_for_page(&mut self, listing: usize, side: usize) {
        self.listings[listing].sides[side].is_asked = true;
        self.ask(Asked::Page(listing, side));
    }

    fn after(&self, key: &Key) -> usize {
        self.keys.partition_point(|other| other <= key)
    }

    fn split(&mut self, guess: usize) {
        let guess = self.guesses[guess].clone();
        let at = self.after(&guess.at);
        let behind = self.keys.get(at).cloned();
        let behind = behind.map_or(ProbeResult::Nothing, ProbeResult::Key);
        if let Some(shard) = self.shards.cut(&guess, &behind) {
            let listing = self.open(shard, at);
            // The probe was its first page.
            self.page(listing, 0);
        }
    }

    /// The names of a level behind a key, as S3 tells them.
    fn folders(&mut self, query: usize) {
        let query = self.queries[query].clone();
        let mut at = self.after(&query.after);
        let mut page = NamePage::default();
        while let Some(key) = self.keys.get(at)
            && let Some(name) = query.level.name_of(key.as_str())
        {
            if page.names.len() == PAGE {
                page.more_follow = true;
                break;
            }
            let folder = &self.keys[at..];
            at += if name.ends_with(query.level.delimiter) {
                folder.partition_point(|key| key.as_str().starts_with(name))
            } else {
                1
            };
            page.names.push(name.to_owned());
        }
        self.shards.folders_listed(&query, Some(page));
    }

    fn page(&mut self, number: usize, side: usize) {
        let (keys, listing) = (self.keys, &mut self.listings[number]);
        if listing.is_over {
            self.shards.backup_listed(listing.shard, true);
            return;
        }
        let (shard, from) = (listing.shard, listing.sides[side].next);
        let end = keys.len().min(from + self.page);
        let more_follow = end < keys.len();
        if side == 0 {
            let keys = keys[from..end].iter();
            self.shards.source_listed(shard, keys, more_follow);
        } else {
            self.shards.backup_listed(shard, end > from);
        }
        let until = self.shards.range(shard).until;
        let is_behind = until.is_some_and(|until| end > 0 && keys[end - 1] >= until);
        let listed = &mut listing.sides[side];
        listed.next = end;
        listed.is_asked = false;
        listed.has_ended = is_behind || !more_follow;
        listed.read.push_back(end);
        self.hand_on(number);
    }

    /// Hands on what both sides have, and lets both read on where there is room.
    fn hand_on(&mut self, number: usize) {
        loop {
            for side in 0..2 {
                self.take(number, side);
            }
            let listing = &mut self.listings[number];
            let both = listing.sides[0].taken.min(listing.sides[1].taken);
            let ended = listing
                .sides
                .iter()
                .all(|side| side.has_ended && side.read.is_empty());
            let rows = &self.keys[listing.passed..both.max(listing.passed)];
            let clipped = self.shards.pass(listing.shard, rows, Key::as_str);
            let none = rows.is_empty();
            self.seen += clipped.rows;
            listing.passed += clipped.rows;
            if clipped.all || (none && ended) {
                listing.is_over = true;
                self.open -= 1;
                self.shards.over(listing.shard);
                return;
            }
            if none {
                return;
            }
        }
    }

    /// Takes a page of a side whose last one is used up.
    fn take(&mut self, number: usize, side: usize) {
        let listing = &mut self.listings[number];
        let passed = listing.passed;
        let listed = &mut listing.sides[side];
        if listed.taken <= passed
            && let Some(end) = listed.read.pop_front()
        {
            listed.taken = end;
        }
        if !listed.is_asked && !listed.has_ended && listed.read.len() < MOST_READ {
            self.ask_for_page(number, side);
        }
    }
}
