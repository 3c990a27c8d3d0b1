//! The request for a verification.

use serde_json::{Map, Value};

use super::RequestError;
use super::field::{bad_value, choice, flag, prefix};
use crate::model::{Prefix, SampleShare};

/// A request to compare the backup with the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyRequest {
    /// Only keys that start with it.
    pub prefix: Option<Prefix>,
    /// The objects that are looked at.
    pub depth: Depth,
    /// Whether what is missing or different is copied.
    pub repair: bool,
}

/// What a verification looks at, beside both listings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Nothing.
    #[default]
    Listings,
    /// Each object and its backup.
    Objects,
    /// A share of them.
    Sample {
        /// In how many parts all are divided.
        of: u16,
        /// Which part; that of the day, if it is not said.
        part: Option<u16>,
    },
}

impl Depth {
    /// The objects that are looked at, by the fields of a request. A sample alone means objects.
    pub fn new(deep: bool, sample: Option<u16>, part: Option<u16>) -> Self {
        match (sample, deep) {
            (Some(of), _) => Self::Sample { of, part },
            (None, true) => Self::Objects,
            (None, false) => Self::Listings,
        }
    }
}

/// The fields of a request, as messages list them.
const FIELDS: &str = "operation, prefix, deep, sample, part, repair";
/// What `sample` can be, as messages list it.
pub const SAMPLES: &str = "1/N with N from 1 to 366";
/// What `part` can be.
pub const PARTS: &str = "1 to the N of \"sample\":\"1/N\"";

/// Reads a request's fields.
pub(super) fn parse(fields: &Map<String, Value>) -> Result<VerifyRequest, RequestError> {
    let mut request = VerifyRequest::default();
    let (mut deep, mut sample, mut part) = (None, None, None);
    for (name, value) in fields {
        match name.as_str() {
            "operation" => {}
            "prefix" => request.prefix = Some(prefix("prefix", value)?),
            "deep" => deep = Some(flag("deep", value)?),
            "sample" => sample = Some(choice("sample", value, parts_of_sample, SAMPLES)?),
            "part" => part = Some(value),
            "repair" => request.repair = flag("repair", value)?,
            _ => {
                return Err(RequestError::UnknownField {
                    field: name.clone(),
                    operation: "verification",
                    allowed: FIELDS,
                });
            }
        }
    }
    if deep == Some(false) && sample.is_some() {
        return Err(bad_value("deep", &Value::Bool(false), "true with a sample"));
    }
    let part = part.map(|part| number_of_part(part, sample)).transpose()?;
    request.depth = Depth::new(deep.unwrap_or(false), sample, part);
    Ok(request)
}

/// Reads it from a cursor, which has its words in a field of their own.
pub(super) fn of_cursor(
    words: &Value,
    cursor: &Map<String, Value>,
) -> Result<VerifyRequest, RequestError> {
    let fields = words
        .as_object()
        .ok_or_else(|| bad_value("verify", words, "the words of a cursor"))?;
    let prefix = cursor.get_key_value("prefix");
    let fields = fields.iter().chain(prefix);
    let owned = fields.map(|(name, value)| (name.clone(), value.clone()));
    parse(&owned.collect())
}

/// The parts of a sample: 30 of `1/30`.
pub fn parts_of_sample(text: &str) -> Option<u16> {
    let of = text.strip_prefix("1/")?;
    let plain = of.bytes().all(|byte| byte.is_ascii_digit());
    let of = of.parse().ok().filter(|_| plain)?;
    (1..=SampleShare::MOST).contains(&of).then_some(of)
}

fn number_of_part(value: &Value, sample: Option<u16>) -> Result<u16, RequestError> {
    let part = value.as_u64().and_then(|part| u16::try_from(part).ok());
    part.filter(|part| sample.is_some_and(|of| SampleShare::new(*part, of).is_some()))
        .ok_or_else(|| bad_value("part", value, PARTS))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{ContinuedRequest, Request, parse};
    use super::*;

    fn verify(payload: &Value) -> VerifyRequest {
        match parse(payload) {
            Ok(Request::Verify(request)) => request,
            other => panic!("{payload} is {other:?}"),
        }
    }

    #[test]
    fn every_field_of_a_request_is_read() {
        let payload = json!({"operation": "verify", "prefix": "a/", "deep": true,
            "sample": "1/30", "part": 7, "repair": true});

        let request = verify(&payload);

        let expected = VerifyRequest {
            prefix: Some(Prefix::new("a/")),
            depth: Depth::Sample {
                of: 30,
                part: Some(7),
            },
            repair: true,
        };
        assert_eq!(request, expected);
    }

    #[test]
    fn what_is_looked_at_follows_from_deep_and_sample() {
        let sample = Depth::Sample { of: 30, part: None };
        let cases = [
            (json!({"operation": "verify"}), Depth::Listings),
            (
                json!({"operation": "verify", "deep": false}),
                Depth::Listings,
            ),
            (json!({"operation": "verify", "deep": true}), Depth::Objects),
            (json!({"operation": "verify", "sample": "1/30"}), sample),
        ];

        for (payload, depth) in cases {
            assert_eq!(verify(&payload).depth, depth, "{payload}");
        }
    }

    #[test]
    fn a_request_that_makes_no_sense_is_refused() {
        let cases = [
            (
                json!({"mode": "full"}),
                "unknown field \"mode\" in the payload; allowed for a verification: \
                 operation, prefix, deep, sample, part, repair",
            ),
            (
                json!({"deep": "yes"}),
                "field \"deep\" is \"yes\"; allowed: true, false",
            ),
            (
                json!({"sample": "2/30"}),
                "field \"sample\" is \"2/30\"; allowed: 1/N with N from 1 to 366",
            ),
            (
                json!({"sample": "1/367"}),
                "field \"sample\" is \"1/367\"; allowed: 1/N with N from 1 to 366",
            ),
            (
                json!({"sample": "1/+7"}),
                "field \"sample\" is \"1/+7\"; allowed: 1/N with N from 1 to 366",
            ),
            (
                json!({"deep": true, "part": 1}),
                "field \"part\" is 1; allowed: 1 to the N of \"sample\":\"1/N\"",
            ),
            (
                json!({"sample": "1/30", "part": 31}),
                "field \"part\" is 31; allowed: 1 to the N of \"sample\":\"1/N\"",
            ),
            (
                json!({"sample": "1/30", "deep": false}),
                "field \"deep\" is false; allowed: true with a sample",
            ),
        ];

        for (mut payload, message) in cases {
            payload["operation"] = json!("verify");
            assert_eq!(parse(&payload).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_cursor_of_a_verification_is_read_back() {
        let payload = json!({"operation": "continue", "cursor": {"format": 2, "prefix": "a/",
            "mode": "incremental", "dry_run": false,
            "verify": {"deep": true, "sample": "1/30", "part": 7, "repair": true},
            "ranges": [{"destination": "one", "after": "a"}]}});

        let Ok(Request::Continue(request)) = parse(&payload) else {
            panic!("{payload} is no continuation");
        };

        let depth = Depth::Sample {
            of: 30,
            part: Some(7),
        };
        let asked = VerifyRequest {
            prefix: Some(Prefix::new("a/")),
            depth,
            repair: true,
        };
        assert_eq!(request.request, ContinuedRequest::Verify(asked));
        assert!(
            matches!(request.rest, super::super::RemainingWork::Ranges { ranges, .. } if ranges.len() == 1)
        );
    }
}
