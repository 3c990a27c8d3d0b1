//! The HTTP client below the SDK. It is the SDK's own in all but the room of a connection, and speaks HTTP/1.1 alone.
//!
//! hyper reads as much at once as has come at once before, up to 400 KiB, and has the room for it ready while it
//! waits for the next reply. The pages of a listing are as large, and a run that lists has dozens of connections. The
//! SDK's client does not let that be bounded.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper::header::PROXY_AUTHORIZATION;
use hyper::http::uri::Scheme;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::client::legacy::{Builder, Client};
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connect::{Connect, Route, within};
use super::trust::Trust;

/// The most that a connection reads at once, in bytes, and the longest head of a reply. S3's heads have 8 KiB at most.
const MOST_READ_AT_ONCE: usize = 64 * 1024;

/// The connectors of one route, by the time that a request may take. All requests of one service have the same.
#[derive(Debug)]
pub(super) struct Connectors {
    route: Route,
    by_times: Mutex<BTreeMap<Times, SharedHttpConnector>>,
}

/// How long a connection may take to be made, and a reply to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Times {
    connect: Option<Duration>,
    reply: Option<Duration>,
}

impl Connectors {
    pub fn new(route: Route) -> Self {
        Self {
            route,
            by_times: Mutex::default(),
        }
    }

    /// The one for these settings. It keeps its connections.
    pub fn get(&self, settings: &HttpConnectorSettings, trust: &Trust) -> SharedHttpConnector {
        let times = Times::of(settings);
        let mut by_times = self.by_times.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || PooledConnector::new(self.route.clone(), trust.clone(), times);
        let connector = by_times.entry(times);
        connector
            .or_insert_with(|| SharedHttpConnector::new(new()))
            .clone()
    }
}

impl Times {
    fn of(settings: &HttpConnectorSettings) -> Self {
        Self {
            connect: settings.connect_timeout(),
            reply: settings.read_timeout(),
        }
    }
}

/// Sends requests on connections that it keeps. [`NoReply`](super::no_reply::NoReply) tells what its errors mean.
#[derive(Debug)]
pub(super) struct PooledConnector {
    client: Client<Connect, SdkBody>,
    route: Route,
    reply: Option<Duration>,
}

impl PooledConnector {
    /// Nothing bounds its time.
    pub fn unbounded(route: Route, trust: Trust) -> Self {
        Self::new(route, trust, Times::default())
    }

    fn new(route: Route, trust: Trust, times: Times) -> Self {
        let connect = Connect::new(route.clone(), trust, times.connect);
        let client = Builder::new(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(MOST_READ_AT_ONCE)
            .build(connect);
        Self {
            client,
            route,
            reply: times.reply,
        }
    }
}

impl HttpConnector for PooledConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let proxy = self.route.proxy();
        let is_proxied = proxy.is_some();
        // A tunnel was told the credentials when it was made.
        if request.uri().scheme() == Some(&Scheme::HTTP)
            && let Some(credentials) = proxy.and_then(Intercept::basic_auth)
        {
            let headers = request.headers_mut();
            headers.insert(PROXY_AUTHORIZATION, credentials.clone());
        }
        let used = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || metadata(&used, is_proxied));
        }
        let reply = self.client.request(request);
        let limit = self.reply;
        HttpConnectorFuture::new(async move {
            let reply = within(limit, async { Ok(reply.await?) })
                .await
                .map_err(|error| ConnectorError::other(error, None))?;
            HttpResponse::try_from(reply.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Lets the SDK give up a connection on which something went wrong that another one may not have.
fn metadata(used: &CaptureConnection, is_proxied: bool) -> Option<ConnectionMetadata> {
    used.connection_metadata().as_ref()?;
    let used = used.clone();
    let poison = move || {
        if let Some(connection) = used.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    let metadata = ConnectionMetadata::builder().proxied(is_proxied);
    Some(metadata.poison_fn(poison).build())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    /// A server that answers each request with so many bytes: its address, and the connections that it has had.
    fn server(bytes: usize) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    while let Some(Ok(line)) = lines.next() {
                        if line.is_empty() {
                            let head =
                                format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
                            stream.write_all(head.as_bytes()).unwrap();
                            stream.write_all(&vec![b'x'; bytes]).unwrap();
                        }
                    }
                });
            }
        });
        (address, connections)
    }

    fn connector() -> PooledConnector {
        PooledConnector::unbounded(Route::default(), Trust::default())
    }

    fn get(url: &str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri(url).unwrap();
        request
    }

    /// The bytes of a body, as they come.
    async fn pieces(reply: HttpResponse) -> Vec<usize> {
        use hyper::body::Body;
        let mut body = Box::pin(reply.into_body());
        let mut pieces = Vec::new();
        while let Some(frame) =
            std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await
        {
            pieces.push(frame.unwrap().into_data().unwrap().len());
        }
        pieces
    }

    #[tokio::test]
    async fn a_connection_reads_no_more_at_once_however_large_replies_are() {
        let (address, connections) = server(4 << 20);
        let connector = connector();

        for _ in 0..3 {
            let reply = connector.call(get(&address)).await.unwrap();
            let pieces = pieces(reply).await;

            assert_eq!(pieces.iter().sum::<usize>(), 4 << 20);
            // hyper reads into the rest of the room before, too.
            let largest = pieces.iter().max();
            assert!(largest < Some(&(2 * MOST_READ_AT_ONCE)), "{largest:?}");
        }
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_connection_that_the_sdk_gives_up_is_not_used_again() {
        let (address, connections) = server(2);
        let connector = connector();

        for (expected, is_given_up) in [(1, false), (1, true), (2, false)] {
            let capture = CaptureSmithyConnection::new();
            let mut request = get(&address);
            request.add_extension(capture.clone());
            let reply = connector.call(request).await.unwrap();
            pieces(reply).await;
            let connection = capture.get().unwrap();
            if is_given_up {
                connection.poison();
            }

            assert_eq!(connections.load(Ordering::Relaxed), expected);
        }
    }
}
