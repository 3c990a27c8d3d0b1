//! What failed for a passing reason is tried again: how long that waits, and when it is given up.
//!
//! The SDK sends a copy again a few times, within two seconds. An object that still fails waits for a sweep, without a
//! place in the budget of copies. It is tried in sweep after sweep for as long as other objects of its destination
//! succeed, else in so many that a lasting fault is found out in the time of ten attempts of the SDK's.

use std::time::Duration;

use tokio::time::sleep;

use super::bucket::Bucket;
use super::client::CallLimits;
use super::error::{Cause, Operation, S3Error};

/// Attempts at a copy before its object waits for a sweep: with their waits, less than two seconds.
const FIRST_ATTEMPTS: u32 = 4;
/// Attempts in each sweep: one, and one more with credentials that were renewed meanwhile.
pub(super) const SWEEP_ATTEMPTS: u32 = 2;
/// Sweeps without any success for each attempt that is not made before the first. The waits are at most a
/// quarter of the SDK's longest: a lasting fault is found out in the same time.
const SWEEPS_FOR_AN_ATTEMPT: u32 = 2;
/// The longest wait, in first ones: five seconds.
const MOST_WAIT: u32 = 20;
/// Sweeps after which the wait of an object doubles although others succeed.
const SWEEPS_TO_DOUBLE: u32 = 8;

impl CallLimits {
    /// Attempts at a copy before its object waits for a sweep.
    pub(super) fn first_attempts(self) -> u32 {
        self.attempts.min(FIRST_ATTEMPTS)
    }

    fn fruitless_sweeps(self) -> u32 {
        (self.attempts - self.first_attempts()) * SWEEPS_FOR_AN_ATTEMPT
    }
}

/// Growing waits, each drawn from the upper half of its range, so that what failed together does not come back
/// together.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    first: Duration,
    /// From 0 to 1.
    random: fn() -> f64,
}

impl Waits {
    /// Waits that begin with so long, and are drawn at random.
    pub fn of(first: Duration) -> Self {
        Self {
            first,
            random: fastrand::f64,
        }
    }

    /// The wait that was doubled so often.
    pub(super) fn doubled(self, times: u32) -> Duration {
        let factor = 1_u32.checked_shl(times).unwrap_or(MOST_WAIT);
        self.times(factor)
    }

    /// The wait that is so many times as long as the first one.
    pub fn times(self, factor: u32) -> Duration {
        let longest = self.first * factor.clamp(1, MOST_WAIT);
        longest.mul_f64(0.5 + (self.random)() / 2.0)
    }
}

/// Attempts at one thing, with growing waits between them. A wait ends with the time of the run.
#[derive(Debug)]
pub struct Attempts<'a> {
    bucket: &'a Bucket,
    made: u32,
    most: u32,
}

impl Attempts<'_> {
    /// Which attempt is being made, from 1 on.
    pub fn number(&self) -> u32 {
        self.made
    }

    /// Whether no other attempt follows.
    pub fn is_last(&self) -> bool {
        self.made >= self.most
    }

    /// Whether another attempt follows at a reply that cannot be believed: the SDK repeats a call that fails, and neither
    /// a body that breaks off nor a page that contradicts itself.
    pub fn may_read_again(&self, error: &S3Error) -> bool {
        error.cause == Cause::Unreadable && !self.is_last()
    }

    /// Goes on to the next attempt at once: what failed was found out by a look at the object, not by an error.
    pub fn next_at_once(&mut self) {
        self.made += 1;
    }

    /// Waits, the longer the more attempts were made, and goes on to the next one.
    pub async fn next(&mut self) {
        let wait = Waits::of(self.bucket.patience.backoff).times(self.made);
        self.bucket.limit.bound(sleep(wait)).await;
        self.made += 1;
    }
}

/// How often one object was tried.
#[derive(Debug)]
pub struct Tries<'a> {
    destination: &'a Bucket,
    /// Successes of all objects when this one was tried last.
    successes: u64,
    sweeps: u32,
    /// Sweeps since anything succeeded.
    fruitless: u32,
}

/// The next step for an object that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextTry {
    /// It has waited, and is tried once more.
    Now,
    /// The run has to stop: the object is left to the next one.
    LaterRun,
    /// It has failed for good.
    Never,
}

impl Bucket {
    /// So many attempts at most at something in this bucket. The first one is being made.
    pub fn attempts(&self, most: u32) -> Attempts<'_> {
        let made = 1;
        Attempts {
            bucket: self,
            made,
            most,
        }
    }

    /// The tries of an object that is written to this bucket.
    pub fn tries(&self) -> Tries<'_> {
        Tries {
            destination: self,
            successes: self.sweeps.successes(),
            sweeps: 0,
            fruitless: 0,
        }
    }

    /// An object was written as it should be: what fails beside it may pass.
    pub fn succeeded(&self) {
        self.sweeps.succeeded();
    }

    /// Objects that wait for a sweep and leave their places to others.
    pub fn waiting_for_sweeps(&self) -> usize {
        self.sweeps.waiting()
    }
}

impl Tries<'_> {
    /// Waits until the object may be tried again, if that may help.
    pub async fn again(&mut self, source: &Bucket, error: &S3Error) -> NextTry {
        if !error.can_pass() {
            return NextTry::Never;
        }
        let Bucket {
            sweeps, patience, ..
        } = self.destination;
        let successes = sweeps.successes();
        self.fruitless = if successes > self.successes {
            0
        } else {
            self.fruitless + 1
        };
        self.successes = successes;
        // A part and a look have had all their attempts, and a copy in doubt its rounds of looking.
        let is_cheap = error.operation == Operation::CopyObject && !error.cause.leaves_doubt();
        let most = if is_cheap {
            patience.fruitless_sweeps()
        } else {
            0
        };
        if self.fruitless > most {
            return NextTry::Never;
        }
        let doublings = self.fruitless + self.sweeps / SWEEPS_TO_DOUBLE;
        self.sweeps += 1;
        // If others have their turn and do not succeed either, what waits keeps its place: else one object after the
        // other would be begun in vain.
        let waiting = (self.fruitless <= 1).then(|| sweeps.wait());
        let wait = Waits::of(patience.backoff).doubled(doublings);
        tracing::debug!(?wait, %error, "an object waits for a sweep");
        let stopped = tokio::select! {
            biased;
            () = self.destination.stopped(source) => true,
            () = sleep(wait) => false,
        };
        drop(waiting);
        match stopped {
            false => NextTry::Now,
            // A run that copies nothing leaves nothing, or its continuations would never end.
            true if successes == 0 => NextTry::Never,
            true => NextTry::LaterRun,
        }
    }
}

impl S3Error {
    /// Whether the same call may succeed some seconds later, without anybody's doing. Silence has taken minutes by the
    /// time that it is an error, and is not waited for any longer.
    pub fn can_pass(&self) -> bool {
        match self.cause {
            Cause::TooBusy | Cause::ServerError | Cause::Network | Cause::Unreadable => true,
            Cause::NoConnection(failure) => failure.can_pass(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(250);

    #[test]
    fn waits_double_up_to_five_seconds_and_are_drawn_from_their_upper_half() {
        let [shortest, longest] = [|| 0.0, || 1.0].map(|random| Waits {
            first: FIRST,
            random,
        });

        let waits = [0, 1, 4, 5, 31, 32, 1000];
        let longest = waits.map(|times| longest.doubled(times).as_millis());
        let shortest = waits.map(|times| shortest.doubled(times).as_millis());

        assert_eq!(longest, [250, 500, 4000, 5000, 5000, 5000, 5000]);
        assert_eq!(shortest, longest.map(|wait| wait / 2));
    }

    #[test]
    fn a_lasting_fault_is_given_up_in_the_time_of_ten_attempts() {
        let limits = CallLimits::default();
        let longest = Waits {
            first: limits.backoff,
            random: || 1.0,
        };
        let within = |attempts| (0..attempts - 1).map(|n| limits.backoff * (1 << n)).sum();
        let before: Duration = within(limits.attempts.min(7));
        // The SDK's longest wait is 20 s.
        let before = before + Duration::from_secs(20) * 2 + Duration::from_secs(16);

        let first: Duration = within(limits.first_attempts());
        let sweeps = 1..=limits.fruitless_sweeps();
        let sweeps: Duration = sweeps.map(|n| longest.doubled(n) + limits.backoff).sum();

        assert!(first + sweeps < before, "{:?}", first + sweeps);
    }
}
