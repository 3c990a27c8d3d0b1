//! The key below which everything is done, while copies finish out of order.

use crate::model::{Key, KeyCounts, Start};
use crate::outcome::Outcome;

/// How far one destination of a run has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    /// The greatest key that was settled.
    greatest: Option<Key>,
    /// The least key that was begun and given up, and what was counted before it.
    given_up: Option<(Key, KeyCounts)>,
    /// What was counted of all that was begun.
    counted: KeyCounts,
    /// Both listings came to their end.
    complete: bool,
}

impl Frontier {
    /// An object came to this, or there are no more; and what was counted so far.
    pub fn pass(&mut self, key: Option<Key>, outcome: &Outcome, counted: KeyCounts) {
        self.counted = self.counted.further(counted);
        match (outcome, key) {
            (Outcome::End, _) => self.complete = true,
            (Outcome::Interrupted, Some(key)) => self.gave_up(key, counted),
            (_, Some(key)) => self.result(key),
            (_, None) => {}
        }
    }

    /// A key was settled, one way or the other.
    fn result(&mut self, key: Key) {
        if self
            .greatest
            .as_ref()
            .is_none_or(|greatest| *greatest < key)
        {
            self.greatest = Some(key);
        }
    }

    /// A key was begun and given up.
    fn gave_up(&mut self, key: Key, counted: KeyCounts) {
        let least = self.given_up.as_ref();
        if least.is_none_or(|(least, _)| *least > key) {
            self.given_up = Some((key, counted));
        }
    }

    /// What was counted of the keys that are not left.
    pub fn counted(&self) -> KeyCounts {
        match self.given_up {
            Some((_, before)) => before,
            None => self.counted,
        }
    }

    /// Where the keys begin that are left, of a destination that began at `start`; none if there are none.
    pub fn left(&self, start: &Start) -> Option<Start> {
        match (&self.given_up, &self.greatest) {
            (Some((key, _)), _) => Some(Start::At(key.clone())),
            (None, _) if self.complete => None,
            (None, Some(key)) => Some(Start::After(key.clone())),
            (None, None) => Some(start.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_the_order_nothing_that_is_left_lies_before_the_start(
            keys in proptest::collection::btree_map("[a-d]{1,3}", any::<bool>(), 0..20),
            complete: bool,
            order in any::<proptest::sample::Index>(),
        ) {
            let mut shuffled: Vec<_> = keys.iter().collect();
            if !shuffled.is_empty() {
                let middle = order.index(shuffled.len());
                shuffled.rotate_left(middle);
            }
            let mut frontier = Frontier::default();
            for (key, result) in shuffled {
                if *result {
                    frontier.result(Key::new(key.as_str()));
                } else {
                    frontier.gave_up(Key::new(key.as_str()), KeyCounts::default());
                }
            }
            if complete {
                frontier.pass(None, &Outcome::End, KeyCounts::default());
            }

            let left = frontier.left(&Start::Beginning);

            let given_up: Vec<_> = keys.iter().filter(|(_, result)| !**result).collect();
            prop_assert_eq!(left.is_none(), complete && given_up.is_empty());
            // And nothing is done twice.
            let first = given_up.first().map(|(key, _)| Start::At(Key::new(key.as_str())));
            let last = keys.keys().next_back().filter(|_| first.is_none() && !complete);
            let behind = last.map(|key| Start::After(Key::new(key.as_str())));
            let all = (keys.is_empty() && !complete).then_some(Start::Beginning);
            prop_assert_eq!(&left, &first.or(behind).or(all));
            for (key, _) in given_up {
                prop_assert!(left.as_ref().unwrap().admits(key));
            }
        }
    }
}
