//! PutObject: the whole body at once.

use super::Scene;
use super::read::tell_checksum;
use crate::conditions;
use crate::content::Content;
use crate::payload;
use crate::properties;
use crate::reply::{Refusal, Reply};
use crate::store;
use crate::version::Checksum;
use std::sync::Arc;

/// More must come in parts.
pub(super) const WHOLE_MAX: u64 = 5 << 30;

pub(super) fn put_object(scene: &mut Scene<'_>) -> Result<Reply, Refusal> {
    let call = scene.call;
    let bucket = scene.bucket()?;
    conditions::of_put(call, bucket)?;
    let own = properties::from_call(call, &bucket.options)?;
    let content = Content::from(call.body.clone());
    if content.len() > WHOLE_MAX {
        let message = "Your proposed upload exceeds the maximum allowed size";
        return Err(Refusal::new(400, "EntityTooLarge", message));
    }
    let algorithm = payload::verified(call, &content)?;
    payload::wanted_by_lock(call, bucket, algorithm)?;
    let mut stored = scene.store.whole(content, Arc::new(own));
    if let Some(algorithm) = algorithm {
        stored.checksum = Some(Checksum::full(algorithm));
    }
    stored.tags = store::kept(properties::tags(call)?);
    let id = scene.store_object(scene.now, stored.clone())?;
    let reply = Reply::empty(200)
        .with("etag", stored.etag.quoted())
        .with_some("x-amz-version-id", scene.told_version(id));
    let reply = tell_checksum(reply, &stored);
    Ok(properties::tell_encryption(
        reply,
        &stored.properties.encryption,
    ))
}
