//! A multi-part upload between its beginning and its end.

use crate::content::Content;
use crate::digest;
use crate::object::{ChecksumKind, UploadView};
use crate::stamp::Stamp;
use crate::version::{Checksum, ETag, Properties, Tags};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Upload {
    pub key: String,
    pub initiated: Stamp,
    pub properties: Arc<Properties>,
    pub tags: Option<Arc<Tags>>,
    /// None if the request named no algorithm: then S3 adds a CRC64NVME.
    pub checksum: Option<Checksum>,
    pub parts: BTreeMap<u32, Part>,
}

#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub content: Content,
    pub etag: ETag,
    pub modified: Stamp,
}

impl Part {
    /// `random` stands in where encryption hides the MD5.
    pub(crate) fn new(
        content: Content,
        properties: &Properties,
        random: [u8; 16],
        now: Stamp,
    ) -> Part {
        let digest = if properties.encryption.etag_is_md5() {
            digest::md5(&content)
        } else {
            random
        };
        Part {
            content,
            etag: ETag { digest, parts: 0 },
            modified: now,
        }
    }
}

impl Upload {
    /// The checksum the finished object will have.
    pub(crate) fn final_checksum(&self) -> Checksum {
        self.checksum
            .clone()
            .unwrap_or_else(|| Checksum::full(digest::Algorithm::Crc64Nvme))
    }

    pub(crate) fn checksum_kind(&self) -> ChecksumKind {
        self.final_checksum().kind
    }

    pub(crate) fn view(&self, id: &str) -> UploadView {
        let parts = self.parts.iter();
        UploadView {
            key: self.key.clone(),
            upload_id: id.to_owned(),
            initiated: self.initiated.into(),
            parts: parts
                .map(|(number, part)| (*number, part.content.len()))
                .collect(),
        }
    }
}
