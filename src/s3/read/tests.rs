//! All that a page of a listing may say, part by part: it is read whole, or refused.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::page_reader::{Reply, parse};
use super::*;

/// How a page begins and ends.
const ROOTS: [(&str, &str, bool); 16] = [
    (
        "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">",
        "</ListBucketResult>\n",
        true,
    ),
    ("<ListBucketResult>", "</ListBucketResult>", true),
    (
        "<!-- x --><ListBucketResult>",
        "</ListBucketResult><!-- x -->",
        true,
    ),
    (
        "<ListBucketResult xmlns=\"http://s3.example.com/\">",
        "</ListBucketResult>",
        false,
    ),
    ("<x:ListBucketResult>", "</x:ListBucketResult>", false),
    ("<ListVersionsResult>", "</ListVersionsResult>", false),
    ("<html>", "</html>", false),
    ("<a><ListBucketResult>", "</ListBucketResult></a>", false),
    (
        "<!DOCTYPE a><ListBucketResult>",
        "</ListBucketResult>",
        false,
    ),
    ("busy<ListBucketResult>", "</ListBucketResult>", false),
    ("<ListBucketResult>busy", "</ListBucketResult>", false),
    ("<ListBucketResult>", "</ListBucketResult>busy", false),
    (
        "<ListBucketResult>",
        "</ListBucketResult><ListBucketResult/>",
        false,
    ),
    (
        "<ListBucketResult/><ListBucketResult>",
        "</ListBucketResult>",
        false,
    ),
    ("<ListBucketResult>", "", false),
    (
        "<ListBucketResult><![CDATA[x]]>",
        "</ListBucketResult>",
        false,
    ),
];

const TRUNCATED: [(&str, Option<bool>); 10] = [
    ("<IsTruncated>false</IsTruncated>", Some(false)),
    ("<IsTruncated>true</IsTruncated>", Some(true)),
    ("", None),
    ("<IsTruncated/>", None),
    ("<IsTruncated>yes</IsTruncated>", None),
    ("<IsTruncated>FALSE</IsTruncated>", None),
    ("<IsTruncated> false</IsTruncated>", None),
    ("<IsTruncated><b>false</b></IsTruncated>", None),
    ("<x:IsTruncated>false</x:IsTruncated>", None),
    (
        "<IsTruncated>false</IsTruncated><IsTruncated>false</IsTruncated>",
        None,
    ),
];

/// None if it is refused whatever else the page says.
const TOKENS: [(&str, Option<&str>); 5] = [
    ("", Some("")),
    (
        "<NextContinuationToken>next&amp;1</NextContinuationToken>",
        Some("next&1"),
    ),
    ("<NextContinuationToken/>", Some("")),
    ("<NextContinuationToken>asked</NextContinuationToken>", None),
    (
        "<NextContinuationToken>a</NextContinuationToken><NextContinuationToken>b</NextContinuationToken>",
        None,
    ),
];

/// What follows the right key count.
const COUNTS: [(&str, bool); 7] = [
    ("<KeyCount>{n}</KeyCount>", true),
    ("<KeyCount>{n+1}</KeyCount>", false),
    ("", false),
    ("<KeyCount/>", false),
    ("<KeyCount>-{n}</KeyCount>", false),
    ("<KeyCount>+{n}</KeyCount>", false),
    ("<KeyCount>{n}</KeyCount><KeyCount>{n}</KeyCount>", false),
];

const ENCODINGS: [(&str, bool); 5] = [
    ("<EncodingType>url</EncodingType>", true),
    ("", true),
    ("<EncodingType>base64</EncodingType>", false),
    ("<EncodingType/>", false),
    (
        "<EncodingType>url</EncodingType><EncodingType>url</EncodingType>",
        false,
    ),
];

const OTHERS: [(&str, bool); 12] = [
    (
        "<Name>b</Name><Prefix>p/</Prefix><MaxKeys>1000</MaxKeys>",
        true,
    ),
    ("", true),
    ("<New><Part>1</Part></New><Empty/>", true),
    ("<Prefix>q/</Prefix>", false),
    ("<Prefix/>", false),
    ("<Prefix>p/</Prefix><Prefix>p/</Prefix>", false),
    (
        "<CommonPrefixes><Prefix>p/x/</Prefix></CommonPrefixes>",
        false,
    ),
    ("<New><Contents></Contents></New>", false),
    ("<New><a><IsTruncated>true</IsTruncated></a></New>", false),
    ("<ListBucketResult></ListBucketResult>", false),
    ("<Contents/>", false),
    ("<x:Contents></x:Contents>", false),
];

const KEYS: [(&str, bool); 9] = [
    ("<Key>p/{n}</Key>", true),
    ("<Key>p/{n}%41</Key>", true),
    ("", false),
    ("<Key/>", false),
    ("<Key>q/{n}</Key>", false),
    ("<Key>p/{n}</Key><Key>p/{n}</Key>", false),
    ("<Key><![CDATA[p/{n}]]></Key>", false),
    ("<Key>p/{n}<!-- x --></Key>", false),
    ("<Contents><Key>p/{n}</Key></Contents>", false),
];

/// These are keys if keys are not encoded.
const ESCAPES: [&str; 4] = ["%zz", "%", "%4", "%ff"];

const SIZES: [(&str, bool); 10] = [
    ("<Size>5</Size>", true),
    ("<Size>53687091200000</Size>", true),
    ("", false),
    ("<Size/>", false),
    ("<Size>-1</Size>", false),
    ("<Size>+1</Size>", false),
    ("<Size>1.5</Size>", false),
    ("<Size>18446744073709551616</Size>", false),
    ("<Size>18446744073709551615</Size>", false),
    ("<Size>1</Size><Size>2</Size>", false),
];

const REST: [(&str, bool); 10] = [
    (
        "<ETag>&quot;e&quot;</ETag><LastModified>2026-01-02T03:04:05.678Z</LastModified>",
        true,
    ),
    (
        "<Owner><ID>x</ID><Key>no key</Key></Owner><StorageClass>GLACIER</StorageClass>\
         <LastModified>2026-01-02T03:04:05Z</LastModified><ETag>e-2</ETag>",
        true,
    ),
    ("<ETag>e</ETag>", false),
    ("<LastModified>2026-01-02T03:04:05Z</LastModified>", false),
    (
        "<ETag/><LastModified>2026-01-02T03:04:05Z</LastModified>",
        false,
    ),
    (
        "<ETag>&quot;&quot;</ETag><LastModified>2026-01-02T03:04:05Z</LastModified>",
        false,
    ),
    (
        "<ETag>e</ETag><LastModified>yesterday</LastModified>",
        false,
    ),
    (
        "<ETag>e</ETag><LastModified>2026-13-02T03:04:05Z</LastModified>",
        false,
    ),
    (
        "<ETag>e</ETag><ETag>e</ETag><LastModified>2026-01-02T03:04:05Z</LastModified>",
        false,
    ),
    (
        "<ETag>e&nbsp;</ETag><LastModified>2026-01-02T03:04:05Z</LastModified>",
        false,
    ),
];

/// Mostly one of the first ones, which are good.
fn mostly(good: usize, all: usize) -> impl Strategy<Value = usize> {
    prop_oneof![15 => 0..good, 1 => 0..all]
}

/// The choices for each part of a page, and for each part of its rows.
type Choice = ([usize; 6], Vec<[usize; 4]>);

fn choices() -> impl Strategy<Value = Choice> {
    let page = (
        mostly(3, ROOTS.len()),
        mostly(2, TRUNCATED.len()),
        mostly(3, TOKENS.len()),
        mostly(1, COUNTS.len()),
        mostly(2, ENCODINGS.len()),
        mostly(3, OTHERS.len()),
    );
    let row = (
        mostly(2, KEYS.len()),
        mostly(2, SIZES.len()),
        mostly(2, REST.len()),
        mostly(1, ESCAPES.len() + 1),
    );
    let page = page.prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f]);
    let row = row.prop_map(|(a, b, c, d)| [a, b, c, d]);
    (page, proptest::collection::vec(row, 0..4))
}

/// The keys of a page, and where the next one begins.
type Whole = (Vec<String>, Option<String>);

/// The page that was chosen, and what it says; none if it is to be refused.
fn chosen((page, rows): &Choice) -> (String, Option<Whole>) {
    let [root, truncated, token, count, encoding, other] = *page;
    let (begin, end, root_is_good) = ROOTS[root];
    let (truncated, is_truncated) = TRUNCATED[truncated];
    let (token, next) = TOKENS[token];
    let (count, count_is_good) = COUNTS[count];
    let (encoding, encoding_is_good) = ENCODINGS[encoding];
    let (other, other_is_good) = OTHERS[other];
    let url = encoding.contains("url");
    let mut good = root_is_good && count_is_good && encoding_is_good && other_is_good;
    // Without keys -0 would be a number; it is refused all the same.
    let count = count
        .replace("{n}", &rows.len().to_string())
        .replace("{n+1}", &(rows.len() + 1).to_string());
    let (mut contents, mut keys) = (String::new(), Vec::new());
    for (n, [key, size, rest, escape]) in rows.iter().copied().enumerate() {
        let escape = escape.checked_sub(1).map_or("", |escape| ESCAPES[escape]);
        let name = format!("{n}{escape}");
        let (key, key_is_good) = KEYS[key];
        let (size, size_is_good) = SIZES[size];
        let (rest, rest_is_good) = REST[rest];
        good &= key_is_good && size_is_good && rest_is_good && (escape.is_empty() || !url);
        let key = key.replace("{n}", &name);
        let text = key.replace("<Key>", "").replace("</Key>", "");
        keys.push(if url { text.replace("%41", "A") } else { text });
        let _ = write!(contents, "<Contents>{size}{key}{rest}</Contents>");
    }
    let body = format!("{begin}{other}{encoding}{count}{token}{truncated}{contents}{end}");
    let next = match (is_truncated, next) {
        (Some(false), Some("")) => Some(None),
        (Some(true), Some(next)) if !next.is_empty() => Some(Some(next.to_owned())),
        _ => None,
    };
    (body, next.filter(|_| good).map(|next| (keys, next)))
}

fn read(body: &str) -> Result<Page, String> {
    read_below("p/", None, body).map(|(page, _)| page)
}

fn read_below(
    prefix: &str,
    delimiter: Option<char>,
    body: &str,
) -> Result<(Page, Vec<String>), String> {
    let asked = PageRequest {
        prefix: &Prefix::new(prefix),
        start: &PageStart::Token("asked".to_owned()),
        delimiter,
    };
    match parse(body.as_bytes()).map_err(|error| error.to_string())? {
        Reply::Page(said) => accept(said, asked).map_err(|error| error.to_string()),
        Reply::Refusal(refusal) => Err(refusal.to_string()),
    }
}

/// The only page of a listing, of one key.
fn only(parts: &str) -> String {
    format!(
        "<ListBucketResult><KeyCount>1</KeyCount><IsTruncated>false</IsTruncated>{parts}</ListBucketResult>"
    )
}

/// A row of that key and size.
fn row(key: &str, size: u64) -> String {
    let rest = REST[0].0;
    format!("<Contents><Key>{key}</Key><Size>{size}</Size>{rest}</Contents>")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_page_is_read_whole_or_refused(choice in choices()) {
        let (body, expected) = chosen(&choice);

        let page = read(&body);

        match (page, expected) {
            (Ok(page), Some((keys, next))) => {
                let read: Vec<&str> = page.objects.iter().map(|row| row.key.as_str()).collect();
                prop_assert_eq!(read, keys, "{}", body);
                prop_assert_eq!(page.next, next.map(PageStart::Token), "{}", body);
            }
            (Err(_), None) => {}
            (page, expected) => prop_assert!(false, "{:?} {:?} {}", page, expected, body),
        }
    }
}

#[test]
fn each_part_of_a_page_can_make_it_be_refused() {
    let good: Choice = ([0; 6], vec![[0; 4]; 2]);
    let sizes = [
        ROOTS.len(),
        TRUNCATED.len(),
        TOKENS.len(),
        COUNTS.len(),
        ENCODINGS.len(),
        OTHERS.len(),
    ];
    let of_page = sizes.into_iter().enumerate();
    let of_page = of_page.flat_map(|(part, size)| (0..size).map(move |value| (part, value)));
    let row_sizes = [KEYS.len(), SIZES.len(), REST.len(), ESCAPES.len() + 1];
    let of_row = row_sizes.into_iter().enumerate();
    let of_row = of_row.flat_map(|(part, size)| (0..size).map(move |value| (part, value)));
    let pages = of_page.map(|(part, value)| {
        let mut choice = good.clone();
        choice.0[part] = value;
        choice
    });
    let rows = of_row.map(|(part, value)| {
        let mut choice = good.clone();
        choice.1[1][part] = value;
        choice
    });

    for choice in pages.chain(rows) {
        let (body, expected) = chosen(&choice);
        assert_eq!(read(&body).is_ok(), expected.is_some(), "{body}");
    }
}

#[test]
fn a_key_longer_than_those_of_s3_is_refused() {
    let page = |bytes: usize| {
        let key = format!("p/{}", "k".repeat(bytes - 2));
        let row = format!("<Key>{key}</Key>{}{}", SIZES[0].0, REST[0].0);
        read(&format!(
            "<ListBucketResult><KeyCount>1</KeyCount><IsTruncated>false</IsTruncated>\
             <Contents>{row}</Contents></ListBucketResult>"
        ))
    };

    assert!(page(1_024).is_ok());
    assert!(page(1_025).is_err());
}

#[test]
fn common_prefixes_are_those_of_a_listing_in_levels() {
    let body = only("<CommonPrefixes><Prefix>p/a/</Prefix></CommonPrefixes>");

    let (page, prefixes) = read_below("p/", Some('/'), &body).unwrap();

    assert_eq!((page.objects, prefixes), (vec![], vec!["p/a/".to_owned()]));
    assert!(read_below("p/", None, &body).is_err());
    assert!(read_below("p/", Some('/'), &only(&row("p/a", 1))).is_ok());
}

#[test]
fn the_prefix_of_a_page_may_stand_as_it_was_asked_for_or_encoded() {
    let body = |listed: &str| {
        let key = row("100%25/a", 1);
        only(&format!(
            "<EncodingType>url</EncodingType><Prefix>{listed}</Prefix>{key}"
        ))
    };

    // What it is asked for is no percent-encoded text.
    assert!(read_below("100%/", None, &body("100%/")).is_ok());
    assert!(read_below("100%/", None, &body("100%25%2F")).is_ok());
    assert!(read_below("100%/", None, &body("100%")).is_err());
    assert!(read_below("100%/", None, &body("100%25")).is_err());
}

#[test]
fn an_empty_key_is_refused_where_all_keys_are_listed() {
    assert!(read_below("", None, &only(&row("", 1))).is_err());
    assert!(read_below("", None, &only(&row("k", 1))).is_ok());
}

#[test]
fn a_size_beyond_all_objects_is_refused() {
    assert!(read(&only(&row("p/k", 1 << 50))).is_ok());
    assert!(read(&only(&row("p/k", (1 << 50) + 1))).is_err());
}
