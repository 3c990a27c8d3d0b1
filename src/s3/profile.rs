//! The profile that is asked for, looked up before it is used: the SDK goes on without one that does not
//! exist, and then misses credentials for another reason.

use aws_config::profile;
use aws_types::os_shim_internal::{Env, Fs};

/// Why the profile of that name cannot be used; none if there is one.
pub async fn profile_problem(name: &str) -> Option<String> {
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
        "AWS_PROFILE = {name:?} is not a profile of the AWS CLI's files; known: {known}"
    ))
}
