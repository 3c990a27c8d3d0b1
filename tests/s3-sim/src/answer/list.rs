//! ListObjectsV2: pages of current keys in byte order. Written for speed, since
//! a bucket of millions is listed a thousand keys at a time.

use super::{Scene, restore};
use crate::call::Call;
use crate::reply::{Refusal, Reply};
use crate::stamp::Stamp;
use crate::version::{Stored, Version};
use crate::xml::{Document, Spelling};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use std::ops::Bound;

/// S3 never lists more than this on a page.
const PAGE_MAX: usize = 1_000;
/// What a listed key takes, roughly.
const ENTRY_BYTES: usize = 400;

/// What a listing request asks for.
struct Asked<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    spelling: Spelling,
    max_keys: usize,
    with_owner: bool,
    with_restore: bool,
}

pub(super) fn list_objects(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    let call = scene.call;
    let asked = Asked::of(call)?;
    let after = match call.query.filled("continuation-token") {
        Some(token) => After::from_token(token)?,
        None => After::Key(call.query.get("start-after").unwrap_or("").to_owned()),
    };
    let page = Page::fill(scene, &asked, after)?;

    let mut document = Document::new("ListBucketResult");
    document.reserve(page.contents.len() + page.prefixes.len() + 1_024);
    document.text("Name", &call.bucket);
    document.key("Prefix", asked.prefix, asked.spelling);
    if let Some(start_after) = call.query.filled("start-after") {
        document.key("StartAfter", start_after, asked.spelling);
    }
    if let Some(token) = call.query.filled("continuation-token") {
        document.text("ContinuationToken", token);
    }
    if let Some(next) = &page.next {
        document.text("NextContinuationToken", &next.token());
    }
    document.number("KeyCount", page.count as u64);
    document.number("MaxKeys", asked.max_keys as u64);
    if let Some(delimiter) = asked.delimiter {
        document.key("Delimiter", delimiter, asked.spelling);
    }
    if asked.spelling == Spelling::Url {
        document.text("EncodingType", "url");
    }
    document.flag("IsTruncated", page.next.is_some());
    document.append(page.contents);
    document.append(page.prefixes);
    Ok(Reply::xml(document))
}

impl<'a> Asked<'a> {
    fn of(call: &'a Call) -> Result<Asked<'a>, Refusal> {
        Ok(Asked {
            prefix: call.query.get("prefix").unwrap_or(""),
            delimiter: call.query.filled("delimiter"),
            spelling: spelling(call),
            max_keys: max_keys(call)?,
            with_owner: call.query.get("fetch-owner") == Some("true"),
            with_restore: restore::is_asked_for(call),
        })
    }

    /// Looks for the empty prefix first: comparing with nothing takes a modern
    /// `memcmp` longer than with something, a fifth of the time of a page.
    fn covers(&self, key: &str) -> bool {
        self.prefix.is_empty() || key.starts_with(self.prefix)
    }

    /// The part of a key up to the delimiter, if it has one behind the prefix.
    fn common_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter?;
        let rest = &key[self.prefix.len()..];
        let end = rest.find(delimiter)? + delimiter.len();
        Some(&key[..self.prefix.len() + end])
    }
}

pub(super) fn spelling(call: &Call) -> Spelling {
    match call.query.get("encoding-type") {
        Some("url") => Spelling::Url,
        Some(_) | None => Spelling::Xml,
    }
}

pub(super) fn max_keys(call: &Call) -> Result<usize, Refusal> {
    match call.query.filled("max-keys") {
        None => Ok(PAGE_MAX),
        Some(text) => match text.parse::<u32>() {
            Ok(wanted) => Ok((wanted as usize).min(PAGE_MAX)),
            Err(_) => Err(Refusal::invalid_argument(
                "Provided max-keys not an integer or within integer range",
            )),
        },
    }
}

/// Where a page begins: behind a key, or behind everything below a prefix.
enum After {
    Key(String),
    Prefix(String),
}

impl After {
    /// Opaque to clients; they must hand it back as it is.
    fn token(&self) -> String {
        let (kind, text) = match self {
            After::Key(key) => ('k', key),
            After::Prefix(prefix) => ('p', prefix),
        };
        BASE64.encode(format!("1{kind}{text}"))
    }

    fn from_token(token: &str) -> Result<After, Refusal> {
        let text = BASE64.decode(token).ok();
        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
        match text.as_deref().and_then(|text| text.split_at_checked(2)) {
            Some(("1k", key)) => Ok(After::Key(key.to_owned())),
            Some(("1p", prefix)) => Ok(After::Prefix(prefix.to_owned())),
            Some(_) | None => Err(Refusal::invalid_argument(
                "The continuation token provided is incorrect",
            )),
        }
    }

    /// The first key that may be on the page.
    fn begin(&self, prefix: &str) -> Bound<String> {
        match self {
            After::Key(key) if key.as_str() >= prefix && !key.is_empty() => {
                Bound::Excluded(key.clone())
            }
            After::Prefix(done) => Bound::Excluded(behind(done)),
            After::Key(_) => Bound::Included(prefix.to_owned()),
        }
    }
}

/// Greater than nearly every key below the prefix; what is left is skipped one by one.
fn behind(prefix: &str) -> String {
    format!("{prefix}\u{10FFFF}")
}

/// A page being filled.
struct Page {
    contents: Document,
    prefixes: Document,
    count: usize,
    next: Option<After>,
}

impl Page {
    fn fill(scene: &Scene<'_>, asked: &Asked<'_>, after: After) -> Result<Page, Refusal> {
        let bucket = scene.bucket()?;
        let most = asked.max_keys.min(scene.page_max);
        let mut page = Page {
            contents: Document::fragment(),
            prefixes: Document::fragment(),
            count: 0,
            next: None,
        };
        page.contents.reserve(most * ENTRY_BYTES);
        if most == 0 {
            return Ok(page);
        }
        let mut entry = EntryWriter::new(asked, &bucket.options.owner, scene.now);
        let mut last = after;
        let mut walk = bucket.walk(as_deref(&last.begin(asked.prefix)));
        while let Some((key, chain)) = walk.next() {
            if !asked.covers(&key) {
                break;
            }
            let version = chain.newest();
            let Some(stored) = &version.stored else {
                continue;
            };
            let folded = asked.common_prefix(&key);
            if matches!((&last, folded), (After::Prefix(done), Some(prefix)) if done == prefix) {
                continue;
            }
            if page.count == most {
                page.next = Some(last);
                break;
            }
            page.count += 1;
            if let Some(prefix) = folded {
                page.fold(prefix, asked.spelling);
                last = After::Prefix(prefix.to_owned());
                walk = bucket.walk(Bound::Excluded(behind(prefix).as_str()));
            } else {
                entry.write(&mut page.contents, &key, version, stored);
                last = After::Key(key.into_owned());
            }
        }
        Ok(page)
    }

    fn fold(&mut self, prefix: &str, spelling: Spelling) {
        self.prefixes.open("CommonPrefixes");
        self.prefixes.key("Prefix", prefix, spelling);
        self.prefixes.close("CommonPrefixes");
    }
}

fn as_deref(bound: &Bound<String>) -> Bound<&str> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// Writes `Contents`, remembering the last date: neighbours often share it.
struct EntryWriter<'a> {
    asked: &'a Asked<'a>,
    owner: &'a str,
    now: Stamp,
    date: (Stamp, String),
}

impl<'a> EntryWriter<'a> {
    fn new(asked: &'a Asked<'a>, owner: &'a str, now: Stamp) -> EntryWriter<'a> {
        EntryWriter {
            asked,
            owner,
            now,
            date: (now, now.iso()),
        }
    }

    fn write(&mut self, out: &mut Document, key: &str, version: &Version, stored: &Stored) {
        if self.date.0 != version.modified {
            self.date = (version.modified, version.modified.iso());
        }
        out.raw(&["<Contents><Key>"]);
        out.spelled(key, self.asked.spelling);
        out.raw(&[
            "</Key><LastModified>",
            &self.date.1,
            "</LastModified><ETag>&quot;",
        ]);
        out.etag(stored.etag);
        out.raw(&["&quot;</ETag>"]);
        if let Some(checksum) = &stored.checksum {
            out.raw(&[
                "<ChecksumAlgorithm>",
                checksum.algorithm.name(),
                "</ChecksumAlgorithm><ChecksumType>",
                checksum.kind.name(),
                "</ChecksumType>",
            ]);
        }
        out.number("Size", stored.size());
        if self.asked.with_owner {
            out.open("Owner");
            out.text("ID", self.owner);
            out.close("Owner");
        }
        out.text("StorageClass", &stored.properties.storage_class);
        if self.asked.with_restore {
            restore::write_status(out, stored, self.now);
        }
        out.raw(&["</Contents>"]);
    }
}
