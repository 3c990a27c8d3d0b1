//! Segments with their changes: a file of changes is fetched once for the segments that follow each other.

use std::sync::Arc;

use futures::future::{self, BoxFuture, FutureExt, Shared};

use super::History;
use crate::snapshot::{ChangesEntry, ChangesFile, Segment, SegmentEntry, SnapshotError};

type FileFetch = Shared<BoxFuture<'static, Result<Arc<ChangesFile>, SnapshotError>>>;

/// Reads segments in the order of their keys. It holds the files of changes of the last one that it was asked for.
pub(super) struct SegmentReader {
    history: History,
    files: Vec<(ChangesEntry, FileFetch)>,
}

impl SegmentReader {
    pub fn new(history: History) -> Self {
        let files = Vec::new();
        Self { history, files }
    }

    /// Fetches a segment, with the files that its changes are in.
    pub fn read(
        &mut self,
        entry: SegmentEntry,
    ) -> impl Future<Output = Result<Arc<Segment>, SnapshotError>> + Send + use<> {
        let named = entry.changes.iter().map(|changes| changes.file);
        let files: Vec<_> = named.map(|file| (file, self.file(file))).collect();
        let fetches: Vec<FileFetch> = files.iter().map(|(_, fetch)| fetch.clone()).collect();
        self.files = files;
        let history = self.history.clone();
        async move {
            let key = entry.key();
            let stored = history.read(&key, entry.bytes);
            let (stored, files) = future::try_join(stored, future::try_join_all(fetches)).await?;
            Segment::open_changed(stored.body.into(), entry, &files)
        }
    }

    fn file(&self, entry: ChangesEntry) -> FileFetch {
        let known = self.files.iter().find(|(known, _)| *known == entry);
        if let Some((_, fetch)) = known {
            return fetch.clone();
        }
        let history = self.history.clone();
        let fetch = async move {
            let stored = history.read(&entry.key(), entry.bytes).await?;
            ChangesFile::open(stored.body.into(), entry)
        };
        fetch.boxed().shared()
    }
}
