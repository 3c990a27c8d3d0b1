//! The watch: how old is the last complete run of each job? It runs every hour, in a function of its own, so that
//! somebody hears of it when the backup fails, when it never worked, and when nothing runs any more.

use std::collections::BTreeSet;
use std::io;

use futures::{StreamExt, stream};
use serde::Serialize;

use super::metrics::{Ages, HOURS_OF_NEVER, watch_line};
use crate::config::{Config, Destination, WatchJobs};
use crate::history::History;
use crate::model::{Deadline, Job, Phase, Timestamp};
use crate::register::Register;
use crate::request::RestoreId;
use crate::restore::{self, OpenError, Shelf};
use crate::s3::{Bucket, Connections, RunConnections, S3Error};
use crate::snapshot::SnapshotError;

/// Jobs that are looked at side by side: each needs a few small reads, and an index in memory.
const AT_ONCE: usize = 4;

/// Why nobody knows how old the last complete run of a job is. The function fails, no metric of that job comes, and the
/// alarm treats that as it treats an old backup.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot look at the backup in bucket {0}")]
pub struct WatchError(String);

/// Why nobody knows how old the backup of a job is in one bucket.
#[derive(Debug, thiserror::Error)]
enum AgeError {
    /// S3 did not send what names the last snapshot, or its index.
    #[error(transparent)]
    Snapshot(SnapshotError),
    /// S3 did not send the note of the last drill.
    #[error("{error}; {}", error.advice())]
    Note {
        #[source]
        error: S3Error,
    },
    /// The list of open restores cannot be read.
    #[error(transparent)]
    Open(OpenError),
}

/// What the watch has seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WatchResult {
    /// One for each job and backup bucket.
    pub jobs: Vec<JobAge>,
    /// What could not be looked at, each with its bucket.
    #[serde(skip)]
    problems: Vec<String>,
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

/// A job of a backup bucket, by its name in metrics.
struct WatchedJob {
    name: String,
    job: Job,
    bucket: Bucket,
    /// Whether its drills are counted: their schedule reads the first backup bucket; restores may read any.
    is_drilled: bool,
}

/// Looks at each backup bucket, for the job that is configured or for all that have a name in metrics: the name of the
/// last snapshot, its index, what names open restores, and the note of the last drill.
///
/// A job that cannot be looked at in one bucket is left out, and keeps no other from being told of.
pub async fn watch(
    config: &Config,
    connections: &Connections,
    deadline: Option<Deadline>,
    now: Timestamp,
) -> WatchResult {
    connections.begin_run();
    let connections = connections.for_run(1, deadline);
    let mut result = WatchResult::default();
    let mut watched = Vec::new();
    for number in 0..config.destinations.len() {
        let (jobs, problem) = jobs_of(config, number, &connections).await;
        watched.extend(jobs);
        result.problems.extend(problem);
    }
    let ages = watched.iter().map(|job| job.age(now));
    let ages: Vec<_> = stream::iter(ages).buffered(AT_ONCE).collect().await;
    let mut left_out = BTreeSet::new();
    for (watched, age) in watched.iter().zip(ages) {
        match age {
            Ok(age) => result.jobs.push(age),
            Err(problem) => {
                result.problems.push(watched.problem(config, &problem));
                left_out.insert(&watched.name);
            }
        }
    }
    result.jobs.retain(|age| !left_out.contains(&age.job));
    result
}

/// The jobs that are looked at in a backup bucket, and the problem of the bucket or of its register.
async fn jobs_of(
    config: &Config,
    number: usize,
    connections: &RunConnections<'_>,
) -> (Vec<WatchedJob>, Option<String>) {
    let Destination {
        location,
        placement,
        access,
        ..
    } = &config.destinations[number];
    let bucket = match connections.bucket(&location.bucket, access).await {
        Ok(bucket) => bucket.in_phase(Phase::Cursor),
        Err(error) => {
            let problem = format!("{}: {error}; {}", location.bucket, error.advice());
            return (Vec::new(), Some(problem));
        }
    };
    let watched = |name, job| WatchedJob {
        name,
        job,
        bucket: bucket.clone(),
        is_drilled: number == 0,
    };
    let own = Job::new(&config.source, placement);
    let mut jobs = vec![watched(config.job_name(), own.clone())];
    if config.notify.watch_jobs == WatchJobs::Own {
        return (jobs, None);
    }
    let register = match Register::read(&bucket).await {
        Ok(register) => register,
        Err(problem) => return (jobs, Some(format!("{}: {problem}", location.bucket))),
    };
    let mut problem = None;
    for (name, job) in register.named_jobs() {
        match job {
            Some(job) if job == own || name == config.job_name() => {}
            Some(job) => jobs.push(watched(name, job)),
            None => {
                let (key, bucket) = (Job::register_key(), &location.bucket);
                problem = Some(format!(
                    "{bucket}: the entry of job {name:?} in {key} names another job than its source and prefixes do; \
                     remove it: the job registers again in its next run"
                ));
            }
        }
    }
    (jobs, problem)
}

impl WatchedJob {
    /// What could not be looked at, with its bucket, and with its job where there are others.
    fn problem(&self, config: &Config, problem: &AgeError) -> String {
        let bucket = self.bucket.name();
        match config.notify.watch_jobs {
            WatchJobs::Own => format!("{bucket}: {problem}"),
            WatchJobs::All => format!("{bucket}, job {:?}: {problem}", self.name),
        }
    }

    async fn age(&self, now: Timestamp) -> Result<JobAge, AgeError> {
        let (bucket, job) = (&self.bucket, &self.job);
        let history = History::open(bucket.clone(), job.clone()).await;
        let problem = history.problem();
        if let Some(unreadable @ SnapshotError::Unreadable { .. }) = problem {
            return Err(AgeError::Snapshot(unreadable));
        }
        let complete = history.last().and_then(|(index, _)| index.last_complete());
        let since = |then: Timestamp| now.since(then).as_secs_f64() / 3_600.0;
        let mut drilled = Ok(None);
        if self.is_drilled {
            let last = restore::last_passed(bucket, job).await;
            drilled = last.map_err(|error| AgeError::Note { error })?;
        }
        let open = Shelf::new(bucket.clone(), job.clone())
            .unfinished(true)
            .await
            .map_err(AgeError::Open)?;
        let problem = problem.map(|problem| problem.to_string());
        let problem = problem.or_else(|| Some(drilled.as_ref().err()?.to_string()));
        let oldest = open.iter().filter_map(begun_at).min();
        Ok(JobAge {
            job: self.name.clone(),
            destination: bucket.name().to_string(),
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
    /// The same, if each job could be looked at.
    ///
    /// # Errors
    /// What could not.
    pub fn complete(self) -> Result<Self, WatchError> {
        if self.problems.is_empty() {
            return Ok(self);
        }
        Err(WatchError(self.problems.join("; in bucket ")))
    }

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
