//! Whether a destination may still be written to: each write asks here before it is sent.
//!
//! S3 knows no fencing tokens. A run whose machine is suspended and wakes up may have lost its lease
//! without hearing of it, and the steady clock may have stood still meanwhile. So the age of the lease
//! is measured by three clocks, and the one that has come furthest counts: the steady one, the wall
//! clock, and S3's own, which dates every reply. Once the lease may be over, writes wait until it is
//! renewed, which S3 refuses if somebody has taken it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::model::Timestamp;

/// Why nothing more is written to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The run has lost its lease there.
    LeaseLost,
    /// The bucket keeps no versions any more: a write destroys what it replaces.
    NotVersioned,
}

/// The latest time that S3 has told in a reply to any call.
#[derive(Clone, Debug, Default)]
pub(super) struct ServerClock(Arc<AtomicI64>);

/// Stands before the writes to one destination. Its clones share it.
#[derive(Clone, Debug)]
pub struct Fence(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: ServerClock,
    state: watch::Sender<SmallObject>,
    /// A write waits for the lease to be renewed.
    overdue: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
struct SmallObject {
    /// None where no lease is needed.
    lease: Option<(Moment, Duration)>,
    stop: Option<Stop>,
}

/// A moment by three clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// By this machine's steady clock, which may stand still while the machine is suspended.
    pub steady: Instant,
    wall: SystemTime,
    server: Timestamp,
}

/// What a write is told.
enum Answer {
    Go,
    Wait,
    Never(Stop),
}

impl Fence {
    /// A destination without a lease, which may be written to.
    pub(super) fn new(clock: ServerClock) -> Self {
        Self(Arc::new(Inner {
            clock,
            state: watch::Sender::default(),
            overdue: Notify::new(),
        }))
    }

    /// This moment.
    pub fn now(&self) -> Moment {
        Moment {
            steady: Instant::now(),
            wall: SystemTime::now(),
            server: self.0.clock.read(),
        }
    }

    /// The lease was written, not before `began`, and writes may go on for so long from then on.
    pub fn renewed(&self, began: Moment, may_write: Duration) {
        // The reply to that write is the latest one that S3 has dated.
        let server = self.0.clock.read();
        let lease = Some((Moment { server, ..began }, may_write));
        self.0.state.send_modify(|state| state.lease = lease);
    }

    /// Nothing more is written. The first reason counts.
    pub fn close(&self, stop: Stop) {
        self.0.state.send_modify(|state| {
            state.stop.get_or_insert(stop);
        });
    }

    /// Why nothing more is written; none while something may be.
    pub fn stop(&self) -> Option<Stop> {
        self.0.state.borrow().stop
    }

    /// Ends when nothing more may be written.
    pub async fn closed(&self) {
        let mut state = self.0.state.subscribe();
        // An error says that the fence is gone, and this is one of its clones.
        let _ = state.wait_for(|state| state.stop.is_some()).await;
    }

    /// Ends when a write waits for the lease to be renewed.
    pub async fn is_overdue(&self) {
        self.0.overdue.notified().await;
    }

    /// Waits until a write may be sent.
    pub(super) async fn admit(&self) -> Result<(), Stop> {
        let mut state = self.0.state.subscribe();
        loop {
            let now = *state.borrow_and_update();
            match now.answer(self) {
                Answer::Go => return Ok(()),
                Answer::Never(stop) => return Err(stop),
                Answer::Wait => {
                    self.0.overdue.notify_one();
                    let _ = state.changed().await;
                }
            }
        }
    }
}

impl SmallObject {
    fn answer(self, fence: &Fence) -> Answer {
        match (self.stop, self.lease) {
            (Some(stop), _) => Answer::Never(stop),
            (None, Some((began, may_write))) if fence.now().since(began) >= may_write => {
                Answer::Wait
            }
            (None, _) => Answer::Go,
        }
    }
}

impl Moment {
    /// The moment that long before; none if this machine runs for less than that.
    pub fn earlier(self, time: Duration) -> Option<Moment> {
        Some(Moment {
            steady: self.steady.checked_sub(time)?,
            wall: self.wall.checked_sub(time)?,
            ..self
        })
    }

    /// The latest time that S3 has told, in whole seconds.
    pub fn told_by_s3(self) -> Timestamp {
        self.server
    }

    /// How much later it is than an earlier one, by the clock that has come furthest.
    pub fn since(self, earlier: Moment) -> Duration {
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        let steady = self.steady.duration_since(earlier.steady);
        let server = self.server.since(earlier.server);
        steady.max(wall).max(server)
    }
}

impl ServerClock {
    fn read(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

impl Intercept for ServerClock {
    fn name(&self) -> &'static str {
        "ServerClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = date(context.response()) {
            self.0.fetch_max(date, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// When S3 sent a reply, in milliseconds, by the clock that dates objects too.
pub(super) fn date(reply: &HttpResponse) -> Option<i64> {
    let date = reply.headers().get("date")?;
    let date = DateTime::from_str(date, DateTimeFormat::HttpDate).ok()?;
    date.to_millis().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn fence() -> (Fence, ServerClock) {
        let clock = ServerClock::default();
        (Fence::new(clock.clone()), clock)
    }

    fn goes(fence: &Fence) -> bool {
        let now = *fence.0.state.borrow();
        matches!(now.answer(fence), Answer::Go)
    }

    #[test]
    fn without_a_lease_writes_go_until_it_is_closed() {
        let (fence, _) = fence();

        assert!(goes(&fence));
        fence.close(Stop::NotVersioned);
        fence.close(Stop::LeaseLost);

        assert!(!goes(&fence));
        assert_eq!(fence.stop(), Some(Stop::NotVersioned));
    }

    #[test]
    fn the_clock_that_has_come_furthest_counts() {
        let (fence, clock) = fence();
        clock.0.store(1_000_000, Ordering::Relaxed);
        let now = fence.now();
        fence.renewed(now, MINUTE);

        assert!(goes(&fence));
        clock.0.store(1_060_000, Ordering::Relaxed);
        assert!(!goes(&fence), "by S3's clock");
        fence.renewed(now, MINUTE);
        assert!(goes(&fence), "it was renewed since");
        let slept = Moment {
            wall: now.wall - MINUTE,
            ..now
        };
        fence.renewed(slept, MINUTE);
        assert!(!goes(&fence), "by the wall clock");
    }

    #[test]
    fn clocks_that_go_back_prove_nothing() {
        let (fence, _) = fence();
        let now = fence.now();
        let back = Moment {
            wall: now.wall + MINUTE,
            server: now.server.plus(MINUTE),
            ..now
        };

        assert_eq!(now.since(back), Duration::ZERO);
    }
}
