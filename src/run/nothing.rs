//! A run over nothing: it is complete, but nobody meant it. One more request finds out what was.

use std::time::Duration;

use tokio::time::timeout;

use super::RunResult;
use crate::model::{Key, Prefix};
use crate::plan::Plan;
use crate::report::{Warning, level_of};
use crate::s3::{Bucket, PageStart};

/// How long a hint may take.
const TO_LOOK: Duration = Duration::from_secs(10);

/// Warns if the source has no object, or none that is admitted. A run that goes on, or one that was
/// stopped, nobody knows.
pub(super) async fn warn(plan: &Plan, source: &Bucket, ended: RunResult) -> RunResult {
    let totals = ended.report.totals();
    let is_part = ended.cursor.is_some() || plan.is_continued();
    if is_part || totals.found != totals.excluded {
        return ended;
    }
    let warning = if totals.found == 0 {
        let names = names(&plan.source.prefix, source).await;
        Warning::nothing_found(&plan.source, names.as_deref())
    } else {
        let found = ended.report.totals_of(0).found;
        let keys = first_keys(&plan.source.prefix, source).await;
        Warning::nothing_admitted(&plan.source, found, &plan.scope.filter, keys.as_deref())
    };
    RunResult {
        report: ended.report.warning(warning),
        ..ended
    }
}

/// The names on the level of the source's prefix. Of a whole bucket that is empty there are none.
async fn names(prefix: &Prefix, source: &Bucket) -> Option<Vec<String>> {
    if prefix.is_empty() {
        return None;
    }
    let level = level_of(prefix);
    let page = source.names(&level, '/', &PageStart::Beginning);
    let page = timeout(TO_LOOK, page).await.ok()?.ok()?;
    Some(page.names)
}

async fn first_keys(prefix: &Prefix, source: &Bucket) -> Option<Vec<Key>> {
    let page = source.page(prefix, &PageStart::Beginning);
    let page = timeout(TO_LOOK, page).await.ok()?.ok()?;
    Some(page.objects.into_iter().map(|object| object.key).collect())
}
