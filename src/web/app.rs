//! What all routes work with.

use super::answer::Refusal;
use super::backup::Backup;
use super::door::Door;
use super::orders::Orders;

/// What the routes work with.
#[derive(Debug)]
pub struct App {
    /// The backup that is shown.
    pub backup: Backup,
    /// What restores are ordered by.
    pub orders: Orders,
    /// Who is let in.
    pub door: Door,
    /// Whether nothing can be put back.
    pub read_only: bool,
}

impl App {
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
