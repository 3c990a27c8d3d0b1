//! The checksums that come with a body: each is checked, and the body refused
//! if one does not fit.

use crate::bucket::Bucket;
use crate::call::Call;
use crate::content::Content;
use crate::digest::{self, Algorithm};
use crate::reply::Refusal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The algorithm the sender used, if any, once everything it sent was found true.
pub(crate) fn verified(call: &Call, content: &Content) -> Result<Option<Algorithm>, Refusal> {
    if let Some(sent) = call.header("content-md5") {
        let own = BASE64.encode(digest::md5(content));
        if sent != own {
            let message = "The Content-MD5 you specified did not match what we received.";
            return Err(Refusal::new(400, "BadDigest", message));
        }
    }
    let mut used = None;
    for algorithm in Algorithm::ALL {
        if let Some(sent) = call.header(algorithm.header()) {
            if sent != algorithm.full_object(content) {
                return Err(mismatch(algorithm));
            }
            used = Some(algorithm);
        }
    }
    Ok(used)
}

/// A body for a bucket with Object Lock must come with a sum of it.
pub(crate) fn wanted_by_lock(
    call: &Call,
    bucket: &Bucket,
    used: Option<Algorithm>,
) -> Result<(), Refusal> {
    if bucket.options.lock.is_none() || used.is_some() || call.header("content-md5").is_some() {
        return Ok(());
    }
    Err(Refusal::invalid_request(
        "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with \
         Object Lock parameters",
    ))
}

pub(crate) fn mismatch(algorithm: Algorithm) -> Refusal {
    let message = format!(
        "The {} you specified did not match the calculated checksum.",
        algorithm.name()
    );
    Refusal::new(400, "BadDigest", message)
}
