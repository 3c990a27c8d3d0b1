//! How a large object is cut: pure arithmetic within S3's limits.
//!
//! A copy cut as its source was has the source's `ETag`, and every later listing proves it for free.
//! So the source's own layout is taken over where it is known.

use std::fmt::Write;

use md5::{Digest, Md5};

use super::{ETag, Part};

const MIB: u64 = 1024 * 1024;
/// The least that a part but the last may have.
const LEAST_PART: u64 = 5 * MIB;
/// The most that a part may have: 5 GiB.
const MOST_PART: u64 = 5 * 1024 * MIB;
/// The most parts that an object may have.
const MOST_PARTS: u64 = 10_000;
/// What a part has where nothing speaks for another size: enough for the request's price not to
/// matter, and small enough for many to be copied side by side.
const PREFERRED_PART: u64 = 256 * MIB;

/// The largest object that can be copied at all, in bytes: 10,000 parts of 5 GiB.
pub const MOST_OBJECT_BYTES: u64 = MOST_PARTS * MOST_PART;

/// What one look at a multi-part object tells of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceParts {
    /// The size of the first one.
    pub first: u64,
    /// How many there are.
    pub count: u32,
}

/// An object of `size` bytes, cut into parts of `part` bytes but for the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    size: u64,
    part: u64,
}

impl Layout {
    /// The layout for a copy of an object of 1 to [`MOST_OBJECT_BYTES`] bytes: the source's own, if its
    /// parts but the last are equal and the copy may be cut so; else one that fits.
    pub fn new(size: u64, source: Option<SourceParts>) -> Self {
        let own = source.filter(|parts| {
            let even = size.div_ceil(parts.first.max(1)) == u64::from(parts.count);
            let allowed = (LEAST_PART..=MOST_PART).contains(&parts.first) || parts.count == 1;
            even && allowed && parts.first <= MOST_PART
        });
        let part = match own {
            Some(parts) => parts.first,
            None => PREFERRED_PART.max(size.div_ceil(MOST_PARTS)),
        };
        Self { size, part }
    }

    /// How many parts there are.
    pub fn count(self) -> u64 {
        self.size.div_ceil(self.part.max(1))
    }

    /// The parts, in order.
    pub fn parts(self) -> impl Iterator<Item = Part> {
        let Self { size, part } = self;
        (1..).map_while(move |number: u32| {
            let start = u64::from(number - 1) * part;
            (start < size).then(|| Part {
                number,
                start,
                end: size.min(start + part),
            })
        })
    }
}

/// The `ETag` that S3 gives to an object of these parts, if theirs are MD5s: the MD5 of all MD5s, and
/// their count. Parts that are encrypted with a KMS key have other `ETag`s.
pub fn whole_etag(parts: &[ETag]) -> Option<ETag> {
    let mut all = Md5::new();
    for part in parts {
        all.update(md5_bytes(part.as_str())?);
    }
    let mut hex = String::with_capacity(32);
    for byte in all.finalize() {
        let _ = write!(hex, "{byte:02x}");
    }
    Some(ETag::new(&format!("{hex}-{}", parts.len())))
}

fn md5_bytes(hex: &str) -> Option<[u8; 16]> {
    if hex.len() != 32 || !hex.is_ascii() {
        return None;
    }
    let mut bytes = [0; 16];
    for (byte, at) in bytes.iter_mut().zip((0..32).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GIB: u64 = 1024 * MIB;

    fn cut(first: u64, count: u32) -> SourceParts {
        SourceParts { first, count }
    }

    fn sizes(size: u64, source: Option<SourceParts>) -> Vec<u64> {
        Layout::new(size, source)
            .parts()
            .map(|part| part.size())
            .collect()
    }

    #[test]
    fn the_sources_own_layout_is_taken_over() {
        assert_eq!(
            sizes(20 * MIB, Some(cut(8 * MIB, 3))),
            [8 * MIB, 8 * MIB, 4 * MIB]
        );
        assert_eq!(sizes(16 * MIB, Some(cut(8 * MIB, 2))), [8 * MIB, 8 * MIB]);
        assert_eq!(sizes(3 * GIB, Some(cut(3 * GIB, 1))), [3 * GIB]);
    }

    #[test]
    fn a_layout_that_cannot_be_taken_over_is_not() {
        let own = sizes(20 * MIB, None);

        assert_eq!(own, [20 * MIB]);
        assert_eq!(sizes(20 * MIB, Some(cut(5 * MIB, 3))), own, "unequal parts");
        assert_eq!(sizes(20 * MIB, Some(cut(MIB, 20))), own, "parts too small");
        assert_eq!(sizes(20 * MIB, Some(cut(0, 0))), own, "no parts at all");
    }

    #[test]
    fn the_largest_objects_are_cut_into_as_few_bytes_as_parts_allow() {
        let fifty_tb = 50_000_000_000_000;

        assert_eq!(sizes(fifty_tb, None).len(), 10_000);
        assert_eq!(sizes(MOST_OBJECT_BYTES, None).len(), 10_000);
        assert_eq!(sizes(MOST_OBJECT_BYTES, None)[0], MOST_PART);
    }

    #[test]
    fn the_etag_of_parts_is_the_md5_of_their_md5s() {
        // Two parts "a" and "b" have md5(md5("a") + md5("b")), checked with md5sum.
        let parts = [
            "0cc175b9c0f1b6a831c399e269772661",
            "92eb5ffee6ae2fec3ad71c777531578f",
        ];

        let whole = whole_etag(&parts.map(ETag::new));

        assert_eq!(whole, Some(ETag::new("96e024ba2074fe77e8e965ba43a704be-2")));
        assert_eq!(whole_etag(&[ETag::new("not an md5")]), None);
    }

    proptest! {
        #[test]
        fn parts_cover_the_object_within_the_limits(
            size in 1..=MOST_OBJECT_BYTES,
            first in 0..=6 * GIB,
            count in 0..=10_000_u32,
        ) {
            let parts: Vec<Part> = Layout::new(size, Some(cut(first, count))).parts().collect();

            prop_assert!(parts.len() as u64 <= MOST_PARTS);
            let layout = Layout::new(size, Some(cut(first, count)));
            prop_assert_eq!(parts.len() as u64, layout.count());
            prop_assert_eq!(parts.first().unwrap().start, 0);
            prop_assert_eq!(parts.last().unwrap().end, size);
            for (n, pair) in parts.windows(2).enumerate() {
                prop_assert_eq!(pair[0].number as usize, n + 1);
                prop_assert_eq!(pair[0].end, pair[1].start);
                prop_assert!(pair[0].size() >= LEAST_PART);
            }
            prop_assert!(parts.iter().all(|part| (1..=MOST_PART).contains(&part.size())));
        }
    }
}
