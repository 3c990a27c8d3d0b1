//! The payload of an invocation in, a [`Request`] out: what was asked, not yet what will be done.
//!
//! Scheduled runs arrive as an EventBridge rule's or Scheduler's event, manual ones as `{}` or in our
//! own words. Anything else is refused with the name of the field and what is allowed: a typo in a
//! payload must not mean "the default".

use serde::Deserialize;
use serde_json::{Map, Value};

mod marking;
mod verify;

pub use marking::SoFar;
pub use verify::{Depth, PARTS, SAMPLES, VerifyRequest, parts_of_sample};

use crate::model::{BucketName, CURSOR_FORMAT, KeyRange, Prefix, Range, RecordLink};

/// What an invocation asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Back up the source, or tell what that would be.
    Backup(BackupRequest),
    /// Compare the backup with the source.
    Verify(VerifyRequest),
    /// Go on where a run has stopped.
    Continue(ContinueRequest),
}

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

/// A request for a backup run. What is left out is as configured.
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

/// A payload that is no request of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The payload is not a JSON object.
    #[error("the payload is {found}, not a JSON object; send {{}} for a backup run")]
    NotAnObject {
        /// What it is instead.
        found: &'static str,
    },
    /// A field that the operation does not have.
    #[error("unknown field \"{field}\" in the payload; allowed for a {operation}: {allowed}")]
    UnknownField {
        /// The field's name.
        field: String,
        /// What was asked for.
        operation: &'static str,
        /// The fields that it has.
        allowed: &'static str,
    },
    /// A field whose value is not allowed.
    #[error("field \"{field}\" is {value}; allowed: {allowed}")]
    BadValue {
        /// The field's name.
        field: &'static str,
        /// Its value, as JSON.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// An event of AWS that is not answered.
    #[error(
        "cannot answer the event \"{detail_type}\" of {origin}; send a scheduled event, \
         {{}} or {{\"operation\":\"backup\"}}"
    )]
    UnknownEvent {
        /// The event's `source`.
        origin: String,
        /// The event's `detail-type`.
        detail_type: String,
    },
    /// A cursor of a format that this version does not read.
    #[error(
        "the cursor has format {found}; this version reads 1 to {CURSOR_FORMAT}: start a new run with {{}}"
    )]
    UnknownFormat {
        /// Its format, as JSON.
        found: String,
    },
    /// A cursor of a destination that is not configured.
    #[error(
        "the cursor goes on with bucket {destination}, which is not in DESTINATION_BUCKET; start a new run with {{}}"
    )]
    UnknownDestination {
        /// The bucket.
        destination: String,
    },
    /// Something to confirm where nothing is marked.
    #[error(
        "field \"confirm\" is {run_id:?}, but deletions are \"keep\"; send \"deletions\":\"mark\" with it"
    )]
    NothingToConfirm {
        /// The run that would be confirmed.
        run_id: String,
    },
    /// A prefix beyond what the function is configured to back up.
    #[error(
        "field \"prefix\" is {asked:?}, outside of the configured source prefix {configured:?}"
    )]
    PrefixOutside {
        /// The prefix of the request.
        asked: String,
        /// The prefix of the configuration.
        configured: String,
    },
}

/// The fields of a backup request, as messages list them.
const FIELDS: &str = "operation, prefix, mode, dry_run, deletions, confirm";
/// Those of a plan.
const PLAN_FIELDS: &str = "operation, prefix, mode, deletions";
/// Those of a cursor that no request has.
const OF_CURSORS: [&str; 6] = ["format", "ranges", "records", "plan", "counted", "agreed"];

/// Reads the payload of an invocation.
///
/// # Errors
/// [`RequestError`], naming the field and what is allowed, for everything but our own requests and
/// scheduled events.
pub fn parse(payload: &Value) -> Result<Request, RequestError> {
    let fields = match payload {
        Value::Object(fields) => fields,
        Value::Null => return Ok(Request::Backup(BackupRequest::default())),
        Value::Bool(_) => return Err(RequestError::NotAnObject { found: "a boolean" }),
        Value::Number(_) => return Err(RequestError::NotAnObject { found: "a number" }),
        Value::String(_) => return Err(RequestError::NotAnObject { found: "a string" }),
        Value::Array(_) => return Err(RequestError::NotAnObject { found: "an array" }),
    };
    if fields.contains_key("detail-type") && fields.contains_key("source") {
        return from_event_bridge(fields);
    }
    match fields.get("operation").and_then(Value::as_str) {
        Some("continue") => resume(fields).map(Request::Continue),
        Some("verify") => verify::parse(fields).map(Request::Verify),
        Some(_) | None => backup(fields).map(Request::Backup),
    }
}

fn resume(fields: &Map<String, Value>) -> Result<ContinueRequest, RequestError> {
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
    let mut request = backup(&fields)?;
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

/// Rules send `aws.events`, Scheduler without an input of its own sends `aws.scheduler`.
fn from_event_bridge(fields: &Map<String, Value>) -> Result<Request, RequestError> {
    let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
    let (origin, detail_type) = (text("source"), text("detail-type"));
    match (origin.as_str(), detail_type.as_str()) {
        ("aws.events" | "aws.scheduler", "Scheduled Event") => {
            Ok(Request::Backup(BackupRequest::default()))
        }
        _ => Err(RequestError::UnknownEvent {
            origin,
            detail_type,
        }),
    }
}

fn backup(fields: &Map<String, Value>) -> Result<BackupRequest, RequestError> {
    let mut request = BackupRequest::default();
    let planned = fields.get("operation").and_then(Value::as_str) == Some("plan");
    if planned {
        request.intent = Intent::Plan;
    }
    for (name, value) in fields {
        match name.as_str() {
            "operation" => operation(value)?,
            "prefix" => request.prefix = Some(prefix(value)?),
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
    choice("operation", value, known, "backup, plan, verify, continue")
}

fn prefix(value: &Value) -> Result<Prefix, RequestError> {
    choice("prefix", value, |text| Some(Prefix::new(text)), "a string")
}

fn run_id(value: &Value) -> Result<String, RequestError> {
    let named = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    choice("confirm", value, named, "the run_id of a run that was held")
}

fn flag(field: &'static str, value: &Value) -> Result<bool, RequestError> {
    value
        .as_bool()
        .ok_or_else(|| bad_value(field, value, "true, false"))
}

fn choice<T>(
    field: &'static str,
    value: &Value,
    parse: impl Fn(&str) -> Option<T>,
    allowed: &'static str,
) -> Result<T, RequestError> {
    value
        .as_str()
        .and_then(parse)
        .ok_or_else(|| bad_value(field, value, allowed))
}

fn bad_value(field: &'static str, value: &Value, allowed: &'static str) -> RequestError {
    RequestError::BadValue {
        field,
        value: value.to_string(),
        allowed,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Key, Start};

    #[test]
    fn every_field_of_a_request_is_read() {
        let payload = json!({"operation": "backup", "prefix": "a/", "mode": "full",
            "dry_run": true, "deletions": "mark", "confirm": "r"});

        let request = parse(&payload).unwrap();

        let expected = BackupRequest {
            prefix: Some(Prefix::new("a/")),
            mode: Some(Mode::Full),
            deletions: Some(Deletions::Mark),
            confirm: Some("r".to_owned()),
            intent: Intent::DryRun,
        };
        assert_eq!(request, Request::Backup(expected));
    }

    #[test]
    fn a_cursor_is_read_back() {
        let payload = json!({"operation": "continue", "cursor": {"format": 2, "prefix": "a/",
            "mode": "full", "dry_run": true, "ranges": [
                {"destination": "one", "after": "a/b", "until": "a/k"},
                {"destination": "two", "at": "a/c"}, {"destination": "three"}]}});

        let Request::Continue(request) = parse(&payload).unwrap() else {
            panic!("{payload} is no continuation");
        };

        let starts: Vec<_> = request
            .ranges
            .iter()
            .map(|range| range.keys.start.clone())
            .collect();
        let after = Start::After(Key::new("a/b"));
        assert_eq!(
            starts,
            [after, Start::At(Key::new("a/c")), Start::Beginning]
        );
        assert_eq!(request.ranges[0].keys.until, Some(Key::new("a/k")));
        assert_eq!(request.ranges[1].keys.until, None);
        let asked = BackupRequest {
            prefix: Some(Prefix::new("a/")),
            mode: Some(Mode::Full),
            intent: Intent::DryRun,
            ..BackupRequest::default()
        };
        assert_eq!(request.request, Asked::Backup(asked));
    }

    #[test]
    fn a_plan_is_asked_for_by_its_operation_and_continued_as_one() {
        let asked = json!({"operation": "plan", "prefix": "a/", "mode": "full"});
        let cursor = json!({"operation": "continue", "cursor": {"format": 2, "prefix": "a/",
            "mode": "full", "dry_run": true, "plan": true, "ranges": []}});

        let request = BackupRequest {
            prefix: Some(Prefix::new("a/")),
            mode: Some(Mode::Full),
            intent: Intent::Plan,
            ..BackupRequest::default()
        };
        let continued = ContinueRequest {
            request: Asked::Backup(request.clone()),
            ranges: Vec::new(),
            records: Vec::new(),
            so_far: None,
        };
        assert_eq!(parse(&asked), Ok(Request::Backup(request)));
        assert_eq!(parse(&cursor), Ok(Request::Continue(continued)));
    }

    #[test]
    fn a_cursor_of_the_format_before_is_read_too() {
        let payload = json!({"operation": "continue", "cursor": {"format": 1, "prefix": "",
            "mode": "incremental", "dry_run": false,
            "ranges": [{"destination": "one", "after": "a"}]}});

        let Request::Continue(request) = parse(&payload).unwrap() else {
            panic!("{payload} is no continuation");
        };

        let keys = KeyRange {
            start: Start::After(Key::new("a")),
            until: None,
        };
        assert_eq!(request.ranges[0].keys, keys);
    }

    #[test]
    fn a_cursor_that_cannot_be_understood_is_refused() {
        let cases = [
            (
                json!({"operation": "continue"}),
                "field \"cursor\" is null; allowed: the cursor of a result",
            ),
            (
                json!({"operation": "continue", "cursor": {"format": 3}}),
                "the cursor has format 3; this version reads 1 to 2: start a new run with {}",
            ),
            (
                json!({"operation": "continue", "cursor": {"format": 1, "ranges": [{"after": "k"}]}}),
                "field \"ranges\" is [{\"after\":\"k\"}]; allowed: the ranges of a cursor",
            ),
            (
                json!({"operation": "continue", "cursor": {"format": 1, "ranges": [], "more": 1}}),
                "unknown field \"more\" in the payload; allowed for a backup: operation, prefix, mode, dry_run, deletions, confirm",
            ),
            (
                json!({"operation": "continue", "mode": "full"}),
                "unknown field \"mode\" in the payload; allowed for a continuation: operation, cursor",
            ),
        ];

        for (payload, message) in cases {
            assert_eq!(parse(&payload).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_name() {
        let cases = [
            (
                json!([]),
                "the payload is an array, not a JSON object; send {} for a backup run",
            ),
            (
                json!({"dryrun": true}),
                "unknown field \"dryrun\" in the payload; allowed for a backup: operation, prefix, mode, dry_run, deletions, confirm",
            ),
            (
                json!({"operation": "bakcup"}),
                "field \"operation\" is \"bakcup\"; allowed: backup, plan, verify, continue",
            ),
            (
                json!({"operation": 1}),
                "field \"operation\" is 1; allowed: backup, plan, verify, continue",
            ),
            (
                json!({"operation": "plan", "dry_run": true}),
                "unknown field \"dry_run\" in the payload; allowed for a plan: operation, prefix, mode, deletions",
            ),
            (
                json!({"mode": "fulll"}),
                "field \"mode\" is \"fulll\"; allowed: incremental, full",
            ),
            (
                json!({"dry_run": "yes"}),
                "field \"dry_run\" is \"yes\"; allowed: true, false",
            ),
            (
                json!({"prefix": 7}),
                "field \"prefix\" is 7; allowed: a string",
            ),
            (
                json!({"deletions": "mirror"}),
                "field \"deletions\" is \"mirror\"; allowed: keep, mark",
            ),
            (
                json!({"confirm": ""}),
                "field \"confirm\" is \"\"; allowed: the run_id of a run that was held",
            ),
            (
                json!({"source": "aws.ec2", "detail-type": "EC2 Instance"}),
                "cannot answer the event \"EC2 Instance\" of aws.ec2; send a scheduled event, {} or {\"operation\":\"backup\"}",
            ),
        ];

        for (payload, message) in cases {
            assert_eq!(parse(&payload).unwrap_err().to_string(), message);
        }
    }
}
