//! Which proxy a request goes through, by the variables that curl and the AWS CLI read.
//!
//! If a name is set in both cases, the lower one counts. The addresses at which a machine asks for its own
//! credentials and region are never proxied: they mean another machine to the proxy.

use std::fmt;
use std::net::IpAddr;

use super::connect::Route;
use super::setting_error::SettingError;

/// The proxies, and what goes without them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Proxies {
    pub http: Option<Proxy>,
    pub https: Option<Proxy>,
    without: Vec<Rule>,
}

/// A proxy, or a setting that names none.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    /// Host and port, without user and password, for messages.
    pub name: String,
    /// The URL with all of it; or what is wrong with the variable.
    pub url: Result<String, SettingError>,
}

/// What goes without a proxy, by an entry of NO_PROXY.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    All,
    /// A domain, in lower case, and what is below it.
    Domain(String),
    /// Addresses that begin with so many of these bits.
    Network(IpAddr, u32),
}

impl Proxies {
    /// Reads them from variables. An empty one is as good as none.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        let either = |lower: &'static str, upper: &'static str| {
            let found = [lower, upper].into_iter().find_map(|name| {
                let value = var(name).filter(|value| !value.trim().is_empty())?;
                Some((name, value))
            });
            found.map(|(name, value)| (name, value.trim().to_owned()))
        };
        let proxy = |(name, value): (&str, String)| Proxy::read(name, &value);
        let all = || either("all_proxy", "ALL_PROXY");
        // A web server hands the header `Proxy` of a request to its programs under this name.
        let is_cgi = var("REQUEST_METHOD").is_some();
        let http = either(
            "http_proxy",
            if is_cgi { "http_proxy" } else { "HTTP_PROXY" },
        );
        let https = either("https_proxy", "HTTPS_PROXY");
        let without = either("no_proxy", "NO_PROXY").map(|(_, list)| rules(&list));
        Self {
            http: http.or_else(all).map(proxy),
            https: https.or_else(all).map(proxy),
            without: without.unwrap_or_default(),
        }
    }

    /// The proxy of a request; none if it goes without.
    pub fn proxy_of(&self, uri: &str) -> Option<&Proxy> {
        let (scheme, rest) = uri.split_once("://")?;
        let proxy = match scheme {
            "https" => self.https.as_ref(),
            _ => self.http.as_ref(),
        }?;
        let authority = rest.split(['/', '?']).next().unwrap_or(rest);
        let host = host_of(authority).to_ascii_lowercase();
        let goes_without = is_own(&host) || self.without.iter().any(|rule| rule.holds(&host));
        (!goes_without).then_some(proxy)
    }
}

/// Without the password: the SDK writes its HTTP client into the log where all is asked for.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proxy").field(&self.name).finish()
    }
}

impl Proxy {
    fn read(variable: &str, value: &str) -> Self {
        let with_scheme = if value.contains("://") {
            value.to_owned()
        } else {
            format!("http://{value}")
        };
        let (scheme, rest) = with_scheme.split_once("://").unwrap_or(("", value));
        let authority = rest.split(['/', '?']).next().unwrap_or(rest);
        let name = authority.rsplit('@').next().unwrap_or(authority).to_owned();
        let url = match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" if !host_of(&name).is_empty() => {
                let url = format!("{}://{authority}", scheme.to_ascii_lowercase());
                let variable = variable.to_owned();
                let route = Route::by_proxy(&url);
                route.map(|_| url).ok_or(SettingError::NoUrl { variable })
            }
            "http" | "https" => Err(SettingError::NoHost {
                variable: variable.to_owned(),
            }),
            other => Err(SettingError::OtherProxy {
                variable: variable.to_owned(),
                kind: other.to_owned(),
            }),
        };
        Self { name, url }
    }
}

impl Rule {
    fn holds(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Domain(domain) => host
                .strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
            Self::Network(network, bits) => host
                .parse()
                .is_ok_and(|address| is_within(address, *network, *bits)),
        }
    }
}

/// The entries of a list, separated by commas or blanks.
fn rules(list: &str) -> Vec<Rule> {
    let entries = list.split(|c: char| c == ',' || c.is_whitespace());
    entries
        .filter(|entry| !entry.is_empty())
        .map(rule)
        .collect()
}

fn rule(entry: &str) -> Rule {
    if entry == "*" {
        return Rule::All;
    }
    let (address, bits) = match entry.split_once('/') {
        Some((address, bits)) => (address, bits.parse().ok()),
        None => (entry, Some(u32::MAX)),
    };
    let address = address
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse();
    if let (Ok(address), Some(bits)) = (address, bits) {
        return Rule::Network(address, bits);
    }
    // `example.org`, `.example.org` and `*.example.org` mean the same.
    let domain = entry.strip_prefix('*').unwrap_or(entry);
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    Rule::Domain(host_of(domain).to_ascii_lowercase())
}

fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let differs = address.to_bits() ^ network.to_bits();
            differs.leading_zeros() >= bits.min(u32::BITS)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let differs = address.to_bits() ^ network.to_bits();
            differs.leading_zeros() >= bits.min(u128::BITS)
        }
        _ => false,
    }
}

/// Whether a machine asks there for what is its own: the metadata of instances and the credentials of
/// containers and pods.
fn is_own(host: &str) -> bool {
    host.starts_with("169.254.") || matches!(host, "fd00:ec2::254" | "fd00:ec2::23")
}

/// The host of an authority, without port and brackets.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(vars: &[(&str, &str)]) -> Proxies {
        Proxies::from_vars(|name| {
            let found = vars.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn name_of(vars: &[(&str, &str)], uri: &str) -> Option<String> {
        let proxies = proxies(vars);
        proxies.proxy_of(uri).map(|proxy| proxy.name.clone())
    }

    #[test]
    fn each_scheme_has_its_proxy_and_lower_case_counts() {
        let vars = [
            ("HTTP_PROXY", "http://upper:1"),
            ("http_proxy", "lower:2"),
            ("HTTPS_PROXY", "http://user:pass@secure:3/"),
            ("ALL_PROXY", "all:4"),
        ];

        assert_eq!(name_of(&vars, "http://s3/b").as_deref(), Some("lower:2"));
        assert_eq!(name_of(&vars, "https://s3/b").as_deref(), Some("secure:3"));
        assert_eq!(name_of(&vars[3..], "https://s3/").as_deref(), Some("all:4"));
        assert_eq!(name_of(&vars[..1], "https://s3/"), None);
        assert_eq!(name_of(&[("https_proxy", "")], "https://s3/"), None);
        let cgi = [("HTTP_PROXY", "evil:1"), ("REQUEST_METHOD", "GET")];
        assert_eq!(name_of(&cgi, "http://s3/"), None);
    }

    #[test]
    fn what_is_named_goes_without() {
        let without = |list: &str, host: &str| {
            let vars = [("https_proxy", "proxy:1"), ("NO_PROXY", list)];
            name_of(&vars, &format!("https://{host}/bucket?x=1")).is_none()
        };

        for (list, host) in [
            ("example.org", "example.org"),
            ("example.org", "s3.example.org:9000"),
            (".example.org", "s3.Example.ORG"),
            ("*.example.org", "s3.example.org"),
            ("a, b example.org", "example.org"),
            ("*", "anything"),
            ("10.0.0.0/8", "10.1.2.3:80"),
            ("10.1.2.3", "10.1.2.3"),
            ("fd00::/8", "[fd12::1]:9000"),
            ("[::1]", "[::1]"),
        ] {
            assert!(without(list, host), "{list}: {host}");
        }
        for (list, host) in [
            ("example.org", "notexample.org"),
            ("example.org", "example.org.evil"),
            ("10.0.0.0/8", "11.1.2.3"),
            ("10.1.2.3", "10.1.2.30"),
            ("", "example.org"),
        ] {
            assert!(!without(list, host), "{list}: {host}");
        }
    }

    #[test]
    fn a_machines_own_addresses_are_never_proxied() {
        let vars = [("http_proxy", "proxy:1")];

        for host in ["169.254.169.254", "169.254.170.2", "[fd00:ec2::254]"] {
            assert_eq!(name_of(&vars, &format!("http://{host}/latest")), None);
        }
    }

    #[test]
    fn a_password_is_not_written_into_the_log() {
        let written = format!(
            "{:?}",
            proxies(&[("https_proxy", "http://user:hunter2@secure:3")])
        );

        assert!(
            written.contains("secure:3") && !written.contains("hunter2"),
            "{written}"
        );
    }

    #[test]
    fn what_is_no_proxy_is_told() {
        let of = |value: &str| proxies(&[("HTTPS_PROXY", value)]).https.unwrap().url;

        assert!(
            of("socks5://p:1")
                .unwrap_err()
                .to_string()
                .contains("kind socks5")
        );
        assert!(
            of("http://")
                .unwrap_err()
                .to_string()
                .contains("names no host")
        );
        for value in ["http://us er:hunter2@p:1", "p q"] {
            let told = of(value).unwrap_err().to_string();
            assert!(
                told.contains("is no URL") && !told.contains("hunter2"),
                "{told}"
            );
        }
        assert_eq!(of("p:1"), Ok("http://p:1".to_owned()));
    }
}
