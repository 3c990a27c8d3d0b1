//! Tags of an object, read and replaced. Neither date nor ETag moves.

use super::Scene;
use crate::properties;
use crate::reply::{Refusal, Reply};
use crate::store;
use crate::xml::{Document, Element};

pub(super) fn get_object_tagging(scene: &Scene<'_>) -> Result<Reply, Refusal> {
    let (version, stored) = scene.target()?;
    let mut document = Document::new("Tagging");
    document.open("TagSet");
    for (name, value) in stored.tags() {
        document.open("Tag");
        document.text("Key", &name);
        document.text("Value", &value);
        document.close("Tag");
    }
    document.close("TagSet");
    let told = scene.told_version(version.id);
    Ok(Reply::xml(document).with_some("x-amz-version-id", told))
}

pub(super) fn put_object_tagging(scene: &mut Scene<'_>) -> Result<Reply, Refusal> {
    let (version, _) = scene.target()?;
    let body = Element::parse(&scene.call.body).ok_or_else(Refusal::malformed_xml)?;
    let set = body.child("TagSet").ok_or_else(Refusal::malformed_xml)?;
    let pairs = set.children("Tag").map(|tag| {
        let name = tag.child_text("Key").unwrap_or("");
        let value = tag.child_text("Value").unwrap_or("");
        (name.to_owned(), value.to_owned())
    });
    let tags = store::kept(properties::checked_tags(pairs.collect())?);
    let bucket = scene.store.bucket_mut(&scene.call.bucket)?;
    bucket.edit(&scene.call.key, version.id, |stored| stored.tags = tags);
    let told = scene.told_version(version.id);
    Ok(Reply::empty(200).with_some("x-amz-version-id", told))
}
