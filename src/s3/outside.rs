//! Requests to others than S3: a message to a topic, a heartbeat. They go over the same network, with its proxies
//! and certificates, and are few: each has a connection of its own.

use std::error::Error as _;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::byte_stream::ByteStream;

use super::door::Network;
use super::endpoint;

/// Bytes of a reply that are read, at most.
const MOST_REPLY_BYTES: usize = 64 * 1024;

/// The way to others than S3.
#[derive(Clone, Debug)]
pub struct Outside {
    base: SdkConfig,
    network: Network,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideReply {
    /// The status of HTTP.
    pub status: u16,
    /// The beginning of its text.
    pub body: String,
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
    /// Why there are none, in words.
    pub async fn credentials(&self) -> Result<Credentials, String> {
        let provider = self.base.credentials_provider();
        let provider = provider.ok_or("there are no credentials")?;
        let credentials = provider.provide_credentials().await;
        credentials.map_err(|error| format!("there are no credentials: {error}"))
    }

    /// Sends one request and reads the beginning of the reply. A redirect is a reply like any other.
    ///
    /// # Errors
    /// Why there is no reply within that time, in words.
    pub async fn send(
        &self,
        request: HttpRequest,
        limit: Duration,
    ) -> Result<OutsideReply, String> {
        let reply = tokio::time::timeout(limit, self.reply(request)).await;
        reply.unwrap_or_else(|_| Err(format!("no reply within {:.1} s", limit.as_secs_f64())))
    }

    async fn reply(&self, request: HttpRequest) -> Result<OutsideReply, String> {
        let reply = self.network.send_once(request).await;
        let reply = reply.map_err(|error| match error.source() {
            Some(cause) => cause.to_string(),
            None => error.to_string(),
        })?;
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
