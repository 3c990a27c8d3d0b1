//! A lifecycle that would take away what it should keep: current backups, or the program's own objects.

use std::num::NonZeroU32;

use super::BucketCheck;
use crate::model::{LifecycleRule, STATE, Timestamp, UNNAMED_TAG};

const SETTING: &str = "lifecycle";
const OLD_STATE: &str = "old state";

/// What the rules would do to backups below `prefix`, and to the program's own objects.
pub(super) fn examine(rules: &[LifecycleRule], prefix: &str) -> Vec<BucketCheck> {
    // Rules below the state alone hit no backup, and nothing but the state has no prefix of its own.
    let is_state_only = |rule: &LifecycleRule| rule.prefix.starts_with(STATE);
    let expires_backups = rules
        .iter()
        .find(|rule| rule.expires_current && rule.touches(prefix) && !is_state_only(rule));
    let of_state = || {
        let rules = rules.iter();
        rules.filter(|rule| rule.touches(STATE) && rule.tags.is_empty())
    };
    let expires_state = of_state().find(|rule| rule.expires_current);
    let archives_state = of_state().find(|rule| rule.archives_current.is_some());
    let mut checks = Vec::new();
    if let Some(rule) = expires_backups {
        checks.push(BucketCheck::warning(
            SETTING,
            "lifecycle_expires_backups",
            format!(
                "{} expires current versions, the only backup of objects that do not change",
                named(rule)
            ),
            "let the rule expire noncurrent versions (NoncurrentVersionExpiration) in place of current ones",
        ));
    }
    if let Some(rule) = expires_state {
        checks.push(BucketCheck::warning(
            SETTING,
            "lifecycle_expires_state",
            format!(
                "{} expires objects below {STATE}, with which runs and restores are proved",
                named(rule)
            ),
            format!("give the rule a prefix or a tag, so that nothing below {STATE} expires by it"),
        ));
    }
    if let Some(rule) = archives_state {
        let class = rule.archives_current.as_deref().unwrap_or_default();
        checks.push(BucketCheck::warning(
            SETTING,
            "lifecycle_archives_state",
            format!(
                "{} moves objects below {STATE} to {class}, which no run and no restore can read at once",
                named(rule)
            ),
            format!(
                "give the rule a prefix or a tag, so that nothing below {STATE} is moved by it, or let it \
                 move to GLACIER_IR"
            ),
        ));
    }
    if checks.is_empty() {
        checks.push(BucketCheck::ok(SETTING, summary(rules, prefix)));
    }
    checks
}

/// What becomes of state that no run of so many days names any more.
pub(super) fn examine_old_state(
    rules: &[LifecycleRule],
    below: &str,
    history_days: Option<NonZeroU32>,
) -> BucketCheck {
    let Some(days) = history_days else {
        return BucketCheck::ok(
            OLD_STATE,
            "stays, because BACKUP_HISTORY_DAYS is 0 and all runs are kept",
        );
    };
    match rules.iter().find(|rule| rule.expires_unnamed(below)) {
        Some(rule) => BucketCheck::ok(
            OLD_STATE,
            format!(
                "expires by {} once no run of {days} days names it",
                named(rule)
            ),
        ),
        // A run warns of it as soon as there is any.
        None => BucketCheck::ok(
            OLD_STATE,
            "stays for ever, because no rule expires it; lifecycle-policy.json has one",
        ),
    }
}

/// No rule expires old state, of which the oldest is of that time.
pub fn old_state_stays(oldest: Timestamp) -> BucketCheck {
    let (name, value) = UNNAMED_TAG;
    BucketCheck::warning(
        OLD_STATE,
        "old_state_stays",
        format!(
            "no rule expires objects below {STATE} that no run names any more, so they stay; the oldest run is of {oldest}"
        ),
        format!(
            "add the rule of lifecycle-policy.json for objects below {STATE} with the tag {name}={value}, or set \
             BACKUP_HISTORY_DAYS to 0 to keep all runs"
        ),
    )
}

/// Days after which the first rule deletes replaced versions of backups.
pub(super) fn soonest_expiry(rules: &[LifecycleRule], prefix: &str) -> Option<u32> {
    let of_backups = rules
        .iter()
        .filter(|rule| rule.touches(prefix) && !rule.prefix.starts_with(STATE));
    of_backups.filter_map(|rule| rule.noncurrent_days).min()
}

fn summary(rules: &[LifecycleRule], prefix: &str) -> String {
    match soonest_expiry(rules, prefix) {
        Some(days) => format!("current versions stay, replaced ones expire after {days} days"),
        None => "current versions stay, and replaced ones are kept for ever".to_owned(),
    }
}

fn named(rule: &LifecycleRule) -> String {
    if rule.id.is_empty() {
        "a rule without a name".to_owned()
    } else {
        format!("rule {}", rule.id)
    }
}
