//! The TCP side: connections accepted, HTTP spoken, and a connection reset when
//! a fault asks for it.

use crate::account::Account;
use crate::outgoing::Broken;
use crate::serve::{self, ResetFlag};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Calls that a connection which is closed silently is answered before.
const ANSWERED: u64 = 1;

pub(crate) async fn accept(
    listener: std::net::TcpListener,
    tls: Option<TlsAcceptor>,
    account: Arc<Account>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    for number in 1.. {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: some connection has to end first.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let reset = ResetFlag::default();
        let wire = Wire {
            stream,
            reset: Arc::clone(&reset),
        };
        let (tls, account) = (tls.clone(), Arc::clone(&account));
        tokio::spawn(async move {
            match tls {
                None => converse(wire, reset, number, account).await,
                // A client that does not trust the certificate, or does not speak TLS, has gone.
                Some(tls) => {
                    if let Ok(wire) = tls.accept(wire).await {
                        converse(wire, reset, number, account).await;
                    }
                }
            }
        });
    }
}

async fn converse(
    wire: impl AsyncRead + AsyncWrite + Unpin,
    reset: ResetFlag,
    number: u64,
    account: Arc<Account>,
) {
    let closes = account.pace.closes_connection(number);
    let calls = AtomicU64::new(0);
    let service = service_fn(move |request| {
        let account = Arc::clone(&account);
        let reset = Arc::clone(&reset);
        let closed = calls.fetch_add(1, Ordering::Relaxed) >= ANSWERED && closes;
        async move {
            if closed {
                serve::read_to_the_end(request).await?;
                return Err(Broken);
            }
            serve::serve(account, request, reset).await
        }
    });
    // A broken connection is either the client's will or ours.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(wire), service)
        .await;
}

/// A connection that ends with a reset if it was told to.
struct Wire {
    stream: TcpStream,
    reset: ResetFlag,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.reset.load(Ordering::SeqCst) {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
