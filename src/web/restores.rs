//! `plan`, `undo`, `confirm`, `cancel`, `progress` and `activity`: what the page does with restores.
//!
//! A plan is stored before it is shown, and exactly that plan is carried out. Which files it has is said as a
//! list or as one folder, never as what happens to be shown.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answer::{Asked, Refusal, Reply};
use super::app::App;
use super::names::{self, MOST_FILES};
use crate::model::{StorageClass, Timestamp};
use crate::report::{AmountRow, KeyRow, Restored, Summary};
use crate::request::{self, Request, RestoreId};
use crate::restore::{RestoreRow, Stage, StateError, Store};

/// How long a plan can be confirmed.
const CONFIRMED_WITHIN: Duration = Duration::from_hours(24);
/// Restores that are listed.
const MOST_RESTORES: usize = 50;

/// What is put back, and where.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanAsked {
    /// As it was at this run; not with `version`.
    #[serde(default)]
    run: Option<String>,
    /// As it was in this version; of one file only.
    #[serde(default)]
    version: Option<String>,
    /// These files.
    #[serde(default)]
    files: Option<Vec<String>>,
    /// All files below this folder.
    #[serde(default)]
    folder: Option<String>,
    /// Whether a copy is made beside what is there.
    copy: bool,
}

/// One restore.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreAsked {
    id: String,
}

/// Nothing is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivityAsked {}

/// A plan that waits for a confirmation.
#[derive(Debug, Serialize)]
pub struct PlanReply {
    id: String,
    /// `restore` or `undo`.
    kind: &'static str,
    /// The folder that copies are made in; none for the old places.
    copies_into: Option<String>,
    /// Whether it can be confirmed; not if there is nothing to do.
    can_confirm: bool,
    /// By what happens to them: `new`, `replaces_older`, `replaces_newer`, `back`, `created`, `unchanged`.
    happens: Vec<AmountRow>,
    /// Files in cold storage.
    cold: u64,
    /// Hours until the last of them is ready.
    hours: u32,
    /// Dollars; none if a price is not known.
    cost_usd: Option<f64>,
    /// The first files, and what happens to them.
    files: Vec<KeyRow>,
    /// The first files that an undo leaves alone, because they changed since.
    left_alone: Vec<String>,
}

/// That something was begun or ended.
#[derive(Debug, Serialize)]
pub struct DoneReply {
    id: String,
}

/// How far a restore has come.
#[derive(Debug, Serialize)]
pub struct ProgressReply {
    restore: RestoreRow,
    /// Why it stopped, or what went wrong first.
    problem: Option<String>,
}

/// The restores there were.
#[derive(Debug, Serialize)]
pub struct ActivityReply {
    /// The last one first.
    restores: Vec<RestoreRow>,
    /// Whether there are earlier ones.
    more: bool,
}

pub async fn plan(
    State(app): State<Arc<App>>,
    Asked(asked): Asked<PlanAsked>,
) -> Result<Reply<PlanReply>, Refusal> {
    app.may_write()?;
    let day = Timestamp::from(SystemTime::now()).to_string();
    let folder = format!("restored {}/", day.split('T').next().unwrap_or_default());
    let words = asked.words(&app, &folder)?;
    let summary = app.orders.ask(parse(&words)?).await?;
    reply(&summary, asked.copy.then_some(folder)).map(Reply)
}

pub async fn undo(
    State(app): State<Arc<App>>,
    Asked(asked): Asked<RestoreAsked>,
) -> Result<Reply<PlanReply>, Refusal> {
    app.may_write()?;
    let id = id(&asked.id)?;
    let words = json!({"operation": "restore", "undo": id.as_str(), "hold": true});
    let summary = app.orders.ask(parse(&words)?).await?;
    reply(&summary, None).map(Reply)
}

pub async fn confirm(
    State(app): State<Arc<App>>,
    Asked(asked): Asked<RestoreAsked>,
) -> Result<Reply<DoneReply>, Refusal> {
    app.may_write()?;
    let id = id(&asked.id)?;
    let held = Store::of(&app.backup.shelf(), &id).progress().await;
    let held = held.map_err(state)?;
    let progress = &held.progress;
    let begun = app.orders.live(&id).is_some_and(|live| !live.ended);
    if progress.stage != Stage::Held || begun {
        return Err(Refusal::conflict("this was confirmed or cancelled before"));
    }
    let planned = progress.planned_at.unwrap_or(progress.updated_at);
    if held.at.since(planned) > CONFIRMED_WITHIN {
        return Err(Refusal::gone(
            "this was planned more than a day ago, and files may have changed; choose them again",
        ));
    }
    let words = json!({"operation": "restore", "confirm": id.as_str()});
    app.orders.begin(parse(&words)?, id)?;
    Ok(Reply(DoneReply { id: asked.id }))
}

pub async fn cancel(
    State(app): State<Arc<App>>,
    Asked(asked): Asked<RestoreAsked>,
) -> Result<Reply<DoneReply>, Refusal> {
    app.may_write()?;
    let id = id(&asked.id)?;
    let words = json!({"operation": "restore", "cancel": id.as_str()});
    app.orders.ask(parse(&words)?).await?;
    Ok(Reply(DoneReply { id: asked.id }))
}

pub async fn progress(
    State(app): State<Arc<App>>,
    Asked(asked): Asked<RestoreAsked>,
) -> Result<Reply<ProgressReply>, Refusal> {
    let id = id(&asked.id)?;
    let row = RestoreRow::read(&Store::of(&app.backup.shelf(), &id)).await;
    let mut row = row.map_err(state)?;
    let live = app.orders.live(&id).unwrap_or_default();
    row.objects_restored = row.objects_restored.max(live.done);
    if !live.ended && row.stage == Stage::Held.name() && app.orders.live(&id).is_some() {
        row.stage = Stage::Running.name();
    }
    Ok(Reply(ProgressReply {
        restore: row,
        problem: live.problem,
    }))
}

pub async fn activity(
    State(app): State<Arc<App>>,
    Asked(ActivityAsked {}): Asked<ActivityAsked>,
) -> Result<Reply<ActivityReply>, Refusal> {
    let shelf = app.backup.shelf();
    let ids = shelf.ids().await?;
    let more = ids.len() > MOST_RESTORES;
    let mut restores = Vec::new();
    for id in ids.into_iter().take(MOST_RESTORES) {
        match RestoreRow::read(&Store::of(&shelf, &id)).await {
            Ok(row) => restores.push(row),
            Err(error) => tracing::warn!(%id, %error, "a restore is not listed"),
        }
    }
    Ok(Reply(ActivityReply { restores, more }))
}

impl PlanAsked {
    /// The request in the words of the payload.
    fn words(&self, app: &App, folder: &str) -> Result<Value, Refusal> {
        let placement = &app.backup.placement;
        let mut words = Map::new();
        words.insert("operation".to_owned(), "restore".into());
        words.insert("hold".to_owned(), true.into());
        match (&self.files, &self.folder) {
            (Some(files), None) if files.len() > MOST_FILES => {
                return Err(Refusal::too_many(
                    "1,000 files can be put back by name; choose a whole folder instead",
                ));
            }
            (Some(files), None) if !files.is_empty() => {
                for path in files {
                    names::file("files", path, placement)?;
                }
                words.insert("keys".to_owned(), files.clone().into());
            }
            (None, Some(below)) => {
                let below = names::folder("folder", below, placement)?;
                let what = if below.is_empty() {
                    ("all", true.into())
                } else {
                    ("prefix", Value::from(below))
                };
                words.insert(what.0.to_owned(), what.1);
            }
            _ => return Err(Refusal::field("files", "name some files, or one folder")),
        }
        let point = match (&self.run, &self.version) {
            (Some(run), None) => ("run", run),
            (None, Some(version)) => ("version_id", version),
            _ => return Err(Refusal::field("run", "name a backup, or one version")),
        };
        words.insert(point.0.to_owned(), point.1.clone().into());
        if self.copy {
            let to = format!("s3://{}/{folder}", app.backup.source.bucket);
            words.insert("to".to_owned(), to.into());
        }
        Ok(Value::Object(words))
    }
}

fn parse(words: &Value) -> Result<Request, Refusal> {
    request::parse(words).map_err(|error| Refusal::field("", error.to_string()))
}

fn id(text: &str) -> Result<RestoreId, Refusal> {
    RestoreId::parse(text).ok_or_else(|| Refusal::field("id", RestoreId::ALLOWED))
}

fn state(error: StateError) -> Refusal {
    match error {
        StateError::Unknown { .. } => Refusal::not_found("there is no such restore"),
        error => Refusal::failed(&error.to_string()),
    }
}

/// What is shown of a plan.
fn reply(summary: &Summary, copies_into: Option<String>) -> Result<PlanReply, Refusal> {
    let Some(restored) = summary.restored() else {
        return Err(Refusal::failed("the answer tells of no restore"));
    };
    let Some(plan) = &restored.plan else {
        return Err(Refusal::conflict(format!(
            "this could not be planned: {}",
            problem(summary)
        )));
    };
    let is_cold = |row: &&AmountRow| StorageClass::new(Some(&row.name)).is_archive();
    let cold = plan.classes.iter().filter(is_cold);
    Ok(PlanReply {
        id: restored.id.clone().unwrap_or_default(),
        kind: restored.kind,
        copies_into,
        can_confirm: can_confirm(restored),
        happens: plan.happens.clone(),
        cold: cold.map(|row| row.objects).sum(),
        hours: plan.hours,
        cost_usd: plan.cost_usd,
        files: plan.keys.clone(),
        left_alone: restored.left_alone.clone(),
    })
}

fn can_confirm(restored: &Restored) -> bool {
    restored.confirm.is_some()
}

fn problem(summary: &Summary) -> String {
    let first = summary.failures().next();
    first.map_or_else(
        || summary.message().to_owned(),
        |(message, advice)| format!("{message}; {advice}"),
    )
}
