//! Mistakes in the settings of a backup bucket that a run can write to: settings in, checks with their cures out.
//!
//! A run warns of what it finds, and `s3-backup doctor` prints all of it.

mod lifecycle;

use std::num::NonZeroU32;

use serde::Serialize;

pub use lifecycle::old_state_stays;

use crate::model::{BucketName, BucketSettings, DefaultEncryption, DefaultRetention, Setting};

/// What a check has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// It is as it should be.
    Ok,
    /// Somebody should look at it.
    Warning,
    /// Nobody may look at it, or S3 does not tell.
    Unknown,
}

/// A check of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BucketCheck {
    /// The setting that was looked at.
    pub setting: &'static str,
    /// What it has found.
    pub result: CheckResult,
    /// The word that scripts know a warning by. Words are added, never renamed.
    pub code: Option<&'static str>,
    /// What was seen.
    pub message: String,
    /// What to do about it; none if it is as it should be.
    pub cure: Option<String>,
}

impl BucketCheck {
    fn ok(setting: &'static str, message: impl Into<String>) -> Self {
        Self {
            setting,
            result: CheckResult::Ok,
            code: None,
            message: message.into(),
            cure: None,
        }
    }

    fn warning(
        setting: &'static str,
        code: &'static str,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self {
            setting,
            result: CheckResult::Warning,
            code: Some(code),
            message: message.into(),
            cure: Some(cure.into()),
        }
    }
}

/// The settings of a backup bucket, looked at one by one. Backups lie below `prefix` in it, and come from `source`.
pub fn examine(settings: &BucketSettings, source: &BucketName, prefix: &str) -> Vec<BucketCheck> {
    let mut checks = vec![
        of(&settings.versioning, "versioning", versioning),
        of(&settings.encryption, "encryption", encryption),
        of(&settings.public_access_blocked, "public access", public),
    ];
    let rules = match &settings.lifecycle {
        Setting::Set(rules) => rules.as_slice(),
        Setting::Unset | Setting::Unsupported | Setting::Unknown(_) => &[],
    };
    match unseen(&settings.lifecycle, "lifecycle") {
        Some(check) => checks.push(check),
        None => checks.extend(lifecycle::examine(rules, prefix)),
    }
    let expiry = lifecycle::soonest_expiry(rules, prefix);
    checks.push(of(&settings.lock, "object lock", |lock| {
        lock_of(lock, expiry)
    }));
    checks.push(of(&settings.replicates_to, "replication", |buckets| {
        replication(buckets, source)
    }));
    checks
}

/// What becomes of the state below there that no run of so many days names any more.
pub fn examine_old_state(
    settings: &BucketSettings,
    below: &str,
    history_days: Option<NonZeroU32>,
) -> BucketCheck {
    let rules = match &settings.lifecycle {
        Setting::Set(rules) => rules.as_slice(),
        Setting::Unset | Setting::Unsupported | Setting::Unknown(_) => &[],
    };
    let unseen = unseen(&settings.lifecycle, "old state");
    unseen.unwrap_or_else(|| lifecycle::examine_old_state(rules, below, history_days))
}

/// A check of one setting, if it can be seen.
fn of<T>(
    setting: &Setting<T>,
    name: &'static str,
    check: impl FnOnce(Option<&T>) -> BucketCheck,
) -> BucketCheck {
    unseen(setting, name).unwrap_or_else(|| match setting {
        Setting::Set(value) => check(Some(value)),
        Setting::Unset | Setting::Unsupported | Setting::Unknown(_) => check(None),
    })
}

/// The check of a setting that cannot be seen; none if it can.
fn unseen<T>(setting: &Setting<T>, name: &'static str) -> Option<BucketCheck> {
    match setting {
        Setting::Set(_) | Setting::Unset => None,
        Setting::Unsupported => Some(BucketCheck::ok(name, "the server has no such setting")),
        Setting::Unknown(problem) => Some(BucketCheck {
            setting: name,
            result: CheckResult::Unknown,
            code: None,
            message: "left out: S3 does not tell".to_owned(),
            cure: Some(problem.clone()),
        }),
    }
}

fn versioning(enabled: Option<&bool>) -> BucketCheck {
    match enabled {
        Some(true) => BucketCheck::ok("versioning", "enabled"),
        Some(false) | None => BucketCheck::warning(
            "versioning",
            "not_versioned",
            "not enabled, so a copy would destroy what it replaces",
            "enable versioning with s3api put-bucket-versioning",
        ),
    }
}

fn encryption(default: Option<&DefaultEncryption>) -> BucketCheck {
    let Some(DefaultEncryption {
        algorithm,
        kms_key,
        bucket_key,
    }) = default
    else {
        return BucketCheck::warning(
            "encryption",
            "not_encrypted",
            "the bucket has no default encryption",
            "set one with s3api put-bucket-encryption, or name a key in BACKUP_KMS_KEY_ID",
        );
    };
    if algorithm == "aws:kms" && !bucket_key {
        return BucketCheck::warning(
            "encryption",
            "bucket_key_off",
            "aws:kms without a bucket key: each copy is a request to KMS, which costs as much as half a copy",
            "set BucketKeyEnabled to true with s3api put-bucket-encryption; what was copied stays as it is",
        );
    }
    let under = kms_key.as_ref().map(|key| format!(" under {key}"));
    BucketCheck::ok("encryption", algorithm.clone() + &under.unwrap_or_default())
}

fn public(blocked: Option<&bool>) -> BucketCheck {
    match blocked {
        Some(true) => BucketCheck::ok("public access", "blocked in all four ways"),
        Some(false) | None => BucketCheck::warning(
            "public access",
            "public_access",
            "not blocked in all four ways, so an ACL or a policy can make backups public",
            "block it with s3api put-public-access-block, all four settings true",
        ),
    }
}

/// Without a lock all is well too: it is a choice.
fn lock_of(lock: Option<&DefaultRetention>, expiry: Option<u32>) -> BucketCheck {
    let setting = "object lock";
    let Some(DefaultRetention { mode, days }) = lock else {
        return BucketCheck::ok(
            setting,
            "off: who may delete versions can delete backups at once",
        );
    };
    let Some(mode) = mode else {
        return BucketCheck::ok(setting, "on, without a default: copies are not locked");
    };
    let mode = mode.to_lowercase();
    match expiry.filter(|expiry| expiry < days) {
        None => BucketCheck::ok(setting, format!("{mode}, {days} days")),
        Some(expiry) => BucketCheck::warning(
            setting,
            "lock_outlives_expiry",
            format!(
                "{mode}, {days} days, but a lifecycle rule expires replaced versions after {expiry} days: \
                 S3 keeps and bills them until the lock ends"
            ),
            format!("let replaced versions expire after {days} days or more"),
        ),
    }
}

fn replication(buckets: Option<&Vec<String>>, source: &BucketName) -> BucketCheck {
    let setting = "replication";
    match buckets {
        None => BucketCheck::ok(setting, "off"),
        Some(buckets) if buckets.iter().any(|bucket| bucket == source.as_str()) => {
            BucketCheck::warning(
                setting,
                "replicates_to_source",
                format!("a rule replicates the backups into {source}, which is backed up"),
                format!("remove the rule to {source} with s3api put-bucket-replication"),
            )
        }
        Some(buckets) if buckets.is_empty() => BucketCheck::ok(setting, "off"),
        Some(buckets) => BucketCheck::ok(setting, format!("to {}", buckets.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LifecycleRule, UNNAMED_TAG};

    fn settings() -> BucketSettings {
        BucketSettings {
            versioning: Setting::Set(true),
            encryption: Setting::Set(DefaultEncryption {
                algorithm: "AES256".to_owned(),
                kms_key: None,
                bucket_key: false,
            }),
            lifecycle: Setting::Unset,
            lock: Setting::Unset,
            public_access_blocked: Setting::Set(true),
            replicates_to: Setting::Unset,
        }
    }

    fn codes(settings: &BucketSettings) -> Vec<&'static str> {
        let source = BucketName::new("primary").unwrap();
        let checks = examine(settings, &source, "");
        checks.iter().filter_map(|check| check.code).collect()
    }

    fn with_rule(rule: LifecycleRule) -> BucketSettings {
        BucketSettings {
            lifecycle: Setting::Set(vec![rule]),
            ..settings()
        }
    }

    #[test]
    fn a_bucket_as_s3_makes_it_is_as_it_should_be() {
        assert!(codes(&settings()).is_empty());
    }

    #[test]
    fn each_setting_has_its_word() {
        let kms = |bucket_key| DefaultEncryption {
            algorithm: "aws:kms".to_owned(),
            kms_key: None,
            bucket_key,
        };
        let cases = [
            (
                BucketSettings {
                    versioning: Setting::Unset,
                    ..settings()
                },
                "not_versioned",
            ),
            (
                BucketSettings {
                    encryption: Setting::Unset,
                    ..settings()
                },
                "not_encrypted",
            ),
            (
                BucketSettings {
                    encryption: Setting::Set(kms(false)),
                    ..settings()
                },
                "bucket_key_off",
            ),
            (
                BucketSettings {
                    public_access_blocked: Setting::Unset,
                    ..settings()
                },
                "public_access",
            ),
            (
                BucketSettings {
                    replicates_to: Setting::Set(vec!["primary".to_owned()]),
                    ..settings()
                },
                "replicates_to_source",
            ),
        ];

        for (settings, code) in cases {
            assert_eq!(codes(&settings), [code]);
        }
    }

    #[test]
    fn a_rule_that_expires_or_archives_what_is_current_is_told_by_what_it_hits() {
        let expires = |prefix: &str| LifecycleRule {
            prefix: prefix.to_owned(),
            expires_current: true,
            ..LifecycleRule::default()
        };
        let archives = |prefix: &str| LifecycleRule {
            prefix: prefix.to_owned(),
            archives_current: Some("GLACIER".to_owned()),
            ..LifecycleRule::default()
        };

        assert_eq!(
            codes(&with_rule(expires(""))),
            ["lifecycle_expires_backups", "lifecycle_expires_state"]
        );
        assert_eq!(
            codes(&with_rule(expires("data/"))),
            ["lifecycle_expires_backups"]
        );
        assert_eq!(
            codes(&with_rule(expires(".s3-backup/x/"))),
            ["lifecycle_expires_state"]
        );
        assert_eq!(
            codes(&with_rule(archives(""))),
            ["lifecycle_archives_state"]
        );
        assert!(codes(&with_rule(archives("data/"))).is_empty());
        let tagged = LifecycleRule {
            tags: vec![("team".to_owned(), "birds".to_owned())],
            ..archives("")
        };
        assert!(codes(&with_rule(tagged)).is_empty());
    }

    #[test]
    fn the_rule_for_old_state_is_as_it_should_be_and_no_wider_one_is() {
        let (name, value) = UNNAMED_TAG;
        let rule = |prefix: &str, tag: &str, value: &str| LifecycleRule {
            id: "old".to_owned(),
            prefix: prefix.to_owned(),
            tags: vec![(tag.to_owned(), value.to_owned())],
            expires_current: true,
            noncurrent_days: Some(30),
            ..LifecycleRule::default()
        };
        let days = NonZeroU32::new(365);
        let old_state = |rule: LifecycleRule| {
            let check = examine_old_state(&with_rule(rule), ".s3-backup/job/", days);
            check.message
        };
        let ours = rule(".s3-backup/", name, value);

        assert!(codes(&with_rule(ours.clone())).is_empty());
        assert_eq!(
            codes(&with_rule(rule("", name, value))),
            ["lifecycle_expires_backups"]
        );
        assert_eq!(
            old_state(ours.clone()),
            "expires by rule old once no run of 365 days names it"
        );
        assert!(old_state(rule(".s3-backup/job/", name, value)).starts_with("expires by"));
        let two_tags = LifecycleRule {
            tags: [ours.tags.clone(), vec![("a".to_owned(), "b".to_owned())]].concat(),
            ..ours.clone()
        };
        let keeps_current = LifecycleRule {
            expires_current: false,
            ..ours.clone()
        };
        for other in [
            rule("", name, value),
            rule(".s3-backup/other/", name, value),
            rule(".s3-backup/", name, "false"),
            rule(".s3-backup/", "team", value),
            two_tags,
            keeps_current,
        ] {
            assert!(
                old_state(other.clone()).starts_with("stays for ever"),
                "{other:?}"
            );
        }
        let check = examine_old_state(&with_rule(ours.clone()), ".s3-backup/job/", None);
        assert!(
            check
                .message
                .starts_with("stays, because BACKUP_HISTORY_DAYS is 0")
        );
        let locked = BucketSettings {
            lock: Setting::Set(DefaultRetention {
                mode: Some("GOVERNANCE".to_owned()),
                days: 90,
            }),
            ..with_rule(ours)
        };
        assert!(
            codes(&locked).is_empty(),
            "its days are those of old state alone"
        );
    }

    #[test]
    fn a_lock_that_outlives_the_expiry_is_told() {
        let locked = |days| BucketSettings {
            lock: Setting::Set(DefaultRetention {
                mode: Some("GOVERNANCE".to_owned()),
                days,
            }),
            ..with_rule(LifecycleRule {
                noncurrent_days: Some(30),
                ..LifecycleRule::default()
            })
        };

        assert!(codes(&locked(30)).is_empty());
        assert_eq!(codes(&locked(31)), ["lock_outlives_expiry"]);
    }

    #[test]
    fn what_nobody_may_see_is_no_warning() {
        let blind = BucketSettings {
            lifecycle: Setting::Unknown("denied".to_owned()),
            public_access_blocked: Setting::Unsupported,
            ..settings()
        };

        assert!(codes(&blind).is_empty());
    }
}
