//! The second half of a run that marks deletions: what was counted in, markers out.
//!
//! It begins only when every destination has been gone through to its end and no listing broke off.
//! Objects that are gone were only counted until then. Few keys were kept in mind and are marked at once; of
//! more than that nobody keeps a list: both sides are listed again, and not more is marked than the
//! brake was asked for.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, future, stream};

use super::begin_report;
use super::comparison::Comparison;
use super::destination::{DestinationRun, Destinations};
use super::destination_failure::DestinationFailure;
use super::progress::{DestinationProgress, RunProgress, log_outcome};
use crate::copy::Batch;
use crate::deletions::{self, Decision, HeldFiles, Hold, Marker, Orphan};
use crate::diff::Action;
use crate::failure::Failure;
use crate::history::History;
use crate::list::Shards;
use crate::model::{BucketName, ETag, Key, KeyCounts, KeyRange};
use crate::outcome::{CopyResult, KeyResult, Outcome};
use crate::plan::{DestinationPlan, Intent, Marking, Plan};
use crate::report::{Deletions, Report, Warning};
use crate::resume::{Progress, Remainder};
use crate::s3::Operation;

/// Ends a run whose copies are made: its snapshots are closed, and what is gone is marked, if that is
/// wanted and may be. Marking does not change a snapshot, which describes what the source has.
pub(super) async fn finish_run(
    runs: &[DestinationRun],
    run_progress: RunProgress<'_>,
    watch: &mut impl FnMut(&Report),
) -> (Report, Option<Remainder>) {
    let (
        RunProgress {
            plan,
            report,
            by_destination,
        },
        rest,
    ) = run_progress.close().await;
    let Some(marking) = plan.task.marking() else {
        return (report, rest);
    };
    let counted = count_keys(&plan.destinations, &by_destination);
    let report = with_foreign(report, &plan.destinations, &counted, &by_destination);
    let told = deletions_note(&counted, &by_destination);
    let lacks_destinations = report.lacks_destinations();
    if let Some(why) = postponed(marking, lacks_destinations, &by_destination, rest.as_ref()) {
        let report = report.with_deletions(told.postponed(why));
        return (report, rest);
    }
    let files = runs.iter().map(|run| run.held_file(deletions::DELETIONS));
    let files = HeldFiles::of(plan.description(), files.collect());
    match Box::pin(deletions::decide(&files, marking, &counted)).await {
        Decision::Hold(hold) => {
            let report = report_hold(report, &plan.run.id, told, hold);
            (report, rest)
        }
        Decision::Proceed => {
            let report = report.with_deletions(told);
            match plan.task.intent() {
                Intent::DryRun | Intent::Plan => (report, rest),
                Intent::Copy => {
                    let plan = approved_plan(plan.clone(), &counted);
                    let known = by_destination
                        .into_iter()
                        .map(|destination_progress| destination_progress.gone)
                        .collect();
                    let destinations = Destinations {
                        usable: runs.to_vec(),
                        unusable: Vec::new(),
                    };
                    Box::pin(mark(&plan, destinations, report, known, watch)).await
                }
            }
        }
    }
}

/// Why nothing is marked by this invocation, whatever was counted.
fn postponed<'a>(
    marking: &'a Marking,
    lacks_destinations: bool,
    by_destination: &[DestinationProgress],
    rest: Option<&Remainder>,
) -> Option<&'a str> {
    let mut progress = by_destination.iter().map(|own| &own.progress);
    if lacks_destinations {
        Some(
            "a destination could not be used, and what is gone is marked in all of them or in none",
        )
    } else if progress.any(Progress::is_broken) {
        Some("a listing broke off, so nobody knows what is gone; the next run looks again")
    } else if let Some(why) = &marking.postponed {
        Some(why)
    } else {
        rest.map(|_| "not everything was counted yet")
    }
}

/// Goes on with a run that was stopped while it marked.
pub(super) async fn resume_marking(
    plan: &Plan,
    destinations: Destinations<DestinationRun>,
    watch: &mut impl FnMut(&Report),
) -> (Report, Option<Remainder>) {
    let told = Deletions {
        due: plan.destinations.iter().map(|planned| planned.agreed).sum(),
        foreign: None,
        ..Deletions::default()
    };
    let report = destinations.note_failures(begin_report(plan));
    let postponed = plan.task.marking();
    if let Some(why) = postponed.and_then(|marking| marking.postponed.as_deref()) {
        return (report.with_deletions(told.postponed(why)), None);
    }
    let report = report.with_deletions(told);
    Box::pin(mark(plan, destinations, report, Vec::new(), watch)).await
}

/// What was counted for each destination, before the run was stopped and since.
fn count_keys(
    destinations: &[DestinationPlan],
    by_destination: &[DestinationProgress],
) -> Vec<KeyCounts> {
    let destinations = destinations.iter().zip(by_destination);
    destinations
        .map(|(planned, destination_progress)| {
            planned.counted + destination_progress.progress.counted()
        })
        .collect()
}

fn deletions_note(counted: &[KeyCounts], by_destination: &[DestinationProgress]) -> Deletions {
    let gone = by_destination
        .iter()
        .flat_map(|destination_progress| destination_progress.gone.keys());
    let keys: BTreeSet<Key> = gone.cloned().collect();
    let shares = counted.iter().map(deletions::percent);
    let told = Deletions {
        due: counted.iter().map(|census| census.gone).sum(),
        percent: shares.reduce(f64::max),
        foreign: Some(counted.iter().map(|census| census.foreign).sum()),
        ..Deletions::default()
    };
    told.naming(&keys)
}

/// Warns of what is in a backup bucket and not the job's own.
fn with_foreign(
    report: Report,
    destinations: &[DestinationPlan],
    counted: &[KeyCounts],
    by_destination: &[DestinationProgress],
) -> Report {
    let destinations = destinations.iter().zip(counted).zip(by_destination);
    destinations
        .filter(|((_, census), _)| census.foreign > 0)
        .fold(
            report,
            |report, ((planned, census), destination_progress)| {
                let bucket = &planned.destination.location.bucket;
                report.warning(Warning::foreign(
                    bucket,
                    census.foreign,
                    &destination_progress.foreign,
                    destination_progress.has_snapshot,
                ))
            },
        )
}

fn report_hold(report: Report, run_id: &str, told: Deletions, hold: Hold) -> Report {
    let deletions = Deletions {
        held: Some(hold.why),
        confirm: hold.can_be_confirmed.then(|| run_id.to_owned()),
        ..told
    };
    let report = report.with_deletions(deletions);
    hold.failures
        .into_iter()
        .fold(report, |report, (number, failure)| {
            let outcome = Outcome::ListingFailed(failure);
            log_outcome(&outcome);
            report.with(number, outcome)
        })
}

/// The plan of what is left: to mark so many of each destination, wherever they are.
fn approved_plan(mut plan: Plan, counted: &[KeyCounts]) -> Plan {
    for (planned, census) in plan.destinations.iter_mut().zip(counted) {
        planned.agreed = census.gone;
        planned.ranges = match census.gone {
            0 => Vec::new(),
            _ => vec![KeyRange::all()],
        };
    }
    if let Some(marking) = plan.task.marking_mut() {
        // A key that was let through need not ask again.
        marking.confirm = None;
    }
    plan.task = plan.task.into_marking();
    plan
}

/// Marks what is gone from all destinations, side by side.
async fn mark(
    plan: &Plan,
    destinations: Destinations<DestinationRun>,
    report: Report,
    known: Vec<BTreeMap<Key, ETag>>,
    watch: &mut impl FnMut(&Report),
) -> (Report, Option<Remainder>) {
    let mut by_destination = Vec::new();
    let mut outcomes = Vec::new();
    for run in destinations.usable {
        let known = known.get(run.number);
        // The plan of what is left says how many may be marked, and where.
        let planned = plan
            .destinations
            .get(run.number)
            .unwrap_or(&run.planned)
            .clone();
        let known = known.filter(|known| known.len() as u64 == planned.agreed);
        let (destination_progress, own) =
            mark_in(plan, &DestinationRun { planned, ..run }, known).await;
        by_destination.push((run.number, destination_progress));
        outcomes.push((run.number, own));
    }
    let unusable = destinations
        .unusable
        .into_iter()
        .map(DestinationFailure::outcomes);
    let outcomes = outcomes.into_iter().chain(unusable);
    let run_progress = RunProgress::begin(plan, report, by_destination.into_iter());
    let run_progress = run_progress.follow(outcomes, watch).await;
    let rest = run_progress.remainder();
    (run_progress.report, rest)
}

/// Marks what is gone from one destination: these keys, or what listings find.
async fn mark_in(
    plan: &Plan,
    run: &DestinationRun,
    known: Option<&BTreeMap<Key, ETag>>,
) -> (DestinationProgress, BoxStream<'static, KeyResult>) {
    let planned = &run.planned;
    let at_once = plan.limits.max_concurrency.max(1);
    let all = || Progress::of(Shards::new(planned.ranges.clone()));
    if let Some(known) = known {
        let outcomes = outcomes_of(run, at_once, in_mind(known));
        return (DestinationProgress::of(all()), outcomes.boxed());
    }
    // The snapshot that was written after the copies knows what is gone, too.
    let history = History::open(run.destination.clone(), planned.job.clone()).await;
    let comparison = Comparison::open(plan, run.clone(), history.clone(), planned.ranges.clone());
    let destination_progress = comparison.destination_progress();
    let steps = listed(comparison.batches(), planned.agreed);
    let bucket = run.destination.name().clone();
    let doubt = stream::once(async move { doubt(&history, &bucket) });
    let doubt = doubt.filter_map(future::ready);
    let outcomes = outcomes_of(run, at_once, steps).chain(doubt);
    (destination_progress, outcomes.boxed())
}

/// Without its snapshot, a job cannot tell which backups are its own: they are left, and that is an error.
fn doubt(history: &History, bucket: &BucketName) -> Option<KeyResult> {
    let problem = history.problem()?;
    let failure = Failure {
        key: None,
        operation: Operation::GetObject.name(),
        code: Some("SnapshotUnreadable".to_owned()),
        message: format!(
            "not everything that is gone could be marked in bucket {bucket}: {problem}"
        ),
        advice: format!(
            "{}; the next run counts anew and marks what is left",
            problem.advice()
        ),
        request_id: None,
    };
    Some(result(0, None, Outcome::ListingFailed(failure)))
}

/// The work on a key: it is marked, or it is already known what became of it.
enum Step {
    Mark { shard: usize, orphan: Orphan },
    Done(Box<KeyResult>),
}

/// The keys that were kept in mind, where these are all.
fn in_mind(keys: &BTreeMap<Key, ETag>) -> impl Stream<Item = Step> + use<> {
    let steps = keys.iter().map(|(key, etag)| Step::Mark {
        shard: 0,
        orphan: Orphan {
            key: key.clone(),
            etag: etag.clone(),
        },
    });
    let steps: Vec<Step> = steps.chain([done(0, None, Outcome::End)]).collect();
    stream::iter(steps)
}

/// The keys that a listing finds gone, in the order of each shard, and not more than that many. Of the
/// others only the last one of a page is passed on, to tell how far it has come.
fn listed(batches: impl Stream<Item = Batch>, most: u64) -> impl Stream<Item = Step> {
    let mut left = most;
    batches.flat_map(move |(shard, actions)| {
        let last = actions.iter().rev().find_map(Action::key).cloned();
        let mut steps = Vec::new();
        let mut end = Vec::new();
        for action in actions {
            match action {
                Action::Orphan(backup, _) if left > 0 => {
                    left -= 1;
                    let orphan = Orphan {
                        key: backup.key,
                        etag: backup.etag,
                    };
                    steps.push(Step::Mark { shard, orphan });
                }
                Action::Break(error) => {
                    end.push(done(shard, None, Outcome::ListingFailed(error.into())));
                }
                Action::End => end.push(done(shard, None, Outcome::End)),
                Action::Copy { .. }
                | Action::Keep(..)
                | Action::Archived(..)
                | Action::Skip { .. }
                | Action::Refuse(..)
                | Action::Orphan(..)
                | Action::Foreign(_)
                | Action::Ignore(..) => {}
            }
        }
        steps.extend(last.map(|key| done(shard, Some(key), Outcome::BackupOnly)));
        steps.extend(end);
        stream::iter(steps)
    })
}

fn done(shard: usize, key: Option<Key>, outcome: Outcome) -> Step {
    Step::Done(Box::new(result(shard, key, outcome)))
}

/// Nothing is recorded of it, so that its place does not matter.
fn result(shard: usize, key: Option<Key>, outcome: Outcome) -> KeyResult {
    KeyResult {
        shard,
        sequence: 0,
        key,
        result: CopyResult::from(outcome),
        forecast: None,
        counted: KeyCounts::default(),
    }
}

/// What becomes of each step, a batch at a time. When it is time to stop nothing more is begun.
fn outcomes_of<S: Stream<Item = Step> + Send + 'static>(
    run: &DestinationRun,
    at_once: usize,
    steps: S,
) -> impl Stream<Item = KeyResult> + use<S> {
    let marker = Marker {
        source: run.source.clone(),
        destination: run.destination.clone(),
        placement: run.planned.destination.placement.clone(),
        at_once,
    };
    let stop = run.stop();
    steps
        .take_until(Box::pin(stop))
        .ready_chunks(at_once)
        .then(move |steps| {
            let marker = marker.clone();
            async move { stream::iter(batch(&marker, steps).await) }
        })
        .flatten()
}

/// What becomes of a batch. Ends of shards are told after what stands before them.
async fn batch(marker: &Marker, steps: Vec<Step>) -> Vec<KeyResult> {
    let mut shards = BTreeMap::new();
    let mut orphans = Vec::new();
    let mut done = Vec::new();
    for step in steps {
        match step {
            Step::Done(step) => done.push(*step),
            Step::Mark { shard, orphan } => {
                shards.insert(orphan.key.clone(), shard);
                orphans.push(orphan);
            }
        }
    }
    let outcomes = marker.mark_all(orphans).await.into_iter();
    let outcomes = outcomes.filter_map(|(key, outcome)| {
        let shard = shards.remove(&key)?;
        Some(result(shard, Some(key), outcome))
    });
    outcomes.chain(done).collect()
}
