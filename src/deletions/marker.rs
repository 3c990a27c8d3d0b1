//! One object that is gone: it is looked at once more in the source, and then it is marked.
//!
//! A listing is old by the time that it is acted on. An object that is there again is left alone; so
//! is one of which S3 does not tell.

use crate::copy::{self, Failure, Outcome};
use crate::model::{Key, Placement};
use crate::s3::{Bucket, Cause, Operation, S3Error};

/// Marks what is gone, for one destination.
#[derive(Clone, Debug)]
pub struct Marker {
    /// Where it is gone from.
    pub source: Bucket,
    /// Where the markers go.
    pub destination: Bucket,
    /// Where in it.
    pub placement: Placement,
}

impl Marker {
    /// Marks the backup of a key, if the source has no such object. It never fails: what goes wrong is
    /// an outcome of that object.
    pub async fn mark(&self, key: &Key) -> Outcome {
        let work = self.look_and_mark(key);
        let marked = copy::guarded(Operation::DeleteObject, Some(key), work).await;
        marked.unwrap_or_else(|failure| Outcome::Failed { listed: 0, failure })
    }

    async fn look_and_mark(&self, key: &Key) -> Outcome {
        match self.source.head(key).await {
            Ok(Some(_)) => return Outcome::Kept,
            Ok(None) => {}
            Err(error) => return stopped_by(error),
        }
        let backup = self.placement.backup_key(key);
        match self.destination.mark_deleted(&backup).await {
            Ok(()) => Outcome::Marked,
            Err(error) => stopped_by(error.about(key)),
        }
    }
}

/// It was not found in the source, so there are no bytes to count.
fn stopped_by(error: S3Error) -> Outcome {
    match error.cause {
        Cause::OutOfTime => Outcome::GivenUp,
        _ => Outcome::Failed {
            listed: 0,
            failure: Failure::from(error),
        },
    }
}
