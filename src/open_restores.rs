//! The list of the restores of a job that have something left, as it is stored in the backup bucket. Restores write
//! it, and what they still need of the state of the job does not age out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{FormatError, Job, Key, SharedError, read_format};

/// The format of the list that this version writes, and the last one that it reads.
const FORMAT: u64 = 1;

/// The restores that have something left, by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRestores {
    format: u64,
    restores: BTreeSet<String>,
}

/// Why a list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenRestoresError {
    /// It is not what was written.
    #[error("{key} cannot be read: {problem}")]
    Damaged {
        /// The list.
        key: Key,
        /// Why.
        #[source]
        problem: SharedError,
    },
    /// A later version of the program wrote it.
    #[error(
        "{key} has format {found}; this version reads up to {FORMAT}: use the version that wrote it"
    )]
    NewerFormat {
        /// The list.
        key: Key,
        /// Its format.
        found: u64,
    },
}

impl OpenRestores {
    /// Where the list of a job lies.
    pub fn key(job: &Job) -> Key {
        job.key("restores/open.json")
    }

    /// Reads the list that is stored under this key.
    ///
    /// # Errors
    /// When it is damaged, or a later version of the program wrote it.
    pub fn parse(key: &Key, json: &[u8]) -> Result<Self, OpenRestoresError> {
        let key = || key.clone();
        read_format(json, 0..=FORMAT).map_err(|error| match error {
            FormatError::Json(problem) => OpenRestoresError::Damaged {
                key: key(),
                problem,
            },
            FormatError::Other(found) => OpenRestoresError::NewerFormat { key: key(), found },
        })
    }

    /// The stored form.
    ///
    /// # Errors
    /// Only if serialisation fails, which no field can cause.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Their ids, in their order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.restores.iter().map(String::as_str)
    }

    /// Notes whether a restore has something left. Whether that changes anything.
    pub fn note(&mut self, id: &str, is_open: bool) -> bool {
        self.format = FORMAT;
        if is_open {
            self.restores.insert(id.to_owned())
        } else {
            self.restores.remove(id)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<OpenRestores, OpenRestoresError> {
        OpenRestores::parse(&Key::new("open.json"), json.as_bytes())
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let mut open = OpenRestores::default();

        assert!(open.note("2", true) && open.note("1", true) && !open.note("2", true));

        let json = String::from_utf8(open.to_json().unwrap()).unwrap();
        assert_eq!(json, r#"{"format":1,"restores":["1","2"]}"#);
        let mut read = parse(&json).unwrap();
        assert_eq!(read.ids().collect::<Vec<_>>(), ["1", "2"]);
        assert!(read.note("1", false) && !read.note("1", false));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let newer = parse(r#"{"format":2,"entries":[]}"#)
            .unwrap_err()
            .to_string();

        assert_eq!(
            newer,
            "open.json has format 2; this version reads up to 1: use the version that wrote it"
        );
        for json in ["", "{}", r#"{"format":1}"#, r#"{"restores":["1"]}"#] {
            let damaged = parse(json).unwrap_err().to_string();
            assert!(
                damaged.starts_with("open.json cannot be read: "),
                "{damaged}"
            );
        }
    }
}
