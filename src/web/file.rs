//! `file`: the history of one file over all runs, and what events added between them.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::access::Caller;
use super::answer::{Asked, Refusal, Reply};
use super::api::Api;
use super::backup::Runs;
use super::folder::FileFacts;
use super::names;
use crate::model::{Key, Timestamp, VersionKind};
use crate::snapshot::{Index, Row, SegmentEntry};

/// Segments that are read at once.
const AT_ONCE: usize = 8;

/// Which file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileAsked {
    path: String,
}

/// Its history.
#[derive(Debug, Serialize)]
pub struct FileReply {
    path: String,
    /// The last one first, only where the content changed.
    states: Vec<FileState>,
}

/// What a file was for some time.
#[derive(Debug, Serialize)]
pub struct FileState {
    /// `there`, `deleted`, or `between`: a version that was made between two backups.
    kind: &'static str,
    /// The last backup that it is in; none of what was made between two.
    run: Option<String>,
    /// The first backup that it is in ended then; of what was made between two, when it was made.
    since: Timestamp,
    /// The backup before ended then; none for the first.
    after: Option<Timestamp>,
    /// None of a file that is deleted.
    file: Option<FileFacts>,
}

pub async fn answer(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<FileAsked>,
) -> Result<Reply<FileReply>, Refusal> {
    let path = names::file("path", &asked.path, &api.backup.placement)?;
    caller.look_at(path.as_str())?;
    let runs = api.backup.runs().await?;
    let rows = rows(&runs, &path).await?;
    let mut states = states(&runs, &rows);
    let between = between(&api, &path, &rows).await?;
    if between.is_empty() && rows.iter().all(Option::is_none) {
        return Err(Refusal::not_found("there is no such file in the backup"));
    }
    states.extend(between);
    states.sort_by_key(|state| std::cmp::Reverse(state.since));
    Ok(Reply(FileReply {
        path: asked.path,
        states,
    }))
}

/// What each run has of a file. A segment of several runs is read once.
async fn rows(runs: &Runs, path: &Key) -> Result<Vec<Option<Row>>, Refusal> {
    let entries: Vec<Option<&SegmentEntry>> = runs
        .indexes
        .iter()
        .map(|index| index.segment_of(path))
        .collect();
    let mut distinct: Vec<SegmentEntry> = entries.iter().flatten().copied().cloned().collect();
    distinct.dedup();
    let read: Vec<Option<Row>> = stream::iter(distinct.clone())
        .map(|entry| runs.row_in(entry, path))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let row = |entry: Option<&SegmentEntry>| {
        let at = distinct.iter().position(|known| Some(known) == entry)?;
        read.get(at).cloned().flatten()
    };
    Ok(entries.into_iter().map(row).collect())
}

/// Runs that follow each other and have the same content are one state. Before the first backup that has the
/// file there is none.
fn states(runs: &Runs, rows: &[Option<Row>]) -> Vec<FileState> {
    let indexes: Vec<&Arc<Index>> = runs.indexes.iter().collect();
    let content = |row: &Option<Row>| row.as_ref().map(|row| (row.source_etag.clone(), row.size));
    let mut states = Vec::new();
    let mut begin = 0;
    while begin < rows.len() {
        let same = rows.iter().skip(begin);
        let first = rows.get(begin).map(content);
        let count = same.take_while(|row| Some(content(row)) == first).count();
        let end = begin + count;
        let (Some(newest), Some(oldest)) = (indexes.get(begin), indexes.get(end - 1)) else {
            break;
        };
        let file = rows.get(begin).and_then(Option::as_ref);
        let earlier = indexes.get(end);
        if file.is_some() || earlier.is_some() {
            states.push(FileState {
                kind: if file.is_some() { "there" } else { "deleted" },
                run: Some(newest.run_id.clone()),
                since: oldest.ended_at,
                after: earlier.map(|index| index.ended_at),
                file: file.map(|row| row.as_ref().into()),
            });
        }
        begin = end;
    }
    states
}

/// Versions that no run names: a later backup replaced them before a run could see them.
async fn between(api: &Api, path: &Key, rows: &[Option<Row>]) -> Result<Vec<FileState>, Refusal> {
    let versions = api
        .backup
        .bucket
        .versions_of(&api.backup.backup_key(path))
        .await?;
    let named = |id: &str| {
        let mut versions = rows.iter().flatten();
        versions.any(|row| {
            row.backup_version_id
                .as_ref()
                .is_some_and(|known| known.as_str() == id)
        })
    };
    let known = rows
        .iter()
        .flatten()
        .any(|row| row.backup_version_id.is_none());
    let states = versions.into_iter().filter_map(|version| {
        let VersionKind::Object {
            size, class, etag, ..
        } = version.kind
        else {
            return None;
        };
        if known || named(version.id.as_str()) {
            return None;
        }
        Some(FileState {
            kind: "between",
            run: None,
            since: version.modified,
            after: None,
            file: Some(FileFacts {
                size,
                modified: version.modified,
                tag: etag.as_str().to_owned(),
                version: Some(version.id.as_str().to_owned()),
                cold: class.is_archive(),
            }),
        })
    });
    Ok(states.collect())
}
