//! What a cursor that holds ranges says of deletions: a run that goes on must not count twice.

use serde_json::{Map, Value};

use super::RequestError;
use super::field::bad_value;
use crate::model::{BucketName, DestinationCounts, KeyCounts};

/// How far a run that marks deletions has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkingProgress {
    /// It was copying, and has counted this.
    Counted(Vec<DestinationCounts>),
    /// It was marking. How many it still might mark, an earlier version said in the cursor itself,
    /// which proves nothing.
    Marking,
}

/// Reads it from the fields of a cursor; none if it says nothing.
pub fn so_far(fields: &Map<String, Value>) -> Result<Option<MarkingProgress>, RequestError> {
    match (fields.get("counted"), fields.get("agreed")) {
        (None, None) => Ok(None),
        (Some(rows), None) => {
            rows_of("counted", rows, counted).map(|rows| Some(MarkingProgress::Counted(rows)))
        }
        (None, Some(rows)) => {
            rows_of("agreed", rows, agreed).map(|_| Some(MarkingProgress::Marking))
        }
        (Some(_), Some(rows)) => Err(bad_value("agreed", rows, "nothing beside \"counted\"")),
    }
}

fn rows_of<T>(
    field: &'static str,
    rows: &Value,
    row: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<T>, RequestError> {
    let parsed = rows
        .as_array()
        .and_then(|rows| rows.iter().map(row).collect());
    parsed.ok_or_else(|| bad_value(field, rows, "what the cursor of a result has"))
}

fn counted(row: &Value) -> Option<DestinationCounts> {
    Some(DestinationCounts {
        destination: destination(row)?,
        census: KeyCounts {
            source: row.get("source")?.as_u64()?,
            backup: row.get("backup")?.as_u64()?,
            gone: row.get("gone")?.as_u64()?,
            ..KeyCounts::default()
        },
    })
}

fn agreed(row: &Value) -> Option<(BucketName, u64)> {
    Some((destination(row)?, row.get("most")?.as_u64()?))
}

fn destination(row: &Value) -> Option<BucketName> {
    BucketName::new(row.get("destination")?.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(cursor: &Value) -> Result<Option<MarkingProgress>, String> {
        so_far(cursor.as_object().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_cursor_says_is_read_back() {
        let counted = DestinationCounts {
            destination: BucketName::new("one").unwrap(),
            census: KeyCounts {
                source: 3,
                backup: 2,
                gone: 1,
                ..KeyCounts::default()
            },
        };

        let nothing = read(&json!({"mode": "full"}));
        let counting = read(&json!({"counted": [counted]}));
        let marking = read(&json!({"agreed": [{"destination": "one", "most": 7}]}));

        assert_eq!(nothing, Ok(None));
        assert_eq!(counting, Ok(Some(MarkingProgress::Counted(vec![counted]))));
        assert_eq!(marking, Ok(Some(MarkingProgress::Marking)));
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        let cases = [
            json!({"counted": 1}),
            json!({"counted": [{"destination": "one", "source": 1, "backup": 1}]}),
            json!({"counted": [{"destination": "one", "source": 1, "backup": 1, "gone": -1}]}),
            json!({"agreed": [{"most": 1}]}),
            json!({"agreed": [{"destination": "one", "most": "all"}]}),
            json!({"agreed": [], "counted": []}),
        ];

        for cursor in cases {
            let refused = read(&cursor).unwrap_err();

            assert!(refused.contains("; allowed: "), "{cursor}: {refused}");
        }
    }
}
