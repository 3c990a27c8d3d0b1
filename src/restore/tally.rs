//! What became of the keys of a restore, in numbers that add up. Pure.

use serde::{Deserialize, Serialize};

use super::rows::{Became, DoneRow};

/// Counters: found = copied + unchanged + skipped + vanished + waiting + errors. Markers are no part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Objects that are to be as they were.
    pub found: u64,
    /// Their bytes.
    pub bytes_found: u64,
    /// Objects that were written.
    pub copied: u64,
    /// Their bytes.
    pub bytes_copied: u64,
    /// Objects that are as they should be.
    pub unchanged: u64,
    /// Objects that were left alone.
    pub skipped: u64,
    /// Objects that are gone, and should be.
    pub vanished: u64,
    /// Archived versions that were asked for.
    pub waiting: u64,
    /// Objects of which something went wrong.
    pub errors: u64,
    /// Delete markers.
    pub marked: u64,
    /// Objects, among the copied, that replaced another one.
    pub replaced: u64,
    /// Objects, among the copied, where nothing was.
    pub created: u64,
    /// Objects whose target was not what was planned for.
    pub changed_meanwhile: u64,
}

impl Tally {
    /// What a row of the plan counts for that was settled so.
    pub fn of(done: &DoneRow) -> Self {
        let mut tally = Self {
            changed_meanwhile: u64::from(done.changed_meanwhile),
            ..Self::default()
        };
        match done.outcome {
            Became::Copied => {
                tally.copied = 1;
                tally.bytes_copied = done.size;
                let replaced = u64::from(done.before.is_some());
                (tally.replaced, tally.created) = (replaced, 1 - replaced);
            }
            Became::Marked => {
                tally.marked = 1;
                return tally;
            }
            Became::Unchanged => tally.unchanged = 1,
            Became::Skipped => tally.skipped = 1,
            Became::Vanished => tally.vanished = 1,
            Became::Failed => tally.errors = 1,
            Became::Waiting => tally.waiting = 1,
        }
        (tally.found, tally.bytes_found) = (1, done.size);
        tally
    }

    /// Both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            found: self.found + other.found,
            bytes_found: self.bytes_found + other.bytes_found,
            copied: self.copied + other.copied,
            bytes_copied: self.bytes_copied + other.bytes_copied,
            unchanged: self.unchanged + other.unchanged,
            skipped: self.skipped + other.skipped,
            vanished: self.vanished + other.vanished,
            waiting: self.waiting + other.waiting,
            errors: self.errors + other.errors,
            marked: self.marked + other.marked,
            replaced: self.replaced + other.replaced,
            created: self.created + other.created,
            changed_meanwhile: self.changed_meanwhile + other.changed_meanwhile,
        }
    }
}

impl Tally {
    /// The difference: these counts without a part of them.
    #[must_use]
    pub fn without(self, part: Self) -> Self {
        Self {
            found: self.found.saturating_sub(part.found),
            bytes_found: self.bytes_found.saturating_sub(part.bytes_found),
            copied: self.copied.saturating_sub(part.copied),
            bytes_copied: self.bytes_copied.saturating_sub(part.bytes_copied),
            unchanged: self.unchanged.saturating_sub(part.unchanged),
            skipped: self.skipped.saturating_sub(part.skipped),
            vanished: self.vanished.saturating_sub(part.vanished),
            waiting: self.waiting.saturating_sub(part.waiting),
            errors: self.errors.saturating_sub(part.errors),
            marked: self.marked.saturating_sub(part.marked),
            replaced: self.replaced.saturating_sub(part.replaced),
            created: self.created.saturating_sub(part.created),
            changed_meanwhile: self
                .changed_meanwhile
                .saturating_sub(part.changed_meanwhile),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Key;

    #[test]
    fn what_is_found_is_what_became_of_it_and_markers_are_counted_beside() {
        let all = [
            Became::Copied,
            Became::Marked,
            Became::Unchanged,
            Became::Skipped,
            Became::Vanished,
            Became::Failed,
            Became::Waiting,
        ];
        let rows = all.map(|outcome| DoneRow {
            row: 0,
            key: Key::new("k"),
            outcome,
            size: 5,
            before: None,
            aside: None,
            written: None,
            changed_meanwhile: true,
            ready_at: None,
        });

        let tally = rows
            .iter()
            .map(Tally::of)
            .fold(Tally::default(), Tally::plus);

        let Tally {
            found,
            copied,
            unchanged,
            skipped,
            vanished,
            waiting,
            errors,
            ..
        } = tally;
        assert_eq!(
            found,
            copied + unchanged + skipped + vanished + waiting + errors
        );
        assert_eq!((found, tally.marked, tally.created), (6, 1, 1));
        assert_eq!((tally.bytes_found, tally.changed_meanwhile), (30, 7));
    }
}
