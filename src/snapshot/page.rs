//! The pages of a row group, read with care: whatever the bytes, a problem and never a panic, in a bounded
//! time and room.
//!
//! The parquet crate reads the footer, and no more. It inflates a page to whatever size the page states,
//! and its decoders trust what they read; ours read only the one kind of page that is written, and a row
//! group of foreign bytes never takes more than one of ours can.

use zstd::bulk::Decompressor;

use super::damage::{PageDamage, TableDamage};
use super::writer::BYTES_PER_GROUP;
use crate::model::SharedError;

/// What the pages of a row group take at most, inflated. A row group ends with the row that brings its
/// values to half of this; the length of each text is not counted there, nor is that last row.
const MOST_BYTES: usize = 2 * BYTES_PER_GROUP;

/// A page, inflated.
pub(super) struct Page {
    /// Its levels, if the column is optional, and its values.
    pub content: Vec<u8>,
    /// How many values it has, absent ones included.
    pub values: usize,
}

/// Reads the pages of one row group.
pub(super) struct PageReader {
    zstd: Decompressor<'static>,
    /// What its pages may still take.
    left: usize,
}

impl PageReader {
    pub fn new() -> Result<Self, PageDamage> {
        let zstd = Decompressor::new();
        let zstd = zstd.map_err(|error| PageDamage::NoDecompressor(SharedError::new(error)))?;
        Ok(Self {
            zstd,
            left: MOST_BYTES,
        })
    }

    /// The page that the bytes begin with, and the bytes behind it.
    pub fn read<'a>(&mut self, bytes: &'a [u8]) -> Result<(Page, &'a [u8]), TableDamage> {
        let (header, rest) = Header::read(bytes)?;
        let packed = rest.split_at_checked(header.stored);
        let (packed, behind) = packed.ok_or(PageDamage::Cut)?;
        let left = self.left.checked_sub(header.inflated);
        self.left = left.ok_or(TableDamage::LargeRowGroup)?;
        let content = self.zstd.decompress(packed, header.inflated);
        let content = content.map_err(|error| PageDamage::NotInflated(SharedError::new(error)))?;
        if content.len() != header.inflated {
            return Err(PageDamage::OtherSize.into());
        }
        let values = header.values;
        Ok((Page { content, values }, behind))
    }
}

/// What the header of a page says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Header {
    inflated: usize,
    stored: usize,
    values: usize,
}

impl Header {
    /// The header that the bytes begin with, if it is that of a plain data page, and the bytes behind it.
    fn read(bytes: &[u8]) -> Result<(Self, &[u8]), PageDamage> {
        const DATA_PAGE: usize = 0;
        const PLAIN: usize = 0;
        let mut header = Self::default();
        let mut fields = Fields(bytes);
        let (mut kind, mut encoding) = (None, None);
        let (mut last, mut inner) = (0, 0);
        while let Some(field) = fields.next(&mut last)? {
            match field {
                (1, NUMBER) => kind = Some(fields.number()?),
                (2, NUMBER) => header.inflated = fields.number()?,
                (3, NUMBER) => header.stored = fields.number()?,
                (5, STRUCT) => {
                    while let Some(field) = fields.next(&mut inner)? {
                        match field {
                            (1, NUMBER) => header.values = fields.number()?,
                            (2, NUMBER) => encoding = Some(fields.number()?),
                            (3 | 4, NUMBER) => drop(fields.number()?),
                            _ => return Err(PageDamage::UnknownField),
                        }
                    }
                }
                _ => return Err(PageDamage::UnknownField),
            }
        }
        if (kind, encoding) != (Some(DATA_PAGE), Some(PLAIN)) {
            return Err(PageDamage::OtherKind);
        }
        Ok((header, fields.0))
    }
}

/// Types of fields in Thrift's compact protocol.
const NUMBER: u8 = 5;
const STRUCT: u8 = 12;

/// Fields of structs in that protocol, as far as headers of pages need it: each with the step from the id
/// before it, its type, and its value.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// The id and the type of the next field behind the last one; none at the end of the struct.
    fn next(&mut self, last: &mut u8) -> Result<Option<(u8, u8)>, PageDamage> {
        let (head, rest) = self.0.split_first().ok_or(PageDamage::Cut)?;
        self.0 = rest;
        match (head >> 4, head & 0x0F) {
            (0, 0) => Ok(None),
            (0, _) => Err(PageDamage::UnknownField),
            (step, kind) => {
                *last = last.saturating_add(step);
                Ok(Some((*last, kind)))
            }
        }
    }

    /// A number; a negative one is refused.
    fn number(&mut self) -> Result<usize, PageDamage> {
        let (number, rest) = varint(self.0).ok_or(PageDamage::Cut)?;
        self.0 = rest;
        if number & 1 == 0 {
            Ok(number >> 1)
        } else {
            Err(PageDamage::NegativeSize)
        }
    }
}

/// Reads a page of texts (`PLAIN`: each behind its length) to the end of `all` and `ends`.
pub(super) fn texts(
    mut page: &[u8],
    all: &mut Vec<u8>,
    ends: &mut Vec<u32>,
) -> Result<(), TableDamage> {
    all.reserve(page.len());
    while !page.is_empty() {
        let text;
        (text, page) = split_text(page).ok_or(PageDamage::CutText)?;
        all.extend_from_slice(text);
        ends.push(u32::try_from(all.len()).map_err(|_| TableDamage::LargeColumn)?);
    }
    Ok(())
}

fn split_text(page: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = page.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// Reads a page of numbers (`PLAIN`: eight bytes each).
pub(super) fn numbers(page: &[u8], values: &mut Vec<i64>) -> Result<(), PageDamage> {
    let (numbers, rest) = page.as_chunks();
    if !rest.is_empty() {
        return Err(PageDamage::CutNumber);
    }
    values.extend(numbers.iter().map(|number| i64::from_le_bytes(*number)));
    Ok(())
}

/// Reads which of `count` values are there (definition levels of one bit, in runs), and what follows.
pub(super) fn levels<'a>(
    page: &'a [u8],
    count: usize,
    levels: &mut Vec<i16>,
) -> Result<&'a [u8], PageDamage> {
    let (mut runs, values) = split_text(page).ok_or(PageDamage::CutLevels)?;
    let end = levels.len() + count;
    while levels.len() < end {
        let header;
        (header, runs) = varint(runs).ok_or(PageDamage::CutRun)?;
        let length = header >> 1;
        let missing = end - levels.len();
        if header & 1 == 0 {
            let (level, rest) = runs.split_first().ok_or(PageDamage::CutRun)?;
            levels.extend(std::iter::repeat_n(
                i16::from(level & 1),
                length.min(missing),
            ));
            runs = rest;
        } else {
            let (packed, rest) = runs.split_at_checked(length).ok_or(PageDamage::CutRun)?;
            let bits = packed
                .iter()
                .flat_map(|byte| (0..8).map(move |bit| i16::from(byte >> bit & 1)));
            levels.extend(bits.take(missing));
            runs = rest;
        }
        if length == 0 {
            return Err(PageDamage::EmptyRun);
        }
    }
    Ok(values)
}

/// A number of seven bits a byte, the lowest first.
fn varint(mut bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0;
    for shift in (0..32).step_by(7) {
        let byte;
        (byte, bytes) = bytes.split_first()?;
        number |= usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some((number, bytes));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The page of these bytes, with a header that says so.
    fn page(content: &[u8], inflated: u64) -> Vec<u8> {
        fn number(mut number: u64, to: &mut Vec<u8>) {
            number <<= 1;
            while number >= 0x80 {
                to.push(number.to_le_bytes()[0] | 0x80);
                number >>= 7;
            }
            to.push(number.to_le_bytes()[0]);
        }
        let packed = zstd::bulk::compress(content, 1).unwrap();
        let mut page = vec![0x15, 0, 0x15];
        number(inflated, &mut page);
        page.push(0x15);
        number(packed.len() as u64, &mut page);
        page.extend([0x2C, 0x15, 6, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0]);
        page.extend(packed);
        page
    }

    #[test]
    fn a_page_is_inflated_as_it_was_written() {
        let bytes = page(b"content", 7);

        let (page, rest) = PageReader::new().unwrap().read(&bytes).unwrap();

        assert_eq!((page.content.as_slice(), page.values), (&b"content"[..], 3));
        assert_eq!(rest, b"");
    }

    #[test]
    fn pages_beyond_the_size_of_a_row_group_are_not_inflated() {
        let most = page(&vec![0; MOST_BYTES], MOST_BYTES as u64);
        let more = page(&vec![0; MOST_BYTES + 1], MOST_BYTES as u64 + 1);
        let lie = page(&vec![0; 1 << 26], 100);
        let read = |reader: &mut PageReader, bytes: &[u8]| match reader.read(bytes) {
            Ok((page, _)) => Ok(page.content.len()),
            Err(problem) => Err(problem),
        };
        let reader = || PageReader::new().unwrap();

        let mut twice = reader();
        assert_eq!(read(&mut twice, &most), Ok(MOST_BYTES));
        for (refused, problem) in [
            (
                read(&mut twice, &page(b"one", 3)),
                "a row group is too large",
            ),
            (read(&mut reader(), &more), "a row group is too large"),
            (read(&mut reader(), &lie), "a page cannot be inflated"),
            (
                read(&mut reader(), &page(b"content", 8)),
                "has another size",
            ),
        ] {
            let told = refused.unwrap_err().to_string();
            assert!(told.contains(problem), "{told}");
        }
    }

    #[test]
    fn texts_stand_behind_their_lengths() {
        let (mut all, mut ends) = (Vec::new(), Vec::new());

        let read = texts(b"\x02\0\0\0ab\0\0\0\0\x01\0\0\0c", &mut all, &mut ends);

        assert_eq!(read, Ok(()));
        assert_eq!(
            (all.as_slice(), ends.as_slice()),
            (&b"abc"[..], &[2, 2, 3][..])
        );
    }

    #[test]
    fn levels_come_in_runs_and_in_bits() {
        let mut read = Vec::new();

        // Three times 1 in a run, then eight bits of which two are wanted.
        let rest = levels(b"\x04\0\0\0\x06\x01\x03\x02rest", 5, &mut read);

        assert_eq!(rest, Ok(&b"rest"[..]));
        assert_eq!(read, [1, 1, 1, 0, 1]);
    }

    #[test]
    fn an_endless_run_of_nothing_is_refused() {
        assert!(levels(b"\x02\0\0\0\0\x01", 5, &mut Vec::new()).is_err());
        assert!(levels(b"\x01\0\0\0\x01", 5, &mut Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn a_changed_page_is_read_or_refused(at in any::<proptest::sample::Index>(), bits in 1..=255_u8) {
            let mut bytes = page(&[7; 100], 100);
            let at = at.index(bytes.len());
            bytes[at] ^= bits;

            if let Ok((page, _)) = PageReader::new().unwrap().read(&bytes) {
                prop_assert!(page.content.len() <= MOST_BYTES);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(page: Vec<u8>, count in 0..100_usize) {
            let (mut all, mut ends) = (Vec::new(), Vec::new());
            let _ = texts(&page, &mut all, &mut ends);
            let _ = numbers(&page, &mut Vec::new());
            let mut read = Vec::new();

            let outcome = levels(&page, count, &mut read);

            prop_assert!(all.len() <= page.len());
            prop_assert!(outcome.is_err() || read.len() == count);
        }
    }
}
