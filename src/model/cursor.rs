//! Where a run stopped, and how a later one finds what it needs to go on.

use serde::{Deserialize, Serialize};

use super::{BucketName, KeyCounts, KeyRange};

/// The format of a cursor that refers to state in the backup buckets.
pub const CURSOR_FORMAT: u64 = 3;

/// The format of a cursor that says itself what is left. In format 1 a range had no end.
pub const RANGES_FORMAT: u64 = 2;

/// What continues a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Cursor {
    /// A run that writes has what is left as state in each backup bucket.
    Reference(CursorReference),
    /// A run that writes nothing, such as a plan, has no state anywhere.
    Ranges(CursorRanges),
    /// A restore, whose state is in the backup bucket.
    Restore(CursorRestore),
    /// A distributed run, or a piece of one.
    Distributed(CursorDistributed),
}

/// Names a piece of a distributed run, or the run itself, which is closed when its pieces are done. It can be
/// used as long as something is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CursorDistributed {
    /// [`CURSOR_FORMAT`].
    pub format: u64,
    /// The run.
    pub distributed: String,
    /// The number of the piece, from 1 on; none of the run itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub piece: Option<u32>,
    /// The source's bucket.
    pub source: String,
    /// Only keys that start with it.
    pub prefix: String,
    /// `incremental` or `full`.
    pub mode: String,
    /// `keep` or `mark`.
    pub deletions: String,
}

/// Names a restore. It can be used as long as something is left of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CursorRestore {
    /// [`CURSOR_FORMAT`].
    pub format: u64,
    /// The restore that stopped.
    pub restore: String,
}

/// Names a run and the digest of its state in each destination. It can be used once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CursorReference {
    /// [`CURSOR_FORMAT`].
    pub format: u64,
    /// The run that stopped.
    pub run_id: String,
    /// The source's bucket.
    pub source: String,
    /// Only keys that start with it.
    pub prefix: String,
    /// `incremental` or `full`.
    pub mode: String,
    /// How a verification was asked for; none of a backup run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<VerifyRequestEcho>,
    /// `keep` or `mark`; none of a verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletions: Option<String>,
    /// `copy` or `mark`: what the run was doing.
    pub stage: String,
    /// The state of each destination that is not done.
    pub states: Vec<StateLink>,
}

/// The state of a run in one destination, bound by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateLink {
    /// The destination's bucket.
    pub destination: String,
    /// The run that has left it.
    pub run_id: String,
    /// Its key in that bucket.
    pub key: String,
    /// The digest of its bytes.
    pub sha256: String,
}

/// The rest of a run that writes nothing. An edited one can make such a run look at other
/// objects, and no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CursorRanges {
    /// [`RANGES_FORMAT`].
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
    pub verify: Option<VerifyRequestEcho>,
    /// What was counted for deletions; none of a run that marks none, or does not know any more.
    #[serde(flatten)]
    pub marking: Option<Marking>,
    /// The ranges of keys that are left.
    pub ranges: Vec<Range>,
}

/// The record of what a run has done for one destination so far. Without it the run ends without a
/// snapshot, and is complete all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordLink {
    /// Its key, below the state of the job.
    pub key: String,
    /// The digest of its bytes.
    pub sha256: String,
}

/// What was counted for deletions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "deletions", rename = "mark")]
pub struct Marking {
    /// For each destination. Listings that broke off are not among it: a run that saw one forgets all
    /// of this.
    pub counted: Vec<DestinationCounts>,
}

/// What was counted for one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DestinationCounts {
    /// The destination's bucket.
    pub destination: BucketName,
    /// What was counted.
    #[serde(flatten)]
    pub census: KeyCounts,
}

/// A verification in the words of its request. Its part of a sample is said, for the next one may fall on
/// another day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyRequestEcho {
    /// Whether objects are compared one by one.
    pub deep: bool,
    /// The share, `1/30`; none for all of them.
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
    fn a_cursor_of_ranges_is_small_json() {
        let range = |start, until: Option<&str>| Range {
            destination: BucketName::new("backup").unwrap(),
            keys: KeyRange {
                start,
                until: until.map(Key::new),
            },
        };
        let cursor = Cursor::Ranges(CursorRanges {
            format: RANGES_FORMAT,
            prefix: String::new(),
            mode: "incremental",
            dry_run: true,
            plan: false,
            verify: None,
            marking: None,
            ranges: vec![
                range(Start::Beginning, None),
                range(Start::After(Key::new("a")), Some("b")),
                range(Start::At(Key::new("b")), None),
            ],
        });

        let json = serde_json::to_string(&cursor).unwrap();

        assert_eq!(
            json,
            "{\"format\":2,\"prefix\":\"\",\"mode\":\"incremental\",\"dry_run\":true,\"ranges\":[{\"destination\":\"backup\"},\
             {\"destination\":\"backup\",\"after\":\"a\",\"until\":\"b\"},{\"destination\":\"backup\",\"at\":\"b\"}]}"
        );
    }

    #[test]
    fn a_reference_is_small_json() {
        let cursor = Cursor::Reference(CursorReference {
            format: CURSOR_FORMAT,
            run_id: "2026-11-21T02-00-00Z-7f3a".to_owned(),
            source: "primary".to_owned(),
            prefix: String::new(),
            mode: "incremental".to_owned(),
            verify: None,
            deletions: Some("mark".to_owned()),
            stage: "copy".to_owned(),
            states: vec![StateLink {
                destination: "backup".to_owned(),
                run_id: "2026-11-21T02-00-00Z-7f3a".to_owned(),
                key: ".s3-backup/job/runs/2026-11-21T02-00-00Z-7f3a/state.json".to_owned(),
                sha256: "00".to_owned(),
            }],
        });

        let json = serde_json::to_string(&cursor).unwrap();

        assert_eq!(
            json,
            "{\"format\":3,\"run_id\":\"2026-11-21T02-00-00Z-7f3a\",\"source\":\"primary\",\"prefix\":\"\",\
             \"mode\":\"incremental\",\"deletions\":\"mark\",\"stage\":\"copy\",\"states\":[{\"destination\":\
             \"backup\",\"run_id\":\"2026-11-21T02-00-00Z-7f3a\",\"key\":\".s3-backup/job/runs/2026-11-21T02-00-00Z-7f3a/state.json\",\"sha256\":\"00\"}]}"
        );
    }
}
