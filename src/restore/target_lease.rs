//! The lease of a target: one restore writes there at a time. It names the restore, so that one which was killed is
//! found.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;

use super::session::Session;
use super::{Call, refused, unfinished};
use crate::failure::Failure;
use crate::lease::{LeaseObject, Leases, Refusal};
use crate::model::Key;
use crate::request::RestoreId;
use crate::run::{RunResult, StartError};
use crate::s3::{Operation, Stop};

/// Rounds of finding the lease of a target and writing it.
const ROUNDS: u32 = 4;

/// The lease of a target, and what it is taken for.
pub struct TargetLease {
    /// Its key in the backup bucket.
    pub key: Key,
    /// Whose it is.
    pub bucket: String,
    /// The restore.
    pub restore: RestoreId,
    /// Whether that may have something left.
    pub is_left: Arc<AtomicBool>,
}

impl Session<'_> {
    /// The lease of the target.
    pub fn lease(&self) -> TargetLease {
        let bucket = self.request.target.bucket.clone();
        TargetLease {
            key: self.call.source.shelf.lease(&bucket),
            bucket,
            restore: self.store.id().clone(),
            is_left: self.store.is_left(),
        }
    }
}

impl Call<'_> {
    /// Takes the lease of a target, and notes the restore that was left behind in it.
    async fn take(&self, target: &TargetLease) -> Result<Leases, StartError> {
        let object = LeaseObject {
            bucket: self.source.bucket.clone(),
            key: target.key.clone(),
        };
        let mut leases = Leases::default();
        let mut round = 1;
        loop {
            let free = object.free(None).await.map_err(held_by)?;
            let noted = unfinished::note_left_behind(&self.source.shelf, &free, &target.restore);
            noted.await.map_err(refused)?;
            let id = target.restore.as_str();
            let taken = leases.take_for_restore(object.clone(), &self.run, id, free);
            match taken.await {
                Ok(()) => return Ok(leases),
                Err(refusal) if refusal.is_of_a_faster_one() && round < ROUNDS => round += 1,
                Err(refusal) => return Err(held_by(refusal)),
            }
        }
    }

    /// Does the work while the lease of its target is held.
    pub(super) async fn under_lease(
        &self,
        target: &TargetLease,
        work: impl Future<Output = Result<RunResult, StartError>>,
    ) -> Result<RunResult, StartError> {
        let mut leases = self.take(target).await?;
        // Whatever happens in it, the lease does not keep the next call out.
        let ended = AssertUnwindSafe(leases.keep(work)).catch_unwind().await;
        if !target.is_left.load(Ordering::Relaxed) {
            leases.have_nothing_left();
        }
        let stops = leases.release().await;
        let ended = ended.unwrap_or_else(|panic| resume_unwind(panic))?;
        let report = stops
            .into_iter()
            .fold(ended.report, |report, (_, stop, failure)| {
                let failure = match stop {
                    Stop::LeaseLost => failure,
                    Stop::NotVersioned => not_versioned(&target.bucket),
                };
                report.stopped(0, stop, failure)
            });
        Ok(RunResult {
            report,
            cursor: ended.cursor,
        })
    }
}

fn held_by(refusal: Refusal) -> StartError {
    match refusal {
        Refusal::Held(failure) => StartError::AlreadyRunning {
            problem: format!("{}; {}", failure.message, failure.advice),
        },
        Refusal::Lost(failure) => StartError::Destination {
            problem: format!("{}; {}", failure.message, failure.advice),
        },
        Refusal::S3(error) => StartError::destination(&error),
    }
}

fn not_versioned(target: &str) -> Failure {
    Failure {
        key: None,
        operation: Operation::GetBucketVersioning.name(),
        code: Some("NotVersioned".to_owned()),
        message: format!(
            "bucket {target} keeps no versions any more: nothing more is written to it"
        ),
        advice: "enable versioning with s3api put-bucket-versioning, then continue the restore"
            .to_owned(),
        request_id: None,
    }
}
