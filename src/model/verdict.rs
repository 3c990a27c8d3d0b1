//! What a comparison of an object with its backup says.

use super::{ETag, Key};

/// An object that was compared with its backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedObject {
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
    /// The backup is the object, as far as was looked; and this proves that the content is the same.
    Equal(ContentProof),
    /// It is not, in these properties.
    Different(Vec<Property>),
    /// There is no backup of the object.
    Missing,
    /// There is a backup, and no such object.
    Extra {
        /// Whether no snapshot says that the job has made this backup.
        is_foreign: bool,
    },
    /// Nothing proves that they are equal, nor that they are not.
    CannotTell(Doubt),
}

impl Verdict {
    /// Its name in results.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Equal(_) => "equal",
            Self::Different(_) => "different",
            Self::Missing => "missing",
            Self::Extra { .. } => "extra",
            Self::CannotTell(_) => "cannot_tell",
        }
    }

    /// Whether the backup is not as it should be.
    pub fn is_wrong(&self) -> bool {
        match self {
            Self::Different(_) | Self::Missing => true,
            Self::Equal(_) | Self::Extra { .. } | Self::CannotTell(_) => false,
        }
    }
}

/// What proves that the content of an object and of its backup is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentProof {
    /// The same SHA-512 of the whole.
    Sha512,
    /// The same SHA-256 of the whole.
    Sha256,
    /// The same MD5 of the whole: an entity tag of one part, or a checksum. Under a KMS key an entity tag is
    /// no MD5, but then no two are equal.
    Md5,
    /// The same SHA-1 of the whole.
    Sha1,
    /// The same entity tag, made of the MD5s of the parts.
    EtagOfParts,
    /// The same `XXHash128` of the whole.
    Xxhash128,
    /// The same `XXHash3` of the whole.
    Xxhash3,
    /// The same `XXHash64` of the whole.
    Xxhash64,
    /// The same CRC-64/NVME of the whole.
    Crc64Nvme,
    /// The same CRC-32C of the whole.
    Crc32C,
    /// The same CRC-32 of the whole.
    Crc32,
    /// The same checksum, made of the checksums of the parts.
    ChecksumOfParts,
    /// The last snapshot, which says that the one was copied from the other.
    Snapshot,
    /// There is none.
    Empty,
}

impl ContentProof {
    /// All of them: those first that are harder to forge.
    pub const ALL: [Self; 14] = [
        Self::Sha512,
        Self::Sha256,
        Self::Md5,
        Self::Sha1,
        Self::EtagOfParts,
        Self::Xxhash128,
        Self::Xxhash3,
        Self::Xxhash64,
        Self::Crc64Nvme,
        Self::Crc32C,
        Self::Crc32,
        Self::ChecksumOfParts,
        Self::Snapshot,
        Self::Empty,
    ];

    /// Its name in results: of a checksum, S3's name of the algorithm in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha512 => "sha512",
            Self::Sha256 => "sha256",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::EtagOfParts => "etag_of_parts",
            Self::Xxhash128 => "xxhash128",
            Self::Xxhash3 => "xxhash3",
            Self::Xxhash64 => "xxhash64",
            Self::Crc64Nvme => "crc64nvme",
            Self::Crc32C => "crc32c",
            Self::Crc32 => "crc32",
            Self::ChecksumOfParts => "checksum_of_parts",
            Self::Snapshot => "snapshot",
            Self::Empty => "empty",
        }
    }

    /// What the same entity tag proves.
    pub fn of_etag(etag: &ETag) -> Self {
        if etag.is_multipart() {
            Self::EtagOfParts
        } else {
            Self::Md5
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
    /// The ETags differ, and a checksum is equal: which of them counts depends on the parts, of which S3 does
    /// not tell enough.
    UnknownParts,
    /// S3 does not show all of the metadata.
    HiddenMetadata,
}

impl Doubt {
    /// The doubt, and its reason.
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
            Self::UnknownParts => {
                "a checksum is equal and the ETags differ, and it cannot be seen whether both have the \
                 same parts"
            }
            Self::HiddenMetadata => "S3 hides some of the metadata of both",
        }
    }
}
