//! The handle that starts the simulator and ends it: own threads, own port.

use crate::account::Account;
use crate::backdoor::Backdoor;
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
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
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

    /// Listing pages hold at most this many keys, whatever is asked for.
    pub fn page_size_max(mut self, keys: usize) -> SimBuilder {
        self.page_max = keys;
        self
    }

    /// Listens on this port instead of a free one.
    pub fn port(mut self, port: u16) -> SimBuilder {
        self.port = port;
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
        runtime.spawn(wire::accept(listener, Arc::clone(&account)));
        Sim {
            backdoor: Backdoor::to(&account),
            address,
            runtime: Some(runtime),
        }
    }
}
