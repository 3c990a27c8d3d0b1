//! Keys of many shapes, listed on both sides by a service that answers as S3 does ([`super::event_model`]): how long that takes and how
//! many requests it costs, against what no scheduler can beat.

use fastrand::Rng;
use proptest::prelude::*;
use s3_sim::Form;

use super::event_model::{Latency, Setting, list, play};
use super::segment_ends::SegmentEnds;
use super::shards::{Shards, most_ranges};
use crate::model::{Key, KeyRange, Start};

const MILLION: usize = 1_000_000;

fn hexadecimal(random: &mut Rng, digits: usize) -> String {
    let digit = |_| char::from(b"0123456789abcdef"[random.usize(..16)]);
    (0..digits).map(digit).collect()
}

fn word(random: &mut Rng) -> String {
    let letters = random.usize(3..10);
    (0..letters).map(|_| random.lowercase()).collect()
}

/// Keys of one shape, by a number that ascends and by chance.
fn keys(count: usize, key: impl Fn(usize, &mut Rng) -> String) -> Vec<Key> {
    let mut random = Rng::with_seed(7);
    in_order((0..count).map(|n| key(n, &mut random)).collect())
}

fn in_order(mut keys: Vec<String>) -> Vec<Key> {
    keys.sort();
    keys.dedup();
    keys.into_iter().map(Key::new).collect()
}

/// Within the bounds that are promised: 1.7 times the time of all pages, and 5 % and 64 requests more than pages. Answers take
/// equally long, and some do not.
fn assert_quick_and_cheap(shape: &str, keys: &[Key]) {
    for latency in [Latency::Equal, Latency::Uneven(1)] {
        let effort = list(keys, latency);

        let (times, beyond) = (effort.times_the_bound(), effort.requests_beyond_pages());
        assert!(
            times <= 1.7 && beyond <= 164,
            "{shape}, {latency:?}: {times:.2} times the bound, {beyond} requests beyond the pages"
        );
    }
}

/// A million keys of a form.
fn form(name: &str) -> Vec<Key> {
    let form = Form::named(name).unwrap();
    let count = MILLION as u64;
    let keys = (0..count).map(|index| form.key(index, count));
    keys.map(Key::new).collect()
}

#[test]
fn counted_keys_are_listed_side_by_side() {
    assert_quick_and_cheap("counted", &keys(MILLION, |n, _| format!("object-{n:012}")));
}

#[test]
fn deep_folders_are_listed_side_by_side() {
    let key = |n: usize, _: &mut Rng| {
        let (a, b, c) = (n / 10_000, n / 100 % 100, n % 100);
        format!("00/{a:02}/{b:02}/{c:02}.dat")
    };
    assert_quick_and_cheap("deep", &keys(MILLION, key));
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
    assert_quick_and_cheap("a giant", &keys(MILLION, key));
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
    assert_quick_and_cheap("a giant at the end", &keys(MILLION, key));
}

#[test]
fn a_long_common_prefix_costs_little() {
    let prefix = "very/long/prefix/of/keys/".repeat(7);
    let key = |_, random: &mut Rng| format!("{prefix}{}", hexadecimal(random, 20));
    assert_quick_and_cheap("a long prefix", &keys(MILLION, key));
}

#[test]
fn dates_are_listed_side_by_side() {
    let key = |n: usize, random: &mut Rng| {
        let day = n / 700;
        let (year, month, day) = (2019 + day / 360, day / 30 % 12 + 1, day % 30 + 1);
        let name = hexadecimal(random, 16);
        format!("logs/{year}/{month:02}/{day:02}/{name}.gz")
    };
    assert_quick_and_cheap("dates", &keys(MILLION, key));
}

#[test]
fn folders_within_each_other_are_listed_side_by_side() {
    for name in [
        "long-prefixes",
        "albums",
        "nested-giants",
        "nested-first-and-last",
        "nested-without-slashes",
        "escapes",
        "mixture",
    ] {
        assert_quick_and_cheap(name, &form(name));
    }
}

/// Each has 26 others beside it, and its name alone tells it from them.
#[test]
fn giants_within_each_other_are_found_one_behind_the_other() {
    let keys = form("nested-giants");
    for seed in 1..=4 {
        let effort = list(&keys, Latency::Uneven(seed));

        let times = effort.times_the_bound();
        assert!(times <= 1.25, "order {seed}: {times:.2} times the bound");
    }
}

/// Letters of other folders stand where the digits of the large one do.
#[test]
fn a_counted_giant_among_words_is_found() {
    let key = |n: usize, random: &mut Rng| match n % 1000 {
        0..600 => format!("north:{:08}", n / 1000 * 600 + n % 1000),
        600..700 => format!("photos:{n}.json"),
        700..800 => format!("orders:{n:08}"),
        800..900 => format!("letters:{}-{n}", word(random)),
        _ => format!("{}:{n}", word(random)),
    };
    assert_quick_and_cheap("a counted giant among words", &keys(MILLION, key));
}

#[test]
fn letters_of_many_bytes_are_listed_side_by_side() {
    for name in ["letters-of-many-bytes", "names-in-kanji"] {
        assert_quick_and_cheap(name, &form(name));
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

    assert_quick_and_cheap("tenants", &keys(MILLION, tenants));
    assert_quick_and_cheap("greek", &keys(MILLION, greek));
    assert_quick_and_cheap("base64", &keys(MILLION, base64));
    assert_quick_and_cheap("mixed", &keys(MILLION, mixed));
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

/// Nothing was chosen by these. Some are slower than what is promised of forms.
#[test]
fn trees_of_folders_are_listed_side_by_side() {
    let times: Vec<f64> = [9_001, 9_002, 9_003, 9_004]
        .into_iter()
        .map(|seed| {
            let mut keys = Vec::new();
            tree(&mut Rng::with_seed(seed), "", MILLION, 3, &mut keys);
            let effort = list(&in_order(keys), Latency::Uneven(seed));
            assert!(effort.requests_beyond_pages() <= 164, "{seed}: {effort:?}");
            effort.times_the_bound()
        })
        .collect();

    let mean = times.iter().sum::<f64>() / 4.0;
    assert!(mean <= 1.5, "{times:?}");
}

/// Shards for a night that has a snapshot of these keys, in segments of 1,500 to 4,500 rows.
fn recorded(keys: &[Key], cpus: usize) -> Shards {
    let mut random = Rng::with_seed(keys.len() as u64);
    let mut segments: Vec<(Key, u64)> = Vec::new();
    let mut rest = keys;
    while !rest.is_empty() {
        let rows = random.usize(1_500..4_500).min(rest.len());
        segments.push((rest[rows - 1].clone(), rows as u64));
        rest = &rest[rows..];
    }
    let ranges = (keys.len() / 16_000).clamp(1, most_ranges(cpus));
    let in_a_range = segments.len().div_ceil(ranges).max(1);
    let mut ends: Vec<Option<Key>> = segments
        .chunks(in_a_range)
        .map(|range| Some(range[range.len() - 1].0.clone()))
        .collect();
    ends.pop();
    ends.push(None);
    let mut start = Start::Beginning;
    let ranges = ends.into_iter().map(|until| {
        let behind = until.clone().map_or(Start::Beginning, Start::After);
        KeyRange {
            start: std::mem::replace(&mut start, behind),
            until,
        }
    });
    Shards::new(ranges.collect()).with_ends(SegmentEnds::new(segments.into_iter()))
}

fn with(cpus: usize, latency: Latency) -> Setting {
    Setting {
        cpus,
        ..Setting::usual(latency)
    }
}

/// The bound is that of one CPU. Thirty pages at once need 0.8 times as long, and 96 a quarter.
#[test]
fn with_a_snapshot_every_form_takes_the_same() {
    for name in ["dates", "nested-giants", "long-prefixes", "escapes"] {
        let keys = form(name);
        for (cpus, most_times, most_beyond) in [(1, 0.95, 30), (2, 0.5, 85)] {
            let effort = play(&keys, recorded(&keys, cpus), with(cpus, Latency::Uneven(1)));

            let (times, beyond) = (effort.times_the_bound(), effort.requests_beyond_pages());
            assert!(
                times <= most_times && beyond <= most_beyond,
                "{name}, {cpus} CPUs: {times:.2} times the bound, {beyond} requests beyond the pages"
            );
        }
    }
}

/// Empty ranges and cuts in vain cost requests, too.
#[test]
fn a_snapshot_of_keys_that_have_gone_keeps_the_bound() {
    let before = keys(MILLION, |n, _| format!("object-{n:07}"));
    let tenth = MILLION / 10;
    let both_ends = [&before[..tenth / 2], &before[MILLION - tenth / 2..]].concat();
    let nothing: &[Key] = &[];
    for left in [
        nothing,
        &before[..1],
        &before[..tenth],
        &before[..2 * tenth],
        &before[MILLION - tenth..],
        &both_ends,
    ] {
        for cpus in [1, 2] {
            let effort = play(
                left,
                recorded(&before, cpus),
                with(cpus, Latency::Uneven(1)),
            );

            let beyond = effort.requests_beyond_pages();
            assert!(
                beyond <= effort.pages / 20 + 64,
                "{} keys, {cpus} CPUs: {effort:?}",
                left.len()
            );
        }
    }
}

/// Some stores put fewer keys into a page.
#[test]
fn small_pages_are_cut_by_what_they_hold() {
    for count in [3_000, 20_000] {
        let keys = keys(count, |n, _| format!("object-{n:07}"));
        for cpus in [1, 2] {
            let setting = Setting {
                page: 10,
                ..with(cpus, Latency::Equal)
            };

            let effort = play(&keys, recorded(&keys, cpus), setting);

            let (times, beyond) = (effort.times_the_bound(), effort.requests_beyond_pages());
            assert!(
                times <= 1.9 && beyond <= effort.pages / 20 + 64,
                "{count} keys, {cpus} CPUs: {times:.2}, {beyond}"
            );
        }
    }
}

/// The folder came since the snapshot was made, within one of its segments.
#[test]
fn a_new_giant_folder_is_cut_by_guesses() {
    let old = (0..200_000).map(|n| format!("object-{n:06}"));
    let new = (0..800_000).map(|n| format!("object-1234/{n:06}"));
    let before: Vec<Key> = old.clone().map(Key::new).collect();
    let keys = in_order(old.chain(new).collect());

    let effort = play(&keys, recorded(&before, 1), with(1, Latency::Equal));

    let (times, beyond) = (effort.times_the_bound(), effort.requests_beyond_pages());
    assert!(
        times <= 1.7 && beyond <= 164,
        "{times:.2} times the bound, {beyond} requests"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each key is seen once, and requests stay within the bound, whatever the keys look like.
    #[test]
    fn any_tree_is_listed_within_the_bound(seed in any::<u64>(), count in 1_usize..60_000, depth in 0_usize..5) {
        let mut keys = Vec::new();
        tree(&mut Rng::with_seed(seed), "", count, depth, &mut keys);

        let keys = in_order(keys);

        let effort = list(&keys, Latency::Uneven(seed));

        let beyond = effort.requests_beyond_pages();
        prop_assert!(beyond <= effort.pages / 20 + 64, "{effort:?}");
        prop_assert!(effort.is_as_quick_as_one_by_one(), "{effort:?}");
    }

    /// The same with a snapshot, of which any part of the keys has come since and any part of its own has gone.
    #[test]
    fn any_tree_is_listed_beside_any_snapshot(seed in any::<u64>(), count in 1_usize..60_000, came in 0_usize..100, gone in 0_usize..100, cpus in 1_usize..3) {
        let mut all = Vec::new();
        tree(&mut Rng::with_seed(seed), "", count, 3, &mut all);
        let all = in_order(all);
        let come = all.len() * came / 100;
        let left = all.len() - all.len() * gone / 100;
        let (before, keys) = (&all[come..], &all[..left]);

        let effort = play(keys, recorded(before, cpus), with(cpus, Latency::Uneven(seed)));

        let beyond = effort.requests_beyond_pages();
        prop_assert!(beyond <= effort.pages / 20 + 64, "{effort:?}");
    }
}
