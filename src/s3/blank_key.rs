//! Keys of nothing but white space, which S3 allows and the SDK takes for missing ones.
//!
//! Such a key is handed to the SDK as a stand-in, and takes its place in the request's path before
//! the request is signed.

use aws_sdk_s3::config::http::HttpRequest;

use crate::model::Key;

const STAND_IN: &str = "blank";

/// The key, or what stands in for it.
pub(super) fn sendable(key: &Key) -> &str {
    if is_blank(key) {
        STAND_IN
    } else {
        key.as_str()
    }
}

/// Puts a key in the place of its stand-in.
pub(super) fn restore(request: &mut HttpRequest, key: &Key) {
    if !is_blank(key) {
        return;
    }
    let (path, query) = request.uri().split_once('?').unwrap_or((request.uri(), ""));
    let Some(parent) = path.strip_suffix(STAND_IN) else {
        return;
    };
    let uri = format!("{parent}{}?{query}", key.percent_encoded());
    if let Err(error) = request.set_uri(uri.as_str()) {
        tracing::error!(%error, uri, "cannot name a blank key in a request");
    }
}

fn is_blank(key: &Key) -> bool {
    key.as_str().trim().is_empty()
}
