//! A run looks once at the settings of its backup buckets, while it copies, and warns of what would take backups away.

use std::time::Duration;

use futures::future;
use tokio::time::timeout;

use super::destination::DestinationRun;
use crate::checks::examine;
use crate::model::Setting;
use crate::report::BucketWarning;

/// How long looking may take. A server that does not answer must not keep a run that is done.
const TO_LOOK: Duration = Duration::from_secs(5);

/// Mistakes in the settings of the buckets: five requests for each bucket. What may not be seen is left out.
pub(super) async fn look(runs: &[DestinationRun]) -> Vec<BucketWarning> {
    let looks = runs.iter().map(|run| async move {
        let bucket = &run.destination;
        // Versions are what each destination was opened by.
        let settings = timeout(TO_LOOK, bucket.settings(Setting::Set(true))).await;
        let Ok(settings) = settings else {
            return Vec::new();
        };
        let prefix = &run.planned.destination.location.prefix;
        let checks = examine(&settings, run.source.name(), prefix.as_str());
        let warnings = checks
            .into_iter()
            .filter_map(|check| BucketWarning::of(bucket.name(), check));
        warnings.collect()
    });
    future::join_all(looks).await.concat()
}
