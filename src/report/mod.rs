//! Outcomes in, a [`Report`] out: counters that add up, and a bounded list of what went wrong.
//!
//! The law, per destination and in total: found = copied + unchanged + skipped + vanished + errors.
//! A listing that breaks off counts as one found and one error: the part that nobody saw.

mod backed_up;
mod bucket_warning;
#[cfg(test)]
pub(crate) mod change_samples;
mod changes;
mod changes_note;
mod continued;
mod deletions;
mod destination;
mod distributed;
mod drill_sentence;
mod drilled;
mod each;
mod ending;
mod events;
mod failures;
mod figures;
mod fit;
mod held;
mod hint;
mod json;
mod plan;
mod price;
mod request_counts;
mod restored;
mod runs;
mod sides;
mod storage;
#[cfg(test)]
pub(crate) mod tests;
mod told;
mod totals;
mod verified;
mod verify_counts;
mod warning;

pub use backed_up::{BackedUpObject, BackupVersion, RunNames};
pub use bucket_warning::BucketWarning;
pub use changes::{ChangeLine, ChangeTotals, FirstChanges, difference_name};
pub use changes_note::ChangesNote;
pub use continued::ContinuedRun;
pub use deletions::Deletions;
pub use destination::{AgedNote, SnapshotNote};
pub use distributed::PartNote;
pub use drilled::{DrillFinding, Drilled};
pub use each::{Phase, ToldRow};
pub use ending::Status;
pub use events::EventCounts;
pub use figures::{FailureWords, Figures, OperationKind};
pub use held::{HeldChanges, OverBudget};
pub use hint::level_of;
pub use json::Summary;
pub use plan::{Amount, PlanPart};
pub use restored::{AmountRow, KeyRow, PointWords, RestorePlanWords, Restored, RunPlace};
pub use runs::{DestinationRuns, HistoryProblem, RunRow, RunStatus, Runs};
pub use sides::Sides;
pub use storage::ClassRow;
pub use totals::Totals;
pub use verified::VerifiedBlock;
pub use verify_counts::VerifyCounts;
pub use warning::{Warning, WarningCode};

use destination::DestinationReport;
use failures::Failures;
use plan::PlanTotals;
use price::Rates;
use verified::Findings;
use warning::Warnings;

use crate::config::{CopyRules, Prices};
use crate::failure::Failure;
use crate::forecast::Forecast;
use crate::model::BucketName;
use crate::outcome::Outcome;
use crate::plan::{Check, DestinationPlan, Intent, Run, RunDescription};
use crate::s3::{Requests, Stop};

/// What their JSON may take, with that of the objects of a plan, or of the backups that are not as they should be. Lambda delivers 256 KiB to asynchronous destinations, and keys of
/// control characters grow sixfold.
const MOST_LIST_BYTES: usize = 150 * 1024;

/// What became of the objects of a run so far.
#[derive(Clone, Debug)]
pub struct Report {
    run: Run,
    intent: Intent,
    /// What a verification looks at; none of a backup run.
    check: Option<Check>,
    source: BucketName,
    /// Source and destinations with their prefixes, for people.
    sides: Sides,
    /// Objects of the last snapshots; none if they do not tell how many there are.
    expected: Option<u64>,
    /// The line about the object that was counted last.
    told: Vec<ToldRow>,
    destinations: Vec<DestinationReport>,
    failures: Failures,
    warnings: Warnings,
    bucket_warnings: Vec<BucketWarning>,
    findings: Findings,
    /// The destinations that could not be used.
    unusable: Vec<BucketName>,
    stop: Option<Stop>,
    interrupted: bool,
    deletions: Option<Deletions>,
    held_changes: Option<HeldChanges>,
    over_budget: Option<OverBudget>,
    continued: Option<Box<ContinuedRun>>,
    /// The part of a distributed run that it is of.
    part: Option<Box<PartNote>>,
    /// Requests that other invocations of the run have sent.
    sent_elsewhere: Requests,
    /// What a restore tells; none of a backup.
    restored: Option<Box<Restored>>,
    /// The counts of events; none of a run.
    events: Option<EventCounts>,
    /// Whether events copy as well, so that a run finds what they have missed.
    follows_events: bool,
    rates: Rates,
    /// The forecast, if this is a plan.
    outlook: Option<Box<PlanTotals>>,
}

impl Report {
    /// An empty report.
    pub fn begin(
        run: RunDescription<'_>,
        destinations: &[DestinationPlan],
        prices: &Prices,
        copies: &CopyRules,
    ) -> Self {
        let intent = run.task.intent();
        let planned = destinations.iter();
        let buckets = planned.map(|planned| planned.destination.location.bucket.clone());
        Self {
            check: run.task.check(),
            outlook: (intent == Intent::Plan).then(|| Box::new(PlanTotals::new(prices))),
            ..Self::empty(
                (run.run, intent),
                (&run.source.bucket, Sides::of(run.source, destinations)),
                buckets.collect(),
                Rates::of(prices, copies),
            )
        }
    }

    /// The report of a run beside events, which copy as well: what it finds, they have missed.
    #[must_use]
    pub fn following_events(self, follows_events: bool) -> Self {
        Self {
            follows_events,
            ..self
        }
    }

    /// Nothing has been counted, and nothing told.
    fn empty(
        (run, intent): (&Run, Intent),
        (source, sides): (&BucketName, Sides),
        buckets: Vec<BucketName>,
        rates: Rates,
    ) -> Self {
        Self {
            run: run.clone(),
            intent,
            check: None,
            source: source.clone(),
            sides,
            expected: None,
            told: Vec::new(),
            destinations: buckets.into_iter().map(DestinationReport::begin).collect(),
            failures: Failures::default(),
            warnings: Warnings::default(),
            bucket_warnings: Vec::new(),
            findings: Findings::default(),
            unusable: Vec::new(),
            stop: None,
            interrupted: false,
            deletions: None,
            held_changes: None,
            over_budget: None,
            continued: None,
            part: None,
            sent_elsewhere: Requests::default(),
            restored: None,
            events: None,
            follows_events: false,
            rates,
            outlook: None,
        }
    }

    /// The report with one more outcome, of the destination of that number in the plan.
    #[must_use]
    pub fn with(mut self, destination: usize, outcome: Outcome) -> Self {
        self.note(destination, outcome);
        self
    }

    /// Notes one more outcome, of the destination of that number in the plan.
    pub fn note(&mut self, destination: usize, outcome: Outcome) {
        let own = &mut self.destinations[destination];
        let bucket = &own.bucket;
        if let Outcome::Verified(compared) = &outcome {
            let room = MOST_LIST_BYTES.saturating_sub(self.failures.bytes);
            self.failures.bytes += self.findings.add(bucket, compared, room);
        }
        // Only what is planned or verified is told object by object.
        let tells = self.outlook.is_some() || self.check.is_some();
        if tells && let Outcome::Verified(compared) = &outcome {
            self.told.extend(ToldRow::of_finding(bucket, compared));
        }
        if let Some(failure) = own.totals.add(outcome) {
            if tells {
                self.told.push(ToldRow::of_failure(bucket, &failure));
            }
            self.failures.add(bucket, failure);
        }
    }

    /// The report with what a run would make of a key, at the destination of that number.
    #[must_use]
    pub fn foreseeing(mut self, destination: usize, forecast: Forecast) -> Self {
        self.foresee(destination, forecast);
        self
    }

    /// Notes what a run would make of a key, at the destination of that number.
    pub fn foresee(&mut self, destination: usize, forecast: Forecast) {
        if let Some(outlook) = &mut self.outlook {
            let bucket = &self.destinations[destination].bucket;
            self.told.extend(ToldRow::of_forecast(bucket, &forecast));
            outlook.add(destination, bucket, forecast);
        }
    }

    /// The report of a run that has stopped at the destination of that number: like a listing that broke
    /// off, it counts as one error for what nobody saw.
    #[must_use]
    pub fn stopped(self, destination: usize, stop: Stop, failure: Failure) -> Self {
        Self {
            stop: self.stop.or(Some(stop)),
            ..self.with(destination, Outcome::ListingFailed(failure))
        }
    }

    /// The report of a run that was told to stop, if it was.
    #[must_use]
    pub fn interrupted(self, interrupted: bool) -> Self {
        Self {
            interrupted,
            ..self
        }
    }

    /// The report of a run that cannot use the destination of that number.
    #[must_use]
    pub fn without_destination(mut self, destination: usize) -> Self {
        let bucket = self.destinations[destination].bucket.clone();
        self.unusable.push(bucket);
        self
    }

    /// Whether there are destinations that could not be used.
    pub fn lacks_destinations(&self) -> bool {
        !self.unusable.is_empty()
    }

    /// The report with what became of the snapshot of the destination of that number.
    #[must_use]
    pub fn with_snapshot(mut self, destination: usize, snapshot: SnapshotNote) -> Self {
        self.destinations[destination].snapshot = Some(snapshot);
        self
    }

    /// The report with what became of old state at the destination of that number.
    #[must_use]
    pub fn with_aged(mut self, destination: usize, aged: AgedNote) -> Self {
        self.destinations[destination].aged = Some(aged);
        self
    }

    /// The report with the number of objects that the last snapshots have, if all of them will be gone through.
    #[must_use]
    pub fn expecting(self, objects: Option<u64>) -> Self {
        Self {
            expected: objects.filter(|objects| *objects > 0),
            ..self
        }
    }

    /// Objects that there were at the last run, over all destinations; none if nobody knows.
    pub fn expected_objects(&self) -> Option<u64> {
        self.expected
    }

    /// The line about the object that was counted last: a plan or a verification names each.
    pub fn told(&self) -> &[ToldRow] {
        &self.told
    }

    /// The report before the next object.
    pub fn forget_told(&mut self) {
        self.told.clear();
    }

    /// The step under way.
    pub fn phase(&self) -> Phase {
        match (self.check, &self.restored, self.intent) {
            (Some(_), _, _) => Phase::Verify,
            (None, Some(_), _) => Phase::Restore,
            (None, None, Intent::Copy) => Phase::BackUp,
            (None, None, Intent::DryRun | Intent::Plan) => Phase::Plan,
        }
    }

    /// The counters of the destination of that number in the plan.
    pub fn totals_of(&self, destination: usize) -> Totals {
        self.destinations[destination].totals
    }

    /// The report with something that somebody should look at.
    #[must_use]
    pub fn warning(mut self, warning: Warning) -> Self {
        self.warnings.add(warning);
        self
    }

    /// The report with what is wrong with the settings of the backup buckets.
    #[must_use]
    pub fn with_bucket_warnings(mut self, bucket_warnings: Vec<BucketWarning>) -> Self {
        self.bucket_warnings.extend(bucket_warnings);
        self
    }

    /// The report of a run that marks deletions, with what it tells of them.
    #[must_use]
    pub fn with_deletions(self, deletions: Deletions) -> Self {
        let deletions = Some(deletions);
        Self { deletions, ..self }
    }

    /// The report of a request to go on whose cursor was used already.
    #[must_use]
    pub fn continued(self, continued: ContinuedRun) -> Self {
        let continued = Some(Box::new(continued));
        Self { continued, ..self }
    }

    /// The report of a run that is held before it copies: of a dry run, which has counted what it would copy.
    #[must_use]
    pub fn held_for_changes(self, held: HeldChanges) -> Self {
        Self {
            intent: Intent::Copy,
            held_changes: Some(held),
            ..self
        }
    }

    /// The report of a run whose copies would cost more than it may spend.
    #[must_use]
    pub fn over_budget(self, over: OverBudget) -> Self {
        let over_budget = Some(over);
        Self {
            over_budget,
            ..self
        }
    }

    /// The run to confirm for what is held to be marked all the same.
    pub fn to_confirm(&self) -> Option<String> {
        match &self.held_changes {
            Some(held) => held.confirm.clone(),
            None => self.deletions.as_ref()?.confirm.clone(),
        }
    }

    /// Whether the run is held. Neither a dry run nor a plan is: they only
    /// tell that it would be.
    fn is_held(&self) -> bool {
        match self.intent {
            Intent::Copy if self.restored.is_some() => {
                let restored = self.restored.as_ref();
                restored.is_some_and(|restored| restored.held.is_some())
            }
            Intent::Copy => {
                let deletions = self.deletions.as_ref();
                self.held_changes.is_some()
                    || self.over_budget.is_some()
                    || deletions.is_some_and(|deletions| deletions.held.is_some())
            }
            Intent::DryRun | Intent::Plan => false,
        }
    }

    /// The counters over all destinations: an object counts once for each.
    pub fn totals(&self) -> Totals {
        let each = self.destinations.iter().map(|own| &own.totals);
        each.fold(Totals::default(), Totals::plus)
    }
}
