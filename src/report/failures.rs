//! What went wrong, as much of it as a result has room for.

use super::{MOST_LIST_BYTES, json};
use crate::failure::Failure;
use crate::model::{BucketName, shortened};

/// Failures that a report keeps, at most.
const MOST_FAILURES: usize = 100;
/// Characters of what a failure says, at most: S3 may say anything.
const MOST_MESSAGE_CHARS: usize = 2_000;

/// The first failures, and how many more there were.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures {
    /// With the destination that each belongs to.
    pub kept: Vec<(BucketName, Failure)>,
    /// That their JSON takes, and what else shares its room.
    pub bytes: usize,
    pub omitted: u64,
}

impl Failures {
    /// Keeps a failure, if there is room for it.
    pub fn add(&mut self, destination: &BucketName, mut failure: Failure) {
        failure.message = shortened(&failure.message, MOST_MESSAGE_CHARS).into_owned();
        let size = json::size(destination, &failure);
        if self.kept.len() < MOST_FAILURES && self.bytes + size <= MOST_LIST_BYTES {
            self.bytes += size;
            self.kept.push((destination.clone(), failure));
        } else {
            self.omitted += 1;
        }
    }
}
