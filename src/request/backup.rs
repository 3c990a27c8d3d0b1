//! The request for a backup, or for the plan of one.

use serde_json::{Map, Value};

use super::RequestError;
use super::field::{choice, flag, prefix};
use crate::model::Prefix;

/// A request for a backup run. A field that is left out is as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupRequest {
    /// Only keys that start with it.
    pub prefix: Option<Prefix>,
    /// Copy what changed, or everything.
    pub mode: Option<Mode>,
    /// What to do about objects that are gone from the source.
    pub deletions: Option<Deletions>,
    /// The run whose deletions were held, and are right all the same.
    pub confirm: Option<String>,
    /// Copy, or only tell.
    pub intent: Intent,
}

/// Whether a run acts or only tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Intent {
    /// Copy.
    #[default]
    Copy,
    /// Compare, and tell what would be copied.
    DryRun,
    /// Compare, and tell what would be copied, why, and what it would cost.
    Plan,
}

/// Which objects a run copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Those that are new or changed.
    #[default]
    Incremental,
    /// All of them again.
    Full,
}

impl Mode {
    /// The names of all modes, as messages list them.
    pub const ALLOWED: &str = "incremental, full";

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Incremental => "incremental",
            Self::Full => "full",
        }
    }

    /// The mode of that name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "incremental" => Some(Self::Incremental),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

/// What a run does about objects that are in the backup and gone from the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deletions {
    /// Nothing: the backup keeps them.
    #[default]
    Keep,
    /// A delete marker in the backup: their versions stay.
    Mark,
}

impl Deletions {
    /// The names of all choices, as messages list them.
    pub const ALLOWED: &str = "keep, mark";

    /// The choice of that name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "keep" => Some(Self::Keep),
            "mark" => Some(Self::Mark),
            _ => None,
        }
    }
}

/// The fields of a backup request, as messages list them.
const FIELDS: &str = "operation, prefix, mode, dry_run, deletions, confirm";
/// Those of a plan.
const PLAN_FIELDS: &str = "operation, prefix, mode, deletions";
/// Reads a request's fields, or those of a plan.
pub(super) fn parse(fields: &Map<String, Value>) -> Result<BackupRequest, RequestError> {
    let mut request = BackupRequest::default();
    let planned = fields.get("operation").and_then(Value::as_str) == Some("plan");
    if planned {
        request.intent = Intent::Plan;
    }
    for (name, value) in fields {
        match name.as_str() {
            "operation" => operation(value)?,
            "prefix" => request.prefix = Some(prefix("prefix", value)?),
            "mode" => request.mode = Some(choice("mode", value, Mode::parse, Mode::ALLOWED)?),
            "dry_run" if !planned => {
                if flag("dry_run", value)? {
                    request.intent = Intent::DryRun;
                }
            }
            "deletions" => {
                let deletions = choice("deletions", value, Deletions::parse, Deletions::ALLOWED)?;
                request.deletions = Some(deletions);
            }
            "confirm" if !planned => request.confirm = Some(run_id(value)?),
            _ => {
                return Err(RequestError::UnknownField {
                    field: name.clone(),
                    operation: if planned { "plan" } else { "backup" },
                    allowed: if planned { PLAN_FIELDS } else { FIELDS },
                });
            }
        }
    }
    Ok(request)
}

fn operation(value: &Value) -> Result<(), RequestError> {
    let known = |name: &str| ["backup", "plan"].contains(&name).then_some(());
    choice(
        "operation",
        value,
        known,
        "backup, plan, verify, restore, drill, continue, ranges, close",
    )
}

fn run_id(value: &Value) -> Result<String, RequestError> {
    let named = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    choice("confirm", value, named, "the run_id of a run that was held")
}
