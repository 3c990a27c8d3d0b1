//! `activity`: the restores there were, each with who began it and what it was about.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};

use super::access::Caller;
use super::answer::{Asked, Refusal, Reply};
use super::api::Api;
use super::touched::Touched;
use crate::request::RestoreId;
use crate::restore::{RestoreRow, Stage, StateError, Store};

/// Restores that are listed.
const MOST_RESTORES: usize = 50;
/// Restores that are looked at for them: most are plans that somebody looked at and left, or of folders that
/// the caller does not see.
const MOST_LOOKED_AT: usize = 500;
/// Restores that are read at once.
const AT_ONCE: usize = 32;

/// Nothing is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivityAsked {}

/// The restores there were.
#[derive(Debug, Serialize)]
pub struct ActivityReply {
    /// The last one first.
    restores: Vec<ShownRestore>,
    /// Whether there may be earlier ones.
    more: bool,
}

/// A restore, and what it was about.
#[derive(Debug, Serialize)]
pub struct ShownRestore {
    #[serde(flatten)]
    row: RestoreRow,
    /// The first file, or the folder, which ends with `/`, or is empty for all; none if that is not known.
    what: Option<String>,
    /// How many more there are.
    what_more: usize,
}

impl ShownRestore {
    pub fn new(row: RestoreRow, touched: Option<&Touched>) -> Self {
        let what = touched.map(Touched::what).unwrap_or_default();
        Self {
            row,
            what: what.first().cloned(),
            what_more: what.len().saturating_sub(1),
        }
    }
}

pub async fn answer(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Asked(ActivityAsked {}): Asked<ActivityAsked>,
) -> Result<Reply<ActivityReply>, Refusal> {
    let ids = api.backup.shelf().ids().await?;
    let unseen = ids.len() > MOST_LOOKED_AT;
    let (api, caller) = (&api, &caller);
    let mut restores: Vec<ShownRestore> = stream::iter(ids.into_iter().take(MOST_LOOKED_AT))
        .map(|id| async move { row(api, caller, &id).await })
        .buffered(AT_ONCE)
        .filter_map(|row| async move { row })
        .take(MOST_RESTORES + 1)
        .collect()
        .await;
    let more = unseen || restores.len() > MOST_RESTORES;
    restores.truncate(MOST_RESTORES);
    Ok(Reply(ActivityReply { restores, more }))
}

/// A restore, if the caller may see it, and if it is more than a plan that was left.
async fn row(api: &Api, caller: &Caller, id: &RestoreId) -> Option<ShownRestore> {
    let store = Store::of(&api.backup.shelf(), id);
    let unlisted = |error: &StateError| tracing::warn!(%id, %error, "a restore is not listed");
    let recorded = store.recorded().await.inspect_err(unlisted).ok()?;
    let touched = Touched::of(api, &recorded.request).await.ok();
    // Whoever sees all folders sees all restores, those among them whose request cannot be followed.
    if !caller.sees("") {
        touched.as_ref()?.look_at(caller).ok()?;
    }
    let row = RestoreRow::of(&store, recorded).await;
    let row = row.inspect_err(unlisted).ok()?;
    let is_left = row.stage == Stage::Cancelled.name() && row.objects_restored == 0;
    (!is_left).then(|| ShownRestore::new(row, touched.as_ref()))
}
