//! The bytes of a segment and of its changes in, its rows out, row group by row group.

use std::sync::Arc;

use bytes::Bytes;

use super::changes::Changes;
use super::changes_file::{ChangesFile, MOST_CHANGED_BYTES};
use super::damage::{Damage, RowsDamage};
use super::entry::SegmentEntry;
use super::shape::Shape;
use super::table::Table;
use super::{Digest, Rows, SnapshotError};
use crate::model::Key;

/// A segment that has been proven to be the one that was written.
pub struct Segment {
    entry: SegmentEntry,
    table: Table,
    changes: Changes,
}

impl Segment {
    /// Opens a segment that has no changes, if its bytes are those that the index tells of.
    ///
    /// # Errors
    /// When they are not, or a later version of the program wrote them.
    pub fn open(bytes: Bytes, entry: SegmentEntry) -> Result<Arc<Self>, SnapshotError> {
        Self::open_changed(bytes, entry, &[])
    }

    /// Opens a segment with the files that its changes are in.
    ///
    /// # Errors
    /// When its bytes are not those that the index tells of, a file is missing, its rows cannot be the changes of
    /// this segment, or a later version of the program wrote it.
    pub fn open_changed(
        bytes: Bytes,
        entry: SegmentEntry,
        files: &[Arc<ChangesFile>],
    ) -> Result<Arc<Self>, SnapshotError> {
        let found = Digest::of(&bytes);
        if found != entry.sha256 {
            let bytes = bytes.len();
            let problem = Damage::OtherDigest { bytes, found };
            return Err(SnapshotError::damaged(&entry.key(), problem));
        }
        Self::read(bytes, entry, files)
    }

    /// Reads the footer and the changes. Whatever the bytes are, it is an error or a segment.
    pub(super) fn read(
        bytes: Bytes,
        entry: SegmentEntry,
        files: &[Arc<ChangesFile>],
    ) -> Result<Arc<Self>, SnapshotError> {
        let table = Table::read(bytes, entry.key(), &Shape::SEGMENTS)?;
        let stored = u64::try_from(table.rows()).ok();
        if entry.changes.is_empty() && stored != Some(entry.rows) {
            let (found, expected) = (table.rows(), entry.rows);
            return Err(table.damaged(RowsDamage::OtherCount { found, expected }));
        }
        let changes = changes_of(&entry, files)?;
        Ok(Arc::new(Self {
            entry,
            table,
            changes,
        }))
    }

    /// What the index says of it.
    pub fn entry(&self) -> &SegmentEntry {
        &self.entry
    }

    /// Its rows in the order of their keys.
    pub fn rows(self: &Arc<Self>) -> Rows {
        Rows::of(Arc::clone(self))
    }

    /// Whether a key may match. Nothing but the keys is read for it; those that are gone count, too.
    ///
    /// # Errors
    /// A row group that is damaged.
    pub fn has_key(&self, matches: impl Fn(&str) -> bool) -> Result<bool, SnapshotError> {
        if self.changes.set_keys().any(&matches) {
            return Ok(true);
        }
        for (group, rows) in self.table.group_rows().enumerate() {
            let keys = self.table.keys(group)?;
            let mut rows = 0..usize::try_from(rows).unwrap_or_default();
            if rows.any(|row| keys.get(row).is_some_and(&matches)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What stands for some of its stored rows.
    pub(super) fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Its bytes as they are stored.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> Bytes {
        self.table.bytes()
    }

    /// Its stored rows.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    pub(super) fn damaged(&self, problem: impl Into<Damage>) -> SnapshotError {
        self.table.damaged(problem)
    }
}

/// All changes of a segment, put together by key: of each the newest.
fn changes_of(entry: &SegmentEntry, files: &[Arc<ChangesFile>]) -> Result<Changes, SnapshotError> {
    let mut all = Changes::default();
    for named in &entry.changes {
        let file = files.iter().find(|file| *file.entry() == named.file);
        let file = file.ok_or_else(|| SnapshotError::missing(&named.file.key()))?;
        let changes = file.of(named)?;
        all = if all.len() == 0 {
            changes
        } else {
            all.followed_by(&changes)
        };
        if all.weight() > 2 * MOST_CHANGED_BYTES {
            let problem = RowsDamage::ManyChangesInAll;
            return Err(SnapshotError::damaged(&named.file.key(), problem));
        }
    }
    let (first, last) = (entry.first_key.as_str(), entry.last_key.as_str());
    let outside = all.set_keys().find(|key| *key < first || *key > last);
    if let Some(key) = outside {
        let key = Key::new(key);
        let problem = RowsDamage::ChangeOutside { key };
        return Err(SnapshotError::damaged(&entry.key(), problem));
    }
    Ok(all)
}

/// Reads any bytes as a segment of three rows, and as a file of changes, whose digest is right, for `tests/fuzz`.
///
/// # Panics
/// When what was read cannot be written again as it was.
#[cfg(any(test, fuzzing))]
pub fn fuzz(bytes: &[u8]) {
    use super::entry::{ChangesEntry, SegmentChanges};
    let file = ChangesEntry {
        bytes: bytes.len() as u64,
        sha256: Digest::of(b""),
    };
    if let Ok(changes) = ChangesFile::read(Bytes::copy_from_slice(bytes), file) {
        let (from, rows) = (1, 2);
        let changes = changes.of(&SegmentChanges { file, from, rows });
        assert!(changes.is_err() || changes.is_ok_and(|changes| changes.len() == 2));
    }
    let names = ["logs/é/0000/part-0000000", ""];
    let ends = [["0.gz", "2.gz"], ["a.bin", "c.bin"]];
    for (name, [first, last]) in names.into_iter().zip(ends) {
        let entry = SegmentEntry {
            first_key: Key::new(format!("{name}{first}")),
            last_key: Key::new(format!("{name}{last}")),
            rows: 3,
            object_bytes: 0,
            bytes: bytes.len() as u64,
            sha256: Digest::of(b""),
            changes: Vec::new(),
        };
        if let Ok(segment) = Segment::read(Bytes::copy_from_slice(bytes), entry, &[]) {
            let rows: Vec<_> = segment.rows().map_while(Result::ok).collect();
            assert!(
                rows.iter()
                    .all(|row| row.row().to_row().as_ref() == row.row())
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::super::samples::{self, rows};
    use super::super::shape::FORMAT_KEY;
    use super::super::writer::ROWS_PER_GROUP;
    use super::super::{Row, SegmentRow};
    use super::*;

    fn read(segment: &Arc<Segment>) -> Result<Vec<Row>, SnapshotError> {
        let rows = segment.rows();
        rows.map(|row| Ok(row?.row().to_row())).collect()
    }

    /// The bytes of a segment of so many rows, and what its index says.
    fn stored(count: u64) -> (Vec<u8>, SegmentEntry) {
        let (bytes, entry) = samples::encoded(&rows(count));
        (bytes.to_vec(), entry)
    }

    #[test]
    fn rows_come_out_as_they_went_in() {
        let count = 2 * ROWS_PER_GROUP as u64 + 5;
        let written = rows(count);

        let segment = samples::segment(&written);

        assert_eq!(segment.table().groups(), 3);
        assert_eq!(segment.entry().rows, count);
        assert_eq!(segment.entry().first_key, written[0].key);
        assert_eq!(read(&segment), Ok(written));
    }

    #[test]
    fn the_same_rows_make_the_same_bytes() {
        assert_eq!(stored(300), stored(300));
    }

    /// A change of the program, or of a library, that moves one byte of a segment makes every segment
    /// be written anew: that should not happen unseen.
    #[test]
    fn the_bytes_are_those_of_the_first_version_of_this_format() {
        let (_, entry) = stored(300);

        assert_eq!(
            entry.sha256.to_string(),
            "e28614f8a6a37c1b4d5d1f29ee47d9021ee272f30f323e00d830d09fdce73f6d"
        );
    }

    #[test]
    fn rows_number_themselves_across_row_groups() {
        let segment = samples::segment(&rows(ROWS_PER_GROUP as u64 + 2));

        let numbers: Vec<u64> = segment.rows().map(|row| row.unwrap().number()).collect();

        assert!(numbers.into_iter().eq(0..ROWS_PER_GROUP as u64 + 2));
    }

    #[test]
    fn a_row_group_of_long_keys_ends_sooner() {
        let long = |number: u64| Row {
            key: crate::model::Key::new(format!("{number:01024}")),
            ..samples::row(number)
        };
        let written: Vec<Row> = (0..1500).map(long).collect();

        let segment = samples::segment(&written);

        assert_eq!(segment.table().groups(), 2);
        assert_eq!(read(&segment), Ok(written));
    }

    #[test]
    fn rows_can_be_read_on_any_thread() {
        fn sendable<T: Send + Sync>() {}

        sendable::<Segment>();
        sendable::<SegmentRow>();
        sendable::<Rows>();
    }

    #[test]
    fn a_row_out_of_order_is_damage() {
        let mut unsorted = rows(5);
        unsorted.swap(1, 2);

        let segment = samples::segment(&unsorted);

        let error = read(&segment).unwrap_err().to_string();
        assert!(error.ends_with("is out of order"), "{error}");
    }

    #[test]
    fn what_the_index_says_must_be_true() {
        let (bytes, entry) = stored(50);
        let other = |change: fn(&mut SegmentEntry)| {
            let mut entry = entry.clone();
            change(&mut entry);
            let segment = Segment::open(bytes.clone().into(), entry);
            segment.and_then(|segment| read(&segment)).unwrap_err()
        };
        let cases = [
            (other(|entry| entry.rows = 49), "it has 50 rows, not 49"),
            (
                other(|entry| entry.first_key = crate::model::Key::new("a")),
                "it begins with another key than its index says",
            ),
            (
                other(|entry| entry.last_key = crate::model::Key::new("z")),
                "it ends elsewhere than its index says",
            ),
        ];

        for (error, problem) in cases {
            assert!(error.to_string().ends_with(problem), "{error}");
        }
    }

    #[test]
    fn a_newer_format_says_so() {
        let (bytes, entry) = stored(5);
        let at = bytes
            .windows(FORMAT_KEY.len())
            .position(|window| window == FORMAT_KEY.as_bytes())
            .unwrap();
        let mut newer = bytes.clone();
        // Behind the name stand a field's header and the length of the value.
        newer[at + FORMAT_KEY.len() + 2] = b'3';

        let error = Segment::read(newer.into(), entry.clone(), &[])
            .err()
            .unwrap();

        assert_eq!(error, SnapshotError::newer(&entry.key(), 3, 2));
    }

    /// What can happen to stored bytes.
    #[derive(Clone, Debug)]
    enum Harm {
        Flip(Index, u8),
        Cut(Index),
        Lose(Index),
        Gain(Index, u8),
        Zero(Index, Index),
    }

    fn harm() -> impl Strategy<Value = Harm> {
        let at = any::<Index>;
        prop_oneof![
            6 => (at(), 1..=255_u8).prop_map(|(at, bits)| Harm::Flip(at, bits)),
            1 => at().prop_map(Harm::Cut),
            1 => at().prop_map(Harm::Lose),
            1 => (at(), any::<u8>()).prop_map(|(at, byte)| Harm::Gain(at, byte)),
            1 => (at(), at()).prop_map(|(from, to)| Harm::Zero(from, to)),
        ]
    }

    fn harmed(mut bytes: Vec<u8>, harm: &Harm) -> Vec<u8> {
        let length = bytes.len();
        match harm {
            Harm::Flip(at, bits) => bytes[at.index(length)] ^= bits,
            Harm::Cut(at) => bytes.truncate(at.index(length)),
            Harm::Lose(at) => drop(bytes.remove(at.index(length))),
            Harm::Gain(at, byte) => bytes.insert(at.index(length), *byte),
            Harm::Zero(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                bytes[from.min(to)..from.max(to)].fill(0);
            }
        }
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn harmed_bytes_are_refused(harm in harm()) {
            let (bytes, entry) = stored(30);
            let harmed = harmed(bytes.clone(), &harm);
            prop_assume!(harmed != bytes);

            let error = Segment::open(harmed.into(), entry).err().unwrap();

            let damaged = matches!(error, SnapshotError::Damaged { .. });
            prop_assert!(damaged, "{error}");
        }

        /// Even if nobody looked at the digest, whatever is read is rows or an error.
        #[test]
        fn the_reader_survives_any_bytes(harm in harm()) {
            let (bytes, entry) = stored(300);

            let segment = Segment::read(harmed(bytes, &harm).into(), entry, &[]);

            if let Ok(rows) = segment.and_then(|segment| read(&segment)) {
                prop_assert_eq!(rows.len(), 300);
            }
        }
    }
}
