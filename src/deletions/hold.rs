//! `held.json` in a backup bucket: written when a run is held, read and used up when it is confirmed.

use std::time::SystemTime;

use super::record::Record;
use crate::model::{ETag, Key, KeyCounts, Prefix};
use crate::s3::{Bucket, Cause, Condition, Operation, PutBody, S3Error};

/// Where it lies, and how it is written.
#[derive(Clone, Debug)]
pub struct StateFile {
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
    /// Why it does not, in words.
    pub async fn confirmation(
        &self,
        named: &str,
        prefix: &Prefix,
        counted: &KeyCounts,
    ) -> Result<Confirmation, String> {
        let (key, name) = (&self.key, self.bucket.name());
        let reading = self.bucket.read_state(key).await.map_err(|error| {
            let advice = error.advice();
            format!("what was held cannot be read from bucket {name}: {error}; {advice}")
        })?;
        let Some(state) = reading.state else {
            return Err(format!("no run of this job was held in bucket {name}"));
        };
        let record = Record::read(&state.body)
            .map_err(|problem| format!("{key} of bucket {name} {problem}"))?;
        match record.objection(named, prefix, counted, self.what) {
            Some(objection) => Err(format!("{objection} (bucket {name})")),
            None => Ok(Confirmation {
                record,
                etag: state.etag,
            }),
        }
    }

    /// Uses a confirmation up: it is good for one run.
    ///
    /// # Errors
    /// Why it could not be used, in words.
    pub async fn use_up(&self, confirmation: &Confirmation, run_id: &str) -> Result<(), String> {
        let used = confirmation.record.confirmed(run_id);
        let condition = Condition::Replace(confirmation.etag.clone());
        let written = self.write(&used, &condition).await;
        written.map_err(|error| {
            let (name, advice) = (self.bucket.name(), error.advice());
            format!("the confirmation cannot be used up in bucket {name}: {error}; {advice}")
        })
    }

    async fn write(&self, record: &Record, condition: &Condition) -> Result<(), S3Error> {
        let body = record.to_json().map_err(|error| {
            let (operation, cause) = (Operation::PutObject, Cause::NotSent);
            S3Error::ours(operation, self.bucket.name(), cause, error.to_string()).about(&self.key)
        })?;
        let contents = PutBody {
            body: &body,
            content_type: "application/json",
        };
        let written = self.bucket.write_state(&self.key, contents, condition);
        written.await.map(|_| ())
    }
}
