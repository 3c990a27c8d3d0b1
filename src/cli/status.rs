//! `s3-backup status`: how old the last complete run is, what is under way, and what to do next.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::buckets::Buckets;
use super::job::{JobDestination, places};
use super::terminal::{age, bytes, objects, parse_duration, printable, quoted};
use super::{Exit, refuse_destination, show};
use crate::deletions::held_run;
use crate::lease::{Holder, LeaseObject};
use crate::model::Timestamp;
use crate::report::RunStatus;
use crate::restore::Shelf;
use crate::snapshot::{Index, SnapshotError};

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup status s3://primary s3://backup
  s3-backup status s3://primary s3://backup --max-age 2d --quiet || page-somebody
  s3-backup status s3://primary s3://backup --json | jq '.destinations[].age_seconds'

It reads the last snapshot, the lease and the open restores, and writes nothing. The age is that
of the end of the last run without an error.

Exit codes: 0 the backup is fresh in each destination, 1 could not run, 2 wrong usage, 3 the last
complete run is older than --max-age, or there is none";

/// Its arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    buckets: Buckets,
    /// How old the last complete run may be: a number and s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "26h", value_parser = parse_duration)]
    max_age: Duration,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct StatusJson {
    source: String,
    is_fresh: bool,
    max_age_seconds: u64,
    destinations: Vec<DestinationStatus>,
}

/// One destination.
#[derive(Debug, Serialize)]
struct DestinationStatus {
    bucket: String,
    destination: String,
    is_fresh: bool,
    /// Seconds since the end of the last complete run.
    age_seconds: Option<u64>,
    last_complete: Option<CompleteRow>,
    last_run: Option<LastRun>,
    /// The lease: who copies, or marks, at this moment.
    under_way: Option<HolderRow>,
    open_restores: Vec<String>,
    objects: u64,
    bytes: u64,
    problem: Option<String>,
    next: Vec<String>,
}

#[derive(Debug, Serialize)]
struct CompleteRow {
    run_id: String,
    ended_at: Timestamp,
}

#[derive(Debug, Serialize)]
struct LastRun {
    run_id: String,
    started_at: Timestamp,
    ended_at: Timestamp,
    status: RunStatus,
    errors: u64,
}

/// The holder of a lease.
#[derive(Debug, Serialize)]
struct HolderRow {
    run_id: Option<String>,
    holder: Option<String>,
    since: Option<Timestamp>,
    until: Timestamp,
}

/// Tells it.
pub async fn tell(arguments: &Arguments) -> Exit {
    arguments.tell().await.unwrap_or_else(|exit| exit)
}

impl Arguments {
    async fn tell(&self) -> Result<Exit, Exit> {
        let found = places(self.buckets.vars()).await?;
        let source = found.first().map(|place| place.source.to_string());
        let mut destinations = Vec::new();
        for place in found {
            let status = self.look(&place).await?;
            if !self.json {
                show::write_unless_quiet(&text(&place, &status))?;
            }
            destinations.push(status);
        }
        let is_fresh = destinations.iter().all(|status| status.is_fresh);
        if self.json {
            let status = StatusJson {
                source: source.unwrap_or_default(),
                is_fresh,
                max_age_seconds: self.max_age.as_secs(),
                destinations,
            };
            show::write(&show::json(&status)?)?;
        }
        Ok(if is_fresh {
            Exit::Complete
        } else {
            Exit::Incomplete
        })
    }

    async fn look(&self, place: &JobDestination) -> Result<DestinationStatus, Exit> {
        let lease = lease_of(place).look().await;
        let lease = lease.map_err(|error| refuse_destination(&error))?;
        let held = held_run(&place.bucket, &place.job).await;
        let held = held.map_err(|error| refuse_destination(&error))?;
        let restores = Shelf::new(place.bucket.clone(), place.job.clone());
        let open = restores.unfinished(true).await.map_err(|error| {
            show::refusal("DestinationError", &error.to_string());
            Exit::CouldNotRun
        });
        let open = open?;
        let index = place.history.last().map(|(index, _)| index);
        let complete = index.and_then(Index::last_complete);
        let age = complete.as_ref().map(|run| lease.at.since(run.ended_at));
        let problem = place.history.problem();
        let mut status = DestinationStatus {
            bucket: place.destination.to_string(),
            destination: place.shown(),
            is_fresh: age.is_some_and(|age| age <= self.max_age),
            age_seconds: age.map(|age| age.as_secs()),
            last_complete: complete.map(|run| CompleteRow {
                run_id: run.run_id,
                ended_at: run.ended_at,
            }),
            last_run: index.map(|index| LastRun {
                run_id: index.run_id.clone(),
                started_at: index.started_at,
                ended_at: index.ended_at,
                status: RunStatus::of(index, held.as_ref().map(|held| held.run_id.as_str())),
                errors: index.totals.errors,
            }),
            under_way: lease.holder.map(HolderRow::from),
            open_restores: open.iter().map(ToString::to_string).collect(),
            objects: index.map_or(0, |index| index.totals.objects),
            bytes: index.map_or(0, |index| index.totals.bytes),
            problem: problem.as_ref().map(ToString::to_string),
            next: Vec::new(),
        };
        status.next = next(place, &status, problem.as_ref());
        Ok(status)
    }
}

/// The lease of a job in one destination.
pub fn lease_of(place: &JobDestination) -> LeaseObject {
    LeaseObject::of(place.bucket.clone(), &place.job)
}

impl From<Holder> for HolderRow {
    fn from(holder: Holder) -> Self {
        Self {
            run_id: holder.run_id,
            holder: holder.process,
            since: holder.since,
            until: holder.until,
        }
    }
}

/// What to do, as commands that can be pasted.
fn next(
    place: &JobDestination,
    status: &DestinationStatus,
    problem: Option<&SnapshotError>,
) -> Vec<String> {
    let sides = place.sides();
    let mut next = Vec::new();
    if let Some(problem) = problem {
        next.push(problem.remedy().to_owned());
    }
    match &status.under_way {
        Some(_) => next.push(format!(
            "wait for it; if its process is gone: s3-backup unlock {sides}"
        )),
        None if !status.is_fresh => next.push(format!("s3-backup run {sides}")),
        None => {}
    }
    if let Some(last) = &status.last_run {
        match last.status {
            RunStatus::Held => next.push(format!(
                "look at what is gone, then: s3-backup run {sides} --deletions mark --confirm {}",
                last.run_id
            )),
            RunStatus::Incomplete if status.is_fresh => next.push(format!(
                "s3-backup run {sides} names what is not in the backup, and tries again"
            )),
            RunStatus::Incomplete | RunStatus::Complete => {}
        }
    }
    if !status.open_restores.is_empty() {
        let flags = place.flags();
        next.push(format!("s3-backup restore --continue all {flags}"));
    }
    next
}

fn text(place: &JobDestination, status: &DestinationStatus) -> String {
    let mut text = format!("{} -> {}\n", place.source, status.destination);
    let mut row = |name: &str, fact: &str| {
        let _ = writeln!(text, "  {name:<14} {fact}");
    };
    match (&status.last_complete, status.age_seconds) {
        (Some(run), Some(seconds)) => {
            let age = age(Duration::from_secs(seconds));
            let stale = if status.is_fresh { "" } else { ": too old" };
            row(
                "last complete",
                &format!("{}, {age} ago{stale}", run.run_id),
            );
        }
        _ => row("last complete", "never"),
    }
    if let Some(last) = &status.last_run {
        let errors = match last.errors {
            0 => String::new(),
            1 => ", 1 error".to_owned(),
            errors => format!(", {} errors", super::terminal::count(errors)),
        };
        row(
            "last run",
            &format!("{}, {}{errors}", last.run_id, last.status.name()),
        );
    }
    match &status.under_way {
        None => row("under way", "nothing"),
        Some(holder) => row("under way", &holder.words()),
    }
    if !status.open_restores.is_empty() {
        row("open restores", &status.open_restores.join(", "));
    }
    let size = bytes(status.bytes);
    row("backup", &format!("{}, {size}", objects(status.objects)));
    if let Some(problem) = &status.problem {
        row("problem", problem);
    }
    for step in &status.next {
        row("next", step);
    }
    let lines: Vec<String> = text.lines().map(printable).collect();
    lines.join("\n") + "\n"
}

impl HolderRow {
    fn words(&self) -> String {
        match (&self.run_id, &self.holder, self.since) {
            (Some(run), Some(holder), Some(since)) => {
                format!("run {run} ({holder}), since {since}")
            }
            _ => format!(
                "somebody, by a lease that cannot be read; it ends at {}",
                self.until
            ),
        }
    }
}

impl JobDestination {
    /// Both sides as positional arguments.
    pub fn sides(&self) -> String {
        format!(
            "{} {}",
            quoted(&url(&self.source.to_string())),
            quoted(&url(&self.shown()))
        )
    }

    /// Both sides as flags.
    pub fn flags(&self) -> String {
        let (source, destination) = (self.source.to_string(), self.shown());
        format!(
            "--source {} --destination {}",
            quoted(&source),
            quoted(&destination)
        )
    }
}

fn url(location: &str) -> String {
    if location.starts_with("s3://") {
        location.to_owned()
    } else {
        format!("s3://{location}")
    }
}
