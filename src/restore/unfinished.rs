//! Which restores of a job have something left: those that the list of open ones names, and those that the lease of
//! a target names which nobody holds. A restore that lies in one object is in the list only if another one has
//! taken that lease since.

use std::collections::BTreeSet;

use futures::TryStreamExt;

use super::shelf::{OpenError, Shelf};
use super::state_error::StateError;
use super::store::Store;
use crate::lease::{Free, LEASES_OF_TARGETS, LeaseObject};
use crate::model::Key;
use crate::request::RestoreId;

impl Shelf {
    /// The restores that have something left; those that are under way are left out if only others are wanted.
    ///
    /// # Errors
    /// Why S3 refused, or that a later version of the program wrote the list.
    pub async fn unfinished(&self, with_under_way: bool) -> Result<Vec<RestoreId>, OpenError> {
        let all = self.key("");
        // Folders of restores begin with a digit, and come before.
        let leases = self.job.key(LEASES_OF_TARGETS);
        let mut listed = self.bucket.state_objects(&all, Some(leases));
        let mut ids = BTreeSet::new();
        while let Some(object) = listed.try_next().await.map_err(OpenError::S3)? {
            if object.key == self.list_of_open() {
                ids.extend(self.open().await?.0);
            } else {
                ids.extend(self.named_by(&object.key, with_under_way).await?);
            }
        }
        Ok(ids.into_iter().collect())
    }

    /// The restore that the lease of that key names, if something of it is left.
    async fn named_by(
        &self,
        key: &Key,
        with_under_way: bool,
    ) -> Result<Option<RestoreId>, OpenError> {
        let lease = LeaseObject {
            bucket: self.bucket.clone(),
            key: key.clone(),
        };
        let named = lease.restore().await.map_err(OpenError::S3)?;
        let named = named.filter(|(_, is_held)| with_under_way || !is_held);
        let Some(id) = named.and_then(|(id, _)| RestoreId::parse(&id)) else {
            return Ok(None);
        };
        let is_left = is_left(&Store::of(self, &id)).await;
        // Whoever goes on with one that cannot be read says why it cannot.
        Ok(is_left.unwrap_or(true).then_some(id))
    }
}

/// Notes the restore that a free lease names, if it is another one and has something left: whoever takes the lease
/// writes over the name.
///
/// # Errors
/// Why that cannot be read or noted.
pub async fn note_left_behind(
    shelf: &Shelf,
    free: &Free,
    taker: &RestoreId,
) -> Result<(), StateError> {
    let named = free.restore.as_deref().and_then(RestoreId::parse);
    let Some(id) = named.filter(|id| id != taker) else {
        return Ok(());
    };
    let store = Store::of(shelf, &id);
    let is_left = match is_left(&store).await {
        Err(error @ StateError::S3 { .. }) => return Err(error),
        // Somebody has to see that it cannot be read.
        Err(_) => true,
        Ok(is_left) => is_left,
    };
    if is_left {
        store.note(true).await?;
    }
    Ok(())
}

async fn is_left(store: &Store) -> Result<bool, StateError> {
    match store.read().await {
        Ok((_, held)) => Ok(held.progress.stage.is_open()),
        // It was killed before it had written anything.
        Err(StateError::Unknown { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
