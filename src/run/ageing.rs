//! The last step of a night: what no run names any more of the program's own objects ages out.

use std::num::NonZeroU32;

use super::RunResult;
use super::destination::DestinationRun;
use crate::ageing::AgeingResult;
use crate::checks::old_state_stays;
use crate::record::JobState;
use crate::report::{BucketWarning, Report};

/// Looks for state at each destination that is older than these days, if the run is done and there is time left. It is
/// no error of the run if none can age out.
pub(super) async fn age(
    days: Option<NonZeroU32>,
    runs: &[DestinationRun],
    ended: RunResult,
) -> RunResult {
    let (Some(days), None) = (days, &ended.cursor) else {
        return ended;
    };
    let mut report = ended.report;
    for run in runs {
        if run.destination.limit().has_stopped() {
            break;
        }
        let state = JobState {
            bucket: run.destination.clone(),
            job: run.planned.job.clone(),
        };
        report = told(report, run, state.age(days.get()).await);
    }
    RunResult { report, ..ended }
}

fn told(report: Report, run: &DestinationRun, result: AgeingResult) -> Report {
    match result {
        AgeingResult::Nothing => report,
        AgeingResult::NoRule(oldest) => {
            let warning = BucketWarning::of(run.destination.name(), old_state_stays(oldest));
            report.with_bucket_warnings(warning.into_iter().collect())
        }
        AgeingResult::Passed(note) => report.with_aged(run.number, note),
    }
}
