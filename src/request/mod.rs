//! The payload of an invocation in, a [`Request`] out: what was asked, not yet what will be done.
//!
//! Scheduled runs arrive as an EventBridge rule's or Scheduler's event, manual ones as `{}` or in our
//! own words, and changes of objects as events of S3. Anything else is refused with the name of the field and what is allowed: a typo in a
//! payload must not mean "the default".

use serde_json::{Map, Value};

mod backup;
mod cursor;
mod distributed;
mod drill;
mod error;
mod event_error;
mod field;
mod marking;
mod person;
mod restore;
mod restore_words;
mod s3_event;
mod verify;

pub use backup::{BackupRequest, Deletions, Intent, Mode};
pub use cursor::{ContinueRequest, ContinuedRequest, RemainingWork};
pub use distributed::{MOST_PIECES, RangesRequest};
pub use drill::{DrillRequest, DrillSample, MOST_OBJECTS};
pub use error::RequestError;
pub use event_error::EventError;
pub use marking::MarkingProgress;
pub use person::Person;
pub use restore::{
    Dollars, Extra, Manner, Point, RestoreId, RestoreRequest, StartRestore, UndoRestore, What,
};
pub use restore_words::TIMES;
pub use s3_event::{EventMessage, EventsRequest, ObjectChange, ObjectEvent};
pub use verify::{Depth, PARTS, SAMPLES, VerifyRequest, parts_of_sample};

/// What an invocation asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Back up the source, or tell what that would be.
    Backup(BackupRequest),
    /// Compare the backup with the source.
    Verify(VerifyRequest),
    /// Go on where a run has stopped.
    Continue(ContinueRequest),
    /// Restore objects, or do something about a restore.
    Restore(RestoreRequest),
    /// Back up the objects that events of S3 name.
    Events(EventsRequest),
    /// Cut the source into pieces that other invocations back up.
    Ranges(RangesRequest),
}

impl Request {
    /// Whether it is a part of a distributed run that says nothing of the whole.
    pub fn is_part(&self) -> bool {
        match self {
            Self::Ranges(_) => true,
            Self::Continue(request) => {
                matches!(
                    request.rest,
                    RemainingWork::Distributed { piece: Some(_), .. }
                )
            }
            Self::Backup(_) | Self::Verify(_) | Self::Restore(_) | Self::Events(_) => false,
        }
    }
}

/// Reads the payload of an invocation.
///
/// # Errors
/// [`RequestError`], naming the field and what is allowed, for everything but our own requests and
/// scheduled events.
///
/// # Example
/// ```
/// use s3_backup::request::{self, Request};
/// use serde_json::json;
///
/// let asked = request::parse(&json!({"operation": "verify", "sample": "1/30"}));
/// assert!(matches!(asked, Ok(Request::Verify(_))));
///
/// let misspelt = request::parse(&json!({"operation": "verify", "sampel": "1/30"}));
/// assert!(misspelt.unwrap_err().to_string().starts_with("unknown field \"sampel\""));
/// ```
pub fn parse(payload: &Value) -> Result<Request, RequestError> {
    let fields = match payload {
        Value::Object(fields) => fields,
        Value::Null => return Ok(Request::Backup(BackupRequest::default())),
        Value::Bool(_) => return Err(RequestError::NotAnObject { found: "a boolean" }),
        Value::Number(_) => return Err(RequestError::NotAnObject { found: "a number" }),
        Value::String(_) => return Err(RequestError::NotAnObject { found: "a string" }),
        Value::Array(_) => return Err(RequestError::NotAnObject { found: "an array" }),
    };
    if let Some(events) = s3_event::parse(fields) {
        let events = events.map(Request::Events);
        return events.map_err(|problem| RequestError::BadEvent { problem });
    }
    if fields.contains_key("detail-type") && fields.contains_key("source") {
        return from_event_bridge(fields);
    }
    match fields.get("operation").and_then(Value::as_str) {
        Some("continue") => match restore_words::of_cursor(fields) {
            Some(request) => request.map(Request::Restore),
            None => cursor::parse(fields).map(Request::Continue),
        },
        Some("close") => cursor::parse_close(fields).map(Request::Continue),
        Some("ranges") => distributed::parse(fields).map(Request::Ranges),
        Some("verify") => verify::parse(fields).map(Request::Verify),
        Some("drill") => {
            let drill = drill::parse(fields)?;
            Ok(Request::Restore(RestoreRequest::Drill(drill)))
        }
        Some("restore") => restore_words::parse(fields).map(Request::Restore),
        Some(_) | None => backup::parse(fields).map(Request::Backup),
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Key, KeyRange, Prefix, Range, Start, StateLink};

    fn ranges_of(rest: RemainingWork) -> Vec<Range> {
        match rest {
            RemainingWork::Ranges { ranges, .. } => ranges,
            RemainingWork::States { .. } | RemainingWork::Distributed { .. } => {
                panic!("{rest:?} holds no ranges")
            }
        }
    }

    #[test]
    fn a_reference_is_read_back() {
        let link = json!({"destination": "one", "run_id": "r-1", "key": "k", "sha256": "0"});
        let payload = json!({"operation": "continue", "cursor": {"format": 3, "run_id": "r-1",
            "source": "primary", "prefix": "a/", "mode": "full", "deletions": "mark", "stage": "copy",
            "states": [link]}});

        let Ok(Request::Continue(request)) = parse(&payload) else {
            panic!("{payload} is no continuation");
        };

        let asked = BackupRequest {
            prefix: Some(Prefix::new("a/")),
            mode: Some(Mode::Full),
            deletions: Some(Deletions::Mark),
            ..BackupRequest::default()
        };
        assert_eq!(request.request, ContinuedRequest::Backup(asked));
        let link = StateLink {
            destination: "one".to_owned(),
            run_id: "r-1".to_owned(),
            key: "k".to_owned(),
            sha256: "0".to_owned(),
        };
        let rest = RemainingWork::States {
            run_id: "r-1".to_owned(),
            source: "primary".to_owned(),
            links: vec![link],
        };
        assert_eq!(request.rest, rest);
    }

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

        let ranges = ranges_of(request.rest);
        let starts: Vec<_> = ranges
            .iter()
            .map(|range| range.keys.start.clone())
            .collect();
        let after = Start::After(Key::new("a/b"));
        assert_eq!(
            starts,
            [after, Start::At(Key::new("a/c")), Start::Beginning]
        );
        assert_eq!(ranges[0].keys.until, Some(Key::new("a/k")));
        assert_eq!(ranges[1].keys.until, None);
        let asked = BackupRequest {
            prefix: Some(Prefix::new("a/")),
            mode: Some(Mode::Full),
            intent: Intent::DryRun,
            ..BackupRequest::default()
        };
        assert_eq!(request.request, ContinuedRequest::Backup(asked));
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
            request: ContinuedRequest::Backup(request.clone()),
            rest: RemainingWork::Ranges {
                ranges: Vec::new(),
                so_far: None,
            },
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
        assert_eq!(ranges_of(request.rest)[0].keys, keys);
    }

    #[test]
    fn a_cursor_that_cannot_be_understood_is_refused() {
        let cases = [
            (
                json!({"operation": "continue"}),
                "field \"cursor\" is null; allowed: the cursor of a result",
            ),
            (
                json!({"operation": "continue", "cursor": {"format": 4}}),
                "the cursor has format 4; this version reads 1 to 3: start a new run with {}",
            ),
            (
                json!({"operation": "continue", "cursor": {"format": 3, "run_id": "../r", "states": []}}),
                "field \"run_id\" is \"../r\"; allowed: the run_id of a result",
            ),
            (
                json!({"operation": "continue", "cursor": {"format": 3, "run_id": "r", "states": []}}),
                "field \"source\" is null; allowed: what the cursor of a result has",
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
                "field \"operation\" is \"bakcup\"; allowed: backup, plan, verify, restore, drill, continue, ranges, close",
            ),
            (
                json!({"operation": 1}),
                "field \"operation\" is 1; allowed: backup, plan, verify, restore, drill, continue, ranges, close",
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
