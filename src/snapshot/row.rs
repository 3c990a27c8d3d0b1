//! One row of a snapshot: an object of the source and its copy, when the copy was last proven.

use super::SegmentRow;
use crate::model::{ETag, Key, Object, StorageClass, Timestamp, VersionId};

/// A row that stands on its own, as a copy makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key in the source.
    pub key: Key,
    /// The object's size in bytes.
    pub size: u64,
    /// The object's entity tag.
    pub source_etag: ETag,
    /// When the object was last written, as its listing said.
    pub source_modified: Timestamp,
    /// The object's version, when it is known.
    pub source_version_id: Option<VersionId>,
    /// The copy's entity tag.
    pub backup_etag: ETag,
    /// When the copy was written, as S3 said. None of a multi-part copy until a listing tells, nor of a row
    /// of format 1.
    pub backup_modified: Option<Timestamp>,
    /// The copy's version, when it is known.
    pub backup_version_id: Option<VersionId>,
    /// The copy's storage class.
    pub storage_class: StorageClass,
    /// The copy's full-object checksum, when it is known: `crc64nvme:` and base64.
    pub checksum: Option<String>,
}

/// What goes into the next snapshot of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextRow {
    /// The row of the last one.
    Reuse(SegmentRow),
    /// A new row.
    New(Box<Row>),
    /// The row of the last one, of a backup whose object is not backed up any more.
    Orphan(SegmentRow),
}

impl Row {
    /// The row, to be read.
    pub fn as_ref(&self) -> RowRef<'_> {
        RowRef {
            key: self.key.as_str(),
            size: self.size,
            source_etag: self.source_etag.as_str(),
            source_modified: self.source_modified,
            source_version_id: self.source_version_id.as_ref().map(VersionId::as_str),
            backup_etag: self.backup_etag.as_str(),
            backup_modified: self.backup_modified,
            backup_version_id: self.backup_version_id.as_ref().map(VersionId::as_str),
            storage_class: self.storage_class.as_str(),
            checksum: self.checksum.as_deref(),
        }
    }
}

/// A row whose texts are somewhere else. A million rows are read each night: none is copied out of
/// its column only to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRef<'a> {
    /// As in [`Row`].
    pub key: &'a str,
    /// As in [`Row`].
    pub size: u64,
    /// As in [`Row`].
    pub source_etag: &'a str,
    /// As in [`Row`].
    pub source_modified: Timestamp,
    /// As in [`Row`].
    pub source_version_id: Option<&'a str>,
    /// As in [`Row`].
    pub backup_etag: &'a str,
    /// As in [`Row`].
    pub backup_modified: Option<Timestamp>,
    /// As in [`Row`].
    pub backup_version_id: Option<&'a str>,
    /// As in [`Row`].
    pub storage_class: &'a str,
    /// As in [`Row`].
    pub checksum: Option<&'a str>,
}

impl RowRef<'_> {
    /// Whether it was this very object that was backed up. Any difference says no, not only a later
    /// date: a version that is exposed again is older, and an upload is dated by its beginning.
    pub fn describes(&self, object: &Object) -> bool {
        self.source_etag == object.etag.as_str()
            && self.size == object.size
            && self.source_modified == object.last_modified
    }

    /// The same of an object that HEAD may have told of: HEAD dates by whole seconds what some stores list in
    /// milliseconds.
    pub fn describes_in_seconds(&self, object: &Object) -> bool {
        let seconds = Timestamp::from_millis(self.source_modified.as_seconds() * 1000);
        self.describes(object)
            || self.source_etag == object.etag.as_str()
                && self.size == object.size
                && object.last_modified == seconds
    }

    /// Whether this is still the copy that was made. Another date is another copy, whatever its `ETag`: it can
    /// be one of the same bytes with other metadata. Dates count in whole seconds, for the reply to a copy may
    /// tell milliseconds that a listing leaves out.
    pub fn is_backed_up_by(&self, backup: &Object) -> bool {
        let seconds = Timestamp::as_seconds;
        let written = self.backup_modified.map(seconds);
        self.has_content_of(backup)
            && written.is_none_or(|written| written == seconds(backup.last_modified))
    }

    /// Whether the backup has the bytes of the copy that was made.
    pub fn has_content_of(&self, backup: &Object) -> bool {
        self.backup_etag == backup.etag.as_str() && self.size == backup.size
    }

    /// The row on its own.
    pub fn to_row(&self) -> Row {
        Row {
            key: Key::new(self.key),
            size: self.size,
            source_etag: ETag::new(self.source_etag),
            source_modified: self.source_modified,
            source_version_id: self.source_version_id.map(VersionId::new),
            backup_etag: ETag::new(self.backup_etag),
            backup_modified: self.backup_modified,
            backup_version_id: self.backup_version_id.map(VersionId::new),
            storage_class: StorageClass::new(Some(self.storage_class)),
            checksum: self.checksum.map(str::to_owned),
        }
    }

    /// The bytes that it takes in memory, about.
    pub(super) fn weight(&self) -> usize {
        let known = |text: Option<&str>| text.map_or(0, str::len);
        let numbers = 3 * size_of::<i64>();
        numbers
            + self.key.len()
            + self.source_etag.len()
            + known(self.source_version_id)
            + self.backup_etag.len()
            + known(self.backup_version_id)
            + self.storage_class.len()
            + known(self.checksum)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::samples::row;
    use super::*;

    fn source(row: &Row) -> Object {
        Object {
            key: row.key.clone(),
            size: row.size,
            etag: row.source_etag.clone(),
            last_modified: row.source_modified,
            storage_class: StorageClass::new(None),
        }
    }

    #[test]
    fn any_difference_of_the_source_is_one() {
        let row = row(7);
        let same = source(&row);
        let earlier = Timestamp::from_millis(row.source_modified.as_millis() - 1000);
        let others = [
            Object {
                size: row.size + 1,
                ..same.clone()
            },
            Object {
                etag: ETag::new("other"),
                ..same.clone()
            },
            Object {
                last_modified: earlier,
                ..same.clone()
            },
        ];

        assert!(row.as_ref().describes(&same));
        for other in others {
            assert!(!row.as_ref().describes(&other), "{other:?}");
        }
    }

    #[test]
    fn a_copy_that_was_written_over_is_none() {
        let row = row(7);
        let written = row.backup_modified.unwrap();
        let copy = Object {
            etag: row.backup_etag.clone(),
            last_modified: written,
            ..source(&row)
        };
        let over = Object {
            etag: ETag::new("other"),
            ..copy.clone()
        };
        let written_again = |after: u64| Object {
            last_modified: written.plus(Duration::from_millis(after)),
            ..copy.clone()
        };
        let undated = Row {
            backup_modified: None,
            ..row.clone()
        };

        assert!(row.as_ref().is_backed_up_by(&copy));
        assert!(row.as_ref().is_backed_up_by(&written_again(999)));
        assert!(!row.as_ref().is_backed_up_by(&written_again(1000)));
        assert!(undated.as_ref().is_backed_up_by(&written_again(1000)));
        assert!(!row.as_ref().is_backed_up_by(&over));
        assert!(!undated.as_ref().is_backed_up_by(&over));
    }

    #[test]
    fn a_row_is_the_same_on_its_own() {
        let row = row(7);

        assert_eq!(row.as_ref().to_row(), row);
    }
}
