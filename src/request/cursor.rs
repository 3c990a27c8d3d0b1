//! The request to go on: the cursor of a result, read back.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::field::{bad_value, flag};
use super::marking::{self, MarkingProgress};
use super::{BackupRequest, Intent, RequestError, VerifyRequest, backup, verify};
use crate::model::{BucketName, CURSOR_FORMAT, KeyRange, RANGES_FORMAT, Range, StateLink};

/// A request to go on: the cursor of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContinueRequest {
    /// How the run was asked for.
    pub request: ContinuedRequest,
    /// The rest of it, or where that is said.
    pub rest: RemainingWork,
}

/// What a run that is gone on with was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContinuedRequest {
    /// A backup.
    Backup(BackupRequest),
    /// A verification.
    Verify(VerifyRequest),
}

/// The rest of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemainingWork {
    /// What its state in each backup bucket says.
    States {
        /// The run.
        run_id: String,
        /// The source's bucket.
        source: String,
        /// Where the states are.
        links: Vec<StateLink>,
    },
    /// What the cursor itself says.
    Ranges {
        /// The keys that are left.
        ranges: Vec<Range>,
        /// How far it has come with deletions; none if it marks none, or must not any more.
        so_far: Option<MarkingProgress>,
    },
    /// What the objects of a distributed run in the backup bucket say.
    Distributed {
        /// The run.
        run_id: String,
        /// The source's bucket.
        source: String,
        /// The piece to work on; none to close the run.
        piece: Option<u32>,
    },
}

/// Those of a cursor that no request has.
const OF_CURSORS: [&str; 12] = [
    "format",
    "ranges",
    "records",
    "plan",
    "counted",
    "agreed",
    "run_id",
    "source",
    "stage",
    "states",
    "distributed",
    "piece",
];
/// The longest run id that is taken: the program's own have 25 characters.
const LONGEST_RUN_ID: usize = 64;

/// Reads a request to close a distributed run: to go on with it when its pieces are done.
pub(super) fn parse_close(fields: &Map<String, Value>) -> Result<ContinueRequest, RequestError> {
    let request = parse(fields)?;
    match request.rest {
        RemainingWork::Distributed { piece: None, .. } => Ok(request),
        RemainingWork::Distributed { .. }
        | RemainingWork::States { .. }
        | RemainingWork::Ranges { .. } => {
            let cursor = fields.get("cursor").unwrap_or(&Value::Null);
            Err(bad_value(
                "cursor",
                cursor,
                "the cursor of the result of ranges",
            ))
        }
    }
}

/// Reads the cursor of a request.
pub(super) fn parse(fields: &Map<String, Value>) -> Result<ContinueRequest, RequestError> {
    if let Some(field) = fields
        .keys()
        .find(|name| !["operation", "cursor"].contains(&name.as_str()))
    {
        return Err(RequestError::UnknownField {
            field: field.clone(),
            operation: "continuation",
            allowed: "operation, cursor",
        });
    }
    let cursor = fields.get("cursor").unwrap_or(&Value::Null);
    let Some(fields) = cursor.as_object() else {
        return Err(bad_value("cursor", cursor, "the cursor of a result"));
    };
    let format = fields.get("format").unwrap_or(&Value::Null);
    let rest = match format.as_u64() {
        Some(1..=RANGES_FORMAT) => ranges(fields)?,
        Some(CURSOR_FORMAT) if fields.contains_key("distributed") => distributed(fields)?,
        Some(CURSOR_FORMAT) => states(fields)?,
        _ => {
            return Err(RequestError::UnknownFormat {
                found: format.to_string(),
            });
        }
    };
    let request = asked(fields)?;
    Ok(ContinueRequest { request, rest })
}

fn ranges(cursor: &Map<String, Value>) -> Result<RemainingWork, RequestError> {
    let ranges = cursor.get("ranges").unwrap_or(&Value::Null);
    let parsed = ranges
        .as_array()
        .and_then(|rows| rows.iter().map(range).collect());
    Ok(RemainingWork::Ranges {
        ranges: parsed.ok_or_else(|| bad_value("ranges", ranges, "the ranges of a cursor"))?,
        so_far: marking::so_far(cursor)?,
    })
}

fn states(cursor: &Map<String, Value>) -> Result<RemainingWork, RequestError> {
    let field = |name: &str| cursor.get(name).unwrap_or(&Value::Null);
    let text = |name: &'static str| {
        let value = field(name);
        let text = value.as_str().map(str::to_owned);
        text.ok_or_else(|| bad_value(name, value, "what the cursor of a result has"))
    };
    let run_id = text("run_id")?;
    let links = field("states");
    let parsed = Vec::<StateLink>::deserialize(links);
    let parsed = parsed.map_err(|_| bad_value("states", links, "the states of a cursor"))?;
    if !is_run_id(&run_id) || !parsed.iter().all(|link| is_run_id(&link.run_id)) {
        return Err(bad_value(
            "run_id",
            field("run_id"),
            "the run_id of a result",
        ));
    }
    Ok(RemainingWork::States {
        source: text("source")?,
        run_id,
        links: parsed,
    })
}

fn distributed(cursor: &Map<String, Value>) -> Result<RemainingWork, RequestError> {
    let field = |name: &str| cursor.get(name).unwrap_or(&Value::Null);
    let text = |name: &'static str| {
        let text = field(name).as_str().map(str::to_owned);
        text.ok_or_else(|| bad_value(name, field(name), "what the cursor of a result has"))
    };
    let run_id = text("distributed")?;
    if !is_run_id(&run_id) {
        let run_id = field("distributed");
        return Err(bad_value("distributed", run_id, "the run_id of a result"));
    }
    let number = |value: &Value| {
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| *number > 0);
        number.ok_or_else(|| bad_value("piece", value, "the number of a piece"))
    };
    Ok(RemainingWork::Distributed {
        run_id,
        source: text("source")?,
        piece: cursor.get("piece").map(number).transpose()?,
    })
}

/// It becomes part of a key.
fn is_run_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !text.is_empty() && text.len() <= LONGEST_RUN_ID && text.chars().all(plain)
}

/// What the run of a cursor was asked for.
fn asked(cursor: &Map<String, Value>) -> Result<ContinuedRequest, RequestError> {
    if let Some(words) = cursor.get("verify") {
        return verify::of_cursor(words, cursor).map(ContinuedRequest::Verify);
    }
    let mut fields = cursor.clone();
    fields.retain(|name, _| !OF_CURSORS.contains(&name.as_str()));
    let mut request = backup::parse(&fields)?;
    if let Some(plan) = cursor.get("plan")
        && flag("plan", plan)?
    {
        request.intent = Intent::Plan;
    }
    Ok(ContinuedRequest::Backup(request))
}

fn range(row: &Value) -> Option<Range> {
    Some(Range {
        destination: BucketName::new(row.get("destination")?.as_str()?).ok()?,
        keys: KeyRange::deserialize(row).ok()?,
    })
}
