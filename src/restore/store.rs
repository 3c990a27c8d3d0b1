//! The state of one restore, as it is read and written: in parts that are objects of their own, or whole in one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rows::DoneRow;
use super::shelf::{JSON, OpenError, Shelf};
use super::state::{Beside, Held, IN_ONE, Progress, RESTORE_FORMAT, RequestRecord, Stage};
use super::state_error::StateError;
use crate::model::{BucketName, ETag, FormatError, Key, Timestamp, read_format};
use crate::request::RestoreId;
use crate::s3::{Condition, S3Error};

/// The most bytes of a request or of progress: a payload has 6 MB at most, ten million rows of a plan are a
/// thousand parts.
const MOST_BYTES: u64 = 16 << 20;

/// What was asked for, and all the rest of a restore that lies in one object.
pub(super) const REQUEST: &str = "request.json";
const PROGRESS: &str = "progress.json";

/// Where one restore lies.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) shelf: Shelf,
    id: RestoreId,
    /// Shared by its clones, so that whoever holds the lease knows what to leave in it.
    is_left: Arc<AtomicBool>,
}

/// What was asked for, with the rest of the state where that lies in the same object.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// What was asked for.
    pub request: RequestRecord,
    held: Option<Held>,
}

/// A restore that lies whole in one object.
#[derive(Serialize)]
struct InOne<'a> {
    #[serde(flatten)]
    request: &'a RequestRecord,
    progress: &'a Progress,
    plan: &'a Value,
    done: &'a [DoneRow],
}

/// What stands behind the request in such an object.
#[derive(Deserialize)]
struct Rest {
    progress: Progress,
    plan: Value,
    done: Vec<DoneRow>,
}

impl Store {
    /// The state of one restore of a job.
    pub fn of(shelf: &Shelf, id: &RestoreId) -> Self {
        Self {
            shelf: shelf.clone(),
            id: id.clone(),
            is_left: Arc::default(),
        }
    }

    /// The restore.
    pub fn id(&self) -> &RestoreId {
        &self.id
    }

    /// The backup bucket that has it.
    pub fn bucket(&self) -> &BucketName {
        self.shelf.bucket.name()
    }

    /// The key of a part of the state.
    pub fn key(&self, part: &str) -> Key {
        self.shelf.key(&format!("{}/{part}", self.id))
    }

    /// Whether it may have something left by what this call has read and written of it.
    pub fn is_left(&self) -> Arc<AtomicBool> {
        self.is_left.clone()
    }

    fn is_at(&self, stage: Stage) {
        self.is_left.store(stage.is_open(), Ordering::Relaxed);
    }

    /// Something may be written that is left.
    fn may_be_at(&self, stage: Stage) {
        self.is_left.fetch_or(stage.is_open(), Ordering::Relaxed);
    }

    /// Writes down what was asked for, and that nothing was done yet.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn begin(
        &self,
        request: &RequestRecord,
        progress: Progress,
        at: Timestamp,
    ) -> Result<Held, StateError> {
        // Nothing is written where a later version has noted what is open.
        self.shelf
            .open()
            .await
            .map_err(|error| self.of_open(error))?;
        self.may_be_at(progress.stage);
        self.write_json(REQUEST, request, &Condition::Create)
            .await?;
        let written = self.write_json(PROGRESS, &progress, &Condition::Create);
        let etag = written.await?;
        self.is_at(progress.stage);
        self.note(progress.stage.is_open()).await?;
        Ok(Held {
            progress,
            etag,
            at,
            beside: None,
        })
    }

    /// Writes down what was asked for, all of the plan, and that nothing was done yet, in one object.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn begin_in_one(
        &self,
        request: RequestRecord,
        plan: Value,
        progress: Progress,
        at: Timestamp,
    ) -> Result<Held, StateError> {
        let beside = Beside {
            request: RequestRecord {
                format: IN_ONE,
                ..request
            },
            plan,
            done: Vec::new(),
        };
        let progress = Progress {
            format: IN_ONE,
            ..progress
        };
        self.may_be_at(progress.stage);
        let etag = self.write_in_one(&progress, &beside, &Condition::Create);
        let etag = etag.await?;
        self.is_at(progress.stage);
        Ok(Held {
            progress,
            etag,
            at,
            beside: Some(Box::new(beside)),
        })
    }

    async fn write_in_one(
        &self,
        progress: &Progress,
        beside: &Beside,
        condition: &Condition,
    ) -> Result<ETag, StateError> {
        let whole = InOne {
            request: &beside.request,
            progress,
            plan: &beside.plan,
            done: &beside.done,
        };
        self.write_json(REQUEST, &whole, condition).await
    }

    /// What was asked for.
    ///
    /// # Errors
    /// That there is no such restore, or why it cannot be read.
    pub async fn request(&self) -> Result<RequestRecord, StateError> {
        Ok(self.recorded().await?.request)
    }

    /// What was asked for, and how far it has come.
    ///
    /// # Errors
    /// That there is no such restore, or why it cannot be read.
    pub async fn read(&self) -> Result<(RequestRecord, Held), StateError> {
        let recorded = self.recorded().await?;
        self.with_progress(recorded).await
    }

    /// What was asked for, and what lies in the same object.
    ///
    /// # Errors
    /// That there is no such restore, or why it cannot be read.
    pub async fn recorded(&self) -> Result<Recorded, StateError> {
        let (body, etag, at) = self.read_object(REQUEST).await?;
        let request: RequestRecord = self.parse(REQUEST, &body)?;
        if request.format < IN_ONE {
            let held = None;
            return Ok(Recorded { request, held });
        }
        let rest: Rest = self.parse(REQUEST, &body)?;
        let beside = Beside {
            request: request.clone(),
            plan: rest.plan,
            done: rest.done,
        };
        let held = Some(Held {
            progress: rest.progress,
            etag,
            at,
            beside: Some(Box::new(beside)),
        });
        Ok(Recorded { request, held })
    }

    /// The same with how far it has come, wherever that lies.
    ///
    /// # Errors
    /// That there is no such restore, or why it cannot be read.
    pub async fn with_progress(
        &self,
        recorded: Recorded,
    ) -> Result<(RequestRecord, Held), StateError> {
        let held = match recorded.held {
            Some(held) => held,
            None => self.progress().await?,
        };
        self.is_at(held.progress.stage);
        Ok((recorded.request, held))
    }

    async fn progress(&self) -> Result<Held, StateError> {
        let (body, etag, at) = self.read_object(PROGRESS).await?;
        let progress = self.parse(PROGRESS, &body)?;
        Ok(Held {
            progress,
            etag,
            at,
            beside: None,
        })
    }

    /// How far it has come by now.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub async fn again(&self, held: &Held) -> Result<Held, StateError> {
        if held.is_in_one() {
            return Ok(self.read().await?.1);
        }
        let held = self.progress().await?;
        self.is_at(held.progress.stage);
        Ok(held)
    }

    /// Writes how far it has come, over what was read or written last.
    ///
    /// # Errors
    /// Why S3 refused, as when another call has written it.
    pub async fn advance(&self, held: &mut Held) -> Result<(), StateError> {
        let condition = Condition::Replace(held.etag.clone());
        let stage = held.progress.stage;
        self.may_be_at(stage);
        let etag = if let Some(beside) = &held.beside {
            let written = self.write_in_one(&held.progress, beside, &condition);
            written.await
        } else {
            let written = self.write_json(PROGRESS, &held.progress, &condition);
            written.await
        };
        held.etag = etag?;
        self.is_at(stage);
        Ok(())
    }

    /// Notes whether the restore has something left.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn note(&self, is_open: bool) -> Result<(), StateError> {
        let noted = self.shelf.note(&self.id, is_open).await;
        noted.map_err(|error| self.of_open(error))
    }

    fn of_open(&self, error: OpenError) -> StateError {
        match error {
            OpenError::S3(error) => self.refused(error),
            newer @ OpenError::Stored(_) => StateError::NewerOpen {
                id: self.id.to_string(),
                problem: newer.to_string(),
            },
        }
    }

    async fn read_object(&self, name: &str) -> Result<(Vec<u8>, ETag, Timestamp), StateError> {
        let key = self.key(name);
        let reading = self.shelf.bucket.read_state_up_to(&key, MOST_BYTES);
        let reading = reading.await.map_err(|error| self.refused(error))?;
        match reading.state {
            None => Err(StateError::Unknown {
                id: self.id.to_string(),
            }),
            Some(state) if state.size > MOST_BYTES => Err(self.damaged(name, "is too large")),
            Some(state) => Ok((state.body, state.etag, reading.at)),
        }
    }

    fn parse<T: for<'a> Deserialize<'a>>(&self, name: &str, body: &[u8]) -> Result<T, StateError> {
        read_format(body, 0..=RESTORE_FORMAT).map_err(|error| match error {
            FormatError::Json(error) => self.damaged(name, &error.to_string()),
            FormatError::Other(found) => StateError::NewerFormat {
                id: self.id.to_string(),
                found,
            },
        })
    }

    async fn write_json(
        &self,
        name: &str,
        value: &impl Serialize,
        condition: &Condition,
    ) -> Result<ETag, StateError> {
        let body = serde_json::to_vec(value);
        let body = body.map_err(|error| self.damaged(name, &error.to_string()))?;
        let key = self.key(name);
        let put = self.shelf.put(&key, &body, JSON, condition);
        put.await.map_err(|error| self.refused(error))
    }

    pub(super) fn damaged(&self, object: &str, problem: &str) -> StateError {
        StateError::Damaged {
            id: self.id.to_string(),
            object: object.to_owned(),
            problem: problem.to_owned(),
        }
    }

    pub(super) fn refused(&self, error: S3Error) -> StateError {
        StateError::S3 {
            id: self.id.to_string(),
            error: Box::new(error),
        }
    }
}
