//! Whose history is read: a job by its settings, and its state in each backup bucket.
//!
//! Nothing is written, and no lease is taken: a run may go on meanwhile.

use std::num::NonZeroU32;

use clap::Args;

use super::buckets::listed;
use super::environment::{connect, environment};
use super::{Exit, refuse, show};
use crate::config::{Config, DESTINATION_BUCKET, SOURCE_BUCKET};
use crate::history::History;
use crate::model::{BucketName, Job, Location, Placement, Prefix};
use crate::run::StartError;
use crate::s3::Bucket;

/// The settings that tell one job from another, of commands that have other arguments by position.
#[derive(Debug, Args)]
pub struct JobArguments {
    /// The bucket that is backed up: `bucket` or `s3://bucket/prefix` [env: SOURCE_BUCKET]
    #[arg(long, value_name = "BUCKET")]
    source: Option<String>,
    /// The bucket that keeps the backup; can be repeated, or name several, separated by commas
    /// [env: DESTINATION_BUCKET]
    #[arg(long, value_name = "BUCKETS")]
    destination: Vec<String>,
}

/// A job in one of its destinations.
pub struct JobDestination {
    /// The bucket and prefix that are backed up.
    pub source: Location,
    /// Where to.
    pub destination: BucketName,
    /// Where in it.
    pub prefix: Prefix,
    /// Whose state it is.
    pub job: Job,
    /// What was backed up when.
    pub history: History,
    /// The backup bucket.
    pub bucket: Bucket,
    /// Where the backups are in it.
    pub placement: Placement,
    /// Days for which the runs stay restore points; none for ever.
    pub history_days: Option<NonZeroU32>,
}

impl JobDestination {
    /// The destination with its prefix, as the command line takes it.
    pub fn shown(&self) -> String {
        let location = Location {
            bucket: self.destination.clone(),
            prefix: self.prefix.clone(),
        };
        location.to_string()
    }
}

/// Finds the job of these settings, over those of the environment, in all of its destinations.
///
/// # Errors
/// How to end: the settings are wrong, or a destination cannot be reached. It has been said why.
pub async fn places(settings: Vec<(String, String)>) -> Result<Vec<JobDestination>, Exit> {
    let mut vars = environment();
    vars.extend(settings);
    let config = Config::from_vars(vars.iter().cloned());
    let config = config.map_err(|error| refuse(&error.into()))?;
    let connections = connect(&vars).await?;
    let mut places = Vec::new();
    for to in config.destinations {
        let name = to.location.bucket;
        let found = connections.bucket(&name, &to.access).await;
        let bucket = found.map_err(|error| refuse(&StartError::destination(&error).into()))?;
        let job = Job::new(&config.source, &to.placement);
        places.push(JobDestination {
            source: config.source.clone(),
            destination: name,
            prefix: to.location.prefix,
            history: History::open(bucket.clone(), job.clone()).await,
            job,
            bucket,
            placement: to.placement,
            history_days: config.history_days,
        });
    }
    Ok(places)
}

impl JobArguments {
    /// Finds the job in all of its destinations.
    ///
    /// # Errors
    /// As those of [`places`].
    pub async fn places(&self) -> Result<Vec<JobDestination>, Exit> {
        places(self.vars()).await
    }

    /// Finds the job in its only destination.
    ///
    /// # Errors
    /// As those of [`places`], and when there are several destinations.
    pub async fn place(&self) -> Result<JobDestination, Exit> {
        let places = self.places().await?;
        let Ok([place]) = <[JobDestination; 1]>::try_from(places) else {
            show::refusal(
                "UsageError",
                "several destinations are configured, and each has snapshots of its own; \
                 choose one with --destination",
            );
            return Err(Exit::Usage);
        };
        Ok(place)
    }

    fn vars(&self) -> Vec<(String, String)> {
        let source = self.source.as_ref();
        let source = source.map(|source| (SOURCE_BUCKET.name.to_owned(), source.clone()));
        let destination = listed(&DESTINATION_BUCKET, &self.destination);
        source.into_iter().chain(destination).collect()
    }
}
