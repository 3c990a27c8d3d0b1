//! `s3-backup ls`: what the backup held at a run, by its snapshot. A prefix reads only its segments.

use std::fmt::Write as _;
use std::pin::pin;

use clap::Args;
use futures::TryStreamExt;

use super::job::JobArguments;
use super::{Exit, show, terminal};
use crate::model::Prefix;
use crate::report::BackedUpObject;
use crate::snapshot::SnapshotSelector;

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup ls latest --source primary --destination backup
  s3-backup ls latest~1 photos/2026/ --source primary --destination backup
  s3-backup ls 2026-11-20 --source primary --destination backup --json | jq -r .key

A run is given by its id, by a beginning that no other id has, as `latest`, or as `latest~1`, which
is the one before; `s3-backup runs` lists them. The date is that of the object in the source.
Settings are those of `run`. Nothing is written.

Exit codes: 0 listed, 1 could not run, as when there is no such snapshot, 2 wrong usage, 3 the
listing broke off";

/// Its arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The run
    run: SnapshotSelector,
    /// Only keys that start with it
    #[arg(default_value = "", hide_default_value = true)]
    prefix: String,
    #[command(flatten)]
    job: JobArguments,
    /// Print one JSON object for each object
    #[arg(long)]
    json: bool,
}

/// Lists it.
pub async fn list(arguments: &Arguments) -> Exit {
    arguments.list().await.into()
}

impl Arguments {
    async fn list(&self) -> Result<(), Exit> {
        let place = self.job.place().await?;
        let [found] = place.history.at([self.run.clone()]).await;
        let index = found.map_err(|absent| {
            show::error(&absent.to_string());
            Exit::CouldNotRun
        })?;
        let prefix = Prefix::new(self.prefix.as_str());
        let mut pages = pin!(
            place
                .history
                .rows_of(index.segments_below(&prefix).to_vec())
        );
        loop {
            let page = match pages.try_next().await {
                Ok(Some(page)) => page,
                Ok(None) => return Ok(()),
                Err(problem) => {
                    let remedy = problem.remedy();
                    show::error(&format!(
                        "the listing broke off, and there may be more objects: {problem}; {remedy}"
                    ));
                    return Err(Exit::Incomplete);
                }
            };
            let mut text = String::new();
            let below = page.iter().map(|stored| stored.row());
            for row in below.filter(|row| row.key.starts_with(prefix.as_str())) {
                let object = BackedUpObject::from(row);
                if self.json {
                    text.push_str(&show::json(&object)?);
                } else {
                    text.push_str(&line(&object));
                }
            }
            show::write(&text)?;
        }
    }
}

fn line(object: &BackedUpObject<'_>) -> String {
    let mut line = String::new();
    let size = terminal::bytes(object.size);
    let (modified, class) = (object.modified, terminal::printable(object.class));
    let key = terminal::printable(object.key);
    let _ = writeln!(line, "{modified}  {size:>10}  {class:<12}  {key}");
    line
}
