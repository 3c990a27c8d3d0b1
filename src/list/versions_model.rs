//! A listing of versions that plays against the scheduler of shards: pages of a thousand versions, each takes a round.

use fastrand::Rng;

use super::allowance::VERSIONS_AT_ONCE;
use super::probe::ProbeResult;
use super::rounds::{Service, list_in_rounds};
use super::shards::Shards;
use super::split_point::SplitGuess;
use crate::model::{Key, KeyRange};

const PAGE: usize = 1_000;
const MILLION: usize = 1_000_000;
/// Versions of each key.
const VERSIONS: usize = 3;

/// What a listing has taken.
#[derive(Debug)]
struct Effort {
    rounds: usize,
    requests: usize,
}

struct Listing {
    shard: usize,
    /// Versions that were listed, of all.
    listed: usize,
    /// Keys that were handed on, of all.
    passed: usize,
    has_ended: bool,
}

struct Model<'a> {
    keys: &'a [Key],
    shards: Shards,
    requests: usize,
    seen: usize,
}

impl Model<'_> {
    fn open_at(&self, shard: usize, key: usize) -> Listing {
        Listing {
            shard,
            listed: key * VERSIONS,
            passed: key,
            has_ended: key == self.keys.len(),
        }
    }
}

impl Service for Model<'_> {
    type Listing = Listing;

    fn shard(listing: &Listing) -> usize {
        listing.shard
    }

    fn open(&self, shard: usize) -> Listing {
        self.open_at(shard, 0)
    }

    fn round(&mut self, listing: &mut Listing) {
        if listing.has_ended {
            return;
        }
        self.requests += 1;
        let all = self.keys.len() * VERSIONS;
        let end = all.min(listing.listed + PAGE);
        let keys = (listing.listed..end).map(|version| &self.keys[version / VERSIONS]);
        self.shards.source_listed(listing.shard, keys, end < all);
        listing.listed = end;
        let until = self.shards.range(listing.shard).until;
        let last = &self.keys[(end - 1) / VERSIONS];
        listing.has_ended = end == all || until.is_some_and(|until| *last > until);
    }

    fn probe(&mut self, guess: &SplitGuess) -> Option<Listing> {
        let at = self.keys.partition_point(|key| *key <= guess.at);
        let behind = self.keys.get(at).cloned();
        let behind = behind.map_or(ProbeResult::Nothing, ProbeResult::Key);
        let Some(shard) = self.shards.cut(guess, &behind) else {
            self.requests += 1;
            return None;
        };
        let mut listing = self.open_at(shard, at);
        // The probe was its first page.
        self.round(&mut listing);
        Some(listing)
    }

    /// Hands on the keys whose versions are all listed.
    fn pass(&mut self, listing: &mut Listing) -> bool {
        let whole = (listing.listed / VERSIONS).max(listing.passed);
        let rows = &self.keys[listing.passed..whole];
        let clipped = self.shards.pass(listing.shard, rows, Key::as_str);
        self.seen += clipped.rows;
        listing.passed += clipped.rows;
        clipped.all || listing.has_ended
    }
}

/// Lists all versions, as the scheduler says.
fn list(keys: &[Key]) -> Effort {
    let shards = Shards::of_versions(vec![KeyRange::all()]);
    let mut model = Model {
        keys,
        shards: shards.clone(),
        requests: 0,
        seen: 0,
    };
    let rounds = list_in_rounds(&mut model, &shards, VERSIONS_AT_ONCE.into());
    assert_eq!(model.seen, keys.len(), "each key once");
    Effort {
        rounds,
        requests: model.requests,
    }
}

/// Lists a million keys of a shape, within so many times the rounds that all places need for the pages.
fn assert_quick_and_cheap(times: f64, key: impl Fn(usize, &mut Rng) -> String) {
    let mut random = Rng::with_seed(7);
    let keys = (0..MILLION).map(|number| Key::new(key(number, &mut random)));
    let mut keys: Vec<Key> = keys.collect();
    keys.sort();
    keys.dedup();

    let effort = list(&keys);

    let pages = (keys.len() * VERSIONS).div_ceil(PAGE);
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let rounds = effort.rounds as f64 * f64::from(VERSIONS_AT_ONCE) / pages as f64;
    assert!(rounds <= times, "{rounds:.2} times the bound: {effort:?}");
    let most = pages + pages / 50;
    assert!(effort.requests <= most, "{effort:?}, at most {most}");
}

fn hexadecimal(random: &mut Rng) -> String {
    format!("{:016x}", random.u64(..))
}

#[test]
fn versions_of_counted_keys_are_listed_side_by_side() {
    assert_quick_and_cheap(1.5, |n, _| format!("object-{n:012}"));
}

#[test]
fn versions_in_deep_folders_are_listed_side_by_side() {
    assert_quick_and_cheap(1.55, |n, _| {
        format!(
            "00/{:02}/{:02}/{:02}.dat",
            n / 10_000,
            n / 100 % 100,
            n % 100
        )
    });
}

#[test]
fn versions_of_random_keys_are_listed_side_by_side() {
    assert_quick_and_cheap(1.3, |_, random| hexadecimal(random));
}

#[test]
fn versions_in_one_giant_folder_are_listed_side_by_side() {
    assert_quick_and_cheap(3.5, |n, random| match n % 20 {
        0 => format!(
            "{}/{}",
            char::from(b'a' + random.u8(..12)),
            hexadecimal(random)
        ),
        _ => format!("m-hot/tenant-0001/data/{}", hexadecimal(random)),
    });
}
