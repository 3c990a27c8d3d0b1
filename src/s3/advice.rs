//! What to do about an error of S3, by its cause, its code and its message.
//!
//! The words of AWS's messages are from its guide to troubleshooting access denied errors.

use super::error::{Cause, Operation, S3Error};

impl Operation {
    /// The permissions that the call needs, for an S3 that does not name the missing one.
    fn permissions(self) -> &'static str {
        match self {
            Self::ListObjectsV2 | Self::HeadBucket => "s3:ListBucket",
            Self::ListObjectVersions => "s3:ListBucketVersions",
            Self::RestoreObject => "s3:RestoreObject",
            Self::GetBucketVersioning => "s3:GetBucketVersioning",
            Self::GetBucketEncryption => "s3:GetEncryptionConfiguration",
            Self::GetBucketLifecycleConfiguration => "s3:GetLifecycleConfiguration",
            Self::GetObjectLockConfiguration => "s3:GetBucketObjectLockConfiguration",
            Self::GetPublicAccessBlock => "s3:GetBucketPublicAccessBlock",
            Self::GetBucketReplication => "s3:GetReplicationConfiguration",
            Self::HeadObject => {
                "s3:GetObject and s3:ListBucket, and kms:Decrypt on its KMS key, if any,"
            }
            Self::GetObjectTagging => "s3:GetObjectTagging",
            Self::PutObjectTagging => "s3:PutObjectTagging on the destination",
            Self::AbortMultipartUpload => "s3:AbortMultipartUpload",
            Self::GetObject => {
                "s3:GetObject and s3:ListBucket on the destination, \
                 and kms:Decrypt on its KMS key, if any,"
            }
            Self::DeleteObject => "s3:DeleteObject on the destination",
            Self::PutObject => {
                "s3:PutObject and s3:GetObject on the destination, \
                 and kms:GenerateDataKey on its KMS key, if any,"
            }
            Self::CreateMultipartUpload | Self::CompleteMultipartUpload => {
                "s3:PutObject and s3:PutObjectTagging on the destination, \
                 and kms:Decrypt and kms:GenerateDataKey on its KMS key, if any,"
            }
            Self::CopyObject | Self::UploadPartCopy => {
                "s3:GetObject and s3:GetObjectTagging on the source, \
                 s3:PutObject and s3:PutObjectTagging on the destination, \
                 and kms:Decrypt and kms:GenerateDataKey on KMS keys in use,"
            }
        }
    }
}

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
        match self.cause {
            Cause::Denied => self.advice_on_denial(),
            Cause::Missing => "none needed if it was deleted".to_owned(),
            Cause::NoBucket => format!("create the bucket {} or correct its name", self.bucket),
            Cause::NoUpload => "run again; if it stays, look for who aborts uploads".to_owned(),
            Cause::Archived => self.advice_on_archives().to_owned(),
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
            Cause::Unreadable if self.has_a_header_that_is_no_text() => {
                "write the object's headers anew in UTF-8, or exclude it with BACKUP_EXCLUDE"
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
            Cause::OtherRegion => match &self.reply.region {
                Some(region) => format!("set AWS_REGION to {region}, the region of the bucket"),
                None => "set AWS_REGION to the region of the bucket".to_owned(),
            },
            Cause::Credentials => self.advice_on_credentials().to_owned(),
            Cause::ClockSkew => self.advice_on_clocks(),
            Cause::NotSent if self.message().to_ascii_lowercase().contains("sso") => {
                "sign in with aws sso login, and check the profile".to_owned()
            }
            Cause::NotSent => "check the credentials, AWS_REGION and AWS_ENDPOINT_URL".to_owned(),
            Cause::OutOfTime => {
                "continue the run with its cursor, or run it again if it has none".to_owned()
            }
            Cause::Stopped => {
                "continue the run with its cursor, once its destination is in order".to_owned()
            }
            Cause::NotVersioned => format!(
                "enable versioning of bucket {} with s3api put-bucket-versioning, then run again",
                self.bucket
            ),
            Cause::NotSupported => "use a server that supports the call".to_owned(),
            Cause::TooLarge => {
                "copy it by other means or exclude it with BACKUP_EXCLUDE".to_owned()
            }
            Cause::Rejected => self.advice_by_code(),
        }
    }

    fn advice_on_archives(&self) -> &'static str {
        if self.operation == Operation::GetObject {
            "a lifecycle rule of the bucket has archived it: let no rule that covers .s3-backup/ move \
             current objects to GLACIER, DEEP_ARCHIVE or an archive tier of INTELLIGENT_TIERING"
        } else {
            "restore it with s3:RestoreObject; the next run copies it"
        }
    }

    fn has_a_header_that_is_no_text(&self) -> bool {
        let message = self.message();
        message.starts_with("header ") && message.ends_with(" is not UTF-8")
    }

    fn code(&self) -> &str {
        self.reply.code.as_deref().unwrap_or_default()
    }

    fn message(&self) -> &str {
        self.reply.message.as_deref().unwrap_or_default()
    }

    fn advice_on_denial(&self) -> String {
        let message = self.message().to_ascii_lowercase();
        match self.code() {
            "AllAccessDisabled" => {
                return "ask AWS support: all access to it has been disabled, and no grant can help"
                    .to_owned();
            }
            "AccountProblem" | "NotSignedUp" => {
                return "look after the AWS account: S3 does not serve it, and no grant can help"
                    .to_owned();
            }
            _ if message.contains("requester pays") || message.contains("requester-pays") => {
                return "the bucket is requester-pays: set BACKUP_REQUEST_PAYER=requester to pay for requests \
                        and transfer, or use credentials of the account that owns it"
                    .to_owned();
            }
            _ => {}
        }
        let Some((action, resource)) = self.missing_action() else {
            return self.advice_on_bare_denial();
        };
        if let Some(advice) = PolicyDenial::of(self.message()).and_then(|it| it.advice(action)) {
            let encryption = it_may_demand_encryption(self.message(), action);
            return advice + encryption;
        }
        if action.starts_with("kms:") && self.operation == Operation::GetObject {
            return format!(
                "grant {action} on the KMS key that it was written under to the role that runs the \
                 backup: name a key that BACKUP_KMS_KEY_ID named before in FormerKmsKeyArns of the stack"
            );
        }
        let on = match resource.filter(|_| self.operation != Operation::GetObject) {
            Some(resource) => format!(" on {resource}"),
            // KMS says of a key that the caller may not see "the resource associated with this ciphertext".
            None if action.starts_with("kms:") => {
                " on the object's KMS key, which s3api head-object names,".to_owned()
            }
            None => String::new(),
        };
        format!("grant {action}{on} to the role that runs the backup")
    }

    /// S3 says no more than "Access Denied" to another account, and where a parameter is missing.
    fn advice_on_bare_denial(&self) -> String {
        let grant = format!(
            "grant {} to the role that runs the backup, and check the expected owner, if one is \
             configured",
            self.operation.permissions()
        );
        let more = match self.operation {
            Operation::ListObjectsV2
            | Operation::ListObjectVersions
            | Operation::HeadBucket
            | Operation::HeadObject
            | Operation::GetObject => {
                "; a requester-pays bucket of another account wants BACKUP_REQUEST_PAYER=requester"
            }
            Operation::CopyObject
            | Operation::UploadPartCopy
            | Operation::CreateMultipartUpload
            | Operation::PutObject => {
                "; a bucket policy that demands an encryption header may want BACKUP_SSE or BACKUP_KMS_KEY_ID"
            }
            _ => "",
        };
        grant + more
    }

    fn advice_on_credentials(&self) -> &'static str {
        match self.code() {
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => {
                "get new credentials, for these have expired; for a profile of IAM Identity Center \
                 with aws sso login"
            }
            "InvalidAccessKeyId" => {
                "check AWS_ACCESS_KEY_ID or the profile, for S3 does not know the key; \
                 a key that begins with ASIA needs its AWS_SESSION_TOKEN"
            }
            "SignatureDoesNotMatch" => {
                "check AWS_SECRET_ACCESS_KEY or the profile, for the secret is not the key's; \
                 a proxy that changes requests has the same effect"
            }
            "InvalidToken" => {
                "check AWS_SESSION_TOKEN, which is malformed or another key's; unset it for a \
                 permanent key; a region that must be opted in to takes tokens of its own STS only"
            }
            _ => "check the credentials and their expiry",
        }
    }

    fn advice_on_clocks(&self) -> String {
        match &self.reply.clocks {
            Some((ours, theirs)) => {
                format!("set the clock of this machine: it says {ours}, and S3 says {theirs}")
            }
            None => "set the clock of this machine".to_owned(),
        }
    }

    fn advice_by_code(&self) -> String {
        let message = self.message();
        let code = self.code();
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
        } else if code == "KMS.NotFoundException" {
            "correct BACKUP_KMS_KEY_ID or the bucket's default key: there is none of that name in \
             its region; an alias of another account has to be an ARN"
                .to_owned()
        } else if code == "KMS.KMSInvalidStateException" || code == "KMS.InvalidStateException" {
            "cancel the deletion of the KMS key or wait until it is ready, or name another one in \
             BACKUP_KMS_KEY_ID"
                .to_owned()
        } else if self.is_of_kms_key() {
            "enable the KMS key, or name another one in BACKUP_KMS_KEY_ID".to_owned()
        } else if code == "GlacierExpeditedRetrievalNotAvailable" {
            "choose the standard or bulk tier".to_owned()
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

/// Which policy stands in the way, in AWS's words at the end of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PolicyDenial<'a> {
    /// "with an explicit deny in a service control policy"
    Denied(&'a str),
    /// "because no permissions boundary allows the s3:GetObject action"
    NotAllowed(&'a str),
}

impl<'a> PolicyDenial<'a> {
    fn of(message: &'a str) -> Option<Self> {
        if let Some((_, policy)) = message.split_once("explicit deny in a") {
            return Some(Self::Denied(policy.trim_start_matches('n').trim()));
        }
        let (_, policy) = message.split_once("because no ")?;
        let (policy, _) = policy.split_once(" allows")?;
        Some(Self::NotAllowed(policy))
    }

    /// None for the role's own policies, which a grant changes.
    fn advice(self, action: &str) -> Option<String> {
        let (Self::Denied(policy) | Self::NotAllowed(policy)) = self;
        let place = match policy {
            _ if policy.starts_with("identity-based policy") => return None,
            _ if policy.starts_with("resource-based policy") && action.starts_with("kms:") => {
                "the KMS key's own policy (resource-based policy)"
            }
            _ if policy.starts_with("resource-based policy") => {
                "the bucket's own policy (resource-based policy)"
            }
            _ if policy.starts_with("permissions boundary") => "the role's permissions boundary",
            _ if policy.starts_with("session policy") => "the session policy of the assumed role",
            _ if policy.starts_with("VPC endpoint policy") => {
                "the VPC endpoint policy of the network"
            }
            _ if policy.starts_with("service control policy") => {
                "a service control policy of the organization"
            }
            _ if policy.starts_with("resource control policy") => {
                "a resource control policy of the organization"
            }
            _ => policy,
        };
        // AWS names the policy for those who may know it.
        let arn = policy
            .split_whitespace()
            .find(|word| word.starts_with("arn:"));
        let arn = arn.map_or_else(String::new, |arn| format!(", {arn}"));
        Some(match self {
            Self::Denied(_) => format!(
                "{place}{arn} denies {action}, and no grant to the role can help: exempt the role \
                 there"
            ),
            Self::NotAllowed(_) => {
                format!("allow {action} in {place}{arn}; a grant to the role alone cannot help")
            }
        })
    }
}

/// A bucket policy that denies writes often denies those without an encryption header only.
fn it_may_demand_encryption(message: &str, action: &str) -> &'static str {
    if message.contains("resource-based policy") && action.starts_with("s3:Put") {
        "; if it demands an encryption header, set BACKUP_SSE or BACKUP_KMS_KEY_ID"
    } else {
        ""
    }
}
