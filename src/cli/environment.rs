//! The environment with the flags over it, and the way to S3 that both describe.

use super::global::Global;
use super::{Exit, show};
use crate::config;
use crate::process;
use crate::s3::{Connections, profile_problem};

/// The environment, with the flags over it. Variables that look like settings and are none, such as a
/// `BACKUP_BUCKET` of somebody's shell, are left out.
pub fn environment() -> Vec<(String, String)> {
    let vars = process::environment().into_iter();
    let known = vars.filter(|(name, _)| config::unknown(name).is_none());
    known.chain(Global::get().vars()).collect()
}

/// Says which variables look like settings and are none.
pub fn warn_of_unknown_variables() {
    let vars = process::environment().into_iter();
    for (name, _) in vars.filter(|(_, value)| !value.is_empty()) {
        if let Some(problem) = config::unknown(&name) {
            show::warning(&format!("variable {name} {problem}; it is ignored"));
        }
    }
}

/// The way to S3, with the profile that is asked for.
///
/// # Errors
/// How to end: there is no such profile.
pub async fn connect(vars: &[(String, String)]) -> Result<Connections, Exit> {
    let global = Global::get();
    let mut profiles = vars.iter().rev().filter(|(name, _)| name == "AWS_PROFILE");
    if let Some((variable, name)) = profiles.next() {
        let setting = match global.profile() {
            Some(_) => "--profile",
            None => variable,
        };
        if let Some(problem) = profile_problem(setting, name).await {
            show::refusal("ConfigError", &problem);
            return Err(Exit::Usage);
        }
    }
    Ok(Connections::from_env_with(global.overrides()).await)
}
