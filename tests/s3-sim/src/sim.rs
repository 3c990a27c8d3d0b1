//! The handle that starts the simulator and ends it: own threads, own port.

use crate::account::Account;
use crate::backdoor::Backdoor;
use crate::certificate::certificate;
use crate::pace::Pace;
use crate::verb::Class;
use crate::wire;
use std::net::{SocketAddr, TcpListener};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// A running S3 on a loopback port. It ends when this is dropped, and with it
/// every call that was left without an answer.
///
/// Everything a test does besides HTTP is a method of [`Backdoor`], which this
/// derefs to.
#[derive(Debug)]
pub struct Sim {
    backdoor: Backdoor,
    address: SocketAddr,
    /// None without TLS.
    authority: Option<String>,
    /// None only while being dropped.
    runtime: Option<Runtime>,
}

impl Sim {
    /// Starts one that is as fast as it can be.
    ///
    /// # Panics
    /// If no loopback port can be had.
    pub fn start() -> Sim {
        Sim::builder().start()
    }

    /// For one that is slow or small.
    pub fn builder() -> SimBuilder {
        SimBuilder {
            pace: Pace::default(),
            page_max: usize::MAX,
            port: 0,
            tls_hosts: Vec::new(),
        }
    }

    /// `http://127.0.0.1:PORT`, or `https://` with TLS.
    pub fn endpoint(&self) -> String {
        let scheme = match self.authority {
            None => "http",
            Some(_) => "https",
        };
        format!("{scheme}://{}", self.address)
    }

    /// The certificate to trust, as PEM; empty without TLS.
    pub fn authority(&self) -> &str {
        self.authority.as_deref().unwrap_or_default()
    }
}

impl Deref for Sim {
    type Target = Backdoor;

    fn deref(&self) -> &Backdoor {
        &self.backdoor
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Unlike a plain drop this is legal within an async test.
            runtime.shutdown_background();
        }
    }
}

/// Settings of a simulator to be started.
#[derive(Debug)]
pub struct SimBuilder {
    pace: Pace,
    page_max: usize,
    port: u16,
    tls_hosts: Vec<String>,
}

impl SimBuilder {
    /// Every call of this class takes at least so long.
    pub fn latency(mut self, class: Class, latency: Duration) -> SimBuilder {
        self.pace.set_latency(class, latency);
        self
    }

    /// More writes and copies in a second than this are answered 503 SlowDown.
    pub fn write_limit(mut self, per_second: u32) -> SimBuilder {
        self.pace.set_write_limit(per_second);
        self
    }

    /// Each nth connection ends in order (FIN) in place of the answer to its second call, which is
    /// not carried out: what a proxy or a server does that gives up kept connections.
    pub fn close_every_connection(mut self, nth: u64) -> SimBuilder {
        self.pace.close_every_connection(nth);
        self
    }

    /// Listing pages hold at most this many keys, whatever is asked for.
    pub fn page_size_max(mut self, keys: usize) -> SimBuilder {
        self.page_max = keys;
        self
    }

    /// A call that is one too many is answered 429, as other stores and proxies do, in place of S3's 503.
    pub fn say_429(mut self) -> SimBuilder {
        self.pace.say_429();
        self
    }

    /// Listens on this port instead of a free one.
    pub fn port(mut self, port: u16) -> SimBuilder {
        self.port = port;
        self
    }

    /// Speaks TLS, with a certificate for this host or address that only [`Sim::authority`] proves.
    pub fn tls_for(mut self, host: &str) -> SimBuilder {
        self.tls_hosts.push(host.to_owned());
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// If the port cannot be had.
    pub fn start(self) -> Sim {
        let listener =
            TcpListener::bind(("127.0.0.1", self.port)).expect("a loopback port can be bound");
        listener
            .set_nonblocking(true)
            .expect("a socket can be made non-blocking");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("s3-sim")
            .enable_all()
            .build()
            .expect("a runtime can be built");
        let account = Arc::new(Account::new(self.pace, self.page_max));
        let tls = (!self.tls_hosts.is_empty()).then(|| certificate(&self.tls_hosts));
        let acceptor = tls.as_ref().map(|tls| tls.acceptor.clone());
        runtime.spawn(wire::accept(listener, acceptor, Arc::clone(&account)));
        Sim {
            backdoor: Backdoor::to(&account),
            address,
            authority: tls.map(|tls| tls.authority),
            runtime: Some(runtime),
        }
    }
}
