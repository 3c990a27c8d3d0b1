//! Signals to end, as the outside's deadline: a run stops, gives up what is in hand, and says what is left.

use std::future;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::s3::Connections;

/// How long a run on the command line has after the first signal: half of it for what is in hand.
const TIME: Duration = Duration::from_secs(6);
/// How long the Lambda has: AWS kills it half a second after SIGTERM, if it sends one at all.
const TIME_ON_LAMBDA: Duration = Duration::from_millis(400);

/// Does the work of the command line. The first signal (SIGINT, SIGTERM) tells it to stop, the second
/// one ends the process. `tell` hears what the first one has begun.
pub async fn until_interrupted<T>(
    connections: &Connections,
    work: impl Future<Output = T>,
    tell: impl Fn(&str),
) -> T {
    let signals = async {
        let mut signals = Signals::listen();
        signals.next().await;
        let seconds = TIME.as_secs();
        tell(&format!(
            "stopping: what is in hand has up to {seconds} seconds; \
             a second signal ends the program at once, and leaves the lease to end by itself"
        ));
        connections.interrupt(TIME);
        // As a shell counts a process that a signal has ended.
        std::process::exit(128 + signals.next().await);
    };
    tokio::select! {
        biased;
        done = work => done,
        () = signals => future::pending().await,
    }
}

/// Does the work of the Lambda, which never ends by itself. After a SIGTERM a run has time to give its
/// lease back and to answer; then the process ends.
pub async fn until_terminated<T: Default>(
    connections: &Connections,
    work: impl Future<Output = T>,
) -> T {
    let terminated = async {
        Signals::listen().next().await;
        tracing::info!("stopping: the environment is shut down");
        connections.interrupt(TIME_ON_LAMBDA);
        tokio::time::sleep(TIME_ON_LAMBDA + TIME_ON_LAMBDA / 10).await;
    };
    tokio::select! {
        biased;
        done = work => done,
        () = terminated => T::default(),
    }
}

struct Signals(Option<[Signal; 2]>);

impl Signals {
    fn listen() -> Self {
        let both = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
        match both {
            [Ok(interrupt), Ok(terminate)] => Self(Some([interrupt, terminate])),
            _ => Self(None),
        }
    }

    /// The number of the next one.
    async fn next(&mut self) -> i32 {
        let Some([interrupt, terminate]) = &mut self.0 else {
            return future::pending().await;
        };
        tokio::select! {
            Some(()) = interrupt.recv() => 2,
            Some(()) = terminate.recv() => 15,
            else => future::pending().await,
        }
    }
}
