//! `s3-backup runs`: the snapshots of a job, the last one first, up to where the chain is broken.

use std::fmt::Write as _;
use std::num::NonZero;

use clap::Args;
use futures::TryStreamExt;
use serde::Serialize;

use super::job::{JobArguments, JobDestination};
use super::{Exit, show, terminal};
use crate::model::Timestamp;
use crate::snapshot::{Index, SnapshotError};

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup runs --source primary --destination backup
  s3-backup runs --source primary --destination backup --all --json | jq .destinations

It reads the indexes of snapshots one after the other. Settings are those of `run`. Nothing is
written.

Exit codes: 0 listed, 1 could not run, 2 wrong usage, 3 the history is broken where it says so";

/// A month of nights.
const USUAL_LIMIT: NonZero<usize> = NonZero::<usize>::MIN.saturating_add(29);

/// Its arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    job: JobArguments,
    /// At most so many, the latest ones
    #[arg(long, value_name = "NUMBER", default_value_t = USUAL_LIMIT)]
    limit: NonZero<usize>,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct RunsJson {
    source: String,
    destinations: Vec<DestinationRuns>,
}

/// The runs of one destination.
#[derive(Debug, Serialize)]
struct DestinationRuns {
    bucket: String,
    job: String,
    runs: Vec<Run>,
    /// Whether there are earlier ones that were not asked for.
    more: bool,
    problem: Option<Problem>,
    /// Whether the problem is where the runs end.
    #[serde(skip)]
    is_broken: bool,
}

#[derive(Debug, Serialize)]
struct Run {
    #[serde(rename = "run_id")]
    id: String,
    started_at: Timestamp,
    ended_at: Timestamp,
    objects: u64,
    bytes: u64,
    copied: u64,
    errors: u64,
    segments: usize,
}

#[derive(Debug, Serialize)]
struct Problem {
    message: String,
    advice: &'static str,
}

impl From<&Index> for Run {
    fn from(index: &Index) -> Self {
        Self {
            id: index.run_id.clone(),
            started_at: index.started_at,
            ended_at: index.ended_at,
            objects: index.totals.objects,
            bytes: index.totals.bytes,
            copied: index.totals.copied,
            errors: index.totals.errors,
            segments: index.segments.len(),
        }
    }
}

impl From<SnapshotError> for Problem {
    fn from(error: SnapshotError) -> Self {
        Self {
            message: error.to_string(),
            advice: error.remedy(),
        }
    }
}

/// Lists them.
pub async fn list(arguments: &Arguments) -> Exit {
    arguments.list().await.unwrap_or_else(|exit| exit)
}

impl Arguments {
    async fn list(&self) -> Result<Exit, Exit> {
        let places = self.job.places().await?;
        let source = places.first().map(|place| place.source.to_string());
        let mut destinations = Vec::new();
        for place in places {
            destinations.push(self.walk(&place).await?);
        }
        let broken = destinations.iter().any(|listing| listing.problem.is_some());
        if self.json {
            let listed = RunsJson {
                source: source.unwrap_or_default(),
                destinations,
            };
            show::write(&show::json(&listed)?)?;
        }
        Ok(if broken {
            Exit::Incomplete
        } else {
            Exit::Complete
        })
    }

    /// Goes back in time. As text each run is printed as it is read.
    async fn walk(&self, place: &JobDestination) -> Result<DestinationRuns, Exit> {
        let mut listing = DestinationRuns {
            bucket: place.destination.to_string(),
            job: place.job.name().to_owned(),
            runs: Vec::new(),
            more: false,
            problem: None,
            is_broken: false,
        };
        self.say(|| format!("{}\n", heading(place)))?;
        let most = if self.all {
            usize::MAX
        } else {
            self.limit.get()
        };
        let mut indexes = place.history.indexes();
        while listing.runs.len() < most {
            match indexes.try_next().await {
                Ok(Some(index)) => {
                    let run = Run::from(&index);
                    let first = listing.runs.is_empty();
                    self.say(|| {
                        if first {
                            titles() + &line(&run)
                        } else {
                            line(&run)
                        }
                    })?;
                    listing.more = index.previous.is_some();
                    listing.runs.push(run);
                }
                Ok(None) => break,
                Err(error @ SnapshotError::Unreadable { .. }) if listing.runs.is_empty() => {
                    show::error(&format!("{error}; {}", error.remedy()));
                    return Err(Exit::CouldNotRun);
                }
                Err(error) => {
                    listing.more = false;
                    listing.is_broken = true;
                    listing.problem = Some(error.into());
                    break;
                }
            }
        }
        // The runs are those that can be proven, and there may be later ones.
        if listing.problem.is_none() {
            place.history.look_for_later().await;
            listing.problem = place.history.problem().map(Problem::from);
        }
        self.say(|| ending(&listing))?;
        Ok(listing)
    }

    fn say(&self, text: impl FnOnce() -> String) -> Result<(), Exit> {
        if self.json {
            return Ok(());
        }
        show::write(&text())
    }
}

fn heading(place: &JobDestination) -> String {
    let text = format!(
        "{} -> {}, history in {}",
        place.source,
        place.destination,
        place.job.key("snapshots/")
    );
    terminal::printable(&text)
}

fn row([run, started, objects, bytes, copied, errors, segments]: [&str; 7]) -> String {
    let when = format!("  {run:<25}  {started:<20}");
    let what = format!("  {objects:>11}  {bytes:>10}  {copied:>11}  {errors:>8}  {segments:>8}");
    when + &what + "\n"
}

fn titles() -> String {
    row([
        "run", "started", "objects", "bytes", "copied", "errors", "segments",
    ])
}

fn line(run: &Run) -> String {
    row([
        &terminal::printable(&run.id),
        &run.started_at.to_string(),
        &run.objects.to_string(),
        &terminal::bytes(run.bytes),
        &run.copied.to_string(),
        &run.errors.to_string(),
        &run.segments.to_string(),
    ])
}

/// What stands below the runs.
fn ending(listing: &DestinationRuns) -> String {
    let mut text = String::new();
    if listing.more {
        text.push_str("and earlier ones; --all lists them\n");
    } else if listing.runs.is_empty() && listing.problem.is_none() {
        text.push_str("  no snapshot yet: a complete run writes the first one\n");
    }
    if let Some(Problem { message, advice }) = &listing.problem {
        let message = terminal::printable(message);
        let place = if listing.is_broken {
            "the history ends here: "
        } else {
            ""
        };
        let _ = writeln!(text, "error: {place}{message}");
        let _ = writeln!(text, "  next: {advice}");
    }
    text
}
