//! All buckets, and the one source of fresh ids and random-looking digests.

use crate::bucket::Bucket;
use crate::content::Content;
use crate::digest;
use crate::reply::Refusal;
use crate::version::{Checksum, ETag, Properties, Stored, Tags, VersionId};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Default)]
pub(crate) struct Store {
    buckets: BTreeMap<String, Bucket>,
    issued: u64,
}

impl Store {
    pub(crate) fn add(&mut self, name: &str, bucket: Bucket) {
        self.buckets.insert(name.to_owned(), bucket);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.buckets.remove(name);
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Bucket> {
        self.buckets.get(name)
    }

    pub(crate) fn bucket(&self, name: &str) -> Result<&Bucket, Refusal> {
        self.buckets.get(name).ok_or_else(Refusal::no_such_bucket)
    }

    pub(crate) fn bucket_mut(&mut self, name: &str) -> Result<&mut Bucket, Refusal> {
        self.buckets
            .get_mut(name)
            .ok_or_else(Refusal::no_such_bucket)
    }

    /// A number never given before, and never zero.
    pub(crate) fn issue(&mut self) -> u64 {
        self.issued += 1;
        self.issued
    }

    pub(crate) fn fresh_version(&mut self) -> VersionId {
        VersionId(self.issue())
    }

    /// A digest that says nothing about the content, as encryption makes it.
    pub(crate) fn random_digest(&mut self) -> [u8; 16] {
        digest::scatter([self.issue(), 0x5eed, 0])
    }

    /// A whole object, its ETag by the rules of its encryption.
    pub(crate) fn whole(&mut self, content: Content, properties: Arc<Properties>) -> Stored {
        let digest = if properties.encryption.etag_is_md5() {
            digest::md5(&content)
        } else {
            self.random_digest()
        };
        Stored {
            content,
            etag: ETag { digest, parts: 0 },
            properties,
            tags: None,
            parts: None,
            checksum: Some(Checksum::full(digest::Algorithm::Crc64Nvme)),
            tier: None,
            restore: None,
        }
    }
}

/// Tags as they are kept: nothing at all if there are none.
pub(crate) fn kept(tags: Tags) -> Option<Arc<Tags>> {
    (!tags.is_empty()).then(|| Arc::new(tags))
}
