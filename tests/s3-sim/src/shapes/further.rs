//! Forms that the bench does not measure: the tests of the listing and of the survey do.

use super::{Form, Leaf, Row, form, letters};
use crate::digest::mix;

pub(super) static FORMS: [Form; 16] = [
    form("nested-first-and-last", nested_first_and_last),
    form("nested-without-slashes", nested_without_slashes),
    form("long-prefixes", long_prefixes),
    form("letters-of-many-bytes", letters_of_many_bytes),
    form("giant-at-the-beginning", giant_at_the_beginning),
    form("zipf", zipf),
    form("hours", hours),
    form("base64", || vec![(String::new(), 1, Leaf::Base64)]),
    form("uuids-of-tenants", uuids_of_tenants),
    form("plain-numbers", plain_numbers),
    form("escapes", escapes),
    form("last-bytes", || vec![("e".repeat(90), 1, Leaf::LastBytes)]),
    form("powers-of-ten", powers_of_ten),
    form("names-in-kanji", names_in_kanji),
    form("times", || vec![("IMG_".to_owned(), 1, Leaf::Time)]),
    form("hashed-folders", hashed_folders),
];

/// Six giants within each other: each time another child is the giant, the first, the last or one between.
fn nested_first_and_last() -> Vec<Row> {
    let mut all = Vec::new();
    let (mut above, mut size) = (String::new(), 10_000_000);
    for (level, giant) in ["000-first/", "zzz-last/", "k2/", "0/", "~tmp/", "p/q/r/"]
        .into_iter()
        .enumerate()
    {
        let (number, share) = [(3, 2), (200, 5), (40, 3)][level % 3];
        let beside = size / share;
        for child in 0..number {
            let prefix = format!("{above}d{child:03}/");
            all.push((prefix, beside / number, Leaf::Random(8)));
        }
        above += giant;
        size -= beside;
    }
    all.push((above, size, Leaf::Counted));
    all
}

/// Seven giants within each other, of names with hyphens.
fn nested_without_slashes() -> Vec<Row> {
    let mut all = Vec::new();
    let (mut above, mut size) = (String::new(), 10_000_000);
    for level in 0..7 {
        let beside = size / 5;
        for child in ["api", "core", "db", "eu", "jobs", "test", "web"] {
            let prefix = format!("{above}{child}-");
            all.push((prefix, beside / 7, Leaf::Random(10)));
        }
        above += ["main-", "beta-", "zone-"][level % 3];
        size -= beside;
    }
    all.push((above, size, Leaf::Uuid));
    all
}

/// Prefixes of 300 to 600 bytes, with some keys beside each.
fn long_prefixes() -> Vec<Row> {
    let mut above = "a/long/path/of/folders/".repeat(13);
    let mut all = Vec::new();
    for level in 0..3 {
        all.extend(letters(&above, 'b'..='g', 2, Leaf::Random(10)));
        above += &format!("{}-{level}/", "name-of-a-hundred-bytes".repeat(4));
    }
    all.push((above, 60, Leaf::Random(16)));
    all
}

fn letters_of_many_bytes() -> Vec<Row> {
    let alphabets = [
        ("отчёты/", Leaf::Letters('\u{430}', 32)),
        ("ab/", Leaf::Letters('a', 26)),
        ("보고서/", Leaf::Letters('\u{ac00}', 2_000)),
        ("😀/", Leaf::Letters('\u{1f400}', 60)),
    ];
    let sizes = [4, 1, 3, 2];
    let rows = alphabets.into_iter().zip(sizes);
    rows.map(|((prefix, leaf), size)| (prefix.to_owned(), size, leaf))
        .collect()
}

fn giant_at_the_beginning() -> Vec<Row> {
    let small = (0..1_000).map(|n| (format!("p{n:04}/"), 1, Leaf::Random(12)));
    let giant = ("0-raw/dump/objects/".to_owned(), 19_000, Leaf::Random(16));
    small.chain([giant]).collect()
}

/// The sizes of twenty thousand tenants fall as their rank rises.
fn zipf() -> Vec<Row> {
    let tenant = |n: u64| {
        let rank = 1 + mix(n) % 20_000;
        (format!("t/{n:05}/"), 1 + 2_000_000 / rank, Leaf::Random(12))
    };
    (0..20_000).map(tenant).collect()
}

fn hours() -> Vec<Row> {
    let hour = |n: u64| {
        let (day, hour) = (n / 24, n % 24);
        let (month, day) = (day / 28 % 12 + 1, day % 28 + 1);
        let prefix = format!("events/2024/{month:02}/{day:02}/{hour:02}/");
        (prefix, 1 + hour / 4, Leaf::Uuid)
    };
    (0..24 * 336).map(hour).collect()
}

fn uuids_of_tenants() -> Vec<Row> {
    let tenant = |(n, size): (u64, u64)| {
        let (high, low) = (mix(n + 7), mix(n + 70));
        let prefix = format!("{:08x}-{:04x}/", high >> 32, low >> 48);
        (prefix, size, Leaf::Uuid)
    };
    [60, 25, 10, 4, 1]
        .into_iter()
        .zip(0..)
        .map(|(size, n)| tenant((n, size)))
        .collect()
}

fn plain_numbers() -> Vec<Row> {
    vec![
        ("img/page-".to_owned(), 4, Leaf::Plain),
        ("scan".to_owned(), 1, Leaf::Plain),
    ]
}

/// Folders whose names were escaped before they became keys.
fn escapes() -> Vec<Row> {
    let folder = |n: u32| {
        let sign = char::from_u32(0x4e00 + 37 * n).unwrap_or('x');
        let escaped: String = sign
            .to_string()
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        let size = 1 + mix(u64::from(n)) % 9;
        (format!("docs%2F{escaped}%20"), size, Leaf::Counted)
    };
    (0..400).map(folder).collect()
}

/// Each folder has ten times the keys of the one that it is in.
fn powers_of_ten() -> Vec<Row> {
    let folder = |depth: u32| {
        let above = "deeper/".repeat(depth as usize);
        (above + "file-", 10_u64.pow(depth), Leaf::Counted)
    };
    (0..7).map(folder).collect()
}

fn names_in_kanji() -> Vec<Row> {
    vec![
        ("img-".to_owned(), 1, Leaf::Counted),
        (String::from("写"), 3, Leaf::Letters('\u{4e00}', 9_000)),
        (String::from("真"), 3, Leaf::Letters('\u{4e00}', 500)),
    ]
}

/// A cache beside a few files: folders of two digits within each other.
fn hashed_folders() -> Vec<Row> {
    let mut all = vec![("readme-".to_owned(), 655, Leaf::Counted)];
    let folder = |n: u64| {
        let prefix = format!("cache/objects/{:02x}/{:02x}/", n / 256, n % 256);
        (prefix, 1, Leaf::Random(16))
    };
    all.extend((0..65_536).map(folder));
    all
}
