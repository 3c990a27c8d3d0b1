//! Why a run did not copy what it could have: too much has changed, or it would cost too much.

use serde::Serialize;

/// A run that is held before it copies anything, because many more objects have changed than usual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldChanges {
    /// Why.
    pub held: String,
    /// The run to confirm for them to be copied all the same; none if that could not be remembered.
    pub confirm: Option<String>,
}

impl HeldChanges {
    /// What the message says.
    pub(super) fn clause(&self) -> String {
        let why = &self.held;
        match &self.confirm {
            Some(run_id) => format!(
                "nothing was copied: {why}; if it is right, run it again with \"confirm\":\"{run_id}\" \
                 (--confirm {run_id})"
            ),
            None => format!("nothing was copied: {why}"),
        }
    }
}

/// A run whose copies would cost more than it may spend.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OverBudget {
    /// Dollars that all copies of the run cost.
    pub would_cost_usd: f64,
    /// Dollars that it may spend.
    pub max_usd: f64,
}

impl OverBudget {
    /// What the message says.
    pub(super) fn clause(&self) -> String {
        format!(
            "its copies would cost ${:.2}, more than BACKUP_MAX_COST_USD = {}: the next run goes on, or raise it",
            self.would_cost_usd, self.max_usd
        )
    }
}
