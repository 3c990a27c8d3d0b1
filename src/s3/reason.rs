//! The reason why a HEAD was refused.
//!
//! S3 answers HEAD without a body, so a refusal has a status and no code: a wrong key, an expired token,
//! a wrong clock and a missing permission all look alike. The same is asked once more by a call that has
//! a body and needs the same permission.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::blank_key;
use super::client::Clients;
use super::error::{Operation, S3Error};
use crate::model::{BucketName, ObjectRef};

/// What the call with a body was answered.
pub(super) enum Reason {
    /// Nothing is wrong any more. After a refusal for a wrong clock, the SDK has learned the right time.
    Gone,
    /// S3 says what is wrong.
    Told(S3Error),
    /// It was not answered, or by something else.
    Unknown,
}

/// Whether S3 has refused a call and could not say why.
pub(super) fn is_untold<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let SdkError::ServiceError(refusal) = error else {
        return false;
    };
    let empty = refusal.raw().body().bytes().is_none_or(<[u8]>::is_empty);
    empty && matches!(refusal.raw().status().as_u16(), 400 | 401 | 403)
}

/// Why HeadBucket was refused, by a listing of one key: both need s3:ListBucket.
pub(super) async fn of_bucket(
    clients: &Clients,
    name: &BucketName,
    owner: Option<String>,
) -> Reason {
    let sent = clients
        .repeatable
        .list_objects_v2()
        .bucket(name.as_str())
        .max_keys(1)
        .set_expected_bucket_owner(owner)
        .send()
        .await;
    match sent {
        Ok(_) => Reason::Gone,
        Err(error) => told(S3Error::from_sdk(Operation::HeadBucket, name, &error)),
    }
}

/// Why HeadObject was refused, by its first byte: both need s3:GetObject, and the same of KMS.
pub(super) async fn of_object(
    clients: &Clients,
    name: &BucketName,
    object: ObjectRef<'_>,
    owner: Option<String>,
) -> Reason {
    let ObjectRef { key, version } = object;
    let placed = key.clone();
    let sent = clients
        .repeatable
        .get_object()
        .bucket(name.as_str())
        .key(blank_key::sendable(key))
        .set_version_id(version.map(|id| id.as_str().to_owned()))
        .range("bytes=0-0")
        .set_expected_bucket_owner(owner)
        .customize()
        .mutate_request(move |request| blank_key::restore(request, &placed))
        .send()
        .await;
    match sent {
        Ok(_) => Reason::Gone,
        // An empty object has no first byte.
        Err(error) if error.code() == Some("InvalidRange") => Reason::Gone,
        Err(error) => told(S3Error::from_sdk(Operation::HeadObject, name, &error).about(key)),
    }
}

fn told(error: S3Error) -> Reason {
    match error.reply.code {
        Some(_) => Reason::Told(error),
        None => Reason::Unknown,
    }
}
