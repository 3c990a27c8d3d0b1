//! The request to go on: the cursor of a result, read back.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::field::{bad_value, flag};
use super::marking::{self, SoFar};
use super::{BackupRequest, Intent, RequestError, VerifyRequest, backup, verify};
use crate::model::{BucketName, CURSOR_FORMAT, KeyRange, Range, RecordLink};

/// A request to go on: the cursor of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContinueRequest {
    /// How the run was asked for.
    pub request: Asked,
    /// What is left of it.
    pub ranges: Vec<Range>,
    /// The records of what is done.
    pub records: Vec<RecordLink>,
    /// How far it has come with deletions; none if it marks none, or must not any more.
    pub so_far: Option<SoFar>,
}

/// What a run that is gone on with was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A backup.
    Backup(BackupRequest),
    /// A verification.
    Verify(VerifyRequest),
}

/// Those of a cursor that no request has.
const OF_CURSORS: [&str; 6] = ["format", "ranges", "records", "plan", "counted", "agreed"];

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
    let readable = |format| (1..=CURSOR_FORMAT).contains(&format);
    if !format.as_u64().is_some_and(readable) {
        return Err(RequestError::UnknownFormat {
            found: format.to_string(),
        });
    }
    let ranges = fields.get("ranges").unwrap_or(&Value::Null);
    let parsed = ranges
        .as_array()
        .and_then(|rows| rows.iter().map(range).collect());
    let empty = Value::Array(Vec::new());
    let records = fields.get("records").unwrap_or(&empty);
    let linked = records
        .as_array()
        .and_then(|rows| rows.iter().map(record).collect());
    Ok(ContinueRequest {
        request: asked(fields)?,
        ranges: parsed.ok_or_else(|| bad_value("ranges", ranges, "the ranges of a cursor"))?,
        records: linked.ok_or_else(|| bad_value("records", records, "the records of a cursor"))?,
        so_far: marking::so_far(fields)?,
    })
}

/// What the run of a cursor was asked for.
fn asked(cursor: &Map<String, Value>) -> Result<Asked, RequestError> {
    if let Some(words) = cursor.get("verify") {
        return verify::of_cursor(words, cursor).map(Asked::Verify);
    }
    let mut fields = cursor.clone();
    fields.retain(|name, _| !OF_CURSORS.contains(&name.as_str()));
    let mut request = backup::parse(&fields)?;
    if let Some(plan) = cursor.get("plan")
        && flag("plan", plan)?
    {
        request.intent = Intent::Plan;
    }
    Ok(Asked::Backup(request))
}

fn range(row: &Value) -> Option<Range> {
    Some(Range {
        destination: BucketName::new(row.get("destination")?.as_str()?).ok()?,
        keys: KeyRange::deserialize(row).ok()?,
    })
}

fn record(row: &Value) -> Option<RecordLink> {
    let text = |name: &str| row.get(name)?.as_str().map(str::to_owned);
    Some(RecordLink {
        destination: BucketName::new(&text("destination")?).ok()?,
        key: text("key").filter(|key| key.starts_with("snapshots/"))?,
        sha256: text("sha256")?,
    })
}
