//! When so many objects have changed that somebody should look.

use super::reader::Reader;
use super::reason::ConfigReason;
use super::variable::{MAX_COST_USD, UNUSUAL, UNUSUAL_CHANGE_PERCENT};

/// Which share of changed objects is unusual, and what is done then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unusual {
    /// Whether a run is held before it copies; otherwise its result warns.
    pub hold: bool,
    /// Changes of so many of the known objects, in percent, are never unusual.
    pub percent: u64,
}

impl Default for Unusual {
    fn default() -> Self {
        Self {
            hold: false,
            percent: 20,
        }
    }
}

impl Reader {
    pub(super) fn max_cost_usd(&mut self) -> Option<f64> {
        let usd = |text: &str| {
            let usd = text.parse::<f64>().ok();
            let usd = usd.filter(|usd| usd.is_finite() && *usd > 0.0);
            usd.ok_or(ConfigReason::not_allowed("dollars above 0, such as 2.50"))
        };
        self.read(&MAX_COST_USD, usd)
    }

    pub(super) fn unusual(&mut self) -> Unusual {
        let hold = |text: &str| match text {
            "warn" => Some(false),
            "hold" => Some(true),
            _ => None,
        };
        let percent = |text: &str| {
            let within = text.parse::<u64>().ok().filter(|percent| *percent <= 100);
            within.ok_or(ConfigReason::not_allowed("0 to 100"))
        };
        let default = Unusual::default();
        Unusual {
            hold: self.choice(&UNUSUAL, hold, "warn, hold"),
            percent: self
                .read(&UNUSUAL_CHANGE_PERCENT, percent)
                .unwrap_or(default.percent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(vars: &[(&str, &str)]) -> Result<Unusual, String> {
        let buckets = [("SOURCE_BUCKET", "src"), ("DESTINATION_BUCKET", "backup")];
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let config = Config::from_vars(buckets.iter().chain(vars).map(own));
        config
            .map(|config| config.unusual)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_budget_is_dollars() {
        for (text, is_allowed) in [
            ("2.50", true),
            ("1", true),
            ("0", false),
            ("-1", false),
            ("NaN", false),
            ("inf", false),
            ("$5", false),
        ] {
            assert_eq!(
                read(&[("BACKUP_MAX_COST_USD", text)]).is_ok(),
                is_allowed,
                "{text}"
            );
        }
    }

    #[test]
    fn it_is_read_or_refused() {
        let hold = Unusual {
            hold: true,
            percent: 5,
        };

        assert_eq!(read(&[]), Ok(Unusual::default()));
        let vars = [
            ("BACKUP_UNUSUAL", "hold"),
            ("BACKUP_UNUSUAL_CHANGE_PERCENT", "5"),
        ];
        assert_eq!(read(&vars), Ok(hold));
        let wrong = [
            ("BACKUP_UNUSUAL", "stop"),
            ("BACKUP_UNUSUAL_CHANGE_PERCENT", "101"),
        ];
        let error = read(&wrong).unwrap_err();
        assert!(
            error.contains("allowed: warn, hold") && error.contains("0 to 100"),
            "{error}"
        );
    }
}
