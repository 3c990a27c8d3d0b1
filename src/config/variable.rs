//! The settings by name: the environment variables, and the flags that set them.

/// A setting: the environment variable, and the flag of the command line that sets it.
#[derive(Debug, PartialEq, Eq)]
pub struct Variable {
    /// The environment variable's name.
    pub name: &'static str,
    /// The flag, where there is one.
    pub flag: Option<&'static str>,
}

impl Variable {
    /// Its name, with its flag.
    pub(super) fn shown(&self) -> String {
        match self.flag {
            Some(flag) => format!("{} ({flag})", self.name),
            None => self.name.to_owned(),
        }
    }

    /// Whether its value is compared with keys, which may have any character.
    pub(super) fn holds_keys(&self) -> bool {
        [&SOURCE_PREFIX, &DESTINATION_PREFIX, &INCLUDE, &EXCLUDE].contains(&self)
    }
}

const fn variable(name: &'static str) -> Variable {
    Variable { name, flag: None }
}

const fn with_flag(name: &'static str, flag: &'static str) -> Variable {
    let flag = Some(flag);
    Variable { name, flag }
}

/// The primary bucket.
pub const SOURCE_BUCKET: Variable = with_flag("SOURCE_BUCKET", "--source");
/// The backup bucket or buckets.
pub const DESTINATION_BUCKET: Variable = with_flag("DESTINATION_BUCKET", "--destination");
/// Globs of keys to back up.
pub const INCLUDE: Variable = with_flag("BACKUP_INCLUDE", "--include");
/// Globs of keys to leave out.
pub const EXCLUDE: Variable = with_flag("BACKUP_EXCLUDE", "--exclude");
/// `incremental` or `full`.
pub const MODE: Variable = with_flag("BACKUP_MODE", "--mode");
/// What to do about objects that are gone.
pub const DELETIONS: Variable = with_flag("BACKUP_DELETIONS", "--deletions");
/// Upper bound of copies in flight.
pub const MAX_CONCURRENCY: Variable = with_flag("BACKUP_MAX_CONCURRENCY", "--max-concurrency");
/// The price table: JSON in the variable, a file of it after the flag.
pub const PRICES: Variable = with_flag("BACKUP_PRICES", "--prices");

/// Deletions that need no confirmation.
pub const MAX_DELETIONS: Variable = variable("BACKUP_MAX_DELETIONS");
/// The share of the backup, in percent, whose deletion needs no confirmation.
pub const MAX_DELETIONS_PERCENT: Variable = variable("BACKUP_MAX_DELETIONS_PERCENT");

pub(super) const SOURCE_PREFIX: Variable = variable("BACKUP_SOURCE_PREFIX");
pub(super) const DESTINATION_PREFIX: Variable = variable("BACKUP_DESTINATION_PREFIX");
pub(super) const STORAGE_CLASS: Variable = variable("BACKUP_STORAGE_CLASS");
pub(super) const KMS_KEY_ID: Variable = variable("BACKUP_KMS_KEY_ID");
pub(super) const SSE: Variable = variable("BACKUP_SSE");
pub(super) const INCLUDE_TAGS: Variable = variable("BACKUP_INCLUDE_TAGS");
pub(super) const MULTIPART_THRESHOLD: Variable = variable("BACKUP_MULTIPART_THRESHOLD");
pub(super) const WEBSITE_REDIRECTS: Variable = variable("BACKUP_WEBSITE_REDIRECTS");
pub(super) const EXPECTED_OWNER: Variable = variable("BACKUP_EXPECTED_OWNER");
pub(super) const SOURCE_OWNER: Variable = variable("BACKUP_SOURCE_OWNER");
pub(super) const REQUEST_PAYER: Variable = variable("BACKUP_REQUEST_PAYER");
/// The topic that is told of each run.
pub const SNS_TOPIC_ARN: Variable = variable("BACKUP_SNS_TOPIC_ARN");
/// Which runs it is told of.
pub const NOTIFY: Variable = variable("BACKUP_NOTIFY");
/// Dollars that a run may spend on copies.
pub const MAX_COST_USD: Variable = variable("BACKUP_MAX_COST_USD");
/// The name of the job in metrics.
pub const JOB_NAME: Variable = variable("BACKUP_JOB_NAME");
/// The jobs that the watch looks at.
pub const WATCH_JOBS: Variable = variable("BACKUP_WATCH_JOBS");
/// What to do when an unusual share of the objects has changed.
pub const UNUSUAL: Variable = variable("BACKUP_UNUSUAL");
/// The share of known objects, in percent, up to which changes are not unusual.
pub const UNUSUAL_CHANGE_PERCENT: Variable = variable("BACKUP_UNUSUAL_CHANGE_PERCENT");
/// Days for which runs stay restore points.
pub(super) const HISTORY_DAYS: Variable = variable("BACKUP_HISTORY_DAYS");
/// Whether runs that stop are continued, by the state machine of the stack.
pub const CONTINUATION: Variable = variable("BACKUP_CONTINUATION");
/// The address that is told of each complete run.
pub const HEARTBEAT_URL: Variable = variable("BACKUP_HEARTBEAT_URL");
/// Objects of more bytes are left by events to the nightly run.
pub const EVENT_MAX_SIZE: Variable = variable("BACKUP_EVENT_MAX_SIZE");
/// What events do about objects whose tags changed.
pub const EVENT_TAGS: Variable = variable("BACKUP_EVENT_TAGS");
/// Whether another function answers events.
pub const EVENTS: Variable = variable("BACKUP_EVENTS");
/// Set by Lambda, in MiB.
pub(super) const MEMORY: Variable = variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");

/// The settings that have a flag, and it.
pub fn flags() -> impl Iterator<Item = (&'static str, &'static str)> {
    let buckets = [&SOURCE_BUCKET, &DESTINATION_BUCKET].into_iter();
    buckets
        .chain(OURS)
        .filter_map(|variable| Some((variable.name, variable.flag?)))
}

/// Those whose names are ours, all of which are known.
pub(super) const OURS: [&Variable; 32] = [
    &SOURCE_PREFIX,
    &DESTINATION_PREFIX,
    &INCLUDE,
    &EXCLUDE,
    &INCLUDE_TAGS,
    &MODE,
    &DELETIONS,
    &MAX_DELETIONS,
    &MAX_DELETIONS_PERCENT,
    &STORAGE_CLASS,
    &KMS_KEY_ID,
    &SSE,
    &MULTIPART_THRESHOLD,
    &WEBSITE_REDIRECTS,
    &MAX_CONCURRENCY,
    &PRICES,
    &EXPECTED_OWNER,
    &SOURCE_OWNER,
    &REQUEST_PAYER,
    &SNS_TOPIC_ARN,
    &NOTIFY,
    &CONTINUATION,
    &HEARTBEAT_URL,
    &JOB_NAME,
    &WATCH_JOBS,
    &MAX_COST_USD,
    &UNUSUAL,
    &UNUSUAL_CHANGE_PERCENT,
    &HISTORY_DAYS,
    &EVENT_MAX_SIZE,
    &EVENT_TAGS,
    &EVENTS,
];
