//! A look before a run copies, if `BACKUP_UNUSUAL` is `hold`: both sides are listed once more than otherwise, as in a
//! dry run, and a run of which many more objects have changed than usual is held.

use super::destination::{DestinationRun, Destinations};
use super::opening::StartError;
use super::progress::{RunProgress, log_outcome};
use crate::config::Unusual;
use crate::deletions::{self, Decision, HeldFiles};
use crate::diff::{self, ChangeRate};
use crate::model::KeyCounts;
use crate::outcome::Outcome;
use crate::plan::{Plan, Stage, Task};
use crate::report::{ChangesNote, HeldChanges, Report};
use crate::request::Mode;
use crate::snapshot::ChangedShare;

/// What comes of a look.
pub(super) enum Look {
    /// The run copies.
    GoOn {
        /// Whether it was confirmed.
        is_confirmed: bool,
    },
    /// The run is held, and this is its report.
    Held(Box<Report>),
}

/// Looks at all destinations, unless nobody asked for it, or the run is one that this says nothing of.
pub(super) async fn look(
    plan: &Plan,
    runs: &[DestinationRun],
    watch: &mut impl FnMut(&Report),
) -> Result<Look, StartError> {
    const GO_ON: Look = Look::GoOn {
        is_confirmed: false,
    };
    let is_begin = runs.iter().all(|run| !run.planned.is_continued);
    let compares = plan.scope.mode == Mode::Incremental && plan.task.stage() == Stage::Copy;
    if !(plan.unusual.hold && plan.is_recorded() && is_begin && compares) {
        return Ok(GO_ON);
    }
    let preview = Plan {
        task: Task::Preview {
            in_detail: false,
            marking: None,
        },
        ..plan.clone()
    };
    let destinations = Destinations {
        usable: runs.to_vec(),
        unusable: Vec::new(),
    };
    let seen = Box::pin(super::copy(&preview, destinations, None, watch)).await?;
    let is_broken = |run: &DestinationRun| seen.by_destination[run.number].progress.is_broken();
    if seen.remainder().is_some() || runs.iter().any(is_broken) {
        tracing::warn!(
            "the changes could not be counted before the run copies, which is not held for them"
        );
        return Ok(GO_ON);
    }
    let rates = runs.iter().map(|run| (run, rate(plan.unusual, &seen, run)));
    let unusual = rates.into_iter().find(|(_, rate)| rate.is_unusual);
    let why = unusual.map(|(run, rate)| ChangesNote::from(rate).sentence(run.destination.name()));
    let changed: Vec<KeyCounts> = runs.iter().map(|run| changed_keys(&seen, run)).collect();
    let was_unusual = why.is_some();
    let files = runs.iter().map(|run| run.held_file(deletions::CHANGES));
    let files = HeldFiles::of(plan.description(), files.collect());
    let confirm = plan.confirm.as_deref();
    match Box::pin(deletions::decide_on_changes(&files, confirm, &changed, why)).await {
        Decision::Proceed => Ok(Look::GoOn {
            is_confirmed: was_unusual,
        }),
        Decision::Hold(decided) => {
            let waits = HeldChanges {
                held: decided.why,
                confirm: decided.can_be_confirmed.then(|| plan.run.id.clone()),
            };
            let report = seen.report.held_for_changes(waits);
            let failures = decided.failures.into_iter();
            let report = failures.fold(report, |report, (number, failure)| {
                let outcome = Outcome::ListingFailed(failure);
                log_outcome(&outcome);
                report.with(number, outcome)
            });
            Ok(Look::Held(Box::new(report)))
        }
    }
}

fn rate(unusual: Unusual, seen: &RunProgress<'_>, run: &DestinationRun) -> ChangeRate {
    let destination = &seen.by_destination[run.number];
    let counted = destination.progress.counted();
    let share = ChangedShare {
        known: counted.backup,
        changed: counted.changed,
    };
    diff::change_rate(share, destination.changes_before(), unusual)
}

/// The changed keys of a destination, in the place of those that are gone: the record of a held run is about any.
fn changed_keys(seen: &RunProgress<'_>, run: &DestinationRun) -> KeyCounts {
    let counted = seen.by_destination[run.number].progress.counted();
    KeyCounts {
        gone: counted.changed,
        gone_keys: counted.changed_keys,
        ..KeyCounts::default()
    }
}
