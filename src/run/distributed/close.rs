//! The end of a distributed run: its pieces in, one snapshot, one result and the markers out.

use std::time::SystemTime;

use super::PartInput;
use super::state::{note, read_pieces, read_run};
use crate::failure::Failure;
use crate::history::History;
use crate::list::Shards;
use crate::model::{KeyRange, Phase, RecordLink};
use crate::outcome::Outcome;
use crate::plan::Run;
use crate::record::{JobState, Origin, PieceRecord, SnapshotRecorder};
use crate::report::Report;
use crate::resume::{DestinationRemainder, DistributedRun, PieceState, Progress, RunState};
use crate::run::continuation::{self, Continuation};
use crate::run::destination::DestinationRun;
use crate::run::opening::StartError;
use crate::run::progress::{DestinationProgress, RunProgress, log_outcome};
use crate::run::{RunResult, begin_report, marking, nothing};
use crate::s3::Operation;

/// Goes on with the run, with all that its pieces have left.
pub(super) async fn close<W: FnMut(&Report)>(
    input: PartInput<'_, W>,
    mut run: DestinationRun,
    run_id: &str,
) -> Result<RunResult, StartError> {
    let mut plan = input.plan.clone();
    let distributed = read_run(plan.description(), &run, run_id).await?;
    if let Some(marking) = plan.task.marking_mut() {
        marking.confirm.clone_from(&distributed.confirm);
    }
    let pieces = read_pieces(&run, &distributed).await?;
    let record = if plan.is_recorded() {
        join(&plan.run.id, &run, &distributed, &pieces).await
    } else {
        None
    };
    let now = SystemTime::now().into();
    let left = DestinationRemainder::of_pieces(&pieces, record);
    let state = RunState::of(plan.description(), &run.planned, &left, now);
    let states = vec![(run.number, state.left_by(run_id))];
    let runs = [run.clone()];
    let (plan, uses) = match continuation::go_on(&plan, run_id, &runs, states).await? {
        Continuation::Run(plan, uses) => (plan, uses),
        Continuation::Answered(ended) => return Ok(*ended),
    };
    run.planned.clone_from(&plan.destinations[run.number]);
    let runs = vec![run.clone()];
    let begun = begun(plan.recorded_run(), &run, &pieces).await;
    let open = pieces.iter().filter(|piece| !piece.is_done());
    let mut told = note(&run, &distributed, None);
    told.pieces_missing = Some(open.count());
    let report = begin_report(&plan).of_part(told);
    let run_progress = RunProgress::begin(&plan, report, [(run.number, begun)].into_iter());
    let ended = marking::finish_run(&runs, run_progress, input.watch);
    let (report, rest) = Box::pin(ended).await;
    let report = pieces.iter().fold(report, |report, piece| {
        let failures = piece.failures().collect();
        report.joined(run.number, &piece.totals, failures, piece.requests())
    });
    let report = missing(&distributed, &pieces).fold(report, |report, failure| {
        let outcome = Outcome::ListingFailed(failure);
        log_outcome(&outcome);
        report.with(run.number, outcome)
    });
    let ended = continuation::close(&plan, &runs, uses, (report, rest)).await;
    // What was found is what the whole run has found.
    let mut whole = plan;
    for planned in &mut whole.destinations {
        planned.is_continued = false;
    }
    Ok(Box::pin(nothing::warn(&whole, input.source, ended)).await)
}

/// The records of all pieces as one; none if that cannot be, which costs the snapshot and nothing else.
async fn join(
    name: &str,
    run: &DestinationRun,
    distributed: &DistributedRun,
    pieces: &[PieceState],
) -> Option<RecordLink> {
    let mut records = Vec::new();
    for (number, piece) in (1..).zip(pieces) {
        let is_begun = distributed.range(number) != piece.left.first();
        match &piece.record {
            Some(link) => records.push(PieceRecord {
                link: link.clone(),
                left: piece.left.clone(),
            }),
            None if !is_begun => {}
            None => {
                tracing::warn!(
                    number,
                    "a piece has no record, so that there will be no snapshot"
                );
                return None;
            }
        }
    }
    let origin = Origin {
        run_id: distributed.run_id.clone(),
        started_at: distributed.started_at,
    };
    let left: Vec<KeyRange> = pieces.iter().flat_map(|piece| piece.left.clone()).collect();
    let previous = distributed.previous.clone();
    let store = store(run);
    match store.join(name, origin, previous, records, left).await {
        Ok(link) => Some(link),
        Err(problem) => {
            tracing::warn!(%problem, "there will be no snapshot of this run");
            None
        }
    }
}

fn store(run: &DestinationRun) -> JobState {
    JobState {
        bucket: run.destination.in_phase(Phase::Record),
        job: run.planned.job.clone(),
    }
}

/// The destination as its pieces have left it.
async fn begun(
    this: Option<&Run>,
    run: &DestinationRun,
    pieces: &[PieceState],
) -> DestinationProgress {
    let history = History::open(run.destination.clone(), run.planned.job.clone()).await;
    let recorder = this.map(|this| (SnapshotRecorder::beside(&history, this), store(run)));
    let progress = Progress::of(Shards::new(run.planned.ranges.clone()));
    let mut own = DestinationProgress::of(progress).beside(history, recorder);
    own.gone = pieces.iter().flat_map(PieceState::gone).collect();
    own.foreign = pieces.iter().flat_map(PieceState::foreign).collect();
    own
}

/// An error for each piece that is not done, with its keys.
fn missing(distributed: &DistributedRun, pieces: &[PieceState]) -> impl Iterator<Item = Failure> {
    let run_id = distributed.run_id.clone();
    let open = (1_u32..).zip(pieces).filter(|(_, piece)| !piece.is_done());
    open.flat_map(|(number, piece)| piece.left.iter().map(move |left| (number, left.clone())))
        .map(move |(number, left)| Failure {
            key: None,
            operation: Operation::ListObjectsV2.name(),
            code: Some("PieceMissing".to_owned()),
            message: format!(
                "piece {number} of run {run_id} was not finished: {} are left",
                words(&left)
            ),
            advice: "see the log of the worker; the cursor goes on with what is missing".to_owned(),
            request_id: None,
        })
}

/// A range of keys, for people.
fn words(range: &KeyRange) -> String {
    let from = match range.start.key() {
        Some(key) => format!("the keys from {:?}", key.as_str()),
        None => "the keys from the first one".to_owned(),
    };
    match &range.until {
        Some(until) => format!("{from} to {:?}", until.as_str()),
        None => format!("{from} to the last one"),
    }
}
