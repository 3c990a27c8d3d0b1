//! What `held.json` says: which run was held last, over which prefix, and the digest of the keys that it
//! would have marked. A confirmation is good for that run, that prefix and those keys, and once.

use serde::{Deserialize, Serialize};

use super::error::HeldRecordError;
use crate::model::{FormatError, KeyCounts, KeySet, Prefix, Timestamp, read_format};

/// The format that this version writes, and the one that it reads. Fields may be added to it. Format 1
/// did not say which keys were held, so that it confirms nothing.
const FORMAT: u64 = 2;

/// A run that was held, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    format: u64,
    /// The run.
    pub run_id: String,
    /// The keys that it looked at begin with it.
    prefix: String,
    /// How many deletions were held; in `held-changes.json`, how many changes.
    pub deletions: u64,
    /// Which keys those were.
    keys: KeySet,
    /// When.
    held_at: Timestamp,
    /// The run that has confirmed it.
    pub confirmed_by: Option<String>,
}

impl Record {
    /// A run that is held now.
    pub fn held(run_id: &str, prefix: &Prefix, counted: &KeyCounts, now: Timestamp) -> Self {
        Self {
            format: FORMAT,
            run_id: run_id.to_owned(),
            prefix: prefix.as_str().to_owned(),
            deletions: counted.gone,
            keys: counted.gone_keys,
            held_at: now,
            confirmed_by: None,
        }
    }

    /// The same, used up by the run that has confirmed it.
    #[must_use]
    pub fn confirmed(&self, run_id: &str) -> Self {
        Self {
            confirmed_by: Some(run_id.to_owned()),
            ..self.clone()
        }
    }

    /// Why it is not confirmed by naming that run, for what was counted below that prefix now; none if
    /// it is.
    pub fn objection(
        &self,
        named: &str,
        prefix: &Prefix,
        counted: &KeyCounts,
        what: &str,
    ) -> Option<String> {
        let Self {
            run_id, deletions, ..
        } = self;
        let (due, asked) = (counted.gone, prefix.as_str());
        if named != run_id {
            return Some(format!("the last run that was held is {run_id}"));
        }
        if let Some(other) = &self.confirmed_by {
            return Some(format!("it was confirmed already, by run {other}"));
        }
        if asked != self.prefix {
            return Some(format!(
                "it was held over prefix {:?}, and this run is over {asked:?}",
                self.prefix
            ));
        }
        match due {
            0 => None,
            _ if due > *deletions => Some(format!(
                "it was held with {deletions} {what}, and {due} are due now"
            )),
            _ if counted.gone_keys != self.keys => Some(format!(
                "it was held with {deletions} {what}, and the {due} that are due now are not the same keys"
            )),
            _ => None,
        }
    }

    /// The stored form, for programs and for people.
    ///
    /// # Errors
    /// Never, as far as anybody knows: all of it can be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec_pretty(self)
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// Why it confirms nothing, in words that follow its key.
    pub fn read(json: &[u8]) -> Result<Self, HeldRecordError> {
        read_format(json, FORMAT..=FORMAT).map_err(|error| match error {
            FormatError::Json(error) => HeldRecordError::Damaged(error),
            FormatError::Other(0..FORMAT) => HeldRecordError::Earlier,
            FormatError::Other(_) => HeldRecordError::Later,
        })
    }
}

/// Reads any bytes, for `tests/fuzz`.
#[cfg(any(test, fuzzing))]
pub fn fuzz(bytes: &[u8]) {
    if let Ok(record) = Record::read(bytes) {
        let _ = record.objection(
            &record.run_id,
            &Prefix::default(),
            &KeyCounts::default(),
            "deletions",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Key;

    fn counted(keys: &[&str]) -> KeyCounts {
        let one = |key: &&str| KeyCounts {
            gone: 1,
            gone_keys: KeySet::of(&Key::new(*key)),
            ..KeyCounts::default()
        };
        keys.iter().map(one).sum()
    }

    fn record() -> Record {
        let now = Timestamp::from_millis(1_795_226_400_000);
        Record::held("r1", &Prefix::new("a/"), &counted(&["a/1", "a/2"]), now)
    }

    #[test]
    fn it_is_small_json_that_people_can_read() {
        let json = String::from_utf8(record().to_json().unwrap()).unwrap();

        let keys = counted(&["a/2", "a/1"]).gone_keys;
        let expected = format!(
            r#"{{
  "format": 2,
  "run_id": "r1",
  "prefix": "a/",
  "deletions": 2,
  "keys": "{keys}",
  "held_at": "2026-11-21T02:00:00Z",
  "confirmed_by": null
}}"#
        );
        assert_eq!(json, expected);
        assert_eq!(Record::read(json.as_bytes()), Ok(record()));
    }

    #[test]
    fn it_is_confirmed_by_its_name_for_the_keys_that_were_held_and_once() {
        let used = record().confirmed("r2");
        let same = counted(&["a/1", "a/2"]);

        let objection = |record: Record, named: &str, prefix: &str, counted: &KeyCounts| {
            record.objection(named, &Prefix::new(prefix), counted, "deletions")
        };
        assert_eq!(objection(record(), "r1", "a/", &same), None);
        assert_eq!(objection(record(), "r1", "a/", &KeyCounts::default()), None);
        let (more, others, fewer) = (["a/1", "a/2", "a/3"], ["a/1", "a/3"], ["a/1"]);
        for (record, named, prefix, keys, why) in [
            (
                record(),
                "r0",
                "a/",
                &fewer[..],
                "the last run that was held is r1",
            ),
            (
                record(),
                "r1",
                "a/",
                &more[..],
                "it was held with 2 deletions, and 3 are due now",
            ),
            (
                record(),
                "r1",
                "a/",
                &others[..],
                "it was held with 2 deletions, and the 2 that are due now are not the same keys",
            ),
            (
                record(),
                "r1",
                "a/",
                &fewer[..],
                "it was held with 2 deletions, and the 1 that are due now are not the same keys",
            ),
            (
                record(),
                "r1",
                "",
                &["a/1", "a/2"],
                "it was held over prefix \"a/\", and this run is over \"\"",
            ),
            (
                used,
                "r1",
                "a/",
                &fewer[..],
                "it was confirmed already, by run r2",
            ),
        ] {
            let objection = objection(record, named, prefix, &counted(keys));
            assert_eq!(objection.as_deref(), Some(why));
        }
    }

    #[test]
    fn what_is_damaged_or_of_another_format_confirms_nothing() {
        let newer = String::from_utf8(record().to_json().unwrap()).unwrap();
        let newer = newer.replace("\"format\": 2", "\"format\": 3");
        let older = r#"{"format":1,"run_id":"r1","deletions":150,"held_at":"2026-11-21T02:00:00Z","confirmed_by":null}"#;

        for body in ["", "{", "{\"format\":2}", &newer] {
            let why = Record::read(body.as_bytes()).unwrap_err().to_string();
            assert_eq!(why, "is damaged or of a later version", "{body}");
        }
        let why = Record::read(older.as_bytes()).unwrap_err().to_string();
        assert!(why.starts_with("is of an earlier version"), "{why}");
    }
}
