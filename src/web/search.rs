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
use super::app::App;
use super::backup::Runs;
use super::folder::FileFacts;
use super::names::{is_hidden, name};
use crate::snapshot::{Digest, SegmentEntry};

/// How long one answer looks, unless a read takes longer.
const TIME: Duration = Duration::from_secs(1);
/// Files of one answer, about.
const MOST_FILES: usize = 100;
/// Segments that are read between two looks at the clock.
const AT_ONCE: usize = 4;
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
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<SearchAsked>,
) -> Result<Reply<SearchReply>, Refusal> {
    if asked.text.is_empty() || asked.text.len() > MOST_BYTES {
        return Err(Refusal::field(
            "text",
            "give 1 to 200 bytes of the name of a file",
        ));
    }
    let needle = asked.text.to_lowercase();
    let runs = app.backup.runs().await?;
    let parts = parts(&runs, &caller);
    let of = parts.len();
    let mut at = match &asked.from {
        None => 0,
        Some(place) => position(&parts, place)?,
    };
    let began = Instant::now();
    let (mut files, mut seen) = (Vec::new(), HashSet::new());
    while at < of && files.len() < MOST_FILES && began.elapsed() < TIME {
        let Some((run, _)) = parts.get(at) else { break };
        let here = parts.iter().skip(at).take(AT_ONCE);
        let here: Vec<SegmentEntry> = here
            .take_while(|(other, _)| other == run)
            .map(|(_, entry)| (*entry).clone())
            .collect();
        at += here.len();
        let mut pages = runs.history.rows_of(here);
        while let Some(rows) = pages.try_next().await? {
            for row in rows.iter().filter(|row| has(row.key(), &needle)) {
                let path = row.key();
                let shown = caller.sees(path) && !is_hidden(path, &app.backup.placement);
                if shown && seen.insert(path.to_owned()) {
                    files.push(FoundFile {
                        path: path.to_owned(),
                        run: (*run).to_owned(),
                        file: row.row().into(),
                    });
                }
            }
        }
    }
    Ok(Reply(SearchReply {
        files,
        next: parts.get(at).map(|(run, _)| Place {
            run: (*run).to_owned(),
            segment: parts
                .iter()
                .take(at)
                .filter(|(other, _)| other == run)
                .count(),
        }),
        done: at,
        of,
    }))
}

/// The segments of all runs that may have what the caller sees, each with the last run that has it.
fn parts<'a>(runs: &'a Runs, caller: &Caller) -> Vec<(&'a str, &'a SegmentEntry)> {
    let mut known: HashSet<Digest> = HashSet::new();
    let mut parts = Vec::new();
    for index in &runs.indexes {
        for entry in &index.segments {
            let seen = caller.sees_between(entry.first_key.as_str(), entry.last_key.as_str());
            if seen && known.insert(entry.sha256) {
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
        .map(|first| first + place.segment)
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
