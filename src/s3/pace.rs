//! How many copies are in flight at once: one budget for whole objects and for parts of large ones.
//!
//! Whoever waits first goes first, so a large object does not stall the small ones, nor they it.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

/// A budget of copies in flight. Its clones share it.
#[derive(Clone, Debug)]
pub struct Pace(Arc<Semaphore>);

impl Pace {
    /// At most so many at once, and at least one.
    pub fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once.max(1))))
    }

    /// For a bucket that nothing is copied to.
    pub(super) fn idle() -> Self {
        Self::new(1)
    }

    /// Waits for a place. None only if the budget was closed, which nobody does.
    pub(super) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.0.acquire().await.ok()
    }
}
