//! What a restore leaves in the backup bucket, so that any later call can go on with it.
//!
//! Below `.s3-backup/{job}/restores/{id}/` lie the request, which never changes; the plan in parts, each
//! proven by its digest; the progress, which is written over under a condition; and what became of the rows
//! of each part. `restores/open.json` names the restores that have something left, so that a schedule with
//! nothing to do costs one request.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::drill::DrillRecord;
use super::figures::Figures;
use super::rows::{DoneRow, Known, PlanRow, pack, unpack};
use super::shelf::{JSON, OpenError, RESTORE_FORMAT, Shelf};
use super::state_error::StateError;
use super::tally::Tally;
use crate::model::{BucketName, ETag, Key, Timestamp};
use crate::request::RestoreId;
use crate::s3::{Condition, S3Error};
use crate::snapshot::Digest;

/// The most bytes of a request or of progress: a payload has 6 MB at most, ten million rows of a plan are a
/// thousand parts.
const MOST_BYTES: u64 = 16 << 20;
/// The most bytes of a file of rows, packed.
const MOST_PART_BYTES: u64 = 64 << 20;

const ZSTD: &str = "application/zstd";

/// What was asked for, and of which state of the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// `RESTORE_FORMAT`.
    pub format: u64,
    /// The restore.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// The restore that it undoes.
    pub undoes: Option<String>,
    /// The function, or the process on a machine, that began it.
    pub asked_by: String,
    /// When it was begun.
    pub started_at: Timestamp,
    /// The payload.
    pub request: Map<String, Value>,
    /// The state of the backup; none for an undo or for one version.
    pub point: Option<PointRecord>,
    /// Where to.
    pub target: TargetRecord,
    /// What was drawn, if it is a drill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<DrillRecord>,
}

/// What a restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It brings objects back from the backup.
    Restore,
    /// It brings back what stood before another one.
    Undo,
}

/// The snapshot that is restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointRecord {
    /// Its run.
    pub run_id: String,
    /// When that ended.
    pub ended_at: Timestamp,
}

/// Where a restore writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// The bucket.
    pub bucket: String,
    /// What stands before each key.
    pub prefix: String,
    /// What each key of the source loses for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub strip_prefix: String,
    /// Whether it is the source, and keys stay what they are.
    pub in_place: bool,
}

/// How far a restore has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// `RESTORE_FORMAT`.
    pub format: u64,
    /// The next step.
    pub stage: Stage,
    /// The last key of the point, or the number of the part of the restore that is undone, that the plan goes
    /// up to.
    pub planned_to: Option<Key>,
    /// What the plan says.
    pub figures: Figures,
    /// What became of what was seen while it was planned.
    pub planned: Tally,
    /// The parts of the plan.
    pub parts: Vec<Part>,
    /// When the last archived version that is waited for can be read.
    pub ready_at: Option<Timestamp>,
    /// The restore that undoes this one.
    pub undone_by: Option<String>,
    /// When the plan was ready, by S3's clock.
    pub planned_at: Option<Timestamp>,
    /// When this was written.
    pub updated_at: Timestamp,
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The rest of the plan.
    Planning,
    /// Nothing before it is confirmed.
    Held,
    /// The rest of the plan is carried out.
    Running,
    /// Archived versions are waited for.
    Waiting,
    /// Nothing: all of it is done.
    Complete,
    /// What failed can be tried again.
    Incomplete,
    /// Nothing: it was cancelled.
    Cancelled,
}

impl Stage {
    /// Its name, as `restores` and messages show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Held => "held",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether a schedule goes on with it. What failed is left to people: it would fail again.
    pub fn is_open(self) -> bool {
        match self {
            Self::Planning | Self::Running | Self::Waiting => true,
            Self::Held | Self::Complete | Self::Incomplete | Self::Cancelled => false,
        }
    }
}

/// A part of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its rows.
    pub rows: usize,
    /// The digest of its bytes.
    pub sha256: Digest,
    /// Rows that are not settled.
    pub left: usize,
    /// What became of its rows.
    pub tally: Tally,
}

impl Progress {
    /// The progress of a restore that begins.
    pub fn begin(now: Timestamp) -> Self {
        Self {
            format: RESTORE_FORMAT,
            stage: Stage::Planning,
            planned_to: None,
            figures: Figures::default(),
            planned: Tally::default(),
            parts: Vec::new(),
            ready_at: None,
            undone_by: None,
            planned_at: None,
            updated_at: now,
        }
    }

    /// What became of everything so far.
    pub fn tally(&self) -> Tally {
        let parts = self.parts.iter().map(|part| part.tally);
        parts.fold(self.planned, Tally::plus)
    }

    /// Rows that are not settled.
    pub fn left(&self) -> usize {
        self.parts.iter().map(|part| part.left).sum()
    }
}

/// Where one restore lies.
#[derive(Clone, Debug)]
pub struct Store {
    shelf: Shelf,
    id: RestoreId,
}

/// Progress as it was read or written last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What it says.
    pub progress: Progress,
    etag: ETag,
    /// When S3 answered.
    pub at: Timestamp,
}

impl Held {
    /// The progress of a restore that has written nothing yet.
    pub fn unwritten(progress: Progress, at: Timestamp) -> Self {
        Self {
            progress,
            etag: ETag::new(""),
            at,
        }
    }

    /// Whether it lies in the backup bucket.
    pub fn is_written(&self) -> bool {
        !self.etag.as_str().is_empty()
    }
}

impl Store {
    /// The state of one restore of a job.
    pub fn of(shelf: &Shelf, id: &RestoreId) -> Self {
        Self {
            shelf: shelf.clone(),
            id: id.clone(),
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
        self.write_json("request.json", request, &Condition::Create)
            .await?;
        let written = self.write_json("progress.json", &progress, &Condition::Create);
        let etag = written.await?;
        self.note(progress.stage.is_open()).await?;
        Ok(Held { progress, etag, at })
    }

    /// What was asked for.
    ///
    /// # Errors
    /// That there is no such restore, or why it cannot be read.
    pub async fn request(&self) -> Result<RequestRecord, StateError> {
        let (body, _, _) = self.read("request.json").await?;
        self.parse("request.json", &body)
    }

    /// How far it has come.
    ///
    /// # Errors
    /// That there is no such restore, or why it cannot be read.
    pub async fn progress(&self) -> Result<Held, StateError> {
        let (body, etag, at) = self.read("progress.json").await?;
        let progress = self.parse("progress.json", &body)?;
        Ok(Held { progress, etag, at })
    }

    /// Writes how far it has come, over what was read or written last.
    ///
    /// # Errors
    /// Why S3 refused, as when another call has written it.
    pub async fn advance(&self, held: &mut Held) -> Result<(), StateError> {
        let condition = Condition::Replace(held.etag.clone());
        let written = self.write_json("progress.json", &held.progress, &condition);
        held.etag = written.await?;
        Ok(())
    }

    /// Notes whether the restore has something left.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn note(&self, is_open: bool) -> Result<(), StateError> {
        let noted = self.shelf.note(&self.id, is_open).await;
        noted.map_err(|error| match error {
            OpenError::S3(error) => self.refused(error),
            newer @ OpenError::NewerFormat { .. } => StateError::NewerOpen {
                id: self.id.to_string(),
                problem: newer.to_string(),
            },
        })
    }

    /// Stores a part of the plan.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn write_part(&self, number: usize, rows: &[PlanRow]) -> Result<Part, StateError> {
        let name = part_name(number);
        let body = pack(rows).map_err(|problem| self.damaged(&name, &problem))?;
        let key = self.key(&name);
        // A call that was killed may have left it: then it is planned anew, and nothing names the old one.
        let put = self.shelf.put(&key, &body, ZSTD, &Condition::Always);
        put.await.map_err(|error| self.refused(error))?;
        Ok(Part {
            rows: rows.len(),
            sha256: Digest::of(&body),
            left: rows.len(),
            tally: Tally::default(),
        })
    }

    /// Reads a part of the plan, if it is the one that was stored.
    ///
    /// # Errors
    /// That it is not, or why it cannot be read.
    pub async fn part(&self, number: usize, part: &Part) -> Result<Vec<PlanRow>, StateError> {
        let name = part_name(number);
        let body = self.bytes(&name).await?;
        let body = body.ok_or_else(|| self.damaged(&name, "is missing"))?;
        if Digest::of(&body) != part.sha256 {
            return Err(self.damaged(&name, "is not what was planned"));
        }
        let rows: Vec<PlanRow> = unpack(&body).map_err(|problem| self.damaged(&name, &problem))?;
        if rows.len() == part.rows {
            Ok(rows)
        } else {
            Err(self.damaged(&name, "has another number of rows"))
        }
    }

    /// Stores what became of rows of a part, in its file of that number.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn write_done(
        &self,
        part: usize,
        file: usize,
        rows: &[DoneRow],
    ) -> Result<(), StateError> {
        let name = done_name(part, file);
        let body = pack(rows).map_err(|problem| self.damaged(&name, &problem))?;
        let key = self.key(&name);
        let put = self.shelf.put(&key, &body, ZSTD, &Condition::Create);
        put.await.map(drop).map_err(|error| self.refused(error))
    }

    /// Reads what became of the rows of a part.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub async fn known(&self, part: usize) -> Result<Known, StateError> {
        let mut known = Known::default();
        loop {
            let name = done_name(part, known.files);
            let Some(body) = self.bytes(&name).await? else {
                return Ok(known);
            };
            let rows: Vec<DoneRow> =
                unpack(&body).map_err(|problem| self.damaged(&name, &problem))?;
            let rows = rows.into_iter().map(|done| (done.row, done));
            known.last.extend(rows);
            known.files += 1;
        }
    }

    async fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        let key = self.key(name);
        let reading = self.shelf.bucket.read_state_up_to(&key, MOST_PART_BYTES);
        let reading = reading.await.map_err(|error| self.refused(error))?;
        match reading.state {
            Some(state) if state.size > MOST_PART_BYTES => Err(self.damaged(name, "is too large")),
            state => Ok(state.map(|state| state.body)),
        }
    }

    async fn read(&self, name: &str) -> Result<(Vec<u8>, ETag, Timestamp), StateError> {
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
        #[derive(Deserialize)]
        struct Head {
            format: u64,
        }
        let damaged = |error: serde_json::Error| self.damaged(name, &error.to_string());
        let Head { format } = serde_json::from_slice(body).map_err(damaged)?;
        if format > RESTORE_FORMAT {
            return Err(StateError::NewerFormat {
                id: self.id.to_string(),
                found: format,
            });
        }
        serde_json::from_slice(body).map_err(damaged)
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

    fn damaged(&self, object: &str, problem: &str) -> StateError {
        StateError::Damaged {
            id: self.id.to_string(),
            object: object.to_owned(),
            problem: problem.to_owned(),
        }
    }

    fn refused(&self, error: S3Error) -> StateError {
        StateError::S3 {
            id: self.id.to_string(),
            error: Box::new(error),
        }
    }
}

fn part_name(number: usize) -> String {
    format!("plan/{:06}.jsonl.zst", number + 1)
}

fn done_name(part: usize, file: usize) -> String {
    format!("replaced/{:06}-{:04}.jsonl.zst", part + 1, file + 1)
}
