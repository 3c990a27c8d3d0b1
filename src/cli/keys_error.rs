//! Why the keys of a file cannot be used.

use std::io;
use std::path::PathBuf;

use crate::model::Key;

/// Why the keys of a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be opened.
    #[error("cannot read the keys of {file}: {error}")]
    Closed {
        /// The file.
        file: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A line of it is no text, or cannot be read.
    #[error("cannot read line {number} of {file}: {error}")]
    Line {
        /// The file.
        file: String,
        /// The line, from 1 on.
        number: usize,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A line of it is longer than keys are.
    #[error(
        "line {number} of {file} has {bytes} bytes, and a key has {most} at most",
        most = Key::MOST_BYTES
    )]
    TooLong {
        /// The file.
        file: String,
        /// The line, from 1 on.
        number: usize,
        /// Its bytes.
        bytes: usize,
    },
    /// There is no place to sort them in.
    #[error("cannot sort the keys in {}: {error}; TMPDIR names another folder", folder.display())]
    Unsorted {
        /// The folder for temporary files.
        folder: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}
