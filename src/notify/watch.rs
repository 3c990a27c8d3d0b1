//! The watch: how old is the last complete run of each job? It runs every hour, in a function of its own, so that
//! somebody hears of it when the backup fails, when it never worked, and when nothing runs any more.

use std::io;

use serde::Serialize;

use super::metrics::{Ages, HOURS_OF_NEVER, watch_line};
use crate::config::{Config, Destination};
use crate::history::History;
use crate::model::{BucketName, Deadline, Job, Phase, Timestamp};
use crate::request::RestoreId;
use crate::restore::{self, Shelf};
use crate::s3::{Connections, RunConnections};
use crate::snapshot::SnapshotError;

/// Why nobody knows how old the last complete run is. The function fails, no metric comes, and the alarm treats
/// that as it treats an old backup.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot look at the backup in bucket {bucket}: {problem}")]
pub struct WatchError {
    bucket: BucketName,
    problem: String,
}

/// What the watch has seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WatchResult {
    /// One for each backup bucket.
    pub jobs: Vec<JobAge>,
}

/// The age of a backup in one bucket.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobAge {
    /// Its name in metrics.
    pub job: String,
    /// The backup bucket.
    pub destination: String,
    /// The last complete run; none if there was none, or if its record is damaged.
    pub run_id: Option<String>,
    /// Hours since its end; 8,760 for never.
    pub hours_since_complete: f64,
    /// Restores from this bucket that have something left.
    pub open_restores: usize,
    /// The hours since the oldest of them began; 0 if there is none.
    pub restore_open_hours: f64,
    /// Days since the last drill that passed; none if none ever has.
    pub days_since_drill: Option<f64>,
    /// The problem of the record of the last run, or of the note of the last drill.
    pub problem: Option<String>,
}

/// Looks at each backup bucket: the name of the last snapshot, its index, the list of open restores, and the note of
/// the last drill.
///
/// # Errors
/// When a bucket cannot be read.
pub async fn watch(
    config: &Config,
    connections: &Connections,
    deadline: Option<Deadline>,
    now: Timestamp,
) -> Result<WatchResult, WatchError> {
    connections.begin_run();
    let connections = connections.for_run(1, deadline);
    let mut jobs = Vec::new();
    for (number, destination) in config.destinations.iter().enumerate() {
        // The schedule of drills reads the first backup bucket; restores may read any.
        let age = JobAge::read(config, destination, number == 0, &connections, now).await;
        jobs.push(age.map_err(|problem| WatchError {
            bucket: destination.location.bucket.clone(),
            problem,
        })?);
    }
    Ok(WatchResult { jobs })
}

impl JobAge {
    async fn read(
        config: &Config,
        destination: &Destination,
        is_drilled: bool,
        connections: &RunConnections<'_>,
        now: Timestamp,
    ) -> Result<Self, String> {
        let name = &destination.location.bucket;
        let bucket = connections.bucket(name, &destination.access).await;
        let bucket = bucket.map_err(|error| format!("{error}; {}", error.advice()))?;
        let job = Job::new(&config.source, &destination.placement);
        let history = History::open(bucket.in_phase(Phase::Cursor), job.clone()).await;
        let problem = history.problem();
        if let Some(SnapshotError::Unreadable { .. }) = problem {
            return Err(problem
                .map(|problem| problem.to_string())
                .unwrap_or_default());
        }
        let complete = history.last().and_then(|(index, _)| index.last_complete());
        let since = |then: Timestamp| now.since(then).as_secs_f64() / 3_600.0;
        let bucket = bucket.in_phase(Phase::Cursor);
        let mut drilled = Ok(None);
        if is_drilled {
            let last = restore::last_passed(&bucket, &job).await;
            drilled = last.map_err(|error| format!("{error}; {}", error.advice()))?;
        }
        let (open, _) = Shelf::new(bucket, job)
            .open()
            .await
            .map_err(|error| error.to_string())?;
        let problem = problem.map(|problem| problem.to_string());
        let problem = problem.or_else(|| drilled.as_ref().err().cloned());
        let oldest = open.iter().filter_map(begun_at).min();
        Ok(Self {
            job: config.job_name(),
            destination: name.to_string(),
            hours_since_complete: complete.as_ref().map_or(HOURS_OF_NEVER, |run| {
                since(run.ended_at).min(HOURS_OF_NEVER)
            }),
            run_id: complete.map(|run| run.run_id),
            open_restores: open.len(),
            restore_open_hours: oldest.map_or(0.0, since),
            days_since_drill: drilled.ok().flatten().map(|then| since(then) / 24.0),
            problem,
        })
    }
}

/// When a restore began, by its name.
fn begun_at(id: &RestoreId) -> Option<Timestamp> {
    let (time, _) = id.as_str().rsplit_once('-')?;
    let (date, clock) = time.split_once('T')?;
    Timestamp::parse(&format!("{date}T{}", clock.replace('-', ":")))
}

impl WatchResult {
    /// Writes the metrics, each line bare.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn write_metrics(&self, now: Timestamp, log: &mut impl io::Write) -> io::Result<()> {
        self.jobs.iter().try_for_each(|age| {
            let ages = Ages {
                hours_since_complete: age.hours_since_complete,
                restore_open_hours: age.restore_open_hours,
                days_since_drill: age.days_since_drill,
            };
            let line = watch_line(&age.job, &age.destination, ages, now);
            writeln!(log, "{line}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_restore_tells_when_it_began() {
        let id = RestoreId::parse("2026-11-21T02-00-00Z-7f3a").unwrap();
        let other = RestoreId::parse("1-other").unwrap();

        assert_eq!(
            begun_at(&id),
            Some(Timestamp::from_millis(1_795_226_400_000))
        );
        assert_eq!(begun_at(&other), None);
    }
}
