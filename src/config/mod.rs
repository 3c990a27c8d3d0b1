//! Environment variables in, a [`Config`] out, or every mistake at once.
//!
//! The Lambda's environment and the command line's flags come through the same parser: a flag is
//! its variable, set later. An unknown `BACKUP_*` variable is a mistake too, for a typo must not
//! mean "the default". Nothing here reads the environment: the variables come in as values.

mod access;
mod access_reader;
mod events;
mod history;
mod mistake;
mod notify;
mod price_error;
mod prices;
mod reader;
mod reason;
mod shared;
mod unusual;
mod variable;

pub use access::{AccountId, BucketAccess, Encryption, Sse};
pub use events::EventRules;
pub use mistake::{ConfigError, Mistake};
pub use notify::{HeartbeatUrl, Notify, NotifySettings, TopicArn, WatchJobs};
pub use price_error::PriceError;
pub use prices::{ClassPrices, Prices, Retrieval};
pub use reader::unknown;
pub use reason::{ConfigReason, HeartbeatReason, PrefixTooLong, UnknownVariable};
pub use shared::{NOT_UTF8, Unclean};
pub use unusual::Unusual;
pub use variable::{
    DELETIONS, DESTINATION_BUCKET, EXCLUDE, INCLUDE, MAX_CONCURRENCY, MAX_DELETIONS,
    MAX_DELETIONS_PERCENT, MODE, PRICES, SNS_TOPIC_ARN, SOURCE_BUCKET, Variable, flags,
};

use std::num::NonZeroU32;

use crate::model::{Glob, Location, Object, Placement, StorageClass, Tags};
use crate::request::{Deletions, Mode};
use reader::Reader;

const MIB: u64 = 1024 * 1024;
/// Bytes above which an object is copied in parts, unless it is set: 1 GiB.
const DEFAULT_THRESHOLD: u64 = 1024 * MIB;

/// How a run is configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// The bucket and prefix that are backed up.
    pub source: Location,
    /// Where to: one or more buckets.
    pub destinations: Vec<Destination>,
    /// Which keys.
    pub selection: Selection,
    /// How it is done where a request does not say.
    pub defaults: Defaults,
    /// How many deletions need no confirmation.
    pub max_deletions: MaxDeletions,
    /// Which share of changed objects is unusual, and what is done then.
    pub unusual: Unusual,
    /// Days for which the runs of the job stay restore points; none for ever.
    pub history_days: Option<NonZeroU32>,
    /// Dollars that a run may spend on copies; none for as many as it takes.
    pub max_cost_usd: Option<f64>,
    /// What the copies are like.
    pub copies: CopyRules,
    /// How the source is reached.
    pub source_access: BucketAccess,
    /// Copies in flight, at most.
    pub max_concurrency: usize,
    /// CPUs to work with. One, unless whoever reads the settings knows of more.
    pub cpus: usize,
    /// What it costs.
    pub prices: Prices,
    /// The receivers of messages about runs.
    pub notify: NotifySettings,
    /// The answer to events of S3.
    pub events: EventRules,
}

/// A backup bucket, and where in it the copies go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Bucket and prefix.
    pub location: Location,
    /// Where each key goes.
    pub placement: Placement,
    /// How it is reached.
    pub access: BucketAccess,
}

/// Which keys are backed up.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Those that match one of these; all, without any.
    pub include: Vec<Glob>,
    /// But none that match one of these.
    pub exclude: Vec<Glob>,
}

/// What a request may override.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Which objects are copied.
    pub mode: Mode,
    /// The treatment of objects that are gone.
    pub deletions: Deletions,
}

/// Deletions that need no confirmation: a run is held only if it exceeds both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxDeletions {
    /// So many objects.
    pub count: u64,
    /// So much of the backup.
    pub percent: u64,
}

impl Default for MaxDeletions {
    fn default() -> Self {
        Self {
            count: 100,
            percent: 10,
        }
    }
}

/// What copies are like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyRules {
    /// Only objects with all of these tags are copied.
    pub include_tags: Tags,
    /// The class they are written to.
    pub storage_class: ClassRule,
    /// Objects of more bytes are copied in parts.
    pub multipart_threshold: u64,
    /// Whose website redirect is looked up, for S3 does not copy it.
    pub website_redirects: Redirects,
}

impl Default for CopyRules {
    fn default() -> Self {
        Self {
            include_tags: Tags::default(),
            storage_class: ClassRule::default(),
            multipart_threshold: DEFAULT_THRESHOLD,
            website_redirects: Redirects::default(),
        }
    }
}

impl CopyRules {
    /// Whether an object of so many bytes is copied in parts.
    pub fn cut(&self, size: u64) -> bool {
        size > self.multipart_threshold
    }
}

/// Objects whose website redirect is looked up before they are copied, at the price of a request.
/// Objects that are copied in parts tell it without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// Empty ones: an object that redirects has seldom any content.
    #[default]
    Empty,
    /// All.
    All,
}

impl Redirects {
    /// Whether that of an object of so many bytes is.
    pub fn are_looked_up(self, size: u64) -> bool {
        match self {
            Self::Empty => size == 0,
            Self::All => true,
        }
    }

    const ALLOWED: &str = "empty, all";

    fn parse(name: &str) -> Option<Self> {
        match name {
            "empty" => Some(Self::Empty),
            "all" => Some(Self::All),
            _ => None,
        }
    }
}

/// The storage class of copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassRule {
    /// Each object's own.
    Source,
    /// One for all.
    Fixed(StorageClass),
}

impl ClassRule {
    /// The class of the copy of an object.
    pub fn class_of<'a>(&'a self, object: &'a Object) -> &'a StorageClass {
        match self {
            Self::Source => &object.storage_class,
            Self::Fixed(class) => class,
        }
    }
}

impl Default for ClassRule {
    fn default() -> Self {
        Self::Fixed(StorageClass::new(None))
    }
}

impl Config {
    /// The name of the job in metrics.
    pub fn job_name(&self) -> String {
        let named = self.notify.job_name.clone();
        named.unwrap_or_else(|| self.source.to_string())
    }

    /// Reads a configuration from variables; of two with the same name the later one counts. An
    /// empty value is as good as none.
    ///
    /// # Errors
    /// Every mistake there is: what is missing, malformed or unknown.
    ///
    /// # Example
    /// ```
    /// use s3_backup::config::Config;
    ///
    /// let vars = [("SOURCE_BUCKET", "photos"), ("DESTINATION_BUCKET", "photos-backup")];
    /// let config = Config::from_vars(vars.map(|(name, value)| (name.to_owned(), value.to_owned())))?;
    /// assert_eq!(config.job_name(), "photos");
    ///
    /// let mistakes = Config::from_vars([("BACKUP_MODE".to_owned(), "fast".to_owned())]).unwrap_err();
    /// assert!(mistakes.to_string().contains("SOURCE_BUCKET"));
    /// assert!(mistakes.to_string().contains("BACKUP_MODE"));
    /// # Ok::<(), s3_backup::config::ConfigError>(())
    /// ```
    pub fn from_vars<I>(vars: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item = (String, String)>,
    {
        let mut reader = Reader::new(vars);
        reader.refuse_unknown();
        reader.refuse_unclean();
        let source = reader.source();
        let mut destinations = reader.destinations(source.as_ref());
        reader.destination_access(&mut destinations);
        let selection = Selection {
            include: reader.globs(&INCLUDE),
            exclude: reader.globs(&EXCLUDE),
        };
        let defaults = Defaults {
            mode: reader.choice(&MODE, Mode::parse, Mode::ALLOWED),
            deletions: reader.choice(&DELETIONS, Deletions::parse, Deletions::ALLOWED),
        };
        let max_deletions = reader.max_deletions();
        let unusual = reader.unusual();
        let history_days = reader.history_days();
        let max_cost_usd = reader.max_cost_usd();
        let copies = reader.copy_rules();
        let source_access = reader.source_access();
        let max_concurrency = reader.max_concurrency();
        let prices = reader.prices();
        let notify = reader.notify();
        let events = reader.event_rules();
        match (source, prices, reader.mistakes.is_empty()) {
            (Some(source), Some(prices), true) => Ok(Self {
                source,
                destinations,
                selection,
                defaults,
                max_deletions,
                unusual,
                history_days,
                max_cost_usd,
                copies,
                source_access,
                max_concurrency,
                cpus: 1,
                prices,
                notify,
                events,
            }),
            _ => Err(ConfigError(reader.mistakes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKETS: [(&str, &str); 2] = [
        ("SOURCE_BUCKET", "primary"),
        ("DESTINATION_BUCKET", "backup"),
    ];

    fn config(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Config::from_vars(BUCKETS.iter().chain(vars).map(own))
    }

    fn mistakes(vars: &[(&str, &str)]) -> String {
        config(vars).unwrap_err().to_string()
    }

    #[test]
    fn two_buckets_are_enough() {
        let config = config(&[("PATH", "/bin"), ("BACKUP_INCLUDE", "")]).unwrap();

        assert_eq!(config.source.to_string(), "primary");
        assert_eq!(config.destinations.len(), 1);
        assert_eq!(config.destinations[0].location.to_string(), "backup");
        assert_eq!(config.defaults, Defaults::default());
        assert_eq!(config.max_deletions, MaxDeletions::default());
        assert_eq!(config.copies, CopyRules::default());
        assert_eq!(config.max_concurrency, 256);
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let vars = [
            ("DESTINATION_BUCKET", "no such name"),
            ("BACKUP_MODE", "fulll"),
            ("BACKUP_EXLUDE", "x"),
            ("BACKUP_COLOUR", "red"),
        ];

        let error = Config::from_vars(vars.map(|(n, v)| (n.to_owned(), v.to_owned()))).unwrap_err();

        assert_eq!(error.0.len(), 5);
        let text = error.to_string();
        for part in [
            "BACKUP_EXLUDE is unknown; did you mean BACKUP_EXCLUDE?",
            "BACKUP_COLOUR is unknown; known: BACKUP_SOURCE_PREFIX, ",
            "SOURCE_BUCKET (--source) is not set: name the bucket to back up",
            "DESTINATION_BUCKET (--destination) = \"no such name\" is not a bucket name",
            "BACKUP_MODE (--mode) = \"fulll\" is not allowed; allowed: incremental, full",
        ] {
            assert!(text.contains(part), "{part:?} is missing in {text:?}");
        }
    }

    #[test]
    fn prefixes_come_from_the_bucket_or_from_their_own_variable() {
        let vars = [
            ("SOURCE_BUCKET", "s3://primary/data/"),
            ("DESTINATION_BUCKET", "one, s3://two/other/"),
            ("BACKUP_DESTINATION_PREFIX", "{source_bucket}/"),
        ];

        let config = config(&vars).unwrap();

        assert_eq!(config.source.to_string(), "s3://primary/data/");
        let locations: Vec<_> = config
            .destinations
            .iter()
            .map(|d| d.location.to_string())
            .collect();
        assert_eq!(locations, ["s3://one/primary/", "s3://two/other/"]);
    }

    #[test]
    fn a_source_prefix_given_twice_is_a_mistake() {
        let vars = [
            ("SOURCE_BUCKET", "s3://primary/a"),
            ("BACKUP_SOURCE_PREFIX", "b"),
        ];

        assert!(mistakes(&vars).contains("is given twice"));
    }

    #[test]
    fn malformed_values_are_refused_with_what_is_allowed() {
        let cases = [
            ("BACKUP_DELETIONS", "mirror", "allowed: keep, mark"),
            ("BACKUP_MAX_DELETIONS", "-1", "allowed: 0 or more"),
            ("BACKUP_MAX_DELETIONS", "few", "allowed: 0 or more"),
            ("BACKUP_MAX_DELETIONS_PERCENT", "101", "allowed: 0 to 100"),
            ("BACKUP_MAX_DELETIONS_PERCENT", "5%", "allowed: 0 to 100"),
            ("BACKUP_HISTORY_DAYS", "-1", "allowed: 0 to 3650"),
            ("BACKUP_HISTORY_DAYS", "3651", "allowed: 0 to 3650"),
            ("BACKUP_HISTORY_DAYS", "a year", "allowed: 0 to 3650"),
            ("BACKUP_STORAGE_CLASS", "COLD", "allowed: STANDARD, "),
            ("BACKUP_MAX_CONCURRENCY", "0", "allowed: 1 to 900"),
            ("BACKUP_MAX_CONCURRENCY", "many", "allowed: 1 to 900"),
            ("BACKUP_INCLUDE_TAGS", "backup", "allowed: name=value pairs"),
            ("BACKUP_INCLUDE_TAGS", "=yes", "allowed: name=value pairs"),
            (
                "BACKUP_MULTIPART_THRESHOLD",
                "6 GiB",
                "allowed: 5 MiB to 5 GiB",
            ),
            ("BACKUP_MULTIPART_THRESHOLD", "1", "allowed: 5 MiB to 5 GiB"),
            (
                "BACKUP_MULTIPART_THRESHOLD",
                "1 GB",
                "allowed: 5 MiB to 5 GiB",
            ),
            ("BACKUP_WEBSITE_REDIRECTS", "no", "allowed: empty, all"),
            ("BACKUP_EXPECTED_OWNER", "12345", "12 digits"),
            ("BACKUP_SOURCE_OWNER", "abcdefghijkl", "12 digits"),
            ("BACKUP_INCLUDE", "a[", "has a malformed glob \"a[\""),
            (
                "BACKUP_DESTINATION_PREFIX",
                "{bucket}/",
                "allowed: {source_bucket}",
            ),
            ("DESTINATION_BUCKET", "twice,twice", "is named twice"),
            (
                "BACKUP_PRICES",
                "{}",
                "BACKUP_PRICES (--prices) has no field \"currency\"",
            ),
        ];

        for (name, value, part) in cases {
            let text = mistakes(&[(name, value)]);

            assert!(text.contains(name) && text.contains(part), "{text}");
        }
    }

    #[test]
    fn copy_rules_are_read() {
        let vars = [
            ("BACKUP_INCLUDE_TAGS", "backup=yes, team=a=b"),
            ("BACKUP_MULTIPART_THRESHOLD", "64 MiB"),
            ("BACKUP_WEBSITE_REDIRECTS", "all"),
        ];

        let rules = config(&vars).unwrap().copies;

        let tags = [("backup", "yes"), ("team", "a=b")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(rules.include_tags, Tags::new(tags));
        assert_eq!(rules.multipart_threshold, 64 * MIB);
        assert_eq!(rules.website_redirects, Redirects::All);
    }

    #[test]
    fn limits_of_deletions_are_read() {
        let vars = [
            ("BACKUP_DELETIONS", "mark"),
            ("BACKUP_MAX_DELETIONS", "0"),
            ("BACKUP_MAX_DELETIONS_PERCENT", "100"),
        ];

        let config = config(&vars).unwrap();

        let limits = MaxDeletions {
            count: 0,
            percent: 100,
        };
        assert_eq!(config.defaults.deletions, Deletions::Mark);
        assert_eq!(config.max_deletions, limits);
    }

    #[test]
    fn asked_concurrency_must_fit_the_memory_and_derived_is_made_to() {
        let memory = ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128");

        let asked = mistakes(&[memory, ("BACKUP_MAX_CONCURRENCY", "600")]);
        let derived = config(&[("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "32")]).unwrap();

        assert!(
            asked.contains("= \"600\" does not fit into AWS_LAMBDA_FUNCTION_MEMORY_SIZE = 128")
        );
        assert_eq!(derived.max_concurrency, 128);
    }
}
