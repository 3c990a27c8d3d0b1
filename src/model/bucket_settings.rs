//! The settings of a bucket that a backup in it depends on, as far as they can be seen.

use super::location::STATE;

/// A setting of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting<T> {
    /// It is this.
    Set(T),
    /// There is none.
    Unset,
    /// The server has no such setting: it is not AWS's.
    Unsupported,
    /// Nobody may look, or S3 does not tell, for this reason.
    Unknown(String),
}

/// The settings of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketSettings {
    /// Whether a write keeps what it replaces.
    pub versioning: Setting<bool>,
    /// What encrypts objects that name no encryption.
    pub encryption: Setting<DefaultEncryption>,
    /// The rules that are enabled.
    pub lifecycle: Setting<Vec<LifecycleRule>>,
    /// How long each version is kept, whoever deletes it.
    pub lock: Setting<DefaultRetention>,
    /// Whether all four ways of public access are blocked.
    pub public_access_blocked: Setting<bool>,
    /// The buckets that the enabled rules of replication write to.
    pub replicates_to: Setting<Vec<String>>,
}

/// What encrypts objects that name no encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultEncryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub algorithm: String,
    /// Its KMS key, if one is named.
    pub kms_key: Option<String>,
    /// Whether the objects share a key of the bucket, so that KMS is asked rarely.
    pub bucket_key: bool,
}

/// The tag of an object of the program's own that no run names any more: its name and its value. The program's own
/// objects have no other tag.
pub const UNNAMED_TAG: (&str, &str) = ("s3-backup:unnamed", "true");

/// A rule of a lifecycle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LifecycleRule {
    /// Its name.
    pub id: String,
    /// The keys that it is about begin with this.
    pub prefix: String,
    /// The tags that an object must have, all of them, for the rule to be about it.
    pub tags: Vec<(String, String)>,
    /// Whether it deletes current versions by their age.
    pub expires_current: bool,
    /// The class that cannot be read at once to which it moves current versions.
    pub archives_current: Option<String>,
    /// The days after which it deletes what was replaced, whatever its number.
    pub noncurrent_days: Option<u32>,
}

/// How long Object Lock keeps what says nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultRetention {
    /// `GOVERNANCE` or `COMPLIANCE`; none if the lock has no default.
    pub mode: Option<String>,
    /// For how many days.
    pub days: u32,
}

impl LifecycleRule {
    /// Whether it is about keys that begin so.
    pub fn touches(&self, prefix: &str) -> bool {
        self.prefix.starts_with(prefix) || prefix.starts_with(&self.prefix)
    }

    /// Whether it deletes what no run names any more of the program's own objects below there, and nothing else.
    pub fn expires_unnamed(&self, below: &str) -> bool {
        let (name, value) = UNNAMED_TAG;
        let is_it = |(key, content): &(String, String)| key == name && content == value;
        let has_it_alone = self.tags.len() == 1 && self.tags.iter().all(is_it);
        let is_of_state = self.prefix.starts_with(STATE) && below.starts_with(&self.prefix);
        has_it_alone && is_of_state && self.expires_current
    }
}
