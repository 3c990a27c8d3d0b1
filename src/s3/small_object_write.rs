//! The program's own small objects in a backup bucket, written under a condition.
//!
//! Writes go by the client that sends nothing again while in doubt. Sent again, a conditional write
//! whose answer was lost is refused because of itself, and the refusal looks like a stranger's
//! write. Here the answer is looked for instead: what lies there is compared with what was written,
//! byte for byte, so contents that must not be mistaken for another writer's have to differ.
//!
//! Some servers that speak S3 refuse conditions, take no notice of them, or answer 412 although the `ETag`
//! that was asked for is there. There the object is read before it is written and once more after it. Only
//! a writer that comes between is not noticed, until it or the other one writes again.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::StorageClass;

use super::bucket::Bucket;
use super::condition::{Condition, ConditionSupport, is_refused};
use super::error::{Cause, Operation, S3Error};
use super::small_object::{PutBody, SmallObject};
use super::write::CopyReply;
use crate::model::{ETag, Key};

/// Rounds of writing and looking.
const ROUNDS: u32 = 4;
/// So many refusals of a condition that holds prove that the server does not know what it says.
const WRONG_REFUSALS: u32 = 2;

/// What a conditional write has come to.
enum Sent {
    Written(CopyReply),
    Failed(S3Error),
    /// The server refuses conditions, or those that hold.
    WithoutCondition(ConditionSupport, S3Error),
}

impl Bucket {
    /// Writes an object of the program's own in JSON, if it could be serialised.
    ///
    /// # Errors
    /// As those of [`Bucket::write_state`]; [`Cause::NotSent`] if it could not.
    pub async fn write_json(
        &self,
        key: &Key,
        json: Result<Vec<u8>, serde_json::Error>,
        condition: &Condition,
    ) -> Result<CopyReply, S3Error> {
        let body = self.serialised(key, json)?;
        self.write_state(key, PutBody::json(&body), condition).await
    }

    /// The bytes of an object of the program's own.
    ///
    /// # Errors
    /// [`Cause::NotSent`] if it could not be serialised.
    pub fn serialised(
        &self,
        key: &Key,
        json: Result<Vec<u8>, serde_json::Error>,
    ) -> Result<Vec<u8>, S3Error> {
        json.map_err(|error| {
            let (operation, cause) = (Operation::PutObject, Cause::NotSent);
            S3Error::caused(operation, &self.name, cause, error).about(key)
        })
    }

    /// Writes an object of the program's own. If the reply shows that the bucket keeps no versions any
    /// more, the fence of the bucket is closed.
    ///
    /// # Errors
    /// [`Cause::ChangedMeanwhile`] if the condition does not hold, otherwise why S3 refused; a cause
    /// that [leaves doubt](Cause::leaves_doubt) when it may have been written all the same.
    pub async fn write_state(
        &self,
        key: &Key,
        contents: PutBody<'_>,
        condition: &Condition,
    ) -> Result<CopyReply, S3Error> {
        let support = &self.server.own_objects;
        if support.read() != ConditionSupport::Obeys {
            return self.write_between_reads(key, contents, condition).await;
        }
        match self.write_bound(key, contents, condition).await {
            Sent::Written(written) => Ok(written),
            Sent::Failed(error) => Err(error),
            Sent::WithoutCondition(found, error) => {
                tracing::debug!(%key, %error, ?found, "written without its condition");
                let written = self.write_between_reads(key, contents, condition).await;
                if written.is_ok() {
                    support.learn(found);
                }
                written
            }
        }
    }

    /// Writes, and looks what is there if that failed or nobody knows whether it did.
    async fn write_bound(&self, key: &Key, contents: PutBody<'_>, condition: &Condition) -> Sent {
        let mut wrong_refusals = 0;
        let mut rounds = self.attempts(ROUNDS);
        loop {
            let sent = self.put(key, contents, condition).await;
            let is_refused = is_refused(&sent, condition);
            let error = match sent {
                Ok(written) => return Sent::Written(written),
                Err(error) if is_refused => {
                    return Sent::WithoutCondition(ConditionSupport::Refuses, error);
                }
                Err(error) => error,
            };
            let in_doubt = error.cause.leaves_doubt();
            // A refusal is in doubt too: S3 may have written at first and failed to say so.
            if !in_doubt && error.cause != Cause::ChangedMeanwhile {
                return Sent::Failed(error);
            }
            let size = contents.body.len() as u64;
            let found = match self.read_state_up_to(key, size).await {
                Ok(reading) => reading.state,
                Err(_) => return Sent::Failed(error),
            };
            if let Some(written) = found.as_ref().and_then(|found| own(found, contents)) {
                return Sent::Written(written);
            }
            if !in_doubt && condition.holds(found.as_ref().map(|found| &found.etag)) {
                wrong_refusals += 1;
                if wrong_refusals == WRONG_REFUSALS {
                    return Sent::WithoutCondition(ConditionSupport::NeverMet, error);
                }
            } else if !in_doubt || rounds.is_last() {
                return Sent::Failed(error);
            }
            tracing::debug!(%key, round = rounds.number(), %error, "written once more");
            rounds.next().await;
        }
    }

    /// Writes without a condition, and reads before it whether that holds, and after it whether another
    /// writer was there.
    async fn write_between_reads(
        &self,
        key: &Key,
        contents: PutBody<'_>,
        condition: &Condition,
    ) -> Result<CopyReply, S3Error> {
        let size = contents.body.len() as u64;
        if *condition != Condition::Always {
            let found = self.read_state_up_to(key, size).await?.state;
            if !condition.holds(found.as_ref().map(|found| &found.etag)) {
                let written = found.and_then(|found| own(&found, contents));
                return written.ok_or_else(|| self.written_by_another(key));
            }
        }
        let written = match self.write_bound(key, contents, &Condition::Always).await {
            Sent::Written(written) => written,
            Sent::Failed(error) | Sent::WithoutCondition(_, error) => return Err(error),
        };
        if *condition == Condition::Always {
            return Ok(written);
        }
        match self.read_state_up_to(key, size).await?.state {
            Some(found) if found.body == contents.body => Ok(written),
            Some(_) | None => Err(self.written_by_another(key)),
        }
    }

    fn written_by_another(&self, key: &Key) -> S3Error {
        let message = "another one has written it".to_owned();
        let (operation, cause) = (Operation::PutObject, Cause::ChangedMeanwhile);
        S3Error::ours(operation, &self.name, cause, message).about(key)
    }

    async fn put(
        &self,
        key: &Key,
        contents: PutBody<'_>,
        condition: &Condition,
    ) -> Result<CopyReply, S3Error> {
        let operation = Operation::PutObject;
        let encryption = self.encryption_headers();
        let (none_match, if_match) = condition.headers();
        let call = self
            .clients
            .unrepeatable
            .put_object()
            .bucket(self.name.as_str())
            .key(key.as_str())
            .set_if_none_match(none_match)
            .set_if_match(if_match)
            .content_type(contents.content_type)
            // Not what a bucket or a proxy has for a default: it is read by every run.
            .storage_class(StorageClass::Standard)
            .set_bucket_key_enabled(encryption.bucket_key)
            .set_server_side_encryption(encryption.algorithm)
            .set_ssekms_key_id(encryption.kms_key)
            .set_expected_bucket_owner(self.expected_owner())
            .body(ByteStream::from(contents.body.to_vec()));
        let reply = self
            .send(operation, call.send())
            .await
            .map_err(|error| refusal(error, condition).about(key))?;
        let Some(etag) = reply.e_tag() else {
            let doubt = "success was reported without an ETag".to_owned();
            let error = S3Error::ours(operation, &self.name, Cause::Unreadable, doubt);
            return Err(error.about(key));
        };
        // What was written is there all the same; nothing of the user's was replaced by it.
        let version = self.version_of_write(operation, key, reply.version_id());
        let version = version.await.unwrap_or_default();
        Ok(CopyReply::of(ETag::new(etag), version))
    }
}

/// The object that is there, if it is what was to be written.
fn own(found: &SmallObject, contents: PutBody<'_>) -> Option<CopyReply> {
    let is_own = found.body == contents.body;
    is_own.then(|| CopyReply::of(found.etag.clone(), found.version.clone()))
}

/// The object that is to be replaced may be gone: S3 answers not found, and it is a change like any other.
fn refusal(error: S3Error, condition: &Condition) -> S3Error {
    let cause = match (condition, error.cause) {
        (Condition::Replace(_), Cause::Missing) => Cause::ChangedMeanwhile,
        (_, cause) => cause,
    };
    S3Error { cause, ..error }
}
