//! Flags of every command: where S3 is, who asks, and how much is said.

use std::sync::OnceLock;
use std::time::Duration;

use clap::{ArgAction, Args};

use super::terminal::parse_duration;
use crate::s3::Overrides;

/// They do not change once the arguments are read.
static GLOBAL: OnceLock<Global> = OnceLock::new();

/// How often a line of progress is written where stderr is no terminal: as rclone does, but for a log.
const USUAL_STATS: &str = "30s";

/// The flags.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Profile of the AWS CLI's files [env: AWS_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// Region to begin with; those of the buckets are found [env: AWS_REGION]
    #[arg(long, global = true, value_name = "REGION")]
    region: Option<String>,
    /// Address of an S3-compatible server [env: AWS_ENDPOINT_URL]
    #[arg(long, global = true, value_name = "URL")]
    endpoint_url: Option<String>,
    /// Log what is done to stderr; -vv logs more [env: RUST_LOG]
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Print nothing but errors, and no progress
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Show no progress
    #[arg(long, global = true)]
    no_progress: bool,
    /// Write a line of progress so often where stderr is no terminal; `0s` for none
    #[arg(long, global = true, value_name = "TIME", default_value = USUAL_STATS, value_parser = parse_duration)]
    stats: Duration,
}

impl Global {
    /// Makes them those of the process.
    pub fn set(self) {
        // Arguments are read once.
        let _ = GLOBAL.set(self);
    }

    /// Those of the process.
    pub fn get() -> &'static Self {
        GLOBAL.get_or_init(Self::default)
    }

    /// Whether only errors are printed.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The filter of the log that is asked for, as `RUST_LOG` has it.
    pub fn log_filter(&self) -> Option<&'static str> {
        match self.verbose {
            0 => None,
            1 => Some("warn,s3_backup=info"),
            _ => Some("debug"),
        }
    }

    /// How often a line of progress is written where stderr is no terminal; none for never.
    pub fn stats(&self) -> Option<Duration> {
        (self.shows_progress() && !self.stats.is_zero()).then_some(self.stats)
    }

    /// Whether progress is shown at all.
    pub fn shows_progress(&self) -> bool {
        !self.quiet && !self.no_progress
    }

    /// The flag of the profile, if it was given.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// What counts more than the environment.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            profile: self.profile.clone(),
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
        }
    }

    /// The variables that they set.
    pub fn vars(&self) -> impl Iterator<Item = (String, String)> {
        let flags = [
            ("AWS_PROFILE", &self.profile),
            ("AWS_REGION", &self.region),
            ("AWS_ENDPOINT_URL", &self.endpoint_url),
        ];
        let given = flags
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        given.collect::<Vec<_>>().into_iter()
    }
}
