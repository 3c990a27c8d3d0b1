//! What no run names any more of the state of a job is tagged, and a lifecycle rule lets it expire.
//!
//! The program deletes nothing. A pass over the state finds what the runs that are kept do not name; the tag says so,
//! and the rule goes by the tag alone. Whatever is in doubt is kept: an index that cannot be read ends a pass before
//! it has begun, and what is not known by its name is never tagged. Time is S3's: the date of the last index, which a
//! clock that is wrong cannot move.

mod error;
mod kept;
mod pass;
mod restores;
mod state_key;

use std::time::Duration;

use error::AgeingError;
use kept::Kept;
use pass::Pass;

use crate::history::History;
use crate::model::{LifecycleRule, Setting, Timestamp};
use crate::record::JobState;
use crate::report::AgedNote;
use crate::s3::S3Error;
use crate::snapshot::{Aged, SnapshotError, is_index_key};

/// How long state stays beyond the days of the history: for restores that read an old run, for runs under way, and
/// for clocks.
const GRACE: Duration = Duration::from_hours(30 * 24);
/// How long after a pass the next one begins.
const BETWEEN_PASSES: Duration = Duration::from_hours(7 * 24);

/// What has become of old state.
#[derive(Clone, Debug, PartialEq)]
pub enum AgeingResult {
    /// Nothing is old, or the last pass was a short time ago.
    Nothing,
    /// There are runs of before that time, and no rule expires what is tagged, so nothing was.
    NoRule(Timestamp),
    /// A pass has begun, or could not begin.
    Passed(AgedNote),
}

impl From<AgeingError> for AgeingResult {
    fn from(error: AgeingError) -> Self {
        Self::Passed(AgedNote {
            problem: Some(error.to_string()),
            ..AgedNote::default()
        })
    }
}

impl JobState {
    /// Tags what no run of so many days names any more, as far as there is time for it. The job's lease is held.
    pub async fn age(&self, history_days: u32) -> AgeingResult {
        let aged = self.look(history_days).await;
        aged.unwrap_or_else(|error| {
            tracing::warn!(job = self.job.name(), problem = %error, "no state has aged out");
            error.into()
        })
    }

    async fn look(&self, history_days: u32) -> Result<AgeingResult, AgeingError> {
        let kept_for = Duration::from_hours(24 * u64::from(history_days)) + GRACE;
        let oldest = self.oldest_index().await?;
        let Some(oldest) = oldest.filter(|oldest| self.bucket.time().since(*oldest) > kept_for)
        else {
            return Ok(AgeingResult::Nothing);
        };
        let unopened = History::none(self.bucket.clone(), self.job.clone());
        let last = match unopened.read_aged().await {
            // Only the next pass mends it.
            Err(SnapshotError::Damaged { .. }) => None,
            read => read?,
        };
        if last.as_ref().is_some_and(|last| !self.is_due(last)) {
            return Ok(AgeingResult::Nothing);
        }
        match self.bucket.lifecycle_rules().await {
            Setting::Set(rules) if self.expires_by(&rules) => {}
            Setting::Set(_) | Setting::Unset => return Ok(AgeingResult::NoRule(oldest)),
            Setting::Unsupported => return Ok(AgeingResult::Nothing),
            Setting::Unknown(problem) => return Err(AgeingError::Lifecycle(problem)),
        }
        let history = History::open(self.bucket.clone(), self.job.clone()).await;
        let kept = Kept::find(self, &history, kept_for).await?;
        let pass = Pass::begin(self.clone(), kept, last);
        Ok(AgeingResult::Passed(pass.go().await?))
    }

    /// Whether a pass was not done, or is long ago. One that seems to lie in the future was dated by a wrong clock.
    fn is_due(&self, last: &Aged) -> bool {
        let now = self.bucket.time();
        last.after.is_some()
            || now.since(last.begun_at) >= BETWEEN_PASSES
            || last.begun_at.since(now) >= BETWEEN_PASSES
    }

    fn expires_by(&self, rules: &[LifecycleRule]) -> bool {
        let below = self.job.key("");
        rules
            .iter()
            .any(|rule| rule.expires_unnamed(below.as_str()))
    }

    /// When the first of all indexes was written, by S3's clock: their names are in the order of time.
    async fn oldest_index(&self) -> Result<Option<Timestamp>, S3Error> {
        let below = self.job.key("snapshots/");
        let first = self.bucket.list_state(&below, None, 1).await?;
        let first = first.first();
        Ok(first
            .filter(|object| self.job.part(&object.key).is_some_and(is_index_key))
            .map(|object| object.last_modified))
    }
}
