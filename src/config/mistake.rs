//! The mistakes in a configuration, which are told all at once.

use std::error::Error;
use std::fmt;

use super::reason::ConfigReason;
use super::shared;
use super::variable::Variable;
use crate::model::shortened;

/// Characters of a value that a mistake shows: it need not hold all of a value that is too long.
const MOST_SHOWN: usize = 200;

/// One mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub(super) variable: String,
    pub(super) value: Option<String>,
    pub(super) reason: ConfigReason,
}

impl Mistake {
    /// Whether it is one of that variable.
    pub(super) fn is_of(&self, variable: &Variable) -> bool {
        self.variable == variable.shown()
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.variable)?;
        if let Some(value) = &self.value {
            let value = value.trim_start_matches(shared::NOT_UTF8);
            write!(f, " = {:?}", shortened(value, MOST_SHOWN))?;
        }
        write!(f, " {}", self.reason)
    }
}

impl Error for Mistake {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.reason)
    }
}

/// All mistakes of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the configuration: {}", list(.0))]
pub struct ConfigError(pub Vec<Mistake>);

fn list(mistakes: &[Mistake]) -> String {
    let texts: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
    texts.join("; ")
}
