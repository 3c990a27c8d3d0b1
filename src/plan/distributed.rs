//! The plans of the parts of a distributed run: to cut the keys, to work on a piece, and to close it.

use super::{Plan, Run, make};
use crate::config::Config;
use crate::model::Deadline;
use crate::request::{RangesRequest, RequestError};

/// A part of a distributed run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunPart {
    /// The keys are cut into pieces, and the lease stays taken.
    Ranges {
        /// How many pieces; none for as many as are worth it.
        pieces: Option<usize>,
    },
    /// One piece is worked on, under the lease of the run.
    Piece {
        /// The run.
        run_id: String,
        /// The number of the piece, from 1 on.
        number: u32,
    },
    /// The run is gone on with when its pieces are done, and the lease is taken over from it.
    Close {
        /// The run.
        run_id: String,
    },
}

impl RunPart {
    /// The run whose lease it shares.
    pub fn shares_lease_of(&self) -> Option<&str> {
        match self {
            Self::Piece { run_id, .. } => Some(run_id),
            Self::Ranges { .. } | Self::Close { .. } => None,
        }
    }

    /// The run whose lease it takes over.
    pub fn takes_lease_from(&self) -> Option<&str> {
        match self {
            Self::Close { run_id } => Some(run_id),
            Self::Ranges { .. } | Self::Piece { .. } => None,
        }
    }
}

/// Makes the plan to cut the keys of a run into pieces.
///
/// # Errors
/// When the request reaches beyond what is configured, or asks for what only one process can do.
pub fn ranges(
    request: &RangesRequest,
    config: &Config,
    run: Run,
    deadline: Option<Deadline>,
) -> Result<Plan, RequestError> {
    let plan = make(&request.backup, config, run, deadline)?;
    can_be_distributed(&plan, config)?;
    let pieces = request.pieces;
    Ok(Plan {
        part: Some(RunPart::Ranges { pieces }),
        ..plan
    })
}

/// The plan of a piece, or of closing the run.
pub(super) fn part(
    mut plan: Plan,
    config: &Config,
    run_id: &str,
    piece: Option<u32>,
) -> Result<Plan, RequestError> {
    can_be_distributed(&plan, config)?;
    let run_id = run_id.to_owned();
    for planned in &mut plan.destinations {
        planned.is_piece = piece.is_some();
    }
    plan.part = Some(if let Some(number) = piece {
        // Runs of the same second would take each other's record for their own.
        plan.run.id = format!("{}-p{number}", plan.run.id);
        RunPart::Piece { run_id, number }
    } else {
        plan.continues = Some(run_id.clone());
        RunPart::Close { run_id }
    });
    Ok(plan)
}

/// Refuses what one process has to know before the first copy.
fn can_be_distributed(plan: &Plan, config: &Config) -> Result<(), RequestError> {
    let refused = |what: &str, advice| {
        let what = what.to_owned();
        Err(RequestError::NotDistributed { what, advice })
    };
    if plan.destinations.len() > 1 {
        return refused(
            "several buckets in DESTINATION_BUCKET",
            "deploy a stack for each of them, or send {}",
        );
    }
    if config.max_cost_usd.is_some() {
        return refused(
            "BACKUP_MAX_COST_USD",
            "nobody counts the copies of all pieces before they are made: unset it, or send {}",
        );
    }
    if config.unusual.hold {
        return refused(
            "BACKUP_UNUSUAL=hold",
            "nobody compares all pieces before the first copy: set it to warn, or send {}",
        );
    }
    if !plan.task.writes() {
        return refused(
            "nothing to write",
            "send {\"dry_run\": true} without a cursor",
        );
    }
    Ok(())
}
