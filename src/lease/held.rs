//! One lease, from the moment it is taken to the moment it is given back or lost.
//!
//! It is renewed three times in its time. A renewal that fails is tried again until a sixth of the
//! time is left: then the lease counts as lost although nobody may have taken it, for whoever comes
//! next has the right to. How long that is, is measured by this machine's steady clock from before
//! each write, so the holder always gives up before S3's clock lets others in. A machine that was
//! suspended has a clock that may have stood still: so writes to the bucket stand before its fence, which
//! asks other clocks too, and has the lease renewed before it lets them pass.

use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::record::{Finding, Record, judge, judge_unread, restore_of};
use crate::failure::Failure;
use crate::model::{ETag, Job, Key, Phase, Timestamp};
use crate::s3::{Bucket, Cause, Condition, Moment, Operation, S3Error, Stop};

/// Rounds of finding the lease as it is and writing it anew.
pub(super) const ROUNDS: u32 = 4;
/// How long giving back may take. A run near its deadline has no more time; a lease that is
/// not given back ends by itself.
const TO_RELEASE: Duration = Duration::from_secs(5);

/// Why a lease could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another run has it.
    Held(Failure),
    /// The run that is to share it has lost it, and gets it back no more.
    Lost(Failure),
    /// S3 did not let it be read or written.
    S3(S3Error),
}

impl Refusal {
    /// Whether another one has written the lease first.
    pub fn is_of_a_faster_one(&self) -> bool {
        matches!(self, Self::S3(error) if error.cause == Cause::ChangedMeanwhile)
    }
}

impl From<S3Error> for Refusal {
    fn from(error: S3Error) -> Self {
        Self::S3(error)
    }
}

/// Where a lease lies, and how it is written.
#[derive(Clone, Debug)]
pub struct LeaseObject {
    /// The backup bucket.
    pub bucket: Bucket,
    /// Its key.
    pub key: Key,
}

/// What the keys of the leases on the targets of restores begin with, below the job's prefix.
pub const LEASES_OF_TARGETS: &str = "restores/lease-";

impl LeaseObject {
    /// The lease of a job in this backup bucket.
    pub fn of(bucket: Bucket, job: &Job) -> Self {
        let key = job.key("lease.json");
        Self { bucket, key }
    }
}

/// A lease that a run has.
#[derive(Debug)]
pub struct Lease {
    object: LeaseObject,
    record: Record,
    etag: ETag,
    /// When it was last written, for certain not later than that.
    written: Moment,
    /// Why it is lost.
    loss: Option<Failure>,
    /// Whether others hold it for the same run, who may have renewed it.
    is_shared: bool,
}

/// Why a lease could not be written anew.
enum RenewalFailure {
    /// It is somebody else's now, or gone.
    Taken(Option<Record>),
    S3(S3Error),
}

/// A lease as it is now.
pub(super) struct Found {
    pub finding: Finding,
    /// The restore that its last holder may have left something of.
    pub restore: Option<String>,
    /// Why it cannot be read, if it cannot.
    pub unread: Option<S3Error>,
    /// When S3 answered, by its clock.
    pub at: Timestamp,
}

impl LeaseObject {
    /// Holds the lease of a run together with others who do. One that was renewed lately is held as it is, for
    /// many may begin at once.
    ///
    /// # Errors
    /// Another run has it, or S3 refused.
    pub async fn share(self, run_id: &str) -> Result<Lease, Refusal> {
        let mut round = 1;
        loop {
            let began = self.bucket.fence().now();
            let read = self.bucket.read_state(&self.key).await?;
            let found = read.state.as_ref();
            let record = found.and_then(|found| Record::read(&found.body));
            let (Some(found), Some(record)) = (found, record) else {
                return Err(Refusal::Lost(self.lost_by(run_id, None)));
            };
            if record.run_id != run_id || record.is_released() {
                return Err(Refusal::Lost(self.lost_by(run_id, Some(&record))));
            }
            let age = read.at.since(found.last_modified);
            if let Some(written) = renewed_lately(began, age, record.lasts()) {
                let etag = found.etag.clone();
                return Ok(Lease::new(self, record, etag, written).shared());
            }
            let condition = Condition::Replace(found.etag.clone());
            let record = record.renewed(SystemTime::now().into());
            match self.write(&record, &condition).await {
                Ok(etag) => return Ok(Lease::new(self, record, etag, began).shared()),
                Err(error) if error.cause == Cause::ChangedMeanwhile && round < ROUNDS => {
                    round += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn lost_by(&self, run_id: &str, found: Option<&Record>) -> Failure {
        let (key, bucket) = (&self.key, self.bucket.name());
        let why = match found {
            Some(found) if found.run_id == run_id => "it was given back".to_owned(),
            found => taken_by(found),
        };
        Failure {
            key: None,
            operation: Operation::GetObject.name(),
            code: Some("LeaseLost".to_owned()),
            message: format!("run {run_id} does not hold {key} of bucket {bucket} any more: {why}"),
            advice: "close the run, which tells what is missing, or run again with {}".to_owned(),
            request_id: None,
        }
    }

    /// The lease as it is now, and why it cannot be read, if it cannot.
    pub(super) async fn find(&self, lasts: Duration) -> Result<Found, S3Error> {
        match self.bucket.read_state(&self.key).await {
            Ok(reading) => Ok(Found {
                finding: judge(&reading, lasts),
                restore: restore_of(&reading),
                unread: None,
                at: reading.at,
            }),
            Err(error) if error.is_of_unreadable_content() => {
                let listed = self.bucket.list_one_state(&self.key).await?;
                tracing::warn!(key = %self.key, %error, advice = error.advice(), "the lease cannot be read");
                Ok(Found {
                    finding: judge_unread(&listed),
                    restore: None,
                    unread: Some(error),
                    at: listed.at,
                })
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn write(
        &self,
        record: &Record,
        condition: &Condition,
    ) -> Result<ETag, S3Error> {
        let written = self
            .bucket
            .write_json(&self.key, record.to_json(), condition);
        Ok(written.await?.etag)
    }
}

impl Lease {
    /// A lease that was taken, in a bucket that keeps versions.
    pub(super) fn new(object: LeaseObject, record: Record, etag: ETag, written: Moment) -> Self {
        let object = LeaseObject {
            bucket: object.bucket.in_phase(Phase::Lease),
            ..object
        };
        object.bucket.fence().renewed(written, may_write(&record));
        Self {
            object,
            record,
            etag,
            written,
            loss: None,
            is_shared: false,
        }
    }

    /// The same, which others hold too.
    fn shared(self) -> Self {
        Self {
            is_shared: true,
            ..self
        }
    }

    /// Nothing is left of the restore that it was taken for.
    pub fn has_nothing_left(&mut self) {
        self.record = self.record.clone().of_restore(None);
    }

    /// Leaves the lease to others of the same run. Why nothing more was written to the bucket, if it came to that.
    pub fn leave(self) -> Option<(Stop, Failure)> {
        match (self.object.bucket.fence().stop(), self.loss) {
            (_, Some(loss)) => Some((Stop::LeaseLost, loss)),
            (Some(Stop::NotVersioned), None) => {
                Some((Stop::NotVersioned, not_versioned(&self.object.bucket)))
            }
            (Some(Stop::LeaseLost) | None, None) => None,
        }
    }

    /// Renews the lease again and again, and at once if a write waits for it; ends when it is lost.
    pub async fn renew_until_lost(&mut self) {
        let lasts = self.record.lasts();
        let mut next = self.written.steady + lasts / 3;
        let mut last_moment = None;
        let mut trouble = "no answer in time".to_owned();
        loop {
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.object.bucket.fence().is_overdue() => {}
            }
            // This machine may have stood still, so that the first try comes too late. It has time all the same: nothing
            // is written meanwhile, and S3 tells whether somebody else has it.
            let of_the_first_try = || {
                let in_time = self.written.steady + may_write(&self.record);
                in_time.max(Instant::now() + lasts / 6)
            };
            let until = *last_moment.get_or_insert_with(of_the_first_try);
            let record = self.record.renewed(SystemTime::now().into());
            match timeout_at(until, self.rewrite(record)).await {
                Ok(Ok(())) => {
                    next = self.written.steady + lasts / 3;
                    last_moment = None;
                }
                Ok(Err(RenewalFailure::Taken(by))) => return self.lose(&taken_by(by.as_ref())),
                Ok(Err(RenewalFailure::S3(error))) => {
                    trouble = error.to_string();
                    tracing::warn!(key = %self.object.key, %error, "the lease is not renewed yet");
                    next = Instant::now() + lasts / 36;
                }
                Err(_) => return self.lose(&format!("it could not be renewed: {trouble}")),
            }
        }
    }

    /// Gives the lease back. Why nothing more was written to the bucket, if it came to that.
    pub async fn release(mut self) -> Option<(Stop, Failure)> {
        if self.loss.is_none() {
            self.give_back().await;
        }
        self.leave()
    }

    async fn give_back(&mut self) {
        let record = self.record.released(SystemTime::now().into());
        match timeout(TO_RELEASE, self.rewrite(record)).await {
            Ok(Ok(())) => {}
            Ok(Err(RenewalFailure::Taken(by))) => self.lose(&taken_by(by.as_ref())),
            Ok(Err(RenewalFailure::S3(error))) => self.stays(&error.to_string()),
            Err(_) => self.stays("no answer in time"),
        }
    }

    /// Writes the lease anew over what was written last. A write that was given up may have been
    /// carried out all the same: then what is found is this lease, and is replaced as well.
    async fn rewrite(&mut self, record: Record) -> Result<(), RenewalFailure> {
        let mut round = 1;
        loop {
            let written = self.object.bucket.fence().now();
            let condition = Condition::Replace(self.etag.clone());
            let error = match self.object.write(&record, &condition).await {
                Ok(etag) => {
                    self.object
                        .bucket
                        .fence()
                        .renewed(written, may_write(&record));
                    (self.record, self.etag, self.written) = (record, etag, written);
                    return Ok(());
                }
                Err(error) if error.cause == Cause::ChangedMeanwhile => error,
                Err(error) => return Err(RenewalFailure::S3(error)),
            };
            let read = self.object.bucket.read_state(&self.object.key).await;
            let read = read.map_err(RenewalFailure::S3)?;
            let Some(state) = read.state else {
                return Err(RenewalFailure::Taken(None));
            };
            let age = read.at.since(state.last_modified);
            let lately = renewed_lately(written, age, record.lasts());
            match (Record::read(&state.body), lately) {
                // Whoever has closed the run has given it back.
                (Some(found), _) if found.is_released() && !record.is_released() => {
                    return Err(RenewalFailure::Taken(Some(found)));
                }
                (Some(found), Some(renewed)) if self.is_shared && found.is_same_lease(&record) => {
                    let fence = self.object.bucket.fence();
                    fence.renewed(renewed, may_write(&found));
                    (self.record, self.etag, self.written) = (found, state.etag, renewed);
                    return Ok(());
                }
                (Some(found), _) if found.is_same_lease(&record) && round < ROUNDS => {
                    self.etag = state.etag;
                    round += 1;
                }
                (Some(found), _) if found.is_same_lease(&record) => {
                    return Err(RenewalFailure::S3(error));
                }
                (by, _) => return Err(RenewalFailure::Taken(by)),
            }
        }
    }

    fn lose(&mut self, why: &str) {
        let name = self.object.bucket.name();
        let failure = Failure {
            key: None,
            operation: Operation::PutObject.name(),
            code: Some("LeaseLost".to_owned()),
            message: format!("the run has lost its lease on bucket {name}: {why}"),
            advice: "run again when no other run is under way; what was copied stays".to_owned(),
            request_id: None,
        };
        self.loss = Some(failure);
        self.object.bucket.fence().close(Stop::LeaseLost);
    }

    fn stays(&self, why: &str) {
        let key = &self.object.key;
        tracing::warn!(%key, why, "the lease could not be given back; it ends by itself");
    }
}

/// When a lease of that age was written, for certain not later than that; none if it is time to renew it.
/// S3 tells dates in whole seconds.
fn renewed_lately(now: Moment, age: Duration, lasts: Duration) -> Option<Moment> {
    let age = age + Duration::from_secs(1);
    (age < lasts / 3).then(|| now.earlier(age)).flatten()
}

/// How long after a lease was written its holder may write: a sixth of its time is left by then.
fn may_write(record: &Record) -> Duration {
    record.lasts() * 5 / 6
}

fn not_versioned(bucket: &Bucket) -> Failure {
    let name = bucket.name();
    Failure {
        key: None,
        operation: Operation::GetBucketVersioning.name(),
        code: Some("NotVersioned".to_owned()),
        message: format!("bucket {name} keeps no versions any more: nothing more is written to it"),
        advice:
            "enable versioning with s3api put-bucket-versioning, then continue the run or run again"
                .to_owned(),
        request_id: None,
    }
}

fn taken_by(record: Option<&Record>) -> String {
    match record {
        Some(Record { run_id, holder, .. }) => format!("run {run_id} ({holder}) has taken it over"),
        None => "it was removed or written over".to_owned(),
    }
}
