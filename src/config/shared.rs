//! The variables of AWS's tools that are read too, checked for form: what is not clean text is refused
//! by name, where the SDK would panic or send it.

use std::collections::BTreeMap;

/// What a variable holds, and so how it must look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A region's name.
    Region,
    /// An address of a service.
    Url,
    /// What must not be shown, and travels in a header.
    Secret,
    /// The name of a profile, a file or a role.
    Name,
}

const SHARED: [(&str, Kind); 19] = [
    ("AWS_REGION", Kind::Region),
    ("AWS_DEFAULT_REGION", Kind::Region),
    ("AWS_ENDPOINT_URL", Kind::Url),
    ("AWS_ENDPOINT_URL_S3", Kind::Url),
    ("AWS_ENDPOINT_URL_STS", Kind::Url),
    ("AWS_ENDPOINT_URL_SSO", Kind::Url),
    ("AWS_ENDPOINT_URL_SSO_OIDC", Kind::Url),
    ("AWS_ACCESS_KEY_ID", Kind::Secret),
    ("AWS_SECRET_ACCESS_KEY", Kind::Secret),
    ("AWS_SESSION_TOKEN", Kind::Secret),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", Kind::Secret),
    ("AWS_PROFILE", Kind::Name),
    ("AWS_CONFIG_FILE", Kind::Name),
    ("AWS_SHARED_CREDENTIALS_FILE", Kind::Name),
    ("AWS_CA_BUNDLE", Kind::Name),
    ("AWS_ROLE_ARN", Kind::Name),
    ("AWS_ROLE_SESSION_NAME", Kind::Name),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", Kind::Name),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", Kind::Name),
];

/// A variable of AWS's tools that cannot be meant so: its name, its value unless that is a secret, and
/// what is wrong.
pub(super) type Problem = (&'static str, Option<String>, Unclean);

/// Why a text is none that a setting can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unclean {
    /// No region.
    #[error("is empty; set it to a region, such as eu-west-1, or unset it")]
    EmptyRegion,
    /// No address.
    #[error("is empty; set it to a URL or unset it")]
    EmptyUrl,
    /// No name.
    #[error("is empty; set it or unset it")]
    Empty,
    /// It was copied with what stood around it.
    #[error("begins or ends with a blank; take it away")]
    OuterBlank,
    /// It is broken in two.
    #[error("has a blank in it; take it away")]
    InnerBlank,
    /// It is no address.
    #[error("is not a URL; allowed: such as https://host:port")]
    NotAUrl,
    /// It is no secret of AWS.
    #[error("has a character that no key has; copy it again")]
    NotASecret,
    /// It is no region.
    #[error("is not a region; allowed: such as eu-west-1")]
    NotARegion,
    /// It is a part of a region.
    #[error("is a zone, not a region; its region is probably {region}")]
    Zone {
        /// The region.
        region: String,
    },
    /// It is no text.
    #[error("is not UTF-8")]
    NotUtf8,
    /// It ends with a line break.
    #[error("ends with a line break; take it away")]
    LineBreak,
    /// A control character is in it.
    #[error("has a control character in it; take it away")]
    ControlCharacter,
}

/// All that is wrong with them.
pub(super) fn problems(vars: &BTreeMap<String, String>) -> Vec<Problem> {
    let endpoint = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"];
    let of_aws = !endpoint.iter().any(|name| vars.contains_key(*name));
    let wrong = SHARED.iter().filter_map(|(name, kind)| {
        let value = vars.get(*name)?;
        let problem = kind.problem(value, of_aws)?;
        let shown = (*kind != Kind::Secret).then(|| value.clone());
        Some((*name, shown, problem))
    });
    wrong.collect()
}

impl Kind {
    fn problem(self, value: &str, of_aws: bool) -> Option<Unclean> {
        if value.is_empty() {
            return self.empty();
        }
        if let Some(problem) = unclean(value) {
            return Some(problem);
        }
        if value.trim() != value {
            return Some(Unclean::OuterBlank);
        }
        match self {
            Self::Region => region_problem(value, of_aws),
            Self::Url if !["http://", "https://"].iter().any(|s| value.starts_with(s)) => {
                Some(Unclean::NotAUrl)
            }
            Self::Url if value.contains(char::is_whitespace) => Some(Unclean::InnerBlank),
            Self::Secret if !value.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Some(Unclean::NotASecret)
            }
            Self::Url | Self::Secret | Self::Name => None,
        }
    }

    /// The SDK takes empty credentials for none, and all else that is empty for a value.
    fn empty(self) -> Option<Unclean> {
        match self {
            Self::Region => Some(Unclean::EmptyRegion),
            Self::Url => Some(Unclean::EmptyUrl),
            Self::Name => Some(Unclean::Empty),
            Self::Secret => None,
        }
    }
}

/// What the value of a variable begins with that is not UTF-8. The environment cannot hold a NUL, so no other
/// value begins so; replacement characters alone would not tell, because a key may have them.
pub const NOT_UTF8: char = '\0';

/// Why a text is no clean text: it came from a file or a secret store as it was, or is no text at all.
pub(super) fn unclean(value: &str) -> Option<Unclean> {
    match unclean_for_keys(value) {
        None if value.contains(char::is_control) => Some(Unclean::ControlCharacter),
        problem => problem,
    }
}

/// The same of a text that is compared with keys, which may have any character. A line break at its end is
/// refused all the same: files and secret stores leave one, and a prefix that ends with it is none of any key.
pub(super) fn unclean_for_keys(value: &str) -> Option<Unclean> {
    if value.starts_with(NOT_UTF8) {
        Some(Unclean::NotUtf8)
    } else if value.ends_with(['\n', '\r']) {
        Some(Unclean::LineBreak)
    } else {
        None
    }
}

fn region_problem(value: &str, of_aws: bool) -> Option<Unclean> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !value.chars().all(allowed) {
        return Some(Unclean::NotARegion);
    }
    let region = region_of_zone(value).filter(|_| of_aws)?;
    Some(Unclean::Zone {
        region: region.to_owned(),
    })
}

/// The region of an availability zone (`eu-west-1a`) or of a local one (`us-west-2-lax-1a`).
fn region_of_zone(value: &str) -> Option<&str> {
    let digit = value.find(|c: char| c.is_ascii_digit())?;
    let (region, zone) = value.split_at(digit + 1);
    let words: Vec<&str> = region.split('-').collect();
    let named = words.len() >= 3 && words.iter().all(|word| !word.is_empty());
    let letter = zone.len() == 1 && zone.bytes().all(|byte| byte.is_ascii_lowercase());
    (named && (letter || zone.starts_with('-'))).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(name: &str, value: &str) -> String {
        let vars = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let mut found = problems(&vars);
        match found.pop() {
            Some((wrong, value, problem)) => format!("{wrong} {value:?} {problem}"),
            None => String::new(),
        }
    }

    #[test]
    fn what_is_clean_is_taken() {
        let cases = [
            ("AWS_REGION", "us-gov-west-1"),
            ("AWS_REGION", "eu-isoe-west-1"),
            ("AWS_REGION", "auto"),
            ("AWS_REGION", "fr-par"),
            ("AWS_REGION", "eu-central-003"),
            ("AWS_ENDPOINT_URL", "http://[::1]:9000/s3"),
            ("AWS_SESSION_TOKEN", ""),
            ("AWS_SECRET_ACCESS_KEY", "a/b+c="),
            ("AWS_CONFIG_FILE", "/home/me/my files/config"),
            ("AWS_UNKNOWN", "\n"),
        ];

        for (name, value) in cases {
            assert_eq!(problem(name, value), "", "{name}={value}");
        }
    }

    #[test]
    fn what_is_not_clean_is_refused_and_secrets_are_not_shown() {
        let cases = [
            ("AWS_REGION", "", "is empty"),
            ("AWS_REGION", "eu-west-1\n", "ends with a line break"),
            ("AWS_REGION", " eu-west-1", "blank"),
            (
                "AWS_REGION",
                "eu-west-1a",
                "its region is probably eu-west-1",
            ),
            (
                "AWS_DEFAULT_REGION",
                "us-west-2-lax-1a",
                "probably us-west-2",
            ),
            ("AWS_REGION", "eu west", "is not a region"),
            ("AWS_ENDPOINT_URL", "", "is empty"),
            ("AWS_ENDPOINT_URL", "localhost:9000", "is not a URL"),
            ("AWS_PROFILE", "a\tb", "control character"),
            ("AWS_PROFILE", "\0a\u{fffd}", "is not UTF-8"),
        ];
        for (name, value, part) in cases {
            let text = problem(name, value);
            assert!(text.contains(name), "{name}={value}: {text}");
            assert!(text.contains(part), "{value}: {text}");
        }

        for value in ["secret\n", "sec ret", "sécret", "secret "] {
            let text = problem("AWS_SECRET_ACCESS_KEY", value);
            assert!(text.starts_with("AWS_SECRET_ACCESS_KEY None "), "{text}");
        }
    }

    #[test]
    fn a_zone_is_a_region_of_a_server_of_ones_own() {
        let vars = [
            ("AWS_REGION", "eu-west-1a"),
            ("AWS_ENDPOINT_URL", "http://localhost:9000"),
        ];

        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));

        assert_eq!(problems(&BTreeMap::from(vars)), []);
    }
}
