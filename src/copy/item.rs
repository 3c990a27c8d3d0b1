//! What a copy is made of, whichever way it goes: an object or a version of one, and where it lands.

use super::Copier;
use crate::model::{Key, Object, ObjectRef, StorageClass, VersionId};
use crate::s3::{CopyReply, CopySource, S3Error};

/// One object to be copied, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The source, as it was listed or recorded: the copy is bound to its `ETag`.
    pub source: Object,
    /// The version of it that is copied; none for the current one.
    pub version: Option<VersionId>,
    /// The key of the copy.
    pub target: Key,
    /// The class of the copy.
    pub class: StorageClass,
}

impl Item {
    /// The source, by key and version.
    pub fn source(&self) -> ObjectRef<'_> {
        ObjectRef {
            key: &self.source.key,
            version: self.version.as_ref(),
        }
    }
}

impl Copier {
    /// Copies an item over what was seen at its target, in one call or in parts. Nothing is looked into and
    /// nothing is tried for another time: that is left to the caller, who knows which side can change.
    ///
    /// # Errors
    /// [`Cause::ChangedMeanwhile`](crate::s3::Cause::ChangedMeanwhile) or
    /// [`Cause::Missing`](crate::s3::Cause::Missing) if one side is not what was seen, otherwise why S3
    /// refused; a cause that leaves doubt when the copy may have been made all the same.
    pub async fn copy_item(
        &self,
        item: &Item,
        over: Option<&Object>,
    ) -> Result<CopyReply, S3Error> {
        if self.rules.cut(item.source.size) {
            self.copy_in_parts(item, over).await
        } else {
            self.copy_at_once(item, over).await
        }
    }

    /// The item of a backup: the current version of an object, to its place.
    pub(super) fn item(&self, object: &Object) -> Item {
        Item {
            source: object.clone(),
            version: None,
            target: self.placement.backup_key(&object.key),
            class: self.rules.storage_class.class_of(object).clone(),
        }
    }

    /// Where an item is copied from.
    pub(super) fn copy_source<'a>(&'a self, item: &'a Item) -> CopySource<'a> {
        CopySource {
            bucket: &self.source,
            object: &item.source,
            version: item.version.as_ref(),
        }
    }
}
