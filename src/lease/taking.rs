//! How a lease is taken: it is looked at, and written if nobody has it. Between the two there is time to note the
//! restore that its last holder has left behind, which nothing else may name.

use std::time::SystemTime;

use super::held::{Lease, LeaseObject, ROUNDS, Refusal};
use super::record::{Finding, Record};
use crate::failure::Failure;
use crate::model::{ETag, Timestamp};
use crate::plan::Run;
use crate::s3::{Cause, Condition, Operation, S3Error, Stop};

/// A lease that may be taken as it was found.
#[derive(Debug)]
pub struct Free {
    condition: Condition,
    /// The restore that its last holder may have left something of.
    pub restore: Option<String>,
}

impl LeaseObject {
    /// Takes the lease, if nobody has it but the run that it may be taken over from.
    ///
    /// # Errors
    /// The holder, or why S3 refused.
    pub async fn take(self, run: &Run, from: Option<&str>) -> Result<Lease, Refusal> {
        let mut round = 1;
        loop {
            let free = self.free(from).await?;
            match self.clone().take_free(run, None, free).await {
                Err(refusal) if refusal.is_of_a_faster_one() && round < ROUNDS => round += 1,
                taken => return taken,
            }
        }
    }

    /// Looks at the lease, which nobody has but the run that it may be taken over from.
    ///
    /// # Errors
    /// The holder, or why S3 refused.
    pub async fn free(&self, from: Option<&str>) -> Result<Free, Refusal> {
        let found = self.find(self.bucket.lease_time()).await?;
        let condition = match (found.finding, found.unread) {
            (Finding::Free(condition), _) => condition,
            (
                Finding::Held {
                    record: Some(record),
                    etag,
                    ..
                },
                None,
            ) if Some(record.run_id.as_str()) == from => Condition::Replace(etag),
            (Finding::Held { until, .. }, Some(unread)) => {
                return Err(Refusal::Held(self.held_unread(&unread, until)));
            }
            (Finding::Held { record, until, .. }, None) => {
                return Err(Refusal::Held(self.held_by(record.as_ref(), until)));
            }
        };
        Ok(Free {
            condition,
            restore: found.restore,
        })
    }

    /// The restore that the lease names, which may have something left, and whether somebody holds it.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn restore(&self) -> Result<Option<(String, bool)>, S3Error> {
        let found = self.find(self.bucket.lease_time()).await?;
        let is_held = matches!(found.finding, Finding::Held { .. });
        Ok(found.restore.map(|restore| (restore, is_held)))
    }

    /// Takes a lease that was free a moment ago, for a restore if one is named.
    ///
    /// # Errors
    /// Why S3 refused, as when somebody was faster.
    pub(super) async fn take_free(
        self,
        run: &Run,
        restore: Option<&str>,
        free: Free,
    ) -> Result<Lease, Refusal> {
        let lasts = self.bucket.lease_time();
        let record = Record::taken(run, fastrand::u64(..), SystemTime::now().into(), lasts);
        let record = record.of_restore(restore.map(str::to_owned));
        let written = self.bucket.fence().now();
        match self.write(&record, &free.condition).await {
            Ok(_) if self.bucket.fence().stop() == Some(Stop::NotVersioned) => {
                Err(self.bucket.not_versioned(&self.key).into())
            }
            Ok(etag) => Ok(Lease::new(self, record, etag, written)),
            Err(error) => {
                if error.cause.leaves_doubt() || error.cause == Cause::OutOfTime {
                    // It may have been written all the same, and would keep others out. What was left behind before
                    // it is noted by then, and nothing was begun.
                    let record = record.of_restore(None);
                    let unknown = ETag::new("");
                    Lease::new(self, record, unknown, written).release().await;
                }
                Err(error.into())
            }
        }
    }

    /// Until when a lease counts as held that cannot be read, why it cannot be, and what to do.
    fn held_unread(&self, error: &S3Error, until: Timestamp) -> Failure {
        let (key, bucket) = (&self.key, self.bucket.name());
        let message = format!("{key} of bucket {bucket} counts as held until {until}: {error}");
        let advice = format!("{}; a run after that time replaces it", error.advice());
        already_running(message, advice)
    }

    /// The holder of the lease, since when and until when, and what to do.
    fn held_by(&self, record: Option<&Record>, until: Timestamp) -> Failure {
        let (key, bucket) = (&self.key, self.bucket.name());
        let (message, advice) = match record {
            Some(record) => (
                format!(
                    "run {} ({}) has held {key} of bucket {bucket} since {} and holds it until {until} \
                     or, while it goes on, longer",
                    record.run_id, record.holder, record.taken_at
                ),
                "run again when it has ended, or after that time if it was killed",
            ),
            None => (
                format!(
                    "{key} of bucket {bucket} cannot be read by this version, and counts as held until \
                     {until}"
                ),
                "run again after that time",
            ),
        };
        already_running(message, advice.to_owned())
    }
}

fn already_running(message: String, advice: String) -> Failure {
    Failure {
        key: None,
        operation: Operation::PutObject.name(),
        code: Some("AlreadyRunning".to_owned()),
        message,
        advice,
        request_id: None,
    }
}
