//! The bytes of a file of changes in, the changes of one segment out.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::changes::{Changes, RowChange};
use super::damage::{Damage, RowsDamage};
use super::entry::{ChangesEntry, SegmentChanges};
use super::shape::Shape;
use super::table::Table;
use super::{Digest, SnapshotError};
use crate::model::Key;

/// What the changes of a segment take in memory at most, as they are written, and twice that is read: a row may
/// take it beyond.
pub(super) const MOST_CHANGED_BYTES: usize = 1 << 20;

/// A file of changes that has been proven to be the one that was written.
pub struct ChangesFile {
    entry: ChangesEntry,
    table: Table,
}

impl ChangesFile {
    /// Opens a file, if its bytes are those that the index tells of.
    ///
    /// # Errors
    /// When they are not, or a later version of the program wrote them.
    pub fn open(bytes: Bytes, entry: ChangesEntry) -> Result<Arc<Self>, SnapshotError> {
        let found = Digest::of(&bytes);
        if found != entry.sha256 {
            let bytes = bytes.len();
            let problem = Damage::OtherDigest { bytes, found };
            return Err(SnapshotError::damaged(&entry.key(), problem));
        }
        Self::read(bytes, entry)
    }

    /// Reads the footer. Whatever the bytes are, it is an error or a file.
    pub(super) fn read(bytes: Bytes, entry: ChangesEntry) -> Result<Arc<Self>, SnapshotError> {
        let table = Table::read(bytes, entry.key(), &[Shape::Changes])?;
        Ok(Arc::new(Self { entry, table }))
    }

    /// What the index says of it.
    pub(super) fn entry(&self) -> &ChangesEntry {
        &self.entry
    }

    /// Those of its rows that are the changes of a segment.
    pub(super) fn of(&self, wanted: &SegmentChanges) -> Result<Changes, SnapshotError> {
        let end = wanted.from.checked_add(wanted.rows);
        let end = end.ok_or_else(|| self.table.damaged(RowsDamage::FewerChanges))?;
        let mut changes = Changes::default();
        let mut first = 0_u64;
        for (number, rows) in self.table.group_rows().enumerate() {
            let rows = u64::try_from(rows).unwrap_or_default();
            let behind = first.saturating_add(rows);
            if first < end && wanted.from < behind {
                let from = wanted.from.saturating_sub(first);
                self.take(number, from..end.min(behind) - first, &mut changes)?;
            }
            first = behind;
        }
        if changes.len() as u64 == wanted.rows && wanted.rows > 0 {
            Ok(changes)
        } else {
            Err(self.table.damaged(RowsDamage::FewerChanges))
        }
    }

    /// Takes these rows of a row group.
    fn take(&self, group: usize, rows: Range<u64>, to: &mut Changes) -> Result<(), SnapshotError> {
        let (columns, kinds) = self.table.changes(group)?;
        for number in rows {
            let number = usize::try_from(number).unwrap_or(usize::MAX);
            let (Some(key), Some(kind)) = (columns.key.get(number), kinds.get(number)) else {
                return Err(self.table.damaged(RowsDamage::FewerChanges));
            };
            let change = RowChange::parse(kind);
            let change = change.ok_or_else(|| self.table.damaged(RowsDamage::NoChange))?;
            let last = to.len().checked_sub(1).and_then(|last| to.key(last));
            if last.is_some_and(|last| key <= last) {
                return Err(self.out_of_order(key));
            }
            to.push(change, columns.row(number));
            if to.weight() > 2 * MOST_CHANGED_BYTES {
                return Err(self.table.damaged(RowsDamage::ManyChanges));
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> Bytes {
        self.table.bytes()
    }

    fn out_of_order(&self, key: &str) -> SnapshotError {
        let key = Key::new(key);
        self.table.damaged(RowsDamage::Disordered { key })
    }
}

#[cfg(test)]
mod tests {
    use super::super::SegmentEntry;
    use super::super::samples::{self, row, rows};
    use super::super::{Row, Segment};
    use super::*;

    const SET: RowChange = RowChange::Set;
    const GONE: RowChange = RowChange::Gone;

    fn set(number: u64) -> (RowChange, Row) {
        let size = 1_234_567_890;
        (
            SET,
            Row {
                size,
                ..row(number)
            },
        )
    }

    /// Rows 10 to 19 of ours with these changes, which are all that is in a file.
    fn changed(changes: &[(RowChange, Row)]) -> Result<Vec<Row>, SnapshotError> {
        changed_as(changes, |_| {})
    }

    fn changed_as(
        changes: &[(RowChange, Row)],
        change: impl Fn(&mut SegmentEntry),
    ) -> Result<Vec<Row>, SnapshotError> {
        let (bytes, file) = samples::encoded_changes(changes);
        let file = ChangesFile::open(bytes, file).unwrap();
        let stored: Vec<Row> = (10..20).map(row).collect();
        let (bytes, mut entry) = samples::encoded(&stored);
        entry.changes = vec![SegmentChanges {
            file: *file.entry(),
            from: 0,
            rows: changes.len() as u64,
        }];
        change(&mut entry);
        let segment = Segment::open_changed(bytes, entry, &[file])?;
        segment.rows().map(|row| Ok(row?.row().to_row())).collect()
    }

    #[test]
    fn changes_are_laid_between_the_stored_rows() {
        let (_, twelve) = set(12);
        let expected: Vec<Row> = [row(10), twelve.clone(), row(13)]
            .into_iter()
            .chain((15..20).map(row))
            .collect();

        let read = changed_as(
            &[(GONE, row(11)), (SET, twelve), (GONE, row(14))],
            |entry| entry.rows = 8,
        );

        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn changes_that_cannot_be_those_of_the_segment_are_damage() {
        let of = |changes: &[(RowChange, Row)]| changed(changes).unwrap_err().to_string();
        let as_told = |change: &dyn Fn(&mut SegmentEntry)| {
            changed_as(&[set(12), set(13)], change)
                .unwrap_err()
                .to_string()
        };
        let cases = [
            (of(&[set(13), set(12)]), "is out of order"),
            (of(&[set(12), set(12)]), "is out of order"),
            (of(&[set(9)]), "of its changes is outside of it"),
            (of(&[set(12), set(20)]), "of its changes is outside of it"),
            (
                of(&[(GONE, row(12))]),
                "it ends elsewhere than its index says",
            ),
            (
                of(&[(GONE, row(10))]),
                "it begins with another key than its index says",
            ),
            (
                of(&[(GONE, row(19))]),
                "it ends elsewhere than its index says",
            ),
            (
                as_told(&|entry| entry.rows = 11),
                "it ends elsewhere than its index says",
            ),
            (
                as_told(&|entry| entry.changes[0].rows = 3),
                "it has fewer rows than its index says",
            ),
            (
                as_told(&|entry| entry.changes[0].from = 1),
                "it has fewer rows than its index says",
            ),
            (
                as_told(&|entry| entry.changes[0].from = u64::MAX),
                "it has fewer rows than its index says",
            ),
            (
                as_told(&|entry| entry.changes[0].rows = u64::MAX),
                "it has fewer rows than its index says",
            ),
            (
                as_told(&|entry| entry.changes[0].rows = 0),
                "it has fewer rows than its index says",
            ),
            (
                as_told(&|entry| entry.changes[0].file.sha256 = Digest::of(b"")),
                " is missing",
            ),
            (
                as_told(&|entry| entry.sha256 = Digest::of(b"")),
                " bytes have SHA-256 ",
            ),
        ];

        for (error, problem) in cases {
            assert!(error.contains(problem), "{problem:?}: {error}");
        }
    }

    /// Keys that were gone, and that no row has any more, do no harm: a change before may have set them.
    #[test]
    fn a_key_that_is_gone_without_having_been_there_is_passed_over() {
        let read = changed(&[(GONE, row(9)), set(12), (GONE, row(20))]).unwrap();

        assert_eq!(read.len(), 10);
    }

    #[test]
    fn changes_that_take_too_much_memory_are_damage() {
        let large = |number: u64| {
            let checksum = Some("c".repeat(10_000));
            (
                SET,
                Row {
                    checksum,
                    ..row(number)
                },
            )
        };
        let (bytes, entry) = samples::encoded_changes(&(10..300).map(large).collect::<Vec<_>>());
        let file = ChangesFile::open(bytes, entry).unwrap();
        let of = |rows| {
            file.of(&SegmentChanges {
                file: entry,
                from: 0,
                rows,
            })
        };

        assert_eq!(of(150).unwrap().len(), 150);
        let error = of(290).unwrap_err().to_string();
        assert!(
            error.ends_with("a segment has too many changes in it"),
            "{error}"
        );
    }

    /// As [`Segment`] has one: old changes are read for ever.
    #[test]
    fn the_bytes_are_those_of_the_first_version_of_this_format() {
        let changes: Vec<_> = rows(600).into_iter().map(|row| (SET, row)).collect();

        let (bytes, entry) = samples::encoded_changes(&changes);

        let file = ChangesFile::open(bytes, entry).unwrap();
        assert_eq!(file.table.groups(), 3);
        let all = file.of(&SegmentChanges {
            file: entry,
            from: 250,
            rows: 300,
        });
        assert!(
            all.unwrap().set_keys().eq((250..550)
                .map(|number| row(number).key.to_string())
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str))
        );
        assert_eq!(
            entry.sha256.to_string(),
            "2a64ea0b2d16a2ecccea54f8cf0498344184d07362cfa4bf8f9005dbbab4e9d2"
        );
    }

    #[test]
    fn a_segment_is_no_file_of_changes_nor_the_other_way_around() {
        let (bytes, entry) = samples::encoded(&rows(3));
        let as_changes = ChangesEntry {
            bytes: entry.bytes,
            sha256: entry.sha256,
        };
        let error = ChangesFile::open(bytes, as_changes).err().unwrap();
        assert!(error.to_string().contains("format"), "{error}");

        let (bytes, file) = samples::encoded_changes(&[set(1), set(2), set(3)]);
        let as_segment = SegmentEntry {
            sha256: file.sha256,
            first_key: Key::new("a"),
            ..entry
        };
        let error = Segment::open(bytes, as_segment).err().unwrap();
        assert!(
            error.to_string().ends_with("it has other columns"),
            "{error}"
        );
    }
}
