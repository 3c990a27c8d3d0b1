//! The one time limit of a run. Every call to S3 ends at it, with [`Cause::OutOfTime`], whatever it waits
//! for: an answer, a body, the SDK's next attempt.
//!
//! It comes from the clock, as the deadline that Lambda sets, or from outside, as a signal. Both are a
//! [`Deadline`], and the earlier one counts.
//!
//! [`Cause::OutOfTime`]: super::Cause::OutOfTime

use std::time::{Duration, Instant};

use futures::future::OptionFuture;
use tokio::sync::watch;
use tokio::time::sleep_until;

use crate::model::{Deadline, Phase};

/// Stops all runs of a process.
#[derive(Debug)]
pub(super) struct Interruption(watch::Sender<Option<Deadline>>);

impl Default for Interruption {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Interruption {
    /// Tells all runs to stop now and to be gone after that time.
    pub(super) fn interrupt(&self, time: Duration) {
        let told = Deadline::interrupted(Instant::now(), time);
        self.0.send_replace(Some(told));
    }
}

/// When the waits of a run end. Its clones share it.
#[derive(Clone, Debug)]
pub struct TimeLimit {
    deadline: Option<Deadline>,
    /// None where nobody interrupts.
    interruption: Option<watch::Receiver<Option<Deadline>>>,
    phase: Phase,
}

impl TimeLimit {
    /// No limit.
    pub(super) fn none() -> Self {
        Self {
            deadline: None,
            interruption: None,
            phase: Phase::Work,
        }
    }

    /// The limit of a run with this deadline.
    pub(super) fn new(deadline: Option<Deadline>, interruption: &Interruption) -> Self {
        Self {
            deadline,
            interruption: Some(interruption.0.subscribe()),
            phase: Phase::Work,
        }
    }

    /// The limit of waits of that phase.
    #[must_use]
    pub(super) fn in_phase(&self, phase: Phase) -> Self {
        Self {
            phase,
            ..self.clone()
        }
    }

    /// Whether nothing new may be begun.
    pub fn has_stopped(&self) -> bool {
        let deadline = self.deadline();
        deadline.is_some_and(|deadline| Instant::now() >= deadline.stop_at)
    }

    /// Whether the run was told to stop from outside.
    pub fn is_interrupted(&self) -> bool {
        self.told().is_some()
    }

    /// Comes to its end when nothing new may be begun.
    pub async fn stopped(&self) {
        self.reached(|deadline| deadline.stop_at).await;
    }

    /// What comes of the work; none if its time is over before. Nothing is begun then.
    pub(super) async fn bound<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.reached(|deadline| deadline.end_of(self.phase)) => None,
            done = work => Some(done),
        }
    }

    fn told(&self) -> Option<Deadline> {
        let told = self.interruption.as_ref();
        told.and_then(|told| *told.borrow())
    }

    fn deadline(&self) -> Option<Deadline> {
        match (self.deadline, self.told()) {
            (Some(deadline), Some(told)) => Some(deadline.or_earlier(told)),
            (deadline, told) => deadline.or(told),
        }
    }

    async fn reached(&self, at: impl Fn(Deadline) -> Instant) {
        let mut interruption = self.interruption.clone();
        loop {
            if let Some(told) = &mut interruption {
                told.mark_unchanged();
            }
            let deadline = self.deadline();
            let time = async {
                match deadline {
                    Some(deadline) => sleep_until(at(deadline).into()).await,
                    None => std::future::pending().await,
                }
            };
            let told = async {
                // An error says that nobody is left to interrupt.
                let Some(Ok(())) =
                    OptionFuture::from(interruption.as_mut().map(watch::Receiver::changed)).await
                else {
                    return std::future::pending().await;
                };
            };
            tokio::select! {
                () = time => return,
                () = told => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// A quarter of it is more than a busy machine stands still.
    const SOON: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn work_ends_at_the_deadline_and_nothing_is_begun_behind_it() {
        let now = Instant::now();
        let limit = TimeLimit::new(Some(Deadline::within(now, SOON)), &Interruption::default());

        let stalled = limit.bound(std::future::pending::<()>()).await;
        let took = now.elapsed();
        let mut begun = false;
        let later = limit.bound(async { begun = true }).await;
        let lease = limit.in_phase(Phase::Lease).bound(async {}).await;

        assert!(took > SOON / 2 && took < SOON, "{took:?}");
        assert_eq!((stalled, later, begun), (None, None, false));
        assert_eq!(lease, Some(()));
    }

    #[tokio::test]
    async fn an_interruption_ends_what_is_under_way_and_what_is_begun_later() {
        let interruption = Interruption::default();
        let limit = TimeLimit::new(None, &interruption);
        let under_way = limit.clone();
        let stalled = async { under_way.bound(std::future::pending::<()>()).await };
        let interrupt = async {
            assert!(!limit.has_stopped());
            interruption.interrupt(SOON);
            limit.stopped().await;
        };

        let both = timeout(SOON * 5, async { tokio::join!(stalled, interrupt) });

        assert_eq!(both.await.unwrap(), (None, ()));
        assert!(limit.has_stopped());
        assert_eq!(limit.bound(async {}).await, None);
        assert!(TimeLimit::new(None, &interruption).has_stopped());
    }
}
