//! When to stop, so that a run ends by itself and tells what is left: Lambda kills without a word.

use std::time::{Duration, Instant};

/// The most that is kept free before the end, to finish what is in hand.
const MARGIN: Duration = Duration::from_mins(1);
/// The part of the time that is kept free where there is little.
const SHARE: u32 = 4;

/// When a run stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Nothing new is begun from here on.
    pub stop_at: Instant,
    /// What is still in hand is given up.
    pub give_up_at: Instant,
}

impl Deadline {
    /// For a run that may take so long from now on: the last minute, or quarter, is for what is in
    /// hand, and a quarter of that for giving it up.
    pub fn within(now: Instant, time: Duration) -> Self {
        let margin = MARGIN.min(time / SHARE);
        Self {
            stop_at: now + time.saturating_sub(margin),
            give_up_at: now + time.saturating_sub(margin / SHARE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_or_a_quarter_is_kept_free() {
        let now = Instant::now();
        let seconds = |from: Instant| from.duration_since(now).as_secs_f64();

        let long = Deadline::within(now, Duration::from_mins(15));
        let short = Deadline::within(now, Duration::from_secs(8));

        assert!((seconds(long.stop_at) - 840.0).abs() < 0.01);
        assert!((seconds(long.give_up_at) - 885.0).abs() < 0.01);
        assert!((seconds(short.stop_at) - 6.0).abs() < 0.01);
        assert!((seconds(short.give_up_at) - 7.5).abs() < 0.01);
    }
}
