//! One stored version, and the chain of versions of one key. Small in memory:
//! a test may keep a million of them, so what is common is shared.

use crate::content::Content;
use crate::digest::{self, Algorithm};
use crate::object::{ChecksumKind, ChecksumView, Encryption, ObjectView, SystemHeaders};
use crate::stamp::Stamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Zero is the `null` version; any other number is told as 32 letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VersionId(pub u64);

/// Odd, so that multiplication can be undone: ids look random and need no table.
const SCRAMBLE: u64 = 0x9e37_79b9_7f4a_7c15;
const UNSCRAMBLE: u64 = 0xf1de_83e1_9937_733d;

impl VersionId {
    pub(crate) const NULL: VersionId = VersionId(0);

    pub(crate) fn parse(text: &str) -> Option<VersionId> {
        if text == "null" {
            return Some(VersionId::NULL);
        }
        let number = u64::from_str_radix(text.get(..16)?, 16).ok()?;
        let id = VersionId(number.wrapping_mul(UNSCRAMBLE));
        (id.to_string() == text).then_some(id)
    }
}

impl std::fmt::Display for VersionId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == VersionId::NULL {
            return out.write_str("null");
        }
        let number = self.0.wrapping_mul(SCRAMBLE);
        write!(out, "{number:016x}{:016x}", digest::mix(number))
    }
}

/// The digest, and how many parts it is over: zero if the object came whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ETag {
    pub digest: [u8; 16],
    pub parts: u32,
}

impl std::fmt::Display for ETag {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:032x}", u128::from_be_bytes(self.digest))?;
        if self.parts > 0 {
            write!(out, "-{}", self.parts)?;
        }
        Ok(())
    }
}

impl ETag {
    pub(crate) fn quoted(self) -> String {
        format!("\"{self}\"")
    }
}

pub(crate) type Tags = BTreeMap<String, String>;

/// What many objects have in common and copies share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Properties {
    pub headers: SystemHeaders,
    pub metadata: BTreeMap<String, String>,
    pub storage_class: String,
    pub encryption: Encryption,
}

impl Encryption {
    pub(crate) fn etag_is_md5(&self) -> bool {
        match self {
            Encryption::SseS3 => true,
            Encryption::Kms { .. } | Encryption::Dsse { .. } | Encryption::SseC => false,
        }
    }

    pub(crate) fn kms_key(&self) -> Option<&str> {
        match self {
            Encryption::Kms { key } | Encryption::Dsse { key } => Some(key),
            Encryption::SseS3 | Encryption::SseC => None,
        }
    }
}

/// Which checksum is kept; its value follows from the content unless declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checksum {
    pub algorithm: Algorithm,
    pub kind: ChecksumKind,
    #[expect(clippy::box_collection, reason = "hardly any object has one")]
    pub declared: Option<Box<String>>,
}

impl Checksum {
    pub(crate) fn full(algorithm: Algorithm) -> Checksum {
        Checksum {
            algorithm,
            kind: ChecksumKind::FullObject,
            declared: None,
        }
    }
}

/// An archive tier within INTELLIGENT_TIERING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    Archive,
    DeepArchive,
}

impl Tier {
    pub(crate) fn named(name: &str) -> Option<Tier> {
        let all = [Tier::Archive, Tier::DeepArchive];
        all.into_iter().find(|tier| tier.name() == name)
    }

    /// As in `x-amz-archive-status`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tier::Archive => "ARCHIVE_ACCESS",
            Tier::DeepArchive => "DEEP_ARCHIVE_ACCESS",
        }
    }
}

/// A restore from an archive: from when to when the object can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Restore {
    pub ready: Stamp,
    /// None for the archive tiers of INTELLIGENT_TIERING, which objects leave for good.
    pub expires: Option<Stamp>,
    /// What the tier takes that was asked for: only a faster one may be asked for meanwhile.
    pub takes: Duration,
}

/// The data of a version that is no delete marker.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub content: Content,
    pub etag: ETag,
    pub properties: Arc<Properties>,
    pub tags: Option<Arc<Tags>>,
    pub parts: Option<Arc<Vec<u64>>>,
    pub checksum: Option<Checksum>,
    /// Whether an archive tier of INTELLIGENT_TIERING has it.
    pub tier: Option<Tier>,
    pub restore: Option<Box<Restore>>,
}

impl Stored {
    pub(crate) fn size(&self) -> u64 {
        self.content.len()
    }

    /// Whether a read at `now` needs a restore first.
    pub(crate) fn is_archived(&self, now: Stamp) -> bool {
        let class = self.properties.storage_class.as_str();
        let frozen = matches!(class, "GLACIER" | "DEEP_ARCHIVE") || self.tier.is_some();
        let readable = self.restore.as_ref().is_some_and(|restore| {
            restore.ready <= now && restore.expires.is_none_or(|expires| now < expires)
        });
        frozen && !readable
    }

    pub(crate) fn checksum_view(&self) -> Option<ChecksumView> {
        let checksum = self.checksum.as_ref()?;
        let value = match (&checksum.declared, checksum.kind, &self.parts) {
            (Some(declared), _, _) => declared.as_ref().clone(),
            (None, ChecksumKind::Composite, Some(parts)) => {
                checksum.algorithm.composite(&self.content, parts)
            }
            (None, ChecksumKind::Composite, None) | (None, ChecksumKind::FullObject, _) => {
                checksum.algorithm.full_object(&self.content)
            }
        };
        Some(ChecksumView {
            algorithm: checksum.algorithm,
            kind: checksum.kind,
            value,
        })
    }

    pub(crate) fn tags(&self) -> Tags {
        let tags = self.tags.as_ref();
        tags.map(|tags| tags.as_ref().clone()).unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub id: VersionId,
    pub modified: Stamp,
    /// None for a delete marker.
    pub stored: Option<Stored>,
}

impl Version {
    pub(crate) fn view(&self, key: &str, is_latest: bool) -> ObjectView {
        let empty = Properties {
            headers: SystemHeaders::default(),
            metadata: BTreeMap::new(),
            storage_class: String::new(),
            encryption: Encryption::SseS3,
        };
        let stored = self.stored.as_ref();
        let properties = stored.map_or(empty, |stored| stored.properties.as_ref().clone());
        ObjectView {
            key: key.to_owned(),
            version_id: self.id.to_string(),
            is_latest,
            is_delete_marker: stored.is_none(),
            last_modified: self.modified.into(),
            content: stored.map_or(Content::empty(), |stored| stored.content.clone()),
            etag: stored.map_or(String::new(), |stored| stored.etag.to_string()),
            headers: properties.headers,
            metadata: properties.metadata,
            tags: stored.map(Stored::tags).unwrap_or_default(),
            storage_class: properties.storage_class,
            encryption: properties.encryption,
            checksum: stored.and_then(Stored::checksum_view),
            parts: stored.and_then(|stored| Some(stored.parts.as_ref()?.to_vec())),
        }
    }
}

/// All versions of one key, newest first; never empty.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    newest: Version,
    /// Next newest last, so that a new version is cheap to add.
    #[expect(clippy::box_collection, reason = "most keys have none")]
    older: Option<Box<Vec<Version>>>,
}

impl Chain {
    pub(crate) fn of(only: Version) -> Chain {
        Chain {
            newest: only,
            older: None,
        }
    }

    pub(crate) fn newest(&self) -> &Version {
        &self.newest
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Version> {
        let older = self.older.iter().flat_map(|older| older.iter().rev());
        std::iter::once(&self.newest).chain(older)
    }

    pub(crate) fn push(&mut self, version: Version) {
        let former = std::mem::replace(&mut self.newest, version);
        self.older.get_or_insert_default().push(former);
    }

    pub(crate) fn find_mut(&mut self, id: VersionId) -> Option<&mut Version> {
        let older = self.older.iter_mut().flat_map(|older| older.iter_mut());
        std::iter::once(&mut self.newest)
            .chain(older)
            .find(|version| version.id == id)
    }

    /// The chain without that version, none if nothing is left, and what was removed.
    pub(crate) fn without(mut self, id: VersionId) -> (Option<Chain>, Option<Version>) {
        let older = self.older.get_or_insert_default();
        let removed = if self.newest.id == id {
            match older.pop() {
                Some(next) => Some(std::mem::replace(&mut self.newest, next)),
                None => return (None, Some(self.newest)),
            }
        } else {
            let at = older.iter().position(|version| version.id == id);
            at.map(|at| older.remove(at))
        };
        if older.is_empty() {
            self.older = None;
        }
        (Some(self), removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_id_reads_back_and_a_forged_one_does_not() {
        let id = VersionId(12_345);

        assert_eq!(VersionId::parse(&id.to_string()), Some(id));
        assert_eq!(VersionId::parse(&format!("{id}0")), None);
        assert_eq!(VersionId::parse("a"), None);
        assert_eq!(VersionId::parse("null"), Some(VersionId::NULL));
    }
}
