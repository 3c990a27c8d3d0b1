//! The backups that are configured, and which of them a restore reads: the one that is named, else the first one;
//! for a restore that was begun, the one in which its plan lies.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use futures::stream::FuturesUnordered;
use futures::{StreamExt, future};
use tokio::time::timeout;

use super::opening::{self, Source};
use super::shelf::OpenError;
use super::state_error::StateError;
use super::store::Store;
use super::{Call, refused};
use crate::config::{Config, Destination};
use crate::history::History;
use crate::model::{BucketName, Job, Timestamp};
use crate::report::RunPlace;
use crate::request::{Point, RestoreId};
use crate::run::StartError;
use crate::s3::{RunConnections, S3Error};
use crate::snapshot::{Index, SelectorError, SnapshotError, SnapshotSelector};

/// The backups of a job.
#[derive(Clone, Copy)]
pub struct Backups<'a> {
    /// The settings of the job.
    pub config: &'a Config,
    /// The way to them.
    pub connections: &'a RunConnections<'a>,
}

/// A backup that can be restored from.
pub struct OpenBackup {
    /// Its bucket, and its state.
    pub source: Source,
    /// When S3 answered.
    pub now: Timestamp,
}

/// Why nobody knows what a backup has.
#[derive(Debug, thiserror::Error)]
enum LookError {
    /// S3 refused.
    #[error(transparent)]
    S3(#[from] S3Error),
    /// S3 took too long.
    #[error("it did not answer in time")]
    TooSlow,
    /// Its history is broken.
    #[error(transparent)]
    Snapshot(SnapshotError),
}

impl Backups<'_> {
    /// Opens a backup.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn open(&self, destination: &Destination) -> Result<OpenBackup, StartError> {
        let source = opening::source(self.config, destination, self.connections).await?;
        let now = source.bucket.time();
        Ok(OpenBackup { source, now })
    }

    /// Opens the backup of that name, else the first one.
    ///
    /// # Errors
    /// When there is none of that name, or it cannot be read.
    pub async fn open_named(&self, name: Option<&str>) -> Result<OpenBackup, StartError> {
        let all = &self.config.destinations;
        let Some(name) = name else {
            let Some(first) = all.first() else {
                return Err(StartError::request("no backup bucket is configured"));
            };
            let opened = self.open(first).await;
            return opened.map_err(|error| self.hint(error, &first.location.bucket));
        };
        match all.iter().find(|to| to.location.bucket.as_str() == name) {
            Some(destination) => self.open(destination).await,
            None => Err(StartError::request(&format!(
                "field \"from\" is {name:?}, which is no backup bucket of this job; configured: {}",
                names(all.iter())
            ))),
        }
    }

    /// The error of the first backup, with what else can be restored from.
    fn hint(&self, error: StartError, first: &BucketName) -> StartError {
        let others = self.others(first);
        if others.is_empty() {
            return error;
        }
        let others = names(others.into_iter());
        with_more(
            error,
            &format!("to restore from another backup, name it with \"from\": {others}"),
        )
    }

    /// Opens the backup in which a restore lies. All of them are looked at side by side: one that does not answer
    /// keeps nobody from going on with a restore from another one.
    ///
    /// # Errors
    /// When none has it, or the one that may have it cannot be read.
    pub async fn open_with(&self, id: &RestoreId) -> Result<OpenBackup, StartError> {
        if let [only] = self.config.destinations.as_slice() {
            return self.open(only).await;
        }
        let all = self.config.destinations.iter().enumerate();
        let mut looks: FuturesUnordered<_> = all
            .map(|(number, to)| async move { (number, self.look_for(to, id).await) })
            .collect();
        let mut problems = BTreeMap::new();
        while let Some((number, found)) = looks.next().await {
            match found {
                Ok(Some(opened)) => return Ok(opened),
                Ok(None) => {}
                Err(error) => {
                    problems.insert(number, error);
                }
            }
        }
        match problems.into_values().next() {
            Some(error) => Err(with_more(
                error,
                &format!("no backup that can be read has restore {id}"),
            )),
            None => Err(refused(StateError::Unknown { id: id.to_string() })),
        }
    }

    /// The backup, if it has the state of that restore, whatever is wrong with that.
    async fn look_for(
        &self,
        destination: &Destination,
        id: &RestoreId,
    ) -> Result<Option<OpenBackup>, StartError> {
        let opened = self.open(destination).await?;
        match Store::of(&opened.source.shelf, id).request().await {
            Err(StateError::Unknown { .. }) => Ok(None),
            Err(error @ StateError::S3 { .. }) => Err(refused(error)),
            Ok(_)
            | Err(
                StateError::Damaged { .. }
                | StateError::NewerFormat { .. }
                | StateError::NewerOpen { .. },
            ) => Ok(Some(opened)),
        }
    }

    fn others(&self, read: &BucketName) -> Vec<&Destination> {
        let all = self.config.destinations.iter();
        all.filter(|to| to.location.bucket != *read).collect()
    }

    /// The history of a backup, if it answers in time: whoever restores waits for it.
    async fn history_of<T>(
        &self,
        destination: &Destination,
        ask: impl AsyncFnOnce(History) -> T,
    ) -> Result<T, LookError> {
        let asked = async {
            let name = &destination.location.bucket;
            let bucket = self.connections.bucket(name, &destination.access).await;
            let bucket = bucket?;
            let job = Job::new(&self.config.source, &destination.placement);
            Ok(ask(History::open(bucket, job).await).await)
        };
        let answer = timeout(self.connections.time_to_open(), asked).await;
        answer.unwrap_or(Err(LookError::TooSlow))
    }
}

impl Call<'_> {
    /// The snapshot that a request means. Where this backup does not have it, the error names those that do.
    ///
    /// # Errors
    /// When there is none such.
    pub(super) async fn point(
        &self,
        asked: &Point,
        history: &History,
    ) -> Result<Option<Index>, StartError> {
        let found = opening::point(asked, history, self.now).await;
        let Err(StartError::Request { problem }) = found else {
            return found;
        };
        let others = self.backups.others(self.source.bucket.name());
        if !can_be_elsewhere(asked, self.now) || others.is_empty() {
            return Err(StartError::Request { problem });
        }
        let looks = others
            .into_iter()
            .map(|to| self.whether_it_is_in(to, asked));
        let mut text = format!(
            "{problem}; looked for in bucket {}",
            self.source.bucket.name()
        );
        for answer in future::join_all(looks).await {
            let _ = write!(text, "; {answer}");
        }
        Err(StartError::request(&text))
    }

    async fn whether_it_is_in(&self, destination: &Destination, asked: &Point) -> String {
        let name = &destination.location.bucket;
        let found = self
            .backups
            .history_of(destination, async |history: History| {
                let found = opening::point(asked, &history, self.now).await;
                (found, history.problem())
            });
        match found.await {
            Ok((Ok(Some(index)), _)) => format!(
                "bucket {name} has run {}, which ended at {}: name it with \"from\"",
                index.run_id, index.ended_at
            ),
            Ok((_, None)) => format!("bucket {name} does not have it"),
            Ok((_, Some(problem))) => format!("bucket {name} cannot be looked at: {problem}"),
            Err(problem) => format!("bucket {name} cannot be looked at: {problem}"),
        }
    }

    /// Which backups have the run that is restored; nothing where there is one backup only.
    pub(super) async fn places_of(&self, index: Option<&Index>) -> Vec<RunPlace> {
        let all = &self.backups.config.destinations;
        let Some(index) = index.filter(|_| all.len() > 1) else {
            return Vec::new();
        };
        let read = self.source.bucket.name();
        let looks = all.iter().map(|to| async {
            let name = &to.location.bucket;
            let has_run = if name == read {
                Ok(true)
            } else {
                self.has_run(to, &index.run_id).await
            };
            RunPlace {
                bucket: name.to_string(),
                has_run: has_run.as_ref().ok().copied(),
                problem: has_run.err().map(|error| error.to_string()),
            }
        });
        future::join_all(looks).await
    }

    async fn has_run(&self, destination: &Destination, run_id: &str) -> Result<bool, LookError> {
        let which = SnapshotSelector::Run(run_id.to_owned());
        let found = self
            .backups
            .history_of(destination, async |history: History| {
                history.at([which]).await
            });
        let [found] = found.await?;
        match found {
            Ok(_) => Ok(true),
            Err(
                SelectorError::NoneYet { .. }
                | SelectorError::Unknown { .. }
                | SelectorError::Ambiguous { .. },
            ) => Ok(false),
            Err(SelectorError::OutOfReach { problem, .. }) => Err(LookError::Snapshot(problem)),
        }
    }
}

/// Whether another backup may have what one does not have: that is of no request which no backup could answer.
fn can_be_elsewhere(asked: &Point, now: Timestamp) -> bool {
    match asked {
        Point::Run(text) => text.parse::<SnapshotSelector>().is_ok(),
        Point::At(at) => *at <= now,
        Point::Versions(_) | Point::Version(_) => false,
    }
}

/// The error of a list of what is open that cannot be read.
pub fn refused_list(error: &OpenError) -> StartError {
    match error {
        OpenError::S3(error) => StartError::source(error),
        OpenError::Stored(_) => StartError::request(&error.to_string()),
    }
}

fn names<'a>(destinations: impl Iterator<Item = &'a Destination>) -> String {
    let names: Vec<&str> = destinations.map(|to| to.location.bucket.as_str()).collect();
    names.join(", ")
}

/// The same error, which says more.
fn with_more(error: StartError, more: &str) -> StartError {
    let add = |problem: String| format!("{problem}; {more}");
    match error {
        StartError::Source { problem } => StartError::Source {
            problem: add(problem),
        },
        StartError::Destination { problem } => StartError::Destination {
            problem: add(problem),
        },
        StartError::AlreadyRunning { problem } => StartError::AlreadyRunning {
            problem: add(problem),
        },
        StartError::Request { problem } => StartError::Request {
            problem: add(problem),
        },
    }
}
