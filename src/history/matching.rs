//! Rows by a part of their keys: most segments have none, and of those only the keys are read.

use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::History;
use crate::snapshot::{SegmentEntry, SegmentRow, SnapshotError};

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
        let history = self.clone();
        stream::iter(segments)
            .map(move |entry| history.clone().rows_where(entry, matches.clone()))
            .buffered(ahead)
            .boxed()
    }

    async fn rows_where(
        self,
        entry: SegmentEntry,
        matches: impl Fn(&str) -> bool,
    ) -> Result<Vec<SegmentRow>, SnapshotError> {
        let segment = self.segment(entry).await?;
        if !segment.has_key(&matches)? {
            return Ok(Vec::new());
        }
        let is_wrong_or_matches = |row: &Result<SegmentRow, SnapshotError>| {
            row.as_ref().map_or(true, |row| matches(row.key()))
        };
        segment.rows().filter(is_wrong_or_matches).collect()
    }
}
