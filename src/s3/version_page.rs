//! What a page of a listing of versions says, kept as it came: versions and delete markers in one order,
//! which the SDK would part into two lists. [`super::versions`] decides whether to believe it.

use aws_sdk_s3::error::ErrorMetadata;
use aws_sdk_s3::operation::list_object_versions::{
    ListObjectVersionsError, ListObjectVersionsOutput,
};
use aws_smithy_runtime_api::client::interceptors::context::{Error, Output};
use quick_xml::events::BytesStart;

use super::page::ROWS_OF_PAGE;
use super::page_error::PageError;
use super::page_reader::ListPage;
use super::reply_xml::{Elements, class, etag, number, own_name, owned, parsed, timestamp};
use super::row_text::{RowText, first};
use crate::model::{ETag, StorageClass, Timestamp};

/// What a page says, believed or not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RawVersionPage {
    /// The prefix that was listed, as it stands.
    pub prefix: Option<String>,
    /// Whether more pages follow.
    pub truncated: Option<bool>,
    /// Where they begin: behind this key.
    pub next_key: Option<String>,
    /// And behind this version of it.
    pub next_id: Option<String>,
    /// How keys are encoded.
    pub encoding: Option<String>,
    /// Whether it has common prefixes.
    pub has_prefixes: bool,
    /// Its versions and delete markers.
    pub rows: Vec<RawVersionRow>,
}

/// What a page says of one version or delete marker.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RawVersionRow {
    pub is_marker: bool,
    pub key: Option<String>,
    pub id: Option<String>,
    pub is_latest: Option<bool>,
    pub last_modified: Option<Timestamp>,
    pub size: Option<u64>,
    pub etag: Option<ETag>,
    pub class: Option<StorageClass>,
    pub restore: Option<RawRestoreStatus>,
}

/// What a page says of the restore of an archived version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RawRestoreStatus {
    pub in_progress: Option<bool>,
    pub expires: Option<Timestamp>,
}

impl RawVersionPage {
    fn keep(&mut self, row: RawVersionRow) {
        if self.rows.is_empty() {
            self.rows.reserve(ROWS_OF_PAGE.into());
        }
        self.rows.push(row);
    }
}

impl ListPage for RawVersionPage {
    const ROOT: &'static str = "ListVersionsResult";

    const ELEMENTS: &'static [&'static str] = &[
        "ListVersionsResult",
        "IsTruncated",
        "NextKeyMarker",
        "NextVersionIdMarker",
        "CommonPrefixes",
        "Version",
        "DeleteMarker",
    ];

    fn read(elements: &mut Elements<'_>) -> Result<Self, PageError> {
        page(elements, usual_row)
    }

    fn output() -> Output {
        Output::erase(ListObjectVersionsOutput::builder().build())
    }

    fn error(refusal: ErrorMetadata) -> Error {
        Error::erase(ListObjectVersionsError::generic(refusal))
    }
}

/// Reads a page. What `usual` cannot take from the text, the reader of XML reads.
pub(super) fn page(
    elements: &mut Elements<'_>,
    usual: TakeRow,
) -> Result<RawVersionPage, PageError> {
    let mut page = RawVersionPage::default();
    while let Some(element) = elements.next()? {
        match own_name(&element)? {
            "Version" => page.keep(row(elements, false)?),
            "DeleteMarker" => page.keep(row(elements, true)?),
            "Prefix" => elements.once(&element, &mut page.prefix, owned)?,
            "IsTruncated" => elements.once(&element, &mut page.truncated, parsed)?,
            "NextKeyMarker" => elements.once(&element, &mut page.next_key, owned)?,
            "NextVersionIdMarker" => elements.once(&element, &mut page.next_id, owned)?,
            "EncodingType" => elements.once(&element, &mut page.encoding, owned)?,
            "CommonPrefixes" => {
                page.has_prefixes = true;
                skip_within(elements)?;
            }
            _ => elements.skip(&element)?,
        }
        while let Some(row) = elements.take_from_text(usual) {
            page.keep(row);
        }
    }
    Ok(page)
}

/// Takes a row from the beginning of a text, and hands out what follows.
pub(super) type TakeRow = fn(&str) -> Option<(RawVersionRow, &str)>;

/// A version as S3 sends it; delete markers are few.
pub(super) fn usual_row(text: &str) -> Option<(RawVersionRow, &str)> {
    let mut text = RowText::of(text);
    if !text.tag("<Version>") {
        return None;
    }
    let mut row = RawVersionRow::default();
    loop {
        if text.tag("<Key>") {
            first(&mut row.key, text.text("</Key>")?.to_owned())?;
        } else if text.tag("<VersionId>") {
            first(&mut row.id, text.text("</VersionId>")?.to_owned())?;
        } else if text.tag("<IsLatest>") {
            first(&mut row.is_latest, parsed(text.text("</IsLatest>")?)?)?;
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
            return text.tag("</Version>").then(|| (row, text.rest()));
        }
    }
}

fn row(elements: &mut Elements<'_>, is_marker: bool) -> Result<RawVersionRow, PageError> {
    let mut row = RawVersionRow {
        is_marker,
        ..RawVersionRow::default()
    };
    while let Some(element) = elements.next()? {
        match own_name(&element)? {
            "Key" => elements.once(&element, &mut row.key, owned)?,
            "VersionId" => elements.once(&element, &mut row.id, owned)?,
            "IsLatest" => elements.once(&element, &mut row.is_latest, parsed)?,
            "LastModified" => elements.once(&element, &mut row.last_modified, timestamp)?,
            "ETag" => elements.once(&element, &mut row.etag, etag)?,
            "Size" => elements.once(&element, &mut row.size, number)?,
            "StorageClass" => elements.once(&element, &mut row.class, class)?,
            "RestoreStatus" => restore_status(elements, &element, &mut row.restore)?,
            _ => elements.skip(&element)?,
        }
    }
    Ok(row)
}

fn restore_status(
    elements: &mut Elements<'_>,
    element: &BytesStart<'_>,
    status: &mut Option<RawRestoreStatus>,
) -> Result<(), PageError> {
    if status.is_some() {
        let name = element.name().into_inner();
        let name = name.to_owned();
        return Err(PageError::SaidTwice { name });
    }
    let mut read = RawRestoreStatus::default();
    while let Some(element) = elements.next()? {
        match own_name(&element)? {
            "IsRestoreInProgress" => elements.once(&element, &mut read.in_progress, parsed)?,
            "RestoreExpiryDate" => elements.once(&element, &mut read.expires, timestamp)?,
            _ => elements.skip(&element)?,
        }
    }
    *status = Some(read);
    Ok(())
}

fn skip_within(elements: &mut Elements<'_>) -> Result<(), PageError> {
    while let Some(element) = elements.next()? {
        elements.skip(&element)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::s3::page_reader::{Reply, parse};

    const PAGE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix/><KeyMarker/>
<VersionIdMarker/><NextKeyMarker>a%0A</NextKeyMarker><NextVersionIdMarker>v2</NextVersionIdMarker>
<MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
<DeleteMarker><Key>a%0A</Key><VersionId>v3</VersionId><IsLatest>true</IsLatest>
<LastModified>2026-01-02T03:04:05.678Z</LastModified><Owner><ID>x</ID></Owner></DeleteMarker>
<Version><Key>a%0A</Key><VersionId>v2</VersionId><IsLatest>false</IsLatest>
<LastModified>2026-01-01T03:04:05.678Z</LastModified><ETag>&quot;e&quot;</ETag><Size>7</Size>
<StorageClass>GLACIER</StorageClass><RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>
<RestoreExpiryDate>2026-01-09T00:00:00.000Z</RestoreExpiryDate></RestoreStatus></Version>
</ListVersionsResult>"#;

    #[test]
    fn versions_and_markers_are_read_in_the_order_of_the_page() {
        let Ok(Reply::Page(page)) = parse::<RawVersionPage>(PAGE.as_bytes()) else {
            panic!("no page");
        };

        let marker = RawVersionRow {
            is_marker: true,
            key: Some("a%0A".to_owned()),
            id: Some("v3".to_owned()),
            is_latest: Some(true),
            last_modified: Some(Timestamp::from_millis(1_767_323_045_678)),
            ..RawVersionRow::default()
        };
        let version = RawVersionRow {
            is_marker: false,
            id: Some("v2".to_owned()),
            is_latest: Some(false),
            last_modified: Some(Timestamp::from_millis(1_767_236_645_678)),
            size: Some(7),
            etag: Some(ETag::new("e")),
            class: Some(StorageClass::new(Some("GLACIER"))),
            restore: Some(RawRestoreStatus {
                in_progress: Some(false),
                expires: Timestamp::parse("2026-01-09T00:00:00Z"),
            }),
            key: marker.key.clone(),
        };
        let expected = RawVersionPage {
            prefix: Some(String::new()),
            truncated: Some(true),
            next_key: Some("a%0A".to_owned()),
            next_id: Some("v2".to_owned()),
            encoding: Some("url".to_owned()),
            has_prefixes: false,
            rows: vec![marker, version],
        };
        assert_eq!(page, expected);
    }

    proptest! {
        #[test]
        fn a_page_that_was_cut_is_no_page(at in 0..PAGE.len()) {
            let cut = parse::<RawVersionPage>(&PAGE.as_bytes()[..at]);

            prop_assert!(cut.is_err(), "{:?}", cut);
        }

        #[test]
        fn a_changed_byte_makes_no_rows_and_no_panic(at in 0..PAGE.len(), bits in 1..=255_u8) {
            let mut body = PAGE.as_bytes().to_vec();
            body[at] ^= bits;

            if let Ok(Reply::<RawVersionPage>::Page(page)) = parse(&body) {
                // `<VersionIdMarker/>` can become `<Version dMarker/>`: a row without a key, which no page may have.
                let rows = page.rows.iter().filter(|row| row.key.is_some());
                prop_assert!(rows.count() <= 2, "{:?}", page.rows);
            }
        }
    }
}
