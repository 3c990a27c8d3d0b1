//! The numbers and names of a result, for those who tell of it: messages and metrics.

/// What a result is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    /// A run that copies.
    Backup,
    /// A comparison.
    Verify,
    /// A restore, or its undo.
    Restore,
    /// A rehearsal of a restore.
    Drill,
    /// Copies of what events of S3 are about.
    Events,
}

impl OperationKind {
    /// Its name, as requests have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Verify => "verify",
            Self::Restore => "restore",
            Self::Drill => "drill",
            Self::Events => "events",
        }
    }
}

/// The counters of a result, or of one of its destinations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Objects in the source.
    pub found: u64,
    /// Objects that were copied.
    pub copied: u64,
    /// Objects whose backup was current.
    pub unchanged: u64,
    /// Objects that were deleted between listing and copy.
    pub vanished: u64,
    /// Objects that were marked as deleted.
    pub marked: u64,
    /// Objects that are not in the backup, or nobody knows.
    pub errors: u64,
    /// Bytes of what was found.
    pub bytes_found: u64,
    /// Bytes of what was copied.
    pub bytes_copied: u64,
}

/// What went wrong with one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureWords<'a> {
    /// Its key; none of a listing.
    pub key: Option<&'a str>,
    /// The call.
    pub operation: &'a str,
    /// The code that S3 gave, or ours.
    pub code: Option<&'a str>,
    /// What was seen.
    pub message: &'a str,
    /// What to do.
    pub advice: &'a str,
}
