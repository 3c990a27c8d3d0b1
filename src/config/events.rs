//! What events of S3 leave to the nightly run.

use super::reader::Reader;
use super::reason::ConfigReason;
use super::variable::{EVENT_MAX_SIZE, EVENT_TAGS, EVENTS};

const GIB: u64 = 1 << 30;
/// Bytes of an object that an event copies, at most: 5 GiB, which S3 copies in one call.
const DEFAULT_MAX_SIZE: u64 = 5 * GIB;

/// What the events of objects are answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRules {
    /// Objects of more bytes are left to the nightly run.
    pub max_size: u64,
    /// Whether an object whose tags changed is copied anew.
    pub copy_tags: bool,
    /// Whether another function answers events, so that a run tells what they have missed.
    pub are_on: bool,
}

impl Default for EventRules {
    fn default() -> Self {
        Self {
            max_size: DEFAULT_MAX_SIZE,
            copy_tags: true,
            are_on: false,
        }
    }
}

impl Reader {
    pub(super) fn event_rules(&mut self) -> EventRules {
        let default = EventRules::default();
        let tags = |text: &str| match text {
            "copy" => Ok(true),
            "ignore" => Ok(false),
            _ => Err(ConfigReason::not_allowed("copy, ignore")),
        };
        let yes_or_no = |text: &str| match text {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        EventRules {
            max_size: self
                .read(&EVENT_MAX_SIZE, parse_size)
                .unwrap_or(default.max_size),
            copy_tags: self.read(&EVENT_TAGS, tags).unwrap_or(default.copy_tags),
            are_on: self.choice(&EVENTS, yes_or_no, "yes, no"),
        }
    }
}

fn parse_size(text: &str) -> Result<u64, ConfigReason> {
    let units = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", GIB),
        ("TiB", 1 << 40),
        ("", 1),
    ];
    let parsed = units.iter().find_map(|(unit, bytes)| {
        let number = text.trim().strip_suffix(unit)?;
        number.trim().parse::<u64>().ok()?.checked_mul(*bytes)
    });
    let parsed = parsed.filter(|bytes| *bytes > 0);
    parsed.ok_or(ConfigReason::not_allowed(
        "a size such as 512 MiB or 5 GiB, or as many bytes",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(vars: &[(&str, &str)]) -> Result<EventRules, String> {
        let buckets = [("SOURCE_BUCKET", "src"), ("DESTINATION_BUCKET", "backup")];
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let config = Config::from_vars(buckets.iter().chain(vars).map(own));
        config
            .map(|config| config.events)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn they_are_read_or_refused() {
        assert_eq!(read(&[]), Ok(EventRules::default()));
        let vars = [
            ("BACKUP_EVENT_MAX_SIZE", "512 MiB"),
            ("BACKUP_EVENT_TAGS", "ignore"),
            ("BACKUP_EVENTS", "yes"),
        ];
        let expected = EventRules {
            max_size: 512 << 20,
            copy_tags: false,
            are_on: true,
        };
        assert_eq!(read(&vars), Ok(expected));

        let wrong = [
            ("BACKUP_EVENT_MAX_SIZE", "many"),
            ("BACKUP_EVENT_TAGS", "no"),
        ];
        let error = read(&wrong).unwrap_err();
        assert!(
            error.contains("512 MiB") && error.contains("copy, ignore"),
            "{error}"
        );
    }
}
