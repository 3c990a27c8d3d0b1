//! The leases of a run: one for each destination, so that no two runs of a job overlap.
//!
//! Two runs at once do no harm to what is stored, for each copy is bound to its source; they copy
//! twice. A lease is an object of the backup bucket that is written by a condition: who finds it
//! there, not given back and not older than it lasts, has to wait. It is renewed while the run goes
//! on and given back, not deleted, at its end: no permission to delete is needed. A run that was
//! killed leaves it behind, and it ends by itself.

mod held;
mod record;

use std::convert::Infallible;

use futures::future;
use tokio::sync::watch;

pub use held::Refusal;

use held::{Lease, Place};

use crate::copy::Failure;
use crate::plan::{Intent, Plan};
use crate::s3::Bucket;

/// The leases of a run, in the order of its destinations. A dry run or a plan has none: it writes
/// nothing.
#[derive(Debug)]
pub struct Leases(Vec<Lease>);

/// Hears of it when a destination's lease is lost.
#[derive(Clone, Debug)]
pub struct Loss(Option<watch::Receiver<bool>>);

impl Leases {
    /// Takes the leases on these destinations, all or none.
    ///
    /// # Errors
    /// Who has one of them, or why S3 refused.
    pub async fn take(plan: &Plan, destinations: &[Bucket]) -> Result<Self, Refusal> {
        let mut taken = Self(Vec::new());
        let wanted = match plan.intent {
            Intent::Copy => plan.legs.as_slice(),
            Intent::DryRun | Intent::Plan => &[],
        };
        for (leg, bucket) in wanted.iter().zip(destinations) {
            let place = Place {
                bucket: bucket.clone(),
                key: leg.job.key("lease.json"),
                kms_key: plan.scope.copies.kms_key.clone(),
            };
            match place.take(&plan.run).await {
                Ok(lease) => taken.0.push(lease),
                Err(refusal) => {
                    taken.release().await;
                    return Err(refusal);
                }
            }
        }
        Ok(taken)
    }

    /// Hears of it when the lease on the destination of that number is lost.
    pub fn loss(&self, number: usize) -> Loss {
        Loss(self.0.get(number).map(Lease::loss))
    }

    /// Renews the leases while the work goes on.
    pub async fn keep<T>(&mut self, work: impl Future<Output = T>) -> T {
        let renewals = async {
            future::join_all(self.0.iter_mut().map(Lease::renew_until_lost)).await;
            // All are lost, and the work will notice.
            future::pending::<Infallible>().await
        };
        tokio::select! {
            biased;
            done = work => done,
            never = renewals => match never {},
        }
    }

    /// Gives the leases back. For each that was lost the number of its destination, and how.
    pub async fn release(self) -> Vec<(usize, Failure)> {
        let losses = future::join_all(self.0.into_iter().map(Lease::release)).await;
        let numbered = losses.into_iter().enumerate();
        numbered
            .filter_map(|(number, loss)| Some((number, loss?)))
            .collect()
    }
}

impl Loss {
    /// Waits until the lease is lost; for ever if it is not.
    pub async fn happens(self) {
        if let Some(mut lost) = self.0
            && lost.wait_for(|lost| *lost).await.is_ok()
        {
            return;
        }
        future::pending::<()>().await;
    }
}
