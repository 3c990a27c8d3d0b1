//! What a test does to the simulator without HTTP: set the stage, look behind
//! it, break things. All of it synchronous, none of it in the ledger.

use crate::account::Account;
use crate::bucket::{Bucket, BucketOptions, Found, Versioning};
use crate::clock::Clock;
use crate::compare::Difference;
use crate::content::Content;
use crate::digest;
use crate::faults::{Effect, Fault, Strikes};
use crate::ledger::Ledger;
use crate::object::{ChecksumKind, ObjectView, Put, PutChecksum, UploadView};
use crate::policy::{Grant, KeyState};
use crate::stamp::Stamp;
use crate::store::{self, Store};
use crate::version::{Checksum, ETag, Properties, Restore, Stored, VersionId};
use serde_json::Value;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long an object put as restored stays readable.
const RESTORED_FOR: Duration = Duration::from_secs(10 * 86_400);

/// The way into a simulator around the wire. [`crate::Sim`] derefs to it, and
/// hooks of faults get one. Clones lead to the same simulator.
///
/// Methods panic if the bucket they name does not exist: that is a mistake of
/// the test.
#[derive(Clone, Debug)]
pub struct Backdoor {
    account: Arc<Account>,
}

impl Backdoor {
    pub(crate) fn to(account: &Arc<Account>) -> Backdoor {
        Backdoor {
            account: Arc::clone(account),
        }
    }

    /// Refuses requests from now on whose date is a quarter of an hour or more away from the clock's.
    pub fn check_clocks(&self) {
        self.account.checks_clocks.store(true, Ordering::Relaxed);
    }

    /// Makes an unversioned bucket in us-east-1.
    pub fn create_bucket(&self, bucket: &str) {
        self.create_bucket_with(bucket, BucketOptions::default());
    }

    /// Makes a bucket, in place of one of that name.
    pub fn create_bucket_with(&self, bucket: &str, options: BucketOptions) {
        self.account.store().add(bucket, Bucket::new(options));
    }

    /// Removes a bucket with all that is in it.
    pub fn delete_bucket(&self, bucket: &str) {
        self.account.store().remove(bucket);
    }

    /// Changes the versioning state.
    pub fn set_versioning(&self, bucket: &str, versioning: Versioning) {
        self.change(bucket, |bucket| bucket.options.versioning = versioning);
    }

    /// Changes any option but the population.
    pub fn change_options(&self, bucket: &str, change: impl FnOnce(&mut BucketOptions)) {
        self.change(bucket, |bucket| change(&mut bucket.options));
    }

    /// Stores a plain object. Returns its version id, `null` if it has none.
    pub fn put(&self, bucket: &str, key: &str, body: impl Into<Content>) -> String {
        self.put_object(bucket, key, Put::new(body))
    }

    /// Stores an object. Returns its version id, `null` if it has none.
    pub fn put_object(&self, bucket: &str, key: &str, put: Put) -> String {
        let now = self.account.now();
        let mut store = self.account.store();
        let modified = put.modified.map_or(now, Stamp::from);
        let stored = stored(&mut store, bucket, put, now);
        let id = store.fresh_version();
        let bucket = existing(&mut store, bucket);
        bucket.write(key, id, modified, Some(stored)).to_string()
    }

    /// Deletes as a request would: with a marker if the bucket has versions.
    pub fn delete(&self, bucket: &str, key: &str) {
        let now = self.account.now();
        let mut store = self.account.store();
        let id = store.fresh_version();
        let bucket = existing(&mut store, bucket);
        match bucket.options.versioning {
            Versioning::Off => {
                bucket.erase(key, VersionId::NULL);
            }
            Versioning::Enabled | Versioning::Suspended => {
                bucket.write(key, id, now, None);
            }
        }
    }

    /// Erases one version for good; says whether it was there.
    pub fn delete_version(&self, bucket: &str, key: &str, version_id: &str) -> bool {
        let id = VersionId::parse(version_id);
        self.change(bucket, |bucket| {
            id.is_some_and(|id| bucket.erase(key, id).is_some())
        })
    }

    /// Replaces the tags of the current version, which moves no date.
    pub fn set_tags(&self, bucket: &str, key: &str, tags: &[(&str, &str)]) {
        let pairs = tags.iter();
        let tags = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let tags = store::kept(tags.collect());
        self.change(bucket, |bucket| {
            if let Found::Object(version) = bucket.find(key, None) {
                bucket.edit(key, version.id, |stored| stored.tags = tags);
            }
        });
    }

    /// Moves the current object to another class in place, as a lifecycle does.
    pub fn set_storage_class(&self, bucket: &str, key: &str, class: &str) {
        self.change(bucket, |bucket| {
            if let Found::Object(version) = bucket.find(key, None) {
                bucket.edit(key, version.id, |stored| {
                    let properties = std::sync::Arc::make_mut(&mut stored.properties);
                    class.clone_into(&mut properties.storage_class);
                });
            }
        });
    }

    /// The current object; none if the key is missing or deleted.
    pub fn current(&self, bucket: &str, key: &str) -> Option<ObjectView> {
        self.look(bucket, |bucket| match bucket.find(key, None) {
            Found::Object(version) => Some(version.view(key, true)),
            Found::Marker(_) | Found::NoKey | Found::NoVersion => None,
        })
    }

    /// All versions and delete markers of a key, newest first.
    pub fn versions(&self, bucket: &str, key: &str) -> Vec<ObjectView> {
        self.look(bucket, |bucket| {
            let chain = bucket.chain(key);
            let chain = chain.as_deref().into_iter();
            let versions = chain.flat_map(|chain| chain.iter().enumerate());
            versions
                .map(|(place, version)| version.view(key, place == 0))
                .collect()
        })
    }

    /// All versions and delete markers of all keys, as ListObjectVersions has them.
    pub fn all_versions(&self, bucket: &str) -> Vec<ObjectView> {
        self.look(bucket, |bucket| {
            let mut all = Vec::new();
            for (key, chain) in bucket.walk(Bound::Unbounded) {
                let versions = chain.iter().enumerate();
                all.extend(versions.map(|(place, version)| version.view(&key, place == 0)));
            }
            all
        })
    }

    /// All current objects, keys ascending.
    pub fn objects(&self, bucket: &str) -> Vec<ObjectView> {
        let mut all = self.all_versions(bucket);
        all.retain(|version| version.is_latest && !version.is_delete_marker);
        all
    }

    /// The keys of all current objects, ascending.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.look(bucket, |bucket| {
            let walk = bucket.walk(Bound::Unbounded);
            walk.filter(|(_, chain)| chain.newest().stored.is_some())
                .map(|(key, _)| key.into_owned())
                .collect()
        })
    }

    /// How the current objects of a bucket differ from those of its copy.
    pub fn compare(&self, bucket: &str, copy: &str) -> Difference {
        let store = self.account.store();
        Difference::between(known(&store, bucket), known(&store, copy))
    }

    /// Open multi-part uploads.
    pub fn uploads(&self, bucket: &str) -> Vec<UploadView> {
        self.look(bucket, |bucket| {
            let uploads = bucket.uploads.iter();
            uploads.map(|(id, upload)| upload.view(id)).collect()
        })
    }

    /// Takes the last byte of a part of an open upload away, and leaves its ETag.
    pub fn cut_part(&self, bucket: &str, key: &str, number: u32) {
        self.change(bucket, |bucket| {
            let uploads = bucket.uploads.values_mut();
            for upload in uploads.filter(|upload| upload.key == key) {
                if let Some(part) = upload.parts.get_mut(&number) {
                    part.content = part.content.slice(0, part.content.len() - 1);
                }
            }
        });
    }

    /// The clock that stamps objects.
    pub fn clock(&self) -> Clock {
        self.account.clock.clone()
    }

    /// Every call that was made.
    pub fn ledger(&self) -> Ledger {
        self.account.ledger.clone()
    }

    /// Makes something go wrong from now on. Tells how often it did.
    pub fn fault(&self, fault: Fault, effect: Effect) -> Strikes {
        self.account.faults.add(fault, effect)
    }

    /// Makes everything work again.
    pub fn clear_faults(&self) {
        self.account.faults.clear();
    }

    /// Refuses an IAM action to everyone: `"s3:GetObjectTagging"`, or
    /// `Grant::on("s3:PutObject", "backup")`.
    pub fn deny(&self, action: impl Into<Grant>) {
        self.account.policy().deny(action.into());
    }

    /// Refuses an IAM action to everyone on the keys of a bucket that begin so.
    pub fn deny_below(&self, action: &str, bucket: &str, prefix: &str) {
        self.account.policy().deny_below(action, bucket, prefix);
    }

    /// Makes a KMS key unusable to everybody, or usable again.
    pub fn set_key(&self, arn: &str, state: Option<KeyState>) {
        self.account.policy().set_key(arn, state);
    }

    /// Refuses an access key everything but these actions.
    pub fn allow_only(&self, access_key: &str, grants: impl IntoIterator<Item = Grant>) {
        let grants = grants.into_iter().collect();
        self.account.policy().allow_only(access_key, grants);
    }

    /// Makes an access key that of a role, with the policy that it has. What is not allowed to it is refused.
    pub fn set_role(&self, access_key: &str, arn: &str, policy: Value) {
        self.account.iam().set_role(access_key, arn, policy);
    }

    /// Gives a bucket its policy.
    pub fn set_bucket_policy(&self, bucket: &str, policy: Value) {
        self.account.iam().set_bucket_policy(bucket, policy);
    }

    /// Gives a KMS key its policy. Without one, the account of the key decides who uses it.
    pub fn set_key_policy(&self, arn: &str, policy: Value) {
        self.account.iam().set_key_policy(arn, policy);
    }

    /// Allows everything to everyone again.
    pub fn allow_all(&self) {
        self.account.policy().clear();
    }

    fn change<T>(&self, name: &str, change: impl FnOnce(&mut Bucket) -> T) -> T {
        change(existing(&mut self.account.store(), name))
    }

    fn look<T>(&self, name: &str, look: impl FnOnce(&Bucket) -> T) -> T {
        look(known(&self.account.store(), name))
    }
}

fn known<'a>(store: &'a Store, name: &str) -> &'a Bucket {
    match store.get(name) {
        Some(bucket) => bucket,
        None => panic!("there is no bucket {name}"),
    }
}

fn existing<'a>(store: &'a mut Store, name: &str) -> &'a mut Bucket {
    match store.bucket_mut(name) {
        Ok(bucket) => bucket,
        Err(_) => panic!("there is no bucket {name}"),
    }
}

/// The object a `Put` describes, as if it had come by request.
fn stored(store: &mut Store, bucket: &str, put: Put, now: Stamp) -> Stored {
    let default = existing(store, bucket).options.default_encryption.clone();
    let properties = Properties {
        headers: put.headers,
        metadata: put.metadata,
        storage_class: put.storage_class,
        encryption: put.encryption.unwrap_or(default),
    };
    let etag_is_md5 = properties.encryption.etag_is_md5();
    let mut stored = store.whole(put.body, Arc::new(properties));
    if let Some(parts) = &put.parts {
        let total: u64 = parts.iter().sum();
        assert_eq!(total, stored.size(), "part sizes must add up to the size");
        if etag_is_md5 {
            let parts = stored.content.cut(parts);
            let sums = parts.iter().map(digest::md5);
            stored.etag.digest = digest::md5_of_md5s(sums);
        }
        stored.etag = ETag {
            digest: stored.etag.digest,
            parts: parts.len() as u32,
        };
    }
    stored.parts = put.parts.map(Arc::new);
    stored.tags = store::kept(put.tags);
    stored.tier = put.tier;
    stored.restore = put.restored.then(|| {
        Box::new(Restore {
            ready: now,
            expires: Some(now.plus(RESTORED_FOR)),
            takes: Duration::ZERO,
        })
    });
    stored.checksum = match put.checksum {
        PutChecksum::None => None,
        PutChecksum::Of(algorithm, kind) => Some(Checksum {
            kind,
            ..Checksum::full(algorithm)
        }),
        PutChecksum::Declared(algorithm, value) => Some(Checksum {
            algorithm,
            kind: ChecksumKind::FullObject,
            declared: Some(Box::new(value)),
        }),
    };
    stored
}
