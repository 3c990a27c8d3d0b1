//! `runs`: the backups there are, each a day that the page can go to.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::access::{Caller, Role};
use super::answer::{Asked, Refusal, Reply};
use super::api::Api;
use crate::model::Timestamp;
use crate::snapshot::Index;

/// Nothing is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunsAsked {}

/// The backups there are.
#[derive(Debug, Serialize)]
pub struct RunsReply {
    /// The source of the backup, as a title.
    source: String,
    /// The last one first.
    runs: Vec<RunReply>,
    /// Why earlier ones cannot be shown; none if they can.
    problem: Option<String>,
    /// Whether there are earlier ones that are not shown.
    more: bool,
    /// Whether nothing can be put back here.
    read_only: bool,
    /// Whether the first backup cannot be read, and these are of another one.
    second_copy: bool,
}

/// A backup.
#[derive(Debug, Serialize)]
pub struct RunReply {
    run: String,
    started_at: Timestamp,
    ended_at: Timestamp,
    files: u64,
    bytes: u64,
    /// Files that it failed to back up.
    errors: u64,
}

impl From<&Index> for RunReply {
    fn from(index: &Index) -> Self {
        Self {
            run: index.run_id.clone(),
            started_at: index.started_at,
            ended_at: index.ended_at,
            files: index.totals.objects,
            bytes: index.totals.bytes,
            errors: index.totals.errors,
        }
    }
}

pub async fn answer(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(RunsAsked {}): Asked<RunsAsked>,
) -> Result<Reply<RunsReply>, Refusal> {
    let runs = api.backup.runs().await?;
    Ok(Reply(RunsReply {
        source: api.backup.source.to_string(),
        runs: runs.indexes.iter().map(|index| (&**index).into()).collect(),
        problem: runs.problem.as_ref().map(ToString::to_string),
        more: runs.more,
        read_only: api.read_only || caller.role() < Role::Restorer,
        second_copy: api.backup.instead.is_some(),
    }))
}
