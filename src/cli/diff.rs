//! `s3-backup diff`: what changed in the backup from one run to another.
//!
//! Only segments that are not the same in both snapshots are read, each once, and each change is told as
//! it is found.

use std::pin::pin;

use clap::Args;
use futures::TryStreamExt;

use super::changes::{text, totals_text};
use super::job::{JobArguments, JobDestination};
use super::{Exit, show, terminal};
use crate::diff::{Change, ChangeCounts, changes};
use crate::report::{ChangeLine, ChangeTotals, FirstChanges};
use crate::snapshot::{Index, SnapshotError, SnapshotSelector};

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup diff latest~1 latest --source primary --destination backup
  s3-backup diff 2026-11-20 2026-11-21 --source primary --destination backup
  s3-backup diff latest~7 latest --source primary --destination backup --jsonl | jq -r .key

A run is given by its id, by a beginning that no other id has, as `latest`, or as `latest~1`, which
is the one before; `s3-backup runs` lists them. Settings are those of `run`. Nothing is written.

  content   the object has another ETag or size
  metadata  it was written anew with the same content
  class     its backup is in another storage class
  backup    its backup is another version

Exit codes: 0 compared, whether or not anything changed; 1 could not run, as when there is no such
snapshot; 2 wrong usage; 3 the comparison broke off";

/// Its arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The run to compare from
    from: SnapshotSelector,
    /// The run to compare with
    to: SnapshotSelector,
    #[command(flatten)]
    job: JobArguments,
    /// Print one JSON object: the numbers, and the first 100 changes of each kind
    #[arg(long)]
    json: bool,
    /// Print one JSON object for each change, and one with the numbers at the end
    #[arg(long, conflicts_with = "json")]
    jsonl: bool,
}

/// Tells it.
pub async fn tell(arguments: &Arguments) -> Exit {
    arguments.tell().await.into()
}

impl Arguments {
    async fn tell(&self) -> Result<(), Exit> {
        let place = self.job.place().await?;
        let (from, to) = self.snapshots(&place).await?;
        let before = place.history.rows_of(from.segments_beside(&to));
        let after = place.history.rows_of(to.segments_beside(&from));
        let mut pages = pin!(changes(before, after));
        let mut teller = ChangePrinter::begin(self, &from, &to)?;
        loop {
            match pages.try_next().await {
                Ok(Some(page)) => teller.tell(&page)?,
                Ok(None) => return teller.end(&from, &to),
                Err(problem) => return Err(broken_off(&problem)),
            }
        }
    }

    async fn snapshots(&self, place: &JobDestination) -> Result<(Index, Index), Exit> {
        let wanted = [self.from.clone(), self.to.clone()];
        match place.history.at(wanted).await {
            [Ok(from), Ok(to)] => Ok((from, to)),
            found => {
                for absent in found.into_iter().filter_map(Result::err) {
                    show::error(&absent.to_string());
                }
                Err(Exit::CouldNotRun)
            }
        }
    }
}

fn broken_off(problem: &SnapshotError) -> Exit {
    show::error(&format!(
        "the comparison broke off, and there may be more changes: {problem}; {}",
        problem.remedy()
    ));
    Exit::Incomplete
}

/// Tells changes as they come, in the form that was asked for.
struct ChangePrinter {
    tally: ChangeCounts,
    form: Form,
}

enum Form {
    Text,
    Lines,
    /// At the end.
    Object(Box<FirstChanges>),
}

impl ChangePrinter {
    fn begin(arguments: &Arguments, from: &Index, to: &Index) -> Result<Self, Exit> {
        let form = if arguments.json {
            Form::Object(Box::default())
        } else if arguments.jsonl {
            Form::Lines
        } else {
            let heading = format!(
                "{} -> {}, from run {} to {}",
                to.source, to.destination, from.run_id, to.run_id
            );
            let heading = terminal::printable(&heading) + "\n";
            show::write_text(&heading)?;
            Form::Text
        };
        let tally = ChangeCounts::default();
        Ok(Self { tally, form })
    }

    /// Tells a page of changes.
    fn tell(&mut self, page: &[Change]) -> Result<(), Exit> {
        let mut told = String::new();
        for change in page {
            self.tally.count(change);
            match &mut self.form {
                Form::Text => told.push_str(&text(change)),
                Form::Lines => told.push_str(&show::json(&ChangeLine::from(change))?),
                Form::Object(first) => first
                    .add(change)
                    .map_err(|error| show::unwritable(&error))?,
            }
        }
        show::write(&told)
    }

    fn end(self, from: &Index, to: &Index) -> Result<(), Exit> {
        let totals = ChangeTotals::of(from, to, &self.tally);
        let told = match self.form {
            Form::Text => totals_text(&totals),
            Form::Lines => show::json(&totals.as_last_line())?,
            Form::Object(first) => show::json(&first.with(&totals))?,
        };
        show::write(&told)
    }
}
