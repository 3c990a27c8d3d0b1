//! Documents out, byte by byte, so that faults can spoil them; small documents
//! in, as a tree.

use crate::spelling;
use crate::version::ETag;
use quick_xml::Reader;
use quick_xml::events::Event;

const HEX: &[u8; 16] = b"0123456789abcdef";
const DECLARATION: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// A document being written.
pub(crate) struct Document {
    bytes: Vec<u8>,
    root: &'static str,
}

impl Document {
    pub(crate) fn new(root: &'static str) -> Document {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(DECLARATION);
        bytes.push(b'<');
        bytes.extend_from_slice(root.as_bytes());
        bytes.extend_from_slice(b" xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        Document { bytes, root }
    }

    /// An error has no namespace.
    pub(crate) fn error() -> Document {
        let mut bytes = DECLARATION.to_vec();
        bytes.extend_from_slice(b"<Error>");
        Document {
            bytes,
            root: "Error",
        }
    }

    /// A piece of a document, to be appended to one.
    pub(crate) fn fragment() -> Document {
        Document {
            bytes: Vec::new(),
            root: "",
        }
    }

    pub(crate) fn append(&mut self, fragment: Document) {
        self.bytes.extend_from_slice(&fragment.bytes);
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    pub(crate) fn open(&mut self, name: &str) {
        self.raw(&["<", name, ">"]);
    }

    pub(crate) fn close(&mut self, name: &str) {
        self.raw(&["</", name, ">"]);
    }

    /// An element with text, escaped.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        spelling::push_xml(&mut self.bytes, text);
        self.close(name);
    }

    /// An element with a key in it, in the spelling the caller asked for.
    pub(crate) fn key(&mut self, name: &str, key: &str, spelling: Spelling) {
        self.open(name);
        self.spelled(key, spelling);
        self.close(name);
    }

    /// A key without an element around it.
    pub(crate) fn spelled(&mut self, key: &str, spelling: Spelling) {
        match spelling {
            Spelling::Xml => spelling::push_xml(&mut self.bytes, key),
            Spelling::Url => spelling::push_url(&mut self.bytes, key),
        }
    }

    /// An ETag without quotes.
    pub(crate) fn etag(&mut self, etag: ETag) {
        let mut digits = [0; 32];
        for (two, byte) in digits.chunks_exact_mut(2).zip(etag.digest) {
            two.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        self.bytes.extend_from_slice(&digits);
        if etag.parts > 0 {
            self.bytes.push(b'-');
            self.digits(u64::from(etag.parts));
        }
    }

    pub(crate) fn number(&mut self, name: &str, number: u64) {
        self.open(name);
        self.digits(number);
        self.close(name);
    }

    pub(crate) fn flag(&mut self, name: &str, flag: bool) {
        self.text(name, if flag { "true" } else { "false" });
    }

    /// Text that needs no escape.
    pub(crate) fn raw(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.bytes.extend_from_slice(piece.as_bytes());
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.close(self.root);
        self.bytes
    }

    /// Without `format!`: each listed key prints one.
    fn digits(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.bytes.extend_from_slice(&digits[start..]);
    }
}

/// How keys are spelled in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    Xml,
    Url,
}

/// An element of a request body.
#[derive(Debug, Default)]
pub(crate) struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// The root element; none if the body is not well-formed.
    pub(crate) fn parse(body: &[u8]) -> Option<Element> {
        let text = std::str::from_utf8(body).ok()?;
        let mut reader = Reader::from_str(text);
        let mut open = vec![Element::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => open.push(Element::named(start.local_name().as_ref())),
                Event::Empty(start) => {
                    let empty = Element::named(start.local_name().as_ref());
                    open.last_mut()?.children.push(empty);
                }
                Event::End(_) => {
                    let closed = open.pop()?;
                    open.last_mut()?.children.push(closed);
                }
                Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let resolved = match reference.resolve_char_ref().ok()? {
                        Some(character) => character.to_string(),
                        None => {
                            quick_xml::escape::resolve_predefined_entity(&reference)?.to_owned()
                        }
                    };
                    open.last_mut()?.text.push_str(&resolved);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let mut outside = open.pop()?;
        (open.is_empty() && outside.children.len() == 1).then(|| outside.children.remove(0))
    }

    fn named(name: impl Into<String>) -> Element {
        Element {
            name: name.into(),
            ..Element::default()
        }
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.is(name))
    }

    pub(crate) fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.is(name))
    }

    pub(crate) fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_body_becomes_a_tree() {
        let tree = Element::parse(
            b"<?xml version=\"1.0\"?><Tagging xmlns=\"x\"><TagSet><Tag><Key>a&amp;b&#x41;</Key>\
              <Value/></Tag></TagSet></Tagging>",
        )
        .unwrap();

        let tag = tree.child("TagSet").unwrap().child("Tag").unwrap();

        assert!(tree.is("Tagging"));
        assert_eq!(tag.child_text("Key"), Some("a&bA"));
        assert_eq!(tag.child_text("Value"), Some(""));
    }

    #[test]
    fn a_cut_body_is_no_tree() {
        assert!(Element::parse(b"<Tagging><TagSet>").is_none());
    }
}
