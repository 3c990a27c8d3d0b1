//! A segment, as an index tells of it: where its stored rows are, and what changed since.

use super::Digest;
use crate::model::Key;

/// The most changes that a segment has.
pub(super) const MOST_CHANGES: usize = 8;

/// The most bytes that a segment has: it ends long before.
const MOST_SEGMENT_BYTES: u64 = 16 << 20;
/// The same of a file of changes.
const MOST_CHANGES_BYTES: u64 = 3 << 20;

/// Where segments are, below the job's prefix.
const SEGMENTS: &str = "snapshots/segments/";
/// Where files of changes are, below the job's prefix.
const CHANGES: &str = "snapshots/changes/";

/// A segment, as an index tells of it: its rows with all of its changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SegmentEntry {
    /// The key of its first row.
    pub first_key: Key,
    /// The key of its last row.
    pub last_key: Key,
    /// How many rows it has.
    pub rows: u64,
    /// The sum of the sizes that its rows tell of.
    pub object_bytes: u64,
    /// The size of its stored rows as they are stored.
    pub bytes: u64,
    /// The digest of what is stored of them.
    pub sha256: Digest,
    /// What has changed since its rows were stored, the oldest first.
    pub changes: Vec<SegmentChanges>,
}

/// The rows of a file of changes that are those of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SegmentChanges {
    /// The file.
    pub file: ChangesEntry,
    /// The number of the first of its rows, counted from 0.
    pub from: u64,
    /// How many follow each other there.
    pub rows: u64,
}

/// A file of changes, as an index tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChangesEntry {
    /// Its size as it is stored.
    pub bytes: u64,
    /// The digest of what is stored.
    pub sha256: Digest,
}

impl SegmentEntry {
    /// The key of its stored rows, below the job's prefix. It follows from the content: what did not change is
    /// stored once, however many indexes name it.
    pub fn key(&self) -> String {
        format!("{SEGMENTS}{}.parquet", self.sha256)
    }

    /// Whether it or a file that it names is larger than any can be.
    pub(super) fn is_too_large(&self) -> bool {
        let mut files = self.changes.iter().map(|changes| changes.file.bytes);
        self.bytes > MOST_SEGMENT_BYTES || files.any(|bytes| bytes > MOST_CHANGES_BYTES)
    }
}

impl ChangesEntry {
    /// Its key below the job's prefix, which follows from the content as that of a segment.
    pub fn key(&self) -> String {
        format!("{CHANGES}{}.parquet", self.sha256)
    }
}

#[cfg(test)]
mod tests {
    use super::super::index::from_json;
    use super::super::samples::{changed_index, index};
    use super::super::{Index, Link, SnapshotError, format_of, index_key};

    const FORMAT_4: &str = include_str!("../../tests/golden/snapshot-index-format-4.json");
    const RUN: &str = "2026-11-21T02-00-00Z-7f3a";

    #[test]
    fn an_index_with_changes_is_the_one_in_the_golden_file() {
        let link = Link::to(index_key("2026-11-20T02-00-00Z-91c0"), b"");
        let index = changed_index(RUN, Some(link));

        let json = serde_json::to_string_pretty(&index).unwrap();

        assert_eq!(json, FORMAT_4.trim_end());
        assert_eq!(
            Index::parse(&index.key(), FORMAT_4.as_bytes(), "job"),
            Ok(index)
        );
    }

    /// It would take stored rows for the snapshot.
    #[test]
    fn a_program_that_knows_format_3_refuses_changes_by_their_format() {
        let key = index_key(RUN);

        let read: Result<Index, SnapshotError> = from_json(&key, FORMAT_4.as_bytes(), 3);

        let error = read.unwrap_err();
        assert_eq!(error, SnapshotError::newer(&key, 4, 3));
        assert!(error.advice().ends_with("update the program"));
        assert_eq!(error.remedy(), "update the program");
    }

    #[test]
    fn an_index_without_changes_stays_in_format_3() {
        let (plain, changed) = (index(RUN, None), changed_index(RUN, None));

        assert_eq!(format_of(plain.segments.iter().chain(&plain.orphans)), 3);
        assert_eq!(format_of(&changed.segments), 4);
        assert_eq!(format_of(&changed.orphans), 4);
        assert_eq!(format_of(&changed.segments[1..]), 3);
    }

    #[test]
    fn changes_that_cannot_be_are_damage() {
        let index = changed_index(RUN, None);
        let text = String::from_utf8(index.encode().unwrap().0).unwrap();
        let replaced = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        };
        let file = |number: u64| format!("{{\"file\":{number},\"from\":0,\"rows\":1}}");
        let nine = vec![file(0); 9].join(",");
        let cases = [
            (
                replaced("\"format\":4", "\"format\":3"),
                "has changes, which its format does not have",
            ),
            (
                replaced(&file(0), &nine),
                "a segment of it has more changes than any can have",
            ),
            (
                replaced("\"bytes\":2001", "\"bytes\":3145729"),
                "a segment of it is larger than any can be",
            ),
            (
                replaced(&file(1), &file(2)),
                "a segment has changes in a file that is not listed",
            ),
            (
                replaced("snapshots/changes/", "snapshots/changes/0"),
                "is not named by its SHA-256",
            ),
            (replaced("\"from\":0", "\"from\":-1"), "invalid value"),
        ];

        for (json, problem) in cases {
            let error = Index::parse(&index.key(), json.as_bytes(), "job").unwrap_err();
            let damaged = matches!(error, SnapshotError::Damaged { .. });
            assert!(damaged && error.to_string().contains(problem), "{error}");
        }
    }

    #[test]
    fn segments_with_other_changes_are_others() {
        let (before, after) = (index(RUN, None), changed_index(RUN, None));

        assert_eq!(after.segments_beside(&before), after.segments[..1]);
        assert_eq!(before.segments_beside(&after), before.segments[..1]);
        assert_eq!(after.segments_beside(&after), []);
    }
}
