//! `held.json` in a backup bucket: written when a run is held, read and used up when it is confirmed.

use std::time::SystemTime;

use super::error::ConfirmError;
use super::record::Record;
use crate::model::{ETag, Key, KeyCounts, Prefix};
use crate::s3::{Bucket, Condition, S3Error};

/// Where it lies, and how it is written.
#[derive(Clone, Debug)]
pub struct StateFile {
    /// The number of its destination in the plan.
    pub number: usize,
    /// The backup bucket.
    pub bucket: Bucket,
    /// Its key.
    pub key: Key,
    /// The held part: `deletions` or `changes`.
    pub what: &'static str,
}

/// A run that was held and is not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRun {
    /// The run.
    pub run_id: String,
    /// Deletions that wait for a confirmation.
    pub deletions: u64,
}

impl HeldRun {
    /// The record of it; none if that is confirmed already, or cannot be read.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        let record = Record::read(json).ok()?;
        let waits = record.confirmed_by.is_none();
        waits.then_some(Self {
            run_id: record.run_id,
            deletions: record.deletions,
        })
    }
}

/// A confirmation that is good, until it is used.
#[derive(Debug)]
pub struct Confirmation {
    record: Record,
    etag: ETag,
}

impl StateFile {
    /// Remembers that a run was held with so many deletions.
    ///
    /// # Errors
    /// Why S3 refused: then nothing can be confirmed.
    pub async fn hold(
        &self,
        run_id: &str,
        prefix: &Prefix,
        counted: &KeyCounts,
    ) -> Result<(), S3Error> {
        let record = Record::held(run_id, prefix, counted, SystemTime::now().into());
        self.write(&record, &Condition::Always).await
    }

    /// Whether naming that run confirms what was counted here below that prefix.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn confirmation(
        &self,
        named: &str,
        prefix: &Prefix,
        counted: &KeyCounts,
    ) -> Result<Confirmation, ConfirmError> {
        let bucket = self.bucket.name().clone();
        let reading = match self.bucket.read_state(&self.key).await {
            Ok(reading) => reading,
            Err(error) => return Err(ConfirmError::Unreadable { bucket, error }),
        };
        let Some(state) = reading.state else {
            return Err(ConfirmError::NoneHeld { bucket });
        };
        let record = match Record::read(&state.body) {
            Ok(record) => record,
            Err(error) => {
                let key = self.key.clone();
                return Err(ConfirmError::Stored { key, bucket, error });
            }
        };
        match record.objection(named, prefix, counted, self.what) {
            Some(objection) => Err(ConfirmError::Other { objection, bucket }),
            None => Ok(Confirmation {
                record,
                etag: state.etag,
            }),
        }
    }

    /// Uses a confirmation up: it is good for one run.
    ///
    /// # Errors
    /// Why it could not be used.
    pub async fn use_up(
        &self,
        confirmation: &Confirmation,
        run_id: &str,
    ) -> Result<(), ConfirmError> {
        let used = confirmation.record.confirmed(run_id);
        let condition = Condition::Replace(confirmation.etag.clone());
        let written = self.write(&used, &condition).await;
        written.map_err(|error| ConfirmError::NotUsedUp {
            bucket: self.bucket.name().clone(),
            error,
        })
    }

    async fn write(&self, record: &Record, condition: &Condition) -> Result<(), S3Error> {
        let json = record.to_json();
        let written = self.bucket.write_json(&self.key, json, condition);
        written.await.map(drop)
    }
}
