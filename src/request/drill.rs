//! The request for a drill: a restore of a sample into a scratch place, to see whether it would work.

use serde_json::{Map, Value};

use super::RequestError;
use super::field::{bad_value, bucket, choice, days, flag};
use crate::model::{Location, Tier};

/// A request to rehearse a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillRequest {
    /// The backup bucket that is read; none for the first one that is configured.
    pub from: Option<String>,
    /// The scratch place.
    pub to: Location,
    /// The run whose state is rehearsed: its id or the beginning of it, `latest`, `latest~1`.
    pub run: String,
    /// How much of it.
    pub sample: DrillSample,
    /// Whether one archived version is in the sample, which is asked for and waited for.
    pub thaws: bool,
    /// How it is asked for.
    pub tier: Tier,
    /// Days that it stays readable.
    pub thawed_days: u32,
}

/// How much a drill restores, beside the largest objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrillSample {
    /// So many objects.
    Objects(u64),
    /// This share of all objects, in millionths.
    Share(u64),
    /// Objects of about so many bytes.
    Bytes(u64),
}

/// The most objects of a sample: each is held in memory, and a larger one is better restored as a whole.
pub const MOST_OBJECTS: u64 = 10_000;
/// Objects of a sample unless a request says.
const USUAL_OBJECTS: u64 = 100;
/// Days that a thawed version stays readable, unless a request says: a drill needs it once.
const USUAL_DAYS: u32 = 1;

/// The fields of a request, as messages list them.
const FIELDS: &str = "operation, from, to, run, sample, thaw, tier, thawed_days";
/// What `sample` can be, as messages say it.
const SAMPLES: &str = "1 to 10000 objects, a share such as \"0.5%\", or bytes such as \"10 GiB\"";

impl DrillSample {
    /// Reads what people write.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(percent) = text.strip_suffix('%') {
            let percent: f64 = percent.trim().parse().ok()?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "in range"
            )]
            let millionths = (percent * 10_000.0).round() as u64;
            let usual = percent > 0.0 && percent <= 100.0 && millionths > 0;
            return usual.then_some(Self::Share(millionths));
        }
        for (unit, bytes) in [("MiB", 1_u64 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)] {
            if let Some(number) = text.strip_suffix(unit) {
                let number: u64 = number.trim().parse().ok()?;
                let bytes = number.checked_mul(bytes).filter(|bytes| *bytes > 0)?;
                return Some(Self::Bytes(bytes));
            }
        }
        Self::of_objects(text.parse().ok()?)
    }

    fn of_objects(objects: u64) -> Option<Self> {
        (1..=MOST_OBJECTS)
            .contains(&objects)
            .then_some(Self::Objects(objects))
    }

    fn of_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Self::of_objects(number.as_u64()?),
            Value::String(text) => Self::parse(text),
            _ => None,
        }
    }
}

/// Reads a request's fields.
pub(super) fn parse(fields: &Map<String, Value>) -> Result<DrillRequest, RequestError> {
    let to = fields.get("to").ok_or(RequestError::Needs {
        field: "operation",
        needs: "\"to\": the scratch place that a drill restores into",
    })?;
    let location = |text: &str| Location::parse(text).ok();
    let mut request = DrillRequest {
        from: None,
        to: choice("to", to, location, "s3://bucket/prefix")?,
        run: "latest".to_owned(),
        sample: DrillSample::Objects(USUAL_OBJECTS),
        thaws: false,
        tier: Tier::default(),
        thawed_days: USUAL_DAYS,
    };
    for (name, value) in fields {
        match name.as_str() {
            "operation" | "to" => {}
            "from" => request.from = Some(bucket(value)?),
            "run" => {
                let named = |text: &str| (!text.is_empty()).then(|| text.to_owned());
                let allowed = "the id of a run or its beginning, latest, latest~1";
                request.run = choice("run", value, named, allowed)?;
            }
            "sample" => {
                let sample = DrillSample::of_value(value);
                request.sample = sample.ok_or_else(|| bad_value("sample", value, SAMPLES))?;
            }
            "thaw" => request.thaws = flag("thaw", value)?,
            "tier" => {
                request.tier = choice("tier", value, |text| text.parse().ok(), Tier::ALLOWED)?;
            }
            "thawed_days" => request.thawed_days = days(value)?,
            _ => {
                return Err(RequestError::UnknownField {
                    field: name.clone(),
                    operation: "drill",
                    allowed: FIELDS,
                });
            }
        }
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Request, RestoreRequest, parse};
    use super::*;

    #[test]
    fn every_field_of_a_request_is_read() {
        let payload = json!({"operation": "drill", "from": "second", "to": "s3://scratch/a/",
            "run": "latest~1", "sample": "10 GiB", "thaw": true, "tier": "bulk", "thawed_days": 2});

        let Ok(Request::Restore(RestoreRequest::Drill(request))) = parse(&payload) else {
            panic!("no drill");
        };

        let expected = DrillRequest {
            from: Some("second".to_owned()),
            to: Location::parse("s3://scratch/a/").unwrap(),
            run: "latest~1".to_owned(),
            sample: DrillSample::Bytes(10 << 30),
            thaws: true,
            tier: Tier::Bulk,
            thawed_days: 2,
        };
        assert_eq!(request, expected);
    }

    #[test]
    fn a_sample_is_of_objects_a_share_or_bytes() {
        let cases = [
            ("100", Some(DrillSample::Objects(100))),
            ("0.5%", Some(DrillSample::Share(5_000))),
            ("100 %", Some(DrillSample::Share(1_000_000))),
            ("512 MiB", Some(DrillSample::Bytes(512 << 20))),
            ("0", None),
            ("10001", None),
            ("0%", None),
            ("101%", None),
            ("NaN%", None),
            ("0 GiB", None),
            ("-1", None),
            ("99999999999 TiB", None),
            ("all", None),
        ];
        for (text, expected) in cases {
            assert_eq!(DrillSample::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_refused_with_what_is_allowed() {
        let cases = [
            (
                json!({"operation": "drill"}),
                "field \"operation\" needs \"to\": the scratch place that a drill restores into",
            ),
            (
                json!({"operation": "drill", "to": "s3://scratch", "sample": 0}),
                "field \"sample\" is 0; allowed: 1 to 10000 objects, a share such as \"0.5%\", or bytes such \
                 as \"10 GiB\"",
            ),
            (
                json!({"operation": "drill", "to": "s3://scratch", "keys": ["a"]}),
                "unknown field \"keys\" in the payload; allowed for a drill: operation, from, to, run, sample, \
                 thaw, tier, thawed_days",
            ),
        ];
        for (payload, message) in cases {
            assert_eq!(parse(&payload).unwrap_err().to_string(), message);
        }
    }
}
