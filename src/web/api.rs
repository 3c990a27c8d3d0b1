//! What all routes work with.

use super::answer::Refusal;
use super::backup::Backup;
use super::limits::Limits;
use super::orders::Restorer;

/// What the routes work with.
#[derive(Debug)]
pub struct Api {
    /// The backup that is shown.
    pub backup: Backup,
    /// The restorer.
    pub restorer: Restorer,
    /// Whether nothing can be put back.
    pub read_only: bool,
    /// Above them an administrator has to confirm.
    pub limits: Limits,
    /// The most bytes of an image that is shown.
    pub most_image: u64,
}

impl Api {
    /// The most bytes of an image that is shown, unless the way to the browser has room for less.
    pub const MOST_IMAGE: u64 = 4 << 20;

    /// Whether files can be put back here.
    ///
    /// # Errors
    /// When the page only shows.
    pub(super) fn may_write(&self) -> Result<(), Refusal> {
        if self.read_only {
            let message = "this page only shows; start s3-backup serve without --read-only";
            return Err(Refusal::forbidden(message));
        }
        Ok(())
    }
}
