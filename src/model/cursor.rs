//! Where a run stopped, and all that a later one needs to go on.

use serde::Serialize;

use super::{BucketName, Census, KeyRange};

/// The format of a cursor that this version writes. It reads those before it too: in format 1 a range
/// had no end.
pub const CURSOR_FORMAT: u64 = 2;

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
    /// Whether it tells why and for what price, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub plan: bool,
    /// How a verification was asked for; none of a backup run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<VerifyWords>,
    /// What a run has to remember that marks deletions; none of others, and of one that must not mark
    /// any more.
    #[serde(flatten)]
    pub marking: Option<Marking>,
    /// The ranges of keys that are left.
    pub ranges: Vec<Range>,
    /// Where the records of what is done are, for the snapshots at the end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<RecordLink>,
}

impl Cursor {
    /// The ranges of one destination.
    pub fn left_of(&self, destination: &BucketName) -> Vec<KeyRange> {
        let ranges = self.ranges.iter();
        let of_it = ranges.filter(|range| range.destination == *destination);
        of_it.map(|range| range.keys.clone()).collect()
    }
}

/// The record of what a run has done for one destination so far. Without it the run ends without a
/// snapshot, and is complete all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordLink {
    /// The destination's bucket.
    pub destination: BucketName,
    /// Its key, below the state of the job.
    pub key: String,
    /// The digest of its bytes.
    pub sha256: String,
}

/// What a run has to remember that marks deletions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "deletions", rename = "mark")]
pub struct Marking {
    /// The run that was held and is confirmed by this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// While objects are copied: what was counted so far, for each destination. Listings that broke off
    /// are not among it: a run that saw one forgets all of this.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<Counted>,
    /// While deletions are marked: how many still may be, for each destination.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agreed: Vec<Agreed>,
}

/// What was counted for one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// The destination's bucket.
    pub destination: BucketName,
    /// What was counted.
    #[serde(flatten)]
    pub census: Census,
}

/// How many deletions the brake has let through for one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Agreed {
    /// The destination's bucket.
    pub destination: BucketName,
    /// So many at most.
    pub most: u64,
}

/// A verification in the words of its request. Its part of a sample is said, for the next one may fall on
/// another day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyWords {
    /// Whether objects are compared one by one.
    pub deep: bool,
    /// Of which share: `1/30`; none for all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
    /// Which part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<u16>,
    /// Whether what is missing or different is copied.
    pub repair: bool,
}

/// Keys that are left to do for one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Range {
    /// The destination's bucket.
    pub destination: BucketName,
    /// The keys.
    #[serde(flatten)]
    pub keys: KeyRange,
}

#[cfg(test)]
mod tests {
    use super::super::{Key, Start};
    use super::*;

    #[test]
    fn a_cursor_is_small_json() {
        let range = |start, until: Option<&str>| Range {
            destination: BucketName::new("backup").unwrap(),
            keys: KeyRange {
                start,
                until: until.map(Key::new),
            },
        };
        let cursor = Cursor {
            format: CURSOR_FORMAT,
            prefix: String::new(),
            mode: "incremental",
            dry_run: false,
            plan: false,
            verify: None,
            marking: None,
            ranges: vec![
                range(Start::Beginning, None),
                range(Start::After(Key::new("a")), Some("b")),
                range(Start::At(Key::new("b")), None),
            ],
            records: Vec::new(),
        };

        let json = serde_json::to_string(&cursor).unwrap();

        assert_eq!(
            json,
            "{\"format\":2,\"prefix\":\"\",\"mode\":\"incremental\",\"dry_run\":false,\"ranges\":[{\"destination\":\"backup\"},\
             {\"destination\":\"backup\",\"after\":\"a\",\"until\":\"b\"},{\"destination\":\"backup\",\"at\":\"b\"}]}"
        );
    }
}
