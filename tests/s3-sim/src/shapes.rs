//! Key spaces of many forms, each made of folders: a folder has a share of the keys, and numbers them or
//! names them at random.

mod further;
mod names;

use crate::digest::mix;
use std::ops::RangeInclusive;
use std::sync::OnceLock;

/// A form of the keys, by its name.
#[derive(Debug)]
pub struct Form {
    /// As the command line calls it.
    pub name: &'static str,
    rows: fn() -> Vec<Row>,
    folders: OnceLock<Vec<Folder>>,
}

/// What the names of a folder begin with, how large it is compared to others, and what its names are.
type Row = (String, u64, Leaf);

#[derive(Debug)]
struct Folder {
    prefix: String,
    /// The sizes of all folders before it.
    before: u64,
    /// And with this one.
    until: u64,
    leaf: Leaf,
}

#[derive(Clone, Copy, Debug)]
enum Leaf {
    /// `000000042`
    Counted,
    /// So many hexadecimal digits, at most 16.
    Random(usize),
    /// `9f3a0c11-09d2-4c51-8f00-52b1a7c3d9e0`
    Uuid,
    /// `Zk3x_0-aQ9...`: 22 characters.
    Base64,
    /// Six of so many letters that follow each other, from the first on.
    Letters(char, u32),
    /// `42`
    Plain,
    /// Digits far from each other, with the same characters between them.
    LastBytes,
    /// `20240131_235959123`
    Time,
}

static FORMS: [Form; 12] = [
    form("dates", dates),
    form("uuids", || vec![(String::new(), 1, Leaf::Uuid)]),
    form("long-prefix", long_prefix),
    form("giant-in-the-middle", giant_in_the_middle),
    form("giant-at-the-end", giant_at_the_end),
    form("giants-beside-each-other", giants_beside_each_other),
    form("nested-giants", nested_giants),
    form("tenants", tenants),
    form("tables", tables),
    form("kanji", kanji),
    form("albums", albums),
    form("mixture", mixture),
];

const fn form(name: &'static str, rows: fn() -> Vec<Row>) -> Form {
    Form {
        name,
        rows,
        folders: OnceLock::new(),
    }
}

impl Form {
    /// The form of this name.
    pub fn named(name: &str) -> Option<&'static Form> {
        let mut forms = FORMS.iter().chain(&further::FORMS);
        forms.find(|form| form.name == name)
    }

    /// The names of the forms that the bench measures.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FORMS.iter().map(|form| form.name)
    }

    /// The names of the others.
    pub fn further() -> impl Iterator<Item = &'static str> {
        further::FORMS.iter().map(|form| form.name)
    }

    /// The key at an index of so many; ascends with the index.
    pub fn key(&self, index: u64, count: u64) -> String {
        let folders = self.folders.get_or_init(|| in_order((self.rows)()));
        let sizes = folders.last().map_or(1, |last| last.until);
        let first = |before: u64| scaled(before, count, sizes);
        // `first(folder.until) <= index`, without a division for each folder that is looked at.
        let behind = (u128::from(index) + 1) * u128::from(sizes);
        let is_before = |folder: &Folder| u128::from(folder.until) * u128::from(count) < behind;
        let folder = folders.partition_point(is_before);
        let folder = &folders[folder];
        let (from, until) = (first(folder.before), first(folder.until));
        let mut key = folder.prefix.clone();
        folder.leaf.push(&mut key, index - from, until - from);
        key
    }
}

impl PartialEq for Form {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Form {}

impl Leaf {
    /// Names one of so many keys of a folder; ascends with the number.
    fn push(self, key: &mut String, number: u64, count: u64) {
        match self {
            Leaf::Counted => key.push_str(&format!("{number:09}")),
            Leaf::Random(digits) => {
                let name = spread(number, count) >> (64 - 4 * digits);
                key.push_str(&format!("{name:0digits$x}"));
            }
            Leaf::Uuid => {
                let (high, low) = (spread(number, count), mix(number));
                let (a, b, c) = (high >> 32, high >> 16 & 0xffff, high & 0xfff);
                let (d, e) = (low >> 48, low & 0xffff_ffff_ffff);
                key.push_str(&format!("{a:08x}-{b:04x}-4{c:03x}-{d:04x}-{e:012x}"));
            }
            Leaf::Base64 => names::base64(key, spread(number, count), mix(number)),
            Leaf::Letters(first, many) => {
                names::letters(key, spread(number, count), first, many);
            }
            Leaf::Plain => names::plain(key, number, count),
            Leaf::LastBytes => names::last_bytes(key, number, count),
            Leaf::Time => names::time(key, spread(number, count)),
        }
    }
}

/// A number of 64 bits at random, within the share of it that one of so many has.
fn spread(number: u64, count: u64) -> u64 {
    let step = u64::MAX / count.max(1);
    number * step + mix(number) % (step / 2).max(1)
}

fn scaled(part: u64, count: u64, whole: u64) -> u64 {
    if let Some(product) = part.checked_mul(count) {
        return product / whole;
    }
    (u128::from(part) * u128::from(count) / u128::from(whole)) as u64
}

fn in_order(mut rows: Vec<Row>) -> Vec<Folder> {
    rows.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let mut sizes = 0;
    let folders = rows.into_iter().map(|(prefix, size, leaf)| {
        let before = sizes;
        sizes += size;
        Folder {
            prefix,
            before,
            until: sizes,
            leaf,
        }
    });
    folders.collect()
}

/// A folder for each letter, of one size.
fn letters(above: &str, names: RangeInclusive<char>, size: u64, leaf: Leaf) -> Vec<Row> {
    names
        .map(|name| (format!("{above}{name}/"), size, leaf))
        .collect()
}

fn dates() -> Vec<Row> {
    let day = |n: u64| {
        let (year, month, day) = (2019 + n / 360, n / 30 % 12 + 1, n % 30 + 1);
        let prefix = format!("logs/{year}/{month:02}/{day:02}/");
        (prefix, 1, Leaf::Random(16))
    };
    (0..1_500).map(day).collect()
}

fn long_prefix() -> Vec<Row> {
    let prefix = "very/long/prefix/of/keys/".repeat(7) + "abcd/";
    vec![(prefix, 1, Leaf::Random(16))]
}

fn giant_in_the_middle() -> Vec<Row> {
    let mut all = letters("", 'a'..='l', 13, Leaf::Random(12));
    all.extend(letters("", 'n'..='z', 12, Leaf::Random(12)));
    let giant = "m-hot/tenant-0001/data/".to_owned();
    all.push((giant, 18 * 12 * 13, Leaf::Random(16)));
    all
}

fn giant_at_the_end() -> Vec<Row> {
    let mut all = letters("", 'a'..='y', 1, Leaf::Random(10));
    let giant = "zz-archive/2019/import/final/objects/".to_owned();
    all.push((giant, 99 * 25, Leaf::Random(16)));
    all
}

fn giants_beside_each_other() -> Vec<Row> {
    let mut all = letters("", 'c'..='s', 1, Leaf::Random(10));
    for giant in [
        "backup/db/prod/eu-west-1/shard-07/wal/",
        "tenants/acme/uploads/raw/",
        "tenants/acmf/uploads/raw/2021-03/",
    ] {
        all.push((giant.to_owned(), 272, Leaf::Uuid));
    }
    all
}

/// Eight folders within each other, each with a sixth of its keys beside the next.
fn nested_giants() -> Vec<Row> {
    let mut all = Vec::new();
    let (mut above, mut size) = (String::new(), 1_000_000);
    for level in 0..8 {
        let beside = size * 15 / 100;
        all.extend(letters(&above, 'a'..='z', beside / 26, Leaf::Random(10)));
        above += &format!("level-{level}-main/");
        size -= beside;
    }
    all.push((above, size, Leaf::Random(16)));
    all
}

/// Few are large, and most are small.
fn tenants() -> Vec<Row> {
    let tenant = |n: u64| {
        let size = 1 + 3_000 / (1 + mix(n) % 3_000);
        (format!("tenant|{n:05}|user|"), size, Leaf::Random(8))
    };
    (0..3_000).map(tenant).collect()
}

fn tables() -> Vec<Row> {
    let days = (0..4 * 12 * 28).map(|n| (2020 + n / 336, n / 28 % 12 + 1, n % 28 + 1));
    let partitions = days.flat_map(|(year, month, day)| {
        [("ap", 1), ("eu", 2), ("us", 6)].map(|(region, size)| {
            let day = format!("dt={year}-{month:02}-{day:02}");
            let prefix = format!("warehouse/sales.db/orders/{day}/region={region}/part-");
            (prefix, size, Leaf::Uuid)
        })
    });
    partitions.collect()
}

fn kanji() -> Vec<Row> {
    let signs = ('\u{4e00}'..='\u{5da0}').step_by(2);
    let folder = |sign| (format!("資料/{sign}/"), 1, Leaf::Counted);
    signs.map(folder).collect()
}

fn albums() -> Vec<Row> {
    let album = |n: u64| {
        let size = 1 << (mix(n) % 128).leading_zeros().saturating_sub(57);
        let prefix = format!("Albums/{n:03} {:04x}/DSC_", mix(n) >> 48);
        (prefix, size, Leaf::Counted)
    };
    (0..150).map(album).collect()
}

fn mixture() -> Vec<Row> {
    let mut all = letters("logs/2024-", '0'..='9', 1, Leaf::Random(12));
    all.push(("0".to_owned(), 30, Leaf::Counted));
    all.push(("x/y/z/w/v/".to_owned(), 40, Leaf::Uuid));
    all.push(("Ünï/".to_owned(), 10, Leaf::Random(9)));
    all.push(("~".to_owned(), 10, Leaf::Random(6)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_form_ascend() {
        for form in FORMS.iter().chain(&further::FORMS) {
            for count in [1, 999, 20_000] {
                let keys: Vec<String> = (0..count).map(|index| form.key(index, count)).collect();

                assert!(
                    keys.is_sorted_by(|left, right| left < right),
                    "{}",
                    form.name
                );
            }
        }
    }

    #[test]
    fn folders_are_as_large_as_they_should_be() {
        let giant = Form::named("giant-in-the-middle").unwrap();
        let hot = |index: &u64| giant.key(*index, 20_000).starts_with("m-hot/");

        assert_eq!((0..20_000).filter(hot).count(), 18_000);
        assert_eq!(Form::named("round"), None);
    }
}
