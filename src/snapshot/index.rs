//! The index of a snapshot: which run it is of, and the segments that it consists of.

use serde::{Deserialize, Serialize};

use super::damage::{Damage, IndexDamage};
use super::entry::{MOST_CHANGES, SegmentEntry};
use super::stored_index::StoredIndex;
use super::{Link, Past, SnapshotError};
use crate::model::{FormatError, Key, Prefix, Start, Timestamp, read_format};

/// The last format of indexes that this version reads and writes: a segment has [changes](SegmentEntry::changes).
pub const SNAPSHOT_FORMAT: u64 = 4;
/// The format of an index of which no segment has changes, so that earlier versions read it, too. Since this
/// one an index has [orphans](Index::orphans).
const FORMAT_WITHOUT_CHANGES: u64 = 3;

/// The same of segments. Since format 2 a row tells when its backup was written. An index may name segments
/// of any format up to this one.
pub const SEGMENT_FORMAT: u64 = 2;

/// The same of files of changes.
pub const CHANGES_FORMAT: u64 = 1;

/// The most bytes that an index has, and that are read of one: some 150,000 segments of usual keys, which are
/// 600 million objects. A record of several invocations has no more.
pub const MOST_INDEX_BYTES: u64 = 64 << 20;
/// Where indexes are, below the job's prefix. Run ids begin with their time, so that the indexes sort
/// by it, and before everything else there.
const INDEXES: &str = "snapshots/";
/// The key of the index of a run, below the job's prefix.
pub fn index_key(run_id: &str) -> String {
    format!("{INDEXES}{run_id}.json")
}

/// Whether a key below the job's prefix is that of an index.
pub fn is_index_key(key: &str) -> bool {
    let run = key.strip_prefix(INDEXES);
    let run = run.and_then(|name| name.strip_suffix(".json"));
    run.is_some_and(|run| !run.contains('/') && run.starts_with(|c: char| c.is_ascii_digit()))
}

/// A snapshot: what was in the backup at the end of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredIndex", into = "StoredIndex")]
pub struct Index {
    /// [`format_of`] its segments.
    pub format: u64,
    /// The pair of source and destination prefix whose state this is.
    pub job: String,
    /// The source, as the run's result names it.
    pub source: String,
    /// The destination's bucket.
    pub destination: String,
    /// The run.
    pub run_id: String,
    /// When the run began, in whole seconds.
    pub started_at: Timestamp,
    /// When it ended, in whole seconds.
    pub ended_at: Timestamp,
    /// What there is in all.
    pub totals: Totals,
    /// The segments, in the order of their keys.
    pub segments: Vec<SegmentEntry>,
    /// The segments of orphans, in the order of their keys: backups that the job has made of objects that are
    /// gone from the source, or that the filter does not admit any more. Formats 1 and 2 have none.
    pub orphans: Vec<SegmentEntry>,
    /// The index before this one; none for the first.
    pub previous: Option<Link>,
    /// The complete runs up to this one.
    pub past: Past,
}

/// The numbers of a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Rows in all segments.
    pub objects: u64,
    /// The sum of their sizes.
    pub bytes: u64,
    /// Objects that the run copied.
    pub copied: u64,
    /// Objects that the run failed to back up.
    pub errors: u64,
    /// Objects that had a backup when the run came to them.
    #[serde(default)]
    pub known: u64,
    /// Those of them that had changed since.
    #[serde(default)]
    pub changed: u64,
}

/// The format of an index of these segments, or of a record of them.
pub fn format_of<'a>(segments: impl IntoIterator<Item = &'a SegmentEntry>) -> u64 {
    let has_changes = |segment: &SegmentEntry| !segment.changes.is_empty();
    if segments.into_iter().any(has_changes) {
        SNAPSHOT_FORMAT
    } else {
        FORMAT_WITHOUT_CHANGES
    }
}

impl Index {
    /// Its key below the job's prefix.
    pub fn key(&self) -> String {
        index_key(&self.run_id)
    }

    /// The bytes to store, and the link to them for the next index and for [`super::Latest`].
    ///
    /// # Errors
    /// Never, as far as anybody knows: all of it can be written as JSON.
    pub fn encode(&self) -> Result<(Vec<u8>, Link), SnapshotError> {
        let bytes = to_json(self)?;
        let link = Link::to(self.key(), &bytes);
        Ok((bytes, link))
    }

    /// Reads the index that is stored under this key, if it is whole and of this job.
    ///
    /// # Errors
    /// When it is damaged, of another job, or a later version of the program wrote it.
    pub fn parse(key: &str, bytes: &[u8], job: &str) -> Result<Self, SnapshotError> {
        let index: Self = from_json(key, bytes, SNAPSHOT_FORMAT)?;
        if index.job != job {
            return Err(SnapshotError::Foreign {
                object: key.to_owned(),
                job: index.job,
            });
        }
        match index.contradiction(key) {
            Some(problem) => Err(SnapshotError::damaged(key, problem)),
            None => Ok(index),
        }
    }

    /// The keys of all objects that the snapshot consists of, below the job's prefix: a file of changes as often as
    /// a segment names it.
    pub fn object_keys(&self) -> impl Iterator<Item = String> {
        let segments = self.segments.iter().chain(&self.orphans);
        let keys = |segment: &SegmentEntry| {
            let files = segment.changes.iter().map(|changes| changes.file.key());
            [segment.key()].into_iter().chain(files).collect::<Vec<_>>()
        };
        segments.flat_map(keys)
    }

    /// The segments that may have rows of a range of keys.
    pub fn segments_from(&self, start: &Start) -> &[SegmentEntry] {
        from(&self.segments, start)
    }

    /// The segments that may have rows of keys below a prefix.
    pub fn segments_below(&self, prefix: &Prefix) -> &[SegmentEntry] {
        let prefix = prefix.as_str();
        let list = &self.segments;
        let first = list.partition_point(|entry| entry.last_key.as_str() < prefix);
        let list = list.get(first..).unwrap_or_default();
        let reaches = |entry: &SegmentEntry| {
            let first = entry.first_key.as_str();
            first <= prefix || first.starts_with(prefix)
        };
        let end = list.partition_point(reaches);
        list.get(..end).unwrap_or_default()
    }

    /// The only segment that may have a row of a key; none if no segment reaches it.
    pub fn segment_of(&self, key: &Key) -> Option<&SegmentEntry> {
        let at = self.segments.partition_point(|entry| entry.last_key < *key);
        let entry = self.segments.get(at)?;
        (entry.first_key <= *key).then_some(entry)
    }

    /// The segments that may have orphans of a range of keys.
    pub fn orphans_from(&self, start: &Start) -> &[SegmentEntry] {
        from(&self.orphans, start)
    }

    /// The segments that another snapshot does not have. A segment that both have holds all keys of
    /// its range in both, so that nothing in it differs.
    pub fn segments_beside(&self, other: &Self) -> Vec<SegmentEntry> {
        let there = |entry: &SegmentEntry| {
            let by_key = |there: &SegmentEntry| there.first_key.cmp(&entry.first_key);
            let at = other.segments.binary_search_by(by_key).ok()?;
            other.segments.get(at)
        };
        let segments = self.segments.iter();
        segments
            .filter(|entry| there(entry) != Some(entry))
            .cloned()
            .collect()
    }

    /// What cannot be true of it, if anything.
    fn contradiction(&self, key: &str) -> Option<IndexDamage> {
        let rows = self
            .segments
            .iter()
            .try_fold(0_u64, |sum, segment| sum.checked_add(segment.rows));
        let lists = [&self.segments, &self.orphans];
        let all = || lists.into_iter().flatten();
        if self.key() != key {
            Some(IndexDamage::OtherRun)
        } else if rows != Some(self.totals.objects) {
            Some(IndexDamage::OtherRows)
        } else if !lists.iter().all(|list| is_ascending(list)) {
            Some(IndexDamage::Disordered)
        } else if all().any(SegmentEntry::is_too_large) {
            Some(IndexDamage::LargeSegment)
        } else if all().any(|segment| segment.changes.len() > MOST_CHANGES) {
            Some(IndexDamage::ManyChanges)
        } else if self.format <= FORMAT_WITHOUT_CHANGES && format_of(all()) == SNAPSHOT_FORMAT {
            Some(IndexDamage::ChangesInFormat)
        } else {
            None
        }
    }
}

/// The segments of a list that may have rows of a range of keys.
fn from<'a>(list: &'a [SegmentEntry], start: &Start) -> &'a [SegmentEntry] {
    let before = |entry: &SegmentEntry| !start.admits(entry.last_key.as_str());
    let first = list.partition_point(before);
    list.get(first..).unwrap_or_default()
}

fn is_ascending(list: &[SegmentEntry]) -> bool {
    let ascends = |entry: &SegmentEntry| entry.first_key <= entry.last_key && entry.rows > 0;
    let follows = |pair: &[SegmentEntry]| match pair {
        [before, after] => before.last_key < after.first_key,
        _ => true,
    };
    list.iter().all(ascends) && list.windows(2).all(follows)
}

/// Reads stored JSON of any format up to the one that is known.
pub(super) fn from_json<'a, T: Deserialize<'a>>(
    key: &str,
    bytes: &'a [u8],
    known: u64,
) -> Result<T, SnapshotError> {
    read_format(bytes, 1..=known).map_err(|error| match error {
        FormatError::Json(error) => SnapshotError::damaged(key, Damage::NotJson(error)),
        FormatError::Other(0) => SnapshotError::damaged(key, Damage::NoFormat),
        FormatError::Other(format) => SnapshotError::newer(key, format, known),
    })
}

pub(super) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, SnapshotError> {
    serde_json::to_vec(value).map_err(SnapshotError::unwritten)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Digest;
    use super::super::samples::{changed_index, index};
    use super::*;

    const RUN: &str = "2026-11-21T02-00-00Z-7f3a";

    #[test]
    fn an_index_names_all_objects_of_its_snapshot() {
        let index = changed_index(RUN, None);
        let segments = || index.segments.iter().chain(&index.orphans);
        let changes = segments().flat_map(|segment| &segment.changes);
        let files: Vec<String> = changes.map(|changes| changes.file.key()).collect();
        let mut named: Vec<String> = segments().map(SegmentEntry::key).chain(files).collect();
        named.sort();

        let mut keys: Vec<String> = index.object_keys().collect();
        keys.sort();

        assert_eq!(keys, named);
        assert_eq!(keys.len(), 6, "three segments and their changes");
    }

    #[test]
    fn an_index_is_read_as_it_was_written() {
        let index = index(RUN, None);

        let (bytes, link) = index.encode().unwrap();

        assert_eq!(link.key, "snapshots/2026-11-21T02-00-00Z-7f3a.json");
        assert_eq!(Index::parse(&link.key, &bytes, "job"), Ok(index.clone()));
        assert_eq!(link.follow(&bytes, "job"), Ok(index));
    }

    #[test]
    fn the_index_is_the_one_in_the_golden_file() {
        let link = Link::to(index_key("2026-11-20T02-00-00Z-91c0"), b"");
        let index = index(RUN, Some(link));

        let json = serde_json::to_string_pretty(&index).unwrap();

        assert_eq!(
            json,
            include_str!("../../tests/golden/snapshot-index.json").trim_end()
        );
    }

    /// The program that wrote format 2 refuses format 3, so that it does not lose the orphans.
    #[test]
    fn an_index_of_format_2_is_read_and_has_no_orphans() {
        let bytes = include_bytes!("../../tests/golden/snapshot-index-format-2.json");
        let link = Link::to(index_key("2026-11-20T02-00-00Z-91c0"), b"");

        let read = Index::parse(&index_key(RUN), bytes, "job");

        let expected = Index {
            format: 2,
            orphans: Vec::new(),
            ..index(RUN, Some(link))
        };
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn fields_that_are_added_do_no_harm() {
        let (bytes, link) = index(RUN, None).encode().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let more = text.replacen('{', "{\"added\":1,", 1);

        assert!(Index::parse(&link.key, more.as_bytes(), "job").is_ok());
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let index = index(RUN, None);
        let key = index.key();
        let parse = |index: &Index| {
            let bytes = index.encode().unwrap().0;
            let error = Index::parse(&key, &bytes, "job").unwrap_err();
            error.to_string()
        };
        let changed = |change: fn(&mut Index)| {
            let mut index = index.clone();
            change(&mut index);
            parse(&index)
        };
        let cases = [
            (
                changed(|index| "other".clone_into(&mut index.job)),
                "is of job \"other\"",
            ),
            (
                changed(|index| index.format = 5),
                "has format 5; this version reads up to 4",
            ),
            (changed(|index| index.format = 0), "it has no known format"),
            (
                changed(|index| "x".clone_into(&mut index.run_id)),
                "it is stored under the key of another run",
            ),
            (
                changed(|index| index.totals.objects = 6),
                "its segments have another number of rows in all",
            ),
            (
                changed(|index| index.segments.reverse()),
                "its segments are out of order",
            ),
            (
                changed(|index| index.orphans.push(index.orphans[0].clone())),
                "its segments are out of order",
            ),
            (
                changed(|index| index.segments[0].bytes = 1 << 40),
                "a segment of it is larger than any can be",
            ),
            (
                changed(|index| index.orphans[0].bytes = 1 << 40),
                "a segment of it is larger than any can be",
            ),
        ];

        for (error, problem) in cases {
            let named = error.starts_with(&format!("cannot use the snapshot: {key} "));
            assert!(named && error.ends_with(problem), "{error}");
        }
    }

    #[test]
    fn a_segment_under_a_name_that_is_not_its_digest_is_damage() {
        let (bytes, link) = index(RUN, None).encode().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let elsewhere = text.replacen("snapshots/segments/", "snapshots/segments/0", 1);

        let error = Index::parse(&link.key, elsewhere.as_bytes(), "job").unwrap_err();

        assert!(error.to_string().contains("is not named by its SHA-256"));
    }

    #[test]
    fn a_range_needs_only_the_segments_that_reach_into_it() {
        let index = index(RUN, None);
        let last_of_first = index.segments[0].last_key.clone();
        let cases = [
            (Start::Beginning, 2),
            (Start::At(last_of_first.clone()), 2),
            (Start::After(last_of_first), 1),
            (Start::After(Key::new("z")), 0),
        ];

        for (start, count) in cases {
            assert_eq!(index.segments_from(&start).len(), count, "{start:?}");
        }
    }

    #[test]
    fn a_prefix_and_a_key_need_only_the_segments_that_reach_them() {
        let index = index(RUN, None);
        let (first, second) = (&index.segments[0], &index.segments[1]);
        let below = |prefix: &str| index.segments_below(&Prefix::new(prefix)).len();
        let of = |key: &str| index.segment_of(&Key::new(key));

        assert_eq!((below(""), below("0"), below("zz")), (2, 0, 0));
        assert_eq!(below(first.first_key.as_str()), 1);
        assert_eq!(below(second.last_key.as_str()), 1);
        assert_eq!(of(first.first_key.as_str()), Some(first));
        assert_eq!(of(first.last_key.as_str()), Some(first));
        assert_eq!(of(second.first_key.as_str()), Some(second));
        assert_eq!(of(&format!("{}0", first.last_key)), None);
        assert_eq!((of(""), of("zz")), (None, None));
    }

    #[test]
    fn what_two_snapshots_share_is_beside_neither() {
        let before = index(RUN, None);
        let mut after = before.clone();
        after.segments[1].sha256 = Digest::of(b"other");

        assert_eq!(before.segments_beside(&before), []);
        assert_eq!(before.segments_beside(&after), before.segments[1..]);
        assert_eq!(after.segments_beside(&before), after.segments[1..]);
    }

    proptest! {
        #[test]
        fn a_cut_index_is_refused(at in any::<proptest::sample::Index>()) {
            let (bytes, link) = index(RUN, None).encode().unwrap();
            let cut = &bytes[..at.index(bytes.len())];

            let error = Index::parse(&link.key, cut, "job").unwrap_err();

            let damaged = matches!(error, SnapshotError::Damaged { .. });
            prop_assert!(damaged, "{error}");
        }

        #[test]
        fn a_changed_index_is_never_followed(at in any::<proptest::sample::Index>(), bits in 1..=255_u8) {
            let (mut bytes, link) = index(RUN, None).encode().unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= bits;

            let _ = Index::parse(&link.key, &bytes, "job");

            prop_assert!(link.follow(&bytes, "job").is_err());
        }
    }
}
