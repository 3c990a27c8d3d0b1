//! A variable of other tools that no connection can be made with.

use crate::model::SharedError;

/// A variable of other tools that no connection can be made with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SettingError {
    #[error("{variable} names no host")]
    NoHost { variable: String },
    #[error("{variable} is no URL: write special characters of user and password as %XX")]
    NoUrl { variable: String },
    #[error("{variable} names a proxy of the kind {kind}; allowed: http:// and https://")]
    OtherProxy { variable: String, kind: String },
    #[error("AWS_CA_BUNDLE = {path:?} cannot be read: {error}")]
    UnreadableBundle {
        path: String,
        #[source]
        error: SharedError,
    },
    #[error("AWS_CA_BUNDLE = {path:?} has no certificate in PEM")]
    EmptyBundle { path: String },
}
