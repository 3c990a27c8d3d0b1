//! The objects of a distributed run, read and written.

use std::fmt::Display;

use futures::{StreamExt, TryStreamExt, stream};

use crate::model::{ETag, Key};
use crate::plan::RunDescription;
use crate::report::PartNote;
use crate::resume::{DistributedRun, PieceState};
use crate::run::destination::DestinationRun;
use crate::run::opening::StartError;
use crate::s3::SmallObject;
use crate::snapshot::MOST_INDEX_BYTES;

/// Keys that are gone, and failures, that are kept of all pieces.
const MOST_KEPT: usize = 1_000;
/// Pieces that are read at the same time, at most.
const MOST_READING: usize = 16;

/// The run of that name, if it is of this very job and request.
pub(super) async fn read_run(
    wanted: RunDescription<'_>,
    run: &DestinationRun,
    run_id: &str,
) -> Result<DistributedRun, StartError> {
    let key = DistributedRun::key(&run.planned.job, run_id);
    let refused = |problem: &dyn Display| {
        StartError::request(&format!(
            "cannot go on with the distributed run {run_id}: {key} of bucket {} {problem}; nothing was done: run \
             again with {{}}, which compares everything and copies what is missing",
            run.destination.name()
        ))
    };
    let Some(found) = read(run, &key).await? else {
        return Err(refused(&"is missing"));
    };
    let distributed = DistributedRun::parse(&found.body).map_err(|problem| refused(&problem))?;
    match distributed.objection(wanted, &run.planned, run_id) {
        Some(objection) => Err(refused(&format!("is of something else: {objection}"))),
        None => Ok(distributed),
    }
}

/// How far a piece has come, and what it is replaced by; as it begins, if nobody has worked on it.
pub(super) async fn read_piece(
    run: &DestinationRun,
    distributed: &DistributedRun,
    number: u32,
) -> Result<(PieceState, Option<ETag>), StartError> {
    let run_id = &distributed.run_id;
    let Some(range) = distributed.range(number) else {
        let pieces = distributed.ranges.len();
        return Err(StartError::request(&format!(
            "run {run_id} has no piece {number}: it has {pieces}"
        )));
    };
    let key = PieceState::key(&run.planned.job, run_id, number);
    let Some(found) = read(run, &key).await? else {
        return Ok((PieceState::begin(run_id, number, range.clone()), None));
    };
    let state = PieceState::parse(&found.body, run_id, number).map_err(|problem| {
        StartError::request(&format!(
            "cannot go on with piece {number} of run {run_id}: {key} of bucket {} {problem}; run again with {{}}",
            run.destination.name()
        ))
    })?;
    Ok((state, Some(found.etag)))
}

/// All pieces, in the order of their keys.
pub(super) async fn read_pieces(
    run: &DestinationRun,
    distributed: &DistributedRun,
) -> Result<Vec<PieceState>, StartError> {
    let numbers = stream::iter((1..).take(distributed.ranges.len()));
    let pieces = numbers.map(|number| read_piece(run, distributed, number));
    let mut pieces = pieces.buffered(MOST_READING);
    let mut all = Vec::new();
    let (mut gone, mut failures) = (MOST_KEPT, MOST_KEPT);
    while let Some((mut piece, _)) = pieces.try_next().await? {
        // A thousand pieces with a thousand keys each would take more memory than the function has.
        piece.keep(gone, failures);
        let (its_gone, its_failures) = piece.kept();
        (gone, failures) = (gone - its_gone, failures - its_failures);
        all.push(piece);
    }
    Ok(all)
}

async fn read(run: &DestinationRun, key: &Key) -> Result<Option<SmallObject>, StartError> {
    let read = run
        .destination
        .read_state_up_to(key, MOST_INDEX_BYTES)
        .await;
    Ok(read.map_err(|error| StartError::destination(&error))?.state)
}

/// What a result tells of the run.
pub(super) fn note(
    run: &DestinationRun,
    distributed: &DistributedRun,
    piece: Option<u32>,
) -> PartNote {
    let key = DistributedRun::requests_key(&run.planned.job, &distributed.run_id);
    PartNote {
        run_id: distributed.run_id.clone(),
        piece,
        pieces: distributed.ranges.len(),
        pieces_missing: None,
        bucket: run.destination.name().to_string(),
        key: key.as_str().to_owned(),
    }
}
