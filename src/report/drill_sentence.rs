//! The one sentence that says it all of a drill.

use std::fmt::Write as _;

use super::ending::{Status, counted, errors};
use super::restored::Restored;
use super::{Report, Totals};

impl Report {
    /// "Drill passed with 103 objects: 103 equal; a sample of run 2026-11-21T02-00-00Z-7f3a into s3://scratch/".
    pub(super) fn sentence_of_drill(
        restored: &Restored,
        totals: &Totals,
        status: Status,
    ) -> String {
        let lead = match status {
            Status::Complete => "Drill passed with",
            Status::Incomplete if restored.drill.is_some() => "Drill failed:",
            Status::Incomplete | Status::Held => "Drill incomplete:",
            Status::Waiting => "Drill waits for archives:",
        };
        let separator = if status == Status::Complete { ":" } else { "," };
        let (first, doubt) = match &restored.drill {
            Some(drill) => (format!("{} equal", drill.equal), drill.cannot_tell),
            None => (format!("{} restored", totals.copied), 0),
        };
        let others = [
            (doubt, "cannot be told"),
            (totals.waiting, "waiting"),
            (totals.errors, errors(totals.errors)),
        ];
        let mut text = counted(lead, totals.found, separator, first, &others);
        let point = restored.point.as_ref();
        if let Some(run) = point.and_then(|point| point.run.as_ref()) {
            let _ = write!(text, "; a sample of run {run} into {}", restored.target);
        }
        if let (Some(ready), Status::Waiting) = (restored.ready_at, status) {
            let _ = write!(text, "; the last archived version can be read by {ready}");
        }
        text
    }
}
