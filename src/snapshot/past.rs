//! What an index remembers of the complete runs up to its own, so that whoever asks needs no other index.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// The complete runs up to one. Earlier versions of the program wrote none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// The last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_complete: Option<CompleteRun>,
    /// What the last ones found changed, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangedShare>,
}

/// A run without an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompleteRun {
    /// Its name.
    pub run_id: String,
    /// When it ended, in whole seconds.
    pub ended_at: Timestamp,
}

/// How many objects a run found changed, of those that had a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedShare {
    /// Objects that had a backup.
    pub known: u64,
    /// Those of them that had changed since.
    pub changed: u64,
}

impl ChangedShare {
    /// In percent, to the hundredth.
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub fn percent(self) -> f64 {
        if self.known == 0 {
            return 0.0;
        }
        (self.changed as f64 / self.known as f64 * 10_000.0).round() / 100.0
    }
}

impl Past {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
