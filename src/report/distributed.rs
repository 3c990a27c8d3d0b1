//! What a result tells of the distributed run that it is a part of.

use serde::Serialize;

use super::{Report, Totals};
use crate::failure::Failure;
use crate::s3::Requests;

/// The part of a distributed run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartNote {
    /// The run.
    pub run_id: String,
    /// The number of the piece; none of the run itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub piece: Option<u32>,
    /// How many pieces there are.
    pub pieces: usize,
    /// How many of them are not done, once the run is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pieces_missing: Option<usize>,
    /// The bucket of the requests for them.
    pub bucket: String,
    /// The key of these requests.
    pub key: String,
}

impl PartNote {
    /// Whether pieces were missing when the run was closed.
    pub(super) fn lacks_pieces(&self) -> bool {
        self.pieces_missing.is_some_and(|missing| missing > 0)
    }

    /// The message, which stands behind the name of a piece. When the keys were cut there is another one.
    pub(super) fn sentence(&self, message: String) -> String {
        let Self {
            run_id,
            pieces,
            bucket,
            key,
            ..
        } = self;
        match (self.piece, self.pieces_missing) {
            (Some(piece), _) => format!("Piece {piece} of {pieces} of run {run_id}: {message}"),
            (None, Some(_)) => message,
            (None, None) => {
                let of_them = if *pieces == 1 { "piece" } else { "pieces" };
                format!(
                    "The keys are cut into {pieces} {of_them}, and nothing is copied yet: send each request of {key} in \
                     bucket {bucket} to a worker, and then close the run with the cursor"
                )
            }
        }
    }
}

impl Report {
    pub(super) fn lacks_pieces(&self) -> bool {
        let part = self.part.as_deref();
        part.is_some_and(PartNote::lacks_pieces)
    }

    /// The report of a part of a distributed run.
    #[must_use]
    pub fn of_part(self, part: PartNote) -> Self {
        let part = Some(Box::new(part));
        Self { part, ..self }
    }

    /// The report with what other invocations have counted for the destination of that number. Of their
    /// failures some may be kept, of which there are no more than they have counted errors.
    #[must_use]
    pub fn joined(
        mut self,
        destination: usize,
        counted: &Totals,
        failures: Vec<Failure>,
        sent: Requests,
    ) -> Self {
        let own = &mut self.destinations[destination];
        own.totals = own.totals.plus(counted);
        self.failures.omitted += counted.errors.saturating_sub(failures.len() as u64);
        for failure in failures {
            self.failures.add(&own.bucket, failure);
        }
        self.sent_elsewhere = self.sent_elsewhere.and(sent);
        self
    }
}
