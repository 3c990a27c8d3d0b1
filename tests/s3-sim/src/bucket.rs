//! A bucket: its settings, its keys in byte order with all their versions, its
//! open uploads. The rules of versioning live here and nowhere else.

use crate::iam::HOME;
use crate::object::Encryption;
use crate::population::Population;
use crate::stamp::Stamp;
use crate::upload::Upload;
use crate::version::{Chain, Properties, Stored, Version, VersionId};
use crate::walk::Walk;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

/// The versioning state of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Versioning {
    /// Never enabled: an overwrite destroys.
    Off,
    /// Every write adds a version.
    Enabled,
    /// Writes replace the `null` version and leave the others.
    Suspended,
}

/// How a locked version is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockMode {
    /// Whoever may bypass it can shorten it.
    Governance,
    /// Nobody can.
    Compliance,
}

impl LockMode {
    /// As S3 spells it.
    pub fn name(self) -> &'static str {
        match self {
            LockMode::Governance => "GOVERNANCE",
            LockMode::Compliance => "COMPLIANCE",
        }
    }
}

/// Object Lock of a bucket: each version that is written is kept for so many days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectLock {
    /// How.
    pub mode: LockMode,
    /// For how long.
    pub days: u32,
}

impl ObjectLock {
    fn time(self) -> Duration {
        Duration::from_secs(u64::from(self.days) * 86_400)
    }
}

/// What a server makes of conditions on what a write replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetConditions {
    /// As S3 does: 412, or 404 where `If-Match` meets nothing.
    Obeyed,
    /// Without a word.
    Ignored,
    /// 501 NotImplemented, work not done.
    Refused,
    /// As Ceph's gateway does in buckets with versions: 412 to each `If-Match`, also where it holds, and
    /// `If-None-Match` without a word.
    NeverMet,
}

/// Settings of a bucket.
#[derive(Clone, Debug)]
pub struct BucketOptions {
    /// Where it lives: requests signed for another region are refused.
    pub region: String,
    /// Whether the account of the callers has enabled that region: otherwise it knows no access key of theirs.
    pub region_is_enabled: bool,
    /// Its versioning state.
    pub versioning: Versioning,
    /// The account that owns it.
    pub owner: String,
    /// Whether callers of other accounts must say that they pay for a request.
    pub requester_pays: bool,
    /// What encrypts objects that name no encryption.
    pub default_encryption: Encryption,
    /// Whether objects under a KMS key share a key of the bucket.
    pub bucket_key: bool,
    /// Whether all four ways of public access are blocked, as in each bucket since April 2023. Otherwise there is no
    /// such setting.
    pub blocks_public_access: bool,
    /// The rules of the lifecycle, as XML: `<Rule>...</Rule>`. They are told and not carried out.
    pub lifecycle: Option<String>,
    /// The rules of replication, as XML: they are told and not carried out.
    pub replication: Option<String>,
    /// Object Lock, and how long it keeps what says nothing of it.
    pub lock: Option<ObjectLock>,
    /// Keys that exist without being stored.
    pub population: Option<Population>,
    /// Whether HEAD and GET tell how many tags an object has. AWS does; some other servers do not.
    pub tells_tag_counts: bool,
    /// Whether a reply to CopyObject names the version. Ceph's gateway does not.
    pub tells_copy_versions: bool,
    /// Whether a reply to CompleteMultipartUpload names the entity tag. Ceph's gateway leaves it empty in
    /// buckets with versions.
    pub tells_completed_etags: bool,
    /// Whether writes without a Content-Length are refused with 411. Ceph's gateway refuses parts so, AWS
    /// refuses nothing that has no body.
    pub wants_length: bool,
    /// What becomes of conditions on the target of CopyObject, CompleteMultipartUpload and DeleteObject.
    pub target_conditions: TargetConditions,
    /// Whether there is capacity for Expedited retrievals: without it they are answered 503
    /// GlacierExpeditedRetrievalNotAvailable.
    pub expedites: bool,
    /// What becomes of conditions of PutObject.
    pub put_conditions: TargetConditions,
}

impl Default for BucketOptions {
    fn default() -> Self {
        BucketOptions {
            region: "us-east-1".to_owned(),
            region_is_enabled: true,
            versioning: Versioning::Off,
            owner: HOME.to_owned(),
            requester_pays: false,
            default_encryption: Encryption::SseS3,
            bucket_key: true,
            blocks_public_access: true,
            lifecycle: None,
            replication: None,
            lock: None,
            population: None,
            tells_tag_counts: true,
            tells_copy_versions: true,
            tells_completed_etags: true,
            wants_length: false,
            target_conditions: TargetConditions::Obeyed,
            expedites: true,
            put_conditions: TargetConditions::Obeyed,
        }
    }
}

impl BucketOptions {
    /// The defaults with versioning on: a backup bucket.
    pub fn versioned() -> BucketOptions {
        BucketOptions {
            versioning: Versioning::Enabled,
            ..BucketOptions::default()
        }
    }
}

#[derive(Debug)]
pub(crate) struct Bucket {
    pub options: BucketOptions,
    pub uploads: BTreeMap<String, Upload>,
    /// Boxed: nodes of the map are half empty when keys come in order.
    keys: BTreeMap<Box<str>, Box<Chain>>,
    /// Keys of the population that were erased.
    gone: BTreeSet<Box<str>>,
    generated: Option<Generated>,
}

/// A population as a bucket sees it.
#[derive(Debug)]
pub(crate) struct Generated {
    pub population: Population,
    properties: Arc<Properties>,
    versioned: bool,
}

impl Generated {
    pub(crate) fn chain(&self, index: u64) -> Chain {
        self.population
            .chain(index, &self.properties, self.versioned)
    }
}

/// What a request finds under a key and an optional version id.
pub(crate) enum Found {
    Object(Version),
    Marker(Version),
    NoKey,
    NoVersion,
}

impl Bucket {
    pub(crate) fn new(options: BucketOptions) -> Bucket {
        let versioned = options.versioning == Versioning::Enabled;
        let generated = options.population.clone().map(|population| Generated {
            properties: population.properties(),
            population,
            versioned,
        });
        Bucket {
            options,
            uploads: BTreeMap::new(),
            keys: BTreeMap::new(),
            gone: BTreeSet::new(),
            generated,
        }
    }

    pub(crate) fn find(&self, key: &str, id: Option<VersionId>) -> Found {
        let Some(chain) = self.chain(key) else {
            return match id {
                Some(_) => Found::NoVersion,
                None => Found::NoKey,
            };
        };
        let version = match id {
            Some(id) => chain.iter().find(|version| version.id == id),
            None => Some(chain.newest()),
        };
        match version {
            Some(version) if version.stored.is_some() => Found::Object(version.clone()),
            Some(marker) => Found::Marker(marker.clone()),
            None => Found::NoVersion,
        }
    }

    /// The current object, unless the key is missing or deleted.
    pub(crate) fn current(&self, key: &str) -> Option<Stored> {
        self.chain(key)?.newest().stored.clone()
    }

    pub(crate) fn chain(&self, key: &str) -> Option<Cow<'_, Chain>> {
        match self.keys.get(key) {
            Some(chain) => Some(Cow::Borrowed(chain.as_ref())),
            None => self.generated_chain(key).map(Cow::Owned),
        }
    }

    fn generated_chain(&self, key: &str) -> Option<Chain> {
        let generated = self.generated.as_ref()?;
        if self.gone.contains(key) {
            return None;
        }
        let index = generated.population.index_of(key)?;
        Some(generated.chain(index))
    }

    /// Keys from there on, in byte order, with their versions.
    pub(crate) fn walk(&self, from: Bound<&str>) -> Walk<'_> {
        let stored = self.keys.range::<str, _>((from, Bound::Unbounded));
        Walk::new(stored, &self.gone, self.generated.as_ref(), from)
    }

    /// Stores a version under the id that the versioning state asks for.
    /// `id` is a fresh one. Returns the one used.
    pub(crate) fn write(
        &mut self,
        key: &str,
        id: VersionId,
        modified: Stamp,
        stored: Option<Stored>,
    ) -> VersionId {
        self.materialise(key);
        let id = match self.options.versioning {
            Versioning::Enabled => id,
            Versioning::Off | Versioning::Suspended => {
                self.erase(key, VersionId::NULL);
                VersionId::NULL
            }
        };
        let version = Version {
            id,
            modified,
            stored,
        };
        match self.keys.get_mut(key) {
            Some(chain) => chain.push(version),
            None => {
                let chain = Box::new(Chain::of(version));
                self.keys.insert(key.into(), chain);
            }
        }
        id
    }

    /// Whether Object Lock keeps a version. Markers are never locked. The default retention begins when a version is
    /// made, whatever made it.
    pub(crate) fn is_locked(&self, key: &str, id: VersionId, now: Stamp, bypasses: bool) -> bool {
        let Some(lock) = self.options.lock else {
            return false;
        };
        if bypasses && lock.mode == LockMode::Governance {
            return false;
        }
        let Found::Object(version) = self.find(key, Some(id)) else {
            return false;
        };
        now < version.modified.plus(lock.time())
    }

    /// Removes one version for good.
    pub(crate) fn erase(&mut self, key: &str, id: VersionId) -> Option<Version> {
        self.materialise(key);
        let chain = self.keys.remove(key)?;
        let (left, removed) = chain.without(id);
        match left {
            Some(left) => {
                self.keys.insert(key.into(), Box::new(left));
            }
            None => self.bury(key),
        }
        removed
    }

    /// Changes a stored version in place, as tagging and restoring do.
    pub(crate) fn edit(&mut self, key: &str, id: VersionId, change: impl FnOnce(&mut Stored)) {
        self.materialise(key);
        let version = self.keys.get_mut(key).and_then(|chain| chain.find_mut(id));
        if let Some(stored) = version.and_then(|version| version.stored.as_mut()) {
            change(stored);
        }
    }

    /// Turns a generated key into a stored one before it is changed.
    fn materialise(&mut self, key: &str) {
        if self.keys.contains_key(key) {
            return;
        }
        if let Some(chain) = self.generated_chain(key) {
            self.keys.insert(key.into(), Box::new(chain));
        }
    }

    /// Keeps the population from showing an erased key again.
    fn bury(&mut self, key: &str) {
        let population = self.generated.as_ref().map(|own| &own.population);
        if population.is_some_and(|population| population.index_of(key).is_some()) {
            self.gone.insert(key.into());
        }
    }
}
