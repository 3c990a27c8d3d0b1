//! `s3-backup drill`: arguments in, the payload of the same words out.

use clap::Args;
use serde_json::{Map, Value};

use super::output::Output;
use super::{Exit, Prepared, given, read_price_table, show};
use crate::app::AppError;
use crate::config::{DESTINATION_BUCKET, MAX_CONCURRENCY, SOURCE_BUCKET};
use crate::request;

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup drill --to s3://scratch/drills/ --source primary --destination backup
  s3-backup drill --to s3://scratch/ --sample 0.1% --run latest~1
  s3-backup drill --to s3://scratch/ --sample '10 GiB' --thaw --tier bulk
  s3-backup drill --to s3://scratch/ --json | jq .restore.drill

It restores below a prefix of its own, compares every property with the snapshot and the version,
and marks what it restored as deleted. What it found lies below .s3-backup/{job}/drills/ in the
backup bucket. A drill that waits for an archived version goes on with `s3-backup restore
--continue ID`.

Exit codes: 0 passed, 1 could not run, 2 wrong usage, 3 failed, incomplete, or waiting for archives";

/// Its arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The backup bucket to read, of several destinations, instead of the first one
    #[arg(long, value_name = "BUCKET")]
    from: Option<String>,
    /// The scratch place: a bucket that is neither the source nor a backup, and a prefix
    #[arg(long, value_name = "S3_URL")]
    to: String,
    /// How much: a number of objects, a share such as `0.5%`, or bytes such as `10 GiB`
    #[arg(long, value_name = "HOW_MUCH", default_value = "100")]
    sample: String,
    /// The run: its id or the beginning of it, `latest`, `latest~1`
    #[arg(long, value_name = "RUN", default_value = "latest")]
    run: String,
    /// Ask for one archived version, too, and wait for it
    #[arg(long)]
    thaw: bool,
    /// How it is asked for: `standard`, `bulk` or `expedited`
    #[arg(long)]
    tier: Option<String>,
    /// Days that it stays readable
    #[arg(long, value_name = "DAYS")]
    thawed_days: Option<u32>,
    /// Print the result as the Lambda returns it
    #[arg(long)]
    json: bool,
    /// The bucket that is backed up: `bucket` or `s3://bucket/prefix` [env: SOURCE_BUCKET]
    #[arg(long, value_name = "BUCKET")]
    source: Option<String>,
    /// The bucket that keeps the backup [env: DESTINATION_BUCKET]
    #[arg(long, value_name = "BUCKET")]
    destination: Option<String>,
    /// Upper bound of copies in flight, 1 to 900 [env: BACKUP_MAX_CONCURRENCY]
    #[arg(long, value_name = "NUMBER")]
    max_concurrency: Option<String>,
    /// A file with the price table to count with [env: BACKUP_PRICES]
    #[arg(long, value_name = "FILE")]
    prices: Option<String>,
}

/// Rehearses a restore.
pub async fn drill(arguments: &Arguments) -> Exit {
    let request = match request::parse(&Value::Object(arguments.payload())) {
        Ok(request) => request,
        Err(error) => return super::refuse(&AppError::Request(error)),
    };
    let mut vars = given([
        (&SOURCE_BUCKET, &arguments.source),
        (&DESTINATION_BUCKET, &arguments.destination),
        (&MAX_CONCURRENCY, &arguments.max_concurrency),
    ]);
    match read_price_table(arguments.prices.as_deref()) {
        Ok(table) => vars.extend(table),
        Err(error) => {
            show::error(&error.to_string());
            return Exit::Usage;
        }
    }
    match Prepared::new(vars).await {
        Ok(prepared) => prepared.run(&request, Output::json(arguments.json)).await,
        Err(exit) => exit,
    }
}

impl Arguments {
    fn payload(&self) -> Map<String, Value> {
        let texts = [
            ("operation", Some("drill")),
            ("from", self.from.as_deref()),
            ("to", Some(self.to.as_str())),
            ("sample", Some(self.sample.as_str())),
            ("run", Some(self.run.as_str())),
            ("tier", self.tier.as_deref()),
        ];
        let texts = texts
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))));
        let mut payload: Map<String, Value> = texts.collect();
        if self.thaw {
            payload.insert("thaw".to_owned(), Value::Bool(true));
        }
        let days = self.thawed_days;
        payload.extend(days.map(|days| ("thawed_days".to_owned(), days.into())));
        payload
    }
}
