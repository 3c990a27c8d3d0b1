//! Dates the way S3 tells them: whole seconds, in three spellings.
//! Written by hand because a listing page prints a thousand of them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment in whole seconds since 1970, because S3 keeps no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(pub i64);

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl From<SystemTime> for Stamp {
    fn from(time: SystemTime) -> Self {
        let seconds = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_secs() as i64,
            Err(before) => -(before.duration().as_secs() as i64),
        };
        Stamp(seconds)
    }
}

impl From<Stamp> for SystemTime {
    fn from(stamp: Stamp) -> Self {
        match u64::try_from(stamp.0) {
            Ok(after) => UNIX_EPOCH + Duration::from_secs(after),
            Err(_) => UNIX_EPOCH - Duration::from_secs(stamp.0.unsigned_abs()),
        }
    }
}

impl Stamp {
    pub(crate) fn plus(self, duration: Duration) -> Stamp {
        Stamp(self.0 + duration.as_secs() as i64)
    }

    /// `2026-11-21T02:00:00.000Z`, as in listings.
    pub(crate) fn iso(self) -> String {
        let (year, month, day) = self.date();
        let (hour, minute, second) = self.time();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
    }

    /// `Sat, 21 Nov 2026 02:00:00 GMT`, as in headers.
    pub(crate) fn http(self) -> String {
        let (year, month, day) = self.date();
        let (hour, minute, second) = self.time();
        let weekday = DAYS[self.0.div_euclid(86_400).rem_euclid(7) as usize];
        let month = MONTHS[month as usize - 1];
        format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }

    /// Reads the spelling of [`Stamp::http`].
    pub(crate) fn parse_http(text: &str) -> Option<Stamp> {
        let mut words = text.split_once(", ")?.1.split(' ');
        let day: i64 = words.next()?.parse().ok()?;
        let name = words.next()?;
        let month = MONTHS.iter().position(|month| *month == name)? as i64 + 1;
        let year: i64 = words.next()?.parse().ok()?;
        let mut clock = words
            .next()?
            .split(':')
            .map(|part| part.parse::<i64>().ok());
        let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
        let days = days_from_civil(year, month, day);
        Some(Stamp(days * 86_400 + hour * 3_600 + minute * 60 + second))
    }

    /// Reads the spelling of `x-amz-date`: `20261121T020000Z`.
    pub(crate) fn parse_basic(text: &str) -> Option<Stamp> {
        let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
        let days = days_from_civil(number(0, 4)?, number(4, 6)?, number(6, 8)?);
        let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
        Some(Stamp(days * 86_400 + hour * 3_600 + minute * 60 + second))
    }

    /// So many seconds lie between the two.
    pub(crate) fn seconds_from(self, other: Stamp) -> u64 {
        self.0.abs_diff(other.0)
    }

    fn time(self) -> (i64, i64, i64) {
        let seconds = self.0.rem_euclid(86_400);
        (seconds / 3_600, seconds / 60 % 60, seconds % 60)
    }

    /// Howard Hinnant's civil_from_days.
    fn date(self) -> (i64, i64, i64) {
        let days = self.0.div_euclid(86_400) + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        (year + era * 400 + i64::from(month <= 2), month, day)
    }
}

/// Howard Hinnant's days_from_civil.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_spelled_as_s3_spells_them() {
        let stamp = Stamp(1_795_226_400);

        assert_eq!(stamp.iso(), "2026-11-21T02:00:00.000Z");
        assert_eq!(stamp.http(), "Sat, 21 Nov 2026 02:00:00 GMT");
    }

    #[test]
    fn a_header_date_reads_back_as_itself() {
        for seconds in [0, 951_782_399, 951_782_400, 4_102_444_799, 1_795_226_400] {
            let stamp = Stamp(seconds);

            assert_eq!(Stamp::parse_http(&stamp.http()), Some(stamp));
        }
    }
}
