//! What `lease.json` says, and what it means to whoever finds it. Nothing is asked or waited for here.
//!
//! Only S3's clock judges: how old a lease is, is the date of the reply less the date of the object,
//! both from the same answer. So it matters to nobody whether the clocks of two machines agree; the
//! times in the record are its writer's, and for people.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{ETag, Timestamp};
use crate::plan::Run;
use crate::s3::{Condition, SmallObjectListed, SmallObjectRead};

/// The format that this version writes, and the one that it reads. Fields may be added to it.
const FORMAT: u64 = 1;
/// The longest that a lease is believed to last. One that says more is damaged.
const LONGEST: Duration = Duration::from_hours(1);

/// A lease as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    format: u64,
    /// The run that took it.
    pub run_id: String,
    /// Where that run goes on.
    pub holder: String,
    /// Drawn at random: no two leases are the same, byte for byte.
    token: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// When it ends by itself.
    expires_at: Timestamp,
    /// How long after it was written it ends, which is what counts.
    lasts_seconds: u64,
    /// When it was given back.
    released_at: Option<Timestamp>,
    /// The restore that it was taken for. It stays in a lease that was given back for as long as that restore has
    /// something left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    restore: Option<String>,
}

/// What somebody who wants a lease has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It may be taken, if this still holds.
    Free(Condition),
    /// Somebody else has it.
    Held {
        /// What the lease says; none if it cannot be read.
        record: Option<Record>,
        /// When it ends unless it is renewed, by S3's clock.
        until: Timestamp,
        /// The lease as it was found.
        etag: ETag,
    },
}

impl Record {
    /// A lease that is taken now.
    pub fn taken(run: &Run, token: u64, now: Timestamp, lasts: Duration) -> Self {
        Self {
            format: FORMAT,
            run_id: run.id.clone(),
            holder: run.holder.clone(),
            token: format!("{token:016x}"),
            taken_at: now,
            expires_at: now.plus(lasts),
            lasts_seconds: lasts.as_secs().max(1),
            released_at: None,
            restore: None,
        }
    }

    /// The same lease, taken for that restore, or for none that has something left.
    #[must_use]
    pub fn of_restore(self, restore: Option<String>) -> Self {
        Self { restore, ..self }
    }

    /// The restore that it was taken for, and that may have something left.
    pub fn restore(&self) -> Option<&str> {
        self.restore.as_deref()
    }

    /// The same lease, from now on.
    #[must_use]
    pub fn renewed(&self, now: Timestamp) -> Self {
        Self {
            expires_at: now.plus(self.lasts()),
            ..self.clone()
        }
    }

    /// The same lease, given back.
    #[must_use]
    pub fn released(&self, now: Timestamp) -> Self {
        Self {
            released_at: Some(now),
            ..self.clone()
        }
    }

    /// Whether it was given back.
    pub fn is_released(&self) -> bool {
        self.released_at.is_some()
    }

    /// Whether it is a later or an earlier writing of this one.
    pub fn is_same_lease(&self, other: &Self) -> bool {
        self.token == other.token
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
        (record.format == FORMAT && record.lasts() <= LONGEST).then_some(record)
    }

    /// How long after it was written it ends.
    pub fn lasts(&self) -> Duration {
        Duration::from_secs(self.lasts_seconds)
    }
}

/// Judges what was found. A lease that cannot be read counts by its age alone: somebody may hold it,
/// but not for ever.
pub fn judge(reading: &SmallObjectRead, lasts: Duration) -> Finding {
    let Some(state) = &reading.state else {
        return Finding::Free(Condition::Create);
    };
    let record = Record::read(&state.body);
    let is_released = record
        .as_ref()
        .is_some_and(|record| record.released_at.is_some());
    let lasts = record.as_ref().map_or(lasts, Record::lasts);
    if is_released || reading.at.since(state.last_modified) >= lasts {
        return Finding::Free(Condition::Replace(state.etag.clone()));
    }
    Finding::Held {
        record,
        until: state.last_modified.plus(lasts),
        etag: state.etag.clone(),
    }
}

/// The restore that a lease names.
pub fn restore_of(reading: &SmallObjectRead) -> Option<String> {
    let record = Record::read(&reading.state.as_ref()?.body)?;
    record.restore().map(str::to_owned)
}

/// Judges a lease that cannot be read, by what a listing tells of it: somebody may hold it, but for no
/// longer than the longest lease lasts after it was written.
pub fn judge_unread(listed: &SmallObjectListed) -> Finding {
    let Some((etag, written)) = &listed.state else {
        return Finding::Free(Condition::Create);
    };
    if listed.at.since(*written) >= LONGEST {
        return Finding::Free(Condition::Replace(etag.clone()));
    }
    Finding::Held {
        record: None,
        until: written.plus(LONGEST),
        etag: etag.clone(),
    }
}

/// Reads and judges any bytes, for `tests/fuzz`.
///
/// # Panics
/// When what was read cannot be written again as it was.
#[cfg(any(test, fuzzing))]
pub fn fuzz(bytes: &[u8]) {
    use crate::s3::SmallObject;

    let written = Timestamp::from_millis(1_795_226_400_000);
    let state = SmallObject {
        body: bytes.to_vec(),
        size: bytes.len() as u64,
        etag: ETag::new("e"),
        version: None,
        last_modified: written,
    };
    let reading = SmallObjectRead {
        state: Some(state),
        at: written.plus(Duration::from_mins(1)),
    };
    let _ = judge(&reading, Duration::from_mins(3));
    if let Some(record) = Record::read(bytes) {
        assert!(
            record
                .renewed(written)
                .released(written)
                .is_same_lease(&record)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::SmallObject;

    const NOW: Timestamp = Timestamp::from_millis(1_795_226_400_000);
    const LASTS: Duration = Duration::from_mins(3);

    fn record() -> Record {
        let run = Run::begin(NOW, 0x7f3a).on("function s3-backup");
        Record::taken(&run, 7, NOW, LASTS)
    }

    /// A lease that was written so many seconds ago, by S3's clock.
    fn found(body: &[u8], age: u64) -> SmallObjectRead {
        let state = SmallObject {
            body: body.to_vec(),
            size: body.len() as u64,
            etag: ETag::new("e"),
            version: None,
            last_modified: NOW,
        };
        SmallObjectRead {
            state: Some(state),
            at: NOW.plus(Duration::from_secs(age)),
        }
    }

    fn is_free(body: &[u8], age: u64) -> bool {
        match judge(&found(body, age), LASTS) {
            Finding::Free(condition) => {
                assert_eq!(condition, Condition::Replace(ETag::new("e")));
                true
            }
            Finding::Held { .. } => false,
        }
    }

    #[test]
    fn a_lease_is_small_json_that_people_can_read() {
        let json = String::from_utf8(record().to_json().unwrap()).unwrap();

        assert_eq!(
            json,
            r#"{
  "format": 1,
  "run_id": "2026-11-21T02-00-00Z-7f3a",
  "holder": "function s3-backup",
  "token": "0000000000000007",
  "taken_at": "2026-11-21T02:00:00Z",
  "expires_at": "2026-11-21T02:03:00Z",
  "lasts_seconds": 180,
  "released_at": null
}"#
        );
        assert_eq!(Record::read(json.as_bytes()), Some(record()));
    }

    #[test]
    fn a_lease_of_a_restore_names_it_until_nothing_is_left() {
        let taken = record().of_restore(Some("r-1".to_owned()));

        let json = String::from_utf8(taken.renewed(NOW).released(NOW).to_json().unwrap()).unwrap();

        assert!(json.ends_with("\"restore\": \"r-1\"\n}"), "{json}");
        assert_eq!(
            Record::read(json.as_bytes()).unwrap().restore(),
            Some("r-1")
        );
        assert_eq!(taken.of_restore(None), record());
    }

    #[test]
    fn a_renewed_lease_is_the_same_and_lasts_from_then_on() {
        let later = NOW.plus(Duration::from_mins(1));
        let run = Run::begin(NOW, 0x7f3a).on("function s3-backup");
        let another = Record::taken(&run, 8, NOW, LASTS);

        let renewed = record().renewed(later);

        assert_eq!(renewed.expires_at, later.plus(LASTS));
        assert_eq!(renewed.taken_at, NOW);
        assert!(renewed.is_same_lease(&record()));
        assert!(renewed.released(later).is_same_lease(&record()));
        assert!(!another.is_same_lease(&record()));
    }

    #[test]
    fn where_there_is_none_one_is_created() {
        let nothing = SmallObjectRead {
            state: None,
            at: NOW,
        };

        assert_eq!(judge(&nothing, LASTS), Finding::Free(Condition::Create));
    }

    #[test]
    fn a_lease_is_held_until_it_is_as_old_as_it_says() {
        let body = record().to_json().unwrap();

        let held = judge(&found(&body, 0), Duration::ZERO);

        let until = NOW.plus(LASTS);
        let (record, etag) = (Some(record()), ETag::new("e"));
        let expected = Finding::Held {
            record,
            until,
            etag,
        };
        assert_eq!(held, expected);
        assert!(!is_free(&body, 179));
        assert!(is_free(&body, 180));
    }

    #[test]
    fn a_lease_that_was_given_back_is_free_at_once() {
        let body = record().released(NOW).to_json().unwrap();

        assert!(is_free(&body, 0));
    }

    #[test]
    fn the_clock_of_its_writer_does_not_matter() {
        let day = Duration::from_hours(24);
        let early = Timestamp::from_millis(0);

        for wrong in [NOW.plus(day), early] {
            let body = record().renewed(wrong).to_json().unwrap();

            assert!(!is_free(&body, 179), "{wrong}");
            assert!(is_free(&body, 180), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_held_for_the_time_of_a_lease_and_no_longer() {
        let newer = String::from_utf8(record().to_json().unwrap()).unwrap();
        let newer = newer.replace("\"format\": 1", "\"format\": 2");
        let for_ever = String::from_utf8(record().to_json().unwrap()).unwrap();
        let for_ever = for_ever.replace("180", "18446744073709551615");

        for body in ["", "{", "[]", "{\"format\":1}", &newer, &for_ever] {
            assert!(!is_free(body.as_bytes(), 179), "{body}");
            assert!(is_free(body.as_bytes(), 180), "{body}");
        }
    }

    #[test]
    fn what_cannot_be_read_at_all_is_held_for_the_longest_time_of_a_lease() {
        let listed = |age| SmallObjectListed {
            state: Some((ETag::new("e"), NOW)),
            at: NOW.plus(Duration::from_secs(age)),
        };
        let nothing = SmallObjectListed {
            state: None,
            at: NOW,
        };
        let until = NOW.plus(LONGEST);
        let held = Finding::Held {
            record: None,
            until,
            etag: ETag::new("e"),
        };
        let free = Finding::Free(Condition::Replace(ETag::new("e")));

        assert_eq!(judge_unread(&listed(3599)), held);
        assert_eq!(judge_unread(&listed(3600)), free);
        assert_eq!(judge_unread(&nothing), Finding::Free(Condition::Create));
    }

    #[test]
    fn a_field_that_was_added_is_no_other_format() {
        let json = String::from_utf8(record().to_json().unwrap()).unwrap();
        let more = json.replace("\"format\": 1,", "\"format\": 1, \"color\": \"red\",");

        assert_eq!(Record::read(more.as_bytes()), Some(record()));
    }
}
