//! How names travel: percent-encoding in requests, form-encoding in listings,
//! XML escapes in documents. Keys are opaque: nothing here normalises anything.

use std::borrow::Cow;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// What S3 leaves as it is in a listing with `encoding-type=url`.
fn plain_in_listings(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'*' | b'/')
}

/// What stands for itself in XML.
fn plain_in_xml(byte: u8) -> bool {
    !matches!(byte, b'&' | b'<' | b'>' | b'"' | 0..=31)
}

/// Appends `text` the way S3 does for `encoding-type=url`: `+` for a space.
pub(crate) fn push_url(out: &mut Vec<u8>, text: &str) {
    push(out, text, plain_in_listings, |out, byte| match byte {
        b' ' => out.push(b'+'),
        _ => out.extend_from_slice(&[
            b'%',
            HEX[usize::from(byte >> 4)],
            HEX[usize::from(byte & 15)],
        ]),
    });
}

/// Appends `text` as XML character data, control characters as references.
pub(crate) fn push_xml(out: &mut Vec<u8>, text: &str) {
    push(out, text, plain_in_xml, |out, byte| match byte {
        b'&' => out.extend_from_slice(b"&amp;"),
        b'<' => out.extend_from_slice(b"&lt;"),
        b'>' => out.extend_from_slice(b"&gt;"),
        b'"' => out.extend_from_slice(b"&quot;"),
        _ => out.extend_from_slice(format!("&#x{byte:x};").as_bytes()),
    });
}

/// Appends `text`, and what is not plain as `coded` spells it. What is plain goes in one piece: a listing spells two
/// thousand texts a page.
fn push(
    out: &mut Vec<u8>,
    text: &str,
    is_plain: impl Fn(u8) -> bool,
    coded: impl Fn(&mut Vec<u8>, u8),
) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| !is_plain(*byte)) {
        out.extend_from_slice(&rest[..at]);
        coded(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// Undoes percent-encoding; none if the result is not UTF-8.
pub(crate) fn percent_decode(text: &[u8]) -> Option<String> {
    let bytes: Cow<[u8]> = percent_encoding::percent_decode(text).into();
    String::from_utf8(bytes.into_owned()).ok()
}

/// Undoes form-encoding, where a bare `+` is a space.
pub(crate) fn form_decode(text: &str) -> Option<String> {
    percent_decode(text.replace('+', " ").as_bytes())
}

/// `a=b&c` as decoded pairs; a name without a value gets an empty one.
pub(crate) fn form_pairs(text: &str) -> Option<Vec<(String, String)>> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((form_decode(name)?, form_decode(value)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_spell_a_space_as_plus_and_keep_slashes() {
        let mut out = Vec::new();

        push_url(&mut out, "a b/+\u{1}é~");

        assert_eq!(out, b"a+b/%2B%01%C3%A9%7E");
    }

    #[test]
    fn documents_spell_what_is_markup_and_what_controls() {
        let mut out = Vec::new();

        push_xml(&mut out, "a&<b>\"\u{1}\né~");

        assert_eq!(out, "a&amp;&lt;b&gt;&quot;&#x1;&#xa;é~".as_bytes());
    }

    #[test]
    fn a_query_keeps_empty_values_and_decodes_both_sides() {
        let pairs = form_pairs("list-type=2&prefix=a%2Fb+c&uploads").unwrap();

        assert_eq!(pairs[1], ("prefix".to_owned(), "a/b c".to_owned()));
        assert_eq!(pairs[2], ("uploads".to_owned(), String::new()));
    }
}
