//! `folder`: what a folder held at a run, a page at a time.
//!
//! The index tells of each segment its first and last key. If both lie in one folder below this one, so does
//! all between them, and the segment is not read: a folder of ten million files costs the segments at the
//! edges of what is shown.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::access::Caller;
use super::answer::{Asked, Refusal, Reply};
use super::api::Api;
use super::backup::Runs;
use super::names::{self, behind, child_folder};
use crate::model::{Key, Placement, Prefix, Start, Timestamp};
use crate::snapshot::{Index, RowRef, SegmentEntry, SnapshotError};

/// Entries of a page.
pub const PAGE: usize = 200;
/// Segments that are read at once.
const AT_ONCE: usize = 8;

/// Which folder, and when.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderAsked {
    run: String,
    folder: String,
    /// The path of the last entry of the page before.
    #[serde(default)]
    after: Option<String>,
}

/// A page of a folder.
#[derive(Debug, Serialize)]
pub struct FolderReply {
    entries: Vec<Entry>,
    /// What to ask the next page after; none after the last one.
    next: Option<String>,
}

/// A folder or a file in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The whole path; that of a folder ends with `/`.
    pub path: String,
    /// The facts of a file; none for a folder.
    pub file: Option<FileFacts>,
}

/// The facts of a file at a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileFacts {
    /// Bytes.
    pub size: u64,
    /// When it was last changed.
    pub modified: Timestamp,
    /// The tag of its content, to compare it with what is there today.
    pub tag: String,
    /// Its version in the backup; none if that is not known.
    pub version: Option<String>,
    /// Whether it is in cold storage.
    pub cold: bool,
}

impl From<RowRef<'_>> for FileFacts {
    fn from(row: RowRef<'_>) -> Self {
        Self {
            size: row.size,
            modified: row.source_modified,
            tag: row.source_etag.to_owned(),
            version: row.backup_version_id.map(str::to_owned),
            cold: crate::model::StorageClass::new(Some(row.storage_class)).is_archive(),
        }
    }
}

/// What a segment has of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Nothing but files somewhere below this folder.
    Below(String),
    /// It has to be read.
    Segment(SegmentEntry),
}

pub async fn answer(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<FolderAsked>,
) -> Result<Reply<FolderReply>, Refusal> {
    let placement = &api.backup.placement;
    let folder = names::folder("folder", &asked.folder, placement)?;
    let runs = api.backup.runs().await?;
    let index = runs.find(&asked.run)?;
    if let Some(ways) = caller.ways_below(&folder)? {
        let entry = |path| Entry { path, file: None };
        return Ok(Reply(FolderReply {
            entries: ways.into_iter().map(entry).collect(),
            next: None,
        }));
    }
    let start = start_after(&folder, asked.after.as_deref())?;
    let mut entries = page(&runs, index, &folder, &start, placement).await?;
    let more = entries.len() > PAGE;
    entries.truncate(PAGE);
    let next = entries.last().filter(|_| more);
    Ok(Reply(FolderReply {
        next: next.map(|entry| entry.path.clone()),
        entries,
    }))
}

fn start_after(folder: &str, after: Option<&str>) -> Result<Start, Refusal> {
    match after {
        None => Ok(Start::Beginning),
        Some(after) if !after.starts_with(folder) => {
            Err(Refusal::field("after", "it is not in this folder"))
        }
        Some(after) if after.ends_with('/') => Ok(Start::At(Key::new(behind(after)))),
        Some(after) => Ok(Start::After(Key::new(after))),
    }
}

/// The entries of a folder from a start on: one more than a page has, if there are more.
async fn page(
    runs: &Runs,
    index: &Index,
    folder: &str,
    start: &Start,
    placement: &Placement,
) -> Result<Vec<Entry>, SnapshotError> {
    let pieces = pieces(index, folder, start);
    let mut read = stream::iter(pieces)
        .map(|piece| entries_of(runs, piece, folder, start))
        .buffered(AT_ONCE);
    let mut entries: Vec<Entry> = Vec::new();
    while entries.len() <= PAGE
        && let Some(found) = read.try_next().await?
    {
        for entry in found {
            let again = entries.last().is_some_and(|last| last.path == entry.path);
            if !again && !names::is_hidden(&entry.path, placement) {
                entries.push(entry);
            }
        }
    }
    entries.truncate(PAGE + 1);
    Ok(entries)
}

fn pieces(index: &Index, folder: &str, start: &Start) -> Vec<Piece> {
    let prefix = Prefix::new(folder);
    let segments = index.segments_below(&prefix).iter();
    let segments = segments.filter(|entry| start.admits(entry.last_key.as_str()));
    let mut pieces: Vec<Piece> = Vec::new();
    for entry in segments {
        let (first, last) = (entry.first_key.as_str(), entry.last_key.as_str());
        let ends = child_folder(first, folder).zip(child_folder(last, folder));
        let piece = match ends {
            Some((first, last)) if first == last => Piece::Below(first.to_owned()),
            _ => Piece::Segment(entry.clone()),
        };
        if pieces.last() != Some(&piece) {
            pieces.push(piece);
        }
    }
    pieces
}

async fn entries_of(
    runs: &Runs,
    piece: Piece,
    folder: &str,
    start: &Start,
) -> Result<Vec<Entry>, SnapshotError> {
    let entry = match piece {
        Piece::Below(path) => {
            let shown = start.admits(&path);
            let below = Entry { path, file: None };
            return Ok(shown.then_some(below).into_iter().collect());
        }
        Piece::Segment(entry) => entry,
    };
    let mut pages = runs.history.rows_of(vec![entry]);
    let mut entries: Vec<Entry> = Vec::new();
    while let Some(rows) = pages.try_next().await? {
        for row in &rows {
            let path = row.key();
            if !path.starts_with(folder) || path == folder || !start.admits(path) {
                continue;
            }
            let entry = match child_folder(path, folder) {
                Some(below) => Entry {
                    path: below.to_owned(),
                    file: None,
                },
                None => Entry {
                    path: path.to_owned(),
                    file: Some(row.row().into()),
                },
            };
            if entries.last().is_none_or(|last| last.path != entry.path) {
                entries.push(entry);
            }
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_begins_behind_a_whole_folder() {
        let at = Start::At(Key::new("a/b0"));
        assert_eq!(start_after("a/", Some("a/b/")), Ok(at));
        let after = Start::After(Key::new("a/b"));
        assert_eq!(start_after("a/", Some("a/b")), Ok(after));
        assert!(start_after("a/", Some("b")).is_err());
    }
}
