//! All that an object is beside its content: what a multi-part copy has to carry by hand.

use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Object;

/// What S3 tells of an object when it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Properties {
    /// What a listing would tell.
    pub object: Object,
    /// Headers that were sent with it.
    pub headers: SystemHeaders,
    /// User metadata, in the form that S3 shows it: what is not ASCII is RFC 2047.
    pub metadata: BTreeMap<String, String>,
    /// Items of user metadata that S3 cannot show.
    pub hidden_metadata: u32,
    /// Where a website redirects requests for it.
    pub website_redirect: Option<String>,
    /// Its full-object checksum, if it has one that a multi-part object can have.
    pub checksum: Option<Checksum>,
}

/// The headers that S3 keeps with an object and gives back as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemHeaders {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Expires`, as it came: S3 takes any text.
    pub expires: Option<String>,
}

/// A checksum over the whole content, whatever its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// How it was computed.
    pub algorithm: ChecksumAlgorithm,
    /// In base64, as S3 gives it.
    pub value: String,
}

/// As snapshots name it: `crc64nvme:...`.
impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = match self.algorithm {
            ChecksumAlgorithm::Crc32 => "crc32",
            ChecksumAlgorithm::Crc32C => "crc32c",
            ChecksumAlgorithm::Crc64Nvme => "crc64nvme",
        };
        write!(f, "{algorithm}:{}", self.value)
    }
}

/// The algorithms of full-object checksums that S3 keeps for multi-part objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumAlgorithm {
    /// CRC-32.
    Crc32,
    /// CRC-32C.
    Crc32C,
    /// CRC-64/NVME, which S3 computes itself if nobody sends another one.
    Crc64Nvme,
}

/// The tags of an object: at most ten names with values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// Tags by name and value.
    pub fn new(tags: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(tags.into_iter().collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of `wanted` are among these, with the same values.
    pub fn contain(&self, wanted: &Tags) -> bool {
        let has = |(name, value)| self.0.get(name) == Some(value);
        wanted.0.iter().all(has)
    }

    /// The value of `x-amz-tagging`: the form of a URL's query.
    pub fn header(&self) -> String {
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs = self.0.iter();
        let pairs = pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        pairs.collect::<Vec<String>>().join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        Tags::new(
            pairs
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
        )
    }

    #[test]
    fn tags_travel_in_the_form_of_a_query() {
        let tags = tags(&[("team", "a b"), ("cost/center", "1+1=2&é")]);

        assert_eq!(tags.header(), "cost%2Fcenter=1%2B1%3D2%26%C3%A9&team=a%20b");
        assert_eq!(Tags::default().header(), "");
    }

    #[test]
    fn all_wanted_tags_must_be_there() {
        let object = tags(&[("backup", "yes"), ("team", "x")]);

        assert!(object.contain(&Tags::default()));
        assert!(object.contain(&tags(&[("backup", "yes")])));
        assert!(!object.contain(&tags(&[("backup", "no")])));
        assert!(!object.contain(&tags(&[("backup", "yes"), ("other", "x")])));
    }
}
