//! The last snapshot of a job, read beside the listings: what was known of each key when it was last
//! backed up.
//!
//! Whatever is wrong with it stops nothing. What cannot be read is left out and said once in the log
//! and in the result, and those keys are compared as if there were no snapshot.

use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, BoxStream};
use futures::{StreamExt, future};

use crate::model::{Job, KeyRange, Start};
use crate::s3::{Bucket, Condition, S3Error, State};
use crate::snapshot::{Index, LATEST, Latest, Link, Segment, SegmentEntry, SnapshotError, Stored};

/// Rows that are handed on at once.
const ROWS_AT_ONCE: usize = 1_000;
/// Rows that a range of keys should have for being listed by itself from the beginning. A cut costs
/// two pages at most: this is one in eight.
const ROWS_WORTH_A_RANGE: u64 = 16_000;

/// The last snapshot of a job in one destination. Its clones share it.
#[derive(Clone, Debug)]
pub struct History {
    bucket: Bucket,
    job: Job,
    last: Option<Arc<Last>>,
    /// What has to hold for the next one to be named the last.
    condition: Condition,
    problem: Arc<Mutex<Option<SnapshotError>>>,
}

#[derive(Debug)]
struct Last {
    index: Index,
    link: Link,
}

impl History {
    /// Finds the last snapshot of a job.
    pub async fn open(bucket: Bucket, job: Job) -> Self {
        let mut history = Self {
            bucket,
            job,
            last: None,
            condition: Condition::Create,
            problem: Arc::default(),
        };
        match history.find().await {
            Ok(last) => history.last = last.map(Arc::new),
            Err(problem) => history.note(problem),
        }
        history
    }

    async fn find(&mut self) -> Result<Option<Last>, SnapshotError> {
        let Some(latest) = self.read(LATEST).await? else {
            return Ok(None);
        };
        self.condition = Condition::Replace(latest.etag);
        let link = Latest::parse(&latest.body, self.job.name())?.index;
        let index = self.read(&link.key).await?;
        let index = index.ok_or_else(|| SnapshotError::missing(&link.key))?;
        let index = link.follow(&index.body, self.job.name())?;
        Ok(Some(Last { index, link }))
    }

    async fn read(&self, object: &str) -> Result<Option<State>, SnapshotError> {
        let reading = self.bucket.read_state(&self.job.key(object)).await;
        let reading = reading.map_err(|error: S3Error| SnapshotError::Unreadable {
            object: object.to_owned(),
            problem: error.to_string(),
        })?;
        Ok(reading.state)
    }

    /// What is wrong with the snapshot, if anything was found to be.
    pub fn problem(&self) -> Option<SnapshotError> {
        let problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        problem.clone()
    }

    fn note(&self, problem: SnapshotError) {
        tracing::warn!(
            job = self.job.name(),
            advice = problem.advice(),
            "{problem}"
        );
        let mut first = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(problem);
    }

    /// The index of the snapshot, and the link to it.
    pub fn last(&self) -> Option<(&Index, &Link)> {
        let last = self.last.as_ref()?;
        Some((&last.index, &last.link))
    }

    /// What has to hold when the next snapshot is named the last one.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// All keys, in as many ranges of about as many rows each as it is worth to begin with.
    pub fn ranges(&self, most: usize) -> Vec<KeyRange> {
        let Some((index, _)) = self.last() else {
            return vec![KeyRange::all()];
        };
        let rows = index.totals.objects;
        let wanted = (rows / ROWS_WORTH_A_RANGE).clamp(1, most as u64);
        let mut ranges = Vec::new();
        let (mut start, mut passed) = (Start::Beginning, 0);
        for segment in &index.segments {
            passed += segment.rows;
            let due = rows * (ranges.len() as u64 + 1) / wanted;
            if passed >= due && (ranges.len() as u64) < wanted - 1 {
                let end = segment.last_key.clone();
                ranges.push(KeyRange {
                    start,
                    until: Some(end.clone()),
                });
                start = Start::After(end);
            }
        }
        ranges.push(KeyRange { start, until: None });
        ranges
    }

    /// The rows of a range, in the order of their keys.
    pub fn rows(&self, range: &KeyRange) -> BoxStream<'static, Vec<Stored>> {
        let Some((index, _)) = self.last() else {
            return stream::empty().boxed();
        };
        let ends = |segment: &&SegmentEntry| {
            let until = range.until.as_ref();
            until.is_none_or(|until| segment.first_key <= *until)
        };
        let segments = index.segments_from(&range.start).iter();
        let segments: Vec<SegmentEntry> = segments.take_while(ends).cloned().collect();
        let (history, start) = (self.clone(), range.start.clone());
        stream::iter(segments)
            .then(move |entry| history.clone().segment(entry))
            .filter_map(future::ready)
            .flat_map({
                let history = self.clone();
                move |segment| history.clone().pages(&segment, start.clone())
            })
            .boxed()
    }

    async fn segment(self, entry: SegmentEntry) -> Option<Arc<Segment>> {
        let key = entry.key();
        let opened = match self.read(&key).await {
            Ok(Some(state)) => Segment::open(state.body.into(), entry),
            Ok(None) => Err(SnapshotError::missing(&key)),
            Err(problem) => Err(problem),
        };
        opened.map_err(|problem| self.note(problem)).ok()
    }

    /// The rows of a segment from a start on.
    fn pages(self, segment: &Arc<Segment>, start: Start) -> BoxStream<'static, Vec<Stored>> {
        let rows = segment.rows();
        let rows = rows.map_while(move |row| row.map_err(|problem| self.note(problem)).ok());
        let mut rows = rows.skip_while(move |row| !start.admits(row.key())).fuse();
        stream::iter(std::iter::from_fn(move || {
            let page: Vec<Stored> = rows.by_ref().take(ROWS_AT_ONCE).collect();
            (!page.is_empty()).then_some(page)
        }))
        .boxed()
    }
}
