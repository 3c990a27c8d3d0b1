//! A lease as others see it: who holds it, since when, and how it is given back for a holder that is gone.

use std::time::{Duration, SystemTime};

use super::held::LeaseObject;
use super::record::{Finding, Record};
use crate::model::{ETag, Timestamp};
use crate::plan::Run;
use crate::s3::{Cause, Condition, S3Error};

/// The holder of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The run; none if the lease cannot be read.
    pub run_id: Option<String>,
    /// Where it goes on: a function or a process.
    pub process: Option<String>,
    /// When it took the lease, by its own clock.
    pub since: Option<Timestamp>,
    /// When the lease ends unless it is renewed, by S3's clock.
    pub until: Timestamp,
    /// The lease as it was seen, to give back this one and no other.
    etag: ETag,
}

/// A lease, and when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    /// Its holder; none if nobody holds it.
    pub holder: Option<Holder>,
    /// When S3 answered, by its clock.
    pub at: Timestamp,
}

/// Why a lease was not given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnlockError {
    /// It was written since it was looked at, so its holder is alive.
    Renewed,
    /// S3 did not let it be written.
    S3(S3Error),
}

impl LeaseObject {
    /// Looks at the lease. Nothing is written.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn look(&self) -> Result<LeaseView, S3Error> {
        let found = self.find(self.bucket.lease_time()).await?;
        let holder = match found.finding {
            Finding::Free(_) => None,
            Finding::Held {
                record,
                until,
                etag,
            } => Some(Holder {
                run_id: record.as_ref().map(|record| record.run_id.clone()),
                process: record.as_ref().map(|record| record.holder.clone()),
                since: record.as_ref().map(|record| record.taken_at),
                until,
                etag,
            }),
        };
        Ok(LeaseView {
            holder,
            at: found.at,
        })
    }

    /// Gives the lease back for a holder that is gone. One that is alive notices: what is written is a lease of
    /// another run.
    ///
    /// # Errors
    /// When it was renewed since it was looked at, or why S3 refused.
    pub async fn unlock(&self, holder: &Holder, by: &Run) -> Result<(), UnlockError> {
        let now = SystemTime::now().into();
        let lasts = Duration::from_secs(1);
        let record = Record::taken(by, fastrand::u64(..), now, lasts).released(now);
        let condition = Condition::Replace(holder.etag.clone());
        match self.write(&record, &condition).await {
            Ok(_) => Ok(()),
            Err(error) if error.cause == Cause::ChangedMeanwhile => Err(UnlockError::Renewed),
            Err(error) => Err(UnlockError::S3(error)),
        }
    }
}
