//! How many requests are in flight at once: one budget for copies, whole objects and parts of large ones
//! alike, and one for pages of listings. Each finds its own level.
//!
//! It begins low and doubles, until S3 asks to slow down (503, or 429): then it halves, climbs quickly to just
//! below where it was refused, and grows by one at a time from there. S3's limits are per prefix and
//! move, so no fixed number is right; and the SDK's own adaptive mode limits a rate for the whole
//! process and recovers eight times slower. A budget lives for one run: nothing that was learned in a
//! bad one is left in the next.
//!
//! The first to wait goes first, so a large object does not stall the small ones, nor they it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::request_count::{Kind, RequestCounter};

/// Copies in flight at the beginning: doubled with each round, this is the default's 256 in four.
const FIRST_COPIES: usize = 16;
/// Pages in flight at the beginning: those of all shards that one CPU lists at once, so that none waits for a round. S3 has
/// 5,500 a second for a prefix.
const FIRST_PAGES: usize = 32;
/// Rounds of copies without a 503 that a level must hold before it grows by one: fewer, and more than
/// one copy in twenty is refused at a limit of 200 a second.
const ROUNDS_TO_GROW: usize = 8;
/// The part of a level that was refused by which the next climb stays below it: a climb that is refused again
/// costs more than it gains.
const STAY_BELOW: usize = 16;

/// The most pages that are fetched at the same time: what listings side by side can ask for, and what
/// leaves most of Lambda's 1,024 file descriptors to copies.
const MOST_PAGES: usize = 96;

/// The budgets of one run. Its clones share them.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimits {
    pub(super) copies: ConcurrencyLimit,
    pub(super) listings: ConcurrencyLimit,
}

impl ConcurrencyLimits {
    /// At most so many copies and so many pages at once.
    pub(super) fn new(most_copies: usize, most_pages: usize, counter: &RequestCounter) -> Self {
        Self {
            copies: ConcurrencyLimit::new(FIRST_COPIES, most_copies, Kind::Other, counter.clone()),
            listings: ConcurrencyLimit::new(
                FIRST_PAGES,
                MOST_PAGES.min(most_pages),
                Kind::Listing,
                counter.clone(),
            ),
        }
    }
}

/// A budget of requests in flight. Its clones share it.
#[derive(Clone, Debug)]
pub(super) struct ConcurrencyLimit {
    places: Arc<Semaphore>,
    level: Arc<Mutex<AimdLevel>>,
    kind: Kind,
    counter: RequestCounter,
}

/// A request's place in the budget, until it is dropped.
pub(super) struct Permit<'a> {
    pace: &'a ConcurrencyLimit,
    permit: Option<SemaphorePermit<'a>>,
}

#[derive(Debug)]
struct AimdLevel {
    most: usize,
    now: usize,
    /// Places to be taken away as soon as they are free.
    owed: usize,
    /// Where S3 has asked to slow down last; none if it has not yet.
    refused_at: Option<usize>,
    /// Copies that ended since the level changed.
    ended: usize,
    /// Copies that were under way when it was halved: their 503s say nothing about the new level.
    stale: usize,
    /// 503s seen so far.
    refused: u64,
}

/// What the end of a copy changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    None,
    Grow(usize),
    Shrink(usize),
}

impl ConcurrencyLimit {
    /// So many at once at the beginning, and at most so many, which is at least one.
    fn new(first: usize, most: usize, kind: Kind, counter: RequestCounter) -> Self {
        let level = AimdLevel::new(first, most.max(1), counter.refused(kind));
        Self {
            places: Arc::new(Semaphore::new(level.now)),
            level: Arc::new(Mutex::new(level)),
            kind,
            counter,
        }
    }

    /// Waits for a place.
    pub(super) async fn place(&self) -> Permit<'_> {
        Permit {
            pace: self,
            // An error says that the budget was closed, which nobody does.
            permit: self.places.acquire().await.ok(),
        }
    }

    fn level(&self) -> MutexGuard<'_, AimdLevel> {
        self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut level = self.pace.level();
        match level.request_ended(self.pace.counter.refused(self.pace.kind)) {
            Change::None => {}
            Change::Grow(by) => {
                let paid = by.min(level.owed);
                level.owed -= paid;
                self.pace.places.add_permits(by - paid);
            }
            Change::Shrink(by) => {
                level.owed += by - self.pace.places.forget_permits(by);
            }
        }
        if level.owed > 0 {
            level.owed -= 1;
            if let Some(permit) = self.permit.take() {
                permit.forget();
            }
        }
    }
}

impl AimdLevel {
    fn new(first: usize, most: usize, refused: u64) -> Self {
        Self {
            most,
            now: first.min(most),
            owed: 0,
            refused_at: None,
            ended: 0,
            stale: 0,
            refused,
        }
    }

    fn request_ended(&mut self, refused: u64) -> Change {
        let slow_down = refused > self.refused;
        self.refused = refused;
        self.stale = self.stale.saturating_sub(1);
        if slow_down && self.stale == 0 {
            return self.halve();
        }
        self.ended += 1;
        let (rounds, grown) = self.next();
        if self.ended < self.now * rounds {
            return Change::None;
        }
        self.ended = 0;
        let by = grown.min(self.most) - self.now;
        self.now += by;
        Change::Grow(by)
    }

    /// How many rounds this level has to hold, and which one is next.
    fn next(&self) -> (usize, usize) {
        match self.refused_at {
            None => (1, self.now * 2),
            Some(refused) => {
                let below = refused - refused.div_ceil(STAY_BELOW);
                match below.checked_sub(self.now) {
                    Some(room @ 1..) => (1, self.now + room.div_ceil(2)),
                    Some(0) | None => (ROUNDS_TO_GROW, self.now + 1),
                }
            }
        }
    }

    fn halve(&mut self) -> Change {
        self.stale = self.now;
        self.refused_at = Some(self.now);
        self.ended = 0;
        let by = self.now - (self.now / 2).max(1);
        self.now -= by;
        Change::Shrink(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(level: &mut AimdLevel, copies: usize, refused: u64) {
        for _ in 0..copies {
            level.request_ended(refused);
        }
    }

    #[test]
    fn doubles_until_it_is_refused_and_then_climbs_to_just_below() {
        let mut level = AimdLevel::new(FIRST_COPIES, 256, 0);

        ends(&mut level, 16, 0);
        assert_eq!(level.now, 32);
        ends(&mut level, 32 + 64, 0);
        assert_eq!(level.now, 128);
        ends(&mut level, 1, 1);
        assert_eq!(level.now, 64);
        ends(&mut level, 64, 1);
        assert_eq!(level.now, 92);
        ends(&mut level, 92 + 106 + 113 + 117 + 119, 1);
        assert_eq!(level.now, 120, "a sixteenth below 128");
        ends(&mut level, 120 * ROUNDS_TO_GROW, 1);
        assert_eq!(level.now, 121);
    }

    #[test]
    fn one_burst_of_refusals_halves_once() {
        let mut level = AimdLevel::new(FIRST_COPIES, 256, 0);
        ends(&mut level, 16, 0);

        for refused in 1..=10 {
            level.request_ended(refused);
        }

        assert_eq!(level.now, 16);
    }

    #[test]
    fn stays_between_one_and_the_bound() {
        let mut low = AimdLevel::new(FIRST_COPIES, 1, 0);
        let mut high = AimdLevel::new(FIRST_COPIES, 20, 0);

        for refused in 1..100 {
            low.request_ended(refused);
        }
        ends(&mut high, 1000, 0);

        assert_eq!(low.now, 1);
        assert_eq!(high.now, 20);
    }

    #[test]
    fn what_was_refused_in_an_earlier_run_does_not_count() {
        let mut level = AimdLevel::new(FIRST_COPIES, 256, 1000);

        ends(&mut level, 16, 1000);

        assert_eq!(level.now, 32);
    }
}
