//! The keys of a run in, pieces of them out, and the requests for these.

use super::state::note;
use crate::history::History;
use crate::list;
use crate::model::{Cursor, Key, KeyRange};
use crate::plan::Plan;
use crate::request::MOST_PIECES;
use crate::resume::DistributedRun;
use crate::run::continuation::write;
use crate::run::destination::DestinationRun;
use crate::run::opening::StartError;
use crate::run::{RunResult, begin_report};
use crate::s3::{Bucket, Condition};

/// Rows of the last snapshot that a piece should have. Each piece costs its worker some twenty more pages and ten requests
/// one after the other, a fifth of a second; these rows are three hundred pages of both sides.
const ROWS_OF_PIECE: u64 = 150_000;
/// Cuts the keys into pieces, and writes the run and the requests for its pieces.
pub(super) async fn cut(
    plan: &Plan,
    source: &Bucket,
    run: &DestinationRun,
    pieces: Option<usize>,
) -> Result<RunResult, StartError> {
    let (bucket, job) = (&run.destination, &run.planned.job);
    let history = History::open(bucket.clone(), job.clone()).await;
    let ranges = ranges(plan, source, &history, pieces).await?;
    let previous = history.last().map(|(_, link)| link.clone());
    let distributed = DistributedRun::begin(plan.description(), &run.planned, previous, ranges);
    let run_id = &distributed.run_id;
    let objects = [
        (DistributedRun::key(job, run_id), distributed.to_json()),
        (
            DistributedRun::requests_key(job, run_id),
            distributed.requests_json(),
        ),
    ];
    for (key, json) in objects {
        create(run, &key, json).await?;
    }
    let report = begin_report(plan).of_part(note(run, &distributed, None));
    let cursor = Some(Cursor::Distributed(distributed.cursor(None)));
    Ok(RunResult { report, cursor })
}

/// By the last snapshot, if it has all that is asked for; else by a look at the source.
async fn ranges(
    plan: &Plan,
    source: &Bucket,
    history: &History,
    pieces: Option<usize>,
) -> Result<Vec<KeyRange>, StartError> {
    match (history.last(), pieces) {
        (Some(_), Some(pieces)) if plan.is_whole => Ok(history.cut(pieces as u64)),
        (Some(_), None) if plan.is_whole => Ok(history.ranges_of(ROWS_OF_PIECE, MOST_PIECES)),
        (Some(_) | None, pieces) => {
            let most = pieces.unwrap_or(MOST_PIECES);
            let surveyed = list::survey(source, &plan.source.prefix, most).await;
            surveyed.map_err(|error| StartError::source(&error))
        }
    }
}

async fn create(
    run: &DestinationRun,
    key: &Key,
    json: Result<Vec<u8>, serde_json::Error>,
) -> Result<(), StartError> {
    let bucket = &run.destination;
    let written = write(bucket, key, json, &Condition::Create).await;
    written
        .map(drop)
        .map_err(|error| StartError::destination(&error))
}
