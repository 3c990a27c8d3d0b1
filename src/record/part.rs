//! The record of one invocation of a run that goes on in another: which keys it was asked for, which it
//! has left, and the segments of the rest.
//!
//! Parts form a chain: each was asked for exactly what the one before has left. If one is lost, or the
//! cursor was used twice, the chain does not close, and the run ends without a snapshot, but with all its
//! copies.

use serde::{Deserialize, Serialize};

use super::error::{PartError, RecordError};
use crate::model::{KeyRange, RecordLink, SharedError, Timestamp};
use crate::snapshot::{
    Digest, Link, SegmentEntry, StoredFile, StoredFiles, StoredSegment, Totals, format_of, restored,
};

/// The formats that this version writes and reads, which are those of an index of the same segments. Format 2
/// had no orphans: a snapshot that went on from it would lack those of the keys that are done, so the run ends
/// without one. So does that of a version that knows format 3 alone, where a segment has changes.
const PART_FORMATS: [u64; 2] = [3, 4];

/// A run's beginning, which its last invocation tells of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The run's first invocation.
    pub run_id: String,
    /// When it began.
    pub started_at: Timestamp,
}

/// What one invocation has recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "StoredPart")]
pub struct RecordPart {
    /// Whose state it is.
    pub job: String,
    /// Where the run began.
    pub origin: Origin,
    /// The last snapshot when it began: over another one it writes none.
    pub previous: Option<Link>,
    /// The keys that are left.
    pub left: Vec<KeyRange>,
    /// The segments of all invocations so far, in the order of their keys.
    pub segments: Vec<SegmentEntry>,
    /// Those of orphans.
    pub orphans: Vec<SegmentEntry>,
    /// The counts of all invocations so far.
    pub totals: Totals,
}

/// A part in JSON.
#[derive(Serialize, Deserialize)]
struct StoredPart {
    /// One of [`PART_FORMATS`].
    format: u64,
    job: String,
    origin: Origin,
    previous: Option<Link>,
    left: Vec<KeyRange>,
    segments: Vec<StoredSegment>,
    orphans: Vec<StoredSegment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes_files: Vec<StoredFile>,
    totals: Totals,
}

impl From<RecordPart> for StoredPart {
    fn from(part: RecordPart) -> Self {
        let mut files = StoredFiles::default();
        Self {
            format: format_of(part.segments.iter().chain(&part.orphans)),
            job: part.job,
            origin: part.origin,
            previous: part.previous,
            left: part.left,
            segments: files.store(part.segments),
            orphans: files.store(part.orphans),
            changes_files: files.into_list(),
            totals: part.totals,
        }
    }
}

impl TryFrom<StoredPart> for RecordPart {
    type Error = PartError;

    fn try_from(stored: StoredPart) -> Result<Self, Self::Error> {
        if !PART_FORMATS.contains(&stored.format) {
            let format = stored.format;
            return Err(PartError::OtherFormat { format });
        }
        let lists = [stored.segments, stored.orphans];
        let [segments, orphans] = restored(lists, &stored.changes_files)?;
        Ok(Self {
            job: stored.job,
            origin: stored.origin,
            previous: stored.previous,
            left: stored.left,
            segments,
            orphans,
            totals: stored.totals,
        })
    }
}

impl RecordPart {
    /// The beginning of a run: nothing is recorded yet.
    pub fn begin(job: &str, origin: Origin, previous: Option<Link>) -> Self {
        Self {
            job: job.to_owned(),
            origin,
            previous,
            left: Vec::new(),
            segments: Vec::new(),
            orphans: Vec::new(),
            totals: Totals::default(),
        }
    }

    /// Reads the part that a cursor names, if it is the one that was written and left just these keys.
    ///
    /// # Errors
    /// Why it cannot be gone on with.
    pub fn parse(
        bytes: &[u8],
        link: &RecordLink,
        job: &str,
        asked: &[KeyRange],
    ) -> Result<Self, RecordError> {
        let object = || link.key.clone();
        let unusable = |problem| RecordError::Unusable {
            object: object(),
            problem,
        };
        if Digest::of(bytes).to_string() != link.sha256 {
            return Err(unusable(PartError::OtherBytes));
        }
        let stored: StoredPart =
            serde_json::from_slice(bytes).map_err(|error| RecordError::NotJson {
                object: object(),
                error: SharedError::new(error),
            })?;
        let part = Self::try_from(stored).map_err(unusable)?;
        if part.job != job {
            return Err(unusable(PartError::Foreign { job: part.job }));
        }
        if part.left != asked {
            return Err(unusable(PartError::OtherKeys));
        }
        Ok(part)
    }

    /// The part with these segments too.
    ///
    /// # Errors
    /// When keys were recorded twice.
    pub fn with(mut self, segments: Segments, counts: Counts) -> Result<Self, RecordError> {
        self.segments = joined(self.segments, segments.objects)?;
        self.orphans = joined(self.orphans, segments.orphans)?;
        self.totals = Totals {
            objects: self.segments.iter().map(|segment| segment.rows).sum(),
            bytes: self
                .segments
                .iter()
                .map(|segment| segment.object_bytes)
                .sum(),
            copied: self.totals.copied + counts.copied,
            errors: self.totals.errors + counts.errors,
            known: self.totals.known + counts.known,
            changed: self.totals.changed + counts.changed,
        };
        Ok(self)
    }
}

/// The segments that one invocation has recorded, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments {
    /// Segments of objects and their backups.
    pub objects: Vec<SegmentEntry>,
    /// Segments of orphans.
    pub orphans: Vec<SegmentEntry>,
}

/// All these segments, in the order of their keys.
fn joined(
    mut list: Vec<SegmentEntry>,
    more: Vec<SegmentEntry>,
) -> Result<Vec<SegmentEntry>, RecordError> {
    list.extend(more);
    list.sort_by(|one, other| one.first_key.cmp(&other.first_key));
    let twice = list.windows(2).find(|pair| match pair {
        [before, after] => before.last_key >= after.first_key,
        _ => false,
    });
    match twice {
        Some([_, after]) => Err(RecordError::RecordedTwice {
            key: after.first_key.clone(),
        }),
        _ => Ok(list),
    }
}

/// What a run counts beside its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Objects that were copied.
    pub copied: u64,
    /// Objects that could not be.
    pub errors: u64,
    /// Objects that had a backup when the run came to them.
    pub known: u64,
    /// Those of them that had changed since.
    pub changed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Key, Start};

    fn range(after: &str) -> KeyRange {
        KeyRange {
            start: Start::After(Key::new(after)),
            until: None,
        }
    }

    fn segment(first: &str, last: &str) -> SegmentEntry {
        SegmentEntry {
            first_key: Key::new(first),
            last_key: Key::new(last),
            rows: 2,
            object_bytes: 10,
            bytes: 100,
            sha256: Digest::of(first.as_bytes()),
            changes: Vec::new(),
        }
    }

    fn segments(objects: &[(&str, &str)], orphans: &[(&str, &str)]) -> Segments {
        let list = |keys: &[(&str, &str)]| {
            let entries = keys.iter().map(|(first, last)| segment(first, last));
            entries.collect()
        };
        Segments {
            objects: list(objects),
            orphans: list(orphans),
        }
    }

    fn part() -> RecordPart {
        let origin = Origin {
            run_id: "run".to_owned(),
            started_at: Timestamp::from_millis(0),
        };
        RecordPart::begin("job", origin, None)
    }

    #[test]
    fn parts_add_up_in_the_order_of_their_keys() {
        let counts = Counts {
            copied: 3,
            errors: 1,
            known: 9,
            changed: 2,
        };

        let first = part()
            .with(segments(&[("m", "p")], &[("o", "o")]), counts)
            .unwrap();
        let both = first
            .with(segments(&[("a", "c"), ("x", "z")], &[("b", "d")]), counts)
            .unwrap();

        let keys = |list: &[SegmentEntry]| -> Vec<String> {
            let keys = list.iter().map(|entry| entry.first_key.to_string());
            keys.collect()
        };
        assert_eq!(keys(&both.segments), ["a", "m", "x"]);
        assert_eq!(keys(&both.orphans), ["b", "o"]);
        assert_eq!((both.totals.objects, both.totals.bytes), (6, 30));
        assert_eq!((both.totals.copied, both.totals.errors), (6, 2));
        assert_eq!((both.totals.known, both.totals.changed), (18, 4));
    }

    #[test]
    fn keys_that_were_recorded_twice_are_refused() {
        for (first, second) in [
            (segments(&[("a", "m")], &[]), segments(&[("k", "z")], &[])),
            (segments(&[], &[("a", "m")]), segments(&[], &[("k", "z")])),
        ] {
            let first = part().with(first, Counts::default()).unwrap();

            let twice = first.with(second, Counts::default());

            assert_eq!(
                twice.unwrap_err().to_string(),
                "keys from k on were recorded twice"
            );
        }
    }

    #[test]
    fn a_part_is_only_gone_on_with_where_it_stopped() {
        let part = RecordPart {
            left: vec![range("k")],
            ..part()
        };
        let bytes = serde_json::to_vec(&part).unwrap();
        let link = RecordLink {
            key: "snapshots/parts/run.json".to_owned(),
            sha256: Digest::of(&bytes).to_string(),
        };
        let read = |bytes: &[u8], job, asked: &str| {
            RecordPart::parse(bytes, &link, job, &[range(asked)])
                .map_err(|error| error.to_string().replace(&link.key, "it"))
        };

        assert_eq!(read(&bytes, "job", "k"), Ok(part));
        assert_eq!(
            read(b"{}", "job", "k").unwrap_err(),
            "it is not what was written"
        );
        assert_eq!(read(&bytes, "other", "k").unwrap_err(), "it is of job job");
        assert!(
            read(&bytes, "job", "l")
                .unwrap_err()
                .contains("has left other keys")
        );
    }
}
