//! Pages of a listing, read straight from the bytes of the reply.
//!
//! The SDK builds a row of a dozen optional fields for each object before we take five of them, which
//! was most of the CPU of a night without changes. Here its deserialiser is replaced for this one call;
//! signing, retries and errors stay the SDK's own. What a page says is kept as it came, and what it
//! does not say as missing: [`super::read`] decides whether to believe it.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::{BoxError, ErrorMetadata};
use aws_sdk_s3::operation::list_objects_v2::{ListObjectsV2Error, ListObjectsV2Output};
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_smithy_runtime_api::client::interceptors::context::{Error, Output};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use crate::model::{ETag, StorageClass, Timestamp};

/// What a page says, believed or not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The prefix that was listed, as it stands.
    pub prefix: Option<String>,
    /// Whether more pages follow.
    pub truncated: Option<bool>,
    /// Where they begin.
    pub token: Option<String>,
    /// How many keys it counts.
    pub key_count: Option<u64>,
    /// How keys are encoded.
    pub encoding: Option<String>,
    /// Common prefixes, as they stand. They count as keys.
    pub prefixes: Vec<String>,
    /// Its objects.
    pub rows: Vec<Row>,
}

/// What a page says of one object.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub key: Option<String>,
    pub size: Option<u64>,
    pub etag: Option<ETag>,
    pub last_modified: Option<Timestamp>,
    pub class: Option<StorageClass>,
}

/// The most keys of a page.
const MOST_KEYS: usize = 1_000;

/// A page cannot be read, in words.
type Doubt = String;

/// Reads the page that a call gets, in the place of the SDK. Its clones share what they read.
#[derive(Clone, Debug, Default)]
pub(super) struct PageReader(Arc<Mutex<Option<Result<Said, Doubt>>>>);

impl PageReader {
    /// What the last reply said; none if there was none that holds a page.
    pub(super) fn take(&self) -> Option<Result<Said, Doubt>> {
        let mut page = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        page.take()
    }

    fn keep(&self, page: Result<Said, Doubt>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(page);
    }
}

impl Intercept for PageReader {
    fn name(&self) -> &'static str {
        "PageReader"
    }

    fn modify_before_deserialization(
        &self,
        _: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let ours = SharedResponseDeserializer::new(self.clone());
        cfg.interceptor_state().store_put(ours);
        Ok(())
    }
}

impl DeserializeResponse for PageReader {
    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _: &ConfigBag,
    ) -> Result<Output, OrchestratorError<Error>> {
        let body = response.body().bytes().unwrap_or_default();
        let reply = parse(body);
        let page = match (response.status().is_success(), reply) {
            (_, Ok(Reply::Refusal(refusal))) => return Err(refused(refusal)),
            (true, Ok(Reply::Page(said))) => Ok(said),
            (true, Err(doubt)) => Err(doubt),
            (false, Ok(Reply::Page(_)) | Err(_)) => {
                return Err(refused(ErrorMetadata::builder().build()));
            }
        };
        self.keep(page);
        Ok(Output::erase(ListObjectsV2Output::builder().build()))
    }
}

/// The error that the SDK knows what to do about: by its code, or by the status of the reply.
fn refused(refusal: ErrorMetadata) -> OrchestratorError<Error> {
    OrchestratorError::operation(Error::erase(ListObjectsV2Error::generic(refusal)))
}

/// What came for a page.
#[derive(Debug)]
pub(super) enum Reply {
    Page(Said),
    Refusal(ErrorMetadata),
}

pub(super) fn parse(body: &[u8]) -> Result<Reply, Doubt> {
    let body = std::str::from_utf8(body).map_err(|_| "the page is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(body);
    // Else `<Contents/>` would not be seen as a row.
    reader.config_mut().expand_empty_elements = true;
    let mut elements = Elements(reader);
    let root = elements.first()?;
    match root.local_name().into_inner() {
        "ListBucketResult" => {
            in_namespace_of_s3(&root)?;
            let page = elements.page()?;
            elements.end()?;
            Ok(Reply::Page(page))
        }
        "Error" => elements.refusal().map(Reply::Refusal),
        other => Err(format!(
            "the reply is a {other}, and S3 answers with a ListBucketResult"
        )),
    }
}

/// The namespaces of S3's replies: S3's own, and an older spelling that Google Cloud Storage has. Other
/// servers leave it out.
const NAMESPACES: [&str; 2] = [
    "http://s3.amazonaws.com/doc/2006-03-01/",
    "http://doc.s3.amazonaws.com/2006-03-01",
];

fn in_namespace_of_s3(root: &BytesStart<'_>) -> Result<(), Doubt> {
    own_name(root)?;
    let named = root.try_get_attribute("xmlns").map_err(unreadable)?;
    let is_foreign =
        named.is_some_and(|named| !NAMESPACES.iter().any(|own| *own == named.value.as_ref()));
    if is_foreign {
        return Err("the page is in a namespace that is not S3's".to_owned());
    }
    Ok(())
}

/// The name of an element of S3's, which has no prefix.
fn own_name<'a>(element: &'a BytesStart<'_>) -> Result<&'a str, Doubt> {
    let name = element.name().into_inner();
    if name.contains(':') {
        return Err(format!("the page has an element {name}, which S3 has not"));
    }
    Ok(name)
}

/// Elements that only a page has, and only at their place.
const OF_PAGES: [&str; 6] = [
    "ListBucketResult",
    "IsTruncated",
    "KeyCount",
    "NextContinuationToken",
    "CommonPrefixes",
    "Contents",
];

/// The elements of a document, one after the other.
struct Elements<'a>(Reader<&'a [u8]>);

impl<'a> Elements<'a> {
    /// The root element.
    fn first(&mut self) -> Result<BytesStart<'a>, Doubt> {
        self.next()?
            .ok_or_else(|| "the reply holds no page".to_owned())
    }

    /// The next element within the one that is open; none at its end.
    fn next(&mut self) -> Result<Option<BytesStart<'a>>, Doubt> {
        loop {
            match self.event()? {
                Event::Start(element) => return Ok(Some(element)),
                Event::End(_) => return Ok(None),
                Event::Eof => return Err("the page ends in its middle".to_owned()),
                other => between_elements(&other)?,
            }
        }
    }

    /// Nothing follows the root element.
    fn end(&mut self) -> Result<(), Doubt> {
        loop {
            match self.event()? {
                Event::Eof => return Ok(()),
                Event::Start(_) => return Err("the page is followed by another one".to_owned()),
                other => between_elements(&other)?,
            }
        }
    }

    fn page(&mut self) -> Result<Said, Doubt> {
        let mut said = Said::default();
        while let Some(element) = self.next()? {
            let name = own_name(&element)?;
            match name {
                "Contents" => {
                    if said.rows.is_empty() {
                        said.rows.reserve(MOST_KEYS);
                    }
                    said.rows.push(self.row()?);
                }
                "Prefix" => self.once(&element, &mut said.prefix, owned)?,
                "IsTruncated" => self.once(&element, &mut said.truncated, parsed)?,
                "KeyCount" => self.once(&element, &mut said.key_count, number)?,
                "NextContinuationToken" => self.once(&element, &mut said.token, owned)?,
                "EncodingType" => self.once(&element, &mut said.encoding, owned)?,
                "CommonPrefixes" => said.prefixes.push(self.common_prefix()?),
                _ => self.skip(&element)?,
            }
        }
        Ok(said)
    }

    fn refusal(&mut self) -> Result<ErrorMetadata, Doubt> {
        let mut refusal = ErrorMetadata::builder();
        while let Some(element) = self.next()? {
            refusal = match element.local_name().into_inner() {
                "Code" => refusal.code(self.text(&element)?),
                "Message" => refusal.message(self.text(&element)?),
                _ => {
                    self.skip(&element)?;
                    refusal
                }
            };
        }
        Ok(refusal.build())
    }

    fn row(&mut self) -> Result<Row, Doubt> {
        let mut row = Row::default();
        while let Some(element) = self.next()? {
            let etag = |text: &str| Some(ETag::new(text)).filter(|etag| !etag.as_str().is_empty());
            let class = |text: &str| Some(StorageClass::new(Some(text)));
            match own_name(&element)? {
                "Key" => self.once(&element, &mut row.key, owned)?,
                "LastModified" => self.once(&element, &mut row.last_modified, timestamp)?,
                "ETag" => self.once(&element, &mut row.etag, etag)?,
                "Size" => self.once(&element, &mut row.size, number)?,
                "StorageClass" => self.once(&element, &mut row.class, class)?,
                _ => self.skip(&element)?,
            }
        }
        Ok(row)
    }

    fn common_prefix(&mut self) -> Result<String, Doubt> {
        let mut prefix = None;
        while let Some(element) = self.next()? {
            match own_name(&element)? {
                "Prefix" => self.once(&element, &mut prefix, owned)?,
                _ => self.skip(&element)?,
            }
        }
        prefix.ok_or_else(|| "the page has a common prefix that is none".to_owned())
    }

    /// Reads an element that may be there once, and means something.
    fn once<T>(
        &mut self,
        element: &BytesStart<'a>,
        value: &mut Option<T>,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<(), Doubt> {
        let name = element.name().into_inner();
        let text = self.text(element)?;
        if value.is_some() {
            return Err(format!("the page says twice what {name} is"));
        }
        *value = read(&text);
        match value {
            Some(_) => Ok(()),
            None => Err(format!("the page says that {name} is \"{text}\"")),
        }
    }

    /// The text of an element that holds nothing else.
    fn text(&mut self, element: &BytesStart<'a>) -> Result<Cow<'a, str>, Doubt> {
        let raw = self.raw(element)?;
        if raw.contains('<') {
            let name = element.name().into_inner();
            return Err(format!("the page has more than text in {name}"));
        }
        match raw {
            Cow::Borrowed(raw) => unescape(raw).map_err(unreadable),
            Cow::Owned(raw) => unescape(&raw)
                .map(|text| Cow::Owned(text.into_owned()))
                .map_err(unreadable),
        }
    }

    /// Passes over an element that does not matter, unless it hides some that do.
    fn skip(&mut self, element: &BytesStart<'a>) -> Result<(), Doubt> {
        let raw = self.raw(element)?;
        let mut openings = raw.split('<').skip(1);
        let hidden = openings.any(|opening| OF_PAGES.iter().any(|name| opening.starts_with(name)));
        if hidden || OF_PAGES.contains(&element.name().into_inner()) {
            return Err("the page has a page or a part of one within it".to_owned());
        }
        Ok(())
    }

    fn raw(&mut self, element: &BytesStart<'a>) -> Result<Cow<'a, str>, Doubt> {
        let raw = self.0.read_text(element.name()).map_err(unreadable)?;
        Ok(raw.into_inner())
    }

    fn event(&mut self) -> Result<Event<'a>, Doubt> {
        self.0.read_event().map_err(unreadable)
    }
}

/// What may stand beside elements: nothing that says anything.
fn between_elements(event: &Event<'_>) -> Result<(), Doubt> {
    match event {
        Event::Text(text) if text.trim_ascii().is_empty() => Ok(()),
        Event::Decl(_) | Event::PI(_) | Event::Comment(_) => Ok(()),
        _ => Err("the page has text that belongs to no element".to_owned()),
    }
}

fn unreadable(error: impl std::fmt::Display) -> Doubt {
    format!("the page is no XML: {error}")
}

#[expect(clippy::unnecessary_wraps, reason = "a reader as the others are")]
fn owned(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// A number in digits: `parse` takes `+1` too.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn timestamp(text: &str) -> Option<Timestamp> {
    let time = DateTime::from_str(text, DateTimeFormat::DateTime).ok()?;
    time.to_millis().ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix/>
<KeyCount>3</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
<NextContinuationToken>1&amp;2=</NextContinuationToken>
<Contents><Key>a%0A+b&amp;c</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>
<ETag>&quot;0cc175b9c0f1b6a831c399e269772661&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>
<Size>5368709121</Size><StorageClass>GLACIER_IR</StorageClass></Contents>
<Contents><Size>0</Size><Owner><ID>x</ID><Key>not the key</Key></Owner><Key>z</Key></Contents>
<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListBucketResult>"#;

    fn page(body: &str) -> Said {
        match parse(body.as_bytes()) {
            Ok(Reply::Page(said)) => said,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_page_is_read_as_it_stands() {
        let said = page(PAGE);

        let first = Row {
            key: Some("a%0A+b&c".to_owned()),
            size: Some(5_368_709_121),
            etag: Some(ETag::new("0cc175b9c0f1b6a831c399e269772661")),
            last_modified: Some(Timestamp::from_millis(1_767_323_045_678)),
            class: Some(StorageClass::new(Some("GLACIER_IR"))),
        };
        let second = Row {
            key: Some("z".to_owned()),
            size: Some(0),
            ..Row::default()
        };
        let expected = Said {
            prefix: Some(String::new()),
            truncated: Some(true),
            token: Some("1&2=".to_owned()),
            key_count: Some(3),
            encoding: Some("url".to_owned()),
            prefixes: vec!["p/".to_owned()],
            rows: vec![first, second],
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn what_a_page_does_not_say_is_missing() {
        let said = page("<ListBucketResult/>");

        assert_eq!(said, Said::default());
    }

    #[test]
    fn a_refusal_is_told_from_a_page() {
        let body = b"<Error><Code>SlowDown</Code><Message>a &lt; b</Message><HostId/></Error>";

        let Ok(Reply::Refusal(refusal)) = parse(body) else {
            panic!("no refusal");
        };

        assert_eq!(refusal.code(), Some("SlowDown"));
        assert_eq!(refusal.message(), Some("a < b"));
    }

    #[test]
    fn anything_else_is_no_page() {
        let bodies: [&[u8]; 5] = [b"", b"  ", b"busy", b"<html></html>", b"\xff<Error/>"];

        for body in bodies {
            assert!(parse(body).is_err(), "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn a_page_that_was_cut_is_no_page(at in 0..PAGE.len()) {
            let cut = parse(&PAGE.as_bytes()[..at]);

            prop_assert!(cut.is_err(), "{:?}", cut);
        }

        #[test]
        fn a_changed_byte_makes_no_rows_and_no_panic(at in 0..PAGE.len(), bits in 1..=255_u8) {
            let mut body = PAGE.as_bytes().to_vec();
            body[at] ^= bits;

            if let Ok(Reply::Page(said)) = parse(&body) {
                prop_assert!(said.rows.len() <= 2, "{:?}", said.rows);
            }
        }
    }
}
