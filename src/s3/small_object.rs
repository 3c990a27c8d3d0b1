//! The program's own small objects in a backup bucket, read whole.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use tokio::time::timeout;

use super::body_error::BodyError;
use super::bucket::{Bucket, out_of_time};
use super::error::{Cause, Operation, S3Error};
use super::fence;
use crate::model::{ETag, Key, SharedError, Timestamp, VersionId};

/// Attempts at reading a body that breaks off.
const ATTEMPTS: u32 = 4;

/// The most bytes that are read of a lease, of what was held or of the name of the last snapshot. Ours have
/// some hundred.
const MOST_BYTES: u64 = 1 << 20;

/// An object of the program's own, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallObject {
    /// All of its bytes; none of an object that has more than were asked for.
    pub body: Vec<u8>,
    /// How many bytes it has.
    pub size: u64,
    /// Its entity tag, to replace this one and no other.
    pub etag: ETag,
    /// Its version.
    pub version: Option<VersionId>,
    /// When it was written, by S3's clock.
    pub last_modified: Timestamp,
}

/// A look at an object of the program's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallObjectRead {
    /// The object; none if there is no such object.
    pub state: Option<SmallObject>,
    /// When S3 answered, by the clock that dates objects too; by this machine's if it did not say.
    pub at: Timestamp,
}

/// What a listing tells of an object of the program's own, which may be one that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallObjectListed {
    /// Its entity tag, and when it was written, by S3's clock; none if there is no such object.
    pub state: Option<(ETag, Timestamp)>,
    /// When S3 answered, by the same clock.
    pub at: Timestamp,
}

/// The bytes to write.
#[derive(Clone, Copy, Debug)]
pub struct PutBody<'a> {
    /// All of it.
    pub body: &'a [u8],
    /// The type that other programs see.
    pub content_type: &'a str,
}

impl<'a> PutBody<'a> {
    /// A body of JSON, as most of the program's own objects have one.
    pub fn json(body: &'a [u8]) -> Self {
        Self {
            body,
            content_type: "application/json",
        }
    }
}

impl Bucket {
    /// Reads a small object of the program's own. One above 1 MiB is not ours, and has no body here.
    ///
    /// # Errors
    /// Why S3 refused; that there is no such object is no error.
    pub async fn read_state(&self, key: &Key) -> Result<SmallObjectRead, S3Error> {
        self.read_state_up_to(key, MOST_BYTES).await
    }

    /// Reads an object of the program's own of so many bytes at most: whoever can write to the bucket could put
    /// any number there.
    ///
    /// # Errors
    /// Why S3 refused; that there is no such object is no error.
    pub async fn read_state_up_to(&self, key: &Key, most: u64) -> Result<SmallObjectRead, S3Error> {
        let mut attempts = self.attempts(ATTEMPTS);
        loop {
            match self.get(key, most).await {
                Err(error) if attempts.may_read_again(&error) => {
                    attempts.next().await;
                }
                read => return read,
            }
        }
    }

    /// Looks for an object of the program's own in a listing: that tells enough of one that cannot be read to
    /// replace it.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn list_one_state(&self, key: &Key) -> Result<SmallObjectListed, S3Error> {
        let operation = Operation::ListObjectsV2;
        let date = ReplyDate::default();
        let call = self
            .clients
            .repeatable
            .list_objects_v2()
            .bucket(self.name.as_str())
            .prefix(key.as_str())
            .max_keys(1)
            .set_expected_bucket_owner(self.expected_owner())
            .customize()
            .interceptor(date.clone());
        let reply = self
            .send(operation, call.send())
            .await
            .map_err(|error| error.about(key))?;
        let found = reply.contents().iter().find_map(|object| {
            let modified = object.last_modified()?.to_millis().ok()?;
            let is_it = object.key() == Some(key.as_str());
            is_it.then(|| (object.e_tag(), Timestamp::from_millis(modified)))
        });
        let state = match found {
            None => None,
            Some((Some(etag), modified)) => Some((ETag::new(etag), modified)),
            Some((None, _)) => {
                let doubt = "the listing has no ETag of it".to_owned();
                let error = S3Error::ours(operation, &self.name, Cause::Unreadable, doubt);
                return Err(error.about(key));
            }
        };
        Ok(SmallObjectListed {
            state,
            at: date.read(),
        })
    }

    async fn get(&self, key: &Key, most: u64) -> Result<SmallObjectRead, S3Error> {
        let operation = Operation::GetObject;
        let date = ReplyDate::default();
        let call = self
            .clients
            .bulk
            .get_object()
            .bucket(self.name.as_str())
            .key(key.as_str())
            .set_expected_bucket_owner(self.expected_owner())
            .customize()
            .interceptor(date.clone());
        let sent = self
            .send(operation, call.send())
            .await
            .map_err(|error| error.about(key));
        let reply = match sent {
            Err(error) if error.cause == Cause::Missing => None,
            sent => Some(sent?),
        };
        let at = date.read();
        let state = match reply {
            None => None,
            Some(reply) => match self.limit.bound(self.whole(reply, most)).await {
                Some(whole) => Some(whole.map_err(|error| {
                    S3Error::caused(operation, &self.name, Cause::Unreadable, error).about(key)
                })?),
                None => return Err(out_of_time(operation, &self.name).about(key)),
            },
        };
        Ok(SmallObjectRead { state, at })
    }

    /// The SDK's time limit ends with the headers of a reply; a body that stalls is ours to give up.
    async fn whole(&self, reply: GetObjectOutput, most: u64) -> Result<SmallObject, BodyError> {
        let modified = reply.last_modified().and_then(|time| time.to_millis().ok());
        let (Some(etag), Some(modified)) = (reply.e_tag().map(ETag::new), modified) else {
            return Err(BodyError::Incomplete);
        };
        let version = reply.version_id().map(VersionId::new);
        let size = reply.content_length().and_then(|size| size.try_into().ok());
        let size: u64 = size.ok_or(BodyError::NoSize)?;
        let body = if size > most {
            Vec::new()
        } else {
            timeout(self.patience.attempt, collected(reply.body, size))
                .await
                .map_err(|_| BodyError::TooSlow)??
        };
        Ok(SmallObject {
            body,
            size,
            etag,
            version,
            last_modified: Timestamp::from_millis(modified),
        })
    }
}

/// The bytes of a body that was announced to have so many.
async fn collected(mut body: ByteStream, size: u64) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    let broken = |error| BodyError::Broken(SharedError::new(error));
    while let Some(more) = body.try_next().await.map_err(broken)? {
        bytes.extend_from_slice(&more);
        if bytes.len() as u64 > size {
            break;
        }
    }
    if bytes.len() as u64 == size {
        Ok(bytes)
    } else {
        Err(BodyError::OtherSize {
            came: bytes.len(),
            size,
        })
    }
}

/// Remembers when S3 sent the last reply to a call.
#[derive(Clone, Debug, Default)]
struct ReplyDate(Arc<Mutex<Option<Timestamp>>>);

impl ReplyDate {
    fn read(&self) -> Timestamp {
        let told = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.unwrap_or_else(|| SystemTime::now().into())
    }
}

impl Intercept for ReplyDate {
    fn name(&self) -> &'static str {
        "ReplyDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let told = fence::date(context.response());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = told.map(Timestamp::from_millis);
        Ok(())
    }
}
