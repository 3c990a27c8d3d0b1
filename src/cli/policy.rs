//! `s3-backup policy`: the policies that let the roles of a job into buckets and keys of other accounts.

use clap::Args;

use super::buckets::Buckets;
use super::environment::environment;
use super::rights::{Asked, Policies, RoleArn};
use super::{Exit, refuse, show};
use crate::config::Config;

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup policy s3://primary s3://backup --role arn:aws:iam::111122223333:role/s3-backup
  s3-backup policy s3://primary s3://backup --role ARN --restore-role ARN --of backup > policy.json
  aws s3api put-bucket-policy --bucket backup --policy file://policy.json

It prints one JSON object: `buckets` has the whole policy of the source and of each backup bucket,
`keys` the statements that the policy of each KMS key needs beside what it has, and `roles` the
policy of each role. put-bucket-policy replaces a policy: add what the bucket has already. The keys
of the backups are those of BACKUP_KMS_KEY_ID, and BACKUP_DELETIONS=mark adds the right to place
markers. No request is sent.

Exit codes: 0 printed, 1 could not print, 2 wrong usage";

/// Its arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    buckets: Buckets,
    /// The role of runs: its ARN
    #[arg(long, value_name = "ARN")]
    role: String,
    /// The role of restores: its ARN
    #[arg(long, value_name = "ARN")]
    restore_role: Option<String>,
    /// The KMS key that encrypts the source: its ARN
    #[arg(long, value_name = "ARN")]
    source_kms_key: Option<String>,
    /// Let restores place delete markers on what they have created in the source
    #[arg(long)]
    restore_marks: bool,
    /// Print the policy of this bucket, key or role alone
    #[arg(long, value_name = "NAME")]
    of: Option<String>,
}

/// Prints the policies.
pub fn print(arguments: &Arguments) -> Exit {
    match arguments.print() {
        Ok(()) => Exit::Complete,
        Err(exit) => exit,
    }
}

impl Arguments {
    fn print(&self) -> Result<(), Exit> {
        let asked = self.asked()?;
        let mut vars = environment();
        vars.extend(self.buckets.vars());
        let config = Config::from_vars(vars).map_err(|error| refuse(&error.into()))?;
        for to in &config.destinations {
            let key = to.access.encryption.kms_key.as_deref();
            key.map_or(Ok(()), |key| check_key("BACKUP_KMS_KEY_ID", key))?;
        }
        let policies = Policies::of(&config, &asked);
        let Some(name) = &self.of else {
            return show::write(&show::pretty_json(&policies)?);
        };
        let policy = policies.policy_of(name).ok_or_else(|| {
            let names = policies.names().join(", ");
            wrong(&format!("--of is {name:?}; allowed: {names}"))
        })?;
        show::write(&show::pretty_json(policy)?)
    }

    fn asked(&self) -> Result<Asked, Exit> {
        if let Some(key) = &self.source_kms_key {
            check_key("--source-kms-key", key)?;
        }
        let restore = self.restore_role.as_deref();
        let restore = restore.map(|arn| role("--restore-role", arn)).transpose()?;
        Ok(Asked {
            backup: role("--role", &self.role)?,
            restore,
            source_key: self.source_kms_key.clone(),
            restore_marks: self.restore_marks,
        })
    }
}

fn role(flag: &str, text: &str) -> Result<RoleArn, Exit> {
    RoleArn::parse(text).ok_or_else(|| {
        let allowed = RoleArn::ALLOWED;
        wrong(&format!("{flag} is {text:?}; allowed: {allowed}"))
    })
}

/// An alias names another key in each account, and a bare id none of another account.
fn check_key(setting: &str, key: &str) -> Result<(), Exit> {
    if key.starts_with("arn:") && key.contains(":kms:") && key.contains(":key/") {
        return Ok(());
    }
    Err(wrong(&format!(
        "{setting} is {key:?}; a policy needs the ARN of the key: aws kms describe-key --key-id {key}"
    )))
}

fn wrong(problem: &str) -> Exit {
    show::refusal("UsageError", problem);
    Exit::Usage
}
