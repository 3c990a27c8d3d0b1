//! `deleted`: files of the last days that the next backup did not have any more.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use super::access::Caller;
use super::answer::{Asked, Refusal, Reply};
use super::app::App;
use super::backup::Runs;
use super::folder::FileFacts;
use super::names::is_hidden;
use crate::model::Timestamp;
use crate::snapshot::{Index, SegmentRow, SnapshotError};

/// How long one answer looks, unless a read takes longer.
const TIME: Duration = Duration::from_secs(1);
/// Files of one answer, about.
const MOST_FILES: usize = 200;

/// How far back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletedAsked {
    /// Days before the last backup.
    days: u32,
    /// The run that an answer before ended at.
    #[serde(default)]
    from: Option<String>,
}

/// Files that were deleted.
#[derive(Debug, Serialize)]
pub struct DeletedReply {
    files: Vec<DeletedFile>,
    /// Where to go on; none at the end.
    next: Option<String>,
}

/// A file that one backup has and the next has not.
#[derive(Debug, Serialize)]
pub struct DeletedFile {
    path: String,
    /// The last run that has it.
    run: String,
    /// When that ended.
    last_seen: Timestamp,
    /// When the next one had ended, without it.
    gone_by: Timestamp,
    file: FileFacts,
}

pub async fn answer(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<DeletedAsked>,
) -> Result<Reply<DeletedReply>, Refusal> {
    if !(1..=366).contains(&asked.days) {
        return Err(Refusal::field("days", "give a number from 1 to 366"));
    }
    let runs = app.backup.runs().await?;
    let began = Instant::now();
    let far = Duration::from_secs(u64::from(asked.days) * 24 * 60 * 60);
    let last = runs.indexes.front().map(|index| index.ended_at);
    let pairs = runs.indexes.iter().zip(runs.indexes.iter().skip(1));
    let mut files = Vec::new();
    let mut skip = asked.from.is_some();
    for (later, earlier) in pairs {
        skip = skip && asked.from.as_deref() != Some(later.run_id.as_str());
        if skip {
            continue;
        }
        if last.is_some_and(|last| last.since(later.ended_at) > far) {
            break;
        }
        if began.elapsed() > TIME || files.len() >= MOST_FILES {
            let next = Some(later.run_id.clone());
            return Ok(Reply(DeletedReply { files, next }));
        }
        for row in gone(&runs, earlier, later).await? {
            if !is_hidden(row.key(), &app.backup.placement) && caller.sees(row.key()) {
                files.push(DeletedFile {
                    path: row.key().to_owned(),
                    run: earlier.run_id.clone(),
                    last_seen: earlier.ended_at,
                    gone_by: later.ended_at,
                    file: row.row().into(),
                });
            }
        }
    }
    Ok(Reply(DeletedReply { files, next: None }))
}

/// The rows that the earlier run has and the later one has not, from the segments that only one has.
async fn gone(
    runs: &Runs,
    earlier: &Index,
    later: &Index,
) -> Result<Vec<SegmentRow>, SnapshotError> {
    let before = earlier.segments_beside(later);
    if before.is_empty() {
        return Ok(Vec::new());
    }
    let mut kept = HashSet::new();
    let mut pages = runs.history.rows_of(later.segments_beside(earlier));
    while let Some(rows) = pages.try_next().await? {
        kept.extend(rows.iter().map(|row| row.key().to_owned()));
    }
    let mut gone = Vec::new();
    let mut pages = runs.history.rows_of(before);
    while let Some(rows) = pages.try_next().await? {
        let missing = rows.into_iter().filter(|row| !kept.contains(row.key()));
        gone.extend(missing);
    }
    Ok(gone)
}
