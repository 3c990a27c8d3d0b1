//! How the plan of a restore is made in a call, and stored in parts as it comes.

use std::mem;

use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::asked::Asked;
use super::parts;
use super::planning;
use super::range_plan::{Obstacle, RangePlan};
use super::ranges::{self, Ranges};
use super::rows::{PlanRow, ROWS_OF_PART};
use super::session::Session;
use super::{by_versions, one_version, opening, refused, totals, undo};
use crate::model::Key;
use crate::request::{Manner, Point, What};
use crate::run::StartError;
use crate::s3::Cause;
use crate::snapshot::SnapshotError;

impl Session<'_> {
    /// Plans what is left. Whether that was all; if not, the call had to stop.
    pub(super) async fn plan(&mut self, writes: bool) -> Result<bool, StartError> {
        self.planned_here = true;
        let mut plans = self.plans();
        let mut rows: Vec<PlanRow> = Vec::new();
        let mut until = self.held.progress.planned_to.clone();
        let limit = self.call.connections.limit().clone();
        let whole = loop {
            let plan = tokio::select! {
                biased;
                () = limit.stopped() => break false,
                plan = plans.next() => plan,
            };
            let plan = match plan {
                None => break true,
                Some(Ok(plan)) => plan,
                Some(Err(Obstacle::Target(error) | Obstacle::Backup(error)))
                    if error.cause == Cause::OutOfTime =>
                {
                    break false;
                }
                Some(Err(obstacle)) => return Err(self.cannot_plan(&obstacle)),
            };
            until.clone_from(&plan.until);
            self.absorb(plan, &mut rows);
            if until.is_none() {
                // The last range. A call that stops now has planned all the same.
                break true;
            }
            if writes && rows.len() >= ROWS_OF_PART {
                self.store_part(&mut rows, until.clone()).await?;
            } else if !writes {
                rows.clear();
            }
        };
        drop(plans);
        if writes {
            self.held.progress.planned_to.clone_from(&until);
            let is_in_one = whole && self.keep_in_one(&rows)?;
            if !is_in_one && !rows.is_empty() {
                self.store_part(&mut rows, until).await?;
            }
        }
        Ok(whole)
    }

    /// Keeps the rows to be stored beside the request, if they are all of the plan and few. Whether they are.
    fn keep_in_one(&mut self, rows: &[PlanRow]) -> Result<bool, StartError> {
        if self.held.is_written() || !self.held.progress.parts.is_empty() {
            return Ok(false);
        }
        let in_one = parts::in_one(rows);
        let in_one = in_one.map_err(|error| StartError::request(&format!("the plan: {error}")))?;
        let Some((plan, parts)) = in_one else {
            return Ok(false);
        };
        self.plan_in_one = Some(plan);
        self.held.progress.parts = parts;
        Ok(true)
    }

    fn plans(&self) -> BoxStream<'static, Result<RangePlan, Obstacle>> {
        let after = self.held.progress.planned_to.as_ref();
        let (start, wishes) = match (&self.asked, &self.wishes) {
            (Asked::Start(start), Some(wishes)) => (start, wishes),
            (Asked::Undo(_, undone), _) => {
                return undo::plans(undone, &self.site, after).boxed();
            }
            (Asked::Start(_), None) => return stream::empty().boxed(),
        };
        if let (Point::Version(version), What::Keys(keys)) = (&start.point, &start.what) {
            let plans = keys.iter().map(|key| {
                let (key, version) = (key.clone(), version.clone());
                let (site, wishes) = (self.site.clone(), wishes.clone());
                async move { Ok(one_version::plan(&key, &version, &site, &wishes).await) }
            });
            return stream::iter(plans.collect::<Vec<_>>()).buffered(1).boxed();
        }
        match (&start.point, &start.what) {
            (Point::Versions(at), What::Keys(keys)) => {
                return by_versions::plans_of_keys(*at, keys, &self.site, wishes, after).boxed();
            }
            (Point::Versions(at), What::Prefix(_) | What::All) => {
                return by_versions::plans(*at, &self.site, wishes, after).boxed();
            }
            _ => {}
        }
        let Some(index) = &self.index else {
            return stream::empty().boxed();
        };
        match &start.what {
            What::Keys(keys) => {
                let ranges = ranges::ranges_of_keys(index, keys, after);
                planning::plans_of_keys(ranges, &self.site, wishes).boxed()
            }
            What::Prefix(_) | What::All => {
                let ranges = Ranges::new(index, wishes, after);
                planning::plans(ranges, &self.site, wishes).boxed()
            }
        }
    }

    fn absorb(&mut self, plan: RangePlan, rows: &mut Vec<PlanRow>) {
        let planned = &mut self.held.progress.planned;
        let (unchanged, bytes) = plan.unchanged;
        let (exists, more) = plan.exists;
        planned.unchanged += unchanged;
        planned.skipped += exists;
        planned.found += unchanged + exists;
        planned.bytes_found += bytes + more;
        self.held.progress.figures.append(plan.figures);
        let problems = plan
            .rows
            .iter()
            .filter_map(|row| Some((row, row.problem.as_ref()?)));
        // A plan that is carried out reports its problems then.
        let tells = self.manner() != Manner::Act;
        for (row, problem) in problems.filter(|_| tells) {
            self.report.add_failure(0, totals::failure_of(row, problem));
        }
        rows.extend(plan.rows);
    }

    async fn store_part(
        &mut self,
        rows: &mut Vec<PlanRow>,
        until: Option<Key>,
    ) -> Result<(), StartError> {
        let number = self.held.progress.parts.len();
        let part = self.store.write_part(number, rows).await.map_err(refused)?;
        self.held.progress.parts.push(part);
        self.held.progress.planned_to = until;
        self.first_part = (number == 0).then(|| mem::take(rows));
        rows.clear();
        // Behind the last range there is nothing to go on from: the next stage is saved instead.
        if number > 0 && self.held.progress.planned_to.is_some() {
            self.save().await?;
        }
        Ok(())
    }

    /// Why nothing is restored: nothing is guessed where the snapshot cannot be read.
    fn cannot_plan(&self, obstacle: &Obstacle) -> StartError {
        match obstacle {
            Obstacle::Target(error) => opening::unreadable(error),
            Obstacle::Backup(error) => StartError::source(error),
            Obstacle::State(error) => refused(error.clone()),
            Obstacle::Snapshot(problem) => StartError::request(&self.of_snapshot(problem)),
        }
    }

    fn of_snapshot(&self, problem: &SnapshotError) -> String {
        let run = self
            .request
            .point
            .as_ref()
            .map(|point| point.run_id.as_str());
        format!(
            "the snapshot of run {} cannot be read where it is needed: {problem}; nothing was restored; \
             choose another run, such as latest~1, or keys that lie elsewhere",
            run.unwrap_or("unknown")
        )
    }
}
