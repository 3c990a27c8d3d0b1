//! What is read from S3 in bulk: pages of a listing, each believed only if it agrees with itself.

use aws_sdk_s3::types::EncodingType;

use super::bucket::Bucket;
use super::error::{Cause, Operation, S3Error};
use super::page::{PageReader, Row, Said};
use crate::model::{Key, Object, Prefix, StorageClass};

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
        let _place = self.paces.listings.place().await;
        let reader = PageReader::default();
        self.clients
            .bulk
            .list_objects_v2()
            .bucket(self.name.as_str())
            .set_prefix((!prefix.is_empty()).then(|| prefix.as_str().to_owned()))
            .set_start_after(after)
            .set_continuation_token(token)
            // Else one control character in a key would make the whole page unreadable.
            .encoding_type(EncodingType::Url)
            .set_expected_bucket_owner(self.owner.clone())
            .customize()
            .interceptor(reader.clone())
            .send()
            .await
            .map_err(|error| S3Error::from_sdk(Operation::ListObjectsV2, &self.name, &error))?;
        let said = reader
            .take()
            .unwrap_or_else(|| Err("the reply holds no page".to_owned()));
        said.and_then(accept).map_err(|doubt| {
            let operation = Operation::ListObjectsV2;
            S3Error::ours(operation, &self.name, Cause::Unreadable, doubt)
        })
    }
}

/// A page is believed only if it agrees with itself.
fn accept(said: Said) -> Result<Page, String> {
    let truncated = said
        .truncated
        .ok_or("the page does not say whether it is the last one")?;
    let next = match (truncated, said.token) {
        (false, _) => None,
        (true, Some(token)) => Some(PageStart::Token(token)),
        (true, None) => return Err("more keys follow, but the page does not say where".to_owned()),
    };
    let parsed = said.rows.len() as u64 + said.prefixes;
    match said.key_count {
        Some(counted) if counted == parsed => {}
        Some(counted) => return Err(format!("the page counts {counted} keys and has {parsed}")),
        None => return Err("the page does not say how many keys it has".to_owned()),
    }
    let url_encoded = said.url_encoded;
    let rows = said.rows.into_iter();
    let objects = rows
        .map(|row| believe(row, url_encoded))
        .collect::<Result<Vec<Object>, String>>()?;
    Ok(Page { objects, next })
}

/// A row of a listing, or what a look at an object tells of the same.
pub(super) fn believe(row: Row, url_encoded: bool) -> Result<Object, String> {
    let listed = row.key.ok_or("the page has a row without a key")?;
    let key = if url_encoded {
        Key::from_url_encoded(listed).map_err(|key| format!("the key {key} is not UTF-8"))?
    } else {
        Key::new(listed)
    };
    match (row.size, row.etag, row.last_modified) {
        (Some(size), Some(etag), Some(last_modified)) => Ok(Object {
            key,
            size,
            etag,
            last_modified,
            storage_class: row.class.unwrap_or_else(|| StorageClass::new(None)),
        }),
        _ => Err(format!("no size, ETag or date is given for {key}")),
    }
}
