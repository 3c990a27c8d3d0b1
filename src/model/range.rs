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

impl TryFrom<Fields> for KeyRange {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        let start = match (fields.after, fields.at) {
            (None, None) => Start::Beginning,
            (Some(last), None) => Start::After(last),
            (None, Some(first)) => Start::At(first),
            (Some(_), Some(_)) => return Err("a range begins after a key or at one"),
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
