//! An [`Action`] in, an [`Outcome`] out. It never fails: what goes wrong with one object is an
//! outcome of that object, and the others go on.

mod single;

use crate::config::{ClassRule, CopyRules};
use crate::diff::{Action, Refusal, SkipReason};
use crate::model::{BucketName, Key, Object, Placement};
use crate::s3::{Bucket, Cause, MAX_COPY, Operation, S3Error};

/// What became of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// S3 has confirmed the copy.
    Copied {
        /// Bytes, as listed.
        listed: u64,
        /// Bytes of what was copied: the object may have changed since it was listed.
        copied: u64,
    },
    /// It would be copied, were this not a dry run.
    Due {
        /// Bytes, as listed.
        listed: u64,
    },
    /// Its backup is current.
    Unchanged {
        /// Bytes, as listed.
        listed: u64,
    },
    /// It was left out.
    Skipped {
        /// Bytes, as listed.
        listed: u64,
        /// Why.
        reason: SkipReason,
    },
    /// It was deleted between the listing and its copy.
    Vanished {
        /// Bytes, as listed.
        listed: u64,
    },
    /// It is not in the backup, or nobody knows.
    Failed {
        /// Bytes, as listed.
        listed: u64,
        /// What went wrong.
        failure: Failure,
    },
    /// A listing broke off: nothing is known of what follows.
    Broken(Failure),
    /// It is in the backup only, and stays there.
    Kept,
}

/// What went wrong with one object, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The object's key; none for a listing.
    pub key: Option<Key>,
    /// The call that failed, by S3's name.
    pub operation: &'static str,
    /// S3's error code.
    pub code: Option<String>,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub advice: String,
    /// The id by which AWS support finds the request.
    pub request_id: Option<String>,
}

impl From<S3Error> for Failure {
    fn from(error: S3Error) -> Self {
        Self {
            operation: error.operation.name(),
            message: error.to_string(),
            advice: error.advice(),
            key: error.key,
            code: error.reply.code,
            request_id: error.reply.request_id,
        }
    }
}

/// Makes the copies of one destination.
#[derive(Clone, Debug)]
pub struct Copier {
    /// Where from.
    pub source: Bucket,
    /// Where to.
    pub destination: Bucket,
    /// Where in it.
    pub placement: Placement,
    /// What the copies are like.
    pub rules: CopyRules,
}

impl Copier {
    /// Does what was decided.
    pub async fn apply(&self, action: Action) -> Outcome {
        match action {
            Action::Copy { object, backup, .. } if object.size <= MAX_COPY => {
                self.copy(object, backup).await
            }
            settled => settle(settled, self.destination.name()),
        }
    }

    /// The class that the copy of an object is written to.
    fn class<'a>(&'a self, object: &'a Object) -> &'a crate::model::StorageClass {
        match &self.rules.storage_class {
            ClassRule::Source => &object.storage_class,
            ClassRule::Fixed(class) => class,
        }
    }
}

/// What will become of an object, without doing anything: a dry run.
pub fn preview(action: Action, destination: &BucketName) -> Outcome {
    match action {
        Action::Copy { object, .. } if object.size <= MAX_COPY => Outcome::Due {
            listed: object.size,
        },
        settled => settle(settled, destination),
    }
}

/// The outcome of an action that sends nothing to S3.
fn settle(action: Action, destination: &BucketName) -> Outcome {
    match action {
        Action::Copy { object, .. } => failed(&object, too_large(&object, destination).into()),
        Action::Keep(object) => Outcome::Unchanged {
            listed: object.size,
        },
        Action::Skip(object, reason) => Outcome::Skipped {
            listed: object.size,
            reason,
        },
        Action::Refuse(object, Refusal::ReservedKey) => failed(&object, reserved(&object)),
        Action::Orphan(_) => Outcome::Kept,
        Action::Break(error) => Outcome::Broken(error.into()),
    }
}

fn failed(object: &Object, failure: Failure) -> Outcome {
    Outcome::Failed {
        listed: object.size,
        failure,
    }
}

fn too_large(object: &Object, destination: &BucketName) -> S3Error {
    let message = format!("{} bytes, and one copy is at most {MAX_COPY}", object.size);
    S3Error::ours(Operation::CopyObject, destination, Cause::TooLarge, message).about(&object.key)
}

fn reserved(object: &Object) -> Failure {
    Failure {
        key: Some(object.key.clone()),
        operation: Operation::CopyObject.name(),
        code: Some("ReservedKey".to_owned()),
        message: format!(
            "cannot copy {}: keys below .s3-backup/ of the backup bucket are the program's own",
            object.key
        ),
        advice: "set BACKUP_DESTINATION_PREFIX, or exclude it with BACKUP_EXCLUDE".to_owned(),
        request_id: None,
    }
}
