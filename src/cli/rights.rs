//! The rights of the two roles, as policies of the buckets, of the keys and of the roles themselves. Pure.
//!
//! Between two accounts both sides have to allow an action: the policy of the role, and that of the bucket or key.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::config::Config;
use crate::model::Location;
use crate::request::Deletions;

/// Actions on a bucket whose objects are read.
const LIST: &[&str] = &["s3:ListBucket"];
/// Actions on the objects of the source.
const READ_SOURCE: &[&str] = &["s3:GetObject", "s3:GetObjectTagging"];
/// Actions on a backup bucket. The settings are looked at, and warned of.
const LIST_BACKUP: &[&str] = &[
    "s3:ListBucket",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetReplicationConfiguration",
];
/// Actions on the objects of a backup bucket. None can destroy a version.
const ADD_TO_BACKUP: &[&str] = &[
    "s3:GetObject",
    "s3:GetObjectTagging",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:AbortMultipartUpload",
];
/// What places delete markers: without `s3:DeleteObjectVersion` it takes nothing away.
const MARK: &[&str] = &["s3:DeleteObject"];
/// Actions of a restore on the buckets of both sides.
const LIST_VERSIONS: &[&str] = &[
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:GetBucketVersioning",
];
/// Actions of a restore on the objects of a backup bucket.
const READ_VERSIONS: &[&str] = &[
    "s3:GetObjectVersion",
    "s3:GetObjectVersionTagging",
    "s3:RestoreObject",
];
/// Actions of a restore on the program's own objects.
const READ_STATE: &[&str] = &["s3:GetObject", "s3:GetObjectTagging"];
/// Actions of a restore on its plans, its progress and what it puts aside.
const WRITE_STATE: &[&str] = &[
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:AbortMultipartUpload",
];
/// Actions of a restore on the objects of its target.
const ADD_TO_TARGET: &[&str] = &[
    "s3:GetObject",
    "s3:GetObjectTagging",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionTagging",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:AbortMultipartUpload",
];
const DECRYPT: &[&str] = &["kms:Decrypt"];
const ENCRYPT: &[&str] = &["kms:GenerateDataKey", "kms:Decrypt"];

/// A role of IAM, by its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleArn {
    arn: String,
    partition: String,
}

impl RoleArn {
    /// What a role is like, as messages say it.
    pub const ALLOWED: &str = "the ARN of a role, such as arn:aws:iam::111122223333:role/s3-backup";

    /// The role, if the text is the ARN of one.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let &["arn", partition, "iam", "", account, name] = parts.as_slice() else {
            return None;
        };
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let name = name.strip_prefix("role/")?;
        let fits = is_account && !name.is_empty() && !name.contains(['*', '?']);
        (fits && partition.starts_with("aws")).then(|| Self {
            arn: text.to_owned(),
            partition: partition.to_owned(),
        })
    }
}

/// What the policies are made of, beside the settings of the job.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The role of runs.
    pub backup: RoleArn,
    /// The role of restores.
    pub restore: Option<RoleArn>,
    /// The key that encrypts the source.
    pub source_key: Option<String>,
    /// Whether restores mark in their target what they have created.
    pub restore_marks: bool,
}

/// The policies, by what they belong to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Policies {
    /// The policy of each bucket.
    pub buckets: BTreeMap<String, Document>,
    /// What the policy of each key needs beside what it has.
    pub keys: BTreeMap<String, Document>,
    /// The policy of each role.
    pub roles: BTreeMap<String, Document>,
}

/// A policy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            version: "2012-10-17",
            statement: Vec::new(),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: String,
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<Value>,
    action: Vec<&'static str>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

impl Policies {
    /// The policies of a job.
    pub fn of(config: &Config, asked: &Asked) -> Self {
        let mut policies = Self::default();
        let marks = config.defaults.deletions == Deletions::Mark;
        let backup = Grants {
            role: &asked.backup,
            who: "BackupRole",
            policies: &mut policies,
        };
        backup.of_runs(config, asked, marks);
        if let Some(role) = &asked.restore {
            let restore = Grants {
                role,
                who: "RestoreRole",
                policies: &mut policies,
            };
            restore.of_restores(config, asked);
        }
        for (bucket, document) in &mut policies.buckets {
            document.statement.push(tls_only(&asked.backup, bucket));
        }
        policies
    }

    /// The policy of one bucket, key or role.
    pub fn policy_of(&self, name: &str) -> Option<&Document> {
        let all = [&self.buckets, &self.keys, &self.roles];
        all.into_iter().find_map(|policies| policies.get(name))
    }

    /// What there are policies of.
    pub fn names(&self) -> Vec<&str> {
        let all = [&self.buckets, &self.keys, &self.roles];
        let names = all.into_iter().flat_map(BTreeMap::keys);
        names.map(String::as_str).collect()
    }
}

/// The rights of one role, as they are added.
struct Grants<'a> {
    role: &'a RoleArn,
    who: &'static str,
    policies: &'a mut Policies,
}

impl Grants<'_> {
    fn of_runs(mut self, config: &Config, asked: &Asked, marks: bool) {
        let source = &config.source;
        self.on_bucket("ListSource", source, LIST);
        self.on_objects("ReadSource", source, source.prefix.as_str(), READ_SOURCE);
        self.on_key("SourceKey", asked.source_key.as_deref(), DECRYPT);
        for to in &config.destinations {
            self.on_bucket("ListBackup", &to.location, LIST_BACKUP);
            self.on_objects("AddToBackup", &to.location, "", ADD_TO_BACKUP);
            if marks {
                self.on_objects("MarkInBackup", &to.location, "", MARK);
            }
            self.on_key(
                "BackupKey",
                to.access.encryption.kms_key.as_deref(),
                ENCRYPT,
            );
        }
    }

    fn of_restores(mut self, config: &Config, asked: &Asked) {
        let target = &config.source;
        let below = target.prefix.as_str();
        self.on_bucket("ListTarget", target, LIST_VERSIONS);
        self.on_objects("AddToTarget", target, below, ADD_TO_TARGET);
        if asked.restore_marks {
            self.on_objects("MarkInTarget", target, below, MARK);
        }
        self.on_key("TargetKey", asked.source_key.as_deref(), ENCRYPT);
        for to in &config.destinations {
            self.on_bucket("ListBackup", &to.location, LIST_VERSIONS);
            self.on_objects("ReadBackup", &to.location, "", READ_VERSIONS);
            self.on_objects("ReadState", &to.location, ".s3-backup/", READ_STATE);
            self.on_objects(
                "WriteState",
                &to.location,
                ".s3-backup/*/restores/",
                WRITE_STATE,
            );
            self.on_key(
                "BackupKey",
                to.access.encryption.kms_key.as_deref(),
                ENCRYPT,
            );
        }
    }

    fn on_bucket(&mut self, sid: &str, of: &Location, actions: &'static [&'static str]) {
        let bucket = of.bucket.as_str();
        self.on_s3(sid, bucket, bucket, actions);
    }

    fn on_objects(
        &mut self,
        sid: &str,
        of: &Location,
        below: &str,
        actions: &'static [&'static str],
    ) {
        let bucket = of.bucket.as_str();
        self.on_s3(sid, bucket, &format!("{bucket}/{below}*"), actions);
    }

    fn on_s3(&mut self, sid: &str, bucket: &str, resource: &str, actions: &[&'static str]) {
        let resource = format!("arn:{}:s3:::{resource}", self.role.partition);
        let statement = self.for_role(sid, actions, &resource);
        let document = self.policies.buckets.entry(bucket.to_owned());
        document.or_default().statement.push(statement);
        self.add_to_role(sid, actions, resource);
    }

    fn on_key(&mut self, sid: &str, key: Option<&str>, actions: &[&'static str]) {
        let Some(key) = key else {
            return;
        };
        // In the policy of a key, the resource is that key.
        let statement = self.for_role(sid, actions, "*");
        let document = self.policies.keys.entry(key.to_owned());
        document.or_default().statement.push(statement);
        self.add_to_role(sid, actions, key.to_owned());
    }

    fn for_role(&self, sid: &str, actions: &[&'static str], resource: &str) -> Statement {
        Statement {
            sid: format!("{}{sid}", self.who),
            effect: "Allow",
            principal: Some(json!({"AWS": self.role.arn})),
            action: actions.to_vec(),
            resource: vec![resource.to_owned()],
            condition: None,
        }
    }

    /// One statement for each kind of right, however many buckets there are.
    fn add_to_role(&mut self, sid: &str, actions: &[&'static str], resource: String) {
        let document = self.policies.roles.entry(self.role.arn.clone());
        let statements = &mut document.or_default().statement;
        match statements.iter_mut().find(|known| known.sid == sid) {
            Some(known) if !known.resource.contains(&resource) => known.resource.push(resource),
            Some(_) => {}
            None => statements.push(Statement {
                sid: sid.to_owned(),
                effect: "Allow",
                principal: None,
                action: actions.to_vec(),
                resource: vec![resource],
                condition: None,
            }),
        }
    }
}

/// A bucket policy is replaced as a whole, and the buckets of the stack have this statement.
fn tls_only(role: &RoleArn, bucket: &str) -> Statement {
    let bucket = format!("arn:{}:s3:::{bucket}", role.partition);
    Statement {
        sid: "TlsOnly".to_owned(),
        effect: "Deny",
        principal: Some(json!("*")),
        action: vec!["s3:*"],
        resource: vec![bucket.clone(), format!("{bucket}/*")],
        condition: Some(json!({"Bool": {"aws:SecureTransport": "false"}})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_arn_of_one_role_is_a_role() {
        for (text, fits) in [
            ("arn:aws:iam::111122223333:role/s3-backup", true),
            ("arn:aws-cn:iam::111122223333:role/path/s3-backup", true),
            ("arn:aws:iam::111122223333:user/anna", false),
            ("arn:aws:iam::111122223333:role/", false),
            ("arn:aws:iam::111122223333:role/*", false),
            ("arn:aws:iam::1:role/s3-backup", false),
            (
                "arn:aws:sts::111122223333:assumed-role/s3-backup/session",
                false,
            ),
            ("s3-backup", false),
        ] {
            assert_eq!(RoleArn::parse(text).is_some(), fits, "{text}");
        }
    }
}
