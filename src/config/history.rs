//! How long the history of a job reaches back.

use std::num::NonZeroU32;

use super::reader::Reader;
use super::reason::ConfigReason;
use super::variable::HISTORY_DAYS;

/// A year, which has each season and each close of the books once.
const DEFAULT_DAYS: u32 = 365;
/// Ten years, the longest time for which the stack locks a version.
const MOST_DAYS: u32 = 3_650;

impl Reader {
    /// Days for which runs stay restore points; none, written as 0, for ever.
    pub(super) fn history_days(&mut self) -> Option<NonZeroU32> {
        let days = |text: &str| {
            let days = text.parse().ok().filter(|days| *days <= MOST_DAYS);
            days.ok_or_else(|| {
                ConfigReason::not_allowed(format!("0 to {MOST_DAYS}, and 0 keeps all runs"))
            })
        };
        NonZeroU32::new(self.read(&HISTORY_DAYS, days).unwrap_or(DEFAULT_DAYS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn days(value: &str) -> Option<u32> {
        let vars = [
            ("SOURCE_BUCKET", "src"),
            ("DESTINATION_BUCKET", "backup"),
            ("BACKUP_HISTORY_DAYS", value),
        ];
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let config = Config::from_vars(vars.map(own)).unwrap();
        config.history_days.map(NonZeroU32::get)
    }

    #[test]
    fn a_year_is_kept_unless_it_is_said_otherwise() {
        assert_eq!(days(""), Some(365));
        assert_eq!(days("1"), Some(1));
        assert_eq!(days("3650"), Some(3_650));
        assert_eq!(days("0"), None);
    }
}
