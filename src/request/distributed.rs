//! The request for a run that many invocations share.

use serde_json::{Map, Value};

use super::field::bad_value;
use super::{BackupRequest, RequestError, backup};

/// Pieces of a distributed run, at most: each is an execution of its own.
pub const MOST_PIECES: usize = 1_000;

const FIELDS: &str = "operation, prefix, mode, deletions, confirm, pieces";
const PIECES: &str = "a number of pieces from 1 to 1000";

/// A request to cut the source into pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangesRequest {
    /// The backup that is wanted.
    pub backup: BackupRequest,
    /// How many pieces; none for as many as are worth it.
    pub pieces: Option<usize>,
}

/// Reads a request's fields.
pub(super) fn parse(fields: &Map<String, Value>) -> Result<RangesRequest, RequestError> {
    let mut asked = fields.clone();
    asked.remove("operation");
    let pieces = asked.remove("pieces");
    let known = FIELDS.split(", ").collect::<Vec<&str>>();
    if let Some(field) = asked.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(RequestError::UnknownField {
            field: field.clone(),
            operation: "distributed run",
            allowed: FIELDS,
        });
    }
    let number = |value: Value| {
        let number = value
            .as_u64()
            .and_then(|number| usize::try_from(number).ok());
        let number = number.filter(|number| (1..=MOST_PIECES).contains(number));
        number.ok_or_else(|| bad_value("pieces", &value, PIECES))
    };
    Ok(RangesRequest {
        backup: backup::parse(&asked)?,
        pieces: pieces.map(number).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{ContinueRequest, ContinuedRequest, RemainingWork, Request, parse};

    #[test]
    fn the_pieces_of_a_run_are_asked_for_and_named_by_a_cursor() {
        let asked = json!({"operation": "ranges", "mode": "full", "pieces": 50});
        let cursor = json!({"format": 3, "distributed": "r-1", "piece": 7, "source": "primary",
            "prefix": "", "mode": "incremental", "deletions": "keep"});
        let piece = json!({"operation": "continue", "cursor": cursor});

        let Ok(Request::Ranges(ranges)) = parse(&asked) else {
            panic!("{asked} asks for no ranges");
        };
        let Ok(Request::Continue(ContinueRequest { rest, request })) = parse(&piece) else {
            panic!("{piece} is no continuation");
        };

        assert_eq!(ranges.pieces, Some(50));
        let named = RemainingWork::Distributed {
            run_id: "r-1".to_owned(),
            source: "primary".to_owned(),
            piece: Some(7),
        };
        assert_eq!(rest, named);
        assert!(matches!(request, ContinuedRequest::Backup(_)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let run = json!({"format": 3, "distributed": "r-1", "source": "primary"});
        let mut piece = run.clone();
        piece["piece"] = json!(0);
        let mut path = run.clone();
        path["distributed"] = json!("../r");
        for (payload, part) in [
            (
                json!({"operation": "ranges", "pieces": 1001}),
                "from 1 to 1000",
            ),
            (
                json!({"operation": "ranges", "dry_run": true}),
                "unknown field \"dry_run\"",
            ),
            (
                json!({"operation": "continue", "cursor": piece}),
                "the number of a piece",
            ),
            (
                json!({"operation": "continue", "cursor": path}),
                "the run_id of a result",
            ),
            (
                json!({"operation": "close", "cursor": {"format": 2, "ranges": []}}),
                "the cursor of the result of ranges",
            ),
        ] {
            let refused = parse(&payload).unwrap_err().to_string();

            assert!(refused.contains(part), "{refused}");
        }
    }
}
