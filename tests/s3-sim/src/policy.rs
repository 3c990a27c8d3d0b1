//! The rights of callers: every call is translated into the IAM actions it needs, and
//! a test can deny an action or allow an access key nothing but a list.

use crate::call::Call;
use crate::ledger::Action;
use crate::reply::Refusal;
use std::collections::BTreeMap;

/// An action that is allowed or denied, everywhere or on one bucket (or KMS key).
/// An action may end in `*`.
///
/// ```
/// use s3_sim::Grant;
///
/// let grants = [Grant::from("s3:ListBucket"), Grant::on("s3:PutObject*", "backup")];
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    action: String,
    resource: Option<String>,
}

impl Grant {
    /// On one bucket, or on the KMS key of that ARN.
    pub fn on(action: &str, resource: &str) -> Grant {
        Grant {
            action: action.to_owned(),
            resource: Some(resource.to_owned()),
        }
    }

    fn covers(&self, action: &Action) -> bool {
        let named = match self.action.strip_suffix('*') {
            Some(start) => action.name.starts_with(start),
            None => action.name == self.action,
        };
        named
            && self
                .resource
                .as_deref()
                .is_none_or(|own| own == action.resource)
    }
}

impl From<&str> for Grant {
    fn from(action: &str) -> Self {
        Grant {
            action: action.to_owned(),
            resource: None,
        }
    }
}

/// What has become of a KMS key that no longer works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Switched off, until somebody enables it.
    Disabled,
    /// To be deleted, which can be cancelled.
    PendingDeletion,
}

#[derive(Debug, Default)]
pub(crate) struct Policy {
    /// KMS keys that do not work, by ARN.
    keys: BTreeMap<String, KeyState>,
    denied: Vec<Grant>,
    /// Action, bucket, beginning of keys.
    denied_below: Vec<(String, String, String)>,
    /// Access keys that are not listed may do everything.
    allowed: BTreeMap<String, Vec<Grant>>,
}

impl Policy {
    pub(crate) fn deny(&mut self, grant: Grant) {
        self.denied.push(grant);
    }

    /// Changes a KMS key; none makes it work.
    pub(crate) fn set_key(&mut self, arn: &str, state: Option<KeyState>) {
        match state {
            Some(state) => self.keys.insert(arn.to_owned(), state),
            None => self.keys.remove(arn),
        };
    }

    pub(crate) fn allow_only(&mut self, access_key: &str, grants: Vec<Grant>) {
        self.allowed.insert(access_key.to_owned(), grants);
    }

    pub(crate) fn deny_below(&mut self, action: &str, bucket: &str, prefix: &str) {
        self.denied_below
            .push((action.to_owned(), bucket.to_owned(), prefix.to_owned()));
    }

    pub(crate) fn is_denied_below(&self, action: &str, bucket: &str, key: &str) -> bool {
        self.denied_below.iter().any(|(name, of, prefix)| {
            name == action && of == bucket && key.starts_with(prefix.as_str())
        })
    }

    pub(crate) fn clear(&mut self) {
        *self = Policy::default();
    }

    pub(crate) fn admits(&self, access_key: &str, action: &Action) -> bool {
        self.objection(access_key, action).is_none()
    }

    /// Refuses the call if one of the actions is not allowed.
    pub(crate) fn check(&self, call: &Call, actions: &[Action]) -> Result<(), Refusal> {
        for action in actions {
            let key = match call.copy_source() {
                Ok(source) if source.bucket == action.resource => source.key,
                _ => call.key.clone(),
            };
            if self.is_denied_below(action.name, &action.resource, &key) {
                return Err(Refusal::access_denied());
            }
            if let Some(why) = self.objection(call.access_key(), action) {
                let message = format!(
                    "User: arn:aws:iam::111122223333:user/{} is not authorized to perform: {} on \
                     resource: \"{}\" {why}",
                    call.access_key(),
                    action.name,
                    resource(call, action)
                );
                return Err(Refusal::new(403, "AccessDenied", message));
            }
            if let Some(state) = self.keys.get(&action.resource) {
                return Err(unusable(&action.resource, *state));
            }
        }
        Ok(())
    }

    fn objection(&self, access_key: &str, action: &Action) -> Option<String> {
        if self.denied.iter().any(|grant| grant.covers(action)) {
            return Some("with an explicit deny in an identity-based policy".to_owned());
        }
        let grants = self.allowed.get(access_key)?;
        if grants.iter().any(|grant| grant.covers(action)) {
            return None;
        }
        Some(format!(
            "because no identity-based policy allows the {} action",
            action.name
        ))
    }
}

/// What KMS says through S3.
fn unusable(arn: &str, state: KeyState) -> Refusal {
    let (code, why) = match state {
        KeyState::Disabled => ("KMS.DisabledException", "is disabled."),
        KeyState::PendingDeletion => ("KMS.KMSInvalidStateException", "is pending deletion."),
    };
    Refusal::new(400, code, format!("{arn} {why}"))
}

/// The ARN that AWS would name.
fn resource(call: &Call, action: &Action) -> String {
    if action.name.starts_with("kms:") {
        return action.resource.clone();
    }
    let source = call.copy_source().ok();
    let key = match source {
        Some(source) if source.bucket == action.resource && action.name.contains(":Get") => {
            source.key
        }
        Some(_) | None => call.key.clone(),
    };
    let on_bucket = action.name.starts_with("s3:List") || key.is_empty();
    if on_bucket {
        format!("arn:aws:s3:::{}", action.resource)
    } else {
        format!("arn:aws:s3:::{}/{key}", action.resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(name: &'static str, resource: &str) -> Action {
        Action {
            name,
            resource: resource.to_owned(),
        }
    }

    #[test]
    fn an_access_key_with_a_list_may_do_nothing_else() {
        let mut policy = Policy::default();
        policy.allow_only("AK", vec![Grant::on("s3:Get*", "primary")]);

        assert!(policy.admits("AK", &action("s3:GetObject", "primary")));
        assert!(!policy.admits("AK", &action("s3:GetObject", "backup")));
        assert!(!policy.admits("AK", &action("s3:PutObject", "primary")));
        assert!(policy.admits("other", &action("s3:PutObject", "primary")));
    }

    #[test]
    fn a_denial_beats_a_permission() {
        let mut policy = Policy::default();
        policy.allow_only("AK", vec![Grant::from("s3:*")]);
        policy.deny(Grant::from("s3:GetObjectTagging"));

        assert!(!policy.admits("AK", &action("s3:GetObjectTagging", "primary")));
        assert!(policy.admits("AK", &action("s3:GetObject", "primary")));
    }
}
