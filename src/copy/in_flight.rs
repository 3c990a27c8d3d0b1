//! Actions in, outcomes out, with so many copies in flight at once: the one knob of a run.
//!
//! What needs no copy passes at once: in a night without changes that is everything, and a future for
//! each object would cost more than the comparison. Once it is time to stop nothing is begun any more; what
//! is in flight comes to its end. What waits to be tried again keeps none of the others waiting, up to a bound.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::vec;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt, Stream, StreamExt, stream};

use super::{Budget, Copier, guarded};
use crate::diff::{self, Action};
use crate::forecast::Forecast;
use crate::model::{Key, KeyCounts};
use crate::outcome::{CopyResult, KeyResult, Outcome, settle};
use crate::plan::Intent;
use crate::s3::Operation;
use crate::snapshot::NextRow;

/// Objects that wait for a sweep beside those in flight, at most: a few megabytes.
const MOST_WAITING: usize = 1000;

/// Actions of one shard, in order.
pub type Batch = (usize, Vec<Action>);

impl Copier {
    /// What becomes of each action, until it is time to stop. Those of a shard that need a copy come out of order.
    pub fn outcomes(
        self,
        batches: impl Stream<Item = Batch> + Send + 'static,
        stop: impl Future<Output = ()> + Send + 'static,
        intent: Intent,
        at_once: usize,
        budget: Option<Arc<Budget>>,
    ) -> impl Stream<Item = KeyResult> {
        let mut in_flight = InFlight {
            stop: stop.boxed(),
            copier: Arc::new(self),
            intent,
            at_once,
            budget,
            batches: Some(batches.boxed()),
            shard: 0,
            sequence: 0,
            sequences: HashMap::new(),
            counted: KeyCounts::default(),
            counted_elsewhere: BTreeMap::new(),
            actions: Vec::new().into_iter(),
            copies: FuturesUnordered::new(),
            stopped: false,
        };
        stream::poll_fn(move |context| in_flight.poll_next(context))
    }
}

struct InFlight {
    copier: Arc<Copier>,
    intent: Intent,
    at_once: usize,
    /// What may be spent; none for as much as it takes.
    budget: Option<Arc<Budget>>,
    stop: BoxFuture<'static, ()>,
    /// None when nothing more is begun.
    batches: Option<BoxStream<'static, Batch>>,
    /// The shard that the actions are of.
    shard: usize,
    /// The place of the next action.
    sequence: u64,
    /// Actions that each shard has had before.
    sequences: HashMap<usize, u64>,
    /// What was counted of it so far, and of others.
    counted: KeyCounts,
    counted_elsewhere: BTreeMap<usize, KeyCounts>,
    actions: vec::IntoIter<Action>,
    copies: FuturesUnordered<BoxFuture<'static, KeyResult>>,
    stopped: bool,
}

impl InFlight {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<KeyResult>> {
        loop {
            // In most nights hardly an object is copied, and each would ask in vain.
            if !self.copies.is_empty()
                && let Poll::Ready(Some(done)) = self.copies.poll_next_unpin(context)
            {
                return Poll::Ready(Some(done));
            }
            let waiting = self.copier.destination.waiting_for_sweeps();
            if self.copies.len() >= self.at_once + waiting.min(MOST_WAITING) {
                return Poll::Pending;
            }
            let Some(next) = self.actions.next() else {
                match self.poll_batch(context) {
                    Poll::Ready(true) => continue,
                    Poll::Ready(false) if self.copies.is_empty() => return Poll::Ready(None),
                    Poll::Ready(false) | Poll::Pending => return Poll::Pending,
                }
            };
            if !matches!(next, Action::Copy { .. }) {
                let forecast = (self.intent == Intent::Plan)
                    .then(|| Box::new(Forecast::of(&next, false, &self.copier.rules)));
                self.counted += diff::count(&next);
                let (key, result) = settle(next);
                let done = self.done(key, result);
                return Poll::Ready(Some(KeyResult { forecast, ..done }));
            }
            if self.has_stopped(context) {
                continue;
            }
            if self.is_over_budget(&next) {
                self.counted += diff::count(&next);
                return Poll::Ready(Some(self.left_for_later(next)));
            }
            let work = self.work(next).boxed();
            self.copies.push(work);
        }
    }

    fn is_over_budget(&self, copy: &Action) -> bool {
        let budget = self.budget.as_ref().filter(|_| self.intent == Intent::Copy);
        budget.is_some_and(|budget| !budget.allows(copy, &self.copier.rules))
    }

    /// A copy that is not made for its price: the next run finds the key as this one did.
    fn left_for_later(&mut self, action: Action) -> KeyResult {
        let key = action.key().cloned();
        let (listed, row) = match action {
            Action::Copy { object, record, .. } => (object.size, record.map(NextRow::Reuse)),
            _ => (0, None),
        };
        let outcome = Outcome::WouldCopy { listed };
        self.done(key, CopyResult { outcome, row })
    }

    /// Whether there are more actions.
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        self.has_stopped(context);
        let Some(batches) = &mut self.batches else {
            return Poll::Ready(false);
        };
        let Some((shard, actions)) = ready!(batches.poll_next_unpin(context)) else {
            self.batches = None;
            return Poll::Ready(false);
        };
        if shard != self.shard {
            let before = self.counted_elsewhere.remove(&shard).unwrap_or_default();
            self.counted_elsewhere.insert(self.shard, self.counted);
            (self.shard, self.counted) = (shard, before);
        }
        let sequence = self.sequences.entry(shard).or_default();
        self.sequence = *sequence;
        *sequence += actions.len() as u64;
        self.actions = actions.into_iter();
        Poll::Ready(true)
    }

    /// Once it is time, nothing more is begun.
    fn has_stopped(&mut self, context: &mut Context<'_>) -> bool {
        if self.batches.is_some() && self.stop.poll_unpin(context).is_ready() {
            self.batches = None;
            self.actions = Vec::new().into_iter();
            self.stopped = true;
        }
        self.stopped
    }

    fn work(&mut self, action: Action) -> impl Future<Output = KeyResult> + use<> {
        let copier = Arc::clone(&self.copier);
        let given_up = self.done(action.key().cloned(), Outcome::Interrupted.into());
        self.counted += diff::count(&action);
        let counted = self.counted;
        let intent = self.intent;
        let listed = match &action {
            Action::Copy { object, .. } => object.size,
            _ => 0,
        };
        async move {
            let work = async {
                match intent {
                    Intent::Copy => (copier.apply(action).await, None),
                    Intent::DryRun => (copier.preview(action).await, None),
                    Intent::Plan => {
                        let result = copier.preview(action.clone()).await;
                        let due = matches!(result.outcome, Outcome::WouldCopy { .. });
                        let forecast = Forecast::of(&action, due, &copier.rules);
                        (result, Some(Box::new(forecast)))
                    }
                }
            };
            let work = guarded(Operation::CopyObject, given_up.key.as_ref(), Box::pin(work)).await;
            let (result, forecast) =
                work.unwrap_or_else(|failure| (Outcome::Failed { listed, failure }.into(), None));
            match result.outcome {
                Outcome::Interrupted => KeyResult {
                    result,
                    forecast,
                    ..given_up
                },
                _ => KeyResult {
                    result,
                    forecast,
                    counted,
                    ..given_up
                },
            }
        }
    }

    fn done(&mut self, key: Option<Key>, result: CopyResult) -> KeyResult {
        let sequence = self.sequence;
        self.sequence += 1;
        KeyResult {
            shard: self.shard,
            sequence,
            key,
            result,
            forecast: None,
            counted: self.counted,
        }
    }
}
