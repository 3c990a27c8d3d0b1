//! The outcomes of all destinations in, how far the run has come out: one fold.

use std::collections::BTreeSet;

use futures::stream::BoxStream;
use futures::{StreamExt, future, stream};

use super::marking;
use crate::copy::{Done, Outcome};
use crate::history::History;
use crate::list::Territory;
use crate::model::{Key, KeyRange};
use crate::plan::{Leg, Plan};
use crate::record::{Book, Closing, Counts, Kept, Store};
use crate::report::Report;
use crate::resume::{self, Progress, Remainder};

/// How far a run has come with all destinations.
pub(super) struct Course {
    /// What became of the objects so far.
    pub report: Report,
    /// What each destination leaves behind.
    pub trails: Vec<Trail>,
}

/// What one leg leaves behind.
pub(super) struct Trail {
    /// How far it has come.
    pub progress: Progress,
    /// The first keys that are gone from the source.
    pub gone: BTreeSet<Key>,
    /// The last snapshot that it was read beside; none if it was read beside none.
    history: Option<History>,
    /// None of a leg that is not recorded.
    record: Option<(Book, Store)>,
}

impl Trail {
    /// Of a leg that has not begun, and of which nothing is known or recorded.
    pub fn of(progress: Progress) -> Self {
        Self {
            progress,
            gone: BTreeSet::new(),
            history: None,
            record: None,
        }
    }

    /// Of a leg whose destination cannot be used. What a run before has left of it is left still; of a
    /// run that begins nothing is left, for the next one begins with all of it.
    fn of_unusable(leg: &Leg) -> Self {
        let left = if leg.is_continued {
            leg.ranges.clone()
        } else {
            Vec::new()
        };
        Self::of(Progress::of(Territory::new(left)))
    }

    /// The same, read beside the last snapshot, and recorded for the next one if there is a record.
    pub fn beside(self, history: History, record: Option<(Book, Store)>) -> Self {
        Self {
            history: Some(history),
            record,
            ..self
        }
    }

    /// Closes the record; from then on there is none. Without one, what is wrong with the last snapshot is
    /// told all the same.
    async fn close(
        &mut self,
        plan: &Plan,
        leg: &Leg,
        left: &[KeyRange],
        counts: Counts,
    ) -> Option<Kept> {
        let history = self.history.take()?;
        let Some((book, store)) = self.record.take() else {
            return Kept::unrecorded(&history).await;
        };
        let source = plan.source.to_string();
        let closing = Closing {
            run: &plan.run,
            leg,
            source: &source,
            left,
            broken: self.progress.is_broken(),
            counts,
        };
        Some(book.close(store, &history, closing).await)
    }
}

impl Course {
    /// Of the destinations of these numbers, which have not begun. The others cannot be used.
    pub fn begin(
        plan: &Plan,
        report: Report,
        usable: impl Iterator<Item = (usize, Trail)>,
    ) -> Self {
        let mut trails: Vec<Trail> = plan.legs.iter().map(Trail::of_unusable).collect();
        for (number, trail) in usable {
            trails[number] = trail;
        }
        Self { report, trails }
    }

    /// Follows all destinations to their ends, and lets others watch.
    pub async fn follow(
        self,
        plan: &Plan,
        outcomes: impl Iterator<Item = (usize, BoxStream<'_, Done>)>,
        watch: &mut impl FnMut(&Report),
    ) -> Self {
        let numbered = outcomes.map(|(leg, outcomes)| outcomes.map(move |done| (leg, done)));
        let marks = plan.marking.is_some();
        stream::select_all(numbered)
            .fold(self, |mut course, (leg, done)| {
                let outcome = done.settled.outcome;
                tell(&outcome);
                let trail = &mut course.trails[leg];
                if let (true, Outcome::Gone, Some(key)) = (marks, &outcome, &done.key) {
                    marking::remember(&mut trail.gone, key);
                }
                let progress = &mut trail.progress;
                progress.pass(done.piece, done.key, &outcome, done.counted);
                if let Some(forecast) = done.forecast {
                    course.report = course.report.foreseeing(leg, *forecast);
                }
                course.report = course.report.with(leg, outcome);
                watch(&course.report);
                future::ready(course)
            })
            .await
    }

    /// Everything is done or given up: what is not left goes into snapshots.
    pub async fn close(mut self, plan: &Plan) -> (Self, Option<Remainder>) {
        let mut rest = self.remainder(plan);
        for (number, (leg, trail)) in plan.legs.iter().zip(&mut self.trails).enumerate() {
            let own = rest.as_mut().and_then(|rest| rest.legs.get_mut(number));
            let left = own.as_ref().map(|own| own.ranges());
            let totals = self.report.totals_of(number);
            let counts = Counts {
                copied: totals.copied,
                errors: totals.errors,
            };
            let left = left.unwrap_or_default();
            let Some(kept) = trail.close(plan, leg, &left, counts).await else {
                continue;
            };
            if let Some(own) = own {
                own.record.clone_from(&kept.link);
            }
            self.report = self.report.with_snapshot(number, kept.note);
        }
        (self, rest)
    }

    /// What is left.
    pub fn remainder(&self, plan: &Plan) -> Option<Remainder> {
        resume::remainder(plan, self.trails.iter().map(|trail| &trail.progress))
    }
}

/// One line in the log for each failure and each backup that is not as it should be, none for a success.
pub(super) fn tell(outcome: &Outcome) {
    if let Outcome::Failed { failure, .. } | Outcome::Broken(failure) = outcome {
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
