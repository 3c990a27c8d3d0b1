//! When a run has to stop, so that it ends by itself and tells what is left: Lambda kills without a word.
//!
//! The time behind `give_up_at` is a reserve. What has to be done last has a part of it for itself, in this
//! order, so that a call that stalls takes nothing from those after it.

use std::time::{Duration, Instant};

/// The most that is kept free before the end, to finish what is in hand.
const MARGIN: Duration = Duration::from_mins(1);
/// The part of the time that is kept free where there is little.
const SHARE: u32 = 4;
/// The least reserve, where there is time for it: a few requests, on a slow line.
const LEAST_RESERVE: Duration = Duration::from_secs(1);

/// When a run stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Nothing new is begun from here on.
    pub stop_at: Instant,
    /// Calls in hand are given up.
    pub give_up_at: Instant,
    /// Nothing is waited for any more.
    pub end_at: Instant,
}

/// What a wait is for. Each has an end of its own, the earlier ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Listings, copies and looks at objects.
    Work,
    /// The beginning of an upload: only with its id can it be aborted.
    BeginUpload,
    /// The abort of an upload.
    AbortUpload,
    /// The snapshot, or the part of one that a continued run goes on with.
    Record,
    /// The state that a cursor refers to.
    Cursor,
    /// The lease: renewed while the run goes on, and given back.
    Lease,
}

impl Deadline {
    /// For a run that may take so long from now on: the last minute, or quarter, is for what is in
    /// hand, and a quarter of that is the reserve; half of it, if that is less than a second.
    pub fn within(now: Instant, time: Duration) -> Self {
        let margin = MARGIN.min(time / SHARE);
        let reserve = (margin / SHARE).max(LEAST_RESERVE.min(margin / 2));
        Self {
            stop_at: now + time.saturating_sub(margin),
            give_up_at: now + time.saturating_sub(reserve),
            end_at: now + time,
        }
    }

    /// For a run that is told to stop now and be gone after that time: half of it is for what is in
    /// hand.
    pub fn interrupted(now: Instant, time: Duration) -> Self {
        Self {
            stop_at: now,
            give_up_at: now + time / 2,
            end_at: now + time,
        }
    }

    /// The earlier of both, in each of its times.
    #[must_use]
    pub fn or_earlier(self, other: Self) -> Self {
        Self {
            stop_at: self.stop_at.min(other.stop_at),
            give_up_at: self.give_up_at.min(other.give_up_at),
            end_at: self.end_at.min(other.end_at),
        }
    }

    /// When waits of a phase end.
    pub fn end_of(self, phase: Phase) -> Instant {
        let reserve = self.end_at.duration_since(self.give_up_at);
        let eighths = match phase {
            Phase::Work => 0,
            Phase::BeginUpload => 1,
            Phase::AbortUpload => 2,
            Phase::Record => 4,
            Phase::Cursor => 5,
            Phase::Lease => 8,
        };
        self.give_up_at + reserve / 8 * eighths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(from: Instant, until: Instant) -> f64 {
        until.duration_since(from).as_secs_f64()
    }

    #[test]
    fn a_minute_or_a_quarter_is_kept_free() {
        let now = Instant::now();

        let long = Deadline::within(now, Duration::from_mins(15));
        let short = Deadline::within(now, Duration::from_secs(8));
        let shortest = Deadline::within(now, Duration::from_secs(4));

        assert!((seconds(now, shortest.give_up_at) - 3.5).abs() < 0.01);
        assert!((seconds(now, long.stop_at) - 840.0).abs() < 0.01);
        assert!((seconds(now, long.give_up_at) - 885.0).abs() < 0.01);
        assert!((seconds(now, long.end_at) - 900.0).abs() < 0.01);
        assert!((seconds(now, short.stop_at) - 6.0).abs() < 0.01);
        assert!((seconds(now, short.give_up_at) - 7.0).abs() < 0.01);
        assert!((seconds(now, short.end_at) - 8.0).abs() < 0.01);
    }

    #[test]
    fn what_is_done_last_has_a_part_of_the_reserve_for_itself() {
        let now = Instant::now();
        let deadline = Deadline::within(now, Duration::from_mins(15));
        let phases = [
            Phase::Work,
            Phase::BeginUpload,
            Phase::AbortUpload,
            Phase::Record,
            Phase::Cursor,
            Phase::Lease,
        ];

        let ends = phases.map(|phase| seconds(now, deadline.end_of(phase)));

        let expected = [885.0, 886.875, 888.75, 892.5, 894.375, 900.0];
        for (end, expected) in ends.into_iter().zip(expected) {
            assert!((end - expected).abs() < 0.01, "{ends:?}");
        }
    }

    #[test]
    fn a_run_that_is_told_to_stop_has_the_earlier_of_both_deadlines() {
        let now = Instant::now();
        let told = Deadline::interrupted(now, Duration::from_secs(6));
        let near = Deadline::within(now, Duration::from_secs(4));

        let both = near.or_earlier(told);

        assert!(both.stop_at == now && told.or_earlier(near) == both);
        assert!((seconds(now, told.give_up_at) - 3.0).abs() < 0.01);
        assert!((seconds(now, both.end_at) - 4.0).abs() < 0.01);
    }
}
