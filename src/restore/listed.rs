//! A restore as lists show it: what it is, who began it, and what is left of it.

use serde::Serialize;

use super::state::Kind;
use super::state_error::StateError;
use super::store::{Recorded, Store};
use crate::model::Timestamp;
use crate::request::Person;

/// A restore, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestoreRow {
    /// Its name.
    pub id: String,
    /// `restore` or `undo`.
    pub kind: &'static str,
    /// The restore that it undoes.
    pub undoes: Option<String>,
    /// The restore that undoes it.
    pub undone_by: Option<String>,
    /// The next step.
    pub stage: &'static str,
    /// The run whose state is restored; none of an undo or of one version.
    pub run: Option<String>,
    /// The backup bucket that is read, where its state lies.
    pub from: String,
    /// Where to: `s3://bucket/prefix`.
    pub target: String,
    /// The person who began it, if that is known; else the function, or the process on a machine.
    pub asked_by: String,
    /// When it was begun.
    pub started_at: Timestamp,
    /// Objects that are to be as they were.
    pub objects_found: u64,
    /// Objects that were written.
    pub objects_restored: u64,
    /// Archived versions that were asked for.
    pub objects_waiting: u64,
    /// Objects of which something went wrong.
    pub errors: u64,
    /// Rows of the plan that are not settled.
    pub left: usize,
    /// When the last archived version can be read.
    pub ready_at: Option<Timestamp>,
}

impl RestoreRow {
    /// Reads the state of a restore.
    ///
    /// # Errors
    /// That there is no such restore, or why it cannot be read.
    pub async fn read(store: &Store) -> Result<Self, StateError> {
        let recorded = store.recorded().await?;
        Self::of(store, recorded).await
    }

    /// The same of a restore whose request was read before.
    ///
    /// # Errors
    /// Why the rest of its state cannot be read.
    pub async fn of(store: &Store, recorded: Recorded) -> Result<Self, StateError> {
        let (request, held) = store.with_progress(recorded).await?;
        let progress = held.progress;
        let tally = progress.tally();
        Ok(Self {
            id: store.id().to_string(),
            kind: match request.kind {
                Kind::Restore => "restore",
                Kind::Undo => "undo",
            },
            stage: progress.stage.name(),
            run: request.point.map(|point| point.run_id),
            from: store.bucket().to_string(),
            target: match request.target.prefix.as_str() {
                "" => format!("s3://{}", request.target.bucket),
                prefix => format!("s3://{}/{prefix}", request.target.bucket),
            },
            undoes: request.undoes,
            asked_by: match Person::of(&request.request) {
                Some(person) => person.name().to_owned(),
                None => request.asked_by,
            },
            started_at: request.started_at,
            objects_found: tally.found,
            objects_restored: tally.copied,
            objects_waiting: tally.waiting,
            errors: tally.errors,
            left: progress.left(),
            ready_at: progress.ready_at.filter(|_| tally.waiting > 0),
            undone_by: progress.undone_by,
        })
    }
}
