//! Names in a bucket, a few at a time: of the program's own objects in a backup bucket, or one that is looked for.

use aws_sdk_s3::types::EncodingType;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::bucket::Bucket;
use super::error::{Cause, Operation, S3Error};
use super::page::ROWS_OF_PAGE;
use super::page_error::PageError;
use super::page_reader::PageReader;
use super::read::{Page, PageRequest, PageStart, accept};
use super::request_count::OwnState;
use crate::model::{Key, Object, Prefix};

impl Bucket {
    /// The first objects of the program's own whose keys begin so, behind a key if one is given: so many at
    /// most, in the order of their keys, by one request.
    ///
    /// # Errors
    /// Why S3 refused, or what is wrong with the page.
    pub async fn list_state(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        most: u16,
    ) -> Result<Vec<Object>, S3Error> {
        let start = after.map_or(PageStart::Beginning, |key| PageStart::After(key.clone()));
        let asked = PageRequest {
            prefix: &Prefix::new(prefix.as_str()),
            start: &start,
            delimiter: None,
        };
        let (page, _) = self.list_few(asked, most, true).await?;
        Ok(page.objects)
    }

    /// All objects of the program's own whose keys begin so, behind a key if one is given, in the order of their keys.
    /// Each page is asked for when those before it were taken.
    pub fn state_objects(
        &self,
        prefix: &Key,
        after: Option<Key>,
    ) -> BoxStream<'static, Result<Object, S3Error>> {
        let pages = self.state_pages(prefix, after);
        let objects = pages.map_ok(|page| stream::iter(page).map(Ok));
        objects.try_flatten().boxed()
    }

    /// The same page by page, of 1,000 at most.
    pub fn state_pages(
        &self,
        prefix: &Key,
        after: Option<Key>,
    ) -> BoxStream<'static, Result<Vec<Object>, S3Error>> {
        let prefix = Prefix::new(prefix.as_str());
        let start = after.map_or(PageStart::Beginning, PageStart::After);
        let bucket = self.clone();
        let pages = stream::try_unfold(Some(start), move |start| {
            let (bucket, prefix) = (bucket.clone(), prefix.clone());
            async move {
                let Some(start) = start else { return Ok(None) };
                let asked = PageRequest {
                    prefix: &prefix,
                    start: &start,
                    delimiter: None,
                };
                let (page, _) = bucket.list_few(asked, ROWS_OF_PAGE, true).await?;
                Ok(Some((page.objects, page.next)))
            }
        });
        pages.boxed()
    }

    /// The folders of the program's own right below a prefix, each up to its `/`, a page of 1,000 at most, and
    /// where the next page begins.
    ///
    /// # Errors
    /// Why S3 refused, or what is wrong with the page.
    pub async fn list_state_folders(
        &self,
        prefix: &Key,
        start: &PageStart,
    ) -> Result<(Vec<String>, Option<PageStart>), S3Error> {
        let asked = PageRequest {
            prefix: &Prefix::new(prefix.as_str()),
            start,
            delimiter: Some('/'),
        };
        let (page, folders) = self.list_few(asked, ROWS_OF_PAGE, true).await?;
        Ok((folders, page.next))
    }

    /// The object at a key, by a listing; none if there is no such object.
    ///
    /// # Errors
    /// Why S3 refused, or what is wrong with the page.
    pub(super) async fn listed(&self, key: &Key) -> Result<Option<Object>, S3Error> {
        let asked = PageRequest {
            // This key comes first of all that begin so.
            prefix: &Prefix::new(key.as_str()),
            start: &PageStart::Beginning,
            delimiter: None,
        };
        let (page, _) = self.list_few(asked, 1, false).await?;
        Ok(page.objects.into_iter().find(|object| object.key == *key))
    }

    async fn list_few(
        &self,
        asked: PageRequest<'_>,
        most: u16,
        is_own: bool,
    ) -> Result<(Page, Vec<String>), S3Error> {
        let operation = Operation::ListObjectsV2;
        let (after, token) = match asked.start {
            PageStart::Beginning => (None, None),
            PageStart::After(key) => (Some(key.as_str().to_owned()), None),
            PageStart::Token(token) => (None, Some(token.clone())),
        };
        let reader = PageReader::default();
        let call = self
            .clients
            .bulk
            .list_objects_v2()
            .bucket(self.name.as_str())
            .prefix(asked.prefix.as_str())
            .set_delimiter(asked.delimiter.map(String::from))
            .set_start_after(after)
            .set_continuation_token(token)
            .max_keys(i32::from(most))
            .encoding_type(EncodingType::Url)
            .set_expected_bucket_owner(self.expected_owner())
            .customize()
            .interceptor(reader.clone());
        let call = if is_own {
            call.interceptor(OwnState)
        } else {
            call
        };
        self.send(operation, call.send()).await?;
        let said = reader.take().unwrap_or(Err(PageError::NoPage));
        said.and_then(|said| accept(said, asked))
            .map_err(|error| S3Error::caused(operation, &self.name, Cause::Unreadable, error))
    }
}
