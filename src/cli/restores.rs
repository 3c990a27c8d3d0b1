//! `s3-backup restores`: the restores of a job, the last one first, and what is left of each.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::job::{JobArguments, JobDestination};
use super::terminal::printable;
use super::{Exit, show};
use crate::model::Timestamp;
use crate::request::RestoreId;
use crate::restore::{Kind, Shelf, StateError, Store};

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup restores --source primary --destination backup
  s3-backup restores 2026-11-21T02-00-00Z-7f3a --source primary --destination backup
  s3-backup restores --json | jq '.[] | select(.stage == \"waiting\") | .id'

It reads the state of restores in the first destination. Nothing is written.

Exit codes: 0 listed, 1 could not run, 2 wrong usage, 3 the state of a restore cannot be read";

/// Its arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only this one
    id: Option<String>,
    #[command(flatten)]
    job: JobArguments,
    /// Print a JSON array with an object for each restore
    #[arg(long)]
    json: bool,
}

/// A restore, as it is listed.
#[derive(Debug, Serialize)]
struct Row {
    id: String,
    kind: &'static str,
    undoes: Option<String>,
    undone_by: Option<String>,
    stage: &'static str,
    run: Option<String>,
    target: String,
    asked_by: String,
    started_at: Timestamp,
    objects_found: u64,
    objects_restored: u64,
    objects_waiting: u64,
    errors: u64,
    left: usize,
    ready_at: Option<Timestamp>,
}

/// Lists them.
pub async fn list(arguments: &Arguments) -> Exit {
    match arguments.list().await {
        Ok(exit) | Err(exit) => exit,
    }
}

impl Arguments {
    async fn list(&self) -> Result<Exit, Exit> {
        let place = self.place().await?;
        let restores = Shelf {
            bucket: place.bucket.clone(),
            job: place.job.clone(),
            kms_key: None,
        };
        let ids = match &self.id {
            Some(text) => vec![id(text)?],
            None => restores.ids().await.map_err(|error| {
                show::error(&format!("{error}; {}", error.advice()));
                Exit::CouldNotRun
            })?,
        };
        let (mut rows, mut exit) = (Vec::new(), Exit::Complete);
        for id in ids {
            match row(&restores, &id).await {
                Ok(row) => rows.push(row),
                Err(error) => {
                    show::error(&error.to_string());
                    exit = Exit::Incomplete;
                }
            }
        }
        let text = if self.json {
            show::json(&rows)?
        } else {
            text(&rows, &place)
        };
        show::write(&text)?;
        Ok(exit)
    }

    async fn place(&self) -> Result<JobDestination, Exit> {
        let places = self.job.places().await?;
        places.into_iter().next().ok_or(Exit::Usage)
    }
}

fn id(text: &str) -> Result<RestoreId, Exit> {
    RestoreId::parse(text).ok_or_else(|| {
        show::error(&format!(
            "{text:?} is no restore; allowed: {}",
            RestoreId::ALLOWED
        ));
        Exit::Usage
    })
}

async fn row(shelf: &Shelf, id: &RestoreId) -> Result<Row, StateError> {
    let store = Store::of(shelf, id);
    let request = store.request().await?;
    let progress = store.progress().await?.progress;
    let tally = progress.tally();
    Ok(Row {
        id: id.to_string(),
        kind: match request.kind {
            Kind::Restore => "restore",
            Kind::Undo => "undo",
        },
        stage: progress.stage.name(),
        run: request.point.map(|point| point.run_id),
        target: match request.target.prefix.as_str() {
            "" => format!("s3://{}", request.target.bucket),
            prefix => format!("s3://{}/{prefix}", request.target.bucket),
        },
        undoes: request.undoes,
        asked_by: request.asked_by,
        started_at: request.started_at,
        objects_found: tally.found,
        objects_restored: tally.copied,
        objects_waiting: tally.waiting,
        errors: tally.errors,
        left: progress.left(),
        ready_at: progress.ready_at.filter(|_| tally.waiting > 0),
        undone_by: progress.undone_by,
    })
}

fn text(rows: &[Row], place: &JobDestination) -> String {
    if rows.is_empty() {
        return format!(
            "no restores of {} from {}\n",
            place.source, place.destination
        );
    }
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<26} {:<8} {:<11} {:>12} {:>8}  into",
        "restore", "kind", "stage", "restored", "left"
    );
    for row in rows {
        let mut note = String::new();
        if let Some(undoes) = &row.undoes {
            let _ = write!(note, ", undoes {undoes}");
        }
        if let Some(by) = &row.undone_by {
            let _ = write!(note, ", undone by {by}");
        }
        if let Some(ready) = row.ready_at {
            let _ = write!(note, ", ready at {ready}");
        }
        let _ = writeln!(
            text,
            "{:<26} {:<8} {:<11} {:>12} {:>8}  {}{note}",
            row.id,
            row.kind,
            row.stage,
            row.objects_restored,
            row.left,
            printable(&row.target)
        );
    }
    text
}
