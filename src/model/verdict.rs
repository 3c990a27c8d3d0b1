//! What a comparison of an object with its backup says.

use super::Key;

/// An object that was compared with its backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The object's key in the source.
    pub key: Key,
    /// Its bytes, as listed.
    pub listed: u64,
    /// What was found.
    pub verdict: Verdict,
    /// Whether both were looked at one by one, and not only in the listings.
    pub deep: bool,
    /// Bytes of the new copy, if what was found has been repaired.
    pub repaired: Option<u64>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The backup is the object, as far as was looked.
    Equal,
    /// It is not, in these properties.
    Different(Vec<Property>),
    /// There is no backup of the object.
    Missing,
    /// There is a backup, and no such object.
    Extra,
    /// Nothing proves that they are equal, nor that they are not.
    CannotTell(Doubt),
}

impl Verdict {
    /// Its name in results.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Different(_) => "different",
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::CannotTell(_) => "cannot_tell",
        }
    }

    /// Whether the backup is not as it should be.
    pub fn is_wrong(&self) -> bool {
        match self {
            Self::Different(_) | Self::Missing => true,
            Self::Equal | Self::Extra | Self::CannotTell(_) => false,
        }
    }
}

/// What of an object is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// Its size.
    Size,
    /// Its content, by entity tags that are made of it.
    ETag,
    /// Its content, by checksums.
    Checksum,
    /// The headers that S3 keeps with it.
    Headers,
    /// Its user metadata.
    Metadata,
    /// Its tags.
    Tags,
    /// Where a website redirects requests for it.
    WebsiteRedirect,
    /// Its storage class.
    StorageClass,
}

impl Property {
    /// All of them, in the order in which results name them.
    pub const ALL: [Self; 8] = [
        Self::Size,
        Self::ETag,
        Self::Checksum,
        Self::Headers,
        Self::Metadata,
        Self::Tags,
        Self::WebsiteRedirect,
        Self::StorageClass,
    ];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::ETag => "etag",
            Self::Checksum => "checksum",
            Self::Headers => "headers",
            Self::Metadata => "metadata",
            Self::Tags => "tags",
            Self::WebsiteRedirect => "website_redirect",
            Self::StorageClass => "storage_class",
        }
    }
}

/// Why nobody can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Listings show other ETags, and not whether these are made of the content.
    ListedETags,
    /// The listed content is equal, but the object was written again since.
    WrittenSince,
    /// There is no checksum that both have, and ETags that cannot be compared.
    NoProof,
    /// S3 does not show all of the metadata.
    HiddenMetadata,
}

impl Doubt {
    /// What is in doubt, and why.
    pub fn why(self) -> &'static str {
        match self {
            Self::ListedETags => {
                "the ETags differ, as they do with a KMS key on either side or other parts; \
                 a deep verification tells more"
            }
            Self::WrittenSince => {
                "the content is equal, but the object was written again since it was backed up, and \
                 may have new metadata; a deep verification tells"
            }
            Self::NoProof => {
                "both have the same size, but no checksum in common, and their ETags cannot be \
                 compared"
            }
            Self::HiddenMetadata => "S3 hides some of the metadata of both",
        }
    }
}
