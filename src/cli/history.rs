//! `s3-backup history`: the versions of one key in the backup, and the runs that wrote them.

use std::fmt::Write as _;

use clap::Args;
use futures::TryStreamExt;

use super::job::{JobArguments, JobDestination};
use super::{Exit, show, terminal};
use crate::model::Key;
use crate::report::{BackupVersion, RunNames};
use crate::s3::S3Error;
use crate::snapshot::{SegmentEntry, SnapshotError};

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup history photos/2026/roof.jpg --source primary --destination backup
  s3-backup history a.txt --source primary --destination backup --json | jq -r .version_id

All versions that the backup bucket has, the newest first, each with the first run that had it, by
the snapshots of the runs. Settings are those of `run`. Nothing is written.

Exit codes: 0 listed, 1 could not run, as when the backup never had the key, 2 wrong usage";

/// Its arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The key, as it is in the source
    key: String,
    #[command(flatten)]
    job: JobArguments,
    /// Print one JSON object for each version
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
        let key = Key::new(self.key.as_str());
        let backup_key = place.placement.backup_key(&key);
        let versions = place.bucket.versions_of(&backup_key).await;
        let versions = versions.map_err(|error: S3Error| could_not(&error))?;
        if versions.is_empty() {
            show::error(&format!(
                "the backup never had {key}; `s3-backup ls latest` lists what it has"
            ));
            return Err(Exit::CouldNotRun);
        }
        let versions = versions.into_iter().map(|row| BackupVersion::of(&key, row));
        let mut versions: Vec<BackupVersion> = versions.collect();
        name_runs(&place, &key, &mut versions).await;
        let mut text = String::new();
        for version in &versions {
            if self.json {
                text.push_str(&show::json(version)?);
            } else {
                text.push_str(&line(version));
            }
        }
        show::write(&text)
    }
}

fn could_not(error: &S3Error) -> Exit {
    show::error(&format!("{error}; {}", error.advice()));
    Exit::CouldNotRun
}

/// Goes back in time, run by run. A segment that did not change is read once. What cannot be read leaves the
/// versions that are left without their runs.
async fn name_runs(place: &JobDestination, key: &Key, versions: &mut [BackupVersion]) {
    let mut names = RunNames::of(versions);
    let mut indexes = place.history.indexes();
    let mut last: Option<(SegmentEntry, Option<String>)> = None;
    let problem = loop {
        let run = match indexes.try_next().await {
            Ok(Some(run)) => run,
            Ok(None) => return,
            Err(problem) => break problem,
        };
        let had = match run.segment_of(key).cloned() {
            None => None,
            Some(entry) => match &last {
                Some((known, had)) if *known == entry => had.clone(),
                _ => match version_in(place, entry.clone(), key).await {
                    Ok(had) => {
                        last = Some((entry, had.clone()));
                        had
                    }
                    Err(problem) => break problem,
                },
            },
        };
        names.pass(&run.run_id, had.as_deref());
    };
    show::error(&format!(
        "what earlier runs had is not known: {problem}; {}",
        problem.remedy()
    ));
}

/// The version of the backup of a key that a segment names; an empty text where it has the key and names none.
async fn version_in(
    place: &JobDestination,
    entry: SegmentEntry,
    key: &Key,
) -> Result<Option<String>, SnapshotError> {
    let mut pages = place.history.rows_of(vec![entry]);
    while let Some(page) = pages.try_next().await? {
        if let Some(stored) = page.iter().find(|stored| stored.key() == key.as_str()) {
            let version = stored.row().backup_version_id;
            return Ok(Some(version.unwrap_or_default().to_owned()));
        }
    }
    Ok(None)
}

fn line(version: &BackupVersion) -> String {
    let mut line = String::new();
    let size = version.size.map_or("deleted".to_owned(), terminal::bytes);
    let run = terminal::printable(version.run_id.as_deref().unwrap_or("-"));
    let (written, id) = (version.written, terminal::printable(&version.version_id));
    let _ = writeln!(line, "{written}  {size:>10}  {run:<25}  {id}");
    line
}
