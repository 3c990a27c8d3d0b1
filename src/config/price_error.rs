//! Why a price table cannot be used.

use crate::model::SharedError;

/// Why a price table cannot be used, in words that follow its variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// It is no JSON.
    #[error("is not JSON: {0}")]
    NotJson(#[source] SharedError),
    /// It is JSON of another form.
    #[error("is not a JSON object like prices.json")]
    NotAnObject,
    /// A field that no table has.
    #[error("has an unknown field \"{path}\"; known: {known}")]
    UnknownField {
        /// The field.
        path: String,
        /// Those that may be there.
        known: String,
    },
    /// A field that each table has.
    #[error("has no field \"{path}\"; prices.json has all")]
    NoField {
        /// The field.
        path: String,
    },
    /// A field whose value is not allowed.
    #[error("has field \"{path}\" = {value}; allowed: {allowed}")]
    BadValue {
        /// The field.
        path: String,
        /// Its value, as JSON.
        value: String,
        /// What may stand there.
        allowed: String,
    },
}
