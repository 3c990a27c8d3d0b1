//! The values of fields: what they may be, and what is said of one that is not.

use serde_json::Value;

use super::RequestError;
use crate::model::{Prefix, shortened};

/// Characters of a value that an error shows.
const MOST_SHOWN: usize = 200;

pub(super) fn prefix(field: &'static str, value: &Value) -> Result<Prefix, RequestError> {
    choice(field, value, |text| Some(Prefix::new(text)), "a string")
}

pub(super) fn flag(field: &'static str, value: &Value) -> Result<bool, RequestError> {
    value
        .as_bool()
        .ok_or_else(|| bad_value(field, value, "true, false"))
}

pub(super) fn choice<T>(
    field: &'static str,
    value: &Value,
    parse: impl Fn(&str) -> Option<T>,
    allowed: &'static str,
) -> Result<T, RequestError> {
    value
        .as_str()
        .and_then(parse)
        .ok_or_else(|| bad_value(field, value, allowed))
}

pub(super) fn bad_value(field: &'static str, value: &Value, allowed: &'static str) -> RequestError {
    RequestError::BadValue {
        field,
        value: shortened(&value.to_string(), MOST_SHOWN).into_owned(),
        allowed,
    }
}

/// A backup bucket. Which there are is known where the settings are.
pub(super) fn bucket(value: &Value) -> Result<String, RequestError> {
    let named = |text: &str| Some(text.to_owned());
    choice("from", value, named, "the name of a backup bucket")
}

pub(super) fn days(value: &Value) -> Result<u32, RequestError> {
    let days = value.as_u64().and_then(|days| u32::try_from(days).ok());
    let days = days.filter(|days| (1..=365).contains(days));
    days.ok_or_else(|| bad_value("thawed_days", value, "a number of days from 1 to 365"))
}
