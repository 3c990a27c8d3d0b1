//! `s3-backup ls`: what the backup held at a run, by its snapshot. A prefix reads only its segments.

use std::fmt::Write as _;
use std::pin::pin;

use clap::Args;
use futures::TryStreamExt;

use super::job::JobArguments;
use super::{Exit, show, terminal};
use crate::model::{Key, Prefix, Start};
use crate::report::BackedUpObject;
use crate::snapshot::{Index, SegmentEntry, SnapshotSelector};

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
    match arguments.list().await {
        Ok(()) => Exit::Complete,
        Err(exit) => exit,
    }
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
        let mut pages = pin!(place.history.rows_of(segments_below(&index, &prefix)));
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

/// The segments that may have keys below a prefix.
fn segments_below(index: &Index, prefix: &Prefix) -> Vec<SegmentEntry> {
    let start = if prefix.is_empty() {
        Start::Beginning
    } else {
        Start::At(Key::new(prefix.as_str()))
    };
    let is_before_end = |entry: &&SegmentEntry| {
        let first = entry.first_key.as_str();
        first <= prefix.as_str() || first.starts_with(prefix.as_str())
    };
    let segments = index.segments_from(&start).iter();
    segments.take_while(is_before_end).cloned().collect()
}

fn line(object: &BackedUpObject<'_>) -> String {
    let mut line = String::new();
    let size = terminal::bytes(object.size);
    let (modified, class) = (object.modified, terminal::printable(object.class));
    let key = terminal::printable(object.key);
    let _ = writeln!(line, "{modified}  {size:>10}  {class:<12}  {key}");
    line
}
