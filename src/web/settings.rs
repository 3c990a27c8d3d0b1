//! The settings that only the hosted page has, from variables that begin with `WEB_`. Pure.

use super::access::{Access, AccessError};
use super::claims::SignInKind;
use super::limits::Limits;
use super::sign_in::{SignIn, origin};
use crate::config::Prices;

/// What the hosted page is set to.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Which sign-in gives the tokens.
    pub kind: SignInKind,
    /// Where it is.
    pub sign_in: SignIn,
    /// What each group may do.
    pub access: Access,
    /// The name of the function that restores.
    pub restore_function: String,
}

/// Why the page is not set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Nothing can be done without it.
    #[error("{name} is not set")]
    NotSet {
        /// The variable.
        name: &'static str,
    },
    /// It cannot be used.
    #[error("{name}={value}: expected {expected}")]
    Unexpected {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// The rights of the groups cannot be read.
    #[error("WEB_ACCESS: {0}")]
    Access(#[from] AccessError),
}

/// The scopes of a sign-in: none of them gives rights here, groups do.
const SCOPES: &str = "openid email profile";

impl Settings {
    /// The settings of these variables.
    ///
    /// # Errors
    /// The mistake in one.
    pub fn read(vars: &[(String, String)]) -> Result<Self, SettingsError> {
        let kind = match required(vars, "WEB_SIGN_IN")? {
            "cognito" => SignInKind::Cognito,
            "oidc" => SignInKind::Oidc,
            other => return Err(unexpected("WEB_SIGN_IN", other, "cognito or oidc")),
        };
        let issuer = required(vars, "WEB_ISSUER")?.to_owned();
        let host = value(vars, "WEB_SIGN_IN_URL").map(|url| url.trim_end_matches('/'));
        for (name, address) in [
            ("WEB_ISSUER", Some(issuer.as_str())),
            ("WEB_SIGN_IN_URL", host),
        ] {
            if let Some(address) = address
                && origin(address).is_none()
            {
                return Err(unexpected(name, address, "an address with https://"));
            }
        }
        let access = Access::parse(value(vars, "WEB_ACCESS").unwrap_or_default());
        Ok(Self {
            kind,
            sign_in: SignIn {
                issuer,
                client_id: required(vars, "WEB_CLIENT_ID")?.to_owned(),
                authorize: host.map(|host| format!("{host}/oauth2/authorize")),
                token: host.map(|host| format!("{host}/oauth2/token")),
                scope: SCOPES.to_owned(),
            },
            access: access?,
            restore_function: required(vars, "WEB_RESTORE_FUNCTION")?.to_owned(),
        })
    }
}

/// The limits of these variables.
///
/// # Errors
/// The mistake in one.
pub fn limits(vars: &[(String, String)], prices: Prices) -> Result<Limits, SettingsError> {
    let mut limits = Limits::new(prices);
    let number = |name: &'static str, usual: f64| match value(vars, name) {
        None => Ok(usual),
        Some(text) => match text.parse::<f64>() {
            Ok(number) if (0.0..=1e15).contains(&number) => Ok(number),
            _ => Err(unexpected(name, text, "a number that is not negative")),
        },
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "in range"
    )]
    {
        limits.files = number("WEB_MAX_OBJECTS", limits.files as f64)? as u64;
        limits.bytes = number("WEB_MAX_BYTES", limits.bytes as f64)? as u64;
    }
    limits.usd = number("WEB_MAX_COST", limits.usd)?;
    Ok(limits)
}

fn value<'a>(vars: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = vars.iter().find(|(known, _)| known == name);
    found
        .map(|(_, value)| value.as_str())
        .filter(|value| !value.is_empty())
}

fn required<'a>(
    vars: &'a [(String, String)],
    name: &'static str,
) -> Result<&'a str, SettingsError> {
    value(vars, name).ok_or(SettingsError::NotSet { name })
}

fn unexpected(name: &'static str, value: &str, expected: &'static str) -> SettingsError {
    SettingsError::Unexpected {
        name,
        value: value.to_owned(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(more: &[(&str, &str)]) -> Vec<(String, String)> {
        let usual = [
            ("WEB_SIGN_IN", "cognito"),
            ("WEB_ISSUER", "https://issuer.example/pool"),
            ("WEB_SIGN_IN_URL", "https://page.example/"),
            ("WEB_CLIENT_ID", "client"),
            ("WEB_RESTORE_FUNCTION", "stack-restore"),
        ];
        let all = more.iter().chain(&usual);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_settings_say_where_to_sign_in_and_what_may_be_asked() {
        let settings = Settings::read(&vars(&[])).unwrap();

        let SignIn {
            authorize, token, ..
        } = &settings.sign_in;
        assert_eq!(
            authorize.as_deref(),
            Some("https://page.example/oauth2/authorize")
        );
        assert_eq!(token.as_deref(), Some("https://page.example/oauth2/token"));
        assert_eq!(settings.sign_in.origins(), ["https://page.example"]);
        let oidc = vars(&[("WEB_SIGN_IN", "oidc"), ("WEB_SIGN_IN_URL", "")]);
        let oidc = Settings::read(&oidc).unwrap();
        assert_eq!(oidc.sign_in.origins(), ["https://issuer.example"]);
        assert_eq!(oidc.sign_in.authorize, None);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let wrong = [
            ("WEB_SIGN_IN", "saml"),
            ("WEB_ISSUER", "issuer"),
            ("WEB_SIGN_IN_URL", "page"),
            ("WEB_CLIENT_ID", ""),
            ("WEB_ACCESS", "team"),
            ("WEB_RESTORE_FUNCTION", ""),
        ];
        for (name, value) in wrong {
            let problem = Settings::read(&vars(&[(name, value)])).unwrap_err();
            assert!(problem.to_string().contains(name), "{problem}");
        }
        let buckets = [
            ("SOURCE_BUCKET", "source"),
            ("DESTINATION_BUCKET", "backup"),
        ];
        let buckets = buckets.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = crate::config::Config::from_vars(buckets).unwrap();
        let prices = Limits::new(config.prices);
        for (name, value) in [
            ("WEB_MAX_COST", "-1"),
            ("WEB_MAX_BYTES", "1 GB"),
            ("WEB_MAX_OBJECTS", "NaN"),
        ] {
            let problem = limits(&vars(&[(name, value)]), prices.prices.clone()).unwrap_err();
            assert!(problem.to_string().contains(name), "{problem}");
        }
        let some = vars(&[("WEB_MAX_OBJECTS", "10"), ("WEB_MAX_COST", "0.5")]);
        let some = limits(&some, prices.prices.clone()).unwrap();
        assert_eq!((some.files, some.bytes, some.usd), (10, prices.bytes, 0.5));
    }
}
