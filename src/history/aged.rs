//! Where the history ends because older runs have aged out.
//!
//! An index that is missing is damage, unless the last pass over the state has let runs of its time age out. What
//! it left says so, and is read only then.

use std::sync::PoisonError;

use super::History;
use crate::s3::SmallObject;
use crate::snapshot::{AGED, Aged, Index, Link, MOST_INDEX_BYTES, SnapshotError};

/// The most bytes that are read of it: it has some three hundred.
const MOST_OF_AGED: u64 = 1 << 20;

impl History {
    /// What has aged out, if a walk along the chain has come to an end there.
    pub fn aged_out(&self) -> Option<Aged> {
        let aged = self.aged.lock().unwrap_or_else(PoisonError::into_inner);
        aged.clone()
    }

    /// What the last pass over the state has left; none if there was none.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was written.
    pub async fn read_aged(&self) -> Result<Option<Aged>, SnapshotError> {
        match self.get(AGED, MOST_OF_AGED).await? {
            Some(stored) => Aged::parse(&stored.body, self.job.name()).map(Some),
            None => Ok(None),
        }
    }

    /// The index under a key below the job's prefix, which no other index has to prove.
    ///
    /// # Errors
    /// When it cannot be read, or is not an index of the job.
    pub async fn unproven_index(&self, key: &str) -> Result<Index, SnapshotError> {
        let stored = self.read(key, MOST_INDEX_BYTES).await?;
        Index::parse(key, &stored.body, self.job.name())
    }

    /// The index of a link, which may have been read ahead; none if it has aged out, and the chain with it.
    pub(super) async fn linked(
        &self,
        link: &Link,
        ahead: Option<Result<SmallObject, SnapshotError>>,
    ) -> Result<Option<Index>, SnapshotError> {
        let read = match ahead {
            Some(body) => body.and_then(|body| link.follow(&body.body, self.job.name())),
            None => self.index(link).await,
        };
        let problem = match read {
            Ok(index) => return Ok(Some(index)),
            Err(problem) => problem,
        };
        let is_missing =
            matches!(&problem, SnapshotError::Missing { object } if *object == link.key);
        let aged = if is_missing {
            self.read_aged().await.ok().flatten()
        } else {
            None
        };
        let aged = aged.filter(|aged| aged.explains(link)).ok_or(problem)?;
        let mut known = self.aged.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(aged);
        Ok(None)
    }
}
