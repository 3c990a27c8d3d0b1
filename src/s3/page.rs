//! What a page of a listing of objects says, kept as it came, and what it does not say as missing:
//! [`super::read`] decides whether to believe it.

use aws_sdk_s3::error::ErrorMetadata;
use aws_sdk_s3::operation::list_objects_v2::{ListObjectsV2Error, ListObjectsV2Output};
use aws_smithy_runtime_api::client::interceptors::context::{Error, Output};

use super::page_error::PageError;
use super::page_reader::ListPage;
use super::reply_xml::{Elements, class, etag, number, own_name, owned, parsed, timestamp};
use super::row_text::{RowText, first};
use crate::model::{ETag, StorageClass, Timestamp};

/// What a page says, believed or not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RawPage {
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

/// Rows of a page, at most: S3 gives no more of keys, versions or names at once.
pub const ROWS_OF_PAGE: u16 = 1_000;

impl RawPage {
    fn keep(&mut self, row: Row) {
        if self.rows.is_empty() {
            self.rows.reserve(ROWS_OF_PAGE.into());
        }
        self.rows.push(row);
    }
}

impl ListPage for RawPage {
    const ROOT: &'static str = "ListBucketResult";

    const ELEMENTS: &'static [&'static str] = &[
        "ListBucketResult",
        "IsTruncated",
        "KeyCount",
        "NextContinuationToken",
        "CommonPrefixes",
        "Contents",
    ];

    fn read(elements: &mut Elements<'_>) -> Result<Self, PageError> {
        page(elements, usual_row)
    }

    fn output() -> Output {
        Output::erase(ListObjectsV2Output::builder().build())
    }

    fn error(refusal: ErrorMetadata) -> Error {
        Error::erase(ListObjectsV2Error::generic(refusal))
    }
}

/// Reads a page. What `usual` cannot take from the text, the reader of XML reads.
pub(super) fn page(elements: &mut Elements<'_>, usual: TakeRow) -> Result<RawPage, PageError> {
    let mut said = RawPage::default();
    while let Some(element) = elements.next()? {
        match own_name(&element)? {
            "Contents" => said.keep(row(elements)?),
            "Prefix" => elements.once(&element, &mut said.prefix, owned)?,
            "IsTruncated" => elements.once(&element, &mut said.truncated, parsed)?,
            "KeyCount" => elements.once(&element, &mut said.key_count, number)?,
            "NextContinuationToken" => elements.once(&element, &mut said.token, owned)?,
            "EncodingType" => elements.once(&element, &mut said.encoding, owned)?,
            "CommonPrefixes" => said.prefixes.push(common_prefix(elements)?),
            _ => elements.skip(&element)?,
        }
        while let Some(row) = elements.take_from_text(usual) {
            said.keep(row);
        }
    }
    Ok(said)
}

/// Takes a row from the beginning of a text, and hands out what follows.
pub(super) type TakeRow = fn(&str) -> Option<(Row, &str)>;

/// A row as S3 sends it.
pub(super) fn usual_row(text: &str) -> Option<(Row, &str)> {
    let mut text = RowText::of(text);
    if !text.tag("<Contents>") {
        return None;
    }
    let mut row = Row::default();
    loop {
        if text.tag("<Key>") {
            first(&mut row.key, text.text("</Key>")?.to_owned())?;
        } else if text.tag("<LastModified>") {
            let time = timestamp(text.text("</LastModified>")?)?;
            first(&mut row.last_modified, time)?;
        } else if text.tag("<ETag>") {
            first(&mut row.etag, text.etag("</ETag>")?)?;
        } else if text.tag("<Size>") {
            first(&mut row.size, number(text.text("</Size>")?)?)?;
        } else if text.tag("<StorageClass>") {
            first(&mut row.class, class(text.text("</StorageClass>")?)?)?;
        } else if !(text.checksum()? || text.owner()?) {
            return text.tag("</Contents>").then(|| (row, text.rest()));
        }
    }
}

fn row(elements: &mut Elements<'_>) -> Result<Row, PageError> {
    let mut row = Row::default();
    while let Some(element) = elements.next()? {
        match own_name(&element)? {
            "Key" => elements.once(&element, &mut row.key, owned)?,
            "LastModified" => elements.once(&element, &mut row.last_modified, timestamp)?,
            "ETag" => elements.once(&element, &mut row.etag, etag)?,
            "Size" => elements.once(&element, &mut row.size, number)?,
            "StorageClass" => elements.once(&element, &mut row.class, class)?,
            _ => elements.skip(&element)?,
        }
    }
    Ok(row)
}

fn common_prefix(elements: &mut Elements<'_>) -> Result<String, PageError> {
    let mut prefix = None;
    while let Some(element) = elements.next()? {
        match own_name(&element)? {
            "Prefix" => elements.once(&element, &mut prefix, owned)?,
            _ => elements.skip(&element)?,
        }
    }
    prefix.ok_or(PageError::EmptyPrefix)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::s3::page_reader::{Reply, parse};

    const PAGE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix/>
<KeyCount>3</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
<NextContinuationToken>1&amp;2=</NextContinuationToken>
<Contents><Key>a%0A+b&amp;c</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>
<ETag>&quot;0cc175b9c0f1b6a831c399e269772661&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>
<Size>5368709121</Size><StorageClass>GLACIER_IR</StorageClass></Contents>
<Contents><Size>0</Size><Owner><ID>x</ID><Key>not the key</Key></Owner><Key>z</Key></Contents>
<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListBucketResult>"#;

    fn page(body: &str) -> RawPage {
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
        let expected = RawPage {
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

        assert_eq!(said, RawPage::default());
    }

    #[test]
    fn a_refusal_is_told_from_a_page() {
        let body = b"<Error><Code>SlowDown</Code><Message>a &lt; b</Message><HostId/></Error>";

        let Ok(Reply::<RawPage>::Refusal(refusal)) = parse(body) else {
            panic!("no refusal");
        };

        assert_eq!(refusal.code(), Some("SlowDown"));
        assert_eq!(refusal.message(), Some("a < b"));
    }

    #[test]
    fn anything_else_is_no_page() {
        let bodies: [&[u8]; 5] = [b"", b"  ", b"busy", b"<html></html>", b"\xff<Error/>"];

        for body in bodies {
            assert!(parse::<RawPage>(body).is_err(), "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn a_page_that_was_cut_is_no_page(at in 0..PAGE.len()) {
            let cut = parse::<RawPage>(&PAGE.as_bytes()[..at]);

            prop_assert!(cut.is_err(), "{:?}", cut);
        }

        #[test]
        fn a_changed_byte_makes_no_rows_and_no_panic(at in 0..PAGE.len(), bits in 1..=255_u8) {
            let mut body = PAGE.as_bytes().to_vec();
            body[at] ^= bits;

            if let Ok(Reply::<RawPage>::Page(said)) = parse(&body) {
                prop_assert!(said.rows.len() <= 2, "{:?}", said.rows);
            }
        }
    }
}
