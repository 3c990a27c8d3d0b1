//! Object keys are opaque bytes in UTF-8: ordered by bytes, never trimmed, normalised or split.
//!
//! `a//b`, `/a`, `a/`, `..` and U+0001 are all legal and all different. Two things are done to a key
//! and no more: it is percent-encoded for the `x-amz-copy-source` header, which the SDK sends as it
//! is given, and percent-decoded from a listing with `encoding-type=url`, which the SDK hands over
//! as it came.

use std::fmt;

use memchr::{memchr_iter, memchr2};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// Everything but RFC 3986's unreserved characters and `/` is encoded. In particular `+`, which S3
/// reads as a space, and `%`, without which `a%2Fb` would name the object `a/b`.
const COPY_SOURCE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// As [`COPY_SOURCE`], for a query value: `/` is encoded too.
const QUERY_VALUE: &AsciiSet = &COPY_SOURCE.add(b'/');

/// The name of an object: 1 to 1,024 bytes of UTF-8 in S3, ordered as S3 lists (by bytes).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

/// A key of a listing that cannot be decoded, as it is encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key {0} is no percent-encoded UTF-8")]
pub struct Undecodable(pub String);

impl Key {
    /// Bytes of the longest key that S3 has.
    pub const MOST_BYTES: usize = 1024;

    /// A key, exactly as given.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// Decodes a key from a listing made with `encoding-type=url`: `+` is a space, `%XX` a byte.
    ///
    /// # Errors
    /// When a `%` does not begin two hexadecimal digits, or the bytes are not UTF-8.
    pub fn from_url_encoded(encoded: String) -> Result<Self, Undecodable> {
        if memchr2(b'+', b'%', encoded.as_bytes()).is_none() {
            return Ok(Self(encoded));
        }
        match decoded(encoded.as_bytes()).map(String::from_utf8) {
            Some(Ok(key)) => Ok(Self(key)),
            _ => Err(Undecodable(encoded)),
        }
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the key starts with the prefix, byte for byte.
    pub fn is_below(&self, prefix: &Prefix) -> bool {
        // An empty text has no address, and comparing with it takes some processors longer than with a long one.
        prefix.is_empty() || self.0.starts_with(prefix.as_str())
    }

    /// What follows a prefix; none of a key that does not start with it.
    pub fn without_prefix(self, prefix: &Prefix) -> Option<Self> {
        if prefix.is_empty() {
            return Some(self);
        }
        self.0.strip_prefix(prefix.as_str()).map(Self::new)
    }

    /// The key, or as much of its beginning as fits into the longest key that S3 has.
    #[must_use]
    pub fn cut_to_fit(mut self) -> Self {
        self.0
            .truncate(self.0.floor_char_boundary(Self::MOST_BYTES));
        self
    }

    /// The key without its last character; none if nothing would be left.
    pub fn without_last_char(&self) -> Option<Self> {
        let mut shorter = self.0.clone();
        shorter.pop();
        (!shorter.is_empty()).then_some(Self(shorter))
    }

    /// The key as it stands in the path of a URL.
    pub fn percent_encoded(&self) -> String {
        utf8_percent_encode(&self.0, COPY_SOURCE).to_string()
    }

    /// The value of `x-amz-copy-source` for this key: `bucket/key`, percent-encoded, with the
    /// version outside of the encoding.
    ///
    /// # Example
    /// ```
    /// use s3_backup::model::Key;
    ///
    /// assert_eq!(Key::new("a b+c%.txt").copy_source("photos", None), "photos/a%20b%2Bc%25.txt");
    /// ```
    pub fn copy_source(&self, bucket: &str, version: Option<&VersionId>) -> String {
        let bucket = utf8_percent_encode(bucket, COPY_SOURCE);
        let key = self.percent_encoded();
        match version {
            None => format!("{bucket}/{key}"),
            Some(VersionId(version)) => {
                let version = utf8_percent_encode(version, QUERY_VALUE);
                format!("{bucket}/{key}?versionId={version}")
            }
        }
    }
}

/// The bytes of a key; none if a `%` does not begin two hexadecimal digits.
///
/// `percent_encoding` goes from byte to byte, and wants a second text without `+`: 150 ns more for each key that has two
/// escapes.
fn decoded(encoded: &[u8]) -> Option<Vec<u8>> {
    let escapes = memchr_iter(b'%', encoded).count();
    let mut key = Vec::with_capacity(encoded.len().saturating_sub(2 * escapes));
    let mut rest = encoded;
    while let Some(at) = memchr2(b'+', b'%', rest) {
        let (plain, coded) = rest.split_at(at);
        key.extend_from_slice(plain);
        rest = match coded {
            [b'+', after @ ..] => {
                key.push(b' ');
                after
            }
            [_, high, low, after @ ..] => {
                key.push(hex_digit(*high)? << 4 | hex_digit(*low)?);
                after
            }
            _ => return None,
        };
    }
    key.extend_from_slice(rest);
    Some(key)
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16)?.try_into().ok()
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The beginning of keys. Empty means all keys. Not a folder: `logs` covers `logs/a` and `logs-old`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Prefix(String);

impl Prefix {
    /// A prefix, exactly as given.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self(prefix.into())
    }

    /// The prefix's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the prefix of all keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This prefix followed by another one.
    #[must_use]
    pub fn join(&self, below: &Prefix) -> Prefix {
        Prefix(format!("{}{}", self.0, below.0))
    }
}

/// The id of one version of an object, as S3 gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionId(String);

impl VersionId {
    /// A version id, exactly as given.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An object by its key: its current version, or a named one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectRef<'a> {
    /// Its key.
    pub key: &'a Key,
    /// The version that is meant; none for the current one, whichever it is.
    pub version: Option<&'a VersionId>,
}

impl<'a> From<&'a Key> for ObjectRef<'a> {
    fn from(key: &'a Key) -> Self {
        Self { key, version: None }
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn copy_sources_are_percent_encoded() {
        let longest = "k".repeat(1024);
        let cases = [
            ("plain.txt", "b/plain.txt"),
            ("a b", "b/a%20b"),
            ("a+b", "b/a%2Bb"),
            ("100%", "b/100%25"),
            ("a%2Fb", "b/a%252Fb"),
            ("a?b#c", "b/a%3Fb%23c"),
            ("a//b", "b/a//b"),
            ("/lead", "b//lead"),
            ("trail/", "b/trail/"),
            ("../x/./y", "b/../x/./y"),
            ("日本", "b/%E6%97%A5%E6%9C%AC"),
            ("😀", "b/%F0%9F%98%80"),
            ("\u{1}", "b/%01"),
            ("a\nb", "b/a%0Ab"),
            ("a ", "b/a%20"),
            ("-._~", "b/-._~"),
            (longest.as_str(), &format!("b/{longest}")),
        ];

        for (key, expected) in cases {
            assert_eq!(Key::new(key).copy_source("b", None), expected, "{key:?}");
        }
    }

    #[test]
    fn the_version_stands_outside_of_the_encoded_key() {
        let version = VersionId::new("3/L4+x");

        let source = Key::new("a?b").copy_source("b", Some(&version));

        assert_eq!(source, "b/a%3Fb?versionId=3%2FL4%2Bx");
    }

    #[test]
    fn listed_keys_are_decoded_with_plus_as_space() {
        let cases = [
            ("a+b", "a b"),
            ("a%2Bb", "a+b"),
            ("a%252Fb", "a%2Fb"),
            ("%01", "\u{1}"),
            ("a%0Ab", "a\nb"),
            ("%E6%97%A5", "日"),
            ("100%25", "100%"),
            ("x/../y", "x/../y"),
        ];

        for (encoded, key) in cases {
            assert_eq!(Key::from_url_encoded(encoded.to_owned()), Ok(Key::new(key)));
        }
    }

    #[test]
    fn a_listed_key_that_cannot_be_decoded_is_refused() {
        for broken in [
            "%FF", "a%", "a%2", "%zz", "%2g", "%%20", "%2 0", "a%+1", "%é",
        ] {
            let decoded = Key::from_url_encoded(broken.to_owned());

            assert_eq!(decoded, Err(Undecodable(broken.to_owned())));
        }
    }

    proptest! {
        #[test]
        fn listed_keys_are_decoded_as_the_library_does(
            encoded in "([a-z/+]|%[0-7][0-9a-fA-F]|%e6%97%A5|%F0%9f%98%80){0,40}",
        ) {
            let spaced = encoded.replace('+', " ");
            let expected = percent_decode_str(&spaced).decode_utf8().unwrap();

            let decoded = Key::from_url_encoded(encoded.clone()).unwrap();

            prop_assert_eq!(decoded.as_str(), expected);
        }

        #[test]
        fn any_key_comes_back_from_its_escapes(key in any::<String>()) {
            let key = Key::new(key);

            let decoded = Key::from_url_encoded(key.percent_encoded());

            prop_assert_eq!(decoded, Ok(key));
        }
    }

    #[test]
    fn a_key_is_cut_between_characters() {
        let cut = |key: &str| Key::new(key).cut_to_fit().as_str().len();

        assert_eq!(cut("short"), 5);
        assert_eq!(cut(&"k".repeat(1_024)), 1_024);
        assert_eq!(cut(&"k".repeat(1_025)), 1_024);
        assert_eq!(cut(&"日".repeat(400)), 1_023);
    }

    #[test]
    fn keys_order_by_bytes_as_s3_lists_them() {
        let mut keys = ["a/b", "a", "a!", "Z", "\u{ffee}", "\u{1f600}", "é"].map(Key::new);

        keys.sort();

        let order = keys.each_ref().map(Key::as_str);
        assert_eq!(order, ["Z", "a", "a!", "a/b", "é", "\u{ffee}", "\u{1f600}"]);
    }
}
