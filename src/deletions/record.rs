//! What `held.json` says: which run was held last, and with how many deletions. A confirmation is good
//! for that run, for no more than that many, and once.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// The format that this version writes, and the one that it reads. Fields may be added to it.
const FORMAT: u64 = 1;

/// A run that was held, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    format: u64,
    /// The run.
    pub run_id: String,
    /// How many deletions were held.
    pub deletions: u64,
    /// When.
    held_at: Timestamp,
    /// The run that has confirmed it.
    confirmed_by: Option<String>,
}

impl Record {
    /// A run that is held now.
    pub fn held(run_id: &str, deletions: u64, now: Timestamp) -> Self {
        Self {
            format: FORMAT,
            run_id: run_id.to_owned(),
            deletions,
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

    /// Why it is not confirmed by naming that run, with so many deletions due now; none if it is.
    pub fn objection(&self, named: &str, due: u64) -> Option<String> {
        let Self {
            run_id, deletions, ..
        } = self;
        if named != run_id {
            return Some(format!("the last run that was held is {run_id}"));
        }
        match &self.confirmed_by {
            Some(other) => Some(format!("it was confirmed already, by run {other}")),
            None if due > *deletions => Some(format!(
                "it was held with {deletions} deletions, and {due} are due now"
            )),
            None => None,
        }
    }

    /// The stored form, for programs and for people.
    ///
    /// # Errors
    /// Never, as far as anybody knows: all of it can be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec_pretty(self)
    }

    /// Reads the stored form; none if it is damaged or of another format.
    pub fn read(json: &[u8]) -> Option<Self> {
        let record: Self = serde_json::from_slice(json).ok()?;
        (record.format == FORMAT).then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record::held("r1", 150, Timestamp::from_millis(1_795_226_400_000))
    }

    #[test]
    fn it_is_small_json_that_people_can_read() {
        let json = String::from_utf8(record().to_json().unwrap()).unwrap();

        assert_eq!(
            json,
            r#"{
  "format": 1,
  "run_id": "r1",
  "deletions": 150,
  "held_at": "2026-11-21T02:00:00Z",
  "confirmed_by": null
}"#
        );
        assert_eq!(Record::read(json.as_bytes()), Some(record()));
    }

    #[test]
    fn it_is_confirmed_by_its_name_for_no_more_than_was_held_and_once() {
        let used = record().confirmed("r2");

        assert_eq!(record().objection("r1", 150), None);
        assert_eq!(record().objection("r1", 0), None);
        for (record, named, due, why) in [
            (record(), "r0", 1, "the last run that was held is r1"),
            (
                record(),
                "r1",
                151,
                "it was held with 150 deletions, and 151 are due now",
            ),
            (used, "r1", 1, "it was confirmed already, by run r2"),
        ] {
            assert_eq!(record.objection(named, due).as_deref(), Some(why));
        }
    }

    #[test]
    fn what_is_damaged_or_of_another_format_confirms_nothing() {
        let newer = String::from_utf8(record().to_json().unwrap()).unwrap();
        let newer = newer.replace("\"format\": 1", "\"format\": 2");

        for body in ["", "{", "{\"format\":1}", &newer] {
            assert_eq!(Record::read(body.as_bytes()), None, "{body}");
        }
    }
}
