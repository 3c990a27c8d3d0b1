//! The part of a result that only a drill has.

use serde::Serialize;

/// What a drill has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drilled {
    /// Whether each object of the sample came back as it was, as far as anything tells.
    pub passed: bool,
    /// What was drawn, in words.
    pub sample: String,
    /// The beginning of its random numbers.
    pub seed: u64,
    /// Objects of the sample.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that were drawn because they are the largest.
    pub largest: u64,
    /// Archived objects that were drawn.
    pub archived: u64,
    /// Archived objects that could not be drawn, because nothing may be thawed.
    pub archives_left_out: u64,
    /// Objects that are what the snapshot and their version say.
    pub equal: u64,
    /// Objects that are not.
    pub different: u64,
    /// Objects that were copied and are not there.
    pub missing: u64,
    /// Objects of which nothing proves that they are equal, nor that they are not.
    pub cannot_tell: u64,
    /// Objects that came back and could not be looked at.
    pub not_compared: u64,
    /// Objects that could not be copied.
    pub not_restored: u64,
    /// The first objects that are not as they should be.
    pub findings: Vec<DrillFinding>,
    /// The key of the file in the backup bucket that tells of each object.
    pub record: String,
}

/// An object that is not as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DrillFinding {
    /// Its key in the source.
    pub key: String,
    /// The version of its backup.
    pub version_id: Option<String>,
    /// `different`, `missing`, `not_compared` or `not_restored`.
    pub verdict: String,
    /// What differs, or what went wrong.
    pub why: String,
}

impl Drilled {
    /// Objects that were copied, and are not what they should be, or nobody could look.
    pub fn wrong_copies(&self) -> u64 {
        self.different + self.missing + self.not_compared
    }
}
