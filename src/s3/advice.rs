//! What to do about a call to S3 that failed.

use super::error::{Cause, Operation, S3Error};

impl S3Error {
    /// Whether an object may well be there, but not to be read: a lifecycle has archived it, or the KMS key
    /// that it is encrypted with is lost or denied. S3 does not always say which permission is missing.
    pub fn is_of_unreadable_content(&self) -> bool {
        match self.cause {
            Cause::Archived => true,
            Cause::Denied => self
                .missing_action()
                .is_none_or(|(action, _)| action.starts_with("kms:")),
            _ => self.is_of_kms_key(),
        }
    }

    /// Whether KMS has refused: its keys are disabled or deleted, not denied.
    fn is_of_kms_key(&self) -> bool {
        let code = self.reply.code.as_deref();
        code.is_some_and(|code| code.starts_with("KMS."))
    }

    /// What to do about it, as a sentence to follow the error.
    pub fn advice(&self) -> String {
        let owner = "and check the expected owner, if one is configured";
        match self.cause {
            Cause::Denied if self.operation == Operation::GetObject => match self.missing_action() {
                Some((action, _)) if action.starts_with("kms:") => format!(
                    "grant {action} on the KMS key that it was written under to the role that runs the \
                     backup: name a key that BACKUP_KMS_KEY_ID named before in FormerKmsKeyArns of the stack"
                ),
                Some((action, _)) => format!("grant {action} to the role that runs the backup"),
                None => format!(
                    "grant {} to the role that runs the backup, {owner}",
                    self.operation.permissions()
                ),
            },
            Cause::Denied => match self.missing_action() {
                // Of a key that it may not see, KMS says "the resource associated with this
                // ciphertext".
                Some((action, None)) if action.starts_with("kms:") => format!(
                    "grant {action} on the object's KMS key, which s3api head-object names, \
                     to the role that runs the backup"
                ),
                Some((action, None)) => format!("grant {action} to the role that runs the backup"),
                Some((action, Some(resource))) => {
                    format!("grant {action} on {resource} to the role that runs the backup")
                }
                None => format!(
                    "grant {} to the role that runs the backup, {owner}",
                    self.operation.permissions()
                ),
            },
            Cause::Missing => "none needed if it was deleted".to_owned(),
            Cause::NoBucket => format!("create the bucket {} or correct its name", self.bucket),
            Cause::NoUpload => "run again; if it stays, look for who aborts uploads".to_owned(),
            Cause::Archived if self.operation == Operation::GetObject => {
                "a lifecycle rule of the bucket has archived it: let no rule that covers .s3-backup/ move \
                 current objects to GLACIER, DEEP_ARCHIVE or an archive tier of INTELLIGENT_TIERING"
                    .to_owned()
            }
            Cause::Archived => {
                "restore it with s3:RestoreObject; the next run copies it".to_owned()
            }
            Cause::ChangedMeanwhile if self.operation == Operation::PutObject => {
                "another run wrote it first; run again when that one has ended".to_owned()
            }
            Cause::ChangedMeanwhile => "the next run copies it once it rests".to_owned(),
            Cause::TooBusy if self.operation == Operation::DeleteObject => {
                "lower BACKUP_MAX_CONCURRENCY; the next run marks it".to_owned()
            }
            Cause::TooBusy => "lower BACKUP_MAX_CONCURRENCY; the next run copies it".to_owned(),
            Cause::NoConnection(failure) => failure.advice().to_owned(),
            Cause::NotHttp => {
                "write https:// in AWS_ENDPOINT_URL if the server expects TLS, or correct its port"
                    .to_owned()
            }
            Cause::ServerError | Cause::TimedOut | Cause::Network | Cause::Unreadable
                if self.reply.request_id.is_none() =>
            {
                "run again; if it stays, check AWS_ENDPOINT_URL and what is between here and S3"
                    .to_owned()
            }
            Cause::ServerError | Cause::TimedOut | Cause::Network | Cause::Unreadable => {
                "run again; if it stays, give AWS support the request id".to_owned()
            }
            Cause::OtherRegion => "set AWS_REGION to the region of the bucket".to_owned(),
            Cause::Credentials => "check the credentials and their expiry".to_owned(),
            Cause::NotSent => "check the credentials, AWS_REGION and AWS_ENDPOINT_URL".to_owned(),
            Cause::OutOfTime => "continue the run with its cursor".to_owned(),
            Cause::TooLarge => {
                "copy it by other means or exclude it with BACKUP_EXCLUDE".to_owned()
            }
            Cause::Rejected => self.advice_by_code(),
        }
    }

    fn advice_by_code(&self) -> String {
        let message = self.reply.message.as_deref().unwrap_or_default();
        let code = self.reply.code.as_deref().unwrap_or_default();
        // S3 has no code for it: the message alone tells an object of a customer's key.
        let customers_key = ["encryption parameters", "form of Server Side Encryption"];
        if customers_key.iter().any(|hint| message.contains(hint)) {
            "it is encrypted with a customer-provided key (SSE-C), which only its owner has; \
             re-encrypt it with SSE-S3 or SSE-KMS, or exclude it with BACKUP_EXCLUDE"
                .to_owned()
        } else if self.operation == Operation::HeadObject && message.starts_with("S3 hides") {
            "rewrite its metadata without control characters".to_owned()
        } else if self.is_of_kms_key() && self.operation == Operation::GetObject {
            "enable the KMS key that it was written under; without it the object is lost".to_owned()
        } else if self.is_of_kms_key() {
            "enable the KMS key, or name another one in BACKUP_KMS_KEY_ID".to_owned()
        } else if code == "KeyTooLongError" {
            "shorten BACKUP_DESTINATION_PREFIX: keys have at most 1,024 bytes".to_owned()
        } else {
            "see S3's documentation of the error code".to_owned()
        }
    }

    /// AWS names the missing permission: "... is not authorized to perform: kms:Decrypt on resource:
    /// arn:aws:kms:... because ...". The resource of an object is not worth repeating; a key's is.
    fn missing_action(&self) -> Option<(&str, Option<&str>)> {
        let message = self.reply.message.as_deref()?;
        let (_, after) = message.split_once("perform: ")?;
        let mut words = after.split_whitespace();
        let action = words.next()?;
        let resource = words
            .map(|word| word.trim_matches(['"', ',', '.']))
            .find(|word| word.starts_with("arn:") && word.contains(":kms:"));
        Some((action, resource))
    }
}
