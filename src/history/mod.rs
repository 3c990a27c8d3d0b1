//! The last snapshot of a job, read beside the listings: what was known of each key when it was last
//! backed up.
//!
//! Whatever is wrong with it stops nothing. What cannot be read is left out and said once in the log
//! and in the result, and those keys are compared as if there were no snapshot.
//!
//! Behind the last one lie those before it: `chain` follows them, for whoever asks about the past.

mod aged;
mod chain;
mod index_cache;
mod later;
mod matching;
mod segments;

use std::iter;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, BoxStream};
use futures::{StreamExt, future};

pub use index_cache::IndexCache;
use segments::SegmentReader;

use crate::model::{Job, Key, KeyRange, Start, Timestamp};
use crate::s3::{Bucket, Condition, SmallObject};
use crate::snapshot::{
    Aged, Damage, Index, LATEST, Latest, Link, MOST_INDEX_BYTES, Segment, SegmentEntry, SegmentRow,
    SnapshotError,
};

/// The most bytes that the name of the last snapshot has: it has some two hundred.
const MOST_OF_LATEST: u64 = 1 << 20;
/// Rows that are handed on at once.
const ROWS_AT_ONCE: usize = 1_000;
/// Segments of a snapshot that are fetched at once where nothing else is under way.
const READ_AHEAD: usize = 4;
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
    /// What has aged out, once a walk along the chain has come there.
    aged: Arc<Mutex<Option<Aged>>>,
}

#[derive(Debug)]
struct Last {
    index: Index,
    link: Link,
    /// When the index was written, by S3's clock.
    written: Timestamp,
}

impl History {
    /// A history without a snapshot, where nothing is looked up.
    pub fn none(bucket: Bucket, job: Job) -> Self {
        Self {
            bucket,
            job,
            last: None,
            condition: Condition::Create,
            problem: Arc::default(),
            aged: Arc::default(),
        }
    }

    /// Finds the last snapshot of a job.
    pub async fn open(bucket: Bucket, job: Job) -> Self {
        Self::open_with(&IndexCache::default(), bucket, job).await
    }

    /// The same, whose index may have been read before.
    pub async fn open_with(cache: &IndexCache, bucket: Bucket, job: Job) -> Self {
        let mut history = Self::none(bucket, job);
        match history.find(cache).await {
            Ok(last) => history.last = last,
            Err(problem) => history.note(problem),
        }
        history
    }

    async fn find(&mut self, cache: &IndexCache) -> Result<Option<Arc<Last>>, SnapshotError> {
        let latest = match self.get(LATEST, MOST_OF_LATEST).await {
            Ok(Some(latest)) => latest,
            Ok(None) => return Ok(None),
            Err(problem) => {
                self.condition = self.condition_unread().await;
                return Err(problem);
            }
        };
        self.condition = Condition::Replace(latest.etag.clone());
        let latest = whole(LATEST, latest, MOST_OF_LATEST)?;
        let link = Latest::parse(&latest.body, self.job.name())?.index;
        let cached = cache.get(self.bucket.name(), &self.job, &link);
        if cached.is_some() {
            return Ok(cached);
        }
        let stored = self.read(&link.key, MOST_INDEX_BYTES).await?;
        let index = link.follow(&stored.body, self.job.name())?;
        let written = stored.last_modified;
        let last = Arc::new(Last {
            index,
            link,
            written,
        });
        cache.keep(self.bucket.name(), &self.job, &last);
        Ok(Some(last))
    }

    /// A name that cannot be read, because its key is lost or a lifecycle has archived it, can be replaced all
    /// the same: its `ETag` is in a listing.
    async fn condition_unread(&self) -> Condition {
        let key = self.job.key(LATEST);
        let listed = self.bucket.list_one_state(&key).await;
        match listed.ok().and_then(|listed| listed.state) {
            Some((etag, _)) => Condition::Replace(etag),
            None => Condition::Create,
        }
    }

    async fn index(&self, link: &Link) -> Result<Index, SnapshotError> {
        let index = self.read(&link.key, MOST_INDEX_BYTES).await?;
        link.follow(&index.body, self.job.name())
    }

    /// An object that has to be there, of so many bytes at most.
    async fn read(&self, object: &str, most: u64) -> Result<SmallObject, SnapshotError> {
        let state = self.get(object, most).await?;
        let state = state.ok_or_else(|| SnapshotError::missing(object))?;
        whole(object, state, most)
    }

    async fn get(&self, object: &str, most: u64) -> Result<Option<SmallObject>, SnapshotError> {
        let reading = self
            .bucket
            .read_state_up_to(&self.job.key(object), most)
            .await;
        let reading = reading.map_err(|error| SnapshotError::unreadable(object, error))?;
        Ok(reading.state)
    }

    /// The problem of the snapshot, if one was found.
    pub fn problem(&self) -> Option<SnapshotError> {
        let problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        problem.clone()
    }

    /// Takes note of a problem. A file of changes is that of many segments, and is said once.
    fn note(&self, problem: SnapshotError) {
        let mut first = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref() == Some(&problem) {
            return;
        }
        tracing::warn!(
            job = self.job.name(),
            advice = problem.advice(),
            "{problem}"
        );
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
        self.ranges_of(ROWS_WORTH_A_RANGE, most)
    }

    /// All keys, in ranges of about so many rows at least.
    pub fn ranges_of(&self, at_least: u64, most: usize) -> Vec<KeyRange> {
        let rows = self.last().map_or(0, |(index, _)| index.totals.objects);
        self.cut((rows / at_least.max(1)).clamp(1, most as u64))
    }

    /// All keys, in so many ranges of about as many rows each, or in as many as there are segments.
    pub fn cut(&self, wanted: u64) -> Vec<KeyRange> {
        let Some((index, _)) = self.last() else {
            return vec![KeyRange::all()];
        };
        let rows = index.totals.objects;
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

    /// The last key of each segment of the last snapshot, in order, and its rows.
    pub fn segment_ends(&self) -> impl Iterator<Item = (Key, u64)> {
        let segments = self.last().map_or(&[][..], |(index, _)| &index.segments);
        let ends = segments.iter();
        ends.map(|segment| (segment.last_key.clone(), segment.rows))
    }

    /// The rows of a range, in the order of their keys.
    pub fn rows(&self, range: &KeyRange) -> BoxStream<'static, Vec<SegmentRow>> {
        match self.last() {
            Some((index, _)) => self.rows_within(index.segments_from(&range.start), range),
            None => stream::empty().boxed(),
        }
    }

    /// The orphans of a range, in the order of their keys; none where the snapshot has none, as in most nights.
    pub fn orphans(&self, range: &KeyRange) -> Option<BoxStream<'static, Vec<SegmentRow>>> {
        let (index, _) = self.last()?;
        let segments = index.orphans_from(&range.start);
        (!segments.is_empty()).then(|| self.rows_within(segments, range))
    }

    /// The rows of the first of these segments, as many as reach into a range.
    fn rows_within(
        &self,
        segments: &[SegmentEntry],
        range: &KeyRange,
    ) -> BoxStream<'static, Vec<SegmentRow>> {
        let ends = |segment: &&SegmentEntry| {
            let until = range.until.as_ref();
            until.is_none_or(|until| segment.first_key <= *until)
        };
        let segments = segments.iter().take_while(ends).cloned().collect();
        let history = self.clone();
        self.pages(segments, range.start.clone(), 1)
            .filter_map(move |page| {
                future::ready(page.map_err(|problem| history.note(problem)).ok())
            })
            .boxed()
    }

    /// The rows of these segments, which any of the snapshots may name, in the order of their keys.
    /// An error stands for the rest of a segment.
    pub fn rows_of(
        &self,
        segments: Vec<SegmentEntry>,
    ) -> BoxStream<'static, Result<Vec<SegmentRow>, SnapshotError>> {
        self.pages(segments, Start::Beginning, READ_AHEAD)
    }

    fn pages(
        &self,
        segments: Vec<SegmentEntry>,
        start: Start,
        at_once: usize,
    ) -> BoxStream<'static, Result<Vec<SegmentRow>, SnapshotError>> {
        let mut reader = SegmentReader::new(self.clone());
        stream::iter(segments)
            .map(move |entry| reader.read(entry))
            .buffered(at_once)
            .flat_map(move |opened| stream::iter(pages(opened, start.clone())))
            .boxed()
    }
}

/// The object, if all of it was read.
fn whole(object: &str, state: SmallObject, most: u64) -> Result<SmallObject, SnapshotError> {
    if state.size <= most {
        return Ok(state);
    }
    let bytes = state.size;
    Err(SnapshotError::damaged(
        object,
        Damage::TooLarge { bytes, most },
    ))
}

/// The rows of a segment from a start on, up to what is wrong with it.
fn pages(
    opened: Result<Arc<Segment>, SnapshotError>,
    start: Start,
) -> impl Iterator<Item = Result<Vec<SegmentRow>, SnapshotError>> {
    let (segment, problem) = match opened {
        Ok(segment) => (Some(segment), None),
        Err(problem) => (None, Some(Err(problem))),
    };
    let rows = segment.into_iter().flat_map(|segment| segment.rows());
    let before = move |row: &SegmentRow| !start.admits(row.key());
    let mut rows = rows
        .chain(problem)
        .skip_while(move |row| row.as_ref().is_ok_and(&before))
        .peekable();
    iter::from_fn(move || {
        if let Some(Err(problem)) = rows.next_if(Result::is_err) {
            return Some(Err(problem));
        }
        let good = iter::from_fn(|| rows.next_if(Result::is_ok)?.ok());
        // `collect` would make room for a few at first, and move them each time there are twice as many.
        let mut page = Vec::with_capacity(ROWS_AT_ONCE);
        page.extend(good.take(ROWS_AT_ONCE));
        (!page.is_empty()).then_some(Ok(page))
    })
}
