//! Rows of a page in the spelling that S3 uses, read from the text of the page without the events of an XML reader.
//!
//! It knows this spelling alone: elements without attributes, one right behind the other, each at most once, with
//! texts that hold no entity but the quotes of an ETag. Anything else is none, and the XML reader reads that row
//! from its beginning: what is an error is decided there, and there alone.

use memchr::memchr2;

use crate::model::ETag;

/// The rest of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowText<'a>(&'a str);

/// The quote around an ETag.
const QUOTE: &str = "&quot;";

impl<'a> RowText<'a> {
    /// A text that may begin with a row.
    pub(super) fn of(text: &'a str) -> Self {
        Self(text)
    }

    /// What follows.
    pub(super) fn rest(self) -> &'a str {
        self.0
    }

    /// Passes over a tag, if it comes next.
    #[inline]
    pub(super) fn tag(&mut self, tag: &str) -> bool {
        match self.0.strip_prefix(tag) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// The text up to a closing tag, if it means what it says.
    pub(super) fn text(&mut self, closing: &str) -> Option<&'a str> {
        let text = self.up_to_markup()?;
        self.tag(closing).then_some(text)
    }

    /// An ETag, in quotes or without.
    pub(super) fn etag(&mut self, closing: &str) -> Option<ETag> {
        let is_quoted = self.tag(QUOTE);
        let etag = ETag::new(self.up_to_markup()?);
        let is_whole = (!is_quoted || self.tag(QUOTE)) && self.tag(closing);
        (is_whole && !etag.as_str().is_empty()).then_some(etag)
    }

    /// Passes over what tells how a checksum is made, if that comes next.
    pub(super) fn checksum(&mut self) -> Option<bool> {
        if self.tag("<ChecksumAlgorithm>") {
            self.text("</ChecksumAlgorithm>")?;
        } else if self.tag("<ChecksumType>") {
            self.text("</ChecksumType>")?;
        } else {
            return Some(false);
        }
        Some(true)
    }

    /// Passes over what tells the owner of an object, if that comes next.
    pub(super) fn owner(&mut self) -> Option<bool> {
        if !self.tag("<Owner>") {
            return Some(false);
        }
        if self.tag("<ID>") {
            self.text("</ID>")?;
        }
        if self.tag("<DisplayName>") {
            self.text("</DisplayName>")?;
        }
        self.tag("</Owner>").then_some(true)
    }

    fn up_to_markup(&mut self) -> Option<&'a str> {
        let at = memchr2(b'<', b'&', self.0.as_bytes())?;
        let (text, rest) = self.0.split_at(at);
        self.0 = rest;
        Some(text)
    }
}

/// Notes a value that was not said before.
pub(super) fn first<T>(value: &mut Option<T>, said: T) -> Option<()> {
    value.replace(said).is_none().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_at_its_own_tag() {
        let cases = [
            ("a b</Key>c", Some("a b")),
            ("</Key>", Some("")),
            ("a</Size>", None),
            ("a</Key >", None),
            ("a&amp;b</Key>", None),
            ("a<!-- --></Key>", None),
            ("a", None),
        ];

        for (text, expected) in cases {
            assert_eq!(RowText::of(text).text("</Key>"), expected, "{text}");
        }
    }

    #[test]
    fn quotes_of_an_etag_come_in_pairs() {
        let cases = [
            ("&quot;e&quot;</ETag>", Some("e")),
            ("\"e\"</ETag>", Some("e")),
            ("e-2</ETag>", Some("e-2")),
            ("&quot;\"e&quot;</ETag>", Some("e")),
            ("&quot;e</ETag>", None),
            ("e&quot;</ETag>", None),
            ("&quot;&quot;</ETag>", None),
            ("\"\"</ETag>", None),
            ("</ETag>", None),
        ];

        for (text, expected) in cases {
            let etag = RowText::of(text).etag("</ETag>");
            assert_eq!(etag, expected.map(ETag::new), "{text}");
        }
    }

    #[test]
    fn an_owner_is_passed_over() {
        let cases = [
            ("<Owner><ID>x</ID></Owner><Key>", Some(true), "<Key>"),
            (
                "<Owner><ID>x</ID><DisplayName>y</DisplayName></Owner>",
                Some(true),
                "",
            ),
            (
                "<Owner><DisplayName>y</DisplayName><ID>x</ID></Owner>",
                None,
                "<ID>x</ID></Owner>",
            ),
            ("<Key>", Some(false), "<Key>"),
        ];

        for (owned, expected, rest) in cases {
            let mut text = RowText::of(owned);
            assert_eq!(text.owner(), expected, "{owned}");
            assert_eq!(text.rest(), rest);
        }
    }
}
