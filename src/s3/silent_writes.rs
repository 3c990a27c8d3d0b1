//! Writes whose replies name no version although one was made: see `version.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::error::Operation;

/// The kinds of writes whose replies name no version although one was made. Its clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct SilentWrites(Arc<AtomicU32>);

impl SilentWrites {
    pub fn has(&self, operation: Operation) -> bool {
        self.0.load(Ordering::Relaxed) & bit(operation) != 0
    }

    pub fn add(&self, operation: Operation) {
        self.0.fetch_or(bit(operation), Ordering::Relaxed);
    }
}

fn bit(operation: Operation) -> u32 {
    1 << operation as u32
}
