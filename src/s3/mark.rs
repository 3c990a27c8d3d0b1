//! A delete marker on top of an object's versions, all of which stay: the only call of the program
//! that takes anything from sight.
//!
//! It never names a version. Of a bucket that keeps versions that can only add a marker, and the
//! permission that it needs, `s3:DeleteObject`, allows no more.

use super::blank;
use super::bucket::Bucket;
use super::error::{Cause, Operation, S3Error};
use crate::model::Key;

/// Rounds of marking and looking.
const ROUNDS: u32 = 4;

impl Bucket {
    /// Marks an object of this bucket as deleted. If no answer comes, it is looked at before it is
    /// marked again: a second marker would do no harm, but would be one too many.
    ///
    /// # Errors
    /// Why S3 refused; a cause that [leaves doubt](Cause::leaves_doubt) when nobody knows.
    pub async fn mark_deleted(&self, key: &Key) -> Result<(), S3Error> {
        let mut round = 1;
        loop {
            let error = match self.delete(key).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if !error.cause.leaves_doubt() {
                return Err(error);
            }
            match self.head(key).await? {
                None => return Ok(()),
                Some(_) if round == ROUNDS => return Err(error),
                Some(_) => {
                    tracing::debug!(%key, round, %error, "marked once more");
                    self.back_off(round).await;
                    round += 1;
                }
            }
        }
    }

    async fn delete(&self, key: &Key) -> Result<(), S3Error> {
        let operation = Operation::DeleteObject;
        let _place = self.paces.copies.place().await;
        let placed = key.clone();
        let call = self
            .clients
            .unrepeatable
            .delete_object()
            .bucket(self.name.as_str())
            .key(blank::sendable(key))
            .set_expected_bucket_owner(self.owner.clone())
            .customize()
            .mutate_request(move |request| blank::restore(request, &placed));
        let reply = self
            .send(operation, call.send())
            .await
            .map_err(|error| error.about(key))?;
        if reply.delete_marker() == Some(true) {
            return Ok(());
        }
        let message =
            "success was reported without a delete marker; does the bucket still keep versions?";
        let error = S3Error::ours(operation, &self.name, Cause::Rejected, message.to_owned());
        Err(error.about(key))
    }
}
