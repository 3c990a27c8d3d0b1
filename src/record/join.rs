//! The records of the pieces of a distributed run become one, which closing the run goes on with.

use futures::{StreamExt, TryStreamExt, stream};

use super::JobState;
use super::error::RecordError;
use super::part::{Counts, Origin, RecordPart, Segments};
use crate::model::{KeyRange, RecordLink};
use crate::s3::Condition;
use crate::snapshot::{Digest, Link};

/// Records that are read at the same time, at most.
const MOST_READING: usize = 16;

/// The record of one piece.
#[derive(Clone, Debug)]
pub struct PieceRecord {
    /// Where it is.
    pub link: RecordLink,
    /// The keys that the piece has left.
    pub left: Vec<KeyRange>,
}

impl JobState {
    /// Joins the records of pieces, in the order of their keys, into that of the invocation of that name.
    ///
    /// # Errors
    /// Why there will be no snapshot.
    pub async fn join(
        &self,
        name: &str,
        origin: Origin,
        previous: Option<Link>,
        pieces: Vec<PieceRecord>,
        left: Vec<KeyRange>,
    ) -> Result<RecordLink, RecordError> {
        let begun = RecordPart::begin(self.job.name(), origin, previous);
        let parts = stream::iter(pieces)
            .map(|PieceRecord { link, left }| async move { self.read_part(&link, &left).await });
        let parts = parts.buffered(MOST_READING);
        let joined = parts.try_fold(begun, |joined, part| async move {
            if part.previous != joined.previous {
                return Err(RecordError::OvertakenPiece);
            }
            let segments = Segments {
                objects: part.segments,
                orphans: part.orphans,
            };
            let totals = part.totals;
            let counts = Counts {
                copied: totals.copied,
                errors: totals.errors,
                known: totals.known,
                changed: totals.changed,
            };
            joined.with(segments, counts)
        });
        let joined = RecordPart {
            left,
            ..joined.await?
        };
        let key = format!("snapshots/parts/{name}.json");
        let bytes = serde_json::to_vec(&joined).map_err(RecordError::unwritten)?;
        self.write(&key, &bytes, &Condition::Always).await?;
        Ok(RecordLink {
            sha256: Digest::of(&bytes).to_string(),
            key,
        })
    }
}
