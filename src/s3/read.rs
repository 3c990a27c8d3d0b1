//! What is read from S3 in bulk: pages of a listing, each believed only if it agrees with itself.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{EncodingType, ObjectStorageClass};

use super::bucket::Bucket;
use super::error::{Cause, Operation, S3Error};
use crate::model::{ETag, Key, Object, Prefix, StorageClass, Timestamp};

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageStart {
    /// At the first key.
    Beginning,
    /// Behind a key, which need not exist.
    After(Key),
    /// Where the page before ended, by the token it came with.
    Token(String),
}

/// A page of a listing that was checked.
#[derive(Clone, Debug)]
pub struct Page {
    /// At most 1,000 objects, in the order of their keys.
    pub objects: Vec<Object>,
    /// Where the next page begins; none after the last one.
    pub next: Option<PageStart>,
}

impl Bucket {
    /// A page of the objects below a prefix.
    ///
    /// # Errors
    /// [`Cause::Unreadable`] for a page that contradicts itself: fewer keys than it counts, not
    /// saying whether there are more, more without saying where. Otherwise why S3 refused.
    pub async fn page(&self, prefix: &Prefix, start: &PageStart) -> Result<Page, S3Error> {
        let (after, token) = match start {
            PageStart::Beginning => (None, None),
            PageStart::After(key) => (Some(key.as_str().to_owned()), None),
            PageStart::Token(token) => (None, Some(token.clone())),
        };
        let reply = self
            .clients
            .repeatable
            .list_objects_v2()
            .bucket(self.name.as_str())
            .set_prefix((!prefix.is_empty()).then(|| prefix.as_str().to_owned()))
            .set_start_after(after)
            .set_continuation_token(token)
            // Else one control character in a key would make the whole page unreadable.
            .encoding_type(EncodingType::Url)
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await
            .map_err(|error| S3Error::from_sdk(Operation::ListObjectsV2, &self.name, &error))?;
        accept(&reply).map_err(|doubt| {
            let operation = Operation::ListObjectsV2;
            S3Error::ours(operation, &self.name, Cause::Unreadable, doubt)
        })
    }
}

/// A page is believed only if it agrees with itself.
fn accept(reply: &ListObjectsV2Output) -> Result<Page, String> {
    let truncated = reply
        .is_truncated()
        .ok_or("the page does not say whether it is the last one")?;
    let next = match (truncated, reply.next_continuation_token()) {
        (false, _) => None,
        (true, Some(token)) => Some(PageStart::Token(token.to_owned())),
        (true, None) => return Err("more keys follow, but the page does not say where".to_owned()),
    };
    let parsed = reply.contents().len() + reply.common_prefixes().len();
    match reply.key_count() {
        Some(counted) if usize::try_from(counted) == Ok(parsed) => {}
        Some(counted) => return Err(format!("the page counts {counted} keys and has {parsed}")),
        None => return Err("the page does not say how many keys it has".to_owned()),
    }
    let encoded = reply.encoding_type() == Some(&EncodingType::Url);
    let objects = reply
        .contents()
        .iter()
        .map(|row| {
            let listed = row.key().ok_or("the page has a row without a key")?;
            let key = if encoded {
                Key::from_url_encoded(listed)
                    .map_err(|key| format!("the key {key} is not UTF-8"))?
            } else {
                Key::new(listed)
            };
            let class = row.storage_class().map(ObjectStorageClass::as_str);
            object(key, row.size(), row.e_tag(), row.last_modified(), class)
        })
        .collect::<Result<Vec<Object>, String>>()?;
    Ok(Page { objects, next })
}

/// A row of a listing, or what a look at an object tells of the same.
pub(super) fn object(
    key: Key,
    size: Option<i64>,
    etag: Option<&str>,
    last_modified: Option<&DateTime>,
    class: Option<&str>,
) -> Result<Object, String> {
    let size = size.and_then(|size| u64::try_from(size).ok());
    let modified = last_modified.and_then(|time| time.to_millis().ok());
    match (size, etag, modified) {
        (Some(size), Some(etag), Some(modified)) => Ok(Object {
            key,
            size,
            etag: ETag::new(etag),
            last_modified: Timestamp::from_millis(modified),
            storage_class: StorageClass::new(class),
        }),
        _ => Err(format!("no size, ETag or date is given for {key}")),
    }
}
