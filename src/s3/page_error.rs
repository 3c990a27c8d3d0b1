//! Why a page of a listing is not believed.

use std::str::Utf8Error;

use crate::model::{Key, SharedError, Undecodable};

/// Why a page of a listing, or what a look at one object says, is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PageError {
    #[error("the page is not UTF-8")]
    NotUtf8(#[source] Utf8Error),
    #[error("the page is no XML: {0}")]
    NotXml(#[source] SharedError),
    #[error("the reply holds no page")]
    NoPage,
    #[error("the reply is a {found}, and S3 answers with a {expected}")]
    OtherReply {
        found: String,
        expected: &'static str,
    },
    #[error("the page is in a namespace that is not S3's")]
    ForeignNamespace,
    #[error("the page has an element {name}, which S3 has not")]
    ForeignElement { name: String },
    #[error("the page ends in its middle")]
    Cut,
    #[error("the page is followed by another one")]
    Followed,
    #[error("the page has a page or a part of one within it")]
    PageWithin,
    #[error("the page has text that belongs to no element")]
    LooseText,
    #[error("the page has more than text in {name}")]
    NotText { name: String },
    #[error("the page says twice what {name} is")]
    SaidTwice { name: String },
    #[error("the page says that {name} is \"{text}\"")]
    Meaningless { name: String, text: String },
    #[error("the page has a common prefix that is none")]
    EmptyPrefix,
    #[error("the page encodes keys by \"{0}\"")]
    OtherEncoding(String),
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    #[error("the page does not say whether it is the last one")]
    NotSaidWhetherLast,
    #[error("the page is the last one, and says where the next begins")]
    LastWithNext,
    #[error("more {rows} follow, but the page does not say where")]
    NotSaidWhere { rows: &'static str },
    #[error("more {rows} follow, but where the page itself began")]
    NextIsThis { rows: &'static str },
    #[error("the page does not say how many keys it has")]
    NoCount,
    #[error("the page counts {counted} keys and has {parsed}")]
    OtherCount { counted: u64, parsed: u64 },
    #[error("the page has common prefixes, which nobody asked for")]
    UnaskedPrefixes,
    #[error("the page lists another prefix")]
    OtherPrefix,
    #[error("the page has a row without a key")]
    NoKey,
    #[error("the page has an empty key")]
    EmptyKey,
    #[error("the page has a key of {bytes} bytes, and S3 has none")]
    LongKey { bytes: usize },
    #[error("the page has {key}, which was not asked for")]
    UnaskedKey { key: Key },
    #[error("{key} would have {size} bytes")]
    TooLarge { key: Key, size: u64 },
    #[error("no {fields} is given for {key}")]
    Incomplete { key: Key, fields: &'static str },
    #[error("key {key} is listed after {last}, and S3 lists keys in the order of UTF-8 bytes")]
    Disordered { key: Key, last: Key },
    #[error("the newest version of {key} is not the first that is listed, or not all of it is")]
    NewestNotFirst { key: Key },
    #[error("a version of {key} is listed twice")]
    VersionTwice { key: Key },
}

impl PageError {
    pub(super) fn not_xml(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::NotXml(SharedError::new(error))
    }
}
