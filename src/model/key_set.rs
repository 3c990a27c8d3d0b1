//! The digest of a set of keys, which does not depend on the order in which they are found.
//!
//! Keys are found in several ranges at once, and a million of them are not kept in memory. The digest is
//! the sum of the SHA-256 of each key, modulo 2^256.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::Key;

/// The digest of a set of keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KeySet([u64; 4]);

impl KeySet {
    /// The digest of one key.
    pub fn of(key: &Key) -> Self {
        let digest = Sha256::digest(key.as_str());
        let mut limbs = [0; 4];
        for (limb, bytes) in limbs.iter_mut().zip(digest.chunks(8)) {
            *limb = bytes
                .iter()
                .fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        }
        Self(limbs)
    }

    /// The digest of both sets, which have no key in common.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        // Nearly all that is added is the digest of no key.
        if other == Self::default() {
            return self;
        }
        let mut sum = [0; 4];
        let mut carry = false;
        let pairs = self.0.into_iter().zip(other.0);
        for (limb, (one, other)) in sum.iter_mut().zip(pairs).rev() {
            let (added, first) = one.overflowing_add(other);
            let (added, second) = added.overflowing_add(u64::from(carry));
            (*limb, carry) = (added, first || second);
        }
        Self(sum)
    }
}

impl fmt::Display for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|limb| write!(f, "{limb:016x}"))
    }
}

impl Serialize for KeySet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is not the digest of a set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the digest of a set of keys is 64 hexadecimal digits")]
pub struct NoKeySet;

impl TryFrom<String> for KeySet {
    type Error = NoKeySet;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NoKeySet);
        }
        let mut limbs = [0; 4];
        for (limb, at) in limbs.iter_mut().zip((0..64).step_by(16)) {
            let digits = text.get(at..at + 16).ok_or(NoKeySet)?;
            *limb = u64::from_str_radix(digits, 16).map_err(|_| NoKeySet)?;
        }
        Ok(Self(limbs))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(keys: &[String]) -> KeySet {
        let keys = keys.iter().map(|key| KeySet::of(&Key::new(key.as_str())));
        keys.fold(KeySet::default(), KeySet::and)
    }

    proptest! {
        #[test]
        fn the_order_does_not_matter_and_every_key_does(
            keys in proptest::collection::btree_set(".{0,8}", 1..20),
            at in any::<proptest::sample::Index>(),
        ) {
            let mut keys: Vec<String> = keys.into_iter().collect();
            let all = of(&keys);
            let middle = at.index(keys.len());
            keys.rotate_left(middle);
            prop_assert_eq!(of(&keys), all);

            keys.pop();
            prop_assert_ne!(of(&keys), all);
        }
    }

    #[test]
    fn it_is_written_as_a_sha_256_and_read_back() {
        let set = KeySet::of(&Key::new("abc"));
        let json = serde_json::to_string(&set).unwrap();

        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(json, format!("\"{sha256}\""));
        assert_eq!(serde_json::from_str::<KeySet>(&json).unwrap(), set);
        let most = KeySet([u64::MAX; 4]);
        assert_eq!(most.and(KeySet([0, 0, 0, 1])), KeySet::default());
        for text in ["\"\"", "\"x\"", "1"] {
            assert!(serde_json::from_str::<KeySet>(text).is_err(), "{text}");
        }
    }
}
