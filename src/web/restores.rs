//! `plan`, `undo`, `confirm`, `cancel` and `progress`: what the page does with a restore.
//!
//! A plan is stored before it is shown, and exactly that plan is carried out. Which files it has is said as a
//! list or as one folder, never as what happens to be shown.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Extension;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::access::{Caller, Role};
use super::activity::ShownRestore;
use super::answer::{Asked, Refusal, Reply};
use super::api::Api;
use super::copies::{Copied, PlaceOfCopies};
use super::names::{self, MOST_FILES};
use super::planned::{self, PlanReply};
use super::touched::Touched;
use crate::model::Timestamp;
use crate::request::RestoreId;
use crate::restore::{Progress, RestoreRow, Stage, Store};

/// How long a plan can be confirmed.
const CONFIRMED_WITHIN: Duration = Duration::from_hours(24);

/// The files that are put back, and their place.
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

/// That something was begun or ended.
#[derive(Debug, Serialize)]
pub struct DoneReply {
    id: String,
}

/// How far a restore has come.
#[derive(Debug, Serialize)]
pub struct ProgressReply {
    restore: ShownRestore,
    /// Why it stopped, or what went wrong first.
    problem: Option<String>,
}

pub async fn plan(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<PlanAsked>,
) -> Result<Reply<PlanReply>, Refusal> {
    api.may_write()?;
    let words = asked.selected(&api, &caller)?;
    let (words, copies) = asked.placed(&api, &caller, words)?;
    let mut reply = ask_for_plan(&api, &caller, words).await?;
    reply.copies_into = copies.map(|copies| copies.folder);
    Ok(Reply(reply))
}

pub async fn undo(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<RestoreAsked>,
) -> Result<Reply<PlanReply>, Refusal> {
    api.may_write()?;
    let id = id(&asked.id)?;
    let store = Store::of(&api.backup.shelf(), &id);
    Touched::read(&api, &store).await?.decide(&caller)?;
    let mut words = Map::new();
    words.insert("operation".to_owned(), "restore".into());
    words.insert("undo".to_owned(), id.as_str().into());
    words.insert("hold".to_owned(), true.into());
    ask_for_plan(&api, &caller, words).await.map(Reply)
}

/// Has a plan made and stored, in the name of the caller.
async fn ask_for_plan(
    api: &Api,
    caller: &Caller,
    mut words: Map<String, Value>,
) -> Result<PlanReply, Refusal> {
    if let Some(person) = &caller.person {
        words.insert("by".to_owned(), person.to_value());
    }
    let result = api.restorer.ask(&Value::Object(words)).await?;
    let mut reply = planned::read(result)?;
    if let Some(problem) = reply.problem {
        // Else it would wait for a decision for ever.
        let words = json!({"operation": "restore", "cancel": reply.id});
        api.restorer.ask(&words).await?;
        let message = format!("this cannot be put back: {problem}");
        return Err(Refusal::conflict(message));
    }
    if reply.can_confirm {
        let store = Store::of(&api.backup.shelf(), &id(&reply.id)?);
        let (request, held) = store.read().await?;
        let touched = Touched::of(api, &request).await?;
        reply.needs_admin = above(api, caller, &touched, &held.progress);
        reply.can_confirm = reply.needs_admin.is_none();
    }
    Ok(reply)
}

/// Why the caller must not confirm it; none if that is fine.
fn above(api: &Api, caller: &Caller, touched: &Touched, progress: &Progress) -> Option<String> {
    if touched.may(caller, Role::Admin) {
        return None;
    }
    api.limits.exceeded(progress, touched.in_place)
}

pub async fn confirm(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<RestoreAsked>,
) -> Result<Reply<DoneReply>, Refusal> {
    api.may_write()?;
    let id = id(&asked.id)?;
    let store = Store::of(&api.backup.shelf(), &id);
    let recorded = store.recorded().await?;
    let touched = Touched::of(&api, &recorded.request).await?;
    touched.decide(&caller)?;
    let (_, held) = store.with_progress(recorded).await?;
    let progress = &held.progress;
    let begun = api.restorer.live(&id).is_some_and(|live| !live.ended);
    if progress.stage != Stage::Held || begun {
        return Err(Refusal::conflict("this was confirmed or cancelled before"));
    }
    let planned = progress.planned_at.unwrap_or(progress.updated_at);
    if held.at.since(planned) > CONFIRMED_WITHIN {
        return Err(Refusal::gone(
            "this was planned more than a day ago, and files may have changed; choose them again",
        ));
    }
    if let Some(why) = above(&api, &caller, &touched, progress) {
        return Err(Refusal::forbidden(format!(
            "{why}; ask an administrator to confirm it under Activity"
        )));
    }
    let words = json!({"operation": "restore", "confirm": id.as_str()});
    api.restorer.begin(&words, id).await?;
    Ok(Reply(DoneReply { id: asked.id }))
}

pub async fn cancel(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<RestoreAsked>,
) -> Result<Reply<DoneReply>, Refusal> {
    api.may_write()?;
    let id = id(&asked.id)?;
    let store = Store::of(&api.backup.shelf(), &id);
    Touched::read(&api, &store).await?.decide(&caller)?;
    let words = json!({"operation": "restore", "cancel": id.as_str()});
    api.restorer.ask(&words).await?;
    Ok(Reply(DoneReply { id: asked.id }))
}

pub async fn progress(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(asked): Asked<RestoreAsked>,
) -> Result<Reply<ProgressReply>, Refusal> {
    let id = id(&asked.id)?;
    let store = Store::of(&api.backup.shelf(), &id);
    let recorded = store.recorded().await?;
    let touched = Touched::of(&api, &recorded.request).await?;
    touched.look_at(&caller)?;
    let mut row = RestoreRow::of(&store, recorded).await?;
    let live = api.restorer.live(&id);
    if live.as_ref().is_some_and(|live| !live.ended) && row.stage == Stage::Held.name() {
        row.stage = Stage::Running.name();
    }
    let live = live.unwrap_or_default();
    row.objects_restored = row.objects_restored.max(live.done);
    Ok(Reply(ProgressReply {
        restore: ShownRestore::new(row, Some(&touched)),
        problem: live.problem,
    }))
}

impl PlanAsked {
    /// The request in the words of the payload, without the place.
    fn selected(&self, api: &Api, caller: &Caller) -> Result<Map<String, Value>, Refusal> {
        let placement = &api.backup.placement;
        let mut words = Map::new();
        words.insert("operation".to_owned(), "restore".into());
        words.insert("hold".to_owned(), true.into());
        if api.backup.instead.is_some() {
            words.insert("from".to_owned(), api.backup.bucket.name().as_str().into());
        }
        match (&self.files, &self.folder) {
            (Some(files), None) if files.len() > MOST_FILES => {
                return Err(Refusal::too_many(
                    "1,000 files can be put back by name; choose a whole folder instead",
                ));
            }
            (Some(files), None) if !files.is_empty() => {
                for path in files {
                    names::file("files", path, placement)?;
                    caller.put_back(path)?;
                }
                words.insert("keys".to_owned(), files.clone().into());
            }
            (None, Some(below)) => {
                let below = names::folder("folder", below, placement)?;
                caller.put_back(&below)?;
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
        Ok(words)
    }

    /// The same with the place of the copies, if copies are made. What may not be seen or put back was refused
    /// before.
    fn placed(
        &self,
        api: &Api,
        caller: &Caller,
        mut words: Map<String, Value>,
    ) -> Result<(Map<String, Value>, Option<PlaceOfCopies>), Refusal> {
        if !self.copy {
            return Ok((words, None));
        }
        let copied = match (&self.files, &self.folder) {
            (Some(files), _) => Copied::Files(files),
            (None, folder) => Copied::Folder(folder.as_deref().unwrap_or_default()),
        };
        let now = Timestamp::from(SystemTime::now()).to_string();
        let day = now.split('T').next().unwrap_or_default();
        let source = &api.backup.source;
        let place = PlaceOfCopies::of(copied, day, source.prefix.as_str(), caller)?;
        let to = format!("s3://{}/{}", source.bucket, place.folder);
        words.insert("to".to_owned(), to.into());
        if !place.above.is_empty() {
            words.insert("strip_prefix".to_owned(), place.above.clone().into());
            let is_wider = |below: &str| !below.starts_with(&place.above);
            if self.folder.as_deref().is_some_and(is_wider) {
                // Nothing else of it is backed up.
                words.remove("all");
                words.insert("prefix".to_owned(), place.above.clone().into());
            }
        }
        Ok((words, Some(place)))
    }
}

fn id(text: &str) -> Result<RestoreId, Refusal> {
    RestoreId::parse(text).ok_or_else(|| Refusal::field("id", RestoreId::ALLOWED))
}
