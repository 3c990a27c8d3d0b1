//! One row of a listing: all that a listing tells of an object, and all that a decision rests on.

use std::borrow::Cow;
use std::fmt;

use super::{Key, Timestamp};

/// An object as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its key. For an object of a backup: the key of the source object that it is the copy of.
    pub key: Key,
    /// Size in bytes.
    pub size: u64,
    /// Its entity tag.
    pub etag: ETag,
    /// When S3 says it was last written. For a multi-part object: when its upload was *begun*.
    pub last_modified: Timestamp,
    /// Its storage class.
    pub storage_class: StorageClass,
}

impl Object {
    /// Whether it was written in a later second than the other one. In the same second either may be the
    /// later: S3 dates objects by whole seconds.
    pub fn is_later_than(&self, other: &Self) -> bool {
        self.last_modified.as_seconds() > other.last_modified.as_seconds()
    }
}

/// An entity tag without its quotes.
///
/// The MD5 of the content only for objects that were written in one request and are not encrypted
/// with a KMS or customer key; `md5-of-md5s-N` for multi-part ones; no function of the content else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// An entity tag, with or without quotes.
    pub fn new(etag: &str) -> Self {
        Self(etag.trim_matches('"').to_owned())
    }

    /// The tag without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the object was written in parts: `...-N`.
    pub fn is_multipart(&self) -> bool {
        self.0.contains('-')
    }

    /// How many parts the object was written in; none if it was not written in parts.
    pub fn parts(&self) -> Option<u32> {
        let (_, count) = self.0.rsplit_once('-')?;
        count.parse().ok()
    }

    /// The tag as a conditional header wants it.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

/// A storage class by S3's name. Unknown ones are kept as they came: S3 adds classes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StorageClass(Cow<'static, str>);

/// The classes that most objects are in: a listing of millions need not keep each name anew.
const USUAL_CLASSES: [&str; 8] = [
    "STANDARD",
    "STANDARD_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
    "ONEZONE_IA",
    "REDUCED_REDUNDANCY",
];

impl StorageClass {
    /// Classes a copy can be written to. `REDUCED_REDUNDANCY` is not worth a backup's trust.
    pub const OF_COPIES: [&str; 7] = [
        "STANDARD",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER_IR",
        "GLACIER",
        "DEEP_ARCHIVE",
    ];

    /// The class of that name, or `STANDARD`, which S3 leaves unsaid in some replies.
    pub fn new(name: Option<&str>) -> Self {
        let name = name.unwrap_or(USUAL_CLASSES[0]);
        let usual = USUAL_CLASSES.into_iter().find(|usual| *usual == name);
        Self(usual.map_or_else(|| name.to_owned().into(), Cow::Borrowed))
    }

    /// S3's name of the class.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether its objects must be restored before they can be read. Objects in the archive tiers of
    /// `INTELLIGENT_TIERING` must be too, but a listing does not tell them from the others.
    pub fn is_archive(&self) -> bool {
        matches!(self.as_str(), "GLACIER" | "DEEP_ARCHIVE")
    }
}

impl fmt::Display for StorageClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
