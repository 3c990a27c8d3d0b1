//! Pages of a listing. Each is believed only if it agrees with itself.

use aws_sdk_s3::types::EncodingType;

use super::bucket::Bucket;
use super::error::{Cause, Operation, S3Error};
use super::page::{RawPage, Row};
use super::page_error::PageError;
use super::page_reader::PageReader;
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

/// A page of a listing with a delimiter.
#[derive(Clone, Debug, Default)]
pub struct NamePage {
    /// At most 1,000 in ascending order: folders, which end with the delimiter, and keys that have none.
    pub names: Vec<String>,
    /// Whether it is not the last page.
    pub more_follow: bool,
}

/// What was asked for, which a page has to answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageRequest<'a> {
    pub prefix: &'a Prefix,
    pub start: &'a PageStart,
    /// What comes up to this character behind the prefix is told in one.
    pub delimiter: Option<char>,
}

impl Bucket {
    /// A page of the objects below a prefix.
    ///
    /// # Errors
    /// [`Cause::Unreadable`] for a page that contradicts itself or what was asked for: fewer keys than it
    /// counts, not saying whether there are more, more without saying where, keys that were not asked for.
    /// Otherwise why S3 refused.
    pub async fn page(&self, prefix: &Prefix, start: &PageStart) -> Result<Page, S3Error> {
        let asked = PageRequest {
            prefix,
            start,
            delimiter: None,
        };
        let (page, _) = self.list(asked).await?;
        Ok(page)
    }

    /// A page of the names below a prefix, each up to the first delimiter behind it.
    ///
    /// # Errors
    /// As those of [`Bucket::page`].
    pub async fn names(
        &self,
        prefix: &Prefix,
        delimiter: char,
        start: &PageStart,
    ) -> Result<NamePage, S3Error> {
        let asked = PageRequest {
            prefix,
            start,
            delimiter: Some(delimiter),
        };
        let (page, prefixes) = self.list(asked).await?;
        let keys = page.objects.into_iter();
        let keys = keys.map(|object| object.key.as_str().to_owned());
        let mut names: Vec<String> = keys.chain(prefixes).collect();
        names.sort_unstable();
        let more_follow = page.next.is_some();
        Ok(NamePage { names, more_follow })
    }

    async fn list(&self, asked: PageRequest<'_>) -> Result<(Page, Vec<String>), S3Error> {
        let (prefix, start) = (asked.prefix, asked.start);
        let (after, token) = match start {
            PageStart::Beginning => (None, None),
            PageStart::After(key) => (Some(key.as_str().to_owned()), None),
            PageStart::Token(token) => (None, Some(token.clone())),
        };
        let _place = self.paces.listings.place().await;
        let reader = PageReader::default();
        let call = self
            .clients
            .bulk
            .list_objects_v2()
            .bucket(self.name.as_str())
            .set_prefix((!prefix.is_empty()).then(|| prefix.as_str().to_owned()))
            .set_delimiter(asked.delimiter.map(String::from))
            .set_start_after(after)
            .set_continuation_token(token)
            // Else one control character in a key would make the whole page unreadable.
            .encoding_type(EncodingType::Url)
            .set_expected_bucket_owner(self.expected_owner())
            .customize()
            .interceptor(reader.clone());
        self.send(Operation::ListObjectsV2, call.send()).await?;
        let said = reader.take().unwrap_or(Err(PageError::NoPage));
        said.and_then(|said| accept(said, asked)).map_err(|error| {
            let operation = Operation::ListObjectsV2;
            S3Error::caused(operation, &self.name, Cause::Unreadable, error)
        })
    }
}

/// A page is believed only if it agrees with itself and with what was asked for. The name of the bucket is
/// not compared: behind an alias of an access point it is another one.
pub(super) fn accept(
    said: RawPage,
    asked: PageRequest<'_>,
) -> Result<(Page, Vec<String>), PageError> {
    let next = next_of(said.truncated, said.token, asked.start)?;
    let counted = said.key_count.ok_or(PageError::NoCount)?;
    let parsed = said.rows.len() as u64 + said.prefixes.len() as u64;
    if counted != parsed {
        return Err(PageError::OtherCount { counted, parsed });
    }
    if !said.prefixes.is_empty() && asked.delimiter.is_none() {
        return Err(PageError::UnaskedPrefixes);
    }
    let encoding = Encoding::of(said.encoding.as_deref())?;
    if let Some(listed) = said.prefix {
        let listed_as_it_stands = listed == asked.prefix.as_str();
        if !listed_as_it_stands && encoding.decode(listed)?.as_str() != asked.prefix.as_str() {
            return Err(PageError::OtherPrefix);
        }
    }
    let below = |key: Key| match key.is_below(asked.prefix) {
        true if key.as_str().is_empty() => Err(PageError::EmptyKey),
        true if key.as_str().len() > Key::MOST_BYTES => Err(PageError::LongKey {
            bytes: key.as_str().len(),
        }),
        true => Ok(key),
        false => Err(PageError::UnaskedKey { key }),
    };
    let objects = said.rows.into_iter().map(|row| {
        let object = validate(row, |key| encoding.decode(key))?;
        let key = below(object.key)?;
        Ok(Object { key, ..object })
    });
    let objects = objects.collect::<Result<Vec<Object>, PageError>>()?;
    let prefixes = said.prefixes.into_iter().map(|prefix| {
        let prefix = below(encoding.decode(prefix)?)?;
        Ok(prefix.as_str().to_owned())
    });
    let prefixes = prefixes.collect::<Result<Vec<String>, PageError>>()?;
    Ok((Page { objects, next }, prefixes))
}

/// Where the next page begins; none if there is none.
fn next_of(
    truncated: Option<bool>,
    token: Option<String>,
    start: &PageStart,
) -> Result<Option<PageStart>, PageError> {
    let truncated = truncated.ok_or(PageError::NotSaidWhetherLast)?;
    let token = token.filter(|token| !token.is_empty());
    match (truncated, token.map(PageStart::Token)) {
        (false, None) => Ok(None),
        (false, Some(_)) => Err(PageError::LastWithNext),
        (true, None) => Err(PageError::NotSaidWhere { rows: "keys" }),
        (true, Some(next)) if next == *start => Err(PageError::NextIsThis { rows: "keys" }),
        (true, next) => Ok(next),
    }
}

/// How the keys of a page are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As they are.
    Plain,
    /// Percent-encoded.
    Url,
}

impl Encoding {
    pub(super) fn of(name: Option<&str>) -> Result<Self, PageError> {
        match name {
            None => Ok(Self::Plain),
            Some("url") => Ok(Self::Url),
            Some(other) => Err(PageError::OtherEncoding(other.to_owned())),
        }
    }

    pub(super) fn decode(self, key: String) -> Result<Key, PageError> {
        match self {
            Self::Plain => Ok(Key::new(key)),
            Self::Url => Ok(Key::from_url_encoded(key)?),
        }
    }
}

/// More than S3 has room for in one object, by far: sums of it stay numbers.
pub(super) const MOST_SIZE: u64 = 1 << 50;

/// A row of a listing, or what a look at an object tells of the same.
pub(super) fn validate(
    row: Row,
    decode: impl FnOnce(String) -> Result<Key, PageError>,
) -> Result<Object, PageError> {
    let key = decode(row.key.ok_or(PageError::NoKey)?)?;
    match (row.size, row.etag, row.last_modified) {
        (Some(size), ..) if size > MOST_SIZE => Err(PageError::TooLarge { key, size }),
        (Some(size), Some(etag), Some(last_modified)) => Ok(Object {
            key,
            size,
            etag,
            last_modified,
            storage_class: row.class.unwrap_or_else(|| StorageClass::new(None)),
        }),
        _ => Err(PageError::Incomplete {
            key,
            fields: "size, ETag or date",
        }),
    }
}

/// Reads any body as a page, and believes it or not, for `tests/fuzz`.
#[cfg(any(test, fuzzing))]
///
/// # Panics
/// When rows that were taken from the text of the page are not those that the reader of XML finds there.
pub fn fuzz(body: &[u8]) {
    super::page_agreement::of_objects(body);
    super::page_agreement::of_versions(body);
    for delimiter in [None, Some('/')] {
        if let Ok(super::page_reader::Reply::Page(said)) = super::page_reader::parse(body) {
            let asked = PageRequest {
                prefix: &Prefix::default(),
                start: &PageStart::Beginning,
                delimiter,
            };
            let _ = accept(said, asked);
        }
    }
}

#[cfg(test)]
mod tests;
