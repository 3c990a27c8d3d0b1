//! What a drill leaves in the backup bucket, and what it tells: which objects came back as they were.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::state::RequestRecord;
use super::sample::Sample;
use crate::model::{Key, StoredError, Timestamp, read_stored};
use crate::report::{DrillFinding, Drilled};
use crate::request::DrillSample;

/// The format of a drill that this version writes, and the last one that it reads.
pub const DRILL_FORMAT: u64 = 1;
/// The format of the note of the last drill that passed that this version writes, and the last one that it reads.
pub const PASSED_FORMAT: u64 = 1;
/// Findings that a result has.
const MOST_FINDINGS: usize = 100;

/// What was drawn, as the request of a restore keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillRecord {
    /// What was asked for.
    pub sample: String,
    /// The beginning of the random numbers: with it the same sample is drawn again.
    pub seed: u64,
    /// Objects that were drawn because they are the largest.
    pub largest: u64,
    /// Archived objects that were drawn.
    pub archived: u64,
    /// Archived objects that could not be drawn.
    pub archives_left_out: u64,
}

impl DrillRecord {
    /// The record of a sample.
    pub fn of(asked: DrillSample, seed: u64, sample: &Sample) -> Self {
        let text = match asked {
            DrillSample::Objects(count) => format!("{count} objects"),
            DrillSample::Share(millionths) => {
                format!("{}.{:04} %", millionths / 10_000, millionths % 10_000)
            }
            DrillSample::Bytes(bytes) => format!("{bytes} bytes"),
        };
        Self {
            sample: text,
            seed,
            largest: sample.largest,
            archived: sample.archived,
            archives_left_out: sample.archives_left_out,
        }
    }
}

/// A drill, at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillFile {
    /// [`DRILL_FORMAT`].
    pub format: u64,
    /// The restore that it was.
    pub id: String,
    /// Whether each object of the sample came back as it was.
    pub passed: bool,
    /// The run that was rehearsed.
    pub run_id: Option<String>,
    /// When that had ended.
    pub run_ended_at: Option<Timestamp>,
    /// The scratch place.
    pub target: String,
    /// The function, or the process on a machine, that began it.
    pub asked_by: String,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When the objects were compared.
    pub compared_at: Timestamp,
    /// What was drawn.
    #[serde(flatten)]
    pub drawn: DrillRecord,
    /// Each object of the sample.
    pub objects: Vec<DrilledObject>,
}

/// An object of the sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrilledObject {
    /// Its key in the source.
    pub key: Key,
    /// The version of its backup.
    pub version_id: Option<String>,
    /// Its bytes.
    pub size: u64,
    /// `equal`, `different`, `missing`, `cannot_tell`, `not_compared` or `not_restored`.
    pub verdict: String,
    /// What proves that it is equal, what differs, or what is in doubt.
    pub why: String,
}

/// The last drill that passed: what the watch reads in the place of a file with each object of a sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PassedDrill {
    /// [`PASSED_FORMAT`].
    pub format: u64,
    /// The restore that it was.
    pub id: String,
    /// When its objects were compared.
    pub compared_at: Timestamp,
}

/// Reads the file of a drill.
pub(super) fn parse(body: &[u8]) -> Result<DrillFile, StoredError> {
    parse_up_to(DRILL_FORMAT, body)
}

/// Reads the note of the last drill that passed.
pub(super) fn parse_passed(body: &[u8]) -> Result<PassedDrill, StoredError> {
    parse_up_to(PASSED_FORMAT, body)
}

fn parse_up_to<T: DeserializeOwned>(known: u64, body: &[u8]) -> Result<T, StoredError> {
    let reads = format!("up to {known}: use the version that wrote it");
    read_stored(body, 0..=known, &reads)
}

impl DrilledObject {
    /// Whether it is not as it should be, or nobody could look.
    pub(super) fn is_wrong(&self) -> bool {
        !matches!(self.verdict.as_str(), "equal" | "cannot_tell")
    }
}

impl PassedDrill {
    pub fn of(file: &DrillFile) -> Self {
        Self {
            format: PASSED_FORMAT,
            id: file.id.clone(),
            compared_at: file.compared_at,
        }
    }
}

impl DrillFile {
    /// The drill of a restore whose objects were compared.
    pub fn of(
        request: &RequestRecord,
        drawn: &DrillRecord,
        compared_at: Timestamp,
        objects: Vec<DrilledObject>,
    ) -> Self {
        let target = &request.target;
        let point = request.point.as_ref();
        Self {
            format: DRILL_FORMAT,
            id: request.id.clone(),
            passed: !objects.iter().any(DrilledObject::is_wrong),
            run_id: point.map(|point| point.run_id.clone()),
            run_ended_at: point.map(|point| point.ended_at),
            target: format!("s3://{}/{}", target.bucket, target.prefix),
            asked_by: request.asked_by.clone(),
            started_at: request.started_at,
            compared_at,
            drawn: drawn.clone(),
            objects,
        }
    }

    /// What the result tells of it.
    pub fn told(&self, key: &Key) -> Drilled {
        let count = |verdict: &str| {
            let same = self
                .objects
                .iter()
                .filter(|object| object.verdict == verdict);
            same.count() as u64
        };
        let wrong = self.objects.iter().filter(|object| object.is_wrong());
        let findings = wrong.take(MOST_FINDINGS).map(|object| DrillFinding {
            key: object.key.as_str().to_owned(),
            version_id: object.version_id.clone(),
            verdict: object.verdict.clone(),
            why: object.why.clone(),
        });
        Drilled {
            passed: self.passed,
            sample: self.drawn.sample.clone(),
            seed: self.drawn.seed,
            objects: self.objects.len() as u64,
            bytes: self.objects.iter().map(|object| object.size).sum(),
            largest: self.drawn.largest,
            archived: self.drawn.archived,
            archives_left_out: self.drawn.archives_left_out,
            equal: count("equal"),
            different: count("different"),
            missing: count("missing"),
            cannot_tell: count("cannot_tell"),
            not_compared: count("not_compared"),
            not_restored: count("not_restored"),
            findings: findings.collect(),
            record: key.as_str().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT_1: &str = include_str!("../../../tests/golden/drill-1.json");

    #[test]
    fn a_file_of_format_1_is_read_and_written_as_it_was() {
        let file = parse(FORMAT_1.as_bytes()).unwrap();

        let written = serde_json::to_string_pretty(&file).unwrap();

        assert_eq!(written, FORMAT_1.trim_end());
        assert!(!file.passed);
    }

    const PASSED_1: &str = include_str!("../../../tests/golden/drill-passed-1.json");

    #[test]
    fn a_note_of_format_1_is_read_and_written_as_it_was() {
        let note = parse_passed(PASSED_1.as_bytes()).unwrap();

        assert_eq!(serde_json::to_string(&note).unwrap(), PASSED_1.trim_end());
        assert_eq!(
            parse_passed(br#"{"format":2,"passed_at":3}"#)
                .unwrap_err()
                .to_string(),
            "has format 2; this version reads up to 1: use the version that wrote it"
        );
    }

    #[test]
    fn a_file_of_a_later_format_is_refused() {
        let later = FORMAT_1.replacen("\"format\": 1", "\"format\": 2", 1);

        let refused = parse(later.as_bytes()).unwrap_err().to_string();

        assert_eq!(
            refused,
            "has format 2; this version reads up to 1: use the version that wrote it"
        );
    }
}
