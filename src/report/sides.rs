//! Source and destinations as people name them.

use crate::model::Location;
use crate::plan::DestinationPlan;

/// Source and destinations with their prefixes, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// The source.
    pub source: String,
    /// The destinations.
    pub destinations: Vec<String>,
}

impl Sides {
    pub(super) fn of(source: &Location, destinations: &[DestinationPlan]) -> Self {
        let destinations = destinations.iter();
        Self {
            source: source.to_string(),
            destinations: destinations
                .map(|planned| planned.destination.location.to_string())
                .collect(),
        }
    }
}
