//! The arguments of `s3-backup verify`.

use clap::Args;

use super::buckets::Sides;
use super::given;
use super::not_allowed::NotAllowed;
use super::output::OutputArguments;
use crate::config::MAX_CONCURRENCY;
use crate::model::Prefix;
use crate::request::{Depth, Request, SAMPLES, VerifyRequest, parts_of_sample};

pub const EXAMPLES: &str = "\
Examples:
  s3-backup verify s3://primary s3://backup
  s3-backup verify s3://primary s3://backup --deep --prefix accounts/
  s3-backup verify s3://primary s3://backup --sample 1/30
  s3-backup verify s3://primary s3://backup --deep --repair
  s3-backup verify s3://primary s3://backup --json | jq .verified
  s3-backup verify s3://primary s3://backup --jsonl | jq -r 'select(.verdict) | [.verdict, .key] | @tsv'

Two listings cost $0.01 for a million objects; --deep costs $1.60 more. With --sample 1/30
every day, each object is compared once in thirty days.

Exit codes: 0 nothing is missing or different, 1 could not run, 2 wrong usage,
3 ran, and something is missing, different or not known because of an error";

#[derive(Debug, Args)]
pub struct VerifyArguments {
    #[command(flatten)]
    sides: Sides,
    /// Upper bound of objects compared at once, 1 to 900 [env: BACKUP_MAX_CONCURRENCY]
    #[arg(long, value_name = "NUMBER")]
    max_concurrency: Option<String>,
    /// Only keys that start with it
    #[arg(long)]
    prefix: Option<String>,
    /// Compare objects one by one too: checksums, headers, metadata and tags
    #[arg(long)]
    deep: bool,
    /// Compare only a share of them one by one, such as `1/30`: the one of today
    #[arg(long, value_name = "1/N", value_parser = sample)]
    sample: Option<u16>,
    /// Another share than the one of today, 1 to N
    #[arg(long, value_name = "NUMBER", requires = "sample")]
    part: Option<u16>,
    /// Copy what is missing or different
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    pub output: OutputArguments,
}

fn sample(text: &str) -> Result<u16, NotAllowed> {
    parts_of_sample(text).ok_or(NotAllowed(SAMPLES))
}

impl VerifyArguments {
    pub fn settings(&self) -> Vec<(String, String)> {
        let mut vars = self.sides.vars();
        vars.extend(given([(&MAX_CONCURRENCY, &self.max_concurrency)]));
        vars
    }

    pub fn request(&self) -> Request {
        Request::Verify(VerifyRequest {
            prefix: self.prefix.as_deref().map(Prefix::new),
            depth: Depth::new(self.deep, self.sample, self.part),
            repair: self.repair,
        })
    }
}
