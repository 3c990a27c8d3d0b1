//! The names of the program's own objects in a backup bucket, a few at a time.

use aws_sdk_s3::types::EncodingType;

use super::bucket::Bucket;
use super::error::{Cause, Operation, S3Error};
use super::interceptors::OwnState;
use super::page_reader::PageReader;
use super::read::{PageRequest, PageStart, accept};
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
        let operation = Operation::ListObjectsV2;
        let start = after.map_or(PageStart::Beginning, |key| PageStart::After(key.clone()));
        let asked = PageRequest {
            prefix: &Prefix::new(prefix.as_str()),
            start: &start,
            in_levels: false,
        };
        let reader = PageReader::default();
        let call = self
            .clients
            .bulk
            .list_objects_v2()
            .bucket(self.name.as_str())
            .prefix(prefix.as_str())
            .set_start_after(after.map(|key| key.as_str().to_owned()))
            .max_keys(i32::from(most))
            .encoding_type(EncodingType::Url)
            .set_expected_bucket_owner(self.expected_owner())
            .customize()
            .interceptor(reader.clone())
            .interceptor(OwnState);
        self.send(operation, call.send()).await?;
        let said = reader
            .take()
            .unwrap_or_else(|| Err("the reply holds no page".to_owned()));
        match said.and_then(|said| accept(said, asked)) {
            Ok((page, _)) => Ok(page.objects),
            Err(doubt) => Err(S3Error::ours(
                operation,
                &self.name,
                Cause::Unreadable,
                doubt,
            )),
        }
    }
}
