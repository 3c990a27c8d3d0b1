//! What was counted on the two sides of a run, for the brake on deletions to judge by.

use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

use super::KeySet;

/// Objects of both sides that the filter admits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyCounts {
    /// Objects of the source.
    pub source: u64,
    /// Objects of the backup.
    pub backup: u64,
    /// Those of the backup that are gone from the source.
    pub gone: u64,
    /// Which those are.
    #[serde(default)]
    pub gone_keys: KeySet,
    /// Objects that have changed since they were backed up.
    #[serde(default)]
    pub changed: u64,
    /// Which those are.
    #[serde(default)]
    pub changed_keys: KeySet,
    /// Objects in the backup bucket that are not of this job, and no part of the others.
    #[serde(default)]
    pub foreign: u64,
}

impl KeyCounts {
    /// The greater one of each number: of two counts of the same keys, the one that has come further.
    #[must_use]
    pub fn further(self, other: Self) -> Self {
        Self {
            source: self.source.max(other.source),
            backup: self.backup.max(other.backup),
            gone: self.gone.max(other.gone),
            changed: self.changed.max(other.changed),
            changed_keys: if other.changed > self.changed {
                other.changed_keys
            } else {
                self.changed_keys
            },
            foreign: self.foreign.max(other.foreign),
            gone_keys: if other.gone > self.gone {
                other.gone_keys
            } else {
                self.gone_keys
            },
        }
    }
}

impl Add for KeyCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            source: self.source.saturating_add(other.source),
            backup: self.backup.saturating_add(other.backup),
            gone: self.gone.saturating_add(other.gone),
            changed: self.changed.saturating_add(other.changed),
            changed_keys: self.changed_keys.and(other.changed_keys),
            foreign: self.foreign.saturating_add(other.foreign),
            gone_keys: self.gone_keys.and(other.gone_keys),
        }
    }
}

impl AddAssign for KeyCounts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for KeyCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Self::add)
    }
}
