//! `deleted`: files of the last days that the next backup did not have any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use super::access::Caller;
use super::answer::{Asked, Refusal, Reply};
use super::api::Api;
use super::backup::Runs;
use super::folder::FileFacts;
use super::names::is_hidden;
use crate::diff::{Joined, join};
use crate::model::{Placement, Timestamp};
use crate::snapshot::{Index, SegmentEntry, SegmentRow, SnapshotError};

/// How long one answer looks, unless a read takes longer.
const TIME: Duration = Duration::from_secs(1);
/// Files of one answer. Of the longest names they are less than a gateway lets through.
const MOST_FILES: usize = 100;
/// Rows between two looks at the clock.
const ROWS_BETWEEN_LOOKS: usize = 1_000;

/// How far back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletedAsked {
    /// Days before the last backup.
    days: u32,
    /// The run that an answer before ended at.
    #[serde(default)]
    from: Option<String>,
    /// The path that it ended at.
    #[serde(default)]
    after: Option<String>,
}

/// Files that were deleted.
#[derive(Debug, Serialize)]
pub struct DeletedReply {
    files: Vec<DeletedFile>,
    /// The run to go on at; none at the end.
    next: Option<String>,
    /// The path to go on after; none to begin with the first one of that run.
    after: Option<String>,
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
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<DeletedAsked>,
) -> Result<Reply<DeletedReply>, Refusal> {
    if !(1..=366).contains(&asked.days) {
        return Err(Refusal::field("days", "give a number from 1 to 366"));
    }
    let runs = api.backup.runs().await?;
    let far = Duration::from_secs(u64::from(asked.days) * 24 * 60 * 60);
    let last = runs.indexes.front().map(|index| index.ended_at);
    let mut answer = Answer {
        runs: &runs,
        caller: &caller,
        placement: &api.backup.placement,
        until: Instant::now() + TIME,
        files: Vec::new(),
    };
    let mut after = asked.after.filter(|_| asked.from.is_some());
    let mut skip = asked.from.is_some();
    let pairs = runs.indexes.iter().zip(runs.indexes.iter().skip(1));
    for (later, earlier) in pairs {
        skip = skip && asked.from.as_deref() != Some(later.run_id.as_str());
        if skip {
            continue;
        }
        if last.is_some_and(|last| last.since(later.ended_at) > far) {
            break;
        }
        if answer.is_full() {
            return Ok(answer.ends(Some(later), None));
        }
        let looked = answer.look(earlier, later, after.take()).await?;
        if let Some(path) = looked {
            return Ok(answer.ends(Some(later), Some(path)));
        }
    }
    Ok(answer.ends(None, None))
}

/// An answer that is put together.
struct Answer<'a> {
    runs: &'a Runs,
    caller: &'a Caller,
    placement: &'a Placement,
    until: Instant,
    files: Vec<DeletedFile>,
}

impl Answer<'_> {
    fn is_full(&self) -> bool {
        self.files.len() >= MOST_FILES || Instant::now() > self.until
    }

    fn ends(self, next: Option<&Arc<Index>>, after: Option<String>) -> Reply<DeletedReply> {
        Reply(DeletedReply {
            files: self.files,
            next: next.map(|index| index.run_id.clone()),
            after,
        })
    }

    /// Takes the files that the earlier run has and the later one has not, from the segments that only one
    /// has, behind a path. Both are in the order of their keys, so that one page of each is held, however many
    /// were deleted. Gives the path at which it stopped.
    async fn look(
        &mut self,
        earlier: &Index,
        later: &Index,
        after: Option<String>,
    ) -> Result<Option<String>, SnapshotError> {
        let after = after.unwrap_or_default();
        let joined = join(
            self.pages(earlier.segments_beside(later), &after),
            self.pages(later.segments_beside(earlier), &after),
            SegmentRow::key,
            SegmentRow::key,
        );
        let (mut joined, mut rows) = (Box::pin(joined), 0_usize);
        while let Some(page) = joined.try_next().await? {
            for pair in page {
                let (row, is_gone) = match &pair {
                    Joined::Left(row) => (row, true),
                    Joined::Both(row, _) => (row, false),
                    Joined::Right(_) => continue,
                };
                let key = row.key();
                if key <= after.as_str() {
                    continue;
                }
                rows += 1;
                if is_gone && !is_hidden(key, self.placement) && self.caller.sees(key) {
                    self.files.push(DeletedFile {
                        path: key.to_owned(),
                        run: earlier.run_id.clone(),
                        last_seen: earlier.ended_at,
                        gone_by: later.ended_at,
                        file: row.row().into(),
                    });
                }
                // An answer comes further by a page at least, however slow the reads are.
                let looks =
                    rows.is_multiple_of(ROWS_BETWEEN_LOOKS) || self.files.len() >= MOST_FILES;
                if looks && self.is_full() {
                    return Ok(Some(key.to_owned()));
                }
            }
        }
        Ok(None)
    }

    /// The rows of segments that the caller may see something of, page by page. Those before a path may come along.
    fn pages(
        &self,
        segments: Vec<SegmentEntry>,
        after: &str,
    ) -> BoxStream<'static, Result<Vec<SegmentRow>, SnapshotError>> {
        let ahead = segments.into_iter().filter(|entry| {
            let (first, last) = (entry.first_key.as_str(), entry.last_key.as_str());
            last > after && self.caller.sees_between(first, last)
        });
        self.runs.history.rows_of(ahead.collect())
    }
}
