//! What is left of a run that the deadline stopped, as a cursor for the next one.

mod frontier;

pub use frontier::Frontier;

use crate::model::{CURSOR_FORMAT, Cursor, Range};
use crate::plan::{Intent, Plan};

/// The cursor that continues a plan whose legs ended at these frontiers; none if all are done.
pub fn cursor(plan: &Plan, frontiers: &[Frontier]) -> Option<Cursor> {
    let legs = plan.legs.iter().zip(frontiers);
    let ranges: Vec<Range> = legs
        .filter_map(|(leg, frontier)| {
            Some(Range {
                destination: leg.destination.location.bucket.clone(),
                start: frontier.left(&leg.start)?,
            })
        })
        .collect();
    (!ranges.is_empty()).then(|| Cursor {
        format: CURSOR_FORMAT,
        prefix: plan.source.prefix.as_str().to_owned(),
        mode: plan.scope.mode.name(),
        dry_run: plan.intent == Intent::DryRun,
        ranges,
    })
}
