//! Whose history is read: a job by its settings, and its state in each backup bucket.
//!
//! Nothing is written, and no lease is taken: a run may go on meanwhile.

use clap::Args;

use super::{Exit, connect, refuse, show};
use crate::config::{Config, ConfigError, DESTINATION_BUCKET, SOURCE_BUCKET};
use crate::handler;
use crate::history::History;
use crate::model::{BucketName, Job, Location, Placement};
use crate::run::StartError;
use crate::s3::Bucket;

/// The settings that tell one job from another.
#[derive(Debug, Args)]
pub struct JobArguments {
    /// The bucket that is backed up: `bucket` or `s3://bucket/prefix` [env: SOURCE_BUCKET]
    #[arg(long, value_name = "BUCKET")]
    source: Option<String>,
    /// The bucket that keeps the backup, or several, separated by commas [env: DESTINATION_BUCKET]
    #[arg(long, value_name = "BUCKETS")]
    destination: Option<String>,
}

/// A job in one of its destinations.
pub struct JobDestination {
    /// What is backed up.
    pub source: Location,
    /// Where to.
    pub destination: BucketName,
    /// Whose state it is.
    pub job: Job,
    /// What was backed up when.
    pub history: History,
    /// The backup bucket.
    pub bucket: Bucket,
    /// Where the backups are in it.
    pub placement: Placement,
}

impl JobArguments {
    /// Finds the job in all of its destinations.
    ///
    /// # Errors
    /// How to end: the settings are wrong, or a destination cannot be reached. It has been said why.
    pub async fn places(&self) -> Result<Vec<JobDestination>, Exit> {
        let config = self.config().map_err(|error| refuse(&error.into()))?;
        let connections = connect(&handler::environment()).await?;
        let mut places = Vec::new();
        for to in config.destinations {
            let name = to.location.bucket;
            let found = connections.bucket(&name, to.owner.as_ref()).await;
            let bucket = found.map_err(|error| refuse(&StartError::destination(&error).into()))?;
            let job = Job::new(&config.source, &to.placement);
            places.push(JobDestination {
                source: config.source.clone(),
                destination: name,
                history: History::open(bucket.clone(), job.clone()).await,
                job,
                bucket,
                placement: to.placement,
            });
        }
        Ok(places)
    }

    /// Finds the job in its only destination.
    ///
    /// # Errors
    /// As those of [`JobArguments::places`], and when there are several destinations.
    pub async fn place(&self) -> Result<JobDestination, Exit> {
        let places = self.places().await?;
        let Ok([place]) = <[JobDestination; 1]>::try_from(places) else {
            show::error(
                "several destinations are configured, and each has snapshots of its own; \
                 choose one with --destination",
            );
            return Err(Exit::Usage);
        };
        Ok(place)
    }

    fn config(&self) -> Result<Config, ConfigError> {
        let flags = [
            (&SOURCE_BUCKET, &self.source),
            (&DESTINATION_BUCKET, &self.destination),
        ];
        let given = flags.into_iter().filter_map(|(variable, value)| {
            let value = value.as_ref()?;
            Some((variable.name.to_owned(), value.clone()))
        });
        Config::from_vars(handler::environment().into_iter().chain(given))
    }
}
