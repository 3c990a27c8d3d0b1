//! A clock that tests can turn: it starts at the real time and runs, until
//! somebody advances, freezes or sets it. S3 stamps objects with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The time of the simulated S3. Clones show and turn the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Mutex<Hands>>);

#[derive(Debug)]
struct Hands {
    at: SystemTime,
    /// Since when the clock has run on from `at`; none when it stands.
    running_since: Option<Instant>,
}

impl Hands {
    fn now(&self) -> SystemTime {
        match self.running_since {
            Some(since) => self.at + since.elapsed(),
            None => self.at,
        }
    }
}

impl Clock {
    pub(crate) fn real() -> Clock {
        Clock(Arc::new(Mutex::new(Hands {
            at: SystemTime::now(),
            running_since: Some(Instant::now()),
        })))
    }

    /// What the clock shows.
    pub fn now(&self) -> SystemTime {
        self.hands().now()
    }

    /// Moves forward; a running clock runs on.
    pub fn advance(&self, by: Duration) {
        self.hands().at += by;
    }

    /// Moves back, as a machine with a wrong clock would.
    pub fn rewind(&self, by: Duration) {
        self.hands().at -= by;
    }

    /// Stops the clock where it stands; [`Clock::advance`] still moves it.
    pub fn freeze(&self) {
        let mut hands = self.hands();
        hands.at = hands.now();
        hands.running_since = None;
    }

    /// Shows `time` from now on; a running clock runs on from there.
    pub fn set(&self, time: SystemTime) {
        let mut hands = self.hands();
        hands.at = time;
        hands.running_since = hands.running_since.map(|_| Instant::now());
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_advanced() {
        let clock = Clock::real();
        clock.freeze();
        let before = clock.now();

        clock.advance(Duration::from_secs(60));

        assert_eq!(clock.now(), before + Duration::from_secs(60));
    }
}
