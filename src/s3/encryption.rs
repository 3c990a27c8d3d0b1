//! What each write to a bucket says about its encryption, and each copy about its payer.

use aws_sdk_s3::types::{RequestPayer, ServerSideEncryption};

use super::bucket::Bucket;
use crate::config::Sse;

/// The headers of a write. All are absent where the bucket's default encryption applies.
pub(super) struct EncryptionHeaders {
    pub algorithm: Option<ServerSideEncryption>,
    pub kms_key: Option<String>,
    /// With a bucket key, KMS is not called (and billed) for each object. Two layers know no bucket keys.
    pub bucket_key: Option<bool>,
}

impl Bucket {
    /// How an object that is written is encrypted.
    pub(super) fn encryption_headers(&self) -> EncryptionHeaders {
        let encryption = &self.access.encryption;
        let asked = encryption.asked();
        EncryptionHeaders {
            algorithm: asked.map(|sse| match sse {
                Sse::Aes256 => ServerSideEncryption::Aes256,
                Sse::Kms => ServerSideEncryption::AwsKms,
                Sse::KmsDsse => ServerSideEncryption::AwsKmsDsse,
            }),
            kms_key: encryption.kms_key.clone(),
            bucket_key: (asked == Some(Sse::Kms)).then_some(true),
        }
    }

    /// What a copy from this bucket says about its payer.
    pub(super) fn payer(&self) -> Option<RequestPayer> {
        let pays = self.access.requester_pays;
        pays.then_some(RequestPayer::Requester)
    }
}
