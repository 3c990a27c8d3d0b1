//! The line of progress that is drawn at this moment, for whoever writes to the same terminal.

use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::ProgressBar;

static DRAWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Sets the line, or none.
pub fn set(line: Option<ProgressBar>) {
    *drawn() = line;
}

/// Writes to stderr while the line is out of the way.
pub fn write_beside(write: impl FnOnce()) {
    let line = drawn().clone();
    match line {
        Some(line) => line.suspend(write),
        None => write(),
    }
}

fn drawn() -> MutexGuard<'static, Option<ProgressBar>> {
    DRAWN.lock().unwrap_or_else(PoisonError::into_inner)
}
