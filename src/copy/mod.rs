//! An [`Action`] in, an [`Outcome`] out. It never fails: what goes wrong with one object is an
//! outcome of that object, and the others go on.

mod forecast;
mod guard;
mod in_flight;
mod item;
mod multipart;
mod parts;
mod single;
mod until_certain;

pub use forecast::{Forecast, PlannedCopy};
pub use guard::guarded;
pub use in_flight::{Batch, KeyResult};
pub use item::Item;

use crate::config::CopyRules;
use crate::diff::{Action, Proof, Refusal, SkipReason};
use crate::model::{ETag, Key, Object, Placement, VerifiedObject};
use crate::s3::{Bucket, Cause, Condition, Operation, S3Error, Target};
use crate::snapshot::{NextRow, Row, SegmentRow};

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
    /// It would be copied, were this not a dry run or a plan.
    WouldCopy {
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
    ListingFailed(Failure),
    /// It was compared with its backup, by a verification.
    Verified(VerifiedObject),
    /// It is in the backup only, and stays there.
    BackupOnly,
    /// It is gone from the source, and the backup of that `ETag` is the job's own: counted, and stays there
    /// for now.
    SourceDeleted(ETag),
    /// It is in the backup only, and not the job's own: counted, and stays there.
    Foreign,
    /// It is gone from the source, and the backup has a delete marker for it now.
    Marked,
    /// It was begun and not done when the run had to stop.
    Interrupted,
    /// There are no more objects.
    End,
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
    /// Parts of one object that are in flight at once, at most.
    pub parts_at_once: usize,
}

impl Copier {
    /// Does what was decided. What could not be copied stays recorded as it was.
    pub async fn apply(&self, action: Action) -> CopyResult {
        match self.resolve(action).await {
            Preparation::Copy {
                object,
                backup,
                record,
            } => {
                let result = self.copy(object, backup).await;
                let row = match result.outcome {
                    Outcome::Failed { .. } => record.map(NextRow::Reuse),
                    Outcome::Vanished { .. } => record.map(NextRow::Orphan),
                    _ => return result,
                };
                CopyResult { row, ..result }
            }
            Preparation::Finished(result) => result,
        }
    }

    /// What [`Copier::apply`] would do, without doing it: a dry run or a plan.
    pub async fn preview(&self, action: Action) -> CopyResult {
        match self.resolve(action).await {
            Preparation::Copy { object, .. } => {
                let listed = object.size;
                Outcome::WouldCopy { listed }.into()
            }
            Preparation::Finished(result) => result,
        }
    }

    /// Everything that can be said before a copy is made.
    async fn resolve(&self, action: Action) -> Preparation {
        let (object, backup, record) = match action {
            Action::Copy {
                object,
                backup,
                record,
                ..
            } => (object, backup, record),
            result => return Preparation::Finished(settle(result).1),
        };
        if object.size > parts::MOST_BYTES {
            let error = self.too_large(&object);
            return Preparation::Finished(stopped_by(&object, error).into());
        }
        match self.has_wanted_tags(&object).await {
            Ok(true) => Preparation::Copy {
                object,
                backup,
                record,
            },
            Ok(false) => {
                let (listed, reason) = (object.size, SkipReason::OtherTags);
                Preparation::Finished(CopyResult {
                    outcome: Outcome::Skipped { listed, reason },
                    row: record.map(NextRow::Orphan),
                })
            }
            Err(error) => Preparation::Finished(stopped_by(&object, error).into()),
        }
    }

    /// Tags are read only of objects that would be copied, and only if they matter.
    async fn has_wanted_tags(&self, object: &Object) -> Result<bool, S3Error> {
        if self.rules.include_tags.is_empty() {
            return Ok(true);
        }
        match self.source.tags(&object.key).await {
            Ok(tags) => Ok(tags.contain(&self.rules.include_tags)),
            // It is gone: the copy will find out, and say so.
            Err(error) if error.cause == Cause::Missing => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Where and how a copy is written.
    fn target<'a>(
        &'a self,
        item: &'a Item,
        website_redirect: Option<&'a str>,
        condition: &'a Condition,
    ) -> Target<'a> {
        Target {
            key: &item.target,
            class: &item.class,
            kms_key: self.rules.kms_key.as_deref(),
            website_redirect,
            condition,
        }
    }

    fn too_large(&self, object: &Object) -> S3Error {
        let most = parts::MOST_BYTES;
        let message = format!("{} bytes, and a copy is at most {most}", object.size);
        let bucket = self.destination.name();
        S3Error::ours(Operation::CopyObject, bucket, Cause::TooLarge, message).about(&object.key)
    }
}

/// What is left to do about an action.
enum Preparation {
    Copy {
        object: Object,
        backup: Option<Object>,
        record: Option<SegmentRow>,
    },
    Finished(CopyResult),
}

/// What became of an action, and what is to be recorded of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyResult {
    /// What became of it.
    pub outcome: Outcome,
    /// What the next snapshot says of the key; none if it is not in the backup.
    pub row: Option<NextRow>,
}

impl From<Outcome> for CopyResult {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, row: None }
    }
}

/// What becomes of an action that copies nothing, and its key.
pub fn settle(action: Action) -> (Option<Key>, CopyResult) {
    match action {
        Action::Copy { object, .. } => {
            let listed = object.size;
            (Some(object.key), Outcome::WouldCopy { listed }.into())
        }
        Action::Keep(object, proof) => {
            let outcome = Outcome::Unchanged {
                listed: object.size,
            };
            let (key, row) = recorded(object, proof);
            (Some(key), CopyResult { outcome, row })
        }
        Action::Archived(object, proof) => {
            let outcome = Outcome::Skipped {
                listed: object.size,
                reason: SkipReason::Archived,
            };
            let (key, row) = recorded(object, proof);
            (Some(key), CopyResult { outcome, row })
        }
        Action::Skip {
            object,
            reason,
            record,
            ..
        } => {
            let listed = object.size;
            let outcome = Outcome::Skipped { listed, reason };
            (Some(object.key), orphan(outcome, record))
        }
        Action::Refuse(object, Refusal::ReservedKey) => {
            let outcome = failed(&object, reserved(&object));
            (Some(object.key), outcome.into())
        }
        Action::Orphan(backup, record) => {
            let outcome = Outcome::SourceDeleted(backup.etag);
            (Some(backup.key), orphan(outcome, Some(record)))
        }
        Action::Foreign(backup) => (Some(backup.key), Outcome::Foreign.into()),
        Action::Ignore(backup, record) => (Some(backup.key), orphan(Outcome::BackupOnly, record)),
        Action::Break(error) => (None, Outcome::ListingFailed(error.into()).into()),
        Action::End => (None, Outcome::End.into()),
    }
}

/// A backup whose object is not backed up any more stays recorded as the job's own.
fn orphan(outcome: Outcome, record: Option<SegmentRow>) -> CopyResult {
    let row = record.map(NextRow::Orphan);
    CopyResult { outcome, row }
}

/// What is recorded of an object whose backup is current.
fn recorded(object: Object, proof: Proof) -> (Key, Option<NextRow>) {
    let key = object.key.clone();
    let row = match proof {
        Proof::Recorded(row) => return (object.key, Some(NextRow::Reuse(row))),
        Proof::Relisted(row, backup) => Row {
            storage_class: backup.storage_class,
            backup_modified: Some(backup.last_modified),
            ..row.row().to_row()
        },
        Proof::Listed(backup) => Row {
            key: object.key,
            size: object.size,
            source_etag: object.etag,
            source_modified: object.last_modified,
            source_version_id: None,
            backup_etag: backup.etag,
            backup_modified: Some(backup.last_modified),
            backup_version_id: None,
            storage_class: backup.storage_class,
            checksum: None,
        },
    };
    (key, Some(NextRow::New(Box::new(row))))
}

/// The outcome of an object that an error has stopped: it failed, or the run has to stop.
pub fn stopped_by(object: &Object, error: S3Error) -> Outcome {
    match error.cause {
        Cause::OutOfTime | Cause::Stopped => Outcome::Interrupted,
        _ => failed(object, error.into()),
    }
}

/// The outcome of an object with which something went wrong.
pub fn failed(object: &Object, failure: Failure) -> Outcome {
    Outcome::Failed {
        listed: object.size,
        failure,
    }
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
