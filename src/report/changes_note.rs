//! How much has changed, beside what is usual.

use serde::Serialize;

use super::{Warning, WarningCode};
use crate::diff::ChangeRate;
use crate::model::BucketName;

/// How much of what was in a backup has changed since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ChangesNote {
    /// Objects that had a backup.
    pub known: u64,
    /// Those of them that had changed.
    pub changed: u64,
    /// The share, in percent.
    pub percent: f64,
    /// The median of the complete runs before, in percent; none of fewer than three, which say nothing.
    pub usual_percent: Option<f64>,
    /// How many those are, at most 14.
    pub runs: usize,
    /// Whether so many are unusual.
    pub unusual: bool,
}

impl From<ChangeRate> for ChangesNote {
    fn from(rate: ChangeRate) -> Self {
        Self {
            known: rate.share.known,
            changed: rate.share.changed,
            percent: rate.share.percent(),
            usual_percent: rate.usual_percent,
            runs: rate.runs,
            unusual: rate.is_unusual,
        }
    }
}

impl Warning {
    /// Warns of a night in which much more has changed than usual.
    pub fn unusual_change(bucket: &BucketName, changes: &ChangesNote) -> Self {
        Self {
            code: WarningCode::UnusualChange,
            bucket: Some(bucket.clone()),
            objects: changes.changed,
            message: changes.sentence(bucket),
        }
    }
}

impl ChangesNote {
    /// The unusual change, in words.
    pub fn sentence(&self, bucket: &BucketName) -> String {
        format!(
            "{} of the {} objects in bucket {bucket} have changed ({} %), where {} % is usual: if nobody has \
             rewritten them on purpose, stop what does it and restore; the versions before are kept",
            self.changed,
            self.known,
            self.percent,
            self.usual_percent.unwrap_or_default()
        )
    }
}
