//! One row of a listing of versions.

use super::{ETag, Key, StorageClass, ThawState, Timestamp, VersionId};

/// A version of an object, or a delete marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// The key, as it stands in the bucket that was listed.
    pub key: Key,
    /// The version id; `null` for what was written while the bucket kept no versions.
    pub id: VersionId,
    /// Whether it is the newest of its key.
    pub is_latest: bool,
    /// When S3 says it was written. The order of a key's versions is that of the listing, not of these: a
    /// part-wise upload is dated by its beginning.
    pub modified: Timestamp,
    /// What it is.
    pub kind: VersionKind,
}

/// What a row of a listing of versions is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionKind {
    /// An object.
    Object {
        /// Its entity tag.
        etag: ETag,
        /// Size in bytes.
        size: u64,
        /// Its storage class.
        class: StorageClass,
        /// Whether it can be read; none where the listing does not tell.
        thaw: Option<ThawState>,
    },
    /// A delete marker.
    Marker,
}

impl VersionRow {
    /// Whether it is a delete marker.
    pub fn is_marker(&self) -> bool {
        self.kind == VersionKind::Marker
    }
}
