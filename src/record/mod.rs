//! What was backed up in, the next snapshot out.
//!
//! Rows go into segments as they come, and segments are stored while the run goes on. At its end the
//! index is written, and last of all it is named the newest; until then the snapshot before it is the
//! valid one. Of a run that goes on in another invocation a part is stored in the place of an index, which
//! the next one finds by the cursor. A snapshot that cannot be written costs copies and no backup: it is
//! said in the log and in the result, and the run is what it is without it.

mod close;
mod error;
mod join;
mod part;
mod shard;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt, Stream, StreamExt, stream};

pub use close::{CloseInput, RecordResult};
pub use error::RecordError;
pub use join::PieceRecord;
pub use part::{Counts, Origin};

use part::Segments;

use crate::history::History;
use crate::model::{Job, Key};
use crate::outcome::KeyResult;
use crate::plan::Run;
use crate::s3::{Bucket, Condition, PutBody, S3Error};
use crate::snapshot::{FEWEST_ROWS_WITH_CHANGES, SegmentEntry, SegmentOutput};
use shard::{BuilderInput, List, ShardRecorder};

/// Segments that are being stored at the same time, at most.
const MOST_STORING: usize = 4;
/// The type that others see a segment as.
const PARQUET: &str = "application/vnd.apache.parquet";

/// The state of a job in a backup bucket.
#[derive(Clone, Debug)]
pub struct JobState {
    /// The backup bucket.
    pub bucket: Bucket,
    /// The job.
    pub job: Job,
}

impl JobState {
    async fn put(self, key: Key, body: Bytes) -> Result<(), S3Error> {
        let contents = PutBody {
            body: &body,
            content_type: PARQUET,
        };
        // It is named by its content: whoever wrote it before wrote the same.
        self.bucket
            .write_state(&key, contents, &Condition::Always)
            .await
            .map(drop)
    }
}

/// The record of one destination. Its clones share it.
#[derive(Clone)]
pub struct SnapshotRecorder(Arc<Mutex<RecorderState>>);

struct RecorderState {
    builders: BuilderInput,
    shards: BTreeMap<usize, ShardRecorder>,
    /// Segments that were written anew.
    written: u64,
    /// Segments that have one more change.
    changed: u64,
    /// Why there will be no snapshot.
    problem: Option<RecordError>,
}

impl SnapshotRecorder {
    /// A record that goes on from the last snapshot.
    pub fn beside(history: &History, run: &Run) -> Self {
        let objects = history.last().map(|(index, _)| index.totals.objects);
        let fewest = run.fewest_with_changes;
        let state = RecorderState {
            builders: BuilderInput {
                objects: objects.unwrap_or_default(),
                fewest_with_changes: fewest.unwrap_or(FEWEST_ROWS_WITH_CHANGES),
            },
            shards: BTreeMap::new(),
            written: 0,
            changed: 0,
            problem: None,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Records what becomes of each key, as it passes.
    pub fn record(
        self,
        store: JobState,
        outcomes: impl Stream<Item = KeyResult> + Send + 'static,
    ) -> impl Stream<Item = KeyResult> {
        let mut recording = RecordStream {
            recorder: self,
            store,
            outcomes: outcomes.boxed(),
            ended: false,
            storing: FuturesUnordered::new(),
        };
        stream::poll_fn(move |context| recording.poll_next(context))
    }

    /// The segments of what was settled; the problem, if there are none.
    fn segments(&self) -> Result<Segments, RecordError> {
        let state = self.lock();
        if let Some(problem) = &state.problem {
            return Err(problem.clone());
        }
        let entries = |list| -> Vec<SegmentEntry> {
            let shards = state.shards.values();
            shards
                .flat_map(|shard| shard.entries(list))
                .cloned()
                .collect()
        };
        Ok(Segments {
            objects: entries(List::Objects),
            orphans: entries(List::Orphans),
        })
    }

    /// How many segments were written anew, and how many have one more change: the others are those of snapshots
    /// before.
    fn stored(&self) -> (u64, u64) {
        let state = self.lock();
        (state.written, state.changed)
    }

    fn note(&self, done: &mut KeyResult) -> Vec<SegmentOutput> {
        let mut state = self.lock();
        if state.problem.is_some() {
            return Vec::new();
        }
        let builders = state.builders;
        let shard = state.shards.entry(done.shard);
        let noted = shard
            .or_insert_with(|| ShardRecorder::new(builders))
            .note(done);
        noted.unwrap_or_else(|error| state.give_up(error.into()))
    }

    fn finish(&self) -> Vec<SegmentOutput> {
        let mut state = self.lock();
        if state.problem.is_some() {
            return Vec::new();
        }
        let finished = state.shards.values_mut().map(ShardRecorder::finish);
        let finished: Result<Vec<Vec<SegmentOutput>>, _> = finished.collect();
        match finished {
            Ok(finished) => finished.into_iter().flatten().collect(),
            Err(error) => state.give_up(error.into()),
        }
    }

    fn stopped_by(&self, error: S3Error) {
        self.lock().give_up(error.into());
    }

    fn lock(&self) -> MutexGuard<'_, RecorderState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RecorderState {
    fn give_up(&mut self, problem: RecordError) -> Vec<SegmentOutput> {
        tracing::warn!(%problem, "there will be no snapshot of this run");
        self.problem.get_or_insert(problem);
        self.shards.clear();
        Vec::new()
    }
}

struct RecordStream {
    recorder: SnapshotRecorder,
    store: JobState,
    outcomes: BoxStream<'static, KeyResult>,
    ended: bool,
    storing: FuturesUnordered<BoxFuture<'static, Result<(), S3Error>>>,
}

impl RecordStream {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<KeyResult>> {
        loop {
            while !self.storing.is_empty()
                && let Poll::Ready(Some(stored)) = self.storing.poll_next_unpin(context)
            {
                if let Err(error) = stored {
                    self.recorder.stopped_by(error);
                }
            }
            if self.ended && self.storing.is_empty() {
                return Poll::Ready(None);
            }
            if self.ended || self.storing.len() >= MOST_STORING {
                return Poll::Pending;
            }
            let Some(mut done) = ready!(self.outcomes.poll_next_unpin(context)) else {
                self.ended = true;
                let finished = self.recorder.finish();
                self.keep(finished);
                continue;
            };
            let finished = self.recorder.note(&mut done);
            self.keep(finished);
            return Poll::Ready(Some(done));
        }
    }

    fn keep(&mut self, finished: Vec<SegmentOutput>) {
        for output in finished {
            match &output {
                SegmentOutput::Reused(_) => {}
                SegmentOutput::Written(..) => self.recorder.lock().written += 1,
                SegmentOutput::Changed(entries, _) => {
                    self.recorder.lock().changed += entries.len() as u64;
                }
            }
            if let Some((key, body)) = output.into_stored() {
                let key = self.store.job.key(&key);
                let put = self.store.clone().put(key, body);
                self.storing.push(put.boxed());
            }
        }
    }
}

#[cfg(test)]
mod late_copies;
