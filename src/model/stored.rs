//! Stored objects in JSON. Each names its format, and a format that this version does not know is never guessed.

use std::ops::RangeInclusive;

use serde::Deserialize;

/// Only this is the same in every format.
#[derive(Deserialize)]
struct Head {
    format: u64,
}

/// Reads an object in one of these formats. `reads` says in words which they are.
///
/// # Errors
/// Why it cannot be used, in words that follow its key.
pub fn read_stored<'a, T: Deserialize<'a>>(
    json: &'a [u8],
    known: RangeInclusive<u64>,
    reads: &str,
) -> Result<T, String> {
    let damaged = |error: serde_json::Error| format!("is damaged: {error}");
    let Head { format } = serde_json::from_slice(json).map_err(damaged)?;
    if !known.contains(&format) {
        return Err(format!("has format {format}; this version reads {reads}"));
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

    fn read(json: &str) -> Result<Note, String> {
        read_stored(json.as_bytes(), 1..=2, "1 and 2")
    }

    #[test]
    fn only_the_known_formats_are_read() {
        let text = "a".to_owned();

        assert_eq!(read(r#"{"format":2,"text":"a"}"#), Ok(Note { text }));
        assert_eq!(
            read(r#"{"format":3,"words":[]}"#),
            Err("has format 3; this version reads 1 and 2".to_owned())
        );
        for json in ["", "{}", r#"{"format":1}"#, r#"{"format":-1,"text":"a"}"#] {
            assert!(
                read(json).unwrap_err().starts_with("is damaged: "),
                "{json}"
            );
        }
    }
}
