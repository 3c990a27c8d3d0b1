//! The backup that the page shows: its buckets, and its runs, whose indexes are read once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use futures::TryStreamExt;

use super::answer::Refusal;
use crate::config::{Config, Destination};
use crate::history::History;
use crate::model::{Job, Key, Location, Placement};
use crate::restore::Shelf;
use crate::run::StartError;
use crate::s3::{Bucket, Connections};
use crate::snapshot::{Index, SegmentEntry, SnapshotError};

/// The most segments that the indexes of all runs may name together: some 120 MB. Earlier runs are not shown.
const MOST_SEGMENTS: usize = 400_000;

/// The most runs that are shown: so many are told of in one answer. Of hourly ones they are five months.
const MOST_RUNS: usize = 4_000;

/// The backup of one job.
#[derive(Debug)]
pub struct Backup {
    /// The source of the backup.
    pub source: Location,
    /// The bucket of that.
    pub source_bucket: Bucket,
    /// The backup bucket.
    pub bucket: Bucket,
    /// Where the backups are in it.
    pub placement: Placement,
    /// Whose state it is.
    pub job: Job,
    /// Why it is shown in the place of the first one; none for the first one.
    pub instead: Option<String>,
    runs: Mutex<Option<Arc<Runs>>>,
}

/// All runs that can be reached, the last one first.
#[derive(Clone, Debug)]
pub struct Runs {
    /// The last one, and the way to what each of them names.
    pub history: History,
    /// Their indexes.
    pub indexes: VecDeque<Arc<Index>>,
    /// Why there are no earlier ones, if something is wrong.
    pub problem: Option<SnapshotError>,
    /// Whether there are earlier ones that are not shown.
    pub more: bool,
}

impl Backup {
    /// Opens the backup that is shown: the first one that is configured, or the next one that can be read where that
    /// cannot or has nothing.
    ///
    /// # Errors
    /// When the source, or none of the backups, can be reached.
    pub async fn open(config: &Config, connections: &Connections) -> Result<Self, StartError> {
        let source = connections.bucket(&config.source.bucket, &config.source_access);
        let source = source.await.map_err(|error| StartError::source(&error))?;
        let Some((first, rest)) = config.destinations.split_first() else {
            return Err(StartError::request("no backup bucket is configured"));
        };
        let shown = Self::of(config, first, &source, connections).await;
        let name = first.location.bucket.as_str();
        let why = match &shown {
            Ok(_) if rest.is_empty() => return shown,
            Ok(backup) => match backup.objection().await {
                Some(why) => format!("bucket {name}: {why}"),
                None => return shown,
            },
            Err(error) => error.to_string(),
        };
        for destination in rest {
            let Ok(mut backup) = Self::of(config, destination, &source, connections).await else {
                continue;
            };
            if backup.objection().await.is_none() {
                tracing::warn!(shown = %backup.bucket.name(), "the page shows another backup: {why}");
                backup.instead = Some(why);
                return Ok(backup);
            }
        }
        shown
    }

    async fn of(
        config: &Config,
        to: &Destination,
        source: &Bucket,
        connections: &Connections,
    ) -> Result<Self, StartError> {
        let bucket = connections.bucket(&to.location.bucket, &to.access);
        let bucket = bucket
            .await
            .map_err(|error| StartError::destination(&error))?;
        Ok(Self {
            job: Job::new(&config.source, &to.placement),
            source: config.source.clone(),
            source_bucket: source.clone(),
            bucket,
            placement: to.placement.clone(),
            instead: None,
            runs: Mutex::default(),
        })
    }

    /// Why there is nothing to show; none if there is.
    async fn objection(&self) -> Option<String> {
        let history = History::open(self.bucket.clone(), self.job.clone()).await;
        match (history.problem(), history.last()) {
            (Some(problem), _) => Some(problem.to_string()),
            (None, None) => Some("it has no backup yet".to_owned()),
            (None, Some(_)) => None,
        }
    }

    /// Whether there is a backup to show. One that cannot be read is one: the page says what is wrong.
    pub async fn is_there(&self) -> bool {
        let history = History::open(self.bucket.clone(), self.job.clone()).await;
        history.last().is_some() || history.problem().is_some()
    }

    /// Where the restores of the job lie.
    pub fn shelf(&self) -> Shelf {
        Shelf::new(self.bucket.clone(), self.job.clone())
    }

    /// The key of the backup of a file.
    pub fn backup_key(&self, path: &Key) -> Key {
        self.placement.backup_key(path)
    }

    /// Its runs. Indexes that were read before are not read again.
    ///
    /// # Errors
    /// When not even the last one can be read.
    pub async fn runs(&self) -> Result<Arc<Runs>, Refusal> {
        let history = History::open(self.bucket.clone(), self.job.clone()).await;
        let known = self
            .runs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(known) = &known
            && history.last().is_some()
            && known.history.last().map(|(_, link)| link) == history.last().map(|(_, link)| link)
        {
            return Ok(Arc::clone(known));
        }
        let runs = Arc::new(Runs::read(history, known.as_deref()).await?);
        *self.runs.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&runs));
        Ok(runs)
    }
}

impl Runs {
    async fn read(history: History, known: Option<&Self>) -> Result<Self, Refusal> {
        let mut runs = Self {
            history,
            indexes: VecDeque::new(),
            problem: None,
            more: false,
        };
        let mut segments = 0;
        // Most of them are known, unless this is the first time.
        let mut indexes = match known {
            Some(_) => runs.history.indexes(),
            None => runs.history.indexes_ahead(MOST_RUNS).await,
        };
        loop {
            match indexes.try_next().await {
                Ok(Some(index)) => {
                    if let Some(known) = known
                        && known.indexes.front().is_some_and(|last| **last == index)
                    {
                        runs.indexes.extend(known.indexes.iter().cloned());
                        runs.problem.clone_from(&known.problem);
                        runs.more = known.more || runs.indexes.len() > MOST_RUNS;
                        runs.indexes.truncate(MOST_RUNS);
                        return Ok(runs);
                    }
                    segments += index.segments.len();
                    let too_many = segments > MOST_SEGMENTS || runs.indexes.len() >= MOST_RUNS;
                    if too_many && !runs.indexes.is_empty() {
                        runs.more = true;
                        return Ok(runs);
                    }
                    runs.indexes.push_back(Arc::new(index));
                }
                Ok(None) => return Ok(runs),
                Err(problem) if runs.indexes.is_empty() => return Err(problem.into()),
                Err(problem) => {
                    runs.problem = Some(problem);
                    return Ok(runs);
                }
            }
        }
    }

    /// The run of that id.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, id: &str) -> Result<&Arc<Index>, Refusal> {
        let found = self.indexes.iter().find(|index| index.run_id == id);
        found.ok_or_else(|| Refusal::field("run", "there is no backup of that time"))
    }

    /// The rows of one segment that may have a key, looked through for it.
    ///
    /// # Errors
    /// When the segment cannot be read.
    pub async fn row_in(
        &self,
        entry: SegmentEntry,
        path: &Key,
    ) -> Result<Option<crate::snapshot::Row>, SnapshotError> {
        let mut pages = self.history.rows_of(vec![entry]);
        while let Some(page) = pages.try_next().await? {
            if let Some(row) = page.iter().find(|row| row.key() == path.as_str()) {
                return Ok(Some(row.row().to_row()));
            }
        }
        Ok(None)
    }
}
