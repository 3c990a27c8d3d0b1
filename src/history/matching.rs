//! Rows by a part of their keys: most segments have none, and of those only the keys are read.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::History;
use super::segments::SegmentReader;
use crate::snapshot::{Segment, SegmentEntry, SegmentRow, SnapshotError};

impl History {
    /// The rows of each of these segments whose keys match, segment by segment, in their order. So many
    /// segments are fetched ahead.
    pub fn matching<M>(
        &self,
        segments: Vec<SegmentEntry>,
        matches: M,
        ahead: usize,
    ) -> BoxStream<'static, Result<Vec<SegmentRow>, SnapshotError>>
    where
        M: Fn(&str) -> bool + Clone + Send + Sync + 'static,
    {
        let mut reader = SegmentReader::new(self.clone());
        stream::iter(segments)
            .map(move |entry| {
                let (segment, matches) = (reader.read(entry), matches.clone());
                async move { rows_where(&segment.await?, matches) }
            })
            .buffered(ahead)
            .boxed()
    }
}

fn rows_where(
    segment: &Arc<Segment>,
    matches: impl Fn(&str) -> bool,
) -> Result<Vec<SegmentRow>, SnapshotError> {
    if !segment.has_key(&matches)? {
        return Ok(Vec::new());
    }
    let is_wrong_or_matches = |row: &Result<SegmentRow, SnapshotError>| {
        row.as_ref().map_or(true, |row| matches(row.key()))
    };
    segment.rows().filter(is_wrong_or_matches).collect()
}
