//! Where S3 is, and how its buckets are named: by the settings that the AWS CLI reads, too.

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

/// Where S3 is, if it is not AWS's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Its URL; AWS's own without one.
    pub url: Option<String>,
    /// Whether buckets are named in the path, not in the host.
    pub path_style: bool,
}

impl Endpoint {
    /// As the environment and the profile say.
    pub fn of(base: &SdkConfig) -> Self {
        let url = match setting(base, "AWS_ENDPOINT_URL", "endpoint_url") {
            Some(url) if !base.get_origin("endpoint_url").is_client_config() => Some(url),
            _ => base.endpoint_url().map(str::to_owned),
        };
        // Servers at addresses of their own seldom have a host name for each bucket.
        let path_style = match addressing_style(base).as_deref() {
            Some("path") => true,
            Some("virtual") => false,
            _ => url.is_some(),
        };
        let url = url.map(with_slash);
        Self { url, path_style }
    }

    /// Whether it is AWS's own, named or not: a region's, or one of a private network.
    pub fn is_aws(&self) -> bool {
        let Some(url) = &self.url else {
            return true;
        };
        let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let host = host.split(['/', ':', '?']).next().unwrap_or_default();
        let host = host.to_ascii_lowercase();
        AWS_DOMAINS.iter().any(|domain| host.ends_with(domain))
    }
}

/// The domains of S3's endpoints in all partitions, from the SDK's list of them.
const AWS_DOMAINS: [&str; 4] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
];

/// The file of certificates to trust, in the place of the system's.
pub(super) fn ca_bundle(base: &SdkConfig) -> Option<String> {
    setting(base, "AWS_CA_BUNDLE", "ca_bundle").filter(|path| !path.is_empty())
}

/// `addressing_style` in the section `s3` of the profile. No variable has it.
fn addressing_style(base: &SdkConfig) -> Option<String> {
    let section = setting(base, "", "s3")?;
    section.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "addressing_style").then(|| value.trim().to_owned())
    })
}

/// A setting of S3 or of all services, from the environment or the profile.
fn setting(base: &SdkConfig, variable: &str, profile: &str) -> Option<String> {
    setting_of("S3", base, variable, profile)
}

/// Where another service is, if it is not AWS's own.
pub(super) fn url_of(service: &str, base: &SdkConfig) -> Option<String> {
    let url = setting_of(service, base, "AWS_ENDPOINT_URL", "endpoint_url");
    url.or_else(|| base.endpoint_url().map(str::to_owned))
}

fn setting_of(service: &str, base: &SdkConfig, variable: &str, profile: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env(variable)
        .profile(profile)
        .build()
        .ok()?;
    base.service_config()?.load_config(key)
}

/// The SDK puts bucket and key right behind the path of an endpoint.
fn with_slash(url: String) -> String {
    let path = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'));
    match path {
        Some((_, path)) if !path.is_empty() && !path.ends_with('/') && !path.contains('?') => {
            url + "/"
        }
        _ => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_of_aws_are_told_from_others() {
        for (url, is_aws) in [
            (None, true),
            (Some("https://s3.eu-west-1.amazonaws.com"), true),
            (
                Some("https://bucket.vpce-1a2b-5e6f.s3.us-east-1.vpce.amazonaws.com/"),
                true,
            ),
            (Some("https://s3.cn-north-1.amazonaws.com.cn:443"), true),
            (Some("http://127.0.0.1:4566"), false),
            (Some("https://amazonaws.com.example.org"), false),
            (Some("https://example.org/s3.amazonaws.com"), false),
        ] {
            let url = url.map(str::to_owned);
            let endpoint = Endpoint {
                url,
                path_style: true,
            };
            assert_eq!(endpoint.is_aws(), is_aws, "{endpoint:?}");
        }
    }

    #[test]
    fn a_path_ends_with_a_slash() {
        for (given, joined) in [
            ("http://host/storage/v1/s3", "http://host/storage/v1/s3/"),
            ("http://host/storage/", "http://host/storage/"),
            ("http://host", "http://host"),
            ("http://host/", "http://host/"),
        ] {
            assert_eq!(with_slash(given.to_owned()), joined);
        }
    }
}
