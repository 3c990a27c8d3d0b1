//! The settings of a run, or of a plan of one.

use clap::Args;

use super::buckets::Sides;
use super::given;
use super::price_file::{PriceFileError, read_price_table};
use crate::config::{DELETIONS, MAX_CONCURRENCY, MODE, Variable};
use crate::model::Prefix;
use crate::request::{BackupRequest, Intent, Request};

/// The settings of a run, or of a plan of one.
#[derive(Debug, Args)]
pub struct Settings {
    #[command(flatten)]
    sides: Sides,
    /// `incremental`, or `full`: copy everything again [env: BACKUP_MODE]
    #[arg(long, value_parser = ["incremental", "full"])]
    mode: Option<String>,
    /// What to do about objects that are gone from the source: `keep`, or `mark` them as deleted
    /// in the backup, whose versions stay [env: BACKUP_DELETIONS]
    #[arg(long, value_parser = ["keep", "mark"])]
    deletions: Option<String>,
    /// Upper bound of copies in flight, 1 to 900 [env: BACKUP_MAX_CONCURRENCY]
    #[arg(long, value_name = "NUMBER")]
    max_concurrency: Option<String>,
    /// Only keys that start with it, in this run
    #[arg(long)]
    prefix: Option<String>,
    /// A file with the price table to count with; the variable holds the table itself
    /// [env: BACKUP_PRICES]
    #[arg(long, value_name = "FILE")]
    prices: Option<String>,
}

impl Settings {
    /// The variables that they set.
    pub fn vars(&self) -> Vec<(String, String)> {
        let flags: [(&Variable, &Option<String>); 3] = [
            (&MODE, &self.mode),
            (&DELETIONS, &self.deletions),
            (&MAX_CONCURRENCY, &self.max_concurrency),
        ];
        let mut vars = self.sides.vars();
        vars.extend(given(flags));
        vars
    }

    /// The variable of the price table, read from its file; none if no file is named.
    ///
    /// # Errors
    /// Why there is none.
    pub fn price_table(&self) -> Result<Option<(String, String)>, PriceFileError> {
        read_price_table(self.prices.as_deref())
    }

    /// The settings that are asked for.
    pub fn request(&self, intent: Intent, confirm: Option<String>) -> Request {
        Request::Backup(BackupRequest {
            prefix: self.prefix.as_deref().map(Prefix::new),
            confirm,
            intent,
            ..BackupRequest::default()
        })
    }
}
