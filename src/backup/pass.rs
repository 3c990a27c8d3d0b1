//! The way from the source to one destination: both sides listed, joined, decided on and copied.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};

use super::course::Trail;
use super::destination::DestinationRun;
use crate::copy::{Batch, Copier, Done};
use crate::diff::{self, Policy};
use crate::history::History;
use crate::list::{self, Listing, MOST_AT_ONCE, Section, Sides, Territory};
use crate::model::{KeyRange, Phase, Placement};
use crate::plan::Plan;
use crate::record::{Book, Store};
use crate::resume::Progress;
use crate::s3::S3Error;
use crate::verify::Verifier;

/// The way from the source to one destination, with both sides being listed.
pub(super) struct Pass {
    sections: BoxStream<'static, Section>,
    territory: Territory,
    run: DestinationRun,
    placement: Placement,
    history: History,
    /// None of a destination that is not recorded.
    book: Option<(Book, Store)>,
}

impl Pass {
    /// Begins to list both sides, of which each can be read.
    pub async fn begin(plan: &Plan, run: DestinationRun) -> Result<Self, Unlisted> {
        let (destination, job) = (run.destination.clone(), run.leg.job.clone());
        let history = History::open(destination.clone(), job.clone()).await;
        let ranges = if plan.is_whole && !run.leg.is_continued {
            history.ranges(MOST_AT_ONCE)
        } else {
            run.leg.ranges.clone()
        };
        // What is done already for a destination, a run before has recorded.
        let is_recorded = plan.is_recorded() && !run.leg.ranges.is_empty();
        let mut pass = Self::open(plan, run, history, ranges);
        let first = match pass.sections.next().await {
            Some(section) => Some(started(section).await?),
            None => None,
        };
        Ok(Self {
            sections: stream::iter(first).chain(pass.sections).boxed(),
            book: is_recorded.then(|| {
                let store = Store {
                    bucket: destination.in_phase(Phase::Record),
                    job,
                    kms_key: plan.scope.copies.kms_key.clone(),
                };
                (Book::default(), store)
            }),
            ..pass
        })
    }

    /// Both sides, not yet listed; nothing is recorded of them.
    pub fn open(plan: &Plan, run: DestinationRun, history: History, ranges: Vec<KeyRange>) -> Self {
        let placement = run.leg.destination.placement.clone();
        let sides = Sides {
            source: run.source.clone(),
            prefix: plan.source.prefix.clone(),
            backup: run.destination.clone(),
            placement: placement.clone(),
            history: history.clone(),
        };
        let territory = Territory::new(ranges);
        Self {
            // Of a destination that is done there are none, which is found out twice.
            sections: list::sections(sides, territory.clone()).fuse().boxed(),
            territory,
            run,
            placement,
            history,
            book: None,
        }
    }

    /// The number of the destination.
    pub fn number(&self) -> usize {
        self.run.number
    }

    pub fn trail(&self) -> Trail {
        let progress = Progress::of(self.territory.clone());
        Trail::of(progress).beside(self.history.clone(), self.book.clone())
    }

    /// What becomes of each object. After the deadline nothing is begun any more, nor without the lease.
    pub fn outcomes(self, plan: &Plan) -> impl Stream<Item = Done> + use<> {
        let copier = self.copier(plan);
        let stop = self.run.stop();
        let in_flight = plan.limits.max_concurrency;
        if let Some(check) = plan.check {
            let verifier = Verifier::new(copier, check, plan.scope.filter.clone());
            return verifier.outcomes(self.sections, stop, in_flight).boxed();
        }
        let book = self.book.clone();
        let outcomes = copier.outcomes(self.batches(plan), stop, plan.intent, in_flight);
        match book {
            Some((book, store)) => book.record(store, outcomes).boxed(),
            None => outcomes.boxed(),
        }
    }

    fn copier(&self, plan: &Plan) -> Copier {
        Copier {
            source: self.run.source.clone(),
            destination: self.run.destination.clone(),
            placement: self.placement.clone(),
            rules: plan.scope.copies.clone(),
            // Half of the budget at most, so that one large object leaves room for the others.
            parts_at_once: (plan.limits.max_concurrency / 2).max(1),
        }
    }

    /// What is to be done about each object, page by page.
    pub fn batches(self, plan: &Plan) -> impl Stream<Item = Batch> + use<> {
        let policy = Arc::new(Policy {
            filter: plan.scope.filter.clone(),
            mode: plan.scope.mode,
            placement: self.placement,
        });
        self.sections.flat_map_unordered(None, move |section| {
            let piece = section.piece;
            let actions = diff::actions(section, Arc::clone(&policy));
            actions.map(move |actions| (piece, actions)).boxed()
        })
    }
}

/// Why not even the first pages could be listed.
pub(super) enum Unlisted {
    Source(S3Error),
    Destination(S3Error),
}

/// A section whose first pages have come, so that a side that cannot be read is known before anything is
/// copied.
async fn started(section: Section) -> Result<Section, Unlisted> {
    let source = begun(section.source).await;
    let backup = begun(section.backup).await;
    Ok(Section {
        source: source.map_err(Unlisted::Source)?,
        backup: backup.map_err(Unlisted::Destination)?,
        ..section
    })
}

async fn begun(listing: Listing) -> Result<Listing, S3Error> {
    let mut listing = Box::pin(listing.peekable());
    match listing.as_mut().peek().await {
        Some(Err(error)) => Err(error.clone()),
        Some(Ok(_)) | None => Ok(listing.boxed()),
    }
}
