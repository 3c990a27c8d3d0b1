//! The outcomes of all destinations in, how far the run has come out: one fold.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::Poll;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};

use crate::copy::Budget;
use crate::history::History;
use crate::list::Shards;
use crate::model::{ETag, Key, RecordLink};
use crate::outcome::{KeyResult, Outcome};
use crate::plan::{DestinationPlan, Plan};
use crate::record::{CloseInput, Counts, JobState, RecordResult, SnapshotRecorder};
use crate::report::{OverBudget, Report, Warning};
use crate::request::Mode;
use crate::resume::{self, PieceTally, Progress, Remainder};
use crate::snapshot::ChangedShare;

/// Keys that are kept in mind for each destination: a megabyte at most, and enough for all but a few
/// nights.
const MOST_KEPT: usize = 1000;
/// Foreign keys that are told of each destination.
const MOST_FOREIGN: usize = 10;

/// How far a run has come with all destinations.
pub(super) struct RunProgress<'a> {
    /// What was planned.
    pub plan: &'a Plan,
    /// What became of the objects so far.
    pub report: Report,
    /// What each destination leaves behind.
    pub by_destination: Vec<DestinationProgress>,
}

/// What one destination leaves behind.
pub(super) struct DestinationProgress {
    /// How far it has come.
    pub progress: Progress,
    /// The first keys that are gone from the source, with the `ETag`s of the backups.
    pub gone: BTreeMap<Key, ETag>,
    /// The first keys of what is in the backup and not the job's own.
    pub foreign: BTreeSet<Key>,
    /// What became of the keys that are not left, of a piece of a distributed run.
    pub tally: Option<PieceTally>,
    /// The record of it, once it is closed.
    pub recorded: Option<RecordLink>,
    /// Whether there was a snapshot that says which backups are the job's own.
    pub has_snapshot: bool,
    /// The last snapshot that it was read beside; none if it was read beside none.
    history: Option<History>,
    /// None of a destination that is not recorded.
    record: Option<(SnapshotRecorder, JobState)>,
}

impl DestinationProgress {
    /// A destination that has not begun, and of which nothing is known or recorded.
    pub fn of(progress: Progress) -> Self {
        Self {
            progress,
            gone: BTreeMap::new(),
            foreign: BTreeSet::new(),
            tally: None,
            recorded: None,
            has_snapshot: false,
            history: None,
            record: None,
        }
    }

    /// A destination that cannot be used. A continued run still has left what the run before left. A run that
    /// begins has nothing left, because the next one begins with all of it.
    fn of_unusable(planned: &DestinationPlan) -> Self {
        let left = if planned.is_continued {
            planned.ranges.clone()
        } else {
            Vec::new()
        };
        Self::of(Progress::of(Shards::new(left)))
    }

    /// The same, read beside the last snapshot, and recorded for the next one if there is a record.
    pub fn beside(self, history: History, record: Option<(SnapshotRecorder, JobState)>) -> Self {
        Self {
            has_snapshot: history.last().is_some(),
            history: Some(history),
            record,
            ..self
        }
    }

    /// What the last complete runs found changed.
    pub fn changes_before(&self) -> &[ChangedShare] {
        let last = self.history.as_ref().and_then(History::last);
        last.map_or(&[], |(index, _)| index.past.changes.as_slice())
    }

    /// Closes the record; from then on there is none. Without one, what is wrong with the last snapshot is
    /// told all the same.
    async fn close(&mut self, closing: CloseInput<'_>) -> Option<RecordResult> {
        let history = self.history.take()?;
        let Some((recorder, store)) = self.record.take() else {
            return RecordResult::unrecorded(&history).await;
        };
        Some(recorder.close(store, &history, closing).await)
    }
}

impl<'a> RunProgress<'a> {
    /// The destinations of these numbers have not begun. The others cannot be used.
    pub fn begin(
        plan: &'a Plan,
        report: Report,
        usable: impl Iterator<Item = (usize, DestinationProgress)>,
    ) -> Self {
        let mut by_destination: Vec<DestinationProgress> = plan
            .destinations
            .iter()
            .map(DestinationProgress::of_unusable)
            .collect();
        for (number, destination_progress) in usable {
            by_destination[number] = destination_progress;
        }
        Self {
            plan,
            report,
            by_destination,
        }
    }

    /// Follows all destinations to their ends, and lets others watch.
    pub async fn follow(
        mut self,
        outcomes: impl Iterator<Item = (usize, BoxStream<'_, KeyResult>)>,
        watch: &mut impl FnMut(&Report),
    ) -> Self {
        let marks = self.plan.task.marking().is_some();
        // Not a fold by value: to move a report for each key costs more than to count it.
        let mut outcomes = in_turn(outcomes.collect());
        while let Some((number, done)) = outcomes.next().await {
            self.pass(number, done, marks);
            watch(&self.report);
        }
        self
    }

    /// Notes what became of a key. Those that are to be marked are kept in mind, if any will be.
    fn pass(&mut self, number: usize, done: KeyResult, marks: bool) {
        let outcome = done.result.outcome;
        log_outcome(&outcome);
        let destination_progress = &mut self.by_destination[number];
        if let (true, Some(key)) = (marks, &done.key) {
            match &outcome {
                Outcome::SourceDeleted(etag) => {
                    remember(&mut destination_progress.gone, key, etag);
                }
                Outcome::Foreign => {
                    remember_foreign(&mut destination_progress.foreign, key);
                }
                _ => {}
            }
        }
        if let Some(tally) = &mut destination_progress.tally {
            tally.pass(done.shard, done.sequence, &outcome);
        }
        let progress = &mut destination_progress.progress;
        progress.pass(done.shard, done.key, &outcome, done.counted);
        self.report.forget_told();
        if let Some(forecast) = done.forecast {
            self.report.foresee(number, *forecast);
        }
        self.report.note(number, outcome);
    }

    /// The same, of a run that could spend only so much.
    #[must_use]
    pub fn within(self, budget: Option<&Budget>) -> Self {
        let over = budget.and_then(Budget::exceeded);
        let report = match over {
            Some((would_cost_usd, max_usd)) => self.report.over_budget(OverBudget {
                would_cost_usd,
                max_usd,
            }),
            None => self.report,
        };
        Self { report, ..self }
    }

    /// Everything is done or given up: what is not left goes into snapshots.
    pub async fn close(mut self) -> (Self, Option<Remainder>) {
        let plan = self.plan;
        let source = plan.source.to_string();
        let mut rest = self.remainder();
        for (number, (planned, destination_progress)) in plan
            .destinations
            .iter()
            .zip(&mut self.by_destination)
            .enumerate()
        {
            let own = rest
                .as_mut()
                .and_then(|rest| rest.destinations.get_mut(number));
            let left = own.as_ref().map(|own| own.ranges());
            let totals = self.report.totals_of(number);
            let counted = destination_progress.progress.counted();
            // A run that copies everything does not tell what has changed.
            let compares = plan.scope.mode == Mode::Incremental;
            let counts = Counts {
                copied: totals.copied,
                // What was left for its price is in no backup either: the run is not complete.
                errors: totals.errors + totals.due,
                known: if compares { counted.backup } else { 0 },
                changed: counted.changed,
            };
            let closing = CloseInput {
                run: &plan.run,
                planned,
                source: &source,
                left: &left.unwrap_or_default(),
                broken: destination_progress.progress.is_broken(),
                counts,
                unusual: plan.unusual,
            };
            let Some(kept) = destination_progress.close(closing).await else {
                continue;
            };
            destination_progress.recorded.clone_from(&kept.link);
            if let Some(own) = own {
                own.record.clone_from(&kept.link);
            }
            let bucket = &planned.destination.location.bucket;
            let unusual = kept.note.changes.filter(|changes| changes.unusual);
            if let Some(changes) = unusual {
                let warning = Warning::unusual_change(bucket, &changes);
                self.report = self.report.warning(warning);
            }
            self.report = self.report.with_snapshot(number, kept.note);
        }
        (self, rest)
    }

    /// The rest.
    pub fn remainder(&self) -> Option<Remainder> {
        resume::remainder(
            &self.plan.task,
            &self.plan.destinations,
            self.by_destination
                .iter()
                .map(|destination_progress| &destination_progress.progress),
        )
    }
}

/// The outcomes of all destinations as they come, with the numbers of the destinations. `select_all` does the same, and takes
/// memory for each outcome.
fn in_turn<T>(
    mut destinations: VecDeque<(usize, BoxStream<'_, T>)>,
) -> impl Stream<Item = (usize, T)> {
    stream::poll_fn(move |context| {
        for _ in 0..destinations.len() {
            let Some((number, mut outcomes)) = destinations.pop_front() else {
                break;
            };
            let next = outcomes.poll_next_unpin(context);
            if let Poll::Ready(None) = next {
                continue;
            }
            destinations.push_back((number, outcomes));
            if let Poll::Ready(Some(done)) = next {
                return Poll::Ready(Some((number, done)));
            }
        }
        if destinations.is_empty() {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    })
}

/// Keeps a key in mind, if it is among the first ones.
fn remember(gone: &mut BTreeMap<Key, ETag>, key: &Key, etag: &ETag) {
    let is_behind = gone.last_key_value().is_some_and(|(last, _)| last < key);
    if gone.len() == MOST_KEPT && is_behind {
        return;
    }
    gone.insert(key.clone(), etag.clone());
    if gone.len() > MOST_KEPT {
        gone.pop_last();
    }
}

/// The same of what is foreign, of which only the first few keys are told.
fn remember_foreign(foreign: &mut BTreeSet<Key>, key: &Key) {
    let is_behind = foreign.last().is_some_and(|last| last < key);
    if foreign.len() == MOST_FOREIGN && is_behind {
        return;
    }
    foreign.insert(key.clone());
    if foreign.len() > MOST_FOREIGN {
        foreign.pop_last();
    }
}

/// One line in the log for each failure and each backup that is not as it should be, none for a success.
pub(super) fn log_outcome(outcome: &Outcome) {
    if let Outcome::Failed { failure, .. } | Outcome::ListingFailed(failure) = outcome {
        tracing::warn!(
            key = failure.key.as_ref().map(Key::as_str),
            operation = failure.operation,
            code = failure.code,
            request_id = failure.request_id,
            advice = failure.advice,
            "{}",
            failure.message
        );
    }
    if let Outcome::Verified(compared) = outcome
        && compared.verdict.is_wrong()
    {
        let (key, verdict) = (&compared.key, &compared.verdict);
        let repaired = compared.repaired.is_some();
        tracing::warn!(%key, ?verdict, repaired, "a backup is not as it should be");
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::channel::mpsc;

    use super::*;

    #[test]
    fn destinations_take_turns_and_none_waits_for_another() {
        let (send, waiting) = mpsc::unbounded();
        let mut outcomes = in_turn(VecDeque::from([
            (0, stream::iter(["a", "b", "c"]).boxed()),
            (1, waiting.boxed()),
            (2, stream::iter(["d"]).boxed()),
        ]));
        let mut next = || outcomes.next().now_or_never();

        assert_eq!(next(), Some(Some((0, "a"))));
        assert_eq!(next(), Some(Some((2, "d"))));
        assert_eq!(next(), Some(Some((0, "b"))));
        send.unbounded_send("e").unwrap();
        assert_eq!(next(), Some(Some((1, "e"))));
        assert_eq!(next(), Some(Some((0, "c"))));
        assert_eq!(next(), None);
        drop(send);
        assert_eq!(next(), Some(None));
    }
}
