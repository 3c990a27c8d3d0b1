//! The register of jobs in a backup bucket, `.s3-backup/jobs.json`: it finds jobs that would write over each
//! other, before the first copy.
//!
//! The job that was registered first keeps its place; a later one that overlaps it is refused. The register
//! is written by a condition, so that of two new jobs one is the first. A register that cannot be read or
//! written is named and left as it is. It stops no backup: a missed backup is worse than an overlap, which
//! destroys no version. But nothing is marked then.

mod error;
mod jobs;

use std::time::{Duration, SystemTime};

use tokio::time::timeout;

pub use error::RegisterError;

use error::RegisterReason;
use jobs::{JobEntry, Jobs};

use crate::failure::Failure;
use crate::model::{ETag, Job, Key, SharedError};
use crate::s3::{Bucket, Cause, Condition, Operation, PutBody};

/// Rounds of reading and writing, where other jobs register at the same time.
const ROUNDS: u32 = 4;
/// How long the register may keep a run waiting, once to be read and once to be written.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// The most bytes that are read of it: some five thousand jobs.
const MOST_BYTES: usize = 1 << 20;

/// The register of a bucket, as it was read.
#[derive(Clone, Debug)]
pub struct Register {
    jobs: Jobs,
    /// None if there is no register yet.
    etag: Option<ETag>,
}

/// Why a job is not registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRegistered {
    /// It overlaps a job that was registered before.
    Overlap(Box<Failure>),
    /// The register cannot be used, for this reason.
    Problem(RegisterError),
}

impl From<RegisterError> for NotRegistered {
    fn from(problem: RegisterError) -> Self {
        Self::Problem(problem)
    }
}

fn key() -> Key {
    Job::register_key()
}

fn unusable(bucket: &Bucket, reason: RegisterReason) -> RegisterError {
    RegisterError {
        bucket: bucket.name().clone(),
        reason,
    }
}

impl Register {
    /// Reads the register of a bucket.
    ///
    /// # Errors
    /// Why it cannot be used, and what to do.
    pub async fn read(bucket: &Bucket) -> Result<Self, RegisterError> {
        let key = key();
        let read = timeout(TIME_LIMIT, bucket.read_state(&key)).await;
        let read = read.map_err(|_| unusable(bucket, RegisterReason::ReadTooSlow))?;
        let read = read.map_err(|error| unusable(bucket, RegisterReason::Unreadable(error)))?;
        let Some(state) = read.state else {
            return Ok(Self {
                jobs: Jobs::default(),
                etag: None,
            });
        };
        if state.size > MOST_BYTES as u64 {
            let bytes = state.size;
            return Err(unusable(bucket, RegisterReason::TooLarge { bytes }));
        }
        let jobs = Jobs::read(&state.body);
        let jobs = jobs.map_err(|error| unusable(bucket, error.into()))?;
        let etag = Some(state.etag);
        Ok(Self { jobs, etag })
    }

    /// The error of a job that overlaps one that was registered before.
    pub fn overlap(&self, bucket: &Bucket, job: &Job) -> Option<Failure> {
        let entry = JobEntry::of(job, None, SystemTime::now().into());
        let other = self.jobs.overlapping(&entry)?;
        let told = |entry: &JobEntry| {
            format!(
                "{:?} (source {}, backups below {:?})",
                entry.job,
                entry.source,
                entry.area()
            )
        };
        let (key, name) = (key(), bucket.name());
        Some(Failure {
            key: None,
            operation: Operation::GetObject.name(),
            code: Some("OverlappingJob".to_owned()),
            message: format!(
                "job {} would write over the backups of job {} in bucket {name}, which was registered at {}",
                told(&entry),
                told(other),
                other.since
            ),
            advice: format!(
                "set another BACKUP_DESTINATION_PREFIX or DESTINATION_BUCKET for this job; if job {:?} is retired, \
                 remove its entry from {key}",
                other.job
            ),
            request_id: None,
        })
    }

    /// The jobs that have a name in metrics, and those names; none for an entry that somebody has changed.
    pub fn named_jobs(&self) -> Vec<(String, Option<Job>)> {
        let named = self.jobs.named();
        named
            .map(|(name, entry)| (name.to_owned(), entry.job()))
            .collect()
    }

    /// Registers a job by its name in metrics, unless it is registered. Others may do so at the same time: one is the
    /// first.
    ///
    /// # Errors
    /// Why it is not registered.
    pub async fn add(
        self,
        bucket: &Bucket,
        job: &Job,
        job_name: Option<&str>,
    ) -> Result<(), NotRegistered> {
        if self.jobs.has(job, job_name) {
            return Ok(());
        }
        let added = timeout(TIME_LIMIT, self.write(bucket, job, job_name)).await;
        added.unwrap_or_else(|_| Err(unusable(bucket, RegisterReason::WriteTooSlow).into()))
    }

    async fn write(
        mut self,
        bucket: &Bucket,
        job: &Job,
        job_name: Option<&str>,
    ) -> Result<(), NotRegistered> {
        let mut round = 1;
        loop {
            if let Some(overlap) = self.overlap(bucket, job) {
                return Err(NotRegistered::Overlap(Box::new(overlap)));
            }
            if self.jobs.has(job, job_name) {
                return Ok(());
            }
            let entry = JobEntry::of(job, job_name, SystemTime::now().into());
            let body = self.jobs.with(entry).to_json();
            let body = body.map_err(|error| {
                let error = SharedError::new(error);
                unusable(bucket, RegisterReason::Unmade(error))
            })?;
            if body.len() > MOST_BYTES {
                return Err(unusable(bucket, RegisterReason::NoRoom).into());
            }
            let body = PutBody::json(&body);
            let condition = self.etag.map_or(Condition::Create, Condition::Replace);
            match bucket.write_state(&key(), body, &condition).await {
                Ok(_) => return Ok(()),
                Err(error) if error.cause == Cause::ChangedMeanwhile && round < ROUNDS => {
                    round += 1;
                    self = Self::read(bucket).await?;
                }
                Err(error) => {
                    return Err(unusable(bucket, RegisterReason::Unwritable(error)).into());
                }
            }
        }
    }
}
