//! Which restores of a job may have something left: those that the list of open ones names, and the one that the lease
//! of each target names, which need not be in the list. The lease does not say that it is over, so it stays.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::JobState;
use super::error::AgeingError;
use crate::lease::LeaseObject;
use crate::model::{Key, SharedError};

/// The list of the restores that have something left.
const OPEN: &str = "restores/open.json";
/// What the leases of targets begin with.
const LEASES: &str = "restores/lease-";
/// Keys of a page of a listing.
const KEYS_OF_A_PAGE: u16 = 1_000;

/// The list, as far as it matters here.
#[derive(Deserialize)]
struct OpenRestores {
    restores: Vec<String>,
}

impl JobState {
    /// The ids of those restores.
    ///
    /// # Errors
    /// Why the list or a lease cannot be read: then nobody knows.
    pub(super) async fn open_restores(&self) -> Result<BTreeSet<String>, AgeingError> {
        let mut ids = self.listed_as_open().await?;
        let below = self.job.key(LEASES);
        let mut after: Option<Key> = None;
        loop {
            let page = self
                .bucket
                .list_state(&below, after.as_ref(), KEYS_OF_A_PAGE);
            let page = page.await?;
            for object in &page {
                let lease = LeaseObject {
                    bucket: self.bucket.clone(),
                    key: object.key.clone(),
                };
                ids.extend(lease.restore().await?.map(|(id, _)| id));
            }
            match page.into_iter().next_back() {
                Some(last) => after = Some(last.key),
                None => return Ok(ids),
            }
        }
    }

    async fn listed_as_open(&self) -> Result<BTreeSet<String>, AgeingError> {
        let key = self.job.key(OPEN);
        let Some(list) = self.bucket.read_state(&key).await?.state else {
            return Ok(BTreeSet::new());
        };
        let open = serde_json::from_slice::<OpenRestores>(&list.body);
        let open = open.map_err(|error| AgeingError::OpenRestores {
            key,
            error: SharedError::new(error),
        })?;
        Ok(open.restores.into_iter().collect())
    }
}
