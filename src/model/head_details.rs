//! All that one look at an object tells: what a comparison of two objects rests on.

use std::collections::BTreeMap;

use super::{Properties, VersionId};

/// What a look at an object tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadDetails {
    /// What it is beside its content and its tags.
    pub properties: Properties,
    /// The checksums that S3 keeps of it.
    pub checksums: Checksums,
    /// Whether its `ETag` is made of its content alone: it is not with a KMS or customer key.
    pub etag_is_of_content: bool,
    /// How many tags it has; none if S3 does not say: it has none, or they may not be read.
    pub tags: Option<u32>,
    /// Its version; none in a bucket that never kept any.
    pub version: Option<VersionId>,
}

/// The checksums of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checksums {
    /// Whether they are over the whole content, not over the checksums of parts.
    pub full: bool,
    /// By S3's name of the algorithm, in base64.
    pub values: BTreeMap<&'static str, String>,
}
