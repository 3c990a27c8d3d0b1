//! Stored objects in JSON. Each names its format, and a format that this version does not know is never guessed.

use std::ops::RangeInclusive;

use serde::Deserialize;

use super::SharedError;

/// Only this is the same in every format.
#[derive(Deserialize)]
struct Head {
    format: u64,
}

/// Why a stored object cannot be used, in words that follow its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// It is not what was written.
    #[error("is damaged: {0}")]
    Damaged(#[source] SharedError),
    /// Another version of the program wrote it.
    #[error("has format {format}; this version reads {reads}")]
    OtherFormat {
        /// Its format.
        format: u64,
        /// Those that this version reads, in words.
        reads: String,
    },
}

/// Reads an object in one of these formats. `reads` says in words which they are.
///
/// # Errors
/// Why it cannot be used, in words that follow its key.
pub fn read_stored<'a, T: Deserialize<'a>>(
    json: &'a [u8],
    known: RangeInclusive<u64>,
    reads: &str,
) -> Result<T, StoredError> {
    let damaged = |error| StoredError::Damaged(SharedError::new(error));
    let head: Result<Head, serde_json::Error> = serde_json::from_slice(json);
    let Head { format } = head.map_err(damaged)?;
    if !known.contains(&format) {
        let reads = reads.to_owned();
        return Err(StoredError::OtherFormat { format, reads });
    }
    serde_json::from_slice(json).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Note {
        text: String,
    }

    fn read(json: &str) -> Result<Note, StoredError> {
        read_stored(json.as_bytes(), 1..=2, "1 and 2")
    }

    #[test]
    fn only_the_known_formats_are_read() {
        let text = "a".to_owned();

        assert_eq!(read(r#"{"format":2,"text":"a"}"#), Ok(Note { text }));
        assert_eq!(
            read(r#"{"format":3,"words":[]}"#).unwrap_err().to_string(),
            "has format 3; this version reads 1 and 2"
        );
        for json in ["", "{}", r#"{"format":1}"#, r#"{"format":-1,"text":"a"}"#] {
            assert!(
                read(json)
                    .unwrap_err()
                    .to_string()
                    .starts_with("is damaged: "),
                "{json}"
            );
        }
    }
}
