//! `s3-backup runs`: the snapshots of a job, the last one first, up to where the chain is broken.

use std::fmt::Write as _;
use std::num::NonZero;

use clap::Args;
use futures::TryStreamExt;

use super::buckets::Buckets;
use super::job::{JobDestination, places};
use super::not_allowed::NotAllowed;
use super::{Exit, refuse_destination, show, terminal};
use crate::deletions::held_run;
use crate::report::{DestinationRuns, HistoryProblem, RunRow, Runs};
use crate::snapshot::SnapshotError;

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup runs s3://primary s3://backup
  s3-backup runs s3://primary s3://backup --all --json | jq .destinations

  complete    everything that should have been in the backup was
  incomplete  with so many errors: those objects may have no backup, or an older one
  held        everything was, and deletions wait for a confirmation

It reads the indexes of snapshots one after the other. Nothing is written.

Exit codes: 0 listed, 1 could not run, 2 wrong usage, 3 the history is broken where it says so";

/// A month of nights.
const USUAL_LIMIT: NonZero<usize> = NonZero::<usize>::MIN.saturating_add(29);

/// Its arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    buckets: Buckets,
    /// At most so many, the latest ones
    #[arg(long, value_parser = parse_limit, value_name = "NUMBER", default_value_t = USUAL_LIMIT)]
    limit: NonZero<usize>,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Lists them.
pub async fn list(arguments: &Arguments) -> Exit {
    arguments.list().await.unwrap_or_else(|exit| exit)
}

impl Arguments {
    async fn list(&self) -> Result<Exit, Exit> {
        let places = places(self.buckets.vars()).await?;
        let source = places.first().map(|place| place.source.to_string());
        let mut destinations = Vec::new();
        for place in places {
            destinations.push(self.walk(&place).await?);
        }
        let broken = destinations.iter().any(|listing| listing.problem.is_some());
        if self.json {
            let listed = Runs {
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
            aged_out_before: None,
            problem: None,
            is_broken: false,
        };
        self.say(|| format!("{}\n", heading(place)))?;
        let most = if self.all {
            usize::MAX
        } else {
            self.limit.get()
        };
        let held = held_run(&place.bucket, &place.job).await;
        let held = held.map_err(|error| refuse_destination(&error))?;
        let held = held.map(|held| held.run_id);
        let mut indexes = place.history.indexes();
        while listing.runs.len() < most {
            match indexes.try_next().await {
                Ok(Some(index)) => {
                    let run = RunRow::of(&index, held.as_deref());
                    let is_first = listing.runs.is_empty();
                    let above = is_first.then(titles).unwrap_or_default();
                    self.say(|| above + &line(&run))?;
                    listing.more = index.previous.is_some();
                    listing.runs.push(run);
                }
                Ok(None) => {
                    let aged = place.history.aged_out();
                    listing.aged_out_before = aged.map(|aged| aged.before);
                    listing.more = false;
                    break;
                }
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
            listing.problem = place.history.problem().map(HistoryProblem::from);
        }
        self.say(|| ending(&listing))?;
        Ok(listing)
    }

    fn say(&self, text: impl FnOnce() -> String) -> Result<(), Exit> {
        if self.json {
            return Ok(());
        }
        show::write_text(&text())
    }
}

fn parse_limit(text: &str) -> Result<NonZero<usize>, NotAllowed> {
    let number = text.parse();
    number.map_err(|_| NotAllowed("a number from 1 on"))
}

fn heading(place: &JobDestination) -> String {
    let text = format!(
        "{} -> {}, history in {}",
        place.source,
        place.shown(),
        place.job.key("snapshots/")
    );
    terminal::printable(&text)
}

/// As wide as a terminal usually is.
fn row([run, status, objects, bytes, copied, errors]: [&str; 6]) -> String {
    let row =
        format!("{run:<25} {status:<10}  {objects:>11}  {bytes:>10}  {copied:>9}  {errors:>6}");
    row + "\n"
}

fn titles() -> String {
    row(["run", "status", "objects", "size", "copied", "errors"])
}

fn line(run: &RunRow) -> String {
    row([
        &terminal::printable(&run.id),
        run.status.name(),
        &terminal::count(run.objects),
        &terminal::bytes(run.bytes),
        &terminal::count(run.copied),
        &terminal::count(run.errors),
    ])
}

/// What stands below the runs.
fn ending(listing: &DestinationRuns) -> String {
    let mut text = String::new();
    if listing.more {
        text.push_str("and earlier ones; --all lists them\n");
    } else if listing.runs.is_empty() && listing.problem.is_none() {
        text.push_str("no snapshot yet: the first run writes one\n");
    }
    if let Some(before) = listing.aged_out_before {
        let _ = writeln!(
            text,
            "older runs have aged out, those of before {before}; BACKUP_HISTORY_DAYS says how long they stay"
        );
    }
    if let Some(HistoryProblem { message, advice }) = &listing.problem {
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
