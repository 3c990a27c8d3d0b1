//! The two sides of a command: as flags, or by position as in `aws s3 sync` and `rclone sync`.

use clap::Args;

use crate::config::{DESTINATION_BUCKET, EXCLUDE, INCLUDE, SOURCE_BUCKET, Variable};

/// The source, and where it is backed up to.
#[derive(Debug, Args)]
pub struct Buckets {
    /// The bucket to back up, such as `s3://bucket/prefix`
    #[arg(value_name = "SOURCE", conflicts_with = "source")]
    from: Option<String>,
    /// The versioned bucket that keeps the backup, or several
    #[arg(value_name = "DESTINATION", conflicts_with = "destination")]
    to: Vec<String>,
    /// The same: `bucket` or `s3://bucket/prefix` [env: SOURCE_BUCKET]
    #[arg(long, value_name = "BUCKET")]
    source: Option<String>,
    /// The same; can be repeated, or name several, separated by commas [env: DESTINATION_BUCKET]
    #[arg(long, value_name = "BUCKETS")]
    destination: Vec<String>,
}

/// The two sides of a comparison, and which keys are compared.
#[derive(Debug, Args)]
pub struct Sides {
    #[command(flatten)]
    buckets: Buckets,
    /// Only keys that match one of these globs, separated by commas; can be repeated
    /// [env: BACKUP_INCLUDE]
    #[arg(long, value_name = "GLOBS")]
    include: Vec<String>,
    /// No keys that match one of these globs; wins over --include [env: BACKUP_EXCLUDE]
    #[arg(long, value_name = "GLOBS")]
    exclude: Vec<String>,
}

impl Buckets {
    /// The variables that they set.
    pub fn vars(&self) -> Vec<(String, String)> {
        let source = self.from.as_ref().or(self.source.as_ref());
        let source = source.map(|source| (SOURCE_BUCKET.name.to_owned(), source.clone()));
        let destination = if self.to.is_empty() {
            &self.destination
        } else {
            &self.to
        };
        let destination = listed(&DESTINATION_BUCKET, destination);
        source.into_iter().chain(destination).collect()
    }
}

impl Sides {
    /// The variables that they set.
    pub fn vars(&self) -> Vec<(String, String)> {
        let globs = [
            listed(&INCLUDE, &self.include),
            listed(&EXCLUDE, &self.exclude),
        ];
        let buckets = self.buckets.vars().into_iter();
        buckets.chain(globs.into_iter().flatten()).collect()
    }
}

/// The variable of a flag that can be repeated; none if it was not given.
pub fn listed(variable: &Variable, values: &[String]) -> Option<(String, String)> {
    let given = !values.is_empty();
    given.then(|| (variable.name.to_owned(), values.join(",")))
}
