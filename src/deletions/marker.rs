//! One object that is gone: it is looked at once more in the source, and then it is marked.
//!
//! A listing is old by the time that it is acted on. An object that is there again is left alone; so
//! is one of which S3 does not tell.

use tokio::time::timeout_at;

use crate::copy::{Failure, Outcome};
use crate::model::{Deadline, Key, Placement};
use crate::s3::{Bucket, S3Error};

/// Marks what is gone, for one destination.
#[derive(Clone, Debug)]
pub struct Marker {
    /// Where it is gone from.
    pub source: Bucket,
    /// Where the markers go.
    pub destination: Bucket,
    /// Where in it.
    pub placement: Placement,
    /// When the run has to stop.
    pub deadline: Option<Deadline>,
}

impl Marker {
    /// Marks the backup of a key, if the source has no such object. It never fails: what goes wrong is
    /// an outcome of that object.
    pub async fn mark(&self, key: &Key) -> Outcome {
        let work = self.look_and_mark(key);
        match self.deadline {
            Some(deadline) => timeout_at(deadline.give_up_at.into(), work)
                .await
                .unwrap_or(Outcome::GivenUp),
            None => work.await,
        }
    }

    async fn look_and_mark(&self, key: &Key) -> Outcome {
        match self.source.head(key).await {
            Ok(Some(_)) => return Outcome::Kept,
            Ok(None) => {}
            Err(error) => return failed(error),
        }
        let backup = self.placement.backup_key(key);
        match self.destination.mark_deleted(&backup).await {
            Ok(()) => Outcome::Marked,
            Err(error) => failed(error.about(key)),
        }
    }
}

/// It was not found in the source, so there are no bytes to count.
fn failed(error: S3Error) -> Outcome {
    Outcome::Failed {
        listed: 0,
        failure: Failure::from(error),
    }
}
