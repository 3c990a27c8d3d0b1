//! How slow and how patient the simulated S3 is: a latency for each class of
//! verbs, a rate of writes above which it says SlowDown, and connections that it
//! closes without a word.

use crate::reply::Refusal;
use crate::verb::{Class, Verb};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub(crate) struct Pace {
    latency: HashMap<Class, Duration>,
    writes: Option<Rate>,
    closed_connections: Option<u64>,
    says_429: bool,
}

impl Pace {
    pub(crate) fn close_every_connection(&mut self, nth: u64) {
        self.closed_connections = Some(nth);
    }

    /// Whether the connection of this number, counted from 1, ends silently.
    pub(crate) fn closes_connection(&self, number: u64) -> bool {
        self.closed_connections
            .is_some_and(|nth| number.is_multiple_of(nth))
    }

    pub(crate) fn set_latency(&mut self, class: Class, latency: Duration) {
        self.latency.insert(class, latency);
    }

    pub(crate) fn set_write_limit(&mut self, per_second: u32) {
        self.writes = Some(Rate::new(per_second));
    }

    pub(crate) fn say_429(&mut self) {
        self.says_429 = true;
    }

    /// The answer to a call that is one too many.
    pub(crate) fn refusal(&self) -> Refusal {
        if self.says_429 {
            Refusal::new(429, "TooManyRequests", "Rate limit exceeded.")
        } else {
            Refusal::slow_down()
        }
    }

    pub(crate) fn latency(&self, verb: Verb) -> Duration {
        let latency = self.latency.get(&verb.class());
        latency.copied().unwrap_or(Duration::ZERO)
    }

    /// Whether the rate allows this call now.
    pub(crate) fn admits(&self, verb: Verb) -> bool {
        match (verb.class(), &self.writes) {
            (Class::Copy | Class::Write, Some(rate)) => rate.take(Instant::now()),
            (Class::Copy | Class::Write, None) | (Class::List | Class::Head, _) => true,
        }
    }
}

/// A bucket of tokens that fills evenly and holds a tenth of a second.
#[derive(Debug)]
struct Rate {
    per_second: f64,
    tokens: Mutex<(f64, Instant)>,
}

impl Rate {
    fn new(per_second: u32) -> Rate {
        let per_second = f64::from(per_second);
        Rate {
            per_second,
            tokens: Mutex::new((Rate::most(per_second), Instant::now())),
        }
    }

    fn most(per_second: f64) -> f64 {
        (per_second / 10.0).max(1.0)
    }

    fn take(&self, now: Instant) -> bool {
        let mut guard = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, since) = *guard;
        let gained = now.saturating_duration_since(since).as_secs_f64() * self.per_second;
        let tokens = (tokens + gained).min(Rate::most(self.per_second));
        let admits = tokens >= 1.0;
        *guard = (if admits { tokens - 1.0 } else { tokens }, now.max(since));
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_admits_about_as_many_writes_as_the_limit() {
        let rate = Rate::new(100);
        let start = Instant::now();

        let admitted = (0..10_000)
            .filter(|step| rate.take(start + Duration::from_micros(step * 100)))
            .count();

        assert!((100..=111).contains(&admitted), "{admitted}");
    }
}
