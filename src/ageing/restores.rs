//! Which restores of a job may have something left: those that the list of open ones names, and the one that the lease
//! of each target names, which need not be in the list. The lease does not say that it is over, so it stays.

use std::collections::BTreeSet;

use futures::TryStreamExt;

use super::error::AgeingError;
use crate::lease::{LEASES_OF_TARGETS, LeaseObject};
use crate::open_restores::OpenRestores;
use crate::record::JobState;

impl JobState {
    /// The ids of those restores.
    ///
    /// # Errors
    /// Why the list or a lease cannot be read: then nobody knows.
    pub(super) async fn open_restores(&self) -> Result<BTreeSet<String>, AgeingError> {
        let mut ids = self.listed_as_open().await?;
        let below = self.job.key(LEASES_OF_TARGETS);
        let mut leases = self.bucket.state_objects(&below, None);
        while let Some(object) = leases.try_next().await? {
            let lease = LeaseObject {
                bucket: self.bucket.clone(),
                key: object.key,
            };
            ids.extend(lease.restore().await?.map(|(id, _)| id));
        }
        Ok(ids)
    }

    async fn listed_as_open(&self) -> Result<BTreeSet<String>, AgeingError> {
        let key = OpenRestores::key(&self.job);
        let Some(list) = self.bucket.read_state(&key).await?.state else {
            return Ok(BTreeSet::new());
        };
        let open = OpenRestores::parse(&key, &list.body)?;
        Ok(open.ids().map(str::to_owned).collect())
    }
}
