//! A range of keys: where it begins and where it ends.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::Key;

/// The keys from a start up to and with a last one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct KeyRange {
    /// Where they begin.
    #[serde(flatten)]
    pub start: Start,
    /// The last key that can be among them; none if there is no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Key>,
}

/// A range as it stands in JSON.
#[derive(Deserialize)]
struct Fields {
    after: Option<Key>,
    at: Option<Key>,
    until: Option<Key>,
}

/// A range that says twice where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a range begins after a key or at one")]
struct TwoStarts;

impl TryFrom<Fields> for KeyRange {
    type Error = TwoStarts;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        let start = match (fields.after, fields.at) {
            (None, None) => Start::Beginning,
            (Some(last), None) => Start::After(last),
            (None, Some(first)) => Start::At(first),
            (Some(_), Some(_)) => return Err(TwoStarts),
        };
        let until = fields.until;
        Ok(Self { start, until })
    }
}

impl KeyRange {
    /// All keys.
    pub fn all() -> Self {
        Self::default()
    }

    /// Bytes of the longest key that the range is said by.
    pub fn longest_key(&self) -> usize {
        let keys = self.start.key().into_iter().chain(&self.until);
        keys.map(|key| key.as_str().len()).max().unwrap_or_default()
    }

    /// Whether a key is in the range.
    pub fn admits(&self, key: &Key) -> bool {
        self.start.admits(key.as_str()) && self.until.as_ref().is_none_or(|until| key <= until)
    }

    /// The same keys in ranges that are in order and have no key in common.
    pub fn disjoint(ranges: Vec<Self>) -> Vec<Self> {
        let mut ranges: Vec<Self> = ranges
            .into_iter()
            .filter(|range| !range.is_empty())
            .collect();
        ranges.sort_by(|one, other| one.start.order().cmp(&other.start.order()));
        let mut disjoint: Vec<Self> = Vec::new();
        for range in ranges {
            match disjoint.last_mut() {
                Some(last) if last.reaches_into(&range) => last.extend_to(range.until),
                Some(_) | None => disjoint.push(range),
            }
        }
        disjoint
    }

    /// Whether no key can be in it.
    fn is_empty(&self) -> bool {
        let until = self.until.as_ref();
        until.is_some_and(|until| !self.start.admits(until.as_str()))
    }

    /// Whether it and one that begins later may have a key in common.
    fn reaches_into(&self, later: &Self) -> bool {
        let Some(until) = &self.until else {
            return true;
        };
        match &later.start {
            Start::Beginning => true,
            Start::At(first) => first <= until,
            Start::After(last) => last < until,
        }
    }

    fn extend_to(&mut self, other: Option<Key>) {
        self.until = match (self.until.take(), other) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (None, _) | (_, None) => None,
        };
    }
}

/// Where a range of keys begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// At the first key there is.
    #[default]
    Beginning,
    /// Behind this key.
    After(Key),
    /// At this key.
    At(Key),
}

impl Start {
    /// Whether a key is in the range.
    pub fn admits(&self, key: &str) -> bool {
        match self {
            Self::Beginning => true,
            Self::After(last) => key > last.as_str(),
            Self::At(first) => key >= first.as_str(),
        }
    }

    /// The key that it is said by; none for the beginning, which comes before all of them.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Beginning => None,
            Self::After(key) | Self::At(key) => Some(key),
        }
    }

    /// By it the earlier one of two starts comes first.
    fn order(&self) -> (Option<&Key>, bool) {
        (self.key(), matches!(self, Self::After(_)))
    }

    /// A key to list after so that no key of the range is missed, though some before it may come
    /// along: S3 lists after a key, never at it. None to list from the first key.
    pub fn list_after(&self) -> Option<Key> {
        match self {
            Self::Beginning => None,
            Self::After(last) => Some(last.clone()),
            // Whatever begins another text comes before it.
            Self::At(first) => first.without_last_char(),
        }
    }
}

/// `{"after":"key"}`, `{"at":"key"}`, or `{}` for the beginning.
impl Serialize for Start {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        match self {
            Self::Beginning => {}
            Self::After(last) => fields.serialize_entry("after", last)?,
            Self::At(first) => fields.serialize_entry("at", first)?,
        }
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_that_overlap_become_disjoint_and_keep_their_keys(
            ranges in proptest::collection::vec((0..3_u8, "[a-d]{0,2}", proptest::option::of("[a-d]{0,2}")), 0..6),
            keys in proptest::collection::vec("[a-e]{0,3}", 30),
        ) {
            let ranges: Vec<KeyRange> = ranges.into_iter().map(|(kind, key, until)| KeyRange {
                start: match kind {
                    0 => Start::Beginning,
                    1 => Start::At(Key::new(key)),
                    _ => Start::After(Key::new(key)),
                },
                until: until.map(Key::new),
            }).collect();

            let disjoint = KeyRange::disjoint(ranges.clone());

            for key in keys.into_iter().map(Key::new) {
                let among = |ranges: &[KeyRange]| ranges.iter().filter(|range| range.admits(&key)).count();
                prop_assert_eq!(among(&disjoint), among(&ranges).min(1), "{}", key);
            }
        }

        #[test]
        fn no_key_of_a_range_is_missed(first: String, key: String) {
            let key = Key::new(key);
            for start in [Start::At(Key::new(first.as_str())), Start::After(Key::new(first.as_str()))] {
                let listed = start.list_after().is_none_or(|after| key > after);

                prop_assert!(listed || !start.admits(key.as_str()));
            }
        }
    }

    #[test]
    fn a_range_ends_with_its_last_key() {
        let range = KeyRange {
            start: Start::After(Key::new("b")),
            until: Some(Key::new("d")),
        };

        let admitted = ["a", "b", "ba", "d", "d/", "e"].map(|key| range.admits(&Key::new(key)));

        assert_eq!(admitted, [false, false, true, true, false, false]);
    }
}
