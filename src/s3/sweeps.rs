//! What the objects of one destination know of each other while they are tried again in sweeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What the objects of one destination have in common while they are tried. Its clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Sweeps(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    successes: AtomicU64,
    waiting: AtomicUsize,
}

impl Sweeps {
    /// Successes of all objects so far.
    pub fn successes(&self) -> u64 {
        self.0.successes.load(Ordering::Relaxed)
    }

    /// An object was written as it should be.
    pub fn succeeded(&self) {
        self.0.successes.fetch_add(1, Ordering::Relaxed);
    }

    /// Objects that wait for a sweep.
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }

    /// Counts an object as waiting, until what comes back is dropped.
    pub fn wait(&self) -> Waiting<'_> {
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(&self.0)
    }
}

/// An object that waits for a sweep, until this is dropped.
pub(super) struct Waiting<'a>(&'a Counts);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
