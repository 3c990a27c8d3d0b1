//! How a run finds what another one has left, and leaves what is left of itself.
//!
//! The states of a run are read under the leases of the next one, and used once: whoever writes first
//! that it goes on from there does. A cursor that comes again is answered with where the run that used it
//! is now. Only if that run has died without a word are its states taken up once more, and then nothing
//! is marked: nobody knows what it did.

use std::fmt::Display;
use std::time::SystemTime;

use super::RunResult;
use super::destination::DestinationRun;
use super::opening::StartError;
use crate::failure::Failure;
use crate::model::{Cursor, CursorReference, ETag, Key, Phase, StateLink};
use crate::outcome::Outcome;
use crate::plan::{DestinationPlan, Intent, Plan, Run, RunDescription, Stage};
use crate::report::{ContinuedRun, Deletions, Report};
use crate::resume::{self, Remainder, RunEnd, RunState, Successor};
use crate::s3::{Bucket, Cause, Condition, Operation, S3Error};

/// The longest chain of runs that is followed: more than a state machine ever makes.
const MOST_RUNS: usize = 1_000;

/// What becomes of a request to go on.
pub(super) enum Continuation {
    /// The run goes on, as this plan says.
    Run(Box<Plan>, Vec<Use>),
    /// Nothing is to be done.
    Answered(Box<RunResult>),
}

/// The word that a run has gone on from a state.
pub(super) struct Use {
    bucket: Bucket,
    key: Key,
    successor: Successor,
    etag: ETag,
}

/// Reads the states that a plan goes on with, and says that they are used.
pub(super) async fn open(plan: &Plan, runs: &[DestinationRun]) -> Result<Continuation, StartError> {
    let Some(run_id) = &plan.continues else {
        return Ok(Continuation::Run(Box::new(plan.clone()), Vec::new()));
    };
    let mut states = Vec::new();
    for run in runs {
        states.push((run.number, state(plan.description(), run).await?));
    }
    go_on(plan, run_id, runs, states).await
}

/// Goes on with these states of a run, and says that they are used.
pub(super) async fn go_on(
    plan: &Plan,
    run_id: &str,
    runs: &[DestinationRun],
    states: Vec<(usize, RunState)>,
) -> Result<Continuation, StartError> {
    let mut found = Vec::new();
    for (run, (_, state)) in runs.iter().zip(&states) {
        found.push(successor(run, &state.run_id).await?);
    }
    let is_used = |(used, _): &&(Successor, ETag)| !used.was_given_back();
    let before = found
        .iter()
        .flatten()
        .find(is_used)
        .map(|(used, _)| used.clone());
    if let Some(before) = &before {
        let report = super::begin_report(plan);
        let answer = Chain { report, runs }.answer(run_id, before).await?;
        if let Some(ended) = answer {
            return Ok(Continuation::Answered(Box::new(ended)));
        }
    }
    let mut plan = gone_on(plan.clone(), &states)?;
    if let (Some(marking), Some(before)) = (plan.task.marking_mut(), before) {
        marking.postponed = Some(format!(
            "run {} had gone on from the same cursor and ended without a word, so that nobody knows what it \
             marked; the next run counts anew",
            before.run_id
        ));
    }
    let mut uses = Vec::new();
    for ((run, (_, state)), found) in runs.iter().zip(&states).zip(found) {
        let condition = found.map_or(Condition::Create, |(_, etag)| Condition::Replace(etag));
        uses.push(use_state(&plan.run, run, &state.run_id, &condition).await?);
    }
    Ok(Continuation::Run(Box::new(plan), uses))
}

/// The state of a destination, if it is the one that the cursor refers to and of this very job and request.
async fn state(wanted: RunDescription<'_>, run: &DestinationRun) -> Result<RunState, StartError> {
    let (planned, bucket) = (&run.planned, &run.destination);
    let Some(link) = &planned.state else {
        return Err(StartError::request("the cursor names no state"));
    };
    let (run_id, key) = (&link.run_id, &link.key);
    let lost = |problem: &dyn Display| {
        StartError::request(&format!(
            "cannot continue run {run_id}: its state {key} of bucket {} {problem}; nothing was done: run again \
             with {{}}, which compares everything and copies what is missing",
            bucket.name()
        ))
    };
    let read = bucket.read_state(&Key::new(key.as_str())).await;
    let Some(found) = read.map_err(|error| StartError::destination(&error))?.state else {
        return Err(lost(&"is missing"));
    };
    let state = RunState::follow(&found.body, link).map_err(|problem| lost(&problem))?;
    match state.objection(wanted, planned) {
        Some(objection) => Err(lost(&format!("is of something else: {objection}"))),
        None => Ok(state),
    }
}

/// The run that has gone on from the state of a run, if any has.
async fn successor(
    run: &DestinationRun,
    run_id: &str,
) -> Result<Option<(Successor, ETag)>, StartError> {
    let (planned, bucket) = (&run.planned, &run.destination);
    let key = Successor::key(&planned.job, run_id);
    let read = bucket.read_state(&key).await;
    let Some(found) = read.map_err(|error| StartError::destination(&error))?.state else {
        return Ok(None);
    };
    let name = bucket.name();
    let successor = Successor::parse(&found.body).map_err(|problem| {
        StartError::request(&format!(
            "the cursor of run {run_id} was used already, and {key} of bucket {name}, which says by which run, \
             {problem}; nothing was done: run again with {{}}"
        ))
    })?;
    Ok(Some((successor, found.etag)))
}

/// Says that this run goes on from a state.
async fn use_state(
    this: &Run,
    run: &DestinationRun,
    run_id: &str,
    condition: &Condition,
) -> Result<Use, StartError> {
    let (planned, bucket) = (&run.planned, &run.destination);
    let key = Successor::key(&planned.job, run_id);
    let successor = Successor::begin(&this.id, this.started);
    match write(bucket, &key, successor.to_json(), condition).await {
        Ok(etag) => Ok(Use {
            bucket: bucket.clone(),
            key,
            successor,
            etag,
        }),
        Err(error) if error.cause == Cause::ChangedMeanwhile => Err(StartError::AlreadyRunning {
            problem: format!(
                "another run has gone on from the cursor of run {run_id} in the same moment, in bucket {}; send \
                 the cursor again to learn where that run is",
                bucket.name()
            ),
        }),
        Err(error) => Err(StartError::destination(&error)),
    }
}

/// The plan with what the states say.
fn gone_on(mut plan: Plan, states: &[(usize, RunState)]) -> Result<Plan, StartError> {
    let mut seen = Vec::new();
    for (number, state) in states {
        let Some(planned) = plan.destinations.get_mut(*number) else {
            continue;
        };
        let told = state.tell(planned);
        seen.push(told.map_err(|problem| StartError::request(&format!("the state {problem}")))?);
    }
    plan.first_run = states.first().map(|(_, state)| state.first_run_id.clone());
    let stage = seen.first().copied().unwrap_or(Stage::Copy);
    if seen.iter().any(|other| *other != stage) {
        return Err(StartError::request(
            "the states of the cursor do not belong together: some were copying and some were marking",
        ));
    }
    if stage == Stage::Mark {
        plan.task = plan.task.into_marking();
    }
    if let Some(marking) = plan.task.marking_mut() {
        marking.confirm = states
            .iter()
            .find_map(|(_, state)| state.confirm())
            .cloned();
        if !states.iter().all(|(_, state)| state.knows_deletions()) {
            let why = "it is not known what was counted before the run was stopped; the next run counts anew";
            marking.postponed = Some(why.to_owned());
        }
    }
    Ok(plan)
}

/// The runs that have gone on one from the other.
struct Chain<'a> {
    /// The report of a run that has done nothing.
    report: Report,
    runs: &'a [DestinationRun],
}

impl Chain<'_> {
    /// The answer to a cursor that was used; none if the run that used it has died.
    async fn answer(
        &self,
        run_id: &str,
        used: &Successor,
    ) -> Result<Option<RunResult>, StartError> {
        let mut stopped = run_id.to_owned();
        let mut last = used.clone();
        for _ in 0..MOST_RUNS {
            let has_stopped = self.cursor(&last.run_id).await?.is_some();
            match &last.ended {
                Some(end) if !has_stopped => {
                    return Ok(Some(self.finished(run_id, used, &last, end)));
                }
                None if !has_stopped => break,
                Some(_) | None => {}
            }
            stopped.clone_from(&last.run_id);
            match self.successor(&stopped).await? {
                Some(next) => last = next,
                None => break,
            }
        }
        if stopped == run_id {
            return Ok(None);
        }
        let cursor = self.cursor(&stopped).await?;
        let report = self.report.clone().continued(ContinuedRun {
            run_id: run_id.to_owned(),
            by: used.run_id.clone(),
            last: stopped,
            status: "stopped".to_owned(),
            message: None,
        });
        Ok(Some(RunResult { report, cursor }))
    }

    fn finished(
        &self,
        run_id: &str,
        used: &Successor,
        last: &Successor,
        end: &RunEnd,
    ) -> RunResult {
        let report = self.report.clone().continued(ContinuedRun {
            run_id: run_id.to_owned(),
            by: used.run_id.clone(),
            last: last.run_id.clone(),
            status: end.status.clone(),
            message: Some(end.message.clone()),
        });
        let report = match end.status.as_str() {
            "complete" => report,
            "held" => report.with_deletions(Deletions {
                held: Some(format!("run {} is held", last.run_id)),
                confirm: end.confirm.clone(),
                ..Deletions::default()
            }),
            _ => report.with(0, Outcome::ListingFailed(was_incomplete(&last.run_id, end))),
        };
        let cursor = None;
        RunResult { report, cursor }
    }

    async fn successor(&self, run_id: &str) -> Result<Option<Successor>, StartError> {
        for run in self.runs {
            match successor(run, run_id).await? {
                Some((successor, _)) if !successor.was_given_back() => return Ok(Some(successor)),
                Some(_) | None => {}
            }
        }
        Ok(None)
    }

    /// The cursor of a run that has stopped; none of one that has left no state.
    async fn cursor(&self, run_id: &str) -> Result<Option<Cursor>, StartError> {
        let mut links = Vec::new();
        let mut first = None;
        for run in self.runs {
            let (planned, bucket) = (&run.planned, &run.destination);
            let key = RunState::key(&planned.job, run_id);
            let read = bucket.read_state(&key).await;
            let read = read.map_err(|error| StartError::destination(&error))?;
            let Some(found) = read.state else { continue };
            let state = RunState::parse(&found.body).map_err(|problem| {
                StartError::request(&format!(
                    "the cursor was used already, and {key} of bucket {} {problem}; run again with {{}}",
                    bucket.name()
                ))
            })?;
            links.push(state.link(&key, &found.body));
            first.get_or_insert(state);
        }
        Ok(first.map(|state: RunState| Cursor::Reference(state.cursor(links))))
    }
}

fn was_incomplete(run_id: &str, end: &RunEnd) -> Failure {
    Failure {
        key: None,
        operation: Operation::GetObject.name(),
        code: Some("ContinuedIncomplete".to_owned()),
        message: format!(
            "run {run_id}, which went on from this cursor, ended {}: {}",
            end.status, end.message
        ),
        advice: "see what that run has reported, and run again with {}".to_owned(),
        request_id: None,
    }
}

/// Ends a run: what is left becomes a cursor, and what it has gone on from is told how it ended.
pub(super) async fn close(
    plan: &Plan,
    runs: &[DestinationRun],
    uses: Vec<Use>,
    (report, rest): (Report, Option<Remainder>),
) -> RunResult {
    let elsewhere = left_elsewhere(&plan.destinations, runs);
    let rest = match rest {
        None if elsewhere.is_empty() => None,
        rest => {
            Some(rest.unwrap_or_else(|| Remainder::nothing(&plan.task, plan.destinations.len())))
        }
    };
    let ranges = |rest: &Remainder| {
        let run = plan.description();
        Cursor::Ranges(resume::ranges_cursor(run, &plan.destinations, rest))
    };
    let cursor = match (rest, plan.task.intent()) {
        (None, _) => None,
        (Some(rest), Intent::DryRun | Intent::Plan) => Some(ranges(&rest)),
        (Some(rest), Intent::Copy) => {
            let reference = leave(plan.description(), runs, &rest, elsewhere).await;
            let reference = reference.unwrap_or_else(|error| {
                tracing::warn!(%error, "what is left cannot be written; the cursor holds it and only copies");
                None
            });
            Some(reference.map_or_else(|| ranges(&rest), Cursor::Reference))
        }
    };
    // A run that has lost its lease may not know how the other ended.
    let is_lost = runs
        .iter()
        .any(|run| run.destination.fence().stop().is_some());
    let status = report.status(cursor.as_ref()).name();
    let end = RunEnd {
        at: SystemTime::now().into(),
        status: if is_lost { "incomplete" } else { status }.to_owned(),
        message: report.sentence(cursor.as_ref()),
        confirm: report.to_confirm(),
    };
    for one in uses {
        one.end(end.clone()).await;
    }
    RunResult { report, cursor }
}

/// The states of a continued run in destinations that this one cannot use: they are not used up.
fn left_elsewhere(destinations: &[DestinationPlan], runs: &[DestinationRun]) -> Vec<StateLink> {
    let is_usable = |number: usize| runs.iter().any(|run| run.number == number);
    let numbered = destinations.iter().enumerate();
    let unusable = numbered.filter(|(number, _)| !is_usable(*number));
    unusable
        .filter_map(|(_, planned)| planned.state.clone())
        .collect()
}

/// Writes what is left into each backup bucket. None if it is left where nothing can be written.
async fn leave(
    this: RunDescription<'_>,
    runs: &[DestinationRun],
    rest: &Remainder,
    elsewhere: Vec<StateLink>,
) -> Result<Option<CursorReference>, S3Error> {
    let is_written = |number: usize| runs.iter().any(|run| run.number == number);
    let mut destinations = rest.destinations.iter().enumerate();
    if destinations.any(|(number, left)| !left.ranges().is_empty() && !is_written(number)) {
        return Ok(None);
    }
    let mut links: Vec<StateLink> = Vec::new();
    let mut named = None;
    for run in runs {
        let (planned, bucket) = (&run.planned, &run.destination);
        let Some(left) = rest.destinations.get(run.number) else {
            continue;
        };
        // One state at least says what is left elsewhere.
        let is_needed = !left.is_done() || (links.is_empty() && !elsewhere.is_empty());
        if !is_needed {
            continue;
        }
        let now = SystemTime::now().into();
        let state = RunState::of(this, planned, left, now).beside(elsewhere.clone());
        let key = RunState::key(&planned.job, &this.run.id);
        let body = bucket.serialised(&key, state.to_json())?;
        let link = state.link(&key, &body);
        write(bucket, &key, Ok(body), &Condition::Create).await?;
        links.push(link);
        named.get_or_insert(state);
    }
    Ok(named.map(|state| state.cursor(links)))
}

/// Says of each state that nothing was done with it: the run could not start.
pub(super) async fn give_back(uses: Vec<Use>) {
    for one in uses {
        let given_back = one.successor.given_back();
        one.rewrite(&given_back).await;
    }
}

impl Use {
    /// Says how the run ended. Should that fail, the next one that comes with the same cursor takes the
    /// run for dead, which does no harm.
    async fn end(self, end: RunEnd) {
        let ended = self.successor.ended(end);
        self.rewrite(&ended).await;
    }

    async fn rewrite(self, successor: &Successor) {
        let condition = Condition::Replace(self.etag);
        let written = write(&self.bucket, &self.key, successor.to_json(), &condition);
        if let Err(error) = written.await {
            tracing::warn!(key = %self.key, %error, "it could not be written how the run ended");
        }
    }
}

/// Writes what runs tell each other, in the time that is kept for it.
pub(super) async fn write(
    bucket: &Bucket,
    key: &Key,
    json: Result<Vec<u8>, serde_json::Error>,
    condition: &Condition,
) -> Result<ETag, S3Error> {
    let bucket = bucket.in_phase(Phase::Cursor);
    Ok(bucket.write_json(key, json, condition).await?.etag)
}
