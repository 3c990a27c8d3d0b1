//! What became of the events of an invocation: each counts once, whatever the number of destinations.

use serde::Serialize;

use super::Report;

/// The counts of a result. `received` is the sum of all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EventCounts {
    /// Events in all messages.
    pub received: u64,
    /// Events of a key that another event of the invocation names, too.
    pub merged: u64,
    /// Objects that were copied to a destination at least.
    pub copied: u64,
    /// Objects whose backups are current.
    pub unchanged: u64,
    /// Objects that are gone.
    pub vanished: u64,
    /// Objects that are left to the nightly run: they are too large, or archived.
    pub deferred: u64,
    /// Objects that the configuration does not admit.
    pub skipped: u64,
    /// Events that a backup does not answer, such as deletions.
    pub ignored: u64,
    /// Events of another bucket, or of the program's own objects.
    pub refused: u64,
    /// Objects that may not be in the backup, and messages that cannot be read.
    pub errors: u64,
}

impl Report {
    /// The report of an invocation by events.
    #[must_use]
    pub fn of_events(self, events: EventCounts) -> Self {
        let events = Some(events);
        Self { events, ..self }
    }
}
