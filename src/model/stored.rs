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

/// Why JSON is no object in one of the known formats, for those who have words of their own for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// It is no JSON, or none of such an object.
    Json(SharedError),
    /// It has another format.
    Other(u64),
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
    read_format(json, known).map_err(|error| match error {
        FormatError::Json(error) => StoredError::Damaged(error),
        FormatError::Other(format) => StoredError::OtherFormat {
            format,
            reads: reads.to_owned(),
        },
    })
}

/// The same, without words.
///
/// # Errors
/// Why it cannot be used.
pub fn read_format<'a, T: Deserialize<'a>>(
    json: &'a [u8],
    known: RangeInclusive<u64>,
) -> Result<T, FormatError> {
    let damaged = |error| FormatError::Json(SharedError::new(error));
    let head: Result<Head, serde_json::Error> = serde_json::from_slice(json);
    let Head { format } = head.map_err(damaged)?;
    if !known.contains(&format) {
        return Err(FormatError::Other(format));
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
