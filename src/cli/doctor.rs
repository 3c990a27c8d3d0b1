//! `s3-backup doctor`: what is wrong with the backup buckets although runs can write to them, and the cure.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::buckets::Buckets;
use super::job::places;
use super::terminal::printable;
use super::{Exit, show};
use crate::checks::{BucketCheck, CheckResult, examine, examine_old_state};

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup doctor s3://primary s3://backup
  s3-backup doctor --source primary --destination backup --json | jq '.buckets[].checks[]'

It looks at versioning, default encryption, public access, lifecycle, Object Lock and replication of
each backup bucket, and changes nothing. What you may not look at is left out, and named.

Exit codes: 0 all is as it should be, 1 could not run, 2 wrong usage, 3 there is something to cure,
or to look at with more rights";

/// Its arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    buckets: Buckets,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct DoctorJson {
    healthy: bool,
    buckets: Vec<BucketJson>,
}

#[derive(Debug, Serialize)]
struct BucketJson {
    bucket: String,
    checks: Vec<BucketCheck>,
}

/// Looks at the buckets, and tells.
pub async fn tell(arguments: &Arguments) -> Exit {
    arguments.tell().await.unwrap_or_else(|exit| exit)
}

impl Arguments {
    async fn tell(&self) -> Result<Exit, Exit> {
        let mut buckets = Vec::new();
        for place in places(self.buckets.vars()).await? {
            let versioning = place.bucket.versioning_setting().await;
            let settings = place.bucket.settings(versioning).await;
            let mut checks = examine(&settings, &place.source.bucket, place.prefix.as_str());
            let (below, days) = (place.job.key(""), place.history_days);
            checks.push(examine_old_state(&settings, below.as_str(), days));
            buckets.push(BucketJson {
                bucket: place.destination.to_string(),
                checks,
            });
        }
        let mut checks = buckets.iter().flat_map(|bucket| &bucket.checks);
        let healthy = checks.all(|check| check.result == CheckResult::Ok);
        if self.json {
            show::write(&show::json(&DoctorJson { healthy, buckets })?)?;
        } else {
            let text: String = buckets.iter().map(text).collect();
            show::write_unless_quiet(&text)?;
        }
        Ok(if healthy {
            Exit::Complete
        } else {
            Exit::Incomplete
        })
    }
}

fn text(bucket: &BucketJson) -> String {
    let mut text = format!("{}\n", bucket.bucket);
    for check in &bucket.checks {
        let result = match check.result {
            CheckResult::Ok => "ok",
            CheckResult::Warning => "warning",
            CheckResult::Unknown => "unknown",
        };
        let message = printable(&check.message);
        let _ = writeln!(text, "  {result:<8} {:<14} {message}", check.setting);
        if let Some(cure) = &check.cure {
            let _ = writeln!(text, "  {:<8} {:<14} {}", "", "", printable(cure));
        }
    }
    text
}
