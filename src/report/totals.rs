//! The counters of a run, which add up: found = copied + unchanged + skipped + vanished + errors.

use serde::{Deserialize, Serialize};

use super::VerifyCounts;
use crate::diff::SkipReason;
use crate::failure::Failure;
use crate::model::{Verdict, VerifiedObject};
use crate::outcome::Outcome;

/// Counters of objects and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Objects in the source.
    pub found: u64,
    /// Objects whose copy S3 has confirmed.
    pub copied: u64,
    /// Objects whose backup is current.
    pub unchanged: u64,
    /// Objects that were left out.
    pub skipped: u64,
    /// Objects, among the skipped, that the filter does not admit, by their keys or their tags.
    pub excluded: u64,
    /// Objects that were deleted between listing and copy.
    pub vanished: u64,
    /// Archived versions that were asked for, by a restore.
    pub waiting: u64,
    /// Objects that are not in the backup, or nobody knows.
    pub errors: u64,
    /// Objects that were gone from the source and are marked as deleted now.
    pub marked: u64,
    /// Bytes of what was found.
    pub bytes_found: u64,
    /// Bytes of what was copied.
    pub bytes_copied: u64,
    /// Objects, among the skipped, that are due: a dry run or a plan does not copy them.
    pub due: u64,
    /// Their bytes.
    pub bytes_due: u64,
    /// What a verification has found.
    #[serde(skip)]
    pub verified: VerifyCounts,
}

impl Totals {
    /// Counts an outcome and hands on what went wrong.
    pub fn add(&mut self, outcome: Outcome) -> Option<Failure> {
        match outcome {
            Outcome::Copied { listed, copied } => {
                self.find(listed);
                self.copied += 1;
                self.bytes_copied += copied;
            }
            Outcome::WouldCopy { listed } => {
                self.find(listed);
                self.skipped += 1;
                self.due += 1;
                self.bytes_due += listed;
            }
            Outcome::Unchanged { listed } => {
                self.find(listed);
                self.unchanged += 1;
            }
            Outcome::Skipped { listed, reason } => {
                self.find(listed);
                self.skipped += 1;
                self.excluded += match reason {
                    SkipReason::Excluded | SkipReason::OtherTags => 1,
                    SkipReason::Archived | SkipReason::Deferred => 0,
                };
            }
            Outcome::Vanished { listed } => {
                self.find(listed);
                self.vanished += 1;
            }
            Outcome::Failed { listed, failure } => {
                self.find(listed);
                self.errors += 1;
                return Some(failure);
            }
            Outcome::ListingFailed(failure) => {
                self.find(0);
                self.errors += 1;
                return Some(failure);
            }
            Outcome::Marked => self.marked += 1,
            Outcome::Verified(compared) => self.verify(&compared),
            Outcome::BackupOnly
            | Outcome::SourceDeleted(_)
            | Outcome::Foreign
            | Outcome::Interrupted
            | Outcome::End => {}
        }
        None
    }

    /// An equal object counts as unchanged too, and a repaired one as copied.
    fn verify(&mut self, compared: &VerifiedObject) {
        self.verified.add(compared);
        if !matches!(compared.verdict, Verdict::Extra { .. }) {
            self.find(compared.listed);
        }
        self.unchanged += u64::from(matches!(compared.verdict, Verdict::Equal(_)));
        self.copied += u64::from(compared.repaired.is_some());
        self.bytes_copied += compared.repaired.unwrap_or(0);
    }

    fn find(&mut self, bytes: u64) {
        self.found += 1;
        self.bytes_found += bytes;
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: &Totals) -> Totals {
        Totals {
            found: self.found + other.found,
            copied: self.copied + other.copied,
            unchanged: self.unchanged + other.unchanged,
            skipped: self.skipped + other.skipped,
            excluded: self.excluded + other.excluded,
            vanished: self.vanished + other.vanished,
            waiting: self.waiting + other.waiting,
            errors: self.errors + other.errors,
            marked: self.marked + other.marked,
            bytes_found: self.bytes_found + other.bytes_found,
            bytes_copied: self.bytes_copied + other.bytes_copied,
            due: self.due + other.due,
            bytes_due: self.bytes_due + other.bytes_due,
            verified: self.verified.plus(other.verified),
        }
    }
}
