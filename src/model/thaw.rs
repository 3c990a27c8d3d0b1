//! Archived objects: how they are asked for, how long that takes, whether they can be read now.

use std::fmt;
use std::str::FromStr;

use super::{StorageClass, Timestamp};

/// How fast an archived object is made readable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// Within minutes, if there is capacity and the object is small.
    Expedited,
    /// Within hours.
    #[default]
    Standard,
    /// The cheapest.
    Bulk,
}

/// A text that names no tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no tier; allowed: {}", Tier::ALLOWED)]
pub struct NoTier;

impl Tier {
    /// The names of all tiers.
    pub const ALLOWED: &str = "expedited, standard, bulk";

    /// All tiers, the fastest first.
    pub const ALL: [Self; 3] = [Self::Expedited, Self::Standard, Self::Bulk];

    /// The name of the tier, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expedited => "expedited",
            Self::Standard => "standard",
            Self::Bulk => "bulk",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Tier {
    type Err = NoTier;

    fn from_str(name: &str) -> Result<Self, NoTier> {
        let tier = Self::ALL.into_iter().find(|tier| tier.name() == name);
        tier.ok_or(NoTier)
    }
}

/// Whether an object can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThawState {
    /// Its class is no archive.
    NotArchived,
    /// It has to be asked for: it never was, or its copy has expired.
    Frozen,
    /// It was asked for and is not there yet.
    UnderWay,
    /// A copy of it can be read.
    Thawed {
        /// When the copy expires, if S3 tells.
        until: Option<Timestamp>,
    },
}

impl ThawState {
    /// What the header `x-amz-restore` tells of an archived object, such as
    /// `ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"`; none if that is unknown.
    ///
    /// S3 leaves the header out for an object that was never asked for, and for one whose copy has expired.
    pub fn of_header(header: Option<&str>) -> Option<Self> {
        let Some(header) = header else {
            return Some(Self::Frozen);
        };
        let value = |name: &str| {
            let (_, rest) = header.split_once(name)?;
            let (value, _) = rest.strip_prefix("=\"")?.split_once('"')?;
            Some(value)
        };
        match value("ongoing-request")? {
            "true" => Some(Self::UnderWay),
            "false" => Some(Self::Thawed {
                until: value("expiry-date").and_then(Timestamp::parse_http),
            }),
            _ => None,
        }
    }
}

/// Hours until the last object of a class can be read that is asked for in this tier: the slowest that AWS
/// names; none if the class does not offer the tier, or needs none.
///
/// `INTELLIGENT_TIERING` has two archive tiers, which a listing does not tell apart: this is the slower one's.
/// [docs: restoring-objects-retrieval-options]
pub fn hours(class: &StorageClass, tier: Tier) -> Option<u32> {
    match (class.as_str(), tier) {
        // Up to five minutes, and up to an hour above 250 MB.
        ("GLACIER", Tier::Expedited) => Some(1),
        ("GLACIER", Tier::Standard) => Some(5),
        ("GLACIER", Tier::Bulk) | ("DEEP_ARCHIVE" | "INTELLIGENT_TIERING", Tier::Standard) => {
            Some(12)
        }
        ("DEEP_ARCHIVE" | "INTELLIGENT_TIERING", Tier::Bulk) => Some(48),
        _ => None,
    }
}

/// What can be chosen for a class: `standard (12 hours) or bulk (48 hours)`.
pub fn choices(class: &StorageClass) -> String {
    let offered = Tier::ALL.into_iter().filter_map(|tier| {
        let hours = hours(class, tier)?;
        let unit = if hours == 1 { "hour" } else { "hours" };
        Some(format!("{tier} ({hours} {unit})"))
    });
    offered.collect::<Vec<String>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_is_read_by_its_name_and_nothing_else() {
        for tier in Tier::ALL {
            assert_eq!(tier.name().parse(), Ok(tier));
        }
        for name in ["Standard", "", "fast"] {
            assert_eq!(name.parse::<Tier>(), Err(NoTier), "{name}");
        }
        assert_eq!(
            NoTier.to_string(),
            "is no tier; allowed: expedited, standard, bulk"
        );
    }

    #[test]
    fn the_header_of_an_archived_object_tells_its_state() {
        let until = Timestamp::parse("2012-12-21T00:00:00Z");
        let cases = [
            (None, Some(ThawState::Frozen)),
            (Some("ongoing-request=\"true\""), Some(ThawState::UnderWay)),
            (
                Some("ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2012 00:00:00 GMT\""),
                Some(ThawState::Thawed { until }),
            ),
            (
                Some("ongoing-request=\"false\", expiry-date=\"soon\""),
                Some(ThawState::Thawed { until: None }),
            ),
            (
                Some("ongoing-request=\"false\""),
                Some(ThawState::Thawed { until: None }),
            ),
            (Some("ongoing-request=\"maybe\""), None),
            (Some(""), None),
        ];

        for (header, state) in cases {
            assert_eq!(ThawState::of_header(header), state, "{header:?}");
        }
    }

    #[test]
    fn what_a_class_offers_is_named_with_its_hours() {
        let choices = |class| choices(&StorageClass::new(Some(class)));

        assert_eq!(
            choices("GLACIER"),
            "expedited (1 hour) or standard (5 hours) or bulk (12 hours)"
        );
        assert_eq!(
            choices("DEEP_ARCHIVE"),
            "standard (12 hours) or bulk (48 hours)"
        );
        assert_eq!(choices("STANDARD"), "");
    }
}
