//! One object, one `CopyObject`: the whole cost of a copy, unless something is in doubt.

use super::Copier;
use crate::model::Object;
use crate::s3::{S3Error, Written};

impl Copier {
    /// Copies an object in one call. Metadata and tags travel by themselves; the redirect of a
    /// website does not.
    pub(super) async fn copy_at_once(&self, object: &Object) -> Result<Written, S3Error> {
        let redirect = self.website_redirect(object).await?;
        let key = self.placement.backup_key(&object.key);
        let target = self.target(&key, object, redirect.as_deref());
        self.destination.copy(&self.source, object, target).await
    }

    async fn website_redirect(&self, object: &Object) -> Result<Option<String>, S3Error> {
        if !self.rules.website_redirects.are_looked_up(object.size) {
            return Ok(None);
        }
        let properties = self.source.properties(&object.key).await?;
        Ok(properties.website_redirect)
    }
}
