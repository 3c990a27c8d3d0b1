//! The values of a Parquet page, read with care: whatever the bytes, a problem and never a panic.
//!
//! The parquet crate takes the file apart and inflates its pages. Its own decoders of values trust
//! what they read, and make an object of each text; ours read only the one encoding that is written.

/// Reads a page of texts (`PLAIN`: each behind its length) to the end of `all` and `ends`.
pub(super) fn texts(mut page: &[u8], all: &mut Vec<u8>, ends: &mut Vec<u32>) -> Result<(), String> {
    all.reserve(page.len());
    while !page.is_empty() {
        let text;
        (text, page) = split_text(page).ok_or("a text is cut short")?;
        all.extend_from_slice(text);
        ends.push(u32::try_from(all.len()).map_err(|_| "a column is too large")?);
    }
    Ok(())
}

fn split_text(page: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = page.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// Reads a page of numbers (`PLAIN`: eight bytes each).
pub(super) fn numbers(page: &[u8], values: &mut Vec<i64>) -> Result<(), String> {
    let (numbers, rest) = page.as_chunks();
    if !rest.is_empty() {
        return Err("a number is cut short".to_owned());
    }
    values.extend(numbers.iter().map(|number| i64::from_le_bytes(*number)));
    Ok(())
}

/// Reads which of `count` values are there (definition levels of one bit, in runs), and what follows.
pub(super) fn levels<'a>(
    page: &'a [u8],
    count: usize,
    levels: &mut Vec<i16>,
) -> Result<&'a [u8], String> {
    let (mut runs, values) = split_text(page).ok_or("the levels are cut short")?;
    let end = levels.len() + count;
    while levels.len() < end {
        let header;
        (header, runs) = varint(runs).ok_or("a run of levels is cut short")?;
        let length = header >> 1;
        let missing = end - levels.len();
        if header & 1 == 0 {
            let (level, rest) = runs.split_first().ok_or("a run of levels is cut short")?;
            levels.extend(std::iter::repeat_n(
                i16::from(level & 1),
                length.min(missing),
            ));
            runs = rest;
        } else {
            let (packed, rest) = runs
                .split_at_checked(length)
                .ok_or("a run of levels is cut short")?;
            let bits = packed
                .iter()
                .flat_map(|byte| (0..8).map(move |bit| i16::from(byte >> bit & 1)));
            levels.extend(bits.take(missing));
            runs = rest;
        }
        if length == 0 {
            return Err("a run of levels is empty".to_owned());
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
