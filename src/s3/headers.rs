//! Interceptors that see headers: one names the length of an empty body, one refuses replies with a header that
//! is not UTF-8, one says that the caller pays.
//!
//! The HTTP client sends no Content-Length where there is no body. S3 needs none. Ceph's gateway answers 411
//! MissingContentLength to an UploadPartCopy without.
//!
//! The writer of an object chooses its headers. The SDK panics over such an `Expires`, and takes any other
//! such header for one that is not there: a copy in parts would lose it without a word.

use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

/// Names the length of an empty body.
#[derive(Debug)]
pub(super) struct EmptyLength;

impl Intercept for EmptyLength {
    fn name(&self) -> &'static str {
        "EmptyLength"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        if matches!(request.method(), "PUT" | "POST") && request.body().bytes() == Some(&[]) {
            request.headers_mut().insert("content-length", "0");
        }
        Ok(())
    }
}

/// Says that the caller pays for the request. S3 wants it of every call to a bucket whose requesters pay, also of
/// those whose SDK operation has no field for it, such as HeadBucket.
#[derive(Debug)]
pub(super) struct RequesterPays;

impl Intercept for RequesterPays {
    fn name(&self) -> &'static str {
        "RequesterPays"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request_mut().headers_mut();
        headers.insert("x-amz-request-payer", "requester");
        Ok(())
    }
}

/// A reply with a header that is not UTF-8.
#[derive(Debug, thiserror::Error)]
#[error("header {0} is not UTF-8")]
pub(super) struct NotText(String);

/// Refuses headers that are not UTF-8.
#[derive(Debug)]
pub(super) struct TextHeaders;

impl Intercept for TextHeaders {
    fn name(&self) -> &'static str {
        "TextHeaders"
    }

    // The earliest look at a reply: the SDK's own interceptors read its headers at the next one.
    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut headers = context.response().headers().iter_bytes();
        match headers.find(|(_, value)| std::str::from_utf8(value).is_err()) {
            Some((name, _)) => Err(NotText(name.to_owned()).into()),
            None => Ok(()),
        }
    }
}
