//! One invocation of a worker: a piece as it is in, the same further on out.

use std::mem;

use super::PartInput;
use super::state::{note, read_piece, read_run};
use crate::model::{Cursor, ETag, Key};
use crate::report::Report;
use crate::resume::{DistributedRun, PieceState, PieceWork};
use crate::run::continuation::write;
use crate::run::destination::{DestinationRun, Destinations};
use crate::run::opening::StartError;
use crate::run::progress::RunProgress;
use crate::run::{RunResult, begin_report, copy};
use crate::s3::{Cause, Condition};

/// Works on a piece until it is done, or until the deadline.
pub(super) async fn work<W: FnMut(&Report)>(
    input: PartInput<'_, W>,
    run: DestinationRun,
    run_id: &str,
    number: u32,
) -> Result<RunResult, StartError> {
    let mut plan = input.plan.clone();
    let distributed = read_run(plan.description(), &run, run_id).await?;
    let (state, etag) = read_piece(&run, &distributed, number).await?;
    let told = note(&run, &distributed, Some(number));
    if state.is_done() {
        let report = begin_report(&plan).of_part(told);
        let failures = state.failures().collect();
        let report = report.joined(run.number, &state.totals, failures, state.requests());
        return Ok(RunResult {
            report,
            cursor: None,
        });
    }
    let mut run = run;
    run.index_cache = input.index_cache.clone();
    run.planned.ranges.clone_from(&state.left);
    run.planned.record.clone_from(&state.record);
    run.planned.is_continued = etag.is_some();
    plan.destinations[run.number] = run.planned.clone();
    let before = (input.sent)();
    let destinations = Destinations {
        usable: vec![run.clone()],
        unusable: Vec::new(),
    };
    let run_progress = Box::pin(copy(&plan, destinations, None, input.watch)).await?;
    if run.destination.fence().stop().is_some() {
        return Err(given_up(run_id, number, &run));
    }
    if run_progress.by_destination[run.number].progress.is_broken() {
        return Err(broken(run_id, number, &run));
    }
    let (mut run_progress, rest) = run_progress.close().await;
    let mut work = taken(&mut run_progress, run.number);
    let left = rest.and_then(|rest| rest.destinations.into_iter().nth(run.number));
    work.left = left.map(|left| left.ranges()).unwrap_or_default();
    work.requests = (input.sent)().since(before);
    let state = state.after(work);
    replace(&run, &distributed, number, &state, etag).await?;
    let cursor = (!state.is_done()).then(|| Cursor::Distributed(distributed.cursor(Some(number))));
    let report = run_progress.report.of_part(told);
    Ok(RunResult { report, cursor })
}

/// What the invocation has counted and recorded.
fn taken(run_progress: &mut RunProgress<'_>, number: usize) -> PieceWork {
    let own = &mut run_progress.by_destination[number];
    let (totals, failures) = own.tally.take().unwrap_or_default().counted();
    PieceWork {
        counted: own.progress.counted(),
        totals,
        failures,
        gone: mem::take(&mut own.gone),
        foreign: mem::take(&mut own.foreign),
        record: own.recorded.take(),
        ..PieceWork::default()
    }
}

/// Replaces the piece, unless another invocation has done so: then nothing of this one counts.
async fn replace(
    run: &DestinationRun,
    distributed: &DistributedRun,
    number: u32,
    state: &PieceState,
    etag: Option<ETag>,
) -> Result<(), StartError> {
    let (bucket, run_id) = (&run.destination, &distributed.run_id);
    let key: Key = PieceState::key(&run.planned.job, run_id, number);
    let condition = etag.map_or(Condition::Create, Condition::Replace);
    match write(bucket, &key, state.to_json(), &condition).await {
        Ok(_) => Ok(()),
        Err(error) if error.cause == Cause::ChangedMeanwhile => Err(StartError::AlreadyRunning {
            problem: format!(
                "another invocation has worked on piece {number} of run {run_id} at the same time, in bucket {}; \
                 send the request again, which goes on where that one ended",
                bucket.name()
            ),
        }),
        Err(error) => Err(StartError::destination(&error)),
    }
}

/// Nothing may be written any more: another run may be under way, so nothing of this one counts.
fn given_up(run_id: &str, number: u32, run: &DestinationRun) -> StartError {
    let bucket = run.destination.name();
    StartError::Destination {
        problem: format!(
            "piece {number} of run {run_id} was given up: the run has lost its lease on bucket {bucket}, or was closed, or \
             the bucket keeps no versions any more; what was copied stays: close the run, which tells what is missing"
        ),
    }
}

/// A listing broke off: nobody knows all keys, so nothing of it counts.
fn broken(run_id: &str, number: u32, run: &DestinationRun) -> StartError {
    let bucket = run.destination.name();
    StartError::Source {
        problem: format!(
            "a listing for piece {number} of run {run_id} broke off, on the side of the source or of bucket {bucket}; \
             what was copied stays, and the same request works on the piece again"
        ),
    }
}
