//! Requests that got no reply: why not, and whether S3 may have carried them out all the same.
//!
//! A connection that cannot be made has carried nothing. One that breaks, or is closed in good order
//! without a reply, may have brought the request to S3 before: an orderly close says no more than a
//! reset does. The HTTP client's own errors do not make that difference, and name neither the host
//! nor the proxy; each is turned into this one error as it comes out of the client.

use std::error::Error;
use std::fmt;
use std::io;
use std::iter;
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::connect::TimedOut;

/// A request without a reply.
#[derive(Debug)]
pub(super) struct NoReply {
    /// Why there is none.
    pub reason: NoReplyReason,
    /// How long it took to find out.
    pub took: Duration,
    peer: Peer,
    detail: String,
    source: BoxError,
}

/// Whom the connection was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// Host and port, as the request names them.
    pub host: String,
    /// Host and port of the proxy, if it was to go through one.
    pub proxy: Option<String>,
}

/// Why there is no reply to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoReplyReason {
    /// There was no connection to send it on: it was certainly not carried out.
    NoConnection(ConnectFailure),
    /// The connection ended, whether by a reset or in good order: it may have been carried out.
    ConnectionLost,
    /// What came is not HTTP: nobody knows what it means.
    NotHttp,
    /// It is not a request that could be sent.
    NotSendable,
}

/// Why a connection cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFailure {
    /// Nothing listens at that address.
    Refused,
    /// The host's name leads to no address.
    UnknownHost,
    /// No route, or another error of the network.
    Unreachable,
    /// The connection was not made in time.
    TimedOut,
    /// The server's certificate is not trusted, has expired or is another host's.
    Certificate,
    /// The server does not speak TLS.
    NotTls,
    /// The TLS handshake failed for another reason.
    Handshake,
    /// The proxy cannot be reached, or refuses to connect.
    Proxy,
    /// This process has no file descriptor left.
    TooManyFiles,
    /// A setting of the network cannot be used.
    Setting,
}

impl ConnectFailure {
    /// Whether it can be otherwise a moment later, without anybody's doing.
    pub(super) fn can_pass(self) -> bool {
        match self {
            Self::Refused
            | Self::UnknownHost
            | Self::Unreachable
            | Self::TimedOut
            | Self::Handshake
            | Self::Proxy
            | Self::TooManyFiles => true,
            Self::Certificate | Self::NotTls | Self::Setting => false,
        }
    }

    /// What to do about it, as a sentence to follow the error.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Refused => "start the server, or correct host and port in AWS_ENDPOINT_URL",
            Self::UnknownHost => {
                "correct AWS_REGION or AWS_ENDPOINT_URL, or the name server of this machine"
            }
            Self::Unreachable | Self::TimedOut => {
                "check the way to this host: a function in a VPC needs a gateway endpoint of S3 or a \
                 NAT gateway, other networks may need HTTPS_PROXY or AWS_ENDPOINT_URL"
            }
            Self::Certificate => {
                "name the certificates to trust in AWS_CA_BUNDLE, or correct the host in \
                 AWS_ENDPOINT_URL"
            }
            Self::NotTls => {
                "write http:// in AWS_ENDPOINT_URL if the server has no TLS, or name its TLS port"
            }
            Self::Handshake => "check the host and port in AWS_ENDPOINT_URL, and any proxy",
            Self::Proxy => {
                "correct HTTPS_PROXY or HTTP_PROXY, or name the host of S3 in NO_PROXY to go without"
            }
            Self::TooManyFiles => {
                "raise the limit of open files (ulimit -n), or lower BACKUP_MAX_CONCURRENCY"
            }
            Self::Setting => "correct that setting",
        }
    }
}

impl NoReply {
    /// What became of a request to this peer, by the error of the HTTP client.
    pub fn of(peer: Peer, error: ConnectorError, took: Duration) -> ConnectorError {
        let reason = match reason(&error) {
            NoReplyReason::NoConnection(failure)
                if peer.proxy.is_some() && !failure.concerns_the_host() =>
            {
                NoReplyReason::NoConnection(ConnectFailure::Proxy)
            }
            reason => reason,
        };
        let detail = detail(&error);
        let no_reply = Self {
            reason,
            took,
            peer,
            detail,
            source: error.into_source(),
        };
        match reason {
            NoReplyReason::NotSendable => ConnectorError::user(no_reply.into()),
            NoReplyReason::NoConnection(ConnectFailure::TimedOut) => {
                ConnectorError::timeout(no_reply.into())
            }
            _ => ConnectorError::io(no_reply.into()),
        }
    }

    /// A request that a setting of the network keeps from being sent.
    pub fn by_setting(peer: Peer, problem: String) -> ConnectorError {
        let no_reply = Self {
            reason: NoReplyReason::NoConnection(ConnectFailure::Setting),
            took: Duration::ZERO,
            peer,
            source: problem.clone().into(),
            detail: problem,
        };
        ConnectorError::user(no_reply.into())
    }

    /// The one that is behind an error; none if a reply came, or the call was given up.
    pub fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        chain(error).find_map(|error| error.downcast_ref())
    }
}

impl ConnectFailure {
    /// Whether the proxy has let the connection through, or was not needed for it to fail.
    fn concerns_the_host(self) -> bool {
        matches!(
            self,
            Self::Certificate | Self::NotTls | Self::Handshake | Self::TooManyFiles | Self::Setting
        )
    }
}

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, detail, .. } = self;
        match &peer.proxy {
            Some(proxy) => write!(f, "{} by the proxy {proxy}: {detail}", peer.host),
            None => write!(f, "{}: {detail}", peer.host),
        }
    }
}

impl Error for NoReply {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

fn reason(error: &ConnectorError) -> NoReplyReason {
    let http = find::<hyper_util::client::legacy::Error>(error);
    if http.is_some_and(hyper_util::client::legacy::Error::is_connect) {
        return NoReplyReason::NoConnection(connect_failure(error));
    }
    if let Some(http) = find::<hyper::Error>(error) {
        if http.is_parse() {
            return NoReplyReason::NotHttp;
        }
        if http.is_user() {
            return NoReplyReason::NotSendable;
        }
        return NoReplyReason::ConnectionLost;
    }
    if http.is_none() && error.is_user() {
        return NoReplyReason::NotSendable;
    }
    NoReplyReason::ConnectionLost
}

fn connect_failure(error: &ConnectorError) -> ConnectFailure {
    if find::<TimedOut>(error).is_some() {
        return ConnectFailure::TimedOut;
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        return match tls {
            rustls::Error::InvalidCertificate(_) => ConnectFailure::Certificate,
            rustls::Error::InvalidMessage(_) => ConnectFailure::NotTls,
            _ => ConnectFailure::Handshake,
        };
    }
    let system = chain(error).filter_map(|error| error.downcast_ref::<io::Error>());
    for error in system {
        match (error.raw_os_error(), error.kind()) {
            (Some(EMFILE | ENFILE), _) => return ConnectFailure::TooManyFiles,
            (_, io::ErrorKind::ConnectionRefused) => return ConnectFailure::Refused,
            // The server has hung up in the middle of the handshake.
            (None, io::ErrorKind::UnexpectedEof) => return ConnectFailure::Handshake,
            _ => {}
        }
    }
    // The errors of these two have no types that can be named.
    let says = |text: &str| chain(error).any(|error| error.to_string().starts_with(text));
    if says("tunnel error: ") {
        ConnectFailure::Proxy
    } else if says("dns error") {
        ConnectFailure::UnknownHost
    } else {
        ConnectFailure::Unreachable
    }
}

/// "Too many open files", in this process and in the system, by the numbers of Linux and macOS.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// The last error of the chain says most.
fn detail(error: &ConnectorError) -> String {
    let last = chain(error).last().map(ToString::to_string);
    let text = last.unwrap_or_else(|| error.to_string());
    // "Connection refused (os error 111)": the number says nothing more.
    match text.split_once(" (os error") {
        Some((text, _)) => text.to_lowercase(),
        None => text,
    }
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// An error and each one behind it. What an I/O error holds is not its source, but behind it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>() {
            Some(held) => held.get_ref().map(|held| held as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}
