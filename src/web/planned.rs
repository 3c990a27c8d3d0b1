//! The plan of a restore, out of the result that the restore answers with, wherever it ran.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Refusal;
use crate::model::StorageClass;
use crate::report::{AmountRow, KeyRow};

/// A plan that waits for a confirmation.
#[derive(Debug, Serialize)]
pub struct PlanReply {
    /// The restore.
    pub id: String,
    /// `restore` or `undo`.
    kind: String,
    /// The folder that copies are made in; none for the old places.
    pub copies_into: Option<String>,
    /// Whether it can be confirmed; not if there is nothing to do.
    pub can_confirm: bool,
    /// Why an administrator has to confirm it; none if the caller can.
    pub needs_admin: Option<String>,
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
    /// Why nothing of it can be done, if that is so.
    #[serde(skip)]
    pub problem: Option<String>,
}

/// The part of a result that is read.
#[derive(Deserialize)]
struct ResultRead {
    message: String,
    #[serde(default)]
    failures: Vec<FailureRead>,
    restore: Option<RestoreRead>,
}

#[derive(Deserialize)]
struct FailureRead {
    message: String,
    advice: String,
}

#[derive(Deserialize)]
struct RestoreRead {
    id: Option<String>,
    kind: String,
    confirm: Option<String>,
    #[serde(default)]
    left_alone: Vec<String>,
    plan: Option<PlanRead>,
}

#[derive(Deserialize)]
struct PlanRead {
    happens: Vec<AmountRow>,
    classes: Vec<AmountRow>,
    hours: u32,
    cost_usd: Option<f64>,
    keys: Vec<KeyRow>,
}

/// The part of a plan that is shown.
///
/// # Errors
/// When the result has none: the first failure says why.
pub fn read(result: Value) -> Result<PlanReply, Refusal> {
    let result: ResultRead = serde_json::from_value(result).map_err(|error| {
        Refusal::failed(&format!("the restore answers something else: {error}"))
    })?;
    let Some(restored) = result.restore else {
        return Err(Refusal::failed("the answer tells of no restore"));
    };
    let failure = result.failures.first();
    let failure = failure.map(|failure| format!("{}; {}", failure.message, failure.advice));
    let Some(plan) = restored.plan else {
        let problem = failure.unwrap_or(result.message);
        return Err(Refusal::conflict(format!(
            "this could not be planned: {problem}"
        )));
    };
    let is_cold = |row: &&AmountRow| StorageClass::new(Some(&row.name)).is_archive();
    let cold = plan.classes.iter().filter(is_cold);
    let does_something = plan.happens.iter().any(|row| row.objects > 0);
    Ok(PlanReply {
        id: restored.id.unwrap_or_default(),
        kind: restored.kind,
        copies_into: None,
        can_confirm: restored.confirm.is_some(),
        needs_admin: None,
        cold: cold.map(|row| row.objects).sum(),
        happens: plan.happens,
        hours: plan.hours,
        cost_usd: plan.cost_usd,
        files: plan.keys,
        left_alone: restored.left_alone,
        problem: failure.filter(|_| !does_something),
    })
}
