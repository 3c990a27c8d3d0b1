//! The question to a server whether it obeys conditions on what a write replaces, and what it was found to do.

use aws_sdk_s3::primitives::ByteStream;

use super::bucket::Bucket;
use super::condition::{ConditionSupport, NO_ETAG, refuses_conditions};
use super::error::{Cause, Operation, S3Error};
use crate::model::{ETag, Key};

impl Bucket {
    /// What was found out of its server: whether it obeys conditions on the target of a copy.
    pub fn conditions_on_copies(&self) -> ConditionSupport {
        self.server.copies.read()
    }

    /// What was found out of its server: whether it obeys conditions on the program's own objects, without
    /// which a lease is not certain to exclude others.
    pub fn conditions_on_own_objects(&self) -> ConditionSupport {
        self.server.own_objects.read()
    }

    /// The server has answered 412 to writes whose conditions held.
    pub fn conditions_are_never_met(&self) {
        self.server.copies.learn(ConditionSupport::NeverMet);
    }

    /// Asks a server of which it is not known whether it obeys conditions, once for all buckets of it: for
    /// a copy of one of the program's own objects to a key of its own, whose condition cannot hold. A server
    /// that obeys writes nothing and is asked no more. Another one is asked what it makes of the conditions
    /// of small objects, too.
    pub async fn probe_conditions(&self, own: &Key, target: &Key) {
        if !self.server.begin_to_ask() {
            return;
        }
        let call = self
            .clients
            .unrepeatable
            .copy_object()
            .bucket(self.name.as_str())
            .key(target.as_str())
            .copy_source(own.copy_source(self.name.as_str(), None))
            .if_match(NO_ETAG)
            .set_expected_bucket_owner(self.expected_owner());
        let copied = match self.send(Operation::CopyObject, call.send()).await {
            Ok(reply) => {
                self.server.copies.learn(ConditionSupport::Ignores);
                reply
                    .copy_object_result()
                    .and_then(|result| result.e_tag().map(ETag::new))
            }
            Err(error) if refuses_conditions(&error) => {
                self.server.copies.learn(ConditionSupport::Refuses);
                None
            }
            Err(_) => return,
        };
        if let Some(found) = self.probe_own_objects(target, copied).await {
            self.server.own_objects.learn(found);
        }
    }

    /// A condition that holds and one that cannot.
    async fn probe_own_objects(
        &self,
        target: &Key,
        there: Option<ETag>,
    ) -> Option<ConditionSupport> {
        if let Some(etag) = there {
            match self.put_probe(target, &etag.quoted()).await {
                Err(error) if error.cause == Cause::ChangedMeanwhile => {
                    return Some(ConditionSupport::NeverMet);
                }
                Err(error) if refuses_conditions(&error) => return Some(ConditionSupport::Refuses),
                Ok(()) | Err(_) => {}
            }
        }
        match self.put_probe(target, NO_ETAG).await {
            Ok(()) => Some(ConditionSupport::Ignores),
            Err(error) if refuses_conditions(&error) => Some(ConditionSupport::Refuses),
            Err(_) => None,
        }
    }

    async fn put_probe(&self, target: &Key, etag: &str) -> Result<(), S3Error> {
        let call = self
            .clients
            .unrepeatable
            .put_object()
            .bucket(self.name.as_str())
            .key(target.as_str())
            .if_match(etag)
            .set_expected_bucket_owner(self.expected_owner())
            .body(ByteStream::from_static(b"{}\n"));
        self.send(Operation::PutObject, call.send()).await.map(drop)
    }
}
