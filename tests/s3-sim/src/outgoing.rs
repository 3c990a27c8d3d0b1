//! Bodies as they leave: whole, streamed out of generated content, or broken on
//! purpose.

use crate::content::Content;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;

const CHUNK: usize = 64 << 10;
/// Lets what was sent arrive before the connection breaks.
const LULL: Duration = Duration::from_millis(20);

pub(crate) enum Outgoing {
    Whole(Option<Bytes>),
    Streamed {
        content: Content,
        at: u64,
    },
    /// These bytes, then the connection ends.
    Broken(Option<Bytes>, Pin<Box<Sleep>>),
    /// Nothing, for ever.
    Stalled,
}

impl Outgoing {
    pub(crate) fn empty() -> Outgoing {
        Outgoing::Whole(None)
    }

    pub(crate) fn broken_after(bytes: Bytes) -> Outgoing {
        Outgoing::Broken(Some(bytes), Box::pin(tokio::time::sleep(LULL)))
    }
}

/// The connection is to end here.
#[derive(Debug)]
pub(crate) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("connection broken on purpose")
    }
}

impl std::error::Error for Broken {}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Outgoing::Whole(bytes) => Poll::Ready(bytes.take().map(|all| Ok(Frame::data(all)))),
            Outgoing::Streamed { content, at } => {
                let chunk = content.read(*at, CHUNK);
                *at += chunk.len() as u64;
                Poll::Ready((!chunk.is_empty()).then(|| Ok(Frame::data(chunk))))
            }
            Outgoing::Broken(bytes, lull) => {
                if let Some(bytes) = bytes.take().filter(|bytes| !bytes.is_empty()) {
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                ready!(lull.as_mut().poll(context));
                Poll::Ready(Some(Err(Broken)))
            }
            Outgoing::Stalled => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Outgoing::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Outgoing::Streamed { content, at } => *at >= content.len(),
            Outgoing::Broken(..) | Outgoing::Stalled => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Outgoing::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |all| all.len() as u64))
            }
            Outgoing::Streamed { content, at } => SizeHint::with_exact(content.len() - at),
            Outgoing::Broken(..) | Outgoing::Stalled => SizeHint::default(),
        }
    }
}
