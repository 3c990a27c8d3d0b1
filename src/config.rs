//! Environment variables in, a [`Config`] out, or every mistake at once.
//!
//! The Lambda's environment and the command line's flags come through the same parser: a flag is
//! its variable, set later. An unknown `BACKUP_*` variable is a mistake too, for a typo must not
//! mean "the default". Nothing here reads the environment: the variables come in as values.

use std::collections::BTreeMap;
use std::fmt;

use crate::event::{Deletions, Mode};
use crate::model::{Glob, Location, Placement, Prefix, StorageClass, Tags};

/// A setting: the environment variable, and the flag of the command line that sets it.
#[derive(Debug, PartialEq, Eq)]
pub struct Variable {
    /// The environment variable's name.
    pub name: &'static str,
    /// The flag, where there is one.
    pub flag: Option<&'static str>,
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

const SOURCE_PREFIX: Variable = variable("BACKUP_SOURCE_PREFIX");
const DESTINATION_PREFIX: Variable = variable("BACKUP_DESTINATION_PREFIX");
const STORAGE_CLASS: Variable = variable("BACKUP_STORAGE_CLASS");
const KMS_KEY_ID: Variable = variable("BACKUP_KMS_KEY_ID");
const INCLUDE_TAGS: Variable = variable("BACKUP_INCLUDE_TAGS");
const MULTIPART_THRESHOLD: Variable = variable("BACKUP_MULTIPART_THRESHOLD");
const WEBSITE_REDIRECTS: Variable = variable("BACKUP_WEBSITE_REDIRECTS");
const EXPECTED_OWNER: Variable = variable("BACKUP_EXPECTED_OWNER");
const SOURCE_OWNER: Variable = variable("BACKUP_SOURCE_OWNER");
/// Set by Lambda, in MiB.
const MEMORY: Variable = variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");

const OURS: [&Variable; 14] = [
    &SOURCE_PREFIX,
    &DESTINATION_PREFIX,
    &INCLUDE,
    &EXCLUDE,
    &INCLUDE_TAGS,
    &MODE,
    &DELETIONS,
    &STORAGE_CLASS,
    &KMS_KEY_ID,
    &MULTIPART_THRESHOLD,
    &WEBSITE_REDIRECTS,
    &MAX_CONCURRENCY,
    &EXPECTED_OWNER,
    &SOURCE_OWNER,
];

/// Classes a copy can be written to. `REDUCED_REDUNDANCY` is not worth a backup's trust.
const CLASSES: [&str; 7] = [
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
];

/// Copies in flight, at most. Lambda allows 1,024 file descriptors, and each copy holds a connection.
const MOST_IN_FLIGHT: usize = 900;
/// Copies in flight without a setting, at most: at 30 ms a copy this is twice the 3,500 copies a
/// second that S3 promises a prefix.
const DEFAULT_IN_FLIGHT: usize = 256;
/// Copies in flight that a MiB of memory can carry: a connection with its TLS buffers, a request and
/// a reply take up to 128 KiB, and half of the memory is for everything else.
const IN_FLIGHT_PER_MIB: usize = 4;

const MIB: u64 = 1024 * 1024;
/// Bytes above which an object is copied in parts, unless it is set: 1 GiB.
const DEFAULT_THRESHOLD: u64 = 1024 * MIB;
/// What it can be set to: S3 copies 5 GiB in one call, and no part is below 5 MiB.
const THRESHOLDS: std::ops::RangeInclusive<u64> = 5 * MIB..=5 * 1024 * MIB;

/// How a run is configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is backed up.
    pub source: Location,
    /// Where to: one or more buckets.
    pub destinations: Vec<Destination>,
    /// Which keys.
    pub selection: Selection,
    /// How it is done where a request does not say.
    pub defaults: Defaults,
    /// What the copies are like.
    pub copies: CopyRules,
    /// Who must own the source bucket.
    pub source_owner: Option<AccountId>,
    /// Copies in flight, at most.
    pub max_concurrency: usize,
}

/// A backup bucket, and where in it the copies go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Bucket and prefix.
    pub location: Location,
    /// Where each key goes.
    pub placement: Placement,
    /// Who must own the bucket.
    pub owner: Option<AccountId>,
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
    /// What is done about those that are gone.
    pub deletions: Deletions,
}

/// What copies are like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyRules {
    /// Only objects with all of these tags are copied.
    pub include_tags: Tags,
    /// The class they are written to.
    pub storage_class: ClassRule,
    /// The KMS key they are encrypted with; without one, the bucket's default encryption.
    pub kms_key: Option<String>,
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
            kms_key: None,
            multipart_threshold: DEFAULT_THRESHOLD,
            website_redirects: Redirects::default(),
        }
    }
}

/// Objects whose website redirect is looked up before they are copied, at the price of a request.
/// Of those that are copied in parts it is known without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// Empty ones: an object that redirects has seldom any content.
    #[default]
    Empty,
    /// All.
    All,
}

impl Redirects {
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

impl Default for ClassRule {
    fn default() -> Self {
        Self::Fixed(StorageClass::new(None))
    }
}

/// The twelve digits of an AWS account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountId(String);

impl AccountId {
    /// The account id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("is not an account id: 12 digits".to_owned())
        }
    }
}

/// One mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    variable: String,
    value: Option<String>,
    problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.variable)?;
        if let Some(value) = &self.value {
            write!(f, " = \"{value}\"")?;
        }
        write!(f, " {}", self.problem)
    }
}

/// All mistakes of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the configuration: {}", list(.0))]
pub struct ConfigError(pub Vec<Mistake>);

fn list(mistakes: &[Mistake]) -> String {
    let texts: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
    texts.join("; ")
}

impl Config {
    /// Reads a configuration from variables; of two with the same name the later one counts. An
    /// empty value is as good as none.
    ///
    /// # Errors
    /// Every mistake there is: what is missing, malformed or unknown.
    pub fn from_vars<I>(vars: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item = (String, String)>,
    {
        let mut reader = Reader::new(vars);
        reader.refuse_unknown();
        let source = reader.source();
        let destinations = reader.destinations(source.as_ref());
        let selection = Selection {
            include: reader.globs(&INCLUDE),
            exclude: reader.globs(&EXCLUDE),
        };
        let defaults = Defaults {
            mode: reader.choice(&MODE, Mode::parse, Mode::ALLOWED),
            deletions: reader.choice(&DELETIONS, Deletions::parse, Deletions::ALLOWED),
        };
        let copies = reader.copy_rules();
        let source_owner = reader.read(&SOURCE_OWNER, AccountId::parse);
        let max_concurrency = reader.max_concurrency();
        match (source, reader.mistakes.is_empty()) {
            (Some(source), true) => Ok(Self {
                source,
                destinations,
                selection,
                defaults,
                copies,
                source_owner,
                max_concurrency,
            }),
            _ => Err(ConfigError(reader.mistakes)),
        }
    }
}

/// Reads one setting after the other and remembers what was wrong.
struct Reader {
    vars: BTreeMap<String, String>,
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn new(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut all: BTreeMap<String, String> = vars.into_iter().collect();
        all.retain(|_, value| !value.is_empty());
        Self {
            vars: all,
            mistakes: Vec::new(),
        }
    }

    fn value(&self, variable: &Variable) -> Option<String> {
        self.vars.get(variable.name).cloned()
    }

    /// The parsed value, or none if there is none or it is malformed, which is then remembered.
    fn read<T>(
        &mut self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.value(variable)?;
        match parse(&value) {
            Ok(parsed) => Some(parsed),
            Err(problem) => {
                self.mistake(variable, Some(&value), problem);
                None
            }
        }
    }

    fn mistake(&mut self, variable: &Variable, value: Option<&str>, problem: impl Into<String>) {
        let variable = match variable.flag {
            Some(flag) => format!("{} ({flag})", variable.name),
            None => variable.name.to_owned(),
        };
        self.mistakes.push(Mistake {
            variable,
            value: value.map(str::to_owned),
            problem: problem.into(),
        });
    }

    fn refuse_unknown(&mut self) {
        let known = OURS.map(|variable| variable.name);
        let unknown: Vec<Mistake> = self
            .vars
            .keys()
            .filter(|name| name.starts_with("BACKUP_") && !known.contains(&name.as_str()))
            .map(|name| Mistake {
                variable: name.clone(),
                value: None,
                problem: match name.as_str() {
                    "BACKUP_BUCKET" => format!(
                        "is unknown: unset it, and name the bucket in {}",
                        DESTINATION_BUCKET.name
                    ),
                    _ => format!("is unknown; known: {}", known.join(", ")),
                },
            })
            .collect();
        self.mistakes.extend(unknown);
    }

    fn source(&mut self) -> Option<Location> {
        let Some(text) = self.value(&SOURCE_BUCKET) else {
            self.mistake(
                &SOURCE_BUCKET,
                None,
                "is not set: name the bucket to back up",
            );
            return None;
        };
        let source = self.location(&SOURCE_BUCKET, &text)?;
        match self.value(&SOURCE_PREFIX) {
            None => Some(source),
            Some(prefix) if source.prefix.is_empty() => Some(Location {
                prefix: Prefix::new(prefix),
                ..source
            }),
            Some(prefix) => {
                let problem = format!("is given twice: {} has one too", SOURCE_BUCKET.name);
                self.mistake(&SOURCE_PREFIX, Some(&prefix), problem);
                None
            }
        }
    }

    fn location(&mut self, variable: &Variable, text: &str) -> Option<Location> {
        match Location::parse(text) {
            Ok(location) => Some(location),
            Err(invalid) => {
                self.mistake(variable, Some(text), invalid.to_string());
                None
            }
        }
    }

    fn destinations(&mut self, source: Option<&Location>) -> Vec<Destination> {
        let owner = self.read(&EXPECTED_OWNER, AccountId::parse);
        let prefix = self.destination_prefix(source);
        let Some(text) = self.value(&DESTINATION_BUCKET) else {
            let problem = "is not set: name the versioned bucket that keeps the backup";
            self.mistake(&DESTINATION_BUCKET, None, problem);
            return Vec::new();
        };
        let mut destinations: Vec<Destination> = Vec::new();
        for name in text.split(',').map(str::trim) {
            let Some(mut location) = self.location(&DESTINATION_BUCKET, name) else {
                continue;
            };
            if location.prefix.is_empty() {
                location.prefix.clone_from(&prefix);
            }
            if destinations
                .iter()
                .any(|other| other.location.bucket == location.bucket)
            {
                self.mistake(&DESTINATION_BUCKET, Some(name), "is named twice");
                continue;
            }
            destinations.push(Destination {
                placement: Placement::below(location.prefix.clone()),
                location,
                owner: owner.clone(),
            });
        }
        destinations
    }

    fn destination_prefix(&mut self, source: Option<&Location>) -> Prefix {
        let bucket = source.map_or("", |source| source.bucket.as_str());
        let parse = |text: &str| {
            let prefix = text.replace("{source_bucket}", bucket);
            if prefix.contains(['{', '}']) {
                return Err("has an unknown placeholder; allowed: {source_bucket}".to_owned());
            }
            Ok(Prefix::new(prefix))
        };
        self.read(&DESTINATION_PREFIX, parse).unwrap_or_default()
    }

    fn globs(&mut self, variable: &Variable) -> Vec<Glob> {
        let parse = |text: &str| {
            Glob::parse_list(text).map_err(|problem| format!("has a malformed {problem}"))
        };
        self.read(variable, parse).unwrap_or_default()
    }

    fn choice<T: Default>(
        &mut self,
        variable: &Variable,
        parse: impl Fn(&str) -> Option<T>,
        allowed: &str,
    ) -> T {
        let parse =
            |text: &str| parse(text).ok_or_else(|| format!("is not allowed; allowed: {allowed}"));
        self.read(variable, parse).unwrap_or_default()
    }

    fn copy_rules(&mut self) -> CopyRules {
        CopyRules {
            include_tags: self.read(&INCLUDE_TAGS, parse_tags).unwrap_or_default(),
            storage_class: self.storage_class(),
            kms_key: self.value(&KMS_KEY_ID),
            multipart_threshold: self
                .read(&MULTIPART_THRESHOLD, parse_threshold)
                .unwrap_or(DEFAULT_THRESHOLD),
            website_redirects: self.choice(
                &WEBSITE_REDIRECTS,
                Redirects::parse,
                Redirects::ALLOWED,
            ),
        }
    }

    fn storage_class(&mut self) -> ClassRule {
        let allowed = format!("{}, source", CLASSES.join(", "));
        let parse = |name: &str| match name {
            "source" => Some(ClassRule::Source),
            _ => CLASSES
                .contains(&name)
                .then(|| ClassRule::Fixed(StorageClass::new(Some(name)))),
        };
        self.choice(&STORAGE_CLASS, parse, &allowed)
    }

    /// What was asked for must fit; what is derived is made to fit.
    fn max_concurrency(&mut self) -> usize {
        let memory = self
            .value(&MEMORY)
            .and_then(|mib| mib.parse::<usize>().ok());
        let fits = memory.map_or(MOST_IN_FLIGHT, |mib| mib * IN_FLIGHT_PER_MIB);
        let parse = |text: &str| match text.parse::<usize>() {
            Ok(asked) if asked > fits => Err(format!(
                "does not fit into {} = {}; allowed: 1 to {}",
                MEMORY.name,
                memory.unwrap_or_default(),
                fits.min(MOST_IN_FLIGHT)
            )),
            Ok(asked) if (1..=MOST_IN_FLIGHT).contains(&asked) => Ok(asked),
            _ => Err(format!("is not allowed; allowed: 1 to {MOST_IN_FLIGHT}")),
        };
        self.read(&MAX_CONCURRENCY, parse)
            .unwrap_or_else(|| DEFAULT_IN_FLIGHT.min(fits))
    }
}

/// `name=value` pairs, separated by commas.
fn parse_tags(text: &str) -> Result<Tags, String> {
    let pair = |pair: &str| {
        let (name, value) = pair.trim().split_once('=')?;
        (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    };
    let pairs: Option<Vec<(String, String)>> = text.split(',').map(pair).collect();
    pairs
        .map(Tags::new)
        .ok_or_else(|| "is not allowed; allowed: name=value pairs, separated by commas".to_owned())
}

/// Bytes, or a number of `MiB` or `GiB`.
fn parse_threshold(text: &str) -> Result<u64, String> {
    let units = [("MiB", MIB), ("GiB", 1024 * MIB), ("", 1)];
    let parsed = units.iter().find_map(|(unit, bytes)| {
        let number = text.trim().strip_suffix(unit)?;
        number.trim().parse::<u64>().ok()?.checked_mul(*bytes)
    });
    parsed
        .filter(|bytes| THRESHOLDS.contains(bytes))
        .ok_or_else(|| "is not allowed; allowed: 5 MiB to 5 GiB, or as many bytes".to_owned())
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
        assert_eq!(config.copies, CopyRules::default());
        assert_eq!(config.max_concurrency, 256);
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let vars = [
            ("DESTINATION_BUCKET", "no such name"),
            ("BACKUP_MODE", "fulll"),
            ("BACKUP_EXLUDE", "x"),
        ];

        let error = Config::from_vars(vars.map(|(n, v)| (n.to_owned(), v.to_owned()))).unwrap_err();

        assert_eq!(error.0.len(), 4);
        let text = error.to_string();
        for part in [
            "BACKUP_EXLUDE is unknown; known: BACKUP_SOURCE_PREFIX, ",
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
            ("BACKUP_DELETIONS", "mirror", "allowed: keep"),
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
