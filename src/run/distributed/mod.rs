//! A run that many invocations share: one cuts the keys, many work on pieces of them, and one closes the run.
//!
//! Workers hold the lease of the run together and leave nothing but their pieces. Closing the run takes the lease over from
//! them and goes on as if one invocation had left all of that. `docs/decisions/0021` says what follows when any of them
//! dies.

mod close;
mod cut;
mod piece;
mod state;

use super::RunResult;
use super::destination::{DestinationRun, Destinations};
use super::opening::StartError;
use crate::history::IndexCache;
use crate::plan::{Plan, RunPart};
use crate::report::Report;
use crate::s3::{Bucket, Requests};

/// What a part of a distributed run works with.
pub(super) struct PartInput<'a, W> {
    pub plan: &'a Plan,
    pub part: &'a RunPart,
    pub source: &'a Bucket,
    /// The index that a piece before has read.
    pub index_cache: &'a IndexCache,
    /// What was sent so far.
    pub sent: &'a (dyn Fn() -> Requests + Sync),
    pub watch: &'a mut W,
}

/// Does a part of a distributed run.
pub(super) async fn work<W: FnMut(&Report)>(
    input: PartInput<'_, W>,
    destinations: Destinations<DestinationRun>,
) -> Result<RunResult, StartError> {
    let Some(run) = destinations.usable.into_iter().next() else {
        let problem = "a distributed run needs one bucket in DESTINATION_BUCKET";
        return Err(StartError::request(problem));
    };
    match input.part {
        RunPart::Ranges { pieces } => cut::cut(input.plan, input.source, &run, *pieces).await,
        RunPart::Piece { run_id, number } => {
            let (run_id, number) = (run_id.clone(), *number);
            Box::pin(piece::work(input, run, &run_id, number)).await
        }
        RunPart::Close { run_id } => {
            let run_id = run_id.clone();
            Box::pin(close::close(input, run, &run_id)).await
        }
    }
}

/// Whether the leases stay taken: the workers of a run that was cut hold them on.
pub(super) fn keeps_leases(part: Option<&RunPart>, ended: Option<&RunResult>) -> bool {
    match part {
        Some(RunPart::Piece { .. }) => true,
        Some(RunPart::Ranges { .. }) => ended.is_some(),
        Some(RunPart::Close { .. }) | None => false,
    }
}
