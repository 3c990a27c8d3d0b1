//! The restores of a job: where they lie, which there are, and which of them have something left.

use std::sync::{Arc, Mutex, PoisonError};

use crate::lease::LEASES_OF_TARGETS;
use crate::model::{ETag, Job, Key, Timestamp};
use crate::open_restores::{OpenRestores, OpenRestoresError};
use crate::request::RestoreId;
use crate::s3::{Bucket, Cause, Condition, PageStart, PutBody, S3Error};

/// The type that other programs see.
pub(super) const JSON: &str = "application/json";
/// Rounds of reading what is open and writing it anew.
const ROUNDS: u32 = 8;

/// Where the restores of a job lie.
#[derive(Clone, Debug)]
pub struct Shelf {
    /// The backup bucket.
    pub bucket: Bucket,
    /// Whose restores.
    pub job: Job,
    known: KnownOpen,
}

/// The list of what is open as it was read or written last, and what has to hold for it to be written over.
/// A restore reads it when it begins, and need not read it again to add itself.
#[derive(Clone, Debug, Default)]
struct KnownOpen(Arc<Mutex<Option<(OpenRestores, Condition)>>>);

impl KnownOpen {
    fn take(&self) -> Option<(OpenRestores, Condition)> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.take()
    }

    fn set(&self, open: OpenRestores, condition: Condition) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((open, condition));
    }
}

/// Why the list of what has something left cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A later version of the program wrote it.
    #[error(transparent)]
    Stored(#[from] OpenRestoresError),
    /// S3 refused.
    #[error("{0}")]
    S3(#[source] S3Error),
}

impl Shelf {
    /// The restores of a job.
    pub fn new(bucket: Bucket, job: Job) -> Self {
        Self {
            bucket,
            job,
            known: KnownOpen::default(),
        }
    }

    /// A key below the restores of the job.
    pub fn key(&self, part: &str) -> Key {
        self.job.key(&format!("restores/{part}"))
    }

    /// The key of the lease on a target.
    pub fn lease(&self, target: &str) -> Key {
        self.job.key(&format!("{LEASES_OF_TARGETS}{target}.json"))
    }

    /// The key of the list of what is open.
    pub fn list_of_open(&self) -> Key {
        OpenRestores::key(&self.job)
    }

    /// The restores that the list of what is open names, and when S3 answered.
    ///
    /// # Errors
    /// Why S3 refused, or that a later version of the program wrote the list.
    pub async fn open(&self) -> Result<(Vec<RestoreId>, Timestamp), OpenError> {
        let (open, condition, at) = self.read_open().await?;
        let ids = open.ids().filter_map(RestoreId::parse).collect();
        self.known.set(open, condition);
        Ok((ids, at))
    }

    async fn read_open(&self) -> Result<(OpenRestores, Condition, Timestamp), OpenError> {
        let key = self.list_of_open();
        let reading = self.bucket.read_state(&key).await;
        let reading = reading.map_err(OpenError::S3)?;
        let (open, condition) = match reading.state {
            None => (OpenRestores::default(), Condition::Create),
            Some(state) => {
                let open = parse_open(&key, &state.body)?;
                (open, Condition::Replace(state.etag))
            }
        };
        Ok((open, condition, reading.at))
    }

    /// All restores of the job, the last one first.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn ids(&self) -> Result<Vec<RestoreId>, S3Error> {
        let prefix = self.key("");
        let mut ids = Vec::new();
        let mut start = Some(PageStart::Beginning);
        while let Some(from) = start {
            let (folders, next) = self.bucket.list_state_folders(&prefix, &from).await?;
            ids.extend(folders.iter().filter_map(|folder| {
                let name = folder.strip_prefix(prefix.as_str())?;
                RestoreId::parse(name.strip_suffix('/')?)
            }));
            start = next;
        }
        ids.reverse();
        Ok(ids)
    }

    /// Notes whether a restore has something left.
    pub(super) async fn note(&self, id: &RestoreId, is_open: bool) -> Result<(), OpenError> {
        let key = self.list_of_open();
        let mut rounds = self.bucket.attempts(ROUNDS);
        loop {
            let known = self.known.take();
            let is_old = known.is_some();
            let (mut open, condition) = if let Some(known) = known {
                known
            } else {
                let (open, condition, _) = self.read_open().await?;
                (open, condition)
            };
            let changed = open.note(id.as_str(), is_open);
            if !changed && is_old {
                // Somebody else may have changed it since.
                continue;
            }
            if !changed {
                return Ok(());
            }
            let body = self.bucket.serialised(&key, open.to_json());
            let body = body.map_err(OpenError::S3)?;
            match self.put(&key, &body, JSON, &condition).await {
                Err(error) if error.cause == Cause::ChangedMeanwhile && !rounds.is_last() => {
                    rounds.next().await;
                }
                written => {
                    let etag = written.map_err(OpenError::S3)?;
                    self.known.set(open, Condition::Replace(etag));
                    return Ok(());
                }
            }
        }
    }

    pub(super) async fn put(
        &self,
        key: &Key,
        body: &[u8],
        content_type: &str,
        condition: &Condition,
    ) -> Result<ETag, S3Error> {
        let contents = PutBody { body, content_type };
        let written = self.bucket.write_state(key, contents, condition).await?;
        Ok(written.etag)
    }
}

/// A damaged list names nothing: a restore can be continued by its id all the same.
fn parse_open(key: &Key, body: &[u8]) -> Result<OpenRestores, OpenError> {
    match OpenRestores::parse(key, body) {
        Err(OpenRestoresError::Damaged { .. }) => Ok(OpenRestores::default()),
        read => Ok(read?),
    }
}
