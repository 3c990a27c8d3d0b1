//! A delete marker on top of an object's versions, all of which stay: the only call of the program
//! that takes anything from sight.
//!
//! It never names a version. In a bucket that keeps versions that can only add a marker, and the
//! permission that it needs, `s3:DeleteObject`, allows no more. Where versioning is suspended it would
//! destroy a version without an id; so versioning is looked at before, again after each answer that was
//! lost, and every reply has to name the version of the marker.

use super::blank_key;
use super::bucket::Bucket;
use super::condition::{Condition, is_refused};
use super::error::{Cause, Operation, S3Error};
use crate::model::{ETag, Key, VersionId};

/// Rounds of marking and looking.
const ROUNDS: u32 = 4;

impl Bucket {
    /// Marks an object of this bucket as deleted, if it still is the one with that `ETag`. If no answer
    /// comes, it is looked at before it is marked again: a second marker would do no harm, but would be
    /// one too many. The marker's version; none of one that was found.
    ///
    /// # Errors
    /// [`Cause::ChangedMeanwhile`] or [`Cause::Missing`] if it is another one or gone, otherwise why S3
    /// refused; a cause that [leaves doubt](Cause::leaves_doubt) when nobody knows.
    pub async fn mark_deleted(&self, key: &Key, seen: &ETag) -> Result<Option<VersionId>, S3Error> {
        let condition = Condition::Replace(seen.clone());
        let mut rounds = self.attempts(ROUNDS);
        loop {
            let error = match self.delete(key, &condition).await {
                Ok(marker) => return Ok(Some(marker)),
                Err(error) => error,
            };
            // The marker whose answer was lost hides what a second one would be bound to.
            let is_own = error.cause == Cause::Missing && rounds.number() > 1;
            if !error.cause.leaves_doubt() && !is_own {
                return Err(error);
            }
            if !self.still_keeps_versions().await? {
                return Err(S3Error::not_versioned(error.operation, &self.name).about(key));
            }
            match self.head(key).await? {
                None => return Ok(None),
                Some(_) if rounds.is_last() => return Err(error),
                Some(_) => {
                    tracing::debug!(%key, round = rounds.number(), %error, "marked once more");
                    rounds.next().await;
                }
            }
        }
    }

    async fn delete(&self, key: &Key, condition: &Condition) -> Result<VersionId, S3Error> {
        let condition = self.server.copies.usable(condition);
        let sent = self.send_delete(key, condition).await;
        if !is_refused(&sent, condition) {
            return sent;
        }
        let again = self.send_delete(key, &Condition::Always).await;
        self.server.copies.refused(&again);
        again
    }

    async fn send_delete(&self, key: &Key, condition: &Condition) -> Result<VersionId, S3Error> {
        let operation = Operation::DeleteObject;
        let _place = self.paces.copies.place().await;
        self.admit_write(operation).await?;
        let (_, if_match) = condition.headers();
        let placed = key.clone();
        let call = self
            .clients
            .unrepeatable
            .delete_object()
            .bucket(self.name.as_str())
            .key(blank_key::sendable(key))
            .set_if_match(if_match)
            .set_expected_bucket_owner(self.expected_owner())
            .customize()
            .mutate_request(move |request| blank_key::restore(request, &placed));
        let reply = self
            .send(operation, call.send())
            .await
            .map_err(|error| error.about(key))?;
        let version = self
            .version_of_write(operation, key, reply.version_id())
            .await
            .map_err(|error| error.about(key))?;
        if let Some(version) = version.filter(|_| reply.delete_marker() == Some(true)) {
            return Ok(version);
        }
        let message = "success was reported without a delete marker".to_owned();
        let error = S3Error::ours(operation, &self.name, Cause::Rejected, message);
        Err(error.about(key))
    }
}
