//! What became of one key: the words between the steps of a run and its folds.
//!
//! A step (`copy`, `verify`, `deletions`, `restore`) makes an [`Outcome`]. `report` counts it, `resume`
//! remembers how far it came, `record` writes the row of the next snapshot. It is never an error of the run: what
//! goes wrong with one object is an outcome of that object.

use crate::diff::{Action, Proof, Refusal, SkipReason};
use crate::failure::Failure;
use crate::forecast::Forecast;
use crate::model::{ETag, Key, KeyCounts, Object, VerifiedObject};
use crate::s3::{Cause, Operation, S3Error};
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

/// What became of one key of a shard.
#[derive(Clone, Debug)]
pub struct KeyResult {
    /// The shard's number.
    pub shard: usize,
    /// The place of the action among those of its shard.
    pub sequence: u64,
    /// The key; none for the end of a listing.
    pub key: Option<Key>,
    /// What became of it, and what is to be recorded.
    pub result: CopyResult,
    /// What a run would make of it, if this is a plan.
    pub forecast: Option<Box<Forecast>>,
    /// What was counted of the shard so far, with this key; without it if it was given up.
    pub counted: KeyCounts,
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

/// The row of an object whose backup is current.
pub(crate) fn recorded(object: Object, proof: Proof) -> (Key, Option<NextRow>) {
    let row = match proof {
        Proof::Recorded(row) => return (object.key, Some(NextRow::Reuse(row))),
        Proof::Relisted(row, backup) => Row {
            storage_class: backup.storage_class,
            backup_modified: Some(backup.last_modified),
            ..row.row().to_row()
        },
        Proof::Listed(backup) => Row {
            key: object.key.clone(),
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
    (object.key, Some(NextRow::New(Box::new(row))))
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
        advice:
            "exclude it, such as by BACKUP_EXCLUDE='.s3-backup/*', or set BACKUP_DESTINATION_PREFIX"
                .to_owned(),
        request_id: None,
    }
}
