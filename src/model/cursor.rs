//! Where a run stopped, and all that a later one needs to go on.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{BucketName, Key};

/// The format of a cursor that this version writes, and the one that it reads.
pub const CURSOR_FORMAT: u64 = 1;

/// What is left of a run. Small, and harmless: lost, replayed or used twice, it only makes a run look
/// at objects again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cursor {
    /// [`CURSOR_FORMAT`].
    pub format: u64,
    /// Only keys that start with it.
    pub prefix: String,
    /// `incremental` or `full`.
    pub mode: &'static str,
    /// Whether the run only tells what it would copy.
    pub dry_run: bool,
    /// The ranges of keys that are left.
    pub ranges: Vec<Range>,
}

/// The keys that are left to do for one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Range {
    /// The destination's bucket.
    pub destination: BucketName,
    /// Where they begin.
    #[serde(flatten)]
    pub start: Start,
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
    pub fn admits(&self, key: &Key) -> bool {
        match self {
            Self::Beginning => true,
            Self::After(last) => key > last,
            Self::At(first) => key >= first,
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

                prop_assert!(listed || !start.admits(&key));
            }
        }
    }

    #[test]
    fn a_cursor_is_small_json() {
        let range = |start| Range {
            destination: BucketName::new("backup").unwrap(),
            start,
        };
        let cursor = Cursor {
            format: CURSOR_FORMAT,
            prefix: String::new(),
            mode: "incremental",
            dry_run: false,
            ranges: vec![
                range(Start::Beginning),
                range(Start::After(Key::new("a"))),
                range(Start::At(Key::new("b"))),
            ],
        };

        let json = serde_json::to_string(&cursor).unwrap();

        assert_eq!(
            json,
            "{\"format\":1,\"prefix\":\"\",\"mode\":\"incremental\",\"dry_run\":false,\"ranges\":[{\"destination\":\"backup\"},\
             {\"destination\":\"backup\",\"after\":\"a\"},{\"destination\":\"backup\",\"at\":\"b\"}]}"
        );
    }
}
