//! API Gateway's payload 2.0 in, a request of HTTP out, and back.
//!
//! The path arrives decoded, so that no name may ever stand in it. Header names arrive in lower case, but
//! nothing relies on that.

use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What stands for itself in a path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// The most bytes of an answer's body. Lambda takes 6 MB; this page never needs them.
const MOST_BYTES: usize = 1_000_000;

/// The payload, as far as it is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payload {
    version: String,
    /// The path, decoded.
    pub raw_path: String,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: Context,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    #[serde(default)]
    request_id: String,
    http: Http,
    #[serde(default)]
    authorizer: Option<Authorizer>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    #[serde(default)]
    source_ip: String,
    #[serde(default)]
    user_agent: String,
}

#[derive(Debug, Deserialize)]
struct Authorizer {
    #[serde(default)]
    jwt: Option<Jwt>,
}

#[derive(Debug, Deserialize)]
struct Jwt {
    #[serde(default)]
    claims: Option<Map<String, Value>>,
}

/// Why a payload is no request.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// It has another form.
    #[error(transparent)]
    OtherForm(#[from] serde_json::Error),
    /// It has another version.
    #[error("version {0:?} is not read, only 2.0")]
    OtherVersion(String),
    /// Its body is not what it is said to be.
    #[error("the body is no base64: {0}")]
    Body(#[from] base64::DecodeError),
    /// No request of HTTP can be made of it.
    #[error(transparent)]
    Http(#[from] axum::http::Error),
}

/// The answer that API Gateway takes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    status_code: u16,
    headers: Map<String, Value>,
    body: String,
    is_base64_encoded: bool,
}

impl Payload {
    /// The payload, if it is one of version 2.0.
    ///
    /// # Errors
    /// The mistake.
    pub fn read(event: Value) -> Result<Self, PayloadError> {
        let payload: Self = serde_json::from_value(event)?;
        if payload.version == "2.0" {
            Ok(payload)
        } else {
            Err(PayloadError::OtherVersion(payload.version))
        }
    }

    /// The claims of the token that the gateway has checked; none on a route without a sign-in.
    pub fn claims(&self) -> Option<&Map<String, Value>> {
        let jwt = self.request_context.authorizer.as_ref()?.jwt.as_ref()?;
        jwt.claims.as_ref()
    }

    /// The id that the gateway logs, too.
    pub fn request_id(&self) -> &str {
        &self.request_context.request_id
    }

    /// Whence, and with which program.
    pub fn caller(&self) -> (&str, &str) {
        let http = &self.request_context.http;
        (&http.source_ip, &http.user_agent)
    }

    /// The body, as it was sent.
    ///
    /// # Errors
    /// When it is not what it is said to be.
    pub fn body(&self) -> Result<Bytes, PayloadError> {
        let body = self.body.clone().unwrap_or_default();
        if !self.is_base64_encoded {
            return Ok(body.into());
        }
        Ok(BASE64_STANDARD.decode(body)?.into())
    }

    /// The request.
    ///
    /// # Errors
    /// What cannot be a request of HTTP.
    pub fn request(&self, body: Bytes) -> Result<Request<Body>, PayloadError> {
        let path = utf8_percent_encode(&self.raw_path, PATH).to_string();
        let mut request: Builder = Request::builder()
            .method(self.request_context.http.method.as_str())
            .uri(path);
        for (name, value) in &self.headers {
            if let Some(value) = value.as_str() {
                request = request.header(name.as_str(), value.as_bytes());
            }
        }
        if !self.cookies.is_empty() {
            request = request.header(header::COOKIE, self.cookies.join("; "));
        }
        Ok(request.body(Body::from(body))?)
    }
}

impl Answer {
    /// The answer of HTTP for the gateway.
    pub fn new(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        if body.len() > MOST_BYTES {
            tracing::error!(bytes = body.len(), "an answer is too large");
            return Self::new(
                502,
                headers,
                b"{\"message\":\"this is more than one answer can have\"}",
            );
        }
        let text = str::from_utf8(body).ok().filter(|_| is_text(headers));
        Self {
            status_code: status,
            headers: headers.keys().map(|name| joined(name, headers)).collect(),
            body: text.map_or_else(|| BASE64_STANDARD.encode(body), str::to_owned),
            is_base64_encoded: text.is_none(),
        }
    }
}

/// The values of a header as one: the payload has no place for several.
fn joined(name: &HeaderName, headers: &HeaderMap) -> (String, Value) {
    let values = headers.get_all(name).iter();
    let values: Vec<String> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    (name.as_str().to_owned(), values.join(", ").into())
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| {
        kind.starts_with(b"text/") || kind == b"application/json" || kind == b"image/svg+xml"
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payload(more: &Value) -> Result<Payload, PayloadError> {
        let mut all = json!({"version": "2.0", "rawPath": "/api/folder",
            "requestContext": {"http": {"method": "POST"}}});
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        Payload::read(all)
    }

    #[test]
    fn a_body_in_base64_is_the_bytes_that_were_sent() {
        let sent = payload(&json!({"body": "eyJhIjoiw6kifQ==", "isBase64Encoded": true})).unwrap();
        assert_eq!(sent.body().unwrap(), "{\"a\":\"é\"}".as_bytes());
        let text = payload(&json!({"body": "eyJhIjoiw6kifQ=="})).unwrap();
        assert_eq!(text.body().unwrap(), "eyJhIjoiw6kifQ==".as_bytes());
        let none = payload(&json!({"body": null, "isBase64Encoded": true})).unwrap();
        assert_eq!(none.body().unwrap(), "".as_bytes());
        let wrong = payload(&json!({"body": "%%", "isBase64Encoded": true})).unwrap();
        assert!(wrong.body().unwrap_err().to_string().contains("base64"));
    }

    #[test]
    fn a_decoded_path_stays_one_path_whatever_is_in_it() {
        let paths = [
            ("/api/folder", "/api/folder"),
            ("/a?b#c d", "/a%3Fb%23c%20d"),
            ("/ü\n\u{202e}", "/%C3%BC%0A%E2%80%AE"),
            ("/%2e%2e/x", "/%252e%252e/x"),
            ("/", "/"),
        ];
        for (raw, expected) in paths {
            let payload = payload(&json!({"rawPath": raw})).unwrap();
            let request = payload.request(Bytes::new()).unwrap();
            assert_eq!(request.uri().path(), expected);
            assert_eq!(request.uri().query(), None);
        }
    }

    #[test]
    fn headers_are_found_in_any_case_and_cookies_are_a_header() {
        let payload = payload(&json!({"cookies": ["a=1", "b=2"],
            "headers": {"Content-TYPE": "application/json", "x": "é", "n": 1}}))
        .unwrap();

        let request = payload.request(Bytes::new()).unwrap();

        let header = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
        assert_eq!(header("content-type"), Some(&b"application/json"[..]));
        assert_eq!(header("cookie"), Some(&b"a=1; b=2"[..]));
        assert_eq!(header("x"), Some("é".as_bytes()));
        assert_eq!(header("n"), None);
    }

    #[test]
    fn what_is_missing_or_wrong_is_an_error_and_no_panic() {
        let wrong = [
            json!({}),
            json!(null),
            json!({"version": "1.0", "rawPath": "/", "requestContext": {"http": {"method": "GET"}}}),
            json!({"version": "2.0", "rawPath": "/", "requestContext": {}}),
            json!({"version": "2.0", "requestContext": {"http": {"method": "GET"}}}),
        ];
        for event in wrong {
            assert!(Payload::read(event.clone()).is_err(), "{event}");
        }
        let method = json!({"requestContext": {"http": {"method": "G T"}}});
        assert!(payload(&method).unwrap().request(Bytes::new()).is_err());
        let header = json!({"headers": {"x": "a\nb"}});
        assert!(payload(&header).unwrap().request(Bytes::new()).is_err());
        let claims =
            json!({"requestContext": {"http": {"method": "GET"}, "authorizer": {"jwt": {}}}});
        assert!(payload(&claims).unwrap().claims().is_none());
        assert_eq!(payload(&json!({})).unwrap().caller(), ("", ""));
    }

    #[test]
    fn an_answer_is_text_where_it_is_and_base64_where_it_is_not() {
        let answer = |kind: &'static str, body: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            serde_json::to_value(Answer::new(200, &headers, body)).unwrap()
        };
        let text = answer("application/json", b"{}");
        assert_eq!(
            text,
            json!({"statusCode": 200, "headers": {"content-type": "application/json"},
            "body": "{}", "isBase64Encoded": false})
        );
        let image = answer("image/png", b"\x89PNG");
        assert_eq!(
            (&image["body"], &image["isBase64Encoded"]),
            (&json!("iVBORw=="), &json!(true))
        );
        assert_eq!(answer("text/plain", b"\xff")["isBase64Encoded"], true);
        let large = answer("text/plain", &vec![b'a'; MOST_BYTES + 1]);
        assert_eq!(large["statusCode"], 502);
    }
}
