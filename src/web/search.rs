//! `search`: files by a part of their name, over all runs.
//!
//! The last run is looked through first, then what earlier ones have beside it: a segment that several runs
//! name is read once. An answer ends after a second or a hundred files and says where to go on, so that
//! results are shown as they come, and so that the person decides whether to go on after ten seconds.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use super::access::Caller;
use super::answer::{Asked, Refusal, Reply};
use super::api::Api;
use super::backup::Runs;
use super::folder::FileFacts;
use super::names::{is_hidden, name};
use crate::snapshot::{SegmentEntry, SegmentRow};

/// How long one answer looks, about.
const TIME: Duration = Duration::from_secs(1);
/// Files of one answer: of the longest names they stay below what a gateway lets through.
const MOST_FILES: usize = 100;
/// Segments that are fetched ahead. All rows of one that has a file are some two MB.
const AHEAD: usize = 12;
/// Segments that one answer can come to: more than it has time for.
const MOST_SEGMENTS: usize = 4_000;
/// The longest part of a name that is looked for, in bytes.
const MOST_BYTES: usize = 200;

/// The search.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchAsked {
    /// A part of the name, in any case.
    text: String,
    /// Where an answer before ended.
    #[serde(default)]
    from: Option<Place>,
}

/// How far a search has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    run: String,
    /// The segments of the run that no later one has.
    segment: usize,
    /// The last path of the answer before, if that ended within a segment.
    #[serde(default)]
    after: Option<String>,
}

/// Files that were found.
#[derive(Debug, Serialize)]
pub struct SearchReply {
    files: Vec<FoundFile>,
    /// Where to go on; none at the end.
    next: Option<Place>,
    /// Segments looked through so far, of how many.
    done: usize,
    of: usize,
}

/// A file as the last run has it that has it.
#[derive(Debug, Serialize)]
pub struct FoundFile {
    path: String,
    run: String,
    file: FileFacts,
}

pub async fn answer(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<SearchAsked>,
) -> Result<Reply<SearchReply>, Refusal> {
    if asked.text.is_empty() || asked.text.len() > MOST_BYTES {
        return Err(Refusal::field(
            "text",
            "give 1 to 200 bytes of the name of a file",
        ));
    }
    let runs = api.backup.runs().await?;
    let parts = parts(&runs, &caller);
    let (at, after) = match asked.from {
        None => (0, None),
        Some(place) => (position(&parts, &place)?, place.after),
    };
    let mut search = Search {
        shows: |path: &str| caller.sees(path) && !is_hidden(path, &api.backup.placement),
        parts,
        at,
        after,
        files: Vec::new(),
        seen: HashSet::new(),
    };
    let began = Instant::now();
    let ahead = search.parts.iter().skip(at).take(MOST_SEGMENTS);
    let ahead = ahead.map(|(_, entry)| (*entry).clone()).collect();
    let needle: Arc<str> = asked.text.to_lowercase().into();
    let matches = move |path: &str| has(path, &needle);
    let mut segments = runs.history.matching(ahead, matches, AHEAD);
    while let Some(rows) = segments.try_next().await? {
        search.take(&rows);
        if search.files.len() >= MOST_FILES || began.elapsed() > TIME {
            break;
        }
    }
    Ok(Reply(SearchReply {
        next: search.place(),
        done: search.at,
        of: search.parts.len(),
        files: search.files,
    }))
}

/// A search, and how far it has come.
struct Search<'a, F> {
    /// Whether the caller may see a path.
    shows: F,
    parts: Vec<(&'a str, &'a SegmentEntry)>,
    /// The number of the next part.
    at: usize,
    /// The path in that one which is looked at already, with all before it.
    after: Option<String>,
    files: Vec<FoundFile>,
    seen: HashSet<String>,
}

impl<F: Fn(&str) -> bool> Search<'_, F> {
    /// Takes the rows of the next part that match: all, or as many as an answer has room for.
    fn take(&mut self, rows: &[SegmentRow]) {
        let Some((run, _)) = self.parts.get(self.at) else {
            return;
        };
        let after = self.after.take().unwrap_or_default();
        for row in rows.iter().filter(|row| row.key() > after.as_str()) {
            let path = row.key();
            if !(self.shows)(path) {
                continue;
            }
            if self.files.len() >= MOST_FILES {
                self.after = self.files.last().map(|file| file.path.clone());
                return;
            }
            if self.seen.insert(path.to_owned()) {
                self.files.push(FoundFile {
                    path: path.to_owned(),
                    run: (*run).to_owned(),
                    file: row.row().into(),
                });
            }
        }
        self.at += 1;
    }

    /// Where to go on; none at the end.
    fn place(&self) -> Option<Place> {
        let (run, _) = self.parts.get(self.at)?;
        let before = self.parts.iter().take(self.at);
        Some(Place {
            run: (*run).to_owned(),
            segment: before.filter(|(other, _)| other == run).count(),
            after: self.after.clone(),
        })
    }
}

/// The segments of all runs that may have what the caller sees, each with the last run that has it.
fn parts<'a>(runs: &'a Runs, caller: &Caller) -> Vec<(&'a str, &'a SegmentEntry)> {
    let mut known: HashSet<&SegmentEntry> = HashSet::new();
    let mut parts = Vec::new();
    for index in &runs.indexes {
        for entry in &index.segments {
            let seen = caller.sees_between(entry.first_key.as_str(), entry.last_key.as_str());
            if seen && known.insert(entry) {
                parts.push((index.run_id.as_str(), entry));
            }
        }
    }
    parts
}

fn position(parts: &[(&str, &SegmentEntry)], place: &Place) -> Result<usize, Refusal> {
    let first = parts.iter().position(|(run, _)| *run == place.run);
    // A run that came meanwhile can leave an earlier one without segments of its own.
    first
        .and_then(|first| first.checked_add(place.segment))
        .filter(|at| *at <= parts.len())
        .ok_or_else(|| Refusal::field("from", "a new backup was made meanwhile; search again"))
}

/// Whether the name of a path has that text, which is in lower case.
fn has(path: &str, needle: &str) -> bool {
    let name = name(path);
    if name.is_ascii() {
        let needle = needle.as_bytes();
        let mut windows = name.as_bytes().windows(needle.len());
        return windows.any(|part| part.eq_ignore_ascii_case(needle));
    }
    name.to_lowercase().contains(needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_any_case_and_its_folder_is_not_looked_at() {
        assert!(has("reports/Quarter.PDF", "quarter.p"));
        assert!(has("x/ÄRGER.txt", "ärg"));
        assert!(!has("reports/a.pdf", "report"));
        assert!(!has("a", "longer than the name"));
    }
}
