//! Source and destinations as people name them.

use crate::plan::Plan;

/// Source and destinations with their prefixes, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// The source.
    pub source: String,
    /// The destinations.
    pub destinations: Vec<String>,
}

impl Sides {
    pub(super) fn of(plan: &Plan) -> Self {
        let destinations = plan.destinations.iter();
        Self {
            source: plan.source.to_string(),
            destinations: destinations
                .map(|planned| planned.destination.location.to_string())
                .collect(),
        }
    }
}
