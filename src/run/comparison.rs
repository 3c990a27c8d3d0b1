//! The way from the source to one destination: both sides listed, joined, decided on and copied.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};

use super::destination::DestinationRun;
use super::progress::DestinationProgress;
use crate::config::CopyRules;
use crate::copy::{Batch, Budget, Copier};
use crate::diff::{self, Policy};
use crate::history::History;
use crate::list::{self, ObjectPages, SegmentEnds, ShardListing, Shards, Sides};
use crate::model::{KeyRange, Phase};
use crate::outcome::KeyResult;
use crate::plan::{Plan, Task};
use crate::record::{JobState, SnapshotRecorder};
use crate::resume::{PieceTally, Progress};
use crate::s3::S3Error;
use crate::verify::Verifier;

/// The way from the source to one destination, with both sides being listed.
pub(super) struct Comparison {
    listings: BoxStream<'static, ShardListing>,
    shards: Shards,
    run: DestinationRun,
    policy: Policy,
    rules: CopyRules,
    in_flight: usize,
    history: History,
    /// None of a destination that is not recorded.
    recorder: Option<(SnapshotRecorder, JobState)>,
}

impl Comparison {
    /// Begins to list both sides, of which each can be read.
    pub async fn begin(plan: &Plan, run: DestinationRun) -> Result<Self, ListingError> {
        let (destination, job) = (run.destination.clone(), run.planned.job.clone());
        let history = History::open_with(&run.index_cache, destination.clone(), job.clone()).await;
        let is_part = run.planned.is_continued || run.planned.is_piece;
        let ranges = if plan.is_whole && !is_part {
            history.ranges(list::most_ranges(plan.limits.cpus))
        } else {
            run.planned.ranges.clone()
        };
        // A run before has recorded what is done already for a destination.
        let recorded = plan.recorded_run();
        let recorded = recorded.filter(|_| !run.planned.ranges.is_empty());
        let mut comparison = Self::open(plan, run, history, ranges);
        let first = match comparison.listings.next().await {
            Some(listing) => Some(started(listing).await?),
            None => None,
        };
        Ok(Self {
            listings: stream::iter(first).chain(comparison.listings).boxed(),
            recorder: recorded.map(|run| {
                let store = JobState {
                    bucket: destination.in_phase(Phase::Record),
                    job,
                };
                (SnapshotRecorder::beside(&comparison.history, run), store)
            }),
            ..comparison
        })
    }

    /// Both sides, not yet listed; nothing is recorded of them.
    pub fn open(plan: &Plan, run: DestinationRun, history: History, ranges: Vec<KeyRange>) -> Self {
        let placement = run.planned.destination.placement.clone();
        let sides = Sides {
            source: run.source.clone(),
            prefix: plan.source.prefix.clone(),
            backup: run.destination.clone(),
            placement: placement.clone(),
            history: history.clone(),
        };
        let shards = Shards::new(ranges).with_ends(SegmentEnds::new(history.segment_ends()));
        let most_at_once = list::most_at_once(plan.limits.cpus);
        let listings = list::shard_listings(sides, shards.clone(), most_at_once);
        Self {
            // A finished destination has no shards. `fuse`, because the stream is polled again after its end.
            listings: listings.fuse().boxed(),
            shards,
            run,
            policy: Policy {
                filter: plan.scope.filter.clone(),
                mode: plan.scope.mode,
                placement,
            },
            rules: plan.scope.copies.clone(),
            in_flight: plan.limits.max_concurrency,
            history,
            recorder: None,
        }
    }

    /// The number of the destination.
    pub fn number(&self) -> usize {
        self.run.number
    }

    /// Objects of the last snapshot.
    pub fn known_objects(&self) -> u64 {
        let last = self.history.last();
        last.map_or(0, |(index, _)| index.totals.objects)
    }

    pub fn destination_progress(&self) -> DestinationProgress {
        let progress = Progress::of(self.shards.clone());
        let own = DestinationProgress::of(progress);
        let mut own = own.beside(self.history.clone(), self.recorder.clone());
        own.tally = self.run.planned.is_piece.then(PieceTally::default);
        own
    }

    /// What becomes of each object. After the deadline nothing is begun any more, nor without the lease.
    pub fn outcomes(
        self,
        task: &Task,
        budget: Option<Arc<Budget>>,
    ) -> impl Stream<Item = KeyResult> + use<> {
        let copier = self.copier();
        let stop = self.run.stop();
        let in_flight = self.in_flight;
        if let Some(check) = task.check() {
            let verifier = Verifier::new(copier, check, self.policy.filter);
            return verifier.outcomes(self.listings, stop, in_flight).boxed();
        }
        let recorder = self.recorder.clone();
        let outcomes = copier.outcomes(self.batches(), stop, task.intent(), in_flight, budget);
        match recorder {
            Some((recorder, store)) => recorder.record(store, outcomes).boxed(),
            None => outcomes.boxed(),
        }
    }

    fn copier(&self) -> Copier {
        Copier {
            source: self.run.source.clone(),
            destination: self.run.destination.clone(),
            placement: self.policy.placement.clone(),
            rules: self.rules.clone(),
            // Half of the budget at most, so that one large object leaves room for the others.
            parts_at_once: (self.in_flight / 2).max(1),
        }
    }

    /// The action for each object, page by page.
    pub fn batches(self) -> impl Stream<Item = Batch> + use<> {
        let policy = Arc::new(self.policy);
        self.listings.flat_map_unordered(None, move |listing| {
            let shard = listing.shard;
            let actions = diff::actions(listing, Arc::clone(&policy));
            actions.map(move |actions| (shard, actions)).boxed()
        })
    }
}

/// Why not even the first pages could be listed.
pub(super) enum ListingError {
    Source(S3Error),
    Destination(S3Error),
}

/// A section whose first pages have come, so that a side that cannot be read is known before anything is
/// copied.
async fn started(listing: ShardListing) -> Result<ShardListing, ListingError> {
    let source = begun(listing.source).await;
    let backup = begun(listing.backup).await;
    Ok(ShardListing {
        source: source.map_err(ListingError::Source)?,
        backup: backup.map_err(ListingError::Destination)?,
        ..listing
    })
}

async fn begun(listing: ObjectPages) -> Result<ObjectPages, S3Error> {
    let mut listing = Box::pin(listing.peekable());
    match listing.as_mut().peek().await {
        Some(Err(error)) => Err(error.clone()),
        Some(Ok(_)) | None => Ok(listing.boxed()),
    }
}
