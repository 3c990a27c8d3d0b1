//! What was backed up in, the next snapshot out.
//!
//! Rows go into segments as they come, and segments are stored while the run goes on. At its end the
//! index is written, and last of all it is named the newest; until then the snapshot before it is the
//! valid one. Of a run that goes on in another invocation a part is stored in the place of an index, which
//! the next one finds by the cursor. A snapshot that cannot be written costs copies and no backup: it is
//! said in the log and in the result, and the run is what it is without it.

mod close;
mod part;
mod piece;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt, Stream, StreamExt, stream};

pub use close::{Closing, Kept};
pub use part::Counts;

use crate::copy::Done;
use crate::model::{Job, Key};
use crate::s3::{Bucket, Condition, Contents, S3Error};
use crate::snapshot::{Finished, SegmentEntry};
use piece::Piece;

/// Segments that are being stored at the same time, at most.
const MOST_STORING: usize = 4;
/// The type that others see a segment as.
const PARQUET: &str = "application/vnd.apache.parquet";

/// Where a job's state is written.
#[derive(Clone, Debug)]
pub struct Store {
    /// The backup bucket.
    pub bucket: Bucket,
    /// Whose state it is.
    pub job: Job,
    /// The KMS key that it is encrypted with, as the copies are.
    pub kms_key: Option<String>,
}

impl Store {
    async fn put(self, key: Key, body: Bytes) -> Result<(), S3Error> {
        let contents = Contents {
            body: &body,
            content_type: PARQUET,
            kms_key: self.kms_key.as_deref(),
        };
        // It is named by its content: whoever wrote it before wrote the same.
        self.bucket
            .write_state(&key, contents, &Condition::Always)
            .await
            .map(drop)
    }
}

/// The record of one leg. Its clones share it.
#[derive(Clone, Default)]
pub struct Book(Arc<Mutex<Pages>>);

#[derive(Default)]
struct Pages {
    pieces: BTreeMap<usize, Piece>,
    stored: u64,
    /// Why there will be no snapshot.
    problem: Option<String>,
}

impl Book {
    /// Records what becomes of each key, as it passes.
    pub fn record(
        self,
        store: Store,
        outcomes: impl Stream<Item = Done> + Send + 'static,
    ) -> impl Stream<Item = Done> {
        let mut recording = Recording {
            book: self,
            store,
            outcomes: outcomes.boxed(),
            ended: false,
            storing: FuturesUnordered::new(),
        };
        stream::poll_fn(move |context| recording.poll_next(context))
    }

    /// The segments of what was settled, in the order of their keys; the problem, if there are none.
    fn segments(&self) -> Result<Vec<SegmentEntry>, String> {
        let pages = self.lock();
        if let Some(problem) = &pages.problem {
            return Err(problem.clone());
        }
        let entries = pages.pieces.values().flat_map(Piece::entries);
        let mut entries: Vec<SegmentEntry> = entries.cloned().collect();
        entries.sort_by(|one, other| one.first_key.cmp(&other.first_key));
        Ok(entries)
    }

    /// How many segments were stored: the others are those of snapshots before.
    fn stored(&self) -> u64 {
        self.lock().stored
    }

    fn note(&self, done: &mut Done) -> Vec<Finished> {
        let mut pages = self.lock();
        if pages.problem.is_some() {
            return Vec::new();
        }
        let noted = pages.pieces.entry(done.piece).or_default().note(done);
        noted.unwrap_or_else(|error| pages.give_up(error.to_string()))
    }

    fn finish(&self) -> Vec<Finished> {
        let mut pages = self.lock();
        if pages.problem.is_some() {
            return Vec::new();
        }
        let finished = pages.pieces.values_mut().map(Piece::finish);
        let finished: Result<Vec<Vec<Finished>>, _> = finished.collect();
        match finished {
            Ok(finished) => finished.into_iter().flatten().collect(),
            Err(error) => pages.give_up(error.to_string()),
        }
    }

    fn stopped_by(&self, error: &S3Error) {
        self.lock().give_up(error.to_string());
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn give_up(&mut self, problem: String) -> Vec<Finished> {
        tracing::warn!(problem, "there will be no snapshot of this run");
        self.problem.get_or_insert(problem);
        self.pieces.clear();
        Vec::new()
    }
}

struct Recording {
    book: Book,
    store: Store,
    outcomes: BoxStream<'static, Done>,
    ended: bool,
    storing: FuturesUnordered<BoxFuture<'static, Result<(), S3Error>>>,
}

impl Recording {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Done>> {
        loop {
            while let Poll::Ready(Some(stored)) = self.storing.poll_next_unpin(context) {
                if let Err(error) = stored {
                    self.book.stopped_by(&error);
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
                let finished = self.book.finish();
                self.keep(finished);
                continue;
            };
            let finished = self.book.note(&mut done);
            self.keep(finished);
            return Poll::Ready(Some(done));
        }
    }

    fn keep(&mut self, finished: Vec<Finished>) {
        for segment in finished {
            if let Finished::Written(entry, body) = segment {
                self.book.lock().stored += 1;
                let key = self.store.job.key(&entry.key());
                let put = self.store.clone().put(key, body);
                self.storing.push(put.boxed());
            }
        }
    }
}
