//! The profile that is asked for, looked up before it is used: the SDK goes on without one that does not
//! exist, and then misses credentials for another reason.

use std::env;

use aws_config::meta::region::ProvideRegion;
use aws_config::profile::{self, ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::os_shim_internal::{Env, Fs};

/// What counts more than the environment: the flags of the command line, as the AWS CLI has them.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The profile, whose credentials count more than keys in the environment.
    pub profile: Option<String>,
    /// The region to begin with.
    pub region: Option<String>,
    /// The address of the server.
    pub endpoint_url: Option<String>,
}

impl Overrides {
    pub(super) async fn over(self, client: SharedHttpClient) -> ConfigLoader {
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
        if let Some(name) = self.profile {
            // The SDK looks into the environment first, whatever profile is named.
            let config = ProviderConfig::without_region().with_http_client(client.clone());
            let named = self.region.clone().or_else(|| env::var("AWS_REGION").ok());
            let region = match named {
                Some(region) => Some(Region::new(region)),
                None => of_profile(&config, &name).await,
            };
            let credentials = ProfileFileCredentialsProvider::builder()
                .configure(&config.with_region(region))
                .profile_name(&name)
                .build();
            loader = loader.credentials_provider(credentials).profile_name(name);
        }
        if let Some(region) = self.region {
            loader = loader.region(Region::new(region));
        }
        if let Some(url) = self.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        loader.http_client(client)
    }
}

/// The region of a profile. The SDK's own chain would ask the machine's metadata service too, without our client.
async fn of_profile(config: &ProviderConfig, name: &str) -> Option<Region> {
    let provider = ProfileFileRegionProvider::builder()
        .configure(config)
        .profile_name(name)
        .build();
    provider.region().await
}

/// Why the profile of that name, which that setting asks for, cannot be used; none if there is one.
pub async fn profile_problem(setting: &str, name: &str) -> Option<String> {
    let files = Box::pin(profile::load(
        &Fs::real(),
        &Env::real(),
        &<_>::default(),
        None,
    ))
    .await;
    let profiles = match files {
        Ok(profiles) => profiles,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let problem = cause.unwrap_or_else(|| error.to_string());
            return Some(format!(
                "cannot read the profiles of the AWS CLI: {problem}"
            ));
        }
    };
    if profiles.get_profile(name).is_some() {
        return None;
    }
    let mut known: Vec<&str> = profiles.profiles().collect();
    known.sort_unstable();
    let known = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    Some(format!(
        "{setting} = {name:?} is not a profile of the AWS CLI's files; known: {known}"
    ))
}
