//! The bytes of a segment in, its rows out, row group by row group.

use std::sync::Arc;

use bytes::Bytes;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::columns::{Columns, Texts};
use super::index::{SEGMENT_FORMAT, SegmentEntry};
use super::page::{self, PageReader};
use super::writer::{FORMAT_KEY, ROWS_PER_GROUP, schema};
use super::{Digest, Rows, SnapshotError};

/// A segment that has been proven to be the one that was written.
pub struct Segment {
    entry: SegmentEntry,
    format: u64,
    bytes: Bytes,
    footer: ParquetMetaData,
}

impl Segment {
    /// Opens a segment, if its bytes are those that the index tells of.
    ///
    /// # Errors
    /// When they are not, or a later version of the program wrote them.
    pub fn open(bytes: Bytes, entry: SegmentEntry) -> Result<Arc<Self>, SnapshotError> {
        let found = Digest::of(&bytes);
        if found != entry.sha256 {
            let problem = format!("its {} bytes have SHA-256 {found}", bytes.len());
            return Err(SnapshotError::damaged(&entry.key(), problem));
        }
        Self::read(bytes, entry)
    }

    /// Reads the footer. Whatever the bytes are, it is an error or a segment.
    pub(super) fn read(bytes: Bytes, entry: SegmentEntry) -> Result<Arc<Self>, SnapshotError> {
        let damaged = |problem: String| SnapshotError::damaged(&entry.key(), problem);
        let file = SerializedFileReader::new(bytes.clone());
        let file = file.map_err(|error| damaged(error.to_string()))?;
        let footer = file.metadata().clone();
        let facts = footer.file_metadata();
        let stated = facts.key_value_metadata().into_iter().flatten();
        let format = stated
            .filter(|fact| fact.key == FORMAT_KEY)
            .find_map(|fact| fact.value.as_ref()?.parse::<u64>().ok());
        let format = match format {
            Some(known @ 1..=SEGMENT_FORMAT) => known,
            Some(found) if found > SEGMENT_FORMAT => {
                return Err(SnapshotError::newer(&entry.key(), found, SEGMENT_FORMAT));
            }
            Some(_) | None => return Err(damaged("it has no known format".to_owned())),
        };
        let expected = schema(format).map_err(|error| damaged(error.to_string()))?;
        if facts.schema() != expected.as_ref() {
            return Err(damaged("it has other columns".to_owned()));
        }
        let rows: Option<u64> = u64::try_from(facts.num_rows()).ok();
        if rows != Some(entry.rows) {
            let problem = format!("it has {} rows, not {}", facts.num_rows(), entry.rows);
            return Err(damaged(problem));
        }
        Ok(Arc::new(Self {
            entry,
            format,
            bytes,
            footer,
        }))
    }

    /// Whether its rows can tell when a backup was written: those of format 1 cannot.
    pub(super) fn tells_dates(&self) -> bool {
        self.format > 1
    }

    /// What the index says of it.
    pub fn entry(&self) -> &SegmentEntry {
        &self.entry
    }

    /// Its rows in the order of their keys.
    pub fn rows(self: &Arc<Self>) -> Rows {
        Rows::of(Arc::clone(self))
    }

    /// Whether a key matches. Nothing but the keys is read for it.
    ///
    /// # Errors
    /// A row group that is damaged.
    pub fn has_key(&self, matches: impl Fn(&str) -> bool) -> Result<bool, SnapshotError> {
        for group in self.footer.row_groups() {
            // They are the first column.
            let keys = Chunks::new(self, group).and_then(|mut chunks| chunks.texts());
            let keys = keys.map_err(|problem| self.damaged(problem))?;
            let mut rows = 0..usize::try_from(group.num_rows()).unwrap_or_default();
            if rows.any(|row| keys.get(row).is_some_and(&matches)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many row groups it has.
    pub(super) fn groups(&self) -> usize {
        self.footer.num_row_groups()
    }

    /// The rows of one row group.
    pub(super) fn columns(&self, group: usize) -> Result<Columns, SnapshotError> {
        let chunks = Chunks::new(self, self.footer.row_group(group));
        let columns = chunks.and_then(Chunks::columns);
        columns.map_err(|problem| self.damaged(problem))
    }

    pub(super) fn damaged(&self, problem: impl Into<String>) -> SnapshotError {
        SnapshotError::damaged(&self.entry.key(), problem)
    }
}

/// The columns of a row group, read one after the other.
struct Chunks<'a> {
    segment: &'a Segment,
    group: &'a RowGroupMetaData,
    rows: usize,
    next: usize,
    reader: PageReader,
}

impl<'a> Chunks<'a> {
    fn new(segment: &'a Segment, group: &'a RowGroupMetaData) -> Result<Self, String> {
        match usize::try_from(group.num_rows()) {
            Ok(rows @ 1..=ROWS_PER_GROUP) => Ok(Self {
                segment,
                group,
                rows,
                next: 0,
                reader: PageReader::new()?,
            }),
            Ok(_) | Err(_) => Err("a row group is empty or too large".to_owned()),
        }
    }

    fn columns(mut self) -> Result<Columns, String> {
        Ok(Columns {
            key: self.texts()?,
            size: self.numbers()?,
            source_etag: self.texts()?,
            source_modified: self.numbers()?,
            source_version_id: self.optional_texts()?,
            backup_etag: self.texts()?,
            backup_modified: if self.segment.tells_dates() {
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
        mut read: impl FnMut(&[u8], usize) -> Result<(), String>,
    ) -> Result<(), String> {
        let chunk = self.group.columns().get(self.next);
        let chunk = chunk.ok_or("a column is missing")?;
        self.next += 1;
        let begin = usize::try_from(chunk.data_page_offset()).ok();
        let size = usize::try_from(chunk.compressed_size()).ok();
        let range = begin.zip(size);
        let end = range.and_then(|(begin, size)| Some(begin..begin.checked_add(size)?));
        let mut rest = end.and_then(|range| self.segment.bytes.get(range));
        while let Some(bytes) = rest.filter(|bytes| !bytes.is_empty()) {
            let (page, behind) = self.reader.read(bytes)?;
            if page.values > self.rows {
                return Err("a page has too many values".to_owned());
            }
            read(&page.content, page.values)?;
            rest = Some(behind);
        }
        rest.map(drop)
            .ok_or_else(|| "a column is nowhere".to_owned())
    }

    fn counted(&self, values: usize) -> Result<(), String> {
        if values == self.rows {
            return Ok(());
        }
        Err(format!("a column has {values} values, not {}", self.rows))
    }

    fn numbers(&mut self) -> Result<Vec<i64>, String> {
        let mut values = Vec::with_capacity(self.rows);
        self.pages(|page, _| page::numbers(page, &mut values))?;
        self.counted(values.len())?;
        Ok(values)
    }

    fn optional_numbers(&mut self) -> Result<Vec<Option<i64>>, String> {
        let (mut found, mut levels) = (Vec::new(), Vec::new());
        self.pages(|page, count| {
            let values = page::levels(page, count, &mut levels)?;
            page::numbers(values, &mut found)
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
            .ok_or_else(|| "a column has fewer or more values than it says".to_owned())
    }

    fn texts(&mut self) -> Result<Texts, String> {
        let (mut all, mut ends) = (Vec::new(), Vec::with_capacity(self.rows));
        self.pages(|page, _| page::texts(page, &mut all, &mut ends))?;
        self.counted(ends.len())?;
        let levels = vec![1; ends.len()];
        Texts::new(all, ends, levels).ok_or_else(|| "a text is not UTF-8".to_owned())
    }

    fn optional_texts(&mut self) -> Result<Texts, String> {
        let (mut all, mut found, mut levels) = (Vec::new(), Vec::new(), Vec::new());
        self.pages(|page, count| {
            let values = page::levels(page, count, &mut levels)?;
            page::texts(values, &mut all, &mut found)
        })?;
        self.counted(levels.len())?;
        let ends =
            spread(&found, &levels).ok_or("a column has fewer or more values than it says")?;
        Texts::new(all, ends, levels).ok_or_else(|| "a text is not UTF-8".to_owned())
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

/// Reads any bytes as a segment of three rows whose digest is right, for `tests/fuzz`.
///
/// # Panics
/// When what was read cannot be written again as it was.
#[cfg(any(test, fuzzing))]
pub fn fuzz(bytes: &[u8]) {
    use crate::model::Key;

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
        };
        if let Ok(segment) = Segment::read(Bytes::copy_from_slice(bytes), entry) {
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

        assert_eq!(segment.groups(), 3);
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

        assert_eq!(segment.groups(), 2);
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

        let error = Segment::read(newer.into(), entry.clone()).err().unwrap();

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

            let segment = Segment::read(harmed(bytes, &harm).into(), entry);

            if let Ok(rows) = segment.and_then(|segment| read(&segment)) {
                prop_assert_eq!(rows.len(), 300);
            }
        }
    }
}
