//! The settings of a bucket that a backup in it depends on: five calls, sent at once. None is needed to copy, so
//! that a right that is missing is no error.

use aws_sdk_s3::types::{
    DefaultRetention as SdkRetention, ExpirationStatus, LifecycleRule as SdkRule,
    NoncurrentVersionExpiration, PublicAccessBlockConfiguration, ReplicationConfiguration,
    ReplicationRuleStatus, ServerSideEncryptionRule, TransitionStorageClass,
};
use tokio::join;

use super::bucket::{Bucket, Versioning};
use super::error::{Cause, Operation, S3Error};
use crate::model::{BucketSettings, DefaultEncryption, DefaultRetention, LifecycleRule, Setting};

/// Days of a year of a retention, as S3 counts them.
const DAYS_OF_A_YEAR: i32 = 365;

impl Bucket {
    /// Its settings, as far as S3 tells them. Whether it keeps versions is known before.
    pub async fn settings(&self, versioning: Setting<bool>) -> BucketSettings {
        let (encryption, lifecycle, lock, public_access_blocked, replicates_to) = join!(
            self.default_encryption(),
            self.lifecycle(),
            self.default_retention(),
            self.public_access_blocked(),
            self.replicates_to(),
        );
        BucketSettings {
            versioning,
            encryption: setting(encryption),
            lifecycle: setting(lifecycle),
            lock: setting(lock),
            public_access_blocked: setting(public_access_blocked),
            replicates_to: setting(replicates_to),
        }
    }

    /// Whether it keeps versions, as a setting among the others.
    pub async fn versioning_setting(&self) -> Setting<bool> {
        let told = self.versioning().await;
        setting(told.map(|state| Some(state == Versioning::Enabled)))
    }

    async fn default_encryption(&self) -> Result<Option<DefaultEncryption>, S3Error> {
        let call = self.clients.repeatable.get_bucket_encryption();
        let call = call
            .bucket(self.name.as_str())
            .set_expected_bucket_owner(self.expected_owner());
        let reply = self
            .send(Operation::GetBucketEncryption, call.send())
            .await?;
        let configuration = reply.server_side_encryption_configuration();
        let rule = configuration.and_then(|configuration| configuration.rules().first());
        Ok(rule.and_then(encryption_of))
    }

    /// The rules of its lifecycle that are enabled.
    pub async fn lifecycle_rules(&self) -> Setting<Vec<LifecycleRule>> {
        setting(self.lifecycle().await)
    }

    async fn lifecycle(&self) -> Result<Option<Vec<LifecycleRule>>, S3Error> {
        let call = self.clients.repeatable.get_bucket_lifecycle_configuration();
        let call = call
            .bucket(self.name.as_str())
            .set_expected_bucket_owner(self.expected_owner());
        let reply = self
            .send(Operation::GetBucketLifecycleConfiguration, call.send())
            .await?;
        let enabled = reply.rules().iter();
        let enabled = enabled.filter(|rule| *rule.status() == ExpirationStatus::Enabled);
        Ok(Some(enabled.map(rule_of).collect()))
    }

    async fn default_retention(&self) -> Result<Option<DefaultRetention>, S3Error> {
        let call = self.clients.repeatable.get_object_lock_configuration();
        let call = call
            .bucket(self.name.as_str())
            .set_expected_bucket_owner(self.expected_owner());
        let reply = self
            .send(Operation::GetObjectLockConfiguration, call.send())
            .await?;
        let lock = reply.object_lock_configuration();
        Ok(lock
            .filter(|lock| lock.object_lock_enabled().is_some())
            .map(|lock| {
                let rule = lock.rule();
                retention_of(rule.and_then(|rule| rule.default_retention()))
            }))
    }

    async fn public_access_blocked(&self) -> Result<Option<bool>, S3Error> {
        let call = self.clients.repeatable.get_public_access_block();
        let call = call
            .bucket(self.name.as_str())
            .set_expected_bucket_owner(self.expected_owner());
        let reply = self
            .send(Operation::GetPublicAccessBlock, call.send())
            .await?;
        Ok(reply.public_access_block_configuration().map(is_whole))
    }

    async fn replicates_to(&self) -> Result<Option<Vec<String>>, S3Error> {
        let call = self.clients.repeatable.get_bucket_replication();
        let call = call
            .bucket(self.name.as_str())
            .set_expected_bucket_owner(self.expected_owner());
        let reply = self
            .send(Operation::GetBucketReplication, call.send())
            .await?;
        let rules = reply
            .replication_configuration()
            .map(ReplicationConfiguration::rules);
        let enabled = rules.unwrap_or_default().iter();
        let enabled = enabled.filter(|rule| *rule.status() == ReplicationRuleStatus::Enabled);
        let buckets = enabled.filter_map(|rule| {
            let arn = rule.destination()?.bucket();
            Some(arn.rsplit(':').next()?.to_owned())
        });
        Ok(Some(buckets.collect()))
    }
}

fn setting<T>(told: Result<Option<T>, S3Error>) -> Setting<T> {
    match told {
        Ok(Some(value)) => Setting::Set(value),
        Ok(None) => Setting::Unset,
        Err(error) if is_absent(&error) => Setting::Unset,
        Err(error) if error.cause == Cause::NotSupported => Setting::Unsupported,
        Err(error) => Setting::Unknown(format!("{error}; {}", error.advice())),
    }
}

/// Whether S3 has said that there is no such setting.
fn is_absent(error: &S3Error) -> bool {
    matches!(
        error.reply.code.as_deref(),
        Some(
            "ServerSideEncryptionConfigurationNotFoundError"
                | "NoSuchLifecycleConfiguration"
                | "ObjectLockConfigurationNotFoundError"
                | "NoSuchPublicAccessBlockConfiguration"
                | "ReplicationConfigurationNotFoundError"
        )
    )
}

fn encryption_of(rule: &ServerSideEncryptionRule) -> Option<DefaultEncryption> {
    let default = rule.apply_server_side_encryption_by_default()?;
    Some(DefaultEncryption {
        algorithm: default.sse_algorithm().as_str().to_owned(),
        kms_key: default.kms_master_key_id().map(str::to_owned),
        bucket_key: rule.bucket_key_enabled() == Some(true),
    })
}

fn rule_of(rule: &SdkRule) -> LifecycleRule {
    let filter = rule.filter();
    let all = filter.and_then(|filter| filter.and());
    #[expect(
        deprecated,
        reason = "rules that were written before there were filters"
    )]
    let prefix = rule.prefix();
    let prefix = prefix
        .or_else(|| filter.and_then(|filter| filter.prefix()))
        .or_else(|| all.and_then(|all| all.prefix()));
    let expiration = rule.expiration();
    let archive = rule
        .transitions()
        .iter()
        .filter_map(|transition| transition.storage_class())
        .find(|class| {
            matches!(
                class,
                TransitionStorageClass::Glacier | TransitionStorageClass::DeepArchive
            )
        });
    let noncurrent = rule.noncurrent_version_expiration();
    LifecycleRule {
        id: rule.id().unwrap_or_default().to_owned(),
        prefix: prefix.unwrap_or_default().to_owned(),
        tags: filter
            .and_then(|filter| filter.tag())
            .into_iter()
            .chain(all.map_or(&[][..], |all| all.tags()))
            .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
            .collect(),
        expires_current: expiration
            .is_some_and(|expires| expires.days().is_some() || expires.date().is_some()),
        archives_current: archive.map(|class| class.as_str().to_owned()),
        noncurrent_days: noncurrent
            .and_then(NoncurrentVersionExpiration::noncurrent_days)
            .and_then(|days| u32::try_from(days).ok()),
    }
}

fn retention_of(default: Option<&SdkRetention>) -> DefaultRetention {
    let days = default.map_or(0, |default| {
        let years = default.years().unwrap_or(0);
        default
            .days()
            .unwrap_or_else(|| years.saturating_mul(DAYS_OF_A_YEAR))
    });
    DefaultRetention {
        mode: default
            .and_then(|default| default.mode())
            .map(|mode| mode.as_str().to_owned()),
        days: u32::try_from(days).unwrap_or(0),
    }
}

fn is_whole(block: &PublicAccessBlockConfiguration) -> bool {
    let ways = [
        block.block_public_acls(),
        block.ignore_public_acls(),
        block.block_public_policy(),
        block.restrict_public_buckets(),
    ];
    ways.iter().all(|way| *way == Some(true))
}
