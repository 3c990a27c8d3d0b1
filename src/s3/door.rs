//! The HTTP client that all requests go through. It chooses the way of each one, and tells what
//! happened where no reply came.

use std::time::Instant;

use aws_smithy_http_client::tls;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use super::no_reply::{NoReply, Peer};

/// An HTTP client, with connections of its own.
pub fn http_client() -> SharedHttpClient {
    let tls = tls::Provider::Rustls(CryptoMode::Ring);
    let direct = aws_smithy_http_client::Builder::new()
        .tls_provider(tls)
        .build_https();
    SharedHttpClient::new(Door { direct })
}

#[derive(Debug)]
struct Door {
    direct: SharedHttpClient,
}

impl HttpClient for Door {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Ways {
            direct: self.direct.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct Ways {
    direct: SharedHttpConnector,
}

impl HttpConnector for Ways {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let peer = Peer {
            host: authority(request.uri()).to_owned(),
            proxy: None,
        };
        let began = Instant::now();
        let reply = self.direct.call(request);
        HttpConnectorFuture::new(async move {
            reply
                .await
                .map_err(|error| NoReply::of(peer, error, began.elapsed()))
        })
    }
}

/// Host and port of a request, as it names them.
fn authority(uri: &str) -> &str {
    let (_, rest) = uri.split_once("://").unwrap_or(("", uri));
    rest.split(['/', '?']).next().unwrap_or(rest)
}
