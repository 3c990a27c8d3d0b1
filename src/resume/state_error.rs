//! Why the state of a run cannot be gone on with.

use crate::model::StoredError;

/// Why the state of a run, or of a piece of one, cannot be gone on with, in words that follow its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunStateError {
    /// It cannot be read.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// Somebody has changed it.
    #[error("is not what the run wrote: its digest is another one")]
    OtherDigest,
    /// It was left at a point that this version does not know.
    #[error("has no known stage")]
    UnknownStage,
    /// It is of another piece.
    #[error("is of piece {piece} of run {run_id}")]
    OtherPiece {
        /// The run whose piece it is of.
        run_id: String,
        /// The piece.
        piece: u32,
    },
}
