//! Requests to others than S3: a message to a topic, a heartbeat. They go over the same network, with its proxies
//! and certificates, and are few: each has a connection of its own.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use super::door::Network;
use super::endpoint;
use super::outside_error::OutsideError;
use crate::model::SharedError;

/// Bytes of a reply that are read, at most: more than any plan of a restore has.
const MOST_REPLY_BYTES: usize = 2 << 20;

/// The way to others than S3.
#[derive(Clone, Debug)]
pub struct Outside {
    base: SdkConfig,
    network: Network,
}

/// A POST to a service of AWS.
#[derive(Clone, Copy, Debug)]
pub struct ServicePost<'a> {
    /// The service's name in signatures.
    pub service: &'a str,
    /// The service's region.
    pub region: &'a str,
    /// The address.
    pub url: &'a str,
    /// Headers, each with its value.
    pub headers: &'a [(&'static str, &'static str)],
    /// The body.
    pub body: &'a str,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideReply {
    /// The status of HTTP.
    pub status: u16,
    /// The beginning of its text.
    pub body: String,
}

/// Where a service of AWS is in a region: `https://sns.eu-west-1.amazonaws.com`. The domains are those of
/// `partitions.json` of the AWS SDKs.
pub fn service_address(name: &str, partition: &str, region: &str) -> String {
    let domain = match partition {
        "aws-cn" => "amazonaws.com.cn",
        "aws-eusc" => "amazonaws.eu",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-iso-e" => "cloud.adc-e.uk",
        "aws-iso-f" => "csp.hci.ic.gov",
        _ => "amazonaws.com",
    };
    format!("https://{name}.{region}.{domain}")
}

impl Outside {
    pub(super) fn new(base: SdkConfig, network: Network) -> Self {
        Self { base, network }
    }

    /// Where a service is, if it is not AWS's own.
    pub fn url_of(&self, service: &str) -> Option<String> {
        endpoint::url_of(service, &self.base)
    }

    /// The credentials to sign with.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn credentials(&self) -> Result<Credentials, OutsideError> {
        let provider = self.base.credentials_provider();
        let provider = provider.ok_or(OutsideError::NoCredentials)?;
        let credentials = provider.provide_credentials().await;
        credentials.map_err(|error| OutsideError::Credentials(SharedError::new(error)))
    }

    /// The region that the environment names.
    pub fn region(&self) -> Option<&str> {
        self.base.region().map(AsRef::as_ref)
    }

    /// Signs a POST with these credentials.
    ///
    /// # Errors
    /// Why it cannot be signed.
    pub fn signed(
        post: ServicePost<'_>,
        credentials: Credentials,
    ) -> Result<HttpRequest, OutsideError> {
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(post.region)
            .name(post.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(OutsideError::unsigned)?;
        let mut request = HttpRequest::new(SdkBody::from(post.body));
        request.set_method("POST").map_err(OutsideError::unsigned)?;
        request.set_uri(post.url).map_err(OutsideError::unsigned)?;
        for (name, value) in post.headers {
            request.headers_mut().insert(*name, *value);
        }
        let body = SignableBody::Bytes(post.body.as_bytes());
        let signable = SignableRequest::new("POST", post.url, request.headers().iter(), body);
        let signable = signable.map_err(OutsideError::unsigned)?;
        let signed = sign(signable, &parameters.into()).map_err(OutsideError::unsigned)?;
        let (instructions, _) = signed.into_parts();
        for (name, value) in instructions.headers() {
            let (name, value) = (name.to_owned(), value.to_owned());
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }

    /// Sends one request and reads the beginning of the reply. A redirect is a reply like any other.
    ///
    /// # Errors
    /// Why there is no reply within that time.
    pub async fn send(
        &self,
        request: HttpRequest,
        limit: Duration,
    ) -> Result<OutsideReply, OutsideError> {
        let reply = tokio::time::timeout(limit, self.reply(request)).await;
        reply.unwrap_or(Err(OutsideError::TooSlow(limit)))
    }

    async fn reply(&self, request: HttpRequest) -> Result<OutsideReply, OutsideError> {
        let reply = self.network.send_once(request).await;
        let reply = reply.map_err(|error| OutsideError::NoReply(SharedError::new(error)))?;
        let status = reply.status().as_u16();
        let mut stream = ByteStream::new(reply.into_body());
        let mut body = Vec::new();
        while let Some(Ok(bytes)) = stream.next().await {
            body.extend_from_slice(&bytes);
            if body.len() >= MOST_REPLY_BYTES {
                break;
            }
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(OutsideReply { status, body })
    }
}
