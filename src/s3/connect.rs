//! Makes connections to servers: directly, through the tunnel of a proxy, or to a proxy that passes requests on.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use hyper::Uri;
use hyper::http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tower_service::Service;

use super::trust::Trust;

/// The proxy of all requests of a client, or none. Its clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Route(Option<Arc<Intercept>>);

impl Route {
    /// By the proxy at this URL, with the user and password that it names; none if it is no URL.
    pub fn by_proxy(url: &str) -> Option<Self> {
        let any = Uri::from_static("http://server");
        let proxy = Matcher::builder().all(url).build().intercept(&any)?;
        Some(Self(Some(Arc::new(proxy))))
    }

    pub fn proxy(&self) -> Option<&Intercept> {
        self.0.as_deref()
    }
}

/// Makes connections, TLS included, within a time.
#[derive(Clone, Debug)]
pub(super) struct Connect {
    route: Route,
    limit: Option<Duration>,
    tcp: HttpConnector,
    trust: Trust,
}

impl Connect {
    pub fn new(route: Route, trust: Trust, limit: Option<Duration>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        Self {
            route,
            limit,
            tcp,
            trust,
        }
    }

    async fn open(self, server: Uri) -> Result<Stream, BoxError> {
        let Some(proxy) = self.route.proxy() else {
            return open(self.tcp, &self.trust, server).await;
        };
        let direct = Self {
            route: Route::default(),
            ..self.clone()
        };
        if !is_tls(&server) {
            let to_proxy = open(direct.tcp, &self.trust, proxy.uri().clone()).await?;
            return Ok(Stream {
                passes_requests_on: true,
                ..to_proxy
            });
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), direct);
        if let Some(credentials) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(credentials.clone());
        }
        open(tunnel, &self.trust, server).await
    }
}

/// Opens a connection by this connector, and speaks TLS with a server whose URL says so.
async fn open<C>(mut connector: C, trust: &Trust, server: Uri) -> Result<Stream, BoxError>
where
    C: Service<Uri, Response: Io + 'static, Error: Into<BoxError>, Future: Send + 'static>,
{
    if is_tls(&server) {
        let mut connector = HttpsConnector::from((connector, trust.tls()));
        return Ok(Stream::new(connector.call(server).await?));
    }
    let io = connector.call(server).await.map_err(Into::into)?;
    Ok(Stream::new(io))
}

fn is_tls(server: &Uri) -> bool {
    server.scheme() == Some(&Scheme::HTTPS)
}

impl Service<Uri> for Connect {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let connect = self.clone();
        Box::pin(within(self.limit, connect.open(server)))
    }
}

/// It took longer than it may.
#[derive(Debug, thiserror::Error)]
#[error("timed out after {0:?}")]
pub(super) struct TimedOut(Duration);

/// The same work, which fails if it takes longer.
pub(super) async fn within<T>(
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, BoxError>>,
) -> Result<T, BoxError> {
    match limit {
        Some(limit) => {
            let in_time = tokio::time::timeout(limit, work).await;
            in_time.unwrap_or_else(|_| Err(TimedOut(limit).into()))
        }
        None => work.await,
    }
}

/// A connection, whatever it is made of.
pub(super) struct Stream {
    io: Box<dyn Io>,
    /// It leads to a proxy that has to be told the whole URL of each request.
    passes_requests_on: bool,
}

trait Io: Read + Write + Connection + Send + Unpin {}

impl<T: Read + Write + Connection + Send + Unpin> Io for T {}

impl Stream {
    fn new(io: impl Io + 'static) -> Self {
        Self {
            io: Box::new(io),
            passes_requests_on: false,
        }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.passes_requests_on)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, room)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
