//! The source of a copy: found, checked, readable. The same for whole copies
//! and for parts.

use super::read::archived;
use super::{Scene, version_id};
use crate::bucket::{Found, Versioning};
use crate::call::CopySource;
use crate::conditions;
use crate::object::Encryption;
use crate::reply::Refusal;
use crate::version::Stored;

/// More cannot be copied at once.
pub(super) const COPY_MAX: u64 = 5_368_709_120;

pub(super) struct Source {
    pub named: CopySource,
    pub stored: Stored,
    /// What `x-amz-copy-source-version-id` says.
    pub told_version: Option<String>,
}

pub(super) fn find(scene: &Scene<'_>) -> Result<Source, Refusal> {
    let named = scene.call.copy_source()?;
    let id = version_id(named.version.as_deref())?;
    let bucket = scene.store.bucket(&named.bucket)?;
    let version = match bucket.find(&named.key, id) {
        Found::Object(version) => version,
        Found::Marker(_) if id.is_some() => {
            return Err(Refusal::invalid_request(
                "The source of a copy request may not specifically refer to a delete marker by \
                 version id.",
            ));
        }
        Found::Marker(_) | Found::NoKey => return Err(Refusal::no_such_key()),
        Found::NoVersion => return Err(Refusal::no_such_version()),
    };
    let stored = version.stored.clone().ok_or_else(Refusal::no_such_key)?;
    conditions::of_source(scene.call, &version, stored.etag)?;
    if stored.properties.encryption == Encryption::SseC {
        return Err(Refusal::invalid_request(
            "The object was stored using a form of Server Side Encryption. The correct parameters \
             must be provided to retrieve the object.",
        ));
    }
    if stored.is_archived(scene.now) {
        return Err(archived());
    }
    let versioning = bucket.options.versioning;
    let told = versioning != Versioning::Off;
    Ok(Source {
        told_version: told.then(|| version.id.to_string()),
        named,
        stored,
    })
}

pub(super) fn too_large() -> Refusal {
    Refusal::invalid_request(format!(
        "The specified copy source is larger than the maximum allowable size for a copy source: \
         {COPY_MAX}"
    ))
}
