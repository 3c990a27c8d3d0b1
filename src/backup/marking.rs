//! The second half of a run that marks deletions: what was counted in, markers out.
//!
//! It begins only when every destination has been gone through to its end and no listing broke off.
//! What is gone was only counted until then. Few keys were kept in mind and are marked at once; of
//! more than that nobody keeps a list: both sides are listed again, and not more is marked than the
//! brake was asked for.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};

use super::course::{Course, Trail, tell};
use super::destination::{DestinationRun, Destinations, Unusable};
use super::pass::Pass;
use crate::copy::{Batch, Done, Outcome, Settled};
use crate::deletions::{self, Decision, Hold, Marker};
use crate::diff::Action;
use crate::history::History;
use crate::list::Territory;
use crate::model::{Census, Key, KeyRange};
use crate::plan::{Intent, Plan, Stage};
use crate::report::{Deletions, Report};
use crate::resume::{Progress, Remainder};
use crate::s3::Bucket;

/// Keys that are kept in mind for each destination: a megabyte at most, and enough for all but a few
/// nights.
const MOST_KEPT: usize = 1000;

/// Keeps a key in mind, if it is among the first ones.
pub(super) fn remember(gone: &mut BTreeSet<Key>, key: &Key) {
    gone.insert(key.clone());
    if gone.len() > MOST_KEPT {
        gone.pop_last();
    }
}

/// Ends a run whose copies are made: its snapshots are closed, and what is gone is marked, if that is
/// wanted and may be. Marking does not change a snapshot, which describes what the source has.
pub(super) async fn finish(
    plan: &Plan,
    runs: &[DestinationRun],
    course: Course,
    watch: &mut impl FnMut(&Report),
) -> (Report, Option<Remainder>) {
    let (Course { report, trails }, rest) = course.close(plan).await;
    let Some(marking) = &plan.marking else {
        return (report, rest);
    };
    let counted = counted(plan, &trails);
    let told = told(&counted, &trails);
    let postponed = if report.lacks_destinations() {
        Some(
            "a destination could not be used, and what is gone is marked in all of them or in none",
        )
    } else if trails.iter().any(|trail| trail.progress.is_broken()) {
        Some("a listing broke off, so nobody knows what is gone; the next run looks again")
    } else if let Some(why) = &marking.postponed {
        Some(why.as_str())
    } else if rest.is_some() {
        Some("not everything was counted yet")
    } else {
        None
    };
    if let Some(why) = postponed {
        let report = report.with_deletions(told.postponed(why));
        return (report, rest);
    }
    let destinations: Vec<Bucket> = runs.iter().map(|run| run.destination.clone()).collect();
    let decided = deletions::decide(plan, marking, &destinations, &counted);
    match Box::pin(decided).await {
        Decision::Hold(hold) => {
            let report = held(report, plan, told, hold);
            (report, rest)
        }
        Decision::Mark => {
            let report = report.with_deletions(told);
            match plan.intent {
                Intent::DryRun | Intent::Plan => (report, rest),
                Intent::Copy => {
                    let plan = agreed(plan, &counted);
                    let known = trails.into_iter().map(|trail| trail.gone).collect();
                    let destinations = Destinations {
                        usable: runs.to_vec(),
                        unusable: Vec::new(),
                    };
                    mark(&plan, destinations, report, known, watch).await
                }
            }
        }
    }
}

/// Goes on with a run that was stopped while it marked.
pub(super) async fn go_on(
    plan: &Plan,
    destinations: Destinations<DestinationRun>,
    watch: &mut impl FnMut(&Report),
) -> (Report, Option<Remainder>) {
    let told = Deletions {
        due: plan.legs.iter().map(|leg| leg.agreed).sum(),
        ..Deletions::default()
    };
    let report = destinations.told(Report::begin(plan));
    let postponed = plan.marking.as_ref();
    if let Some(why) = postponed.and_then(|marking| marking.postponed.as_deref()) {
        return (report.with_deletions(told.postponed(why)), None);
    }
    let report = report.with_deletions(told);
    mark(plan, destinations, report, Vec::new(), watch).await
}

/// What was counted for each destination, before the run was stopped and since.
fn counted(plan: &Plan, trails: &[Trail]) -> Vec<Census> {
    let legs = plan.legs.iter().zip(trails);
    legs.map(|(leg, trail)| leg.counted + trail.progress.counted())
        .collect()
}

fn told(counted: &[Census], trails: &[Trail]) -> Deletions {
    let gone = trails.iter().flat_map(|trail| &trail.gone);
    let keys: BTreeSet<Key> = gone.cloned().collect();
    let shares = counted.iter().map(deletions::percent);
    let told = Deletions {
        due: counted.iter().map(|census| census.gone).sum(),
        percent: shares.reduce(f64::max),
        ..Deletions::default()
    };
    told.naming(&keys)
}

fn held(report: Report, plan: &Plan, told: Deletions, hold: Hold) -> Report {
    let deletions = Deletions {
        held: Some(hold.why),
        confirm: hold.can_be_confirmed.then(|| plan.run.id.clone()),
        ..told
    };
    let report = report.with_deletions(deletions);
    hold.failures
        .into_iter()
        .fold(report, |report, (number, failure)| {
            let outcome = Outcome::Broken(failure);
            tell(&outcome);
            report.with(number, outcome)
        })
}

/// The plan of what is left: to mark so many of each destination, wherever they are.
fn agreed(plan: &Plan, counted: &[Census]) -> Plan {
    let mut plan = plan.clone();
    for (leg, census) in plan.legs.iter_mut().zip(counted) {
        leg.agreed = census.gone;
        leg.ranges = match census.gone {
            0 => Vec::new(),
            _ => vec![KeyRange::all()],
        };
    }
    if let Some(marking) = &mut plan.marking {
        // Whoever has been let through need not ask again.
        (marking.stage, marking.confirm) = (Stage::Mark, None);
    }
    plan
}

/// Marks what is gone from all destinations, side by side.
async fn mark(
    plan: &Plan,
    destinations: Destinations<DestinationRun>,
    report: Report,
    known: Vec<BTreeSet<Key>>,
    watch: &mut impl FnMut(&Report),
) -> (Report, Option<Remainder>) {
    let mut trails = Vec::new();
    let mut outcomes = Vec::new();
    for run in destinations.usable {
        let known = known.get(run.number);
        // The plan of what is left says how many may be marked, and where.
        let leg = plan.legs.get(run.number).unwrap_or(&run.leg).clone();
        let known = known.filter(|known| known.len() as u64 == leg.agreed);
        let (trail, own) = mark_in(plan, &DestinationRun { leg, ..run }, known);
        trails.push((run.number, trail));
        outcomes.push((run.number, own));
    }
    let unusable = destinations.unusable.into_iter().map(Unusable::outcomes);
    let outcomes = outcomes.into_iter().chain(unusable);
    let course = Course::begin(plan, report, trails.into_iter());
    let course = course.follow(plan, outcomes, watch).await;
    let rest = course.remainder(plan);
    (course.report, rest)
}

/// Marks what is gone from one destination: these keys, or what listings find.
fn mark_in(
    plan: &Plan,
    run: &DestinationRun,
    known: Option<&BTreeSet<Key>>,
) -> (Trail, BoxStream<'static, Done>) {
    let leg = &run.leg;
    let all = || Progress::of(Territory::new(leg.ranges.clone()));
    if let Some(known) = known {
        let outcomes = outcomes_of(plan, run, in_mind(known));
        return (Trail::of(all()), outcomes.boxed());
    }
    // What is gone is gone, whatever the last snapshot says of it.
    let history = History::none(run.destination.clone(), leg.job.clone());
    let pass = Pass::open(plan, run.clone(), history, leg.ranges.clone());
    let trail = pass.trail();
    let steps = listed(pass.batches(plan), leg.agreed);
    (trail, outcomes_of(plan, run, steps).boxed())
}

/// What is done about a key: it is marked, or it is already known what became of it.
enum Step {
    Mark { piece: usize, key: Key },
    Done(Box<Done>),
}

/// The keys that were kept in mind, where these are all.
fn in_mind(keys: &BTreeSet<Key>) -> impl Stream<Item = Step> + use<> {
    let steps = keys.iter().cloned().map(|key| Step::Mark { piece: 0, key });
    let steps: Vec<Step> = steps.chain([done(0, None, Outcome::End)]).collect();
    stream::iter(steps)
}

/// The keys that a listing finds gone, in the order of each piece, and not more than that many. Of the
/// others only the last one of a page is passed on, to tell how far it has come.
fn listed(batches: impl Stream<Item = Batch>, most: u64) -> impl Stream<Item = Step> {
    let mut left = most;
    batches.flat_map(move |(piece, actions)| {
        let last = actions.iter().rev().find_map(Action::key).cloned();
        let mut steps = Vec::new();
        let mut end = Vec::new();
        for action in actions {
            match action {
                Action::Orphan(backup) if left > 0 => {
                    left -= 1;
                    let key = backup.key;
                    steps.push(Step::Mark { piece, key });
                }
                Action::Break(error) => {
                    end.push(done(piece, None, Outcome::Broken(error.into())));
                }
                Action::End => end.push(done(piece, None, Outcome::End)),
                Action::Copy { .. }
                | Action::Keep(..)
                | Action::Archived(..)
                | Action::Skip { .. }
                | Action::Refuse(..)
                | Action::Orphan(_)
                | Action::Ignore(_) => {}
            }
        }
        steps.extend(last.map(|key| done(piece, Some(key), Outcome::Kept)));
        steps.extend(end);
        stream::iter(steps)
    })
}

fn done(piece: usize, key: Option<Key>, outcome: Outcome) -> Step {
    Step::Done(Box::new(settled(piece, key, outcome)))
}

/// Nothing is recorded of it, so that its place does not matter.
fn settled(piece: usize, key: Option<Key>, outcome: Outcome) -> Done {
    Done {
        piece,
        place: 0,
        key,
        settled: Settled::from(outcome),
        forecast: None,
        counted: Census::default(),
    }
}

/// What becomes of each step, a batch at a time. When it is time to stop nothing more is begun.
fn outcomes_of<S: Stream<Item = Step> + Send + 'static>(
    plan: &Plan,
    run: &DestinationRun,
    steps: S,
) -> impl Stream<Item = Done> + use<S> {
    let at_once = plan.limits.max_concurrency.max(1);
    let marker = Marker {
        source: run.source.clone(),
        destination: run.destination.clone(),
        placement: run.leg.destination.placement.clone(),
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

/// What becomes of a batch. Ends of pieces are told after what stands before them.
async fn batch(marker: &Marker, steps: Vec<Step>) -> Vec<Done> {
    let mut pieces = BTreeMap::new();
    let mut done = Vec::new();
    for step in steps {
        match step {
            Step::Done(step) => done.push(*step),
            Step::Mark { piece, key } => {
                pieces.insert(key, piece);
            }
        }
    }
    let keys = pieces.keys().cloned().collect();
    let outcomes = marker.mark_all(keys).await.into_iter();
    let outcomes = outcomes.filter_map(|(key, outcome)| {
        let piece = pieces.remove(&key)?;
        Some(settled(piece, Some(key), outcome))
    });
    outcomes.chain(done).collect()
}
