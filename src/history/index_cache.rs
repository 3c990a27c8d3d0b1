//! The index that was read last, for the next piece of a run that many invocations share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Last;
use crate::model::{BucketName, Job};
use crate::snapshot::Link;

/// The index that a process has read last. Its clones share it.
///
/// The index of a hundred million keys has 10 MB, and some 700 pieces are compared with it. A process that works on one
/// piece after the other reads it once.
#[derive(Clone, Debug, Default)]
pub struct IndexCache(Arc<Mutex<Option<CachedIndex>>>);

#[derive(Debug)]
struct CachedIndex {
    bucket: BucketName,
    job: Job,
    last: Arc<Last>,
}

impl IndexCache {
    /// The index that a link leads to, if it was the last one. Any other is dropped before the next one is read: two would take
    /// twice the memory.
    pub(super) fn get(&self, bucket: &BucketName, job: &Job, link: &Link) -> Option<Arc<Last>> {
        let mut cached = self.lock();
        let is_it = |index: &CachedIndex| {
            index.bucket == *bucket && index.job == *job && index.last.link == *link
        };
        *cached = cached.take().filter(is_it);
        cached.as_ref().map(|index| index.last.clone())
    }

    pub(super) fn keep(&self, bucket: &BucketName, job: &Job, last: &Arc<Last>) {
        *self.lock() = Some(CachedIndex {
            bucket: bucket.clone(),
            job: job.clone(),
            last: last.clone(),
        });
    }

    fn lock(&self) -> MutexGuard<'_, Option<CachedIndex>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
