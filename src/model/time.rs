//! A point in time as S3 gives it: UTC, in milliseconds.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::macros::format_description;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime};

/// Milliseconds since 1970-01-01T00:00:00Z. S3's `LastModified` has whole seconds in practice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch. S3's listings tell no more, though a reply to a copy may.
    pub fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time from `earlier` to `self`; zero if it lies in the future.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// So much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// So much earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// As in a run's id: `2026-11-21T02-00-00Z`, which is safe in keys and file names.
    pub fn as_file_name(self) -> String {
        self.to_string().replace(':', "-")
    }

    /// Reads RFC 3339 in whole seconds, as it is shown.
    pub fn parse(text: &str) -> Option<Self> {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        let time = PrimitiveDateTime::parse(text, format).ok()?;
        Some(Self(time.assume_utc().unix_timestamp() * 1000))
    }

    /// Reads RFC 3339 with three digits of a second, as it stands in each row of S3's listings, from 1970 on:
    /// `2026-11-21T02:00:00.000Z`.
    pub fn parse_millis(text: &str) -> Option<Self> {
        let bytes: [u8; 24] = text.as_bytes().try_into().ok()?;
        let marks = [4, 7, 10, 13, 16, 19, 23].map(|at: usize| bytes[at]);
        if marks != *b"--T::.Z" {
            return None;
        }
        let year = i32::from(digits(&bytes[0..4])?);
        let two = |at: usize| u8::try_from(digits(&bytes[at..at + 2])?).ok();
        let month = Month::try_from(two(5)?).ok()?;
        let date = Date::from_calendar_date(year, month, two(8)?).ok()?;
        let millis = digits(&bytes[20..23])?;
        let time = date.with_hms_milli(two(11)?, two(14)?, two(17)?, millis);
        let seconds = time.ok()?.assume_utc().unix_timestamp();
        (year >= 1970).then(|| Self(seconds * 1000 + i64::from(millis)))
    }

    /// Reads a time as people write it: RFC 3339, also without seconds, or a day; without an offset it is UTC.
    pub fn parse_loose(text: &str) -> Option<Self> {
        let seconds = |time: OffsetDateTime| Self(time.unix_timestamp() * 1000);
        let day = format_description!("[year]-[month]-[day]");
        if let Ok(day) = Date::parse(text, day) {
            return Some(seconds(day.midnight().assume_utc()));
        }
        // All that is written has an offset now, and seconds.
        let zoned = match text.strip_suffix('Z') {
            Some(utc) => format!("{utc}+00:00"),
            None => text.to_owned(),
        };
        let has_offset = zoned
            .get(zoned.len().checked_sub(6)?..)?
            .starts_with(['+', '-']);
        let (local, offset) = if has_offset {
            zoned.split_at(zoned.len() - 6)
        } else {
            (zoned.as_str(), "+00:00")
        };
        let filled = match local.len() {
            16 => format!("{local}:00{offset}"),
            _ => format!("{local}{offset}"),
        };
        let whole = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second][offset_hour sign:mandatory]:[offset_minute]"
        );
        OffsetDateTime::parse(&filled, whole).ok().map(seconds)
    }

    /// Reads a date as it stands in HTTP headers: `Fri, 21 Dec 2012 00:00:00 GMT`.
    pub fn parse_http(text: &str) -> Option<Self> {
        let format = format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        );
        let time = PrimitiveDateTime::parse(text, format).ok()?;
        Some(Self(time.assume_utc().unix_timestamp() * 1000))
    }

    fn as_date_time(self) -> OffsetDateTime {
        let nanos = i128::from(self.0) * 1_000_000;
        OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// A number of at most four digits.
fn digits(text: &[u8]) -> Option<u16> {
    text.iter().try_fold(0, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
        Some(number * 10 + digit)
    })
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// RFC 3339 in whole seconds: `2026-11-21T02:00:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        let text = self.as_date_time().format(format).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("a time is like 2026-11-21T02:00:00Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_shown_in_rfc_3339() {
        let time = Timestamp::from_millis(1_795_226_400_123);

        assert_eq!(time.to_string(), "2026-11-21T02:00:00Z");
        assert_eq!(time.as_file_name(), "2026-11-21T02-00-00Z");
        assert_eq!(time.as_seconds(), 1_795_226_400);
        assert_eq!(Timestamp::from_millis(-1).as_seconds(), -1);
    }

    #[test]
    fn is_read_as_it_is_shown() {
        let time = Timestamp::from_millis(1_795_226_400_000);

        assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        assert_eq!(Timestamp::parse("2026-11-21"), None);
        let http = Timestamp::parse_http("Sat, 21 Nov 2026 02:00:00 GMT");
        assert_eq!(http, Some(time));
        assert_eq!(Timestamp::parse_http(&time.to_string()), None);
    }

    #[test]
    fn is_read_as_listings_have_it() {
        let cases = [
            ("1970-01-01T00:00:00.000Z", Some(0)),
            ("2026-11-21T02:00:00.123Z", Some(1_795_226_400_123)),
            ("2024-02-29T23:59:59.999Z", Some(1_709_251_199_999)),
            ("2026-02-29T00:00:00.000Z", None),
            ("2026-13-01T00:00:00.000Z", None),
            ("2026-11-21T24:00:00.000Z", None),
            ("2026-11-21T02:00:60.000Z", None),
            ("1969-12-31T23:59:59.999Z", None),
            ("2026-11-21T02:00:00.1234", None),
            ("2026-11-21t02:00:00.123Z", None),
            ("2026-11-21T02:00:00Z", None),
            ("+026-11-21T02:00:00.123Z", None),
        ];

        for (text, millis) in cases {
            let read = Timestamp::parse_millis(text);

            assert_eq!(read, millis.map(Timestamp::from_millis), "{text}");
        }
    }

    #[test]
    fn is_read_as_people_write_it() {
        let read = |text| Timestamp::parse_loose(text).map(|time| time.to_string());
        let cases = [
            ("2026-11-20", Some("2026-11-20T00:00:00Z")),
            ("2026-11-20T14:00", Some("2026-11-20T14:00:00Z")),
            ("2026-11-20T14:00Z", Some("2026-11-20T14:00:00Z")),
            ("2026-11-20T14:00:07Z", Some("2026-11-20T14:00:07Z")),
            ("2026-11-20T14:00+01:00", Some("2026-11-20T13:00:00Z")),
            ("2026-11-20T14:00:00-05:30", Some("2026-11-20T19:30:00Z")),
            ("06-17-2016", None),
            ("2026-13-01", None),
            ("2026-11-20T25:00Z", None),
            ("yesterday", None),
            ("", None),
            ("Z", None),
            ("é:::::", None),
        ];

        for (text, time) in cases {
            assert_eq!(read(text).as_deref(), time, "{text}");
        }
    }
}
