//! How a bucket is reached: the account that must own it, the payer of requests, and how writes to it are
//! encrypted.

use super::reason::ConfigReason;

/// How a bucket is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketAccess {
    /// The account that must own the bucket; none if any may.
    pub owner: Option<AccountId>,
    /// Whether each request says that the caller pays for it.
    pub requester_pays: bool,
    /// How objects that are written to it are encrypted.
    pub encryption: Encryption,
}

/// The twelve digits of an AWS account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountId(String);

impl AccountId {
    /// The account id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn parse(text: &str) -> Result<Self, ConfigReason> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ConfigReason::NotAnAccount)
        }
    }
}

/// How objects are encrypted: copies, and the program's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encryption {
    /// What each write asks for; without it, as the KMS key says.
    pub sse: Option<Sse>,
    /// The KMS key; without it, the bucket's default or the key that AWS manages.
    pub kms_key: Option<String>,
}

impl Encryption {
    /// What each write asks for; none for the bucket's default encryption.
    pub fn asked(&self) -> Option<Sse> {
        self.sse.or(self.kms_key.is_some().then_some(Sse::Kms))
    }
}

/// The values of `x-amz-server-side-encryption`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sse {
    /// Keys of S3.
    Aes256,
    /// A KMS key.
    Kms,
    /// Two layers, with a KMS key.
    KmsDsse,
}

impl Sse {
    /// The value that S3 knows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::Kms => "aws:kms",
            Self::KmsDsse => "aws:kms:dsse",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, ConfigReason> {
        let all = [Self::Aes256, Self::Kms, Self::KmsDsse];
        let found = all.into_iter().find(|sse| sse.as_str() == text);
        found.ok_or(ConfigReason::not_allowed("AES256, aws:kms, aws:kms:dsse"))
    }
}
