//! The answer to a cursor that comes again: nothing is done, and where the run is that has used it.

use serde::Serialize;

/// A cursor that was used already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContinuedRun {
    /// The run whose cursor it is.
    pub run_id: String,
    /// The run that has gone on from it.
    pub by: String,
    /// The last of the runs that have gone on one from the other.
    pub last: String,
    /// How that one ended: `complete`, `incomplete`, `held`, or `stopped` if a cursor continues it.
    pub status: String,
    /// What it said at its end; none of one that stopped.
    pub message: Option<String>,
}

impl ContinuedRun {
    /// What the message of the result says.
    pub(super) fn sentence(&self) -> String {
        let Self {
            run_id, by, last, ..
        } = self;
        let used = format!(
            "Nothing was done: the cursor of run {run_id} was already continued by run {by}"
        );
        let run = if last == by { "which" } else { last };
        match (&self.message, run) {
            (None, _) => {
                format!("{used}; the cursor of this result goes on where run {last} has stopped")
            }
            (Some(message), "which") => format!("{used}, which ended {}: {message}", self.status),
            (Some(message), last) => {
                format!(
                    "{used}; run {last}, the last one after it, ended {}: {message}",
                    self.status
                )
            }
        }
    }
}
