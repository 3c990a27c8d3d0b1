//! The lines that a restore leaves in its state: what is to be done about a key, and what became of it.
//!
//! Both are JSON, one object a line, packed by zstd: a thousand to ten thousand lines a file, so that
//! whoever reads them holds no more.

use std::collections::BTreeMap;
use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zstd::bulk::{Compressor, Decompressor};

use super::choose::Why;
use crate::model::{ETag, Key, Object, StorageClass, Timestamp, VersionId};
use crate::s3::S3Error;

/// Lines of a part of a plan.
pub const ROWS_OF_PART: usize = 10_000;
/// The most bytes of a file, unpacked: keys of 1,024 control characters grow sixfold.
const MOST_BYTES: usize = 256 << 20;
/// Fast, and good enough for texts that repeat.
const LEVEL: i32 = 1;

/// A row of a plan: one key of the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRow {
    /// The key in the target.
    pub key: Key,
    /// The source of the copy; none if a delete marker is placed.
    pub copy: Option<Origin>,
    /// Why.
    pub why: Why,
    /// What lies there; none if nothing does.
    pub now: Option<Seen>,
    /// What keeps it from being done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// Why nothing can be done about a key, known since it was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A stable word.
    pub code: String,
    /// The problem, for people.
    pub message: String,
    /// What to do.
    pub advice: String,
}

impl Problem {
    /// What S3 told.
    pub fn of(error: &S3Error) -> Self {
        let code = error.reply.code.clone();
        Self {
            code: code.unwrap_or_else(|| "Unreadable".to_owned()),
            message: error.to_string(),
            advice: error.advice(),
        }
    }
}

/// The source of a copy, and the class that it is written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// In which bucket it lies.
    pub place: Place,
    /// Its key there.
    pub key: Key,
    /// Its version.
    pub version_id: Option<String>,
    /// What it is.
    #[serde(flatten)]
    pub seen: Seen,
    /// The class that it is in, as far as is known.
    pub class: String,
    /// The class that it is written to.
    pub to_class: String,
}

/// A bucket of a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The backup: copies, and what was put aside.
    Backup,
    /// The target itself: what stood there before.
    Target,
}

/// An object, as far as conditions and comparisons need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its entity tag, without quotes.
    pub etag: String,
    /// Its bytes.
    pub size: u64,
    /// When S3 says it was written.
    pub modified: Timestamp,
}

impl Seen {
    /// What was seen of an object.
    pub fn of(object: &Object) -> Self {
        Self {
            etag: object.etag.as_str().to_owned(),
            size: object.size,
            modified: object.last_modified,
        }
    }

    /// The object, under a key and in a class.
    pub fn to_object(&self, key: &Key, class: &str) -> Object {
        Object {
            key: key.clone(),
            size: self.size,
            etag: ETag::new(&self.etag),
            last_modified: self.modified,
            storage_class: StorageClass::new(Some(class)),
        }
    }

    /// Whether it is the object, by all that is known.
    pub fn is(&self, object: &Object) -> bool {
        self.is_same(&Self::of(object))
    }

    /// Whether both are one object. State keeps dates in whole seconds, as S3 does; other stores list fractions.
    pub fn is_same(&self, other: &Self) -> bool {
        self.etag == other.etag
            && self.size == other.size
            && self.modified.as_seconds() == other.modified.as_seconds()
    }
}

impl Origin {
    /// The object that is copied.
    pub fn object(&self) -> Object {
        self.seen.to_object(&self.key, &self.class)
    }

    /// Its version.
    pub fn version(&self) -> Option<VersionId> {
        self.version_id.as_deref().map(VersionId::new)
    }
}

/// What became of a row of the plan. If several lines are about one row, the last one counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneRow {
    /// The number of the row in its part of the plan.
    pub row: usize,
    /// The key in the target.
    pub key: Key,
    /// What became of it.
    pub outcome: Became,
    /// Bytes, as planned.
    pub size: u64,
    /// What was replaced; none if nothing was, or nothing was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Seen>,
    /// Where that was put aside: a key of the backup bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<Key>,
    /// What was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<WrittenRef>,
    /// Whether the target was not what was planned for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changed_meanwhile: bool,
    /// When an archived version can be read at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<Timestamp>,
}

/// The results of the rows of a part, as far as they are known.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The last line about each row.
    pub last: BTreeMap<usize, DoneRow>,
    /// The files that the lines are in: the next ones go into the file of that number.
    pub files: usize,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// It was copied.
    Copied,
    /// A delete marker is on top of it.
    Marked,
    /// It has become what it should be without this restore.
    Unchanged,
    /// It was left alone, because somebody has written it meanwhile.
    Skipped,
    /// It was deleted meanwhile, and should be.
    Vanished,
    /// Nobody knows, or it was refused.
    Failed,
    /// An archived version was asked for.
    Waiting,
}

impl Became {
    /// Whether nothing more is to be done about it.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Copied | Self::Marked | Self::Unchanged | Self::Skipped | Self::Vanished => true,
            Self::Failed | Self::Waiting => false,
        }
    }
}

/// What a write has made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenRef {
    /// The entity tag; none of a delete marker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The version; none in a bucket that keeps none, or of a marker that was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

/// Why rows cannot be packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// A row is no row.
    #[error(transparent)]
    Row(#[from] serde_json::Error),
    /// The file is not what zstd has written.
    #[error(transparent)]
    Zstd(#[from] io::Error),
}

/// The bytes of a file of rows.
///
/// # Errors
/// When zstd has no memory.
pub fn pack<T: Serialize>(rows: &[T]) -> Result<Vec<u8>, RowsError> {
    let mut text = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut text, row)?;
        text.push(b'\n');
    }
    let mut packer = Compressor::new(LEVEL)?;
    Ok(packer.compress(&text)?)
}

/// The rows of a file.
///
/// # Errors
/// Why it cannot be copied.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, RowsError> {
    let size = Decompressor::upper_bound(bytes).unwrap_or(MOST_BYTES);
    let mut unpacker = Decompressor::new()?;
    let text = unpacker.decompress(bytes, size.min(MOST_BYTES))?;
    let lines = text.split(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.is_empty())
        .map(|line| Ok(serde_json::from_slice(line)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> PlanRow {
        PlanRow {
            key: Key::new("odd \n\u{1} é"),
            copy: Some(Origin {
                place: Place::Backup,
                key: Key::new("copies/odd"),
                version_id: Some("v".to_owned()),
                seen: Seen {
                    etag: "e-2".to_owned(),
                    size: 7,
                    modified: Timestamp::from_millis(1_795_226_400_000),
                },
                class: "STANDARD".to_owned(),
                to_class: "STANDARD_IA".to_owned(),
            }),
            why: Why::ReplacesNewer,
            now: None,
            problem: None,
        }
    }

    #[test]
    fn rows_are_read_as_they_were_written() {
        let rows = vec![
            row(),
            PlanRow {
                copy: None,
                ..row()
            },
        ];

        let packed = pack(&rows).unwrap();

        assert_eq!(unpack::<PlanRow>(&packed).unwrap(), rows);
        let none = pack::<PlanRow>(&[]).unwrap();
        assert_eq!(unpack::<PlanRow>(&none).unwrap(), []);
    }

    #[test]
    fn an_object_is_the_same_whatever_fraction_of_a_second_a_listing_tells() {
        let seen = row().copy.unwrap().seen;
        let at = |millis: i64| Seen {
            modified: Timestamp::from_millis(1_795_226_400_000 + millis),
            ..seen.clone()
        };

        assert!(at(0).is_same(&at(999)));
        assert!(!at(0).is_same(&at(1_000)));
        assert!(!at(0).is_same(&Seen { size: 8, ..at(0) }));
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_an_error() {
        assert!(unpack::<PlanRow>(b"{}").is_err());
        let packed = pack(&[row()]).unwrap();
        assert!(unpack::<PlanRow>(&packed[..packed.len() - 1]).is_err());
        assert!(unpack::<DoneRow>(&packed).is_err());
    }

    #[test]
    fn a_line_is_what_docs_say() {
        let done = DoneRow {
            row: 3,
            key: Key::new("a"),
            outcome: Became::Copied,
            size: 7,
            before: None,
            aside: None,
            written: Some(WrittenRef {
                etag: Some("e".to_owned()),
                version_id: Some("v".to_owned()),
            }),
            changed_meanwhile: false,
            ready_at: None,
        };

        let line = serde_json::to_string(&done).unwrap();

        assert_eq!(
            line,
            r#"{"row":3,"key":"a","outcome":"copied","size":7,"written":{"etag":"e","version_id":"v"}}"#
        );
        let plan = serde_json::to_string(&row()).unwrap();
        assert!(plan.contains(
            r#""copy":{"place":"backup","key":"copies/odd","version_id":"v","etag":"e-2","#
        ));
    }
}
