//! The words tests use for objects: `Put` says what to store, `ObjectView`
//! shows what is stored. Both name everything that a faithful copy must carry.

use crate::content::Content;
use crate::digest::Algorithm;
use crate::version::Tier;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// How an object is encrypted at rest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Encryption {
    /// With keys of S3: the only one whose ETag is an MD5.
    SseS3,
    /// With a KMS key, named by its ARN.
    Kms {
        /// The ARN.
        key: String,
    },
    /// Twice, with a KMS key.
    Dsse {
        /// The ARN.
        key: String,
    },
    /// With a key that only the caller has.
    SseC,
}

/// Headers that S3 keeps with an object and returns as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the name of a header")]
pub struct SystemHeaders {
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
    pub content_disposition: Option<String>,
    pub content_encoding: Option<String>,
    pub content_language: Option<String>,
    /// Kept as it was sent, even if it is no date.
    pub expires: Option<String>,
    pub website_redirect: Option<String>,
}

impl SystemHeaders {
    /// Header name and value of all that are set, without the website redirect.
    pub(crate) fn copied(&self) -> [(&'static str, &Option<String>); 6] {
        [
            ("content-type", &self.content_type),
            ("cache-control", &self.cache_control),
            ("content-disposition", &self.content_disposition),
            ("content-encoding", &self.content_encoding),
            ("content-language", &self.content_language),
            ("expires", &self.expires),
        ]
    }
}

/// Whether a checksum is over the object or over the sums of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChecksumKind {
    /// Over all bytes, whatever the layout.
    FullObject,
    /// Over the checksums of the parts.
    Composite,
}

impl ChecksumKind {
    /// As in `x-amz-checksum-type`.
    pub fn name(self) -> &'static str {
        match self {
            ChecksumKind::FullObject => "FULL_OBJECT",
            ChecksumKind::Composite => "COMPOSITE",
        }
    }
}

/// A checksum with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChecksumView {
    /// Which sum.
    pub algorithm: Algorithm,
    /// The bytes that it is of.
    pub kind: ChecksumKind,
    /// Base64, with `-N` behind it if composite.
    pub value: String,
}

/// An object to be stored behind the wire.
///
/// ```
/// use s3_sim::{Content, Put};
///
/// let put = Put::new(Content::generated(1, 6 << 30))
///     .parts(&[5 << 30, 1 << 30])
///     .content_type("video/mp4")
///     .meta("camera", "roof")
///     .tag("team", "birds");
/// ```
#[derive(Clone, Debug)]
pub struct Put {
    pub(crate) body: Content,
    pub(crate) headers: SystemHeaders,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) storage_class: String,
    pub(crate) tier: Option<Tier>,
    pub(crate) restored: bool,
    pub(crate) encryption: Option<Encryption>,
    pub(crate) checksum: PutChecksum,
    pub(crate) parts: Option<Vec<u64>>,
    pub(crate) modified: Option<SystemTime>,
}

/// Which checksum a stored object has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PutChecksum {
    None,
    Of(Algorithm, ChecksumKind),
    Declared(Algorithm, String),
}

impl Put {
    /// A plain object in STANDARD with a CRC64NVME.
    pub fn new(body: impl Into<Content>) -> Put {
        Put {
            body: body.into(),
            headers: SystemHeaders::default(),
            metadata: BTreeMap::new(),
            tags: BTreeMap::new(),
            storage_class: "STANDARD".to_owned(),
            tier: None,
            restored: false,
            encryption: None,
            checksum: PutChecksum::Of(Algorithm::Crc64Nvme, ChecksumKind::FullObject),
            parts: None,
            modified: None,
        }
    }

    /// With all system headers at once.
    pub fn headers(mut self, headers: SystemHeaders) -> Put {
        self.headers = headers;
        self
    }

    /// With a content type.
    pub fn content_type(mut self, value: &str) -> Put {
        self.headers.content_type = Some(value.to_owned());
        self
    }

    /// With an item of user metadata. A value with a control character cannot
    /// be shown by S3: it is counted in `x-amz-missing-meta`.
    pub fn meta(mut self, name: &str, value: &str) -> Put {
        self.metadata.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With a tag.
    pub fn tag(mut self, name: &str, value: &str) -> Put {
        self.tags.insert(name.to_owned(), value.to_owned());
        self
    }

    /// In this storage class; GLACIER and DEEP_ARCHIVE need a restore to be read.
    pub fn storage_class(mut self, class: &str) -> Put {
        self.storage_class = class.to_owned();
        self
    }

    /// In INTELLIGENT_TIERING, archived: `ARCHIVE_ACCESS` or `DEEP_ARCHIVE_ACCESS`.
    ///
    /// # Panics
    /// If it is neither.
    pub fn archive_status(mut self, status: &str) -> Put {
        let tier = Tier::named(status);
        self.tier = Some(tier.expect("an archive status is one of two"));
        self.storage_class = "INTELLIGENT_TIERING".to_owned();
        self
    }

    /// Already restored from its archive, for the next ten days.
    pub fn restored(mut self) -> Put {
        self.restored = true;
        self
    }

    /// Encrypted like this instead of by the default of the bucket.
    pub fn encryption(mut self, encryption: Encryption) -> Put {
        self.encryption = Some(encryption);
        self
    }

    /// With a checksum of this algorithm and kind.
    pub fn checksum(mut self, algorithm: Algorithm, kind: ChecksumKind) -> Put {
        self.checksum = PutChecksum::Of(algorithm, kind);
        self
    }

    /// With a full-object checksum of this value, true or not.
    pub fn checksum_value(mut self, algorithm: Algorithm, value: &str) -> Put {
        self.checksum = PutChecksum::Declared(algorithm, value.to_owned());
        self
    }

    /// Without any checksum, as objects from before December 2024.
    pub fn without_checksum(mut self) -> Put {
        self.checksum = PutChecksum::None;
        self
    }

    /// Uploaded in parts of these sizes, which must add up.
    pub fn parts(mut self, sizes: &[u64]) -> Put {
        self.parts = Some(sizes.to_vec());
        self
    }

    /// With this date instead of the clock's.
    pub fn modified(mut self, time: SystemTime) -> Put {
        self.modified = Some(time);
        self
    }
}

/// Everything about a stored version, for assertions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectView {
    /// Its key.
    pub key: String,
    /// Its version id, `null` if it has none.
    pub version_id: String,
    /// Whether it is the newest of its key.
    pub is_latest: bool,
    /// Whether it only says that the key was deleted; then the rest is empty.
    pub is_delete_marker: bool,
    /// In whole seconds.
    pub last_modified: SystemTime,
    /// What it holds.
    pub content: Content,
    /// Without quotes.
    pub etag: String,
    /// Headers that were sent with it.
    pub headers: SystemHeaders,
    /// User metadata, names in lower case.
    pub metadata: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Such as `STANDARD`.
    pub storage_class: String,
    /// How it is encrypted.
    pub encryption: Encryption,
    /// The checksum S3 keeps, if any.
    pub checksum: Option<ChecksumView>,
    /// Part sizes, if it came in parts.
    pub parts: Option<Vec<u64>>,
}

impl ObjectView {
    /// Length of the content.
    pub fn size(&self) -> u64 {
        self.content.len()
    }
}

/// An open multi-part upload, for assertions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadView {
    /// Where it will land.
    pub key: String,
    /// Its id.
    pub upload_id: String,
    /// When it was begun.
    pub initiated: SystemTime,
    /// Part numbers and sizes that are there.
    pub parts: Vec<(u32, u64)>,
}
