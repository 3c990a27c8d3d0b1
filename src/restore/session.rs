//! One restore in one call: planned, judged, carried out, and told of.

use futures::FutureExt;
use serde_json::Value;

use super::asked::Asked;
use super::gate::{self, Gate};
use super::manner::Manner as Carrying;
use super::rows::PlanRow;
use super::running::Running;
use super::site::{Site, Wishes};
use super::state::{Held, IN_PARTS, Progress, RequestRecord, Stage, TargetRecord};
use super::store::Store;
use super::undo;
use super::{Call, opening, refused, totals};
use crate::failure::Failure;
use crate::model::{CURSOR_FORMAT, Cursor, CursorRestore, Tier};
use crate::outcome::Outcome;
use crate::report::{Drilled, Report, RunPlace};
use crate::request::{self, Manner, Point, Request, RestoreId, RestoreRequest, StartRestore};
use crate::run::{RunResult, StartError};
use crate::s3::{Cause, Operation};
use crate::snapshot::Index;

/// A restore in this call.
pub struct Session<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) asked: Asked,
    pub(super) site: Site,
    /// None of an undo.
    pub(super) wishes: Option<Wishes>,
    /// None of an undo, and of a version.
    pub(super) index: Option<Index>,
    /// Which backups have its run, where there are several and it begins in this call.
    pub(super) places: Vec<RunPlace>,
    pub(super) store: Store,
    pub(super) request: RequestRecord,
    pub(super) held: Held,
    pub(super) report: Report,
    /// Whether nothing of the plan can have been carried out before.
    fresh: bool,
    /// Whether the plan was made by this call.
    pub(super) planned_here: bool,
    /// The rows of the plan, if they are one part that was just made.
    pub(super) first_part: Option<Vec<PlanRow>>,
    /// The whole plan, if it is to lie beside the request.
    pub(super) plan_in_one: Option<Value>,
    /// What a drill has found.
    pub(super) drilled: Option<Drilled>,
}

impl<'a> Session<'a> {
    /// A restore that begins. Nothing is written yet.
    pub async fn open(
        call: &'a Call<'a>,
        asked: Asked,
        record: TargetRecord,
    ) -> Result<Self, StartError> {
        let only = asked.only_key();
        let (source, config) = (&call.source, call.config);
        let site = opening::site(source, &record, only, config, call.connections).await?;
        let index = match &asked {
            Asked::Start(start) => call.point(&start.point, &site.history).await?,
            Asked::Undo(..) => None,
        };
        let places = call.places_of(index.as_ref()).await;
        let request = RequestRecord {
            format: IN_PARTS,
            id: call.run.id.clone(),
            kind: asked.kind(),
            undoes: asked.undoes().map(ToString::to_string),
            asked_by: call.run.holder.clone(),
            started_at: call.now,
            request: asked.words(),
            point: index.as_ref().map(opening::record_of),
            target: record,
            drill: None,
        };
        let held = Held::unwritten(Progress::begin(call.now), call.now);
        let mut session = Self::with(call, asked, site, index, request, held)?;
        session.places = places;
        Ok(session)
    }

    /// A restore that an earlier call has begun.
    pub async fn reopen(
        call: &'a Call<'a>,
        store: Store,
        request: RequestRecord,
        held: Held,
    ) -> Result<Self, StartError> {
        let words = Value::Object(request.request.clone());
        let asked = match request::parse(&words) {
            Ok(Request::Restore(RestoreRequest::Start(start))) => Asked::Start(start),
            Ok(Request::Restore(RestoreRequest::Undo(undo))) => {
                let undone = undo::read(&call.source.shelf, &undo.id).await?;
                Asked::Undo(undo, Box::new(undone))
            }
            _ => {
                return Err(StartError::request(&format!(
                    "the request of restore {} is none that this version knows; start a new restore",
                    store.id()
                )));
            }
        };
        let (source, target, config) = (&call.source, &request.target, call.config);
        let site = opening::site(source, target, None, config, call.connections).await?;
        let index = match &request.point {
            // Only what is left of the plan needs it.
            Some(point) if held.progress.stage == Stage::Planning => {
                let point = Point::Run(point.run_id.clone());
                opening::point(&point, &site.history, call.now).await?
            }
            Some(_) | None => None,
        };
        let mut session = Self::with(call, asked, site, index, request, held)?;
        session.store = store;
        Ok(session)
    }

    fn with(
        call: &'a Call<'a>,
        asked: Asked,
        site: Site,
        index: Option<Index>,
        request: RequestRecord,
        held: Held,
    ) -> Result<Self, StartError> {
        let wishes = match &asked {
            Asked::Start(start) => Some(opening::wishes(
                start,
                call.config,
                request.target.in_place,
            )?),
            Asked::Undo(..) => None,
        };
        let Some(id) = RestoreId::parse(&request.id) else {
            return Err(StartError::request(&format!(
                "{} is no id of a restore",
                request.id
            )));
        };
        let dry_run = asked.manner() == Manner::DryRun;
        let (source, target) = (site.backup.name(), site.target.name());
        let report = Report::of_restore(&call.run, source, target, &call.config.prices, dry_run);
        let stage = held.progress.stage;
        Ok(Self {
            call,
            asked,
            wishes,
            index,
            places: Vec::new(),
            store: Store::of(&call.source.shelf, &id),
            request,
            report,
            fresh: matches!(stage, Stage::Planning | Stage::Held),
            planned_here: false,
            first_part: None,
            plan_in_one: None,
            drilled: None,
            site,
            held,
        })
    }

    /// Whether it acts at once, as it was asked for.
    pub fn manner(&self) -> Manner {
        self.asked.manner()
    }

    /// Writes down how far it has come; at first what is asked for, too. Nothing is written before there is
    /// something to go on with.
    pub(super) async fn save(&mut self) -> Result<(), StartError> {
        if self.held.is_written() {
            return self.store.advance(&mut self.held).await.map_err(refused);
        }
        let (progress, now) = (self.held.progress.clone(), self.call.now);
        let begun = match self.plan_in_one.take() {
            Some(plan) => {
                let request = self.request.clone();
                let begun = self.store.begin_in_one(request, plan, progress, now);
                begun.await
            }
            None => self.store.begin(&self.request, progress, now).await,
        };
        self.held = begun.map_err(refused)?;
        Ok(())
    }

    /// Reads how far it has come, now that nobody else goes on with it.
    pub async fn refresh(&mut self) -> Result<(), StartError> {
        self.held = self.store.again(&self.held).await.map_err(refused)?;
        self.fresh = matches!(self.held.progress.stage, Stage::Planning | Stage::Held);
        Ok(())
    }

    /// What it would do.
    pub async fn dry_run(mut self) -> Result<RunResult, StartError> {
        let whole = self.plan(false).await?;
        if let Gate::Refuse(why) = self.judge(Manner::Act) {
            return Err(StartError::request(&why));
        }
        self.report = self.planned_report();
        let restored = self.words(None, None);
        let report = self.report.restored(restored);
        if whole {
            return Ok(RunResult {
                report,
                cursor: None,
            });
        }
        let failure = Failure {
            key: None,
            operation: Operation::ListObjectsV2.name(),
            code: Some("OutOfTime".to_owned()),
            message: "the dry run was stopped by the deadline: its figures are not whole"
                .to_owned(),
            advice: "restore less at once, or ask for it with \"hold\", which can be continued"
                .to_owned(),
            request_id: None,
        };
        let report = report.with(0, Outcome::ListingFailed(failure));
        Ok(RunResult {
            report,
            cursor: None,
        })
    }

    /// The rest of the plan, and what follows from it.
    pub async fn plan_and_run(
        mut self,
        manner: Manner,
        watch: &mut impl FnMut(&Report),
    ) -> Result<RunResult, StartError> {
        if self.held.progress.stage == Stage::Planning {
            match self.plan(true).await {
                Ok(true) => {}
                Ok(false) => {
                    self.save().await?;
                    return Ok(self.told(true));
                }
                Err(error) => {
                    self.give_up().await;
                    return Err(error);
                }
            }
            self.held.progress.planned_at = Some(self.call.now);
            match self.judge(manner) {
                Gate::Open => self.permit().await?,
                Gate::Hold(why) => return Box::pin(self.hold(why)).await,
                Gate::Refuse(why) => {
                    self.give_up().await;
                    return Err(StartError::request(&why));
                }
            }
        }
        Box::pin(self.carry_out(watch)).await
    }

    fn judge(&self, manner: Manner) -> Gate {
        let start = self.start();
        let limits = gate::Limits {
            manner,
            max_cost: start.and_then(|start| start.max_cost),
            max_deletions: self.call.config.max_deletions,
            tier: self.tier(),
        };
        gate::judge(&self.held.progress.figures, self.outlay(), limits)
    }

    pub(super) fn outlay(&self) -> super::figures::Outlay {
        let (tier, days) = (self.tier(), self.days());
        let in_place = self.request.target.in_place;
        let prices = &self.call.config.prices;
        self.held
            .progress
            .figures
            .outlay(prices, tier, days, in_place)
    }

    /// Does what was planned and held.
    pub async fn confirm(&mut self) -> Result<(), StartError> {
        for (number, part) in self.held.progress.parts.clone().iter().enumerate() {
            let read = self.store.part(&self.held, number, part).await;
            read.map_err(refused)?;
        }
        self.permit().await
    }

    /// Writes down that the plan is carried out from now on.
    async fn permit(&mut self) -> Result<(), StartError> {
        if let Asked::Undo(_, undone) = &mut self.asked {
            undone
                .is_undone_by(&self.request.id)
                .await
                .map_err(refused)?;
        }
        self.held.progress.stage = Stage::Running;
        self.save().await?;
        // One that lies in one object is found by the lease of its target.
        if !self.planned_here && !self.held.is_in_one() {
            self.store.note(true).await.map_err(refused)?;
        }
        Ok(())
    }

    async fn hold(mut self, why: String) -> Result<RunResult, StartError> {
        self.held.progress.stage = Stage::Held;
        let was_open = self.held.is_written();
        self.save().await?;
        if was_open {
            self.store.note(false).await.map_err(refused)?;
        }
        self.report = self.planned_report();
        let restored = self.words(Some(why), Some(self.request.id.clone()));
        Ok(RunResult {
            report: self.report.restored(restored),
            cursor: None,
        })
    }

    /// Leaves a restore that cannot be planned. The result names the problem all the same.
    async fn give_up(&mut self) {
        if !self.held.is_written() {
            return;
        }
        self.held.progress.stage = Stage::Cancelled;
        let left = self.store.advance(&mut self.held).await;
        let noted = self.store.note(false).await;
        if let Err(error) = left.and(noted) {
            tracing::warn!(id = self.request.id, %error, "a restore that ended could not be noted");
        }
    }

    /// Nothing more of it is done.
    pub async fn cancel(mut self) -> Result<RunResult, StartError> {
        self.held.progress.stage = Stage::Cancelled;
        self.store.advance(&mut self.held).await.map_err(refused)?;
        self.store.note(false).await.map_err(refused)?;
        Ok(self.told(false))
    }

    /// Carries out what is left of the plan.
    pub async fn carry_out(
        mut self,
        watch: &mut impl FnMut(&Report),
    ) -> Result<RunResult, StartError> {
        let manner = self.carrying();
        self.held.progress.ready_at = None;
        let mut held = self.held.clone();
        let running = Running {
            site: &self.site,
            store: &self.store,
            manner: &manner,
            fresh: self.fresh,
            first_part: self.first_part.take(),
        };
        let (restored, whole) = (self.words(None, None), self.whole());
        let report = &mut self.report;
        // From the first object on it is told as what it is, and of how many.
        *report = report.clone().restored(restored).expecting(Some(whole));
        let ended = running.run(&mut held, |news| {
            if let Some(failure) = news.failure {
                report.add_failure(0, failure.clone());
            }
            report.set_totals(0, totals::totals(news.tally));
            watch(report);
        });
        let ended = ended.await;
        self.held = held;
        match ended {
            Ok(true) => match self.end_drill().boxed().await {
                Ok(done) => Box::pin(self.end(!done)).await,
                Err(error) => Ok(failed(self.told(true), totals::failure_of_drill(&error))),
            },
            Ok(false) => Box::pin(self.end(true)).await,
            Err(error) if error.cause() == Some(Cause::OutOfTime) => Ok(self.told(true)),
            Err(error) => {
                // What was carried out is in the state but for the last lines, which are found again.
                let failure = totals::failure_of_state(&error);
                Ok(failed(self.told(true), failure))
            }
        }
    }

    /// The objects that will have been looked at when nothing is left.
    fn whole(&self) -> u64 {
        let progress = &self.held.progress;
        let tally = progress.tally();
        // A row that waits is left, too; a marker is no object.
        let markers = progress.figures.marked().saturating_sub(tally.marked);
        let left = (progress.left() as u64).saturating_sub(markers);
        (tally.found + left).saturating_sub(tally.waiting)
    }

    fn carrying(&self) -> Carrying {
        let start = self.start();
        Carrying {
            tier: self.tier(),
            days: self.days(),
            keeps_replaced: start.is_none_or(|start| start.keeps_replaced),
            only_missing: start.is_some_and(|start| start.only_missing),
            now: self.call.now,
        }
    }

    /// The end of a call: the stage is written down, and told.
    async fn end(mut self, is_stopped: bool) -> Result<RunResult, StartError> {
        let progress = &mut self.held.progress;
        if !is_stopped {
            let waiting = progress.tally().waiting > 0;
            progress.stage = match (progress.left(), waiting) {
                (0, _) => Stage::Complete,
                (_, true) => Stage::Waiting,
                (_, false) => Stage::Incomplete,
            };
        }
        let is_open = progress.stage.is_open();
        let written = self.store.advance(&mut self.held).await;
        // Nobody can have noted what this call began and held the lease for.
        let is_noted = !(self.planned_here && self.held.is_in_one());
        let noted = match (&written, is_open) {
            (Ok(()), false) if is_noted => self.store.note(false).await,
            _ => Ok(()),
        };
        match written.and(noted) {
            Err(error) if error.cause() != Some(Cause::OutOfTime) => {
                let failure = totals::failure_of_state(&error);
                Ok(failed(self.told(is_stopped), failure))
            }
            Ok(()) | Err(_) => Ok(self.told(is_stopped)),
        }
    }

    /// The result: with a cursor if something is left that the deadline has stopped.
    fn told(mut self, is_stopped: bool) -> RunResult {
        let restored = self.words(None, None);
        let tally = self.held.progress.tally();
        let totals = totals::totals(tally);
        self.report
            .set_totals(0, totals::with_drill(&totals, self.drilled.as_ref()));
        let cursor = CursorRestore {
            format: CURSOR_FORMAT,
            restore: self.request.id.clone(),
        };
        RunResult {
            report: self.report.restored(restored),
            cursor: is_stopped.then_some(Cursor::Restore(cursor)),
        }
    }

    /// The report of a plan that was not carried out: what it would copy is due, and counts as skipped.
    fn planned_report(&self) -> Report {
        let mut report = self.report.clone();
        report.set_totals(0, totals::totals_of_plan(&self.held.progress));
        report
    }
}

/// The result of a call whose state could not be written: one error more.
fn failed(result: RunResult, failure: Failure) -> RunResult {
    RunResult {
        report: result.report.with(0, Outcome::ListingFailed(failure)),
        ..result
    }
}

impl Session<'_> {
    /// What was asked for, if it is no undo.
    pub(super) fn start(&self) -> Option<&StartRestore> {
        match &self.asked {
            Asked::Start(start) => Some(start),
            Asked::Undo(..) => None,
        }
    }

    /// How archived versions are asked for; an undo names no tier.
    fn tier(&self) -> Tier {
        self.start().map_or_else(Tier::default, |start| start.tier)
    }

    /// Days that they stay readable.
    fn days(&self) -> u32 {
        self.start().map_or(1, |start| start.thawed_days)
    }

    /// Whether the result tells of a plan.
    pub(super) fn tells_plan(&self) -> bool {
        self.planned_here
    }

    pub(super) fn config(&self) -> &crate::config::Config {
        self.call.config
    }
}
