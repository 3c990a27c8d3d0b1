//! DeleteObject: a marker on top, or one version gone for good.

use super::{Scene, version_id};
use crate::bucket::Versioning;
use crate::conditions;
use crate::reply::{Refusal, Reply};
use crate::version::VersionId;

pub(super) fn delete_object(scene: &mut Scene<'_>) -> Result<Reply, Refusal> {
    let call = scene.call;
    if let Some(id) = version_id(call.version())? {
        return erase(scene, id);
    }
    conditions::of_target(call, scene.bucket()?)?;
    let fresh = scene.store.fresh_version();
    let bucket = scene.store.bucket_mut(&call.bucket)?;
    match bucket.options.versioning {
        Versioning::Off => {
            bucket.erase(&call.key, VersionId::NULL);
            Ok(Reply::empty(204))
        }
        Versioning::Enabled | Versioning::Suspended => {
            let id = bucket.write(&call.key, fresh, scene.now, None);
            Ok(Reply::empty(204)
                .with("x-amz-delete-marker", "true")
                .with("x-amz-version-id", id.to_string()))
        }
    }
}

/// Erasing what is not there succeeds too. A locked version stays, but for whoever may bypass governance.
fn erase(scene: &mut Scene<'_>, id: VersionId) -> Result<Reply, Refusal> {
    let bypasses = scene.call.header("x-amz-bypass-governance-retention") == Some("true");
    if scene
        .bucket()?
        .is_locked(&scene.call.key, id, scene.now, bypasses)
    {
        return Err(Refusal::new(
            403,
            "AccessDenied",
            "Access Denied because object protected by object lock.",
        ));
    }
    let bucket = scene.store.bucket_mut(&scene.call.bucket)?;
    let erased = bucket.erase(&scene.call.key, id);
    let was_marker = erased.is_some_and(|version| version.stored.is_none());
    let reply = Reply::empty(204).with("x-amz-version-id", id.to_string());
    Ok(match was_marker {
        true => reply.with("x-amz-delete-marker", "true"),
        false => reply,
    })
}
