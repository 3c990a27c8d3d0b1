//! What S3 says to a call that fails, or what the client sees in its place.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::headers::NotText;
use super::no_reply::NoReply;
use super::whole_reply::TruncatedReply;
use crate::model::SharedError;

/// What S3 said to a call that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// S3's error code.
    pub code: Option<String>,
    /// S3's message, or what the client saw instead of an answer.
    pub message: Option<String>,
    /// The id by which AWS support finds the request.
    pub request_id: Option<String>,
    /// The region of the bucket, if S3 names it.
    pub region: Option<String>,
    /// The time of the request and the time of S3, if S3 says that they differ.
    pub clocks: Option<(String, String)>,
    /// What we found instead of an answer that can be used.
    pub source: Option<SharedError>,
}

impl Reply {
    /// What S3 said, by the error of the SDK.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let service = error.as_service_error();
        let raw = error.raw_response();
        let code = service
            .and_then(|service| service.code())
            .map(str::to_owned);
        let said = service
            .and_then(|service| service.message())
            .map(str::to_owned);
        let status = || raw.map(|raw| format!("HTTP status {}", raw.status().as_u16()));
        let message = match service {
            Some(_) if code.is_some() => said,
            Some(_) => said.or_else(status),
            None => Some(innermost(error)),
        };
        Self {
            code,
            message: message.map(one_line),
            request_id: raw
                .and_then(|raw| raw.headers().get("x-amz-request-id"))
                .map(str::to_owned),
            region: raw.and_then(told_region),
            clocks: raw.and_then(|raw| element(raw, "RequestTime").zip(element(raw, "ServerTime"))),
            source: None,
        }
    }
}

/// The region of a bucket, by the header of AWS or by the document.
fn told_region(raw: &HttpResponse) -> Option<String> {
    let header = raw.headers().get("x-amz-bucket-region");
    header.map(str::to_owned).or_else(|| element(raw, "Region"))
}

/// The text of an element of S3's error document, which has no nested ones.
fn element(raw: &HttpResponse, name: &str) -> Option<String> {
    let (text, _) = behind_tag(raw, name)?.split_once('<')?;
    Some(one_line(text.to_owned()))
}

/// S3's code in the document of a refusal; empty if it has none, or is cut off there.
pub(super) fn code_of(raw: &HttpResponse) -> &str {
    behind_tag(raw, "Code")
        .and_then(|rest| rest.split_once("</Code>"))
        .map_or("", |(code, _)| code)
}

/// The document from the beginning of an element's text on.
fn behind_tag<'a>(raw: &'a HttpResponse, name: &str) -> Option<&'a str> {
    let document = str::from_utf8(raw.body().bytes()?).ok()?;
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    Some(rest)
}

/// A message without line breaks: proxies answer with pages, and libraries with paragraphs.
fn one_line(message: String) -> String {
    if !message.contains(char::is_control) {
        return message;
    }
    let words: Vec<&str> = message.split_whitespace().collect();
    words.join(" ")
}

/// The last error of the chain says most: the SDK's own say "dispatch failure" and no more.
fn innermost<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: Error + 'static,
{
    if let Some(no_reply) = NoReply::behind(error) {
        return no_reply.to_string();
    }
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        if source.is::<TruncatedReply>() || source.is::<NotText>() {
            return source.to_string();
        }
        cause = source;
    }
    cause.to_string()
}
