//! The elements of S3's replies, read strictly: what S3 would not send is an error, never a guess.

use std::borrow::Cow;
use std::str::FromStr;

use aws_sdk_s3::error::ErrorMetadata;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use super::page_error::PageError;
use crate::model::{ETag, StorageClass, Timestamp};

/// The namespaces of S3's replies: S3's own, and an older spelling that Google Cloud Storage has. Other
/// servers leave it out.
const NAMESPACES: [&str; 2] = [
    "http://s3.amazonaws.com/doc/2006-03-01/",
    "http://doc.s3.amazonaws.com/2006-03-01",
];

pub(super) fn in_namespace_of_s3(root: &BytesStart<'_>) -> Result<(), PageError> {
    own_name(root)?;
    let named = root
        .try_get_attribute("xmlns")
        .map_err(PageError::not_xml)?;
    let is_foreign =
        named.is_some_and(|named| !NAMESPACES.iter().any(|own| *own == named.value.as_ref()));
    if is_foreign {
        return Err(PageError::ForeignNamespace);
    }
    Ok(())
}

/// The name of an element of S3's, which has no prefix.
pub(super) fn own_name<'a>(element: &'a BytesStart<'_>) -> Result<&'a str, PageError> {
    let name = element.name().into_inner();
    if name.contains(':') {
        let name = name.to_owned();
        return Err(PageError::ForeignElement { name });
    }
    Ok(name)
}

/// The elements of a document, one after the other.
pub(super) struct Elements<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    /// Names of elements that may be only where they belong.
    of_pages: &'static [&'static str],
}

impl<'a> Elements<'a> {
    /// The elements of a text. Those of `of_pages` may be only where they are read.
    pub(super) fn of(text: &'a str, of_pages: &'static [&'static str]) -> Self {
        let mut reader = Reader::from_str(text);
        // Else `<PutBody/>` would not be seen as a row.
        reader.config_mut().expand_empty_elements = true;
        Self {
            text,
            reader,
            of_pages,
        }
    }

    /// The root element.
    pub(super) fn first(&mut self) -> Result<BytesStart<'a>, PageError> {
        self.next()?.ok_or(PageError::NoPage)
    }

    /// The next element within the one that is open; none at its end.
    pub(super) fn next(&mut self) -> Result<Option<BytesStart<'a>>, PageError> {
        loop {
            match self.event()? {
                Event::Start(element) => return Ok(Some(element)),
                Event::End(_) => return Ok(None),
                Event::Eof => return Err(PageError::Cut),
                other => between_elements(&other)?,
            }
        }
    }

    /// Takes what is right behind an element that was read to its end from the text itself; the next element is the one
    /// behind that.
    pub(super) fn take_from_text<T>(
        &mut self,
        take: impl FnOnce(&'a str) -> Option<(T, &'a str)>,
    ) -> Option<T> {
        let at = self.text.len() - self.reader.get_ref().len();
        let (value, rest) = take(self.text.get(at..)?)?;
        *self.reader.get_mut() = rest.as_bytes();
        Some(value)
    }

    /// Nothing follows the root element.
    pub(super) fn end(&mut self) -> Result<(), PageError> {
        loop {
            match self.event()? {
                Event::Eof => return Ok(()),
                Event::Start(_) => return Err(PageError::Followed),
                other => between_elements(&other)?,
            }
        }
    }

    pub(super) fn refusal(&mut self) -> Result<ErrorMetadata, PageError> {
        let mut refusal = ErrorMetadata::builder();
        while let Some(element) = self.next()? {
            refusal = match element.local_name().into_inner() {
                "Code" => refusal.code(self.text(&element)?),
                "Message" => refusal.message(self.text(&element)?),
                _ => {
                    self.skip(&element)?;
                    refusal
                }
            };
        }
        Ok(refusal.build())
    }

    /// Reads an element that may be there once, and means something.
    pub(super) fn once<T>(
        &mut self,
        element: &BytesStart<'a>,
        value: &mut Option<T>,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<(), PageError> {
        let name = element.name().into_inner();
        let text = self.text(element)?;
        if value.is_some() {
            let name = name.to_owned();
            return Err(PageError::SaidTwice { name });
        }
        *value = read(&text);
        match value {
            Some(_) => Ok(()),
            None => Err(PageError::Meaningless {
                name: name.to_owned(),
                text: text.into_owned(),
            }),
        }
    }

    /// The text of an element that holds nothing else.
    pub(super) fn text(&mut self, element: &BytesStart<'a>) -> Result<Cow<'a, str>, PageError> {
        let raw = self.raw(element)?;
        if raw.contains('<') {
            let name = element.name().into_inner().to_owned();
            return Err(PageError::NotText { name });
        }
        match raw {
            Cow::Borrowed(raw) => unescape(raw).map_err(PageError::not_xml),
            Cow::Owned(raw) => unescape(&raw)
                .map(|text| Cow::Owned(text.into_owned()))
                .map_err(PageError::not_xml),
        }
    }

    /// Passes over an element that does not matter, unless it hides some that do.
    pub(super) fn skip(&mut self, element: &BytesStart<'a>) -> Result<(), PageError> {
        let raw = self.raw(element)?;
        let mut openings = raw.split('<').skip(1);
        let hidden =
            openings.any(|opening| self.of_pages.iter().any(|name| opening.starts_with(name)));
        if hidden || self.of_pages.contains(&element.name().into_inner()) {
            return Err(PageError::PageWithin);
        }
        Ok(())
    }

    fn raw(&mut self, element: &BytesStart<'a>) -> Result<Cow<'a, str>, PageError> {
        let raw = self
            .reader
            .read_text(element.name())
            .map_err(PageError::not_xml)?;
        Ok(raw.into_inner())
    }

    fn event(&mut self) -> Result<Event<'a>, PageError> {
        self.reader.read_event().map_err(PageError::not_xml)
    }
}

/// What may stand beside elements: nothing that says anything.
fn between_elements(event: &Event<'_>) -> Result<(), PageError> {
    match event {
        Event::Text(text) if text.trim_ascii().is_empty() => Ok(()),
        Event::Decl(_) | Event::PI(_) | Event::Comment(_) => Ok(()),
        _ => Err(PageError::LooseText),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a reader as the others are")]
pub(super) fn owned(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub(super) fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// A number in digits: `parse` takes `+1` too.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    if let Some(time) = Timestamp::parse_millis(text) {
        return Some(time);
    }
    let time = DateTime::from_str(text, DateTimeFormat::DateTime).ok()?;
    time.to_millis().ok().map(Timestamp::from_millis)
}

/// An entity tag, which has a text.
pub(super) fn etag(text: &str) -> Option<ETag> {
    Some(ETag::new(text)).filter(|etag| !etag.as_str().is_empty())
}

#[expect(clippy::unnecessary_wraps, reason = "a reader as the others are")]
pub(super) fn class(text: &str) -> Option<StorageClass> {
    Some(StorageClass::new(Some(text)))
}
