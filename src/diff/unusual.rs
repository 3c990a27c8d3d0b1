//! Whether so many objects have changed that somebody should look. Ransomware and broken deployments look like
//! that: each object is rewritten in one night.

use crate::config::Unusual;
use crate::snapshot::ChangedShare;

/// So few changes are never unusual: a bucket with little in it changes by large shares.
const NEVER_UNUSUAL: u64 = 10;
/// Runs without which nobody knows what is usual.
const FEWEST_RUNS: usize = 3;
/// How much more than usual is unusual.
const TIMES_USUAL: f64 = 10.0;

/// What a run found changed, beside what is usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangeRate {
    /// What it found.
    pub share: ChangedShare,
    /// The median of the complete runs before it, in percent; none of fewer than three.
    pub usual_percent: Option<f64>,
    /// How many those are.
    pub runs: usize,
    /// Whether somebody should look.
    pub is_unusual: bool,
}

/// Compares what a run found changed with what the complete runs before it did.
pub fn change_rate(share: ChangedShare, before: &[ChangedShare], limits: Unusual) -> ChangeRate {
    let mut percents: Vec<f64> = before.iter().map(|share| share.percent()).collect();
    percents.sort_by(f64::total_cmp);
    let usual_percent = (percents.len() >= FEWEST_RUNS).then(|| median(&percents));
    let above = share.percent();
    #[expect(clippy::cast_precision_loss, reason = "at most 100")]
    let limit = limits.percent as f64;
    let is_unusual = share.changed > NEVER_UNUSUAL
        && above > limit
        && usual_percent.is_some_and(|usual| above > TIMES_USUAL * usual);
    ChangeRate {
        share,
        usual_percent,
        runs: before.len(),
        is_unusual,
    }
}

/// The median of at least one number, in order.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    let at = |place: usize| sorted.get(place).copied().unwrap_or_default();
    if sorted.len() % 2 == 1 {
        at(middle)
    } else {
        f64::midpoint(at(middle - 1), at(middle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Unusual;

    fn share(known: u64, changed: u64) -> ChangedShare {
        ChangedShare { known, changed }
    }

    #[test]
    fn a_night_is_unusual_above_the_limit_and_above_ten_times_the_median() {
        let quiet = [share(1000, 10), share(1000, 0), share(1000, 20)];
        let busy = [
            share(1000, 100),
            share(1000, 90),
            share(1000, 950),
            share(1000, 30),
        ];
        let cases = [
            (share(1000, 1000), &quiet[..], true),
            (share(1000, 201), &quiet[..], true),
            (share(1000, 200), &quiet[..], false),
            (share(1000, 1000), &busy[..], true),
            (share(1000, 949), &busy[..], false),
            (share(1000, 1000), &quiet[..2], false),
            (share(10, 10), &quiet[..], false),
            (share(11, 11), &quiet[..], true),
            (share(0, 0), &quiet[..], false),
        ];

        for (share, before, unusual) in cases {
            let rate = change_rate(share, before, Unusual::default());
            assert_eq!(rate.is_unusual, unusual, "{share:?} after {before:?}");
        }
    }

    #[test]
    fn fewer_than_three_runs_say_nothing() {
        let rate = change_rate(share(100, 100), &[share(100, 0); 2], Unusual::default());

        assert_eq!(
            (rate.usual_percent, rate.runs, rate.is_unusual),
            (None, 2, false)
        );
    }
}
