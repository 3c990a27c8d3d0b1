//! What a run that marks deletions tells of them.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::Key;
use crate::plan::Intent;

/// Keys that a result names, at most.
const MOST_NAMED: usize = 100;
/// What their JSON may take: failures and a cursor have their share of the 200 KiB too.
const MOST_BYTES: usize = 20 * 1024;

/// The part of a result that is about deletions. An object counts once for each destination.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Deletions {
    /// Objects of the backup that are gone from the source.
    pub due: u64,
    /// Their share of the backup, in percent; the largest one of several destinations. None where it
    /// was not counted anew.
    pub percent: Option<f64>,
    /// The first of their keys.
    pub keys: Vec<String>,
    /// Why the run is held.
    pub held: Option<String>,
    /// The run to confirm for them to be marked all the same.
    pub confirm: Option<String>,
    /// Why none was marked although nothing is held.
    pub postponed: Option<String>,
    /// Objects in the backup bucket without an object in the source that no snapshot of this job names: they
    /// are never marked, and no part of the others. None where they were not counted anew.
    pub foreign: Option<u64>,
}

impl Deletions {
    /// Names the first of these keys, as many as fit.
    #[must_use]
    pub fn naming(mut self, keys: &BTreeSet<Key>) -> Self {
        let mut bytes = 0;
        for key in keys.iter().take(MOST_NAMED) {
            bytes += serde_json::to_string(key.as_str()).map_or(MOST_BYTES, |json| json.len() + 1);
            if bytes > MOST_BYTES {
                break;
            }
            self.keys.push(key.as_str().to_owned());
        }
        self
    }

    /// Leaves a quarter of the keys out; false if none is named.
    pub(super) fn is_cut(&mut self) -> bool {
        let last = self.keys.len().div_ceil(4);
        self.keys.truncate(self.keys.len() - last);
        last > 0
    }

    /// What the message says of them: what is not done that was asked for, and how to go on.
    pub(super) fn clauses(&self, intent: Intent) -> Vec<String> {
        let due = self.due;
        let mut clauses = Vec::new();
        match (intent, &self.held) {
            (Intent::DryRun | Intent::Plan, None) => {
                clauses.push(format!("{due} to mark as deleted"));
            }
            (Intent::DryRun | Intent::Plan, Some(why)) => {
                clauses.push(format!("{due} deletions would be held: {why}"));
            }
            (Intent::Copy, Some(why)) => clauses.push(format!("{due} deletions are held: {why}")),
            (Intent::Copy, None) => {}
        }
        if let Some(run_id) = &self.confirm {
            clauses.push(format!(
                "if they are right, run it again with \"deletions\":\"mark\",\"confirm\":\"{run_id}\" \
                 (--deletions mark --confirm {run_id})"
            ));
        }
        if let Some(why) = &self.postponed {
            clauses.push(format!("no deletion was marked: {why}"));
        }
        clauses
    }

    /// The same, of a run that did not get so far.
    #[must_use]
    pub fn postponed(self, why: &str) -> Self {
        let postponed = Some(why.to_owned());
        Self { postponed, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_keys_are_named_and_fewer_if_they_are_long() {
        let short: BTreeSet<Key> = (0..200).map(|n| Key::new(format!("{n:03}"))).collect();
        let long = (0..200).map(|n| Key::new(format!("{n:03}{}", "\u{1}".repeat(1000))));

        let named = Deletions::default().naming(&short);
        let some = Deletions::default().naming(&long.collect());

        assert_eq!(named.keys.len(), 100);
        assert_eq!(
            (named.keys[0].as_str(), named.keys[99].as_str()),
            ("000", "099")
        );
        assert_eq!(some.keys.len(), 3);
    }
}
