//! Events of S3 in, and the objects that they name in the backup: the same step for each key as in a run, with another
//! source of keys.
//!
//! An event says which object has changed, and nothing else of it is believed: both sides are looked at, and the rules of
//! a run decide. So doubled, late and disordered events do no harm. There is no lease, because a copy that is made twice
//! is harmless, and nothing is marked or recorded: a run is the proof.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, future, stream};

use super::destination_failure::DestinationFailure;
use super::opening::{open_for_events, open_source};
use super::{StartError, log_outcome};
use crate::config::EventRules;
use crate::copy::{Copier, guarded};
use crate::diff::{self, Action, Joined, Policy, SkipReason};
use crate::failure::Failure;
use crate::model::{Key, Object};
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::report::{EventCounts, Report, Warning, WarningCode};
use crate::request::{EventsRequest, Mode, ObjectChange};
use crate::s3::{Bucket, Connections, Operation};

/// Where the program keeps its own objects, in any bucket.
const STATE: &str = ".s3-backup/";

/// What became of events.
#[derive(Clone, Debug)]
pub struct EventsResult {
    /// The report of the objects, with the counts of the events.
    pub report: Report,
    /// The messages that a queue has to deliver again, by their ids.
    pub failed: Vec<String>,
}

/// The work that the events of an invocation ask for.
#[derive(Debug, Default)]
struct Work {
    counts: EventCounts,
    objects: BTreeMap<Key, Asked>,
    /// Messages that cannot be read, with what is wrong.
    malformed: Vec<(Option<String>, String)>,
    /// Events of these buckets were refused.
    foreign: BTreeSet<String>,
}

/// A key that events name.
#[derive(Debug)]
struct Asked {
    change: ObjectChange,
    other_key: Option<Key>,
    /// The messages that name it, by their places.
    messages: BTreeSet<usize>,
}

/// What became of a key.
#[derive(Debug)]
struct Done {
    /// By the number of the destination.
    outcomes: Vec<(usize, Outcome)>,
    /// Whether it was found under the key as a form spells it.
    spelled: bool,
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
) -> Result<EventsResult, StartError> {
    let mut work = Work::of(request, plan, rules);
    let mut report = work.warned(Report::begin(plan));
    let mut failed: BTreeSet<usize> = BTreeSet::new();
    for (place, message) in request.messages.iter().enumerate() {
        failed.extend(message.events.is_err().then_some(place));
    }
    if !work.objects.is_empty() {
        let targets = Targets::open(plan, rules, connections).await?;
        let objects = std::mem::take(&mut work.objects);
        let at_once = plan.limits.max_concurrency.max(1);
        let mut done = stream::iter(objects)
            .map(|(key, asked)| targets.answer(key, asked))
            .buffer_unordered(at_once);
        while let Some((asked, done)) = done.next().await {
            if work.counts.add(&done) {
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
        for (number, unusable) in targets.unusable {
            work.counts.errors += 1;
            failed.extend(0..request.messages.len());
            let outcome = Outcome::ListingFailed(unusable.failure);
            log_outcome(&outcome);
            report = report.with(number, outcome).without_destination(number);
        }
    }
    for (id, problem) in &work.malformed {
        let outcome = Outcome::ListingFailed(malformed(id.as_deref(), problem));
        log_outcome(&outcome);
        report = report.with(0, outcome);
    }
    let ids = failed.iter().filter_map(|place| {
        let message = request.messages.get(*place)?;
        message.id.clone()
    });
    Ok(EventsResult {
        failed: ids.collect(),
        report: report.of_events(work.counts),
    })
}

impl Work {
    fn of(request: &EventsRequest, plan: &Plan, rules: EventRules) -> Self {
        let mut work = Self::default();
        for (place, message) in request.messages.iter().enumerate() {
            let events = match &message.events {
                Ok(events) => events,
                Err(problem) => {
                    work.counts.received += 1;
                    work.counts.errors += 1;
                    work.malformed.push((message.id.clone(), problem.clone()));
                    continue;
                }
            };
            for event in events {
                work.counts.received += 1;
                let is_own = event.key.as_str().starts_with(STATE);
                let is_admitted = event.key.as_str().starts_with(plan.source.prefix.as_str())
                    && plan.scope.filter.admits(&event.key);
                if event.bucket != plan.source.bucket.as_str() || is_own {
                    work.counts.refused += 1;
                    work.foreign.insert(event.bucket.clone());
                } else if event.change == ObjectChange::Other {
                    work.counts.ignored += 1;
                } else if !is_admitted {
                    work.counts.skipped += 1;
                } else if event.change == ObjectChange::Acl
                    || event.change == ObjectChange::Tags && !rules.copy_tags
                {
                    // Copies have no access list of their own, and tags are not copied anew.
                    work.counts.unchanged += 1;
                } else {
                    work.ask(
                        place,
                        event.key.clone(),
                        event.other_key.clone(),
                        event.change,
                    );
                }
            }
        }
        work
    }

    fn ask(&mut self, place: usize, key: Key, other_key: Option<Key>, change: ObjectChange) {
        let is_new = !self.objects.contains_key(&key);
        self.counts.merged += u64::from(!is_new);
        let asked = self.objects.entry(key).or_insert_with(|| Asked {
            change,
            other_key,
            messages: BTreeSet::new(),
        });
        asked.change = asked.change.max(change);
        asked.messages.insert(place);
    }

    fn warned(&self, report: Report) -> Report {
        let names: Vec<&str> = self.foreign.iter().map(String::as_str).take(10).collect();
        if names.is_empty() {
            return report;
        }
        let refused = self.counts.refused;
        let noun = if refused == 1 { "event" } else { "events" };
        let message = format!(
            "refused {refused} {noun} of {}: the function answers objects of its source, and never those below \
             {STATE}; correct the rule or the notification that sends them",
            names.join(", ")
        );
        report.warning(Warning::of_run(WarningCode::RefusedEvents, message))
    }
}

impl EventCounts {
    /// Counts a key, and tells whether something went wrong with it.
    fn add(&mut self, done: &Done) -> bool {
        let has = |is: fn(&Outcome) -> bool| done.outcomes.iter().any(|(_, outcome)| is(outcome));
        let is_wrong = has(|outcome| matches!(outcome, Outcome::Failed { .. }));
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

/// The source, and the destinations that can be used.
struct Targets {
    source: Bucket,
    rules: EventRules,
    destinations: Vec<(usize, Copier, Policy)>,
    unusable: Vec<(usize, DestinationFailure)>,
}

impl Targets {
    async fn open(
        plan: &Plan,
        rules: EventRules,
        connections: &Connections,
    ) -> Result<Self, StartError> {
        connections.begin_run();
        let limits = plan.limits;
        let connections = connections.for_run(limits.max_concurrency, limits.deadline);
        let source = open_source(plan, &connections).await?;
        let opened = plan
            .destinations
            .iter()
            .map(|planned| open_for_events(plan, &planned.destination, &connections));
        let opened = future::join_all(opened).await;
        let (mut destinations, mut unusable) = (Vec::new(), Vec::new());
        for (number, (planned, opened)) in plan.destinations.iter().zip(opened).enumerate() {
            let placement = planned.destination.placement.clone();
            match opened {
                Ok(destination) => destinations.push((
                    number,
                    Copier {
                        source: source.clone(),
                        destination,
                        placement: placement.clone(),
                        rules: plan.scope.copies.clone(),
                        parts_at_once: (limits.max_concurrency / 2).max(1),
                    },
                    Policy {
                        filter: plan.scope.filter.clone(),
                        mode: Mode::Incremental,
                        placement,
                    },
                )),
                Err(why) => unusable.push((number, why)),
            }
        }
        if destinations.is_empty() {
            let problems = unusable
                .iter()
                .map(|(_, why)| format!("{}; {}", why.failure.message, why.failure.advice));
            let problem = problems.collect::<Vec<String>>().join("; ");
            return Err(StartError::Destination { problem });
        }
        Ok(Self {
            source,
            rules,
            destinations,
            unusable,
        })
    }

    async fn answer(&self, key: Key, asked: Asked) -> (Asked, Done) {
        let work = Box::pin(self.back_up(&key, &asked));
        let done = guarded(Operation::CopyObject, Some(&key), work).await;
        let done = done.unwrap_or_else(|failure| self.all(|| failed(failure.clone())));
        (asked, done)
    }

    async fn back_up(&self, key: &Key, asked: &Asked) -> Done {
        let mut found = self.source.head(key).await;
        let mut spelled = false;
        if let (Ok(None), Some(other)) = (&found, &asked.other_key) {
            found = self.source.head(other).await;
            spelled = matches!(found, Ok(Some(_)));
        }
        let object = match found {
            Ok(Some(object)) => object,
            Ok(None) => return self.all(|| Outcome::Vanished { listed: 0 }),
            Err(error) => {
                let failure = Failure::from(error.about(key));
                return self.all(|| failed(failure.clone()));
            }
        };
        let copies_anew = asked.change == ObjectChange::Tags;
        let each = self.destinations.iter().map(|(number, copier, policy)| {
            let object = object.clone();
            async move {
                (
                    *number,
                    self.copy(object, copier, policy, copies_anew).await,
                )
            }
        });
        Done {
            outcomes: future::join_all(each).await,
            spelled,
        }
    }

    /// The step of a run for one key, at one destination.
    async fn copy(
        &self,
        object: Object,
        copier: &Copier,
        policy: &Policy,
        copies_anew: bool,
    ) -> Outcome {
        let (key, listed) = (object.key.clone(), object.size);
        let backup = match copier
            .destination
            .head(&policy.placement.backup_key(&key))
            .await
        {
            Ok(backup) => backup,
            Err(error) => return failed(error.about(&key).into()),
        };
        let pair = match backup {
            Some(backup) => Joined::Both(object, backup),
            None => Joined::Left(object),
        };
        let mode = if copies_anew { Mode::Full } else { policy.mode };
        let policy = Policy {
            mode,
            ..policy.clone()
        };
        let action = diff::decide(pair, None, &policy);
        let is_deferred = match &action {
            Action::Copy { object, .. } => {
                object.size > self.rules.max_size || object.storage_class.is_archive()
            }
            Action::Archived(..) => true,
            _ => false,
        };
        if is_deferred {
            let reason = SkipReason::Deferred;
            return Outcome::Skipped { listed, reason };
        }
        match copier.apply(action).await.outcome {
            Outcome::Interrupted => failed(interrupted(&key)),
            // An archive tier of INTELLIGENT_TIERING, which no look tells of.
            Outcome::Failed { failure, .. }
                if failure.code.as_deref() == Some("InvalidObjectState") =>
            {
                let reason = SkipReason::Deferred;
                Outcome::Skipped { listed, reason }
            }
            outcome => outcome,
        }
    }

    /// The same outcome at each destination.
    fn all(&self, outcome: impl Fn() -> Outcome) -> Done {
        let each = self
            .destinations
            .iter()
            .map(|(number, ..)| (*number, outcome()));
        Done {
            outcomes: each.collect(),
            spelled: false,
        }
    }
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Failed { listed: 0, failure }
}

fn interrupted(key: &Key) -> Failure {
    Failure {
        key: Some(key.clone()),
        operation: Operation::CopyObject.name(),
        code: Some("Interrupted".to_owned()),
        message: format!("cannot copy {key}: the function had to stop before"),
        advice: "a queue delivers the event again, and the next run copies it in any case"
            .to_owned(),
        request_id: None,
    }
}

fn malformed(id: Option<&str>, problem: &str) -> Failure {
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
