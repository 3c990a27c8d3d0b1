//! Rows that were taken from the text of a page are those that the reader of XML finds there, whatever the page
//! looks like, and what it refuses is refused in the same words. Built for tests and for fuzzing.

use aws_sdk_s3::error::ErrorMetadata;
use aws_smithy_runtime_api::client::interceptors::context::{Error, Output};

use super::page::{self, RawPage};
use super::page_error::PageError;
use super::page_reader::{ListPage, Reply, parse};
use super::reply_xml::Elements;
use super::version_page::{self, RawVersionPage};

/// A page that the reader of XML alone has read.
#[derive(Debug)]
struct ByXml<P>(P);

/// How a page is read by the reader of XML alone.
trait ReadByXml: ListPage + PartialEq {
    fn read_by_xml(elements: &mut Elements<'_>) -> Result<Self, PageError>;
}

impl ReadByXml for RawPage {
    fn read_by_xml(elements: &mut Elements<'_>) -> Result<Self, PageError> {
        page::page(elements, |_| None)
    }
}

impl ReadByXml for RawVersionPage {
    fn read_by_xml(elements: &mut Elements<'_>) -> Result<Self, PageError> {
        version_page::page(elements, |_| None)
    }
}

impl<P: ReadByXml> ListPage for ByXml<P> {
    const ROOT: &'static str = P::ROOT;

    const ELEMENTS: &'static [&'static str] = P::ELEMENTS;

    fn read(elements: &mut Elements<'_>) -> Result<Self, PageError> {
        P::read_by_xml(elements).map(Self)
    }

    fn output() -> Output {
        P::output()
    }

    fn error(refusal: ErrorMetadata) -> Error {
        P::error(refusal)
    }
}

/// Reads a body as a page of objects in both ways.
///
/// # Panics
/// When they do not agree.
pub(super) fn of_objects(body: &[u8]) {
    assert_agreement::<RawPage>(body);
}

/// The same of a page of versions.
///
/// # Panics
/// When they do not agree.
pub(super) fn of_versions(body: &[u8]) {
    assert_agreement::<RawVersionPage>(body);
}

fn assert_agreement<P: ReadByXml>(body: &[u8]) {
    let (usual, by_xml) = (parse::<P>(body), parse::<ByXml<P>>(body));
    let agree = match (&usual, &by_xml) {
        (Ok(Reply::Page(usual)), Ok(Reply::Page(ByXml(by_xml)))) => usual == by_xml,
        (Ok(Reply::Refusal(usual)), Ok(Reply::Refusal(by_xml))) => usual == by_xml,
        (Err(usual), Err(by_xml)) => usual == by_xml,
        _ => false,
    };
    let body = String::from_utf8_lossy(body);
    assert!(agree, "{usual:?}\n{by_xml:?}\n{body}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::*;

    /// As S3 sends them.
    const OBJECT: &str = "<Contents><Key>a%20b/c</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>\
        <ETag>&quot;0cc175b9c0f1b6a831c399e269772661&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>\
        <ChecksumType>FULL_OBJECT</ChecksumType><Size>5368709121</Size><StorageClass>GLACIER_IR</StorageClass></Contents>";
    const VERSION: &str = "<Version><ETag>&quot;9e107d9d372bb6826bd81d3542a419d6-2&quot;</ETag>\
        <ChecksumAlgorithm>CRC32</ChecksumAlgorithm><Size>7</Size><StorageClass>STANDARD</StorageClass><Key>a</Key>\
        <VersionId>3/L4+x_</VersionId><IsLatest>true</IsLatest><LastModified>2026-01-02T03:04:05.678Z</LastModified>\
        <Owner><ID>75aa57f0</ID></Owner></Version>";

    fn pages(rows: &str) -> [String; 2] {
        let head = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
        [
            format!(
                "{head}\n<ListBucketResult><Name>b</Name><Prefix></Prefix><KeyCount>2</KeyCount>{rows}</ListBucketResult>"
            ),
            format!(
                "{head}\n<ListVersionsResult><Name>b</Name><IsTruncated>false</IsTruncated>{rows}</ListVersionsResult>"
            ),
        ]
    }

    fn assert_all_agree(rows: &str) {
        for page in pages(rows) {
            of_objects(page.as_bytes());
            of_versions(page.as_bytes());
        }
    }

    #[test]
    fn rows_as_s3_sends_them_are_taken_from_the_text() {
        let object = page::usual_row(OBJECT).map(|(row, rest)| (row.key, row.size, rest));
        let version = version_page::usual_row(VERSION).map(|(row, rest)| (row.key, row.id, rest));

        let key = |key: &str| Some(key.to_owned());
        assert_eq!(object, Some((key("a%20b/c"), Some(5_368_709_121), "")));
        assert_eq!(version, Some((key("a"), key("3/L4+x_"), "")));
        assert_all_agree(&OBJECT.repeat(3));
        assert_all_agree(&VERSION.repeat(3));
    }

    #[test]
    fn a_root_without_content_has_no_rows_behind_it() {
        for rest in [OBJECT, VERSION] {
            for root in ["ListBucketResult", "ListVersionsResult"] {
                of_objects(format!("<{root}/>{rest}").as_bytes());
                of_versions(format!("<{root}/>{rest}").as_bytes());
                of_objects(format!("\u{feff}<{root}><Name/>{rest}</{root}>").as_bytes());
            }
        }
    }

    #[test]
    fn each_changed_byte_means_the_same_to_both_readers() {
        let [objects, versions] = [pages(&OBJECT.repeat(2)), pages(&VERSION.repeat(2))];
        for (page, check) in [
            (&objects[0], of_objects as fn(&[u8])),
            (&versions[1], of_versions),
        ] {
            for at in 0..page.len() {
                for byte in *b"<>&;/\"' \nK0:-\xff" {
                    let mut changed = page.clone().into_bytes();
                    changed[at] = byte;
                    check(&changed);
                }
                let mut shorter = page.clone().into_bytes();
                shorter.remove(at);
                check(&shorter);
            }
        }
    }

    /// Texts of elements, some of which are none.
    const TEXTS: [&str; 26] = [
        "a",
        "a b",
        "",
        "日本/x",
        "%20+",
        "a&amp;b",
        "&#10;",
        "&bogus;",
        "a & b",
        "a>b]]>",
        "\"e\"",
        "&quot;e&quot;",
        "&quot;e",
        "e&quot;",
        "&quot;&quot;",
        "7",
        "+7",
        "99999999999999999999",
        "true",
        "2026-01-02T03:04:05.678Z",
        "2026-01-02T03:04:05Z",
        "2026-02-30T03:04:05.678Z",
        "<![CDATA[a]]>",
        "<!-- a -->b",
        "<ID>x</ID>",
        "<Contents>",
    ];
    const NAMES: [&str; 15] = [
        "Key",
        "LastModified",
        "ETag",
        "Size",
        "StorageClass",
        "ChecksumAlgorithm",
        "ChecksumType",
        "Owner",
        "VersionId",
        "IsLatest",
        "RestoreStatus",
        "Contents",
        "Version",
        "IsTruncated",
        "s3:Key",
    ];

    /// An element, most often one that S3 could send.
    fn element() -> impl Strategy<Value = String> {
        let (name, text) = (select(&NAMES[..]), select(&TEXTS[..]));
        (name, text, 0..12).prop_map(|(name, text, spelling)| match spelling {
            0 => format!("<{name}/>"),
            1 => format!("<{name} a=\"b\">{text}</{name}>"),
            2 => format!("<{name}>{text}</{name} >"),
            3 => format!("\n  <{name}>{text}</{name}>"),
            4 => format!("<!-- x --><{name}>{text}</{name}>"),
            _ => format!("<{name}>{text}</{name}>"),
        })
    }

    /// The elements of a row of S3's.
    fn parts(row: &str) -> Vec<String> {
        let inner = row
            .split_once('>')
            .and_then(|(_, inner)| inner.rsplit_once("</"));
        let inner = inner.map_or("", |(inner, _)| inner);
        let mut parts: Vec<String> = Vec::new();
        let mut depth = 0;
        for piece in inner.split_inclusive('>') {
            match depth {
                0 => parts.push(piece.to_owned()),
                _ => parts.last_mut().unwrap().push_str(piece),
            }
            depth = if piece.contains("</") {
                depth - 1
            } else {
                depth + 1
            };
        }
        parts
    }

    /// A row of S3's, some elements of which are gone, doubled, odd or elsewhere.
    fn row() -> impl Strategy<Value = String> {
        let whole = select(vec![
            ("Contents", OBJECT),
            ("Version", VERSION),
            ("DeleteMarker", VERSION),
        ]);
        whole.prop_flat_map(|(name, row)| {
            let parts = parts(row);
            let (most, odd) = (parts.len(), prop::collection::vec(element(), 0..2));
            let kept = subsequence(parts.clone(), most - 1..=most);
            let doubled = subsequence(parts, 0..2);
            (kept, doubled, odd, any::<bool>())
                .prop_flat_map(|(kept, doubled, odd, is_shuffled)| {
                    let all = [kept, doubled, odd].concat();
                    if is_shuffled {
                        Just(all).prop_shuffle().boxed()
                    } else {
                        Just(all).boxed()
                    }
                })
                .prop_map(move |all| format!("<{name}>{}</{name}>", all.concat()))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_rows_mean_the_same_to_both_readers(
            rows in prop::collection::vec(row(), 0..4),
            between in select(vec!["", "", "", "\n", "<Name/>", "x"]),
        ) {
            assert_all_agree(&rows.join(between));
        }

        #[test]
        fn any_changed_rows_mean_the_same_to_both_readers(
            rows in prop::collection::vec(row(), 1..3),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            is_cut in any::<bool>(),
        ) {
            for page in pages(&rows.concat()) {
                let mut body = page.into_bytes();
                let at = at.index(body.len());
                if is_cut {
                    body.truncate(at);
                } else {
                    body[at] = byte;
                }
                of_objects(&body);
                of_versions(&body);
            }
        }
    }
}
