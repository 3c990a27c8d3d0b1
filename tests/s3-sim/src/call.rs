//! A request, read: which verb, which bucket and key, who asks. The path is
//! decoded once and never normalised: `a//b`, `/a`, `..` are keys like others.

use crate::chunked;
use crate::query::Query;
use crate::reply::Refusal;
use crate::spelling;
use crate::verb::Verb;
use bytes::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, HOST};
use hyper::{HeaderMap, Method, Uri};

/// Longer keys are refused.
const KEY_MAX: usize = 1_024;

#[derive(Debug)]
pub(crate) struct Call {
    pub verb: Verb,
    pub method: Method,
    pub bucket: String,
    pub key: String,
    pub query: Query,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Headers that came behind the body.
    pub trailers: Vec<(String, String)>,
    pub bytes: u64,
    pub signer: Option<Signer>,
}

/// The signer, and the region that it signed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signer {
    pub access_key: String,
    pub region: String,
}

/// What `x-amz-copy-source` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopySource {
    pub bucket: String,
    pub key: String,
    pub version: Option<String>,
}

impl Call {
    /// Reads everything but the body, which is taken in with [`Call::with_body`].
    pub(crate) fn read(method: &Method, uri: &Uri, headers: HeaderMap) -> Result<Call, Refusal> {
        let invalid = || Refusal::new(400, "InvalidURI", "Couldn't parse the specified URI.");
        let query = Query::parse(uri.query().unwrap_or("")).ok_or_else(invalid)?;
        let path = uri.path().strip_prefix('/').unwrap_or(uri.path());
        let (bucket, key) = match bucket_in_host(&headers) {
            Some(bucket) => (bucket, path),
            None => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                let bucket = spelling::percent_decode(bucket.as_bytes()).ok_or_else(invalid)?;
                (bucket, key)
            }
        };
        let key = spelling::percent_decode(key.as_bytes()).ok_or_else(invalid)?;
        if key.len() > KEY_MAX {
            let message = "Your key is too long";
            return Err(Refusal::new(400, "KeyTooLongError", message));
        }
        let verb = Verb::of(method, !key.is_empty(), &query, &headers);
        Ok(Call {
            verb,
            method: method.clone(),
            bucket,
            key,
            query,
            signer: signer(&headers),
            headers,
            body: Bytes::new(),
            trailers: Vec::new(),
            bytes: 0,
        })
    }

    /// Takes the body in, out of its framing if it has one.
    pub(crate) fn with_body(mut self, body: Bytes) -> Result<Call, Refusal> {
        self.bytes = body.len() as u64;
        let streams = self
            .header("x-amz-content-sha256")
            .is_some_and(|value| value.starts_with("STREAMING-"));
        let encodings = self.header(CONTENT_ENCODING.as_str()).unwrap_or("");
        if streams || encodings.contains("aws-chunked") {
            let unwrapped = chunked::unwrap(&body).ok_or_else(|| {
                Refusal::new(
                    400,
                    "IncompleteBody",
                    "The request body terminated unexpectedly",
                )
            })?;
            self.body = unwrapped.data;
            self.trailers = unwrapped.trailers;
        } else {
            self.body = body;
        }
        Ok(self)
    }

    /// A header as text, or a trailer of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let trailer = || self.trailers.iter().find(|(own, _)| own == name);
        match self.headers.get(name) {
            Some(value) => std::str::from_utf8(value.as_bytes()).ok(),
            None => trailer().map(|(_, value)| value.as_str()),
        }
    }

    pub(crate) fn owned(&self, name: &str) -> Option<String> {
        self.header(name).map(str::to_owned)
    }

    pub(crate) fn version(&self) -> Option<&str> {
        self.query.filled("versionId")
    }

    pub(crate) fn access_key(&self) -> &str {
        let signer = self.signer.as_ref();
        signer.map_or("anonymous", |signer| signer.access_key.as_str())
    }

    /// The source, for the two verbs that copy.
    pub(crate) fn copy_source(&self) -> Result<CopySource, Refusal> {
        let header = self.header("x-amz-copy-source").unwrap_or("");
        parse_copy_source(header).ok_or_else(|| {
            Refusal::invalid_argument(
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            )
        })
    }
}

/// S3 decodes the header once, with a bare `+` as a space; whoever sends a key
/// unencoded names another object.
fn parse_copy_source(header: &str) -> Option<CopySource> {
    let (path, version) = match header.split_once("?versionId=") {
        Some((path, version)) => (path, Some(spelling::form_decode(version)?)),
        None => (header, None),
    };
    let path = spelling::form_decode(path)?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    let (bucket, key) = path.split_once('/')?;
    (!bucket.is_empty() && !key.is_empty()).then(|| CopySource {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version,
    })
}

/// `bucket.localhost`, `bucket.s3.region.amazonaws.com` name the bucket; an
/// address or a single word does not.
fn bucket_in_host(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(HOST)?.to_str().ok()?;
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[') {
        return None;
    }
    if let Some(bucket) = host.strip_suffix(".localhost") {
        return Some(bucket.to_owned());
    }
    if host.starts_with("s3.") {
        return None;
    }
    let bucket = match host.split_once(".s3.") {
        Some((bucket, _)) => bucket,
        None => host.split_once('.')?.0,
    };
    Some(bucket.to_owned())
}

/// From `Credential=AKID/20261121/us-east-1/s3/aws4_request`.
fn signer(headers: &HeaderMap) -> Option<Signer> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let scope = header.split_once("Credential=")?.1;
    let scope = scope.split([',', ' ']).next()?;
    let mut parts = scope.split('/');
    let access_key = parts.next()?.to_owned();
    let region = parts.nth(1)?.to_owned();
    Some(Signer { access_key, region })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(target: &str, host: &'static str) -> Call {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        Call::read(&Method::GET, &target.parse().unwrap(), headers).unwrap()
    }

    #[test]
    fn keys_are_never_normalised() {
        for key in ["//lead", "a//b", "a/", "./a", "../a", "a/../b", ".", "/"] {
            let call = read(&format!("/bucket/{key}"), "127.0.0.1:80");

            assert_eq!((call.bucket.as_str(), call.key.as_str()), ("bucket", key));
        }
    }

    #[test]
    fn a_host_with_a_bucket_leaves_the_path_to_the_key() {
        let call = read("/a%2Bb+c", "my.bucket.localhost:80");

        assert_eq!(
            (call.bucket.as_str(), call.key.as_str()),
            ("my.bucket", "a+b+c")
        );
    }

    #[test]
    fn an_unencoded_copy_source_names_another_key() {
        let source = |header| parse_copy_source(header).unwrap();

        assert_eq!(source("b/a+b").key, "a b");
        assert_eq!(source("/b/a%2Bb").key, "a+b");
        assert_eq!(source("b//lead").key, "/lead");
        assert_eq!(
            source("b/k?versionId=v%201").version.as_deref(),
            Some("v 1")
        );
        assert_eq!(source("b/k%3FversionId=1").key, "k?versionId=1");
        assert_eq!(parse_copy_source("bucket"), None);
    }

    #[test]
    fn the_credential_scope_tells_key_and_region() {
        let mut headers = HeaderMap::new();
        let value =
            "AWS4-HMAC-SHA256 Credential=AK/20261121/eu-west-1/s3/aws4_request, SignedHeaders=host";
        headers.insert(AUTHORIZATION, value.parse().unwrap());

        let signer = signer(&headers).unwrap();

        assert_eq!(
            (signer.access_key.as_str(), signer.region.as_str()),
            ("AK", "eu-west-1")
        );
    }
}
