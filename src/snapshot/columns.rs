//! The rows of a row group, column by column: each text column is one text, cut at its ends.

use super::row::RowRef;
use crate::model::Timestamp;

/// Rows in columns. The same type is written and read.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub key: Texts,
    pub size: Vec<i64>,
    pub source_etag: Texts,
    pub source_modified: Vec<i64>,
    pub source_version_id: Texts,
    pub backup_etag: Texts,
    /// Absent in every row of format 1.
    pub backup_modified: Vec<Option<i64>>,
    pub backup_version_id: Texts,
    pub storage_class: Texts,
    pub checksum: Texts,
}

impl Columns {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.size.len()
    }

    /// Adds a row.
    pub fn push(&mut self, row: RowRef<'_>) {
        self.key.push(Some(row.key));
        // There and back without loss, whatever the number.
        self.size.push(row.size.cast_signed());
        self.source_etag.push(Some(row.source_etag));
        self.source_modified.push(row.source_modified.as_millis());
        self.source_version_id.push(row.source_version_id);
        self.backup_etag.push(Some(row.backup_etag));
        self.backup_modified
            .push(row.backup_modified.map(Timestamp::as_millis));
        self.backup_version_id.push(row.backup_version_id);
        self.storage_class.push(Some(row.storage_class));
        self.checksum.push(row.checksum);
    }

    /// The row of that number; an empty one beyond the last.
    pub fn row(&self, number: usize) -> RowRef<'_> {
        RowRef {
            key: self.key.required(number),
            size: number_at(&self.size, number).cast_unsigned(),
            source_etag: self.source_etag.required(number),
            source_modified: Timestamp::from_millis(number_at(&self.source_modified, number)),
            source_version_id: self.source_version_id.get(number),
            backup_etag: self.backup_etag.required(number),
            backup_modified: self
                .backup_modified
                .get(number)
                .copied()
                .flatten()
                .map(Timestamp::from_millis),
            backup_version_id: self.backup_version_id.get(number),
            storage_class: self.storage_class.required(number),
            checksum: self.checksum.get(number),
        }
    }
}

fn number_at(numbers: &[i64], number: usize) -> i64 {
    numbers.get(number).copied().unwrap_or_default()
}

/// A column of texts, some of which may be absent.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// All of them, one behind the other.
    all: String,
    /// Where each ends; an absent one takes no room.
    ends: Vec<u32>,
    /// 1 for a text that is there, 0 for one that is not.
    levels: Vec<i16>,
}

impl Texts {
    /// Texts by their ends in `all`; none if that cannot be.
    pub fn new(all: Vec<u8>, ends: Vec<u32>, levels: Vec<i16>) -> Option<Self> {
        let all = String::from_utf8(all).ok()?;
        let ascend = ends.is_sorted() && ends.len() == levels.len();
        let whole = ends.iter().all(|end| all.is_char_boundary(*end as usize));
        (ascend && whole).then_some(Self { all, ends, levels })
    }

    /// Adds a text, or its absence. A row group ends long before 4 GiB.
    pub fn push(&mut self, text: Option<&str>) {
        self.all.push_str(text.unwrap_or_default());
        self.ends
            .push(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.levels.push(i16::from(text.is_some()));
    }

    /// The text of that number; none if it is absent.
    pub fn get(&self, number: usize) -> Option<&str> {
        if *self.levels.get(number)? == 0 {
            return None;
        }
        let start = match number.checked_sub(1) {
            None => 0,
            Some(before) => *self.ends.get(before)? as usize,
        };
        self.all.get(start..*self.ends.get(number)? as usize)
    }

    /// The text of that number in a column where none is absent.
    fn required(&self, number: usize) -> &str {
        self.get(number).unwrap_or_default()
    }

    /// The parts: all texts, their ends, and which are there.
    pub fn into_parts(self) -> (String, Vec<u32>, Vec<i16>) {
        (self.all, self.ends, self.levels)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::rows;
    use super::*;

    #[test]
    fn rows_come_out_as_they_went_in() {
        let rows = rows(20);
        let mut columns = Columns::default();

        for row in &rows {
            columns.push(row.as_ref());
        }

        let out: Vec<_> = (0..columns.len())
            .map(|number| columns.row(number).to_row())
            .collect();
        assert_eq!(out, rows);
        assert_eq!(columns.row(20).key, "");
    }

    #[test]
    fn an_empty_text_is_not_an_absent_one() {
        let mut texts = Texts::default();

        texts.push(Some(""));
        texts.push(None);
        texts.push(Some("é"));

        assert_eq!(texts.get(0), Some(""));
        assert_eq!(texts.get(1), None);
        assert_eq!(texts.get(2), Some("é"));
    }

    #[test]
    fn torn_texts_are_refused() {
        let new = |bytes: &[u8], ends: &[u32], levels: &[i16]| {
            Texts::new(bytes.to_vec(), ends.to_vec(), levels.to_vec()).is_some()
        };

        assert!(new("aé".as_bytes(), &[1, 3], &[1, 1]));
        assert!(!new("aé".as_bytes(), &[2, 3], &[1, 1]), "within a letter");
        assert!(!new(b"ab", &[1, 9], &[1, 1]), "beyond the end");
        assert!(!new(b"ab", &[2, 1], &[1, 1]), "backwards");
        assert!(!new(&[0xFF], &[1], &[1]), "no UTF-8");
        assert!(!new(b"ab", &[2], &[1, 1]), "one end too few");
    }
}
