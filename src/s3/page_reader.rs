//! The way from the bytes of a reply to a page of a listing, in the place of the SDK's deserialiser.
//!
//! The SDK builds a row of a dozen optional fields for each object before we take five of them, which
//! was most of the CPU of a night without changes. It also parts delete markers from versions, and their
//! order is lost. Signing, retries and errors stay the SDK's own.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::{BoxError, ErrorMetadata};
use aws_smithy_runtime_api::client::interceptors::context::{Error, Output};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};

use super::page_error::PageError;
use super::reply_xml::{Elements, in_namespace_of_s3};

/// A page of one of S3's listings.
pub(super) trait ListPage: Sized + fmt::Debug + Send + 'static {
    /// The root element.
    const ROOT: &'static str;
    /// Elements that only such a page has, and only at their place.
    const ELEMENTS: &'static [&'static str];

    /// Reads what is within the root element.
    fn read(elements: &mut Elements<'_>) -> Result<Self, PageError>;

    /// What the SDK gets in place of the page.
    fn output() -> Output;

    /// The error of the call that the SDK knows what to do about.
    fn error(refusal: ErrorMetadata) -> Error;
}

/// Reads the page that a call gets, in the place of the SDK. Its clones share what they read.
#[derive(Debug)]
pub(super) struct PageReader<P>(Arc<Mutex<Option<Result<P, PageError>>>>);

impl<P> Clone for PageReader<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> Default for PageReader<P> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<P> PageReader<P> {
    /// What the last reply said; none if there was none that holds a page.
    pub(super) fn take(&self) -> Option<Result<P, PageError>> {
        let mut page = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        page.take()
    }

    fn keep(&self, page: Result<P, PageError>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(page);
    }
}

impl<P: ListPage> Intercept for PageReader<P> {
    fn name(&self) -> &'static str {
        "PageReader"
    }

    fn modify_before_deserialization(
        &self,
        _: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let ours = SharedResponseDeserializer::new(self.clone());
        cfg.interceptor_state().store_put(ours);
        Ok(())
    }
}

impl<P: ListPage> DeserializeResponse for PageReader<P> {
    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _: &ConfigBag,
    ) -> Result<Output, OrchestratorError<Error>> {
        let body = response.body().bytes().unwrap_or_default();
        let refused = |refusal| OrchestratorError::operation(P::error(refusal));
        let page = match (response.status().is_success(), parse(body)) {
            (_, Ok(Reply::Refusal(refusal))) => return Err(refused(refusal)),
            (true, Ok(Reply::Page(page))) => Ok(page),
            (true, Err(doubt)) => Err(doubt),
            // By the status of the reply alone.
            (false, Ok(Reply::Page(_)) | Err(_)) => {
                return Err(refused(ErrorMetadata::builder().build()));
            }
        };
        self.keep(page);
        Ok(P::output())
    }
}

/// What came for a page.
#[derive(Debug)]
pub(super) enum Reply<P> {
    Page(P),
    Refusal(ErrorMetadata),
}

pub(super) fn parse<P: ListPage>(body: &[u8]) -> Result<Reply<P>, PageError> {
    let body = std::str::from_utf8(body).map_err(PageError::NotUtf8)?;
    let mut elements = Elements::of(body, P::ELEMENTS);
    let root = elements.first()?;
    match root.local_name().into_inner() {
        name if name == P::ROOT => {
            in_namespace_of_s3(&root)?;
            let page = P::read(&mut elements)?;
            elements.end()?;
            Ok(Reply::Page(page))
        }
        "Error" => elements.refusal().map(Reply::Refusal),
        other => Err(PageError::OtherReply {
            found: other.to_owned(),
            expected: P::ROOT,
        }),
    }
}
