//! A listing service that plays against the scheduler of shards: pages of a thousand keys, each takes a round.
//! It counts rounds and requests, against what no scheduler can beat.

use fastrand::Rng;
use proptest::prelude::*;
use s3_sim::Form;

use super::rounds::{Service, list_in_rounds};
use super::shards::{ProbeResult, Shards, most_at_once};
use super::split_point::SplitGuess;
use crate::model::{Key, KeyRange};

const PAGE: usize = 1_000;
/// Pages of both sides at once by which the bound is counted.
const BOUND_AT_ONCE: usize = 24;

/// What a listing of both sides has taken.
#[derive(Debug)]
struct Effort {
    rounds: usize,
    requests: usize,
    /// Pages of one chain on each side.
    pages: usize,
}

impl Effort {
    fn requests_beyond_pages(&self) -> usize {
        self.requests.saturating_sub(self.pages)
    }

    /// Rounds, as a multiple of those in which all pages can be listed.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn times_the_bound(&self) -> f64 {
        (self.rounds * BOUND_AT_ONCE) as f64 / self.pages as f64
    }
}

/// Both listings of a shard, the backup holding the same keys as the source.
struct Listing {
    shard: usize,
    passed: usize,
    source: usize,
    backup: usize,
    source_ended: bool,
    backup_ended: bool,
}

struct Model<'a> {
    keys: &'a [String],
    shards: Shards,
    requests: usize,
    seen: usize,
}

impl Listing {
    fn new(shard: usize, at: usize) -> Self {
        Self {
            shard,
            passed: at,
            source: at,
            backup: at,
            source_ended: false,
            backup_ended: false,
        }
    }
}

impl Model<'_> {
    fn after(&self, key: &str) -> usize {
        self.keys.partition_point(|other| other.as_str() <= key)
    }

    fn list_source(&mut self, listing: &mut Listing) {
        let end = self.keys.len().min(listing.source + PAGE);
        let keys: Vec<Key> = self.keys[listing.source..end]
            .iter()
            .map(|key| Key::new(key.as_str()))
            .collect();
        let more_follow = end < self.keys.len();
        self.shards
            .source_listed(listing.shard, keys.iter(), more_follow);
        listing.source = end;
        listing.source_ended = self.has_ended(listing.shard, end);
    }

    fn has_ended(&self, shard: usize, end: usize) -> bool {
        let until = self.shards.range(shard).until;
        let last = self.keys[..end].last();
        let is_behind = |until: Key| last.is_some_and(|last| last.as_str() >= until.as_str());
        end == self.keys.len() || until.is_some_and(is_behind)
    }
}

impl Service for Model<'_> {
    type Listing = Listing;

    fn shard(listing: &Listing) -> usize {
        listing.shard
    }

    fn open(&self, shard: usize) -> Listing {
        Listing::new(shard, 0)
    }

    fn probe(&mut self, guess: &SplitGuess) -> Option<Listing> {
        self.requests += 1;
        let at = self.after(guess.at.as_str());
        let first = self.keys.get(at).map(|key| Key::new(key.as_str()));
        let behind = first.map_or(ProbeResult::Nothing, ProbeResult::Key);
        let shard = self.shards.cut(guess, &behind)?;
        let mut listing = Listing::new(shard, at);
        // The probe was its first page.
        self.list_source(&mut listing);
        Some(listing)
    }

    fn round(&mut self, listing: &mut Listing) {
        if !listing.source_ended && listing.source <= listing.backup + PAGE {
            self.requests += 1;
            self.list_source(listing);
        }
        if !listing.backup_ended && listing.backup <= listing.source {
            self.requests += 1;
            listing.backup = self.keys.len().min(listing.backup + PAGE);
            self.shards.backup_listed(listing.shard, true);
            listing.backup_ended = self.has_ended(listing.shard, listing.backup);
        }
    }

    /// Hands on what both sides have.
    fn pass(&mut self, listing: &mut Listing) -> bool {
        let both = listing.source.min(listing.backup).max(listing.passed);
        let rows: Vec<&String> = self.keys[listing.passed..both].iter().collect();
        let clipped = self
            .shards
            .pass(listing.shard, &rows, |row: &&String| row.as_str());
        self.seen += clipped.rows;
        listing.passed += clipped.rows;
        let until = self.shards.range(listing.shard).until;
        let end = until.map_or(self.keys.len(), |until| self.after(until.as_str()));
        let both_ended = listing.source_ended && listing.backup_ended;
        clipped.all || (both_ended && listing.passed >= end)
    }
}

/// Lists keys on both sides, as the scheduler says.
fn list(mut keys: Vec<String>) -> Effort {
    keys.sort();
    keys.dedup();
    let shards = Shards::new(vec![KeyRange::all()]);
    let mut model = Model {
        keys: &keys,
        shards: shards.clone(),
        requests: 0,
        seen: 0,
    };
    let rounds = list_in_rounds(&mut model, &shards, most_at_once(1));
    assert_eq!(model.seen, keys.len(), "each key once");
    let requests = model.requests;
    let pages = 2 * keys.len().div_ceil(PAGE);
    Effort {
        rounds,
        requests,
        pages,
    }
}

fn hexadecimal(random: &mut Rng, digits: usize) -> String {
    let digit = |_| char::from(b"0123456789abcdef"[random.usize(..16)]);
    (0..digits).map(digit).collect()
}

fn word(random: &mut Rng) -> String {
    let letters = random.usize(3..10);
    (0..letters).map(|_| random.lowercase()).collect()
}

/// Keys of one shape, by a number that ascends and by chance.
fn keys(count: usize, key: impl Fn(usize, &mut Rng) -> String) -> Vec<String> {
    let mut random = Rng::with_seed(7);
    (0..count).map(|n| key(n, &mut random)).collect()
}

fn assert_quick_and_cheap(shape: &str, keys: Vec<String>) {
    assert_within(1.7, shape, keys);
}

fn assert_within(most_times: f64, shape: &str, keys: Vec<String>) {
    let effort = list(keys);

    let times = effort.times_the_bound();
    assert!(times <= most_times, "{shape}: {times:.2} times the bound");
    let most = effort.pages / 20 + 64;
    let beyond = effort.requests_beyond_pages();
    assert!(
        beyond <= most,
        "{shape}: {beyond} requests beyond the pages, at most {most}"
    );
}

/// A million keys of a form.
fn form(name: &str) -> Vec<String> {
    let form = Form::named(name).unwrap();
    let count = MILLION as u64;
    (0..count).map(|index| form.key(index, count)).collect()
}

const MILLION: usize = 1_000_000;

#[test]
fn counted_keys_are_listed_side_by_side() {
    assert_quick_and_cheap("counted", keys(MILLION, |n, _| format!("object-{n:012}")));
}

#[test]
fn deep_folders_are_listed_side_by_side() {
    let key = |n: usize, _: &mut Rng| {
        let (a, b, c) = (n / 10_000, n / 100 % 100, n % 100);
        format!("00/{a:02}/{b:02}/{c:02}.dat")
    };
    assert_quick_and_cheap("deep", keys(MILLION, key));
}

#[test]
fn a_giant_among_small_folders_is_found() {
    let key = |n: usize, random: &mut Rng| match n % 20 {
        0 => format!(
            "{}/{}",
            char::from(b'a' + random.u8(..12)),
            hexadecimal(random, 12)
        ),
        1 => format!(
            "{}/{}",
            char::from(b'n' + random.u8(..13)),
            hexadecimal(random, 12)
        ),
        _ => format!("m-hot/tenant-0001/data/{}", hexadecimal(random, 16)),
    };
    assert_quick_and_cheap("a giant", keys(MILLION, key));
}

#[test]
fn a_giant_behind_all_others_is_found() {
    let key = |n: usize, random: &mut Rng| {
        if n.is_multiple_of(100) {
            let folder = char::from(b'a' + random.u8(..25));
            return format!("{folder}/{}", hexadecimal(random, 10));
        }
        let name = hexadecimal(random, 16);
        format!("zz-archive/2019/import/final/objects/{name}")
    };
    assert_quick_and_cheap("a giant at the end", keys(MILLION, key));
}

#[test]
fn a_long_common_prefix_costs_little() {
    let prefix = "very/long/prefix/of/keys/".repeat(7);
    let key = |_, random: &mut Rng| format!("{prefix}{}", hexadecimal(random, 20));
    assert_quick_and_cheap("a long prefix", keys(MILLION, key));
}

#[test]
fn dates_are_listed_side_by_side() {
    let key = |n: usize, random: &mut Rng| {
        let day = n / 700;
        let (year, month, day) = (2019 + day / 360, day / 30 % 12 + 1, day % 30 + 1);
        let name = hexadecimal(random, 16);
        format!("logs/{year}/{month:02}/{day:02}/{name}.gz")
    };
    assert_quick_and_cheap("dates", keys(MILLION, key));
}

/// Before separators were skipped after guesses in vain, all of a common prefix was tried, one after the other.
#[test]
fn prefixes_of_hundreds_of_bytes_cost_little() {
    assert_quick_and_cheap("long prefixes", form("long-prefixes"));
}

#[test]
fn nested_names_and_folders_of_all_sizes_are_listed_side_by_side() {
    for name in ["nested-first-and-last", "nested-without-slashes", "albums"] {
        assert_quick_and_cheap(name, form(name));
    }
}

/// Each level costs guesses that the allowance has not.
#[test]
fn giants_within_each_other_take_three_times_the_bound_at_most() {
    assert_within(3.0, "nested giants", form("nested-giants"));
}

#[test]
fn escapes_and_letters_of_many_bytes_are_listed_side_by_side() {
    for name in ["escapes", "letters-of-many-bytes", "names-in-kanji"] {
        assert_quick_and_cheap(name, form(name));
    }
}

/// These were not looked at while the scheduler was made.
#[test]
fn other_separators_and_alphabets_are_listed_side_by_side() {
    let tenants = |_, random: &mut Rng| {
        let tenant = random.u32(..3_000);
        format!("tenant|{tenant:05}|user|{:08}", random.u32(..100_000_000))
    };
    let greek = |n: usize, random: &mut Rng| {
        let letter = |_| char::from_u32(0x3b1 + random.u32(..24)).unwrap_or('x');
        let letters: String = (0..4).map(letter).collect();
        format!("αρχείο-{letters}-{n}")
    };
    let base64 = |_, random: &mut Rng| {
        let letters: String = (0..22).map(|_| random.alphanumeric()).collect();
        format!("blob_{letters}==")
    };
    let mixed = |n: usize, random: &mut Rng| match n % 7 {
        0 => format!("img{n}.jpg"),
        1 => format!("backup 2024-{:02}-{:02} {n}", n % 12 + 1, n % 28 + 1),
        _ => format!("p/q/r/{}/{}", word(random), hexadecimal(random, 8)),
    };

    assert_quick_and_cheap("tenants", keys(MILLION, tenants));
    assert_quick_and_cheap("greek", keys(MILLION, greek));
    assert_quick_and_cheap("base64", keys(MILLION, base64));
    assert_quick_and_cheap("mixed", keys(MILLION, mixed));
}

/// A tree of folders whose sizes differ by orders of magnitude.
fn tree(random: &mut Rng, prefix: &str, count: usize, depth: usize, keys: &mut Vec<String>) {
    if depth == 0 || count < 50 {
        let kind = random.u8(..4);
        keys.extend((0..count).map(|n| match kind {
            0 => format!("{prefix}{n:08}"),
            1 => format!("{prefix}{n}.json"),
            2 => format!("{prefix}{}", hexadecimal(random, 12)),
            _ => format!("{prefix}{}-{n}", word(random)),
        }));
        return;
    }
    let separator = *random
        .choice(&["/", "/", "/", "-", "_", ":", ""])
        .unwrap_or(&"/");
    let mut left = count;
    while left > 0 {
        let share = random.f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a number"
        )]
        let part = ((left as f64 * share * share) as usize).max(left.min(20));
        let folder = format!("{prefix}{}{separator}", word(random));
        tree(random, &folder, part, depth - 1, keys);
        left -= part;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each key is seen once, and requests stay within the bound, whatever the keys look like.
    #[test]
    fn any_tree_is_listed_within_the_bound(seed in any::<u64>(), count in 1_usize..60_000, depth in 0_usize..5) {
        let mut keys = Vec::new();
        tree(&mut Rng::with_seed(seed), "", count, depth, &mut keys);

        let effort = list(keys);

        let beyond = effort.requests_beyond_pages();
        prop_assert!(beyond <= effort.pages / 20 + 64, "{effort:?}");
        prop_assert!(effort.rounds <= effort.pages / 2 + 2, "{effort:?}");
    }
}
