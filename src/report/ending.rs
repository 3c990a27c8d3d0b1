//! How a run ended: its status, and the one sentence that says it all.

use std::fmt::Write as _;

use serde::Serialize;

use super::{HeldChanges, OverBudget, Report, Totals, verified};
use crate::model::{Cursor, count, objects};
use crate::plan::Intent;
use crate::s3::Stop;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything that should be in the backup is.
    Complete,
    /// Something is not, or nobody knows. It wins over [`Held`](Self::Held).
    Incomplete,
    /// Everything is, but deletions wait for somebody to look at them.
    Held,
    /// A restore waits for archived versions. It goes on when it is continued.
    Waiting,
}

impl Status {
    /// Its name, as the result has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Held => "held",
            Self::Waiting => "waiting",
        }
    }
}

impl Report {
    /// How a run ends that leaves that to a later one.
    pub fn status(&self, cursor: Option<&Cursor>) -> Status {
        let totals = self.totals();
        match (totals.errors + totals.verified.wrong(), cursor) {
            (0, None) if self.is_held() => Status::Held,
            (0, None) if totals.waiting > 0 => Status::Waiting,
            (0, None) => Status::Complete,
            _ => Status::Incomplete,
        }
    }

    /// The one sentence that says it all.
    pub fn sentence(&self, cursor: Option<&Cursor>) -> String {
        if let Some(continued) = &self.continued {
            return continued.sentence();
        }
        let message = self.sentence_of_run(cursor);
        match &self.part {
            Some(part) => part.sentence(message),
            None => message,
        }
    }

    fn sentence_of_run(&self, cursor: Option<&Cursor>) -> String {
        let totals = self.totals();
        let mut message = match (self.check, &self.restored) {
            (Some(check), _) => verified::message(check, &totals, cursor.is_none()),
            (None, Some(restored)) => self.sentence_of_restore(restored, self.status(cursor)),
            (None, None) => self.message(self.status(cursor), &totals),
        };
        for warning in self.warnings.as_slice() {
            if warning.code.is_told_in_message() {
                let _ = write!(message, "; {}", warning.message);
            }
        }
        for clause in self
            .deletions
            .iter()
            .flat_map(|some| some.clauses(self.intent))
        {
            let _ = write!(message, "; {clause}");
        }
        let held = self.held_changes.as_ref().map(HeldChanges::clause);
        let over_budget = self.over_budget.as_ref().map(OverBudget::clause);
        for clause in held.into_iter().chain(over_budget) {
            let _ = write!(message, "; {clause}");
        }
        for bucket in &self.unusable {
            let _ = write!(message, "; bucket {bucket} could not be used");
        }
        if cursor.is_some() {
            message.push_str(match self.stop {
                Some(Stop::LeaseLost) => {
                    "; stopped because its lease was lost, the cursor continues it"
                }
                Some(Stop::NotVersioned) => {
                    "; stopped because a backup bucket keeps no versions any more, the cursor \
                     continues it once it does"
                }
                None if self.interrupted => "; stopped by a signal, the cursor continues it",
                None if self.lacks_destinations() || self.lacks_pieces() => {
                    "; the cursor continues what is left"
                }
                None => "; stopped by the deadline, the cursor continues it",
            });
        }
        message
    }

    /// One sentence that says it all: "Backed up 5 objects: 3 copied, 2 unchanged".
    fn message(&self, status: Status, totals: &Totals) -> String {
        let lead = match (self.intent, status) {
            (Intent::DryRun, _) => "Dry run over",
            (Intent::Plan, _) => "Plan for",
            (Intent::Copy, Status::Complete) => "Backed up",
            (Intent::Copy, Status::Incomplete) => "Backup incomplete:",
            (Intent::Copy, Status::Held | Status::Waiting) => "Backup held:",
        };
        let separator = match (self.intent, status) {
            (Intent::Copy, Status::Incomplete | Status::Held | Status::Waiting) => ",",
            (Intent::DryRun | Intent::Plan, _) | (Intent::Copy, Status::Complete) => ":",
        };
        let first = match self.intent {
            Intent::Copy => format!("{} copied", count(totals.copied)),
            Intent::DryRun | Intent::Plan => format!("{} to copy", count(totals.due)),
        };
        let left = match self.intent {
            Intent::Copy => totals.due,
            Intent::DryRun | Intent::Plan => 0,
        };
        let others = [
            (totals.unchanged, "unchanged"),
            (totals.skipped - totals.due, "skipped"),
            (left, "to copy"),
            (totals.vanished, "vanished"),
            (totals.marked, "marked deleted"),
            (totals.errors, errors(totals.errors)),
        ];
        counted(lead, totals.found, separator, first, &others)
    }
}

/// What a sentence begins with: the objects that were found, what was done with them, and whatever else was
/// counted at all.
pub(super) fn counted(
    lead: &str,
    found: u64,
    separator: &str,
    first: String,
    others: &[(u64, &str)],
) -> String {
    let others = others.iter().filter(|(number, _)| *number > 0);
    let others = others.map(|(number, what)| format!("{} {what}", count(*number)));
    let parts: Vec<String> = [first].into_iter().chain(others).collect();
    format!("{lead} {}{separator} {}", objects(found), parts.join(", "))
}

/// The word for so many errors.
pub(super) fn errors(count: u64) -> &'static str {
    if count == 1 { "error" } else { "errors" }
}
