//! A share of all keys: one part of several, which take turns day by day.

use md5::{Digest, Md5};

use super::{Key, Timestamp};

const MILLIS_OF_A_DAY: i64 = 24 * 60 * 60 * 1000;

/// One of several parts of all keys. Each key is in exactly one of them, whatever else there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleShare {
    /// Which part, from 1 on.
    part: u16,
    /// How many there are.
    of: u16,
}

impl SampleShare {
    /// The most parts: each gets its turn within a year.
    pub const MOST: u16 = 366;

    /// All keys.
    pub fn whole() -> Self {
        Self { part: 1, of: 1 }
    }

    /// A part; none if there is no such part.
    pub fn new(part: u16, of: u16) -> Option<Self> {
        let exists = (1..=Self::MOST).contains(&of) && (1..=of).contains(&part);
        exists.then_some(Self { part, of })
    }

    /// The part whose turn it is: within as many days as there are parts, each has one. At least one
    /// part is assumed.
    pub fn of_day(of: u16, time: Timestamp) -> Self {
        let of = of.max(1);
        let day = time.as_millis().div_euclid(MILLIS_OF_A_DAY);
        let turn = u16::try_from(day.rem_euclid(i64::from(of))).unwrap_or(0);
        Self { part: turn + 1, of }
    }

    /// Which part, from 1 on.
    pub fn part(self) -> u16 {
        self.part
    }

    /// How many parts there are.
    pub fn of(self) -> u16 {
        self.of
    }

    /// Whether it is all there is.
    pub fn is_whole(self) -> bool {
        self.of == 1
    }

    /// Whether a key is in it. By a hash of the key alone: the same in every run and version, and even
    /// where keys are not.
    pub fn admits(self, key: &Key) -> bool {
        if self.is_whole() {
            return true;
        }
        let digest = Md5::digest(key.as_str());
        let number = digest.iter().take(8).fold(0, |number: u64, byte| {
            number.wrapping_shl(8) | u64::from(*byte)
        });
        number % u64::from(self.of) == u64::from(self.part - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn turns(of: u16, key: &Key, from: Timestamp) -> usize {
        let days = (0..of).map(|day| from.plus(Duration::from_hours(24) * u32::from(day)));
        days.filter(|day| SampleShare::of_day(of, *day).admits(key))
            .count()
    }

    proptest! {
        #[test]
        fn each_key_has_its_turn_once_in_as_many_days_as_there_are_parts(
            key: String,
            of in 1..=SampleShare::MOST,
            from in 0..4_000_000_000_000_i64,
        ) {
            prop_assert_eq!(turns(of, &Key::new(key), Timestamp::from_millis(from)), 1);
        }
    }

    #[test]
    fn parts_are_about_even_and_never_change() {
        let key = |n: u32| Key::new(format!("logs/2026/{n:06}.gz"));
        let share = SampleShare::new(7, 30).unwrap();

        let admitted: Vec<u32> = (0..3000).filter(|n| share.admits(&key(*n))).collect();

        assert!((70..130).contains(&admitted.len()), "{}", admitted.len());
        assert_eq!(admitted[..3], FIRST_OF_PART_7);
    }

    /// By Python's hashlib. With another hash, keys would wait for up to twice as long once.
    const FIRST_OF_PART_7: [u32; 3] = [57, 85, 87];

    #[test]
    fn only_parts_that_exist_are_shares() {
        assert_eq!(SampleShare::new(1, 1), Some(SampleShare::whole()));
        assert!(SampleShare::new(30, 30).is_some());
        for (part, of) in [(0, 30), (31, 30), (1, 0), (1, 367)] {
            assert_eq!(SampleShare::new(part, of), None, "{part}/{of}");
        }
    }
}
