//! The words for a run under way: what it does, and what it finds of each object.

use serde::Serialize;

use super::json::FailureRow;
use super::plan::ObjectRow;
use super::verified::FindingRow;
use crate::failure::Failure;
use crate::forecast::Forecast;
use crate::model::{BucketName, Verdict, VerifiedObject};

/// The step under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Objects are copied into the backup.
    BackUp,
    /// It is found out what would be copied.
    Plan,
    /// Both sides are compared.
    Verify,
    /// Objects are brought back.
    Restore,
}

/// A line about one object: that it would be copied and why, that its backup is not as it should be, or that
/// nobody knows.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct ToldRow(Row);

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Row {
    Object(ObjectRow),
    Finding(FindingRow),
    Failure(FailureRow),
}

impl ToldRow {
    /// For an object that would be copied; none for another one.
    pub(super) fn of_forecast(destination: &BucketName, forecast: &Forecast) -> Option<Self> {
        let copy = forecast.copy.as_ref()?;
        Some(Self(Row::Object(ObjectRow::of(destination, copy))))
    }

    /// For an object that was compared; none if its backup is equal.
    pub(super) fn of_finding(destination: &BucketName, compared: &VerifiedObject) -> Option<Self> {
        match compared.verdict {
            Verdict::Equal(_) => None,
            Verdict::Different(_)
            | Verdict::Missing
            | Verdict::Extra { .. }
            | Verdict::CannotTell(_) => {
                let row = FindingRow::new(destination, compared);
                Some(Self(Row::Finding(row)))
            }
        }
    }

    /// For an object with which something went wrong.
    pub(super) fn of_failure(destination: &BucketName, failure: &Failure) -> Self {
        let row = FailureRow::new(&(destination.clone(), failure.clone()));
        Self(Row::Failure(row))
    }
}
