//! A run looks once at the settings of its backup buckets, while it copies, and warns of what would take backups away.

use std::time::Duration;

use futures::future;
use tokio::time::timeout;

use super::destination::DestinationRun;
use crate::checks::examine;
use crate::model::Setting;
use crate::plan::{Plan, RunPart, Task};
use crate::report::BucketWarning;

/// How long looking may take. A server that does not answer must not keep a run that is done.
const TO_LOOK: Duration = Duration::from_secs(5);

/// Mistakes in the settings of the buckets. Only a run that looks at all that is configured asks, once: five requests for each
/// bucket. What may not be seen is left out.
pub(super) async fn look(plan: &Plan, runs: &[DestinationRun]) -> Vec<BucketWarning> {
    let is_nightly = plan.is_whole && matches!(plan.task, Task::Backup(_));
    let is_continued = runs.iter().any(|run| run.planned.is_continued);
    let is_once = match plan.part {
        // It tells of the whole run.
        Some(RunPart::Close { .. }) => true,
        Some(RunPart::Ranges { .. } | RunPart::Piece { .. }) => false,
        None => !is_continued,
    };
    if !is_nightly || !is_once {
        return Vec::new();
    }
    let looks = runs.iter().map(|run| async move {
        let bucket = &run.destination;
        // Versions are what each destination was opened by.
        let settings = timeout(TO_LOOK, bucket.settings(Setting::Set(true))).await;
        let Ok(settings) = settings else {
            return Vec::new();
        };
        let prefix = &run.planned.destination.location.prefix;
        let checks = examine(&settings, &plan.source.bucket, prefix.as_str());
        let warnings = checks
            .into_iter()
            .filter_map(|check| BucketWarning::of(bucket.name(), check));
        warnings.collect()
    });
    future::join_all(looks).await.concat()
}
