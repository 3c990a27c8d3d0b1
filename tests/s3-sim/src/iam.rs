//! Policies as AWS has them: of a role, of a bucket, of a KMS key. Within an account one of them has to allow an
//! action; between two accounts both sides have to, and a statement that denies beats all others.
//!
//! Callers that are no role are asked nothing, except by statements that deny.

use crate::call::Call;
use crate::ledger::Action;
use crate::properties;
use crate::reply::Refusal;
use crate::store::Store;
use crate::verb::Verb;
use serde_json::Value;
use std::collections::BTreeMap;

/// The account of callers that are no role, and of buckets that name no owner.
pub(crate) const HOME: &str = "111122223333";

#[derive(Debug)]
struct Role {
    arn: String,
    policy: Value,
}

#[derive(Debug, Default)]
pub(crate) struct Iam {
    /// By access key.
    roles: BTreeMap<String, Role>,
    buckets: BTreeMap<String, Value>,
    keys: BTreeMap<String, Value>,
}

/// A request for one action.
struct Asked<'a> {
    caller: String,
    account: String,
    action: &'a str,
    resource: String,
    call: &'a Call,
    encryption: Option<String>,
}

/// What the statements of a policy say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Allow,
    Deny,
}

impl Iam {
    pub(crate) fn set_role(&mut self, access_key: &str, arn: &str, policy: Value) {
        let arn = arn.to_owned();
        self.roles
            .insert(access_key.to_owned(), Role { arn, policy });
    }

    pub(crate) fn set_bucket_policy(&mut self, bucket: &str, policy: Value) {
        self.buckets.insert(bucket.to_owned(), policy);
    }

    pub(crate) fn set_key_policy(&mut self, arn: &str, policy: Value) {
        self.keys.insert(arn.to_owned(), policy);
    }

    /// The account that a call comes from.
    pub(crate) fn account_of(&self, call: &Call) -> &str {
        let role = self.roles.get(call.access_key());
        role.map_or(HOME, |role| account_in(&role.arn))
    }

    /// Refuses the call if one of the actions is not allowed.
    pub(crate) fn check(
        &self,
        store: &Store,
        call: &Call,
        actions: &[Action],
    ) -> Result<(), Refusal> {
        if self.roles.is_empty() && self.buckets.is_empty() && self.keys.is_empty() {
            return Ok(());
        }
        for action in actions {
            let role = self.roles.get(call.access_key());
            let asked = Asked {
                caller: role.map_or_else(|| user(call), |role| role.arn.clone()),
                account: self.account_of(call).to_owned(),
                action: action.name,
                resource: arn(call, action),
                encryption: encryption(store, call),
                call,
            };
            if let Some(why) = self.objection(store, role, &asked, &action.resource) {
                let message = format!(
                    "User: {} is not authorized to perform: {} on resource: \"{}\" {why}",
                    asked.caller, asked.action, asked.resource
                );
                return Err(Refusal::new(403, "AccessDenied", message));
            }
        }
        Ok(())
    }

    /// Why an action is refused, in the words of AWS.
    fn objection(
        &self,
        store: &Store,
        role: Option<&Role>,
        asked: &Asked<'_>,
        of: &str,
    ) -> Option<String> {
        let is_key = asked.action.starts_with("kms:");
        let policy = if is_key {
            self.keys.get(of)
        } else {
            self.buckets.get(of)
        };
        let by_resource = policy.map_or(Said::Nothing, |policy| asked.said_by(policy, true));
        let by_role = role.map(|role| asked.said_by(&role.policy, false));
        if by_resource == Said::Deny {
            return Some("with an explicit deny in a resource-based policy".to_owned());
        }
        if by_role == Some(Said::Deny) {
            return Some("with an explicit deny in an identity-based policy".to_owned());
        }
        let by_role = by_role? == Said::Allow;
        let by_resource = by_resource == Said::Allow;
        let owner = if is_key {
            account_in(of)
        } else {
            let bucket = store.get(of);
            bucket.map_or(HOME, |bucket| bucket.options.owner.as_str())
        };
        let is_own = owner == asked.account;
        let is_allowed = match policy {
            _ if !is_own => by_role && by_resource,
            // A key obeys its own policy; the default one lets the account decide.
            Some(policy) if is_key => by_resource || (by_role && trusts_account(policy, owner)),
            _ => by_role || by_resource,
        };
        let lacking = if by_role { "resource" } else { "identity" };
        let action = asked.action;
        (!is_allowed)
            .then(|| format!("because no {lacking}-based policy allows the {action} action"))
    }
}

impl Asked<'_> {
    fn said_by(&self, policy: &Value, names_principals: bool) -> Said {
        let mut said = Said::Nothing;
        for statement in list(&policy["Statement"]) {
            let applies = texts(&statement["Action"])
                .iter()
                .any(|pattern| matches(pattern, self.action))
                && (texts(&statement["Resource"]).iter()).any(|own| matches(own, &self.resource))
                && (!names_principals || self.is_one_of(&statement["Principal"]))
                && self.meets(&statement["Condition"]);
            match (applies, statement["Effect"].as_str()) {
                (false, _) => {}
                (true, Some("Allow")) => said = Said::Allow,
                (true, Some("Deny")) => return Said::Deny,
                (true, other) => panic!("the effect of a statement is {other:?}"),
            }
        }
        said
    }

    fn is_one_of(&self, principal: &Value) -> bool {
        if principal == "*" {
            return true;
        }
        texts(&principal["AWS"])
            .iter()
            .any(|one| *one == "*" || *one == self.caller)
    }

    fn meets(&self, condition: &Value) -> bool {
        let Some(operators) = condition.as_object() else {
            return true;
        };
        operators.iter().all(|(operator, keys)| {
            let Some(keys) = keys.as_object() else {
                panic!("a condition has no keys: {condition}");
            };
            keys.iter().all(|(key, wanted)| {
                let found = self.context(key);
                let wanted = texts(wanted);
                let is = |text: &str| wanted.iter().any(|pattern| matches(pattern, text));
                match operator.as_str() {
                    "Null" => (found.is_none()) == wanted.contains(&"true"),
                    "StringEquals" | "StringLike" | "ArnEquals" | "ArnLike" | "Bool" => {
                        found.is_some_and(|text| is(&text))
                    }
                    "StringNotEquals" | "StringNotLike" | "ArnNotEquals" | "ArnNotLike" => {
                        !found.is_some_and(|text| is(&text))
                    }
                    other => panic!("condition {other} is not simulated"),
                }
            })
        })
    }

    fn context(&self, key: &str) -> Option<String> {
        match key {
            "s3:x-amz-server-side-encryption" => self.encryption.clone(),
            "s3:x-amz-server-side-encryption-aws-kms-key-id" => self
                .call
                .owned("x-amz-server-side-encryption-aws-kms-key-id"),
            "aws:SecureTransport" => Some("true".to_owned()),
            "aws:PrincipalArn" => Some(self.caller.clone()),
            "aws:PrincipalAccount" => Some(self.account.clone()),
            other => panic!("condition key {other} is not simulated"),
        }
    }
}

/// What a write says about its encryption. Parts have that of their upload.
fn encryption(store: &Store, call: &Call) -> Option<String> {
    let upload = call.query.get("uploadId");
    let upload = upload.and_then(|id| store.get(&call.bucket)?.uploads.get(id));
    match upload {
        Some(upload) if call.verb != Verb::CreateMultipartUpload => {
            let name = properties::encryption_name(&upload.properties.encryption);
            Some(name.to_owned())
        }
        _ => call.owned("x-amz-server-side-encryption"),
    }
}

fn user(call: &Call) -> String {
    format!("arn:aws:iam::{HOME}:user/{}", call.access_key())
}

fn account_in(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// Whether a key policy leaves the decision to the policies of its account.
fn trusts_account(policy: &Value, account: &str) -> bool {
    let root = format!("arn:aws:iam::{account}:root");
    let trusts = |statement: &&Value| {
        texts(&statement["Principal"]["AWS"]).contains(&root.as_str())
            && texts(&statement["Action"]).contains(&"kms:*")
    };
    list(&policy["Statement"]).iter().any(trusts)
}

/// The ARN of what an action is used on.
fn arn(call: &Call, action: &Action) -> String {
    if action.name.starts_with("kms:") {
        return action.resource.clone();
    }
    let bucket = format!("arn:aws:s3:::{}", action.resource);
    let of_bucket = action.name.starts_with("s3:List")
        && action.name != "s3:ListMultipartUploadParts"
        || action.name.starts_with("s3:GetBucket");
    if of_bucket {
        return bucket;
    }
    match call.copy_source() {
        Ok(source) if source.bucket == action.resource && action.name.contains(":Get") => {
            format!("{bucket}/{}", source.key)
        }
        _ => format!("{bucket}/{}", call.key),
    }
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(all) => all.iter().collect(),
        one => vec![one],
    }
}

fn texts(value: &Value) -> Vec<&str> {
    list(value).into_iter().filter_map(Value::as_str).collect()
}

/// Whether a text fits a pattern, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|left| {
            (0..=left.len()).any(|at| left.get(at..).is_some_and(|left| matches(rest, left)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, fits) in [
            ("s3:Get*", "s3:GetObject", true),
            ("s3:Get*", "s3:PutObject", false),
            ("arn:aws:s3:::a/*", "arn:aws:s3:::a/b/c", true),
            ("arn:aws:s3:::a/*", "arn:aws:s3:::a", false),
            ("*", "", true),
            ("a*c", "abbc", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
