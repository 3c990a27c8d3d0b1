//! One object, one `CopyObject`: the whole cost of a copy, unless something is in doubt.

use super::Copier;
use crate::model::Object;
use crate::s3::{Condition, S3Error, Written};

impl Copier {
    /// Copies an object in one call, over a backup that was seen. Metadata and tags travel by themselves;
    /// the redirect of a website does not.
    pub(super) async fn copy_at_once(
        &self,
        object: &Object,
        backup: Option<&Object>,
    ) -> Result<Written, S3Error> {
        let redirect = self.website_redirect(object).await?;
        self.copy_with_redirect(object, backup, redirect.as_deref())
            .await
    }

    /// The same, with a redirect that was looked up.
    pub(super) async fn copy_with_redirect(
        &self,
        object: &Object,
        backup: Option<&Object>,
        redirect: Option<&str>,
    ) -> Result<Written, S3Error> {
        let key = self.placement.backup_key(&object.key);
        let condition = Condition::of(backup);
        let target = self.target(&key, object, redirect, &condition);
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
