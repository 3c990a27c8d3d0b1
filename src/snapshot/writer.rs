//! Rows in, the bytes of a segment out. The same rows make the same bytes: nothing in them tells the
//! time, the machine or the run.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::TypePtr;

use super::columns::{Columns, Texts};
use super::index::{SEGMENT_FORMAT, SegmentEntry};
use super::row::RowRef;
use super::{Digest, SnapshotError};
use crate::model::Key;

/// The rows of a row group: what a reader holds decoded at a time.
pub(super) const ROWS_PER_GROUP: usize = 2048;
/// A row group of long keys ends sooner, about here, so that it stays small.
pub(super) const BYTES_PER_GROUP: usize = 1 << 20;

/// The name of the format's number in the footer, and of what else is there for people.
pub(super) const FORMAT_KEY: &str = "s3-backup.format";

/// The columns, as `docs/snapshots.md` describes them.
const SCHEMA: &str = "message snapshot {
    required byte_array key (STRING);
    required int64 size;
    required byte_array source_etag (STRING);
    required int64 source_modified (TIMESTAMP(MILLIS,true));
    optional byte_array source_version_id (STRING);
    required byte_array backup_etag (STRING);
    optional int64 backup_modified (TIMESTAMP(MILLIS,true));
    optional byte_array backup_version_id (STRING);
    required byte_array storage_class (STRING);
    optional byte_array checksum (STRING);
}";

/// The columns of format 1, which did not tell when a backup was written.
const SCHEMA_1: &str = "message snapshot {
    required byte_array key (STRING);
    required int64 size;
    required byte_array source_etag (STRING);
    required int64 source_modified (TIMESTAMP(MILLIS,true));
    optional byte_array source_version_id (STRING);
    required byte_array backup_etag (STRING);
    optional byte_array backup_version_id (STRING);
    required byte_array storage_class (STRING);
    optional byte_array checksum (STRING);
}";

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

/// The columns of a format in the words of the parquet crate.
pub(super) fn schema(format: u64) -> Result<TypePtr, ParquetError> {
    let columns = if format == 1 { SCHEMA_1 } else { SCHEMA };
    parse_message_type(columns).map(Arc::new)
}

/// A segment that is being written. It holds one row group, and the encoded bytes of those before it.
pub(super) struct Writer {
    file: SerializedFileWriter<Vec<u8>>,
    group: Columns,
    weight: usize,
    rows: u64,
    object_bytes: u64,
    first: Option<Key>,
}

impl Writer {
    pub fn new() -> Result<Self, SnapshotError> {
        let begin = || {
            let schema = schema(SEGMENT_FORMAT)?;
            SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties()?))
        };
        Ok(Self {
            file: begin().map_err(unwritable)?,
            group: Columns::default(),
            weight: 0,
            rows: 0,
            object_bytes: 0,
            first: None,
        })
    }

    /// Adds a row. The caller sees to the order of the keys.
    pub fn push(&mut self, row: RowRef<'_>) -> Result<(), SnapshotError> {
        self.first.get_or_insert_with(|| Key::new(row.key));
        self.rows += 1;
        self.object_bytes = self.object_bytes.saturating_add(row.size);
        self.weight += row.weight();
        self.group.push(row);
        if self.group.len() == ROWS_PER_GROUP || self.weight >= BYTES_PER_GROUP {
            self.end_group().map_err(unwritable)?;
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        self.weight = 0;
        let columns = mem::take(&mut self.group);
        let mut group = self.file.next_row_group()?;
        write_texts(&mut group, columns.key, Presence::Required)?;
        write_column::<Int64Type>(&mut group, &columns.size, None)?;
        write_texts(&mut group, columns.source_etag, Presence::Required)?;
        write_column::<Int64Type>(&mut group, &columns.source_modified, None)?;
        write_texts(&mut group, columns.source_version_id, Presence::Optional)?;
        write_texts(&mut group, columns.backup_etag, Presence::Required)?;
        let dates: Vec<i64> = columns.backup_modified.iter().copied().flatten().collect();
        let levels = columns
            .backup_modified
            .iter()
            .map(|date| i16::from(date.is_some()));
        let levels: Vec<i16> = levels.collect();
        write_column::<Int64Type>(&mut group, &dates, Some(&levels))?;
        write_texts(&mut group, columns.backup_version_id, Presence::Optional)?;
        write_texts(&mut group, columns.storage_class, Presence::Required)?;
        write_texts(&mut group, columns.checksum, Presence::Optional)?;
        group.close()?;
        Ok(())
    }

    /// The segment that ends with this key, and what the index says of it.
    pub fn finish(mut self, last: Key) -> Result<(Bytes, SegmentEntry), SnapshotError> {
        if self.group.len() > 0 {
            self.end_group().map_err(unwritable)?;
        }
        let first = self.first.unwrap_or_else(|| last.clone());
        let facts = [
            (FORMAT_KEY, SEGMENT_FORMAT.to_string()),
            ("s3-backup.rows", self.rows.to_string()),
            ("s3-backup.first_key", first.to_string()),
            ("s3-backup.last_key", last.to_string()),
        ];
        for (name, value) in facts {
            self.file
                .append_key_value_metadata(KeyValue::new(name.to_owned(), value));
        }
        let bytes = self.file.into_inner().map_err(unwritable)?;
        let entry = SegmentEntry {
            first_key: first,
            last_key: last,
            rows: self.rows,
            object_bytes: self.object_bytes,
            bytes: bytes.len() as u64,
            sha256: Digest::of(&bytes),
        };
        Ok((bytes.into(), entry))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unwritable(error: ParquetError) -> SnapshotError {
    SnapshotError::Unwritable {
        problem: error.to_string(),
    }
}

/// One page for each column of a row group, plain, and zstd over it: a third of the time of the
/// encodings by difference, for a tenth more bytes. Dictionaries gain nothing that zstd does not.
fn properties() -> Result<WriterProperties, ParquetError> {
    let whole_group = 2 * ROWS_PER_GROUP;
    Ok(WriterProperties::builder()
        .set_created_by("s3-backup".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_encoding(Encoding::PLAIN)
        .set_dictionary_enabled(false)
        .set_data_page_row_count_limit(whole_group)
        .set_write_batch_size(whole_group)
        .set_data_page_size_limit(16 * BYTES_PER_GROUP)
        // So that whoever asks for one key reads one row group.
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled("key".into(), EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_sorting_columns(Some(vec![SortingColumn {
            column_idx: 0,
            descending: false,
            nulls_first: false,
        }]))
        .build())
}

/// Whether each row has a value in a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
}

fn write_texts(
    group: &mut Group<'_>,
    texts: Texts,
    presence: Presence,
) -> Result<(), ParquetError> {
    let (all, ends, levels) = texts.into_parts();
    let all = Bytes::from(all);
    let mut start = 0;
    let mut values = Vec::with_capacity(ends.len());
    for (end, level) in ends.into_iter().zip(&levels) {
        let end = end as usize;
        if *level == 1 {
            values.push(ByteArray::from(all.slice(start..end)));
        }
        start = end;
    }
    let levels = (presence == Presence::Optional).then_some(levels.as_slice());
    write_column::<ByteArrayType>(group, &values, levels)
}

fn write_column<T: DataType>(
    group: &mut Group<'_>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("the schema has no such column".to_owned()))?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}
