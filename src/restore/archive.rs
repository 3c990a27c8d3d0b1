//! Archived versions: asked for once, and never waited for within a call.

use std::time::Duration;

use super::manner::Manner;
use super::rows::Origin;
use crate::model::{ObjectRef, StorageClass, ThawState, Timestamp, hours};
use crate::s3::{Bucket, S3Error};

const HOUR: Duration = Duration::from_hours(1);

/// Whether a version can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readable {
    /// It can.
    Now,
    /// It can from then on at the latest.
    At(Timestamp),
}

/// Looks whether a version can be read, and asks for it if nobody has: what is thawed or under way is not
/// asked for again, which would have its price.
pub async fn ask(bucket: &Bucket, origin: &Origin, manner: &Manner) -> Result<Readable, S3Error> {
    let mut class = StorageClass::new(Some(&origin.class));
    let version = origin.version();
    let state = bucket.thaw_state(&origin.key, version.as_ref()).await?;
    let tier = match state {
        ThawState::NotArchived | ThawState::Thawed { .. } => return Ok(Readable::Now),
        ThawState::UnderWay => manner.tier,
        ThawState::Frozen => {
            if !class.is_archive() {
                // The lifecycle has moved it since.
                let object = ObjectRef {
                    key: &origin.key,
                    version: version.as_ref(),
                };
                class = bucket
                    .inspect(object)
                    .await?
                    .properties
                    .object
                    .storage_class;
            }
            let asked = bucket.thaw(
                &origin.key,
                version.as_ref(),
                &class,
                manner.tier,
                manner.days,
            );
            let answer = asked.await?;
            if matches!(
                answer.state,
                ThawState::Thawed { .. } | ThawState::NotArchived
            ) {
                return Ok(Readable::Now);
            }
            answer.tier
        }
    };
    // A class that has no such tier was asked for by somebody else, in another one.
    let slowest = hours(&class, tier).unwrap_or(48);
    Ok(Readable::At(manner.now.plus(HOUR * slowest)))
}
