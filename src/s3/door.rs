//! The HTTP client that all requests go through. It chooses the way of each one, directly or by a proxy,
//! and tells what happened where no reply came.

use std::sync::Arc;
use std::time::Instant;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use super::connect::Route;
use super::http::{Connectors, PooledConnector};
use super::no_reply::{NoReply, Peer};
use super::proxy::{Proxies, Proxy};
use super::trust::Trust;

/// How requests leave this machine. Its clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Network(Arc<Settings>);

#[derive(Debug, Default)]
struct Settings {
    proxies: Proxies,
    trust: Trust,
}

impl Network {
    /// By these proxies.
    pub fn by(proxies: Proxies) -> Self {
        Self(Arc::new(Settings {
            proxies,
            trust: Trust::default(),
        }))
    }

    /// Trusts the certificates of a file, and no others.
    pub fn trust_file(&self, path: &str) {
        self.0.trust.bundle(path);
    }

    /// An HTTP client, with connections of its own.
    pub fn client(&self) -> SharedHttpClient {
        let proxies = &self.0.proxies;
        let by = |proxy: &Proxy| Connectors::new(route_by(proxy));
        SharedHttpClient::new(ProxyRouter {
            network: self.clone(),
            direct: Connectors::new(Route::default()),
            by_http_proxy: proxies.http.as_ref().map(by),
            by_https_proxy: proxies.https.as_ref().map(by),
        })
    }

    /// Sends one request on a connection of its own, and follows no redirect. Nothing bounds its time.
    pub fn send_once(&self, request: HttpRequest) -> HttpConnectorFuture {
        let once = |route: Route| {
            SharedHttpConnector::new(PooledConnector::unbounded(route, self.0.trust.clone()))
        };
        let by = |proxy: &Proxy| once(route_by(proxy));
        let proxies = &self.0.proxies;
        let connectors = ProxyConnectors {
            network: self.clone(),
            direct: once(Route::default()),
            by_http_proxy: proxies.http.as_ref().map(by),
            by_https_proxy: proxies.https.as_ref().map(by),
        };
        connectors.call(request)
    }
}

/// A proxy whose setting cannot be used has no route: no request is sent to it.
fn route_by(proxy: &Proxy) -> Route {
    let url = proxy.url.as_ref().ok();
    url.and_then(|url| Route::by_proxy(url)).unwrap_or_default()
}

/// An HTTP client, with connections of its own, that goes by no proxy.
pub fn http_client() -> SharedHttpClient {
    Network::default().client()
}

#[derive(Debug)]
struct ProxyRouter {
    network: Network,
    direct: Connectors,
    by_http_proxy: Option<Connectors>,
    by_https_proxy: Option<Connectors>,
}

impl HttpClient for ProxyRouter {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = |way: &Connectors| way.get(settings, &self.network.0.trust);
        SharedHttpConnector::new(ProxyConnectors {
            network: self.network.clone(),
            direct: connector(&self.direct),
            by_http_proxy: self.by_http_proxy.as_ref().map(connector),
            by_https_proxy: self.by_https_proxy.as_ref().map(connector),
        })
    }
}

#[derive(Debug)]
struct ProxyConnectors {
    network: Network,
    direct: SharedHttpConnector,
    by_http_proxy: Option<SharedHttpConnector>,
    by_https_proxy: Option<SharedHttpConnector>,
}

impl HttpConnector for ProxyConnectors {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri = request.uri();
        let settings = &self.network.0;
        let proxy = settings.proxies.proxy_of(uri);
        let is_tls = uri.starts_with("https:");
        let peer = Peer {
            host: authority(uri).to_owned(),
            proxy: proxy.map(|proxy| proxy.name.clone()),
        };
        let trust = is_tls.then_some(&settings.trust);
        let problem = trust
            .and_then(Trust::problem)
            .or_else(|| proxy?.url.as_ref().err());
        if let Some(problem) = problem {
            let error = NoReply::by_setting(peer, problem.to_string());
            return HttpConnectorFuture::ready(Err(error));
        }
        let way = match proxy {
            Some(_) if is_tls => self.by_https_proxy.as_ref(),
            Some(_) => self.by_http_proxy.as_ref(),
            None => None,
        };
        let began = Instant::now();
        let reply = way.unwrap_or(&self.direct).call(request);
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
