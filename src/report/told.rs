//! What messages, metrics and the terminal ask of a result.

use super::Status;
use super::figures::{FailureWords, Figures, OperationKind};
use super::json::{Counts, DestinationRow, FailureRow, Summary};
use super::warning::{Warning, WarningCode, Warnings};
use crate::model::Timestamp;

impl Summary {
    /// What it is of.
    pub fn operation(&self) -> OperationKind {
        match (&self.restore, &self.verified) {
            (Some(restored), _) if restored.kind == "drill" => OperationKind::Drill,
            (Some(_), _) => OperationKind::Restore,
            (None, Some(_)) => OperationKind::Verify,
            (None, None) if self.events.is_some() => OperationKind::Events,
            (None, None) => OperationKind::Backup,
        }
    }

    /// Whether it only tells what would be done, or that there was nothing to do.
    pub fn is_preview(&self) -> bool {
        let restore_without_name = self
            .restore
            .as_ref()
            .is_some_and(|restored| restored.id.is_none());
        self.due.is_some() || self.plan.is_some() || restore_without_name
    }

    /// Its counters over all destinations.
    pub fn figures(&self) -> Figures {
        self.counts.into()
    }

    /// Its counters for each destination, by the name of its bucket.
    pub fn figures_by_destination(&self) -> impl ExactSizeIterator<Item = (&str, Figures)> {
        self.destinations.iter().map(DestinationRow::figures)
    }

    /// The largest share of known objects that had changed in a destination, in percent; none if nobody knows.
    pub fn changed_percent(&self) -> Option<f64> {
        let notes = self
            .destinations
            .iter()
            .filter_map(|row| row.snapshot.as_ref());
        let percents = notes.filter_map(|note| Some(note.changes?.percent));
        percents.reduce(f64::max)
    }

    /// Whether a warning of that code was given.
    pub fn warns_of(&self, code: WarningCode) -> bool {
        self.warnings.iter().any(|warning| warning.code == code)
    }

    /// Dollars for its requests.
    pub fn cost_usd(&self) -> f64 {
        self.estimated_cost_usd
    }

    /// How long it took, in seconds.
    pub fn duration_seconds(&self) -> f64 {
        self.duration_seconds
    }

    /// The bucket that is backed up, or that a restore reads.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its name.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// When it ended.
    pub fn ended(&self) -> Timestamp {
        self.timestamp
    }

    /// What went wrong with single objects, as far as the result has it.
    pub fn failure_words(&self) -> impl Iterator<Item = FailureWords<'_>> {
        self.failures.iter().map(FailureRow::words)
    }

    /// The run or restore that a confirmation has to name, if it is held and can be confirmed.
    pub fn to_confirm(&self) -> Option<&str> {
        let of_restore = self.restore.as_ref().and_then(|it| it.confirm.as_deref());
        let of_deletions = self.deletions.as_ref().and_then(|it| it.confirm.as_deref());
        let of_changes = self.unusual.as_ref().and_then(|it| it.confirm.as_deref());
        of_restore
            .or(of_changes)
            .or(of_deletions)
            .filter(|_| self.status() == Status::Held)
    }

    /// The result with one more warning: what somebody should look at, and that changed nothing of the rest.
    pub fn warn(&mut self, warning: Warning) {
        let mut warnings = Warnings::of(std::mem::take(&mut self.warnings));
        warnings.add(warning);
        self.warnings = warnings.into_vec();
    }
}

impl From<Counts> for Figures {
    fn from(counts: Counts) -> Self {
        Self {
            found: counts.objects_found,
            copied: counts.objects_copied,
            unchanged: counts.objects_unchanged,
            vanished: counts.objects_vanished,
            marked: counts.objects_marked_deleted,
            errors: counts.errors,
            bytes_found: counts.bytes_found,
            bytes_copied: counts.bytes_copied,
        }
    }
}
