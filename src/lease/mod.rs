//! The leases of a run: one for each destination, so that no two runs of a job overlap.
//!
//! Two runs at once do no harm to what is stored, for each copy is bound to its source; they copy
//! twice. A lease is an object of the backup bucket that is written by a condition: who finds it
//! there, not given back and not older than it lasts, has to wait. It is renewed while the run goes
//! on and given back, not deleted, at its end: no permission to delete is needed. A run that was
//! killed leaves it behind, and it ends by itself.

mod held;
mod look;
mod record;
mod taking;

use std::convert::Infallible;

use futures::future;

pub use held::{LEASES_OF_TARGETS, LeaseObject, Refusal};
pub use look::{Holder, UnlockError};
#[cfg(any(test, fuzzing))]
pub use record::fuzz;
pub use taking::Free;

use held::Lease;

use crate::failure::Failure;
use crate::plan::{Run, RunPart};
use crate::s3::Stop;

/// The leases of a run, with the numbers of their destinations. A dry run or a plan has none: it writes
/// nothing.
#[derive(Debug, Default)]
pub struct Leases(Vec<(usize, Lease)>);

impl Leases {
    /// Takes the lease on the destination of that number in the plan, if nobody has it. A part of a distributed run
    /// shares the lease of the run, or takes it over.
    ///
    /// # Errors
    /// The holder, or why S3 refused.
    pub async fn take(
        &mut self,
        number: usize,
        object: LeaseObject,
        run: &Run,
        part: Option<&RunPart>,
    ) -> Result<(), Refusal> {
        let lease = if let Some(run_id) = part.and_then(RunPart::shares_lease_of) {
            object.share(run_id).await?
        } else {
            let from = part.and_then(RunPart::takes_lease_from);
            object.take(run, from).await?
        };
        self.0.push((number, lease));
        Ok(())
    }

    /// Takes a lease that lies elsewhere and was free a moment ago, for that restore.
    ///
    /// # Errors
    /// Why S3 refused, as when somebody was faster.
    pub async fn take_for_restore(
        &mut self,
        object: LeaseObject,
        run: &Run,
        restore: &str,
        free: Free,
    ) -> Result<(), Refusal> {
        let lease = object.take_free(run, Some(restore), free).await?;
        self.0.push((self.0.len(), lease));
        Ok(())
    }

    /// Nothing is left of the restore that they were taken for.
    pub fn have_nothing_left(&mut self) {
        for (_, lease) in &mut self.0 {
            lease.has_nothing_left();
        }
    }

    /// Renews the leases while the work goes on.
    pub async fn keep<T>(&mut self, work: impl Future<Output = T>) -> T {
        let renewals = async {
            future::join_all(self.0.iter_mut().map(|(_, lease)| lease.renew_until_lost())).await;
            // All are lost, and the work will notice.
            future::pending::<Infallible>().await
        };
        tokio::select! {
            biased;
            done = work => done,
            never = renewals => match never {},
        }
    }

    /// Leaves the leases to others of the same run. For each destination that nothing more was written to its number,
    /// and why.
    pub fn leave(self) -> Vec<(usize, Stop, Failure)> {
        let left = self.0.into_iter().filter_map(|(number, lease)| {
            let (stop, failure) = lease.leave()?;
            Some((number, stop, failure))
        });
        left.collect()
    }

    /// Gives the leases back. For each destination that nothing more was written to its number, and why.
    pub async fn release(self) -> Vec<(usize, Stop, Failure)> {
        let released = self.0.into_iter().map(|(number, lease)| async move {
            let stopped = lease.release().await;
            stopped.map(|(stop, failure)| (number, stop, failure))
        });
        let stops = future::join_all(released).await;
        stops.into_iter().flatten().collect()
    }
}
