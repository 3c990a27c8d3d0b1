//! What a page of a listing of versions may say, and what makes it be refused.

use super::super::page_reader::{Reply, parse};
use super::*;
use crate::model::Timestamp;

const DATE: &str = "<LastModified>2026-01-02T03:04:05Z</LastModified>";

fn version(key: &str, id: &str, is_latest: bool) -> String {
    format!(
        "<Version><Key>{key}</Key><VersionId>{id}</VersionId><IsLatest>{is_latest}</IsLatest>{DATE}\
         <ETag>&quot;e&quot;</ETag><Size>1</Size><StorageClass>STANDARD</StorageClass></Version>"
    )
}

fn marker(key: &str, id: &str, is_latest: bool) -> String {
    format!(
        "<DeleteMarker><Key>{key}</Key><VersionId>{id}</VersionId><IsLatest>{is_latest}</IsLatest>\
         {DATE}</DeleteMarker>"
    )
}

const LAST: &str = "<IsTruncated>false</IsTruncated>";

fn read_from(start: &VersionPageStart, content: &str) -> Result<VersionPage, String> {
    let body = format!("<ListVersionsResult>{content}</ListVersionsResult>");
    match parse(body.as_bytes()).map_err(|error| error.to_string())? {
        Reply::Page(page) => {
            accept(page, &Prefix::new("p/"), start).map_err(|error| error.to_string())
        }
        Reply::Refusal(refusal) => Err(refusal.to_string()),
    }
}

fn read(content: &str) -> Result<VersionPage, String> {
    read_from(&VersionPageStart::beginning(), content)
}

fn ids(page: &VersionPage) -> Vec<(&str, &str)> {
    let rows = page.rows.iter();
    rows.map(|row| (row.key.as_str(), row.id.as_str()))
        .collect()
}

#[test]
fn versions_and_markers_stay_in_their_order() {
    let rows = [
        marker("p/a", "3", true),
        version("p/a", "2", false),
        marker("p/a", "1", false),
        version("p/b", "null", true),
    ];

    let page = read(&format!("{LAST}{}", rows.concat())).unwrap();

    assert_eq!(
        ids(&page),
        [("p/a", "3"), ("p/a", "2"), ("p/a", "1"), ("p/b", "null")]
    );
    let markers: Vec<bool> = page.rows.iter().map(VersionRow::is_marker).collect();
    assert_eq!(markers, [true, false, true, false]);
    assert_eq!(page.next, None);
}

#[test]
fn a_page_of_markers_only_and_one_of_nothing_are_pages() {
    let more = "<IsTruncated>true</IsTruncated><NextKeyMarker>p/b</NextKeyMarker>\
                <NextVersionIdMarker>1</NextVersionIdMarker>";
    let rows = [marker("p/a", "1", true), marker("p/b", "1", true)];

    let page = read(&format!("{more}{}", rows.concat())).unwrap();

    assert_eq!(page.rows.len(), 2);
    assert!(page.next.is_some());
    assert_eq!(read(LAST).unwrap().rows.len(), 0);
}

#[test]
fn a_page_may_begin_and_end_within_a_key() {
    let more = "<IsTruncated>true</IsTruncated><NextKeyMarker>p/a</NextKeyMarker>\
                <NextVersionIdMarker>2</NextVersionIdMarker>";
    let first = read(&format!("{more}{}", version("p/a", "2", true))).unwrap();
    let start = first.next.unwrap();
    let next = |rows: &str| read_from(&start, &format!("{LAST}{rows}"));

    assert_eq!(next(&version("p/a", "1", false)).unwrap().rows.len(), 1);
    assert_eq!(next(&version("p/b", "1", true)).unwrap().rows.len(), 1);
    let refused = [
        ("the version before", version("p/a", "2", false)),
        ("a second newest one", version("p/a", "1", true)),
        (
            "an older one of a key that begins",
            version("p/b", "1", false),
        ),
        ("an earlier key", version("p/0", "1", true)),
    ];
    for (what, rows) in refused {
        assert!(next(&rows).is_err(), "{what}");
    }
    let start_again = read_from(&start, &format!("{more}{}", version("p/a", "1", false)));
    assert_eq!(
        start_again.unwrap_err(),
        "more versions follow, but where the page itself began"
    );
}

#[test]
fn behind_a_key_no_version_of_it_is_expected() {
    let start = VersionPageStart::after(Key::new("p/a"));
    let page = |rows: &str| read_from(&start, &format!("{LAST}{rows}"));

    assert!(page(&version("p/a0", "1", true)).is_ok());
    assert!(page(&version("p/a", "1", false)).is_err());
    assert!(page(&version("p/a", "1", true)).is_err());
}

#[test]
fn keys_are_decoded_if_the_page_says_that_they_are_encoded() {
    let rows = version("p/a%0A+b", "1", true);
    let url = "<EncodingType>url</EncodingType>";
    let more = "<IsTruncated>true</IsTruncated><NextKeyMarker>p/a%0A+b</NextKeyMarker>\
                <NextVersionIdMarker>1</NextVersionIdMarker>";

    let encoded = read(&format!("{url}{more}{rows}")).unwrap();
    let plain = read(&format!("{LAST}{rows}")).unwrap();

    assert_eq!(encoded.rows[0].key.as_str(), "p/a\n b");
    let (key, id) = encoded.next.unwrap().marker.unwrap();
    assert_eq!((key.as_str(), id.unwrap().as_str()), ("p/a\n b", "1"));
    assert_eq!(plain.rows[0].key.as_str(), "p/a%0A+b");
}

#[test]
fn a_page_that_contradicts_itself_is_refused() {
    let row = version("p/a", "1", true);
    let pages = [
        ("no word of an end", row.clone()),
        (
            "more, but not where",
            format!("<IsTruncated>true</IsTruncated>{row}"),
        ),
        (
            "more, but not behind which version",
            format!("<IsTruncated>true</IsTruncated><NextKeyMarker>p/a</NextKeyMarker>{row}"),
        ),
        (
            "an end with a next page",
            format!("{LAST}<NextKeyMarker>p/a</NextKeyMarker>{row}"),
        ),
        ("another prefix", format!("{LAST}<Prefix>q/</Prefix>{row}")),
        (
            "common prefixes",
            format!("{LAST}<CommonPrefixes><Prefix>p/b/</Prefix></CommonPrefixes>{row}"),
        ),
        (
            "an unknown encoding",
            format!("{LAST}<EncodingType>base64</EncodingType>{row}"),
        ),
        ("a row twice", format!("{LAST}{row}{row}")),
        (
            "keys in disorder",
            format!("{LAST}{}{row}", version("p/b", "1", true)),
        ),
        (
            "an older version first",
            format!("{LAST}{}{row}", version("p/a", "0", false)),
        ),
        (
            "what was not asked for",
            format!("{LAST}{}", version("q", "1", true)),
        ),
    ];

    assert!(read(&format!("{LAST}{row}")).is_ok());
    for (what, content) in pages {
        assert!(read(&content).is_err(), "{what}");
    }
}

#[test]
fn a_row_that_cannot_be_is_refused() {
    let row = version("p/a", "1", true);
    let without = |part: &str| row.replacen(part, "", 1);
    let pages = [
        ("no key", format!("{LAST}{}", without("<Key>p/a</Key>"))),
        (
            "no version",
            format!("{LAST}{}", without("<VersionId>1</VersionId>")),
        ),
        (
            "an empty version",
            format!("{LAST}{}", version("p/a", "", true)),
        ),
        (
            "no word of the newest",
            format!("{LAST}{}", without("<IsLatest>true</IsLatest>")),
        ),
        ("no date", format!("{LAST}{}", without(DATE))),
        ("no size", format!("{LAST}{}", without("<Size>1</Size>"))),
        (
            "no ETag",
            format!("{LAST}{}", without("<ETag>&quot;e&quot;</ETag>")),
        ),
        (
            "a key that is too long",
            format!(
                "{LAST}{}",
                version(&format!("p/{}", "k".repeat(1_023)), "1", true)
            ),
        ),
    ];

    for (what, content) in pages {
        assert!(read(&content).is_err(), "{what}");
    }
}

#[test]
fn a_row_tells_whether_its_object_can_be_read_if_the_server_tells_at_all() {
    let row = |key: &str, class: &str, status: &str| {
        let row = version(key, "1", true).replace("STANDARD", class);
        let status = format!("{status}</Version>");
        row.replace("</Version>", &status)
    };
    let under_way =
        "<RestoreStatus><IsRestoreInProgress>true</IsRestoreInProgress></RestoreStatus>";
    let thawed = "<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>\
                  <RestoreExpiryDate>2026-01-09T00:00:00.000Z</RestoreExpiryDate></RestoreStatus>";
    let states = |rows: &[String]| {
        let page = read(&format!("{LAST}{}", rows.concat())).unwrap();
        let states = page.rows.into_iter().map(|row| match row.kind {
            VersionKind::Object { thaw, .. } => thaw,
            VersionKind::Marker => panic!("a marker"),
        });
        states.collect::<Vec<Option<ThawState>>>()
    };

    let told = states(&[
        row("p/a", "GLACIER", ""),
        row("p/b", "GLACIER", under_way),
        row("p/c", "DEEP_ARCHIVE", thawed),
        row("p/d", "GLACIER_IR", ""),
        row("p/e", "INTELLIGENT_TIERING", ""),
    ]);
    let untold = states(&[row("p/a", "GLACIER", ""), row("p/b", "STANDARD", "")]);

    let until = Timestamp::parse("2026-01-09T00:00:00Z");
    assert_eq!(
        told,
        [
            Some(ThawState::Frozen),
            Some(ThawState::UnderWay),
            Some(ThawState::Thawed { until }),
            Some(ThawState::NotArchived),
            None,
        ]
    );
    assert_eq!(untold, [None, Some(ThawState::NotArchived)]);
}
