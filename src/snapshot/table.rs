//! A Parquet object of a snapshot: its footer, and its columns row group by row group.

use bytes::Bytes;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::SnapshotError;
use super::columns::{Columns, Texts};
use super::damage::{Damage, PageDamage, TableDamage};
use super::page::{self, PageReader};
use super::shape::{FORMAT_KEY, Shape};
use super::writer::ROWS_PER_GROUP;
use crate::model::SharedError;

/// Bytes whose footer is that of a segment, or of a file of changes.
pub(super) struct Table {
    /// Its key below the job's prefix.
    name: String,
    shape: Shape,
    bytes: Bytes,
    footer: ParquetMetaData,
}

impl Table {
    /// Reads the footer, of one of these shapes. Whatever the bytes are, it is an error or a table.
    pub fn read(bytes: Bytes, name: String, shapes: &[Shape]) -> Result<Self, SnapshotError> {
        let damaged = |problem: Damage| SnapshotError::damaged(&name, problem);
        let unread = |error| damaged(TableDamage::Footer(SharedError::new(error)).into());
        let file = SerializedFileReader::new(bytes.clone());
        let file = file.map_err(unread)?;
        let footer = file.metadata().clone();
        let facts = footer.file_metadata();
        let stated = facts.key_value_metadata().into_iter().flatten();
        let format = stated
            .filter(|fact| fact.key == FORMAT_KEY)
            .find_map(|fact| fact.value.as_ref()?.parse::<u64>().ok());
        let known = shapes.iter().map(|shape| shape.format()).max();
        let shape = shapes.iter().find(|shape| format == Some(shape.format()));
        let shape = match (shape, format) {
            (Some(shape), _) => *shape,
            (None, Some(found)) if Some(found) > known => {
                return Err(SnapshotError::newer(
                    &name,
                    found,
                    known.unwrap_or_default(),
                ));
            }
            (None, _) => return Err(damaged(Damage::NoFormat)),
        };
        let expected = shape.schema().map_err(unread)?;
        if facts.schema() != expected.as_ref() {
            return Err(damaged(TableDamage::OtherColumns.into()));
        }
        Ok(Self {
            name,
            shape,
            bytes,
            footer,
        })
    }

    /// The columns that it has.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How many rows its footer tells of.
    pub fn rows(&self) -> i64 {
        self.footer.file_metadata().num_rows()
    }

    /// How many row groups it has.
    pub fn groups(&self) -> usize {
        self.footer.num_row_groups()
    }

    /// How many rows each of its row groups tells of.
    pub fn group_rows(&self) -> impl Iterator<Item = i64> {
        self.footer
            .row_groups()
            .iter()
            .map(RowGroupMetaData::num_rows)
    }

    /// The rows of one row group.
    pub fn columns(&self, group: usize) -> Result<Columns, SnapshotError> {
        let columns = self.chunks(group).and_then(|mut chunks| chunks.columns());
        columns.map_err(|problem| self.damaged(problem))
    }

    /// The rows of one row group of changes, and what each says of its key.
    pub fn changes(&self, group: usize) -> Result<(Columns, Texts), SnapshotError> {
        let read = self.chunks(group).and_then(|mut chunks| {
            let columns = chunks.columns()?;
            Ok((columns, chunks.texts()?))
        });
        read.map_err(|problem| self.damaged(problem))
    }

    /// The keys of one row group: nothing else is read.
    pub fn keys(&self, group: usize) -> Result<Texts, SnapshotError> {
        // They are the first column.
        let keys = self.chunks(group).and_then(|mut chunks| chunks.texts());
        keys.map_err(|problem| self.damaged(problem))
    }

    fn chunks(&self, group: usize) -> Result<Chunks<'_>, TableDamage> {
        let group = self.footer.row_groups().get(group);
        Chunks::new(self, group.ok_or(TableDamage::NoRowGroup)?)
    }

    #[cfg(test)]
    pub fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    pub fn damaged(&self, problem: impl Into<Damage>) -> SnapshotError {
        SnapshotError::damaged(&self.name, problem)
    }
}

/// The columns of a row group, read one after the other.
struct Chunks<'a> {
    table: &'a Table,
    group: &'a RowGroupMetaData,
    rows: usize,
    next: usize,
    reader: PageReader,
}

impl<'a> Chunks<'a> {
    fn new(table: &'a Table, group: &'a RowGroupMetaData) -> Result<Self, TableDamage> {
        match usize::try_from(group.num_rows()) {
            Ok(rows @ 1..=ROWS_PER_GROUP) => Ok(Self {
                table,
                group,
                rows,
                next: 0,
                reader: PageReader::new()?,
            }),
            Ok(_) | Err(_) => Err(TableDamage::RowGroupSize),
        }
    }

    fn columns(&mut self) -> Result<Columns, TableDamage> {
        Ok(Columns {
            key: self.texts()?,
            size: self.numbers()?,
            source_etag: self.texts()?,
            source_modified: self.numbers()?,
            source_version_id: self.optional_texts()?,
            backup_etag: self.texts()?,
            backup_modified: if self.table.shape.tells_dates() {
                self.optional_numbers()?
            } else {
                vec![None; self.rows]
            },
            backup_version_id: self.optional_texts()?,
            storage_class: self.texts()?,
            checksum: self.optional_texts()?,
        })
    }

    /// Goes through the pages of the next column.
    fn pages(
        &mut self,
        mut read: impl FnMut(&[u8], usize) -> Result<(), TableDamage>,
    ) -> Result<(), TableDamage> {
        let chunk = self.group.columns().get(self.next);
        let chunk = chunk.ok_or(TableDamage::NoColumn)?;
        self.next += 1;
        let begin = usize::try_from(chunk.data_page_offset()).ok();
        let size = usize::try_from(chunk.compressed_size()).ok();
        let range = begin.zip(size);
        let end = range.and_then(|(begin, size)| Some(begin..begin.checked_add(size)?));
        let mut rest = end.and_then(|range| self.table.bytes.get(range));
        while let Some(bytes) = rest.filter(|bytes| !bytes.is_empty()) {
            let (page, behind) = self.reader.read(bytes)?;
            if page.values > self.rows {
                return Err(PageDamage::ManyValues.into());
            }
            read(&page.content, page.values)?;
            rest = Some(behind);
        }
        rest.map(drop).ok_or(TableDamage::ColumnNowhere)
    }

    fn counted(&self, values: usize) -> Result<(), TableDamage> {
        if values == self.rows {
            return Ok(());
        }
        Err(TableDamage::OtherValues {
            found: values,
            expected: self.rows,
        })
    }

    fn numbers(&mut self) -> Result<Vec<i64>, TableDamage> {
        let mut values = Vec::with_capacity(self.rows);
        self.pages(|page, _| Ok(page::numbers(page, &mut values)?))?;
        self.counted(values.len())?;
        Ok(values)
    }

    fn optional_numbers(&mut self) -> Result<Vec<Option<i64>>, TableDamage> {
        let (mut found, mut levels) = (Vec::new(), Vec::new());
        self.pages(|page, count| {
            let values = page::levels(page, count, &mut levels)?;
            Ok(page::numbers(values, &mut found)?)
        })?;
        self.counted(levels.len())?;
        let mut found = found.into_iter();
        let all: Option<Vec<Option<i64>>> = levels
            .into_iter()
            .map(|level| match level {
                0 => Some(None),
                _ => found.next().map(Some),
            })
            .collect();
        all.filter(|_| found.next().is_none())
            .ok_or(TableDamage::UncountedValues)
    }

    fn texts(&mut self) -> Result<Texts, TableDamage> {
        let (mut all, mut ends) = (Vec::new(), Vec::with_capacity(self.rows));
        self.pages(|page, _| page::texts(page, &mut all, &mut ends))?;
        self.counted(ends.len())?;
        let levels = vec![1; ends.len()];
        Texts::new(all, ends, levels).ok_or(TableDamage::NotUtf8)
    }

    fn optional_texts(&mut self) -> Result<Texts, TableDamage> {
        let (mut all, mut found, mut levels) = (Vec::new(), Vec::new(), Vec::new());
        self.pages(|page, count| {
            let values = page::levels(page, count, &mut levels)?;
            page::texts(values, &mut all, &mut found)
        })?;
        self.counted(levels.len())?;
        let ends = spread(&found, &levels).ok_or(TableDamage::UncountedValues)?;
        Texts::new(all, ends, levels).ok_or(TableDamage::NotUtf8)
    }
}

/// The ends of all texts, absent ones included, from the ends of those that are there.
fn spread(found: &[u32], levels: &[i16]) -> Option<Vec<u32>> {
    let mut found = found.iter().copied();
    let mut end = 0;
    let mut ends = Vec::with_capacity(levels.len());
    for level in levels {
        if *level == 1 {
            end = found.next()?;
        }
        ends.push(end);
    }
    found.next().is_none().then_some(ends)
}
