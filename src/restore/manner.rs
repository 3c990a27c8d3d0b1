//! How the rows of a plan are carried out.

use crate::model::{Tier, Timestamp};

/// What decides how rows are carried out, beside the plan.
#[derive(Clone, Debug)]
pub struct Manner {
    /// How archived versions are asked for.
    pub tier: Tier,
    /// Days that they stay readable.
    pub days: u32,
    /// Whether what is replaced in a bucket without versions is put aside.
    pub keeps_replaced: bool,
    /// Whether existing keys are left alone.
    pub only_missing: bool,
    /// This moment, by S3's clock.
    pub now: Timestamp,
}
