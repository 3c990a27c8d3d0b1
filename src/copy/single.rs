//! One object, one `CopyObject`: the whole cost of a copy, unless something is in doubt.

use super::{Copier, Item};
use crate::model::Object;
use crate::s3::{Condition, CopyReply, S3Error};

impl Copier {
    /// Copies an item in one call, over what was seen at its target. Metadata and tags travel by
    /// themselves; the redirect of a website does not.
    pub(super) async fn copy_at_once(
        &self,
        item: &Item,
        over: Option<&Object>,
    ) -> Result<CopyReply, S3Error> {
        let redirect = self.website_redirect(item).await?;
        self.copy_with_redirect(item, over, redirect.as_deref())
            .await
    }

    /// The same, with a redirect that was looked up.
    pub(super) async fn copy_with_redirect(
        &self,
        item: &Item,
        over: Option<&Object>,
        redirect: Option<&str>,
    ) -> Result<CopyReply, S3Error> {
        let condition = Condition::of(over);
        let target = Self::target(item, redirect, &condition);
        self.destination.copy(self.copy_source(item), target).await
    }

    async fn website_redirect(&self, item: &Item) -> Result<Option<String>, S3Error> {
        if !self.rules.website_redirects.are_looked_up(item.source.size) {
            return Ok(None);
        }
        let properties = self.source.properties(item.source()).await?;
        Ok(properties.website_redirect)
    }
}
