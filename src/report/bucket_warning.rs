//! Mistakes in the settings of a backup bucket that a run can write to.

use serde::Serialize;

use crate::checks::{BucketCheck, CheckResult};
use crate::model::BucketName;

/// A warning about the settings of a backup bucket. It changes neither the status nor the exit code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BucketWarning {
    /// The bucket.
    pub bucket: BucketName,
    /// The word that scripts know it by.
    pub code: &'static str,
    /// What was seen.
    pub message: String,
    /// What to do about it.
    pub advice: String,
}

impl BucketWarning {
    /// The warning of a check; none if all is well, or if nobody can tell.
    pub fn of(bucket: &BucketName, check: BucketCheck) -> Option<Self> {
        match check.result {
            CheckResult::Ok | CheckResult::Unknown => None,
            CheckResult::Warning => Some(Self {
                bucket: bucket.clone(),
                code: check.code?,
                message: format!("{}: {}", check.setting, check.message),
                advice: check.cure.unwrap_or_default(),
            }),
        }
    }
}
