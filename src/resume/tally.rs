//! What became of the keys of a piece, up to the place where the next invocation goes on.
//!
//! Copies end out of order. What was done behind a key that was given up is done again from there, and must
//! not be counted twice. So what became of keys side by side is kept as one sum, and sums that touch become one:
//! there are never more of them than keys in flight.

use std::collections::BTreeMap;

use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::report::Totals;

/// Failures that are kept, at most: a result tells no more.
pub(super) const MOST_FAILURES: usize = 100;

/// What became of the keys of all shards.
#[derive(Clone, Debug, Default)]
pub struct PieceTally {
    shards: BTreeMap<usize, ShardTally>,
    failures: Vec<(usize, u64, Failure)>,
}

#[derive(Clone, Debug, Default)]
struct ShardTally {
    /// Sums of places side by side: by the first place, the place behind the last one.
    sums: BTreeMap<u64, (u64, Totals)>,
    /// The first place that was given up.
    given_up: Option<u64>,
}

impl PieceTally {
    /// The key at that place of a shard came to this.
    pub fn pass(&mut self, shard: usize, place: u64, outcome: &Outcome) {
        let own = self.shards.entry(shard).or_default();
        if matches!(outcome, Outcome::Interrupted) {
            own.given_up = Some(own.given_up.map_or(place, |first| first.min(place)));
            return;
        }
        let mut totals = Totals::default();
        if let Some(failure) = totals.add(outcome.clone())
            && self.failures.len() < MOST_FAILURES
        {
            self.failures.push((shard, place, failure));
        }
        own.add(place, &totals);
    }

    /// What was counted of all that is not left, and the first failures among it.
    pub fn counted(&self) -> (Totals, Vec<Failure>) {
        let shards = self.shards.values().flat_map(ShardTally::settled);
        let totals = shards.fold(Totals::default(), Totals::plus);
        let is_settled = |(shard, place, failure): &(usize, u64, Failure)| {
            let own = self.shards.get(shard)?;
            own.is_settled(*place).then(|| failure.clone())
        };
        (
            totals,
            self.failures.iter().filter_map(is_settled).collect(),
        )
    }
}

impl ShardTally {
    fn add(&mut self, place: u64, totals: &Totals) {
        let before = self.sums.range(..=place).next_back();
        let before = before.filter(|(_, (end, _))| *end == place);
        let (first, mut sum) = match before {
            Some((first, (_, sum))) => (*first, sum.plus(totals)),
            None => (place, *totals),
        };
        let mut end = place + 1;
        if let Some((behind, more)) = self.sums.remove(&end) {
            (end, sum) = (behind, sum.plus(&more));
        }
        self.sums.insert(first, (end, sum));
    }

    fn is_settled(&self, place: u64) -> bool {
        self.given_up.is_none_or(|given_up| place < given_up)
    }

    fn settled(&self) -> impl Iterator<Item = &Totals> {
        let settled = self
            .sums
            .iter()
            .filter(|(first, _)| self.is_settled(**first));
        settled.map(|(_, (_, totals))| totals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COPIED: Outcome = Outcome::Copied {
        listed: 2,
        copied: 1,
    };

    fn failed() -> Outcome {
        Outcome::Failed {
            listed: 3,
            failure: crate::report::tests::failure(Some("k")),
        }
    }

    #[test]
    fn what_is_behind_a_place_that_was_given_up_is_not_counted() {
        let mut tally = PieceTally::default();
        for place in [0, 4, 1, 3, 6] {
            tally.pass(0, place, &COPIED);
        }
        tally.pass(0, 2, &Outcome::Interrupted);
        tally.pass(0, 5, &failed());
        tally.pass(1, 0, &failed());

        let (totals, failures) = tally.counted();

        assert_eq!((totals.found, totals.copied, totals.errors), (3, 2, 1));
        assert_eq!((totals.bytes_found, totals.bytes_copied), (7, 2));
        assert_eq!(failures.len(), 1);
    }

    #[test]
    fn no_more_is_held_than_there_are_gaps() {
        let mut tally = PieceTally::default();
        for place in (0..1_000).filter(|place| place % 100 != 50).rev() {
            tally.pass(0, place, &COPIED);
        }
        assert_eq!(tally.shards[&0].sums.len(), 11);

        for place in (50..1_000).step_by(100) {
            tally.pass(0, place, &COPIED);
        }

        assert_eq!(tally.shards[&0].sums.len(), 1);
        assert_eq!(tally.counted().0.copied, 1_000);
    }
}
