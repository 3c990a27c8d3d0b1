//! `s3-backup restores`: the restores of a job, the last one first, and what is left of each.

use std::fmt::Write as _;

use clap::Args;

use super::job::{JobArguments, JobDestination};
use super::terminal::printable;
use super::{Exit, show};
use crate::request::RestoreId;
use crate::restore::{RestoreRow, Shelf, StateError, Store};

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup restores --source primary --destination backup
  s3-backup restores 2026-11-21T02-00-00Z-7f3a --source primary --destination backup
  s3-backup restores --json | jq '.[] | select(.stage == \"waiting\") | .id'

It reads the state of restores in each destination. Nothing is written.

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

/// Lists them.
pub async fn list(arguments: &Arguments) -> Exit {
    match arguments.list().await {
        Ok(exit) | Err(exit) => exit,
    }
}

impl Arguments {
    async fn list(&self) -> Result<Exit, Exit> {
        let places = self.job.places().await?;
        let only = self.id.as_deref().map(id).transpose()?;
        let (mut rows, mut exit) = (Vec::new(), Exit::Complete);
        let mut missing = None;
        for place in &places {
            let restores = Shelf::new(place.bucket.clone(), place.job.clone());
            let ids = match &only {
                Some(id) => vec![id.clone()],
                None => restores.ids().await.map_err(|error| {
                    show::error(&format!("{error}; {}", error.advice()));
                    Exit::CouldNotRun
                })?,
            };
            for id in ids {
                match RestoreRow::read(&Store::of(&restores, &id)).await {
                    Ok(row) => rows.push(row),
                    // Another destination may have it.
                    Err(error @ StateError::Unknown { .. }) if only.is_some() => {
                        missing = Some(error);
                    }
                    Err(error) => {
                        show::error(&error.to_string());
                        exit = Exit::Incomplete;
                    }
                }
            }
        }
        if let Some(error) = missing.filter(|_| rows.is_empty() && exit == Exit::Complete) {
            show::error(&error.to_string());
            exit = Exit::Incomplete;
        }
        // Ids begin with the time.
        rows.sort_by(|a, b| b.id.cmp(&a.id));
        let text = if self.json {
            show::json(&rows)?
        } else {
            text(&rows, &places)
        };
        show::write(&text)?;
        Ok(exit)
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

fn text(rows: &[RestoreRow], places: &[JobDestination]) -> String {
    if rows.is_empty() {
        let source = places.first().map(|place| place.source.to_string());
        let names: Vec<&str> = places
            .iter()
            .map(|place| place.destination.as_str())
            .collect();
        let source = source.unwrap_or_default();
        return format!("no restores of {source} from {}\n", names.join(", "));
    }
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<26} {:<8} {:<11} {:>12} {:>8}  into",
        "restore", "kind", "stage", "restored", "left"
    );
    for row in rows {
        let mut note = String::new();
        if places.len() > 1 {
            let _ = write!(note, ", from {}", row.from);
        }
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
