//! Events of S3 in, and the objects that they name in the backup: the same step for each key as in a run, with another
//! source of keys.
//!
//! An event says which object has changed, and nothing else of it is believed: both sides are looked at, and the rules of
//! a run decide. So doubled, late and disordered events do no harm. There is no lease, because a copy that is made twice
//! is harmless, and nothing is marked or recorded: a run is the proof.

mod buckets;
mod targets;
mod work;

use std::collections::BTreeSet;

use futures::{StreamExt, stream};

pub use buckets::EventBuckets;

use super::{StartError, begin_report, log_outcome};
use crate::config::EventRules;
use crate::diff::SkipReason;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::report::{EventCounts, Report, Warning, WarningCode};
use crate::request::{EventError, EventsRequest};
use crate::s3::Connections;

use targets::{Done, Targets};
use work::Work;

/// What became of events.
#[derive(Clone, Debug)]
pub struct EventsResult {
    /// The report of the objects, with the counts of the events.
    pub report: Report,
    /// The messages that a queue has to deliver again, by their ids.
    pub failed: Vec<String>,
}

/// Backs up the objects that events name.
///
/// # Errors
/// When the source or none of the destinations can be used: nothing was copied then, and the events come again.
pub async fn answer(
    request: &EventsRequest,
    plan: &Plan,
    rules: EventRules,
    connections: &Connections,
    buckets: &EventBuckets,
) -> Result<EventsResult, StartError> {
    let mut work = Work::of(request, &plan.source, &plan.scope.filter, rules);
    let mut report = work.warned(begin_report(plan));
    let mut failed: BTreeSet<usize> = BTreeSet::new();
    for (place, message) in request.messages.iter().enumerate() {
        failed.extend(message.problem.is_some().then_some(place));
    }
    if !work.objects.is_empty() {
        connections.begin_run();
        let limits = plan.limits;
        let connections = connections.for_run(limits.max_concurrency, limits.deadline);
        let mut opened = buckets.open(plan, &connections).await?;
        let unusable = std::mem::take(&mut opened.unusable);
        let targets = Targets::new(plan, rules, opened);
        let objects = std::mem::take(&mut work.objects);
        let at_once = limits.max_concurrency.max(1);
        let mut has_failed = false;
        let mut done = stream::iter(objects)
            .map(|(key, asked)| targets.answer(key, asked))
            .buffer_unordered(at_once);
        while let Some((asked, done)) = done.next().await {
            let is_missing = work.counts.add(&done, !unusable.is_empty());
            if is_missing {
                has_failed = true;
                failed.extend(asked.messages);
            }
            if done.spelled {
                report = report.warning(spelled_key());
            }
            for (number, outcome) in done.outcomes {
                log_outcome(&outcome);
                report = report.with(number, outcome);
            }
        }
        drop(done);
        if has_failed {
            buckets.forget().await;
        }
        for (number, unusable) in unusable {
            failed.extend(0..request.messages.len());
            let outcome = Outcome::ListingFailed(unusable.failure);
            log_outcome(&outcome);
            report = report.with(number, outcome).without_destination(number);
        }
    }
    report = with_malformed(report, &work);
    let ids = failed
        .iter()
        .map(|place| request.messages[*place].id.clone());
    Ok(EventsResult {
        failed: ids.flatten().collect(),
        report: report.of_events(work.counts),
    })
}

fn with_malformed(report: Report, work: &Work) -> Report {
    work.malformed.iter().fold(report, |report, (id, problem)| {
        let outcome = Outcome::ListingFailed(malformed(id.as_deref(), problem));
        log_outcome(&outcome);
        report.with(0, outcome)
    })
}

impl EventCounts {
    /// Counts a key, and tells whether it may be missing in a backup: in one that it could not be copied to, or in one
    /// that could not be used at all.
    fn add(&mut self, done: &Done, lacks_destinations: bool) -> bool {
        let has = |is: fn(&Outcome) -> bool| done.outcomes.iter().any(|(_, outcome)| is(outcome));
        let is_wrong =
            lacks_destinations || has(|outcome| matches!(outcome, Outcome::Failed { .. }));
        let count = if is_wrong {
            &mut self.errors
        } else if has(|outcome| matches!(outcome, Outcome::Copied { .. })) {
            &mut self.copied
        } else if has(|outcome| matches!(outcome, Outcome::Vanished { .. })) {
            &mut self.vanished
        } else if has(|outcome| {
            matches!(
                outcome,
                Outcome::Skipped {
                    reason: SkipReason::Deferred,
                    ..
                }
            )
        }) {
            &mut self.deferred
        } else if has(|outcome| matches!(outcome, Outcome::Skipped { .. })) {
            &mut self.skipped
        } else {
            &mut self.unchanged
        };
        *count += 1;
        is_wrong
    }
}

fn malformed(id: Option<&str>, problem: &EventError) -> Failure {
    let name = id.map_or_else(|| "a message".to_owned(), |id| format!("message {id}"));
    Failure {
        key: None,
        operation: "ReceiveMessage",
        code: Some("MalformedEvent".to_owned()),
        message: format!("cannot read {name}: {problem}"),
        advice: "look at it in the queue of dead letters, and at what sends it".to_owned(),
        request_id: None,
    }
}

fn spelled_key() -> Warning {
    let message = "EventBridge spelled a key as forms do: the object was found under the key that it stands for";
    Warning::of_run(WarningCode::SpelledKey, message.to_owned())
}
